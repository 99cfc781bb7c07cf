//! A store with a small workflow in it, and ways to say much in a line.

use std::sync::Arc;

use guidepost_core::data::Change;
use guidepost_core::id::{
    AttributeName, Branch, EventName, Rev, RunId, RunNo, RunRef, StateId, Tenant, TimerId, Version,
    Visit,
};
use guidepost_core::machine::{Concurrency, Limits, WorkKind};
use guidepost_core::record::{
    Cause, Compensated, Compensating, Compensation, Completed, Record, Restoration, Restored,
    Started, TimerFires, TimerSet, Transitioned,
};
use guidepost_core::recorded::{Action, Fact, FactBody, Note};
use guidepost_core::run::{Active, Driver, Ordered, Run};
use guidepost_core::time::Timestamp;

use crate::{
    Batch, Committed, Loaded, NewRun, NewVersion, RequestDigest, Source, StateRow, Store,
    StoreError, TaskChanges, TransitionRow,
};

/// A store to try, for one tenant. Its workflow is `lead`: `Ingest` and `Score` lead to each other, `Done` is final.
#[derive(Clone)]
pub struct Fixture {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Whom the fixture acts for.
    pub tenant: Tenant,
}

impl Fixture {
    /// A fixture over an empty store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, tenant: Tenant::default() }
    }

    /// The same store for another tenant.
    pub(super) fn for_tenant(&self, tenant: &str) -> Self {
        Self { store: Arc::clone(&self.store), tenant: Tenant::from(tenant) }
    }

    /// Saves the workflow `lead`.
    pub(super) async fn define(&self) {
        done(self.store.define(&self.tenant, lead("h1")).await);
    }

    /// Starts a run in `lead`, which must be saved.
    pub(super) async fn start(&self, agent: &str) -> RunNo {
        let created = self.store.create(&self.tenant, new_run(agent), begin(at(1), vec![])).await;
        done(created).run
    }

    /// Saves the workflow and starts a run in it.
    pub(super) async fn define_and_start(&self) -> RunNo {
        self.define().await;
        self.start("writer").await
    }

    /// Starts a run with a bit of everything in its history: steps, a fact in a table of its own, a line, a snapshot.
    pub async fn run_with_history(&self) -> RunNo {
        let run = self.define_and_start().await;
        let report = Change::set(&AttributeName::from("report"), "x".repeat(2_000).into());
        done(self.step(run, Step { changes: vec![report], ..Step::to("Score") }).await);
        self.record(run, vec![action("tool_execution", "crm_lookup", true), note("a line")]).await;
        done(self.step(run, Step::to("Ingest")).await);
        run
    }

    /// Starts a run with a value of so many bytes that stays, and takes so many steps that change another.
    pub async fn run_with_large_data(&self, bytes: usize, steps: usize) -> RunNo {
        self.define().await;
        let set =
            |name: &str, value: serde_json::Value| Change::set(&AttributeName::from(name), value);
        let large = begin(at(1), vec![set("large", "x".repeat(bytes).into())]);
        let run = done(self.store.create(&self.tenant, new_run("writer"), large).await).run;
        for step in 0..steps {
            let to = if step % 2 == 0 { "Score" } else { "Ingest" };
            let changes = vec![set("small", step.into())];
            done(self.step(run, Step { changes, ..Step::to(to) }).await);
        }
        run
    }

    /// The run as it is.
    pub(super) async fn load(&self, run: RunNo) -> Loaded {
        let loaded = done(self.store.load(&self.tenant, &RunRef::No(run)).await);
        found(loaded)
    }

    /// Takes a step of the run from where it is.
    pub(super) async fn step(&self, run: RunNo, step: Step) -> Result<Committed, StoreError> {
        let loaded = self.load(run).await;
        let expected = step.expected.unwrap_or(loaded.run.rev);
        self.store.commit(&self.tenant, run, expected, step.batch(loaded.run)).await
    }

    /// Lets the run go on in `Ingest` as it was at the beginning, bound to the machine of this hash.
    pub(super) async fn restore(&self, run: RunNo, machine: &str) -> Result<Committed, StoreError> {
        let before = self.load(run).await.run;
        let rev = before.rev;
        let visit = before.visits.get("Ingest").map_or(Visit(1), |visits| visits.count.next());
        let report = AttributeName::from("report");
        let restored = Restored {
            why: Restoration::RolledBack { rev: Rev(2) },
            workflow: before.workflow.clone(),
            machine: machine.to_owned(),
            driver: before.driver,
            active: std::iter::once((
                StateId::from("Ingest"),
                Active::entered(visit, rev.next(), at(3)),
            ))
            .collect(),
            visits: Ordered::default(),
            remembered: vec![],
            timers: vec![],
            changes: vec![Change::set(&report, "as it was".into())],
            waiting: false,
            lasting: vec![],
            by: "tester".to_owned(),
            note: None,
            at: at(3),
        };
        let batch = batch(before, vec![restored.into()], "Ingest", at(3));
        self.store.commit(&self.tenant, run, rev, batch).await
    }

    /// Lets the run make good so many visits of `Score`, the last first.
    pub async fn make_good(&self, run: RunNo, visits: u64) -> Committed {
        let before = self.load(run).await.run;
        let rev = before.rev;
        let piece = |visit: u64| Compensation {
            state: StateId::from("Score"),
            visit: Visit(visit),
            branch: Branch::WHOLE,
            kind: WorkKind::Task,
            name: Some("unscore".to_owned()),
            prompt: None,
            spec: serde_json::json!({ "input": { "visit": visit } }),
            retry: None,
            timeout: None,
        };
        let compensating = Compensating {
            work: (1..=visits).rev().map(piece).collect(),
            cancels: true,
            by: "tester".to_owned(),
            note: None,
            at: at(3),
        };
        let state = before.active.keys().next().map(ToString::to_string).unwrap_or_default();
        let batch = batch(before, vec![compensating.into()], &state, at(3));
        done(self.store.commit(&self.tenant, run, rev, batch).await)
    }

    /// This visit of `Score` is made good.
    pub(super) async fn made_good(&self, run: RunNo, visit: u64) -> Committed {
        let before = self.load(run).await.run;
        let rev = before.rev;
        let compensated = Compensated {
            state: StateId::from("Score"),
            visit: Visit(visit),
            branch: Branch::WHOLE,
            ok: true,
            reason: None,
            retry_at: None,
            by: "tester".to_owned(),
            at: at(4),
        };
        let state = before.active.keys().next().map(ToString::to_string).unwrap_or_default();
        let batch = batch(before, vec![compensated.into()], &state, at(4));
        done(self.store.commit(&self.tenant, run, rev, batch).await)
    }

    /// Records facts.
    pub(super) async fn record(&self, run: RunNo, facts: Vec<Fact>) -> crate::Recorded {
        done(self.store.record(&self.tenant, run, facts).await)
    }
}

