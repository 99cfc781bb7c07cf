//! Time as data: [`Timestamp`]s and [`Span`]s of nanoseconds. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An instant: nanoseconds since 1970-01-01 UTC. Covers the years 1677 to 2262.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `span` later; the last representable one if that lies beyond it.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }
}

/// RFC 3339 in UTC: `2026-01-31T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

/// Parses RFC 3339, with any offset.
impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let at: jiff::Timestamp = text.parse().map_err(|_| NotATime)?;
        i64::try_from(at.as_nanosecond()).map(Self).map_err(|_| NotATime)
    }
}

/// The text is no RFC 3339 time between 1677 and 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: expected RFC 3339 between 1677 and 2262, as in `2026-01-31T12:00:00Z`")]
pub struct NotATime;

/// A length of time: nanoseconds, never negative.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub i64);

/// The units a span may be written in, longest first, with their length in nanoseconds.
const UNITS: [(&str, i64); 8] = [
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Span {
    /// A span of whole milliseconds; the longest one if that is longer.
    #[must_use]
    pub fn from_millis(ms: u64) -> Self {
        Self(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000))
    }
}

/// Units from weeks down to nanoseconds, largest first, zero ones left out: `1h30m`, `250ms`, `0s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        // Weeks are read but not written: `72h` and `10d` are how people think of such spans.
        for (unit, ns) in &UNITS[1..] {
            if rest >= *ns {
                write!(f, "{}{unit}", rest / ns)?;
                rest %= ns;
            }
        }
        Ok(())
    }
}

/// Parses one or more numbers, each with a unit: `90s`, `1h30m`, `1.5h`, `2 min`.
impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(NotASpan);
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(NotASpan)?;
            let (number, tail) = rest.split_at(digits);
            let tail = tail.trim_start();
            let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            let ns = unit_ns(unit).ok_or(NotASpan)?;
            total = total.checked_add(scale(number, ns).ok_or(NotASpan)?).ok_or(NotASpan)?;
            rest = tail.trim_start();
        }
        Ok(Self(total))
    }
}

fn unit_ns(unit: &str) -> Option<i64> {
    let short = match unit {
        "week" | "weeks" => "w",
        "day" | "days" => "d",
        "hour" | "hours" => "h",
        "min" | "mins" | "minute" | "minutes" => "m",
        "sec" | "secs" | "second" | "seconds" => "s",
        other => other,
    };
    UNITS.iter().find(|(name, _)| *name == short).map(|(_, ns)| *ns)
}

/// `number` (decimal digits with at most one point) times `ns`, exactly, without floating point.
fn scale(number: &str, ns: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut total = whole.parse::<i64>().ok()?.checked_mul(ns)?;
    let mut unit = ns;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        unit /= 10;
        total = total.checked_add(i64::from(digit - b'0').checked_mul(unit)?)?;
    }
    Some(total)
}

/// The text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a length of time: expected numbers with units, as in `30s`, `1h30m` or `72h`")]
pub struct NotASpan;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_in_every_unit_and_written_in_the_largest() {
        for (text, ns, written) in [
            ("90s", 90_000_000_000, "1m30s"),
            ("72h", 259_200_000_000_000, "3d"),
            ("1h30m", 5_400_000_000_000, "1h30m"),
            ("1.5h", 5_400_000_000_000, "1h30m"),
            ("2 min", 120_000_000_000, "2m"),
            ("1w", 604_800_000_000_000, "7d"),
            ("250ms", 250_000_000, "250ms"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(text.parse(), Ok(Span(ns)), "{text}");
            assert_eq!(Span(ns).to_string(), written);
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "s", "10", "-1s", "1.2.3s", "1x", "99999999999w", "1h 30"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text:?}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        let at: Timestamp = "2026-01-31T13:00:00+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-01-31T12:00:00Z");
        assert_eq!(at.after(Span(i64::MAX)), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Span(0));
    }
}
