//! Times on a clock on a wall: cron expressions in a time zone.

use std::sync::LazyLock;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Zoned, civil};

use super::BadTimes;
use crate::diagnostic::closest;
use crate::time::Timestamp;

/// The time zones that were built in, so that equal definitions mean equal times on every machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The fields of an expression: minute, hour, day of the month, month, day of the week.
const FIELDS: usize = 5;

/// A cron expression, and where its clock hangs.
pub(super) struct Cron {
    cron: croner::Cron,
    zone: TimeZone,
}

/// The name of the time zone that may be meant by one that does not exist.
#[must_use]
pub fn zone_named(like: &str) -> Option<String> {
    let names: Vec<String> = ZONES.available().map(|name| name.as_str().to_owned()).collect();
    closest(like, names.iter().map(String::as_str)).map(str::to_owned)
}

impl Cron {
    pub(super) fn new(cron: &str, timezone: &str) -> Result<Self, BadTimes> {
        let not_cron = |why: String| BadTimes::NotCron { cron: cron.to_owned(), why };
        let fields = cron.split_whitespace().count();
        if fields != FIELDS && !cron.trim_start().starts_with('@') {
            return Err(not_cron(format!("it has {fields} fields instead of {FIELDS}")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let parser = parser.build();
        let parsed = parser.parse(cron).map_err(|error| not_cron(told(error)))?;
        let zone = ZONES.get(timezone).map_err(|_| BadTimes::NoZone(timezone.to_owned()))?;
        Ok(Self { cron: parsed, zone })
    }

    /// Whether a time comes at all. The search ends with the year 5000, and 40 years have every date on every weekday, so it
    /// begins shortly before that end: looking from today on would take a second where there is nothing to find.
    pub(super) fn ever_comes(&self) -> bool {
        let late = civil::date(4960, 1, 1).to_zoned(self.zone.clone());
        late.is_ok_and(|late| self.cron.find_next_occurrence(&late, true).is_ok())
    }

    pub(super) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        instant(&self.cron.find_next_occurrence(&self.shown(at)?, false).ok()?)
    }

    pub(super) fn last_until(&self, at: Timestamp) -> Option<Timestamp> {
        instant(&self.cron.find_previous_occurrence(&self.shown(at)?, true).ok()?)
    }

    /// What the clock shows at an instant.
    fn shown(&self, at: Timestamp) -> Option<Zoned> {
        let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}

/// What is wrong with an expression, as messages here are written.
fn told(error: CronError) -> String {
    let why = match error {
        CronError::InvalidPattern(why)
        | CronError::IllegalCharacters(why)
        | CronError::ComponentError(why) => why,
        CronError::EmptyPattern
        | CronError::InvalidDate
        | CronError::InvalidTime
        | CronError::TimeSearchLimitExceeded => error.to_string(),
    };
    let why = why.trim_end_matches('.');
    let mut rest = why.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

fn instant(shown: &Zoned) -> Option<Timestamp> {
    i64::try_from(shown.timestamp().as_nanosecond()).ok().map(Timestamp)
}
