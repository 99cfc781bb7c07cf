//! Workflows as they are kept: what is saved of one, and what is read back.

use guidepost_core::id::Version;
use guidepost_core::machine::Concurrency;
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::OpenWorkflow;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::NewSchedule;

/// A version of a workflow to save. [`NewVersion::of`] makes it from a compiled machine.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    /// The workflow's name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The hash of the machine.
    pub hash: String,
    /// The definition's text, as its author wrote it.
    pub source: Source,
    /// The states, in document order, the root left out.
    pub states: Vec<StateRow>,
    /// The transitions, in document order.
    pub transitions: Vec<TransitionRow>,
    /// The steps, in order, if it is a plain list of agents' steps; else none.
    pub steps: Vec<StepRow>,
    /// When runs begin by themselves.
    pub schedules: Vec<NewSchedule>,
    /// How much of the work of all its runs may go on at once, of whichever version.
    pub concurrency: Concurrency,
    /// What the author keeps with the workflow; null for nothing.
    pub metadata: Json,
    /// Who saves it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A state, as SQL shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// Its full path.
    pub path: String,
    /// The path of the state around it; `None` at the top level.
    pub parent: Option<String>,
    /// `atomic`, `compound`, `parallel`, `final` or `history`.
    pub kind: &'static str,
    /// Whether a run begins here.
    pub is_initial: bool,
    /// What the agent is told to do there.
    pub guideline: Option<String>,
    /// What the state is.
    pub description: Option<String>,
}

/// A step of a plain list of agents' steps, as SQL shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// The path of its state.
    pub path: String,
    /// The agent that does it.
    pub agent: String,
    /// What the agent is told, as it is written.
    pub input: Option<String>,
    /// What the author keeps with it; null for nothing.
    pub metadata: Json,
}

/// A transition, as SQL shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRow {
    /// The event's name; for other kinds, the name the dialect gives the event.
    pub name: String,
    /// `event`, `always`, `after`, `done` or `error`; `internal` for an event transition without a target.
    pub kind: &'static str,
    /// The path of its source; `None` for the root.
    pub from: Option<String>,
    /// The paths of its targets.
    pub to: Vec<String>,
    /// Its place among the source's transitions of this name, from 0.
    pub position: u32,
    /// Whether it has a guard, required data or `requires`, so that a plain SQL move cannot take it.
    pub is_gated: bool,
    /// Whether a guard decides if it is taken; if none does, it keeps its event from the states around.
    pub is_guarded: bool,
    /// What the agent is told about it.
    pub description: Option<String>,
}

/// A definition's text and how to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `yaml`, `json` or `xstate`.
    pub format: String,
    /// The text.
    pub text: String,
    /// The file it came from, for messages; empty if it came from none.
    pub file: String,
}

/// What saving a version did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defined {
    /// The version's number.
    pub version: Version,
    /// Whether it is new; if not, the store had this structure already.
    pub is_new: bool,
    /// How many states' or transitions' wording changed.
    pub reworded: u64,
    /// How often the version's text was replaced, now included.
    pub revision: u64,
    /// Whether it was replaced now.
    pub is_new_text: bool,
}

/// Which version of a workflow is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one new runs get.
    Current,
    /// By number.
    Version(Version),
    /// By the machine's hash.
    Hash(&'a str),
}

/// A workflow in one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// What it says.
    pub body: WorkflowBody,
}

/// How a workflow is written.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkflowBody {
    /// As a text, in versions.
    Versioned {
        /// The number.
        version: Version,
        /// The machine's hash.
        hash: String,
        /// How often the text was replaced by one of equal structure.
        revision: u64,
        /// The text.
        source: Source,
    },
    /// As rows, by SQL. Its runs follow its rows.
    Open(OpenWorkflow),
}

/// Which workflows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Words that must all occur in the name or the description.
    pub query: Option<String>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkflowSummary {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The current version; `None` if it is written by SQL.
    pub version: Option<Version>,
    /// How many states it has.
    pub states: u64,
    /// How many runs are alive in it.
    pub live_runs: u64,
    /// When it was first saved.
    pub created_at: Timestamp,
}

/// A version in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionSummary {
    /// Its number.
    pub version: Version,
    /// The machine's hash.
    pub hash: String,
    /// When it was saved.
    pub created_at: Timestamp,
    /// Who saved it.
    pub by: String,
    /// How many runs are alive in it.
    pub live_runs: u64,
}

/// A live edit of a state's wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewording {
    /// The workflow.
    pub workflow: String,
    /// The state's path.
    pub state: String,
    /// What the agent is told to do there; `None` leaves it as it is.
    pub guideline: Option<String>,
    /// What the state is; `None` leaves it as it is.
    pub description: Option<String>,
    /// Who edits it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What a workflow says to agents at present, beside its structure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Wording {
    /// The states' wording, in the order they were first defined; those never given any are left out.
    pub states: Vec<StateWording>,
    /// The wording of transitions that was edited since their version was first saved, in document order.
    pub transitions: Vec<TransitionWording>,
}

/// A transition's present wording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionWording {
    /// The version it belongs to.
    pub version: Version,
    /// The event's name, as in [`TransitionRow::name`].
    pub name: String,
    /// The path of its source; `None` for the root.
    pub from: Option<String>,
    /// Its place among the source's transitions of this name, from 0.
    pub position: u32,
    /// What the agent is told about it.
    pub description: Option<String>,
    /// How often it was edited.
    pub revision: u64,
}

/// A state's present wording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateWording {
    /// The state's path.
    pub state: String,
    /// What the agent is told to do there.
    pub guideline: Option<String>,
    /// What the state is.
    pub description: Option<String>,
    /// How often the guideline was edited.
    pub revision: u64,
}
