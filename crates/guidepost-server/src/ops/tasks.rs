//! Tasks: listed for people, claimed and ended by workers outside.

use std::sync::Arc;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::input::{By, Input};
use guidepost_core::kernel::{self, Refused};
use guidepost_core::record::Record;
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::{Call, Failure, call};
use guidepost_store::{
    Claim, EntryBody, Held, HistoryPage, Page, StoreError, Task, TaskFilter, TaskId,
};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::current::{ATTEMPTS_MAX, Current};
use super::{Damage, OpError, Ops, bounds};

/// How long a worker holds a task unless it says otherwise.
pub const WORKER_LEASE: Span = Span(60_000_000_000);

/// How far back in a history the end of a task is looked for that is told again.
const LOOK_BACK: usize = 200;

/// Tasks one claim may ask for.
const CLAIMED_MAX: usize = 100;

/// Which tasks are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindTasks {
    /// Only those of this run.
    pub run: Option<RunRef>,
    /// Only those of this queue: `task:pay`, `agent:writer`, `tool`, `ask` …
    pub queue: Option<String>,
    /// At most so many; 0 means 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A wish for tasks of outside workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTasks {
    /// The queues the worker serves: `task:pay`, `agent:writer`.
    pub queues: Vec<String>,
    /// At most so many.
    pub limit: usize,
    /// For how long.
    pub lease: Span,
    /// The worker.
    pub caller: String,
}

/// A task in a worker's hands, with everything needed to do it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimedTask {
    /// Which; named when it is extended or ended.
    pub task: TaskId,
    /// Which try; named with it.
    pub attempt: u32,
    /// When the lease ends, unless it is extended.
    pub until: Timestamp,
    /// The run's workflow.
    pub workflow: String,
    /// The queue it came from.
    pub queue: String,
    /// Identifies the work to the outside: the same for every try at it.
    pub key: String,
    /// What is to be done, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Everything else the definition says about it.
    pub spec: Json,
    /// The attributes it is to give.
    pub output: Vec<String>,
}

/// The end of a task, as its worker tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct EndTask {
    /// Which.
    pub task: TaskId,
    /// The try it was claimed for.
    pub attempt: u32,
    /// What it gave, or why it failed and whether trying again may help. What gives one thing, or nothing by name, may give
    /// any value as it is; what gives several, an object with them.
    pub outcome: Result<Json, (String, bool)>,
    /// The worker.
    pub caller: String,
}

/// When the end of a task was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// With this call.
    Now,
    /// With an earlier call, which this one repeats.
    Before,
}

