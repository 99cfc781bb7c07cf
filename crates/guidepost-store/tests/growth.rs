//! B4: what is stored grows with what changes, not with what is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use guidepost_store::testing::conformance::Fixture;

/// The bytes of a store with one run, which holds a large value all the time and changes a small one at each step.
async fn stored_bytes(large: usize, steps: usize) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guidepost.db");
    let url = format!("sqlite:{}?durability=process", path.display());
    let store = guidepost_store::open(&url).unwrap();
    Fixture::new(store).run_with_large_data(large, steps).await;
    length(&path)
}

/// The length of the file, now that the store is closed and its log is merged into it.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// B4: what is stored grows with what changes, not with what is there.
#[tokio::test]
async fn storage_grows_with_change() {
    let large = 200_000;
    let few = stored_bytes(large, 10).await;
    let many = stored_bytes(large, 1_010).await;
    let per_step = (many - few) / 1_000;
    assert!(per_step < 2_000, "{per_step} bytes a step, beside a value of {large}");
    let small = stored_bytes(0, 1_010).await;
    let copies = (many - small) / large as u64;
    assert!(copies <= 4, "{copies} copies of a value that never changed");
}

/// Looking for runs over a limit reads the budgets that are due: those of runs that are over are none of them.
#[tokio::test]
async fn budgets_of_ended_runs_are_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("guidepost.db");
    let store = guidepost_store::open(path.to_str().unwrap()).unwrap();
    Fixture::new(store).end_runs_over_a_limit(3).await;
    let file = rusqlite::Connection::open(&path).unwrap();
    let count = |query: &str| file.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM budget"), 3);
    assert_eq!(count("SELECT count(*) FROM budget WHERE due_at IS NOT NULL"), 0);
}
