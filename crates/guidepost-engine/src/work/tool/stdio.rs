//! A tool server that is a child process: messages of MCP on its stdin and stdout, one a line.
//!
//! What is read is bounded before it is parsed. A line that is no JSON is passed over and remembered, since many programs
//! greet whoever starts them; JSON that is no message of MCP ends the connection.

use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use guidepost_core::exact::expect_exact;
use guidepost_core::limits::TOOL_MESSAGE_BYTES_MAX;
use rmcp::RoleClient;
use rmcp::model::{ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerResult};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::work::family::{Family, GRACE, Parts};

/// How much of what a server complained about is kept.
const COMPLAINT_BYTES_MAX: usize = 2_000;

/// How much of a line that is no message is shown.
const SHOWN_CHARS_MAX: usize = 120;

/// Lines on stdout that are no messages, before a program is taken for something else than a tool server.
const NOISE_LINES_MAX: usize = 1_000;

/// Messages that wait to be taken, at most; a server that sends more waits.
const QUEUE_MAX: usize = 64;

/// The code of the error that stands for an answer that is too long to be read.
pub(super) const TOO_LONG: ErrorCode = ErrorCode(-32_099);

/// The code of the error that stands for a result that reading would change.
pub(super) const INEXACT: ErrorCode = ErrorCode(-32_098);

/// What is known about why a server says nothing more.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// How it broke the protocol, or ended.
    end: Option<String>,
    /// The last line on its stdout that is no message.
    noise: Option<String>,
    /// The end of what it wrote to stderr.
    complaint: Vec<u8>,
}

impl Notes {
    /// All of it in words, to be put behind what happened; empty if nothing is known.
    pub(super) fn told(&self) -> String {
        self.with(|noted| {
            let mut text = String::new();
            if let Some(end) = &noted.end {
                text.push_str(&format!(": {end}"));
            }
            if let Some(noise) = &noted.noise {
                text.push_str(&format!(
                    "; on its stdout stood `{noise}`, which is no message of MCP"
                ));
            }
            let complaint = String::from_utf8_lossy(&noted.complaint);
            if !complaint.trim().is_empty() {
                text.push_str(&format!("; the end of its stderr: {}", complaint.trim()));
            }
            text
        })
    }

    /// It speaks MCP, whatever it said before.
    pub(super) fn greeted(&self) {
        self.with(|noted| noted.noise = None);
    }

    fn end(&self, how: impl FnOnce() -> String) {
        self.with(|noted| noted.end.get_or_insert_with(how).len());
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Noted) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The transport. Dropping it ends the server: its stdin is closed, what does not heed that is asked to end, and then killed,
/// with everything it started.
pub(super) struct Pipes {
    stdin: Option<Arc<tokio::sync::Mutex<ChildStdin>>>,
    messages: mpsc::Receiver<RxJsonRpcMessage<RoleClient>>,
    /// The highest id of a request so far; they count upward.
    asked: Arc<AtomicI64>,
}

impl Pipes {
    /// Starts a server. What comes beside the pipes ends when the server has ended, with everything it started.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn spawn(
        mut command: Command,
        notes: &Arc<Notes>,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut family = Family::spawn(&mut command, None)?;
        let missing = || io::Error::other("its pipes are missing");
        let Parts { child, stdout, stderr } = family.parts().ok_or_else(missing)?;
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = stdout.take().ok_or_else(missing)?;
        let stderr = stderr.take().ok_or_else(missing)?;
        let (sender, messages) = mpsc::channel(QUEUE_MAX);
        let asked = Arc::new(AtomicI64::new(-1));
        let heard = Heard { sender, notes: Arc::clone(notes), asked: Arc::clone(&asked) };
        let attended = tokio::spawn(attend(family, stdout, stderr, heard));
        let stdin = Some(Arc::new(tokio::sync::Mutex::new(stdin)));
        Ok((Self { stdin, messages, asked }, attended))
    }
}

impl Transport<RoleClient> for Pipes {
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let JsonRpcMessage::Request(request) = &message
            && let RequestId::Number(id) = request.id
        {
            self.asked.fetch_max(id, Ordering::Relaxed);
        }
        let stdin = self.stdin.clone();
        async move {
            let stdin = stdin.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut stdin = stdin.lock().await;
            // A server that does not read has ended, or ends by a timeout: either says more than a broken pipe.
            let _ = stdin.write_all(&line).await;
            let _ = stdin.flush().await;
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.messages.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.stdin = None;
        Ok(())
    }
}

