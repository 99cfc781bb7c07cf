//! The check that every test here ends with: I1 to I4 and I7 of the oracle, over all runs that were written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guidepost_core::id::{RunNo, Tenant};
use guidepost_store::Store;
use guidepost_store::sqlite::Location;

use crate::counter;

/// The numbers each run was told are durable.
#[derive(Default)]
pub(crate) struct Acknowledged(BTreeMap<i64, BTreeSet<u64>>);

impl Acknowledged {
    /// Adds what a line of a child says: a run and a number. A line cut short by a kill says nothing.
    pub(crate) fn add(&mut self, line: &str) {
        let mut words = line.split(' ').map(str::parse::<i64>);
        if let (Some(Ok(run)), Some(Ok(number)), None) = (words.next(), words.next(), words.next())
        {
            self.0.entry(run).or_default().insert(u64::try_from(number).unwrap());
        }
    }
}

/// What is wrong, if anything is.
pub(crate) async fn check(store: &Arc<dyn Store>, acknowledged: &Acknowledged) -> Vec<String> {
    let mut problems = Vec::new();
    let path = Location::parse(store.describe().url.trim_start_matches("sqlite:")).unwrap().path;
    let connection = rusqlite::Connection::open(path).unwrap();
    let sound: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    if sound != "ok" {
        problems.push(sound);
    }
    for (run, numbers) in &acknowledged.0 {
        let run = RunNo(*run);
        let verified = match store.verify(&Tenant::default(), run).await {
            Ok(verified) => verified,
            Err(error) => {
                problems.push(format!("{run} is lost: {error}"));
                continue;
            }
        };
        problems.extend(verified.problems.iter().map(|problem| format!("{run}: {problem:?}")));
        let state = counter::load(store.as_ref(), run).await;
        let counted = counter::counted(&state);
        if !counted.iter().copied().eq(1..=counted.len() as u64) {
            problems.push(format!("{run} counted {counted:?}"));
        }
        if let Some(lost) = numbers.iter().find(|number| !counted.contains(number)) {
            problems.push(format!("{run} lost {lost}, which was acknowledged"));
        }
        if verified.records != counted.len() as u64 + 2 {
            problems.push(format!("{run} has {} records", verified.records));
        }
    }
    problems
}
