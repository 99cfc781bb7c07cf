//! What a runner does about schedules: it looks for those that are due, and has each moved on.

use guidepost_core::schedule::Overlap;
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::{Moved, Scheduled, StoreError};

use super::trouble::is_general;
use super::{Effect, Runner};

/// How often schedules are looked for. One that is due in between is known from the last look.
const LOOK: Span = Span(1_000_000_000);

/// How far a runner is with schedules.
#[derive(Debug)]
pub(super) struct Schedules {
    next_look: Timestamp,
    is_looking: bool,
    /// Schedules that are being moved on.
    moving: usize,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { next_look: Timestamp(i64::MIN), is_looking: false, moving: 0 }
    }
}

impl Schedules {
    /// When it wants to look again.
    pub(super) fn wake_at(&self) -> Timestamp {
        if self.is_looking || self.moving > 0 { Timestamp(i64::MAX) } else { self.next_look }
    }
}

impl Runner {
    /// Looks for schedules if it is time to. Whoever works for one run only begins no others.
    pub(super) fn look_for_schedules(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let pause = self.trouble.rest(LOOK);
        let own = &mut self.schedules;
        let has_come = own.next_look <= now || own.next_look > now.after(pause);
        if self.config.root.is_some() || own.is_looking || own.moving > 0 || !has_come {
            return;
        }
        own.is_looking = true;
        own.next_look = now.after(pause);
        effects.push(Effect::FindSchedules { until: now.after(LOOK) });
    }

    /// Takes schedules that are due, or soon will be.
    pub(super) fn scheduled(
        &mut self,
        until: Timestamp,
        found: Result<Vec<Scheduled>, StoreError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.schedules.is_looking = false;
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
        for before in found {
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
    pub(super) fn moved(&mut self, outcome: Result<Option<Moved>, StoreError>, now: Timestamp) {
        self.schedules.moving = self.schedules.moving.saturating_sub(1);
        match outcome {
            // There may be more times that are past, and the run has tasks.
            Ok(Some(moved)) => {
                self.trouble.worked(true);
                self.schedules.next_look = now;
                if moved.created.is_some() {
                    self.next_poll = now;
                }
            }
            Ok(None) => {}
            Err(error) if is_general(&error) => {
                self.trouble.failed("moving a schedule on", true, &error);
            }
            Err(error) => tracing::warn!(%error, "a schedule could not be moved on yet"),
        }
    }
}
