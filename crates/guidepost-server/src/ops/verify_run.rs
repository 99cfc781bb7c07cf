//! Checking a run's history.

use guidepost_core::id::RunRef;
use guidepost_store::{StoreError, Verified};
use serde::Serialize;

use super::{OpError, Ops};

/// What checking a run's history found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunVerified {
    /// The run's short id.
    pub run: String,
    /// What was found.
    #[serde(flatten)]
    pub verified: Verified,
}

impl Ops {
    /// Checks a run's history: numbering, hash chain, digests, and that it folds to the stored state.
    ///
    /// It settles nothing: what is checked is what is stored.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store. What is wrong with a history is an
    /// answer, not an error.
    pub async fn verify_run(&self, run: &RunRef) -> Result<RunVerified, OpError> {
        let no = match run {
            guidepost_core::id::RunRef::No(no) => *no,
            // A damaged run cannot always be loaded, so its number is asked for only if it is needed.
            other => {
                let loaded = self.store.load(&self.tenant, other).await?;
                loaded.ok_or_else(|| StoreError::NoSuchRun(other.clone()))?.head.no
            }
        };
        let verified = self.store.verify(&self.tenant, no).await?;
        Ok(RunVerified { run: no.to_string(), verified })
    }
}
