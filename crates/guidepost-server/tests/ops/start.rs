//! Starting runs.

use expect_test::expect;
use guidepost_core::diagnostic::Explain;
use guidepost_server::ops::{Kind, StartRun};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, object, on_every_store};

#[tokio::test]
async fn a_run_begins_and_says_what_is_legal() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let run = fixture.start("bugfix", json!({ "issue": "#7" })).await;
        assert_eq!(run, "r-1");
        let standing = fixture.standing(&run).await;
        assert_eq!(standing.agent.as_deref(), Some("writer-1"));
        let shown = text::standing(&standing, text::Words::Tools)
            .replace("note: all of this is lost when the process ends\n", "");
        expect![[r#"
            run r-1 bugfix@1 rev 2
            state: fix (1 of 4)
            do: Change the code so that the failing test passes.
            have: issue=#7
            next:
            - submit {pr!}
            - give_up
        "#]]
        .assert_eq(&shown);
    })
    .await;
}

#[tokio::test]
async fn the_same_key_gives_the_same_run_and_other_arguments_are_refused() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let request = StartRun {
            workflow: Some("bugfix".to_owned()),
            input: object(json!({ "issue": "#7" })),
            key: Some("issue-7".to_owned()),
            ..StartRun::default()
        };
        let first = fixture.ops.start_run(&request).await.unwrap();
        let again = fixture.ops.start_run(&request).await.unwrap();
        assert!(first.is_new && !again.is_new);
        assert_eq!(first.standing.name, again.standing.name);
        let other = StartRun { input: object(json!({ "issue": "#8" })), ..request };
        let refused = fixture.ops.start_run(&other).await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Refused, "GP0304"));
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let request = StartRun {
        workflow: Some("bugfix".to_owned()),
        input: object(json!({ "isue": "#7" })),
        ..StartRun::default()
    };
    let refused = fixture.ops.start_run(&request).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Usage);
    expect![[r#"
        not started: issue is missing; it must be of type string; isue is no attribute of the workflow; did you mean `issue`? You sent {isue}. Send them as input.
    "#]].assert_eq(&text::error(&refused, text::Words::Tools));
}

#[tokio::test]
async fn an_unknown_workflow_is_not_found_and_a_similar_one_is_suggested() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        for (name, code, hint) in [
            ("bugfxi", "GP0401", "did you mean `bugfix`?"),
            ("bugfix@9", "GP0402", "the newest is `bugfix@1`"),
            ("bugfix@x", "GP0402", "the newest is `bugfix@1`"),
        ] {
            let request = StartRun { workflow: Some(name.to_owned()), ..StartRun::default() };
            let error = fixture.ops.start_run(&request).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::NotFound, code));
            assert_eq!(error.hint().as_deref(), Some(hint));
        }
    })
    .await;
}

#[tokio::test]
async fn a_goal_alone_starts_a_run_that_is_only_recorded() {
    on_every_store(async |fixture| {
        let request = StartRun {
            goal: Some("Find out why the build is slow".to_owned()),
            caller: "claude-code".to_owned(),
            ..StartRun::default()
        };
        let started = fixture.ops.start_run(&request).await.unwrap();
        assert_eq!(started.standing.workflow, "observed");
        let run = started.standing.name.run;
        let moved = fixture.send(&run, "done", json!({}), None).await.unwrap();
        assert!(moved.standing.status.is_ended());
    })
    .await;
}

#[tokio::test]
async fn an_agents_name_finds_its_run_also_when_it_is_over_and_is_no_runs_id() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let start = |agent: &str| StartRun {
            workflow: Some("bugfix".to_owned()),
            input: object(json!({ "issue": "#7" })),
            agent: Some(agent.to_owned()),
            caller: "tester".to_owned(),
            ..StartRun::default()
        };
        for name in ["", " ", "a\tb", "7", "r-2", "01890a5d-ac96-774b-bcce-b302099a8057"] {
            let error = fixture.ops.start_run(&start(name)).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{name}");
        }
        let run = fixture.ops.start_run(&start("tim")).await.unwrap().standing.name.run;
        assert_eq!(fixture.standing("tim").await.name.run, run);
        fixture.send("tim", "give_up", json!({}), None).await.unwrap();
        assert_eq!(fixture.standing("tim").await.name.run, run);
        let next = fixture.ops.start_run(&start("tim")).await.unwrap().standing.name.run;
        assert_eq!(fixture.standing("tim").await.name.run, next);
    })
    .await;
}

/// A start that is repeated gets its run, whatever has become of the workflow since.
#[tokio::test]
async fn a_repeated_start_is_not_decided_again() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let start = StartRun {
            workflow: Some("bugfix".to_owned()),
            input: object(json!({ "issue": "#7" })),
            key: Some("ticket-7".to_owned()),
            caller: "writer-1".to_owned(),
            ..StartRun::default()
        };
        let first = fixture.ops.start_run(&start).await.unwrap();
        assert!(first.is_new);
        fixture.send("r-1", "submit", json!({ "pr": "#1" }), None).await.unwrap();
        // By now the same start would be refused.
        fixture
            .define(&BUGFIX.replace(
                "pr: { type: string }\n  token",
                "pr: { type: string, required: true }\n  token",
            ))
            .await;
        let again = fixture.ops.start_run(&start).await.unwrap();
        assert!(!again.is_new);
        assert_eq!(again.standing, fixture.standing("r-1").await, "as it is now");
        let other = StartRun { key: Some("ticket-8".to_owned()), ..start.clone() };
        assert!(fixture.ops.start_run(&other).await.is_err());
        let reused = StartRun { goal: Some("another".to_owned()), ..start };
        let error = fixture.ops.start_run(&reused).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
    })
    .await;
}
