//! A cluster in one thread, driven by one seed: it stands where the shell stands, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use guidepost_core::id::{Purpose, Rev, RunId, RunNo, RunRef, Tenant};
use guidepost_core::input::{By, Compensate, Control, Event as Sent, Input, Restore, Start};
use guidepost_core::kernel;
use guidepost_core::machine::Limits;
use guidepost_core::record::Restoration;
use guidepost_core::recorded::{Fact, FactBody, LimitsSet};
use guidepost_core::run::{Driver, Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::history;
use guidepost_engine::runner::{Config, Effect, LoadedRun, Message, Runner};
use guidepost_engine::{Call, Failure, Handler, Outcome, child_handlers, plan, schedule};
use guidepost_store::{
    CANCEL_QUEUE, Held, NewRun, NewVersion, RunFilter, ScheduleFilter, Scheduled, Store,
    StoreError, TaskFilter, TaskId,
};
use serde_json::{Map, json};

use crate::faults::{Crashed, Faults, Rng, Side};
use crate::store::{Broken, NodeWorld, SimStore, poll_once};
use crate::workflows::{
    CLOCKWORK, KNOWN, LAUNCHING, MACHINES, NARROW, SPENDING, STARTED, TRAVELLING, known, queues,
};

/// Runners in a world.
pub(crate) const NODES: usize = 3;

/// Tasks a runner may do at once.
pub(crate) const SLOTS: usize = 4;

/// A queue of which a runner may do so many at once.
pub(crate) const SCARCE: (&str, usize) = ("task:read", 2);

const LEASE: Span = Span(3_000_000_000);
const POLL: Span = Span(500_000_000);
const MS: i64 = 1_000_000;

/// How many events a failure shows.
const SHOWN_MAX: usize = 120;

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

enum Event {
    /// The time a runner asked to be woken at.
    Tick(Timestamp),
    Message(Message),
    Effect(Effect),
    /// A handler of the engine's own goes on.
    Poll(Held),
    /// A handler does something in the world outside.
    Outside {
        held: Held,
        key: String,
    },
    Restart,
    /// Somebody starts a run of this workflow.
    Start(usize),
    /// An operator looks in.
    Operator,
}

/// An event, and the incarnation of the node it is for.
struct Due {
    node: usize,
    generation: u64,
    event: Event,
}

struct Node {
    runner: Option<Runner>,
    generation: u64,
    owner: String,
    performing: BTreeMap<Held, String>,
    work: BTreeMap<Held, Work>,
    frozen_until: Timestamp,
    tick_at: Option<Timestamp>,
    handlers: (Arc<dyn Handler>, Arc<dyn Handler>),
}

/// What handlers did to the world, which counts an effect once for each key.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// The piece of work each key belongs to.
    pub(crate) task_of: BTreeMap<String, BTreeSet<TaskId>>,
    /// How often each piece of work counted.
    pub(crate) counted: BTreeMap<TaskId, u64>,
}

impl Outside {
    fn take(&mut self, key: String, task: &TaskId) {
        let task = &deed(task);
        let known = self.task_of.entry(key).or_default();
        if known.is_empty() {
            *self.counted.entry(task.clone()).or_default() += 1;
        }
        known.insert(task.clone());
    }
}

/// What a task does to the world: making a piece of work good is the same whichever decision asks for it.
pub(crate) fn deed(task: &TaskId) -> TaskId {
    let purpose = match task.purpose {
        Purpose::Work => Purpose::Work,
        Purpose::Compensation(_) => Purpose::Compensation(Rev(0)),
    };
    TaskId { purpose, ..task.clone() }
}

/// See the module's documentation.
pub(crate) struct World {
    pub(crate) store: Arc<SimStore>,
    pub(crate) outside: Outside,
    /// Where more was done at once than there are slots.
    pub(crate) crowded: Vec<String>,
    /// The schedules as they were when they were taken away.
    pub(crate) schedules: Vec<Scheduled>,
    seed: u64,
    rng: Rng,
    faults: Faults,
    queue: BTreeMap<(Timestamp, u64, u64), Due>,
    serial: u64,
    nodes: Vec<Node>,
    crashed: Crashed,
    shown: VecDeque<String>,
    trace: u64,
    skew_max_ms: u64,
}

