//! R3, R4: the disk fails at every call there is, and loses what was not synced.

use std::path::Path;
use std::sync::Arc;

use guidepost_core::id::RunNo;
use guidepost_store::sqlite::{Location, Sqlite};
use guidepost_store::testing::disk::{Disk, Failure, Plan};
use guidepost_store::{Durability, Store, StoreError};

use crate::check::{Acknowledged, check};
use crate::counter::Counted;
use crate::{block_on, counter, create_runs};

const FILE: &str = "guidepost.db";

/// How many steps are tried on a failing disk.
const STEPS: u32 = 4;

fn try_open(
    directory: &Path,
    disk: Option<Disk>,
    durability: Durability,
) -> Result<Arc<dyn Store>, StoreError> {
    let location = Location {
        durability,
        vfs: disk.map(|disk| disk.vfs()),
        ..Location::new(directory.join(FILE))
    };
    Ok(Arc::new(Sqlite::open(&location)?))
}

fn open(directory: &Path, disk: Option<Disk>, durability: Durability) -> Arc<dyn Store> {
    try_open(directory, disk, durability).unwrap()
}

/// Who writes: the store's own thread, or a caller's that may block and finds nobody else there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Store,
    Caller,
}

const WRITERS: [Writer; 2] = [Writer::Store, Writer::Caller];

impl Writer {
    /// Steps as far as the disk lets it.
    fn steps(
        self,
        store: &Arc<dyn Store>,
        disk: Disk,
        run: RunNo,
        acknowledged: &mut Acknowledged,
    ) {
        let steps = steps(Arc::clone(store), disk, run);
        let counted = match self {
            Self::Store => block_on(steps),
            Self::Caller => block_on_workers(async { tokio::spawn(steps).await.unwrap() }),
        };
        counted.into_iter().for_each(|counted| acknowledged.add(run, counted));
    }
}

fn block_on_workers<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).build().unwrap().block_on(future)
}

