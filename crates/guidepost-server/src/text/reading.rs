//! Parts of a run's record, in words.

use std::fmt::Write as _;

use guidepost_store::Page;
use serde_json::{Map, Value as Json};

use super::budget::{REPLY_BYTES_MAX, capped, fitting};
use super::foreign::{quoted, value, word};
use super::history::history_item;
use crate::ops::{HistoryItem, Reading};

/// Letters of a value somebody asked for by name: as many as a reply holds, at three bytes each.
const WHOLE_MAX: usize = REPLY_BYTES_MAX / 3 - 200;

/// Letters of one value among others.
const VALUE_MAX: usize = 300;

/// What was read.
#[must_use]
pub fn reading(reading: &Reading) -> String {
    match reading {
        Reading::Records(page) => records(page),
        Reading::Data(data) => all(data),
        Reading::Value(found) => format!("{}\n", value(found, WHOLE_MAX)),
        Reading::Record(item) => record(item),
        Reading::Diagram { diagram } => capped(diagram, REPLY_BYTES_MAX),
    }
}

fn records(page: &Page<HistoryItem>) -> String {
    if page.items.is_empty() {
        return "nothing on record\n".to_owned();
    }
    let (mut text, count) = fitting(page.items.iter().map(history_item), REPLY_BYTES_MAX - 100);
    let has_more = page.next.is_some() || count < page.items.len();
    if let Some(last) = page.items.get(count.saturating_sub(1)).filter(|_| has_more) {
        let _ = writeln!(text, "more: cursor {}", last.id);
    }
    text
}

fn all(data: &Map<String, Json>) -> String {
    if data.is_empty() {
        return "no data\n".to_owned();
    }
    let fields =
        data.iter().map(|(name, field)| format!("{}={}", word(name), value(field, VALUE_MAX)));
    let (mut text, count) = fitting(fields, REPLY_BYTES_MAX - 100);
    if count < data.len() {
        let _ = writeln!(text, "{} more: ask for one by its path", data.len() - count);
    }
    text
}

fn record(item: &HistoryItem) -> String {
    let claim = match item.observed {
        Some(true) => " observed",
        Some(false) => " claimed",
        None => "",
    };
    let by = if item.by.is_empty() { String::new() } else { format!(" by {}", word(&item.by)) };
    let body = quoted(&item.body.to_string(), WHOLE_MAX);
    format!("{} rev {} {}{claim}{by} at {}\n{body}\n", item.id, item.rev, item.kind, item.at)
}
