//! Commands: run without a shell unless one is asked for, and only if the operator allows them.

use std::collections::BTreeSet;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use guidepost_core::limits::PAYLOAD_BYTES_MAX;
use guidepost_store::TaskId;
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::family::{Family, Parts, Seat, Seats};
use super::{COMPLAINT_BYTES_MAX, Handler, expect_kept};
use crate::call::{Call, Failure, Outcome};

/// How long after the end of a command its output is waited for: what it said itself is there by then.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Which commands may be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Allowed {
    /// None.
    #[default]
    Nothing,
    /// Programs of these names or paths. A shell is a program too: `sh` must be among them for `shell: true`.
    Only(BTreeSet<String>),
    /// Any.
    Anything,
}

/// Runs commands.
///
/// The command is `command`, a list of words, or a text that is split as a shell would split it. `shell: true` hands a
/// text to `sh -c`; what the run's data says reaches it through `env` only, never as part of the text. `cwd`, `env` and
/// `stdin` are what they are called. What the command prints is the result: JSON if it is, else text. One that takes too
/// long, or is not wanted any more, is asked to end, and killed a second later, with everything it started; until all of it is
/// gone no other try at the step begins.
///
/// A command has ended when its program has. What it started and left behind goes on if it holds neither the command's
/// output nor its stderr (`server > log 2>&1 &`). What holds one of them is listened to for half a second more, and ended
/// then.
#[derive(Debug, Clone, Default)]
pub struct Exec {
    allowed: Allowed,
    seats: Seats,
}

