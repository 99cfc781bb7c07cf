//! How fast the kernel decides and folds, in transitions a second on one core.
//!
//! Prints one JSON line per figure. `--quick` takes fewer samples. The floor of each figure is what the project promises.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it prints how long things take"
)]

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

fn main() {
    let samples = if std::env::args().any(|argument| argument == "--quick") { 5 } else { 15 };
    let plain = ring(8, None);
    let guarded = ring(8, Some("event.score >= 70 and budget > 3"));
    let few = ring(10, None);
    let many = ring(10_000, None);
    let mut figures: Vec<(&str, f64, Vec<f64>, Vec<f64>)> = vec![
        ("kernel-plain", 1_000_000.0, Vec::new(), Vec::new()),
        ("kernel-guarded", 300_000.0, Vec::new(), Vec::new()),
        ("kernel-10000-states", 0.0, Vec::new(), Vec::new()),
    ];
    for _ in 0..samples {
        figures[0].2.push(rate(&plain));
        figures[1].2.push(rate(&guarded));
        figures[2].2.push(nanoseconds(&many));
        figures[2].3.push(nanoseconds(&few));
    }
    for (name, promised, values, floors) in &mut figures {
        let ratios: Vec<f64> = if floors.is_empty() {
            values.iter().map(|value| value / *promised).collect()
        } else {
            values.iter().zip(floors.iter()).map(|(value, floor)| value / floor).collect()
        };
        let floor = if floors.is_empty() { *promised } else { median(floors) };
        let line = json!({
            "name": name, "value": median(values).round(), "floor": floor.round(),
            "ratio": median(&ratios), "ratios": ratios,
        });
        println!("{line}");
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

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
