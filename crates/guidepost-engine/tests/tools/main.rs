//! Tools of MCP servers, over real child processes and a real HTTP server: what a call carries and gives, and every way a
//! server can fail. Each failure says which server, what happened, and whether trying again may help.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod server;
mod web;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};
use guidepost_core::machine::WorkKind;
use guidepost_engine::work::tool::{ToolServer, Tools};
use guidepost_engine::{Call, Handler as _, Outcome};
use guidepost_store::TaskId;
use serde_json::{Value as Json, json};

/// The server, in a process of its own.
#[test]
fn child() {
    server::serve();
}

fn tools(server: ToolServer) -> Tools {
    Tools::new(BTreeMap::from([("desk".to_owned(), server)]), false)
}

fn asked(tool: &str, input: Json) -> Call {
    Call {
        task: TaskId {
            run: RunNo(7),
            state: StateId::from("Do"),
            visit: Visit(1),
            branch: Branch::WHOLE,
            purpose: Purpose::Work,
        },
        workflow: "t".to_owned(),
        kind: WorkKind::Tool,
        name: Some(tool.to_owned()),
        agent: None,
        prompt: None,
        spec: json!({ "input": input }),
        output: Vec::new(),
        key: "k-1".to_owned(),
        attempt: 2,
        timeout: Some(Duration::from_secs(20)),
        child: None,
    }
}

/// A program as a tool server.
fn program(command: &str, arguments: &[&str]) -> ToolServer {
    ToolServer::Stdio {
        command: command.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        env: BTreeMap::new(),
        directory: None,
    }
}

async fn value(tools: &Tools, tool: &str, input: Json) -> Json {
    match tools.perform(asked(tool, input)).await {
        Outcome::Done(value) => value,
        other => panic!("{tool}: {other:?}"),
    }
}

async fn failure(tools: &Tools, tool: &str, input: Json) -> (String, bool) {
    failed(tools.perform(asked(tool, input)).await)
}

