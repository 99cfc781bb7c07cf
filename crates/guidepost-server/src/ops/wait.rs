//! Waiting until a run moves.

use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use serde::Serialize;
use tokio::time::Instant;

use super::{OpError, Ops, Standing};

/// What to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The run.
    pub run: RunRef,
    /// Until it is at a later rev than this; `None` means than now.
    pub rev: Option<Rev>,
    /// For no longer than this.
    pub at_most: Duration,
}

/// What became of the wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waited {
    /// Whether the run moved, or is over and will not.
    pub has_moved: bool,
    /// How the run stands.
    #[serde(flatten)]
    pub standing: Standing,
}

/// The first pause between two looks, and the longest one. Others write the same file, so looking costs them something.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(500);

impl Ops {
    /// Waits until a run moves, or ends, or the time is up. Timers that come due meanwhile are settled.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn wait(&self, wait: &Wait) -> Result<Waited, OpError> {
        let deadline = Instant::now() + wait.at_most;
        let mut current = self.current(&wait.run).await?;
        let seen = wait.rev.unwrap_or(current.run.rev);
        let mut pause = PAUSE_MIN;
        loop {
            let has_moved = current.run.rev > seen || current.run.status.is_ended();
            let now = Instant::now();
            if has_moved || now >= deadline {
                return Ok(Waited { has_moved, standing: self.standing(&current).await? });
            }
            tokio::time::sleep_until((now + pause).min(deadline)).await;
            pause = (pause * 3 / 2).min(PAUSE_MAX);
            current = self.current(&current.head.no.into()).await?;
        }
    }
}