impl World {
    pub(crate) fn new(seed: u64, broken: Option<Broken>) -> Self {
        let store = SimStore::new(seed, NODES, broken);
        for known in KNOWN.iter().filter(|known| known.version.schedules.is_empty()) {
            store.ask(store.real.define(&Tenant::default(), known.version.clone()));
        }
        let nodes = (0..NODES).map(|node| Node::new(&store, node)).collect();
        let mut world = Self {
            store,
            outside: Outside::default(),
            crowded: Vec::new(),
            schedules: Vec::new(),
            seed,
            rng: Rng::new(seed),
            faults: Faults::none(),
            queue: BTreeMap::new(),
            serial: 0,
            nodes,
            crashed: Crashed::new(),
            shown: VecDeque::new(),
            trace: 0xcbf2_9ce4_8422_2325,
            skew_max_ms: 0,
        };
        for node in 0..NODES {
            world.later(node, 0, Event::Restart);
        }
        world.later(0, 0, Event::Operator);
        world
    }

    /// Starts so many runs, in a few seconds.
    pub(crate) fn start(&mut self, runs: usize, faults: &Faults) {
        for _ in 0..runs {
            let any = usize::try_from(self.rng.below(STARTED as u64)).unwrap();
            let launches = faults.is_about_launches() && self.rng.permille(700);
            let at = self.rng.below(5_000);
            self.later(0, at, Event::Start(if launches { LAUNCHING } else { any }));
        }
    }

    /// Lets runs begin by themselves from now on.
    pub(crate) fn schedule(&mut self) {
        let version = KNOWN[CLOCKWORK].version.clone();
        self.store.ask(self.store.real.define(&Tenant::default(), version));
    }

