//! Schedules as a store keeps them: when each is due, and what it began last.

use guidepost_core::id::RunNo;
use guidepost_core::schedule::Schedule;
use guidepost_core::time::Timestamp;
use serde::Serialize;

use crate::{Batch, Created, NewRun};

/// A schedule of a workflow that is saved.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    /// Its name.
    pub name: String,
    /// What it says.
    pub schedule: Schedule,
    /// When it is due first; `None` for never.
    pub due: Option<Timestamp>,
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scheduled {
    /// The workflow.
    pub workflow: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub schedule: Schedule,
    /// When the next run is due; `None` if never.
    pub due: Option<Timestamp>,
    /// Whether it begins nothing until somebody resumes it.
    pub is_paused: bool,
    /// The run it began last.
    pub last: Option<LastRun>,
    /// The last time that it passed over.
    pub passed: Option<Passed>,
    /// Why it cannot be read, in a list: then what it says is not known, and it begins nothing.
    pub damaged: Option<String>,
}

impl Scheduled {
    /// Whether the run it began last goes on.
    #[must_use]
    pub fn is_going_on(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_live)
    }

    /// What it is called over all workflows: `report/daily`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.workflow, self.name)
    }

    /// Why no run could begin at the last time for which one was to begin; `None` if one did.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        let passed = self.passed.as_ref().filter(|passed| passed.is_failure)?;
        let has_begun = self.last.as_ref().is_some_and(|last| last.due > passed.at);
        (!has_begun).then_some(&passed.why)
    }
}

/// The run a schedule began last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its number.
    pub run: RunNo,
    /// The time it was due at.
    pub due: Timestamp,
    /// Whether it goes on.
    pub is_live: bool,
}

/// A time for which no run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// The time.
    pub at: Timestamp,
    /// Why.
    pub why: String,
    /// Whether one was to begin, and could not. Otherwise the schedule says itself that none does.
    pub is_failure: bool,
}

/// Which schedules are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only those that may begin something by this time: due by then, not paused, and not waiting for the run before to end.
    /// Those longest due come first.
    pub due_by: Option<Timestamp>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended. Schedules that are due have no second page: what is due is settled, and asked for anew.
    pub cursor: Option<String>,
}

/// What becomes of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleChange {
    /// When the next run is due; `None` for never.
    pub due: Option<Timestamp>,
    /// Whether it is paused from now on.
    pub is_paused: bool,
    /// A time that it passes over; `None` leaves what there is.
    pub passed: Option<Passed>,
    /// The run that begins, and the time it was due at.
    pub begun: Option<(Timestamp, Box<NewRun>, Box<Batch>)>,
}

/// A schedule that was moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The run that began, or began for the same time before.
    pub created: Option<Created>,
}
