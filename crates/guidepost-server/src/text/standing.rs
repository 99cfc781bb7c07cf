//! How a run stands, in words.

use std::fmt::Write as _;

use guidepost_core::budget::Amount;
use guidepost_core::machine::WorkKind;
use guidepost_core::run::Status;
use guidepost_store::Durability;

use super::budget::{REPLY_MAX, fitting, reply, size};
use super::foreign::{QUOTED_MAX, line, name, quoted, told, value, word};
use super::names::{listed, states, workflow};
use super::next::{legal_line, next};
use super::packet;
use crate::ops::{LimitNow, Limited, Logged, Moved, Standing, Started, StateNow, Waited};
use crate::words::Words;

/// How much of what there is to say a reply has room for.
struct Room {
    /// Letters of a guideline, and of a prompt.
    wording: usize,
    /// The size of all guidelines and prompts.
    wordings: usize,
    /// The size of the line that shows the data.
    data: usize,
}

/// The room of a reply by default, and of one that was asked to be full.
const BRIEF: Room = Room { wording: 600, wordings: 1_200, data: 500 };
const FULL: Room = Room { wording: 700, wordings: 2_000, data: 1_000 };

/// Parts of a text without a value that are told, and letters of why.
const MISSING_MAX: usize = 3;
const SENTENCE_MAX: usize = 160;

/// Letters of a goal, and of one value of the data.
const GOAL_MAX: usize = 200;
const VALUE_MAX: usize = 80;

/// How many pieces that are left to make good an answer names.
const MAKING_GOOD_MAX: usize = 10;

/// Where a run is, what to do there, what it has and what is legal next.
#[must_use]
pub fn standing(standing: &Standing, words: Words) -> String {
    let room = if standing.packet.is_some() { &FULL } else { &BRIEF };
    let mut text = head(standing);
    state_lines(&mut text, standing);
    if let Some(goal) = &standing.goal {
        line_of(&mut text, "goal", &quoted(goal, GOAL_MAX));
    }
    text.push_str(&to_do(standing, room));
    data(&mut text, standing, room.data, words);
    limits(&mut text, standing);
    if !standing.making_good.is_empty() {
        line_of(&mut text, "makes good first", &first_of(&standing.making_good));
    }
    result(&mut text, standing);
    note(&mut text, standing.durability);
    let next = next(standing, words);
    if let Some(packet) = &standing.packet {
        let room = REPLY_MAX.saturating_sub(size(&text) + size(&next));
        text.push_str(&packet::packet(packet, &standing.name.run, room, words));
    }
    reply(&text, &next)
}

