//! What is stored of a record: its time, and the bytes that are hashed.

use guidepost_core::record::Record;
use guidepost_core::recorded::Fact;
use guidepost_core::time::Timestamp;

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

/// A fact's payload: who reports it and whether it was seen are hashed with it, since `requires` may depend on them.
pub(crate) fn of_fact(fact: &Fact) -> Result<Vec<u8>, serde_json::Error> {
    if fact.at.is_none() {
        return serde_json::to_vec(fact);
    }
    serde_json::to_vec(&Fact { at: None, ..fact.clone() })
}
