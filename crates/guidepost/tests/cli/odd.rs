//! Odd arguments and odd circumstances never end in a panic.

use std::process::{Command, Stdio};

use crate::conversation::Conversation;
use crate::runs::with_bugfix;

#[test]
fn odd_arguments_never_panic() {
    let talk = with_bugfix();
    let odd = [
        "",
        "-",
        "--",
        "=",
        "{",
        "{}",
        "[]",
        "null",
        "\u{0}1",
        "r-",
        "r-1",
        "0",
        "-1",
        "99999999999999999999",
        "@",
        "bugfix@",
        "@1",
        "bugfix@-1",
        "ü",
        "a\nb",
        "/",
        ".",
        "1e999",
        "e-1",
        "--json",
        "--store",
        "a=b=c",
    ];
    for command in [
        "simulate", "show", "graph", "start", "where", "do", "log", "find", "read", "history",
        "verify", "explain", "connect",
    ] {
        for first in odd {
            for second in ["", "{"] {
                // No program can be given a null byte.
                let words: Vec<String> =
                    [command, first, second].iter().map(|word| word.replace('\u{0}', "")).collect();
                let words: Vec<&str> =
                    words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
                let answer = talk.run(&words);
                assert!((0..=64).contains(&answer.exit), "{words:?}: {}", answer.exit);
                assert!(!answer.stderr.contains("panicked"), "{words:?}: {}", answer.stderr);
            }
        }
    }
}

#[test]
fn a_reader_that_stops_early_is_forgiven() {
    let talk = Conversation::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_guidepost"))
        .arg("explain")
        .current_dir(talk.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

/// An answer that is wanted and cannot be written is a failure, unlike one that nobody reads to its end.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_told() {
    let talk = Conversation::new();
    let output = Command::new(env!("CARGO_BIN_EXE_guidepost"))
        .arg("explain")
        .current_dir(talk.path())
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("error: the answer cannot be written: "), "{told}");
    assert_eq!(output.status.code(), Some(1));
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Every command, with whatever arguments, ends with one of the exit codes; if it did nothing, it says in one line why.
#[test]
fn random_arguments_end_with_an_exit_code_and_a_reason() {
    const WORDS: [&str; 28] = [
        "r-1",
        "r-99",
        "bugfix",
        "bugfix.yaml",
        "nowhere.yaml",
        "{}",
        "{\"issue\":1}",
        "[",
        "-",
        "0",
        "-7",
        "18446744073709551616",
        "e-3",
        "Fix",
        "ü\u{202e}",
        "a b",
        "--json",
        "--limit",
        "--rev",
        "--input",
        "--state",
        "--store=memory:",
        "--store=/nonexistent/x.db",
        "--kind",
        "--in=runs",
        "--help",
        "--cursor=x",
        "--html",
    ];
    let mut dice = Dice(20_261_121);
    for command in crate::help::COMMANDS.iter().filter(|command| **command != "demo") {
        // Each in a place of its own: some write files.
        let talk = with_bugfix();
        talk.run(&["start", "bugfix", "--input", r#"{"issue":42}"#]);
        for _ in 0..12 {
            let mut words = vec![*command];
            words.extend((0..dice.roll(5)).map(|_| WORDS[dice.roll(WORDS.len())]));
            if *command == "wait" {
                words.extend(["--seconds", "0"]);
            }
            let answer = talk.run(&words);
            let said = format!("{words:?}: {}\n{}{}", answer.exit, answer.stdout, answer.stderr);
            assert!([0, 1, 2, 3, 4, 5, 64].contains(&answer.exit), "{said}");
            assert!(!said.contains("panicked"), "{said}");
            if answer.exit == 64 || answer.exit == 4 {
                let reason = answer.stderr.lines().chain(answer.stdout.lines()).next();
                let is_reason = |line: &str| {
                    line.starts_with("error")
                        || line.starts_with("{\"code\"")
                        || line.starts_with("not ")
                };
                assert!(reason.is_some_and(is_reason), "{said}");
            }
        }
    }
}
