//! A run that counts: each step appends the next number to a list, so that what is lost, doubled or overwritten shows.

use guidepost_core::data::{Change, Pointer};
use guidepost_core::id::{EventName, RunId, RunNo, RunRef, StateId, Tenant, Version};
use guidepost_core::machine::{Concurrency, Limits};
use guidepost_core::record::{Cause, Record, Started, Transitioned};
use guidepost_core::run::{Driver, Run};
use guidepost_core::time::Timestamp;
use guidepost_store::{Batch, NewRun, NewVersion, Source, StateRow, Store, StoreError};

/// The numbers counted so far.
pub(crate) fn counted(run: &Run) -> Vec<u64> {
    let data = run.data.to_json();
    let numbers = data.get("counted").and_then(|list| list.as_array()).cloned();
    numbers.unwrap_or_default().iter().filter_map(serde_json::Value::as_u64).collect()
}

/// The run as it is.
pub(crate) async fn load(store: &dyn Store, run: RunNo) -> Run {
    store.load(&Tenant::default(), &RunRef::No(run)).await.unwrap().unwrap().run
}

/// The run as it is, if the store can read it.
pub(crate) async fn try_load(store: &dyn Store, run: RunNo) -> Option<Run> {
    let loaded = store.load(&Tenant::default(), &RunRef::No(run)).await;
    loaded.ok().flatten().map(|loaded| loaded.run)
}

/// Saves the workflow.
pub(crate) async fn define(store: &dyn Store) {
    let state = StateRow {
        path: "Counting".to_owned(),
        parent: None,
        kind: "atomic",
        is_initial: true,
        guideline: None,
        description: None,
    };
    let version = NewVersion {
        name: "count".to_owned(),
        description: None,
        hash: "h".to_owned(),
        source: Source { format: "yaml".to_owned(), text: String::new(), file: String::new() },
        states: vec![state],
        transitions: vec![],
        steps: vec![],
        schedules: vec![],
        metadata: serde_json::Value::Null,
        concurrency: Concurrency::default(),
        by: String::new(),
        at: Timestamp(0),
    };
    store.define(&Tenant::default(), version).await.unwrap();
}

/// Starts a run.
pub(crate) async fn create(store: &dyn Store) -> RunNo {
    let started = Started {
        workflow: "count".to_owned(),
        machine: "h".to_owned(),
        driver: Driver::Agent,
        by: String::new(),
        changes: vec![],
        at: Timestamp(1),
    };
    let entered = Transitioned { cause: Cause::Initial, exited: vec![], ..transitioned() };
    let new = NewRun::new(
        RunId(uuid::Uuid::now_v7()),
        "count",
        Some(Version(1)),
        Driver::Agent,
        Timestamp(1),
    );
    let batch = batch(Run::default(), vec![started.into(), entered.into()]);
    store.create(&Tenant::default(), new, batch).await.unwrap().run
}

/// A number, and the rev it was counted at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) rev: u64,
    pub(crate) number: u64,
}

/// What comes next.
pub(crate) fn next(present: &Run) -> Counted {
    let number = counted(present).last().unwrap_or(&0) + 1;
    Counted { rev: present.rev.0 + 1, number }
}

/// Counts one further, and returns the number once it is acknowledged.
pub(crate) async fn step(
    store: &dyn Store,
    run: RunNo,
    present: Run,
) -> Result<Counted, StoreError> {
    let Counted { number, .. } = next(&present);
    let changes = vec![Change::Append(Pointer::from("/counted"), vec![number.into()])];
    let rev = present.rev;
    let batch = batch(present, vec![Transitioned { changes, ..transitioned() }.into()]);
    let committed = store.commit(&Tenant::default(), run, rev, batch).await?;
    Ok(Counted { rev: committed.rev.0, number })
}

fn batch(mut run: Run, records: Vec<Record>) -> Batch {
    run.apply_all(&records).unwrap();
    Batch {
        records,
        run,
        current_state: "Counting".to_owned(),
        leaves: vec!["Counting".to_owned()],
        request: None,
        recorded_at: Timestamp(2),
        tasks: guidepost_store::TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    }
}

fn transitioned() -> Transitioned {
    Transitioned {
        cause: Cause::Event,
        event: EventName::from("Next"),
        from: StateId::from("Counting"),
        to: vec![StateId::from("Counting")],
        exited: vec![StateId::from("Counting")],
        entered: vec![StateId::from("Counting")],
        remembered: vec![],
        changes: vec![],
        timers: vec![],
        ended_timers: vec![],
        ended_work: None,
        data: serde_json::Value::Null,
        by: String::new(),
        note: None,
        problems: vec![],
        waiting: false,
        at: Timestamp(2),
    }
}
