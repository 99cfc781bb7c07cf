//! Moves by SQL, made good: what a trigger could not do when a statement moved the run.
//!
//! A trigger checks that a move is legal and notes it as [`Placed`]; leaving and entering states, eventless transitions,
//! timers and work are done here, by the next process that touches the run.
//!
//! A run that was put into the workflow gets the defaults of its attributes here. SQL cannot tell what [`start`](super::start)
//! would have refused; such a run is paused where it stands, with the reason.

use crate::id::{AttributeName, StateId};
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::select::Candidate;
use crate::kernel::{Decision, Rejected};
use crate::machine::{Machine, Trigger};
use crate::record::{Paused, Placed, Record};
use crate::run::{PauseReason, Run};
use crate::time::Timestamp;

pub(super) fn decide(machine: &Machine, run: &Run, at: Timestamp) -> Result<Decision, Rejected> {
    let Some(last) = run.placed.last().filter(|_| run.is_unsettled()) else {
        return Ok(Decision::default());
    };
    if machine.find(last.to.as_str()).is_none() {
        return Err(Rejected::Misfit { state: last.to.clone() });
    }
    // A run that was put into another workflow may be in states this machine does not have, and so may its first moves.
    let mut step =
        Macrostep::new(machine, run, at).unwrap_or_else(|_| Macrostep::outside(machine, run, at));
    let is_new = run.placed.iter().any(|placed| placed.workflow.is_some());
    if is_new {
        add_defaults(machine, &mut step);
    }
    let refused = if is_new { refusal(machine, &step) } else { None };
    let mut left: Vec<StateId> = run.active.keys().cloned().collect();
    for placed in &run.placed {
        match (machine.find(placed.to.as_str()), move_of(machine, placed)) {
            (Some(_), Some(candidate)) if step.active.contains(candidate.source) => {
                let event = placed.event.clone().unwrap_or_else(|| "".into());
                step.place_by(candidate, event);
            }
            (Some(target), _) => step.place(target, &left),
            (None, _) => step.pass(&left),
        }
        left = step.active_ids();
    }
    step.settle_down();
    let mut decision = step.finish(Livelock::Pause)?;
    let goes_on = matches!(decision.records.last(), Some(Record::Transitioned(_)));
    if let Some(detail) = refused.filter(|_| goes_on) {
        let paused = Paused { reason: PauseReason::Stuck, detail, by: String::new(), at };
        decision.records.push(paused.into());
    }
    Ok(decision)
}

/// Gives a run the defaults of the attributes it does not have.
fn add_defaults(machine: &Machine, step: &mut Macrostep<'_>) {
    for (name, attribute) in &machine.attributes {
        if let (None, Some(default)) = (step.data.get(name.as_str()), &attribute.default) {
            step.set(name, default);
        }
    }
}

/// Why the run could not have been started as it is; `None` if it could.
fn refusal(machine: &Machine, step: &Macrostep<'_>) -> Option<String> {
    let unbound = machine.unbound();
    if !unbound.is_empty() {
        return Some(format!("the workflow names what is defined nowhere: {}", unbound.join(", ")));
    }
    let is_missing = |name: &AttributeName| step.data.get(name.as_str()).is_none();
    let missing = machine.attributes.iter().filter(|(name, it)| it.required && is_missing(name));
    let missing: Vec<_> = missing.map(|(name, _)| format!("`{name}`")).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "it was put into the workflow without what that requires: {}; a start takes values for it",
            missing.join(", ")
        )
    })
}

/// The transition a statement took.
fn move_of<'a>(machine: &'a Machine, placed: &Placed) -> Option<Candidate<'a>> {
    let target = machine.find(placed.to.as_str())?;
    let event = placed.event.as_ref()?;
    let source = machine.find(placed.from.as_ref()?.as_str())?;
    let mut transitions = machine.state(source).transitions.iter();
    let transition = transitions.find(|transition| {
        *transition.targets == [target]
            && matches!(&transition.trigger, Trigger::Event(name) if name.matches(event.as_str()))
    })?;
    Some(Candidate { source, transition })
}
