//! What somebody needs who takes a run over, in words.

use std::fmt::Write as _;

use super::budget::fitting;
use super::foreign::{name, word};
use super::history::history_item;
use crate::ops::{OpenAction, Packet, PendingTimer};

/// The parts of a packet that fit into `room` bytes, the most needed first.
pub(super) fn packet(packet: &Packet, room: usize) -> String {
    let parts = [
        section("safe to repeat", repeatable(packet)),
        section("pending timers", packet.timers.iter().map(|timer| self::timer(packet, timer))),
        section("last decisions", packet.decisions.iter().map(history_item)),
        section("last facts", packet.facts.iter().map(history_item)),
    ];
    let mut text = String::new();
    for part in parts {
        let (fits, _) = fitting(part.lines().map(str::to_owned), room.saturating_sub(text.len()));
        if text.len() + fits.len() <= room {
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
fn repeatable(packet: &Packet) -> Vec<String> {
    let mut lines =
        vec!["guidepost_do with the same rev, event and data: a repeat changes nothing".to_owned()];
    if packet.unfinished.is_empty() {
        lines.push("nothing on record was begun and not ended".to_owned());
    }
    lines.extend(packet.unfinished.iter().map(unfinished));
    lines
}

fn unfinished(action: &OpenAction) -> String {
    let what = match action.r#type.as_str() {
        "" => word(&action.name),
        sort => format!("{} {}", word(sort), word(&action.name)),
    };
    format!(
        "NOT {} {what}: begun, its end is not on record; find out before doing it again",
        action.id
    )
}

fn timer(packet: &Packet, timer: &PendingTimer) -> String {
    let span = timer.due.since(packet.now);
    // Nobody plans by the nanosecond.
    let rounded = guidepost_core::time::Span(span.0 - span.0 % 1_000_000_000);
    format!("{} in {rounded}, at {}", name(&timer.timer), timer.due)
}
