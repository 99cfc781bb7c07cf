//! What follows from something to do about a run: a decision, a piece of work, or nothing.

use guidepost_core::id::Purpose;
use guidepost_core::input::{By, Input};
use guidepost_core::kernel::{self, Decision, Refused, Rejected};
use guidepost_core::machine::schema::listed;
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_store::{CANCEL_QUEUE, Task, TaskId, is_over};

use super::{LoadedRun, Todo};
use crate::call::{self, Call, Failure};
use crate::plan::over_limit;

/// What follows from something to do about a run.
pub(super) enum Next {
    Nothing,
    Perform(Box<Call>),
    Instead(Box<Todo>),
    Commit(Box<Decision>, Box<Run>),
    /// The run is paused: whoever resumes it finds the task.
    GiveBack,
}

pub(super) fn next(known: &LoadedRun, todo: &Todo, now: Timestamp) -> Next {
    match todo {
        Todo::Begin(task) => begin(known, task, now),
        // What that gave is of no use to anybody.
        Todo::End(task, Ok(_)) if task.id.purpose.is_compensation() => {
            take(known, task, &done(task, serde_json::Map::new(), now))
        }
        Todo::End(task, Ok(value)) => {
            let names = known.machine.find(task.id.state.as_str()).map(|ix| {
                known.machine.state(ix).output.iter().map(ToString::to_string).collect::<Vec<_>>()
            });
            match call::outputs(&names.unwrap_or_default(), value.clone()) {
                Ok(output) => take(known, task, &done(task, output, now)),
                Err(failure) => Next::Instead(Box::new(Todo::End(task.clone(), Err(failure)))),
            }
        }
        Todo::End(task, Err(failure)) => take(known, task, &failed(known, task, failure, now)),
        Todo::TimedOut(task) => {
            let failure = Failure::passing("it took longer than its timeout");
            take(known, task, &failed(known, task, &failure, now))
        }
        Todo::Quarantine(task) if task.id.purpose.is_compensation() => {
            let failure = Failure::lasting("whoever did it was not heard of again each time");
            take(known, task, &failed(known, task, &failure, now))
        }
        Todo::Quarantine(task) => {
            let detail = format!(
                "`{}` was begun {} times and whoever did it was not heard of again each time; find out why, then resume \
                 the run to try it again",
                task.id.state, task.lost
            );
            decided(known, &Input::Hold { reason: PauseReason::Quarantined, detail, at: now })
                .unwrap_or(Next::Nothing)
        }
        Todo::Due => due(known, now),
    }
}

fn begin(known: &LoadedRun, task: &Task, now: Timestamp) -> Next {
    if task.queue == CANCEL_QUEUE {
        return Next::Perform(Box::new(Call::cancel(task)));
    }
    if !is_going_on(&known.run, &task.id) {
        return Next::Nothing;
    }
    if known.run.status == Status::Paused || is_over(&known.budgets, now) {
        return Next::GiveBack;
    }
    match Call::of(known.id, &known.machine, &known.run, task) {
        Ok(call) => Next::Perform(Box::new(call)),
        Err(failure) => Next::Instead(Box::new(Todo::End(task.clone(), Err(failure)))),
    }
}

/// Whether something is due, as far as the run is known.
pub(super) fn has_due(known: &LoadedRun, now: Timestamp) -> bool {
    known.run.is_unsettled()
        || known.run.due().is_some_and(|due| due <= now)
        || over_limit(&known.run, &known.budgets, now).is_some()
}

/// Settles what is due, one input at a time.
fn due(known: &LoadedRun, now: Timestamp) -> Next {
    let input = if let Some(hold) = over_limit(&known.run, &known.budgets, now) {
        hold
    } else if known.run.is_unsettled() {
        Input::Settle { at: now }
    } else {
        match known.run.next_timer().filter(|(_, due)| *due <= now) {
            Some((timer, due)) => Input::Timer { timer: timer.clone(), at: due },
            None => return Next::Nothing,
        }
    };
    decided(known, &input).unwrap_or_else(|rejected| {
        // It would be due for ever, and be tried by every runner at every look.
        let detail = format!("what is due cannot be settled: {rejected}");
        let hold = Input::Hold { reason: PauseReason::Stuck, detail, at: now };
        decided(known, &hold).unwrap_or(Next::Nothing)
    })
}

fn done(task: &Task, output: serde_json::Map<String, serde_json::Value>, at: Timestamp) -> Input {
    call::done(&task.id, output, By::default(), at)
}

fn failed(known: &LoadedRun, task: &Task, failure: &Failure, at: Timestamp) -> Input {
    call::failed(known.id, &task.held(), failure, By::default(), at)
}

/// Takes the end of an attempt. A result the workflow cannot take is a failed attempt; one that came too late is dropped.
fn take(known: &LoadedRun, task: &Task, input: &Input) -> Next {
    let rejected = match decided(known, input) {
        Ok(next) => return next,
        Err(rejected) => rejected,
    };
    let failure = match &rejected {
        Rejected::BadData { problems, .. } => {
            Failure::passing(format!("the result does not fit: {}", listed(problems)))
        }
        Rejected::TooMuchData => Failure::lasting(rejected.to_string()),
        Rejected::Unproven { .. } => Failure::passing(rejected.to_string()),
        _ => {
            tracing::info!(task = %task.id, %rejected, "a result is dropped");
            return Next::Nothing;
        }
    };
    if matches!(input, Input::AttemptFailed(_) | Input::CompensationFailed(_)) {
        return Next::Nothing;
    }
    Next::Instead(Box::new(Todo::End(task.clone(), Err(failure))))
}

fn decided(known: &LoadedRun, input: &Input) -> Result<Next, Rejected> {
    match kernel::decide_all(&known.machine, &known.run, input) {
        Ok((decision, after)) => Ok(Next::Commit(Box::new(decision), Box::new(after))),
        Err(Refused::Rejected(rejected)) => Err(*rejected),
        Err(Refused::Unfoldable(misfit)) => {
            tracing::error!(run = known.run.workflow, %misfit, "a decision does not fold");
            Ok(Next::Nothing)
        }
    }
}

/// Whether the work of a task is still wanted.
pub(super) fn is_going_on(run: &Run, task: &TaskId) -> bool {
    if let Some(undoing) = run.undoing.as_ref().filter(|_| task.purpose.is_compensation()) {
        return task.purpose == undoing.purpose()
            && run.compensation(&task.state, task.visit, task.branch).is_some();
    }
    !run.status.is_ended()
        && run.undoing.is_none()
        && task.purpose == Purpose::Work
        && run.active.get(&task.state).is_some_and(|active| {
            active.visit == task.visit && active.failures_of(task.branch).is_some()
        })
}
