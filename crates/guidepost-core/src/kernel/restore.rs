//! Going on from another state of execution: back to an earlier one, as a fork of another run, or in another version.
//!
//! What ended keeps its result: a state whose work had ended keeps its visit, and so do the ended branches of one that
//! fanned out. Everything else is entered anew, with a new visit, so that no result of work begun before can be taken for
//! a result of this. Nothing is done on leaving and entering: the data is what it was.

use crate::data::{Change, Data};
use crate::effect::Effect;
use crate::id::{Branch, Rev, StateId, TimerId, Visit};
use crate::input::Restore;
use crate::kernel::compensate;
use crate::kernel::configuration::StateSet;
use crate::kernel::legal::waits;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected};
use crate::machine::Machine;
use crate::record::{Remembered, Restoration, Restored, TimerFires, TimerSet};
use crate::run::{Active, Ordered, Run};

pub(super) fn decide(
    machine: &Machine,
    run: &Run,
    restore: &Restore,
) -> Result<Decision, Rejected> {
    let past = restore.past.as_ref();
    expect_restorable(past)?;
    if run.undoing.is_some() && matches!(restore.why, Restoration::Migrated { .. }) {
        return Err(not_restorable("what the run did is being made good first"));
    }
    let set = StateSet::of_run(machine, past)?;
    let mut restored = Restored {
        why: restore.why.clone(),
        workflow: past.workflow.clone(),
        machine: past.machine.clone(),
        driver: past.driver,
        active: active(run, restore),
        visits: visits(run, past),
        remembered: remembered(past),
        timers: Vec::new(),
        changes: changes(machine, run, restore)?,
        waiting: false,
        lasting: restore.lasting.clone(),
        by: restore.by.caller.clone(),
        note: restore.by.note.clone(),
        at: restore.at,
    };
    restored.timers = timers(run.rev.next(), &restored.active, restore);
    restored.waiting = waits(machine, &set, |ix| {
        restored.active.get(&machine.state(ix).id).is_some_and(|active| active.work_ended)
    });
    let mut effects = cancelled(machine, run, &restored);
    if let Some(first) = restore.compensations.first() {
        let work = restore.compensations.clone();
        let compensating = compensate::record(work, false, &restore.by, restore.at);
        effects.push(compensate::begin(first));
        return Ok(Decision { records: vec![restored.into(), compensating.into()], effects });
    }
    let rev = run.rev.next();
    effects.extend(begun(machine, &restored.active, |active| active.rev == rev));
    let mut next = run.clone();
    let record = restored.into();
    next.apply(&record).map_err(|misfit| not_restorable(misfit.to_string()))?;
    // Where it was, it was at rest; with other data or another machine it may not be.
    let mut step = Macrostep::new(machine, &next, restore.at)?;
    step.settle_down();
    let mut decision = step.finish(Livelock::Refuse)?;
    decision.records.insert(0, record);
    effects.append(&mut decision.effects);
    Ok(Decision { effects, ..decision })
}

pub(super) fn not_restorable(why: impl Into<String>) -> Rejected {
    Rejected::NotRestorable { why: why.into() }
}

fn expect_restorable(past: &Run) -> Result<(), Rejected> {
    let rev = past.rev;
    if past.status.is_ended() {
        let status = past.status;
        return Err(not_restorable(format!("at rev {rev} the run was {status}: it cannot go on")));
    }
    if past.active.is_empty() {
        return Err(not_restorable(format!("at rev {rev} the run was in no state")));
    }
    if !past.placed.is_empty() {
        let why = format!("at rev {rev} a move by SQL was not settled yet");
        return Err(not_restorable(why));
    }
    Ok(())
}

/// The states to be in, each as it goes on.
fn active(run: &Run, restore: &Restore) -> Ordered<StateId, Active> {
    let past = restore.past.as_ref();
    let rev = run.rev.next();
    let anew = |state: &StateId, before: &Active| {
        let count = |run: &Run| run.visits.get(state).map_or(Visit(0), |visits| visits.count);
        let visit = count(run).max(count(past)).next();
        let mut fan = before.fan.clone();
        fan.iter_mut().flat_map(|fan| fan.open.values_mut()).for_each(|failures| *failures = 0);
        Active { fan, ..Active::entered(visit, rev, restore.at) }
    };
    let active = past.active.iter().map(|(state, before)| {
        let active = if restore.going_on.contains(state) {
            before.clone()
        } else if before.work_ended {
            Active { rev, ..before.clone() }
        } else {
            anew(state, before)
        };
        (state.clone(), active)
    });
    active.collect()
}

