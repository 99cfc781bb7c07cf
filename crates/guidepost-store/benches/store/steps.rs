//! What the store does for a step.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guidepost_core::id::{EventName, RunId, RunNo, StateId, Tenant, Version};
use guidepost_core::machine::{Concurrency, Limits};
use guidepost_core::record::{Cause, Record, Started, Transitioned};
use guidepost_core::run::{Driver, Run};
use guidepost_core::time::Timestamp;
use guidepost_store::{
    Batch, NewRun, NewVersion, RequestDigest, Source, StateRow, Store, TransitionRow,
};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::{RUNS, floor};

const STATES: [&str; 2] = ["Collecting", "Reviewing"];

/// A store with all its runs, each as its owner last saw it.
pub(crate) struct Steps {
    runtime: Runtime,
    store: Arc<dyn Store>,
    runs: Arc<Vec<Mutex<(RunNo, Run)>>>,
}

impl Steps {
    pub(crate) fn new(path: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
        let runs = runtime.block_on(create(&store));
        Self { runtime, store, runs: Arc::new(runs) }
    }

    /// Steps per second of so many runs at once, each of which takes its next step when its last is durable.
    pub(crate) fn per_second(&self, at_once: u32, lasting: Duration) -> f64 {
        let begun = Instant::now();
        let steps: u32 = self.runtime.block_on(async {
            let tasks: Vec<_> = (0..at_once)
                .map(|first| {
                    let (store, runs) = (Arc::clone(&self.store), Arc::clone(&self.runs));
                    tokio::spawn(async move {
                        let mut steps = 0;
                        while begun.elapsed() < lasting {
                            let turn = floor::scattered(first + steps * at_once);
                            step(store.as_ref(), &runs[turn as usize]).await;
                            steps += 1;
                        }
                        steps
                    })
                })
                .collect();
            let mut steps = 0;
            for task in tasks {
                steps += task.await.unwrap();
            }
            steps
        });
        f64::from(steps) / begun.elapsed().as_secs_f64()
    }
}

async fn step(store: &dyn Store, run: &Mutex<(RunNo, Run)>) {
    let mut run = run.lock().await;
    let (no, state) = &mut *run;
    let expected = state.rev;
    let [from, to] =
        if state.active.contains_key(STATES[0]) { STATES } else { [STATES[1], STATES[0]] };
    let record = transitioned(Cause::Event, Some(from), to);
    let request = Some(RequestDigest([7; 16]));
    let batch = Batch { request, ..batch(state.clone(), vec![record], to) };
    *state = batch.run.clone();
    store.commit(&Tenant::default(), *no, expected, batch).await.unwrap();
}

async fn create(store: &Arc<dyn Store>) -> Vec<Mutex<(RunNo, Run)>> {
    store.define(&Tenant::default(), version()).await.unwrap();
    let tasks: Vec<_> = (0..RUNS)
        .map(|agent| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let batch = begin();
                let run = batch.run.clone();
                let created =
                    store.create(&Tenant::default(), new_run(agent), batch).await.unwrap();
                Mutex::new((created.run, run))
            })
        })
        .collect();
    let mut runs = Vec::with_capacity(tasks.len());
    for task in tasks {
        runs.push(task.await.unwrap());
    }
    runs
}

fn begin() -> Batch {
    let started = Started {
        workflow: "bench".to_owned(),
        machine: "h".to_owned(),
        driver: Driver::Agent,
        by: "writer".to_owned(),
        changes: vec![],
        at: Timestamp(1),
    };
    let entered = transitioned(Cause::Initial, None, STATES[0]);
    batch(Run::default(), vec![started.into(), entered], STATES[0])
}

fn batch(mut run: Run, records: Vec<Record>, state: &str) -> Batch {
    run.apply_all(&records).unwrap();
    let leaves = vec![state.to_owned()];
    let recorded_at = Timestamp(1_780_000_000_000_000_000);
    Batch {
        records,
        run,
        current_state: state.to_owned(),
        leaves,
        request: None,
        recorded_at,
        tasks: guidepost_store::TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    }
}

/// A record of about 200 bytes.
fn transitioned(cause: Cause, from: Option<&str>, to: &str) -> Record {
    let exited: Vec<StateId> = from.into_iter().map(StateId::from).collect();
    Record::from(Transitioned {
        cause,
        event: EventName::from("Finished"),
        from: exited.first().cloned().unwrap_or_else(StateId::root),
        to: vec![StateId::from(to)],
        exited,
        entered: vec![StateId::from(to)],
        remembered: vec![],
        changes: vec![],
        timers: vec![],
        ended_timers: vec![],
        ended_work: None,
        data: serde_json::Value::Null,
        by: "writer".to_owned(),
        note: None,
        problems: vec![],
        waiting: false,
        at: Timestamp(1_780_000_000_000_000_000),
    })
}

fn new_run(agent: u32) -> NewRun {
    NewRun {
        agent: Some(format!("writer-{agent}")),
        goal: Some("Write a report.".to_owned()),
        ..NewRun::new(
            RunId(uuid::Uuid::now_v7()),
            "bench",
            Some(Version(1)),
            Driver::Agent,
            Timestamp(1),
        )
    }
}

fn version() -> NewVersion {
    let states = STATES.map(|path| StateRow {
        path: path.to_owned(),
        parent: None,
        kind: "atomic",
        is_initial: path == STATES[0],
        guideline: None,
        description: None,
    });
    let transition = |from: &str, to: &str| TransitionRow {
        name: "Finished".to_owned(),
        kind: "event",
        from: Some(from.to_owned()),
        to: vec![to.to_owned()],
        position: 0,
        is_gated: false,
        is_guarded: false,
        description: None,
    };
    NewVersion {
        name: "bench".to_owned(),
        description: None,
        hash: "h".to_owned(),
        source: Source { format: "yaml".to_owned(), text: String::new(), file: String::new() },
        states: states.to_vec(),
        transitions: vec![transition(STATES[0], STATES[1]), transition(STATES[1], STATES[0])],
        steps: vec![],
        schedules: vec![],
        metadata: serde_json::Value::Null,
        concurrency: Concurrency::default(),
        by: "bench".to_owned(),
        at: Timestamp(0),
    }
}
