//! A store in front of another, which passes on every call but those it is made for: to lose answers, to forget checks.

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

use crate::{
    Batch, Changes, Claim, Claimed, Committed, Created, Defined, Description, Entry, Held,
    HistoryPage, Loaded, Moved, NewRun, NewVersion, Outcome, Page, Recorded, RequestDigest,
    Rewording, RunFilter, RunSummary, ScheduleChange, ScheduleFilter, Scheduled, Store, StoreError,
    Task, TaskFilter, Turn, TurnFilter, Verified, VersionSummary, Wanted, Wording, Workflow,
    WorkflowFilter, WorkflowSummary,
};

/// Declares [`Layer`] and makes each one a store, from one list of the store's methods.
macro_rules! layer {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        /// What stands in front of a store. Each method passes its call on unless the layer has one of its own; what has
        /// this trait is a [`Store`].
        #[async_trait]
        pub trait Layer: Send + Sync + 'static {
            /// The store behind it.
            fn inner(&self) -> &dyn Store;

            /// As [`Store::describe`].
            fn describe(&self) -> Description {
                self.inner().describe()
            }

            /// As [`Store::workflow`].
            ///
            /// # Errors
            ///
            /// As there.
            async fn workflow(
                &self,
                tenant: &Tenant,
                name: &str,
                version: Wanted<'_>,
            ) -> Result<Option<Workflow>, StoreError> {
                self.inner().workflow(tenant, name, version).await
            }

            $(
                #[doc = concat!("As [`Store::", stringify!($name), "`].")]
                ///
                /// # Errors
                ///
                /// As there.
                async fn $name(
                    &self,
                    tenant: &Tenant,
                    $($argument: $kind),*
                ) -> Result<$answer, StoreError> {
                    self.inner().$name(tenant, $($argument),*).await
                }
            )*
        }

        #[async_trait]
        impl<L: Layer> Store for L {
            fn describe(&self) -> Description {
                Layer::describe(self)
            }

            async fn workflow(
                &self,
                tenant: &Tenant,
                name: &str,
                version: Wanted<'_>,
            ) -> Result<Option<Workflow>, StoreError> {
                Layer::workflow(self, tenant, name, version).await
            }

            $(
                async fn $name(
                    &self,
                    tenant: &Tenant,
                    $($argument: $kind),*
                ) -> Result<$answer, StoreError> {
                    Layer::$name(self, tenant, $($argument),*).await
                }
            )*
        }
    };
}

layer! {
    define(new: NewVersion) -> Defined;
    workflows(filter: &WorkflowFilter) -> Page<WorkflowSummary>;
    versions(name: &str) -> Vec<VersionSummary>;
    create(new: NewRun, batch: Batch) -> Created;
    started(key: &str, digest: &RequestDigest) -> Option<Created>;
    load(run: &RunRef) -> Option<Loaded>;
    commit(run: RunNo, expected: Rev, batch: Batch) -> Committed;
    record(run: RunNo, facts: Vec<Fact>) -> Recorded;
    outcome(run: RunNo, since: Rev, request: &RequestDigest) -> Option<Outcome>;
    evidence(run: RunNo, needs: &[(Requirement, Rev)]) -> Vec<Evidence>;
    history(run: RunNo, page: &HistoryPage) -> Page<Entry>;
    runs(filter: &RunFilter) -> Page<RunSummary>;
    due(now: Timestamp, limit: usize) -> Vec<RunNo>;
    changes(after: Option<u64>, limit: usize) -> Changes;
    claim(claim: &Claim) -> Vec<Claimed>;
    extend(owner: &str, held: &[Held], until: Timestamp) -> Vec<Held>;
    release(owner: &str, held: &[Held], now: Timestamp) -> ();
    decline(owner: &str, held: &[Held], now: Timestamp) -> ();
    park(held: &Held, child: RunNo, now: Timestamp) -> ();
    drop_task(held: &Held) -> ();
    tasks(filter: &TaskFilter) -> Page<Task>;
    turns(filter: &TurnFilter) -> Page<Turn>;
    delete(run: RunNo) -> Vec<RunNo>;
    verify(run: RunNo) -> Verified;
    record_with_hash(run: RunNo, hash: &str) -> Option<Seq>;
    schedules(filter: &ScheduleFilter) -> Page<Scheduled>;
    move_schedule(before: &Scheduled, change: ScheduleChange) -> Option<Moved>;
    reword(edit: Rewording) -> ();
    wording(workflow: &str) -> Wording;
}