impl Ops {
    /// Tasks that are open, a page at a time.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn find_tasks(&self, wanted: &FindTasks) -> Result<Page<Task>, OpError> {
        let run = match &wanted.run {
            Some(run) => Some(self.current(run).await?.head.no),
            None => None,
        };
        let (queue, cursor) = (wanted.queue.clone(), wanted.cursor.clone());
        let filter = TaskFilter { run, queue, limit: wanted.limit, cursor };
        Ok(self.store.tasks(&self.tenant, &filter).await?)
    }

    /// Hands out tasks that are ready. One that cannot be said, since a text of it has no value, fails at once and for good.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if no queue is named, or too many tasks are wanted, and the failures of the store.
    pub async fn claim_tasks(&self, wanted: &ClaimTasks) -> Result<Vec<ClaimedTask>, OpError> {
        if wanted.queues.is_empty() || !(1..=CLAIMED_MAX).contains(&wanted.limit) {
            return Err(OpError::BadArgument {
                what: format!("a claim names its queues, and asks for 1 to {CLAIMED_MAX} tasks"),
                hint: Some("`task:NAME` is the queue of a step's `task: NAME`".to_owned()),
            });
        }
        let now = self.world.now();
        let claim = Claim {
            owner: wanted.caller.clone(),
            now,
            until: now.after(wanted.lease),
            limit: wanted.limit,
            queues: wanted.queues.clone(),
            root: None,
            except: Arc::default(),
        };
        let mut claimed = Vec::new();
        for found in self.store.claim(&self.tenant, &claim).await? {
            let current = match self.current(&found.task.id.run.into()).await {
                Ok(current) => current,
                // What else was claimed is in the worker's hands. This one is nobody's until its lease has run out.
                Err(error) if Damage::of(&error).is_some() => continue,
                Err(error) => return Err(error),
            };
            if found.timed_out {
                let late = Failure::passing("it took longer than its timeout");
                self.end(&current, &seen(&found.task, late, &wanted.caller)).await?;
                continue;
            }
            match Call::of(current.head.id, &current.machine, &current.run, &found.task) {
                Ok(call) => claimed.push(of_call(call, &found.task)),
                Err(failure) => {
                    self.end(&current, &seen(&found.task, failure, &wanted.caller)).await?;
                }
            }
        }
        Ok(claimed)
    }

    /// Extends the lease of a task.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if the task ended or somebody else has it by now, and the failures of the store.
    pub async fn extend_task(&self, held: Held, lease: Span, caller: &str) -> Result<(), OpError> {
        let until = self.world.now().after(lease);
        let lost = self.store.extend(&self.tenant, caller, &[held], until).await?;
        match lost.into_iter().next() {
            Some(Held { task, .. }) => Err(StoreError::LeaseLost { task }.into()),
            None => Ok(()),
        }
    }

    /// Takes the end of a task: its run goes on. A repeat of the result that was taken, by whoever gave it, changes nothing
    /// and says so.
    ///
    /// # Errors
    ///
    /// [`StoreError::LeaseLost`] if the task ended or somebody else has it by now, [`OpError::NotDone`] if the result does
    /// not fit, [`OpError::TooLarge`], and the failures of the store.
    pub async fn end_task(&self, end: &EndTask) -> Result<Taken, OpError> {
        let current = self.current(&end.task.run.into()).await?;
        if let Ok(value) = &end.outcome {
            let output = output(&current, &end.task, value)?;
            bounds::check_json("the result", &output, guidepost_core::limits::PAYLOAD_BYTES_MAX)?;
            let named = EndTask { outcome: Ok(Json::Object(output)), ..end.clone() };
            return match self.end(&current, &named).await {
                Err(OpError::Store(StoreError::LeaseLost { .. }) | OpError::NotDone(_))
                    if self.was_taken(current.head.no, &named).await? =>
                {
                    Ok(Taken::Before)
                }
                ended => ended.map(|()| Taken::Now),
            };
        }
        self.end(&current, end).await.map(|()| Taken::Now)
    }

    /// Whether the history says that the work of a task ended with this result, given by the same worker, and that the run
    /// did not go back since.
    async fn was_taken(&self, run: RunNo, end: &EndTask) -> Result<bool, OpError> {
        let kinds =
            ["transitioned", "work_ended", "branch_ended", "restored"].map(str::to_owned).to_vec();
        let page = HistoryPage { newest_first: true, kinds, beyond: None, limit: LOOK_BACK };
        let entries = self.store.history(&self.tenant, run, &page).await?.items;
        let records = entries.iter().filter_map(|entry| match &entry.body {
            EntryBody::Record(record) => Some(record),
            EntryBody::Fact { .. } => None,
        });
        let mut since = records.take_while(|record| !matches!(record, Record::Restored(_)));
        Ok(since.any(|record| is_end(record, end)))
    }

    async fn end(&self, current: &Current, end: &EndTask) -> Result<(), OpError> {
        let mut refreshed: Option<Current> = None;
        for attempt in 1..=ATTEMPTS_MAX {
            let current = refreshed.as_ref().unwrap_or(current);
            let now = self.world.now();
            let input = input(current, end, now);
            let decided = kernel::decide_all(&current.machine, &current.run, &input);
            let decided = match decided {
                Ok(decided) => decided,
                Err(Refused::Rejected(rejected)) => {
                    return Err(match *rejected {
                        // Whoever asks is told what became of it: it is not theirs any more.
                        kernel::Rejected::NoSuchWork { .. }
                        | kernel::Rejected::MakingGood { .. } => {
                            StoreError::LeaseLost { task: end.task.clone() }.into()
                        }
                        rejected => self.task_not_done(current, end, rejected),
                    });
                }
                Err(Refused::Unfoldable(misfit)) => {
                    let run = current.head.no;
                    return Err(StoreError::Damaged { run, what: misfit.to_string() }.into());
                }
            };
            let mut batch = current.batch(decided, None, now);
            batch.tasks.fence = Some(Held { task: end.task.clone(), attempt: end.attempt });
            let expected = current.run.rev;
            match self.store.commit(&self.tenant, current.head.no, expected, batch).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {
                    self.make_way(attempt).await;
                    refreshed = Some(self.current(&end.task.run.into()).await?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(OpError::Contended { run: end.task.run.to_string(), attempts: ATTEMPTS_MAX })
    }

    fn task_not_done(
        &self,
        current: &Current,
        end: &EndTask,
        rejected: kernel::Rejected,
    ) -> OpError {
        let sent = end
            .outcome
            .as_ref()
            .map(|output| output.as_object().into_iter().flat_map(Map::keys).cloned().collect());
        OpError::NotDone(Box::new(super::NotDone {
            refusal: rejected.into(),
            run: current.name(),
            rev: current.run.rev,
            states: super::current::leaf_ids(&current.machine, &current.run),
            next: current.next(),
            sent: sent.unwrap_or_default(),
            moved: None,
        }))
    }
}

/// Whether a record is the good end of the work of a task, as its worker told it.
fn is_end(record: &Record, end: &EndTask) -> bool {
    let TaskId { state, visit, branch, .. } = &end.task;
    let Ok(output) = &end.outcome else { return false };
    if end.task.purpose.is_compensation() {
        return false;
    }
    match record {
        // It says what it carried, though not which visit it ended.
        Record::Transitioned(step) => {
            step.ended_work.as_ref() == Some(state)
                && step.by == end.caller
                && step.data.get("output") == Some(output)
        }
        Record::WorkEnded(ended) => {
            ended.ok && ended.state == *state && ended.visit == *visit && ended.by == end.caller
        }
        Record::BranchEnded(ended) => {
            ended.ok
                && ended.state == *state
                && (ended.visit, ended.branch) == (*visit, *branch)
                && ended.by == end.caller
        }
        _ => false,
    }
}

/// A result under the names its step gives it. Of what makes work good nothing is kept, so any value does.
fn output(current: &Current, task: &TaskId, value: &Json) -> Result<Map<String, Json>, OpError> {
    if task.purpose.is_compensation() {
        return Ok(Map::new());
    }
    let state = current.machine.find(task.state.as_str()).map(|ix| current.machine.state(ix));
    let names = state.map_or(&[][..], |state| state.output.as_slice());
    match (value, names) {
        (Json::Object(fields), _) => Ok(fields.clone()),
        (Json::Null, []) => Ok(Map::new()),
        (value, []) => Ok(Map::from_iter([("result".to_owned(), value.clone())])),
        (value, [name]) => Ok(Map::from_iter([(name.to_string(), value.clone())])),
        (_, names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(OpError::BadArgument {
                what: format!("the work of `{}` gives several values by name", task.state),
                hint: Some(format!("hand in an object with {}", names.join(", "))),
            })
        }
    }
}

fn input(current: &Current, end: &EndTask, at: Timestamp) -> Input {
    let by = By::caller(&end.caller);
    match &end.outcome {
        Ok(output) => {
            call::done(&end.task, output.as_object().cloned().unwrap_or_default(), by, at)
        }
        Err((reason, may_retry)) => {
            let failure = Failure { reason: reason.clone(), may_retry: *may_retry };
            let held = Held { task: end.task.clone(), attempt: end.attempt };
            call::failed(current.head.id, &held, &failure, by, at)
        }
    }
}

/// A failure Guidepost itself sees.
fn seen(task: &Task, failure: Failure, caller: &str) -> EndTask {
    EndTask {
        task: task.id.clone(),
        attempt: task.attempt,
        outcome: Err((failure.reason, failure.may_retry)),
        caller: caller.to_owned(),
    }
}

fn of_call(call: Call, task: &Task) -> ClaimedTask {
    ClaimedTask {
        task: call.task,
        attempt: call.attempt,
        until: task.ready_at,
        workflow: call.workflow,
        queue: task.queue.clone(),
        key: call.key,
        prompt: call.prompt,
        spec: call.spec,
        output: call.output,
    }
}
