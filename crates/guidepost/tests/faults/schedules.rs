//! Runs that begin by themselves: two engines, of which one or the other is killed again and again.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::run::guidepost;

const CLOCK: &str = "
name: clock
attributes: { due: { type: string } }
schedule: { every: 1s, due_as: due, overlap: allow, catch_up: all }
steps:
  - { name: A, wait: 10ms }
";

/// How long it goes on.
const LENGTH: Duration = Duration::from_secs(12);

fn json(directory: &std::path::Path, arguments: &[&str]) -> Json {
    let output =
        guidepost(directory, arguments).arg("--json").stdout(Stdio::piped()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every second begins one run, whichever engine is there to begin it, and however late.
#[test]
fn every_time_begins_one_run_whichever_engine_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("clock.yaml"), CLOCK).unwrap();
    assert!(guidepost(directory.path(), &["apply", "clock.yaml"]).status().unwrap().success());
    let begin =
        || guidepost(directory.path(), &["run", "--all", "--lease", "300ms"]).spawn().unwrap();
    let mut engines = [begin(), begin()];
    let since = Instant::now();
    let mut kills: u64 = 0;
    while since.elapsed() < LENGTH {
        std::thread::sleep(Duration::from_millis(350 + (kills * 97) % 400));
        let engine = &mut engines[usize::try_from(kills % 2).unwrap()];
        engine.kill().unwrap();
        engine.wait().unwrap();
        *engine = begin();
        kills += 1;
    }
    // Whatever was missed meanwhile is made good.
    std::thread::sleep(Duration::from_secs(4));
    for mut engine in engines {
        engine.kill().unwrap();
        engine.wait().unwrap();
    }
    assert!(kills > 8, "engines were killed {kills} times only");
    let schedule = json(directory.path(), &["schedules"])["items"][0].clone();
    let next: i64 = schedule["due"].as_i64().unwrap() / 1_000_000_000;
    let runs = json(directory.path(), &["ls", "--all", "--workflow", "clock", "--limit", "100"]);
    let runs = runs["items"].as_array().unwrap().clone();
    let goals = runs.iter().map(|run| run["goal"].as_str().unwrap().to_owned());
    let dues: BTreeSet<String> = goals.collect();
    assert_eq!(dues.len(), runs.len(), "a time began two runs");
    let (first, last) = (seconds(dues.first().unwrap()), seconds(dues.last().unwrap()));
    assert_eq!(last + 1, next, "what is due next follows on what began last");
    assert_eq!(i64::try_from(runs.len()).unwrap(), last - first + 1, "a time began no run");
    assert!(runs.len() >= 12, "{} runs", runs.len());
}

/// The time in a goal such as `default, due 2026-11-21T10:00:00Z`.
fn seconds(goal: &str) -> i64 {
    let due = goal.strip_prefix("default, due ").unwrap();
    let due: guidepost_core::time::Timestamp = due.parse().unwrap();
    due.0 / 1_000_000_000
}
