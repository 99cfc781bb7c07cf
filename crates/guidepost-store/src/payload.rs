//! What is stored of a record: its kind, its time, and the bytes that are hashed.

use guidepost_core::data::Change;
use guidepost_core::record::{Record, Unreadable};
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

use crate::EntryBody;

/// When a record's event happened.
pub(crate) fn record_at(record: &Record) -> Timestamp {
    match record {
        Record::Started(body) => body.at,
        Record::Transitioned(body) => body.at,
        Record::WorkEnded(body) => body.at,
        Record::TimerFired(body) => body.at,
        Record::Placed(body) => body.at,
        Record::Paused(body) => body.at,
        Record::Resumed(body) => body.at,
        Record::Completed(body) => body.at,
        Record::Failed(body) => body.at,
        Record::Cancelled(body) => body.at,
        _ => Timestamp::default(),
    }
}

/// An entry's kind and payload.
pub(crate) fn of_entry(body: &EntryBody) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
    match body {
        EntryBody::Record(record) => Ok((record.kind(), record.body()?)),
        EntryBody::Fact { by, observed, body } => {
            let fact = Fact { at: None, observed: *observed, by: by.clone(), body: body.clone() };
            Ok((body.kind(), of_fact(&fact)?))
        }
    }
}

/// A fact's payload: who reports it and whether it was seen are hashed with it, since `requires` may depend on them.
pub(crate) fn of_fact(fact: &Fact) -> Result<Vec<u8>, serde_json::Error> {
    if fact.at.is_none() {
        return serde_json::to_vec(fact);
    }
    serde_json::to_vec(&Fact { at: None, ..fact.clone() })
}

/// The changes a record makes to the run's data.
pub(crate) fn changes(record: &Record) -> &[Change] {
    match record {
        Record::Started(body) => &body.changes,
        Record::Transitioned(body) => &body.changes,
        Record::WorkEnded(body) => &body.changes,
        _ => &[],
    }
}

/// Reads an entry's payload.
pub(crate) fn read(kind: &str, payload: &[u8]) -> Result<EntryBody, Unreadable> {
    if Record::is_kind(kind) {
        return Record::read(kind, payload).map(EntryBody::Record);
    }
    let read = serde_json::from_slice::<Fact>(payload);
    let fact = read.map_err(|reason| Unreadable::Body { kind: kind.to_owned(), reason })?;
    Ok(EntryBody::Fact { by: fact.by, observed: fact.observed, body: fact.body })
}
