//! A client that sees every byte.

use guidepost_server::mcp::{Options, serve};
use serde_json::{Value as Json, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;

use crate::support::Fixture;

pub(crate) struct Wire {
    write: Option<WriteHalf<DuplexStream>>,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    serving: JoinHandle<()>,
    last_id: u64,
}

impl Wire {
    /// A server that nothing has been said to.
    pub(crate) fn open(fixture: &Fixture, options: Options) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(theirs);
        let ops = fixture.ops.clone();
        let serving = tokio::spawn(async move { serve(ops, options, read, write).await.unwrap() });
        let (read, write) = tokio::io::split(ours);
        Self { write: Some(write), lines: BufReader::new(read).lines(), serving, last_id: 0 }
    }

    /// A server after the handshake of the session-based revisions.
    pub(crate) async fn connect(fixture: &Fixture, options: Options) -> Self {
        let mut wire = Self::open(fixture, options);
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "wire", "version": "1" },
        });
        let answer = wire.request("initialize", hello).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        wire.notify("notifications/initialized", json!({})).await;
        wire
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let write = self.write.as_mut().unwrap();
        write.write_all(bytes).await.unwrap();
        write.flush().await.unwrap();
    }

    pub(crate) async fn message(&mut self, message: &Json) {
        self.bytes(format!("{message}\n").as_bytes()).await;
    }

    pub(crate) async fn notify(&mut self, method: &str, params: Json) {
        self.message(&json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Sends a request and gives its answer, whatever else is said in between.
    pub(crate) async fn request(&mut self, method: &str, params: Json) -> Json {
        self.last_id += 1;
        let id = self.last_id;
        self.message(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
            .await;
        loop {
            let answer = self.answer().await;
            if answer["id"] == id {
                return answer;
            }
        }
    }

    /// The next line, which must be a message of the protocol.
    pub(crate) async fn answer(&mut self) -> Json {
        let line = self.lines.next_line().await.unwrap().expect("the server answers");
        let answer: Json =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert_eq!(answer["jsonrpc"], "2.0", "{line}");
        answer
    }

    /// Calls a tool: its text, and whether it is an error.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Json) -> (String, bool) {
        let answer =
            self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        let result = &answer["result"];
        let content = result["content"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(content.len(), 1);
        assert_eq!(content[0]["type"], "text");
        assert!(result.get("structuredContent").is_none());
        (content[0]["text"].as_str().unwrap().to_owned(), result["isError"] == true)
    }

    pub(crate) async fn done(&mut self, tool: &str, arguments: Json) -> String {
        let (text, is_error) = self.call(tool, arguments).await;
        assert!(!is_error, "{tool}: {text}");
        text
    }

    pub(crate) async fn refused(&mut self, tool: &str, arguments: Json) -> String {
        let (text, is_error) = self.call(tool, arguments).await;
        assert!(is_error, "{tool}: {text}");
        text
    }

    /// Leaves in the middle of everything.
    pub(crate) fn crash(self) {
        self.serving.abort();
    }

    /// Ends the input, and waits until the server has ended too.
    pub(crate) async fn close(mut self) -> Vec<Json> {
        let mut write = self.write.take().unwrap();
        write.shutdown().await.unwrap();
        drop(write);
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        self.serving.await.unwrap();
        rest
    }
}
