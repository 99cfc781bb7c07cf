//! The end of a state's work, reported by the engine or by the agent that does it.

use serde_json::{Map, Value as Json};

use crate::id::{AttributeName, StateId, Visit};
use crate::input::{Event, WorkDone, WorkFailed};
use crate::kernel::legal::{Outcome, is_offered, legal, offered, waits};
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::occurrence::Occurrence;
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected, expect_running};
use crate::machine::schema::Mismatch;
use crate::machine::{Machine, StateIx, WorkKind};
use crate::record::WorkEnded;
use crate::run::Run;
use crate::time::Timestamp;

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
    let (visit, rev, by, at) = (None, event.rev, event.by.clone(), event.at);
    let decision = match outcome {
        Outcome::Done => {
            let (output, evidence) = (event.data.clone(), event.evidence.clone());
            let result = WorkDone { state, visit, output, rev, evidence, by, at };
            done(machine, run, &result, Livelock::Refuse)
        }
        Outcome::Failed => {
            let reason = reason_of(&event.data);
            let result = WorkFailed { state, visit, reason, rev, by, at };
            failed(machine, run, &result, Livelock::Refuse)
        }
    };
    decision.map(Some)
}

fn reason_of(data: &Map<String, Json>) -> String {
    match data.get("reason") {
        Some(Json::String(reason)) => reason.clone(),
        Some(other) => other.to_string(),
        None => "no reason given".to_owned(),
    }
}

pub(super) fn done(
    machine: &Machine,
    run: &Run,
    done: &WorkDone,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    expect_running(run)?;
    let (ix, visit) = expect_working(machine, run, &done.state, done.visit)?;
    let mut step = Macrostep::new(machine, run, done.at)?;
    let occurrence = Occurrence::work_done(machine, ix, &done.output);
    step.expect_fresh(ix, done.rev, &occurrence)?;
    let outputs = kept_outputs(machine, ix, &done.output)?;
    step.sent_by(&done.by).proven_by(&done.evidence);
    for (name, value) in &outputs {
        step.set(name, value);
    }
    step.take(occurrence);
    step.expect_proven(&done.state)?;
    if step.has_moved() {
        return step.finish(livelock);
    }
    step.expect_bounded_data()?;
    let changes = std::mem::take(&mut step.changes);
    let waiting = waits(machine, &step.active, |other| other == ix || step.is_work_ended(other));
    let ended = WorkEnded {
        state: done.state.clone(),
        visit,
        ok: true,
        waiting,
        reason: None,
        changes,
        by: done.by.caller.clone(),
        at: done.at,
    };
    Ok(Decision { records: vec![ended.into()], effects: Vec::new() })
}

pub(super) fn failed(
    machine: &Machine,
    run: &Run,
    failed: &WorkFailed,
    livelock: Livelock,
) -> Result<Decision, Rejected> {
    expect_running(run)?;
    let (ix, visit) = expect_working(machine, run, &failed.state, failed.visit)?;
    let mut step = Macrostep::new(machine, run, failed.at)?;
    let occurrence = Occurrence::work_failed(machine, ix, &failed.reason);
    step.expect_fresh(ix, failed.rev, &occurrence)?;
    step.sent_by(&failed.by);
    step.take(occurrence);
    if step.has_moved() {
        return step.finish(livelock);
    }
    let ended = WorkEnded {
        state: failed.state.clone(),
        visit,
        ok: false,
        waiting: false,
        reason: Some(failed.reason.clone()),
        changes: Vec::new(),
        by: failed.by.caller.clone(),
        at: failed.at,
    };
    // Nothing answers the failure, so nothing can go on: the run fails with it.
    let reason = format!("the work of `{}` failed: {}", failed.state, failed.reason);
    let over = crate::record::Failed { reason, at: failed.at };
    Ok(Decision { records: vec![ended.into(), over.into()], effects: Vec::new() })
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

/// The state whose work is going on in this visit.
fn expect_working(
    machine: &Machine,
    run: &Run,
    state: &StateId,
    visit: Option<Visit>,
) -> Result<(StateIx, Visit), Rejected> {
    let working = run
        .active
        .get(state)
        .filter(|active| !active.work_ended && visit.is_none_or(|visit| visit == active.visit));
    let ix = machine.find(state.as_str()).filter(|ix| machine.state(*ix).work.is_some());
    match (working, ix) {
        (Some(active), Some(ix)) => Ok((ix, active.visit)),
        _ => Err(Rejected::NoSuchWork { state: state.clone(), legal: legal(machine, run) }),
    }
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
            let what = "is missing: the step gives it".to_owned();
            problems.push(Mismatch { at: format!("/{name}"), what });
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