/// The value of what must succeed.
#[track_caller]
pub(super) fn done<T>(outcome: Result<T, StoreError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{error}; {:?}", std::error::Error::source(&error)),
    }
}

/// The value of what must be there.
#[track_caller]
pub(super) fn found<T>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => panic!("it is not there"),
    }
}

/// So many seconds after a moment in 2026.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp(1_780_000_000_000_000_000 + seconds * 1_000_000_000)
}

/// The workflow `lead`, with a machine of this hash.
pub(super) fn lead(hash: &str) -> NewVersion {
    let source =
        Source { format: "yaml".to_owned(), text: "name: lead".to_owned(), file: String::new() };
    NewVersion {
        name: "lead".to_owned(),
        description: Some("Qualify an inbound lead.".to_owned()),
        hash: hash.to_owned(),
        source,
        states: vec![
            state("Ingest", "atomic", Some("Summarize the lead.")),
            state("Score", "atomic", None),
            state("Done", "final", None),
        ],
        transitions: vec![
            transition("Summarized", "Ingest", "Score"),
            transition("Again", "Score", "Ingest"),
            transition("Finished", "Score", "Done"),
        ],
        steps: vec![],
        schedules: vec![],
        metadata: serde_json::Value::Null,
        concurrency: Concurrency::default(),
        by: "tester".to_owned(),
        at: at(0),
    }
}

fn state(path: &str, kind: &'static str, guideline: Option<&str>) -> StateRow {
    StateRow {
        path: path.to_owned(),
        parent: None,
        kind,
        is_initial: guideline.is_some(),
        guideline: guideline.map(str::to_owned),
        description: None,
    }
}

fn transition(name: &str, from: &str, to: &str) -> TransitionRow {
    TransitionRow {
        name: name.to_owned(),
        kind: "event",
        from: Some(from.to_owned()),
        to: vec![to.to_owned()],
        position: 0,
        is_gated: false,
        is_guarded: false,
        description: Some(format!("from {from} to {to}")),
    }
}

