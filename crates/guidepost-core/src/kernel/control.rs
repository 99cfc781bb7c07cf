//! Interventions from outside the workflow.

use crate::effect::Effect;
use crate::input::By;
use crate::kernel::configuration::StateSet;
use crate::kernel::legal::waits;
use crate::kernel::{Decision, Rejected, not_running};
use crate::machine::Machine;
use crate::record::{Cancelled, Paused, Resumed};
use crate::run::{PauseReason, Run, Status};
use crate::time::Timestamp;

pub(super) fn pause(run: &Run, by: &By, at: Timestamp) -> Result<Decision, Rejected> {
    expect_going_on(run)?;
    let detail = by.note.clone().unwrap_or_default();
    let paused = Paused { reason: PauseReason::Requested, detail, by: by.caller.clone(), at };
    Ok(Decision { records: vec![paused.into()], effects: Vec::new() })
}

/// Guidepost's own pause. A run that is paused already stays so for the reason it has.
pub(super) fn hold(
    run: &Run,
    reason: PauseReason,
    detail: &str,
    at: Timestamp,
) -> Result<Decision, Rejected> {
    expect_going_on(run)?;
    let paused = Paused { reason, detail: detail.to_owned(), by: String::new(), at };
    Ok(Decision { records: vec![paused.into()], effects: Vec::new() })
}

pub(super) fn resume(
    machine: &Machine,
    run: &Run,
    by: &By,
    at: Timestamp,
) -> Result<Decision, Rejected> {
    if run.status != Status::Paused {
        return Err(Rejected::NotRunning {
            status: run.status,
            reason: None,
            detail: String::new(),
        });
    }
    let active = StateSet::of_run(machine, run)?;
    let waiting = run.undoing.is_none()
        && waits(machine, &active, |ix| {
            run.active.get(&machine.state(ix).id).is_some_and(|active| active.work_ended)
        });
    let resumed = Resumed { waiting, by: by.caller.clone(), at };
    Ok(Decision { records: vec![resumed.into()], effects: Vec::new() })
}

/// A run that is paused already, or over, is not paused.
fn expect_going_on(run: &Run) -> Result<(), Rejected> {
    match run.status {
        Status::Running | Status::Waiting => Ok(()),
        Status::Paused | Status::Completed | Status::Failed | Status::Cancelled => {
            Err(not_running(run))
        }
    }
}

pub(super) fn cancel(
    machine: &Machine,
    run: &Run,
    by: &By,
    at: Timestamp,
) -> Result<Decision, Rejected> {
    if run.status.is_ended() {
        return Err(Rejected::NotRunning {
            status: run.status,
            reason: None,
            detail: String::new(),
        });
    }
    let cancelled = Cancelled { reason: by.note.clone(), by: by.caller.clone(), at };
    Ok(Decision { records: vec![cancelled.into()], effects: stopped(machine, run) })
}

/// Stops all work that is going on.
pub(super) fn stopped(machine: &Machine, run: &Run) -> Vec<Effect> {
    let at_work = run.active.iter().filter(|(id, active)| {
        let state = machine.find(id.as_str()).map(|ix| machine.state(ix));
        !active.work_ended && state.is_some_and(|state| state.work.is_some())
    });
    at_work
        .map(|(id, active)| Effect::CancelWork { state: id.clone(), visit: active.visit })
        .collect()
}
