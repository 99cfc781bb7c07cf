//! Parts of a run's record, in words.

use std::fmt::Write as _;

use guidepost_store::Page;
use serde_json::{Map, Value as Json};

use super::budget::{REPLY_MAX, capped, fitting, size};
use super::foreign::{quoted, value, word};
use super::history::history_item;
use crate::ops::{HistoryItem, Reading};
use crate::words::Words;

/// Letters of a value somebody asked for by name: as many as a reply holds, at a token each.
const WHOLE_MAX: usize = REPLY_MAX / 3 - 200;

/// Letters of one value among others.
const VALUE_MAX: usize = 300;

/// What was read.
#[must_use]
pub fn reading(reading: &Reading, words: Words) -> String {
    match reading {
        Reading::Records(page) => records(page, words),
        Reading::Data(data) => all(data),
        Reading::Value(found) => whole(|max| format!("{}\n", value(found, max))),
        Reading::Record(item) => record(item),
        Reading::Diagram { diagram } => capped(diagram, REPLY_MAX),
    }
}

fn records(page: &Page<HistoryItem>, words: Words) -> String {
    if page.items.is_empty() {
        return "nothing on record\n".to_owned();
    }
    let (mut text, count) = fitting(page.items.iter().map(history_item), REPLY_MAX - 100);
    let has_more = page.next.is_some() || count < page.items.len();
    if let Some(last) = page.items.get(count.saturating_sub(1)).filter(|_| has_more) {
        let _ = writeln!(text, "more: {}", words.argument("cursor", &last.id));
    }
    text
}

fn all(data: &Map<String, Json>) -> String {
    if data.is_empty() {
        return "no data\n".to_owned();
    }
    let fields =
        data.iter().map(|(name, field)| format!("{}={}", word(name), value(field, VALUE_MAX)));
    let (mut text, count) = fitting(fields, REPLY_MAX - 100);
    if count < data.len() {
        let _ = writeln!(text, "{} more: ask for one by its path", data.len() - count);
    }
    text
}

/// A text with as many letters of something as a reply holds; fewer if they cost more than others.
fn whole(text: impl Fn(usize) -> String) -> String {
    let all = text(WHOLE_MAX);
    match size(&all) {
        fits if fits <= REPLY_MAX => all,
        large => text(WHOLE_MAX * (REPLY_MAX - 200) / large),
    }
}

fn record(item: &HistoryItem) -> String {
    let claim = match item.observed {
        Some(true) => " observed",
        Some(false) => " claimed",
        None => "",
    };
    let by = if item.by.is_empty() { String::new() } else { format!(" by {}", word(&item.by)) };
    let body = item.body.to_string();
    whole(|max| {
        let body = quoted(&body, max);
        format!("{} rev {} {}{claim}{by} at {}\n{body}\n", item.id, item.rev, item.kind, item.at)
    })
}
