//! What reaches the runner, and what it asks for. Reading [`Message`] shows everything that can wake the engine.

use std::sync::Arc;

use guidepost_core::budget::Budget;
use guidepost_core::id::{Rev, RunId, RunNo};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::schedule::Settled;
use guidepost_core::time::Timestamp;
use guidepost_store::{Batch, Claim, Claimed, Committed, Held, Moved, Scheduled, StoreError};

use crate::call::{Call, Outcome};
use crate::machines::NoMachine;

/// A run as it was found, and what it walks.
#[derive(Debug)]
pub struct LoadedRun {
    /// Its identity.
    pub id: RunId,
    /// The run at the top of its tree.
    pub root: RunNo,
    /// Its state.
    pub run: Run,
    /// Its machine.
    pub machine: Arc<Machine>,
    /// The budgets it spends from.
    pub budgets: Vec<Budget>,
}

/// A message to the runner.
#[derive(Debug)]
pub enum Message {
    /// Time has passed.
    Tick,
    /// Somebody says there is something to do.
    Wake,
    /// Tasks that were claimed.
    Claimed(Result<Vec<Claimed>, StoreError>),
    /// Runs with a timer that is due, or a move by SQL to settle.
    Due(Result<Vec<RunNo>, StoreError>),
    /// Schedules that are due, or soon will be.
    Scheduled {
        /// Up to when they were asked for.
        until: Timestamp,
        /// Those that were found.
        found: Result<Vec<Scheduled>, StoreError>,
    },
    /// What became of a schedule that was due; `None` if somebody else came first.
    ScheduleMoved {
        /// Its name, with that of its workflow.
        schedule: String,
        /// Whether a run was to begin.
        begins: bool,
        /// The outcome.
        outcome: Result<Option<Moved>, StoreError>,
    },
    /// A run as it is.
    Loaded {
        /// Which.
        run: RunNo,
        /// The run; `None` if it is gone.
        loaded: Result<Option<Box<LoadedRun>>, NoMachine>,
    },
    /// What became of a commit.
    Committed {
        /// The run.
        run: RunNo,
        /// The outcome.
        outcome: Result<Committed, StoreError>,
    },
    /// A piece of work ended.
    Ended {
        /// Which.
        held: Held,
        /// How.
        outcome: Outcome,
    },
    /// Leases were extended.
    Extended(Result<Vec<Held>, StoreError>),
    /// The runner is to take nothing new, give back what it has, and stop.
    Stop,
}

/// What the runner asks the shell for. Each answer comes back as a [`Message`].
#[derive(Debug)]
pub enum Effect {
    /// Claim tasks.
    Claim(Claim),
    /// Find runs with something due.
    FindDue {
        /// The time now.
        now: Timestamp,
        /// At most so many.
        limit: usize,
    },
    /// Find schedules that are due.
    FindSchedules {
        /// Up to when, which may lie a moment ahead.
        until: Timestamp,
        /// At most so many.
        limit: usize,
    },
    /// Move a schedule on, and begin its run: [`crate::schedule::settle`].
    MoveSchedule {
        /// The schedule as it was seen.
        before: Box<Scheduled>,
        /// What is to be done.
        settled: Settled,
    },
    /// Load a run.
    Load(RunNo),
    /// Commit a decision.
    Commit {
        /// The run.
        run: RunNo,
        /// The rev it was decided at.
        expected: Rev,
        /// What was decided.
        batch: Box<Batch>,
    },
    /// Hold back a run that cannot be worked on, because its machine cannot be had or the store refuses its next step, so that
    /// whoever finds it reads why. No answer is waited for.
    Quarantine {
        /// The run.
        run: RunNo,
        /// What is wrong, and what to do about it.
        why: String,
    },
    /// Do a piece of work.
    Perform {
        /// The task.
        held: Held,
        /// The queue it came from.
        queue: String,
        /// What is to be done.
        call: Box<Call>,
    },
    /// Stop doing a piece of work: nobody wants the result.
    Abort(Held),
    /// Extend leases.
    Extend {
        /// Which.
        held: Vec<Held>,
        /// Until when.
        until: Timestamp,
    },
    /// Give tasks back.
    Release(Vec<Held>),
    /// Give back a task that was not begun.
    Decline(Held),
    /// Nothing more is to come.
    Stopped,
}
