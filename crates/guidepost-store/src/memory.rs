//! Everything in memory: the reference implementation, and the plainest code that passes the conformance suite.
//!
//! One lock guards all of it, so that each method is one transaction. Nothing survives the process.

mod catalogue;
mod matches;
mod runs;
mod schedules;
mod tasks;
mod threads;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::Requirement;
use guidepost_core::record::Record;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

use self::catalogue::Catalogue;
use self::runs::Runs;
use self::schedules::Schedules;
use self::tasks::Tasks;
use self::threads::Threads;
use crate::{
    Batch, Changes, Claim, Claimed, Committed, Created, Defined, Description, Durability, Entry,
    Held, HistoryPage, Loaded, Moved, NewRun, NewVersion, Outcome, Page, Recorded, RequestDigest,
    Rewording, RunFilter, RunSummary, ScheduleChange, ScheduleFilter, Scheduled, Store, StoreError,
    Task, TaskChange, TaskChanges, TaskFilter, Turn, TurnFilter, Verified, VersionSummary, Wanted,
    Wording, Workflow, WorkflowFilter, WorkflowSummary,
};
use crate::{clock, refuse};

/// A store that keeps everything in memory.
#[derive(Debug, Default)]
pub struct Memory {
    everything: Mutex<Everything>,
}

/// What one lock guards.
#[derive(Debug, Default)]
struct Everything {
    tenants: BTreeMap<Tenant, Holdings>,
    /// The number of the newest run. Runs of all tenants share the numbering.
    last_run: i64,
}

/// What one tenant owns.
#[derive(Debug, Default)]
struct Holdings {
    catalogue: Catalogue,
    runs: Runs,
    schedules: Schedules,
    tasks: Tasks,
    threads: Threads,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing is left half done when a holder of the lock panics before it writes, so poison is no reason to stop.
    fn lock(&self) -> MutexGuard<'_, Everything> {
        self.everything.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, tenant: &Tenant, use_it: impl FnOnce(&mut Holdings) -> T) -> T {
        use_it(self.lock().tenants.entry(tenant.clone()).or_default())
    }
}

impl Everything {
    fn create(
        &mut self,
        tenant: &Tenant,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError> {
        let no = RunNo(self.last_run + 1);
        let own = self.tenants.entry(tenant.clone()).or_default();
        let (launched_by, now) = (new.launched_by.clone(), batch.recorded_at);
        if let Some(held) = &launched_by {
            own.tasks.expect_held(held)?;
        }
        let before = match &new.key {
            Some((key, digest)) => own.runs.by_key(key, digest)?,
            None => None,
        };
        let created = match before {
            Some(created) => created,
            None => {
                own.catalogue.expect(&new.workflow, new.version)?;
                let changes = batch.tasks.clone();
                let created = own.runs.create(no, new, batch)?;
                own.change_tasks(no, changes, now);
                created
            }
        };
        if let Some(held) = &launched_by {
            own.park(held, created.run, now)?;
        }
        self.last_run += i64::from(created.is_new);
        Ok(created)
    }
}

impl Holdings {
    fn delete(&mut self, run: RunNo) -> Result<Vec<RunNo>, StoreError> {
        let tree = self.runs.tree(run)?;
        for (no, is_over) in &tree {
            if !is_over {
                return Err(refuse::alive(*no));
            }
            if let Some(above) = self.tasks.waiting_for(*no) {
                return Err(refuse::waited_for(*no, above));
            }
        }
        let gone: Vec<RunNo> = tree.into_iter().map(|(no, _)| no).collect();
        self.runs.remove(&gone);
        self.tasks.remove(&gone);
        self.threads.remove(&gone);
        Ok(gone)
    }

    fn park(&mut self, held: &Held, child: RunNo, now: Timestamp) -> Result<(), StoreError> {
        let is_live = self.runs.of_task(child, now).is_some_and(|run| !run.status.is_ended());
        self.tasks.park(held, child, is_live, now)
    }

    fn claim(&mut self, claim: &Claim) -> Vec<Claimed> {
        let concurrency = |workflow: &str| self.catalogue.concurrency(workflow);
        self.tasks.claim(claim, |run| self.runs.of_task(run, claim.now), concurrency)
    }

