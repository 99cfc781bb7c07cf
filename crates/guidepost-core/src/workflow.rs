//! Workflows as people write them, and their way to a [`Machine`].
//!
//! [`compile`] reads YAML, JSON and XState's JSON; [`compile_open`] what was written as rows. The way is the same for all:
//! text, a tree with the place of every node, sugar spelled out, a machine, checks over the whole. Every problem is found
//! in one go, each with its place, a code with a page under `docs/errors/`, and what to try.

mod always;
mod check;
mod hash;
mod invokes;
mod json;
mod mermaid;
mod open;
mod print;
mod problems;
mod read;
mod schema;
mod settings;
mod sugar;
mod tree;
mod write;
mod xstate;
mod yaml;

use serde::Serialize;

pub use self::mermaid::{Taken, path_diagram, to_mermaid};
pub use self::open::{OpenState, OpenTransition, OpenWorkflow};
pub use self::print::print;
use self::problems::{Problems, code};
pub use self::schema::json_schema;
use self::tree::{Parsed, Tree};
pub use self::xstate::to_xstate;
use crate::diagnostic::{Diagnostic, Position};
use crate::limits::{DEFINITION_BYTES_MAX, DEFINITION_MARKS_MAX};
use crate::machine::Machine;
use crate::name::NameOf;

/// What reading a definition gave.
#[derive(Debug)]
pub struct Compiled {
    /// The machine; `None` if a problem prevents use.
    pub machine: Option<Machine>,
    /// All problems, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// How it was written.
    pub format: Format,
}

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Our own form, in YAML.
    Yaml,
    /// Our own form, in JSON.
    Json,
    /// XState's JSON, or the same in YAML.
    XState,
    /// Rows, by SQL.
    Rows,
}

/// Whose meaning the few keys have that our form and XState read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Guidepost,
    XState,
}

/// Keys that XState's files begin with and ours do not.
const XSTATE_MARKS: [&str; 7] = [
    "id",
    "context",
    "predictableActionArguments",
    "preserveActionOrder",
    "schemas",
    "types",
    "tsTypes",
];

/// Reads and checks a definition.
///
/// JSON is what begins with `{` and can be read as such, or stands in a file named `….json`; anything else is YAML. A
/// definition without a `name` that has one of the keys `id`, `context`, `predictableActionArguments`,
/// `preserveActionOrder`, `schemas`, `types` or `tsTypes` is XState's, and its guards and delays are names.
#[must_use]
pub fn compile(text: &[u8], file: &str) -> Compiled {
    let mut problems = Problems::default();
    let (root, format) = match parse(text, file) {
        (Ok(parsed), format) => {
            parsed.repeated.into_iter().for_each(|problem| problems.add(problem));
            (parsed.root, format)
        }
        (Err(problem), format) => {
            return Compiled { machine: None, diagnostics: vec![problem], format };
        }
    };
    if root.as_object().is_none() {
        let message = format!("a workflow is an object, but this is {}", root.article());
        problems.error(code::SHAPE, root.at, message);
        return Compiled { machine: None, diagnostics: problems.sorted(), format };
    }
    let dialect = dialect(&root);
    let format = if dialect == Dialect::XState { Format::XState } else { format };
    let name = workflow_name(&root, dialect, file, &mut problems);
    let root = match dialect {
        Dialect::Guidepost => sugar::expand(root, &mut problems),
        Dialect::XState => invokes::expand(root, &name),
    };
    finish(&root, &name, dialect, format, problems)
}

/// A definition as JSON, as it is written: sugar is not expanded, and only comments are lost.
///
/// # Errors
///
/// What is wrong with the text, if it cannot be read.
pub fn as_json(text: &str, file: &str) -> Result<serde_json::Value, Diagnostic> {
    parse(text.as_bytes(), file).0.map(|parsed| parsed.root.to_json())
}

/// Checks a workflow written as rows. Its runs may be placed in any state.
#[must_use]
pub fn compile_open(workflow: &OpenWorkflow) -> Compiled {
    let mut problems = Problems::default();
    workflow.check(&mut problems);
    let root = workflow.to_tree();
    finish(&root, &workflow.name, Dialect::Guidepost, Format::Rows, problems)
}

