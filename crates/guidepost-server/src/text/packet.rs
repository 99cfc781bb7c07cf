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

/// The parts of a packet that fit into `room`, the most needed first.
pub(super) fn packet(packet: &Packet, room: usize, words: Words) -> String {
    let parts = [
        section("safe to repeat", repeatable(packet, words)),
        section("pending timers", packet.timers.iter().map(|timer| self::timer(packet, timer))),
        section("last decisions", packet.decisions.iter().map(history_item)),
        section("last facts", packet.facts.iter().map(history_item)),
    ];
    let mut text = String::new();
    for part in parts {
        let (fits, _) = fitting(part.lines().map(str::to_owned), room.saturating_sub(size(&text)));
        if size(&text) + size(&fits) <= room {
            text.push_str(&fits);
        }
    }
    text
}

fn section(title: &str, lines: impl IntoIterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        if text.is_empty() {
            let _ = writeln!(text, "{title}:");
        }
        let _ = writeln!(text, "- {line}");
    }
    text
}

/// Sending an event again is safe by its rev; what was begun and not ended is not.
fn repeatable(packet: &Packet, words: Words) -> Vec<String> {
    let mut lines = vec![format!(
        "{} with the same rev, event and data: a repeat changes nothing",
        words.send()
    )];
    if packet.unfinished.is_empty() {
        lines.push("nothing on record was begun and not ended".to_owned());
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
