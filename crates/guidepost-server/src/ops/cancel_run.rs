//! Cancelling a run after what it did is made good.

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::input::{By, Compensate, Input};
use guidepost_core::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::record::{Compensation, Lasting};
use guidepost_store::StoreError;
use serde::Serialize;

use super::current::ATTEMPTS_MAX;
use super::past::Deeds;
use super::rollback::restored;
use super::{MadeGood, OpError, Ops, Standing, bounds, sensitive};

/// A run to cancel after what it did is made good.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelRun {
    /// The run.
    pub run: RunRef,
    /// Whether to do so although something was done that cannot be undone, or is to be made good.
    pub confirm: bool,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

/// A run that is cancelled, will be when what it did is made good, or would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// Whether it began. If not, nothing changed: what is named has to be confirmed first.
    pub is_done: bool,
    /// What makes good what was done, in the order in which it is done.
    pub compensations: Vec<Compensation>,
    /// What was done and cannot be undone, latest first.
    pub lasting: Vec<Lasting>,
    /// What was done and was made good before, in the order in which that happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub made_good: Vec<MadeGood>,
    /// How the run stands.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Cancels a run after all it did is made good, the last first, as far as its steps say how. The engine does that.
    ///
    /// What is to be made good, and what cannot be undone, has to be confirmed; without that the answer names it and nothing
    /// happens.
    ///
    /// # Errors
    ///
    /// [`OpError::NotDone`] if the run is over or makes good what it did already, [`OpError::BadArgument`] if it cannot be
    /// worked out what makes a step good, and the failures of the store.
    pub async fn cancel_run(&self, request: &CancelRun) -> Result<Ending, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        for attempt in 1..=ATTEMPTS_MAX {
            let mut current = self.current(&request.run).await?;
            let past = self.past(&current).await?;
            let compensations = past.compensations(&current, Rev(0))?;
            let Deeds { lasting, made_good } =
                self.deeds(&current, &past, Rev(0), &compensations).await?;
            let told = sensitive::shown(&current.machine, &compensations);
            let asks = !lasting.is_empty() || !compensations.is_empty();
            let now = self.world.now();
            let by = By { caller: request.caller.clone(), note: request.note.clone() };
            // What would be refused is refused before anybody confirms it.
            let input = Input::Compensate(Compensate { work: compensations, by, at: now });
            let batch = restored(&current.machine, &current, &current.run, &input, now)?;
            if asks && !request.confirm {
                let (is_done, compensations) = (false, told);
                let standing = self.standing(&current).await?;
                return Ok(Ending { is_done, compensations, lasting, made_good, standing });
            }
            match self.commit(&mut current, batch).await {
                Ok(()) => {
                    let (is_done, compensations) = (true, told);
                    let standing = self.standing(&current).await?;
                    return Ok(Ending { is_done, compensations, lasting, made_good, standing });
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.make_way(attempt).await,
                Err(error) => return Err(error),
            }
        }
        let run = self.current(&request.run).await?.name();
        Err(OpError::Contended { run, attempts: ATTEMPTS_MAX })
    }
}
