//! What happened to a run's state of execution: the on-disk contract.
//!
//! A record is written once and read for ever. Variants and fields are added, never changed or removed; `tests/wire/` holds
//! histories of every release. Facts an agent reports about itself are in [`crate::recorded`].

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::data::Change;
use crate::id::{Branch, EventName, Rev, RunId, RunNo, StateId, TimerId, Visit};
use crate::machine::{Retry, WorkKind};
use crate::run::{Active, Driver, Ordered, PauseReason};
use crate::time::{Span, Timestamp};

/// Declares [`Record`] with its stored kinds, so that name and variant cannot drift apart.
macro_rules! records {
    ($($(#[$doc:meta])* $variant:ident = $kind:literal),* $(,)?) => {
        /// One durable fact that the kernel decided. Each raises the run's rev by one.
        #[derive(Clone, PartialEq, Debug)]
        #[non_exhaustive]
        pub enum Record {
            $($(#[$doc])* $variant($variant),)*
        }

        impl Record {
            /// The stored name of the kind.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// When it happened.
            #[must_use]
            pub fn at(&self) -> Timestamp {
                match self {
                    $(Self::$variant(body) => body.at,)*
                }
            }

            /// The body as JSON, without the kind.
            ///
            /// # Errors
            ///
            /// None in practice: every body is plain data.
            pub fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
                match self {
                    $(Self::$variant(body) => serde_json::to_vec(body),)*
                }
            }

            /// Reads a stored record.
            ///
            /// # Errors
            ///
            /// [`Unreadable`] if the kind is unknown or the body is not of its form.
            pub fn read(kind: &str, body: &[u8]) -> Result<Self, Unreadable> {
                match kind {
                    $($kind => serde_json::from_slice(body)
                        .map(Self::$variant)
                        .map_err(|reason| Unreadable::Body { kind: kind.to_owned(), reason }),)*
                    _ => Err(Unreadable::Kind(kind.to_owned())),
                }
            }

            /// The stored names of all kinds.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// Whether a kind names a record of the kernel.
            #[must_use]
            pub fn is_kind(kind: &str) -> bool {
                Self::KINDS.contains(&kind)
            }
        }

        $(impl From<$variant> for Record {
            fn from(body: $variant) -> Self {
                Self::$variant(body)
            }
        })*
    };
}

records! {
    /// The run began.
    Started = "started",
    /// A transition was taken.
    Transitioned = "transitioned",
    /// A state's work ended, and no transition was taken for it.
    WorkEnded = "work_ended",
    /// One try at a piece of work failed.
    AttemptFailed = "attempt_failed",
    /// A state's work fanned out into branches.
    FannedOut = "fanned_out",
    /// One branch of a state's work ended, and others go on.
    BranchEnded = "branch_ended",
    /// A timer ran out, and no transition was taken for it.
    TimerFired = "timer_fired",
    /// An SQL statement moved the run, or put it into a workflow.
    Placed = "placed",
    /// The run stopped taking inputs.
    Paused = "paused",
    /// The run takes inputs again.
    Resumed = "resumed",
    /// The run reached a final state of its machine.
    Completed = "completed",
    /// The run failed.
    Failed = "failed",
    /// The run was ended from outside.
    Cancelled = "cancelled",
    /// The run goes on from another state of execution.
    Restored = "restored",
    /// What was done begins to be made good.
    Compensating = "compensating",
    /// A try at making one piece of work good ended.
    Compensated = "compensated",
}

impl Record {
    /// The changes it makes to the data.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Started(started) => &started.changes,
            Self::Transitioned(step) => &step.changes,
            Self::WorkEnded(ended) => &ended.changes,
            Self::FannedOut(fanned) => &fanned.changes,
            Self::BranchEnded(ended) => &ended.changes,
            Self::Restored(restored) => &restored.changes,
            Self::AttemptFailed(_)
            | Self::TimerFired(_)
            | Self::Placed(_)
            | Self::Paused(_)
            | Self::Resumed(_)
            | Self::Completed(_)
            | Self::Failed(_)
            | Self::Cancelled(_)
            | Self::Compensating(_)
            | Self::Compensated(_) => &[],
        }
    }
}

/// A stored record that this program cannot read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Written by a newer release, or not by Guidepost.
    #[error("records of kind `{0}` are unknown")]
    Kind(String),
    /// Not what its kind says.
    #[error("the body of a `{kind}` record cannot be read")]
    Body {
        /// The kind it claims.
        kind: String,
        /// What is wrong with it.
        #[source]
        reason: serde_json::Error,
    },
}

