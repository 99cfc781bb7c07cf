//! Deleting a run with everything below it.

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::input::Control;
use guidepost_core::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::run::Status;
use guidepost_store::RunFilter;
use serde::Serialize;

use super::{ControlRun, OpError, Ops, bounds};

/// A run to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRun {
    /// The run.
    pub run: RunRef,
    /// Whether to cancel first what is not over.
    pub cancel: bool,
    /// Why it is cancelled, in the caller's words.
    pub note: Option<String>,
    /// Who wants it.
    pub caller: String,
}

/// What is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// The short ids of the run and of those below it.
    pub deleted: Vec<String>,
}

impl Ops {
    /// Deletes a run and the runs below it, with their histories, facts, tasks and threads. Nothing of it can be brought
    /// back. Its workflow stays.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, or one of them is not over and is not to be cancelled; and the failures
    /// of the store.
    pub async fn delete_run(&self, request: &DeleteRun) -> Result<Deleted, OpError> {
        bounds::check_text("the note", request.note.as_deref(), TEXT_BYTES_MAX)?;
        bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)?;
        let no = self.current(&request.run).await?.head.no;
        if request.cancel {
            self.cancel_tree(no, request).await?;
        }
        let gone = self.store.delete(&self.tenant, no).await?;
        Ok(Deleted { deleted: gone.iter().map(ToString::to_string).collect() })
    }

    /// Cancels what is not over of a run and those below it, from above.
    async fn cancel_tree(&self, top: RunNo, request: &DeleteRun) -> Result<(), OpError> {
        let mut waiting = vec![top];
        while let Some(run) = waiting.pop() {
            if !self.current(&run.into()).await?.run.status.is_ended() {
                let cancel = ControlRun {
                    run: run.into(),
                    control: Control::Cancel,
                    note: request.note.clone(),
                    caller: request.caller.clone(),
                };
                self.control_run(&cancel).await?;
            }
            waiting.extend(self.launched_by(run).await?);
        }
        Ok(())
    }

    async fn launched_by(&self, run: RunNo) -> Result<Vec<RunNo>, OpError> {
        let status = Status::ALL.to_vec();
        let mut filter = RunFilter { parent: Some(run), status, ..RunFilter::default() };
        let mut launched = Vec::new();
        loop {
            let page = self.store.runs(&self.tenant, &filter).await?;
            launched.extend(page.items.iter().map(|run| run.no));
            if page.next.is_none() {
                return Ok(launched);
            }
            filter.cursor = page.next;
        }
    }
}
