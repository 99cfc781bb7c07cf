//! Schedules: when runs begin by themselves, and control over it.

use guidepost_core::schedule::{CatchUp, Overlap, Settled};
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::schedule;
use guidepost_store::{Page, ScheduleChange, ScheduleFilter, Scheduled};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{Damage, OpError, Ops};

/// How often a change is tried when others change the schedule meanwhile.
const ATTEMPTS: u32 = 10;

/// How late a schedule may be before somebody should look.
const LATE: Span = Span(60_000_000_000);

/// Schedules read at a time.
const PAGE: usize = 1_000;

/// Stands for the times of a schedule that cannot be read.
const UNKNOWN: &str = "unknown";

/// Which schedules are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindSchedules {
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// At most so many; 0 means the default of 100.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A schedule to pause, to resume, or to begin a run of at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSchedule {
    /// The workflow.
    pub workflow: String,
    /// The schedule's name; `None` for the only one.
    pub name: Option<String>,
    /// What is wanted.
    pub control: ScheduleControl,
}

/// What is wanted of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleControl {
    /// It begins nothing until it is resumed.
    Pause,
    /// It begins runs again, from the next time on. What came while it was paused is passed over.
    Resume,
    /// It begins a run now, besides those that come by themselves.
    Run,
}

/// A schedule, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleView {
    /// The workflow.
    pub workflow: String,
    /// Its name.
    pub name: String,
    /// The times, in words: `every 1h`, `cron 0 9 * * MON-FRI in Europe/Berlin`.
    pub times: String,
    /// What to do while the run before goes on.
    pub overlap: Overlap,
    /// What to do about times at which nothing ran.
    pub catch_up: CatchUp,
    /// First values of the attributes of its runs.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Json>,
    /// Whether it begins nothing until somebody resumes it.
    pub is_paused: bool,
    /// When the next run is due, in nanoseconds since 1970 UTC; left out if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// The same, to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The run it began last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// The last time for which no run began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<PassedView>,
    /// Why no run could begin at the last time for which one was to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What is wrong with it, in a list, if it cannot be read: then what it says is not known, and it begins nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damage>,
}

/// The run a schedule began last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its short id.
    pub run: String,
    /// The time it was due at.
    #[serde(skip)]
    pub due: Timestamp,
    /// The same, to read.
    pub at: String,
    /// Whether it goes on.
    pub is_live: bool,
}

/// A time for which no run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedView {
    /// The time.
    #[serde(skip)]
    pub due: Timestamp,
    /// The same, to read.
    pub at: String,
    /// Why.
    pub why: String,
}

impl From<Scheduled> for ScheduleView {
    fn from(scheduled: Scheduled) -> Self {
        let failure = scheduled.failure().map(str::to_owned);
        let damaged = unreadable(&scheduled).as_ref().and_then(Damage::of);
        let Scheduled { workflow, name, schedule, due, is_paused, last, passed, .. } = scheduled;
        let times = if damaged.is_some() { UNKNOWN.to_owned() } else { schedule.times.to_string() };
        Self {
            workflow,
            name,
            times,
            damaged,
            overlap: schedule.overlap,
            catch_up: schedule.catch_up,
            input: schedule.input,
            is_paused,
            failure,
            due,
            at: due.map(|due| due.to_string()),
            last: last.map(|last| LastRun {
                run: last.run.to_string(),
                due: last.due,
                at: last.due.to_string(),
                is_live: last.is_live,
            }),
            passed: passed.map(|passed| PassedView {
                due: passed.at,
                at: passed.at.to_string(),
                why: passed.why,
            }),
        }
    }
}

impl Ops {
    /// Schedules by workflow and name, a page at a time.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchWorkflow`], and the failures of the store.
    pub async fn schedules(&self, request: &FindSchedules) -> Result<Page<ScheduleView>, OpError> {
        let workflow = match &request.workflow {
            Some(workflow) => Some(self.find_workflow(workflow).await?.machine.name.clone()),
            None => None,
        };
        let filter = ScheduleFilter {
            workflow,
            due_by: None,
            limit: request.limit,
            cursor: request.cursor.clone(),
        };
        let page = self.store.schedules(&self.tenant, &filter).await?;
        let items = page.items.into_iter().map(ScheduleView::from).collect();
        Ok(Page { items, next: page.next })
    }

    /// Schedules that should have begun a run more than a minute ago, and did not: nobody does the work, but for those that
    /// wait for the run before to end.
    ///
    /// # Errors
    ///
    /// The failures of the store.
    pub async fn late_schedules(&self) -> Result<Vec<ScheduleView>, OpError> {
        let long_ago = Timestamp(self.world.now().0.saturating_sub(LATE.0));
        let filter =
            ScheduleFilter { due_by: Some(long_ago), limit: PAGE, ..ScheduleFilter::default() };
        let found = self.store.schedules(&self.tenant, &filter).await?.items.into_iter();
        let waits = |it: &Scheduled| it.schedule.overlap == Overlap::Queue && it.is_going_on();
        Ok(found.filter(|it| !waits(it)).map(ScheduleView::from).collect())
    }

