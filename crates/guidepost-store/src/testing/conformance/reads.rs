//! Finding runs, and whose they are.

use guidepost_core::id::{Rev, RunNo, RunRef, Seq};
use guidepost_core::run::{Run, Status};

use super::fixture::{Fixture, Step, at, begin_observed, done, new_run, note, observed_run};
use crate::{HistoryPage, NewRun, RequestDigest, RunFilter, StoreError, WorkflowFilter};

/// Each of a run's names leads to it.
pub async fn a_run_is_found_by_number_id_and_agent(on: Fixture) {
    let run = on.define_and_start().await;
    let loaded = on.load(run).await;
    let short = run.to_string();
    let id = loaded.head.id.to_string();
    for name in ["writer", short.as_str(), id.as_str()] {
        let found = done(on.store.load(&on.tenant, &RunRef::from(name)).await);
        assert_eq!(found.as_ref(), Some(&loaded), "{name}");
    }
    let head = &loaded.head;
    let names = (head.agent.as_deref(), head.goal.as_deref());
    assert_eq!(names, (Some("writer"), Some("goal of writer")));
    assert_eq!((head.parent, head.root, head.created_at), (None, run, at(1)));
    assert_eq!((loaded.run.workflow.as_str(), loaded.run.machine.as_str()), ("lead", "h1"));
}

/// An agent's name is enough while exactly one live run has it.
pub async fn an_agent_with_several_live_runs_is_ambiguous(on: Fixture) {
    let first = on.define_and_start().await;
    let second = on.start("writer").await;
    match on.store.load(&on.tenant, &RunRef::from("writer")).await {
        Err(StoreError::Ambiguous { agent, count }) => {
            assert_eq!((agent.as_str(), count), ("writer", 2));
        }
        other => panic!("expected ambiguity, got {other:?}"),
    }
    done(on.step(first, Step { ends: true, ..Step::to("Done") }).await);
    let found = done(on.store.load(&on.tenant, &RunRef::from("writer")).await);
    assert_eq!(found.map(|found| found.head.no), Some(second));
}

/// What does not exist is no error to look for, and an error to write to.
pub async fn what_is_not_there_is_not_found(on: Fixture) {
    let nobody = RunNo(41);
    assert_eq!(done(on.store.load(&on.tenant, &RunRef::No(nobody)).await), None);
    assert_eq!(done(on.store.load(&on.tenant, &RunRef::from("nobody")).await), None);
    let all = HistoryPage { newest_first: false, kinds: vec![], beyond: None, limit: 0 };
    let batch = Step::to("Score").batch(Run::default());
    let outcomes = [
        on.store.history(&on.tenant, nobody, &all).await.err(),
        on.store.verify(&on.tenant, nobody).await.err(),
        on.store.evidence(&on.tenant, nobody, &[]).await.err(),
        on.store.outcome(&on.tenant, nobody, Rev(0), &RequestDigest([0; 16])).await.err(),
        on.store.commit(&on.tenant, nobody, Rev(0), batch).await.err(),
    ];
    for outcome in outcomes {
        assert!(matches!(outcome, Some(StoreError::NoSuchRun(_))), "{outcome:?}");
    }
}

/// What belongs to somebody else does not exist.
pub async fn tenants_never_see_each_other(on: Fixture) {
    let run = on.define_and_start().await;
    let id = on.load(run).await.head.id;
    let other = on.for_tenant("other");
    for name in [RunRef::No(run), RunRef::Id(id), RunRef::from("writer")] {
        assert_eq!(done(other.store.load(&other.tenant, &name).await), None, "{name}");
    }
    let workflows = other.store.workflows(&other.tenant, &WorkflowFilter::default()).await;
    assert!(done(workflows).items.is_empty());
    assert!(done(other.store.runs(&other.tenant, &RunFilter::default()).await).items.is_empty());
    assert_eq!(done(other.store.wording(&other.tenant, "lead").await), crate::Wording::default());
    let recorded = other.store.record(&other.tenant, run, vec![note("x")]).await;
    assert!(matches!(recorded, Err(StoreError::NoSuchRun(_))), "{recorded:?}");
    let step = Step::to("Score").batch(on.load(run).await.run);
    let committed = other.store.commit(&other.tenant, run, Rev(2), step).await;
    assert!(matches!(committed, Err(StoreError::NoSuchRun(_))), "{committed:?}");
    let child = NewRun { parent: Some(run), ..observed_run("spy") };
    let created = other.store.create(&other.tenant, child, begin_observed(at(1), "")).await;
    assert!(matches!(created, Err(StoreError::NoSuchRun(_))), "{created:?}");
    other.define().await;
    let own = other.start("writer").await;
    assert_ne!(own, run, "all tenants share the numbering");
    let runs = done(other.store.runs(&other.tenant, &RunFilter::default()).await).items;
    assert_eq!(runs.iter().map(|run| run.no).collect::<Vec<_>>(), [own]);
    assert_eq!(on.load(run).await.head.seq, Seq(2));
}

