//! In whose hands the work of a run is.

use guidepost_core::kernel;
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use guidepost_engine::plan;
use guidepost_store::{CANCEL_QUEUE, NEVER, Task, TaskFilter};
use serde::Serialize;

use super::current::Current;
use super::{OpError, Ops};

/// Tasks that are looked at: enough to tell what a run waits for.
const TASKS_MAX: usize = 20;

/// A piece of work that is going on, and in whose hands it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InHand {
    /// Which: `Review#2[3]`.
    pub piece: String,
    /// Who may do it: those who serve this queue.
    pub queue: String,
    /// How often it was tried, a try that goes on included.
    pub attempt: u32,
    /// The workflow whose `concurrency` says when it may begin, if any does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_to: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub hands: Hands,
}

/// In whose hands a piece of work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Hands {
    /// Somebody does it.
    Held {
        /// Who.
        by: String,
        /// When others may take it, unless whoever has it says that it goes on.
        until: Timestamp,
    },
    /// A run it launched goes on.
    Launched {
        /// Its short id.
        run: String,
    },
    /// It is tried again later.
    Later {
        /// When.
        at: Timestamp,
    },
    /// A worker outside is to claim it, and none has.
    Unclaimed,
    /// An engine is to do it, and none does.
    Ready,
}

impl Ops {
    /// In whose hands the work is that an engine or a worker does for a run.
    pub(super) async fn in_hand(&self, current: &Current) -> Result<Vec<InHand>, OpError> {
        if !waits_for_work(current) {
            return Ok(Vec::new());
        }
        let run = Some(current.head.no);
        let filter = TaskFilter { run, limit: TASKS_MAX, ..TaskFilter::default() };
        let tasks = self.store.tasks(&self.tenant, &filter).await?.items;
        let now = self.world.now();
        let told = tasks
            .into_iter()
            .filter(|task| !matches!(task.queue.as_str(), plan::ASK_QUEUE | CANCEL_QUEUE));
        Ok(told.map(|task| InHand::of(task, now)).collect())
    }
}

/// Whether a run is alive, and somebody is to do work for it who is told of that by a task.
fn waits_for_work(current: &Current) -> bool {
    let Current { run, machine, .. } = current;
    matches!(run.status, Status::Running | Status::Waiting)
        && kernel::leaves(machine, run).into_iter().any(|ix| kernel::is_engines(machine, run, ix))
}

impl InHand {
    fn of(task: Task, now: Timestamp) -> Self {
        let hands = match (task.owner.clone(), task.child) {
            (Some(by), _) if task.ready_at > now => Hands::Held { by, until: task.ready_at },
            (_, Some(child)) => Hands::Launched { run: child.to_string() },
            (_, None) if task.ready_at > now && task.ready_at != NEVER => {
                Hands::Later { at: task.ready_at }
            }
            (_, None) if is_outside(&task.queue) => Hands::Unclaimed,
            (_, None) => Hands::Ready,
        };
        let Task { id, queue, attempt, bound_to, .. } = task;
        Self { piece: id.piece(), queue, attempt, bound_to, hands }
    }
}

/// Whether a queue belongs to those who serve an agent or a kind of task: it carries their name.
fn is_outside(queue: &str) -> bool {
    queue.contains(':')
}
