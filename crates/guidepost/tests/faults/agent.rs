//! An agent: a client of an MCP server that is a process of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

pub(crate) struct Agent {
    process: Child,
    write: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    last_id: u64,
}

impl Agent {
    /// Connects to the server that the command starts.
    pub(crate) fn of(mut server: Command) -> Self {
        let pipes = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = pipes.spawn().unwrap();
        let write = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut agent = Self { process, write, lines, last_id: 0 };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "racer", "version": "1" },
        });
        agent.request("initialize", &hello);
        agent.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        agent
    }

    /// Calls a tool: `Ok` with what was done, `Err` with why not.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Json) -> Result<String, String> {
        let call = json!({ "name": tool, "arguments": arguments });
        let answer = self.request("tools/call", &call);
        let text = answer["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{answer}")).to_owned();
        if answer["result"]["isError"] == true { Err(text) } else { Ok(text) }
    }

    fn request(&mut self, method: &str, params: &Json) -> Json {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the server ended by itself");
            // A server that is a test says so before it serves.
            let answer: Json = serde_json::from_str(&line).unwrap_or_default();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn send(&mut self, message: &Json) {
        let write = self.write.as_mut().unwrap();
        write.write_all(format!("{message}\n").as_bytes()).unwrap();
    }
}

impl Drop for Agent {
    /// A server ends with its input.
    fn drop(&mut self) {
        drop(self.write.take());
        let _ = self.process.wait();
    }
}
