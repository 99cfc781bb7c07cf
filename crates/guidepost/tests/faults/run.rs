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
