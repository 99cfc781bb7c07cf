//! What agents are told names what they have: tools and their arguments, no options of a command line.

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_server::mcp::Options;
use guidepost_server::ops::{ControlRun, Detail, OpError, Ops, StartRun, WhereAmI};
use guidepost_server::text::{self, Words};
use serde_json::json;

use crate::support::{BUGFIX, Fixture};
use crate::wire::Wire;

/// The commands an agent may be told of, because only a person can do what they do.
const FOR_PERSONS: [&str; 4] =
    ["`guidepost resume ", "`guidepost apply`", "`guidepost show ", "`guidepost verify "];

/// The first sign of a command line in an answer, those left out that are for a person.
fn command_in(answer: &str) -> Option<&str> {
    let is_for_a_person =
        |at: usize| FOR_PERSONS.iter().any(|known| answer[at..].starts_with(known));
    let commands = answer.match_indices("`guidepost ").filter(|(at, _)| !is_for_a_person(*at));
    let options = answer.match_indices(" --");
    commands.chain(options).map(|(at, _)| &answer[at..]).next()
}

#[tokio::test]
async fn answers_name_tools_and_no_options() {
    let fixture = Fixture::sqlite();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let gated = BUGFIX.replace("name: bugfix", "name: gated").replace(
        "submit: review",
        "submit: { target: review, requires: [{ action: tool_execution, min: 1 }] }",
    );
    let mut answers = Vec::new();
    for (tool, arguments) in [
        ("guidepost_where", json!({})),
        ("guidepost_start", json!({})),
        ("guidepost_define", json!({ "yaml": BUGFIX })),
        ("guidepost_define", json!({ "yaml": BUGFIX, "save": true })),
        ("guidepost_define", json!({ "yaml": gated, "save": true })),
        (
            "guidepost_define",
            json!({ "yaml": "name: x\nstates: { A: { exec: ls } }", "save": true }),
        ),
        ("guidepost_find", json!({ "limit": 1 })),
        ("guidepost_find", json!({ "state": "fix" })),
        ("guidepost_find", json!({ "cursor": "bogus" })),
        ("guidepost_start", json!({ "workflow": "nothing-like-it" })),
        ("guidepost_start", json!({ "workflow": "bugfix@9", "input": {} })),
        ("guidepost_start", json!({ "workflow": "gated" })),
        ("guidepost_start", json!({ "workflow": "gated", "input": { "issue": "#7" } })),
        ("guidepost_start", json!({ "workflow": "gated", "input": { "issue": "#8" } })),
        ("guidepost_start", json!({ "goal": "only recorded" })),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "submit", "rev": 2, "data": { "pr": "#1" } }),
        ),
        ("guidepost_do", json!({ "run": "r-1", "event": "give_up", "rev": 9 })),
        ("guidepost_do", json!({ "run": "r-2", "event": "give_up", "rev": 2 })),
        ("guidepost_do", json!({ "run": "r-2", "event": "submit", "rev": 2 })),
        ("guidepost_where", json!({ "run": "r-9" })),
        ("guidepost_where", json!({ "run": "wire" })),
        ("guidepost_where", json!({ "run": "r-1", "detail": "full" })),
        ("guidepost_where", json!({})),
        ("guidepost_wait", json!({ "run": "r-1", "seconds": 1 })),
        ("guidepost_read", json!({ "run": "r-1", "limit": 1 })),
        ("guidepost_read", json!({ "run": "r-1", "what": "event", "path": "e-99" })),
        ("guidepost_read", json!({ "run": "r-1", "what": "event", "path": "x" })),
        ("guidepost_read", json!({ "run": "r-1", "what": "data", "path": "x" })),
        (
            "guidepost_log",
            json!({ "run": "r-1", "entries": [{ "kind": "action_ended", "text": "", "ref": "x" }] }),
        ),
        ("guidepost_find", json!({ "in": "runs", "limit": 1 })),
    ] {
        answers.push(wire.call(tool, arguments).await.0);
    }
    let pause = ControlRun {
        run: RunRef::from("r-1"),
        control: Control::Pause,
        note: None,
        caller: "ada".to_owned(),
    };
    fixture.ops.control_run(&pause).await.unwrap();
    answers.push(wire.done("guidepost_where", json!({ "run": "r-1" })).await);
    let paused = json!({ "run": "r-1", "event": "give_up", "rev": 3 });
    answers.push(wire.refused("guidepost_do", paused).await);
    for answer in &answers {
        assert_eq!(command_in(answer), None, "{answer}");
    }
}

/// The same answers in the words of the command line would not pass.
#[tokio::test]
async fn answers_for_the_command_line_would_be_noticed() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let unknown = WhereAmI { run: RunRef::from("r-9"), detail: Detail::Brief };
    let error = fixture.ops.where_am_i(&unknown).await.unwrap_err();
    let none = Fixture::memory().ops.open_runs("", 10).await.unwrap();
    for answer in [
        text::error(&error, Words::Commands),
        text::error(&no_input(&fixture.ops).await, Words::Commands),
        text::open_runs(&none, Words::Commands),
    ] {
        assert!(command_in(&answer).is_some(), "{answer}");
    }
}

async fn no_input(ops: &Ops) -> OpError {
    let start = StartRun { workflow: Some("bugfix".to_owned()), ..StartRun::default() };
    ops.start_run(&start).await.unwrap_err()
}
