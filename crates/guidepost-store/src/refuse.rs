//! Refusals that every backend words alike.

use guidepost_core::id::Version;

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
