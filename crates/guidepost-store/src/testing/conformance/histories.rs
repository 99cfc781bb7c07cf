//! Histories: pages, outcomes, evidence, checks.

use guidepost_core::id::{Rev, RunNo, Seq};
use guidepost_core::machine::{FactKind, Requirement};
use guidepost_core::recorded::{Action, ActionEnded, Artifact, Decision, Fact, FactBody, Message};
use guidepost_core::run::Status;

use super::fixture::{Fixture, Step, action, at, done, found, lead, note};
use crate::{EntryBody, HistoryPage, RequestDigest, StoreError};

fn page(newest_first: bool, beyond: Option<Seq>, limit: usize) -> HistoryPage {
    HistoryPage { newest_first, kinds: vec![], beyond, limit }
}

/// Pages follow each other without gap or overlap, forwards and backwards.
pub async fn history_is_read_in_both_directions(on: Fixture) {
    let run = on.define_and_start().await;
    for n in 0..9 {
        on.record(run, vec![note(&format!("n{n}"))]).await;
    }
    for newest_first in [false, true] {
        let (mut seqs, mut beyond) = (Vec::new(), None);
        loop {
            let wanted = page(newest_first, beyond, 4);
            let read = done(on.store.history(&on.tenant, run, &wanted).await);
            seqs.extend(read.items.iter().map(|entry| entry.seq.0));
            match read.next {
                Some(next) => beyond = Some(Seq(found(next.parse().ok()))),
                None => break,
            }
        }
        if newest_first {
            seqs.reverse();
        }
        assert_eq!(seqs, (1..=11).collect::<Vec<u64>>());
    }
    let whole = done(on.store.history(&on.tenant, run, &page(false, None, 11)).await);
    assert_eq!(whole.next, None, "a full last page is the last");
    let entry = &whole.items[2];
    assert_eq!((entry.at, entry.rev), (at(7), Rev(2)));
    let body = note("n0").body;
    assert_eq!(entry.body, EntryBody::Fact { by: "writer".to_owned(), observed: false, body });
}

/// Only the kinds asked for are counted and returned.
pub async fn history_is_filtered_by_kind(on: Fixture) {
    let run = on.define_and_start().await;
    on.record(run, vec![note("a"), action("wait", "b", false), note("c")]).await;
    let of_kinds = |kinds: &[&str]| HistoryPage {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..page(false, None, 2)
    };
    for (kinds, expected) in
        [(&["note"][..], &[3, 5][..]), (&["started", "action"], &[1, 4]), (&["failed"], &[])]
    {
        let read = done(on.store.history(&on.tenant, run, &of_kinds(kinds)).await);
        let seqs: Vec<u64> = read.items.iter().map(|entry| entry.seq.0).collect();
        assert_eq!((seqs.as_slice(), read.next), (expected, None));
    }
}

/// A run that was over goes on from an earlier state, in another version, and the store knows it in all its answers.
pub async fn a_restored_run_is_what_its_records_fold_to(on: Fixture) {
    let run = on.run_with_history().await;
    done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
    assert!(on.load(run).await.run.status.is_ended());
    let second = done(on.store.define(&on.tenant, lead("h2")).await).version;
    done(on.restore(run, "h2").await);
    let loaded = on.load(run).await;
    assert_eq!((loaded.run.status, loaded.run.machine.as_str()), (Status::Running, "h2"));
    assert_eq!(loaded.head.version, Some(second));
    assert!(loaded.run.active.contains_key("Ingest"));
    assert_eq!(loaded.run.data.to_json(), serde_json::json!({ "report": "as it was" }));
    done(on.step(run, Step::to("Score")).await);
    let verified = done(on.store.verify(&on.tenant, run).await);
    assert_eq!(verified.problems, []);
}

/// What a run is to make good is loaded with it, the newest of several times, whatever else is recorded meanwhile.
pub async fn a_run_that_makes_good_is_what_its_records_fold_to(on: Fixture) {
    let run = on.run_with_history().await;
    on.make_good(run, 1).await;
    on.make_good(run, 3).await;
    let left = async |on: &Fixture| -> Vec<u64> {
        let undoing = found(on.load(run).await.run.undoing);
        undoing.left().iter().map(|work| work.visit.0).collect()
    };
    assert_eq!(left(&on).await, [3, 2, 1]);
    on.made_good(run, 3).await;
    on.record(run, vec![note("a line")]).await;
    assert_eq!(left(&on).await, [2, 1]);
    let told = found(on.load(run).await.run.undoing).left()[0].spec.clone();
    assert_eq!(told, serde_json::json!({ "input": { "visit": 2 } }));
    assert_eq!(done(on.store.verify(&on.tenant, run).await).problems, []);
    on.made_good(run, 2).await;
    on.made_good(run, 1).await;
    assert_eq!(on.load(run).await.run.undoing, None);
    assert_eq!(done(on.store.verify(&on.tenant, run).await).problems, []);
}

