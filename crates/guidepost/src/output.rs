//! The only place that prints. Data goes to stdout, everything else to stderr.
//!
//! What agents and users wrote is data: control bytes in it are shown, never sent to the terminal. Colour only decorates;
//! without it nothing is lost. Whoever reads stdout may stop early: the rest is then dropped in silence.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use guidepost_core::diagnostic::Severity;
use serde::Serialize;
use serde_json::Value as Json;

use crate::failure::Failure;

/// Where the answers of a command go.
pub(crate) struct Output {
    stdout: BufWriter<io::Stdout>,
    stderr: io::Stderr,
    is_json: bool,
    is_coloured: Coloured,
    is_closed: bool,
    is_lost: bool,
}

/// Which streams take colour.
#[derive(Clone, Copy)]
struct Coloured {
    stdout: bool,
    stderr: bool,
}

const HEADING: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const PLACE: Style = AnsiColor::Blue.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

impl Output {
    /// The process's streams, for programs or for people. Colour is for terminals, and for people who have not set
    /// `NO_COLOR`.
    pub(crate) fn of_process(is_json: bool) -> Self {
        let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            is_coloured: Coloured {
                stdout: is_wanted && io::stdout().is_terminal(),
                stderr: is_wanted && io::stderr().is_terminal(),
            },
            stdout: BufWriter::new(io::stdout()),
            stderr: io::stderr(),
            is_json,
            is_closed: false,
            is_lost: false,
        }
    }

    /// Whether answers are for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether what goes to stderr may have colour.
    pub(crate) fn is_coloured_aside(&self) -> bool {
        self.is_coloured.stderr
    }

    /// Whether nobody reads stdout any more, so that going on is pointless.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether a part of the answer could not be written, though somebody wants it.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// A line of the answer, or several.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.put(Style::new(), text.as_ref());
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.put(Style::new(), "");
    }

    /// A line that begins a part of the answer.
    pub(crate) fn heading(&mut self, text: impl AsRef<str>) {
        self.put(HEADING, text.as_ref());
    }

    /// A line that matters less than those around it.
    pub(crate) fn aside(&mut self, text: impl AsRef<str>) {
        self.put(DIM, text.as_ref());
    }

    /// A line that says what was refused.
    pub(crate) fn refusal(&mut self, text: impl AsRef<str>) {
        self.put(WARNING, text.as_ref());
    }

    /// A document for programs: exactly as it is, except on a terminal, where a person reads it.
    pub(crate) fn document(&mut self, text: &str) {
        if io::stdout().is_terminal() {
            self.raw(escaped(text).as_bytes());
        } else {
            self.raw(text.as_bytes());
        }
        if !text.ends_with('\n') {
            self.raw(b"\n");
        }
    }

    /// The whole answer as JSON: pretty on a terminal, one line otherwise.
    pub(crate) fn json(&mut self, answer: &impl Serialize) {
        let text = if io::stdout().is_terminal() {
            serde_json::to_string_pretty(answer)
        } else {
            serde_json::to_string(answer)
        };
        self.document(&text.unwrap_or_default());
    }

    /// One line of JSON, for answers that are a sequence.
    pub(crate) fn json_line(&mut self, answer: &impl Serialize) {
        self.document(&serde_json::to_string(answer).unwrap_or_default());
        self.flush();
    }

    /// Columns under their titles, each as wide as its widest cell.
    pub(crate) fn table(&mut self, titles: &[&str], rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect()).collect();
        let width = |column: usize| {
            let cells =
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(titles.get(column).map(|title| title.len())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
        self.heading(row_text(&titles, &widths));
        for row in &rows {
            self.line(row_text(row, &widths));
        }
    }

    /// A remark beside the answer, on stderr. Programs have no use for it.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if self.is_json {
            return;
        }
        self.flush();
        let _ = writeln!(self.stderr, "{}", escaped(text.as_ref()));
    }

    /// The problem a command ends with, on stderr: what, where, and what to try next; for programs as one JSON object.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        if self.is_json {
            self.json_failure(&failure.as_json());
        } else if let Some(answer) = &failure.answer {
            self.line(answer.trim_end());
        } else {
            self.aside_failure(failure);
        }
    }

    fn json_failure(&mut self, failure: &Json) {
        self.flush();
        let _ = writeln!(self.stderr, "{failure}");
    }

    /// A problem that the command goes on after, or one of several it ends with, on stderr. Programs find it among the
    /// problems of the answer or of the failure.
    pub(crate) fn aside_failure(&mut self, failure: &Failure) {
        if self.is_json {
            return;
        }
        self.flush();
        let text = rendered(failure, self.is_coloured.stderr);
        let _ = self.stderr.write_all(text.as_bytes());
    }

    /// A problem that is the answer, because somebody asked for problems: the same on stdout.
    pub(crate) fn finding(&mut self, failure: &Failure) {
        let text = rendered(failure, self.is_coloured.stdout);
        self.raw(text.as_bytes());
    }

    /// What clap says: help and versions on stdout, complaints on stderr.
    pub(crate) fn usage(&mut self, error: &clap::Error) {
        let text = error.render();
        if error.use_stderr() && self.is_json {
            self.failure(&Failure::of_usage(&text.to_string()));
        } else if error.use_stderr() {
            let coloured = self.is_coloured.stderr;
            let text = if coloured { text.ansi().to_string() } else { text.to_string() };
            let _ = self.stderr.write_all(text.as_bytes());
        } else {
            let coloured = self.is_coloured.stdout;
            let text = if coloured { text.ansi().to_string() } else { text.to_string() };
            self.raw(text.as_bytes());
        }
    }

    /// Hands everything on to the reader.
    pub(crate) fn flush(&mut self) {
        let flushed = self.stdout.flush();
        self.check(&flushed);
    }

    fn put(&mut self, style: Style, text: &str) {
        let text = escaped(text);
        if self.is_coloured.stdout && style != Style::new() && !text.is_empty() {
            self.raw(format!("{}{text}{}\n", style.render(), style.render_reset()).as_bytes());
        } else {
            self.raw(text.as_bytes());
            self.raw(b"\n");
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        if !self.is_closed {
            let written = self.stdout.write_all(bytes);
            self.check(&written);
        }
    }

    /// A reader that is gone, or a full disk behind stdout: either way nothing more can be said there.
    fn check(&mut self, result: &io::Result<()>) {
        if let Err(error) = result {
            if !self.is_closed && error.kind() != io::ErrorKind::BrokenPipe {
                self.is_lost = true;
                let _ = writeln!(self.stderr, "error: the answer cannot be written: {error}");
            }
            self.is_closed = true;
        }
    }
}