fn failed(outcome: Outcome) -> (String, bool) {
    match outcome {
        Outcome::Failed(failure) => (failure.reason, failure.may_retry),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_carries_what_it_should_and_gives_the_answer() {
    let tools = tools(server::place());
    assert_eq!(value(&tools, "desk/echo", json!({ "text": "hi" })).await, json!("hi"));
    assert_eq!(
        value(&tools, "echo", json!({ "text": "[1]" })).await,
        json!("[1]"),
        "text stays text"
    );
    assert_eq!(value(&tools, "add", json!({ "a": 3, "b": 4 })).await, json!({ "sum": 7 }));
    let meta = value(&tools, "meta", Json::Null).await;
    assert_eq!(meta["io.github.guidepost/idempotencyKey"], "k-1");
    assert_eq!(meta["io.github.guidepost/attempt"], 2);
    let picture = value(&tools, "picture", Json::Null).await;
    assert_eq!(picture[0]["mimeType"], "image/png");
    let mut named = asked("echo", json!({ "text": "by name" }));
    named.spec["server"] = json!("desk");
    assert_eq!(tools.perform(named).await, Outcome::Done(json!("by name")));
    assert_eq!(value(&tools, "calls", Json::Null).await, json!("7"), "all over one connection");
}

#[tokio::test]
async fn a_hundred_calls_run_side_by_side_over_one_server() {
    let tools = tools(server::place());
    value(&tools, "pid", Json::Null).await;
    let begun = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let tools = tools.clone();
        calls.spawn(async move {
            let given = json!({ "number": number });
            (given.to_string(), value(&tools, "nap", given).await)
        });
    }
    let mut answers = 0;
    while let Some(answer) = calls.join_next().await {
        let (given, got) = answer.unwrap();
        assert_eq!(got, json!(given), "each gets its own");
        answers += 1;
    }
    assert_eq!(answers, 100);
    // One after another they would take 20 s.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(value(&tools, "calls", Json::Null).await, json!("102"));
}

#[tokio::test]
async fn what_a_tool_does_not_take_is_not_sent() {
    let tools = tools(server::place());
    let (reason, may_retry) = failure(&tools, "echo", json!({ "text": 7 })).await;
    assert!(reason.starts_with("the tool `echo` does not take this input: text "), "{reason}");
    assert!(!may_retry);
    let (reason, _) = failure(&tools, "echo", json!({})).await;
    assert!(reason.contains("text"), "{reason}");
    let (reason, may_retry) = failure(&tools, "echo", json!("hi")).await;
    assert_eq!((reason.as_str(), may_retry), ("the `input` of a tool is an object", false));
    assert_eq!(
        value(&tools, "calls", Json::Null).await,
        json!("1"),
        "the server never heard of them"
    );
}

#[tokio::test]
async fn names_that_name_nothing_are_told_with_what_may_be_meant() {
    let one = tools(server::place());
    let told = failure(&one, "ecko", json!({})).await;
    let expected = "the tool server `desk` has no tool `ecko`; did you mean `echo`?";
    assert_eq!(told, (expected.to_owned(), false));
    let (reason, _) = failure(&one, "desk/something-else", json!({})).await;
    assert!(reason.contains("it has echo, meta, pid"), "{reason}");
    let two = [("desk".to_owned(), server::place()), ("shelf".to_owned(), server::place())];
    let two = Tools::new(two.into(), false);
    let told = failure(&two, "echo", json!({})).await;
    let expected = "`echo` may be a tool of desk or shelf: write `SERVER/echo`";
    assert_eq!(told, (expected.to_owned(), false));
}

/// What this engine does not know, another may.
#[tokio::test]
async fn a_tool_of_a_server_that_is_not_known_here_is_left_to_others() {
    let declined = |tools: Tools, name: &'static str| async move {
        match tools.perform(asked(name, json!({}))).await {
            Outcome::Declined(why) => why,
            other => panic!("{other:?}"),
        }
    };
    let one = || tools(server::place());
    let two = [("desk".to_owned(), server::place()), ("shelf".to_owned(), server::place())];
    let why = declined(Tools::new(two.into(), false), "dest/echo").await;
    let expected = "no tool server is named `dest`; did you mean `desk`?; whoever runs this names the servers in the file of `--tools FILE`";
    assert_eq!(why, expected);
    let why = declined(Tools::default(), "desk/echo").await;
    assert!(why.contains("`desk/echo` needs a tool server, and none is known here"), "{why}");
    assert!(why.contains("`--tools FILE`"), "{why}");
    // Of one server, it may be a tool with such a name.
    let why = declined(one(), "shelf/echo").await;
    assert!(why.starts_with("the tool server `desk` has no tool `shelf/echo`"), "{why}");
    let (_, may_retry) = failure(&one(), "desk/ecko", json!({})).await;
    assert!(!may_retry, "of this server it is known that it has no such tool");
}

#[tokio::test]
async fn a_tool_that_fails_says_why() {
    let tools = tools(server::place());
    let told = failure(&tools, "fail", json!({})).await;
    assert_eq!(told, ("the tool `fail` of `desk` failed: no ink".to_owned(), true));
    let told = failure(&tools, "refuse", json!({})).await;
    let expected = "the tool server `desk` refused the call of `refuse`: not like this";
    assert_eq!(told, (expected.to_owned(), false));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let told = failure(&tools(program("no-such-program", &[])), "x", json!({})).await;
    let expected = "the tool server `desk` cannot be started: `no-such-program`: No such file or directory (os error 2)";
    assert_eq!(told, (expected.to_owned(), false));
    let dies = program("sh", &["-c", "echo no licence >&2; exit 3"]);
    let (reason, may_retry) = failure(&tools(dies), "x", json!({})).await;
    assert!(may_retry, "{reason}");
    let expected = "the tool server `desk` did not begin to speak MCP: it ended with exit status: 3; the end of its \
                    stderr: no licence";
    assert_eq!(reason, expected);
}

