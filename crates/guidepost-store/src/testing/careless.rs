//! A store without the rev check: what tests of races must find out.

use std::sync::Arc;

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

use crate::{
    Batch, Claim, Claimed, Committed, Created, Defined, Description, Entry, Held, HistoryPage,
    Loaded, NewRun, NewVersion, Outcome, Page, Recorded, RequestDigest, Rewording, RunFilter,
    RunSummary, Store, StoreError, Task, TaskFilter, Verified, VersionSummary, Wanted, Wording,
    Workflow, WorkflowFilter, WorkflowSummary,
};

/// A store that commits at whatever rev the run is at, over another that does look. Two writers that decide at one rev both
/// win, and a suite that guards against that must fail over it.
pub struct Careless {
    inner: Arc<dyn Store>,
}

impl Careless {
    /// Takes the rev check out of a store.
    #[must_use]
    pub fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

/// Passes calls on.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Careless {
            fn describe(&self) -> Description {
                self.inner.describe()
            }

            async fn workflow(
                &self,
                tenant: &Tenant,
                name: &str,
                version: Wanted<'_>,
            ) -> Result<Option<Workflow>, StoreError> {
                self.inner.workflow(tenant, name, version).await
            }

            async fn commit(
                &self,
                tenant: &Tenant,
                run: RunNo,
                expected: Rev,
                batch: Batch,
            ) -> Result<Committed, StoreError> {
                let mut rev = expected;
                loop {
                    match self.inner.commit(tenant, run, rev, batch.clone()).await {
                        Err(StoreError::Conflict { present, .. }) => rev = present,
                        other => return other,
                    }
                }
            }

            $(async fn $name(&self, tenant: &Tenant, $($argument: $kind),*) -> Result<$answer, StoreError> {
                self.inner.$name(tenant, $($argument),*).await
            })*
        }
    };
}

pass_on! {
    define(new: NewVersion) -> Defined;
    workflows(filter: &WorkflowFilter) -> Page<WorkflowSummary>;
    versions(name: &str) -> Vec<VersionSummary>;
    create(new: NewRun, batch: Batch) -> Created;
    started(key: &str, digest: &RequestDigest) -> Option<Created>;
    load(run: &RunRef) -> Option<Loaded>;
    record(run: RunNo, facts: Vec<Fact>) -> Recorded;
    outcome(run: RunNo, since: Rev, request: &RequestDigest) -> Option<Outcome>;
    evidence(run: RunNo, needs: &[(Requirement, Rev)]) -> Vec<Evidence>;
    history(run: RunNo, page: &HistoryPage) -> Page<Entry>;
    runs(filter: &RunFilter) -> Page<RunSummary>;
    due(now: Timestamp, limit: usize) -> Vec<RunNo>;
    claim(claim: &Claim) -> Vec<Claimed>;
    extend(owner: &str, held: &[Held], until: Timestamp) -> Vec<Held>;
    release(owner: &str, held: &[Held], now: Timestamp) -> ();
    park(held: &Held, child: RunNo, now: Timestamp) -> ();
    drop_task(held: &Held) -> ();
    tasks(filter: &TaskFilter) -> Page<Task>;
    verify(run: RunNo) -> Verified;
    record_with_hash(run: RunNo, hash: &str) -> Option<Seq>;
    reword(edit: Rewording) -> ();
    wording(workflow: &str) -> Wording;
}
