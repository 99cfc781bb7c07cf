//! Making good what was done, before a run goes on elsewhere or is cancelled.
//!
//! One piece at a time, the last that was done first. Until all is made good the run takes no event, its timers wait, and
//! the work of the states it is in does not begin. A piece that cannot be made good pauses the run: whoever resumes it has
//! that piece tried again.

use crate::effect::Effect;
use crate::id::{Branch, StateId, Visit, piece};
use crate::input::{self, AttemptFailed, By, CompensationDone};
use crate::kernel::configuration::StateSet;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::work::wait_before;
use crate::kernel::{Decision, Rejected, control, restore};
use crate::machine::Machine;
use crate::record::{Cancelled, Compensated, Compensating, Compensation, Paused, Record};
use crate::run::{PauseReason, Run};
use crate::time::Timestamp;

/// How many pieces that are left a refusal names.
const NAMED_MAX: usize = 10;

/// Begins to make good what was done; the run is cancelled after that.
pub(super) fn decide(
    machine: &Machine,
    run: &Run,
    compensate: &input::Compensate,
) -> Result<Decision, Rejected> {
    if compensate.work.is_empty() {
        return control::cancel(machine, run, &compensate.by, compensate.at);
    }
    if run.undoing.is_some() {
        return Err(Rejected::MakingGood { left: named_left(run) });
    }
    if run.status.is_ended() {
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

pub(super) fn cancel(work: &Compensation) -> Effect {
    let Compensation { state, visit, branch, .. } = work;
    Effect::CancelCompensation { state: state.clone(), visit: *visit, branch: *branch }
}

/// The pieces that are left to make good, as a refusal names them: the first few.
pub(super) fn named_left(run: &Run) -> Vec<String> {
    let left = run.undoing.as_ref().map_or(&[][..], |undoing| undoing.left());
    let mut named: Vec<String> = left
        .iter()
        .take(NAMED_MAX)
        .map(|work| format!("`{}`", piece(&work.state, work.visit, work.branch)))
        .collect();
    if left.len() > NAMED_MAX {
        named.push(format!("{} more", left.len() - NAMED_MAX));
    }
    named
}

/// One piece is made good: the next begins, or the run goes on.
pub(super) fn done(
    machine: &Machine,
    run: &Run,
    done: &CompensationDone,
) -> Result<Decision, Rejected> {
    expect_under_way(run, &done.state, done.visit, done.branch)?;
    let record = Compensated {
        state: done.state.clone(),
        visit: done.visit,
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
    if let Some(next) = after.undoing.as_ref().and_then(|undoing| undoing.first()) {
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
pub(super) fn failed(run: &Run, failed: &AttemptFailed) -> Result<Decision, Rejected> {
    let (state, visit, branch) = (failed.state.clone(), failed.visit, failed.branch);
    let work = expect_under_way(run, &state, visit, branch)?;
    let failures = run.undoing.as_ref().map_or(0, |undoing| undoing.failures) + 1;
    let retry_at = work
        .retry
        .as_ref()
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
    if retry_at.is_none() {
        records.push(stuck(run, failed).into());
    }
    // One that failed for good keeps its task, so that attempts are counted on: whoever resumes the run has it tried again.
    let at = retry_at.unwrap_or(failed.at);
    Ok(Decision { records, effects: vec![Effect::RetryCompensation { state, visit, branch, at }] })
}

/// The pause of a run of which a piece cannot be made good. Why it was paused before is told with it.
fn stuck(run: &Run, failed: &AttemptFailed) -> Paused {
    let AttemptFailed { state, visit, branch, reason, .. } = failed;
    let piece = piece(state, *visit, *branch);
    let mut detail = format!(
        "`{piece}` could not be made good: {reason}; resume the run to try again, or go back or cancel it \
         without making good what is left"
    );
    if let Some((reason, before)) = &run.paused {
        let before = if before.is_empty() { String::new() } else { format!(": {before}") };
        detail.push_str(&format!("; it was paused already, {}{before}", reason.as_str()));
    }
    Paused { reason: PauseReason::Stuck, detail, by: String::new(), at: failed.at }
}

/// What makes a piece of work good, if that is under way.
fn expect_under_way<'a>(
    run: &'a Run,
    state: &StateId,
    visit: Visit,
    branch: Branch,
) -> Result<&'a Compensation, Rejected> {
    let none = || Rejected::NoSuchWork { state: state.clone(), legal: Vec::new() };
    run.compensation(state, visit, branch).ok_or_else(none)
}
