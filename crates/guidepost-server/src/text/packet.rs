//! What somebody needs who takes a run over, in words.

use std::fmt::Write as _;

use super::budget::{fitting, size};
use super::foreign::{name, value, word};
use super::history::history_item;
use super::times::{to_the_second, whole_seconds};
use crate::ops::{OpenAction, Packet, PendingTimer};
use crate::words::Words;

/// Letters of what an action is called: a long one is not to take the room of what else is needed.
const CALLED_MAX: usize = 120;

/// What a section costs at least: its title, and where the rest is.
const ENTRANCE: usize = 120;

/// The parts of a packet that fit into `room`, the most needed first. Each may take half of the room that is left, the last
/// all of it, and says how much it leaves out.
pub(super) fn packet(packet: &Packet, run: &str, room: usize, words: Words) -> String {
    let timers = packet.timers.iter().map(|timer| self::timer(packet, timer)).collect();
    let rest = words.read(run, "history");
    let parts = [
        section("safe to repeat", repeatable(packet, words), rest.clone()),
        section("pending timers", timers, rest.clone()),
        section(
            "last decisions",
            packet.decisions.iter().map(history_item).collect(),
            rest.clone(),
        ),
        section("last facts", packet.facts.iter().map(history_item).collect(), rest),
    ];
    let parts: Vec<Section> = parts.into_iter().filter(|part| !part.lines.is_empty()).collect();
    let mut text = String::new();
    for (number, part) in parts.iter().enumerate() {
        let left = room.saturating_sub(size(&text));
        let is_last = number + 1 == parts.len();
        part.write(if is_last { left } else { left / 2 }, &mut text);
    }
    text
}

/// Lines with a title, and where those are that do not fit.
struct Section {
    title: &'static str,
    lines: Vec<String>,
    rest: String,
}

fn section(title: &'static str, lines: Vec<String>, rest: String) -> Section {
    Section { title, lines, rest }
}

impl Section {
    /// Adds as much of it as fits into `room`; nothing if not even its title does.
    fn write(&self, room: usize, text: &mut String) {
        if room < ENTRANCE {
            return;
        }
        let _ = writeln!(text, "{}:", self.title);
        let lines = self.lines.iter().map(|line| format!("- {line}"));
        let (fits, count) = fitting(lines, room - ENTRANCE);
        // One line always comes back, however long it is.
        let (fits, count) = if size(&fits) > room - ENTRANCE { ("", 0) } else { (&*fits, count) };
        text.push_str(fits);
        if count < self.lines.len() {
            let _ = writeln!(text, "- {} more: {}", self.lines.len() - count, self.rest);
        }
    }
}

/// Sending an event again is safe by its rev; what was begun and not ended is not.
fn repeatable(packet: &Packet, words: Words) -> Vec<String> {
    let mut lines = vec![format!(
        "{} with the same rev, event and data: a repeat changes nothing",
        words.send()
    )];
    let since = packet.looked_back_to.as_ref();
    let since = since.map(|first| format!(" since {first}, before which nobody looked"));
    let since = since.unwrap_or_default();
    if packet.unfinished.is_empty() {
        lines.push(format!("nothing on record was begun and not ended{since}"));
    } else if !since.is_empty() {
        lines.push(format!("these were begun and not ended{since}"));
    }
    lines.extend(packet.unfinished.iter().map(unfinished));
    lines
}

fn unfinished(action: &OpenAction) -> String {
    let called = value(&action.name.as_str().into(), CALLED_MAX);
    let what = match action.r#type.as_str() {
        "" => called,
        sort => format!("{} {called}", word(sort)),
    };
    format!(
        "NOT {} {what}: begun, its end is not on record; find out before doing it again",
        action.id
    )
}

fn timer(packet: &Packet, timer: &PendingTimer) -> String {
    let left = whole_seconds(timer.due.since(packet.now));
    format!("{}: due in {left}, at {}", name(&timer.what), to_the_second(timer.due))
}
