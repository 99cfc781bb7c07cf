//! Commands: run without a shell unless one is asked for, and only if the operator allows them.

use std::collections::BTreeSet;
use std::process::Stdio;

use async_trait::async_trait;
use guidepost_core::limits::PAYLOAD_BYTES_MAX;
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::family::Family;
use super::{COMPLAINT_BYTES_MAX, Handler, expect_kept};
use crate::call::{Call, Failure, Outcome};

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
/// long, or is not wanted any more, is asked to end and then killed, with everything it started.
#[derive(Debug, Clone, Default)]
pub struct Exec {
    /// Which commands may be run.
    pub allowed: Allowed,
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
        match run(&program, &arguments, &call).await {
            Ok(value) => Outcome::Done(value),
            Err(failure) => Outcome::Failed(failure),
        }
    }
}

impl Exec {
    fn allows(&self, program: &str) -> bool {
        match &self.allowed {
            Allowed::Nothing => false,
            Allowed::Only(programs) => programs.contains(program),
            Allowed::Anything => true,
        }
    }
}

/// Runs a command, and gives what it printed.
async fn run(program: &str, arguments: &[String], call: &Call) -> Result<Json, Failure> {
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
    let mut family = Family::spawn(&mut command)
        .map_err(|error| Failure::lasting(format!("`{program}` cannot be run: {error}")))?;
    let stdin = call.spec.get("stdin").map(as_text);
    let (output, complaint) = communicate(&mut family, stdin).await?;
    let status = family
        .wait()
        .await
        .map_err(|error| Failure::passing(format!("`{program}` was lost: {error}")))?;
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

/// Feeds the command and reads what it says until it has said everything, or too much.
async fn communicate(
    family: &mut Family,
    stdin: Option<String>,
) -> Result<(String, String), Failure> {
    let Some(child) = family.child() else { return Ok(Default::default()) };
    // What it says is read in place: one that is asked to end may still have something to say, and is not to die of that.
    let (input, output, complaints) =
        (child.stdin.take(), child.stdout.as_mut(), child.stderr.as_mut());
    let feed = async move {
        if let (Some(mut input), Some(text)) = (input, stdin) {
            // A command that does not read its input is free not to.
            let _ = input.write_all(text.as_bytes()).await;
        }
        Ok(())
    };
    let read = async move {
        match output {
            Some(output) => read_up_to(output, PAYLOAD_BYTES_MAX).await,
            None => Ok(Vec::new()),
        }
    };
    let complain = async move {
        let mut last = Vec::new();
        if let Some(complaints) = complaints {
            let mut part = [0; 4_096];
            while let Ok(read @ 1..) = complaints.read(&mut part).await {
                last.extend_from_slice(&part[..read]);
                let surplus = last.len().saturating_sub(COMPLAINT_BYTES_MAX);
                last.drain(..surplus);
            }
        }
        Ok(last)
    };
    // Once its output is refused, nobody waits for the rest: what it started may hold its stderr for hours.
    let ((), output, complaint) = tokio::try_join!(feed, read, complain)?;
    let output = String::from_utf8(output)
        .map_err(|_| Failure::lasting("what the command printed is not UTF-8"))?;
    Ok((output, String::from_utf8_lossy(&complaint).into_owned()))
}

/// Everything a reader gives, unless it is too much.
async fn read_up_to(
    mut reader: impl AsyncRead + Unpin,
    bytes_max: usize,
) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = (&mut reader).take(bound).read_to_end(&mut all).await;
    read.map_err(|error| Failure::passing(format!("what it printed cannot be read: {error}")))?;
    if all.len() > bytes_max {
        return Err(Failure::lasting(format!("it printed more than {bytes_max} bytes")));
    }
    Ok(all)
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
