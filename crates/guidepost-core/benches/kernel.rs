//! How fast the kernel decides and folds, in transitions a second on one core.
//!
//! Prints a line of JSON for each pair. The floor of rates is what the project promises, that of a machine of 10,000 states
//! one of ten. `--quick` takes fewer pairs.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it prints how long things take"
)]

#[path = "../../../benches/line.rs"]
mod line;

use std::hint::black_box;
use std::time::Instant;

use guidepost_core::id::EventName;
use guidepost_core::input::{By, Event, Input};
use guidepost_core::kernel::decide;
use guidepost_core::machine::Machine;
use guidepost_core::run::{Driver, Run};
use guidepost_core::testing::machine;
use guidepost_core::time::Timestamp;
use serde_json::{Map, json};

use crate::line::line;

/// How many transitions a second are promised, without a guard and with one.
const PLAIN_PER_SECOND: f64 = 1_000_000.0;
const GUARDED_PER_SECOND: f64 = 300_000.0;

fn main() {
    let samples = if std::env::args().any(|argument| argument == "--quick") { 5 } else { 15 };
    let plain = ring(8, None);
    let guarded = ring(8, Some("event.score >= 70 and budget > 3"));
    let few = ring(10, None);
    let many = ring(10_000, None);
    for _ in 0..samples {
        line("kernel-plain", rate(&plain), PLAIN_PER_SECOND);
        line("kernel-guarded", rate(&guarded), GUARDED_PER_SECOND);
        line("kernel-10000-states", nanoseconds(&many), nanoseconds(&few));
    }
}

/// States in a ring, each leading to the next.
fn ring(states: usize, guard: Option<&str>) -> Machine {
    let mut definition = json!({
        "name": "ring",
        "attributes": { "budget": { "type": "number", "default": 5 } },
        "initial": "s0",
    });
    for n in 0..states {
        let mut transition = json!({ "target": format!("s{}", (n + 1) % states) });
        if let Some(guard) = guard {
            transition["guard"] = json!(guard);
        }
        definition["states"][format!("s{n}")] = json!({ "on": { "NEXT": transition } });
    }
    machine(&definition.to_string())
}

/// Transitions a second: decide and fold, the history dropped.
fn rate(machine: &Machine) -> f64 {
    const STEPS: u32 = 200_000;
    let mut run = started(machine);
    let data = Map::from_iter([("score".to_owned(), json!(80))]);
    let input = Input::Event(Event {
        name: EventName::from("NEXT"),
        data,
        rev: None,
        evidence: Vec::new(),
        by: By::default(),
        at: Timestamp(0),
    });
    let begun = Instant::now();
    for _ in 0..STEPS {
        let decision = decide(machine, &run, &input).expect("the event is legal");
        run.apply_all(&decision.records).expect("a decision folds");
        black_box(decision);
    }
    f64::from(STEPS) / begun.elapsed().as_secs_f64()
}

/// What one transition takes.
fn nanoseconds(machine: &Machine) -> f64 {
    1e9 / rate(machine)
}

fn started(machine: &Machine) -> Run {
    let mut run = Run::default();
    let input = Input::Start(guidepost_core::input::Start {
        driver: Driver::Agent,
        data: Map::new(),
        by: By::default(),
        at: Timestamp(0),
    });
    let decision = decide(machine, &run, &input).expect("the run starts");
    run.apply_all(&decision.records).expect("a decision folds");
    run
}
