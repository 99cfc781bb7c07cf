//! The end of a state's work, reported by the engine or by the agent that does it.

use serde_json::{Map, Value as Json};

use crate::effect::Effect;
use crate::id::{AttributeName, Branch, StateId, TimerId, Visit};
use crate::input::{AttemptFailed, By, Event, WorkDone, WorkFailed};
use crate::kernel::fan_out::{self, Branched};
use crate::kernel::legal::{Outcome, is_offered, legal, offered, waits, work_offer};
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::occurrence::Occurrence;
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected, expect_alive};
use crate::limits::RETRY_DELAY_SECONDS_MAX;
use crate::machine::schema::Mismatch;
use crate::machine::{Machine, Retry, StateIx, WorkKind};
use crate::record::{self, Record, TimerFired, WorkEnded};
use crate::run::Run;
use crate::time::{Span, Timestamp};

/// Decides an event that reports the end of a state's work, if it is one: `done` and `failed` are events to those who do
/// the work.
///
/// # Errors
///
/// [`Rejected::NotYours`] if the work is the engine's, and as for the result itself.
pub(super) fn reported_by(
    machine: &Machine,
    run: &Run,
    event: &Event,
) -> Result<Option<Decision>, Rejected> {
    let Some((outcome, ix)) = offered(machine, run, event.name.as_str()) else {
        return Ok(None);
    };
    let state = machine.state(ix).id.clone();
    if !is_offered(machine, run, ix) {
        return Err(Rejected::NotYours { state });
    }
    let (rev, by, at) = (event.rev, event.by.clone(), event.at);
    let (visit, branch) = (None, Branch::WHOLE);
    let decision = match outcome {
        Outcome::Done => {
            let (output, evidence) = (event.data.clone(), event.evidence.clone());
            let result = WorkDone { state, visit, branch, output, rev, evidence, by, at };
            done(machine, run, &result, Livelock::Refuse)
        }
        Outcome::Failed => {
            let reason = reason_of(machine, ix, event)?;
            let result = WorkFailed { state, visit, branch, reason, rev, by, at };
            failed(machine, run, &result, Livelock::Refuse)
        }
    };
    decision.map(Some)
}

/// Why the work failed, as whoever did it says.
fn reason_of(machine: &Machine, ix: StateIx, event: &Event) -> Result<String, Rejected> {
    let problem = match event.data.get("reason") {
        Some(Json::String(reason)) if !reason.trim().is_empty() => return Ok(reason.clone()),
        Some(Json::String(_)) => "is empty",
        Some(_) => "must be a string",
        None => "is missing",
    };
    let problems = vec![Mismatch { at: "/reason".to_owned(), what: problem.to_owned() }];
    let expected = work_offer(machine, ix, event.name.clone(), Outcome::Failed);
    Err(Rejected::BadData {
        event: event.name.clone(),
        problems,
        expected: Some(Box::new(expected)),
    })
}

pub(super) fn done(
    machine: &Machine,
    run: &Run,
    done: &WorkDone,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    expect_alive(run)?;
    let (ix, visit) = expect_working(machine, run, &done.state, done.visit, done.branch)?;
    let mut step = Macrostep::new(machine, run, done.at)?;
    let (by, at) = (&done.by, done.at);
    step.expect_fresh(ix, done.rev, &Occurrence::work_done(machine, ix, &done.output))?;
    if !done.branch.is_whole() {
        let outcome = Ok(&done.output);
        let ended = Branched { ix, visit, branch: done.branch, outcome, by, at };
        return fan_out::branch_ended(machine, run, &ended, livelock);
    }
    let outputs = kept_outputs(machine, ix, &done.output)?;
    step.proven_by(&done.evidence);
    for (name, value) in &outputs {
        step.set(name, value);
    }
    let conclusion = Conclusion { ix, visit, by, at };
    conclude(step, &conclusion, Ended::Well(done.output.clone()), livelock)
}

