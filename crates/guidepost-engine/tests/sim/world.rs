//! A cluster in one thread, driven by one seed: it stands where the shell stands, and nowhere else.

mod operator;
mod words;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;

use guidepost_core::id::{RunNo, RunRef, Tenant};
use guidepost_core::input::Control;
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::runner::{Config, Effect, LoadedRun, Message, Runner};
use guidepost_engine::{Handler, Outcome, child_handlers, schedule};
use guidepost_store::{Held, RunFilter, ScheduleFilter, Scheduled, Store, StoreError, TaskFilter};

use self::words::{again, asked, name_of, told};
use self::work::Outside;
use crate::faults::{Crashed, Faults, Rng, Side};
use crate::store::{Broken, NodeWorld, SimStore, poll_once};
use crate::workflows::{KNOWN, MACHINES, queues};

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
    /// Its runners work for this run only, and for those below it.
    root: Option<RunNo>,
    handlers: (Arc<dyn Handler>, Arc<dyn Handler>),
}

/// See the module's documentation.
pub(crate) struct World {
    pub(crate) store: Arc<SimStore>,
    pub(crate) outside: Outside,
    /// Where more was done at once than there are slots.
    pub(crate) crowded: Vec<String>,
    /// Where a runner for one run did the work of another.
    pub(crate) strayed: Vec<String>,
    /// How often a runner for one run did work of that run, or of one below it.
    pub(crate) done_at_home: usize,
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
            strayed: Vec::new(),
            done_at_home: 0,
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
            root: self.nodes[node].root,
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
            Effect::FindSchedules { until, limit } => {
                let due_by = Some(until);
                let filter = ScheduleFilter { due_by, limit, ..ScheduleFilter::default() };
                let found = at_once(store.schedules(&tenant, &filter));
                Message::Scheduled { until, found: found.map(|page| page.items) }
            }
            Effect::MoveSchedule { before, settled } => {
                let own = NodeWorld { store: Arc::clone(&store), node };
                let moved = schedule::settle(&*store, &tenant, &MACHINES, &own, &before, &settled);
                let outcome = at_once(moved);
                let (schedule, begins) = (before.full_name(), settled.begin.is_some());
                Message::ScheduleMoved { schedule, begins, outcome }
            }
            Effect::Load(run) => {
                let mut loaded = load(&store, run);
                if store.state().broken == Some(Broken::RootMistaken)
                    && let (Ok(Some(loaded)), Some(root)) = (&mut loaded, self.nodes[node].root)
                {
                    loaded.root = root;
                }
                Message::Loaded { run, loaded }
            }
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
            Effect::Decline(held) => {
                let _ = at_once(store.decline(&tenant, &owner, &[held], self.clock(node)));
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
            root: None,
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
