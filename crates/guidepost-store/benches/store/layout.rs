//! Layouts of the table of records. What is measured here is why the table is as it is.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{AT_ONCE, floor};

/// Ways to lay out records that are written in turn and read by run.
const LAYOUTS: [(&str, &str); 3] = [
    (
        "appended, with an index by run and seq",
        "CREATE TABLE record (run INTEGER NOT NULL, seq INTEGER NOT NULL, row TEXT NOT NULL);
         CREATE UNIQUE INDEX record_seq ON record (run, seq);",
    ),
    (
        "sorted by run and seq",
        "CREATE TABLE record (run INTEGER NOT NULL, seq INTEGER NOT NULL, row TEXT NOT NULL, PRIMARY KEY (run, seq))
         WITHOUT ROWID;",
    ),
    (
        "keyed by one number made of run and seq",
        "CREATE TABLE record (run INTEGER NOT NULL, seq INTEGER NOT NULL, row TEXT NOT NULL,
         id INTEGER PRIMARY KEY);",
    ),
];

/// Appends records of 400 bytes to all runs in turn, and then reads whole histories, in each layout.
pub(crate) fn compare(directory: &Path, lasting: Duration) {
    for (number, (name, schema)) in LAYOUTS.iter().enumerate() {
        let connection = floor::open(&directory.join(format!("layout-{number}.db")));
        connection.execute_batch(schema).unwrap();
        let insert = if number == 2 {
            "INSERT INTO record VALUES (?1, ?2, ?3, ?1 << 32 | ?2)"
        } else {
            "INSERT INTO record VALUES (?1, ?2, ?3)"
        };
        let (begun, mut steps) = (Instant::now(), 0);
        let row = "x".repeat(400);
        while begun.elapsed() < lasting {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for _ in 0..AT_ONCE {
                let run = floor::scattered(steps);
                let parameters = (run, steps / crate::RUNS, &row);
                connection.prepare_cached(insert).unwrap().execute(parameters).unwrap();
                steps += 1;
            }
            connection.execute_batch("COMMIT").unwrap();
        }
        let written = f64::from(steps) / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let read = "SELECT sum(length(row)) FROM record WHERE run = ?";
        let by_key = "SELECT sum(length(row)) FROM record WHERE id BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295";
        let mut statement = connection.prepare(if number == 2 { by_key } else { read }).unwrap();
        for run in 0..1_000_u32 {
            let _: Option<i64> =
                statement.query_row([floor::scattered(run)], |row| row.get(0)).unwrap();
        }
        let micros = begun.elapsed().as_secs_f64() * 1e3;
        println!(
            "{name}: {written:.0} records/s; a history of {} read in {micros:.0} µs",
            steps / crate::RUNS
        );
    }
}
