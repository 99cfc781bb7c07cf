//! Clients that are broken or hostile (F3): the server answers, goes on, and ends when the input does.

use std::time::Duration;

use guidepost_server::mcp::{LINE_BYTES_MAX, Options, VALUES_MAX};
use serde_json::{Value as Json, json};

use crate::support::{BUGFIX, Fixture};
use crate::wire::Wire;

async fn still_answers(wire: &mut Wire) {
    let text = wire.done("guidepost_where", json!({})).await;
    assert!(text.starts_with("no open runs"), "{text}");
}

#[tokio::test]
async fn f3_what_is_no_message_is_answered_and_survived() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let deep = "[".repeat(10_000);
    for (line, code) in [
        (&b"this is no JSON"[..], -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,", -32700),
        (b"\0\0\0", -32700),
        (b"\xff\xfe{}", -32700),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700),
        (deep.as_bytes(), -32700),
        (b"[]", -32600),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (b"{}", -32600),
        (b"null", -32600),
        (b"42", -32600),
        (br#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, -32600),
    ] {
        wire.bytes(&[line, b"\n"].concat()).await;
        let answer = wire.answer().await;
        assert_eq!(answer["error"]["code"], code, "{}: {answer}", String::from_utf8_lossy(line));
    }
    still_answers(&mut wire).await;
    wire.close().await;
}

/// Only a message without an id is a notification; whoever gives one waits for an answer.
#[tokio::test]
async fn f3_an_id_that_no_answer_can_have_is_refused() {
    let fixture = Fixture::memory();
    for mut wire in [
        Wire::open(&fixture, Options::default()),
        Wire::connect(&fixture, Options::default()).await,
    ] {
        for id in ["null", "true", "31.5", "{}", "[1]", "18446744073709551615"] {
            for method in ["ping", "tools/list", "notifications/unheard_of"] {
                let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}\n");
                wire.bytes(line.as_bytes()).await;
                let answer = wire.answer().await;
                assert_eq!(answer["error"]["code"], -32600, "{line}: {answer}");
                assert!(answer["id"].is_null(), "{line}: {answer}");
            }
        }
        wire.close().await;
    }
}

#[tokio::test]
async fn f3_a_line_that_is_not_utf_8_is_refused_by_its_byte() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    wire.bytes(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}\n").await;
    let answer = wire.answer().await;
    assert_eq!(answer["error"]["message"], "the line is not UTF-8: byte 35 is 0xff");
    wire.close().await;
}

#[tokio::test]
async fn f3_empty_lines_marks_and_unknown_notifications_are_passed_over() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    wire.bytes(b"\n\r\n   \n").await;
    wire.bytes(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/unheard_of\",\"params\":7}\n")
        .await;
    wire.bytes(b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":\"bom\",\"method\":\"ping\"}\r\n").await;
    assert_eq!(wire.answer().await["id"], "bom");
    still_answers(&mut wire).await;
    wire.close().await;
}

#[tokio::test]
async fn f3_a_line_of_100_megabytes_is_refused_and_survived() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let chunk = vec![b'x'; 1024 * 1024];
    for _ in 0..100 {
        wire.bytes(&chunk).await;
    }
    wire.bytes(b"\n").await;
    let answer = wire.answer().await;
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    still_answers(&mut wire).await;
    wire.close().await;
}

/// P3: the longest line is read, one byte more is not.
#[tokio::test]
async fn p3_a_line_is_bounded() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let ping = |bytes: usize| {
        let head = r#"{"jsonrpc":"2.0","id":"p","method":"ping","params":{"x":""#;
        let tail = r#""}}"#;
        format!("{head}{}{tail}\n", "x".repeat(bytes - head.len() - tail.len()))
    };
    wire.bytes(ping(LINE_BYTES_MAX).as_bytes()).await;
    assert_eq!(wire.answer().await["id"], "p");
    wire.bytes(ping(LINE_BYTES_MAX + 1).as_bytes()).await;
    assert_eq!(wire.answer().await["error"]["code"], -32600);
    wire.close().await;
}