/// Pages follow each other without gap or overlap.
pub async fn runs_are_listed_newest_first(on: Fixture) {
    on.define().await;
    let mut runs = Vec::new();
    for n in 0..7 {
        runs.push(on.start(&format!("agent-{n}")).await);
    }
    runs.reverse();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let filter = RunFilter { limit: 3, cursor, ..RunFilter::default() };
        let page = done(on.store.runs(&on.tenant, &filter).await);
        assert!(page.items.len() <= 3);
        found.extend(page.items.iter().map(|run| run.no));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, runs);
}

/// Each part of a filter narrows the list, and together they narrow it more.
pub async fn runs_are_filtered(on: Fixture) {
    on.define().await;
    let first = on.start("writer").await;
    let second = on.start("Reviewer").await;
    let watched = NewRun { at: at(50), goal: None, ..observed_run("watched") };
    let third = on.store.create(&on.tenant, watched, begin_observed(at(50), "thinking")).await;
    let third = done(third).run;
    done(on.step(first, Step::to("Score")).await);
    done(on.step(second, Step { ends: true, ..Step::to("Done") }).await);
    let any = RunFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let running = || vec![Status::Running];
    let ended = vec![Status::Completed, Status::Failed];
    let cases: [(RunFilter, Vec<RunNo>); 15] = [
        (any(), vec![third, second, first]),
        (RunFilter { status: running(), ..any() }, vec![third, first]),
        (RunFilter { status: ended, ..any() }, vec![second]),
        (RunFilter { workflow: some("lead"), ..any() }, vec![second, first]),
        (RunFilter { workflow: some("observed"), ..any() }, vec![third]),
        (RunFilter { state: some("Score"), ..any() }, vec![first]),
        (RunFilter { state: some("thinking"), ..any() }, vec![third]),
        (RunFilter { state: some("core"), ..any() }, vec![]),
        (RunFilter { agent: some("writer"), ..any() }, vec![first]),
        (RunFilter { since: Some(at(2)), ..any() }, vec![third]),
        (RunFilter { query: some("REVIEWER goal"), ..any() }, vec![second]),
        (RunFilter { query: some("lead"), ..any() }, vec![second, first]),
        (RunFilter { query: some("%"), ..any() }, vec![]),
        (RunFilter { query: some("lead"), status: running(), ..any() }, vec![first]),
        (RunFilter { agent: some("writer"), state: some("Done"), ..any() }, vec![]),
    ];
    for (filter, expected) in cases {
        let page = done(on.store.runs(&on.tenant, &filter).await);
        let found: Vec<RunNo> = page.items.iter().map(|run| run.no).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// A list shows enough of each run to choose one.
pub async fn a_listed_run_is_summed_up(on: Fixture) {
    let run = on.define_and_start().await;
    done(on.step(run, Step::to("Score")).await);
    let listed = done(on.store.runs(&on.tenant, &RunFilter::default()).await).items.remove(0);
    let new = new_run("writer");
    assert_eq!((listed.no, listed.workflow, listed.version), (run, new.workflow, new.version));
    assert_eq!((listed.agent, listed.goal), (new.agent, new.goal));
    assert_eq!((listed.status, listed.rev), (Status::Running, Rev(3)));
    assert_eq!(
        (listed.current_state, listed.leaves),
        ("Score".to_owned(), vec!["Score".to_owned()])
    );
    assert_eq!((listed.created_at, listed.updated_at), (at(1), at(2)));
}

/// A run is due at its next timer, and no longer when it is over.
pub async fn due_runs_are_listed_longest_due_first(on: Fixture) {
    on.define().await;
    let runs = [on.start("a").await, on.start("b").await, on.start("c").await];
    for (run, due) in runs.iter().zip([30, 10, 20]) {
        done(on.step(*run, Step { due: Some(at(due)), ..Step::to("Score") }).await);
    }
    let due = async |now, limit| done(on.store.due(&on.tenant, at(now), limit).await);
    let [a, b, c] = runs;
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(20, 10).await, [b, c]);
    assert_eq!(due(99, 10).await, [b, c, a]);
    assert_eq!(due(99, 2).await, [b, c]);
    done(on.step(b, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(due(99, 10).await, [c, a]);
    let other = on.for_tenant("other");
    assert_eq!(done(other.store.due(&other.tenant, at(99), 10).await), []);
}
