//! People: who starts runs, looks in, pauses, cancels, and takes runs back.

use std::sync::Arc;

use guidepost_core::id::{Rev, RunId, RunNo, Tenant};
use guidepost_core::input::{By, Compensate, Control, Event as Sent, Input, Restore, Start};
use guidepost_core::kernel;
use guidepost_core::machine::Limits;
use guidepost_core::record::Restoration;
use guidepost_core::recorded::{Fact, FactBody, LimitsSet};
use guidepost_core::run::{Driver, Run, Status};
use guidepost_engine::runner::Message;
use guidepost_engine::{history, plan};
use guidepost_store::{NewRun, NewVersion, ScheduleFilter, Store as _};
use serde_json::Map;

use super::words::kind_of;
use super::{Event, NODES, World};
use crate::faults::Faults;
use crate::workflows::{CLOCKWORK, KNOWN, LAUNCHING, NARROW, SPENDING, STARTED, TRAVELLING, known};

impl World {
    /// Starts so many runs, in a few seconds.
    pub(crate) fn start(&mut self, runs: usize, faults: &Faults) {
        for _ in 0..runs {
            let any = usize::try_from(self.rng.below(STARTED as u64)).unwrap();
            let launches = faults.is_about_launches() && self.rng.permille(700);
            let at = self.rng.below(5_000);
            self.later(0, at, Event::Start(if launches { LAUNCHING } else { any }));
        }
    }

    /// Starts a run that launches others, the first of the world, and has the runners of one node work for it alone.
    pub(crate) fn start_with_a_runner_of_its_own(&mut self) {
        self.later(0, 0, Event::Start(LAUNCHING));
        self.nodes[NODES - 1].root = Some(RunNo(1));
    }

    /// Lets runs begin by themselves from now on.
    pub(crate) fn schedule(&mut self) {
        let version = KNOWN[CLOCKWORK].version.clone();
        self.store.ask(self.store.real.define(&Tenant::default(), version));
    }

    /// Takes the schedules away, and keeps how they were.
    pub(super) fn unschedule(&mut self) {
        let all = ScheduleFilter::default();
        let kept = self.store.ask(self.store.real.schedules(&Tenant::default(), &all)).items;
        if !kept.is_empty() {
            let version = KNOWN[CLOCKWORK].version.clone();
            let without = NewVersion { schedules: Vec::new(), ..version };
            self.store.ask(self.store.real.define(&Tenant::default(), without));
            self.schedules = kept;
        }
    }

    /// Starts runs that spend more than they may.
    pub(crate) fn start_spenders(&mut self, runs: usize) {
        for _ in 0..runs {
            let at = self.rng.below(3_000);
            self.later(0, at, Event::Start(SPENDING));
        }
    }

    /// Starts runs of which only some may go on at once.
    pub(crate) fn start_narrow(&mut self, runs: usize) {
        for _ in 0..runs {
            let at = self.rng.below(3_000);
            self.later(0, at, Event::Start(NARROW));
        }
    }

    /// Starts runs that go back past what they did.
    pub(crate) fn start_travellers(&mut self, runs: usize) {
        for _ in 0..runs {
            let at = self.rng.below(3_000);
            self.later(0, at, Event::Start(TRAVELLING));
        }
    }

    /// Raises every limit so far that what is there can be done.
    pub(crate) fn raise(&mut self) {
        for run in self.runs() {
            let limits = Limits { max_steps: Some(1_000), ..Limits::default() };
            let body = FactBody::LimitsSet(LimitsSet { limits, note: None });
            let fact = Fact { at: None, observed: true, by: "operator".to_owned(), body };
            self.store.ask(self.store.real.record(&Tenant::default(), run, vec![fact]));
        }
    }

