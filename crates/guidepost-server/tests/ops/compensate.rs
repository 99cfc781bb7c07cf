//! What was done is made good before a run goes back, or is cancelled (B8).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_core::machine::Limits;
use guidepost_core::run::{Driver, Status};
use guidepost_core::time::Span;
use guidepost_engine::{Call, Engine, Failure, Handlers};
use guidepost_server::ops::{
    CancelRun, ClaimTasks, ClaimedTask, EndTask, Ending, Fork, Kind, Migrate, OpError, Place,
    ReadHistory, ReplayRun, Rollback, RolledBack, SetLimits, StartRun,
};
use guidepost_server::text;
use guidepost_store::{Held, StoreError};
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
    for name in ["fly", "sleep", "sit", "unfly", "unsleep", "unsit", "book", "pay"] {
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
        assert_eq!(standing.making_good, ["Sit#1[2]", "Sit#1[1]", "Sleep#1", "Fly#1"]);
        assert_eq!(standing.next, []);
        let error = fixture.send(&run, "Again", json!({}), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotLegal);
        assert!(
            error.to_string().contains("made good first: `Sit#1[2]`, `Sit#1[1]`, `Sleep#1`"),
            "{error}"
        );

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
        assert_eq!(asked.made_good, [], "that lies before the place it goes back to");
        // Further back it is told that this was done.
        let asked = back(&fixture, &run, "Plan#1", false).await.unwrap();
        assert_eq!(asked.compensations.len(), 4);
        let told = text::rolled_back(&asked, text::Words::Commands);
        let before: Vec<&str> =
            told.lines().filter(|line| line.starts_with("made good before")).collect();
        assert_eq!(
            before,
            [
                "made good before: Sit#1[2], at rev 12",
                "made good before: Sit#1[1], at rev 13",
                "made good before: Sleep#1, at rev 14",
                "made good before: Fly#1, at rev 16",
            ]
        );
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

const STAY: &str = "
name: stay
limits: { max_duration: 1h }
attributes: { room: { type: string }, price: { type: number } }
initial: Book
states:
  Book: { task: book, output: [room, price], onDone: Stay, compensate: { task: unbook, input: { room: '{{ room }}' } } }
  Stay: { on: { Leave: END } }
  END: { type: final }
";

/// A run that booked a room, and the task by which it did so.
async fn booked(fixture: &Fixture) -> (String, ClaimedTask) {
    fixture.define(STAY).await;
    let request = StartRun {
        workflow: Some("stay".to_owned()),
        driver: Driver::Engine,
        ..StartRun::default()
    };
    let run = fixture.ops.start_run(&request).await.unwrap().standing.name.run;
    let task = claimed(fixture, "task:book").await;
    end(fixture, &task, Ok(json!({ "room": "7", "price": 90 }))).await.unwrap();
    (run, task)
}

/// The one task that is ready in a queue, in a worker's hands.
async fn claimed(fixture: &Fixture, queue: &str) -> ClaimedTask {
    let claim = ClaimTasks {
        queues: vec![queue.to_owned()],
        limit: 10,
        lease: Span(60_000_000_000),
        caller: "worker-1".to_owned(),
    };
    let mut found = fixture.ops.claim_tasks(&claim).await.unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

async fn end(
    fixture: &Fixture,
    task: &ClaimedTask,
    outcome: Result<Json, (String, bool)>,
) -> Result<(), OpError> {
    let (task, attempt, caller) = (task.task.clone(), task.attempt, "worker-1".to_owned());
    fixture.ops.end_task(&EndTask { task, attempt, outcome, caller }).await.map(drop)
}

/// What a worker says once more, late, about the work itself makes nothing good, and takes nothing from whoever does.
#[tokio::test]
async fn a_late_answer_to_the_work_is_none_to_making_it_good() {
    on_every_store(async |fixture| {
        let (run, book) = booked(&fixture).await;
        assert!(back(&fixture, &run, "Book#1", true).await.unwrap().is_done);
        let unbook = claimed(&fixture, "task:unbook").await;
        assert_eq!((unbook.attempt, book.attempt), (1, 1));
        assert_eq!(unbook.task.to_string(), format!("{run}:Book#1:compensate@5"));
        assert_ne!(unbook.key, book.key);

        let is_lost = |outcome: Result<(), OpError>| {
            let error = outcome.unwrap_err();
            let OpError::Store(StoreError::LeaseLost { task }) = error else { panic!("{error}") };
            assert_eq!(task.to_string(), format!("{run}:Book#1"));
        };
        is_lost(end(&fixture, &book, Ok(json!({ "room": "7", "price": 90 }))).await);
        is_lost(end(&fixture, &book, Err(("too late".to_owned(), false))).await);
        let held = Held { task: book.task.clone(), attempt: book.attempt };
        is_lost(fixture.ops.extend_task(held, Span(60_000_000_000), "worker-1").await);
        assert_eq!(fixture.standing(&run).await.making_good, ["Book#1"]);

        // Nothing of what it gives is kept, so it may be anything.
        end(&fixture, &unbook, Ok(json!("cancelled by phone"))).await.unwrap();
        let standing = fixture.standing(&run).await;
        assert_eq!(standing.making_good, [""; 0]);
        assert_eq!(standing.states[0].visit.0, 2);
        is_whole(&fixture, &run).await;
    })
    .await;
}

/// A run that was paused when a piece could not be made good says that too, and attempts are counted on.
#[tokio::test]
async fn what_cannot_be_made_good_is_said_although_the_run_is_paused() {
    on_every_store(async |fixture| {
        let (run, _) = booked(&fixture).await;
        back(&fixture, &run, "Book#1", true).await.unwrap();
        let unbook = claimed(&fixture, "task:unbook").await;
        fixture.pass("2h");
        let reason = fixture.standing(&run).await.reason.unwrap();
        assert!(reason.starts_with("over_limit"), "{reason}");
        end(&fixture, &unbook, Err(("they keep the money".to_owned(), false))).await.unwrap();
        let reason = fixture.standing(&run).await.reason.unwrap();
        assert!(
            reason.starts_with("stuck: `Book#1` could not be made good: they keep"),
            "{reason}"
        );
        assert!(reason.contains("resume the run to try again"), "{reason}");
        assert!(reason.contains("it was paused already, over_limit: "), "{reason}");

        let limits = Limits { max_duration: Some(Span(86_400_000_000_000)), ..Limits::default() };
        let raise = SetLimits {
            run: RunRef::from(run.as_str()),
            limits,
            note: None,
            caller: "ada".to_owned(),
        };
        fixture.ops.limit(&raise).await.unwrap();
        if fixture.standing(&run).await.status == Status::Paused {
            control(&fixture, &run, Control::Resume).await.unwrap();
        }
        let again = claimed(&fixture, "task:unbook").await;
        assert_eq!((&again.task, again.attempt), (&unbook.task, 2));
        let late = end(&fixture, &unbook, Ok(json!(null))).await.unwrap_err();
        assert!(matches!(late, OpError::Store(StoreError::LeaseLost { .. })), "{late}");
        end(&fixture, &again, Ok(json!(null))).await.unwrap();
        assert_eq!(fixture.standing(&run).await.making_good, [""; 0]);
        is_whole(&fixture, &run).await;
    })
    .await;
}

const LEAF: &str = "
name: leaf
initial: Pay
states:
  Pay: { task: pay, irreversible: true, onDone: END }
  END: { type: final }
";

const MIDDLE: &str = "
name: middle
attributes: { city: { type: string, default: Rome } }
initial: Book
states:
  Book: { task: book, onDone: Deeper, compensate: { task: unbook, input: { city: '{{ city }}' } } }
  Deeper: { run: leaf, onDone: END }
  END: { type: final }
";

const ABOVE: &str = "
name: above
initial: Plan
states:
  Plan: { on: { Go: Launch } }
  Launch: { run: middle, onDone: There }
  There: { on: { Home: END } }
  END: { type: final }
";

/// What runs below did that lasts is named by the run they were launched by, with what would make it good, and has to be
/// confirmed: going back makes nothing of it good.
#[tokio::test]
async fn b8_what_runs_below_did_that_lasts_is_named() {
    on_every_store(async |fixture| {
        for workflow in [LEAF, MIDDLE, ABOVE] {
            fixture.define(workflow).await;
        }
        let request = StartRun {
            workflow: Some("above".to_owned()),
            driver: Driver::Engine,
            ..StartRun::default()
        };
        let run = fixture.ops.start_run(&request).await.unwrap().standing.name.run;
        fixture.send(&run, "Go", json!({}), None).await.unwrap();
        let log = Log::default();
        work(&fixture, &run, &log, |_, states| states == ["There#1"]).await;

        let asked = back(&fixture, &run, "Plan#1", false).await.unwrap();
        assert!(!asked.is_done);
        let told = text::rolled_back(&asked, text::Words::Commands);
        let named: Vec<&str> = told.lines().filter(|line| line.starts_with("it would")).collect();
        assert_eq!(
            named,
            [
                r#"it would not undo: r-2 Book#1; to make it good: <<{"task":"unbook","input":{"city":"Rome"}}>>"#,
                "it would not undo: r-3 Pay#1",
            ]
        );
        assert!(told.contains("what launched runs did is left to people: only `guidepost cancel"), "{told}");
        let forked = Fork {
            run: RunRef::from(run.as_str()),
            at: Some(Place::Named("Plan#1".to_owned())),
            set: serde_json::Map::new(),
            key: None,
            confirm: false,
            note: None,
            caller: "ada".to_owned(),
        };
        assert_eq!(fixture.ops.fork(&forked).await.unwrap().lasting.len(), 2);
        let ending = cancel(&fixture, &run, false).await.unwrap();
        assert_eq!((ending.is_done, ending.lasting.len()), (false, 2));

        assert!(back(&fixture, &run, "Plan#1", true).await.unwrap().is_done);
        is_whole(&fixture, &run).await;
    })
    .await;
}

const SECRET: &str = "
name: secret
attributes: { token: { type: string, sensitive: true }, tokens: { type: string, is_array: true, sensitive: true }, room: { type: string } }
initial: Open
states:
  Open: { task: open, output: [token, tokens, room], onDone: Each, compensate: { task: close, prompt: 'Say {{ token }}', input: { with: '{{ token }}', all: 'x {{ token }}', room: '{{ room }}', fixed: y } } }
  Each: { task: each, for_each: tokens, onDone: Knock, compensate: { task: uneach, input: { who: '{{ item }}', nth: '{{ index }}' } } }
  Call: { task: call, output: [room], onDone: Stay, compensate: 'Tell {{ token }}.' }
  Knock: { task: knock, onDone: Call, compensate: 'Open {{ room }}.' }
  Stay: { on: { Leave: END } }
  END: { type: final }
";

/// What makes work good is shown without what is sensitive, wherever it is shown; whoever does it is told all of it.
#[tokio::test]
async fn what_is_sensitive_is_not_shown_in_what_makes_good() {
    on_every_store(async |fixture| {
        fixture.define(SECRET).await;
        let request = StartRun {
            workflow: Some("secret".to_owned()),
            driver: Driver::Engine,
            ..StartRun::default()
        };
        let run = fixture.ops.start_run(&request).await.unwrap().standing.name.run;
        let open = claimed(&fixture, "task:open").await;
        let gave = json!({ "token": "s3cret", "tokens": ["s3cret-1"], "room": "7" });
        end(&fixture, &open, Ok(gave)).await.unwrap();
        let each = claimed(&fixture, "task:each").await;
        end(&fixture, &each, Ok(json!({}))).await.unwrap();
        end(&fixture, &claimed(&fixture, "task:knock").await, Ok(json!({}))).await.unwrap();
        end(&fixture, &claimed(&fixture, "task:call").await, Ok(json!("8"))).await.unwrap();

        let asked = cancel(&fixture, &run, false).await.unwrap();
        let prompt = |n: usize| asked.compensations[n].prompt.as_deref();
        // What a person is to do is told with what the run knew then.
        assert_eq!([prompt(0), prompt(1)], [Some("(sensitive)"), Some("Open 7.")]);
        let input = |n: usize| asked.compensations[n].spec["input"].clone();
        assert_eq!(input(2), json!({ "who": "(sensitive)", "nth": 0 }));
        let hidden =
            json!({ "with": "(sensitive)", "all": "(sensitive)", "room": "7", "fixed": "y" });
        assert_eq!(input(3), hidden);
        assert_eq!(prompt(3), Some("(sensitive)"));
        let without = Rollback {
            run: RunRef::from(run.as_str()),
            to: Place::Named("Open#1".to_owned()),
            confirm: false,
            compensate: false,
            note: None,
            caller: "ada".to_owned(),
        };
        let without = fixture.ops.roll_back(&without).await.unwrap();
        let remedies: Vec<&Json> = without.lasting.iter().map(|one| &one.compensate).collect();
        assert_eq!(remedies[..2], ["(sensitive)", "Open 7."]);
        assert_eq!(remedies[3]["input"], hidden);
        let back = back(&fixture, &run, "Open#1", true).await.unwrap();
        let read = ReadHistory {
            run: RunRef::from(run.as_str()),
            newest_first: false,
            kinds: vec!["compensating".to_owned()],
            limit: 100,
            cursor: None,
        };
        let history = fixture.ops.history(&read).await.unwrap().items;
        assert_eq!(history[0].body["work"][3]["spec"]["input"], hidden);
        for shown in [
            serde_json::to_string(&asked).unwrap(),
            serde_json::to_string(&without).unwrap(),
            serde_json::to_string(&back).unwrap(),
            serde_json::to_string(&history).unwrap(),
            text::ending(&asked, text::Words::Commands),
            text::rolled_back(&back, text::Words::Commands),
        ] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        for prompt in ["Tell s3cret.", "Open 7."] {
            let asked = claimed(&fixture, "task:person").await;
            assert_eq!(asked.prompt.as_deref(), Some(prompt));
            end(&fixture, &asked, Ok(json!(null))).await.unwrap();
        }
        assert_eq!(claimed(&fixture, "task:uneach").await.spec["input"]["who"], "s3cret-1");
    })
    .await;
}

/// Going back once more, or cancelling, forgets nothing that is still to be made good: it is made good, or named.
#[tokio::test]
async fn what_is_left_to_make_good_is_not_forgotten_by_going_back_again() {
    on_every_store(async |fixture| {
        let (run, _) = booked(&fixture).await;
        assert!(back(&fixture, &run, "Book#1", true).await.unwrap().is_done);
        let again = cancel(&fixture, &run, false).await.unwrap_err();
        assert!(again.to_string().contains("made good first: `Book#1`"), "{again}");

        let now = fixture.standing(&run).await.rev.to_string();
        let asked = back(&fixture, &run, &now, false).await.unwrap();
        let pieces = asked.compensations.iter().map(|work| work.state.to_string());
        assert_eq!((asked.is_done, pieces.collect::<Vec<_>>()), (false, vec!["Book".to_owned()]));
        let request = |confirm| Rollback {
            run: RunRef::from(run.as_str()),
            to: Place::Named(now.clone()),
            confirm,
            compensate: false,
            note: None,
            caller: "ada".to_owned(),
        };
        let asked = fixture.ops.roll_back(&request(false)).await.unwrap();
        let told = text::rolled_back(&asked, text::Words::Commands);
        assert!(
            !asked.is_done && told.contains("it would not undo: Book#1; to make it good"),
            "{told}"
        );
        let gone = fixture.ops.roll_back(&request(true)).await.unwrap();
        assert!(gone.is_done && gone.standing.making_good.is_empty());
        claimed(&fixture, "task:book").await;
        is_whole(&fixture, &run).await;
    })
    .await;
}

const LETTER: &str = "
name: letter
attributes: { to: { type: string, default: Ada }, number: { type: string } }
initial: Write
states:
  Write: { task: write, onDone: Post }
  Post: { task: post, output: [number], onDone: Sent, compensate: 'Call {{ to }}: letter {{ number }} is void.' }
  Sent: { on: { Close: END } }
  END: { type: final }
";

/// A text says what a person is to do: it is a task of theirs, and the run goes on when they say that it is done.
#[tokio::test]
async fn b8_what_a_person_is_to_make_good_is_a_task_for_a_person() {
    on_every_store(async |fixture| {
        fixture.define(LETTER).await;
        let request = StartRun {
            workflow: Some("letter".to_owned()),
            driver: Driver::Engine,
            ..StartRun::default()
        };
        let run = fixture.ops.start_run(&request).await.unwrap().standing.name.run;
        end(&fixture, &claimed(&fixture, "task:write").await, Ok(json!(null))).await.unwrap();
        end(&fixture, &claimed(&fixture, "task:post").await, Ok(json!("17"))).await.unwrap();

        let asked = back(&fixture, &run, "Write#1", false).await.unwrap();
        let told = text::rolled_back(&asked, text::Words::Commands);
        let named: Vec<&str> = told.lines().skip(1).take(2).collect();
        assert_eq!(
            named,
            [
                "it would make good first: Post#1 by task person, <<Call Ada: letter 17 is void.>>",
                "whoever does that gets it with `guidepost tasks claim task:person`",
            ]
        );
        assert_eq!((asked.is_done, asked.lasting.len()), (false, 0), "{told}");
        assert!(back(&fixture, &run, "Write#1", true).await.unwrap().is_done);

        let person = claimed(&fixture, "task:person").await;
        assert_eq!(person.prompt.as_deref(), Some("Call Ada: letter 17 is void."));
        assert_eq!(fixture.standing(&run).await.making_good, ["Post#1"]);
        let busy = end(&fixture, &person, Err(("nobody answers".to_owned(), true))).await;
        busy.unwrap();
        let standing = fixture.standing(&run).await;
        let reason = standing.reason.unwrap();
        assert!(reason.contains("`Post#1` could not be made good: nobody answers"), "{reason}");
        control(&fixture, &run, Control::Resume).await.unwrap();
        end(&fixture, &claimed(&fixture, "task:person").await, Ok(json!(null))).await.unwrap();
        assert_eq!(fixture.standing(&run).await.making_good, [""; 0]);
        claimed(&fixture, "task:write").await;
        is_whole(&fixture, &run).await;
    })
    .await;
}