/// From a spelled-out tree to a checked machine.
fn finish(
    root: &Tree,
    name: &str,
    dialect: Dialect,
    format: Format,
    mut problems: Problems,
) -> Compiled {
    let mut draft = read::read(root, name, dialect, &mut problems);
    check::check_parts(&draft, &mut problems);
    // With errors, ways are missing that the author meant; what follows from that is noise.
    if !problems.has_errors() {
        check::check_histories(&draft, &mut problems);
    }
    if !problems.has_errors() {
        check::check_ways(&draft, format == Format::Rows, &mut problems);
        always::check(&draft, dialect, &mut problems);
    }
    let machine = if problems.has_errors() {
        None
    } else {
        draft.machine.hash = hash::hash(&draft.machine);
        Some(draft.machine)
    };
    Compiled { machine, diagnostics: problems.sorted(), format }
}

fn parse(text: &[u8], file: &str) -> (Result<Parsed, Diagnostic>, Format) {
    let text = match readable(text) {
        Ok(text) => text,
        Err(problem) => return (Err(problem), Format::Yaml),
    };
    let is_json_file = file.to_ascii_lowercase().ends_with(".json");
    if !is_json_file && !text.trim_start().starts_with('{') {
        return (yaml::parse(text), Format::Yaml);
    }
    match json::parse(text) {
        Ok(parsed) => (Ok(parsed), Format::Json),
        Err(problem) if is_json_file => (Err(problem), Format::Json),
        // YAML has braces too.
        Err(problem) => match yaml::parse(text) {
            Ok(parsed) => (Ok(parsed), Format::Yaml),
            Err(_) => (Err(problem), Format::Json),
        },
    }
}

/// The bytes as text, without a byte order mark.
fn readable(text: &[u8]) -> Result<&str, Diagnostic> {
    let unreadable = |at, message: String| Diagnostic::error(code::UNREADABLE, at, message);
    if text.len() > DEFINITION_BYTES_MAX {
        let message = format!("the definition is larger than {DEFINITION_BYTES_MAX} bytes");
        return Err(Diagnostic::error(code::TOO_LARGE, Position { line: 1, column: 1 }, message));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&text[..error.valid_up_to()]);
            let at = end_of(&before);
            return Err(unreadable(at, "the file is not UTF-8 text from here on".to_owned()));
        }
    };
    if let Some(nul) = text.find('\0') {
        let message = "the file contains a NUL byte".to_owned();
        return Err(unreadable(end_of(&text[..nul]), message));
    }
    let is_mark = |byte: &u8| matches!(byte, b',' | b':' | b'\n');
    if text.as_bytes().iter().filter(|byte| is_mark(byte)).count() <= DEFINITION_MARKS_MAX {
        return Ok(text);
    }
    let marks = text.bytes().enumerate().filter(|(_, byte)| is_mark(byte));
    let beyond = marks.map(|(place, _)| place).nth(DEFINITION_MARKS_MAX).unwrap_or_default();
    let message = format!(
        "the definition has more than {DEFINITION_MARKS_MAX} commas, colons and line breaks"
    );
    Err(Diagnostic::error(code::TOO_LARGE, end_of(&text[..beyond]), message))
}

/// The place right after a text.
fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
    }
}

fn dialect(root: &Tree) -> Dialect {
    let is_xstate = root.get("name").is_none()
        && root.get("states").is_some()
        && XSTATE_MARKS.iter().any(|mark| root.get(mark).is_some());
    if is_xstate { Dialect::XState } else { Dialect::Guidepost }
}

/// The workflow's name: what it says, else what its file is called.
fn workflow_name(root: &Tree, dialect: Dialect, file: &str, problems: &mut Problems) -> String {
    let key = if dialect == Dialect::XState { "id" } else { "name" };
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("workflow");
    let (name, at) = match root.get(key) {
        None => (stem, root.at),
        Some(given) => match given.as_text() {
            Some(name) => (name, given.at),
            None => {
                problems.error(
                    code::NAME,
                    given.at,
                    format!("the `{key}` of a workflow is a text"),
                );
                return stem.to_owned();
            }
        },
    };
    if let Err(wrong) = NameOf::Workflow.check(name) {
        let hint = format!("give the workflow another `{key}`");
        problems.add(Diagnostic::error(code::NAME, at, wrong.to_string()).with_hint(hint));
    }
    name.to_owned()
}
