//! Threads: what was said while work was done, one for each step and branch of a run, kept in order.
//!
//! A commit that begins the work of an agent says what the agent is told, the commit that takes the result says what it
//! answered. So a thread never tells of a result that was not taken.

use guidepost_core::id::{Branch, RunId, RunNo, StateId};
use guidepost_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever the agent works for.
    User,
    /// The agent.
    Assistant,
}

impl Role {
    /// The name users meet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// Something to say in a thread of a run. The thread is made with its first turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTurn {
    /// The state whose work it is about.
    pub state: StateId,
    /// Which branch.
    pub branch: Branch,
    /// Who says it.
    pub role: Role,
    /// What is said: a text, or any other value.
    pub content: Json,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// The thread's name, as [`thread_name`] gives it.
    pub thread: String,
    /// The state whose work it is about.
    pub state: StateId,
    /// Which branch.
    pub branch: Branch,
    /// Its place in the thread, from 1 without gaps.
    pub position: u64,
    /// Who said it.
    pub role: Role,
    /// When.
    pub at: Timestamp,
    /// What was said: a text, or any other value.
    pub content: Json,
}

/// Which turns are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFilter {
    /// The run.
    pub run: RunNo,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl TurnFilter {
    /// The first turns of a run.
    #[must_use]
    pub fn of(run: RunNo) -> Self {
        Self { run, limit: 0, cursor: None }
    }
}

/// The name of the thread of a state's work, or of a branch of it: the run's id and the state, `0190…:Write`, with a branch
/// `0190…:Write[3]`. A state whose own name looks like that has the whole of its work in `0190…:Write[3][0]`.
#[must_use]
pub fn thread_name(run: RunId, state: &StateId, branch: Branch) -> String {
    format!("{run}:{}", thread_suffix(state, branch))
}

/// What follows the run's id in the name of a thread.
pub(crate) fn thread_suffix(state: &StateId, branch: Branch) -> String {
    if branch.is_whole() && !state.as_str().ends_with(']') {
        state.to_string()
    } else {
        format!("{state}[{branch}]")
    }
}
