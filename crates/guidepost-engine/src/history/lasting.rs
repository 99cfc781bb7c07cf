//! What was done and cannot be undone: work with an effect on the world.

use std::collections::BTreeSet;

use guidepost_core::id::{Branch, Rev, StateId, Visit};
use guidepost_core::kernel;
use guidepost_core::machine::expr::Scope;
use guidepost_core::machine::{Machine, Work, WorkKind};
use guidepost_core::record::{Cause, Compensated, Compensation, Done, Lasting, Record};
use guidepost_core::run::{Run, Unfoldable};
use guidepost_store::Entry;
use serde_json::Value as Json;

use super::{MachineOf, Replay, records};
use crate::call::rendered;
use crate::work::http;

/// Whether doing a piece of work has an effect on the world that going back does not undo. What the step says with
/// `irreversible` counts; if it says nothing, what has something that makes it good does, and else commands do, requests but
/// for `GET` and `HEAD` do, and tools do. Of a child workflow, see [`launched`].
#[must_use]
pub fn is_irreversible(work: &Work) -> bool {
    let said = |key: &str| work.spec.get(key);
    if let Some(answer) = said("irreversible").and_then(Json::as_bool) {
        return answer;
    }
    if said("compensate").is_some() {
        return true;
    }
    match work.kind {
        WorkKind::Exec | WorkKind::Tool => true,
        WorkKind::Http => {
            let method = http::method(&work.spec);
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

/// Work after a rev that can be made good: what makes it good, latest first, and the pieces for which that cannot be said,
/// with the reason. What was made good already is left out, and so is what did not end well. What is left of an earlier decision
/// is told too, last, for it was done before.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn compensations(
    entries: &[Entry],
    after: Rev,
    machine_of: &MachineOf<'_>,
) -> Result<Compensations, Unfoldable> {
    let mut run = Run::default();
    let mut found: Vec<Result<Compensation, (TaskOf, String)>> = Vec::new();
    for (rev, record) in records(entries) {
        let done = if rev > after { done_by(record, &run) } else { None };
        let machine = machine_of(&run);
        run.apply(record)?;
        if let Record::Compensated(made_good) = record
            && made_good.ok
        {
            let made_good = (made_good.state.clone(), made_good.visit, made_good.branch);
            found.retain(|one| task_of(one) != made_good);
        }
        if let (Some(((state, visit, branch), Done::Ended)), Some(machine)) = (done, machine)
            && let Some(work) = compensating(&machine, &state)
        {
            let scope = kernel::scope_of_work(&run, &state, branch);
            let task = (state, visit, branch);
            found.retain(|one| task_of(one) != task);
            found.push(worked_out(work, task, &scope));
        }
    }
    found.reverse();
    let mut all = Compensations::default();
    for one in found {
        match one {
            Ok(work) => all.work.push(work),
            Err(((state, visit, branch), why)) => all.unsayable.push((state, visit, branch, why)),
        }
    }
    all.work.extend(pending(&run, after).iter().cloned());
    Ok(all)
}

/// What a run that was making good at a rev has left of that: it was done before that rev.
#[must_use]
pub fn pending(run: &Run, at: Rev) -> &[Compensation] {
    let undoing = run.undoing.as_ref().filter(|undoing| undoing.rev <= at.next());
    undoing.map_or(&[], |undoing| undoing.left())
}

/// A piece of work: its state, the visit and the branch.
pub type TaskOf = (StateId, Visit, Branch);

/// What makes work good.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compensations {
    /// In the order in which it is to be done.
    pub work: Vec<Compensation>,
    /// The pieces of work for which it cannot be said, and why.
    pub unsayable: Vec<(StateId, Visit, Branch, String)>,
}

fn task_of(one: &Result<Compensation, (TaskOf, String)>) -> TaskOf {
    match one {
        Ok(work) => (work.state.clone(), work.visit, work.branch),
        Err((task, _)) => task.clone(),
    }
}

fn compensating<'a>(machine: &'a Machine, state: &StateId) -> Option<&'a Work> {
    machine.state(machine.find(state.as_str())?).work.as_ref()?.compensate.as_deref()
}

fn worked_out(work: &Work, task: TaskOf, scope: &Scope) -> Result<Compensation, (TaskOf, String)> {
    let told = rendered(work, scope);
    let (prompt, spec) = told.map_err(|failure| (task.clone(), failure.reason))?;
    let (state, visit, branch) = task;
    Ok(Compensation {
        state,
        visit,
        branch,
        kind: work.kind,
        name: work.name.clone(),
        prompt,
        spec,
        retry: work.retry.clone(),
        timeout: work.timeout,
    })
}

