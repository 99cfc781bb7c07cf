//! What was done is made good before a run goes back, or is cancelled (B8).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_core::run::{Driver, Status};
use guidepost_core::time::Span;
use guidepost_engine::{Call, Engine, Failure, Handlers};
use guidepost_server::ops::{
    CancelRun, ClaimTasks, EndTask, Ending, Kind, Migrate, OpError, Place, ReadHistory, ReplayRun,
    Rollback, RolledBack, StartRun,
};
use guidepost_server::text;
use serde_json::{Value as Json, json};

use super::control::control;
use crate::support::{Fixture, on_every_store};

const TRIP: &str = "
name: trip
attributes:
  city: { type: string, default: Rome }
  flight: { type: string }
  hotel: { type: string }
  seats: { type: string, is_array: true }
initial: Plan
states:
  Plan: { on: { Go: Fly } }
  Fly: { task: fly, output: [flight], onDone: Sleep, compensate: { task: unfly, input: { flight: '{{ flight }}' }, retry: { max_attempts: 2, delay: 1ms } } }
  Sleep: { task: sleep, output: [hotel], onDone: Sit, compensate: { task: unsleep, input: { hotel: '{{ hotel }}', city: '{{ city }}' } } }
  Sit: { task: sit, for_each: [a, b], output: [seats], onDone: There, compensate: { task: unsit, input: { who: '{{ item }}', seat: '{{ seats[index] }}' } } }
  There: { on: { Again: Fly, Home: END } }
  END: { type: final }
";

/// What was done in the world outside, in order.
type Log = Arc<Mutex<Vec<String>>>;

