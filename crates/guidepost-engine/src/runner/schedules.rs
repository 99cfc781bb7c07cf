//! What a runner does about schedules: it looks for those that are due, and has each moved on.

use std::collections::BTreeSet;

use guidepost_core::schedule::Overlap;
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::{Moved, Scheduled, StoreError};

use super::trouble::{Aside, advised, is_general};
use super::{Effect, Runner};

/// How often schedules are looked for. One that is due in between is known from the last look.
const LOOK: Span = Span(1_000_000_000);

/// How many are looked at at a time.
const LOOK_MAX: usize = 100;

/// How far a runner is with schedules.
#[derive(Debug)]
pub(super) struct Schedules {
    next_look: Timestamp,
    /// How many it is looking for at most, while it is.
    looking: Option<usize>,
    /// Schedules that are being moved on.
    moving: usize,
    /// Those that could not be moved on, by their names.
    aside: Aside<String>,
    /// Those of which it was told that their runs cannot begin.
    failing: BTreeSet<String>,
}

impl Default for Schedules {
    fn default() -> Self {
        let next_look = Timestamp(i64::MIN);
        let (aside, failing) = (Aside::default(), BTreeSet::new());
        Self { next_look, looking: None, moving: 0, aside, failing }
    }
}

impl Schedules {
    /// When it wants to look again.
    pub(super) fn wake_at(&self) -> Timestamp {
        if self.looking.is_some() || self.moving > 0 { Timestamp(i64::MAX) } else { self.next_look }
    }
}

impl Runner {
    /// Looks for schedules if it is time to. Whoever works for one run only begins no others.
    pub(super) fn look_for_schedules(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let pause = self.trouble.rest(LOOK);
        let own = &mut self.schedules;
        let has_come = own.next_look <= now || own.next_look > now.after(pause);
        if self.config.root.is_some() || own.looking.is_some() || own.moving > 0 || !has_come {
            return;
        }
        // Those that were set aside come first, being due for longest, and hide no others.
        let limit = LOOK_MAX + own.aside.len();
        own.looking = Some(limit);
        own.next_look = now.after(pause);
        effects.push(Effect::FindSchedules { until: now.after(LOOK), limit });
    }

    /// Takes schedules that are due, or soon will be.
    pub(super) fn scheduled(
        &mut self,
        until: Timestamp,
        found: Result<Vec<Scheduled>, StoreError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let limit = self.schedules.looking.take().unwrap_or(LOOK_MAX);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.trouble.failed("looking for schedules", false, &error);
                return;
            }
        };
        self.trouble.worked(false);
        if self.is_stopping {
            return;
        }
        let asked_at = Timestamp(until.0.saturating_sub(LOOK.0));
        if found.len() < limit {
            let names: Vec<String> = found.iter().map(Scheduled::full_name).collect();
            self.schedules.aside.keep(&names);
        }
        for before in found {
            if self.schedules.aside.has(&before.full_name(), now) {
                continue;
            }
            let Some(due) = before.due else { continue };
            // That a run goes on was so when it was asked. No time that came since is passed over for it.
            let is_going_on = before.is_going_on();
            let skips = is_going_on && before.schedule.overlap == Overlap::Skip;
            let known_at = if skips { asked_at.min(now) } else { now };
            if due > known_at {
                self.schedules.next_look = self.schedules.next_look.min(due);
                continue;
            }
            if let Some(settled) = before.schedule.settle(due, known_at, is_going_on) {
                self.schedules.moving += 1;
                effects.push(Effect::MoveSchedule { before: Box::new(before), settled });
            }
        }
    }

    /// Takes what became of a schedule that was due.
    pub(super) fn moved(
        &mut self,
        schedule: String,
        begins: bool,
        outcome: Result<Option<Moved>, StoreError>,
        now: Timestamp,
    ) {
        self.schedules.moving = self.schedules.moving.saturating_sub(1);
        match outcome {
            // There may be more times that are past, and the run has tasks.
            Ok(Some(moved)) => {
                self.trouble.worked(true);
                self.schedules.aside.take_up(&schedule);
                self.schedules.next_look = now;
                if moved.created.is_some() {
                    self.schedules.failing.remove(&schedule);
                    self.next_poll = now;
                } else if begins && self.schedules.failing.insert(schedule.clone()) {
                    tracing::warn!(
                        schedule,
                        "no run of a schedule can begin; `guidepost schedules` says why"
                    );
                }
            }
            Ok(None) => {}
            Err(error) if is_general(&error) => {
                self.trouble.failed("moving a schedule on", true, &error);
            }
            Err(error) => {
                if self.schedules.aside.put(schedule.clone(), LOOK, now) {
                    let error = advised(&error);
                    tracing::warn!(
                        schedule,
                        error,
                        "a schedule cannot be moved on; it is tried less and less often"
                    );
                }
            }
        }
    }
}