    /// Takes the schedules away, and keeps how they were.
    fn unschedule(&mut self) {
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

    /// A subset of all faults, drawn from the seed.
    pub(crate) fn swarm(&mut self) -> Faults {
        Faults::swarm(self.seed, &mut self.rng)
    }

    /// Lets so many seconds pass with these faults.
    pub(crate) fn run_with(&mut self, faults: Faults, seconds: i64) {
        self.set(faults);
        self.pass(seconds);
    }

    /// Lets time pass without faults, until nothing is left to be done and for a minute at most.
    pub(crate) fn settle(&mut self) {
        self.set(Faults::none());
        self.unschedule();
        for run in self.runs() {
            self.control(run, Control::Resume);
        }
        for _ in 0..60 {
            self.pass(1);
            if crate::checkers::is_settled(self) {
                return;
            }
        }
    }

    fn pass(&mut self, seconds: i64) {
        let end = self.now().after(Span(seconds * 1_000 * MS));
        while let Some((key, due)) = self.queue.pop_first() {
            if key.0 > end {
                self.queue.insert(key, due);
                break;
            }
            self.store.state().now = key.0;
            self.happen(due);
        }
        self.store.state().now = end;
    }

    fn set(&mut self, faults: Faults) {
        self.note(|| format!("from now on {faults:?}"));
        let skew = faults.skew_ms;
        self.skew_max_ms = self.skew_max_ms.max(skew);
        let is_early = self.store.state().broken == Some(Broken::TimersEarly);
        for node in 0..NODES {
            let ahead = i64::try_from(self.rng.below(skew + 1)).unwrap();
            let mut state = self.store.state();
            state.skews[node] = (ahead - i64::try_from(skew / 2).unwrap()) * MS;
            if is_early {
                state.skews[node] += 9_000 * MS;
            }
        }
        self.store.state().faults = faults.clone();
        self.faults = faults;
    }

    pub(crate) fn runs(&self) -> Vec<RunNo> {
        let filter = RunFilter { limit: 1_000, ..RunFilter::default() };
        let runs = self.store.ask(self.store.real.runs(&Tenant::default(), &filter)).items;
        runs.into_iter().rev().map(|run| run.no).collect()
    }

    pub(crate) fn tasks(&self) -> Vec<guidepost_store::Task> {
        let filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
        self.store.ask(self.store.real.tasks(&Tenant::default(), &filter)).items
    }

    /// How far ahead a clock was at most.
    pub(crate) fn skew_max(&self) -> Span {
        Span::from_millis(self.skew_max_ms)
    }

    /// A number that two worlds share if the same happened in them.
    pub(crate) fn trace(&self) -> u64 {
        self.trace
    }

    /// Where runners vanished.
    pub(crate) fn crashed(&self) -> Crashed {
        &self.crashed | &self.store.state().crashed
    }

    /// What happened last.
    pub(crate) fn last_events(&self) -> String {
        self.shown.iter().fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "  {line}");
            all
        })
    }

    fn now(&self) -> Timestamp {
        self.store.state().now
    }

    fn clock(&self, node: usize) -> Timestamp {
        let state = self.store.state();
        state.now.after(Span(state.skews[node]))
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>9} {}", (self.now().0 - 1_000_000_000_000_000_000) / 1_000, line());
        for byte in line.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.shown.len() >= SHOWN_MAX {
            self.shown.pop_front();
        }
        self.shown.push_back(line);
    }

    fn later(&mut self, node: usize, ms: u64, event: Event) {
        let at = self.now().after(Span::from_millis(ms));
        self.at(at, node, event);
    }

    fn at(&mut self, at: Timestamp, node: usize, event: Event) {
        let generation = self.nodes[node].generation;
        self.put(at, Due { node, generation, event });
    }

    fn put(&mut self, at: Timestamp, due: Due) {
        self.serial += 1;
        let draw = self.rng.next();
        self.queue.insert((at, draw, self.serial), due);
    }

    /// Lets an event wait, in the order in which it came.
    fn put_back(&mut self, at: Timestamp, due: Due) {
        self.serial += 1;
        self.queue.insert((at, 0, self.serial), due);
    }

    /// How long a message takes.
    fn delay(&mut self) -> u64 {
        1 + self.rng.below(4) + self.rng.below(self.faults.delay_ms)
    }

    fn happen(&mut self, due: Due) {
        let Due { node, generation, event } = due;
        match event {
            Event::Start(workflow) => return self.start_run(workflow),
            Event::Operator => return self.operate(),
            Event::Restart => return self.restart(node),
            Event::Tick(_)
            | Event::Message(_)
            | Event::Effect(_)
            | Event::Poll(_)
            | Event::Outside { .. } => {}
        }
        if self.nodes[node].generation != generation {
            if let Event::Effect(effect) = event {
                self.haunt(node, effect);
            }
            return;
        }
        let thaws = self.nodes[node].frozen_until;
        if thaws > self.now() {
            return self.put_back(thaws, Due { node, generation, event });
        }
        if self.rng.permille(self.faults.frozen) && matches!(event, Event::Message(_)) {
            self.note(|| format!("n{node} stands still"));
            let thaws = self.now().after(Span(LEASE.0 * 2));
            self.nodes[node].frozen_until = thaws;
            return self.put_back(thaws, Due { node, generation, event });
        }
        match event {
            Event::Tick(at) => {
                if self.nodes[node].tick_at == Some(at) {
                    self.nodes[node].tick_at = None;
                    self.deliver(node, Message::Tick);
                }
            }
            Event::Message(message) => self.deliver(node, message),
            Event::Effect(effect) => self.carry_out(node, effect),
            Event::Poll(held) => self.poll(node, &held),
            Event::Outside { held, key } => {
                if self.nodes[node].performing.get(&held) == Some(&key) {
                    self.outside.take(key, &held.task);
                }
            }
            Event::Start(_) | Event::Operator | Event::Restart => {}
        }
    }

    /// Gives a runner a message, and takes what it asks for.
    fn deliver(&mut self, node: usize, message: Message) {
        let now = self.clock(node);
        self.note(|| format!("n{node} <- {}", told(&message)));
        if let Message::Ended { held, .. } = &message {
            self.nodes[node].performing.remove(held);
        }
        let mut effects = Vec::new();
        let Some(runner) = &mut self.nodes[node].runner else { return };
        runner.handle(message, now, &mut effects);
        let generation = self.nodes[node].generation;
        for effect in effects {
            if self.nodes[node].generation != generation {
                return;
            }
            match effect {
                // The shell does these at once.
                Effect::Perform { .. } | Effect::Abort(_) | Effect::Stopped => {
                    self.carry_out(node, effect);
                }
                other => {
                    let delay = self.delay();
                    self.later(node, delay, Event::Effect(other));
                }
            }
        }
        self.set_tick(node);
    }

    fn set_tick(&mut self, node: usize) {
        let ahead = self.clock(node).0 - self.now().0;
        let Some(runner) = &self.nodes[node].runner else { return };
        let at =
            Timestamp(runner.wake_at().0.saturating_sub(ahead)).max(self.now().after(Span(MS)));
        if self.nodes[node].tick_at.is_none_or(|set| at < set) {
            self.nodes[node].tick_at = Some(at);
            self.at(at, node, Event::Tick(at));
        }
    }

    fn crashes(&mut self, node: usize, name: &'static str, side: Side) -> bool {
        if !self.faults.crashes((name, side), &mut self.rng) {
            return false;
        }
        self.crashed.insert((name, side));
        self.note(|| format!("n{node} vanishes {side:?} {name}"));
        self.vanish(node);
        true
    }

    /// The runner and all it was about are gone; another begins in its place after a while.
    fn vanish(&mut self, node: usize) {
        let gone = &mut self.nodes[node];
        gone.runner = None;
        gone.generation += 1;
        gone.performing.clear();
        gone.work.clear();
        gone.tick_at = None;
        gone.frozen_until = Timestamp(0);
        let delay = 50 + self.rng.below(2_000);
        self.later(node, delay, Event::Restart);
    }

    fn restart(&mut self, node: usize) {
        let number = self.rng.next();
        let owner = format!("n{node}-{number:x}");
        self.note(|| format!("{owner} begins"));
        let is_greedy = self.store.state().broken == Some(Broken::SlotsIgnored);
        let config = Config {
            owner: owner.clone(),
            queues: queues(),
            slots: if is_greedy { 4 * SLOTS } else { SLOTS },
            slots_of: BTreeMap::from([(SCARCE.0.to_owned(), SCARCE.1)]),
            lease: LEASE,
            poll: POLL,
            root: None,
        };
        let begun = &mut self.nodes[node];
        begun.runner = Some(Runner::new(config));
        begun.owner = owner;
        self.deliver(node, Message::Wake);
    }

    /// Does what a runner asks for, and lets it know.
    fn carry_out(&mut self, node: usize, effect: Effect) {
        let name = name_of(&effect);
        if self.crashes(node, name, Side::Before) {
            return;
        }
        let message = self.act(node, effect);
        if self.nodes[node].runner.is_none() || self.crashes(node, name, Side::After) {
            return;
        }
        let Some(message) = message else { return };
        if self.rng.permille(self.faults.doubled)
            && let Some(again) = again(&message)
        {
            let delay = self.delay() * 3;
            self.later(node, delay, Event::Message(again));
        }
        let delay = self.delay();
        self.later(node, delay, Event::Message(message));
    }

    fn act(&mut self, node: usize, effect: Effect) -> Option<Message> {
        let (store, tenant) = (Arc::clone(&self.store), Tenant::default());
        let owner = self.nodes[node].owner.clone();
        self.note(|| format!("n{node} -> {}", asked(&effect)));
        let message = match effect {
            Effect::Claim(claim) => Message::Claimed(at_once(store.claim(&tenant, &claim))),
            Effect::FindDue { now, limit } => Message::Due(at_once(store.due(&tenant, now, limit))),
            Effect::FindSchedules { until } => {
                let filter = ScheduleFilter { due_by: Some(until), ..ScheduleFilter::default() };
                let found = at_once(store.schedules(&tenant, &filter));
                Message::Scheduled(found.map(|page| page.items))
            }
            Effect::MoveSchedule { before, settled } => {
                let own = NodeWorld { store: Arc::clone(&store), node };
                let moved = schedule::settle(&*store, &tenant, &MACHINES, &own, &before, &settled);
                Message::ScheduleMoved(at_once(moved))
            }
            Effect::Load(run) => Message::Loaded { run, loaded: load(&store, run) },
            Effect::Commit { run, expected, batch } => {
                let outcome = at_once(store.commit(&tenant, run, expected, *batch));
                Message::Committed { run, outcome }
            }
            Effect::Extend { held, until } => {
                Message::Extended(at_once(store.extend(&tenant, &owner, &held, until)))
            }
            Effect::Release(held) => {
                // Nobody waits for the answer: what is not given back is claimed when its lease has run out.
                let _ = at_once(store.release(&tenant, &owner, &held, self.clock(node)));
                return None;
            }
            // Every machine is there, in this world.
            Effect::Quarantine { .. } => return None,
            Effect::Perform { held, queue, call } => {
                self.perform(node, held, &queue, *call);
                return None;
            }
            Effect::Abort(held) => {
                self.nodes[node].performing.remove(&held);
                self.nodes[node].work.remove(&held);
                return None;
            }
            Effect::Stopped => {
                self.vanish(node);
                return None;
            }
        };
        Some(message)
    }

    /// A call that was on its way when its caller vanished.
    fn haunt(&mut self, node: usize, effect: Effect) {
        let is_write = matches!(
            effect,
            Effect::Commit { .. }
                | Effect::Claim(_)
                | Effect::Extend { .. }
                | Effect::MoveSchedule { .. }
        );
        if is_write && self.rng.permille(self.faults.ghost) {
            self.note(|| format!("n{node} had asked before it vanished:"));
            self.act(node, effect);
        }
    }

    fn perform(&mut self, node: usize, held: Held, queue: &str, call: Call) {
        self.nodes[node].performing.insert(held.clone(), String::new());
        self.count(node, queue);
        let (launch, cancel) = &self.nodes[node].handlers;
        let own = match queue {
            CANCEL_QUEUE => Some(Arc::clone(cancel)),
            "run" => Some(Arc::clone(launch)),
            _ => None,
        };
        if let Some(handler) = own {
            let work: Work = Box::pin(async move { handler.perform(call).await });
            self.nodes[node].work.insert(held.clone(), work);
            self.later(node, 0, Event::Poll(held));
            return;
        }
        let key = self.key_of(&call);
        self.nodes[node].performing.insert(held.clone(), key.clone());
        let is_slow = self.rng.permille(self.faults.slow);
        let takes = if is_slow { 1_000 + self.rng.below(7_000) } else { 10 + self.rng.below(400) };
        let timeout = call.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap());
        let acts = self.rng.below(takes + 1);
        let late = timeout.filter(|timeout| *timeout < takes);
        let outcome = match late {
            Some(_) => Outcome::Failed(Failure::passing("it took longer than its timeout")),
            None if self.rng.permille(self.faults.broken) => {
                Outcome::Failed(Failure::lasting("it cannot be done"))
            }
            None if self.rng.permille(self.faults.failing) => {
                Outcome::Failed(Failure::passing("not now"))
            }
            None => Outcome::Done(json!(call.task.to_string())),
        };
        let is_done = matches!(outcome, Outcome::Done(_));
        let ends = late.unwrap_or(takes);
        if acts < ends || is_done {
            self.later(
                node,
                acts.min(ends.saturating_sub(1)),
                Event::Outside { held: held.clone(), key },
            );
        }
        self.end(node, ends, held, outcome);
    }

    /// Lets a runner know how a piece of work ended, once or twice.
    fn end(&mut self, node: usize, ms: u64, held: Held, outcome: Outcome) {
        if self.rng.permille(self.faults.doubled) {
            let (held, outcome, delay) = (held.clone(), outcome.clone(), self.delay());
            self.later(node, ms + delay, Event::Message(Message::Ended { held, outcome }));
        }
        self.later(node, ms, Event::Message(Message::Ended { held, outcome }));
    }

    fn key_of(&self, call: &Call) -> String {
        match self.store.state().broken {
            Some(Broken::KeyOfTheState) => format!("{}:{}", call.task.run, call.task.state),
            Some(Broken::KeyOfTheWork) => {
                format!("{}:{}", call.task.run, call.task.piece())
            }
            Some(Broken::KeyOfTheAttempt) => format!("{}/{}", call.key, call.attempt),
            _ => call.key.clone(),
        }
    }

    fn count(&mut self, node: usize, queue: &str) {
        let at_work = self.nodes[node].performing.len();
        if at_work > SLOTS {
            self.crowded
                .push(format!("n{node} does {at_work} tasks at once, and has {SLOTS} slots"));
        }
        if queue == SCARCE.0 {
            let is_scarce = |held: &&Held| held.task.state.as_str() == "Read";
            let of_it = self.nodes[node].performing.keys().filter(is_scarce).count();
            if of_it > SCARCE.1 {
                let (queue, most) = SCARCE;
                self.crowded.push(format!("n{node} does {of_it} tasks of `{queue}`, of {most}"));
            }
        }
    }

    /// Lets a handler of the engine's own go on until it asks the store again.
    fn poll(&mut self, node: usize, held: &Held) {
        let Some(mut work) = self.nodes[node].work.remove(held) else { return };
        self.store.state().is_handler = true;
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.store.state().is_handler = false;
        if std::mem::take(&mut self.store.state().is_crashing) {
            self.note(|| format!("n{node} vanishes within {}", held.task));
            return self.vanish(node);
        }
        match polled {
            Poll::Ready(outcome) => self.end(node, 1, held.clone(), outcome),
            Poll::Pending => {
                self.nodes[node].work.insert(held.clone(), work);
                let delay = self.delay();
                self.later(node, delay, Event::Poll(held.clone()));
            }
        }
    }

    fn start_run(&mut self, workflow: usize) {
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
    fn operate(&mut self) {
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

    fn control(&mut self, run: RunNo, control: Control) {
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

impl Node {
    fn new(store: &Arc<SimStore>, node: usize) -> Self {
        let world = NodeWorld { store: Arc::clone(store), node };
        let handlers = child_handlers(
            Arc::clone(store) as Arc<dyn Store>,
            Tenant::default(),
            Arc::clone(&MACHINES),
            Arc::new(world),
        );
        Self {
            runner: None,
            generation: 0,
            owner: String::new(),
            performing: BTreeMap::new(),
            work: BTreeMap::new(),
            frozen_until: Timestamp(0),
            tick_at: None,
            handlers,
        }
    }
}

fn at_once<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    poll_once(answer).expect("the memory store waits for nothing")
}

/// What the shell does to load a run.
fn load(
    store: &SimStore,
    run: RunNo,
) -> Result<Option<Box<LoadedRun>>, guidepost_engine::NoMachine> {
    let tenant = Tenant::default();
    let Some(loaded) = at_once(store.load(&tenant, &RunRef::No(run)))? else { return Ok(None) };
    let machine = poll_once(MACHINES.of(store, &tenant, &loaded.head, &loaded.run))
        .expect("compiled before")?;
    let (id, root) = (loaded.head.id, loaded.head.root);
    let (run, budgets) = (loaded.run, loaded.budgets);
    Ok(Some(Box::new(LoadedRun { id, root, run, machine, budgets })))
}

/// The name of an effect, as in [`crate::faults::EFFECTS`].
fn name_of(effect: &Effect) -> &'static str {
    match effect {
        Effect::Claim(_) => "Claim",
        Effect::FindDue { .. } => "FindDue",
        Effect::FindSchedules { .. } => "FindSchedules",
        Effect::MoveSchedule { .. } => "MoveSchedule",
        Effect::Load(_) => "Load",
        Effect::Commit { .. } => "Commit",
        Effect::Quarantine { .. } => "Quarantine",
        Effect::Perform { .. } => "Perform",
        Effect::Abort(_) => "Abort",
        Effect::Extend { .. } => "Extend",
        Effect::Release(_) => "Release",
        Effect::Stopped => "Stopped",
    }
}

/// The message once more, if it is one that can come twice: the answer to a call comes once.
fn again(message: &Message) -> Option<Message> {
    match message {
        Message::Tick => Some(Message::Tick),
        Message::Wake => Some(Message::Wake),
        Message::Due(Ok(due)) => Some(Message::Due(Ok(due.clone()))),
        Message::Scheduled(Ok(found)) => Some(Message::Scheduled(Ok(found.clone()))),
        Message::Extended(Ok(lost)) => Some(Message::Extended(Ok(lost.clone()))),
        Message::Ended { held, outcome } => {
            Some(Message::Ended { held: held.clone(), outcome: outcome.clone() })
        }
        Message::Claimed(_)
        | Message::Due(Err(_))
        | Message::Scheduled(Err(_))
        | Message::ScheduleMoved(_)
        | Message::Loaded { .. }
        | Message::Committed { .. }
        | Message::Extended(Err(_))
        | Message::Stop => None,
    }
}

fn kind_of(input: &Input) -> &'static str {
    match input {
        Input::Control { control: Control::Pause, .. } => "a pause",
        Input::Control { control: Control::Resume, .. } => "a resumption",
        Input::Control { control: Control::Cancel, .. } => "a cancellation",
        Input::Restore(_) => "a rollback",
        Input::Compensate(_) => "a cancellation that makes good",
        _ => "an event",
    }
}

