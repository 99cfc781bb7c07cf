//! When runs of a workflow begin by themselves: schedules, and their times as data from a given instant.
//!
//! A [`Schedule`] says at which times a run is due. [`Schedule::settle`] says what is to be done about one that is due: which
//! run begins, what is passed over, and when the next is due. Nothing here reads a clock; time zones are those that were
//! built in.

mod cron;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use self::cron::Cron;
pub use self::cron::zone_named;
use crate::id::AttributeName;
use crate::limits::{SCHEDULE_CATCH_UP_MAX, SCHEDULE_GRACE_SECONDS, SCHEDULE_SECONDS_MIN};
use crate::time::{Span, Timestamp};

/// The name of a workflow's schedule that was given none.
pub const UNNAMED: &str = "default";

const SECOND: i64 = 1_000_000_000;

/// When runs of a workflow begin by themselves, and with what.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// At which times a run is due.
    #[serde(flatten)]
    pub times: Times,
    /// First values of the run's attributes.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Json>,
    /// The attribute that gets the time the run is due at, as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_as: Option<AttributeName>,
    /// What the run is to reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// What to do while the run before goes on.
    #[serde(default)]
    pub overlap: Overlap,
    /// What to do about times at which nothing ran.
    #[serde(default)]
    pub catch_up: CatchUp,
}

/// At which times a run is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// Again and again after so much time, counted from 1970-01-01 UTC: `1h` is on the hour.
    Every {
        /// How much.
        every: Span,
    },
    /// When a clock on a wall shows certain times.
    Cron {
        /// Five fields: minute, hour, day of the month, month, day of the week.
        cron: String,
        /// Where the clock hangs, by its name in the IANA database.
        timezone: String,
    },
}

/// What to do about a time that comes while the run before goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is passed over.
    #[default]
    Skip,
    /// It waits until that run has ended, and is late then.
    Queue,
    /// Another run begins beside it.
    Allow,
}

/// What to do about times that are past.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run begins, for the last of them.
    #[default]
    One,
    /// A run begins for each, in order; for the last hundred, if there are more.
    All,
    /// Nothing, if they are past for longer than a minute.
    None,
}

/// What is to be done about a schedule that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The time a run begins for, if one does.
    pub begin: Option<Timestamp>,
    /// The last time that is passed over, if any is, and why.
    pub passed: Option<(Timestamp, &'static str)>,
    /// When the next run is due; `None` if never.
    pub next: Option<Timestamp>,
}

/// Times that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadTimes {
    /// They come too close.
    #[error("`{0}` is too often: runs begin at most once a second")]
    TooOften(Span),
    /// The fields are no times.
    #[error("`{cron}` is no cron expression: {why}")]
    NotCron {
        /// The fields.
        cron: String,
        /// What is wrong with them.
        why: String,
    },
    /// There is no such time zone.
    #[error("there is no time zone `{0}`")]
    NoZone(String),
    /// No such time ever comes.
    #[error("`{0}` never comes: there is no such date")]
    Never(String),
}

/// In words: `every 1h`, `cron 0 9 * * MON-FRI in Europe/Berlin`.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every { every } => write!(f, "every {every}"),
            Self::Cron { cron, timezone } => write!(f, "cron {cron} in {timezone}"),
        }
    }
}

impl Times {
    /// Checks that they can be used.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), BadTimes> {
        match self {
            Self::Every { every } if every.0 < SCHEDULE_SECONDS_MIN * SECOND => {
                Err(BadTimes::TooOften(*every))
            }
            Self::Every { .. } => Ok(()),
            Self::Cron { cron, timezone } => {
                let comes = Cron::new(cron, timezone)?.ever_comes();
                if comes { Ok(()) } else { Err(BadTimes::Never(cron.clone())) }
            }
        }
    }

    /// The first time after an instant; `None` if none comes.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { every } => {
                at.0.div_euclid(every.0.max(1)).checked_add(1)?.checked_mul(every.0).map(Timestamp)
            }
            Self::Cron { cron, timezone } => Cron::new(cron, timezone).ok()?.next_after(at),
        }
    }

    /// The last time up to an instant, which may be that; `None` if none came before.
    #[must_use]
    pub fn last_until(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every { every } => {
                at.0.div_euclid(every.0.max(1)).checked_mul(every.0).map(Timestamp)
            }
            Self::Cron { cron, timezone } => Cron::new(cron, timezone).ok()?.last_until(at),
        }
    }

    /// The first times after an instant, at most so many.
    #[must_use]
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(after), |at| self.next_after(*at))
            .take(count)
            .collect()
    }
}

