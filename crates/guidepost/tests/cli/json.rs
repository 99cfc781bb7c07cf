//! What programs read: one object for an error, one shape for the same thing.

use serde_json::Value as Json;

use crate::conversation::{Answer, Conversation};
use crate::runs::with_bugfix;

/// The error of an answer: one object alone on stderr, and nothing on stdout.
fn error_of(answer: &Answer, line: &str) -> Json {
    assert_eq!(answer.stdout, "", "{line}");
    let error: Json = serde_json::from_str(&answer.stderr)
        .unwrap_or_else(|_| panic!("{line}: no JSON: {}", answer.stderr));
    for field in ["code", "kind", "message", "hint", "exit"] {
        assert!(error.get(field).is_some(), "{line}: no {field}: {error}");
    }
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
    assert!(!error["message"].as_str().unwrap().contains('\n'), "{line}: {error}");
    assert_eq!(error["exit"], answer.exit, "{line}");
    error
}

#[test]
fn every_error_is_one_object() {
    let talk = with_bugfix();
    talk.file("bad.yaml", "name: bad\nstates: 3\n");
    talk.run(&["start", "bugfix", "--input", r#"{"issue":42}"#]);
    for (line, exit, code) in [
        ("lss", 64, "GP0407"),
        ("", 64, "GP0407"),
        ("where --deatil full", 64, "GP0407"),
        ("wait", 64, "GP0407"),
        ("do r-1 submit [1]", 64, "GP0407"),
        ("demo --keep bad.yaml", 1, "GP0453"),
        ("init bad.yaml", 1, "GP0453"),
        ("check nowhere.yaml", 4, "GP0452"),
        ("apply bad.yaml", 1, "GP0403"),
        ("define nowhere.yaml", 4, "GP0452"),
        ("ls --workflow bugfx", 4, "GP0401"),
        ("ls --state Fxi", 4, "GP0413"),
        ("find --in runs --state Fxi", 4, "GP0413"),
        ("ls --store sqlite:x.db?foo=1", 64, "GP0311"),
        ("show nothing", 4, "GP0401"),
        ("graph nothing", 4, "GP0401"),
        ("graph bad.yaml", 1, "GP0403"),
        ("simulate bad.yaml", 1, "GP0403"),
        ("start bugfx", 4, "GP0401"),
        ("start bugfix", 64, "GP0210"),
        ("where r-9", 4, "GP0302"),
        ("do r-1 approve", 2, "GP0201"),
        ("do r-1 submit --rev 99", 64, "GP0412"),
        ("log r-1 deed x", 64, "GP0407"),
        ("wait r-9", 4, "GP0302"),
        ("find --state Fix", 64, "GP0407"),
        ("read r-1 event e-99", 4, "GP0410"),
        ("history r-1 --kind deed", 64, "GP0407"),
        ("pause r-9", 4, "GP0302"),
        ("resume r-9", 4, "GP0302"),
        ("cancel r-9", 4, "GP0302"),
        ("verify r-9", 4, "GP0302"),
        ("doctor --store bad.yaml/x.db", 4, "GP0311"),
        ("start bugfix --store bad.yaml/x.db", 1, "GP0315"),
        ("explain GP9999", 4, "GP0455"),
        ("mcp --store nope://x", 64, "GP0311"),
        ("connect codex --write --file bad.yaml", 1, "GP0456"),
    ] {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let answer = talk.run(&[&words[..], &["--json"]].concat());
        let error = error_of(&answer, line);
        assert_eq!((answer.exit, error["code"].as_str()), (exit, Some(code)), "{line}: {error}");
        // The one rule: what sort of failure it is says how the process ends. Problems in a definition fail.
        let expected = match error["kind"].as_str().unwrap() {
            "not_legal" => 2,
            "stale" => 3,
            "not_found" => 4,
            "usage" if code == "GP0403" => 1,
            "usage" => 64,
            "refused" | "unavailable" | "damaged" => 1,
            other => panic!("{line}: {other}"),
        };
        assert_eq!(exit, expected, "{line}: {error}");
        // Without it, the same exit code.
        assert_eq!(talk.run(&words).exit, exit, "{line}");
    }
}

#[test]
fn a_misspelt_command_has_its_hint() {
    let talk = Conversation::new();
    let error = error_of(&talk.run(&["lss", "--json"]), "lss");
    assert_eq!(error["message"], "unrecognized subcommand 'lss'");
    assert_eq!(error["hint"], "a similar subcommand exists: 'ls'");
    let error = error_of(&talk.run(&["--json", "read"]), "read");
    assert_eq!(error["message"], "the following required arguments were not provided: <RUN>");
    assert_eq!(error["hint"], "Usage: guidepost read <RUN> [WHAT] [PATH]");
}

#[test]
fn definitions_are_told_of_in_one_shape() {
    let talk = with_bugfix();
    talk.file("bad.yaml", "name: bad\nstates: { A: { on: { go: B } } }\n");
    let told = |words: &[&str]| -> (Json, i32) {
        let answer = talk.run(&[words, &["--json"]].concat());
        assert_eq!(answer.stderr, "", "{words:?}");
        (serde_json::from_str(&answer.stdout).unwrap(), answer.exit)
    };
    assert_eq!(told(&["check", "bad.yaml"]), told(&["define", "bad.yaml"]));
    let (bad, exit) = told(&["check", "bad.yaml"]);
    assert_eq!(
        (exit, &bad["ok"], &bad["problems"][0]["code"]),
        (1, &false.into(), &"GP0102".into())
    );
    assert_eq!(told(&["check", "bugfix.yaml"]), told(&["define", "bugfix.yaml"]));
    let (mut saved, exit) = told(&["apply", "bugfix.yaml"]);
    assert_eq!((exit, &saved["saved"]["version"]), (0, &1.into()));
    saved["saved"] = Json::Null;
    assert_eq!(saved, told(&["check", "bugfix.yaml"]).0);
}

#[test]
fn verifying_all_runs_ends_with_a_summary() {
    let talk = with_bugfix();
    for issue in ["1", "2"] {
        talk.run(&["start", "bugfix", "--input", &format!("{{\"issue\":{issue}}}")]);
    }
    let answer = talk.run(&["verify", "--json"]);
    let lines: Vec<Json> =
        answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["summary"], serde_json::json!({ "runs": 2, "damaged": 0, "ok": true }));
}

#[test]
fn the_demo_tells_programs_a_step_a_line() {
    let talk = Conversation::new();
    let answer = talk.run(&["demo", "--json"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    let steps: Vec<Json> =
        answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (at, step) in steps.iter().enumerate() {
        assert_eq!(step["step"], at + 1, "{step}");
        assert!(step["chapter"].is_string(), "{step}");
    }
    let called = |tool: &str| steps.iter().filter(|step| step["tool"] == tool).count();
    assert!(called("guidepost_do") >= 5);
    assert_eq!(steps.iter().filter(|step| step["refused"] == true).count(), 3);
    let asked = steps.iter().find(|step| step["sql"].is_string()).unwrap();
    assert!(asked["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{asked}");
}
