//! Reading what is stored of a record.

use guidepost_core::record::{Record, Unreadable};
use guidepost_core::recorded::Fact;

use crate::EntryBody;

/// Reads an entry's payload.
pub(super) fn read(kind: &str, payload: &[u8]) -> Result<EntryBody, Unreadable> {
    if Record::is_kind(kind) {
        return Record::read(kind, payload).map(EntryBody::Record);
    }
    let read = serde_json::from_slice::<Fact>(payload);
    let fact = read.map_err(|reason| Unreadable::Body { kind: kind.to_owned(), reason })?;
    Ok(EntryBody::Fact { by: fact.by, observed: fact.observed, body: fact.body })
}
