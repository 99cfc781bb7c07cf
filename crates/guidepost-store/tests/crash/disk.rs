//! R3, R4: the disk fails at every call there is, and loses what was not synced.

use std::path::Path;
use std::sync::Arc;

use guidepost_core::id::RunNo;
use guidepost_store::sqlite::{Location, Sqlite};
use guidepost_store::testing::disk::{Disk, Failure, Plan};
use guidepost_store::{Durability, Store, StoreError};

use crate::check::{Acknowledged, check};
use crate::{block_on, counter, create_runs};

const FILE: &str = "guidepost.db";

/// How many steps are tried on a failing disk.
const STEPS: u32 = 6;

fn open(directory: &Path, disk: Option<Disk>, durability: Durability) -> Arc<dyn Store> {
    let location = Location {
        durability,
        vfs: disk.map(|disk| disk.vfs()),
        ..Location::new(directory.join(FILE))
    };
    Arc::new(Sqlite::open(&location).unwrap())
}

/// Steps as far as the disk lets it.
async fn steps(store: &Arc<dyn Store>, run: RunNo, acknowledged: &mut Acknowledged) {
    for _ in 0..STEPS {
        let Some(present) = counter::try_load(store.as_ref(), run).await else { continue };
        match counter::step(store.as_ref(), run, present).await {
            Ok(number) => acknowledged.add(&format!("{} {number}", run.0)),
            Err(StoreError::Unavailable { .. } | StoreError::ReadOnly { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn whatever_call_fails_nothing_acknowledged_is_lost() {
    let template = tempfile::tempdir().unwrap();
    let run = block_on(create_runs(&open(template.path(), None, Durability::Disk), 1))[0];
    let mut points = 0;
    for (failure, is_lasting) in [(Failure::Io, false), (Failure::Io, true), (Failure::Full, false)]
    {
        for call in 1.. {
            let directory = tempfile::tempdir().unwrap();
            std::fs::copy(template.path().join(FILE), directory.path().join(FILE)).unwrap();
            let mut acknowledged = Acknowledged::default();
            let disk = Disk::new();
            let store = open(directory.path(), Some(disk), Durability::Disk);
            disk.plan(Some(Plan { call, failure, is_lasting }));
            block_on(steps(&store, run, &mut acknowledged));
            let calls = disk.calls();
            drop(store);
            let store = open(directory.path(), None, Durability::Disk);
            let problems = block_on(check(&store, &acknowledged));
            assert_eq!(
                problems,
                Vec::<String>::new(),
                "{failure:?} at call {call}, lasting: {is_lasting}"
            );
            points += 1;
            if calls < call {
                break;
            }
        }
    }
    assert!(points > 60, "{points} points");
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
fn problems_after_power_loss(durability: Durability) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let store = open(directory.path(), Some(disk), durability);
    let run = block_on(create_runs(&store, 1))[0];
    let mut acknowledged = Acknowledged::default();
    let mut problems = Vec::new();
    for _ in 0..20 {
        block_on(steps(&store, run, &mut acknowledged));
        let left = tempfile::tempdir().unwrap();
        disk.lose_power(directory.path(), left.path()).unwrap();
        let store = open(left.path(), None, Durability::Disk);
        problems.extend(block_on(check(&store, &acknowledged)));
    }
    problems
}

#[test]
fn a_loss_of_power_takes_nothing_acknowledged() {
    assert_eq!(problems_after_power_loss(Durability::Disk), Vec::<String>::new());
}

#[test]
fn a_store_that_does_not_sync_is_found_out() {
    let problems = problems_after_power_loss(Durability::Process);
    assert!(problems.iter().any(|problem| problem.contains("lost")), "{problems:?}");
}
