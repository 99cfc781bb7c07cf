//! What the store and the engine notice beside their answers.

use serde_json::Value as Json;

use crate::conversation::{Answer, Conversation};

const TELLING: &str = "
name: telling
initial: A
states:
  A: { entry: [{ log: 'entering A' }], task: work, onDone: END }
  END: { type: final }
";

/// A workflow whose step takes the store away, which the engine notices when it hands in the result.
const LOSING: &str = "
name: losing
initial: A
states:
  A: { exec: [rm, guidepost.db], onDone: END, onError: END }
  END: { type: final }
";

/// Loses the store, until it is the engine that finds out, and not the command that looks how the run stands.
fn lose_the_store(words: &[&str]) -> Answer {
    for _ in 0..20 {
        let talk = Conversation::new();
        talk.file("losing.yaml", LOSING).store();
        let words = [&["run", "losing.yaml", "--allow-exec", "rm"], words].concat();
        let answer = talk.answer(talk.command(&words).env("PATH", "/usr/bin:/bin"), "");
        assert_eq!(answer.exit, 1, "{}", answer.stderr);
        if answer.stderr.contains("a commit failed") {
            return answer;
        }
    }
    panic!("the engine never found out");
}

fn told(answer: &Answer, what: &str) {
    assert!(answer.stderr.contains(what), "{what}: {}", answer.stderr);
    assert!(!answer.stdout.contains(what), "{what}: {}", answer.stdout);
}

#[test]
fn what_the_engine_warns_of_is_told_on_stderr() {
    let answer = lose_the_store(&[]);
    told(&answer, "ERROR guidepost_engine::runner::trouble: a commit failed");
    assert!(!answer.stderr.contains('\u{1b}'), "plain where there is no terminal");
}

#[test]
fn programs_get_what_is_noticed_as_objects() {
    let answer = lose_the_store(&["--json"]);
    let lines: Vec<Json> =
        answer.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let noticed = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    let message = noticed["fields"]["message"].as_str().unwrap();
    assert!(message.starts_with("a commit failed"), "{noticed}");
    told(&answer, message);
}

#[test]
fn the_variable_says_how_much_is_told() {
    let run = |level: &str| {
        let talk = Conversation::new();
        talk.file("telling.yaml", TELLING).store();
        talk.run_with_variable(&["run", "telling.yaml"], "GUIDEPOST_LOG", level)
    };
    told(&run("info"), "INFO guidepost_engine::plan: entering A");
    assert_eq!(run("").stderr, "");
    assert_eq!(run("guidepost_engine=warn").stderr, "");
    let refused = run("guidepost_engine=loud");
    assert_eq!(refused.exit, 64);
    told(&refused, "error[GP0407]: GUIDEPOST_LOG does not say what is to be told");
    for (said, word) in [("verbose", "verbose"), ("warn, guidepost_engine", "guidepost_engine")] {
        let refused = run(said);
        assert_eq!(refused.exit, 64);
        told(&refused, &format!("hint: `{word}` is no level: expected off, error, warn, info,"));
    }
    told(&run("warn,guidepost_engine=INFO"), "INFO guidepost_engine::plan: entering A");
}

/// Stdout is the protocol's alone.
#[test]
fn mcp_keeps_what_is_noticed_off_stdout() {
    let talk = Conversation::new();
    talk.store();
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"probe","version":"1"}}}"#;
    let mut command = talk.command(&["mcp"]);
    let answer = talk.answer(command.env("GUIDEPOST_LOG", "info"), &format!("{hello}\n"));
    assert_eq!(answer.exit, 0, "{}", answer.stderr);
    assert!(answer.stderr.contains(" INFO "), "{}", answer.stderr);
    for line in answer.stdout.lines() {
        assert_eq!(serde_json::from_str::<Json>(line).unwrap()["jsonrpc"], "2.0", "{line}");
    }
    assert_eq!(answer.stdout.lines().count(), 1);
}