/// How often the other history entered states, where that is more than the run knows of.
fn visits(run: &Run, past: &Run) -> Ordered<StateId, Visit> {
    let known = |state: &StateId| run.visits.get(state).map_or(Visit(0), |visits| visits.count);
    let more = past.visits.iter().filter(|(state, visits)| visits.count > known(state));
    more.map(|(state, visits)| (state.clone(), visits.count)).collect()
}

fn remembered(past: &Run) -> Vec<Remembered> {
    let kept = past.memory.iter();
    kept.map(|(history, states)| Remembered { history: history.clone(), states: states.clone() })
        .collect()
}

/// Timers with as much time left as they had. Their ids say the visit they belong to.
fn timers(rev: Rev, active: &Ordered<StateId, Active>, restore: &Restore) -> Vec<TimerSet> {
    let visit_of = |state: &StateId| active.get(state).map_or(Visit(1), |active| active.visit);
    let timers = restore.past.timers.iter().enumerate().map(|(n, (id, timer))| {
        let id = match &timer.fires {
            TimerFires::After { state, delay } => {
                TimerId::from(format!("after:{state}#{}:{delay}", visit_of(state)))
            }
            TimerFires::WorkDone { state } => {
                TimerId::from(format!("wait:{state}#{}", visit_of(state)))
            }
            TimerFires::Expired { state } => {
                TimerId::from(format!("expires:{state}#{}", visit_of(state)))
            }
            // An event without a name of its own is numbered by the rev that sent it, which a fork counts anew.
            TimerFires::Event { .. } if is_numbered(id) => TimerId::from(format!("send:{rev}.{n}")),
            TimerFires::Event { .. } => id.clone(),
        };
        let left = timer.due.since(restore.past_at);
        TimerSet { id, due: restore.at.after(left), fires: timer.fires.clone() }
    });
    timers.collect()
}

fn is_numbered(id: &TimerId) -> bool {
    let number = id.as_str().strip_prefix("send:").unwrap_or_default();
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// What makes the past's data, with the edits, of the present.
fn changes(machine: &Machine, run: &Run, restore: &Restore) -> Result<Vec<Change>, Rejected> {
    let mut data: Data = restore.past.data.clone();
    for edit in &restore.edits {
        data.apply(edit).map_err(|misfit| not_restorable(misfit.to_string()))?;
    }
    if !restore.edits.is_empty() {
        let fits = machine.attributes.iter().flat_map(|(name, attribute)| {
            let value = data.get(name.as_str()).and_then(|value| serde_json::to_value(value).ok());
            value.map(|value| mismatches(attribute, name, &value)).unwrap_or_default()
        });
        let problems: Vec<_> = fits.collect();
        if !problems.is_empty() {
            return Err(Rejected::BadStart { problems });
        }
    }
    Ok(run.data.changes_into(&data))
}

/// Stops what is at work and does not go on. A state of another machine may have had work that this one does not know.
fn cancelled(machine: &Machine, run: &Run, restored: &Restored) -> Vec<Effect> {
    if run.status.is_ended() {
        return Vec::new();
    }
    let may_work = |state: &StateId| {
        let known = machine.find(state.as_str()).map(|ix| machine.state(ix).work.is_some());
        run.machine != restored.machine || known == Some(true)
    };
    let goes_on = |state: &StateId, active: &Active| {
        restored.active.get(state).is_some_and(|next| next.visit == active.visit)
    };
    let stopped = run
        .active
        .iter()
        .filter(|(state, active)| !active.work_ended && may_work(state) && !goes_on(state, active));
    let stop = |(state, active): (&StateId, &Active)| Effect::CancelWork {
        state: state.clone(),
        visit: active.visit,
    };
    let made_good = run.undoing.iter().filter_map(|undoing| undoing.first());
    stopped.map(stop).chain(made_good.map(compensate::cancel)).collect()
}

/// Begins the work of states, of those that fanned out the branches that had not ended.
pub(super) fn begun(
    machine: &Machine,
    active: &Ordered<StateId, Active>,
    begins: impl Fn(&Active) -> bool,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (state, active) in active {
        let has_work =
            machine.find(state.as_str()).is_some_and(|ix| machine.state(ix).work.is_some());
        if !has_work || active.work_ended || !begins(active) {
            continue;
        }
        let branches: Vec<Branch> = match &active.fan {
            None => vec![Branch::WHOLE],
            Some(fan) => fan.open.keys().copied().collect(),
        };
        let visit = active.visit;
        effects.extend(branches.into_iter().map(|branch| Effect::StartWork {
            state: state.clone(),
            visit,
            branch,
        }));
    }
    effects
}
