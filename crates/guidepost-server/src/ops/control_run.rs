//! Pausing, resuming and cancelling a run.

use guidepost_core::id::RunRef;
use guidepost_core::input::{By, Control, Input};
use guidepost_core::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};

use super::advance::Request;
use super::{Moved, OpError, Ops, bounds};

/// An intervention.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlRun {
    /// The run.
    pub run: RunRef,
    /// What is wanted.
    pub control: Control,
    /// Why, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

impl Ops {
    /// Pauses, resumes or cancels a run.
    ///
    /// # Errors
    ///
    /// [`OpError::NotDone`] if the run is not in a status for it, and the failures of the store.
    pub async fn control_run(&self, request: &ControlRun) -> Result<Moved, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        let nothing = Request { seen: None, sent: Vec::new(), event: String::new() };
        let advanced = self
            .advance(&request.run, &nothing, |_, at| Input::Control {
                control: request.control,
                by: By { caller: request.caller.clone(), note: request.note.clone() },
                at,
            })
            .await?;
        self.moved(advanced).await
    }
}