/// Irreversible work that was done after a rev, was cut off since, or is going on: latest first, each piece once. What was
/// made good is left out. The replay of the history says where the run was at rest: what never outlasted a step never began.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn lasting(
    entries: &[Entry],
    replay: &Replay,
    after: Rev,
    machine_of: &MachineOf<'_>,
) -> Result<Vec<Lasting>, Unfoldable> {
    let found = pieces(entries, replay, after, machine_of, &|work, scope| {
        is_irreversible(work).then(|| remedy(work, scope))
    })?;
    let lasting = found.into_iter().map(|((state, visit, branch), how, compensate)| Lasting {
        run_no: None,
        state,
        visit,
        branch,
        how,
        compensate,
    });
    Ok(lasting.collect())
}

/// What a step says would make its work good, with its values filled in as far as there are any.
fn remedy(work: &Work, scope: &dyn Fn() -> Scope) -> Json {
    let said = work.spec.get("compensate").cloned().unwrap_or(Json::Null);
    if said.is_null() { said } else { kernel::filled_in(&said, &scope()).unwrap_or(said) }
}

/// Work that was done after a rev and was made good since, in the order in which that happened, each with the rev at which it
/// was made good.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn made_good(entries: &[Entry], after: Rev) -> Result<Vec<(TaskOf, Rev)>, Unfoldable> {
    let mut run = Run::default();
    let mut done: BTreeSet<TaskOf> = BTreeSet::new();
    let mut found = Vec::new();
    for (rev, record) in records(entries) {
        if let Record::Compensated(made_good) = record {
            let task = (made_good.state.clone(), made_good.visit, made_good.branch);
            if made_good.ok && done.remove(&task) {
                found.push((task, rev));
            }
        } else if rev > after
            && let Some((piece, _)) = done_by(record, &run)
        {
            done.insert(piece);
        }
        run.apply(record)?;
    }
    Ok(found)
}

/// The work after a rev that launched child workflows, or may have: what lasts of that is what they did. Latest first, each
/// piece once; what was made good is left out, and so is what its step calls reversible.
///
/// # Errors
///
/// [`Unfoldable`] if the history was damaged.
pub fn launched(
    entries: &[Entry],
    replay: &Replay,
    after: Rev,
    machine_of: &MachineOf<'_>,
) -> Result<Vec<TaskOf>, Unfoldable> {
    let may_last = |work: &Work| work.spec.get("irreversible") != Some(&Json::Bool(false));
    let launches = |work: &Work, _: &dyn Fn() -> Scope| {
        (work.kind == WorkKind::Run && may_last(work)).then_some(())
    };
    let found = pieces(entries, replay, after, machine_of, &launches)?;
    Ok(found.into_iter().map(|(task, ..)| task).collect())
}

/// A piece of work: how far it got, and what was wanted of it.
type Piece<T> = (TaskOf, Done, T);

/// What is wanted of a piece of work, if anything, by what its texts see.
type Wanted<'a, T> = dyn Fn(&Work, &dyn Fn() -> Scope) -> Option<T> + 'a;