    fn change_tasks(&mut self, run: RunNo, mut changes: TaskChanges, now: Timestamp) {
        let said = changes.changes.iter().filter_map(|change| match change {
            TaskChange::Say(turn) => Some(turn.clone()),
            _ => None,
        });
        self.threads.say(run, said, now);
        let run_of_task = self.runs.of_task(run, now);
        if run_of_task.as_ref().is_some_and(|run| run.is_over) {
            changes.give_up_leases();
        }
        self.tasks.change(run, changes, now);
        if run_of_task.is_some_and(|run| run.status.is_ended()) {
            self.tasks.end_all(run, self.runs.has_live_children(run), now);
        }
    }
}

#[async_trait]
impl Store for Memory {
    fn describe(&self) -> Description {
        Description { backend: "memory", url: "memory:".to_owned(), durability: Durability::None }
    }

    async fn define(&self, tenant: &Tenant, new: NewVersion) -> Result<Defined, StoreError> {
        Ok(self.with(tenant, |own| {
            own.schedules.define(&new.name, &new.schedules);
            own.catalogue.define(new)
        }))
    }

    async fn workflow(
        &self,
        tenant: &Tenant,
        name: &str,
        version: Wanted<'_>,
    ) -> Result<Option<Workflow>, StoreError> {
        Ok(self.with(tenant, |own| own.catalogue.workflow(name, version)))
    }

    async fn workflows(
        &self,
        tenant: &Tenant,
        filter: &WorkflowFilter,
    ) -> Result<Page<WorkflowSummary>, StoreError> {
        Ok(self.with(tenant, |own| own.catalogue.list(filter, &own.runs)))
    }

    async fn versions(
        &self,
        tenant: &Tenant,
        name: &str,
    ) -> Result<Vec<VersionSummary>, StoreError> {
        Ok(self.with(tenant, |own| own.catalogue.versions(name, &own.runs)))
    }

