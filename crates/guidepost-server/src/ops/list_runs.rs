//! Finding runs.

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{Rev, StateId, Version};
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use guidepost_store::{Page, RunFilter, RunSummary, StoreError, WorkflowFilter};
use serde::Serialize;

use super::observed::OBSERVED;
use super::{Damage, OpError, Ops, RunName};

/// Which runs are wanted. The fields narrow each other down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindRuns {
    /// Words that must all occur in the goal, the agent's name or the workflow's.
    pub query: Option<String>,
    /// Only these statuses; empty means all.
    pub status: Vec<Status>,
    /// Only this workflow.
    pub workflow: Option<String>,
    /// Only runs in a state of this name or path.
    pub state: Option<String>,
    /// Only this agent.
    pub agent: Option<String>,
    /// Only runs begun at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many; 0 means the store's default.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl FindRuns {
    /// The same, narrowed down by one word: a status if it is one, else a state.
    #[must_use]
    pub fn in_state_or_status(self, word: String) -> Self {
        match word.parse() {
            Ok(status) => Self { status: vec![status], ..self },
            Err(_) => Self { state: Some(word), ..self },
        }
    }
}

/// A run that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunHit {
    /// Which run.
    #[serde(flatten)]
    pub name: RunName,
    /// Its workflow.
    pub workflow: String,
    /// The version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What it is doing.
    pub status: Status,
    /// The innermost states it is in.
    pub states: Vec<StateId>,
    /// Its rev.
    pub rev: Rev,
    /// The agent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What it is to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Whether a time has come that is not accounted for yet: so many came at once that a list could not take them all,
    /// or the run cannot be settled. It is as soon as somebody asks for it, who is also told what is wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_overdue: bool,
    /// What is wrong with it, as far as listing it shows: then not all of this is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damage>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// The statuses of runs that are not over.
pub(crate) const OPEN: [Status; 3] = [Status::Running, Status::Waiting, Status::Paused];

impl Ops {
    /// Finds runs, newest first, a page at a time.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchWorkflow`], [`OpError::NoSuchState`] and [`OpError::BadArgument`] for what names no workflow, no
    /// state of any and no place in a list: an empty answer would look as if there were no such runs. And the failures of the store.
    pub async fn find_runs(&self, wanted: &FindRuns) -> Result<Page<RunHit>, OpError> {
        if let Some(cursor) = wanted.cursor.as_deref() {
            check_cursor(cursor)?;
        }
        if let Some(workflow) = wanted.workflow.as_deref() {
            self.check_workflow(workflow).await?;
        }
        let mut overdue = self.settle_due().await?;
        let filter = RunFilter {
            query: wanted.query.clone(),
            status: wanted.status.clone(),
            workflow: wanted.workflow.clone(),
            state: wanted.state.clone(),
            agent: wanted.agent.clone(),
            parent: None,
            since: wanted.since,
            limit: wanted.limit,
            cursor: wanted.cursor.clone(),
        };
        let found = self.store.runs(&self.tenant, &filter).await?;
        if let Some(state) = wanted.state.as_deref().filter(|_| found.items.is_empty()) {
            self.check_state(state, wanted.workflow.as_deref()).await?;
        }
        let hit = |run: RunSummary| {
            let (no, hit) = (run.no, RunHit::from(run));
            let damaged = hit.damaged.clone().or_else(|| overdue.damaged.remove(&no));
            RunHit { is_overdue: overdue.runs.contains(&no), damaged, ..hit }
        };
        Ok(Page { items: found.items.into_iter().map(hit).collect(), next: found.next })
    }

    /// The runs that are not over: the caller's own, or all if it has none.
    ///
    /// # Errors
    ///
    /// The failures of the store.
    pub async fn open_runs(&self, caller: &str, limit: usize) -> Result<Page<RunHit>, OpError> {
        let all = FindRuns { status: OPEN.to_vec(), limit, ..FindRuns::default() };
        if !caller.is_empty() {
            let own = FindRuns { agent: Some(caller.to_owned()), ..all.clone() };
            let own = self.find_runs(&own).await?;
            if !own.items.is_empty() {
                return Ok(own);
            }
        }
        self.find_runs(&all).await
    }

    /// Refuses a state that no workflow has, or not the one that is meant.
    async fn check_state(&self, state: &str, workflow: Option<&str>) -> Result<(), OpError> {
        let workflows = match workflow {
            Some(name) => vec![name.to_owned()],
            None => {
                let all = self.store.workflows(&self.tenant, &WorkflowFilter::default()).await?;
                let names = all.items.into_iter().map(|found| found.name);
                names.chain([OBSERVED.to_owned()]).collect()
            }
        };
        let mut known: Vec<StateId> = Vec::new();
        for name in workflows {
            // What cannot be used has no states that could be meant.
            let Ok(found) = self.find_workflow(&name).await else { continue };
            known.extend(found.machine.states.iter().skip(1).map(|state| state.id.clone()));
        }
        if known.iter().any(|known| known.as_str() == state || known.name() == state) {
            return Ok(());
        }
        let names = known.iter().flat_map(|known| [known.as_str(), known.name()]);
        Err(OpError::NoSuchState {
            workflow: workflow.map(str::to_owned),
            state: state.to_owned(),
            closest: closest(state, names).map(str::to_owned),
        })
    }
}

/// Refuses what is no place in a list of runs.
fn check_cursor(cursor: &str) -> Result<(), OpError> {
    match cursor.parse::<i64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(OpError::BadArgument {
            what: format!("`{cursor}` is no place in a list of runs"),
            hint: Some("take the cursor from the end of the page before".to_owned()),
        }),
    }
}

impl From<RunSummary> for RunHit {
    fn from(run: RunSummary) -> Self {
        let damaged = run.damaged.map(|what| StoreError::Damaged { run: run.no, what });
        Self {
            damaged: damaged.and_then(|error| Damage::of(&error.into())),
            name: RunName { run: run.no.to_string(), run_no: run.no, run_id: run.id },
            workflow: run.workflow,
            version: run.version,
            status: run.status,
            states: run.leaves.into_iter().map(StateId::from).collect(),
            rev: run.rev,
            agent: run.agent,
            goal: run.goal,
            is_overdue: false,
            created_at: run.created_at,
            updated_at: run.updated_at,
        }
    }
}
