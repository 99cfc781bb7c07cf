//! Moves by SQL, made good: what a trigger could not do when a statement moved the run.
//!
//! A trigger checks that a move is legal and notes it as [`Placed`]; leaving and entering states, eventless transitions,
//! timers and work are done here, by the next process that touches the run.

use crate::id::StateId;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::select::Candidate;
use crate::kernel::{Decision, Rejected};
use crate::machine::{Machine, StateIx, Trigger};
use crate::record::Placed;
use crate::run::Run;
use crate::time::Timestamp;

pub(super) fn decide(machine: &Machine, run: &Run, at: Timestamp) -> Result<Decision, Rejected> {
    let Some(first) = run.placed.first() else {
        return Ok(Decision::default());
    };
    // A run that was put into another workflow may be in states this machine does not have.
    let mut step = if first.from.is_none() {
        Macrostep::outside(machine, run, at)
    } else {
        Macrostep::new(machine, run, at)?
    };
    let mut left: Vec<StateId> = run.active.keys().cloned().collect();
    for placed in &run.placed {
        let target = find(machine, &placed.to)?;
        match move_of(machine, placed, target) {
            Some(candidate) if step.active.contains(candidate.source) => {
                let event = placed.event.clone().unwrap_or_else(|| "".into());
                step.place_by(candidate, event);
            }
            Some(_) | None => step.place(target, &left),
        }
        left = step.active_ids();
    }
    step.settle_down();
    step.finish(Livelock::Pause)
}

fn find(machine: &Machine, state: &StateId) -> Result<StateIx, Rejected> {
    machine.find(state.as_str()).ok_or_else(|| Rejected::Misfit { state: state.clone() })
}

/// The transition a statement took.
fn move_of<'a>(machine: &'a Machine, placed: &Placed, target: StateIx) -> Option<Candidate<'a>> {
    let event = placed.event.as_ref()?;
    let source = machine.find(placed.from.as_ref()?.as_str())?;
    let mut transitions = machine.state(source).transitions.iter();
    let transition = transitions.find(|transition| {
        transition.targets == [target]
            && matches!(&transition.trigger, Trigger::Event(name) if name.matches(event.as_str()))
    })?;
    Some(Candidate { source, transition })
}
