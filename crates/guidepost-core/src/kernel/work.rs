//! The end of a state's work, reported by the engine or by the agent that does it.

use serde_json::{Map, Value as Json};

use crate::data::Change;
use crate::id::{AttributeName, StateId, Visit};
use crate::input::{Event, Input, WorkDone, WorkFailed};
use crate::kernel::legal::{Outcome, is_offered, legal, offered};
use crate::kernel::macrostep::Macrostep;
use crate::kernel::occurrence::Occurrence;
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected, expect_running};
use crate::machine::schema::Mismatch;
use crate::machine::{Machine, StateIx, WorkKind};
use crate::record::WorkEnded;
use crate::run::Run;

/// The work result that an event reports, if it reports one: `done` and `failed` are events to those who do the work.
///
/// # Errors
///
/// [`Rejected::NotYours`] if the work is the engine's.
pub(super) fn reported_by(
    machine: &Machine,
    run: &Run,
    event: &Event,
) -> Result<Option<Input>, Rejected> {
    let Some((outcome, state)) = offered(machine, run, event.name.as_str()) else {
        return Ok(None);
    };
    if !is_offered(machine, run, state) {
        return Err(Rejected::NotYours { state: machine.state(state).id.clone() });
    }
    let id = machine.state(state).id.clone();
    let visit = run.active.get(&id).map(|active| active.visit);
    Ok(Some(match outcome {
        Outcome::Done => Input::WorkDone(WorkDone {
            state: id,
            visit,
            output: event.data.clone(),
            rev: event.rev,
            evidence: event.evidence.clone(),
            by: event.by.clone(),
            at: event.at,
        }),
        Outcome::Failed => Input::WorkFailed(WorkFailed {
            state: id,
            visit,
            reason: reason_of(&event.data),
            rev: event.rev,
            by: event.by.clone(),
            at: event.at,
        }),
    }))
}

fn reason_of(data: &Map<String, Json>) -> String {
    match data.get("reason") {
        Some(Json::String(reason)) => reason.clone(),
        Some(other) => other.to_string(),
        None => "no reason given".to_owned(),
    }
}

pub(super) fn done(machine: &Machine, run: &Run, done: &WorkDone) -> Result<Decision, Rejected> {
    expect_running(run)?;
    let (ix, visit) = expect_working(machine, run, &done.state, done.visit)?;
    let mut step = Macrostep::new(machine, run, done.at)?;
    let occurrence = Occurrence::work_done(machine, ix, &done.output);
    step.expect_fresh(ix, done.rev, &occurrence)?;
    let changes = kept_outputs(machine, ix, &done.output)?;
    step.sent_by(&done.by).proven_by(&done.evidence);
    for change in &changes {
        step.change(change.clone());
    }
    step.take(occurrence);
    step.expect_proven(&done.state)?;
    if step.has_moved() {
        return step.finish_or_pause();
    }
    let ended = WorkEnded {
        state: done.state.clone(),
        visit,
        ok: true,
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
) -> Result<Decision, Rejected> {
    expect_running(run)?;
    let (ix, visit) = expect_working(machine, run, &failed.state, failed.visit)?;
    let mut step = Macrostep::new(machine, run, failed.at)?;
    let occurrence = Occurrence::work_failed(machine, ix, &failed.reason);
    step.expect_fresh(ix, failed.rev, &occurrence)?;
    step.sent_by(&failed.by);
    step.take(occurrence);
    if step.has_moved() {
        return step.finish_or_pause();
    }
    let ended = WorkEnded {
        state: failed.state.clone(),
        visit,
        ok: false,
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
) -> Result<Vec<Change>, Rejected> {
    let state = machine.state(ix);
    let mut changes = Vec::new();
    let mut problems = Vec::new();
    for name in &state.output {
        match (output.get(name.as_str()), machine.attributes.get(name)) {
            (Some(value), Some(attribute)) => {
                problems.extend(mismatches(attribute, name, value));
                changes.push(Change::set(name, value.clone()));
            }
            (Some(value), None) => changes.push(Change::set(name, value.clone())),
            (None, _) => problems.push(Mismatch {
                at: format!("/{name}"),
                what: "is missing: the step gives it".to_owned(),
            }),
        }
    }
    let is_question = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Ask);
    if is_question && state.output.is_empty() {
        // An answer without a place of its own is kept under the state's name, so that it is not lost.
        let name = AttributeName::from(state.id.name());
        changes.extend(output.get("answer").map(|answer| Change::set(&name, answer.clone())));
    }
    if problems.is_empty() {
        Ok(changes)
    } else {
        Err(Rejected::BadData { event: "done".into(), problems, expected: None })
    }
}