    /// The schedules of a workflow that is there.
    pub(super) async fn schedules_of(&self, workflow: &str) -> Result<Vec<ScheduleView>, OpError> {
        let filter = ScheduleFilter {
            workflow: Some(workflow.to_owned()),
            limit: PAGE,
            ..ScheduleFilter::default()
        };
        let found = self.store.schedules(&self.tenant, &filter).await?.items;
        Ok(found.into_iter().map(ScheduleView::from).collect())
    }

    /// Pauses or resumes a schedule, or begins a run of it at once. One that is so already stays as it is.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchWorkflow`], [`OpError::NoSuchSchedule`], [`OpError::BadArgument`] if it is not said which of several,
    /// or if no run of it can begin, and the failures of the store.
    pub async fn control_schedule(
        &self,
        request: &ControlSchedule,
    ) -> Result<ScheduleView, OpError> {
        for _ in 0..ATTEMPTS {
            let before = self.schedule_meant(request).await?;
            if self.control_once(&before, request.control).await? {
                let after = self.schedule_meant(request).await?;
                return self.begun(request.control, &before, after);
            }
        }
        Err(OpError::Contended { run: request.workflow.clone(), attempts: ATTEMPTS })
    }

    /// Whether nobody else came first.
    async fn control_once(
        &self,
        before: &Scheduled,
        control: ScheduleControl,
    ) -> Result<bool, OpError> {
        let now = self.world.now();
        let mut change = ScheduleChange {
            due: before.due,
            is_paused: control == ScheduleControl::Pause,
            passed: None,
            begun: None,
        };
        let moved = match control {
            ScheduleControl::Run => {
                let settled = Settled { begin: Some(now), passed: None, next: before.due };
                let (store, world) = (&*self.store, &*self.world);
                schedule::settle(store, &self.tenant, &self.machines, world, before, &settled)
                    .await?
            }
            ScheduleControl::Pause | ScheduleControl::Resume
                if change.is_paused == before.is_paused =>
            {
                return Ok(true);
            }
            ScheduleControl::Pause => {
                self.store.move_schedule(&self.tenant, before, change).await?
            }
            ScheduleControl::Resume => {
                change.due = before.schedule.times.next_after(now);
                self.store.move_schedule(&self.tenant, before, change).await?
            }
        };
        Ok(moved.is_some())
    }

    /// The schedule after it was controlled, if what was to begin has begun.
    fn begun(
        &self,
        control: ScheduleControl,
        before: &Scheduled,
        after: Scheduled,
    ) -> Result<ScheduleView, OpError> {
        let has_begun = after.last != before.last;
        match &after.passed {
            Some(passed) if control == ScheduleControl::Run && !has_begun => {
                Err(OpError::BadArgument {
                    what: format!("no run of the schedule can begin: {}", passed.why),
                    hint: Some("correct the definition and save it again".to_owned()),
                })
            }
            _ => Ok(after.into()),
        }
    }

    /// The schedule that is meant, if it can be read.
    async fn schedule_meant(&self, request: &ControlSchedule) -> Result<Scheduled, OpError> {
        let ControlSchedule { workflow, name, .. } = request;
        let found = self.find_workflow(workflow).await?;
        let filter = ScheduleFilter {
            workflow: Some(found.machine.name.clone()),
            limit: PAGE,
            ..ScheduleFilter::default()
        };
        let mut known = self.store.schedules(&self.tenant, &filter).await?.items;
        let found = match name {
            Some(name) => known.iter().position(|it| it.name == *name),
            None if known.len() > 1 => {
                let names: Vec<&str> = known.iter().map(|it| it.name.as_str()).collect();
                return Err(OpError::BadArgument {
                    what: format!("workflow `{workflow}` has {} schedules", known.len()),
                    hint: Some(format!("say which: {}", names.join(", "))),
                });
            }
            None => (!known.is_empty()).then_some(0),
        };
        let Some(place) = found else {
            return Err(OpError::NoSuchSchedule {
                workflow: workflow.clone(),
                name: name.clone(),
                known: known.into_iter().map(|it| it.name).collect(),
            });
        };
        let found = known.swap_remove(place);
        unreadable(&found).map_or(Ok(found), Err)
    }
}

/// Why a schedule cannot be read, if that is so.
fn unreadable(found: &Scheduled) -> Option<OpError> {
    let Scheduled { workflow, name, damaged, .. } = found;
    let what = damaged.as_ref()?;
    Some(OpError::Unusable {
        name: workflow.clone(),
        problem: format!("its schedule `{name}` cannot be read: {what}"),
    })
}
