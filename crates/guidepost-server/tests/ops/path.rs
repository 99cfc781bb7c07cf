//! S2.42: the way a run went, drawn region by region.

use expect_test::{Expect, expect};
use guidepost_core::id::{Rev, RunRef};
use guidepost_core::run::Driver;
use guidepost_server::ops::{
    ClaimTasks, EndTask, Fork, Place, ReadRun, Reading, Rollback, StartRun, WORKER_LEASE, What,
};
use serde_json::{Map, json};

use crate::support::{Fixture, on_every_store};

const RELEASE: &str = r##"
name: release
initial: Prepare
states:
  Prepare:
    type: parallel
    onDone: Ship
    on: { redo: .Build.Test, stop: Stopped }
    states:
      Build:
        initial: Compile
        states:
          Compile: { on: { built: Test, hopeless: "#release.Stopped" } }
          Test: { on: { passed: Ready, broken: Compile } }
          Ready: { type: final }
      Write:
        initial: Draft
        states:
          Draft: { task: notes, retry: { max_attempts: 3, delay: 1s }, onDone: Written, onError: "#release.Stopped" }
          Written: { type: final }
  Ship: { on: { shipped: END, recall: Prepare } }
  Stopped: { type: final }
  END: { type: final }
"##;

async fn started(fixture: &Fixture) -> String {
    fixture.define(RELEASE).await;
    let request = StartRun {
        workflow: Some("release".to_owned()),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    fixture.ops.start_run(&request).await.unwrap().standing.name.run
}

async fn send(fixture: &Fixture, run: &str, events: &[&str]) {
    for event in events {
        fixture.send(run, event, json!({}), None).await.unwrap();
    }
}

/// Somebody outside tries to write the notes.
async fn try_to_write(fixture: &Fixture, is_done: bool) {
    fixture.pass("2s");
    let claim = ClaimTasks {
        queues: vec!["task:notes".to_owned()],
        limit: 1,
        lease: WORKER_LEASE,
        caller: "writer-1".to_owned(),
    };
    let [task] = &fixture.ops.claim_tasks(&claim).await.unwrap()[..] else {
        panic!("there are notes to write")
    };
    let failed = ("the page did not load".to_owned(), true);
    let end = EndTask {
        task: task.task.clone(),
        attempt: task.attempt,
        outcome: if is_done { Ok(json!({})) } else { Err(failed) },
        caller: "writer-1".to_owned(),
    };
    fixture.ops.end_task(&end).await.unwrap();
}

async fn is_drawn(fixture: &Fixture, run: &str, expected: &Expect) {
    let read = ReadRun {
        run: RunRef::from(run),
        what: What::Diagram,
        path: Some("path".to_owned()),
        limit: 1,
        cursor: None,
    };
    let Reading::Diagram { diagram } = fixture.ops.read_run(&read).await.unwrap() else {
        panic!("a diagram was asked for")
    };
    expected.assert_eq(&diagram);
}

#[tokio::test]
async fn each_region_goes_a_way_of_its_own() {
    on_every_store(async |fixture| {
        let run = started(&fixture).await;
        send(&fixture, &run, &["built"]).await;
        try_to_write(&fixture, false).await;
        send(&fixture, &run, &["broken", "built", "passed"]).await;
        try_to_write(&fixture, true).await;
        send(&fixture, &run, &["recall", "hopeless"]).await;
        is_drawn(
            &fixture,
            &run,
            &expect![[r#"
            stateDiagram-v2
                state "Prepare.Build.Compile" as s_0
                state "Prepare.Write.Draft" as s_1
                state "Prepare.Build.Test" as s_2
                state "Prepare.Build.Ready" as s_3
                state "Prepare.Write.Written" as s_4
                [*] --> s_0
                [*] --> s_1
                s_0 --> s_2: built
                s_1 --> s_1: failed (retry)
                s_2 --> s_0: broken (retry)
                s_2 --> s_3: passed
                s_1 --> s_4
                s_3 --> Ship
                s_4 --> Ship
                Ship --> s_0: recall (retry)
                Ship --> s_1: recall (retry)
                s_0 --> Stopped: hopeless
                Stopped --> [*]
        "#]],
        )
        .await;
    })
    .await;
}

/// What a state around regions takes leads from each of them into itself.
#[tokio::test]
async fn a_transition_of_all_regions_leads_from_each_to_its_own() {
    on_every_store(async |fixture| {
        let run = started(&fixture).await;
        send(&fixture, &run, &["built", "passed", "redo", "stop"]).await;
        is_drawn(
            &fixture,
            &run,
            &expect![[r#"
            stateDiagram-v2
                state "Prepare.Build.Compile" as s_0
                state "Prepare.Write.Draft" as s_1
                state "Prepare.Build.Test" as s_2
                state "Prepare.Build.Ready" as s_3
                [*] --> s_0
                [*] --> s_1
                s_0 --> s_2: built
                s_2 --> s_3: passed
                s_3 --> s_2: redo (retry)
                s_1 --> s_1: redo (retry)
                s_2 --> Stopped: stop
                s_1 --> Stopped: stop
                Stopped --> [*]
        "#]],
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_rollback_leads_each_region_back_and_says_so() {
    on_every_store(async |fixture| {
        let run = started(&fixture).await;
        send(&fixture, &run, &["built", "passed"]).await;
        let back = Rollback {
            run: RunRef::from(run.as_str()),
            to: Place::Rev(Rev(3)),
            confirm: true,
            compensate: true,
            note: None,
            caller: "ada".to_owned(),
        };
        fixture.ops.roll_back(&back).await.unwrap();
        send(&fixture, &run, &["broken"]).await;
        is_drawn(
            &fixture,
            &run,
            &expect![[r#"
            stateDiagram-v2
                state "Prepare.Build.Compile" as s_0
                state "Prepare.Write.Draft" as s_1
                state "Prepare.Build.Test" as s_2
                state "Prepare.Build.Ready" as s_3
                [*] --> s_0
                [*] --> s_1
                s_0 --> s_2: built
                s_2 --> s_3: passed
                s_3 --> s_2: rolled back to rev 3 (retry)
                s_1 --> s_1: rolled back to rev 3 (retry)
                s_2 --> s_0: broken (retry)
        "#]],
        )
        .await;
        let fork = Fork {
            run: RunRef::from(run.as_str()),
            at: None,
            set: Map::new(),
            key: None,
            confirm: false,
            note: None,
            caller: "ada".to_owned(),
        };
        let fork = fixture.ops.fork(&fork).await.unwrap().standing.name.run;
        send(&fixture, &fork, &["built"]).await;
        is_drawn(
            &fixture,
            &fork,
            &expect![[r#"
            stateDiagram-v2
                state "Prepare.Build.Compile" as s_0
                state "Prepare.Write.Draft" as s_1
                state "Prepare.Build.Test" as s_2
                [*] --> s_0
                [*] --> s_1
                s_0 --> s_2: built
        "#]],
        )
        .await;
    })
    .await;
}
