//! Tasks: work handed to whoever does it, with a lease, an attempt and a queue.
//!
//! A task is there exactly as long as its work is going on: a commit that begins the work files it, the commit that takes
//! the result ends it. Holding a task is a lease, not a lock: when the lease has run out somebody else may claim it, and a
//! result counts only if it carries the attempt that is the present one.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use guidepost_core::id::{Branch, NotARun, Purpose, Rev, RunNo, StateId, Visit, piece};
use guidepost_core::machine::WorkKind;
use guidepost_core::time::{Span, Timestamp};
use serde::{Serialize, Serializer};

use crate::thread::NewTurn;

/// The queue of what is left to do for runs launched by a run that has no use for them any more.
pub const CANCEL_QUEUE: &str = "cancel";

/// A task that is not to be claimed before something happens.
pub const NEVER: Timestamp = Timestamp(i64::MAX);

/// Which piece of work of which run. People read and type it as `r-7:Review#2`, a branch of it as `r-7:Review#2[3]`, and
/// what makes it good as `r-7:Review#2:compensate@9`, where 9 is the rev at which that was decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The run.
    pub run: RunNo,
    /// The state whose work it is.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    pub branch: Branch,
    /// Whether it is that work, or makes it good.
    pub purpose: Purpose,
}

impl TaskId {
    /// What of its run it is about: `Review#2[3]`.
    #[must_use]
    pub fn piece(&self) -> String {
        piece(&self.state, self.visit, self.branch)
    }
}

/// What a task is called that makes work good, after the name of that work.
const COMPENSATE: &str = ":compensate@";

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run, self.piece())?;
        match self.purpose {
            Purpose::Work => Ok(()),
            Purpose::Compensation(rev) => write!(f, "{COMPENSATE}{rev}"),
        }
    }
}

/// The text names no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a task: expected a run, a state and its visit, as in `r-7:Review#2`, `r-7:Review#2[3]` or `r-7:Review#2:compensate@9`"
)]
pub struct NotATask;

impl From<NotARun> for NotATask {
    fn from(_: NotARun) -> Self {
        Self
    }
}

impl FromStr for TaskId {
    type Err = NotATask;

    fn from_str(text: &str) -> Result<Self, NotATask> {
        let (run, rest) = text.split_once(':').ok_or(NotATask)?;
        let (state, rest) = rest.rsplit_once('#').ok_or(NotATask)?;
        let (rest, purpose) = match rest.split_once(COMPENSATE) {
            Some((rest, rev)) => {
                (rest, Purpose::Compensation(rev.parse().map(Rev).map_err(|_| NotATask)?))
            }
            None => (rest, Purpose::Work),
        };
        let (visit, branch) = match rest.strip_suffix(']') {
            Some(rest) => rest.split_once('[').ok_or(NotATask)?,
            None => (rest, "0"),
        };
        let visit = visit.parse().map(Visit).map_err(|_| NotATask)?;
        let branch = branch.parse().map(Branch).map_err(|_| NotATask)?;
        Ok(Self { run: run.parse()?, state: StateId::from(state), visit, branch, purpose })
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a commit does to the tasks of its run. The default does nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskChanges {
    /// The attempt whose result the commit takes: it must still be the present one.
    pub fence: Option<Held>,
    /// What is done, in this order.
    pub changes: Vec<TaskChange>,
}

impl TaskChanges {
    /// Leaves what begins to whoever claims it.
    #[cfg(feature = "memory")]
    pub(crate) fn give_up_leases(&mut self) {
        for change in &mut self.changes {
            if let TaskChange::File(task) = change {
                task.lease = None;
            }
        }
    }
}

/// One change to the tasks of a run. All tasks of a run end with it, without being told.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskChange {
    /// Work begins.
    File(NewTask),
    /// Work is to be tried again, by anybody, from a time on.
    Retry {
        /// The state whose work it is.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch.
        branch: Branch,
        /// Whether it is that work, or makes it good.
        purpose: Purpose,
        /// From when on.
        at: Timestamp,
    },
    /// Work ended, or is of no use any more.
    End {
        /// The state whose work it was.
        state: StateId,
        /// Which visit.
        visit: Visit,
        /// Which branch; `None` for all of them.
        branch: Option<Branch>,
        /// Whether it is that work, or makes it good.
        purpose: Purpose,
    },
    /// What was lost so far does not count any more: the run was resumed.
    Forgive,
    /// Something is said in the thread of the work.
    Say(NewTurn),
}

impl TaskChange {
    /// Whether it ends this task, and no other with it.
    #[must_use]
    pub fn ends(&self, task: &TaskId) -> bool {
        match self {
            Self::End { state, visit, branch, purpose } => {
                (state, *visit, *branch, *purpose)
                    == (&task.state, task.visit, Some(task.branch), task.purpose)
            }
            Self::File(_) | Self::Retry { .. } | Self::Forgive | Self::Say(_) => false,
        }
    }
}

/// A task to file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The state whose work it is.
    pub state: StateId,
    /// Which visit.
    pub visit: Visit,
    /// Which branch.
    pub branch: Branch,
    /// Whether it is that work, or makes it good.
    pub purpose: Purpose,
    /// What sort of work.
    pub kind: WorkKind,
    /// Who may claim it: those who serve this queue.
    pub queue: String,
    /// From when on.
    pub ready_at: Timestamp,
    /// How long one attempt may take.
    pub timeout: Option<Span>,
    /// Who holds it from the start, so that whoever files a task and does it needs no second transaction. A task with a
    /// bound is nobody's until it is claimed.
    pub lease: Option<Lease>,
    /// What bounds how much of such work goes on at once; `None` for nothing.
    pub bound: Option<Bound>,
}

