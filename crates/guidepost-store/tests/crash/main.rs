//! R1, R4, C1: processes are killed at any instant, and many write one file at once. What was acknowledged is there, nothing is
//! doubled, every history is whole, and the file is ready at once. The same checks find a store that is careless about revs.
//!
//! A child is this program itself, told by its environment what to write. It prints a line for each acknowledged step. The
//! parent waits until it writes and kills it some milliseconds later, so that the kill falls anywhere in a step; every tenth
//! child is not waited for, so that kills fall into opening the file too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod check;
mod child;
mod counter;
mod disk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use check::{Acknowledged, check, check_run};
use child::Child;
use guidepost_core::id::RunNo;
use guidepost_store::testing::careless::Careless;
use guidepost_store::{Store, StoreError};

/// How many times each of the two suites kills.
const KILLS: usize = 200;

/// How many kills one set of runs goes through: histories are read again after each.
const KILLS_PER_SET: usize = 8;

/// How soon a file answers after a kill, 99 times of 100.
const READY: Duration = Duration::from_millis(500);

/// What the machine may add to any one answer, by a slow disk or by other programs.
const ALLOWANCE: Duration = Duration::from_millis(500);

/// Numbers that look random and are the same in every run of the test.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Lets 5 to 100 ms pass.
    fn wait(&mut self) {
        std::thread::sleep(Duration::from_micros(5_000 + self.below(95_000)));
    }
}

fn new_file() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let url = directory.path().join("guidepost.db").to_str().unwrap().to_owned();
    (directory, url)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

async fn create_runs(store: &Arc<dyn Store>, count: usize) -> Vec<RunNo> {
    counter::define(store.as_ref()).await;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(counter::create(store.as_ref()).await);
    }
    runs
}

/// Opens the file and asks for a run; how long that took.
fn reopen(url: &str, run: RunNo) -> (Arc<dyn Store>, Duration) {
    let begun = Instant::now();
    let store = guidepost_store::open(url).unwrap();
    block_on(counter::load(store.as_ref(), run));
    (store, begun.elapsed())
}

/// Fails unless 99 of 100 times are within the bound, and every one is within the bound and the allowance.
#[expect(clippy::print_stdout, reason = "it measures")]
fn expect_ready(mut times: Vec<Duration>) {
    times.sort_unstable();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100 - 1]);
    let max = times[times.len() - 1];
    println!("ready after {} kills: median {median:?}, p99 {p99:?}, max {max:?}", times.len());
    assert!(p99 <= READY, "p99 {p99:?}, all: {times:?}");
    assert!(max <= READY + ALLOWANCE, "max {max:?}, all: {times:?}");
}

/// What a child does; without its environment, nothing.
#[test]
fn child() {
    child::run_if_told();
}

#[test]
fn a_process_with_eight_tasks_is_killed_200_times() {
    let (_keep, url) = new_file();
    let mut acknowledged = Acknowledged::default();
    let (mut draw, mut times, mut runs) = (Draw(1), Vec::new(), Vec::new());
    for kill in 0..KILLS {
        if kill % KILLS_PER_SET == 0 {
            runs = block_on(create_runs(&guidepost_store::open(&url).unwrap(), 8));
        }
        let mut child = Child::start(&url, &runs);
        if kill % 10 != 0 {
            child.wait(&mut acknowledged);
        }
        draw.wait();
        child.kill(&mut acknowledged);
        let (store, ready) = reopen(&url, runs[0]);
        times.push(ready);
        for run in &runs {
            let problems = block_on(check_run(&store, *run, &acknowledged));
            assert_eq!(problems, Vec::<String>::new(), "after kill {kill}");
        }
    }
    let problems = block_on(check(&guidepost_store::open(&url).unwrap(), &acknowledged));
    assert_eq!(problems, Vec::<String>::new());
    expect_ready(times);
}

