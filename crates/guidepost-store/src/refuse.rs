//! Refusals that every backend words alike.

use guidepost_core::id::{RunNo, Version};
use guidepost_core::record::Record;
use guidepost_core::run::PauseReason;

use crate::{StoreError, TaskId};

/// No run can be created in it.
pub(crate) fn no_such_version(workflow: &str, version: Option<Version>) -> StoreError {
    let what = match version {
        Some(version) => format!("there is no version {version} of a workflow `{workflow}`"),
        None => format!("there is no workflow `{workflow}` written by SQL"),
    };
    let hint = Some("`guidepost find --in workflows` lists the workflows there are".to_owned());
    StoreError::Refused { what, hint }
}

/// A run cannot be bound to it.
pub(crate) fn no_such_structure(machine: &str) -> StoreError {
    let what = format!("the run's workflow has no version with the structure `{machine}`");
    let hint = Some("save the definition first, with `guidepost apply`".to_owned());
    StoreError::Refused { what, hint }
}

/// No such state can be reworded or entered.
pub(crate) fn no_such_state(workflow: &str, state: &str) -> StoreError {
    StoreError::Refused {
        what: format!("there is no state `{state}` in a workflow `{workflow}`"),
        hint: None,
    }
}

/// Somebody else holds the task by now, or it is gone.
pub(crate) fn lease_lost(task: &TaskId) -> StoreError {
    StoreError::LeaseLost { task: task.clone() }
}

/// A run that is not over is not deleted.
pub(crate) fn alive(run: RunNo) -> StoreError {
    StoreError::Refused {
        what: format!("run `{run}` is not over, and only what is over can be deleted"),
        hint: Some(format!("end it first, with `guidepost cancel {run}`")),
    }
}

/// A run is not deleted while another waits for its end.
pub(crate) fn waited_for(run: RunNo, by: RunNo) -> StoreError {
    StoreError::Refused {
        what: format!(
            "run `{run}` cannot be deleted: run `{by}` launched it and has yet to take its result"
        ),
        hint: Some(format!("delete `{by}` once that is over: what it launched goes with it")),
    }
}

/// Whether a record pauses a run because a limit is passed.
pub(crate) fn is_for_a_limit(record: &Record) -> bool {
    matches!(record, Record::Paused(paused) if paused.reason == PauseReason::OverLimit)
}