impl Schedule {
    /// One that begins nothing within the life of anybody who reads this, in place of one that cannot be read.
    #[must_use]
    pub fn never() -> Self {
        Self {
            times: Times::Every { every: Span(i64::MAX) },
            input: Map::new(),
            due_as: None,
            goal: None,
            overlap: Overlap::default(),
            catch_up: CatchUp::default(),
        }
    }

    /// What is to be done at a time about a run that is due, given whether the one before goes on; `None` as long as that is
    /// nothing.
    #[must_use]
    pub fn settle(&self, due: Timestamp, now: Timestamp, is_going_on: bool) -> Option<Settled> {
        if due > now {
            return None;
        }
        match self.overlap {
            Overlap::Queue if is_going_on => None,
            Overlap::Skip if is_going_on => Some(self.pass_over(now, due, STILL_GOING_ON)),
            Overlap::Skip | Overlap::Queue | Overlap::Allow => Some(self.make_good(due, now)),
        }
    }

    /// What the run for a time is given.
    #[must_use]
    pub fn input_at(&self, due: Timestamp) -> Map<String, Json> {
        let mut input = self.input.clone();
        if let Some(name) = &self.due_as {
            input.insert(name.to_string(), Json::String(due.to_string()));
        }
        input
    }

    fn make_good(&self, due: Timestamp, now: Timestamp) -> Settled {
        let begin = match self.catch_up {
            CatchUp::One => self.times.last_until(now).unwrap_or(due).max(due),
            CatchUp::All => self.first_of_last(due, now),
            CatchUp::None => {
                let grace = Span(SCHEDULE_GRACE_SECONDS * SECOND);
                let just_before = Timestamp(now.0.saturating_sub(grace.0).saturating_sub(1));
                match self.times.next_after(just_before.max(before(due))) {
                    Some(begin) if begin <= now => begin,
                    Some(_) | None => return self.pass_over(now, due, PAST),
                }
            }
        };
        let is_later = begin > due;
        let passed = if is_later { self.times.last_until(before(begin)) } else { None };
        Settled {
            begin: Some(begin),
            passed: passed.map(|at| (at, PAST)),
            next: self.times.next_after(begin),
        }
    }

    /// The first of the times up to now that are made good, one after the other.
    fn first_of_last(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let all = std::iter::successors(Some(due), |at| self.times.next_after(*at));
        if all.take_while(|at| *at <= now).nth(SCHEDULE_CATCH_UP_MAX).is_none() {
            return due;
        }
        let back = std::iter::successors(self.times.last_until(now), |at| {
            self.times.last_until(before(*at))
        });
        back.take(SCHEDULE_CATCH_UP_MAX).last().unwrap_or(due).max(due)
    }

    fn pass_over(&self, now: Timestamp, due: Timestamp, why: &'static str) -> Settled {
        let last = self.times.last_until(now).unwrap_or(due).max(due);
        Settled { begin: None, passed: Some((last, why)), next: self.times.next_after(now) }
    }
}

const STILL_GOING_ON: &str = "the run before was still going on";
const PAST: &str = "nothing ran at that time";

