//! What is due, and following along, over every store.

use std::time::Duration;

use guidepost_core::id::{RunRef, Tenant};
use guidepost_core::input::Control;
use guidepost_core::recorded::{Fact, FactBody, Note};
use guidepost_core::run::Status;
use guidepost_server::ops::{ControlRun, DeleteRun, Seen, StartRun};
use guidepost_server::text;
use serde_json::json;

use crate::support::{BUGFIX, Fixture, event_of, on_every_store};

async fn due(fixture: &Fixture, run: Option<&str>) -> Vec<String> {
    let found = fixture.ops.timers(run.map(RunRef::from).as_ref()).await.unwrap();
    found.timers.iter().map(|due| text::due(due, found.now)).collect()
}

async fn control(fixture: &Fixture, run: &str, control: Control) {
    let run = RunRef::from(run);
    let request = ControlRun { run, control, note: None, caller: "ada".to_owned() };
    fixture.ops.control_run(&request).await.unwrap();
}

/// Timers of all runs are told soonest first; of a run that is paused only to those who ask for it, as held.
#[tokio::test]
async fn what_is_due_is_told_soonest_first() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        assert_eq!(due(&fixture, None).await, Vec::<String>::new());
        let first = fixture.start("bugfix", json!({ "issue": "#1" })).await;
        fixture.pass("1h");
        let second = fixture.start("bugfix", json!({ "issue": "#2" })).await;
        assert_eq!(
            due(&fixture, None).await,
            [
                "2026-02-03T12:00:00Z  r-1  bugfix  after 3d in fix  in 2d23h",
                "2026-02-03T13:00:00Z  r-2  bugfix  after 3d in fix  in 3d",
            ]
        );
        control(&fixture, &first, Control::Pause).await;
        assert_eq!(due(&fixture, None).await.len(), 1);
        assert_eq!(
            due(&fixture, Some(&first)).await,
            ["2026-02-03T12:00:00Z  r-1  bugfix  after 3d in fix  held: the run is paused"]
        );
        fixture.send(&second, "submit", json!({ "pr": "#1" }), None).await.unwrap();
        assert_eq!(due(&fixture, Some(&second)).await, Vec::<String>::new());
        // What came due while nobody looked is settled, and due no more.
        control(&fixture, &first, Control::Resume).await;
        fixture.pass("100h");
        assert_eq!(due(&fixture, None).await, Vec::<String>::new());
        assert_eq!(fixture.standing(&first).await.status, Status::Completed);
    })
    .await;
}

/// A try to come is due like a timer.
#[tokio::test]
async fn a_try_to_come_is_due() {
    on_every_store(async |fixture| {
        fixture.define("name: pay\nsteps:\n  - { name: Charge, task: charge, retry: { max_attempts: 2, delay: 1h } }\n").await;
        let start = StartRun {
            workflow: Some("pay".to_owned()),
            driver: guidepost_core::run::Driver::Engine,
            caller: "ada".to_owned(),
            ..StartRun::default()
        };
        fixture.ops.start_run(&start).await.unwrap();
        assert_eq!(due(&fixture, None).await, Vec::<String>::new());
        let claim = guidepost_server::ops::ClaimTasks {
            queues: vec!["task:charge".to_owned()],
            limit: 1,
            lease: guidepost_server::ops::WORKER_LEASE,
            caller: "worker".to_owned(),
        };
        let task = fixture.ops.claim_tasks(&claim).await.unwrap().remove(0).task;
        let end = guidepost_server::ops::EndTask {
            task,
            attempt: 1,
            outcome: Err(("no paper".to_owned(), true)),
            caller: "worker".to_owned(),
        };
        fixture.ops.end_task(&end).await.unwrap();
        let found = fixture.ops.timers(None).await.unwrap().timers;
        assert_eq!((found.len(), found[0].what.as_str()), (1, "try 2 of Charge"));
        assert_eq!(found[0].state.as_ref().unwrap().as_str(), "Charge");
    })
    .await;
}

fn told(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| format!("{} {}", seen.run, text::seen(seen))).collect()
}

