//! R1 with work in flight: `guidepost run` is killed at random instants, over and over, and taken up again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is killed at most; it may be done before.
const KILLS_MAX: u64 = 30;

/// Twelve steps of work and a fan-out. Each leaves a line in a file, with its idempotency key, before it gives its result:
/// what a death between effect and commit leaves behind.
fn definition(log: &Path) -> String {
    let work = |name: &str| {
        format!(
            "{{ name: {name}, exec: {{ shell: true, command: 'echo {name} $GUIDEPOST_KEY >> \"$LOG\"; sleep 0.02; echo {name}', env: {{ LOG: {log} }} }}, output: [last] }}",
            log = log.display()
        )
    };
    let steps: Vec<String> =
        (1..=12).map(|number| format!("  - {}", work(&format!("S{number}")))).collect();
    format!(
        "name: long\nattributes:\n  last: {{ type: string }}\n  each: {{ type: string, is_array: true }}\nsteps:\n{}\n  - {{ name: Each, for_each: [a, b, c, d, e], concurrency: 2, exec: {{ shell: true, command: 'echo Each.$ITEM $GUIDEPOST_KEY >> \"$LOG\"; sleep 0.02; echo $ITEM', env: {{ LOG: {}, ITEM: '{{{{ item }}}}' }} }}, output: [each] }}\n",
        steps.join("\n"),
        log.display()
    )
}

pub(crate) fn guidepost(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guidepost"));
    command
        .current_dir(directory)
        .args(arguments)
        .args(["--store", "guidepost.db"])
        .env_remove("GUIDEPOST_STORE")
        .env("GUIDEPOST_ALLOW_EXEC", "sh")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Waits until something happens in the outside world, for a while.
fn wait_for_an_effect(log: &Path) {
    let size = || std::fs::metadata(log).map_or(0, |file| file.len());
    let before = size();
    for _ in 0..1_000 {
        if size() > before {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// S4.3, R1: nothing is lost, nothing is accepted twice, and what is repeated carries the same key.
#[test]
fn a_run_that_is_killed_over_and_over_comes_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("effects.log");
    std::fs::write(directory.path().join("long.yaml"), definition(&log)).unwrap();
    let key = ["--key", "the-run", "--lease", "100ms"];
    let begin: Vec<&str> = ["run", "long.yaml"].into_iter().chain(key).collect();
    let mut kills = 0;
    loop {
        let mut child = guidepost(directory.path(), &begin).spawn().unwrap();
        if kills % 3 == 0 {
            wait_for_an_effect(&log);
        } else {
            // Any instant from before the store is opened to several steps on.
            std::thread::sleep(Duration::from_millis(30 + (kills * 37) % 220));
        }
        let ended = match child.try_wait().unwrap() {
            None if kills < KILLS_MAX => None,
            ended => Some(ended.unwrap_or_else(|| child.wait().unwrap())),
        };
        match ended {
            Some(status) if status.success() => break,
            // A step that was killed three times running is held back, until a person says that it is fine.
            Some(_) => {
                assert!(guidepost(directory.path(), &["resume", "r-1"]).status().unwrap().success())
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills > 2, "it was killed {kills} times only");
    let verified = guidepost(directory.path(), &["verify"]).status().unwrap();
    assert!(verified.success());

    let history = guidepost(directory.path(), &["history", "r-1", "--json"])
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let history = String::from_utf8(history.stdout).unwrap();
    let ended = |line: &&str| line.contains("\"ended_work\"") || line.contains("\"branch_ended\"");
    assert_eq!(history.lines().filter(ended).count(), 12 + 5 + 1, "{history}");

    let effects = std::fs::read_to_string(&log).unwrap();
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in effects.lines() {
        let (step, key) = line.split_once(' ').unwrap();
        keys.entry(step).or_default().push(key);
    }
    assert_eq!(keys.len(), 12 + 5, "{effects}");
    assert!(keys.values().all(|keys| keys.iter().all(|key| key == &keys[0])), "{effects}");
    assert!(effects.lines().count() > 12 + 5, "no effect was repeated, so no kill hit one");
}

/// Four steps, each with what makes it good: both leave a line in a file, with their idempotency keys.
fn trip(log: &Path) -> String {
    let work = |what: &str| {
        format!(
            "{{ shell: true, command: 'echo {what} $GUIDEPOST_KEY >> \"$LOG\"; sleep 0.03', env: {{ LOG: {} }} }}",
            log.display()
        )
    };
    let step = |number: u32| {
        let (does, undoes) = (work(&format!("do-{number}")), work(&format!("undo-{number}")));
        format!(
            "  S{number}: {{ exec: {does}, compensate: {{ exec: {undoes} }}, onDone: S{} }}\n",
            number + 1
        )
    };
    let steps: String = (1..=4).map(step).collect();
    format!(
        "name: trip\ninitial: S1\nstates:\n{steps}  S5: {{ on: {{ Finish: END }} }}\n  END: {{ type: final }}\n"
    )
}

/// B8, R1: what is made good is made good in order, each piece once by its key, whenever the engine dies.
#[test]
fn b8_making_good_survives_being_killed_over_and_over() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("effects.log");
    std::fs::write(directory.path().join("trip.yaml"), trip(&log)).unwrap();
    let run = |arguments: &[&str]| guidepost(directory.path(), arguments).status().unwrap();
    assert_eq!(run(&["run", "trip.yaml"]).code(), Some(5), "it waits for an event");
    assert_eq!(run(&["rollback", "r-1", "--to", "S1#1"]).code(), Some(2), "it asks first");
    assert!(run(&["rollback", "r-1", "--to", "S1#1", "--yes"]).success());
    std::fs::write(&log, "").unwrap();
    let mut kills = 0;
    loop {
        let mut child =
            guidepost(directory.path(), &["run", "r-1", "--lease", "100ms"]).spawn().unwrap();
        wait_for_an_effect(&log);
        std::thread::sleep(Duration::from_millis((kills * 13) % 40));
        let is_alive = child.try_wait().unwrap().is_none();
        if is_alive && kills < 8 {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        match child.wait().unwrap().code() {
            Some(5) if kills >= 8 && has_come_back(directory.path()) => break,
            // What was held by whoever was killed three times waits for a person.
            _ => drop(run(&["resume", "r-1"])),
        }
    }
    assert!(run(&["verify"]).success() && run(&["replay", "r-1"]).success());
    let effects = std::fs::read_to_string(&log).unwrap();
    let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for line in effects.lines() {
        let (what, key) = line.split_once(' ').unwrap();
        if order.last() != Some(&what) {
            order.push(what);
        }
        keys.entry(what).or_default().push(key);
    }
    let expected = ["undo-4", "undo-3", "undo-2", "undo-1", "do-1", "do-2", "do-3", "do-4"];
    assert_eq!(order, expected, "{effects}");
    assert!(keys.values().all(|keys| keys.iter().all(|key| key == &keys[0])), "{effects}");
    assert!(effects.lines().count() > 8, "no effect was repeated, so no kill hit one");
}

fn has_come_back(directory: &Path) -> bool {
    let shown = guidepost(directory, &["where", "r-1"]).stdout(Stdio::piped()).output().unwrap();
    String::from_utf8(shown.stdout).unwrap().contains("state: S5")
}
