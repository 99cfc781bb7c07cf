//! The one place that reads the clock: facts are recorded at once, so no caller has a better idea of when.

use std::time::{SystemTime, UNIX_EPOCH};

use guidepost_core::time::Timestamp;

/// The present time by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
