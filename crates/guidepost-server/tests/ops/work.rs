//! States with work, questions and regions, as an agent sees them.

use expect_test::expect;
use guidepost_core::run::Driver;
use guidepost_server::ops::StartRun;
use guidepost_server::text;
use serde_json::json;

use crate::support::{Fixture, object, on_every_store};

const REGIONS: &str = r#"
name: release
attributes:
  version: { type: string, required: true }
  notes: { type: string }
initial: Prepare
states:
  Prepare:
    type: parallel
    onDone: Ask
    states:
      Build:
        initial: Compile
        states:
          Compile: { guideline: Build it., on: { built: Built } }
          Built: { type: final }
      Write:
        initial: Draft
        states:
          Draft: { agent: writer, prompt: "Write the notes of {{ version }}.", output: [notes], onDone: Written }
          Written: { type: final }
  Ask:
    ask: { type: choice, text: "Ship {{ version }}?", options: [Ship, Wait] }
    on: { Ship: Shipped, Wait: Prepare }
  Shipped: { type: final }
"#;

fn without_note(text: &str) -> String {
    text.replace("note: all of this is lost when the process ends\n", "")
}

#[tokio::test]
async fn every_region_says_what_to_do_and_what_is_legal() {
    on_every_store(async |fixture| {
        fixture.define(REGIONS).await;
        let run = fixture.start("release", json!({ "version": "1.2" })).await;
        expect![[r#"
            run r-1 release@1 rev 2
            states: Prepare.Build.Compile (1 of 6), Prepare.Write.Draft (3 of 6)
            do in Prepare.Build.Compile: Build it.
            agent in Prepare.Write.Draft: <<Write the notes of 1.2.>>
            have: version=1.2
            next:
            - done {notes!}
            - failed {reason!}
            - built
        "#]]
        .assert_eq(&without_note(&text::standing(
            &fixture.standing(&run).await,
            text::Words::Tools,
        )));
        fixture.send(&run, "built", json!({}), None).await.unwrap();
        let moved = fixture.send(&run, "done", json!({ "notes": "All new." }), None).await.unwrap();
        expect![[r#"
            ok rev 5: Prepare.Write.Draft, Prepare.Build.Built -> Ask
            question: <<Ship 1.2?>>
            next:
            - Ship
            - Wait
        "#]]
        .assert_eq(&text::moved(&moved, text::Words::Tools));
        let moved = fixture.send(&run, "Ship", json!({}), None).await.unwrap();
        assert!(moved.standing.status.is_ended());
    })
    .await;
}

#[tokio::test]
async fn work_of_the_engine_is_not_the_agents() {
    let fixture = Fixture::memory();
    fixture.define(REGIONS).await;
    let request = StartRun {
        workflow: Some("release".to_owned()),
        input: object(json!({ "version": "1.2" })),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    let started = fixture.ops.start_run(&request).await.unwrap();
    let shown = text::started(&started, text::Words::Tools);
    assert!(!shown.contains("- done"), "{shown}");
    let run = started.standing.name.run;
    let error = fixture.send(&run, "done", json!({ "notes": "Mine." }), None).await.unwrap_err();
    assert!(
        text::error(&error, text::Words::Tools).contains("the engine does the work"),
        "{}",
        text::error(&error, text::Words::Tools)
    );
}