#[async_trait]
impl Handler for Exec {
    async fn perform(&self, call: Call) -> Outcome {
        let (program, arguments) = match program_and_arguments(&call.spec) {
            Ok(words) => words,
            Err(failure) => return Outcome::Failed(failure),
        };
        if !self.allows(&program) {
            return Outcome::Declined(format!(
                "the command `{program}` is not allowed here; whoever runs this allows it with `--allow-exec {program}`"
            ));
        }
        let seat = self.seats.take(&call.task).await;
        match run(&program, &arguments, &call, seat).await {
            Ok(value) => Outcome::Done(value),
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn cleared(&self, task: &TaskId) {
        drop(self.seats.take(task).await);
    }
}

impl Exec {
    /// Runs the commands that are allowed.
    #[must_use]
    pub fn new(allowed: Allowed) -> Self {
        Self { allowed, seats: Seats::default() }
    }

    fn allows(&self, program: &str) -> bool {
        match &self.allowed {
            Allowed::Nothing => false,
            Allowed::Only(programs) => programs.contains(program),
            Allowed::Anything => true,
        }
    }
}

/// Runs a command, and gives what it printed.
async fn run(
    program: &str,
    arguments: &[String],
    call: &Call,
    seat: Seat,
) -> Result<Json, Failure> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("GUIDEPOST_RUN", call.task.run.to_string())
        .env("GUIDEPOST_KEY", &call.key)
        .env("GUIDEPOST_ATTEMPT", call.attempt.to_string());
    if let Some(directory) = call.spec.get("cwd").and_then(Json::as_str) {
        command.current_dir(directory);
    }
    let variables = call.spec.get("env").and_then(Json::as_object);
    for (name, value) in variables.into_iter().flatten() {
        command.env(name, as_text(value));
    }
    let mut family = Family::spawn(&mut command, Some(seat))
        .map_err(|error| Failure::lasting(format!("`{program}` cannot be run: {error}")))?;
    let stdin = call.spec.get("stdin").map(as_text);
    let (output, complaint, is_held) = communicate(&mut family, stdin).await?;
    // What it left behind and would go on saying something, nobody would hear.
    let status = if is_held { family.end().await } else { family.wait().await };
    let status =
        status.map_err(|error| Failure::passing(format!("`{program}` was lost: {error}")))?;
    if !status.success() {
        let complaint = complaint.trim();
        let told = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
        return Err(Failure::passing(format!("`{program}` ended with {status}{told}")));
    }
    value_of(output)
}

/// The words of the command, the first of which is the program.
fn program_and_arguments(spec: &Json) -> Result<(String, Vec<String>), Failure> {
    let mut words = words(spec)?.into_iter();
    let program = words.next().ok_or_else(|| Failure::lasting("the command is empty"))?;
    Ok((program, words.collect()))
}

fn words(spec: &Json) -> Result<Vec<String>, Failure> {
    let uses_shell = spec.get("shell").and_then(Json::as_bool).unwrap_or(false);
    match spec.get("command") {
        Some(Json::Array(words)) if !uses_shell => Ok(words.iter().map(as_text).collect()),
        Some(Json::String(text)) if uses_shell => {
            Ok(vec!["sh".to_owned(), "-c".to_owned(), text.clone()])
        }
        Some(Json::String(text)) => shlex::split(text).ok_or_else(|| {
            Failure::lasting(format!("the command `{text}` has a quote that is never closed"))
        }),
        _ => Err(Failure::lasting("a command is a list of words, or a text")),
    }
}

fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Feeds the command and reads what it says until it has said everything, or too much; gives its output, what it complained
/// about, and whether something that it left behind would go on.
async fn communicate(
    family: &mut Family,
    stdin: Option<String>,
) -> Result<(String, String, bool), Failure> {
    let Some(Parts { child, stdout, stderr }) = family.parts() else {
        return Ok(Default::default());
    };
    let (mut output, mut complaint) = (Vec::new(), Vec::new());
    let input = child.stdin.take();
    let is_held = {
        let feed = async move {
            if let (Some(mut input), Some(text)) = (input, stdin) {
                // A command that does not read its input is free not to.
                let _ = input.write_all(text.as_bytes()).await;
            }
            Ok(())
        };
        let (read, complain) = (read_up_to(stdout, &mut output), keep_end(stderr, &mut complaint));
        // Once its output is refused, nobody waits for the rest: what it started may hold its stderr for hours.
        let mut said = pin!(async { tokio::try_join!(feed, read, complain) });
        tokio::select! {
            biased;
            all = &mut said => {
                all?;
                false
            }
            // How it ended is asked for again when all is said.
            _ = child.wait() => match timeout(LAST_WORDS, said).await {
                Ok(all) => {
                    all?;
                    false
                }
                Err(_) => true,
            },
        }
    };
    let output = String::from_utf8(output)
        .map_err(|_| Failure::lasting("what the command printed is not UTF-8"))?;
    Ok((output, String::from_utf8_lossy(&complaint).into_owned(), is_held))
}

/// Everything a reader gives, unless it is too much. Dropped midway, what was read is there.
async fn read_up_to(
    reader: &mut Option<impl AsyncRead + Unpin>,
    all: &mut Vec<u8>,
) -> Result<(), Failure> {
    let Some(reader) = reader else { return Ok(()) };
    loop {
        match reader.read_buf(all).await {
            Ok(0) => return Ok(()),
            Ok(_) if all.len() > PAYLOAD_BYTES_MAX => {
                let reason = format!("it printed more than {PAYLOAD_BYTES_MAX} bytes");
                return Err(Failure::lasting(reason));
            }
            Ok(_) => {}
            Err(error) => {
                let reason = format!("what it printed cannot be read: {error}");
                return Err(Failure::passing(reason));
            }
        }
    }
}

/// The end of what a reader gives. Dropped midway, what was read is there.
async fn keep_end(
    reader: &mut Option<impl AsyncRead + Unpin>,
    last: &mut Vec<u8>,
) -> Result<(), Failure> {
    let Some(reader) = reader else { return Ok(()) };
    let mut part = [0; 4_096];
    while let Ok(read @ 1..) = reader.read(&mut part).await {
        last.extend_from_slice(&part[..read]);
        let surplus = last.len().saturating_sub(COMPLAINT_BYTES_MAX);
        last.drain(..surplus);
    }
    Ok(())
}

/// JSON if it is an object or a list, else the text without the end of its last line.
fn value_of(output: String) -> Result<Json, Failure> {
    match serde_json::from_str(&output) {
        Ok(value @ (Json::Object(_) | Json::Array(_))) => {
            expect_kept("what the command printed", &output)?;
            Ok(value)
        }
        Ok(_) | Err(_) => Ok(Json::String(output.trim_end_matches(['\r', '\n']).to_owned())),
    }
}

/// Refuses a text that data would become a part of: rendered into a command line, data could be a command.
///
/// # Errors
///
/// What to write instead.
pub(crate) fn expect_no_data_in_text(spec: &Map<String, Json>) -> Result<(), Failure> {
    match spec.get("command") {
        Some(Json::String(text)) if text.contains("{{") || text.contains("{%") => {
            Err(Failure::lasting(
                "a command with the run's data in it is written as a list of words, so that data stays data; with \
                 `shell: true`, hand it over by `env`",
            ))
        }
        _ => Ok(()),
    }
}
