//! A store whose answers get lost (B6).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use guidepost_core::id::{Rev, RunNo, Tenant};
use guidepost_server::ops::{Kind, Ops};
use guidepost_server::text;
use guidepost_store::testing::Layer;
use guidepost_store::{Batch, Committed, Store, StoreError};
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

#[async_trait]
impl Layer for Flaky {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        let lost = |left: usize| left.checked_sub(1);
        if self.lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lost).is_err() {
            return self.inner.commit(tenant, run, expected, batch).await;
        }
        if self.is_done {
            self.inner.commit(tenant, run, expected, batch).await?;
        }
        let (url, what) = ("flaky:".to_owned(), "the answer was lost".to_owned());
        Err(StoreError::Unavailable { url, what, source: None })
    }
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