    pub(super) fn start_run(&mut self, workflow: usize) {
        let known = &KNOWN[workflow];
        let at = self.now();
        let start =
            Input::Start(Start { driver: Driver::Engine, data: Map::new(), by: By::default(), at });
        let (decision, after) =
            kernel::decide_all(&known.machine, &Run::default(), &start).unwrap();
        let batch =
            plan::batch(&known.machine, &Run::default(), decision, after, None, at, |_| None);
        let new = NewRun::new(
            RunId(uuid::Uuid::from_u64_pair(self.rng.next(), self.rng.next())),
            &known.machine.name,
            Some(guidepost_core::id::Version(1)),
            Driver::Engine,
            at,
        );
        let created = self.store.ask(self.store.real.create(&Tenant::default(), new, batch));
        self.note(|| format!("{} of {} begins", created.run, known.machine.name));
        for node in 0..NODES {
            if self.nodes[node].runner.is_some() && self.rng.permille(300) {
                let delay = self.delay();
                self.later(node, delay, Event::Message(Message::Wake));
            }
        }
    }

    /// An operator looks in ten times a second: sends an event, pauses, resumes, cancels, stops a runner.
    pub(super) fn operate(&mut self) {
        self.later(0, 100, Event::Operator);
        let runs = self.runs();
        let Some(run) = runs.get(usize::try_from(self.rng.below(runs.len() as u64)).unwrap())
        else {
            return;
        };
        if self.rng.permille(self.faults.pausing) {
            let is_paused = self.store.run(*run).is_some_and(|it| it.run.status == Status::Paused);
            self.control(*run, if is_paused { Control::Resume } else { Control::Pause });
        }
        if self.rng.permille(self.faults.cancelling) {
            self.control(*run, Control::Cancel);
        }
        if self.faults.undoing > 0 && self.rng.permille(self.faults.undoing) {
            self.undo(*run);
        }
        if self.rng.permille(200) {
            let at = self.now();
            let (data, by) = (Map::new(), By::default());
            let evidence = Vec::new();
            let event = Sent { name: "Go".into(), data, rev: None, evidence, by, at };
            self.input(*run, &Input::Event(event));
        }
        let node = usize::try_from(self.rng.below(NODES as u64)).unwrap();
        if self.rng.permille(self.faults.stopping) && self.nodes[node].runner.is_some() {
            self.later(node, 1, Event::Message(Message::Stop));
        }
    }

    /// Takes a run back to any place of its way, or cancels it, and has made good what it did since.
    fn undo(&mut self, run: RunNo) {
        let entries = crate::store::history(&self.store, run);
        // A run has no workflow yet before its first record.
        let machine_of = |run: &Run| {
            let known = KNOWN.iter().find(|known| known.machine.name == run.workflow)?;
            Some(Arc::clone(&known.machine))
        };
        let replay = history::replay(&entries, &machine_of);
        let steps = &replay.steps;
        let step = &steps[usize::try_from(self.rng.below(steps.len() as u64)).unwrap()];
        let cancels = self.rng.permille(200);
        let to = if cancels { Rev(0) } else { step.last };
        let Ok(found) = history::compensations(&entries, to, &machine_of) else { return };
        assert_eq!(found.unsayable, [], "every text of the workflow has a value");
        let (by, at) = (By::default(), self.now());
        let input = if cancels {
            Input::Compensate(Compensate { work: found.work, by, at })
        } else {
            let Ok((past, past_at)) = history::at(&entries, to) else { return };
            let Ok(lasting) = history::lasting(&entries, &replay, to, &machine_of) else { return };
            Input::Restore(Restore {
                why: Restoration::RolledBack { rev: to },
                past: Box::new(past),
                past_at,
                going_on: Vec::new(),
                edits: Vec::new(),
                lasting,
                compensations: found.work,
                by,
                at,
            })
        };
        self.input(run, &input);
    }

    pub(super) fn control(&mut self, run: RunNo, control: Control) {
        let at = self.now();
        self.input(run, &Input::Control { control, by: By::default(), at });
    }

    /// An input from outside the engine, straight to the store. What does not fit the run's state is refused.
    fn input(&mut self, run: RunNo, input: &Input) {
        let Some(loaded) = self.store.run(run) else { return };
        let machine = &known(&loaded.run.workflow).machine;
        let Ok((decision, after)) = kernel::decide_all(machine, &loaded.run, input) else { return };
        let expected = loaded.run.rev;
        let now = self.now();
        let batch = plan::batch(machine, &loaded.run, decision, after, None, now, |_| None);
        self.note(|| format!("{run} takes {}", kind_of(input)));
        self.store.operate(run, expected, batch);
    }
}
