//! Reading a run's history, a page at a time.

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{Rev, RunRef, Seq};
use guidepost_core::record::{Record, Transitioned};
use guidepost_core::recorded::FactBody;
use guidepost_core::time::Timestamp;
use guidepost_store::{Entry, EntryBody, HistoryPage, Page};
use serde::Serialize;
use serde_json::Value as Json;

use super::current::Current;
use super::packet::event_id;
use super::sensitive;
use super::way::timer_in_words;
use super::{OpError, Ops, Way};

/// A page of a history to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadHistory {
    /// The run.
    pub run: RunRef,
    /// Newest first, or oldest first.
    pub newest_first: bool,
    /// Only records of these kinds; empty means all.
    pub kinds: Vec<String>,
    /// At most so many.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// One record of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryItem {
    /// Its short id.
    pub id: String,
    /// Its number.
    pub seq: Seq,
    /// The run's rev when it was recorded.
    pub rev: Rev,
    /// When it happened.
    pub at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What kind of record it is.
    pub kind: String,
    /// Who caused or reported it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Whether the engine or telemetry saw it, rather than the agent claiming it. Only for facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<bool>,
    /// What it did, if it is a transition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// Which timer it was, if it is one that ran out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer: Option<String>,
    /// What it says, as it is kept.
    pub body: Json,
}

impl Ops {
    /// Reads a page of a run's history.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the cursor or a kind is none, [`OpError::Store`] if there is no such run, and the failures of
    /// the store.
    pub async fn history(&self, read: &ReadHistory) -> Result<Page<HistoryItem>, OpError> {
        read.kinds.iter().try_for_each(|kind| check_kind(kind))?;
        let current = self.current(&read.run).await?;
        let page = HistoryPage {
            newest_first: read.newest_first,
            kinds: read.kinds.clone(),
            beyond: read.cursor.as_deref().map(record_number).transpose()?,
            limit: read.limit,
        };
        let found = self.store.history(&self.tenant, current.head.no, &page).await?;
        let items = found.items.iter().map(|entry| current.history_item(entry));
        let items: Vec<HistoryItem> = items.collect();
        let last = items.last().map(|item| item.id.clone());
        Ok(Page { next: found.next.and(last), items })
    }
}

/// Refuses what names no kind of record: an empty answer would look as if nothing had happened.
fn check_kind(kind: &str) -> Result<(), OpError> {
    let kinds = || Record::KINDS.iter().copied().chain(FactBody::KINDS);
    if kinds().any(|known| known == kind) {
        return Ok(());
    }
    let hint = match closest(kind, kinds()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the kinds are {}", kinds().collect::<Vec<_>>().join(", ")),
    };
    Err(OpError::BadArgument { what: format!("`{kind}` is no kind of record"), hint: Some(hint) })
}

impl Current {
    /// A record as everybody may see it.
    pub(super) fn history_item(&self, entry: &Entry) -> HistoryItem {
        let mut item = HistoryItem::from(entry);
        item.way = transition_of(entry).map(|step| Way::of(step, &self.machine));
        if let EntryBody::Record(Record::TimerFired(fired)) = &entry.body {
            item.timer = timer_in_words(fired.timer.as_str(), &self.machine);
        }
        sensitive::hide(&self.machine, &mut item.body);
        item
    }
}

/// A record's number as people write it: `e-118` or `118`.
pub(super) fn record_number(text: &str) -> Result<Seq, OpError> {
    let digits = text.strip_prefix("e-").unwrap_or(text);
    digits.parse().map(Seq).map_err(|_| OpError::BadArgument {
        what: format!("`{text}` is no record's id"),
        hint: Some("expected an id such as `e-118`, as the history lists them".to_owned()),
    })
}

/// The transition an entry tells of.
pub(super) fn transition_of(entry: &Entry) -> Option<&Transitioned> {
    match &entry.body {
        EntryBody::Record(Record::Transitioned(step)) => Some(step),
        EntryBody::Record(_) | EntryBody::Fact { .. } => None,
    }
}

impl HistoryItem {
    fn from(entry: &Entry) -> Self {
        let (kind, by, observed, body) = match &entry.body {
            EntryBody::Record(record) => {
                let body = record.body().ok().and_then(|body| serde_json::from_slice(&body).ok());
                (record.kind(), author(record).to_owned(), None, body.unwrap_or(Json::Null))
            }
            EntryBody::Fact { by, observed, body } => {
                (body.kind(), by.clone(), Some(*observed), fact_body(body))
            }
        };
        Self {
            id: event_id(entry.seq),
            seq: entry.seq,
            rev: entry.rev,
            at: entry.at,
            recorded_at: entry.recorded_at,
            kind: kind.to_owned(),
            by,
            observed,
            way: None,
            timer: None,
            body,
        }
    }
}

/// What a fact says, without its kind and without what it leaves open.
fn fact_body(body: &FactBody) -> Json {
    let Ok(Json::Object(mut fields)) = serde_json::to_value(body) else { return Json::Null };
    fields.shift_remove("kind");
    fields.retain(|_, value| match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
    });
    Json::Object(fields)
}

/// Who caused a record; empty if Guidepost itself did.
fn author(record: &Record) -> &str {
    match record {
        Record::Started(body) => &body.by,
        Record::Transitioned(body) => &body.by,
        Record::WorkEnded(body) => &body.by,
        Record::Paused(body) => &body.by,
        Record::Resumed(body) => &body.by,
        Record::Cancelled(body) => &body.by,
        Record::Restored(body) => &body.by,
        Record::Compensating(body) => &body.by,
        Record::Compensated(body) => &body.by,
        _ => "",
    }
}
