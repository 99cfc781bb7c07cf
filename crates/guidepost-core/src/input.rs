//! What reaches a run. Everything a decision needs from the world is in here: results, events, times and evidence.

use serde_json::Value as Json;

use crate::id::{EventName, Rev, StateId, TimerId, Visit};
use crate::machine::Requirement;
use crate::run::Driver;
use crate::time::Timestamp;

/// One input to a run. Inputs are decided one at a time, and their order alone decides the outcome.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// The run begins. Only a [`Run`](crate::run::Run) without history takes it.
    Start(Start),
    /// Somebody sends an event.
    Event(Event),
    /// The work of an active state ended well.
    WorkDone(WorkDone),
    /// The work of an active state failed, and will not be tried again.
    WorkFailed(WorkFailed),
    /// A timer is due. `at` is its due time, also when it is settled late.
    Timer {
        /// Which.
        timer: TimerId,
        /// Its due time.
        at: Timestamp,
    },
    /// The run was moved by an SQL statement; what the statement could not do is to be made good.
    Settle {
        /// When it is settled.
        at: Timestamp,
    },
    /// A person or an operator intervenes.
    Control {
        /// What is wanted.
        control: Control,
        /// Who wants it, and why.
        by: By,
        /// When.
        at: Timestamp,
    },
}

/// The input that begins a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Start {
    /// Who is to do the work.
    pub driver: Driver,
    /// First values of attributes: one JSON object.
    pub data: serde_json::Map<String, Json>,
    /// Who starts it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// An event somebody sends.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its name.
    pub name: EventName,
    /// What it carries: one JSON object.
    pub data: serde_json::Map<String, Json>,
    /// The rev the sender last saw. `None` means "whatever is now".
    pub rev: Option<Rev>,
    /// Facts on record that the event's transitions require: the answers to [`crate::kernel::needs`].
    pub evidence: Vec<Evidence>,
    /// Who sends it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The good end of a state's work.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkDone {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit; `None` means the present one.
    pub visit: Option<Visit>,
    /// The outputs: one JSON object.
    pub output: serde_json::Map<String, Json>,
    /// The rev the sender last saw, as for an event.
    pub rev: Option<Rev>,
    /// Facts on record that the transitions it causes require.
    pub evidence: Vec<Evidence>,
    /// Who reports it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The bad end of a state's work.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkFailed {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit; `None` means the present one.
    pub visit: Option<Visit>,
    /// Why.
    pub reason: String,
    /// The rev the sender last saw, as for an event.
    pub rev: Option<Rev>,
    /// Who reports it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// Who caused an input, and the reason given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct By {
    /// The caller: an agent's or a person's name; empty if unknown.
    pub caller: String,
    /// Why, in the caller's words.
    pub note: Option<String>,
}

impl By {
    /// Somebody, without a reason given.
    #[must_use]
    pub fn caller(name: impl Into<String>) -> Self {
        Self { caller: name.into(), note: None }
    }
}

/// An intervention from outside the workflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Stop taking inputs, keep everything.
    Pause,
    /// Go on.
    Resume,
    /// End the run without a result.
    Cancel,
}

/// How many facts of a kind are on record since a state was entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// What was asked for.
    pub requirement: Requirement,
    /// Facts count if recorded at this rev or later.
    pub since: Rev,
    /// How many there are.
    pub count: u64,
}
