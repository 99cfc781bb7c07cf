//! A run's state of execution, and the only function that changes it: [`Run::apply`].
//!
//! A run is its history: folding all its records, in order, gives the [`Run`]. Who a run belongs to, what its goal is and
//! who its parent is are not decided by the kernel and live with the store.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::data::{Change, Data, Misfit};
use crate::id::{Branch, Purpose, Rev, StateId, TimerId, Visit};
use crate::limits::SNAPSHOT_BYTES_MIN;
use crate::record::{
    AttemptFailed, BranchEnded, Cause, Compensated, Compensating, Compensation, Placed, Record,
    Restored, TimerFires, TimerSet, Transitioned,
};
use crate::time::Timestamp;

/// A map that iterates in the order its keys were inserted.
pub type Ordered<K, V> = IndexMap<K, V, FxBuildHasher>;

/// Who does a run's work.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// The agent does it, and says so by events.
    #[default]
    Agent,
    /// The engine does it, and nobody else may report its end.
    Engine,
}

/// What a run is doing.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is at work on it.
    #[default]
    Running,
    /// It can only go on when a person answers, a time comes or an outside event arrives.
    Waiting,
    /// It takes no inputs until it is resumed.
    Paused,
    /// It reached a final state.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was ended from outside.
    Cancelled,
}

impl Status {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name users meet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the run is over for good.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            Self::Running | Self::Waiting | Self::Paused => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus)
    }
}

/// The text names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status: expected running, waiting, paused, completed, failed or cancelled")]
pub struct UnknownStatus;

/// Why a run is paused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked for it.
    Requested,
    /// It was created, and nobody has let it begin yet.
    Pending,
    /// Its machine cannot come to rest.
    Stuck,
    /// A limit was reached.
    OverLimit,
    /// It crashed whatever touched it, or its history does not fold.
    Quarantined,
}

impl PauseReason {
    /// The name users meet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Pending => "pending",
            Self::Stuck => "stuck",
            Self::OverLimit => "over_limit",
            Self::Quarantined => "quarantined",
        }
    }
}

/// A state the run is in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Active {
    /// The n-th time it is in it.
    #[serde(rename = "v")]
    pub visit: Visit,
    /// The rev of the record by which it was entered.
    #[serde(rename = "r")]
    pub rev: Rev,
    /// When it was entered.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Whether the state's work has ended: then no second result is accepted for this visit.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub work_ended: bool,
    /// Tries at the state's work that failed in this visit.
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// The branches of the state's work, once it fanned out and until it ends.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub fan: Option<Box<Fan>>,
}

impl Active {
    /// Just entered.
    #[must_use]
    pub fn entered(visit: Visit, rev: Rev, at: Timestamp) -> Self {
        Self { visit, rev, at, work_ended: false, failures: 0, fan: None }
    }

    /// How often a branch was tried in vain; `None` if it is not going on.
    #[must_use]
    pub fn failures_of(&self, branch: Branch) -> Option<u32> {
        match &self.fan {
            _ if self.work_ended => None,
            None => branch.is_whole().then_some(self.failures),
            Some(fan) => fan.open.get(&branch).copied(),
        }
    }

    fn end_work(&mut self) {
        self.work_ended = true;
        self.fan = None;
    }
}

/// How far a fan-out has come. What its branches gave is in the run's data.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Fan {
    /// How many branches there are.
    #[serde(rename = "n")]
    pub total: u32,
    /// How many of them have begun: those numbered up to this.
    #[serde(rename = "s")]
    pub begun: u32,
    /// How many ended well.
    #[serde(rename = "o")]
    pub ok: u32,
    /// How many failed for good.
    #[serde(rename = "x", default, skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// Those going on, each with how often it was tried in vain. As many as may go on at once, so the row stays small.
    #[serde(rename = "g")]
    pub open: BTreeMap<Branch, u32>,
    /// The first that failed, and why.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<(Branch, String)>,
}