/// The work of a sort that was done after a rev, was cut off since, or is going on: latest first, each piece once. What was
/// made good is left out.
fn pieces<T>(
    entries: &[Entry],
    replay: &Replay,
    after: Rev,
    machine_of: &MachineOf<'_>,
    wanted: &Wanted<'_, T>,
) -> Result<Vec<Piece<T>>, Unfoldable> {
    let wanted = |machine: &Machine, (state, visit, branch): TaskOf, how: Done, run: &Run| {
        let work = machine.state(machine.find(state.as_str())?).work.as_ref()?;
        let what = wanted(work, &|| kernel::scope_of_work(run, &state, branch))?;
        Some(((state, visit, branch), how, what))
    };
    let all: Vec<(Rev, &Record)> = records(entries).collect();
    let rests: BTreeSet<Rev> = replay.steps.iter().map(|step| step.last).collect();
    let mut run = Run::default();
    let mut found: Vec<Piece<T>> = Vec::new();
    for step in all.chunk_by(|(rev, _), _| !rests.contains(rev)) {
        let is_after = step.iter().any(|(rev, _)| *rev > after);
        let before = (is_after && step.iter().any(|(_, record)| may_cut_off(record)))
            .then(|| (run.clone(), machine_of(&run)));
        let mut told = Vec::new();
        for (rev, record) in step {
            if let Record::Compensated(made_good) = record
                && made_good.ok
            {
                let Compensated { state, visit, branch, .. } = made_good;
                let made_good = (state.clone(), *visit, *branch);
                found.retain(|(task, ..)| *task != made_good);
            }
            let done = if *rev > after { done_by(record, &run) } else { None };
            let machine = machine_of(&run);
            run.apply(record)?;
            let Some((task, how)) = done else { continue };
            told.push(task.clone());
            if let Some(piece) = machine.and_then(|machine| wanted(&machine, task, how, &run)) {
                note(&mut found, piece);
            }
        }
        if let Some((before, Some(machine))) = before {
            for task in open(&before).filter(|task| !told.contains(task) && !is_open(&run, task)) {
                if let Some(piece) = wanted(&machine, task, Done::Begun, &before) {
                    note(&mut found, piece);
                }
            }
        }
    }
    if let Some(machine) = machine_of(&run) {
        for task in open(&run) {
            if let Some(piece) = wanted(&machine, task, Done::Begun, &run) {
                note(&mut found, piece);
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// Whether a record may end work that is going on otherwise than by its own end.
fn may_cut_off(record: &Record) -> bool {
    !matches!(
        record,
        Record::Started(_)
            | Record::AttemptFailed(_)
            | Record::FannedOut(_)
            | Record::BranchEnded(_)
            | Record::TimerFired(_)
            | Record::Placed(_)
            | Record::Paused(_)
            | Record::Resumed(_)
            | Record::Compensated(_)
    )
}

/// The work that has begun, or may have, and has not ended: of work that fanned out, the branches. States without work are
/// among it.
fn open(run: &Run) -> impl Iterator<Item = TaskOf> {
    let active = run.active.iter().filter(|(_, active)| has_begun(run) && !active.work_ended);
    active.flat_map(|(state, active)| {
        let branches: Vec<Branch> = match &active.fan {
            None => vec![Branch::WHOLE],
            Some(fan) => fan.open.keys().copied().collect(),
        };
        branches.into_iter().map(|branch| (state.clone(), active.visit, branch))
    })
}

fn is_open(run: &Run, (state, visit, branch): &TaskOf) -> bool {
    let active = run.active.get(state).filter(|active| active.visit == *visit);
    has_begun(run) && active.is_some_and(|active| active.failures_of(*branch).is_some())
}

/// Whether the work of the states a run is in has begun, or may have, and counts as going on. A run that makes good what it
/// did before it goes on from there has not begun it; one that does so before it is cancelled had, and going back there
/// begins it anew.
fn has_begun(run: &Run) -> bool {
    !run.status.is_ended() && run.undoing.as_ref().is_none_or(|undoing| undoing.cancels)
}

/// The piece of work a record tells of, and how far it got. Of work that fanned out the branches are told one by one.
fn done_by(record: &Record, before: &Run) -> Option<(TaskOf, Done)> {
    let how = |ok: bool| if ok { Done::Ended } else { Done::Failed };
    let whole = |state: &StateId, how: Done| {
        let active = before.active.get(state).filter(|active| active.fan.is_none())?;
        Some(((state.clone(), active.visit, Branch::WHOLE), how))
    };
    match record {
        Record::WorkEnded(ended) => whole(&ended.state, how(ended.ok)),
        Record::BranchEnded(ended) => {
            Some(((ended.state.clone(), ended.visit, ended.branch), how(ended.ok)))
        }
        Record::AttemptFailed(failed) => {
            Some(((failed.state.clone(), failed.visit, failed.branch), Done::Failed))
        }
        Record::Transitioned(step) => {
            whole(step.ended_work.as_ref()?, how(step.cause != Cause::Error))
        }
        _ => None,
    }
}

/// Of several reports on one piece of work the last counts.
fn note<T>(found: &mut Vec<Piece<T>>, new: Piece<T>) {
    found.retain(|(task, ..)| *task != new.0);
    found.push(new);
}

#[cfg(test)]
mod tests {
    use guidepost_core::testing::machine;

    #[test]
    fn a_request_with_a_body_in_any_form_cannot_be_undone() {
        let is_irreversible = |request: &str| {
            let machine = machine(&format!(
                "name: m\ninitial: a\nstates:\n  a: {{ http: {request}, onDone: b }}\n  b: {{ type: final }}\n"
            ));
            let ix = machine.find("a").unwrap();
            super::is_irreversible(machine.state(ix).work.as_ref().unwrap())
        };
        assert!(!is_irreversible("{ url: 'https://example.com' }"));
        assert!(is_irreversible("{ url: 'https://example.com', body: x }"));
        assert!(is_irreversible("{ url: 'https://example.com', json: { x: 1 } }"));
        assert!(!is_irreversible("{ url: 'https://example.com', json: { x: 1 }, method: get }"));
    }
}
