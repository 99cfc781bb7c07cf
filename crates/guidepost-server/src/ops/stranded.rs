//! Runs whose tasks are not those of their work: nobody would ever go on with it.

use std::collections::BTreeSet;

use guidepost_core::id::{Rev, RunNo};
use guidepost_core::run::Status;
use guidepost_engine::plan;
use guidepost_store::{CANCEL_QUEUE, RunFilter, TaskFilter, TaskId};
use serde::Serialize;

use super::{OpError, Ops};

/// How often a run is looked at that moves meanwhile. One that moves goes on.
const LOOKS_MAX: u32 = 3;

/// A run whose tasks are not those of its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranded {
    /// Its short id.
    pub run: String,
    /// Its rev.
    pub rev: Rev,
    /// What it is doing.
    pub status: Status,
    /// Work that is going on and that nobody can claim.
    pub missing: Vec<TaskId>,
    /// Tasks that can be claimed and whose result would be refused.
    pub left_over: Vec<TaskId>,
}

impl Ops {
    /// Finds runs that can no longer go on by themselves because no task is filed for their work, and tasks whose work is
    /// not going on: among the newest `limit` runs that are running or waiting, and the first `limit` tasks. A run that
    /// cannot be read is passed over; verifying it tells why.
    ///
    /// # Errors
    ///
    /// The failures of the store.
    pub async fn stranded(&self, limit: usize) -> Result<Vec<Stranded>, OpError> {
        let status = vec![Status::Running, Status::Waiting];
        let live = RunFilter { status, limit, ..RunFilter::default() };
        let live = self.store.runs(&self.tenant, &live).await?.items;
        let filed = TaskFilter { limit, ..TaskFilter::default() };
        let filed = self.store.tasks(&self.tenant, &filed).await?.items;
        let mut runs: BTreeSet<RunNo> = live.iter().map(|run| run.no).collect();
        runs.extend(filed.iter().map(|task| task.id.run));
        let mut found = Vec::new();
        for run in runs {
            found.extend(self.look(run).await?);
        }
        Ok(found)
    }

    async fn look(&self, run: RunNo) -> Result<Option<Stranded>, OpError> {
        for _ in 0..LOOKS_MAX {
            let Ok(current) = self.current(&run.into()).await else { return Ok(None) };
            if current.run.status == Status::Paused {
                return Ok(None);
            }
            let filed = self.filed(run).await?;
            let needed = plan::tasks_of(&current.machine, &current.run, run).into_iter();
            let needed: BTreeSet<TaskId> = needed.collect();
            if filed == needed {
                return Ok(None);
            }
            // What was filed is known only as of a moment after the run was read.
            let present = self.store.load(&self.tenant, &run.into()).await?;
            if present.is_some_and(|present| present.run.rev == current.run.rev) {
                return Ok(Some(Stranded {
                    run: current.name(),
                    rev: current.run.rev,
                    status: current.run.status,
                    missing: needed.difference(&filed).cloned().collect(),
                    left_over: filed.difference(&needed).cloned().collect(),
                }));
            }
        }
        Ok(None)
    }

    /// The tasks of a run, but what is left to do for runs it launched.
    async fn filed(&self, run: RunNo) -> Result<BTreeSet<TaskId>, OpError> {
        let mut filter = TaskFilter { run: Some(run), ..TaskFilter::default() };
        let mut filed = BTreeSet::new();
        loop {
            let page = self.store.tasks(&self.tenant, &filter).await?;
            let own = page.items.into_iter().filter(|task| task.queue != CANCEL_QUEUE);
            filed.extend(own.map(|task| task.id));
            if page.next.is_none() {
                return Ok(filed);
            }
            filter.cursor = page.next;
        }
    }
}
