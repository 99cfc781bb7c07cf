//! Schedules: when each is due, and what it began last.

use std::collections::BTreeMap;

use guidepost_core::id::RunNo;
use guidepost_core::schedule::{Overlap, Schedule};
use guidepost_core::time::Timestamp;

use super::runs::Runs;
use crate::filter::{page, page_items};
use crate::{
    Created, LastRun, NewSchedule, Page, Passed, ScheduleChange, ScheduleFilter, Scheduled,
};

/// One tenant's schedules, by workflow and name.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    schedules: BTreeMap<(String, String), Held>,
}

#[derive(Debug)]
struct Held {
    schedule: Schedule,
    due: Option<Timestamp>,
    is_paused: bool,
    /// The run it began last, and the time that was due.
    last: Option<(RunNo, Timestamp)>,
    passed: Option<Passed>,
}

impl Schedules {
    /// Makes these the schedules of a workflow.
    pub(super) fn define(&mut self, workflow: &str, new: &[NewSchedule]) {
        self.schedules.retain(|(of, name), _| {
            of != workflow || new.iter().any(|schedule| schedule.name == *name)
        });
        for NewSchedule { name, schedule, due } in new {
            let key = (workflow.to_owned(), name.clone());
            let held = self.schedules.entry(key).or_insert_with(|| Held {
                schedule: schedule.clone(),
                due: *due,
                is_paused: false,
                last: None,
                passed: None,
            });
            if held.schedule.times != schedule.times {
                held.due = *due;
            }
            held.schedule.clone_from(schedule);
        }
    }

    pub(super) fn list(&self, filter: &ScheduleFilter, runs: &Runs) -> Page<Scheduled> {
        let all = self.schedules.iter();
        let of_workflow = |name: &String| filter.workflow.as_ref().is_none_or(|it| it == name);
        let wanted = all.filter(|((workflow, _), _)| of_workflow(workflow));
        let wanted = wanted.map(|(key, held)| held.shown(key, runs));
        let Some(by) = filter.due_by else {
            let is_beyond =
                |it: &Scheduled| filter.cursor.as_ref().is_none_or(|at| place(it) > *at);
            let mut wanted: Vec<Scheduled> = wanted.filter(is_beyond).collect();
            wanted.sort_by_key(place);
            return page(wanted, page_items(filter.limit), place);
        };
        let waits = |it: &Scheduled| it.schedule.overlap == Overlap::Queue && it.is_going_on();
        let is_due =
            |it: &Scheduled| !it.is_paused && it.due.is_some_and(|due| due <= by) && !waits(it);
        let mut due: Vec<Scheduled> = wanted.filter(is_due).collect();
        due.sort_by_key(|it| it.due);
        due.truncate(page_items(filter.limit));
        Page { items: due, next: None }
    }

    /// Whether a schedule still is what somebody saw.
    pub(super) fn is_as(&self, seen: &Scheduled) -> bool {
        let held = self.schedules.get(&(seen.workflow.clone(), seen.name.clone()));
        held.is_some_and(|held| {
            held.schedule == seen.schedule
                && held.due == seen.due
                && held.is_paused == seen.is_paused
                && held.last.map(|(run, _)| run) == seen.last.as_ref().map(|last| last.run)
        })
    }

    pub(super) fn change(
        &mut self,
        before: &Scheduled,
        change: ScheduleChange,
        created: Option<&Created>,
    ) {
        let key = (before.workflow.clone(), before.name.clone());
        let Some(held) = self.schedules.get_mut(&key) else { return };
        held.due = change.due;
        held.is_paused = change.is_paused;
        if change.passed.is_some() {
            held.passed = change.passed;
        }
        if let (Some(created), Some((due, ..))) = (created, change.begun) {
            held.last = Some((created.run, due));
        }
    }
}

impl Held {
    fn shown(&self, (workflow, name): &(String, String), runs: &Runs) -> Scheduled {
        let is_live = |run: RunNo| runs.is_live(run);
        Scheduled {
            workflow: workflow.clone(),
            name: name.clone(),
            schedule: self.schedule.clone(),
            due: self.due,
            is_paused: self.is_paused,
            last: self.last.map(|(run, due)| LastRun { run, due, is_live: is_live(run) }),
            passed: self.passed.clone(),
            damaged: None,
        }
    }
}

/// Where a page ends. No workflow's name has an `@`.
fn place(schedule: &Scheduled) -> String {
    format!("{}@{}", schedule.workflow, schedule.name)
}