/// A run in `lead`.
pub(super) fn new_run(agent: &str) -> NewRun {
    NewRun {
        agent: Some(agent.to_owned()),
        goal: Some(format!("goal of {agent}")),
        ..NewRun::new(RunId(uuid::Uuid::now_v7()), "lead", Some(Version(1)), Driver::Agent, at(1))
    }
}

/// A run that is only recorded.
pub(super) fn observed_run(agent: &str) -> NewRun {
    NewRun { workflow: crate::OBSERVED.to_owned(), version: None, ..new_run(agent) }
}

/// The first records of a run in `lead`.
pub(super) fn begin(now: Timestamp, changes: Vec<Change>) -> Batch {
    let machine = "h1".to_owned();
    let started = Started { machine, changes, ..started("lead", now) };
    let entered = Transitioned {
        cause: Cause::Initial,
        entered: vec![StateId::from("Ingest")],
        ..transitioned(now)
    };
    batch(Run::default(), vec![started.into(), entered.into()], "Ingest", now)
}

/// The first record of a run that is only recorded.
pub(super) fn begin_observed(now: Timestamp, state: &str) -> Batch {
    batch(Run::default(), vec![started(crate::OBSERVED, now).into()], state, now)
}

fn started(workflow: &str, now: Timestamp) -> Started {
    Started {
        workflow: workflow.to_owned(),
        machine: String::new(),
        driver: Driver::Agent,
        by: "tester".to_owned(),
        changes: vec![],
        at: now,
    }
}

fn transitioned(now: Timestamp) -> Transitioned {
    let event = EventName::from("go");
    let step = Transitioned::new(Cause::Event, event, StateId::root(), vec![], now);
    Transitioned { by: "tester".to_owned(), ..step }
}

/// The records applied to the run, as a batch.
#[track_caller]
pub(super) fn batch(mut run: Run, records: Vec<Record>, state: &str, now: Timestamp) -> Batch {
    if let Err(reason) = run.apply_all(&records) {
        panic!("the records do not fold: {reason}");
    }
    Batch {
        records,
        run,
        current_state: state.to_owned(),
        leaves: vec![state.to_owned()],
        request: None,
        recorded_at: now,
        tasks: TaskChanges::default(),
        steps: 0,
        limits: Limits::default(),
        claim: None,
    }
}

/// A move to another state of `lead`, or to the end.
#[derive(Clone, Default)]
pub(super) struct Step {
    pub(super) to: &'static str,
    pub(super) changes: Vec<Change>,
    pub(super) request: Option<RequestDigest>,
    pub(super) expected: Option<Rev>,
    pub(super) due: Option<Timestamp>,
    pub(super) ends: bool,
}

impl Step {
    pub(super) fn to(state: &'static str) -> Self {
        Self { to: state, ..Self::default() }
    }

    /// The step as a batch, two seconds after the beginning.
    pub(super) fn batch(self, run: Run) -> Batch {
        let now = at(2);
        let exited: Vec<StateId> = run.active.keys().cloned().collect();
        let timer = self.due.map(|due| TimerSet {
            id: TimerId::from("t"),
            due,
            fires: TimerFires::After { state: StateId::from(self.to), delay: 0 },
        });
        let step = Transitioned {
            from: exited.first().cloned().unwrap_or_else(StateId::root),
            to: vec![StateId::from(self.to)],
            exited,
            entered: vec![StateId::from(self.to)],
            changes: self.changes,
            timers: timer.into_iter().collect(),
            ..transitioned(now)
        };
        let mut records: Vec<Record> = vec![step.into()];
        if self.ends {
            records.push(Completed { output: serde_json::json!("over"), at: now }.into());
        }
        Batch { request: self.request, ..batch(run, records, self.to, now) }
    }
}

/// An action the agent claims, or was seen to do.
pub(super) fn action(r#type: &str, name: &str, observed: bool) -> Fact {
    let action = Action {
        action_type: r#type.to_owned(),
        name: name.to_owned(),
        input: serde_json::json!({ "q": "ä" }),
        ..Action::default()
    };
    Fact { at: None, observed, by: "writer".to_owned(), body: FactBody::Action(action) }
}

/// A line worth keeping.
pub(super) fn note(text: &str) -> Fact {
    let note = Note { text: text.to_owned(), ..Note::default() };
    Fact { at: Some(at(7)), observed: false, by: "writer".to_owned(), body: FactBody::Note(note) }
}
