//! What operations cost as runs grow: flat, if the promises hold.
//!
//! Prints one JSON line per figure; `floor` is the same operation on a small run, and `ratio` how many times as much it
//! costs on a large one. `--quick` takes fewer samples.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::time::Instant;

use guidepost_core::id::RunRef;
use guidepost_server::ops::{
    Allowed, Define, Detail, Log, LogEntry, Ops, SendEvent, StartRun, WhereAmI,
};
use guidepost_store::open;
use serde_json::{Map, json};

const PING: &str = "
name: ping
initial: a
states:
  a: { on: { NEXT: b } }
  b: { on: { NEXT: a } }
";

const GATHER: &str = "
name: gather
attributes: { notes: { type: string, is_array: true, default: [] } }
initial: a
states:
  a: { on: { ADD: { actions: [{ append: { notes: event.note } }] } } }
";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    where_with_many_records(quick).await;
    bytes_per_step(quick).await;
}

/// Operations over a store of its own, with both workflows. What is counted does not depend on whether the disk keeps it, and
/// filling the runs takes less time so.
async fn open_in(folder: &tempfile::TempDir) -> Ops {
    let url = format!("sqlite:{}?durability=process", folder.path().join("bench.db").display());
    let ops = Ops::new(open(&url).expect("a store"));
    for definition in [PING, GATHER] {
        define(&ops, definition).await;
    }
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
    let (mut values, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        values.push(micros_of_where(ops, &many).await);
        floors.push(micros_of_where(ops, &few).await);
    }
    report("where-100000-records-us", &values, &floors);
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

/// Bytes handed to the file system per step, while the data gains 100 bytes by append with each: late steps against early
/// ones of the same run. Each pair has a new store, so that no pair pays for what another left in the log.
async fn bytes_per_step(quick: bool) {
    let (mut values, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..if quick { 1 } else { 15 } {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ops = &open_in(&folder).await;
        let run = start(ops, "gather").await;
        append(ops, &run, 64).await;
        floors.push(append(ops, &run, 64).await);
        append(ops, &run, 4_096 - 128).await;
        values.push(append(ops, &run, 4_096).await);
    }
    report("bytes-per-step-late", &values, &floors);
}

/// Appends 100 bytes to a run's data, so many times; returns how many bytes went to the file system each time.
async fn append(ops: &Ops, run: &RunRef, steps: u32) -> f64 {
    let note = "x".repeat(98);
    let before = bytes_written();
    for _ in 0..steps {
        let data = Map::from_iter([("note".to_owned(), json!(note))]);
        send(ops, run, "ADD", data).await;
    }
    #[expect(clippy::cast_precision_loss, reason = "byte counts stay far below 2^52")]
    let bytes = (bytes_written() - before) as f64;
    bytes / f64::from(steps)
}

/// Bytes this process has passed to the file system.
fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("Linux tells what was written");
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.trim().parse().ok()).expect("a count of bytes")
}

fn report(name: &str, values: &[f64], floors: &[f64]) {
    let ratios: Vec<f64> = values.iter().zip(floors).map(|(value, floor)| value / floor).collect();
    let line = json!({
        "name": name, "value": median(values), "floor": median(floors),
        "ratio": median(&ratios), "ratios": ratios,
    });
    println!("{line}");
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
