//! Clock, ids and chance, injected so that tests decide them.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use guidepost_core::id::RunId;
use guidepost_core::time::Timestamp;

/// Where times, ids and chance come from.
pub trait World: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// An id no run has had.
    fn new_run_id(&self) -> RunId;

    /// Any number, so that those who got in each other's way do not do so again at once.
    fn any_number(&self) -> u64;
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

    fn any_number(&self) -> u64 {
        RandomState::new().hash_one(())
    }
}
