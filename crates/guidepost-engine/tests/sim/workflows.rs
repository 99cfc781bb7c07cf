//! What the simulated runs walk: steps with retries and timeouts, fan-outs, regions, children, races.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use guidepost_core::id::Tenant;
use guidepost_core::machine::Machine;
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::compile;
use guidepost_engine::Machines;
use guidepost_store::memory::Memory;
use guidepost_store::{NewVersion, Source, Store, Wanted};

use crate::store::poll_once;

/// Their texts. Those of the first half are started from outside, the others by runs.
const TEXTS: [&str; 13] = [
    // Steps that are tried again, take too long, and are entered anew.
    "
name: orders
attributes: { price: { type: string }, paid: { type: string }, fixed: { type: string }, sent: { type: string } }
initial: Price
states:
  Price: { task: price, output: [price], retry: { max_attempts: 4, delay: 200ms }, onDone: Pay, onError: GaveUp }
  Pay: { task: pay, output: [paid], timeout: 2s, retry: { max_attempts: 2, delay: 300ms }, onDone: Send, onError: Fix }
  Fix: { task: fix, output: [fixed], retry: { max_attempts: 3, delay: 100ms }, onDone: Pay, onError: GaveUp }
  Send: { task: send, input: { receipt: '{{ paid }}' }, output: [sent], retry: { max_attempts: 5, delay: 100ms }, onDone: Sent, onError: GaveUp }
  GaveUp: { type: final }
  Sent: { type: final }
",
    // Branches that join in three ways.
    "
name: reviews
attributes:
  files: { type: string, is_array: true, default: [a, b, c, d, e] }
  notes: { type: string, is_array: true }
  votes: { type: string, is_array: true }
  quick: { type: string, is_array: true }
initial: Read
states:
  Read: { task: read, for_each: files, concurrency: 2, output: [notes], retry: { max_attempts: 3, delay: 200ms }, onDone: Vote, onError: Vote }
  Vote: { task: vote, for_each: files, join: majority, output: [votes], timeout: 2s, onDone: Race, onError: Race }
  Race: { task: race, for_each: files, concurrency: 3, join: first, output: [quick], onDone: Over, onError: Over }
  Over: { type: final }
",
    // Regions that go on at the same time, with timers and waits.
    "
name: regions
attributes: { code: { type: string }, checked: { type: string }, words: { type: string } }
initial: Both
states:
  Both:
    type: parallel
    states:
      Left:
        initial: Code
        states:
          Code: { task: code, output: [code], retry: { max_attempts: 3, delay: 200ms }, onDone: Rest, onError: Rest }
          Rest: { wait: 700ms, onDone: Check }
          Check: { task: check, output: [checked], onDone: LeftDone, onError: LeftDone }
          LeftDone: { type: final }
      Right:
        initial: Write
        states:
          Write: { task: write, output: [words], timeout: 3s, onDone: Dry, onError: Dry, after: { 6s: Dry } }
          Dry: { after: { 500ms: Press } }
          Press: { task: press, onDone: RightDone, onError: RightDone }
          RightDone: { type: final }
    onDone: Over
  Over: { type: final }
",
    // Runs that launch runs, wait for them, and leave them.
    "
name: parents
attributes: { twice: { type: string }, many: { type: string, is_array: true } }
initial: One
states:
  One: { run: child, input: { n: '1' }, output: [twice], after: { 4s: Many }, onDone: Many, onError: Many }
  Many: { run: child, for_each: [a, b, c], join: any, input: { n: '{{ item }}' }, output: [many], onDone: Over, onError: Over }
  Over: { type: final }
",
    // What comes first: a result, a time or an event.
    "
name: races
attributes: { thought: { type: string } }
initial: Think
states:
  Think: { task: think, output: [thought], after: { 900ms: Await }, onDone: Await, onError: Await }
  Await: { on: { Go: Nap }, after: { 2s: Nap } }
  Nap: { wait: 400ms, onDone: Again, on: { Go: Again } }
  Again: { task: think, output: [thought], onDone: Over, onError: Over }
  Over: { type: final }
",
    // A sequence of many short steps.
    "
name: chain
attributes: { a: { type: string }, b: { type: string }, c: { type: string }, d: { type: string } }
steps:
  - { name: A, task: link, output: [a], retry: { max_attempts: 9, delay: 50ms } }
  - { name: B, task: link, output: [b], retry: { max_attempts: 9, delay: 50ms } }
  - { name: C, agent: scribe, prompt: 'Link {{ b }}.', output: [c], retry: { max_attempts: 9, delay: 50ms } }
  - { name: D, agent: scribe, prompt: 'Link {{ c }}.', output: [d], retry: { max_attempts: 9, delay: 50ms } }
",
    "
name: child
attributes: { n: { type: string }, twice: { type: string } }
output: { twice: twice, many: twice }
initial: Double
states:
  Double: { task: double, output: [twice], retry: { max_attempts: 3, delay: 200ms }, onDone: Deeper }
  Deeper: { run: grandchild, onDone: Over }
  Over: { type: final }
",
    "
name: grandchild
initial: Dig
states:
  Dig: { task: dig, onDone: Over, after: { 3s: Over } }
  Over: { type: final }
",
    // Runs that spend from one budget, which is not enough for them.
    "
name: spenders
limits: { max_steps: 12, warn_at: 0.5 }
initial: Many
states:
  Many: { run: spender, for_each: [a, b, c], concurrency: 3, onDone: More, onError: More }
  More: { task: link, onDone: Over, onError: Over }
  Over: { type: final }
",
    "
name: spender
attributes: { a: { type: string }, b: { type: string }, c: { type: string }, d: { type: string } }
steps:
  - { name: A, task: link, output: [a], retry: { max_attempts: 9, delay: 50ms } }
  - { name: B, task: link, output: [b], retry: { max_attempts: 9, delay: 50ms } }
  - { name: C, task: link, output: [c], retry: { max_attempts: 9, delay: 50ms } }
  - { name: D, task: link, output: [d], retry: { max_attempts: 9, delay: 50ms } }
",
    // Runs that begin by themselves.
    "
name: clockwork
attributes: { day: { type: string }, a: { type: string } }
schedules:
  each: { every: 2s, due_as: day, overlap: allow, catch_up: all }
  alone: { every: 1s, due_as: day, overlap: skip, catch_up: all }
  queued: { every: 1s, due_as: day, overlap: queue, catch_up: all }
steps:
  - { name: A, task: link, output: [a], retry: { max_attempts: 9, delay: 50ms } }
  - { name: B, wait: 700ms }
",
    // Runs of which only some may go on at once, and only so much of what they do.
    "
name: narrow
attributes: { notes: { type: string, is_array: true }, dug: { type: string } }
concurrency: { runs: 3, task: 2, 'task:dig': 1 }
initial: Each
states:
  Each: { task: link, for_each: [a, b], output: [notes], retry: { max_attempts: 3, delay: 200ms }, onDone: Dig, onError: Dig }
  Dig: { task: dig, output: [dug], timeout: 2s, onDone: Rest, onError: Rest }
  Rest: { wait: 300ms, onDone: Again }
  Again: { task: dig, onDone: Over, onError: Over }
  Over: { type: final }
",
    // What was done is made good when a run goes back, or is cancelled.
    "
name: trips
attributes: { flight: { type: string }, hotel: { type: string }, seats: { type: string, is_array: true } }
initial: Fly
states:
  Fly: { task: fly, output: [flight], retry: { max_attempts: 3, delay: 100ms }, onDone: Sleep, onError: Home, compensate: { task: unfly, input: { id: '{{ flight }}' }, retry: { max_attempts: 3, delay: 100ms } } }
  Sleep: { task: sleep, output: [hotel], onDone: Sit, onError: Sit, compensate: { task: unsleep, input: { id: '{{ hotel }}' } } }
  Sit: { task: sit, for_each: [a, b, c], concurrency: 2, output: [seats], onDone: Look, onError: Stay, compensate: { task: unsit, input: { id: '{{ seats[index] }}' }, retry: { max_attempts: 9, delay: 50ms } } }
  Look: { task: look, onDone: Stay, onError: Stay }
  Stay: { on: { Go: Home }, after: { 6s: Home } }
  Home: { type: final }
",
];