/// Where what a server says goes.
struct Heard {
    sender: mpsc::Sender<RxJsonRpcMessage<RoleClient>>,
    notes: Arc<Notes>,
    asked: Arc<AtomicI64>,
}

/// Reads what a server says until it ends, breaks the protocol, or nobody listens; and sees it to its end.
async fn attend(mut family: Family, stdout: ChildStdout, stderr: ChildStderr, heard: Heard) {
    let complaints = tokio::spawn(keep_complaint(stderr, Arc::clone(&heard.notes)));
    let fault = tokio::select! {
        fault = read_all(stdout, &heard) => fault,
        () = heard.sender.closed() => None,
    };
    let by_itself = match fault {
        Some(fault) => {
            heard.notes.end(|| fault);
            None
        }
        // Its stdin is closed, or it closed its stdout: it is to end by itself.
        None => tokio::time::timeout(GRACE, family.wait()).await.ok(),
    };
    let rest = family.end().await;
    let ended = by_itself.unwrap_or(rest);
    let complaints_end = complaints.abort_handle();
    // Something it started may still hold its stderr.
    if tokio::time::timeout(GRACE, complaints).await.is_err() {
        complaints_end.abort();
    }
    heard.notes.end(|| match ended {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it was lost: {error}"),
    });
}

async fn keep_complaint(mut stderr: ChildStderr, notes: Arc<Notes>) {
    let mut part = [0; 4_096];
    while let Ok(read @ 1..) = stderr.read(&mut part).await {
        notes.with(|noted| {
            noted.complaint.extend_from_slice(&part[..read]);
            let surplus = noted.complaint.len().saturating_sub(COMPLAINT_BYTES_MAX);
            noted.complaint.drain(..surplus);
        });
    }
}

/// Hands on messages until there are no more; gives how the server broke the protocol, if it did.
async fn read_all(stdout: impl AsyncRead + Unpin, heard: &Heard) -> Option<String> {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    let mut noise = 0;
    loop {
        let message = match read_line(&mut stdout, &mut line).await {
            Line::End => return None,
            Line::TooLong => stand_in(&line),
            Line::Whole => parse(&line),
        };
        match message {
            Parsed::Message(message) => {
                if let Some(fault) = unasked(&message, heard.asked.load(Ordering::Relaxed)) {
                    return Some(fault);
                }
                // Nobody listens any more: that ends the reading elsewhere.
                let _ = heard.sender.send(*message).await;
            }
            Parsed::Noise if line.trim_ascii().is_empty() => {}
            Parsed::Noise => {
                noise += 1;
                let shown = shown(&line);
                heard.notes.with(|noted| noted.noise = Some(shown));
                if noise > NOISE_LINES_MAX {
                    return Some(format!(
                        "it wrote more than {NOISE_LINES_MAX} lines that are no messages of MCP"
                    ));
                }
            }
            Parsed::Fault(fault) => return Some(fault),
        }
    }
}

enum Line {
    /// A line is there, without its end.
    Whole,
    /// The beginning of a line that is too long is there; the rest was passed over.
    TooLong,
    /// Nothing more is to come.
    End,
}

