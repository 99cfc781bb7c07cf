//! Moves by SQL, made good: what a trigger could not do when a statement moved the run.
//!
//! A trigger checks that a move is legal and notes it as [`Placed`]; leaving and entering states, eventless transitions,
//! timers and work are done here, by the next process that touches the run.

use crate::id::StateId;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::select::Candidate;
use crate::kernel::{Decision, Rejected};
use crate::machine::{Machine, Trigger};
use crate::record::Placed;
use crate::run::Run;
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
    step.finish(Livelock::Pause)
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
