//! What is due, and what happens while somebody watches, a line each.

use guidepost_core::id::StateId;
use guidepost_core::run::Status;
use guidepost_core::time::{Span, Timestamp};

use super::foreign::{line, name};
use super::history_item;
use super::times::{to_the_second, whole_seconds};
use crate::ops::{Due, Seen, Standing};

/// Letters of what is due.
const WHAT_MAX: usize = 200;

/// Something that is due.
#[must_use]
pub fn due(due: &Due, now: Timestamp) -> String {
    let what = line(&due.what, WHAT_MAX);
    let how = match (due.is_held, whole_seconds(due.due.since(now))) {
        (true, _) => "held: the run is paused".to_owned(),
        (false, Span(0)) => "now".to_owned(),
        (false, left) => format!("in {left}"),
    };
    format!("{}  {}  {}  {what}  {how}", to_the_second(due.due), due.run, name(&due.workflow))
}

/// A record that was just made, with how its run stands if it is the newest.
#[must_use]
pub fn seen(seen: &Seen) -> String {
    let told = match (&seen.record, &seen.damaged) {
        (Some(record), _) => history_item(record),
        (None, damaged) => damaged.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let told = told.trim_end();
    match &seen.now {
        Some(now) => format!("{told}  [{}]", place(now.status, &now.states)),
        None => told.to_owned(),
    }
}

/// Where a run stands, in one line.
#[must_use]
pub fn standing_line(standing: &Standing) -> String {
    let states: Vec<StateId> = standing.states.iter().map(|now| now.state.clone()).collect();
    format!("{} rev {} [{}]", standing.name.run, standing.rev, place(standing.status, &states))
}

fn place(status: Status, states: &[StateId]) -> String {
    let states: Vec<String> = states.iter().map(|state| name(state.as_str())).collect();
    if states.is_empty() {
        status.to_string()
    } else {
        format!("{status} in {}", states.join(", "))
    }
}
