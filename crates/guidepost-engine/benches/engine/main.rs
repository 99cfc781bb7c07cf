//! How far the engine is from the least SQLite could do for durable steps of work.
//!
//! A run is a row of ten tasks that a handler in this process does at once. The floor is that of the store's benchmark,
//! and also deletes and inserts a row for the task of each step. Engine and floor are measured in turn, each turn on files
//! of its own, and each pair is printed as a line of JSON. Then come long runs, data that grows, runs that
//! wait, and timers. `--rate` measures only the engine, once; `--rate --alone` with one run at a time.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![expect(clippy::cast_precision_loss, reason = "what is counted stays far below 2^52")]

#[path = "../../../../benches/floor.rs"]
mod floor;
mod growth;
#[path = "../../../../benches/line.rs"]
mod line;
#[path = "../../../../benches/memory.rs"]
mod memory;
mod runs;
mod steps;
mod waiting;

use std::path::Path;
use std::time::Duration;

use crate::line::line;

/// How many runs the floor's steps are spread over.
const RUNS: u32 = 6_400;

/// How many runs work one after the other.
const RUNS_ALONE: u32 = 100;

/// How many runs work at once, and how many steps the floor puts into one transaction.
const AT_ONCE: u32 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return block_on(waiting::serve(&arguments[at + 1]));
    }
    if has("--rate") {
        let directory = tempfile::tempdir().unwrap();
        let (runs, at_once) = if has("--alone") { (RUNS_ALONE, 1) } else { (RUNS, AT_ONCE) };
        let rate = engine(&directory.path().join("rate.db"), runs, at_once);
        return println!("{}", serde_json::json!({ "value": rate }));
    }
    let is_quick = has("--quick");
    for _ in 0..if is_quick { 4 } else { 15 } {
        pair();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    for n in 0..if is_quick { 1 } else { 15 } {
        block_on(steps::long(&file(&format!("long-{n}.db"))));
        block_on(growth::growth(&file(&format!("growth-{n}.db"))));
    }
    let (samples, lasting) = if is_quick { (1, 2) } else { (15, 4) };
    let lasting = Duration::from_secs(lasting);
    block_on(waiting::idle(&file("idle.db"), samples, lasting));
    block_on(waiting::timers(&file("timers.db"), is_quick, samples, lasting));
}

/// Measures one pair of each kind. None is shorter than others: what SQLite does at once costs less in a shorter time.
fn pair() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let mut floor = floor::Floor::new(&file("floor.db"), true);
    let lasting = Duration::from_secs(2);
    let per_second = floor.per_second(AT_ONCE, lasting);
    line("engine-64-full", engine(&file("many.db"), RUNS, AT_ONCE), per_second);
    let micros = 1e6 / floor.per_second(1, lasting);
    line("engine-1-full-us", 1e6 / engine(&file("one.db"), RUNS_ALONE, 1), micros);
}

/// Steps per second of so many runs, so many of them at once.
fn engine(path: &Path, runs: u32, at_once: u32) -> f64 {
    block_on(steps::per_second(path, runs, at_once))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}
