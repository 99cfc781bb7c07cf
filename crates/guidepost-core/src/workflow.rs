//! Workflows as people write them, and their way to a [`Machine`].

use crate::diagnostic::Diagnostic;
use crate::machine::Machine;

/// What reading a definition gave.
#[derive(Debug)]
pub struct Compiled {
    /// The machine; `None` if a problem prevents use.
    pub machine: Option<Machine>,
    /// All problems, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a definition.
#[must_use]
pub fn compile(_text: &[u8], _file: &str) -> Compiled {
    Compiled { machine: None, diagnostics: Vec::new() }
}

/// A workflow written as rows, by SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWorkflow {
    /// Its name.
    pub name: String,
    /// Its states, in the order of their ids. A run begins in the first, unless it is placed elsewhere.
    pub states: Vec<OpenState>,
    /// Its transitions, in the order of their ids.
    pub transitions: Vec<OpenTransition>,
}

/// A state written as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenState {
    /// Its name.
    pub name: String,
    /// What the agent is told to do there.
    pub guideline: Option<String>,
}

/// A transition written as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransition {
    /// The event's name.
    pub name: String,
    /// The name of its source.
    pub from: String,
    /// The name of its target.
    pub to: String,
    /// What the agent is told about it.
    pub description: Option<String>,
}
