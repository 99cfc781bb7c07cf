//! Creating, committing and recording.

use guidepost_core::data::{Change, Pointer};
use guidepost_core::id::{AttributeName, Rev, RunNo, Seq};
use guidepost_core::run::Status;
use serde_json::json;

use super::fixture::{Fixture, Step, action, at, begin, done, found, new_run, note};
use crate::{EntryBody, HistoryPage, NewRun, RequestDigest, RunFilter, StoreError};

/// A commit at another rev changes nothing, and is told the present one.
pub async fn a_commit_succeeds_only_at_the_expected_rev(on: Fixture) {
    let run = on.define_and_start().await;
    let before = on.load(run).await;
    assert_eq!(before.run.rev, Rev(2));
    for wrong in [Rev(0), Rev(1), Rev(3)] {
        let step = Step { expected: Some(wrong), ..Step::to("Score") };
        match on.step(run, step).await {
            Err(StoreError::Conflict { expected, present }) => {
                assert_eq!((expected, present), (wrong, Rev(2)));
            }
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
    assert_eq!(on.load(run).await, before, "a conflict changes nothing");
    let committed = done(on.step(run, Step::to("Score")).await);
    assert_eq!((committed.rev, committed.seq), (Rev(3), Seq(3)));
    let after = on.load(run).await.run;
    assert!(after.active.contains_key("Score") && !after.active.contains_key("Ingest"));
}

/// All records of a run are numbered 1, 2, 3 …, and so are its revs.
pub async fn seqs_have_no_gaps_over_commits_and_facts(on: Fixture) {
    let run = on.define_and_start().await;
    on.record(run, vec![action("tool_execution", "a", true), note("b")]).await;
    done(on.step(run, Step::to("Score")).await);
    on.record(run, vec![note("c")]).await;
    done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
    on.record(run, vec![note("after the end")]).await;
    let all = HistoryPage { newest_first: false, kinds: vec![], beyond: None, limit: 0 };
    let entries = done(on.store.history(&on.tenant, run, &all).await).items;
    let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (1..=9).collect::<Vec<u64>>());
    let made = entries.iter().filter(|entry| matches!(entry.body, EntryBody::Record(_)));
    assert_eq!(made.map(|entry| entry.rev.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let revs: Vec<u64> = entries.iter().map(|entry| entry.rev.0).collect();
    assert_eq!(revs, [1, 2, 2, 2, 3, 3, 4, 5, 5], "a fact has the rev it was recorded at");
    assert_eq!(on.load(run).await.head.seq, Seq(9));
}

/// A batch of several records that comes too late leaves none of them behind.
pub async fn a_commit_is_all_or_nothing(on: Fixture) {
    let run = on.define_and_start().await;
    let before = on.load(run).await.run;
    let late = Step { ends: true, ..Step::to("Done") }.batch(before.clone());
    done(on.step(run, Step::to("Score")).await);
    let outcome = on.store.commit(&on.tenant, run, before.rev, late).await;
    assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    let after = on.load(run).await;
    assert_eq!((after.run.rev, after.head.seq), (Rev(3), Seq(3)));
    assert_eq!(after.run.status, Status::Running);
}

/// Recording needs no rev and makes nobody's stale.
pub async fn facts_leave_the_rev_as_it_is(on: Fixture) {
    let run = on.define_and_start().await;
    let before = on.load(run).await.run.rev;
    let recorded = on.record(run, vec![note("a"), note("b")]).await;
    assert_eq!((recorded.first, recorded.last, recorded.rev), (Seq(3), Seq(4), Rev(2)));
    let step = Step { expected: Some(before), ..Step::to("Score") };
    assert_eq!(done(on.step(run, step).await).seq, Seq(5));
    let unknown = on.store.record(&on.tenant, RunNo(99), vec![note("x")]).await;
    assert!(matches!(unknown, Err(StoreError::NoSuchRun(_))), "{unknown:?}");
}

fn keyed(agent: &str, digest: u8) -> NewRun {
    let key = Some(("order-7".to_owned(), RequestDigest([digest; 16])));
    NewRun { key, session: Some("s1".to_owned()), ..new_run(agent) }
}

/// A second start with the same key creates nothing.
pub async fn a_start_with_the_same_key_finds_the_first_run(on: Fixture) {
    on.define().await;
    let first = done(on.store.create(&on.tenant, keyed("a", 1), begin(at(1), vec![])).await);
    assert!(first.is_new);
    let asked = async |key, digest| {
        let digest = RequestDigest([digest; 16]);
        on.store.started(&on.tenant, key, &digest).await
    };
    let known = found(done(asked("order-7", 1).await));
    assert_eq!((known.run, known.id, known.is_new), (first.run, first.id, false));
    assert_eq!(done(asked("order-8", 1).await), None);
    let reused = asked("order-7", 2).await;
    assert!(matches!(reused, Err(StoreError::KeyReused { .. })), "{reused:?}");
    let again = done(on.store.create(&on.tenant, keyed("a", 1), begin(at(9), vec![])).await);
    assert_eq!((again.run, again.id, again.is_new), (first.run, first.id, false));
    assert_eq!(done(on.store.runs(&on.tenant, &RunFilter::default()).await).items.len(), 1);
    assert_eq!(on.load(first.run).await.head.session, Some("s1".to_owned()));
}

/// The same key with other arguments is a mistake, and named as one.
pub async fn a_key_is_not_reused_for_other_arguments(on: Fixture) {
    on.define().await;
    let first = done(on.store.create(&on.tenant, keyed("a", 1), begin(at(1), vec![])).await);
    match on.store.create(&on.tenant, keyed("a", 2), begin(at(1), vec![])).await {
        Err(StoreError::KeyReused { key, run }) => {
            assert_eq!((key.as_str(), run), ("order-7", first.run));
        }
        other => panic!("expected the key to be refused, got {other:?}"),
    }
}

/// No run is created in nothing, or below nothing.
pub async fn a_run_needs_its_workflow_and_its_parent(on: Fixture) {
    let created = on.store.create(&on.tenant, new_run("a"), begin(at(1), vec![])).await;
    assert!(matches!(created, Err(StoreError::Refused { .. })), "{created:?}");
    on.define().await;
    let orphan = NewRun { parent: Some(RunNo(99)), ..new_run("a") };
    let created = on.store.create(&on.tenant, orphan, begin(at(1), vec![])).await;
    assert!(matches!(created, Err(StoreError::NoSuchRun(_))), "{created:?}");
    assert!(done(on.store.runs(&on.tenant, &RunFilter::default()).await).items.is_empty());
}

/// A root's root is itself; a grandchild's is the root.
pub async fn a_child_knows_its_parent_and_root(on: Fixture) {
    let root = on.define_and_start().await;
    let mut parent = root;
    for _ in 0..2 {
        let new = NewRun { parent: Some(parent), ..new_run("child") };
        let child = done(on.store.create(&on.tenant, new, begin(at(1), vec![])).await).run;
        let head = on.load(child).await.head;
        assert_eq!((head.parent, head.root), (Some(parent), root));
        parent = child;
    }
    assert_eq!(on.load(root).await.head.root, root);
}

/// After thousands of steps, what is loaded is what folding every record gives, snapshots or not.
pub async fn a_stored_run_is_what_its_records_fold_to(on: Fixture) {
    let run = on.define_and_start().await;
    let mut live = on.load(run).await.run;
    let mut snapshots = 0;
    for n in 0..2_000_u32 {
        let name = AttributeName::from(format!("a{}", n % 7));
        let list = Pointer::from(format!("/log{}", n % 3).as_str());
        let changes = match n % 4 {
            0 => vec![Change::set(&name, json!({ "n": n, "text": "x".repeat(n as usize % 50) }))],
            1 => vec![Change::Append(list, vec![json!(n)])],
            2 if n % 100 == 2 => vec![Change::Unset(list)],
            _ => vec![],
        };
        let to = if n % 2 == 0 { "Score" } else { "Ingest" };
        let expected = live.rev;
        let batch = Step { changes, ..Step::to(to) }.batch(live);
        live = batch.run.clone();
        let committed = done(on.store.commit(&on.tenant, run, expected, batch).await);
        if committed.snapshot {
            live.snapshot_taken();
            snapshots += 1;
        }
        if n % 250 == 0 {
            assert_eq!(on.load(run).await.run, live, "after step {n}");
        }
    }
    assert_eq!(on.load(run).await.run, live);
    assert!((1..500).contains(&snapshots), "{snapshots} snapshots");
    let verified = done(on.store.verify(&on.tenant, run).await);
    assert_eq!((verified.records, verified.problems), (2_002, vec![]));
}

/// Null is a value, and no number, text or nesting is lost.
pub async fn every_json_value_survives(on: Fixture) {
    on.define().await;
    let values = [
        json!(null),
        json!(true),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5e300),
        json!(-0.1),
        json!(""),
        json!("ä \u{1F600} \u{0} \" \\ \n </script> ' ;--"),
        json!([[], {}, [null, [1]]]),
        json!({ "": 1, "a.b": { "~/": null }, "z": 0, "a": 1 }),
        json!("x".repeat(100_000)),
    ];
    let changes = values
        .iter()
        .enumerate()
        .map(|(n, value)| Change::set(&AttributeName::from(format!("v{n}")), value.clone()));
    let batch = begin(at(1), changes.collect());
    let run = done(on.store.create(&on.tenant, new_run("a"), batch).await).run;
    let data = on.load(run).await.run.data.to_json();
    for (n, value) in values.iter().enumerate() {
        assert_eq!(data.get(format!("v{n}")), Some(value));
    }
    assert!(done(on.store.verify(&on.tenant, run).await).problems.is_empty());
}

/// However many decide at once, one decision counts; the others are told where the run is.
pub async fn of_many_commits_at_one_rev_one_wins(on: Fixture) {
    let run = on.define_and_start().await;
    for round in 0..20 {
        let present = on.load(run).await.run;
        let to = if present.active.contains_key("Score") { "Ingest" } else { "Score" };
        let rivals: Vec<_> = (0..8)
            .map(|rival| {
                let (on, present) = (on.clone(), present.clone());
                tokio::spawn(async move {
                    let changes = vec![Change::set(&AttributeName::from("winner"), json!(rival))];
                    let rev = present.rev;
                    let batch = Step { changes, ..Step::to(to) }.batch(present);
                    on.store.commit(&on.tenant, run, rev, batch).await.map(|_| rival)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for rival in rivals {
            match rival.await {
                Ok(Ok(winner)) => winners.push(winner),
                Ok(Err(StoreError::Conflict { present: now, .. })) => {
                    assert_eq!(now, present.rev.next());
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        let data = on.load(run).await.run.data.to_json();
        assert_eq!(data["winner"], json!(winners[0]));
    }
}