/// The first few of many, and how many more there are.
fn first_of(pieces: &[String]) -> String {
    let shown = listed(pieces.iter().take(MAKING_GOOD_MAX).map(|it| name(it)), "nothing");
    match pieces.len().saturating_sub(MAKING_GOOD_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// That a run was started, or found by its key.
#[must_use]
pub fn started(started: &Started, words: Words) -> String {
    let opening = if started.is_new { "started" } else { "started before with this key" };
    format!("{opening}\n{}", standing(&started.standing, words))
}

/// What an input did, and what is to be done now.
#[must_use]
pub fn moved(moved: &Moved, words: Words) -> String {
    let standing = &moved.standing;
    let mut text = format!("ok rev {}: {}", moved.after, way(moved));
    if standing.status.is_ended() || standing.status == Status::Paused {
        let _ = write!(text, "; run {}", status(standing));
    }
    text.push('\n');
    if standing.rev > moved.after {
        // A repeat gets the answer of the first time; what came after it is the news.
        let now = states(standing.states.iter().map(|now| &now.state));
        let _ = writeln!(text, "since then: rev {}, in {now}", standing.rev);
    }
    text.push_str(&to_do(standing, &BRIEF));
    result(&mut text, standing);
    reply(&text, &next(standing, words))
}

/// What an intervention did, or that there was nothing to do.
#[must_use]
pub fn controlled(controlled: &Moved, words: Words) -> String {
    if !controlled.is_repeat {
        return moved(controlled, words);
    }
    let standing = &controlled.standing;
    let status = status(standing);
    format!("nothing to do: {} is {status} already\n", standing.name.run) + &next(standing, words)
}

/// That facts were recorded, and what is legal.
#[must_use]
pub fn logged(logged: &Logged) -> String {
    let ids = match logged.last.0 - logged.first.0 {
        0 => format!("e-{}", logged.first),
        _ => format!("e-{} to e-{}", logged.first, logged.last),
    };
    let mut text = format!("logged {ids} in {}, rev {}\n", logged.run, logged.rev);
    if !logged.next.is_empty() {
        let _ = writeln!(text, "next: {}", legal_line(&logged.next));
    }
    text
}

/// Where a run is after a wait, or that it is still there.
#[must_use]
pub fn waited(waited: &Waited, words: Words) -> String {
    if waited.has_moved {
        return standing(&waited.standing, words);
    }
    let now = &waited.standing;
    let place = states(now.states.iter().map(|now| &now.state));
    let mut text = format!("still waiting: {} is at rev {} in {place}\n", now.name.run, now.rev);
    if now.next.is_empty() {
        text.push_str(&next(now, words));
    } else {
        let _ = writeln!(text, "next: {}", legal_line(&now.next));
    }
    text
}

fn head(standing: &Standing) -> String {
    let workflow = workflow(&standing.workflow, standing.version);
    let mut text = format!("run {} {workflow} rev {}", standing.name.run, standing.rev);
    if standing.status != Status::Running {
        let _ = write!(text, " {}", status(standing));
    }
    text.push('\n');
    text
}

fn status(standing: &Standing) -> String {
    match &standing.reason {
        Some(reason) => format!("{} ({})", standing.status, line(reason, GOAL_MAX)),
        None => standing.status.to_string(),
    }
}

/// One state with its number; of several, which a run is in at once, the number would look like how far it is.
fn state_lines(text: &mut String, standing: &Standing) {
    match standing.states.as_slice() {
        [] => line_of(text, "states", "none"),
        [now] => line_of(text, "state", &place(now)),
        all => {
            let names = listed(all.iter().map(|now| name(now.state.as_str())), "none");
            line_of(text, "states", &format!("{names} (at once, one in each region)"));
        }
    }
}

fn place(now: &StateNow) -> String {
    match now.number {
        0 => name(now.state.as_str()),
        number => format!("{} ({number} of {})", name(now.state.as_str()), now.of),
    }
}

/// What to do, state by state. What is left out for want of room can be had from the workflow.
fn to_do(standing: &Standing, room: &Room) -> String {
    if standing.status.is_ended() {
        return String::new();
    }
    let is_alone = standing.states.len() == 1;
    let mut lines = Vec::new();
    for now in &standing.states {
        let place =
            if is_alone { String::new() } else { format!(" in {}", name(now.state.as_str())) };
        if let Some(guideline) = now.guideline.as_ref().or(now.description.as_ref()) {
            lines.push(format!("do{place}: {}", told(guideline, room.wording)));
        }
        if let (Some(work), Some(prompt)) = (now.work, &now.prompt) {
            let what = if work == WorkKind::Ask { "question" } else { work.as_str() };
            lines.push(format!("{what}{place}: {}", quoted(&prompt.text, room.wording)));
        }
        if !now.missing.is_empty() {
            let missing = now.missing.iter().take(MISSING_MAX).map(|why| line(why, SENTENCE_MAX));
            let missing: Vec<String> = missing.collect();
            lines.push(format!("missing{place}: {}", missing.join("; ")));
        }
    }
    let all = lines.len();
    let (mut text, count) = fitting(lines, room.wordings);
    if count < all {
        let _ = writeln!(text, "and {} more guidelines", all - count);
    }
    text
}

fn data(text: &mut String, standing: &Standing, max: usize, words: Words) {
    let data = &standing.data;
    if data.is_empty() {
        return;
    }
    let fields =
        data.iter().map(|(name, field)| format!("{}={}", word(name), value(field, VALUE_MAX)));
    let (shown, count) = fitting(fields, max);
    let mut shown = shown.trim_end().replace('\n', " ");
    if count < data.len() {
        let all = words.read(&standing.name.run, "data");
        let _ = write!(shown, " and {} more: {all}", data.len() - count);
    }
    line_of(text, "have", &shown);
}

/// What is spent of the limits that hold, and what is left.
fn limits(text: &mut String, standing: &Standing) {
    let limits = standing.limits.iter().map(|now| {
        let LimitNow { run, amount: Amount { limit, spent, max, left } } = now;
        let of = if *run == standing.name.run { String::new() } else { format!(" of {run}") };
        let [spent, max, left] = [spent, max, left].map(|amount| limit.in_words(*amount));
        format!("{limit}{of} {spent} of {max}, {left} left")
    });
    let limits: Vec<String> = limits.collect();
    if !limits.is_empty() {
        line_of(text, "limits", &limits.join("; "));
    }
}

/// What setting limits did, and how the run stands with them.
#[must_use]
pub fn limited(limited: &Limited, words: Words) -> String {
    let mut text = String::new();
    if !limited.resumed.is_empty() {
        line_of(&mut text, "goes on", &limited.resumed.join(", "));
    }
    text + &standing(&limited.standing, words)
}

fn result(text: &mut String, standing: &Standing) {
    if !standing.output.is_null() {
        let label = if standing.status == Status::Failed { "failed" } else { "result" };
        line_of(text, label, &value(&standing.output, QUOTED_MAX));
    }
}

fn note(text: &mut String, durability: Option<Durability>) {
    match durability {
        None | Some(Durability::Disk) => {}
        Some(Durability::Process) => {
            line_of(text, "note", "the last moments may be lost if the power fails")
        }
        Some(Durability::None) => {
            line_of(text, "note", "all of this is lost when the process ends")
        }
    }
}

/// Where an input led: `review -> fix`.
fn way(moved: &Moved) -> String {
    match (moved.left.as_slice(), moved.entered.as_slice()) {
        ([], []) => {
            let place = states(moved.standing.states.iter().map(|now| &now.state));
            format!("still in {place}")
        }
        (left, entered) => format!("{} -> {}", states(left.iter()), states(entered.iter())),
    }
}

fn line_of(text: &mut String, label: &str, what: &str) {
    let _ = writeln!(text, "{label}: {what}");
}
