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
