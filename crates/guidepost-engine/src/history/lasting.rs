//! What was done and cannot be undone: work with an effect on the world.

use guidepost_core::id::{Branch, Rev, StateId, Visit};
use guidepost_core::machine::{Machine, Work, WorkKind};
use guidepost_core::record::{Cause, Done, Lasting, Record};
use guidepost_core::run::{Run, Unfoldable};
use guidepost_store::Entry;
use serde_json::Value as Json;

use super::{MachineOf, records};

/// Whether doing a piece of work has an effect on the world that going back does not undo. What the step says with
/// `irreversible` counts; if it says nothing, commands do, requests but for `GET` and `HEAD` do, and tools do.
#[must_use]
pub fn is_irreversible(work: &Work) -> bool {
    let said = |key: &str| work.spec.get(key);
    if let Some(answer) = said("irreversible").and_then(Json::as_bool) {
        return answer;
    }
    match work.kind {
        WorkKind::Exec | WorkKind::Tool => true,
        WorkKind::Http => {
            let by_default = if said("body").is_some() { "POST" } else { "GET" };
            let method = said("method").and_then(Json::as_str).unwrap_or(by_default);
            !["GET", "HEAD"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
        }
        WorkKind::Agent
        | WorkKind::Ask
        | WorkKind::Task
        | WorkKind::Run
        | WorkKind::Wait
        | WorkKind::Invoke => false,
    }
}

/// Irreversible work that was done after a rev, or is going on: latest first, each piece once.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn lasting(
    entries: &[Entry],
    after: Rev,
    machine_of: &MachineOf<'_>,
) -> Result<Vec<Lasting>, Unfoldable> {
    let mut run = Run::default();
    let mut found: Vec<Lasting> = Vec::new();
    for (rev, record) in records(entries) {
        let done = if rev > after { done_by(record, &run) } else { None };
        if let (Some((state, visit, branch, how)), Some(machine)) = (done, machine_of(&run))
            && let Some(compensate) = irreversible(&machine, &state)
        {
            note(&mut found, Lasting { state, visit, branch, how, compensate });
        }
        run.apply(record)?;
    }
    if let Some(machine) = machine_of(&run).filter(|_| !run.status.is_ended()) {
        for (state, active) in run.active.iter().filter(|(_, active)| !active.work_ended) {
            if let Some(compensate) = irreversible(&machine, state) {
                let branches: Vec<Branch> = match &active.fan {
                    None => vec![Branch::WHOLE],
                    Some(fan) => fan.open.keys().copied().collect(),
                };
                for branch in branches {
                    let (state, visit, how) = (state.clone(), active.visit, Done::Begun);
                    let compensate = compensate.clone();
                    note(&mut found, Lasting { state, visit, branch, how, compensate });
                }
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// The piece of work a record tells of, and how far it got.
fn done_by(record: &Record, before: &Run) -> Option<(StateId, Visit, Branch, Done)> {
    let how = |ok: bool| if ok { Done::Ended } else { Done::Failed };
    match record {
        Record::WorkEnded(ended) => {
            Some((ended.state.clone(), ended.visit, Branch::WHOLE, how(ended.ok)))
        }
        Record::BranchEnded(ended) => {
            Some((ended.state.clone(), ended.visit, ended.branch, how(ended.ok)))
        }
        Record::AttemptFailed(failed) => {
            Some((failed.state.clone(), failed.visit, failed.branch, Done::Failed))
        }
        Record::Transitioned(step) => {
            let state = step.ended_work.clone()?;
            let active = before.active.get(&state)?;
            // Of work that fanned out the branches are told one by one.
            let is_whole = active.fan.is_none();
            let ok = step.cause != Cause::Error;
            is_whole.then_some((state, active.visit, Branch::WHOLE, how(ok)))
        }
        _ => None,
    }
}

/// What the state says would make its work good, if that is irreversible.
fn irreversible(machine: &Machine, state: &StateId) -> Option<Json> {
    let work = machine.state(machine.find(state.as_str())?).work.as_ref()?;
    let compensate = || work.spec.get("compensate").cloned().unwrap_or(Json::Null);
    is_irreversible(work).then(compensate)
}

/// Of several reports on one piece of work the last counts.
fn note(found: &mut Vec<Lasting>, new: Lasting) {
    found.retain(|known| {
        (&known.state, known.visit, known.branch) != (&new.state, new.visit, new.branch)
    });
    found.push(new);
}
