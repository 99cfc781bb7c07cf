//! What a run's history says beyond its present state: what was at a rev, which steps led there, what cannot be undone.
//!
//! Everything here is pure but for [`read`]. A history is read once and then asked.

mod diff;
mod lasting;
mod migrate;
mod replay;
mod steps;

use std::sync::Arc;

use guidepost_core::id::{Rev, RunNo, Tenant};
use guidepost_core::machine::Machine;
use guidepost_core::record::Record;
use guidepost_core::run::{Run, Unfoldable};
use guidepost_core::time::Timestamp;
use guidepost_store::{Entry, EntryBody, HistoryPage, Store, StoreError};

pub use self::diff::{Difference, Differing, Ending, Part, diff};
pub use self::lasting::{
    Compensations, TaskOf, compensations, is_irreversible, lasting, launched, made_good, pending,
};
pub use self::migrate::{Migration, Obstacle, migration};
pub use self::replay::{Divergence, Played, Replay, replay};
pub use self::steps::{Milestone, automatic, lineage};

/// Records read at a time.
const PAGE: usize = 1_000;

/// Finds the machine a run is bound to, by what the run says about it.
pub type MachineOf<'a> = dyn Fn(&Run) -> Option<Arc<Machine>> + 'a;

/// Reads a run's whole history, oldest first.
///
/// # Errors
///
/// The failures of the store.
pub async fn read(
    store: &dyn Store,
    tenant: &Tenant,
    run: RunNo,
) -> Result<Vec<Entry>, StoreError> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let beyond = entries.last().map(|entry| entry.seq);
        let page = HistoryPage { newest_first: false, kinds: Vec::new(), beyond, limit: PAGE };
        let found = store.history(tenant, run, &page).await?;
        entries.extend(found.items);
        if found.next.is_none() {
            return Ok(entries);
        }
    }
}

/// What the kernel decided, in order, each with the rev it made.
pub fn records(entries: &[Entry]) -> impl Iterator<Item = (Rev, &Record)> {
    entries.iter().filter_map(|entry| match &entry.body {
        EntryBody::Record(record) => Some((entry.rev, record)),
        EntryBody::Fact { .. } => None,
    })
}

/// A run as it was at a rev, and when it had come there.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn at(entries: &[Entry], rev: Rev) -> Result<(Run, Timestamp), Unfoldable> {
    let mut run = Run::default();
    let mut when = Timestamp(0);
    for (_, record) in records(entries).take_while(|(made, _)| *made <= rev) {
        run.apply(record)?;
        when = record.at();
    }
    Ok((run, when))
}