async fn start(fixture: &Fixture) -> String {
    fixture.define(TRIP).await;
    let request = StartRun {
        workflow: Some("trip".to_owned()),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    let run = fixture.ops.start_run(&request).await.unwrap().standing.name.run;
    fixture.send(&run, "Go", json!({}), None).await.unwrap();
    run
}

/// Lets an engine work until the run is as wished.
async fn work(fixture: &Fixture, run: &str, log: &Log, wish: impl Fn(Status, &[String]) -> bool) {
    let mut handlers = Handlers::new();
    for name in ["fly", "sleep", "sit", "unfly", "unsleep", "unsit"] {
        let log = Arc::clone(log);
        let told = move |call: Call| {
            let log = Arc::clone(&log);
            async move {
                let told = format!("{name} {}", call.spec["input"]).replace(" null", "");
                let tries = log.lock().unwrap().iter().filter(|it| it.starts_with("unfly")).count();
                log.lock().unwrap().push(told.clone());
                if name == "unfly" && tries == 0 {
                    return Err(Failure::passing("the line is busy"));
                }
                if log.lock().unwrap().iter().any(|it| it == "stubborn") && name == "unsleep" {
                    return Err(Failure::lasting("they keep the money"));
                }
                Ok(Json::from(format!("{name}-{}", call.task.visit)))
            }
        };
        handlers = handlers.task(name, told);
    }
    let engine = Engine::new(fixture.ops.shared_store()).with_handlers(handlers).start();
    for _ in 0..2_000 {
        let standing = fixture.standing(run).await;
        let states: Vec<String> =
            standing.states.iter().map(|now| format!("{}#{}", now.state, now.visit)).collect();
        if standing.making_good.is_empty() && wish(standing.status, &states)
            || standing.status == Status::Paused
        {
            return engine.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:#?}\n{:#?}", fixture.standing(run).await, log.lock().unwrap());
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

async fn back(fixture: &Fixture, run: &str, to: &str, yes: bool) -> Result<RolledBack, OpError> {
    let request = Rollback {
        run: RunRef::from(run),
        to: Place::Named(to.to_owned()),
        confirm: yes,
        compensate: true,
        note: None,
        caller: "ada".to_owned(),
    };
    fixture.ops.roll_back(&request).await
}

async fn cancel(fixture: &Fixture, run: &str, yes: bool) -> Result<Ending, OpError> {
    let request = CancelRun {
        run: RunRef::from(run),
        confirm: yes,
        note: Some("rain".to_owned()),
        caller: "ada".to_owned(),
    };
    fixture.ops.cancel_run(&request).await
}

async fn kinds(fixture: &Fixture, run: &str) -> Vec<String> {
    let read = ReadHistory {
        run: RunRef::from(run),
        newest_first: false,
        kinds: ["compensating", "compensated", "restored", "cancelled", "paused"]
            .map(str::to_owned)
            .to_vec(),
        limit: 100,
        cursor: None,
    };
    let items = fixture.ops.history(&read).await.unwrap().items;
    let told = items.iter().map(text::history_item);
    let what = |line: String| {
        let (_, what) = line.split_once(": ").unwrap();
        what.split(", again at ").next().unwrap().to_owned()
    };
    told.map(what).collect()
}

async fn is_whole(fixture: &Fixture, run: &str) {
    let replay = ReplayRun { run: RunRef::from(run), against: None };
    let replayed = fixture.ops.replay(&replay).await.unwrap();
    assert!(replayed.divergence.is_none(), "{:#?}", replayed.divergence);
}

/// What the steps did is made good, the last first, each once, with what they gave; only then the run goes on.
#[tokio::test]
async fn b8_what_was_done_is_made_good_last_first_before_the_run_goes_on() {
    on_every_store(async |fixture| {
        let log = Log::default();
        let run = start(&fixture).await;
        let there = |visit: &'static str| {
            move |_: Status, states: &[String]| states == [format!("There#{visit}")]
        };
        work(&fixture, &run, &log, there("1")).await;
        taken(&log);

        let before = fixture.standing(&run).await;
        let asked = back(&fixture, &run, "Fly#1", false).await.unwrap();
        let told = text::rolled_back(&asked, text::Words::Commands);
        assert!(
            !asked.is_done && told.contains("it would make good first: Sit#1[2] by task unsit"),
            "{told}"
        );
        assert_eq!(fixture.standing(&run).await, before, "nothing happened");

        assert!(back(&fixture, &run, "Fly#1", true).await.unwrap().is_done);
        let standing = fixture.standing(&run).await;
        assert_eq!(standing.making_good, ["Sit#1", "Sit#1", "Sleep#1", "Fly#1"]);
        assert_eq!(standing.next, []);
        let error = fixture.send(&run, "Again", json!({}), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotLegal);
        assert!(error.to_string().contains("made good first: `Sit#1`"), "{error}");

        work(&fixture, &run, &log, there("2")).await;
        assert_eq!(
            taken(&log)[..6],
            [
                r#"unsit {"who":"b","seat":"sit-1"}"#,
                r#"unsit {"who":"a","seat":"sit-1"}"#,
                r#"unsleep {"hotel":"sleep-1","city":"Rome"}"#,
                r#"unfly {"flight":"fly-1"}"#,
                r#"unfly {"flight":"fly-1"}"#,
                "fly",
            ]
        );
        assert_eq!(
            kinds(&fixture, &run).await,
            [
                "went back to rev 3",
                "makes good Sit#1[2], Sit#1[1], Sleep#1, Fly#1; goes on then",
                "Sit#1[2] is made good",
                "Sit#1[1] is made good",
                "Sleep#1 is made good",
                "Fly#1 could not be made good: <<the line is busy>>",
                "Fly#1 is made good",
            ]
        );
        // What was made good once is not made good again.
        let asked = back(&fixture, &run, "Fly#2", false).await.unwrap();
        let again: Vec<u64> = asked.compensations.iter().map(|work| work.visit.0).collect();
        assert_eq!(again, [2, 2, 2, 2]);
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// A run that is cancelled this way ends when all is made good, and not before.
#[tokio::test]
async fn b8_a_run_is_cancelled_when_all_it_did_is_made_good() {
    on_every_store(async |fixture| {
        let log = Log::default();
        let run = start(&fixture).await;
        work(&fixture, &run, &log, |_, states| states == ["There#1"]).await;
        taken(&log);
        assert!(!cancel(&fixture, &run, false).await.unwrap().is_done);
        let ending = cancel(&fixture, &run, true).await.unwrap();
        assert!(ending.is_done && ending.standing.status == Status::Running);
        work(&fixture, &run, &log, |status, _| status.is_ended()).await;
        assert_eq!(fixture.standing(&run).await.status, Status::Cancelled);
        let done: Vec<String> =
            taken(&log).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(done, ["unsit", "unsit", "unsleep", "unfly", "unfly"]);
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// What cannot be made good pauses the run and is tried again when somebody resumes it.
#[tokio::test]
async fn what_cannot_be_made_good_waits_for_somebody() {
    on_every_store(async |fixture| {
        let log = Log::default();
        let run = start(&fixture).await;
        work(&fixture, &run, &log, |_, states| states == ["There#1"]).await;
        taken(&log);
        log.lock().unwrap().push("stubborn".to_owned());
        back(&fixture, &run, "Sleep#1", true).await.unwrap();
        work(&fixture, &run, &log, |status, _| status == Status::Paused).await;
        let reason = fixture.standing(&run).await.reason.unwrap();
        assert!(
            reason.contains("`Sleep#1` could not be made good: they keep the money"),
            "{reason}"
        );
        taken(&log);
        control(&fixture, &run, Control::Resume).await.unwrap();
        work(&fixture, &run, &log, |_, states| states == ["There#2"]).await;
        assert!(taken(&log)[0].starts_with("unsleep "));
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// A worker outside that claims the task is told what makes the work good, and not the work itself once more.
#[tokio::test]
async fn a_worker_outside_is_told_what_makes_it_good() {
    on_every_store(async |fixture| {
        let log = Log::default();
        let run = start(&fixture).await;
        work(&fixture, &run, &log, |_, states| states == ["There#1"]).await;
        back(&fixture, &run, "Sit#1", true).await.unwrap();
        let claim = ClaimTasks {
            queues: vec!["task:sit".to_owned(), "task:unsit".to_owned()],
            limit: 10,
            lease: Span(1_000_000_000),
            caller: "worker-1".to_owned(),
        };
        for who in ["b", "a"] {
            let claimed = fixture.ops.claim_tasks(&claim).await.unwrap();
            let [task] = &claimed[..] else { panic!("{claimed:#?}") };
            assert_eq!(
                (task.queue.as_str(), &task.spec["input"]["who"]),
                ("task:unsit", &json!(who))
            );
            let end = EndTask {
                task: task.task.clone(),
                attempt: task.attempt,
                outcome: Ok(json!({})),
                caller: "worker-1".to_owned(),
            };
            fixture.ops.end_task(&end).await.unwrap();
        }
        let claimed = fixture.ops.claim_tasks(&claim).await.unwrap();
        assert_eq!(
            claimed.iter().map(|task| task.queue.as_str()).collect::<Vec<_>>(),
            ["task:sit"; 2]
        );
    })
    .await;
}

/// Nothing puts another run's state in the place of what is still to be made good.
#[tokio::test]
async fn a_run_that_makes_good_is_not_migrated() {
    on_every_store(async |fixture| {
        let log = Log::default();
        let run = start(&fixture).await;
        work(&fixture, &run, &log, |_, states| states == ["There#1"]).await;
        fixture.define(&TRIP.replace("Again: Fly", "Anew: Fly")).await;
        cancel(&fixture, &run, true).await.unwrap();
        let migrate = Migrate {
            runs: vec![RunRef::from(run.as_str())],
            to: "2".to_owned(),
            ..Migrate::default()
        };
        let answer = fixture.ops.migrate(&migrate).await.unwrap();
        assert!(!answer.is_ok(), "{answer:#?}");
        assert_eq!(answer.runs[0].obstacles[0].what, "what it did is being made good");
        work(&fixture, &run, &log, |status, _| status == Status::Cancelled).await;
        assert_eq!(taken(&log).iter().filter(|told| told.starts_with("unsleep")).count(), 1);
    })
    .await;
}