/// How often a state was entered, and when it was last left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Visits {
    /// Times entered.
    #[serde(rename = "n")]
    pub count: Visit,
    /// The rev at which it was last left; 0 if never.
    #[serde(rename = "l", default, skip_serializing_if = "is_none")]
    pub left: Rev,
}

/// The status of a run at rest that is not over.
fn resting(waiting: bool) -> Status {
    if waiting { Status::Waiting } else { Status::Running }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_none(rev: &Rev) -> bool {
    rev.0 == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A timer that has not fired.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timer {
    /// When it is due.
    pub due: Timestamp,
    /// What it does then.
    pub fires: TimerFires,
}

/// What is being made good, piece by piece.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Undoing {
    /// The rev of the record that says what is to be made good.
    pub rev: Rev,
    /// All of that, in its order. Stored in that record alone, however much it is, and not with the rest.
    #[serde(skip)]
    pub work: Arc<[Compensation]>,
    /// How many pieces are made good: fewer than there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub done: u32,
    /// How often the first was tried in vain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Whether the first failed for good and waits for somebody to resume the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_failed: bool,
    /// Whether the run is cancelled after that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancels: bool,
}

impl Undoing {
    /// What is left to do; the first is going on.
    #[must_use]
    pub fn left(&self) -> &[Compensation] {
        self.work.get(self.done as usize..).unwrap_or_default()
    }

    /// What the tasks are for that do it.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        Purpose::Compensation(self.rev)
    }

    /// The piece that is going on, or failed and waits for somebody to resume the run.
    #[must_use]
    pub fn first(&self) -> Option<&Compensation> {
        self.left().first()
    }
}

/// A run's state of execution.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// The workflow's name.
    #[serde(skip)]
    pub workflow: String,
    /// The hash of the machine it is bound to; empty while it follows a workflow written by SQL.
    #[serde(skip)]
    pub machine: String,
    /// Who does its work.
    #[serde(skip)]
    pub driver: Driver,
    /// What it is doing.
    #[serde(skip)]
    pub status: Status,
    /// Why it is paused, and the cycle or other detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<(PauseReason, String)>,
    /// How many records the kernel has decided.
    #[serde(skip)]
    pub rev: Rev,
    /// The states it is in, the root left out. The order has no meaning.
    #[serde(default)]
    pub active: Ordered<StateId, Active>,
    /// Every state it ever entered.
    #[serde(default)]
    pub visits: Ordered<StateId, Visits>,
    /// What history states remember.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub memory: Ordered<StateId, Vec<StateId>>,
    /// Pending timers.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub timers: Ordered<TimerId, Timer>,
    /// Moves made by SQL that are not settled yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placed: Vec<Placed>,
    /// What is being made good before it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoing: Option<Box<Undoing>>,
    /// What the run gave back, or why it failed.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub output: Json,
    /// The data. Stored as snapshots and changes, not with the rest.
    #[serde(skip)]
    pub data: Data,
    /// About how many bytes the last snapshot of the data took.
    #[serde(skip)]
    pub snapshot_weight: u64,
    /// About how many bytes the changes since then take.
    #[serde(skip)]
    pub change_weight: u64,
}

/// A record that does not fit the run: the history was damaged, or not written by the kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfoldable {
    /// A state is left that the run is not in.
    #[error("rev {rev} leaves the state `{state}`, which is not active")]
    NotActive {
        /// The record.
        rev: Rev,
        /// The state.
        state: StateId,
    },
    /// A state is entered that the run is in already.
    #[error("rev {rev} enters the state `{state}`, which is active already")]
    AlreadyActive {
        /// The record.
        rev: Rev,
        /// The state.
        state: StateId,
    },
    /// A move by SQL is settled that was never made.
    #[error("rev {rev} settles a move by SQL that is not on record")]
    NotPlaced {
        /// The record.
        rev: Rev,
    },
    /// A branch ends or fails that is not going on.
    #[error("rev {rev} is about branch {branch} of `{state}`, which is not going on")]
    NoSuchBranch {
        /// The record.
        rev: Rev,
        /// The state.
        state: StateId,
        /// The branch.
        branch: Branch,
    },
    /// A piece of work is made good that nobody makes good.
    #[error("rev {rev} makes the work of `{state}` good, which is not under way")]
    NotCompensating {
        /// The record.
        rev: Rev,
        /// The state.
        state: StateId,
    },
    /// A change does not fit the data.
    #[error("rev {rev} changes the data in a way that does not fit it")]
    Data {
        /// The record.
        rev: Rev,
        /// How.
        #[source]
        misfit: Misfit,
    },
    /// The run is over, and nothing can follow.
    #[error("rev {rev} follows the end of the run")]
    AfterTheEnd {
        /// The record.
        rev: Rev,
    },
}

