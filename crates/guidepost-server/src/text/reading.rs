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

/// The size of the line that says where the rest begins.
const MORE_SIZE: usize = 60;

/// Letters of one value among others.
const VALUE_MAX: usize = 300;

/// What was read.
#[must_use]
pub fn reading(reading: &Reading, words: Words) -> String {
    reading_from(reading, 0, words)
}

/// What was read; of one value or one record what follows the first `from` letters, as much of it as a reply holds. On the
/// command line that is all.
#[must_use]
pub fn reading_from(reading: &Reading, from: usize, words: Words) -> String {
    match reading {
        Reading::Records(page) => records(page, words),
        Reading::Data(data) => all(data),
        Reading::Value(found) => {
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            let is_whole = |part: &str| part.len() == text.len();
            part(&text, from, words, |part| match part {
                whole if is_whole(whole) => format!("{}\n", value(found, 2 * whole.len() + 2)),
                part => format!("{}\n", quoted(part, 2 * part.len() + 2)),
            })
        }
        Reading::Record(item) => {
            let head = head(item);
            part(&item.body.to_string(), from, words, |body| {
                format!("{head}\n{}\n", quoted(body, 2 * body.len() + 2))
            })
        }
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

/// As many letters of something as a reply holds, fewer if they cost more than others, and where the rest begins.
fn part(text: &str, from: usize, words: Words, shown: impl Fn(&str) -> String) -> String {
    let rest = text.char_indices().nth(from).map_or("", |(at, _)| &text[at..]);
    if words == Words::Commands {
        return shown(rest);
    }
    let first = |letters: usize| rest.char_indices().nth(letters).map(|(end, _)| &rest[..end]);
    let most = shown(first(WHOLE_MAX).unwrap_or(rest));
    let room = REPLY_MAX - MORE_SIZE;
    let letters = match size(&most) {
        fits if fits <= room => WHOLE_MAX,
        large => WHOLE_MAX * (room - 200) / large,
    };
    match first(letters) {
        None => shown(rest),
        Some(part) => {
            format!("{}more: {}\n", shown(part), words.argument("cursor", from + letters))
        }
    }
}

/// What a record is, without what it says.
fn head(item: &HistoryItem) -> String {
    let claim = match item.observed {
        Some(true) => " observed",
        Some(false) => " claimed",
        None => "",
    };
    let by = if item.by.is_empty() { String::new() } else { format!(" by {}", word(&item.by)) };
    format!("{} rev {} {}{claim}{by} at {}", item.id, item.rev, item.kind, item.at)
}