pub(super) fn failed(
    machine: &Machine,
    run: &Run,
    failed: &WorkFailed,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    expect_alive(run)?;
    let (ix, visit) = expect_working(machine, run, &failed.state, failed.visit, failed.branch)?;
    let step = Macrostep::new(machine, run, failed.at)?;
    let (by, at) = (&failed.by, failed.at);
    step.expect_fresh(ix, failed.rev, &Occurrence::work_failed(machine, ix, &failed.reason))?;
    if !failed.branch.is_whole() {
        let outcome = Err(failed.reason.as_str());
        let ended = Branched { ix, visit, branch: failed.branch, outcome, by, at };
        return fan_out::branch_ended(machine, run, &ended, livelock);
    }
    let conclusion = Conclusion { ix, visit, by, at };
    conclude(step, &conclusion, Ended::Badly(failed.reason.clone()), livelock)
}

/// Decides the bad end of one try: the work is tried again after a while, or has failed with it.
pub(super) fn attempt_failed(
    machine: &Machine,
    run: &Run,
    failed: &AttemptFailed,
) -> Result<Decision, Rejected> {
    expect_alive(run)?;
    let (state, visit, branch) = (failed.state.clone(), failed.visit, failed.branch);
    let (ix, _) = expect_working(machine, run, &state, Some(visit), branch)?;
    let failures = run.active.get(&state).and_then(|active| active.failures_of(branch));
    let failures = failures.unwrap_or_default() + 1;
    let retry = machine.state(ix).work.as_ref().and_then(|work| work.retry.as_ref());
    let retry_at = retry
        .filter(|retry| failed.may_retry && failures < retry.max_attempts)
        .map(|retry| failed.at.after(wait_before(retry, failures, failed.chance)));
    let record = record::AttemptFailed {
        state: state.clone(),
        visit,
        branch,
        attempt: failed.attempt,
        reason: failed.reason.clone(),
        retry_at,
        by: failed.by.caller.clone(),
        at: failed.at,
    };
    if let Some(at) = retry_at {
        let effects = vec![Effect::RetryWork { state, visit, branch, at }];
        return Ok(Decision { records: vec![record.into()], effects });
    }
    let (reason, by, at) = (failed.reason.clone(), failed.by.clone(), failed.at);
    let ended = WorkFailed { state, visit: Some(visit), branch, reason, rev: None, by, at };
    let mut decision = self::failed(machine, run, &ended, Livelock::Pause)?;
    decision.records.insert(0, record.into());
    Ok(decision)
}

/// How long to wait before the next try: longer each time, and up to a quarter less, so that runs that failed together do
/// not all come back together.
pub(super) fn wait_before(retry: &Retry, failures: u32, chance: u64) -> Span {
    let longest = RETRY_DELAY_SECONDS_MAX as f64 * 1e9;
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let full = (retry.delay.0 as f64 * retry.backoff.powi(exponent)).clamp(0.0, longest);
    let spread = 1.0 - (chance % 1_000) as f64 / 4_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "at most a day in nanoseconds")]
    Span((full * spread) as i64)
}

/// Whose work ended.
pub(super) struct Conclusion<'a> {
    pub(super) ix: StateIx,
    pub(super) visit: Visit,
    pub(super) by: &'a By,
    pub(super) at: Timestamp,
}

/// How the work of a state ended as a whole.
pub(super) enum Ended {
    /// What it gave.
    Well(Map<String, Json>),
    /// Why it failed.
    Badly(String),
}

/// Takes the transition that answers the end of a state's work, or notes that none does.
pub(super) fn conclude(
    mut step: Macrostep<'_>,
    conclusion: &Conclusion<'_>,
    ended: Ended,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    let Conclusion { ix, visit, by, at } = *conclusion;
    let (machine, run) = (step.machine, step.run);
    let state = machine.state(ix).id.clone();
    let (occurrence, reason) = match ended {
        Ended::Well(output) => (Occurrence::work_done(machine, ix, &output), None),
        Ended::Badly(reason) => (Occurrence::work_failed(machine, ix, &reason), Some(reason)),
    };
    step.sent_by(by);
    step.take(occurrence);
    if reason.is_none() {
        step.expect_proven(&state)?;
    }
    if step.has_moved() {
        return step.finish(livelock);
    }
    step.expect_bounded_data()?;
    let changes = std::mem::take(&mut step.changes);
    let waiting = reason.is_none()
        && waits(machine, &step.active, |other| other == ix || step.is_work_ended(other));
    let record = WorkEnded {
        state: state.clone(),
        visit,
        ok: reason.is_none(),
        waiting,
        reason: reason.clone(),
        changes,
        by: by.caller.clone(),
        at,
    };
    let ended_timers = std::mem::take(&mut step.ended_timers).into_iter();
    let mut records: Vec<Record> =
        ended_timers.map(|timer| TimerFired { timer, at }.into()).collect();
    records.push(record.into());
    let mut effects = std::mem::take(&mut step.effects);
    if let Some(reason) = reason {
        // Nothing answers the failure, so nothing can go on: the run fails with it.
        let reason = format!("the work of `{state}` failed: {reason}");
        records.push(record::Failed { reason, at }.into());
        effects.extend(at_work(machine, run, &state));
    }
    Ok(Decision { records, effects })
}