#[tokio::test]
async fn what_is_no_tool_server_is_found_out() {
    let (reason, _) = failure(&tools(program("yes", &[])), "x", json!({})).await;
    assert!(
        reason.contains("it wrote more than 1000 lines that are no messages of MCP"),
        "{reason}"
    );
    assert!(reason.contains("on its stdout stood `y`"), "{reason}");
    let mut call = asked("x", json!({}));
    call.timeout = Some(Duration::from_millis(500));
    let mute = tools(program("sleep", &["60"]));
    let (reason, may_retry) = failed(mute.perform(call).await);
    let expected = "the tool server `desk` did not begin to speak MCP within 500ms";
    assert_eq!((reason.as_str(), may_retry), (expected, true));
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_told_and_started_anew() {
    let tools = tools(server::place());
    let first = value(&tools, "pid", Json::Null).await;
    assert_eq!(value(&tools, "pid", Json::Null).await, first, "it is shared");
    let (reason, may_retry) = failure(&tools, "exit", json!({})).await;
    let expected =
        "the tool server `desk` was lost during the call of `exit`: it ended with exit status: 3";
    assert!(
        reason.starts_with(expected) && reason.ends_with("out of paper") && may_retry,
        "{reason}"
    );
    let second = value(&tools, "pid", Json::Null).await;
    assert_ne!(second, first);
    assert_eq!(value(&tools, "exit_after", json!({})).await, json!("done"));
    // The next call may find the server dying, but the one after that finds a new one.
    let next = tools.perform(asked("pid", Json::Null)).await;
    let third = match next {
        Outcome::Done(pid) => pid,
        other => {
            assert!(failed(other).1, "trying again helps");
            value(&tools, "pid", Json::Null).await
        }
    };
    assert_ne!(third, second);
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_told_and_started_anew() {
    let tools = tools(server::place());
    for (tool, what) in [
        ("garbage", "it sent `{\"this\": \"is not MCP\"}`, which is no message of MCP"),
        (
            "broken",
            "it sent `{\"jsonrpc\": \"2.0\", \"id\": 1, \"resu`, which is no message of MCP",
        ),
        ("wrong_id", "it answered the request `9999`, which nobody made"),
    ] {
        let (reason, may_retry) = failure(&tools, tool, json!({})).await;
        let expected =
            format!("the tool server `desk` was lost during the call of `{tool}`: {what}");
        assert!(reason.starts_with(&expected) && may_retry, "{reason}");
    }
    assert_eq!(value(&tools, "echo", json!({ "text": "hi" })).await, json!("hi"));
}

#[tokio::test]
async fn a_result_against_the_tools_own_description_is_no_result() {
    let tools = tools(server::place());
    let (reason, _) = failure(&tools, "lie", json!({})).await;
    let expected = "the tool `lie` of `desk` gave what its own description forbids: sum ";
    assert!(reason.starts_with(expected), "{reason}");
    let (reason, _) = failure(&tools, "promise", json!({})).await;
    assert!(reason.contains("gave no structured result"), "{reason}");
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends_in_time_and_a_slow_server_is_kept() {
    let tools = tools(server::place());
    let pid = value(&tools, "pid", Json::Null).await;
    let mut call = asked("hang", json!({}));
    call.timeout = Some(Duration::from_millis(300));
    let begun = Instant::now();
    let told = failed(tools.perform(call).await);
    let expected = "the tool server `desk` did not answer the call of `hang` within 300ms";
    assert_eq!(told, (expected.to_owned(), true));
    assert!(begun.elapsed() < Duration::from_secs(5));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(value(&tools, "cancelled", json!({})).await, json!("1"), "it was told");
    assert_eq!(value(&tools, "pid", Json::Null).await, pid, "it answers a ping, so it stays");
}

#[tokio::test]
async fn a_giant_answer_fails_its_own_call_only() {
    let tools = tools(server::place());
    let pid = value(&tools, "pid", Json::Null).await;
    let told = failure(&tools, "large", json!({})).await;
    let expected = "the result of the tool `large` of `desk` has more than 1048576 bytes";
    assert_eq!(told, (expected.to_owned(), false));
    let told = failure(&tools, "giant", json!({})).await;
    let expected = "the tool server `desk` answered the call of `giant`: the answer has more than 4194304 bytes";
    assert_eq!(told, (expected.to_owned(), false));
    assert_eq!(value(&tools, "pid", Json::Null).await, pid, "the server is still there");
}

#[tokio::test]
async fn a_result_that_reading_would_change_is_no_result() {
    let tools = tools(server::place());
    let told = failure(&tools, "long_number", json!({})).await;
    let expected = "the tool server `desk` answered the call of `long_number`: the answer cannot be kept as it is: \
                    structuredContent/id is 12345678901234567890123, a whole number of more than 64 bits, whose last \
                    digits would be lost; send it as a text";
    assert_eq!(told, (expected.to_owned(), false));
    let value = value(&tools, "short_number", json!({})).await;
    assert_eq!(value.to_string(), r#"{"id":18446744073709551615,"mol":6.02e+23}"#);
}

#[tokio::test]
async fn a_server_may_talk_as_much_as_it_likes() {
    let tools = tools(server::place());
    assert_eq!(value(&tools, "loud", json!({})).await, json!("loud and clear"));
    let (reason, _) = failure(&tools, "exit", json!({})).await;
    assert!(reason.len() < 3_000, "{}", reason.len());
    assert!(reason.contains("number 19999"), "{reason}");
}

#[tokio::test]
async fn a_tool_that_a_server_got_later_is_found() {
    let tools = tools(server::place());
    let (reason, _) = failure(&tools, "grown", json!({})).await;
    assert!(reason.contains("has no tool `grown`"), "{reason}");
    assert_eq!(value(&tools, "grow", json!({})).await, json!("done"));
    // That the list changed is told beside the answer, not before it.
    for _ in 0..100 {
        if tools.perform(asked("grown", json!({}))).await == Outcome::Done(json!("new")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is not found");
}

#[tokio::test]
async fn a_server_ends_with_whoever_started_it() {
    let tools = tools(server::place());
    let pid = value(&tools, "pid", Json::Null).await;
    let process = format!("/proc/{}", pid.as_str().unwrap());
    assert!(std::path::Path::new(&process).exists());
    drop(tools);
    for _ in 0..500 {
        if !std::path::Path::new(&process).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still runs");
}

/// A server behind a script: what the script started ends with it, also what does not heed that its stdin is closed.
#[tokio::test]
async fn what_a_server_started_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let ToolServer::Stdio { command, arguments, env, .. } = server::place() else {
        panic!("it is a program");
    };
    let script = format!("sleep 4321 & echo $! > '{}'; exec \"$@\"", file.display());
    let arguments =
        ["-c".to_owned(), script, "sh".to_owned(), command].into_iter().chain(arguments);
    let tools = tools(ToolServer::Stdio {
        command: "sh".to_owned(),
        arguments: arguments.collect(),
        env,
        directory: None,
    });
    value(&tools, "pid", Json::Null).await;
    let pid = std::fs::read_to_string(&file).unwrap();
    let process = format!("/proc/{}/stat", pid.trim());
    // One that is dead waits to be asked how it ended, if nobody asks.
    let runs = || std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(runs());
    drop(tools);
    for _ in 0..500 {
        if !runs() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what it started still runs");
}

#[tokio::test]
async fn the_tools_of_a_server_are_counted_in_bounded_time() {
    let second = Duration::from_secs(1);
    assert_eq!(tools(server::place()).count("desk", 20 * second).await, Ok(25));
    let begun = Instant::now();
    let mute = tools(program("sleep", &["60"]));
    assert!(mute.count("desk", second).await.unwrap_err().reason.contains("within 1s"));
    assert!(begun.elapsed() < Duration::from_secs(10));
}