/// A message in a few words.
fn told(message: &Message) -> String {
    match message {
        Message::Claimed(Ok(claimed)) => {
            let tasks: Vec<String> = claimed
                .iter()
                .map(|it| {
                    let late = if it.timed_out { " late" } else { "" };
                    format!("{}/{}{late}", it.task.id, it.task.attempt)
                })
                .collect();
            format!("claimed {}", tasks.join(", "))
        }
        Message::Loaded { run, loaded: Ok(loaded) } => {
            format!("loaded {run} {:?}", loaded.as_ref().map(|it| it.run.rev.0))
        }
        Message::Committed { run, outcome: Ok(committed) } => {
            format!("committed {run} {}", committed.rev)
        }
        Message::Committed { run, outcome: Err(error) } => format!("not committed {run}: {error}"),
        Message::Ended { held, outcome } => {
            format!("ended {}/{} {outcome:?}", held.task, held.attempt)
        }
        other => format!("{other:?}"),
    }
}

/// An effect in a few words.
fn asked(effect: &Effect) -> String {
    match effect {
        Effect::Commit { run, expected, batch } => {
            let kinds: Vec<&str> = batch.records.iter().map(|record| record.kind()).collect();
            let fence = batch.tasks.fence.as_ref();
            let fence = fence.map(|held| format!("{}/{}", held.task, held.attempt));
            format!("commit {run} at {expected}: {} for {fence:?}", kinds.join(" "))
        }
        Effect::Perform { held, .. } => format!("perform {}/{}", held.task, held.attempt),
        Effect::Claim(claim) => format!("claim {}", claim.limit),
        other => format!("{other:?}"),
    }
}
