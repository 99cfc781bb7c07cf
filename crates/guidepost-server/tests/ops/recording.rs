//! Recording makes nobody's rev stale, however much is recorded: facts take a seq, never a rev.

use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use guidepost_server::ops::{Kind, Log, OpError, Ops};
use serde_json::json;
use tokio::sync::watch;

use crate::log::{act, entry, log};
use crate::support::{Fixture, on_every_store};

/// A loop to step through.
const PING: &str = "
name: ping
initial: a
states:
  a: { on: { NEXT: b } }
  b: { on: { NEXT: a } }
";

/// What is recorded within one second of the test's clock.
const FACTS: u64 = 1_000;
/// How many of them arrive at least between what the agent is shown and what it does.
const BETWEEN: u64 = 100;

/// An agent is shown a rev and answers with it, while another recorder keeps writing; returns what its moves gave. Each
/// move waits until more was written since the agent was shown where it is.
async fn step_while(
    fixture: &Fixture,
    run: &str,
    write: impl AsyncFn(),
) -> Vec<Result<Rev, OpError>> {
    let (written, seen) = watch::channel(0);
    let recorder = async {
        for _ in 0..FACTS {
            fixture.pass("1ms");
            write().await;
            written.send_modify(|count| *count += 1);
            tokio::task::yield_now().await;
        }
    };
    let agent = async {
        let mut seen = seen.clone();
        let mut moves = Vec::new();
        while *seen.borrow() + BETWEEN <= FACTS {
            let shown = fixture.standing(run).await.rev;
            let enough = *seen.borrow() + BETWEEN;
            if seen.wait_for(|count| *count >= enough.min(FACTS)).await.is_err() {
                break;
            }
            let moved = fixture.send(run, "NEXT", json!({}), Some(shown.0)).await;
            moves.push(moved.map(|moved| moved.after));
        }
        moves
    };
    tokio::join!(recorder, agent).1
}

#[tokio::test]
async fn a_run_recorded_at_a_thousand_facts_a_second_accepts_the_rev_last_shown() {
    on_every_store(async |fixture| {
        fixture.define(PING).await;
        let run = fixture.start("ping", json!({})).await;
        let moves = step_while(&fixture, &run, async || {
            act(&fixture, &run, "tool_execution", "read a file").await;
        })
        .await;
        let revs: Vec<Rev> = moves.into_iter().map(Result::unwrap).collect();
        assert!(revs.len() >= 5, "the agent moved {} times only", revs.len());
        let expected: Vec<Rev> = (3..).map(Rev).take(revs.len()).collect();
        assert_eq!(revs, expected, "only moves take a rev");
        let last = log(&fixture, &run, vec![entry("note", "done", json!({}))]).await;
        let seq = 2 + FACTS + revs.len() as u64 + 1;
        assert!(last.starts_with(&format!("logged e-{seq} ")), "everything takes a seq: {last}");
    })
    .await;
}

/// What the test above would see if a fact took a rev and moved the run, as an event does.
#[tokio::test]
async fn what_takes_a_rev_makes_the_rev_last_shown_stale() {
    on_every_store(async |fixture| {
        fixture.define(PING).await;
        let run = fixture.start("ping", json!({})).await;
        let moves = step_while(&fixture, &run, async || {
            fixture.send(&run, "NEXT", json!({}), None).await.unwrap();
        })
        .await;
        assert!(moves.len() >= 5);
        for refused in moves {
            assert_eq!(refused.unwrap_err().kind(), Kind::Stale);
        }
    })
    .await;
}

/// By the real clock: another task records ten facts every 10 ms, as long as the agent is at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_real_clock_too_a_rev_outlives_what_is_recorded() {
    const AT_ONCE: u64 = 10;
    const MOVES: u64 = 10;
    for mut fixture in [Fixture::memory(), Fixture::sqlite()] {
        fixture.ops = Arc::new(Ops::new(guidepost_store::open(&fixture.url).unwrap()));
        fixture.define(PING).await;
        let run = fixture.start("ping", json!({})).await;
        let (written, mut seen) = watch::channel(0);
        let (ops, recorded) = (Arc::clone(&fixture.ops), RunRef::from(run.as_str()));
        let recorder = tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(AT_ONCE));
            while !written.is_closed() {
                tick.tick().await;
                let fact = || entry("action", "read a file", json!({ "type": "tool_execution" }));
                let entries = (0..AT_ONCE).map(|_| fact()).collect();
                let log = Log { run: recorded.clone(), entries, caller: "recorder".to_owned() };
                ops.log(&log).await.unwrap();
                written.send_modify(|count| *count += AT_ONCE);
            }
            *written.borrow()
        });
        for _ in 0..MOVES {
            let shown = fixture.standing(&run).await.rev;
            let enough = *seen.borrow() + BETWEEN;
            drop(seen.wait_for(|count| *count >= enough).await.unwrap());
            let moved = fixture.send(&run, "NEXT", json!({}), Some(shown.0)).await.unwrap();
            assert_eq!(moved.after.0, shown.0 + 1, "only moves take a rev");
        }
        drop(seen);
        let facts: u64 = recorder.await.unwrap();
        assert!(facts >= MOVES * BETWEEN, "only {facts} facts were recorded");
        let last = log(&fixture, &run, vec![entry("note", "done", json!({}))]).await;
        let seq = 2 + facts + MOVES + 1;
        assert!(last.starts_with(&format!("logged e-{seq} ")), "everything takes a seq: {last}");
    }
}