/// A problem as people read it:
///
/// ```text
/// error[GP0102]: state `Review` has the target `mergd`, which does not exist
///   --> bugfix.yaml:14:12
/// hint: did you mean `merged`?
/// ```
fn rendered(failure: &Failure, is_coloured: bool) -> String {
    let paint = |style: Style, text: &str| match is_coloured {
        true => format!("{}{text}{}", style.render(), style.render_reset()),
        false => text.to_owned(),
    };
    let (style, word) = match failure.severity {
        Severity::Error => (BAD, "error"),
        Severity::Warning => (WARNING, "warning"),
    };
    let label = match failure.code {
        Some(code) => paint(style, &format!("{word}[{code}]")),
        None => paint(style, word),
    };
    let mut text = format!("{label}: {}\n", escaped(&failure.message));
    let mut add = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for cause in &failure.causes {
        add(format!("  caused by: {}", escaped(cause)));
    }
    if let Some(place) = &failure.place {
        add(format!("  {} {}", paint(PLACE, "-->"), escaped(place)));
    }
    for detail in &failure.details {
        add(format!("  - {}", escaped(detail)));
    }
    if let Some(hint) = &failure.hint {
        add(format!("{}: {}", paint(HINT, "hint"), escaped(hint)));
    }
    text
}

/// A row's cells, each filled up to its column's width, without blanks at the end.
fn row_text(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let fill = width.saturating_sub(cell.chars().count()) + 2;
        text.push_str(cell);
        text.push_str(&" ".repeat(fill));
    }
    text.trim_end().to_owned()
}

/// A text on one line, for a table's cell.
fn on_one_line(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text with everything made visible that could move a cursor, ring a bell or turn the writing direction. Line breaks
/// and tabs stay.
fn escaped(text: &str) -> String {
    let is_plain = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || turns_direction(c));
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let shown = text
        .chars()
        .map(|c| if is_plain(c) { c.to_string() } else { c.escape_unicode().to_string() });
    shown.collect()
}

/// The marks by which Unicode text can be made to read otherwise than it is stored.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_made_visible() {
        assert_eq!(escaped("a\u{1b}[31mb\r"), "a\\u{1b}[31mb\\u{d}");
        assert_eq!(escaped("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(escaped("two\nlines\tand ü"), "two\nlines\tand ü");
    }

    #[test]
    fn a_row_has_no_blanks_at_its_end() {
        let cells = ["a".to_owned(), "b".to_owned()];
        assert_eq!(row_text(&cells, &[3, 5]), "a    b");
    }
}
