//! A fresh directory, the real binary, and a transcript with whatever differs from time to time filtered out.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::Expect;
use tempfile::TempDir;

/// A directory of its own, with a transcript of what was typed in it.
pub(crate) struct Conversation {
    directory: TempDir,
    transcript: String,
}

/// What one command gave.
pub(crate) struct Answer {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), transcript: String::new() }
    }

    /// The directory, which is also the home directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Makes an empty store in the directory, so that commands take that.
    pub(crate) fn store(&self) -> &Self {
        let made = self.run(&["init", "--store", "guidepost.db"]);
        assert_eq!(made.exit, 0, "{}", made.stderr);
        self
    }

    /// Types a command line; words may be quoted by `'`.
    pub(crate) fn type_(&mut self, line: &str) -> &mut Self {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = self.run(&words);
        self.transcript.push_str(&format!("$ guidepost {line}\n"));
        for text in answer.stdout.lines() {
            self.transcript.push_str(&format!("{text}\n"));
        }
        for text in answer.stderr.lines() {
            self.transcript.push_str(&format!("! {text}\n"));
        }
        if answer.exit != 0 {
            self.transcript.push_str(&format!("exit {}\n", answer.exit));
        }
        self.transcript.push('\n');
        self
    }

    /// Runs a command without noting it down.
    pub(crate) fn run(&self, words: &[&str]) -> Answer {
        self.run_with_input(words, "")
    }

    /// The same, with something on stdin.
    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Answer {
        self.answer(&mut self.command(words), input)
    }

    /// The same, with a variable in the environment.
    pub(crate) fn run_with_variable(
        &self,
        words: &[&str],
        name: &str,
        value: impl AsRef<OsStr>,
    ) -> Answer {
        self.answer(self.command(words).env(name, value), "")
    }

    /// The same in a directory below, which is made.
    pub(crate) fn run_in(&self, directory: &str, words: &[&str]) -> Answer {
        let directory = self.path().join(directory);
        fs::create_dir_all(&directory).unwrap();
        self.answer(self.command(words).current_dir(directory), "")
    }

    /// The command, for more to be said about it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guidepost"));
        command
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("GUIDEPOST_AGENT", "tester");
        command
    }

    /// Runs it with something on stdin.
    pub(crate) fn answer(&self, command: &mut Command, input: &str) -> Answer {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Answer {
            exit: output.status.code().unwrap_or(-1),
            stdout: self.filtered(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.filtered(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    pub(crate) fn expect(&self, expected: &Expect) {
        expected.assert_eq(&self.transcript);
    }

    /// The text without places and times of this one run of the test.
    fn filtered(&self, text: &str) -> String {
        let real = fs::canonicalize(self.path()).unwrap();
        let mut text = text.to_owned();
        for place in [real.as_path(), self.path()] {
            text = text.replace(&place.display().to_string(), "[HERE]");
        }
        text = text.replace(env!("CARGO_BIN_EXE_guidepost"), "[BINARY]");
        replaced(&text)
    }
}

/// The words of a command line.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The text with times, UUIDs and hashes replaced, token by token.
fn replaced(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
    let mut out = String::new();
    let mut token = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if is_part(c) {
            token.push(c);
            continue;
        }
        let rest = token.trim_start_matches(':');
        let bare = rest.trim_end_matches(':');
        out.push_str(&token[..token.len() - rest.len()]);
        out.push_str(name_of(bare));
        out.push_str(&rest[bare.len()..]);
        token.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn name_of(token: &str) -> &str {
    let digits = token.chars().filter(char::is_ascii_digit).count();
    let is_hex = token.chars().all(|c| c.is_ascii_hexdigit());
    let dashes = token.matches('-').count();
    match token.len() {
        20..=30 if dashes == 2 && token.contains('T') && token.ends_with('Z') => "[TIME]",
        36 if dashes == 4 => "[UUID]",
        64 if is_hex => "[HASH]",
        32 if is_hex => "[KEY]",
        19 if is_hex && digits == 19 && token.starts_with('1') => "[NS]",
        _ => token,
    }
}
