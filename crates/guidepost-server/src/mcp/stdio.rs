//! Messages over a pair of streams, one per line.
//!
//! What is read is bounded before it is parsed, and what is no message is answered as a protocol error, so that neither
//! a broken nor a hostile client can end the process or exhaust it.

use std::io;

use guidepost_core::exact::expect_exact;
use rmcp::RoleServer;
use rmcp::model::{ClientRequest, ErrorCode, ErrorData, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::turn::{Closing, Turn};

/// Bytes of one message at most: the largest event data (1 MiB) with room for escapes and the frame around it.
pub const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Values in one message at most: numbers, texts, lists and objects. While they are parsed, each takes up to some 600
/// bytes, so that together they stay below 64 MiB. What agents send has hundreds.
pub const VALUES_MAX: usize = 80_000;

/// Messages that wait to be written, at most; whoever sends more waits for the reader.
const QUEUE_MAX: usize = 64;

/// Bytes of the line buffer that are kept for the next line.
const KEPT_BYTES: usize = 64 * 1024;

/// What some programs begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The transport.
pub(super) struct Lines<R> {
    read: BufReader<R>,
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is being dropped.
    is_dropping: bool,
    /// A line's end, or its replacement by an error, is one message in the queue, so that a reader that is dropped
    /// between two of them leaves no half a line.
    queue: Option<mpsc::Sender<Vec<u8>>>,
    turn: Turn,
    closing: Closing,
    /// Whether the client has begun as one of the revisions wants: before that, rmcp would end without a word.
    is_open: bool,
    /// A message that was read and waits for its turn.
    next: Option<RxJsonRpcMessage<RoleServer>>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Messages from `read`, answers to `write`; and the task that writes, which ends when the transport is gone and
    /// everything is written. Until then the process must not end.
    pub(super) fn new(
        read: R,
        write: impl AsyncWrite + Send + Unpin + 'static,
        turn: Turn,
        closing: Closing,
    ) -> (Self, JoinHandle<io::Result<()>>) {
        let (queue, lines) = mpsc::channel(QUEUE_MAX);
        let transport = Self {
            read: BufReader::new(read),
            line: Vec::new(),
            is_dropping: false,
            queue: Some(queue),
            turn,
            closing,
            is_open: false,
            next: None,
        };
        (transport, tokio::spawn(write_all(lines, write)))
    }

    /// The next line, without its end. Loses nothing when dropped: what was read is kept for the next call.
    async fn next_line(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        loop {
            // A stream that fails is a stream that ended: there is nobody left to tell.
            let available = self.read.fill_buf().await.unwrap_or_default();
            let is_over = available.is_empty();
            if is_over && self.line.is_empty() && !self.is_dropping {
                return None;
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(available.len());
            let is_too_long = self.line.len() + taken > LINE_BYTES_MAX;
            if !self.is_dropping && !is_too_long {
                self.line.extend_from_slice(&available[..taken]);
            } else {
                self.is_dropping = true;
                self.line = Vec::new();
            }
            self.read.consume(taken + usize::from(end.is_some()));
            // The last line need not have an end.
            if end.is_none() && !is_over {
                continue;
            }
            if std::mem::take(&mut self.is_dropping) {
                return Some(Err(Broken::TooLong));
            }
            let line = self.line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.line).to_vec();
            self.line.clear();
            self.line.shrink_to(KEPT_BYTES);
            return Some(Ok(line));
        }
    }

    async fn answer(&mut self, broken: Broken) {
        self.say(&broken.answer()).await;
    }

    async fn say(&mut self, message: &impl serde::Serialize) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        if let Some(queue) = &self.queue {
            // If nobody reads the answers any more, the input will end too.
            drop(queue.send(line).await);
        }
    }
}

/// Writes lines until there are no more senders.
async fn write_all(
    mut lines: mpsc::Receiver<Vec<u8>>,
    mut write: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        write.write_all(&line).await?;
        write.flush().await?;
    }
    Ok(())
}