/// P3: a short line of very many values would take much memory once it is parsed.
#[tokio::test]
async fn p3_the_values_of_a_message_are_bounded() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let entries = "{},".repeat(VALUES_MAX);
    let call = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":[{entries}0]}}\n"
    );
    wire.bytes(call.as_bytes()).await;
    assert_eq!(wire.answer().await["error"]["code"], -32600);
    still_answers(&mut wire).await;
    wire.close().await;
}

/// What was asked before the input ended is answered.
#[tokio::test]
async fn the_last_request_is_answered_at_the_end_of_the_input() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let call = json!({ "name": "guidepost_where", "arguments": {} });
    for id in 100..120 {
        wire.message(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call }),
        )
        .await;
    }
    let mut ids: Vec<Json> =
        wire.close().await.into_iter().map(|answer| answer["id"].clone()).collect();
    ids.sort_by_key(|id| id.as_u64());
    assert_eq!(ids, (100..120).map(Json::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_says_nothing_or_leaves_midway_is_no_failure() {
    let fixture = Fixture::memory();
    let wire = Wire::open(&fixture, Options::default());
    assert!(wire.close().await.is_empty());
    let mut wire = Wire::open(&fixture, Options::default());
    wire.bytes(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"meth").await;
    wire.close().await;
}

/// Nobody waits for the answer of a call that was cancelled, and no other call waits for its end.
#[tokio::test]
async fn a_cancelled_call_holds_up_no_other() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let lock = rusqlite::Connection::open(&fixture.url).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let entries = json!([{ "kind": "note", "text": "kept" }]);
    let call = json!({ "name": "guidepost_log", "arguments": { "run": run, "entries": entries } });
    wire.message(&json!({ "jsonrpc": "2.0", "id": "c", "method": "tools/call", "params": call }))
        .await;
    wire.notify("notifications/cancelled", json!({ "requestId": "c" })).await;
    // What answers this has read the cancellation.
    wire.request("ping", json!({})).await;
    lock.execute_batch("COMMIT").unwrap();
    let next = wire.done("guidepost_where", json!({ "run": run }));
    let next = tokio::time::timeout(Duration::from_secs(8), next).await;
    assert!(next.expect("the turn is free").contains("run r-1"));
    let history = wire.done("guidepost_read", json!({ "run": run })).await;
    assert!(history.contains("kept"), "what writes is not left half done: {history}");
    wire.close().await;
}

#[tokio::test]
async fn the_first_line_may_begin_with_a_mark_and_the_last_end_without_one() {
    let fixture = Fixture::memory();
    let mut wire = Wire::open(&fixture, Options::default());
    let hello = json!({
        "jsonrpc": "2.0",
        "id": "hello",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "wire", "version": "1" },
        },
    });
    wire.bytes(format!("\u{feff}{hello}\n").as_bytes()).await;
    assert_eq!(wire.answer().await["id"], "hello");
    wire.notify("notifications/initialized", json!({})).await;
    wire.bytes(b"{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"ping\"}").await;
    let rest = wire.close().await;
    assert_eq!(rest.iter().map(|answer| &answer["id"]).collect::<Vec<_>>(), ["last"]);
}

/// Some clients fill in what they leave out.
#[tokio::test]
async fn an_empty_text_is_an_argument_left_out() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let start = json!({ "workflow": "bugfix", "input": { "issue": "#7" }, "key": "", "goal": "" });
    assert!(wire.done("guidepost_start", start.clone()).await.contains("run r-1"));
    assert!(wire.done("guidepost_start", start).await.contains("run r-2"));
    let recorded = json!({ "workflow": "", "goal": "tidy" });
    assert!(wire.done("guidepost_start", recorded).await.contains("run r-3 observed"));
    let listed = wire.done("guidepost_where", json!({ "run": "" })).await;
    assert!(listed.starts_with("3 open runs"), "{listed}");
    let wanted = json!({ "in": "runs", "state": "", "query": "", "cursor": "" });
    assert!(wire.done("guidepost_find", wanted).await.starts_with("3 runs"));
    let missing = json!({ "run": "", "event": "submit", "rev": 2 });
    let refused = wire.refused("guidepost_do", missing).await;
    assert!(refused.contains("lacks `run`"), "{refused}");
    wire.close().await;
}

