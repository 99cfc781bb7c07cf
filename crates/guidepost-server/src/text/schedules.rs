//! Schedules, in words.

use super::foreign::{line, name};
use crate::ops::ScheduleView;

/// Letters of a reason.
const WHY_MAX: usize = 160;

/// A schedule on a line: what it is, when it is due, and what it did last.
#[must_use]
pub fn schedule(view: &ScheduleView) -> String {
    let mut text = format!("{}/{}  {}  ", name(&view.workflow), name(&view.name), view.times);
    text.push_str(&match (&view.at, view.is_paused) {
        (_, true) => "paused".to_owned(),
        (Some(at), false) => format!("next {at}"),
        (None, false) => "never again".to_owned(),
    });
    if let Some(last) = &view.last {
        let goes_on = if last.is_live { ", which goes on" } else { "" };
        text.push_str(&format!("; last {} for {}{goes_on}", last.run, last.at));
    }
    if let Some(passed) = &view.passed {
        let what = if view.failure.is_some() { "no run could begin for" } else { "passed over" };
        text.push_str(&format!("; {what} {}: {}", passed.at, line(&passed.why, WHY_MAX)));
    }
    text
}
