//! Against XState itself: random machines, played by both, are in the same states with the same data after every input.
//!
//! Needs Node and the package `xstate`, in the folder that `GUIDEPOST_TEST_XSTATE` names; `cargo xtask test` provides both.
//! With `skip` in place of a folder the test is left out.

mod random;

use std::io::Write as _;
use std::process::{Command, Stdio};

use guidepost_core::kernel::Rejected;
use guidepost_core::run::{Driver, Status};
use guidepost_core::simulator::{Failure, Simulator};
use guidepost_core::testing::machine;
use guidepost_core::time::{Span, Timestamp};
use serde_json::{Map, Value as Json, json};

use crate::random::Breadth;

/// How many machines, and how many inputs each.
const MACHINES: u64 = 2_000;
const INPUTS: usize = 12;

#[test]
#[expect(clippy::disallowed_methods, reason = "the test talks to a real program, core does not")]
fn random_machines_behave_as_xstate_has_them() {
    let place = std::env::var("GUIDEPOST_TEST_XSTATE").unwrap_or_else(|_| {
        panic!(
            "GUIDEPOST_TEST_XSTATE names no folder with the package `xstate`: run `cargo xtask test`, which installs it, \
             or set GUIDEPOST_TEST_XSTATE=skip to leave this test out"
        )
    });
    if place == "skip" {
        eprintln!("left out: GUIDEPOST_TEST_XSTATE=skip");
        return;
    }
    let games: Vec<(u64, Json)> = (0..MACHINES).map(|seed| (seed, game(seed))).collect();
    let theirs = xstate(&place, &games);
    assert_eq!(theirs.len(), games.len());
    let (mut compared, mut lost) = (0, 0);
    for ((seed, game), theirs) in games.iter().zip(theirs) {
        let ours = play(game);
        let (ours, mut theirs) = (states(&ours), states(&theirs));
        let mut ours = ours.iter().take(theirs.len());
        // XState may lose its way where history meets parallel regions: from there on it is no measure.
        if theirs.last() == Some(&json!({ "illegal": true })) {
            theirs = &theirs[..theirs.len() - 1];
            lost += 1;
        }
        for (step, theirs) in theirs.iter().enumerate() {
            assert_eq!(ours.next(), Some(theirs), "machine {seed}, input {step}: {game}");
            compared += 1;
        }
    }
    assert!(compared > 15_000, "only {compared} states were compared");
    assert!(lost < MACHINES / 20, "XState lost its way {lost} times");
}

fn states(observed: &Json) -> &[Json] {
    observed.as_array().map_or(&[], Vec::as_slice)
}

/// A machine and what happens to it.
fn game(seed: u64) -> Json {
    json!({ "machine": random::machine(seed, Breadth::Shared), "inputs": inputs(seed) })
}

/// Random inputs: names of events, and numbers of milliseconds that pass.
fn inputs(seed: u64) -> Vec<Json> {
    let mut draw = random::Draw(seed ^ 0x5DEE_CE66);
    let input =
        |_| if draw.one_in(5) { json!(7_000) } else { json!(*draw.pick(&random::EVENTS[..3])) };
    (0..INPUTS).map(input).collect()
}

fn xstate(place: &str, games: &[(u64, Json)]) -> Vec<Json> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xstate/play.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .current_dir(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`node` runs: install Node, or run `cargo xtask test`, which does");
    let mut input = node.stdin.take().expect("a pipe");
    let lines: String = games.iter().map(|(_, game)| format!("{game}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = node.wait_with_output().expect("node ends");
    writer.join().expect("the writer ends").expect("node reads");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn play(game: &Json) -> Json {
    let mut simulator = Simulator::new(machine(&game["machine"].to_string()), Timestamp(0));
    let mut seen = Vec::new();
    if let Err(failure) = simulator.start(Driver::Agent, Map::new()) {
        assert!(is_livelock(&failure), "{failure}");
        return json!([{ "livelock": true }]);
    }
    seen.push(observed(&simulator));
    for input in game["inputs"].as_array().expect("a list") {
        let data = Map::from_iter([("x".to_owned(), json!(2))]);
        let outcome = match input.as_u64() {
            Some(ms) => simulator.advance(Span::from_millis(ms)),
            None => simulator.send(input.as_str().expect("a name"), data, None),
        };
        if outcome.is_err_and(|failure| is_livelock(&failure))
            || simulator.run.status == Status::Paused
        {
            seen.push(json!({ "livelock": true }));
            break;
        }
        seen.push(observed(&simulator));
    }
    Json::from(seen)
}

fn is_livelock(failure: &Failure) -> bool {
    matches!(failure, Failure::Rejected(Rejected::Livelock { .. }))
}

fn observed(simulator: &Simulator) -> Json {
    let mut active: Vec<String> = simulator.active().iter().map(ToString::to_string).collect();
    active.sort();
    json!({
        "active": active,
        "n": simulator.run.data.to_json()["n"],
        "done": simulator.run.status == Status::Completed,
    })
}
