//! A tool server with every fault a server can have, one for each of its tools. It is this very test program, started again.

#![expect(clippy::print_stderr, reason = "servers complain there")]

use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use guidepost_engine::work::tool::ToolServer;
use serde_json::{Value as Json, json};

/// The variable that makes this program a server.
const IS_SERVER: &str = "GUIDEPOST_TEST_IS_TOOL_SERVER";

/// Whether it got one more tool.
static HAS_GROWN: AtomicBool = AtomicBool::new(false);

/// How many calls nobody waits for any more.
static CANCELLED: AtomicU32 = AtomicU32::new(0);

/// The server as a step's handler starts it.
pub(crate) fn place() -> ToolServer {
    ToolServer::Stdio {
        command: std::env::current_exe().unwrap().to_str().unwrap().to_owned(),
        // With two threads the harness names the test after its end only.
        arguments: ["--exact", "child", "--nocapture", "--test-threads=2"]
            .map(str::to_owned)
            .into(),
        env: [(IS_SERVER.to_owned(), "1".to_owned())].into(),
        directory: None,
    }
}

/// Serves, if this process was started for that.
pub(crate) fn serve() {
    if std::env::var_os(IS_SERVER).is_none() {
        return;
    }
    let mut calls = 0;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let asked: Json = serde_json::from_str(&line).unwrap();
        if asked["method"] == "notifications/cancelled" {
            CANCELLED.fetch_add(1, Ordering::Relaxed);
        } else if asked["method"] == "tools/call" {
            calls += 1;
            std::thread::spawn(move || call(&asked, calls));
        } else if let Some(result) = answer(&asked) {
            reply(&asked["id"], &result);
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever started it may be gone.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn reply(id: &Json, result: &Json) {
    say(&json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string());
}

/// What is answered to everything but calls.
pub(crate) fn answer(asked: &Json) -> Option<Json> {
    match asked["method"].as_str()? {
        "initialize" => Some(json!({
            "protocolVersion": asked["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "faulty", "version": "1" },
        })),
        "tools/list" => Some(tools(&asked["params"]["cursor"])),
        "ping" => Some(json!({})),
        _ => None,
    }
}

/// The tools, on two pages.
fn tools(cursor: &Json) -> Json {
    if cursor.is_null() {
        let text = json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] });
        return json!({ "tools": [{ "name": "echo", "inputSchema": text }], "nextCursor": "more" });
    }
    let sum = json!({ "type": "object", "properties": { "sum": { "type": "integer" } }, "required": ["sum"] });
    let names = [
        "meta",
        "pid",
        "nap",
        "fail",
        "refuse",
        "exit",
        "exit_after",
        "broken",
        "garbage",
        "wrong_id",
        "hang",
        "large",
        "giant",
        "loud",
        "picture",
        "calls",
        "cancelled",
        "grow",
        "exit_once",
        "long_number",
        "short_number",
    ];
    let mut tools: Vec<Json> = names
        .iter()
        .map(|name| json!({ "name": name, "inputSchema": { "type": "object" } }))
        .collect();
    for name in ["add", "lie", "promise"] {
        tools.push(
            json!({ "name": name, "inputSchema": { "type": "object" }, "outputSchema": sum }),
        );
    }
    if HAS_GROWN.load(Ordering::Relaxed) {
        tools.push(json!({ "name": "grown", "inputSchema": { "type": "object" } }));
    }
    json!({ "tools": tools })
}

fn text(text: &str) -> Json {
    json!({ "content": [{ "type": "text", "text": text }] })
}

fn structured(value: &Json) -> Json {
    json!({ "content": [{ "type": "text", "text": value.to_string() }], "structuredContent": value })
}

/// An answer with a number as it is written here.
fn with_number(id: &Json, number: &str) -> String {
    format!(
        r#"{{"jsonrpc": "2.0", "id": {id}, "result": {{"content": [], "structuredContent": {{"id": {number}, "mol": 6.02e23}}}}}}"#
    )
}

fn call(asked: &Json, calls: u32) {
    let (id, given) = (&asked["id"], &asked["params"]["arguments"]);
    match asked["params"]["name"].as_str().unwrap_or_default() {
        "echo" => reply(id, &text(given["text"].as_str().unwrap_or_default())),
        "add" => reply(id, &structured(&json!({ "sum": given["a"].as_i64().unwrap_or(0) + given["b"].as_i64().unwrap_or(0) }))),
        "meta" => reply(id, &structured(&asked["params"]["_meta"])),
        "pid" => reply(id, &text(&std::process::id().to_string())),
        "calls" => reply(id, &text(&calls.to_string())),
        "cancelled" => reply(id, &text(&CANCELLED.load(Ordering::Relaxed).to_string())),
        "grow" => {
            HAS_GROWN.store(true, Ordering::Relaxed);
            say(r#"{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}"#);
            reply(id, &text("done"));
        }
        "exit_once" if asked["params"]["_meta"]["io.github.guidepost/attempt"] == 1 => {
            std::process::exit(3)
        }
        "exit_once" => reply(id, &text("at last")),
        "grown" => reply(id, &text("new")),
        "nap" => {
            std::thread::sleep(Duration::from_millis(200));
            reply(id, &text(&given.to_string()));
        }
        "picture" => reply(id, &json!({ "content": [{ "type": "image", "data": "AA==", "mimeType": "image/png" }] })),
        "fail" => reply(id, &json!({ "content": [{ "type": "text", "text": "no ink" }], "isError": true })),
        "refuse" => say(&json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": "not like this" } }).to_string()),
        "exit" => {
            eprintln!("out of paper");
            std::process::exit(3);
        }
        "exit_after" => {
            reply(id, &text("done"));
            std::process::exit(0);
        }
        "broken" => {
            say("{\"jsonrpc\": \"2.0\", \"id\": 1, \"resu");
            std::process::exit(0);
        }
        "garbage" => say("{\"this\": \"is not MCP\"}"),
        "wrong_id" => say(&json!({ "jsonrpc": "2.0", "id": 9999, "result": text("hi") }).to_string()),
        "lie" => reply(id, &structured(&json!({ "sum": "many" }))),
        "promise" => reply(id, &text("7")),
        "large" => reply(id, &text(&"x".repeat(2 * 1024 * 1024))),
        "giant" => reply(id, &text(&"x".repeat(6 * 1024 * 1024))),
        "long_number" => say(&with_number(id, "12345678901234567890123")),
        "short_number" => say(&with_number(id, "18446744073709551615")),
        "loud" => {
            for number in 0..20_000 {
                eprintln!("a word of no use, number {number}");
            }
            say("I print what I think");
            reply(id, &text("loud and clear"));
        }
        // It hangs.
        _ => {}
    }
}
