//! Times as people read them.

use guidepost_core::time::{Span, Timestamp};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// A time without what is less than a second: `2026-01-31T12:00:00Z`.
#[must_use]
pub fn to_the_second(at: Timestamp) -> String {
    Timestamp(at.0 - at.0.rem_euclid(SECOND)).to_string()
}

/// Rounded up, so that what was just set to three days is due in three days.
pub(super) fn whole_seconds(span: Span) -> Span {
    Span(span.0.saturating_add(SECOND - 1) / SECOND * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_to_the_second_also_before_1970() {
        assert_eq!(to_the_second(Timestamp(1_769_860_800_999_999_999)), "2026-01-31T12:00:00Z");
        assert_eq!(to_the_second(Timestamp(-1)), "1969-12-31T23:59:59Z");
    }
}
