//! Between columns and types.

use guidepost_core::id::RunId;
use guidepost_core::run::Driver;
use rusqlite::Row;

/// A counter as SQLite keeps it. Counters never reach the sign bit.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A counter as SQLite kept it; what was negative reads as 0 and will not match anything.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// JSON as text, so that the shell can read it.
pub(super) fn text(json: &[u8]) -> &str {
    std::str::from_utf8(json).unwrap_or("null")
}

/// A run's identity as text.
pub(super) fn run_id(text: &str) -> Option<RunId> {
    uuid::Uuid::parse_str(text).ok().map(RunId)
}

/// Who does the work, as stored.
pub(super) fn driver(driver: Driver) -> &'static str {
    match driver {
        Driver::Agent => "agent",
        Driver::Engine => "engine",
    }
}

/// Who does the work, as read.
pub(super) fn read_driver(text: &str) -> Driver {
    if text == "engine" { Driver::Engine } else { Driver::Agent }
}
