//! States with work, questions and regions, as an agent sees them.

use expect_test::expect;
use guidepost_core::diagnostic::Explain;
use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_core::run::Driver;
use guidepost_server::ops::{
    ClaimTasks, ControlRun, EndTask, ReadHistory, StartRun, Taken, WORKER_LEASE,
};
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
            states: Prepare.Build.Compile, Prepare.Write.Draft (at once, one in each region)
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

/// Who waits for a run is told in whose hands it is, and not that somebody is at work when nobody is.
#[tokio::test]
async fn in_whose_hands_the_work_is_is_told() {
    let definition = "
name: pay
initial: Ask
states:
  Ask: { ask: { options: [Pay] }, on: { Pay: Charge } }
  Charge: { task: charge, retry: { max_attempts: 2, delay: 1m }, output: [paid], onDone: Tell }
  Tell: { exec: [echo, told], onDone: More }
  More: { task: more, onDone: END }
  END: { type: final }
";
    on_every_store(async |fixture| {
        fixture.define(definition).await;
        let start = StartRun {
            workflow: Some("pay".to_owned()),
            driver: Driver::Engine,
            caller: "ada".to_owned(),
            ..StartRun::default()
        };
        let run = fixture.ops.start_run(&start).await.unwrap().standing.name.run;
        let next = async || {
            let told = text::standing(&fixture.standing(&run).await, text::Words::Commands);
            told.lines().last().unwrap().to_owned()
        };
        fixture.send(&run, "Pay", json!({}), None).await.unwrap();
        assert_eq!(
            next().await,
            "next: nothing now: Charge#1 waits for a worker, who takes it with `guidepost tasks claim task:charge`; `guidepost wait` tells when the run moved"
        );
        let claim = ClaimTasks {
            queues: vec!["task:charge".to_owned()],
            limit: 1,
            lease: WORKER_LEASE,
            caller: "worker-7".to_owned(),
        };
        let task = fixture.ops.claim_tasks(&claim).await.unwrap().remove(0).task;
        assert_eq!(
            next().await,
            "next: nothing now: Charge#1 is held by worker-7 until 2026-01-31T12:01:00Z; `guidepost wait` tells when the run moved"
        );
        let json = serde_json::to_value(fixture.standing(&run).await).unwrap();
        assert_eq!(
            json["in_hand"],
            json!([{ "piece": "Charge#1", "queue": "task:charge", "attempt": 1, "is": "held", "by": "worker-7", "until": json["in_hand"][0]["until"] }])
        );
        let failed = EndTask {
            task: task.clone(),
            attempt: 1,
            outcome: Err(("no paper".to_owned(), true)),
            caller: "worker-7".to_owned(),
        };
        fixture.ops.end_task(&failed).await.unwrap();
        let later = next().await;
        assert!(later.contains("Charge#1 is tried again at 2026-01-31T12:0"), "{later}");
        fixture.pass("2m");
        fixture.ops.claim_tasks(&claim).await.unwrap();
        let done = EndTask { attempt: 2, outcome: Ok(json!("yes")), ..failed };
        assert_eq!(fixture.ops.end_task(&done).await.unwrap(), Taken::Now);
        assert_eq!(
            next().await,
            "next: nothing now: Tell#1 is ready for an engine with `--allow-exec` for its program, and nobody is at it; have an engine do it with `guidepost run r-1`"
        );
        // A worker that did not hear the answer tells the same once more; another, or another result, is none.
        assert_eq!(fixture.ops.end_task(&done).await.unwrap(), Taken::Before);
        for other in [
            EndTask { caller: "worker-8".to_owned(), ..done.clone() },
            EndTask { outcome: Ok(json!("no")), ..done.clone() },
        ] {
            assert!(fixture.ops.end_task(&other).await.is_err(), "{other:?}");
        }
        let cancel = ControlRun {
            run: RunRef::from(run.as_str()),
            control: Control::Cancel,
            note: None,
            caller: "ada".to_owned(),
        };
        fixture.ops.control_run(&cancel).await.unwrap();
        assert_eq!(fixture.ops.end_task(&done).await.unwrap(), Taken::Before);
    })
    .await;
}

