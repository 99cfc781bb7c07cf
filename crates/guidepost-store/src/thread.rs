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

impl Turn {
    /// What tells it from the other turns of its run: the thread's name without the run's id, and its place in it,
    /// `Write:2`, with a branch `Write[3]:2`.
    #[must_use]
    pub fn id(&self) -> String {
        turn_id(&self.state, self.branch, self.position)
    }
}

/// Which turns are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnFilter {
    /// The run.
    pub run: RunNo,
    /// Only the thread of this state's work, or of this branch of it.
    pub thread: Option<(StateId, Branch)>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended: the [`Turn::id`] of its last turn. Nothing follows what is not there.
    pub cursor: Option<String>,
}

impl TurnFilter {
    /// The first turns of a run.
    #[must_use]
    pub fn of(run: RunNo) -> Self {
        Self { run, thread: None, limit: 0, cursor: None }
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

/// The state and branch whose thread has a name, without the run's id: `Write`, `Write[3]`.
#[must_use]
pub fn thread_of(name: &str) -> (StateId, Branch) {
    let numbered = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let branch = numbered.and_then(|(state, number)| Some((state, number.parse().ok()?)));
    branch.map_or((StateId::from(name), Branch::WHOLE), |(state, number)| {
        (StateId::from(state), Branch(number))
    })
}

/// The thread of a turn, and its place in it; nothing if this is no [`Turn::id`].
#[must_use]
pub fn split_turn_id(id: &str) -> Option<(&str, u64)> {
    let (thread, position) = id.rsplit_once(':')?;
    Some((thread, position.parse().ok()?))
}

/// Where a page of turns goes on: behind a place in a thread. A cursor that is none stands behind no thread at all.
#[cfg(any(feature = "memory", feature = "sqlite"))]
pub(crate) fn beyond(cursor: &str) -> ((StateId, Branch), u64) {
    let (thread, position) = split_turn_id(cursor).unwrap_or((cursor, 0));
    (thread_of(thread), position)
}

/// The id of a turn, as [`Turn::id`] gives it.
#[must_use]
pub fn turn_id(state: &StateId, branch: Branch, position: u64) -> String {
    format!("{}:{position}", thread_suffix(state, branch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_thread_tells_its_state_and_branch() {
        for (state, branch) in
            [("Write", 0), ("Write", 3), ("Write[3]", 0), ("Write[3]", 3), ("a]", 0)]
        {
            let (state, branch) = (StateId::from(state), Branch(branch));
            let name = thread_suffix(&state, branch);
            assert_eq!(thread_of(&name), (state, branch), "{name}");
        }
        assert_eq!(split_turn_id("a:b[2]:7"), Some(("a:b[2]", 7)));
        assert_eq!(split_turn_id("a"), None);
    }
}
