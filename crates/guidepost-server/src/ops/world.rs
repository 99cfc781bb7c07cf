//! Clock and ids, injected so that tests decide both.

use std::time::{SystemTime, UNIX_EPOCH};

use guidepost_core::id::RunId;
use guidepost_core::time::Timestamp;

/// Where times and ids come from.
pub trait World: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// An id no run has had.
    fn new_run_id(&self) -> RunId;
}

/// The machine's clock, and ids from it and from chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl World for System {
    fn now(&self) -> Timestamp {
        // A clock before 1970 or after 2262 is no clock; the bound it breaks is shown instead.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn new_run_id(&self) -> RunId {
        RunId(uuid::Uuid::now_v7())
    }
}