/// Body of [`Record::Started`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Started {
    /// The workflow's name.
    pub workflow: String,
    /// The hash of the machine it is bound to.
    pub machine: String,
    /// Who does the work.
    pub driver: Driver,
    /// Who started it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// First values of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Transitioned`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transitioned {
    /// What kind of transition it was.
    pub cause: Cause,
    /// The event that triggered it; for eventless, timed and done transitions, the name the machine's dialect gives them.
    pub event: EventName,
    /// The state whose transition it was.
    pub from: StateId,
    /// Its targets; empty if it has none.
    pub to: Vec<StateId>,
    /// The states left, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exited: Vec<StateId>,
    /// The states entered, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<StateId>,
    /// What history states are to remember.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<Remembered>,
    /// Changes to the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Timers set. Timers of states that are left end with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<TimerSet>,
    /// Timers ended before their time, and the one whose end this transition is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_timers: Vec<TimerId>,
    /// The state whose work ended with this, well or badly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_work: Option<StateId>,
    /// What the event carried.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub data: Json,
    /// Who sent the event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Guards and actions that could not be evaluated on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Whether, at rest after this, the run can go on only by a person, a time or an outside event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// When.
    pub at: Timestamp,
}

impl Transitioned {
    /// A transition that leaves, enters and changes nothing yet.
    #[must_use]
    pub fn new(
        cause: Cause,
        event: EventName,
        from: StateId,
        to: Vec<StateId>,
        at: Timestamp,
    ) -> Self {
        Self {
            cause,
            event,
            from,
            to,
            exited: Vec::new(),
            entered: Vec::new(),
            remembered: Vec::new(),
            changes: Vec::new(),
            timers: Vec::new(),
            ended_timers: Vec::new(),
            ended_work: None,
            data: Json::Null,
            by: String::new(),
            note: None,
            problems: Vec::new(),
            waiting: false,
            at,
        }
    }
}

/// Why a transition was taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The run began, and its first states were entered.
    Initial,
    /// Somebody, or an action of the machine, sent an event.
    Event,
    /// An eventless transition was enabled.
    Always,
    /// A delay ran out.
    After,
    /// The work of a state, or all its regions, came to its end.
    Done,
    /// The work of a state failed.
    Error,
    /// An SQL statement moved the run.
    Placed,
}

/// The states a history state is to restore.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remembered {
    /// The history state.
    pub history: StateId,
    /// What was active when its parent was left.
    pub states: Vec<StateId>,
}

/// A timer that was set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimerSet {
    /// Its id, unique among the run's pending timers; a second one of the same id replaces the first.
    pub id: TimerId,
    /// When it is due.
    pub due: Timestamp,
    /// What it does then.
    pub fires: TimerFires,
}

/// What a timer does when it is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerFires {
    /// Takes a delayed transition of a state, unless that was left in the meantime.
    After {
        /// The state.
        state: StateId,
        /// Which of the state's delays, counted from 0 in document order.
        delay: u32,
    },
    /// Ends the work of a state that only waits, unless that was left in the meantime.
    WorkDone {
        /// The state.
        state: StateId,
    },
    /// Ends the question of a state unanswered, unless it was answered or left in the meantime.
    Expired {
        /// The state.
        state: StateId,
    },
    /// Sends an event.
    Event {
        /// Its name.
        name: EventName,
        /// What it carries.
        #[serde(default, skip_serializing_if = "Json::is_null")]
        data: Json,
    },
}

/// Body of [`Record::WorkEnded`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct WorkEnded {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Whether it ended well.
    pub ok: bool,
    /// Whether the run can then go on only by a person, a time or an outside event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Changes to the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::AttemptFailed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    #[serde(default, skip_serializing_if = "Branch::is_whole")]
    pub branch: Branch,
    /// Which try, counted from 1.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// When it may be tried again; `None` if that was the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::FannedOut`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FannedOut {
    /// The state whose work it is.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// How many branches there are, numbered from 1.
    pub branches: u32,
    /// How many of them begin at once, the first ones.
    pub begun: u32,
    /// Keeps the items, and makes room for the outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::BranchEnded`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BranchEnded {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    pub branch: Branch,
    /// Whether it ended well.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The branch that begins in its place, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<Branch>,
    /// Changes to the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::TimerFired`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TimerFired {
    /// Which.
    pub timer: TimerId,
    /// Its due time.
    pub at: Timestamp,
}

