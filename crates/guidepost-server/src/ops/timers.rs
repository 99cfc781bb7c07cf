//! What is due, and when: timers of states, ends of waits and questions, tries to come.

use guidepost_core::id::{RunNo, RunRef, StateId};
use guidepost_core::record::TimerFires;
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use guidepost_store::{NEVER, ScheduleFilter, Task, TaskFilter};
use serde::Serialize;

use super::current::Current;
use super::way::of_timer;
use super::{Damage, OpError, Ops, ScheduleView};

/// How many runs with timers are looked at when all are meant.
const RUNS_MAX: usize = 1_000;

/// Tasks read at a time.
const PAGE: usize = 1_000;

/// Something that is due at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The run's short id.
    pub run: String,
    /// Its workflow.
    pub workflow: String,
    /// The state it belongs to; `None` if it belongs to the run as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StateId>,
    /// What happens then, in words: `after 3d in Review`.
    pub what: String,
    /// When, in nanoseconds since 1970 UTC.
    pub due: Timestamp,
    /// The same, to read.
    pub at: String,
    /// Whether nothing happens then, since the run is paused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
}

/// What is due, soonest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timers {
    /// What is due.
    pub timers: Vec<Due>,
    /// Schedules that begin a run at some time, if not only one run is meant.
    pub schedules: Vec<ScheduleView>,
    /// Whether runs were left out: those with what is due later than all of this.
    pub has_more: bool,
    /// The time now.
    #[serde(skip)]
    pub now: Timestamp,
}

impl Ops {
    /// What is due in a run, or in all of them. What was due before is settled first, so everything lies ahead, but for
    /// runs that are paused.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn timers(&self, run: Option<&RunRef>) -> Result<Timers, OpError> {
        let (runs, has_more) = match run {
            Some(run) => (vec![self.current(run).await?], false),
            None => self.with_timers().await?,
        };
        let mut timers: Vec<Due> = runs.iter().flat_map(of_run).collect();
        let only = run.and_then(|_| runs.first()).map(|current| current.head.no);
        timers.extend(self.tries_to_come(only).await?);
        timers.sort_by(|a, b| (a.due, &a.run, &a.what).cmp(&(b.due, &b.run, &b.what)));
        let schedules = if run.is_none() { self.coming_schedules().await? } else { Vec::new() };
        Ok(Timers { timers, schedules, has_more, now: self.world.now() })
    }

    /// Schedules that are due at some time, soonest first.
    async fn coming_schedules(&self) -> Result<Vec<ScheduleView>, OpError> {
        let filter =
            ScheduleFilter { due_by: Some(NEVER), limit: RUNS_MAX, ..ScheduleFilter::default() };
        let found = self.store.schedules(&self.tenant, &filter).await?.items;
        Ok(found.into_iter().map(ScheduleView::from).collect())
    }

    /// Runs with a timer, those due soonest, and whether there are more.
    async fn with_timers(&self) -> Result<(Vec<Current>, bool), OpError> {
        self.settle_due().await?;
        let found = self.store.due(&self.tenant, NEVER, RUNS_MAX + 1).await?;
        let has_more = found.len() > RUNS_MAX;
        let mut runs = Vec::with_capacity(found.len());
        for run in found.into_iter().take(RUNS_MAX) {
            // What one of them fails with is told to whoever asks for that run, and never hides the others.
            runs.extend(self.current(&run.into()).await.ok());
        }
        Ok((runs, has_more))
    }

    /// Work that failed and waits for its next try.
    async fn tries_to_come(&self, run: Option<RunNo>) -> Result<Vec<Due>, OpError> {
        let now = self.world.now();
        let mut filter = TaskFilter { run, limit: PAGE, ..TaskFilter::default() };
        let mut found = Vec::new();
        loop {
            let page = self.store.tasks(&self.tenant, &filter).await?;
            for task in page.items.iter().filter(|task| is_to_come(task, now)) {
                let current = match self.current(&task.id.run.into()).await {
                    Ok(current) => current,
                    Err(error) if run.is_none() && Damage::of(&error).is_some() => continue,
                    Err(error) => return Err(error),
                };
                let what = format!("try {} of {}", task.attempt + 1, task.id.state);
                found.push(due(&current, Some(task.id.state.clone()), what, task.ready_at));
            }
            if page.next.is_none() {
                return Ok(found);
            }
            filter.cursor = page.next;
        }
    }
}

/// Whether nobody holds a task, and somebody may from a time on that has not come.
fn is_to_come(task: &Task, now: Timestamp) -> bool {
    task.owner.is_none() && task.ready_at > now && task.ready_at < NEVER
}

fn of_run(current: &Current) -> Vec<Due> {
    let timers = current.run.timers.values();
    let dues = timers.map(|timer| {
        let state = match &timer.fires {
            TimerFires::After { state, .. }
            | TimerFires::WorkDone { state }
            | TimerFires::Expired { state } => Some(state.clone()),
            TimerFires::Event { .. } => None,
        };
        due(current, state, of_timer(&timer.fires, &current.machine), timer.due)
    });
    dues.collect()
}

fn due(current: &Current, state: Option<StateId>, what: String, due: Timestamp) -> Due {
    Due {
        run: current.name(),
        workflow: current.run.workflow.clone(),
        state: state.filter(|state| !state.as_str().is_empty()),
        what,
        due,
        at: due.to_string(),
        is_held: current.run.status == Status::Paused,
    }
}
