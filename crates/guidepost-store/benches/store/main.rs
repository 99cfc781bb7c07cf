//! How far a durable step is from the least SQLite could do for it.
//!
//! The floor is bare SQLite with the same pragmas: 10,000 runs, and for each step one UPDATE of a row of 200 bytes by id and
//! rev, and one INSERT of a record of 200 bytes that is indexed by run and seq. Store and floor are measured in turn, each
//! turn on files of its own, and each pair is printed as a line of JSON. `--layout` compares layouts of the table of records
//! instead.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../../../../benches/floor.rs"]
mod floor;
mod layout;
#[path = "../../../../benches/line.rs"]
mod line;
mod steps;

use std::path::Path;
use std::time::Duration;

use crate::line::line;

/// How many runs there are.
const RUNS: u32 = 10_000;

/// How many runs step at once, and how many steps the floor puts into one transaction.
const AT_ONCE: u32 = 64;

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = has("--quick");
    let lasting = Duration::from_secs(2);
    if has("--layout") {
        return layout::compare(tempfile::tempdir().unwrap().path(), lasting);
    }
    for _ in 0..if quick { 4 } else { 15 } {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        measure(&file("floor.db"), &file("store.db"), lasting);
    }
}

/// Measures one pair of each kind.
fn measure(floor: &Path, store: &Path, lasting: Duration) {
    let mut floor = floor::Floor::new(floor, false);
    let store = steps::Steps::new(store);
    let per_second = floor.per_second(AT_ONCE, lasting);
    line("durable-64-full", store.per_second(AT_ONCE, lasting), per_second);
    let micros = 1e6 / floor.per_second(1, lasting);
    line("durable-1-full-us", 1e6 / store.per_second(1, lasting), micros);
}
