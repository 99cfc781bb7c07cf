//! Limits over a tree of runs (B9).

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_core::machine::Limits;
use guidepost_core::run::Status;
use guidepost_core::time::Span;
use guidepost_server::ops::{Kind, Limited, Log, LogEntry, OpError, SetLimits, StartRun};
use guidepost_server::text;
use guidepost_server::text::Words;
use serde_json::json;

use super::control::control;
use crate::support::{Fixture, object, on_every_store};

const LIMITED: &str = "
name: limited
limits: { max_steps: 3, max_tokens: 100, max_duration: 1h, warn_at: 0.6 }
initial: Draft
states:
  Draft: { on: { next: Review, stop: END } }
  Review: { on: { next: Draft, stop: END } }
  END: { type: final }
";

async fn set(fixture: &Fixture, run: &str, limits: Limits) -> Result<Limited, OpError> {
    let request = SetLimits {
        run: RunRef::from(run),
        limits,
        note: Some("worth it".to_owned()),
        caller: "boss".to_owned(),
    };
    fixture.ops.limit(&request).await
}

async fn call(fixture: &Fixture, run: &str, tokens: u64) {
    let data = object(json!({ "type": "llm_call", "tokens": tokens }));
    let entry = LogEntry { kind: "action".to_owned(), data, ..LogEntry::default() };
    let log = Log { run: RunRef::from(run), entries: vec![entry], caller: "w".to_owned() };
    fixture.ops.log(&log).await.unwrap();
}

/// Starts a run below another.
async fn launch(fixture: &Fixture, parent: &str) -> String {
    let request = StartRun {
        workflow: Some("limited".to_owned()),
        parent: Some(fixture.standing(parent).await.name.run_no),
        ..StartRun::default()
    };
    fixture.ops.start_run(&request).await.unwrap().standing.name.run
}

#[tokio::test]
async fn b9_an_event_beyond_a_limit_is_refused_and_says_who_may_raise_it() {
    on_every_store(async |fixture| {
        fixture.define(LIMITED).await;
        let run = fixture.start("limited", json!({})).await;
        fixture.send(&run, "next", json!({}), None).await.unwrap();
        fixture.send(&run, "next", json!({}), None).await.unwrap();
        let shown = text::standing(&fixture.standing(&run).await, Words::Commands);
        assert!(
            shown.contains("limits: max_duration 0s of 1h, 1h left; max_tokens 0 of 100"),
            "{shown}"
        );
        assert!(shown.contains("max_steps 3 of 3, 0 left\n"), "{shown}");
        // The fourth step is entered, and nothing after it.
        fixture.send(&run, "next", json!({}), None).await.unwrap();
        let error = fixture.send(&run, "next", json!({}), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotLegal);
        let told = text::error(&error, Words::Tools);
        assert!(told.contains("`max_steps` of r-1 is passed: 4 of 3"), "{told}");
        assert!(told.contains("guidepost limit r-1 --max-steps"), "{told}");
        assert!(!told.contains("resume"), "{told}");
        let error = control(&fixture, &run, Control::Resume).await.unwrap_err();
        assert!(text::error(&error, Words::Commands).contains("guidepost limit r-1"));

        let raised = set(&fixture, &run, Limits { max_steps: Some(9), ..Limits::default() }).await;
        let raised = raised.unwrap();
        assert_eq!(raised.resumed, ["r-1"]);
        assert_eq!(raised.standing.status, Status::Running);
        assert_eq!(raised.standing.states[0].state.as_str(), "Review", "where it stood");
        fixture.send(&run, "next", json!({}), None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn b9_a_limit_pauses_every_run_of_its_tree_and_no_other() {
    on_every_store(async |fixture| {
        fixture.define(LIMITED).await;
        let root = fixture.start("limited", json!({})).await;
        let child = launch(&fixture, &root).await;
        let grandchild = launch(&fixture, &child).await;
        let other = fixture.start("limited", json!({})).await;
        control(&fixture, &child, Control::Pause).await.unwrap();
        call(&fixture, &grandchild, 101).await;
        for (run, reason) in
            [(&root, "over_limit"), (&child, "requested"), (&grandchild, "over_limit")]
        {
            let standing = fixture.standing(run).await;
            assert_eq!(standing.status, Status::Paused, "{run}");
            assert!(standing.reason.unwrap().starts_with(reason), "{run}");
        }
        assert_eq!(fixture.standing(&other).await.status, Status::Running);
        // The grandchild has limits of its own, and so has the child.
        let more = Limits { max_tokens: Some(500), ..Limits::default() };
        for run in [&grandchild, &child] {
            assert_eq!(set(&fixture, run, more.clone()).await.unwrap().resumed, [""; 0]);
        }
        let raised = set(&fixture, &root, more).await.unwrap();
        assert_eq!(raised.resumed, [root.clone(), grandchild.clone()]);
        assert_eq!(fixture.standing(&child).await.status, Status::Paused, "as somebody asked");
    })
    .await;
}

#[tokio::test]
async fn a_run_that_lived_long_enough_is_paused_when_it_is_looked_at() {
    on_every_store(async |fixture| {
        fixture.define(LIMITED).await;
        let run = fixture.start("limited", json!({})).await;
        fixture.pass("59m");
        assert_eq!(fixture.standing(&run).await.status, Status::Running);
        fixture.pass("1m");
        let standing = fixture.standing(&run).await;
        assert!(standing.reason.unwrap().contains("`max_duration` of r-1 is passed: 1h of 1h"));
        let longer = Limits { max_duration: Some(Span(7_200_000_000_000)), ..Limits::default() };
        assert_eq!(set(&fixture, &run, longer).await.unwrap().resumed, [run]);
    })
    .await;
}

/// B9: a run that began without limits may be given some; what was done before is not held against it.
#[tokio::test]
async fn b9_limits_may_be_set_later() {
    on_every_store(async |fixture| {
        let free = LIMITED.replace("name: limited", "name: free");
        let free = free.replace(free.lines().find(|line| line.starts_with("limits:")).unwrap(), "");
        fixture.define(&free).await;
        let run = fixture.start("free", json!({})).await;
        fixture.send(&run, "next", json!({}), None).await.unwrap();
        let shown = set(&fixture, &run, Limits::default()).await.unwrap();
        assert_eq!(shown.standing.limits, []);
        let most = Limits { max_steps: Some(1), ..Limits::default() };
        let given = set(&fixture, &run, most).await.unwrap().standing.limits;
        let told: Vec<_> = given.iter().map(|it| (it.amount.spent, it.amount.max)).collect();
        assert_eq!(told, [(0.0, 1.0)]);
        for _ in 0..2 {
            fixture.send(&run, "next", json!({}), None).await.unwrap();
        }
        let error = fixture.send(&run, "next", json!({}), None).await.unwrap_err();
        let told = text::error(&error, Words::Commands);
        assert!(told.contains("`max_steps` of r-1 is passed: 2 of 1"), "{told}");
    })
    .await;
}