/// Eight processes write: each to a run of its own, on which every other one is alone in its process, and the rest also to
/// one that they share. They are killed one after the other, while those that
/// are left go on; the last leaves a file that nobody has open.
#[test]
fn eight_processes_on_one_file_are_killed_200_times() {
    let (_keep, url) = new_file();
    let mut acknowledged = Acknowledged::default();
    let (mut draw, mut times) = (Draw(2), Vec::new());
    for round in 0..KILLS / KILLS_PER_SET {
        let runs = block_on(create_runs(&guidepost_store::open(&url).unwrap(), 9));
        let (shared, own) = runs.split_first().unwrap();
        let start = |(place, run): (usize, &RunNo)| {
            let runs = [*run, *shared];
            (*run, Child::start(&url, if place % 2 == 0 { &runs } else { &runs[..1] }))
        };
        let mut children: Vec<(RunNo, Child)> = own.iter().enumerate().map(start).collect();
        for (_, child) in children.iter_mut().skip(round % 2) {
            child.wait(&mut acknowledged);
        }
        while !children.is_empty() {
            let next = usize::try_from(draw.below(children.len() as u64)).unwrap();
            let (run, child) = children.swap_remove(next);
            draw.wait();
            child.kill(&mut acknowledged);
            let (store, ready) = reopen(&url, run);
            times.push(ready);
            for run in [run, *shared] {
                let problems = block_on(check_run(&store, run, &acknowledged));
                assert_eq!(problems, Vec::<String>::new(), "{} are left", children.len());
            }
        }
    }
    let problems = block_on(check(&guidepost_store::open(&url).unwrap(), &acknowledged));
    assert_eq!(problems, Vec::<String>::new());
    expect_ready(times);
}

/// A process that says too early that a step is durable loses some, and the same check tells.
#[test]
fn a_process_that_acknowledges_too_early_is_found_out() {
    let (_keep, url) = new_file();
    let runs = block_on(create_runs(&guidepost_store::open(&url).unwrap(), 8));
    let mut acknowledged = Acknowledged::default();
    let mut draw = Draw(3);
    let mut has_lost = |_| {
        let mut child = Child::start_rash(&url, &runs);
        child.wait(&mut acknowledged);
        draw.wait();
        child.kill(&mut acknowledged);
        let problems = block_on(check(&guidepost_store::open(&url).unwrap(), &acknowledged));
        problems.iter().any(|problem| problem.contains("lost"))
    };
    assert!((0..KILLS).any(&mut has_lost));
}

/// Two stores, as two processes have them, decide at the same rev, time and again; how many thought that they had won, and
/// what is wrong in the end.
async fn race(stores: [Arc<dyn Store>; 2], rounds: u32) -> (u32, Vec<String>) {
    let run = create_runs(&stores[0], 1).await[0];
    let mut winners = 0;
    let mut acknowledged = Acknowledged::default();
    for _ in 0..rounds {
        let present = counter::load(stores[0].as_ref(), run).await;
        let rivals = stores.clone().map(|store| {
            let present = present.clone();
            tokio::spawn(async move { counter::step(store.as_ref(), run, present).await })
        });
        for rival in rivals {
            if let Ok(counted) = rival.await.unwrap() {
                winners += 1;
                acknowledged.add(run, counted);
            }
        }
    }
    (winners, check(&stores[0], &acknowledged).await)
}

/// The file twice. Who wins has nothing to do with syncs, and without them there is time for more rounds.
fn twice(url: &str) -> [Arc<dyn Store>; 2] {
    [(); 2].map(|()| guidepost_store::open(&format!("{url}?durability=process")).unwrap())
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

/// The variable that tells a child which file to open.
const TO_OPEN: &str = "GUIDEPOST_TEST_OPEN";

/// Opens the file it is told to as soon as all are there who are to open it; without its environment it does nothing.
#[test]
fn opener() {
    let Ok(url) = std::env::var(TO_OPEN) else { return };
    let directory = std::path::Path::new(&url).parent().unwrap();
    std::fs::write(directory.join(format!("{}.there", std::process::id())), "").unwrap();
    while !directory.join("go").exists() {
        std::thread::yield_now();
    }
    guidepost_store::open(&url).unwrap();
}

/// Whoever comes first makes the file, the others wait for it: none is told that it is busy.
#[test]
fn twelve_processes_open_a_new_file_at_once() {
    const PROCESSES: usize = 12;
    for _ in 0..25 {
        let (keep, url) = new_file();
        let openers: Vec<_> = (0..PROCESSES)
            .map(|_| {
                std::process::Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "opener", "--nocapture"])
                    .env(TO_OPEN, &url)
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        while std::fs::read_dir(keep.path()).unwrap().count() < PROCESSES {
            std::thread::yield_now();
        }
        std::fs::write(keep.path().join("go"), "").unwrap();
        for opener in openers {
            let output = opener.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn of_two_stores_at_one_rev_exactly_one_wins() {
    let (_keep, url) = new_file();
    assert_eq!(block_on(race(twice(&url), 1_000)), (1_000, Vec::new()));
}

#[test]
fn a_store_that_ignores_revs_is_found_out() {
    let (_keep, url) = new_file();
    let careless = twice(&url).map(|store| Arc::new(Careless::over(store)) as Arc<dyn Store>);
    let (winners, problems) = block_on(race(careless, 20));
    assert_eq!(winners, 40, "both always win");
    assert!(!problems.is_empty(), "and the check finds what that broke");
}