async fn read_line(read: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> Line {
    line.clear();
    let mut is_too_long = false;
    loop {
        // A stream that fails is a stream that ended.
        let available = match read.fill_buf().await {
            Ok(available) if !available.is_empty() => available,
            Ok(_) | Err(_) => return Line::End,
        };
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(available.len());
        is_too_long |= line.len() + taken > TOOL_MESSAGE_BYTES_MAX;
        if !is_too_long {
            line.extend_from_slice(&available[..taken]);
        }
        read.consume(taken + usize::from(end.is_some()));
        match (end, is_too_long) {
            (None, _) => {}
            (Some(_), false) => return Line::Whole,
            (Some(_), true) => return Line::TooLong,
        }
    }
}

enum Parsed {
    Message(Box<RxJsonRpcMessage<RoleClient>>),
    /// No JSON: a greeting, or what somebody printed to find a fault.
    Noise,
    /// The server breaks the protocol.
    Fault(String),
}

fn parse(line: &[u8]) -> Parsed {
    let line = line.trim_ascii();
    if !matches!(line.first(), Some(b'{' | b'[')) {
        return Parsed::Noise;
    }
    match serde_json::from_slice(line) {
        Ok(message) => Parsed::Message(Box::new(kept(message, line))),
        Err(_) => Parsed::Fault(format!("it sent `{}`, which is no message of MCP", shown(line))),
    }
}

/// The message itself; or, for the result of a call that reading changed, an error in its place.
pub(super) fn kept(
    message: RxJsonRpcMessage<RoleClient>,
    line: &[u8],
) -> RxJsonRpcMessage<RoleClient> {
    let JsonRpcMessage::Response(response) = &message else { return message };
    if !matches!(response.result, ServerResult::CallToolResult(_)) {
        return message;
    }
    match expect_exact(&String::from_utf8_lossy(line)) {
        Ok(()) => message,
        Err(mut lost) => {
            lost.at = lost.at.replacen("/result", "", 1);
            let what = format!("the answer cannot be kept as it is: {lost}");
            let error = ErrorData::new(INEXACT, what, None);
            JsonRpcMessage::error(error, Some(response.id.clone()))
        }
    }
}

/// Stands in for an answer that is too long, so that only whoever asked for it is told so.
fn stand_in(beginning: &[u8]) -> Parsed {
    match answered(beginning) {
        Some(id) => Parsed::Message(Box::new(too_long(Some(id)))),
        None => {
            Parsed::Fault(format!("it sent a message of more than {TOOL_MESSAGE_BYTES_MAX} bytes"))
        }
    }
}

/// The error that stands in for an answer that is too long.
pub(super) fn too_long(id: Option<RequestId>) -> RxJsonRpcMessage<RoleClient> {
    let what = format!("the answer has more than {TOOL_MESSAGE_BYTES_MAX} bytes");
    JsonRpcMessage::error(ErrorData::new(TOO_LONG, what, None), id)
}

/// The request that a message answers, as far as its beginning tells: servers write the id first, or after the version.
fn answered(beginning: &[u8]) -> Option<RequestId> {
    let mut rest = beginning.trim_ascii_start().strip_prefix(b"{")?;
    loop {
        let mut field = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
        let key = field.next()?.ok()?;
        rest = rest[field.byte_offset()..].trim_ascii_start().strip_prefix(b":")?;
        match key.as_str() {
            "id" => {
                let mut value = serde_json::Deserializer::from_slice(rest).into_iter::<i64>();
                return value.next()?.ok().map(RequestId::Number);
            }
            "jsonrpc" => {
                let mut value = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
                value.next()?.ok()?;
                rest = rest[value.byte_offset()..].trim_ascii_start().strip_prefix(b",")?;
            }
            _ => return None,
        }
    }
}

/// What is wrong with an answer to a request that was never made.
fn unasked(message: &RxJsonRpcMessage<RoleClient>, asked: i64) -> Option<String> {
    let id = match message {
        JsonRpcMessage::Response(response) => &response.id,
        JsonRpcMessage::Error(error) => error.id.as_ref()?,
        JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => return None,
    };
    let was_asked = matches!(id, RequestId::Number(id) if (0..=asked).contains(id));
    (!was_asked).then(|| format!("it answered the request `{id}`, which nobody made"))
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.trim().chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.trim().len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_found_at_the_beginning_of_its_answer() {
        let id = |text: &str| answered(text.as_bytes());
        assert_eq!(
            id(r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"#),
            Some(RequestId::Number(7))
        );
        assert_eq!(id(r#" { "id" : 8 , "result":{"#), Some(RequestId::Number(8)));
        for text in
            [r#"{"result":{"id":7"#, r#"{"jsonrpc":"2.0","method":"x","id":7"#, "", "[{", "xx"]
        {
            assert_eq!(id(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_belongs_to_a_request_that_was_made() {
        let told = |id: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
            match parse(text.as_bytes()) {
                Parsed::Message(message) => unasked(&message, 5),
                Parsed::Noise | Parsed::Fault(_) => panic!("{text}"),
            }
        };
        assert_eq!(told("5"), None);
        let fault = "it answered the request `6`, which nobody made";
        assert_eq!(told("6").as_deref(), Some(fault));
        assert!(told("-1").is_some() && told("\"5\"").is_some());
    }
}
