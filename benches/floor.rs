//! The least SQLite could do.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::RUNS;

/// Tables with nothing but what a step needs.
pub(crate) struct Floor {
    connection: Connection,
    steps: u32,
    revs: Vec<i64>,
    has_tasks: bool,
}

/// What fills a row.
const ROW: &str = "................................................................................................\
                   ................................................................................................";

impl Floor {
    /// With tasks, there is also a row for the work of each run, which each step deletes and inserts anew.
    pub(crate) fn new(path: &Path, has_tasks: bool) -> Self {
        let connection = open(path);
        connection
            .execute_batch(
                "CREATE TABLE run (id INTEGER PRIMARY KEY, rev INTEGER NOT NULL, row TEXT NOT NULL);
                 CREATE TABLE record (run INTEGER NOT NULL, seq INTEGER NOT NULL, row TEXT NOT NULL);
                 CREATE UNIQUE INDEX record_seq ON record (run, seq);
                 CREATE TABLE task (run INTEGER NOT NULL, rev INTEGER NOT NULL, row TEXT NOT NULL);
                 CREATE UNIQUE INDEX task_run ON task (run, rev);",
            )
            .unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for run in 0..RUNS {
            connection.execute("INSERT INTO run VALUES (?, 0, ?)", (run, ROW)).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        Self { connection, steps: 0, revs: vec![0; RUNS as usize], has_tasks }
    }

    /// Steps per second, so many to a transaction.
    pub(crate) fn per_second(&mut self, per_transaction: u32, lasting: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.steps);
        while begun.elapsed() < lasting {
            self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for _ in 0..per_transaction {
                self.step();
            }
            self.connection.execute_batch("COMMIT").unwrap();
        }
        f64::from(self.steps - before) / begun.elapsed().as_secs_f64()
    }

    fn step(&mut self) {
        let run = scattered(self.steps);
        let rev = &mut self.revs[run as usize];
        let updated = self
            .connection
            .prepare_cached("UPDATE run SET rev = rev + 1, row = ? WHERE id = ? AND rev = ?")
            .unwrap()
            .execute((ROW, run, *rev))
            .unwrap();
        assert_eq!(updated, 1);
        *rev += 1;
        self.connection
            .prepare_cached("INSERT INTO record VALUES (?, ?, ?)")
            .unwrap()
            .execute((run, *rev, ROW))
            .unwrap();
        if self.has_tasks {
            let done = "DELETE FROM task WHERE run = ? AND rev = ?";
            self.connection.prepare_cached(done).unwrap().execute((run, *rev - 1)).unwrap();
            let next = "INSERT INTO task VALUES (?, ?, ?)";
            self.connection.prepare_cached(next).unwrap().execute((run, *rev, ROW)).unwrap();
        }
        self.steps += 1;
    }
}

/// A connection with the pragmas the store uses.
pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection.pragma_update(None, "cache_size", -16 * 1024).unwrap();
    connection
}

/// The run whose turn it is: all of them, in an order without neighbours.
pub(crate) fn scattered(step: u32) -> u32 {
    step.wrapping_mul(7_919) % RUNS
}