/// A line that is no message.
enum Broken {
    /// Longer than a message may be.
    TooLong,
    /// More values than a message may have.
    TooMany,
    /// No JSON.
    NotJson(String),
    /// A request before the client has begun.
    TooEarly(RequestId),
    /// JSON, but no message; with its id, if it has one.
    NotAMessage(Option<RequestId>, &'static str),
}

impl Broken {
    fn answer(self) -> TxJsonRpcMessage<RoleServer> {
        let (error, id) = match self {
            Self::TooLong => {
                let what = format!("the message is longer than {LINE_BYTES_MAX} bytes");
                (ErrorData::invalid_request(what, None), None)
            }
            Self::TooMany => {
                let what = format!("the message has more than {VALUES_MAX} values");
                (ErrorData::invalid_request(what, None), None)
            }
            Self::NotJson(what) => (ErrorData::parse_error(what, None), None),
            Self::TooEarly(id) => (ErrorData::invalid_params(TOO_EARLY, None), Some(id)),
            Self::NotAMessage(id, what) => (ErrorData::invalid_request(what, None), id),
        };
        TxJsonRpcMessage::<RoleServer>::error(error, id)
    }
}

/// Says of an unknown method that there is none. Until here the error is the bare name, which is all that the library has
/// of methods it knows and this server does not.
fn name_missing_method(message: &mut TxJsonRpcMessage<RoleServer>) {
    if let JsonRpcMessage::Error(answer) = message
        && answer.error.code == ErrorCode::METHOD_NOT_FOUND
    {
        let what = format!("there is no method `{}`", answer.error.message.escape_debug());
        answer.error.message = what.into();
    }
}

/// Reads a line; `None` if it is one to pass over.
fn parse(line: &[u8]) -> Option<Result<RxJsonRpcMessage<RoleServer>, Broken>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    if values(line) > VALUES_MAX {
        return Some(Err(Broken::TooMany));
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(end) => {
            let at = end.valid_up_to();
            let what = format!("the line is not UTF-8: byte {} is 0x{:02x}", at + 1, line[at]);
            return Some(Err(Broken::NotJson(what)));
        }
    };
    if has_unusable_id(line) {
        let what = "the id of a request must be a text or a whole number";
        return Some(Err(Broken::NotAMessage(None, what)));
    }
    if let Ok(mut message) = serde_json::from_slice(line) {
        note_inexact(&mut message, text);
        return Some(Ok(message));
    }
    let value: Json = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(reason) => return Some(Err(Broken::NotJson(format!("the line is no JSON: {reason}")))),
    };
    if value.is_array() {
        return Some(Err(Broken::NotAMessage(
            None,
            "batches are not supported: send one message a line",
        )));
    }
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
    // A notification gets no answer, not even when it cannot be understood.
    if id.is_none() && value.get("method").is_some_and(Json::is_string) {
        return None;
    }
    Some(Err(Broken::NotAMessage(id, "this is no JSON-RPC 2.0 message")))
}

/// Notes with a call what reading it has changed, so that it is answered with that instead of being done.
fn note_inexact(message: &mut RxJsonRpcMessage<RoleServer>, text: &str) {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::CallToolRequest(call) = &mut request.request
        && let Err(found) = expect_exact(text)
    {
        call.extensions.insert(found);
    }
}

/// Whether a line asks for something under an id that no answer can have. Only a message without an id is a notification,
/// which may be passed over.
fn has_unusable_id(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Frame {
        #[serde(default, deserialize_with = "given")]
        id: Option<Json>,
        method: Option<IgnoredAny>,
    }
    /// Null is an id that is there.
    fn given<'de, D: Deserializer<'de>>(id: D) -> Result<Option<Json>, D::Error> {
        Json::deserialize(id).map(Some)
    }
    match serde_json::from_slice(line) {
        Ok(Frame { id: Some(id), method: Some(_) }) => RequestId::deserialize(id).is_err(),
        Ok(_) | Err(_) => false,
    }
}