impl Run {
    /// Folds one record into the state. The only function that changes a run.
    ///
    /// # Errors
    ///
    /// [`Unfoldable`] if the record does not fit. The run is then in an undefined state and must be dropped.
    pub fn apply(&mut self, record: &Record) -> Result<(), Unfoldable> {
        let rev = self.rev.next();
        if self.status.is_ended() && !matches!(record, Record::Placed(_) | Record::Restored(_)) {
            return Err(Unfoldable::AfterTheEnd { rev });
        }
        match record {
            Record::Started(started) => {
                self.workflow.clone_from(&started.workflow);
                self.machine.clone_from(&started.machine);
                self.driver = started.driver;
                self.change(&started.changes, rev)?;
            }
            Record::Transitioned(step) => self.transition(step, rev)?,
            Record::WorkEnded(ended) => {
                self.active_mut(&ended.state, rev)?.end_work();
                self.rest(ended.waiting);
                self.end_question(&ended.state);
                self.change(&ended.changes, rev)?;
            }
            Record::AttemptFailed(failed) => self.attempt_failed(failed, rev)?,
            Record::FannedOut(fanned) => {
                let open = (1..=fanned.begun).map(|branch| (Branch(branch), 0)).collect();
                let fan =
                    Fan { total: fanned.branches, begun: fanned.begun, open, ..Fan::default() };
                self.active_mut(&fanned.state, rev)?.fan = Some(Box::new(fan));
                self.change(&fanned.changes, rev)?;
            }
            Record::BranchEnded(ended) => {
                self.branch_ended(ended, rev)?;
                self.change(&ended.changes, rev)?;
            }
            Record::Placed(placed) => {
                self.status = Status::Running;
                self.placed.push(placed.clone());
            }
            Record::Paused(paused) => {
                self.status = Status::Paused;
                self.paused = Some((paused.reason, paused.detail.clone()));
            }
            Record::Resumed(resumed) => {
                self.status = resting(resumed.waiting);
                self.paused = None;
                if let Some(undoing) = &mut self.undoing {
                    (undoing.failures, undoing.has_failed) = (0, false);
                }
            }
            Record::TimerFired(fired) => {
                self.timers.shift_remove(&fired.timer);
            }
            Record::Completed(completed) => {
                self.end(Status::Completed);
                self.output = completed.output.clone();
            }
            Record::Failed(failed) => {
                self.end(Status::Failed);
                self.output = Json::String(failed.reason.clone());
            }
            Record::Cancelled(_) => self.end(Status::Cancelled),
            Record::Restored(restored) => self.restore(restored, rev)?,
            Record::Compensating(compensating) => self.compensate(compensating, rev),
            Record::Compensated(compensated) => self.compensated(compensated, rev)?,
        }
        self.rev = rev;
        Ok(())
    }

