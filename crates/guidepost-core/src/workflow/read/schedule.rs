//! `schedule` and `schedules`: when runs begin by themselves.

use indexmap::IndexMap;
use serde_json::Map;

use super::super::problems::code;
use super::super::tree::{Entry, Tree};
use super::{Reader, keys};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::AttributeName;
use crate::kernel;
use crate::limits::SCHEDULES_MAX;
use crate::machine::Machine;
use crate::name::NameOf;
use crate::schedule::{BadTimes, CatchUp, Overlap, Schedule, Times, UNNAMED, zone_named};

/// Where the clock of a cron expression hangs if nobody says.
const UTC: &str = "UTC";

impl<'t> Reader<'t, '_> {
    /// Schedules by name, each with its place.
    pub(super) fn schedules(&mut self) -> IndexMap<String, (Schedule, Position)> {
        let mut schedules = IndexMap::new();
        if let Some(tree) = self.root.get("schedule") {
            let schedule = self.schedule(tree, tree.at);
            schedules.extend(schedule.map(|it| (UNNAMED.to_owned(), (it, tree.at))));
        }
        for Entry { key, at, value } in self.section("schedules") {
            if !self.is_name(NameOf::Schedule, key, *at) {
                continue;
            }
            if schedules.len() >= SCHEDULES_MAX {
                let message = format!("a workflow has at most {SCHEDULES_MAX} schedules");
                self.error(code::TOO_LARGE, *at, message);
                break;
            }
            if schedules.contains_key(&**key) {
                let message = format!("the schedule under `schedule` is called `{key}`, too");
                self.error(code::DUPLICATE, *at, message);
                continue;
            }
            let schedule = self.schedule(value, *at);
            schedules.extend(schedule.map(|it| (key.to_string(), (it, *at))));
        }
        schedules
    }

    fn schedule(&mut self, tree: &'t Tree, at: Position) -> Option<Schedule> {
        let entries = self.fields(tree, "schedule");
        self.check_keys(entries, &[&keys::SCHEDULE], "a schedule");
        let times = self.times(tree, at)?;
        let mut schedule = Schedule {
            times,
            input: Map::new(),
            due_as: None,
            goal: None,
            overlap: Overlap::default(),
            catch_up: CatchUp::default(),
        };
        for Entry { key, value, .. } in entries {
            match &**key {
                "input" => {
                    self.fields(value, "input");
                    schedule.input = value.to_json().as_object().cloned().unwrap_or_default();
                }
                "due_as" => schedule.due_as = self.text(value, key).map(AttributeName::from),
                "goal" => schedule.goal = self.text(value, key).map(str::to_owned),
                "overlap" => {
                    schedule.overlap = self.one_of(value, key, OVERLAPS).unwrap_or_default();
                }
                "catch_up" => {
                    schedule.catch_up = self.one_of(value, key, CATCH_UPS).unwrap_or_default();
                }
                _ => {}
            }
        }
        Some(schedule)
    }

    /// One of a few words.
    fn one_of<T: Copy>(&mut self, tree: &Tree, what: &str, words: [(&str, T); 3]) -> Option<T> {
        let found = words.iter().find(|(word, _)| tree.as_text() == Some(*word));
        if found.is_none() {
            let [first, second, third] = words.map(|(word, _)| word);
            let message = format!("`{what}` is `{first}`, `{second}` or `{third}`");
            self.error(code::SHAPE, tree.at, message);
        }
        found.map(|(_, meant)| *meant)
    }

    /// `every`, or `cron` and `timezone`.
    fn times(&mut self, tree: &'t Tree, at: Position) -> Option<Times> {
        let (times, at) = match (tree.get("every"), tree.get("cron")) {
            (Some(every), None) => {
                if let Some(zone) = tree.get("timezone") {
                    let message =
                        "`timezone` belongs to `cron`; `every` counts from 1970-01-01 UTC";
                    self.error(code::SCHEDULE, zone.at, message);
                }
                (Times::Every { every: self.span(every, "every")? }, every)
            }
            (None, Some(cron)) => {
                let timezone = match tree.get("timezone") {
                    Some(zone) => self.text(zone, "timezone")?,
                    None => UTC,
                };
                let (cron_text, timezone) = (self.text(cron, "cron")?, timezone.to_owned());
                (Times::Cron { cron: cron_text.to_owned(), timezone }, cron)
            }
            (Some(_), Some(both)) => {
                self.error(code::SCHEDULE, both.at, "a schedule has either `every` or `cron`");
                return None;
            }
            (None, None) => {
                self.problems.add(
                    Diagnostic::error(code::SCHEDULE, at, "the schedule does not say when")
                        .with_hint("give it `every: 1h`, or `cron: 0 9 * * MON-FRI`"),
                );
                return None;
            }
        };
        match times.check() {
            Ok(()) => Some(times),
            Err(bad) => {
                let at = match &bad {
                    BadTimes::NoZone(_) => tree.get("timezone").map_or(at.at, |zone| zone.at),
                    BadTimes::TooOften(_) | BadTimes::NotCron { .. } | BadTimes::Never(_) => at.at,
                };
                let problem = Diagnostic::error(code::SCHEDULE, at, bad.to_string());
                self.problems.add(Diagnostic { hint: Some(advice(&bad)), ..problem });
                None
            }
        }
    }

    /// Checks that runs could begin with what their schedules give them.
    pub(super) fn check_schedules(
        &mut self,
        machine: &Machine,
        schedules: &IndexMap<String, (Schedule, Position)>,
    ) {
        for (name, (schedule, at)) in schedules {
            let input = schedule.input_at(crate::time::Timestamp(0));
            for problem in kernel::bad_first_values(machine, &input) {
                let message = format!("the runs of the schedule `{name}` cannot begin: {problem}");
                self.error(code::SCHEDULE, *at, message);
            }
        }
    }
}

const OVERLAPS: [(&str, Overlap); 3] =
    [("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];

const CATCH_UPS: [(&str, CatchUp); 3] =
    [("one", CatchUp::One), ("all", CatchUp::All), ("none", CatchUp::None)];

fn advice(bad: &BadTimes) -> String {
    match bad {
        BadTimes::TooOften(_) => "let one run wait within a loop, by `wait`".to_owned(),
        BadTimes::NotCron { .. } => {
            "write minute, hour, day of the month, month and day of the week, as in `0 9 * * MON-FRI`"
                .to_owned()
        }
        BadTimes::NoZone(name) => match zone_named(name) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name a city of the IANA database, as in `Europe/Berlin`".to_owned(),
        },
        BadTimes::Never(_) => "check the day of the month against the month".to_owned(),
    }
}
