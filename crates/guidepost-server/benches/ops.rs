//! What operations cost as runs grow: flat, if the promises hold.
//!
//! Prints a line of JSON for each pair; `floor` is the same operation on a small run, and `ratio` how many times as much it
//! costs on a large one. `--quick` takes fewer pairs.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

#[path = "../../../benches/line.rs"]
mod line;

use std::time::Instant;

use guidepost_core::id::RunRef;
use guidepost_server::ops::{
    Allowed, Define, Detail, Log, LogEntry, Ops, SendEvent, StartRun, WhereAmI,
};
use guidepost_store::open;
use serde_json::Map;

use crate::line::line;

const PING: &str = "
name: ping
initial: a
states:
  a: { on: { NEXT: b } }
  b: { on: { NEXT: a } }
";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    where_with_many_records(quick).await;
}

/// Operations over a store of its own. What is read does not depend on whether the disk keeps it, and filling the runs takes
/// less time so.
async fn open_in(folder: &tempfile::TempDir) -> Ops {
    let url = format!("sqlite:{}?durability=process", folder.path().join("bench.db").display());
    let ops = Ops::new(open(&url).expect("a store"));
    define(&ops, PING).await;
    ops
}

async fn define(ops: &Ops, text: &str) {
    let request = Define {
        text: text.to_owned(),
        file: "bench.yaml".to_owned(),
        save: true,
        allowed: Allowed::Everything,
        caller: "bench".to_owned(),
    };
    ops.define(&request).await.expect("the definition is sound");
}

async fn start(ops: &Ops, workflow: &str) -> RunRef {
    let request = StartRun {
        workflow: Some(workflow.to_owned()),
        caller: "bench".to_owned(),
        ..StartRun::default()
    };
    let started = ops.start_run(&request).await.expect("the run starts");
    RunRef::from(started.standing.name.run_no)
}

async fn send(ops: &Ops, run: &RunRef, event: &str, data: Map<String, serde_json::Value>) {
    let request = SendEvent {
        run: run.clone(),
        event: event.to_owned(),
        data,
        rev: None,
        note: None,
        caller: "bench".to_owned(),
    };
    ops.send_event(&request).await.expect("the event is legal");
}

/// `where` on a run with 100,000 records (half of them facts, a tenth moves) against one with 10.
async fn where_with_many_records(quick: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ops = &open_in(&folder).await;
    let (few, many) = (start(ops, "ping").await, start(ops, "ping").await);
    fill(ops, &few, 10).await;
    fill(ops, &many, 100_000).await;
    let pairs = if quick { 6 } else { 15 };
    for _ in 0..pairs {
        let (value, floor) = (micros_of_where(ops, &many).await, micros_of_where(ops, &few).await);
        line("where-100000-records-us", value, floor);
    }
}

async fn fill(ops: &Ops, run: &RunRef, records: usize) {
    let facts = |count: usize| Log {
        run: run.clone(),
        entries: (0..count)
            .map(|n| LogEntry {
                kind: "action".to_owned(),
                text: format!("step {n}"),
                ..LogEntry::default()
            })
            .collect(),
        caller: "bench".to_owned(),
    };
    let mut written = 2;
    while written < records {
        send(ops, run, "NEXT", Map::new()).await;
        let count = (records - written - 1).min(if records > 100 { 999 } else { 3 });
        if count > 0 {
            ops.log(&facts(count)).await.expect("facts are recorded");
        }
        written += 1 + count;
    }
}

async fn micros_of_where(ops: &Ops, run: &RunRef) -> f64 {
    const CALLS: u32 = 200;
    let question = WhereAmI { run: run.clone(), detail: Detail::Brief };
    let begun = Instant::now();
    for _ in 0..CALLS {
        ops.where_am_i(&question).await.expect("the run is there");
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}
