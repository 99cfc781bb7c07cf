//! What came due while nobody looked.

use guidepost_core::id::Rev;
use guidepost_core::run::Status;
use guidepost_server::ops::FindRuns;
use guidepost_server::text;
use serde_json::json;

use crate::log::read;
use crate::support::{BUGFIX, on_every_store};
use guidepost_server::ops::What;

const CHAIN: &str = "
name: chain
initial: A
states:
  A: { after: { 10s: B } }
  B: { after: { 20s: C } }
  C: { on: { go: D } }
  D: { type: final }
";

#[tokio::test]
async fn timers_fire_in_order_at_their_due_time() {
    on_every_store(async |fixture| {
        fixture.define(CHAIN).await;
        let run = fixture.start("chain", json!({})).await;
        fixture.pass("5m");
        let standing = fixture.standing(&run).await;
        assert_eq!(standing.states[0].state.as_str(), "C");
        assert_eq!(standing.states[0].since.to_string(), "2026-01-31T12:00:30Z");
        // Looking again changes nothing.
        assert_eq!(fixture.standing(&run).await.rev, standing.rev);
    })
    .await;
}

#[tokio::test]
async fn an_event_comes_after_the_timers_that_were_due_before_it() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        fixture.pass("73h");
        let error = fixture.send(&run, "submit", json!({ "pr": "#1" }), None).await.unwrap_err();
        assert!(
            text::error(&error, text::Words::Tools).contains("completed"),
            "{}",
            text::error(&error, text::Words::Tools)
        );
        let history = read(&fixture, &run, What::History, None).await;
        assert!(history.contains("fix -> stopped"), "{history}");
    })
    .await;
}

#[tokio::test]
async fn a_list_shows_runs_settled() {
    on_every_store(async |fixture| {
        fixture.define(CHAIN).await;
        fixture.start("chain", json!({})).await;
        fixture.pass("15s");
        let found = fixture.ops.find_runs(&FindRuns::default()).await.unwrap();
        assert_eq!(found.items[0].states[0].as_str(), "B");
    })
    .await;
}

/// A timer that renews itself for ever cannot hold a call for ever.
#[tokio::test]
async fn settling_is_bounded() {
    const TICKS: &str = "
name: ticks
initial: Tick
states:
  Tick: { after: { 1s: { target: Tick, reenter: true } }, on: { stop: End } }
  End: { type: final }
";
    on_every_store(async |fixture| {
        fixture.define(TICKS).await;
        let run = fixture.start("ticks", json!({})).await;
        fixture.pass("1500s");
        let question = guidepost_server::ops::WhereAmI {
            run: run.as_str().into(),
            detail: Default::default(),
        };
        let error = fixture.ops.where_am_i(&question).await.unwrap_err();
        assert!(text::error(&error, text::Words::Tools).contains("Call again"), "{error}");
        let standing = fixture.standing(&run).await;
        assert_eq!((standing.rev, standing.status), (Rev(1_502), Status::Running));
    })
    .await;
}
