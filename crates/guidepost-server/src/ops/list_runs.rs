//! Finding runs.

use guidepost_core::id::{Rev, StateId, Version};
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use guidepost_store::{Page, RunFilter, RunSummary};
use serde::Serialize;

use super::{OpError, Ops, RunName};

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
    /// The failures of the store.
    pub async fn find_runs(&self, wanted: &FindRuns) -> Result<Page<RunHit>, OpError> {
        self.settle_due().await?;
        let filter = RunFilter {
            query: wanted.query.clone(),
            status: wanted.status.clone(),
            workflow: wanted.workflow.clone(),
            state: wanted.state.clone(),
            agent: wanted.agent.clone(),
            since: wanted.since,
            limit: wanted.limit,
            cursor: wanted.cursor.clone(),
        };
        let found = self.store.runs(&self.tenant, &filter).await?;
        Ok(Page { items: found.items.into_iter().map(RunHit::from).collect(), next: found.next })
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
}

impl From<RunSummary> for RunHit {
    fn from(run: RunSummary) -> Self {
        Self {
            name: RunName { run: run.no.to_string(), run_no: run.no, run_id: run.id },
            workflow: run.workflow,
            version: run.version,
            status: run.status,
            states: run.leaves.into_iter().map(StateId::from).collect(),
            rev: run.rev,
            agent: run.agent,
            goal: run.goal,
            created_at: run.created_at,
            updated_at: run.updated_at,
        }
    }
}