/// Steps as far as the disk lets it; gives what was acknowledged. Once a sync failed, nothing is written any more.
async fn steps(store: Arc<dyn Store>, disk: Disk, run: RunNo) -> Vec<Counted> {
    let mut acknowledged = Vec::new();
    for _ in 0..STEPS {
        let had_failed = disk.failed_syncs() > 0;
        let Some(present) = counter::try_load(store.as_ref(), run).await else { continue };
        match counter::step(store.as_ref(), run, present).await {
            Err(StoreError::ReadOnly { .. }) => {}
            other if had_failed => panic!("a sync had failed, and then: {other:?}"),
            Ok(counted) => acknowledged.push(counted),
            Err(StoreError::Failed { .. } | StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    acknowledged
}

/// All ways to fail, at call after call, until one is so late that it never comes. `attempt` uses a disk, and then looks at
/// what is left. How many calls failed.
#[expect(clippy::print_stdout, reason = "a test that fails is to say at which call")]
fn every_failure(attempt: impl Fn(Disk)) -> u32 {
    let mut failed = 0;
    for failure in [Failure::Io, Failure::Full] {
        for is_lasting in [false, true] {
            for call in 1.. {
                let disk = Disk::new();
                disk.plan(Some(Plan { call, failure, is_lasting }));
                println!("{failure:?} at call {call}, lasting: {is_lasting}");
                attempt(disk);
                if disk.calls() < call {
                    break;
                }
                failed += 1;
            }
        }
    }
    failed
}

/// From opening the file to closing it.
#[test]
fn whatever_call_fails_nothing_acknowledged_is_lost() {
    let template = tempfile::tempdir().unwrap();
    let run = block_on(create_runs(&open(template.path(), None, Durability::Disk), 1))[0];
    for writer in WRITERS {
        let failed = every_failure(|disk| fail_once(template.path(), writer, disk, run));
        assert!(failed > 200, "{failed} calls failed");
    }
}

fn fail_once(template: &Path, writer: Writer, disk: Disk, run: RunNo) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(template.join(FILE), directory.path().join(FILE)).unwrap();
    let mut acknowledged = Acknowledged::default();
    match try_open(directory.path(), Some(disk), Durability::Disk) {
        Ok(store) => writer.steps(&store, disk, run, &mut acknowledged),
        Err(StoreError::Failed { .. } | StoreError::Unavailable { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    let store = open(directory.path(), None, Durability::None);
    assert_eq!(block_on(check(&store, &acknowledged)), Vec::<String>::new());
}

/// A new file is made as a whole, or can still be made.
#[test]
fn whatever_call_fails_a_new_file_can_be_made() {
    let failed = every_failure(|disk| {
        let directory = tempfile::tempdir().unwrap();
        match try_open(directory.path(), Some(disk), Durability::Disk) {
            Ok(_) | Err(StoreError::Failed { .. } | StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        let store = open(directory.path(), None, Durability::None);
        let mut acknowledged = Acknowledged::default();
        let run = block_on(create_runs(&store, 1))[0];
        let present = block_on(counter::load(store.as_ref(), run));
        acknowledged.add(run, block_on(counter::step(store.as_ref(), run, present)).unwrap());
        assert_eq!(block_on(check(&store, &acknowledged)), Vec::<String>::new());
    });
    assert!(failed > 100, "{failed} calls failed");
}

#[test]
fn after_a_failed_sync_nothing_is_written_until_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = open(directory.path(), Some(disk), Durability::Disk);
    let run = block_on(create_runs(&store, 1))[0];
    // The last call of a commit is its sync.
    disk.plan(None);
    let present = block_on(counter::load(store.as_ref(), run));
    let before = disk.calls();
    block_on(counter::step(store.as_ref(), run, present.clone())).unwrap();
    let per_commit = disk.calls() - before;
    let present = block_on(counter::load(store.as_ref(), run));
    disk.plan(Some(Plan { call: per_commit, failure: Failure::Io, is_lasting: false }));
    let outcome = block_on(counter::step(store.as_ref(), run, present.clone()));
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    let outcome = block_on(counter::step(store.as_ref(), run, present));
    assert!(matches!(outcome, Err(StoreError::ReadOnly { .. })), "{outcome:?}");
    assert!(block_on(counter::try_load(store.as_ref(), run)).is_some(), "it can still be read");
    drop(store);
    let store = open(directory.path(), None, Durability::Disk);
    let present = block_on(counter::load(store.as_ref(), run));
    block_on(counter::step(store.as_ref(), run, present)).unwrap();
}

/// What is wrong after a loss of power at any of some moments.
fn problems_after_power_loss(writer: Writer, durability: Durability) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = open(directory.path(), Some(disk), durability);
    let run = block_on(create_runs(&store, 1))[0];
    let mut acknowledged = Acknowledged::default();
    let mut problems = Vec::new();
    for _ in 0..20 {
        writer.steps(&store, disk, run, &mut acknowledged);
        let left = tempfile::tempdir().unwrap();
        disk.lose_power(directory.path(), left.path()).unwrap();
        match try_open(left.path(), None, Durability::None) {
            Ok(store) => problems.extend(block_on(check(&store, &acknowledged))),
            Err(error) => problems.push(format!("everything is lost: {error}")),
        }
    }
    problems
}

#[test]
fn a_loss_of_power_takes_nothing_acknowledged() {
    for writer in WRITERS {
        let problems = problems_after_power_loss(writer, Durability::Disk);
        assert_eq!(problems, Vec::<String>::new(), "{writer:?}");
    }
}

/// `synchronous=NORMAL`, which syncs at checkpoints only, and `synchronous=OFF`, which never does.
#[test]
fn a_store_that_does_not_sync_is_found_out() {
    for writer in WRITERS {
        for durability in [Durability::Process, Durability::None] {
            let problems = problems_after_power_loss(writer, durability);
            let lost = problems.iter().filter(|problem| problem.contains("lost"));
            assert!(lost.count() > 0, "{writer:?}, {durability:?}: {problems:?}");
        }
    }
}