/// The end of a question's time: its work failed, and whoever was asked need not answer any more.
pub(super) fn expired(
    machine: &Machine,
    run: &Run,
    timer: &TimerId,
    state: &StateId,
    at: Timestamp,
) -> Result<Decision, Rejected> {
    let (ix, visit) = expect_working(machine, run, state, None, Branch::WHOLE)?;
    let mut step = Macrostep::new(machine, run, at)?;
    step.ends_timer(timer.clone());
    step.effects.push(Effect::CancelWork { state: state.clone(), visit });
    let by = By::default();
    let conclusion = Conclusion { ix, visit, by: &by, at };
    let ended = Ended::Badly("nobody answered in time".to_owned());
    conclude(step, &conclusion, ended, Livelock::Pause)
}

/// Stops the work of all states but one.
fn at_work(machine: &Machine, run: &Run, but: &StateId) -> Vec<Effect> {
    let others = run.active.iter().filter(|(id, active)| {
        let state = machine.find(id.as_str()).map(|ix| machine.state(ix));
        *id != but && !active.work_ended && state.is_some_and(|state| state.work.is_some())
    });
    let stop = |(id, active): (&StateId, &crate::run::Active)| Effect::CancelWork {
        state: id.clone(),
        visit: active.visit,
    };
    others.map(stop).collect()
}

/// The end of a wait that no transition answers.
pub(super) fn waited(run: &Run, state: &StateId, at: Timestamp) -> WorkEnded {
    WorkEnded {
        state: state.clone(),
        visit: run.active.get(state).map_or(Visit(1), |active| active.visit),
        ok: true,
        waiting: false,
        reason: None,
        changes: Vec::new(),
        by: String::new(),
        at,
    }
}

/// The state whose work, or branch of it, is going on in this visit.
pub(super) fn expect_working(
    machine: &Machine,
    run: &Run,
    state: &StateId,
    visit: Option<Visit>,
    branch: Branch,
) -> Result<(StateIx, Visit), Rejected> {
    let working = run.active.get(state).filter(|active| {
        active.failures_of(branch).is_some() && visit.is_none_or(|visit| visit == active.visit)
    });
    let ix = machine.find(state.as_str()).filter(|ix| machine.state(*ix).work.is_some());
    match (working, ix) {
        (Some(active), Some(ix)) => Ok((ix, active.visit)),
        _ => Err(Rejected::NoSuchWork { state: state.clone(), legal: legal(machine, run) }),
    }
}

pub(super) fn missing(name: &AttributeName) -> Mismatch {
    Mismatch { at: format!("/{name}"), what: "is missing: the step gives it".to_owned() }
}

/// The outputs a state keeps, each checked against its attribute.
fn kept_outputs(
    machine: &Machine,
    ix: StateIx,
    output: &Map<String, Json>,
) -> Result<Vec<(AttributeName, Json)>, Rejected> {
    let state = machine.state(ix);
    let mut kept = Vec::new();
    let mut problems = Vec::new();
    for name in &state.output {
        let Some(value) = output.get(name.as_str()) else {
            problems.push(missing(name));
            continue;
        };
        if let Some(attribute) = machine.attributes.get(name) {
            problems.extend(mismatches(attribute, name, value));
        }
        kept.push((name.clone(), value.clone()));
    }
    let is_question = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Ask);
    if is_question && state.output.is_empty() {
        // An answer without a place of its own is kept under the state's name, so that it is not lost.
        let answer = output.get("answer");
        kept.extend(answer.map(|answer| (AttributeName::from(state.id.name()), answer.clone())));
    }
    if problems.is_empty() {
        Ok(kept)
    } else {
        Err(Rejected::BadData { event: "done".into(), problems, expected: None })
    }
}