/// Who leaves waits for nothing any more.
#[tokio::test]
async fn a_wait_ends_with_the_input() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let call = json!({ "name": "guidepost_wait", "arguments": { "run": run, "seconds": 50 } });
    wire.message(&json!({ "jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": call }))
        .await;
    let rest = tokio::time::timeout(Duration::from_secs(4), wire.close()).await;
    let rest = rest.expect("the server ends with its input");
    assert_eq!(rest[0]["id"], "w");
    assert_eq!(rest[0]["error"]["message"], "the input ended before the wait");
}

/// Of two equal keys one would be kept, and of a large number some digits: neither happens in silence.
#[tokio::test]
async fn what_reading_a_call_would_change_is_refused_with_its_place() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    let sent = |data: &str| {
        format!(
            r##""name":"guidepost_do","arguments":{{"run":"{run}","event":"submit","rev":2,"data":{data}}}"##
        )
    };
    let lost = "a whole number of more than 64 bits, whose last digits would be lost";
    for (call, expected) in [
        (sent(r##"{"pr":"#1","n":[0,12345678901234567890123]}"##), format!("data/n/1 is 12345678901234567890123, {lost}")),
        (sent(r##"{"pr":"#1","pr":"#2"}"##), "data/pr is given twice".to_owned()),
        (
            format!(r##""name":"guidepost_log","arguments":{{"run":"{run}","entries":[{{"kind":"note","text":"x","data":{{"n":-9223372036854775809}}}}]}}"##),
            format!("entries/0/data/n is -9223372036854775809, {lost}"),
        ),
        (
            r##""name":"guidepost_start","arguments":{"workflow":"bugfix","input":{"issue":"#8","issue":"#9"}}"##.to_owned(),
            "input/issue is given twice".to_owned(),
        ),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{{{call}}}}}"#);
        wire.bytes(format!("{line}\n").as_bytes()).await;
        let answer = wire.answer().await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with(&format!("not done: {expected}")), "{text}");
        assert_eq!(text.contains("Legal now: submit {pr!}"), call.contains("r-1"), "{text}");
    }
    assert_eq!(fixture.standing(&run).await.rev.0, 2);
    let fits = json!({ "run": run, "entries": [{ "kind": "note", "text": "x", "data": {} }] });
    wire.done("guidepost_log", fits).await;
    wire.close().await;
}

/// What is wrong with an argument is told by its name and in words, not in those of a parser.
#[tokio::test]
async fn an_argument_that_does_not_fit_is_told_by_its_name() {
    let fixture = Fixture::memory();
    let mut wire = Wire::connect(&fixture, Options::default()).await;
    for (tool, arguments, expected) in [
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": 1, "rev": 2 }),
            "event is a number, but must be a string",
        ),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "go", "rev": -1 }),
            "rev must be a whole number, 0 or more",
        ),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "go", "rev": true }),
            "rev must be a whole number, 0 or more",
        ),
        (
            "guidepost_do",
            json!({ "run": "r-1", "event": "go", "rev": 2, "data": "x" }),
            "data is a string, but must be an object",
        ),
        ("guidepost_do", json!({ "run": "r-1", "rev": "2" }), "lacks `event`"),
        ("guidepost_where", json!({ "runn": "r-1" }), "has `runn`, which it must not have"),
        (
            "guidepost_where",
            json!({ "detail": "all" }),
            "detail is not one of \"brief\" or \"full\"",
        ),
        (
            "guidepost_log",
            json!({ "run": "r-1", "entries": [{ "kind": "note", "text": 5 }] }),
            "entries/0/text is a number, but must be a string",
        ),
    ] {
        let text = wire.refused(tool, arguments).await;
        let expected = format!(
            "not done: the arguments of {tool} do not fit: {expected}. Correct them and call again.\n"
        );
        assert_eq!(text, expected);
    }
    wire.close().await;
}
