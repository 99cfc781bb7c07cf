//! Checking a run's history.

use guidepost_core::id::{RunNo, RunRef, Seq};
use guidepost_store::{Problem, StoreError, Verified};
use serde::Serialize;

use super::{OpError, Ops};

/// Letters of a head.
const HEAD_LETTERS: usize = 64;

/// What checking a run's history found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunVerified {
    /// The run's short id.
    pub run: String,
    /// What was found.
    #[serde(flatten)]
    pub verified: Verified,
    /// The record whose hash was published, if it was asked for and is there; 0 if that was before the first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Seq>,
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
        let no = self.number_of(run).await?;
        let verified = self.store.verify(&self.tenant, no).await?;
        Ok(RunVerified { run: no.to_string(), verified, anchor: None })
    }

    /// Checks a run's history, and that it goes on from a head that was published earlier: [`Verified::head`].
    ///
    /// The chain is not signed. By itself it shows that a history was changed only if whoever changed it did not seal it anew;
    /// a head that they could not change along with it shows that too.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if what was published is no head, and as for [`Ops::verify_run`].
    pub async fn verify_against(
        &self,
        run: &RunRef,
        published: &str,
    ) -> Result<RunVerified, OpError> {
        let head = published.trim().to_ascii_lowercase();
        if head.len() != HEAD_LETTERS || !head.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            return Err(OpError::BadArgument {
                what: format!("`{}` is no head of a history", published.escape_debug()),
                hint: Some(format!(
                    "expected {HEAD_LETTERS} hexadecimal digits, from an earlier `guidepost verify`"
                )),
            });
        }
        let mut found = self.verify_run(run).await?;
        let no = self.number_of(run).await?;
        found.anchor = self.store.record_with_hash(&self.tenant, no, &head).await?;
        if found.anchor.is_none() {
            let what = "no record has the hash that was published: the history was written anew, \
                        or cut off, or it is another run's";
            found.verified.problems.push(Problem { seq: Seq(0), what: what.to_owned() });
        }
        Ok(found)
    }

    /// A damaged run cannot always be loaded, so its number is asked for only if it is needed.
    async fn number_of(&self, run: &RunRef) -> Result<RunNo, OpError> {
        match run {
            RunRef::No(no) => Ok(*no),
            other => {
                let loaded = self.store.load(&self.tenant, other).await?;
                Ok(loaded.ok_or_else(|| StoreError::NoSuchRun(other.clone()))?.head.no)
            }
        }
    }
}
