//! Finding workflows and runs.

use expect_test::expect;
use guidepost_core::run::Status;
use guidepost_server::ops::{FindRuns, FindWorkflows, StartRun};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, object, on_every_store};

#[tokio::test]
async fn workflows_are_found_by_words_with_what_they_start_with() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let wanted =
            FindWorkflows { query: Some("bug review".to_owned()), ..FindWorkflows::default() };
        let found = fixture.ops.find_workflows(&wanted).await.unwrap();
        expect![[r#"
            1 workflow
            bugfix@1 {issue!, pr?, token?}: Fix a bug and have it reviewed.
        "#]]
        .assert_eq(&text::workflows(&found, text::Words::Tools));
        let wanted = FindWorkflows { query: Some("tea".to_owned()), ..FindWorkflows::default() };
        let found = fixture.ops.find_workflows(&wanted).await.unwrap();
        assert_eq!(text::workflows(&found, text::Words::Tools), "no workflows found\n");
    })
    .await;
}

#[tokio::test]
async fn runs_are_found_by_state_and_status_a_page_at_a_time() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        for issue in ["#1", "#2", "#3"] {
            fixture.start("bugfix", json!({ "issue": issue })).await;
        }
        fixture.send("r-2", "submit", json!({ "pr": "#9" }), None).await.unwrap();
        fixture.send("r-3", "give_up", json!({}), None).await.unwrap();
        let ids = async |wanted: FindRuns| {
            let found = fixture.ops.find_runs(&wanted).await.unwrap();
            found.items.into_iter().map(|run| run.name.run).collect::<Vec<_>>()
        };
        let in_review = FindRuns { state: Some("review".to_owned()), ..FindRuns::default() };
        assert_eq!(ids(in_review).await, ["r-2"]);
        let completed = FindRuns { status: vec![Status::Completed], ..FindRuns::default() };
        assert_eq!(ids(completed).await, ["r-3"]);
        let first = FindRuns { limit: 2, ..FindRuns::default() };
        let page = fixture.ops.find_runs(&first).await.unwrap();
        assert!(text::runs(&page, text::Words::Tools).contains("more: cursor "));
        assert_eq!(ids(FindRuns { cursor: page.next, ..first }).await, ["r-1"]);
    })
    .await;
}

#[tokio::test]
async fn open_runs_are_the_callers_own_or_all() {
    on_every_store(async |fixture| {
        let none = fixture.ops.open_runs("writer-1", 10).await.unwrap();
        assert!(text::open_runs(&none, text::Words::Tools).starts_with("no open runs"));
        fixture.define(BUGFIX).await;
        for caller in ["writer-1", "writer-2"] {
            let request = StartRun {
                workflow: Some("bugfix".to_owned()),
                input: object(json!({ "issue": "#7" })),
                goal: Some("fix it".to_owned()),
                caller: caller.to_owned(),
                ..StartRun::default()
            };
            fixture.ops.start_run(&request).await.unwrap();
        }
        let own = fixture.ops.open_runs("writer-1", 10).await.unwrap();
        expect![[r#"
            1 open run
            r-1 bugfix@1 rev 2 in fix, agent writer-1: <<fix it>>
            next: guidepost_where with one of these
        "#]]
        .assert_eq(&text::open_runs(&own, text::Words::Tools));
        assert_eq!(fixture.ops.open_runs("nobody", 10).await.unwrap().items.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_names_nothing_is_refused_rather_than_not_found() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        fixture.start("bugfix", json!({ "issue": "#1" })).await;
        let any = FindRuns::default();
        let some = |text: &str| Some(text.to_owned());
        for (wanted, answer) in [
            (FindRuns { workflow: some("bugfx"), ..any.clone() }, "Did you mean `bugfix`?"),
            (FindRuns { state: some("reveiw"), ..any.clone() }, "Did you mean `review`?"),
            (
                FindRuns { state: some("lost"), workflow: some("bugfix"), ..any.clone() },
                "workflow `bugfix` has no state `lost`",
            ),
            (FindRuns { cursor: some("bogus"), ..any.clone() }, "`bogus` is no place in a list"),
        ] {
            let error = fixture.ops.find_runs(&wanted).await.unwrap_err();
            let text = text::error(&error, text::Words::Tools);
            assert!(text.contains(answer), "{text}");
        }
        // A state that is one, and that no run is in, is no mistake.
        for state in ["merged", "Thinking"] {
            let empty = FindRuns { state: some(state), ..any.clone() };
            assert!(fixture.ops.find_runs(&empty).await.unwrap().items.is_empty());
        }
        let workflows = FindWorkflows { cursor: some("bogus"), ..FindWorkflows::default() };
        let error = fixture.ops.find_workflows(&workflows).await.unwrap_err();
        assert!(error.to_string().contains("`bogus` is no place in the list of workflows"));
    })
    .await;
}

/// However many times came at once, a list shows no run in a state that is over without saying so.
#[tokio::test]
async fn a_list_settles_what_is_due_and_marks_what_is_too_much_for_it() {
    let fixture = Fixture::memory();
    fixture
        .define("name: t\ninitial: A\nstates: { A: { after: { 1h: B } }, B: { on: { x: A } } }")
        .await;
    for _ in 0..1_150 {
        fixture.start("t", json!({})).await;
    }
    fixture.pass("2h");
    let in_a = FindRuns { state: Some("A".to_owned()), limit: 2_000, ..FindRuns::default() };
    let first = fixture.ops.find_runs(&in_a).await.unwrap();
    assert_eq!(first.items.len(), 150);
    assert!(first.items.iter().all(|hit| hit.is_overdue));
    assert!(text::runs(&first, text::Words::Tools).contains(", overdue"));
    assert_eq!(fixture.ops.find_runs(&in_a).await.unwrap().items, []);
    let all = FindRuns { state: Some("B".to_owned()), limit: 2_000, ..FindRuns::default() };
    let all = fixture.ops.find_runs(&all).await.unwrap();
    assert_eq!(all.items.iter().filter(|hit| !hit.is_overdue).count(), 1_150);
}