/// A run cannot be bound to a structure nobody saved.
pub async fn a_run_is_bound_only_to_what_its_workflow_has(on: Fixture) {
    let run = on.run_with_history().await;
    let before = on.load(run).await;
    let refused = on.restore(run, "h3").await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(on.load(run).await, before);
}

/// A request is known by its digest, from the rev its sender saw on.
pub async fn a_repeated_request_finds_its_outcome(on: Fixture) {
    let run = on.define_and_start().await;
    let request = RequestDigest([7; 16]);
    on.record(run, vec![note("before")]).await;
    let step = Step { request: Some(request), ends: true, ..Step::to("Done") };
    let batch = step.clone().batch(on.load(run).await.run);
    done(on.step(run, step).await);
    on.record(run, vec![note("after")]).await;
    for since in [Rev(0), Rev(1), Rev(2)] {
        let outcome = found(done(on.store.outcome(&on.tenant, run, since, &request).await));
        assert_eq!((outcome.rev, &outcome.records), (Rev(4), &batch.records));
    }
    for since in [Rev(4), Rev(9)] {
        assert_eq!(done(on.store.outcome(&on.tenant, run, since, &request).await), None);
    }
    let other = RequestDigest([8; 16]);
    assert_eq!(done(on.store.outcome(&on.tenant, run, Rev(0), &other).await), None);
}

/// A decision, a message and an artifact.
fn other_facts() -> Vec<Fact> {
    let text = str::to_owned;
    let bodies = [
        FactBody::Decision(Decision {
            decision_type: text("tool_selection"),
            question: text("Which?"),
            ..Decision::default()
        }),
        FactBody::Message(Message {
            message_type: text("question"),
            to: text("reviewer"),
            ..Message::default()
        }),
        FactBody::Artifact(Artifact {
            artifact_type: text("text/plain"),
            name: text("report"),
            ..Artifact::default()
        }),
    ];
    let facts = bodies.into_iter();
    facts.map(|body| Fact { at: None, observed: false, by: text("writer"), body }).collect()
}

/// Facts count by sort, type, name and whether they were seen, if recorded at the rev or later.
pub async fn evidence_is_counted_from_a_rev(on: Fixture) {
    let run = on.define_and_start().await;
    on.record(run, vec![action("tool_execution", "crm_lookup", true)]).await;
    done(on.step(run, Step::to("Score")).await);
    let actions = vec![
        action("tool_execution", "crm_lookup", true),
        action("tool_execution", "crm_lookup", false),
        action("llm_call", "crm_lookup", true),
        note("no evidence"),
    ];
    on.record(run, actions).await;
    on.record(run, other_facts()).await;
    let need = |kind, r#type: Option<&str>, name: Option<&str>, observed| Requirement {
        kind,
        r#type: r#type.map(str::to_owned),
        name: name.map(str::to_owned),
        min: 1,
        observed,
    };
    let lookup = need(FactKind::Action, Some("tool_execution"), Some("crm_lookup"), false);
    let cases = [
        (lookup.clone(), Rev(0), 3),
        (lookup.clone(), Rev(2), 3),
        (lookup.clone(), Rev(3), 2),
        (lookup.clone(), Rev(4), 0),
        (Requirement { observed: true, ..lookup }, Rev(3), 1),
        (need(FactKind::Action, None, None, false), Rev(3), 3),
        (need(FactKind::Action, None, Some("crm_lookup"), true), Rev(1), 3),
        (need(FactKind::Action, Some("wait"), None, false), Rev(0), 0),
        (need(FactKind::Decision, Some("tool_selection"), Some("Which?"), false), Rev(0), 1),
        (need(FactKind::Message, Some("question"), Some("reviewer"), false), Rev(3), 1),
        (need(FactKind::Artifact, None, Some("report"), false), Rev(3), 1),
        (need(FactKind::Artifact, None, None, true), Rev(3), 0),
    ];
    let needs: Vec<_> = cases.iter().map(|(need, since, _)| (need.clone(), *since)).collect();
    let counted = done(on.store.evidence(&on.tenant, run, &needs).await);
    assert_eq!(counted.len(), cases.len());
    for (evidence, (need, since, count)) in counted.iter().zip(&cases) {
        assert_eq!((&evidence.requirement, evidence.since), (need, *since));
        assert_eq!(evidence.count, *count, "{need:?} since {since}");
    }
}

