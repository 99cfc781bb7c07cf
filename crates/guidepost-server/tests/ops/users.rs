//! Many users at once, over one file (S3.7).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use guidepost_core::id::{RunNo, StateId};
use guidepost_core::run::{Driver, Status};
use guidepost_engine::{Call, Engine, Failure, Handlers};
use guidepost_server::ops::{
    Allowed, Define, Detail, Ops, Place, ReplayRun, Rollback, Standing, StartRun, WhereAmI,
};
use serde_json::{Map, Value as Json, json};

const USERS: usize = 40;

/// The user whose last step fails until somebody helps.
const UNLUCKY: usize = 7;

/// The user who wants to order something else.
const UNDECIDED: usize = 13;

const VISIT: &str = "
name: visit
attributes:
  user: { type: string, required: true }
  greeting: { type: string }
  order: { type: string }
  receipt: { type: string }
steps:
  - { name: Greet, agent: host, prompt: '{{ user }}', output: [greeting] }
  - { name: Order, agent: waiter, prompt: '{{ greeting }}', output: [order] }
  - { name: Pay, agent: till, prompt: '{{ order }}', output: [receipt] }
output: { receipt: receipt }
";

fn user(n: usize) -> String {
    format!("<user {n}>")
}

/// Who does the steps. While the till is closed, the second half of the users is kept waiting there.
fn staff(is_open: bool, is_mended: &Arc<AtomicBool>) -> Handlers {
    let is_mended = Arc::clone(is_mended);
    let says = |what: &'static str| {
        move |call: Call| async move { Ok(json!(format!("{what} {}", call.prompt.unwrap_or_default()))) }
    };
    let pay = move |call: Call| {
        let is_mended = is_mended.load(Ordering::SeqCst);
        async move {
            let order = call.prompt.unwrap_or_default();
            if order.contains(&user(UNLUCKY)) && !is_mended {
                return Err(Failure::lasting("the card is not read"));
            }
            if !is_open && (USERS / 2..USERS).any(|n| order.contains(&user(n))) {
                std::future::pending::<()>().await;
            }
            Ok(json!(format!("paid {order}")))
        }
    };
    Handlers::new().agent("host", says("hello")).agent("waiter", says("order")).agent("till", pay)
}

async fn standing(ops: &Ops, run: RunNo) -> Standing {
    ops.where_am_i(&WhereAmI { run: run.into(), detail: Detail::Brief }).await.unwrap()
}

/// The runs of a status, as soon as there are so many.
async fn until(ops: &Ops, runs: &[RunNo], status: Status, count: usize) -> Vec<RunNo> {
    let begun = Instant::now();
    loop {
        let mut found = Vec::new();
        for run in runs {
            if standing(ops, *run).await.status == status {
                found.push(*run);
            }
        }
        if found.len() >= count {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{} of {count}", found.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn go_back(ops: &Ops, run: RunNo, state: &str, caller: &str) {
    let rollback = Rollback {
        run: run.into(),
        to: Place::State(StateId::from(state)),
        confirm: false,
        compensate: true,
        note: None,
        caller: caller.to_owned(),
    };
    assert!(ops.roll_back(&rollback).await.unwrap().is_done);
}

/// S3.7: forty users at once, each by a door of his own to one file. The engine is stopped in the middle and another goes on, one
/// user's step fails and is done again, another goes back: every run ends with its user's data, and no run has a word of
/// anybody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s3_7_many_users_at_once_have_each_their_own() {
    let keep = tempfile::tempdir().unwrap();
    let file = keep.path().join("guidepost.db");
    let open = || Ops::new(guidepost_store::open(&file.display().to_string()).unwrap());
    let ops = open();
    let define = Define {
        text: VISIT.to_owned(),
        file: "visit.yaml".to_owned(),
        save: true,
        allowed: Allowed::Everything,
        caller: "ada".to_owned(),
    };
    ops.define(&define).await.unwrap();
    let is_mended = Arc::new(AtomicBool::new(false));
    let first = Engine::new(ops.shared_store()).with_handlers(staff(false, &is_mended)).start();
    let arrivals = (0..USERS).map(|n| {
        let ops = open();
        tokio::spawn(async move {
            let start = StartRun {
                workflow: Some("visit".to_owned()),
                input: Map::from_iter([("user".to_owned(), json!(user(n)))]),
                driver: Driver::Engine,
                caller: user(n),
                ..StartRun::default()
            };
            ops.start_run(&start).await.unwrap().standing.name.run_no
        })
    });
    let mut runs = Vec::with_capacity(USERS);
    for arrival in arrivals.collect::<Vec<_>>() {
        runs.push(arrival.await.unwrap());
    }
    until(&ops, &runs, Status::Completed, USERS / 2 - 1).await;
    assert_eq!(until(&ops, &runs, Status::Failed, 1).await, [runs[UNLUCKY]]);
    first.stop().await;
    let over = until(&ops, &runs, Status::Completed, 0).await.len();
    assert_eq!(over, USERS / 2 - 1, "the others are in the middle");
    is_mended.store(true, Ordering::SeqCst);
    go_back(&ops, runs[UNLUCKY], "Pay", &user(UNLUCKY)).await;
    go_back(&ops, runs[UNDECIDED], "Order", &user(UNDECIDED)).await;

    let ops = open();
    let second = Engine::new(ops.shared_store()).with_handlers(staff(true, &is_mended)).start();
    until(&ops, &runs, Status::Completed, USERS).await;
    second.stop().await;
    let db = rusqlite::Connection::open(&file).unwrap();
    for (n, run) in runs.iter().enumerate() {
        let at_end = standing(&ops, *run).await;
        let receipt = format!("paid order hello {}", user(n));
        assert_eq!(at_end.data["receipt"], Json::from(receipt.as_str()));
        assert_eq!(at_end.data["user"], Json::from(user(n)));
        let said = texts(&db, *run);
        assert!(said.contains(&receipt), "{said}");
        for other in (0..USERS).filter(|other| *other != n).map(user) {
            assert!(!said.contains(&other), "{} knows {other}: {said}", user(n));
        }
        assert_eq!(ops.verify_run(&(*run).into()).await.unwrap().verified.problems, []);
        let replay = ReplayRun { run: (*run).into(), against: None };
        assert_eq!(ops.replay(&replay).await.unwrap().divergence, None);
    }
    let orders = texts(&db, runs[UNDECIDED]).matches("\"Order\"").count();
    assert!(orders > texts(&db, runs[0]).matches("\"Order\"").count(), "he ordered twice");
}

/// All that is on record of a run, and all that was said in it.
fn texts(db: &rusqlite::Connection, run: RunNo) -> String {
    let mut statement = db
        .prepare(
            "SELECT payload FROM record WHERE run_no = ?1 AND payload IS NOT NULL UNION ALL
             SELECT u.payload FROM turn AS u JOIN thread AS t USING (thread_id) WHERE t.run_no = ?1",
        )
        .unwrap();
    let rows = statement.query_map([run.0], |row| row.get::<_, String>(0));
    rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n")
}
