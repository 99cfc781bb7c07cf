//! Finding workflows and runs.

use expect_test::expect;
use guidepost_core::run::Status;
use guidepost_server::ops::{FindRuns, FindWorkflows, StartRun};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, object, on_every_store};

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
        .assert_eq(&text::workflows(&found));
        let wanted = FindWorkflows { query: Some("tea".to_owned()), ..FindWorkflows::default() };
        let found = fixture.ops.find_workflows(&wanted).await.unwrap();
        assert_eq!(text::workflows(&found), "no workflows found\n");
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
        assert!(text::runs(&page).contains("more: cursor "));
        assert_eq!(ids(FindRuns { cursor: page.next, ..first }).await, ["r-1"]);
    })
    .await;
}

#[tokio::test]
async fn open_runs_are_the_callers_own_or_all() {
    on_every_store(async |fixture| {
        let none = fixture.ops.open_runs("writer-1", 10).await.unwrap();
        assert!(text::open_runs(&none).starts_with("no open runs"));
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
        .assert_eq(&text::open_runs(&own));
        assert_eq!(fixture.ops.open_runs("nobody", 10).await.unwrap().items.len(), 2);
    })
    .await;
}
