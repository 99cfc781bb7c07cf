//! Pausing, resuming and cancelling a run.

use guidepost_core::id::RunRef;
use guidepost_core::input::{By, Control, Input};
use guidepost_core::kernel;
use guidepost_core::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::run::Status;
use guidepost_store::is_over;

use super::advance::{Advanced, Request};
use super::current::leaf_ids;
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
    /// Pauses, resumes or cancels a run. One that is so already stays as it is, and the answer says that it is a repeat.
    ///
    /// # Errors
    ///
    /// [`OpError::NotDone`] if the run is not in a status for it, and the failures of the store.
    pub async fn control_run(&self, request: &ControlRun) -> Result<Moved, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        let current = self.current(&request.run).await?;
        if is_so(request.control, current.run.status) {
            let (rev, records) = (current.run.rev, Vec::new());
            return self.moved(Advanced { current, rev, records, is_repeat: true }).await;
        }
        let nothing = Request { seen: None, sent: Vec::new(), event: String::new() };
        if request.control == Control::Resume && is_over(&current.budgets, self.world.now()) {
            // It would be paused again at once.
            let refusal = kernel::not_running(&current.run);
            return Err(self.not_done(&current, &nothing, refusal.into()).await?);
        }
        let mut advanced = self
            .advance(&request.run, &nothing, |_, at| Input::Control {
                control: request.control,
                by: By { caller: request.caller.clone(), note: request.note.clone() },
                at,
            })
            .await?;
        // A time may have come while the run was paused.
        let before = leaf_ids(&advanced.current.machine, &advanced.current.run);
        advanced.current = self.current(&request.run).await?;
        advanced.rev = advanced.current.run.rev;
        let after = leaf_ids(&advanced.current.machine, &advanced.current.run);
        let mut moved = self.moved(advanced).await?;
        moved.left = before.iter().filter(|leaf| !after.contains(leaf)).cloned().collect();
        moved.entered = after.iter().filter(|leaf| !before.contains(leaf)).cloned().collect();
        Ok(moved)
    }
}

/// Whether a run of this status is as the intervention would have it.
fn is_so(control: Control, status: Status) -> bool {
    match control {
        Control::Pause => status == Status::Paused,
        Control::Resume => matches!(status, Status::Running | Status::Waiting),
        Control::Cancel => status == Status::Cancelled,
    }
}