/// An action proves something once it is done: not while it goes on, nor if it failed.
pub async fn only_actions_that_are_done_are_evidence(on: Fixture) {
    let run = on.define_and_start().await;
    let act = |name: &str, status: Option<&str>, observed| Fact {
        at: None,
        observed,
        by: "writer".to_owned(),
        body: FactBody::Action(Action {
            action_type: "tool_execution".to_owned(),
            name: name.to_owned(),
            r#ref: Some(name.to_owned()),
            status: status.map(str::to_owned),
            ..Action::default()
        }),
    };
    let end = |name: &str, status: Option<&str>, observed| Fact {
        at: None,
        observed,
        by: "writer".to_owned(),
        body: FactBody::ActionEnded(ActionEnded {
            r#ref: name.to_owned(),
            status: status.map(str::to_owned),
            ..ActionEnded::default()
        }),
    };
    let facts = vec![
        act("untold", None, true),
        act("completed", Some("completed"), true),
        act("failed", Some("failed"), true),
        act("skipped", Some("skipped"), true),
        act("running", Some("running"), true),
        act("pending", Some("pending"), true),
        act("retrying", Some("retrying"), true),
        act("ended", Some("running"), true),
        act("ended-untold", Some("pending"), true),
        act("ended-badly", Some("running"), true),
        act("failed-first", Some("failed"), true),
        act("claimed-end", Some("running"), true),
        end("ended", Some("completed"), true),
        end("ended-untold", None, true),
        end("ended-badly", Some("failed"), true),
        end("failed-first", Some("completed"), true),
        end("claimed-end", Some("completed"), false),
    ];
    on.record(run, facts).await;
    let need = |name: Option<&str>, observed| Requirement {
        kind: FactKind::Action,
        r#type: Some("tool_execution".to_owned()),
        name: name.map(str::to_owned),
        min: 1,
        observed,
    };
    let cases = [
        ("untold", true, 1),
        ("completed", true, 1),
        ("failed", false, 0),
        ("skipped", false, 0),
        ("running", false, 0),
        ("pending", false, 0),
        ("retrying", false, 0),
        ("ended", true, 1),
        ("ended-untold", true, 1),
        ("ended-badly", false, 0),
        ("failed-first", false, 0),
        ("claimed-end", false, 1),
        ("claimed-end", true, 0),
    ];
    for (name, observed, count) in cases {
        let needs = [(need(Some(name), observed), Rev(0))];
        let counted = done(on.store.evidence(&on.tenant, run, &needs).await);
        assert_eq!(counted[0].count, count, "{name}, observed: {observed}");
    }
    let all = [(need(None, false), Rev(0))];
    assert_eq!(done(on.store.evidence(&on.tenant, run, &all).await)[0].count, 5);
}

/// What Guidepost wrote is in order, and its head changes with every record.
pub async fn a_clean_history_verifies(on: Fixture) {
    let run = on.define_and_start().await;
    let mut heads = Vec::new();
    for to in ["Score", "Ingest", "Score"] {
        on.record(run, vec![action("wait", "x", false), note("y")]).await;
        done(on.step(run, Step::to(to)).await);
        let verified = done(on.store.verify(&on.tenant, run).await);
        assert_eq!((verified.unsealed, verified.problems), (0, vec![]));
        assert_eq!(verified.records, on.load(run).await.head.seq.0);
        assert_eq!(verified.head.len(), 64);
        assert!(!heads.contains(&verified.head));
        heads.push(verified.head);
    }
}

/// A head that was published stays in the history it was taken from, and is in no other.
pub async fn a_published_head_stays_in_its_history(on: Fixture) {
    let run = on.define_and_start().await;
    let other = on.start("reader").await;
    let mut published = Vec::new();
    for to in ["Score", "Ingest", "Score"] {
        let verified = done(on.store.verify(&on.tenant, run).await);
        published.push((verified.head, Seq(verified.records)));
        done(on.step(run, Step::to(to)).await);
    }
    for (head, seq) in published {
        let find = async |run| on.store.record_with_hash(&on.tenant, run, &head).await;
        assert_eq!(done(find(run).await), Some(seq));
        assert_eq!(done(find(other).await), None);
        let unknown = find(RunNo(99)).await;
        assert!(matches!(unknown, Err(StoreError::NoSuchRun(_))), "{unknown:?}");
    }
}
