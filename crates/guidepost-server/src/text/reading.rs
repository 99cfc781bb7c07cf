//! Parts of a run's record, in words.

use std::fmt::Write as _;

use guidepost_store::Page;
use serde_json::{Map, Value as Json};

use super::budget::{REPLY_MAX, capped, fitting, size};
use super::foreign::{QUOTED_MAX, name, quoted, value, word};
use super::history::history_item;
use super::times::to_the_second;
use crate::ops::{HistoryItem, Reading, TurnItem};
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
        Reading::Turns(page) => turns(page, words),
        Reading::Turn(turn) => {
            let head = format!("{} {} at {}", name(&turn.id), turn.role, to_the_second(turn.at));
            part(&said(turn), from, words, |said| {
                format!("{head}\n{}\n", quoted(said, 2 * said.len() + 2))
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

fn turns(page: &Page<TurnItem>, words: Words) -> String {
    if page.items.is_empty() {
        return "nothing was said yet; threads are of steps that agents do for an engine\n"
            .to_owned();
    }
    let lines = page.items.iter().map(|turn| {
        format!("{} {}: {}", name(&turn.id), turn.role, quoted(&said(turn), QUOTED_MAX))
    });
    let (mut text, count) = fitting(lines, REPLY_MAX - 100);
    let is_long = |turn: &&TurnItem| said(turn).chars().count() > QUOTED_MAX;
    if let Some(long) = page.items.iter().take(count).find(is_long) {
        let whole = words.choose("by its id as path", "by its id");
        let _ = writeln!(text, "long texts are cut: ask for one {whole}, as {}", name(&long.id));
    }
    let has_more = page.next.is_some() || count < page.items.len();
    if let Some(last) = page.items.get(count.saturating_sub(1)).filter(|_| has_more) {
        let _ = writeln!(text, "more: {}", words.argument("cursor", &last.id));
    }
    text
}

/// What was said: a text as it is, any other value as JSON.
fn said(turn: &TurnItem) -> String {
    turn.content.as_str().map_or_else(|| turn.content.to_string(), str::to_owned)
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
    let at = to_the_second(item.at);
    format!("{} rev {} {}{claim}{by} at {at}", item.id, item.rev, item.kind)
}
