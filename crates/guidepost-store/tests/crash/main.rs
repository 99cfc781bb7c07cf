//! R1, R4, C1: processes are killed at any instant, and many write one file at once. What was acknowledged is there, nothing is
//! doubled, and every history is whole. The same checks find a store that is careless about revs.
//!
//! A child is this program itself, told by its environment what to write. It prints a line for each acknowledged step; the
//! parent kills it after some number of lines, so that no clock decides when.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod check;
mod child;
mod counter;
mod disk;

use std::sync::Arc;

use check::{Acknowledged, check};
use child::Child;
use guidepost_core::id::RunNo;
use guidepost_store::{Store, StoreError};

/// Numbers that look random and are the same in every run of the test.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn new_file() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let url = directory.path().join("guidepost.db").to_str().unwrap().to_owned();
    (directory, url)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

async fn create_runs(store: &Arc<dyn Store>, count: usize) -> Vec<RunNo> {
    counter::define(store.as_ref()).await;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(counter::create(store.as_ref()).await);
    }
    runs
}

/// What a child does; without its environment, nothing.
#[test]
fn child() {
    child::run_if_told();
}

#[test]
fn a_process_with_eight_tasks_is_killed_at_any_instant() {
    let (_keep, url) = new_file();
    let runs = block_on(create_runs(&guidepost_store::open(&url).unwrap(), 8));
    let mut acknowledged = Acknowledged::default();
    let mut draw = Draw(1);
    for _ in 0..40 {
        let mut child = Child::start(&url, &runs);
        for _ in 0..draw.below(40) {
            acknowledged.add(&child.line());
        }
        child.kill().iter().for_each(|line| acknowledged.add(line));
    }
    assert_eq!(
        block_on(check(&guidepost_store::open(&url).unwrap(), &acknowledged)),
        Vec::<String>::new()
    );
}

#[test]
fn eight_processes_on_one_file_are_killed_at_any_instant() {
    let (_keep, url) = new_file();
    let runs = block_on(create_runs(&guidepost_store::open(&url).unwrap(), 9));
    let (shared, own) = runs.split_first().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut draw = Draw(2);
    for _ in 0..5 {
        let start = |run: &RunNo| Child::start(&url, &[*run, *shared]);
        let mut children: Vec<Child> = own.iter().map(start).collect();
        for child in &mut children {
            for _ in 0..draw.below(10) {
                acknowledged.add(&child.line());
            }
        }
        for child in children {
            child.kill().iter().for_each(|line| acknowledged.add(line));
        }
    }
    assert_eq!(
        block_on(check(&guidepost_store::open(&url).unwrap(), &acknowledged)),
        Vec::<String>::new()
    );
}

/// Two stores, as two processes have them, decide at the same rev, time and again; how many thought that they had won, and
/// what is wrong in the end.
async fn race(url: &str, rounds: u32, looks_at_revs: bool) -> (u32, Vec<String>) {
    // Who wins has nothing to do with syncs, and without them there is time for more rounds.
    let url = format!("{url}?durability=process");
    let stores = [(); 2].map(|()| guidepost_store::open(&url).unwrap());
    let run = create_runs(&stores[0], 1).await[0];
    let mut winners = 0;
    let mut acknowledged = Acknowledged::default();
    for _ in 0..rounds {
        let present = counter::load(stores[0].as_ref(), run).await;
        let rivals = stores.clone().map(|store| {
            let present = present.clone();
            tokio::spawn(async move {
                match looks_at_revs {
                    true => counter::step(store.as_ref(), run, present).await,
                    false => counter::careless_step(store.as_ref(), run, present).await,
                }
            })
        });
        for rival in rivals {
            if let Ok(count) = rival.await.unwrap() {
                winners += 1;
                acknowledged.add(&format!("{} {count}", run.0));
            }
        }
    }
    (winners, check(&stores[0], &acknowledged).await)
}

#[test]
fn a_file_that_stays_busy_is_a_clear_error() {
    let (_keep, url) = new_file();
    let store = guidepost_store::open(&url).unwrap();
    let run = block_on(create_runs(&store, 1))[0];
    let other = rusqlite::Connection::open(&url).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let present = block_on(counter::load(store.as_ref(), run));
    let outcome = block_on(counter::step(store.as_ref(), run, present.clone()));
    assert!(matches!(outcome, Err(StoreError::Busy { seconds: 5, .. })), "{outcome:?}");
    other.execute_batch("ROLLBACK").unwrap();
    block_on(counter::step(store.as_ref(), run, present)).unwrap();
}

#[test]
fn of_two_processes_at_one_rev_exactly_one_wins() {
    let (_keep, url) = new_file();
    assert_eq!(block_on(race(&url, 1_000, true)), (1_000, Vec::new()));
}

#[test]
fn a_store_that_ignores_revs_is_found_out() {
    let (_keep, url) = new_file();
    let (winners, problems) = block_on(race(&url, 20, false));
    assert_eq!(winners, 40, "both always win");
    assert!(!problems.is_empty(), "and the check finds what that broke");
}
