//! The check that every test here ends with: I1 to I4 and I7 of the oracle, over all runs that were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use guidepost_core::data::Change;
use guidepost_core::id::{RunNo, Tenant};
use guidepost_store::sqlite::Location;
use guidepost_store::{Entry, EntryBody, HistoryPage, Store, StoreError};

use crate::counter::{self, Counted};

/// What each run was told is durable: numbers by the rev they were counted at.
#[derive(Default)]
pub(crate) struct Acknowledged(BTreeMap<i64, BTreeMap<u64, u64>>);

impl Acknowledged {
    /// Adds what a child says in a line: a run, a rev and a number. Whether it says that; a line cut short by a kill does
    /// not.
    pub(crate) fn add_line(&mut self, line: &str) -> bool {
        let words: Option<Vec<i64>> = line.split(' ').map(|word| word.parse().ok()).collect();
        let Some([run, rev, number]) = words.as_deref() else { return false };
        let [rev, number] = [rev, number].map(|number| u64::try_from(*number).unwrap());
        self.add(RunNo(*run), Counted { rev, number });
        true
    }

    /// Adds what was acknowledged.
    pub(crate) fn add(&mut self, run: RunNo, counted: Counted) {
        self.0.entry(run.0).or_default().insert(counted.rev, counted.number);
    }
}

/// What is wrong with the file or with any run that something of was acknowledged, if anything is.
pub(crate) async fn check(store: &Arc<dyn Store>, acknowledged: &Acknowledged) -> Vec<String> {
    let mut problems = Vec::new();
    let path = Location::parse(store.describe().url.trim_start_matches("sqlite:")).unwrap().path;
    let connection = rusqlite::Connection::open(path).unwrap();
    let sound: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    if sound != "ok" {
        problems.push(sound);
    }
    for run in acknowledged.0.keys() {
        problems.extend(check_run(store, RunNo(*run), acknowledged).await);
    }
    problems
}

/// What is wrong with a run. Others may write to it meanwhile.
pub(crate) async fn check_run(
    store: &Arc<dyn Store>,
    run: RunNo,
    acknowledged: &Acknowledged,
) -> Vec<String> {
    let verified = match store.verify(&Tenant::default(), run).await {
        Ok(verified) => verified,
        Err(error) => return vec![format!("{run} is lost: {error}")],
    };
    let mut problems: Vec<String> =
        verified.problems.iter().map(|problem| format!("{run}: {problem:?}")).collect();
    let history = match history(store, run).await {
        Ok(history) => history,
        Err(error) => return vec![format!("{run} has no history to read: {error}")],
    };
    if !history.iter().map(|entry| entry.rev.0).eq(1..=history.len() as u64) {
        problems.push(format!("the revs of {run} have gaps"));
    }
    let counted: Vec<Counted> = history.iter().filter_map(counted_in).collect();
    if !counted.iter().map(|counted| counted.number).eq(1..=counted.len() as u64) {
        problems.push(format!("{run} counted {counted:?}"));
    }
    for (rev, number) in acknowledged.0.get(&run.0).into_iter().flatten() {
        let counted = counted.iter().filter(|counted| counted.number == *number);
        match counted.map(|counted| counted.rev).collect::<Vec<u64>>().as_slice() {
            [] => problems.push(format!("{run} lost {number}, which was acknowledged")),
            [only] if only == rev => {}
            revs => problems.push(format!("{run} has {number} at {revs:?}, not at {rev}")),
        }
    }
    // A run begins with two records that count nothing. What is read later may have counted further.
    let read = history.len() as u64;
    if verified.records > read || read != counted.len() as u64 + 2 {
        problems.push(format!("{run} has {} records, then {read}", verified.records));
    }
    let state = counter::counted(&counter::load(store.as_ref(), run).await);
    if !state.iter().copied().take(counted.len()).eq(counted.iter().map(|counted| counted.number)) {
        problems.push(format!("{run} says that it counted {state:?}"));
    }
    problems
}

/// All of a run's history, from its beginning.
async fn history(store: &Arc<dyn Store>, run: RunNo) -> Result<Vec<Entry>, StoreError> {
    let page = HistoryPage { newest_first: false, kinds: vec![], beyond: None, limit: 1_000_000 };
    Ok(store.history(&Tenant::default(), run, &page).await?.items)
}

fn counted_in(entry: &Entry) -> Option<Counted> {
    let EntryBody::Record(record) = &entry.body else { return None };
    let Change::Append(_, numbers) = record.changes().first()? else { return None };
    Some(Counted { rev: entry.rev.0, number: numbers.first()?.as_u64()? })
}