    /// Folds records in order, as [`Run::apply`] does one.
    ///
    /// # Errors
    ///
    /// [`Unfoldable`] at the first that does not fit.
    pub fn apply_all<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), Unfoldable> {
        records.into_iter().try_for_each(|record| self.apply(record))
    }

    /// What makes a piece of work good, if that is going on.
    #[must_use]
    pub fn compensation(
        &self,
        state: &StateId,
        visit: Visit,
        branch: Branch,
    ) -> Option<&Compensation> {
        let first = self.undoing.as_ref().filter(|undoing| !undoing.has_failed)?.first()?;
        (first.state == *state && first.visit == visit && first.branch == branch).then_some(first)
    }

    /// When the next timer is due; none while the run takes no inputs, or makes good what was done.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.status {
            Status::Running | Status::Waiting if self.undoing.is_some() => None,
            Status::Running | Status::Waiting => self.timers.values().map(|timer| timer.due).min(),
            Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => None,
        }
    }

    /// The timer that is due first, of several the one set first; none while the run takes no inputs.
    #[must_use]
    pub fn next_timer(&self) -> Option<(&TimerId, Timestamp)> {
        let due = self.due()?;
        self.timers.iter().find(|(_, timer)| timer.due == due).map(|(id, _)| (id, due))
    }

    /// Whether moves by SQL wait to be settled: there are some, and the run takes inputs.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        match self.status {
            Status::Running | Status::Waiting => !self.placed.is_empty() && self.undoing.is_none(),
            Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => false,
        }
    }

    /// Whether a snapshot of the data is due: the changes since the last one outweigh it, so that what is stored grows with
    /// change and what must be read back does not.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        self.change_weight >= self.snapshot_weight.max(SNAPSHOT_BYTES_MIN)
    }

    /// Notes that a snapshot of the data was stored with this state.
    pub fn snapshot_taken(&mut self) {
        self.snapshot_weight = self.data.weight();
        self.change_weight = 0;
    }

    fn active_mut(&mut self, state: &StateId, rev: Rev) -> Result<&mut Active, Unfoldable> {
        let missing = || Unfoldable::NotActive { rev, state: state.clone() };
        self.active.get_mut(state).ok_or_else(missing)
    }

    /// At rest. What ended while the run was paused does not make it go on.
    fn rest(&mut self, waiting: bool) {
        if self.paused.is_none() {
            self.status = resting(waiting);
        }
    }

    fn attempt_failed(&mut self, failed: &AttemptFailed, rev: Rev) -> Result<(), Unfoldable> {
        let active = self.active_mut(&failed.state, rev)?;
        let failures = match &mut active.fan {
            None => Some(&mut active.failures),
            Some(fan) => fan.open.get_mut(&failed.branch),
        };
        let (state, branch) = (failed.state.clone(), failed.branch);
        *failures.ok_or(Unfoldable::NoSuchBranch { rev, state, branch })? += 1;
        Ok(())
    }

    fn branch_ended(&mut self, ended: &BranchEnded, rev: Rev) -> Result<(), Unfoldable> {
        let (state, branch) = (ended.state.clone(), ended.branch);
        let missing = Unfoldable::NoSuchBranch { rev, state, branch };
        let Some(fan) = &mut self.active_mut(&ended.state, rev)?.fan else { return Err(missing) };
        if fan.open.remove(&branch).is_none() {
            return Err(missing);
        }
        if ended.ok {
            fan.ok += 1;
        } else {
            fan.failed += 1;
            let reason = || (branch, ended.reason.clone().unwrap_or_default());
            fan.first_failure.get_or_insert_with(reason);
        }
        if let Some(next) = ended.begins {
            fan.begun = next.0;
            fan.open.insert(next, 0);
        }
        Ok(())
    }

    fn transition(&mut self, step: &Transitioned, rev: Rev) -> Result<(), Unfoldable> {
        for state in &step.exited {
            if self.active.swap_remove(state).is_none() {
                return Err(Unfoldable::NotActive { rev, state: state.clone() });
            }
            if let Some(visits) = self.visits.get_mut(state) {
                visits.left = rev;
            }
        }
        if !self.timers.is_empty() && !step.exited.is_empty() {
            self.timers.retain(|_, timer| match &timer.fires {
                TimerFires::After { state, .. }
                | TimerFires::WorkDone { state }
                | TimerFires::Expired { state } => !step.exited.contains(state),
                TimerFires::Event { .. } => true,
            });
        }
        for timer in &step.ended_timers {
            self.timers.shift_remove(timer);
        }
        for remembered in &step.remembered {
            self.memory.insert(remembered.history.clone(), remembered.states.clone());
        }
        if let Some(state) = &step.ended_work {
            if let Some(active) = self.active.get_mut(state) {
                active.end_work();
            }
            self.end_question(state);
        }
        if step.cause == Cause::Placed {
            if self.placed.is_empty() {
                return Err(Unfoldable::NotPlaced { rev });
            }
            self.placed.remove(0);
        }
        for state in &step.entered {
            let visits = self.visits.entry(state.clone()).or_default();
            visits.count = visits.count.next();
            let active = Active::entered(visits.count, rev, step.at);
            if self.active.insert(state.clone(), active).is_some() {
                return Err(Unfoldable::AlreadyActive { rev, state: state.clone() });
            }
        }
        for TimerSet { id, due, fires } in &step.timers {
            self.timers.insert(id.clone(), Timer { due: *due, fires: fires.clone() });
        }
        self.rest(step.waiting);
        self.change(&step.changes, rev)
    }

    /// A question that was answered does not expire.
    fn end_question(&mut self, of: &StateId) {
        self.timers.retain(
            |_, timer| !matches!(&timer.fires, TimerFires::Expired { state } if state == of),
        );
    }

    /// Goes on from another state. A run that is paused stays so: whoever paused it resumes it.
    fn restore(&mut self, restored: &Restored, rev: Rev) -> Result<(), Unfoldable> {
        for state in self.active.keys() {
            let goes_on = restored.active.get(state).is_some_and(|active| active.rev != rev);
            if let Some(visits) = self.visits.get_mut(state).filter(|_| !goes_on) {
                visits.left = rev;
            }
        }
        self.workflow.clone_from(&restored.workflow);
        self.machine.clone_from(&restored.machine);
        self.driver = restored.driver;
        let entered = restored.active.iter().map(|(state, active)| (state, active.visit));
        let counted = restored.visits.iter().map(|(state, visit)| (state, *visit));
        for (state, visit) in counted.chain(entered) {
            let visits = self.visits.entry(state.clone()).or_default();
            visits.count = visits.count.max(visit);
        }
        self.active.clone_from(&restored.active);
        let remembered = restored.remembered.iter();
        self.memory = remembered.map(|kept| (kept.history.clone(), kept.states.clone())).collect();
        let timers = restored.timers.iter().cloned();
        self.timers =
            timers.map(|TimerSet { id, due, fires }| (id, Timer { due, fires })).collect();
        self.placed.clear();
        self.undoing = None;
        self.output = Json::Null;
        if self.paused.is_none() {
            self.status = resting(restored.waiting);
        }
        self.change(&restored.changes, rev)
    }

    fn compensate(&mut self, compensating: &Compensating, rev: Rev) {
        let (work, cancels) = (Arc::from(compensating.work.as_slice()), compensating.cancels);
        let undoing = Undoing { rev, work, done: 0, failures: 0, has_failed: false, cancels };
        self.undoing = undoing.first().is_some().then(|| Box::new(undoing));
        self.rest(false);
    }

    fn compensated(&mut self, compensated: &Compensated, rev: Rev) -> Result<(), Unfoldable> {
        let Compensated { state, visit, branch, .. } = compensated;
        let is_first = self.compensation(state, *visit, *branch).is_some();
        let Some(undoing) = self.undoing.as_mut().filter(|_| is_first) else {
            return Err(Unfoldable::NotCompensating { rev, state: state.clone() });
        };
        undoing.failures += 1;
        if compensated.ok {
            undoing.done += 1;
            undoing.failures = 0;
        } else {
            undoing.has_failed = compensated.retry_at.is_none();
        }
        if undoing.first().is_none() {
            self.undoing = None;
        }
        Ok(())
    }

    fn change(&mut self, changes: &[Change], rev: Rev) -> Result<(), Unfoldable> {
        for change in changes {
            self.data.apply(change).map_err(|misfit| Unfoldable::Data { rev, misfit })?;
            self.change_weight += change.weight();
        }
        Ok(())
    }

    fn end(&mut self, status: Status) {
        self.status = status;
        self.paused = None;
        self.undoing = None;
        self.timers.clear();
        self.placed.clear();
    }
}