/// Body of [`Record::Placed`]. Written by SQL triggers; the next process that touches the run settles it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// The workflow, if this puts the run into one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The event whose transition was taken, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventName>,
    /// The state whose transition it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StateId>,
    /// The state the statement named.
    pub to: StateId,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Paused`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Paused {
    /// Why.
    pub reason: PauseReason,
    /// The reason in words: for `stuck`, the cycle.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Who did it; empty if Guidepost itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Resumed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// Whether it then waits for a person, a time or an outside event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Completed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Completed {
    /// What the machine gives back; null if it says nothing.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub output: Json,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Failed`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Cancelled`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cancelled {
    /// Why, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Restored`]: the whole state of execution the run goes on from, but for its data, which is told as
/// changes. So whoever folds it needs no other history.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// Why, and where the state comes from.
    pub why: Restoration,
    /// The workflow's name.
    pub workflow: String,
    /// The hash of the machine it is bound to from now on.
    pub machine: String,
    /// Who does the work.
    pub driver: Driver,
    /// The states the run is in then. Those entered anew have a new visit, and this record's rev; those whose work had
    /// ended keep their visit.
    pub active: Ordered<StateId, Active>,
    /// How often states were entered, as far as the run's own history does not say.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub visits: Ordered<StateId, Visit>,
    /// Everything history states remember then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remembered: Vec<Remembered>,
    /// All timers that are pending then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<TimerSet>,
    /// What makes the data to be restored of the data there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Whether the run can then go on only by a person, a time or an outside event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// What was done after the state that is restored, has an effect on the world, and is not undone by this. Latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lasting: Vec<Lasting>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Body of [`Record::Compensating`]. Until all of it is done the run takes no event, its timers wait, and the work of its
/// states does not begin.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Compensating {
    /// What is to be made good, in this order.
    pub work: Vec<Compensation>,
    /// Whether the run is cancelled after that; else it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancels: bool,
    /// Who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What makes a piece of work good: work itself, with every text worked out from what the run knew when the other ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Compensation {
    /// The state whose work is made good.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    #[serde(default, skip_serializing_if = "Branch::is_whole")]
    pub branch: Branch,
    /// What sort of work makes it good.
    pub kind: WorkKind,
    /// The name of what is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Everything else that is said about it.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub spec: Json,
    /// How often and when it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long one try may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// Body of [`Record::Compensated`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Compensated {
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    #[serde(default, skip_serializing_if = "Branch::is_whole")]
    pub branch: Branch,
    /// Whether it was made good.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is tried again; `None` if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Why a run goes on from another state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restoration {
    /// It goes back to where it was.
    RolledBack {
        /// The rev whose state it is.
        rev: Rev,
    },
    /// It begins where another run was. Only the first record of a run says so.
    Forked {
        /// The other run.
        run: RunId,
        /// The rev whose state it is.
        rev: Rev,
    },
    /// It goes on in another version of its workflow.
    Migrated {
        /// The hash of the machine it was bound to.
        from: String,
        /// States that have another name there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        renamed: Vec<Renamed>,
    },
}

/// A state that has another name in another version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Renamed {
    /// What it was called.
    pub old: StateId,
    /// What it is called.
    pub new: StateId,
}

/// Work with an effect on the world that no rollback undoes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Lasting {
    /// The run below that did it, at whatever depth; `None` if the run itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_no: Option<RunNo>,
    /// The state whose work it was.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    #[serde(default, skip_serializing_if = "Branch::is_whole")]
    pub branch: Branch,
    /// How far it got.
    pub how: Done,
    /// What the state's `compensate` says would make it good; null if it says nothing.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub compensate: Json,
}

/// How far a piece of work got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It ended well.
    Ended,
    /// It failed, and may have had a part of its effect.
    Failed,
    /// It was going on, and may have had a part of its effect.
    Begun,
}