    async fn create(
        &self,
        tenant: &Tenant,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError> {
        self.lock().create(tenant, new, batch)
    }

    async fn schedules(
        &self,
        tenant: &Tenant,
        filter: &ScheduleFilter,
    ) -> Result<Page<Scheduled>, StoreError> {
        Ok(self.with(tenant, |own| own.schedules.list(filter, &own.runs)))
    }

    async fn move_schedule(
        &self,
        tenant: &Tenant,
        before: &Scheduled,
        change: ScheduleChange,
    ) -> Result<Option<Moved>, StoreError> {
        let mut everything = self.lock();
        let own = everything.tenants.entry(tenant.clone()).or_default();
        if !own.schedules.is_as(before) {
            return Ok(None);
        }
        let created = match &change.begun {
            Some((_, new, batch)) => {
                Some(everything.create(tenant, (**new).clone(), (**batch).clone())?)
            }
            None => None,
        };
        let own = everything.tenants.entry(tenant.clone()).or_default();
        own.schedules.change(before, change, created.as_ref());
        Ok(Some(Moved { created }))
    }

    async fn started(
        &self,
        tenant: &Tenant,
        key: &str,
        digest: &RequestDigest,
    ) -> Result<Option<Created>, StoreError> {
        self.with(tenant, |own| own.runs.by_key(key, digest))
    }

    async fn load(&self, tenant: &Tenant, run: &RunRef) -> Result<Option<Loaded>, StoreError> {
        self.with(tenant, |own| {
            let mut loaded = own.runs.load(run)?;
            if let Some(Loaded { head, run, .. }) = &mut loaded {
                head.revision = own.catalogue.revision(&run.workflow, head.version);
            }
            Ok(loaded)
        })
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        mut batch: Batch,
    ) -> Result<Committed, StoreError> {
        self.with(tenant, |own| {
            let (changes, now) = (batch.tasks.clone(), batch.recorded_at);
            let held = own.runs.get_mut(run)?;
            held.expect_rev(expected)?;
            if let Some(held) = &changes.fence {
                own.tasks.expect_held(held)?;
            }
            if batch.records.iter().any(|record| matches!(record, Record::Restored(_))) {
                held.bind(own.catalogue.version_of(&batch.run)?);
            }
            let wish = batch.claim.take();
            let mut committed = own.runs.commit(run, expected, batch)?;
            own.change_tasks(run, changes, now);
            if let Some(wish) = wish {
                committed.claimed = own.claim(&wish);
            }
            Ok(committed)
        })
    }

    async fn record(
        &self,
        tenant: &Tenant,
        run: RunNo,
        facts: Vec<Fact>,
    ) -> Result<Recorded, StoreError> {
        self.with(tenant, |own| own.runs.record(run, facts, clock::now()))
    }

    async fn outcome(
        &self,
        tenant: &Tenant,
        run: RunNo,
        since: Rev,
        request: &RequestDigest,
    ) -> Result<Option<Outcome>, StoreError> {
        self.with(tenant, |own| Ok(own.runs.get(run)?.outcome(since, request)))
    }

    async fn evidence(
        &self,
        tenant: &Tenant,
        run: RunNo,
        needs: &[(Requirement, Rev)],
    ) -> Result<Vec<Evidence>, StoreError> {
        self.with(tenant, |own| Ok(own.runs.get(run)?.evidence(needs)))
    }

    async fn history(
        &self,
        tenant: &Tenant,
        run: RunNo,
        page: &HistoryPage,
    ) -> Result<Page<Entry>, StoreError> {
        self.with(tenant, |own| Ok(own.runs.get(run)?.history(page)))
    }

    async fn runs(
        &self,
        tenant: &Tenant,
        filter: &RunFilter,
    ) -> Result<Page<RunSummary>, StoreError> {
        Ok(self.with(tenant, |own| own.runs.list(filter)))
    }

    async fn due(
        &self,
        tenant: &Tenant,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<RunNo>, StoreError> {
        Ok(self.with(tenant, |own| own.runs.due(now, limit)))
    }

    async fn changes(
        &self,
        tenant: &Tenant,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Changes, StoreError> {
        Ok(self.with(tenant, |own| own.runs.changes(after, limit)))
    }

    async fn claim(&self, tenant: &Tenant, claim: &Claim) -> Result<Vec<Claimed>, StoreError> {
        Ok(self.with(tenant, |own| own.claim(claim)))
    }

    async fn extend(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        until: Timestamp,
    ) -> Result<Vec<Held>, StoreError> {
        Ok(self.with(tenant, |own| own.tasks.extend(owner, held, until)))
    }

    async fn release(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.with(tenant, |own| own.tasks.release(owner, held, now));
        Ok(())
    }

    async fn decline(
        &self,
        tenant: &Tenant,
        owner: &str,
        held: &[Held],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.with(tenant, |own| own.tasks.decline(owner, held, now));
        Ok(())
    }

    async fn park(
        &self,
        tenant: &Tenant,
        held: &Held,
        child: RunNo,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.with(tenant, |own| own.park(held, child, now))
    }

    async fn drop_task(&self, tenant: &Tenant, held: &Held) -> Result<(), StoreError> {
        self.with(tenant, |own| own.tasks.drop_task(held));
        Ok(())
    }

    async fn tasks(&self, tenant: &Tenant, filter: &TaskFilter) -> Result<Page<Task>, StoreError> {
        Ok(self.with(tenant, |own| own.tasks.list(filter)))
    }

    async fn turns(&self, tenant: &Tenant, filter: &TurnFilter) -> Result<Page<Turn>, StoreError> {
        self.with(tenant, |own| Ok(own.threads.list(own.runs.get(filter.run)?.id(), filter)))
    }

    async fn delete(&self, tenant: &Tenant, run: RunNo) -> Result<Vec<RunNo>, StoreError> {
        self.with(tenant, |own| own.delete(run))
    }

    async fn verify(&self, tenant: &Tenant, run: RunNo) -> Result<Verified, StoreError> {
        self.with(tenant, |own| Ok(own.runs.get(run)?.verify()))
    }

    async fn record_with_hash(
        &self,
        tenant: &Tenant,
        run: RunNo,
        hash: &str,
    ) -> Result<Option<Seq>, StoreError> {
        self.with(tenant, |own| Ok(own.runs.get(run)?.record_with_hash(hash)))
    }

    async fn reword(&self, tenant: &Tenant, edit: Rewording) -> Result<(), StoreError> {
        self.with(tenant, |own| own.catalogue.reword(edit))
    }

    async fn wording(&self, tenant: &Tenant, workflow: &str) -> Result<Wording, StoreError> {
        Ok(self.with(tenant, |own| own.catalogue.wording(workflow)))
    }
}
