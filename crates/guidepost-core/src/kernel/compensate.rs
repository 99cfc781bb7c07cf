//! Making good what was done, before a run goes on elsewhere or is cancelled.
//!
//! One piece at a time, the last that was done first. Until all is made good the run takes no event, its timers wait, and
//! the work of the states it is in does not begin. A piece that cannot be made good pauses the run: whoever resumes it has
//! that piece tried again.

use crate::effect::Effect;
use crate::input::{self, AttemptFailed, By, WorkDone};
use crate::kernel::configuration::StateSet;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::work::wait_before;
use crate::kernel::{Decision, Rejected, control, restore};
use crate::machine::Machine;
use crate::record::{Cancelled, Compensated, Compensating, Compensation, Paused, Record};
use crate::run::{PauseReason, Run};
use crate::time::Timestamp;

/// Begins to make good what was done; the run is cancelled after that.
pub(super) fn decide(
    machine: &Machine,
    run: &Run,
    compensate: &input::Compensate,
) -> Result<Decision, Rejected> {
    if compensate.work.is_empty() {
        return control::cancel(machine, run, &compensate.by, compensate.at);
    }
    if run.status.is_ended() || run.undoing.is_some() {
        return Err(super::not_running(run));
    }
    StateSet::of_run(machine, run)?;
    let mut effects = control::stopped(machine, run);
    effects.push(begin(&compensate.work[0]));
    let by = &compensate.by;
    let record = record(compensate.work.clone(), true, by, compensate.at);
    Ok(Decision { records: vec![record.into()], effects })
}

/// What is to be made good, for the record.
pub(super) fn record(
    work: Vec<Compensation>,
    cancels: bool,
    by: &By,
    at: Timestamp,
) -> Compensating {
    Compensating { work, cancels, by: by.caller.clone(), note: by.note.clone(), at }
}

pub(super) fn begin(work: &Compensation) -> Effect {
    let Compensation { state, visit, branch, .. } = work;
    Effect::Compensate { state: state.clone(), visit: *visit, branch: *branch }
}

/// One piece is made good: the next begins, or the run goes on.
pub(super) fn done(machine: &Machine, run: &Run, done: &WorkDone) -> Result<Decision, Rejected> {
    let record = Compensated {
        state: done.state.clone(),
        visit: done.visit.unwrap_or_default(),
        branch: done.branch,
        ok: true,
        reason: None,
        retry_at: None,
        by: done.by.caller.clone(),
        at: done.at,
    };
    let record = Record::from(record);
    let mut after = run.clone();
    after.apply(&record).map_err(|misfit| restore::not_restorable(misfit.to_string()))?;
    if let Some(next) = after.undoing.as_ref().and_then(|undoing| undoing.left.first()) {
        return Ok(Decision { records: vec![record], effects: vec![begin(next)] });
    }
    if run.undoing.as_ref().is_some_and(|undoing| undoing.cancels) {
        let reason = Some("what was done is made good".to_owned());
        let cancelled = Cancelled { reason, by: String::new(), at: done.at };
        return Ok(Decision { records: vec![record, cancelled.into()], effects: Vec::new() });
    }
    let mut effects = restore::begun(machine, &after.active, |_| true);
    let mut step = Macrostep::new(machine, &after, done.at)?;
    step.settle_down();
    let mut decision = step.finish(Livelock::Pause)?;
    decision.records.insert(0, record);
    effects.append(&mut decision.effects);
    Ok(Decision { effects, ..decision })
}

/// A try at making one piece good failed: it is tried again after a while, or the run waits for somebody.
pub(super) fn failed(run: &Run, failed: &AttemptFailed) -> Decision {
    let (state, visit, branch) = (failed.state.clone(), failed.visit, failed.branch);
    let failures = run.undoing.as_ref().map_or(0, |undoing| undoing.failures) + 1;
    let work = run.compensation(&state, visit, branch);
    let retry = work.and_then(|work| work.retry.as_ref());
    let retry_at = retry
        .filter(|retry| failed.may_retry && failures < retry.max_attempts)
        .map(|retry| failed.at.after(wait_before(retry, failures, failed.chance)));
    let record = Compensated {
        state: state.clone(),
        visit,
        branch,
        ok: false,
        reason: Some(failed.reason.clone()),
        retry_at,
        by: failed.by.caller.clone(),
        at: failed.at,
    };
    let mut records = vec![record.into()];
    let mut effects = Vec::new();
    match retry_at {
        Some(at) => effects.push(Effect::RetryWork { state, visit, branch, at }),
        None => {
            effects.push(Effect::CancelWork { state: state.clone(), visit });
            let detail = format!(
                "`{state}#{visit}` could not be made good: {}; resume the run to try again, or go back anew without making \
                 good what was done",
                failed.reason
            );
            if run.paused.is_none() {
                let (reason, by, at) = (PauseReason::Stuck, String::new(), failed.at);
                records.push(Paused { reason, detail, by, at }.into());
            }
        }
    }
    Decision { records, effects }
}
