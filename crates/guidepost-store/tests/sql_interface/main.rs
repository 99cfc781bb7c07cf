//! SQL is an interface: what people do with the stock `sqlite3` shell and with Python's driver, while a store has the file
//! open and while none has. Items of the agent-state schema's list of requirements are named as `S0.n`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adopted;
mod file;
mod kept;
mod moves;
mod names;
mod random;
mod settled;
mod tables;
mod together;

use guidepost_core::id::{RunNo, RunRef, StateId, Tenant};
use guidepost_core::machine::Limits;
use guidepost_core::record::{Cause, Record, Transitioned};
use guidepost_core::time::Timestamp;
use guidepost_store::{Batch, NewVersion, Source, StateRow, TransitionRow};

/// What a trigger recorded is what the kernel would have read from a file.
async fn settle(store: &dyn guidepost_store::Store, tenant: &Tenant, run: RunNo) {
    let loaded = store.load(tenant, &RunRef::No(run)).await.unwrap().unwrap();
    let rev = loaded.run.rev;
    store.commit(tenant, run, rev, settling(loaded.run)).await.unwrap();
}

/// What the kernel decides to settle the run's first unsettled move.
fn settling(mut run: guidepost_core::run::Run) -> Batch {
    let placed = run.placed[0].clone();
    let exited: Vec<StateId> = run.active.keys().cloned().collect();
    let record = Record::from(Transitioned {
        cause: Cause::Placed,
        event: "placed".into(),
        from: StateId::root(),
        to: vec![placed.to.clone()],
        exited,
        entered: vec![placed.to.clone()],
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
        at: placed.at,
    });
    run.apply(&record).unwrap();
    Batch {
        records: vec![record],
        run,
        current_state: placed.to.to_string(),
        leaves: vec![placed.to.to_string()],
        request: None,
        recorded_at: Timestamp(placed.at.0),
        tasks: guidepost_store::TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    }
}

/// A workflow with a section, two regions, a guard, and transitions from everywhere.
fn nested() -> NewVersion {
    let state = |path: &str, kind: &'static str| StateRow {
        path: path.to_owned(),
        parent: path.rsplit_once('.').map(|(outer, _)| outer.to_owned()),
        kind,
        is_initial: false,
        guideline: (path == "Work.Draft").then(|| "Write.".to_owned()),
        description: None,
    };
    let transition = |name: &str, from: Option<&str>, to: &str, kind: &'static str| TransitionRow {
        name: name.to_owned(),
        kind,
        from: from.map(str::to_owned),
        to: vec![to.to_owned()],
        position: 0,
        is_gated: name == "Guarded",
        is_guarded: name == "Guarded",
        description: None,
    };
    NewVersion {
        name: "essay".to_owned(),
        description: None,
        hash: "h".to_owned(),
        source: Source { format: "yaml".to_owned(), text: String::new(), file: String::new() },
        states: vec![
            state("Work", "compound"),
            state("Work.Draft", "atomic"),
            state("Work.Check", "parallel"),
            state("Work.Check.Facts", "compound"),
            state("Work.Check.Facts.Look", "atomic"),
            state("Work.Check.Facts.Found", "atomic"),
            state("Work.Check.Style", "atomic"),
            state("Done", "final"),
        ],
        transitions: vec![
            transition("Cancel", None, "Done", "event"),
            transition("Skip", Some("Work"), "Done", "event"),
            transition("after", Some("Work"), "Done", "after"),
            transition("Guarded", Some("Work.Draft"), "Work.Check", "event"),
            transition("Drafted", Some("Work.Draft"), "Work.Check", "event"),
            transition("Found", Some("Work.Check.Facts.Look"), "Work.Check.Facts.Found", "event"),
        ],
        steps: vec![],
        schedules: vec![],
        metadata: serde_json::Value::Null,
        concurrency: guidepost_core::machine::Concurrency::default(),
        by: "tester".to_owned(),
        at: Timestamp(0),
    }
}
