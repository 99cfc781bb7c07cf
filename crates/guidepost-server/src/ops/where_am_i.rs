//! Where a run is, and what may come next.

use guidepost_core::id::RunRef;

use super::{OpError, Ops, Standing};

/// A question for where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhereAmI {
    /// Which run.
    pub run: RunRef,
    /// How much to tell.
    pub detail: Detail,
}

/// How much an answer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// The state, what to do there, the data and what is legal.
    #[default]
    Brief,
    /// That, and all that somebody needs who takes the run over: see [`super::Packet`].
    Full,
}

impl Ops {
    /// Tells where a run is, what to do there and what may come next.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn where_am_i(&self, question: &WhereAmI) -> Result<Standing, OpError> {
        let current = self.current(&question.run).await?;
        let mut standing = self.standing(&current).await?;
        if question.detail == Detail::Full {
            standing.packet = Some(self.packet(&current).await?);
        }
        Ok(standing)
    }
}