/// Whoever sends the event with which a limit is passed hears of that at once.
#[tokio::test]
async fn an_event_that_passes_a_limit_says_so() {
    let definition = "
name: brief
limits: { max_steps: 1 }
initial: First
states:
  First: { ask: { options: [Go] }, on: { Go: Second } }
  Second: { task: second, onDone: Third }
  Third: { task: third, onDone: END }
  END: { type: final }
";
    on_every_store(async |fixture| {
        fixture.define(definition).await;
        let start = StartRun {
            workflow: Some("brief".to_owned()),
            driver: Driver::Engine,
            caller: "ada".to_owned(),
            ..StartRun::default()
        };
        let run = fixture.ops.start_run(&start).await.unwrap().standing.name.run;
        let moved = fixture.send(&run, "Go", json!({}), None).await.unwrap();
        let told = text::moved(&moved, text::Words::Commands);
        assert!(told.contains("First -> Second; run paused (over_limit: "), "{told}");
        assert!(told.ends_with("next: nothing until the limit is raised\n"), "{told}");
    })
    .await;
}

/// A task whose text has no value fails for good as soon as somebody asks for it, however often its step would try again, and
/// says which part of the text that is. Whoever asks gets the other tasks.
#[tokio::test]
async fn a_task_that_cannot_be_said_fails_for_good_and_says_why() {
    on_every_store(async |fixture| {
        fixture
            .define(
                "
name: call
attributes: { who: { type: string }, why: { type: string } }
initial: Call
states:
  Call: { task: { name: phone, prompt: 'Call {{ who }} for {{ why }}.' }, retry: { max_attempts: 1000000, delay: 0s }, onDone: END, onError: Mend }
  Mend: { on: { Go: END } }
  END: { type: final }
",
            )
            .await;
        let start = async |input| {
            let request = StartRun {
                workflow: Some("call".to_owned()),
                input: object(input),
                driver: Driver::Engine,
                ..StartRun::default()
            };
            fixture.ops.start_run(&request).await.unwrap().standing.name.run
        };
        let mute = start(json!({ "who": "Ada" })).await;
        let well = start(json!({ "who": "Ada", "why": "tea" })).await;
        let claim = ClaimTasks {
            queues: vec!["task:phone".to_owned()],
            limit: 10,
            lease: WORKER_LEASE,
            caller: "worker".to_owned(),
        };
        let claimed = fixture.ops.claim_tasks(&claim).await.unwrap();
        let runs: Vec<String> = claimed.iter().map(|task| task.task.run.to_string()).collect();
        assert_eq!(runs, [well]);
        let read = ReadHistory {
            run: RunRef::from(mute.as_str()),
            newest_first: false,
            kinds: vec!["attempt_failed".to_owned(), "transitioned".to_owned()],
            limit: 100,
            cursor: None,
        };
        let records = fixture.ops.history(&read).await.unwrap().items;
        let [.., last] = &records[..] else { panic!("it is on record") };
        let told = text::history_item(last);
        assert!(told.contains("Call -> Mend") && told.contains("`why` is"), "{told}");
        assert!(fixture.ops.claim_tasks(&claim).await.unwrap().is_empty());
    })
    .await;
}

/// What is offered as `failed {reason!}` asks for the reason.
#[tokio::test]
async fn whoever_reports_a_failure_gives_a_reason() {
    on_every_store(async |fixture| {
        fixture.define("name: one\nsteps: [{ name: A, agent: w, prompt: hi, onError: B }, { name: B, task: t }]").await;
        let run = fixture.start("one", json!({})).await;
        for (data, what) in [
            (json!({}), "reason is missing"),
            (json!({ "reason": 5 }), "reason must be a string"),
            (json!({ "reason": " " }), "reason is empty"),
        ] {
            let error = fixture.send(&run, "failed", data, None).await.unwrap_err();
            assert_eq!(error.code(), "GP0204");
            let told = text::error(&error, text::Words::Tools);
            assert!(told.contains(what) && told.contains("failed {reason!}"), "{told}");
        }
        fixture.send(&run, "failed", json!({ "reason": "no ink" }), None).await.unwrap();
    })
    .await;
}