/// A task counts in the bounds of a workflow's [`crate::NewVersion::concurrency`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The workflow.
    pub workflow: String,
    /// What its bounds call such work, as [`guidepost_core::machine::Concurrency::name_of`] has it.
    pub work: String,
}

impl NewTask {
    /// What is left to do for a run that ended before those it launched: they are told to stop.
    #[cfg(any(feature = "memory", feature = "sqlite"))]
    pub(crate) fn cancelling(now: Timestamp) -> Self {
        Self {
            state: StateId::root(),
            visit: Visit(0),
            branch: Branch::WHOLE,
            purpose: Purpose::Work,
            kind: WorkKind::Run,
            queue: CANCEL_QUEUE.to_owned(),
            ready_at: now,
            timeout: None,
            lease: None,
            bound: None,
        }
    }

    /// Who holds it from the start.
    #[cfg(any(feature = "memory", feature = "sqlite"))]
    pub(crate) fn holder(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|_| self.bound.is_none())
    }
}

/// Who holds a task, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder.
    pub owner: String,
    /// When it ends, unless it is extended.
    pub until: Timestamp,
}

/// A task in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// Which.
    pub task: TaskId,
    /// The attempt it was claimed for.
    pub attempt: u32,
}

/// A wish for tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who asks.
    pub owner: String,
    /// The time now.
    pub now: Timestamp,
    /// When the lease is to end.
    pub until: Timestamp,
    /// At most so many.
    pub limit: usize,
    /// The queues the asker serves. Whatever is ready for longest comes first, whichever of them it is in; but before all else
    /// what is to be cancelled.
    pub queues: Vec<String>,
    /// Only tasks of this run and of runs below it.
    pub root: Option<RunNo>,
    /// None of these, whatever queue they are in: tasks the asker declined. Shared, because it is part of every claim.
    pub except: Arc<BTreeSet<TaskId>>,
}

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// What sort of work.
    pub kind: WorkKind,
    /// Who may claim it.
    pub queue: String,
    /// When it was filed.
    pub filed_at: Timestamp,
    /// From when on it may be claimed; while somebody holds it, when the lease ends.
    pub ready_at: Timestamp,
    /// Who holds it.
    pub owner: Option<String>,
    /// How often it was claimed.
    pub attempt: u32,
    /// How often in a row whoever held it was not heard of again.
    pub lost: u32,
    /// When the present attempt must be over.
    pub deadline: Option<Timestamp>,
    /// The run it launched and waits for.
    pub child: Option<RunNo>,
    /// The workflow whose bounds say when it may begin, if any do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_to: Option<String>,
}

impl Task {
    /// The task in its present holder's hands.
    #[must_use]
    pub fn held(&self) -> Held {
        Held { task: self.id.clone(), attempt: self.attempt }
    }

    /// Its place among tasks that are ready: they are handed out in this order.
    #[cfg(any(feature = "memory", feature = "sqlite"))]
    pub(crate) fn turn(&self) -> (bool, Timestamp, &TaskId) {
        (self.queue != CANCEL_QUEUE, self.ready_at, &self.id)
    }
}

/// A task that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The task, in the claimer's hands.
    pub task: Task,
    /// Whether its attempt took too long: then the claimer is not to do it but to say so.
    pub timed_out: bool,
}

/// Which tasks are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those of this run.
    pub run: Option<RunNo>,
    /// Only those of this queue.
    pub queue: Option<String>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_reads_back() {
        for text in [
            "r-7:Review#2",
            "r-7:Review.Deep#1[3]",
            "r-1:a:b#c#9",
            "r-7:Review#2:compensate@9",
            "r-7:Review#2[3]:compensate@9",
            "r-7:Review:compensate@1#2",
        ] {
            assert_eq!(text.parse::<TaskId>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "r-7",
            "r-7:Review",
            "7:Review#1",
            "r-7:Review#x",
            "r-7:Review#1[",
            "r-7:R#1[]",
            "r-7:R#:compensate@9",
            "r-7:R#1:compensate",
            "r-7:R#1:compensate@x",
        ] {
            assert_eq!(text.parse::<TaskId>(), Err(NotATask), "{text}");
        }
    }
}