/// Who watches a run sees each record once, in order, made by whatever process, and hears of its end.
#[tokio::test]
async fn a_run_is_followed_to_its_end() {
    let fixture = Fixture::sqlite();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#1" })).await;
    let other = fixture.start("bugfix", json!({ "issue": "#2" })).await;
    let mut watcher = fixture.ops.watch(Some(&RunRef::from(run.as_str()))).await.unwrap();
    let elsewhere = fixture.another();
    for (of, event, data) in [
        (&other, "give_up", json!({})),
        (&run, "submit", json!({ "pr": "#1" })),
        (&run, "approve", json!({})),
    ] {
        elsewhere.send_event(&event_of(of, event, data, None)).await.unwrap();
    }
    let mut seen = Vec::new();
    while let Some(news) = watcher.next().await.unwrap() {
        seen.extend(told(&news));
    }
    assert_eq!(
        seen,
        [
            "r-1 e-3 rev 3 writer-1: submit, fix -> review with <<{\"pr\":\"#1\"}>>",
            "r-1 e-4 rev 4 writer-1: approve, review -> merged",
            "r-1 e-5 rev 5: completed  [completed in merged]",
        ]
    );
    // One that is over has nothing to tell.
    let mut over = fixture.ops.watch(Some(&RunRef::from(run.as_str()))).await.unwrap();
    assert_eq!(over.next().await.unwrap(), None);
}

/// Who watches all runs sees those that begin, and is not stopped by one that ends or is deleted.
#[tokio::test]
async fn all_runs_are_followed() {
    on_every_store(async |fixture| {
        fixture.define(BUGFIX).await;
        let mut watcher = fixture.ops.watch(None).await.unwrap();
        let run = fixture.start("bugfix", json!({ "issue": "#1" })).await;
        let begun = told(&watcher.next().await.unwrap().unwrap());
        assert_eq!(
            begun,
            [
                "r-1 e-1 rev 1 writer-1: started bugfix",
                "r-1 e-2 rev 2: began in fix  [running in fix]",
            ]
        );
        fixture.send(&run, "give_up", json!({}), None).await.unwrap();
        let delete = DeleteRun {
            run: RunRef::from(run.as_str()),
            cancel: false,
            note: None,
            caller: "ada".to_owned(),
        };
        fixture.ops.delete_run(&delete).await.unwrap();
        fixture.start("bugfix", json!({ "issue": "#2" })).await;
        let next = told(&watcher.next().await.unwrap().unwrap());
        assert_eq!(next.len(), 2, "{next:?}");
        assert!(next[0].starts_with("r-2 e-1 "), "{next:?}");
        // A timer comes due while somebody watches, and nobody else is there.
        fixture.pass("80h");
        let late = tokio::time::timeout(Duration::from_secs(10), watcher.next()).await.unwrap();
        let late = told(&late.unwrap().unwrap());
        assert!(late[0].contains("after 3d"), "{late:?}");
    })
    .await;
}

/// However much others did meanwhile, what happened in the run that is followed is told at once.
#[tokio::test]
async fn who_watches_one_run_is_not_kept_waiting_by_others() {
    let fixture = Fixture::memory();
    fixture.define(BUGFIX).await;
    let run = fixture.start("bugfix", json!({ "issue": "#1" })).await;
    let other = fixture.start("bugfix", json!({ "issue": "#2" })).await;
    let mut watcher = fixture.ops.watch(Some(&RunRef::from(run.as_str()))).await.unwrap();
    let note = Note { text: "busy".to_owned(), ..Note::default() };
    let body = FactBody::Note(note);
    let fact = Fact { at: None, observed: false, by: "ada".to_owned(), body };
    let others = vec![fact; 1_200];
    let tenant = Tenant::default();
    fixture.ops.store().record(&tenant, other.parse().unwrap(), others).await.unwrap();
    fixture.send(&run, "give_up", json!({}), None).await.unwrap();
    // A store in memory waits for nothing, so that only a pause would.
    let mut next = std::pin::pin!(watcher.next());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match next.as_mut().poll(&mut context) {
        std::task::Poll::Ready(news) => {
            assert!(told(&news.unwrap().unwrap())[0].contains("give_up"))
        }
        std::task::Poll::Pending => panic!("it pauses although there is more"),
    }
}
