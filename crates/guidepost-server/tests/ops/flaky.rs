//! A store whose answers get lost (B6).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;
use guidepost_server::ops::{Kind, Ops};
use guidepost_server::text;
use guidepost_store::{
    Batch, Claim, Claimed, Committed, Created, Defined, Description, Entry, Held, HistoryPage,
    Loaded, NewRun, NewVersion, Outcome, Page, Recorded, RequestDigest, Rewording, RunFilter,
    RunSummary, Store, StoreError, Task, TaskFilter, Verified, VersionSummary, Wanted, Wording,
    Workflow, WorkflowFilter, WorkflowSummary,
};
use serde_json::json;

use crate::support::{BUGFIX, Fixture, event_of};

/// Commits, and says that it does not know whether it did.
struct Flaky {
    inner: Arc<dyn Store>,
    /// How many answers are still to be lost.
    lost: AtomicUsize,
    /// Whether what is lost was done.
    is_done: bool,
}

impl Flaky {
    fn over(fixture: &Fixture, lost: usize, is_done: bool) -> Ops {
        let inner = guidepost_store::open(&fixture.url).unwrap();
        fixture.over_store(Arc::new(Self { inner, lost: AtomicUsize::new(lost), is_done }))
    }
}

/// Passes calls on.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Flaky {
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
                let left = self.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if left.is_err() {
                    return self.inner.commit(tenant, run, expected, batch).await;
                }
                if self.is_done {
                    self.inner.commit(tenant, run, expected, batch).await?;
                }
                Err(StoreError::Unavailable { url: "flaky:".to_owned(), what: "the answer was lost".to_owned(), source: None })
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

/// B6: when the answer of the store is lost, the sender still hears what became of the event, and it happened once.
#[tokio::test]
async fn b6_a_lost_answer_is_asked_for() {
    for is_done in [true, false] {
        let fixture = Fixture::sqlite();
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        let ops = Flaky::over(&fixture, 1, is_done);
        let event = event_of(&run, "submit", json!({ "pr": "#1" }), Some(2));
        let moved = ops.send_event(&event).await.unwrap();
        assert_eq!((moved.after, moved.is_repeat), (Rev(3), is_done));
        assert!(text::moved(&moved, text::Words::Tools).starts_with("ok rev 3: fix -> review\n"));
        assert_eq!(fixture.standing(&run).await.rev, Rev(3));
    }
}

/// B6: what cannot be told from other requests is not tried again by anybody but the sender.
#[tokio::test]
async fn b6_an_unknown_outcome_is_told_if_it_cannot_be_found_out() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let event = event_of(&run, "submit", json!({ "pr": "#1" }), None);
    let error = Flaky::over(&fixture, 1, true).send_event(&event).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        text::error(&error, text::Words::Tools).contains("the write may have happened"),
        "{}",
        text::error(&error, text::Words::Tools)
    );

    let event = event_of(&run, "approve", json!({}), Some(3));
    let error = Flaky::over(&fixture, 9, false).send_event(&event).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(fixture.standing(&run).await.rev, Rev(3));
}