fn before(at: Timestamp) -> Timestamp {
    Timestamp(at.0.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(cron: &str, timezone: &str) -> Times {
        let times = Times::Cron { cron: cron.to_owned(), timezone: timezone.to_owned() };
        assert_eq!(times.check(), Ok(()));
        times
    }

    fn every(text: &str) -> Times {
        Times::Every { every: text.parse().unwrap() }
    }

    fn schedule(times: Times, overlap: Overlap, catch_up: CatchUp) -> Schedule {
        Schedule { times, input: Map::new(), due_as: None, goal: None, overlap, catch_up }
    }

    fn told(times: &Times, after: &str, count: usize) -> Vec<String> {
        times.upcoming(at(after), count).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_steps_are_counted_from_the_epoch() {
        assert_eq!(
            told(&every("15m"), "2026-11-21T10:07:00Z", 2),
            ["2026-11-21T10:15:00Z", "2026-11-21T10:30:00Z"]
        );
        let daily = every("1d");
        assert_eq!(told(&daily, "2026-11-21T00:00:00Z", 1), ["2026-11-22T00:00:00Z"]);
        assert_eq!(daily.last_until(at("2026-11-21T00:00:00Z")), Some(at("2026-11-21T00:00:00Z")));
        assert_eq!(daily.last_until(Timestamp(-1)), Some(at("1969-12-31T00:00:00Z")));
        assert_eq!(daily.next_after(Timestamp(i64::MAX)), None);
    }

    #[test]
    fn a_clock_on_a_wall_is_that_of_its_place() {
        let office = cron("0 9 * * MON-FRI", "Europe/Berlin");
        // A Friday in winter, then the week after.
        assert_eq!(
            told(&office, "2026-11-20T07:00:00Z", 2),
            ["2026-11-20T08:00:00Z", "2026-11-23T08:00:00Z"]
        );
        // The same hour on the wall, in summer.
        assert_eq!(told(&office, "2026-07-01T00:00:00Z", 1), ["2026-07-01T07:00:00Z"]);
        assert_eq!(office.last_until(at("2026-11-22T12:00:00Z")), Some(at("2026-11-20T08:00:00Z")));
    }

    #[test]
    fn a_time_that_the_clock_skips_in_spring_comes_right_after() {
        // On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, which is 01:00 UTC.
        let night = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            told(&night, "2026-03-28T00:00:00Z", 3),
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_in_autumn_comes_once() {
        // On 2026-10-25 clocks in Berlin go from 03:00 back to 02:00, which is 01:00 UTC.
        let night = cron("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            told(&night, "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        // What comes every half hour comes in both hours.
        let often = cron("*/30 * * * *", "Europe/Berlin");
        assert_eq!(
            told(&often, "2026-10-24T23:59:00Z", 4),
            [
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z"
            ]
        );
    }

    #[test]
    fn the_next_time_is_later_and_the_last_one_leads_back_to_it() {
        for times in [
            cron("*/7 3-5 * * SUN", "America/New_York"),
            cron("0 0 L * *", "Asia/Kolkata"),
            cron("30 2 * * *", "Europe/Berlin"),
            every("17m"),
        ] {
            let mut now = at("2026-03-01T00:00:00Z");
            for _ in 0..60 {
                let next = times.next_after(now).unwrap();
                assert!(next > now, "{times}: {next} is not after {now}");
                assert_eq!(times.last_until(next), Some(next), "{times}");
                assert_eq!(times.next_after(before(next)), Some(next), "{times}");
                now = next;
            }
        }
    }

    #[test]
    fn dates_that_come_seldom_are_found_and_others_refused() {
        let leap = cron("0 0 29 2 *", "UTC");
        assert_eq!(told(&leap, "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
        assert_eq!(leap.last_until(at("2026-01-01T00:00:00Z")), Some(at("2024-02-29T00:00:00Z")));
        let never = Times::Cron { cron: "0 0 30 2 *".to_owned(), timezone: "UTC".to_owned() };
        assert_eq!(never.check(), Err(BadTimes::Never("0 0 30 2 *".to_owned())));
        assert_eq!(never.next_after(Timestamp(0)), None);
    }

    #[test]
    fn what_is_not_due_is_left_alone() {
        let hourly = schedule(every("1h"), Overlap::Allow, CatchUp::All);
        assert_eq!(
            hourly.settle(at("2026-11-21T10:00:00Z"), at("2026-11-21T09:59:59Z"), false),
            None
        );
    }

    /// What becomes of an hourly schedule that was due at ten and is looked at half past one.
    fn late(overlap: Overlap, catch_up: CatchUp, is_going_on: bool) -> Option<[Option<String>; 3]> {
        let hourly = schedule(every("1h"), overlap, catch_up);
        let settled =
            hourly.settle(at("2026-11-21T10:00:00Z"), at("2026-11-21T13:30:00Z"), is_going_on)?;
        let hour = |at: Timestamp| at.to_string()[11..13].to_owned();
        let passed = settled.passed.map(|(at, why)| format!("{} {why}", hour(at)));
        Some([settled.begin.map(hour), passed, settled.next.map(hour)])
    }

    fn told_late(
        begin: Option<&str>,
        passed: Option<&str>,
        next: &str,
    ) -> Option<[Option<String>; 3]> {
        Some([begin.map(str::to_owned), passed.map(str::to_owned), Some(next.to_owned())])
    }

    #[test]
    fn of_times_that_are_past_the_policy_makes_good_one_all_or_none() {
        let passed = |hour: &str| format!("{hour} nothing ran at that time");
        let one = late(Overlap::Skip, CatchUp::One, false);
        assert_eq!(one, told_late(Some("13"), Some(&passed("12")), "14"));
        let all = late(Overlap::Skip, CatchUp::All, false);
        assert_eq!(all, told_late(Some("10"), None, "11"), "one after the other");
        let none = late(Overlap::Skip, CatchUp::None, false);
        assert_eq!(none, told_late(None, Some(&passed("13")), "14"));
    }

    #[test]
    fn while_the_run_before_goes_on_the_policy_skips_waits_or_begins() {
        let skipped = late(Overlap::Skip, CatchUp::All, true);
        let why = "13 the run before was still going on";
        assert_eq!(skipped, told_late(None, Some(why), "14"));
        assert_eq!(late(Overlap::Queue, CatchUp::All, true), None);
        let allowed = late(Overlap::Allow, CatchUp::All, true);
        assert_eq!(allowed, told_late(Some("10"), None, "11"));
    }

    #[test]
    fn a_moment_late_is_in_time_where_nothing_is_made_good() {
        let hourly = schedule(every("1h"), Overlap::Skip, CatchUp::None);
        let due = at("2026-11-21T10:00:00Z");
        let settled = hourly.settle(due, at("2026-11-21T10:01:00Z"), false).unwrap();
        assert_eq!(settled.begin, Some(due));
        let settled = hourly.settle(due, at("2026-11-21T10:01:01Z"), false).unwrap();
        assert_eq!((settled.begin, settled.next), (None, Some(at("2026-11-21T11:00:00Z"))));
    }

    #[test]
    fn of_too_many_times_the_last_are_made_good() {
        let minutely = schedule(every("1m"), Overlap::Allow, CatchUp::All);
        let (due, now) = (at("2026-11-21T10:00:00Z"), at("2026-11-23T10:00:30Z"));
        let settled = minutely.settle(due, now, false).unwrap();
        // The hundred minutes up to ten o'clock, that one included.
        assert_eq!(settled.begin, Some(at("2026-11-23T08:21:00Z")));
        assert_eq!(settled.passed, Some((at("2026-11-23T08:20:00Z"), PAST)));
        let rest = minutely.settle(settled.next.unwrap(), now, false).unwrap();
        assert_eq!(rest.begin, Some(at("2026-11-23T08:22:00Z")), "and none of those that are left");
    }

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        let mut kept = schedule(cron("0 9 * * *", "UTC"), Overlap::Queue, CatchUp::None);
        kept.due_as = Some(AttributeName::from("day"));
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), kept);
        let input = kept.input_at(at("2026-11-21T09:00:00Z"));
        assert_eq!(Json::Object(input), serde_json::json!({"day": "2026-11-21T09:00:00Z"}));
        assert_eq!(kept.times.to_string(), "cron 0 9 * * * in UTC");
    }
}