/// How many of them are started from outside.
pub(crate) const STARTED: usize = 6;

/// Which of them launches runs.
pub(crate) const LAUNCHING: usize = 3;

/// Which of them spends more than it may.
pub(crate) const SPENDING: usize = 8;

/// Which of them begins by itself, in worlds that have schedules.
pub(crate) const CLOCKWORK: usize = 10;

/// When every world begins.
pub(crate) const BEGINNING: Timestamp = Timestamp(1_000_000_000_000_000_000);
/// Which of them bounds how much goes on at once.
pub(crate) const NARROW: usize = 11;
/// Which of them goes back past what it did.
pub(crate) const TRAVELLING: usize = 12;

/// A workflow, compiled and ready to be defined.
pub(crate) struct Known {
    pub(crate) machine: Arc<Machine>,
    pub(crate) version: NewVersion,
}

/// All of them, in order.
pub(crate) static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    TEXTS
        .iter()
        .map(|text| {
            let compiled = compile(text.as_bytes(), "sim.yaml");
            let machine = compiled.machine.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
            let source =
                Source { format: "yaml".to_owned(), text: (*text).to_owned(), file: String::new() };
            let version = NewVersion::of(&machine, source, "sim", BEGINNING);
            Known { machine: Arc::new(machine), version }
        })
        .collect()
});

/// By name.
pub(crate) fn known(name: &str) -> &'static Known {
    KNOWN.iter().find(|known| known.machine.name == name).expect("a workflow of the simulation")
}

/// The queues of all their work.
pub(crate) fn queues() -> Vec<String> {
    let mut queues = BTreeSet::new();
    for known in KNOWN.iter() {
        let work = known.machine.states.iter().filter_map(|state| state.work.as_ref());
        let all = work.flat_map(|work| std::iter::once(work).chain(&work.compensate));
        queues.extend(all.map(|work| guidepost_engine::plan::queue_of(&known.machine, work)));
    }
    queues.into_iter().collect()
}

/// Machines compiled beforehand, so that no seed depends on those before it.
pub(crate) static MACHINES: LazyLock<Arc<Machines>> = LazyLock::new(|| {
    let (store, tenant, machines) = (Memory::new(), Tenant::default(), Machines::default());
    for known in KNOWN.iter() {
        let define = store.define(&tenant, known.version.clone());
        poll_once(define).expect("the memory store waits for nothing").unwrap();
        let find = machines.find(&store, &tenant, &known.machine.name, Wanted::Current);
        poll_once(find).expect("the memory store waits for nothing").unwrap();
    }
    Arc::new(machines)
});
