//! Waiting for a run to move.

use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use guidepost_server::ops::{OpError, Wait};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, event_of};

fn wait(rev: Option<u64>, seconds: u64) -> Wait {
    Wait { run: RunRef::from("r-1"), rev: rev.map(Rev), at_most: Duration::from_secs(seconds) }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_somebody_moves_the_run() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let ops = Arc::clone(&fixture.ops);
    let waiting = tokio::spawn(async move { ops.wait(&wait(None, 50)).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    fixture.ops.send_event(&event_of("r-1", "submit", json!({ "pr": "#1" }), None)).await.unwrap();
    let waited = waiting.await.unwrap().unwrap();
    assert!(waited.has_moved);
    assert!(text::waited(&waited, text::Words::Tools).contains("state: review"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_the_time_is_up() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let began = tokio::time::Instant::now();
    let waited = fixture.ops.wait(&wait(Some(2), 50)).await.unwrap();
    assert!(!waited.has_moved);
    assert_eq!(began.elapsed().as_secs(), 50);
    assert_eq!(
        text::waited(&waited, text::Words::Tools),
        "still waiting: r-1 is at rev 2 in fix\nnext: submit {pr!}, give_up\n"
    );
}

#[tokio::test(start_paused = true)]
async fn there_is_no_waiting_for_what_has_happened_or_never_will() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    fixture.start("bugfix", json!({ "issue": "#7" })).await;
    let began = tokio::time::Instant::now();
    assert!(fixture.ops.wait(&wait(Some(1), 50)).await.unwrap().has_moved);
    fixture.send("r-1", "give_up", json!({}), None).await.unwrap();
    assert!(fixture.ops.wait(&wait(None, 50)).await.unwrap().has_moved);
    assert_eq!(began.elapsed().as_secs(), 0);
    let nobody = Wait { run: RunRef::from("r-9"), ..wait(None, 1) };
    assert!(matches!(fixture.ops.wait(&nobody).await, Err(OpError::Store(_))));
}
