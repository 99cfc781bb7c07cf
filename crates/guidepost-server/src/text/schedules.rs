//! Schedules, in words.

use super::foreign::{line, name};
use super::times::to_the_second;
use crate::ops::ScheduleView;

/// Letters of a reason, and of what is wrong.
const WHY_MAX: usize = 160;
const DAMAGE_MAX: usize = 300;

/// A schedule on a line: what it is, when it is due, and what it did last.
#[must_use]
pub fn schedule(view: &ScheduleView) -> String {
    if let Some(damage) = &view.damaged {
        let damage = line(&damage.to_string(), DAMAGE_MAX);
        return format!("{}/{}  {damage}", name(&view.workflow), name(&view.name));
    }
    let mut text = format!("{}/{}  {}  ", name(&view.workflow), name(&view.name), view.times);
    text.push_str(&match (view.due, view.is_paused) {
        (_, true) => "paused".to_owned(),
        (Some(due), false) => format!("next {}", to_the_second(due)),
        (None, false) => "never again".to_owned(),
    });
    if let Some(last) = &view.last {
        let goes_on = if last.is_live { ", which goes on" } else { "" };
        text.push_str(&format!("; last {} for {}{goes_on}", last.run, to_the_second(last.due)));
    }
    if let Some(passed) = &view.passed {
        let what = if view.failure.is_some() { "no run could begin for" } else { "passed over" };
        text.push_str(&format!(
            "; {what} {}: {}",
            to_the_second(passed.due),
            line(&passed.why, WHY_MAX)
        ));
    }
    text
}
