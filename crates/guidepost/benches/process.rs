//! What `guidepost mcp` costs a machine that runs one for each agent: how soon it answers, and what it holds while idle.
//!
//! Prints a line of JSON for each pair. The floor of each is what the project promises. `--quick` starts fewer processes.

#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../../../benches/line.rs"]
mod line;
#[path = "../../../benches/memory.rs"]
mod memory;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::line::line;
use crate::memory::resident_mib;

/// How soon the first answer is promised, in milliseconds.
const ANSWER_MS: f64 = 150.0;
/// How much memory an idle process is promised to hold at most, in MiB.
const IDLE_MIB: f64 = 40.0;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    for _ in 0..if quick { 6 } else { 15 } {
        let (milliseconds, mebibytes) = converse();
        line("mcp-first-answer-ms", milliseconds, ANSWER_MS);
        line("mcp-idle-mib", mebibytes, IDLE_MIB);
    }
}

/// Starts a server over a store that does not exist yet, introduces itself, and asks for the tools and the runs; returns how
/// many milliseconds passed from the start of the process to the first answer, and how many MiB it holds in the end.
fn converse() -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let mut server = Command::new(env!("CARGO_BIN_EXE_guidepost"))
        .args(["mcp", "--store"])
        .arg(folder.path().join("bench.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let mut say = |message: Json| writeln!(input, "{message}").unwrap();
    let mut hear = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let answer: Json = serde_json::from_str(&line).unwrap();
        assert!(answer["result"].is_object(), "{answer}");
    };
    say(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "bench", "version": "1" },
    } }));
    hear();
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    say(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
    hear();
    let find = json!({ "name": "guidepost_find", "arguments": {} });
    say(json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": find }));
    hear();
    let mebibytes = resident_mib(server.id());
    drop(input);
    assert!(server.wait().unwrap().success());
    (milliseconds, mebibytes)
}