/// What a client is told that asks before it has begun.
const TOO_EARLY: &str =
    "begin with `initialize`, or name the protocol's version in the request's `_meta`";

/// What a message means to a server that nobody has begun to talk to.
enum Opening {
    /// The client begins, in the way of either revision.
    Opens,
    /// It only asks whether anybody is there.
    Ping(RequestId),
    /// It asks too early.
    TooEarly(RequestId),
    /// It wants no answer.
    Nothing,
}

fn first_words(line: &[u8]) -> Opening {
    let message: Json = serde_json::from_slice(line).unwrap_or_default();
    let method = message["method"].as_str().unwrap_or_default();
    let version = &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    let id = message.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
    match (method, id) {
        ("initialize" | "server/discover", Some(_)) => Opening::Opens,
        (_, Some(_)) if version.is_string() => Opening::Opens,
        ("ping", Some(id)) => Opening::Ping(id),
        (_, Some(id)) => Opening::TooEarly(id),
        (_, None) => Opening::Nothing,
    }
}

/// About how many values a JSON text has: what begins a list or an object, or follows a comma, outside of texts.
fn values(line: &[u8]) -> usize {
    let mut count = 0;
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in line {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

impl<R: AsyncRead + Send + Unpin + 'static> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        mut message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), io::Error>> + Send + 'static {
        let (queue, turn) = (self.queue.clone(), self.turn.clone());
        name_missing_method(&mut message);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let queue = queue.ok_or(io::ErrorKind::NotConnected)?;
            let sent = queue.send(line).await.map_err(|_| io::ErrorKind::BrokenPipe.into());
            turn.answered(&message);
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(next) = &self.next {
                self.turn.wait_for(next).await;
                return self.next.take();
            }
            let Some(line) = self.next_line().await else {
                self.closing.closed();
                return None;
            };
            let read = match line {
                Ok(line) if self.is_open => parse(&line),
                Ok(line) => {
                    let read = parse(&line);
                    match &read {
                        Some(Ok(_)) => match first_words(&line) {
                            Opening::Opens => {
                                self.is_open = true;
                                read
                            }
                            Opening::Ping(id) => {
                                self.say(&json!({ "jsonrpc": "2.0", "id": id, "result": {} }))
                                    .await;
                                None
                            }
                            Opening::TooEarly(id) => Some(Err(Broken::TooEarly(id))),
                            Opening::Nothing => None,
                        },
                        Some(Err(_)) | None => read,
                    }
                }
                Err(broken) => Some(Err(broken)),
            };
            match read {
                Some(Ok(message)) => self.next = Some(message),
                Some(Err(broken)) => self.answer(broken).await,
                None => {}
            }
        }
    }

    /// Takes no more answers. Those it has are written all the same.
    async fn close(&mut self) -> Result<(), io::Error> {
        self.queue = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What messages are made of.
    const PIECES: [&[u8]; 9] = [
        br#"{"jsonrpc":"2.0","#,
        br#""id":1,"#,
        br#""method":"tools/call","#,
        br#""params":{"name":"x","arguments":{}}}"#,
        b"[",
        b"{}",
        br#"\""#,
        b"\0\xff",
        b"1e999",
    ];

    /// Bytes that are sometimes a message, and mostly pieces of one.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(&PIECES[..]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// F3: whatever arrives is a message, a refusal or nothing.
        #[test]
        fn f3_no_line_is_too_much(line in prop_oneof![pieces(), prop::collection::vec(any::<u8>(), 0..64)]) {
            if let Some(Err(broken)) = parse(&line) {
                let answer = serde_json::to_value(broken.answer()).unwrap();
                prop_assert!(answer["error"]["code"].is_i64(), "{answer}");
            }
        }
    }

    #[test]
    fn values_in_texts_do_not_count() {
        assert_eq!(values(br#"{"a":[1,2,3],"b":"[,{\"[,","c":{}}"#), 7);
        assert_eq!(values(br#""\\",,"#), 2);
    }
}
