//! Laws of the kernel, for random machines and random inputs.
//!
//! The live state is the folded history, however often it went back; a refused input changes nothing; the order of inputs alone decides the outcome; the
//! configuration is always legal; and what `legal` lists is what `decide` takes.

mod random;

use std::collections::BTreeMap;

use guidepost_core::id::Rev;
use guidepost_core::input::Control;
use guidepost_core::kernel::{Rejected, legal};
use guidepost_core::machine::Machine;
use guidepost_core::run::Driver;
use guidepost_core::simulator::{Failure, Simulator};
use guidepost_core::testing::{assert_folds, assert_legal_configuration, machine};
use guidepost_core::time::{Span, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::random::{Breadth, EVENTS};

/// One random input, and whether it was taken.
fn step(simulator: &mut Simulator, input: u8) -> Result<bool, TestCaseError> {
    let before = simulator.run.clone();
    let outcome = match input {
        0..=5 => {
            let data = Map::from_iter([("x".to_owned(), json!(2))]);
            simulator.send(EVENTS[usize::from(input)], data, None)
        }
        6 => simulator.send("A", Map::new(), Some(Rev(before.rev.0.saturating_sub(1)))),
        // Halfway back: also where the run was in the middle of a step, or already over.
        8 => simulator.roll_back(Rev(before.rev.0.div_ceil(2))),
        _ => simulator.advance(Span(7_000_000_000)),
    };
    match outcome {
        Ok(_) => Ok(true),
        Err(Failure::Rejected(_)) => {
            prop_assert_eq!(&before, &simulator.run);
            Ok(false)
        }
        Err(Failure::Unfoldable(error)) => Err(TestCaseError::fail(error.to_string())),
    }
}

fn whole(seed: u64) -> Machine {
    machine(&random::machine(seed, Breadth::Whole).to_string())
}

fn play(seed: u64, inputs: &[u8]) -> Result<Simulator, TestCaseError> {
    let mut simulator = Simulator::new(whole(seed), Timestamp(0));
    match simulator.start(Driver::Agent, Map::new()) {
        // A machine that never comes to rest cannot be started, and that is all there is to say.
        Err(Failure::Rejected(Rejected::Livelock { .. })) => return Ok(simulator),
        outcome => outcome.map(drop).map_err(|error| TestCaseError::fail(error.to_string()))?,
    }
    for input in inputs {
        assert_legal_configuration(&simulator, &format!("input {input}"));
        step(&mut simulator, *input)?;
    }
    Ok(simulator)
}

/// Where the run is, what it holds, and what it waits for, by the time left: all but which visit it is and when it began.
fn without_visits(simulator: &Simulator) -> Json {
    let Simulator { run, now, .. } = simulator;
    let active = simulator.active();
    let working: Vec<bool> = active.iter().map(|state| run.active[state].work_ended).collect();
    let timers = run.timers.values();
    let mut timers: Vec<_> =
        timers.map(|timer| json!([timer.due.since(*now), timer.fires]).to_string()).collect();
    timers.sort();
    let memory: BTreeMap<_, _> = run.memory.iter().collect();
    json!({
        "active": active, "ended": working, "timers": timers, "memory": memory,
        "data": run.data.to_json(), "status": run.status,
    })
}

/// A machine that cannot come to rest pauses its run, and a paused run stays so when it goes back.
fn resume(simulator: &mut Simulator) {
    if simulator.run.paused.is_some() {
        simulator.control(Control::Resume).expect("a paused run can be resumed");
    }
}

/// Whether a descriptor names an event.
fn answers(descriptor: &str, event: &str) -> bool {
    let prefix = descriptor.strip_suffix('*');
    descriptor == event
        || prefix.is_some_and(|prefix| prefix.is_empty() || format!("{event}.").starts_with(prefix))
}

proptest! {
    #[test]
    fn live_state_is_the_folded_history(
        seed: u64,
        inputs in prop::collection::vec(0_u8..9, 0..30),
    ) {
        assert_folds(&play(seed, &inputs)?);
    }

    #[test]
    fn the_order_of_inputs_alone_decides_the_outcome(
        seed: u64,
        inputs in prop::collection::vec(0_u8..9, 0..30),
    ) {
        let (first, second) = (play(seed, &inputs)?, play(seed, &inputs)?);
        prop_assert_eq!(&first.history, &second.history);
        prop_assert_eq!(&first.run, &second.run);
    }

    #[test]
    fn going_back_twice_to_one_place_gives_one_state_but_for_visits(
        seed: u64,
        inputs in prop::collection::vec(0_u8..8, 1..20),
        later in prop::collection::vec(0_u8..8, 0..10),
        part in 1_u64..=4,
    ) {
        let mut simulator = play(seed, &inputs)?;
        resume(&mut simulator);
        let rev = Rev(simulator.run.rev.0 * part / 4);
        if simulator.roll_back(rev).is_err() {
            // It was over there, or had not begun; tests/scenarios/restore.rs has those cases.
            return Ok(());
        }
        let first = without_visits(&simulator);
        let visits = simulator.run.visits.clone();
        for input in later {
            step(&mut simulator, input)?;
        }
        resume(&mut simulator);
        simulator.roll_back(rev).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(first, without_visits(&simulator));
        for (state, before) in &visits {
            prop_assert!(simulator.run.visits[state].count >= before.count);
        }
        assert_folds(&simulator);
    }

    #[test]
    fn what_is_listed_as_legal_is_what_is_taken(
        seed: u64,
        inputs in prop::collection::vec(0_u8..8, 0..20),
    ) {
        let mut simulator = play(seed, &inputs)?;
        for event in EVENTS {
            let listed = legal(&simulator.machine, &simulator.run);
            let mut listed = listed.iter().filter(|legal| answers(legal.event.as_str(), event));
            let is_sure = listed.clone().any(|legal| !legal.is_guarded);
            let is_listed = listed.next().is_some();
            match simulator.send(event, Map::new(), None) {
                Ok(_) => prop_assert!(is_listed, "{event} was taken but not listed"),
                Err(Failure::Rejected(Rejected::Livelock { .. })) => {}
                Err(error) => prop_assert!(
                    !is_sure,
                    "{event} was listed but refused: {error}"
                ),
            }
        }
    }
}
