//! What reaches a run. Everything a decision needs from the world is in here: results, events, times and evidence.

use serde_json::Value as Json;

use crate::data::Change;
use crate::id::{Branch, EventName, Rev, StateId, TimerId, Visit};
use crate::machine::Requirement;
use crate::record::{Compensation, Lasting, Restoration};
use crate::run::{Driver, PauseReason, Run};
use crate::time::Timestamp;

/// One input to a run. Inputs are decided one at a time, and their order alone decides the outcome.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// The run begins. Only a [`Run`] without history takes it.
    Start(Start),
    /// Somebody sends an event.
    Event(Event),
    /// The work of an active state ended well.
    WorkDone(WorkDone),
    /// The work of an active state failed, and will not be tried again.
    WorkFailed(WorkFailed),
    /// One try at the work of an active state failed. Whether it is tried again is the state's to say.
    AttemptFailed(AttemptFailed),
    /// What the work of an active state that fans out is to be done for.
    FanOut(FanOut),
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
    /// Guidepost itself stops the run: a limit was reached, or it crashed whatever touched it.
    Hold {
        /// Why.
        reason: PauseReason,
        /// The reason in words, with what a person can do about it.
        detail: String,
        /// When.
        at: Timestamp,
    },
    /// The run is to go on from another state of execution, or to begin there.
    Restore(Restore),
    /// The run is to be cancelled after what was done is made good.
    Compensate(Compensate),
    /// What the run did is made good, as far as one piece.
    CompensationDone(CompensationDone),
    /// One try at making a piece good failed. Whether it is tried again is for what makes it good to say.
    CompensationFailed(AttemptFailed),
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

impl Input {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Start(start) => start.at,
            Self::Event(event) => event.at,
            Self::WorkDone(done) => done.at,
            Self::WorkFailed(failed) => failed.at,
            Self::AttemptFailed(failed) | Self::CompensationFailed(failed) => failed.at,
            Self::CompensationDone(done) => done.at,
            Self::FanOut(fan_out) => fan_out.at,
            Self::Restore(restore) => restore.at,
            Self::Compensate(compensate) => compensate.at,
            Self::Timer { at, .. }
            | Self::Settle { at }
            | Self::Hold { at, .. }
            | Self::Control { at, .. } => *at,
        }
    }
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

/// The good end of a state's work, or of one branch of it.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkDone {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit; `None` means the present one.
    pub visit: Option<Visit>,
    /// Which branch; [`Branch::WHOLE`] for the work as a whole.
    pub branch: Branch,
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

/// The bad end of a state's work, or of one branch of it.
#[derive(Clone, PartialEq, Debug)]
pub struct WorkFailed {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit; `None` means the present one.
    pub visit: Option<Visit>,
    /// Which branch; [`Branch::WHOLE`] for the work as a whole.
    pub branch: Branch,
    /// Why.
    pub reason: String,
    /// The rev the sender last saw, as for an event.
    pub rev: Option<Rev>,
    /// Who reports it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The bad end of one try at a piece of work.
#[derive(Clone, PartialEq, Debug)]
pub struct AttemptFailed {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch; [`Branch::WHOLE`] for the work as a whole.
    pub branch: Branch,
    /// Which try, counted from 1 over everybody who tried.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// Whether trying again may help; if not, this was the last try whatever the state says.
    pub may_retry: bool,
    /// Any number, but the same whenever this attempt is decided: it spreads the waits of runs that fail together.
    pub chance: u64,
    /// Who reports it.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The items of a fan-out: the work is to be done once for each.
#[derive(Clone, PartialEq, Debug)]
pub struct FanOut {
    /// The state whose work it is.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// One branch each, numbered from 1 in this order.
    pub items: Vec<Json>,
    /// When.
    pub at: Timestamp,
}

/// A state of execution to go on from.
#[derive(Clone, PartialEq, Debug)]
pub struct Restore {
    /// Why, and where the state comes from.
    pub why: Restoration,
    /// The state. Its machine is the one that decides.
    pub past: Box<Run>,
    /// When the run was last moved before that: timers have as much time left as they had then.
    pub past_at: Timestamp,
    /// States that are not left and entered anew: their work goes on.
    pub going_on: Vec<StateId>,
    /// Changes to the data that is restored.
    pub edits: Vec<Change>,
    /// What was done after that state, has an effect on the world, and is not undone by this.
    pub lasting: Vec<Lasting>,
    /// What makes good what was done after that state, in this order, before the run goes on.
    pub compensations: Vec<Compensation>,
    /// Who wants it, and why.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The end of a run after what was done is made good.
#[derive(Clone, PartialEq, Debug)]
pub struct Compensate {
    /// What makes it good, in this order.
    pub work: Vec<Compensation>,
    /// Who wants it, and why.
    pub by: By,
    /// When.
    pub at: Timestamp,
}

/// The end of making a piece of work good. Whatever that gave, nothing of it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct CompensationDone {
    /// The state whose work was made good.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    pub branch: Branch,
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
