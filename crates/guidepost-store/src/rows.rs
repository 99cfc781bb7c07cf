//! A machine's states and transitions as rows, as SQL shows them.

use std::collections::{BTreeSet, HashMap};

use crate::{NewSchedule, NewVersion, Source, StateRow, StepRow, TransitionRow};
use guidepost_core::machine::{Machine, State, StateIx, StateKind, Transition, Trigger};
use guidepost_core::time::Timestamp;

impl NewVersion {
    /// A version of a workflow as its machine is, ready to save.
    #[must_use]
    pub fn of(machine: &Machine, source: Source, by: &str, at: Timestamp) -> Self {
        Self {
            name: machine.name.clone(),
            description: machine.description.clone(),
            hash: machine.hash.clone(),
            source,
            states: states(machine),
            transitions: transitions(machine),
            steps: steps(machine),
            schedules: schedules(machine, at),
            metadata: machine.state(Machine::ROOT).meta.clone(),
            concurrency: machine.concurrency.clone(),
            by: by.to_owned(),
            at,
        }
    }
}

/// The schedules, each with the first time it is due after an instant.
fn schedules(machine: &Machine, after: Timestamp) -> Vec<NewSchedule> {
    let schedules = machine.schedules.iter();
    schedules
        .map(|(name, schedule)| NewSchedule {
            name: name.clone(),
            schedule: schedule.clone(),
            due: schedule.times.next_after(after),
        })
        .collect()
}

/// The states, in document order, the root left out.
#[must_use]
pub fn states(machine: &Machine) -> Vec<StateRow> {
    let initial = initial_states(machine);
    let numbered = (0..).zip(&machine.states).skip(1);
    numbered
        .map(|(ix, state)| StateRow {
            path: state.id.to_string(),
            parent: state.parent.and_then(|parent| path(machine, parent)),
            kind: kind(state),
            is_initial: initial.contains(&ix),
            guideline: state.wording.guideline.clone(),
            description: state.wording.description.clone(),
        })
        .collect()
}

/// The transitions, in document order.
#[must_use]
pub fn transitions(machine: &Machine) -> Vec<TransitionRow> {
    let states = machine.states.iter();
    states.flat_map(|state| of_state(machine, state)).map(|(row, _)| row).collect()
}

/// The steps of a plain list of agents' steps, in order; none if the machine is anything else.
#[must_use]
pub fn steps(machine: &Machine) -> Vec<StepRow> {
    let steps = machine.agent_steps().into_iter().map(|ix| machine.state(ix));
    let row = |state: &State| {
        let work = state.work.as_ref()?;
        Some(StepRow {
            path: state.id.to_string(),
            agent: work.name.clone().unwrap_or_default(),
            input: work.prompt.as_ref().map(|prompt| prompt.source().to_owned()),
            metadata: state.meta.clone(),
        })
    };
    steps.filter_map(row).collect()
}

/// A state's transitions, each with what it is made from.
#[must_use]
pub fn of_state<'a>(machine: &Machine, state: &'a State) -> Vec<(TransitionRow, &'a Transition)> {
    let mut positions: HashMap<String, u32> = HashMap::new();
    let all = state.transitions.iter().chain(&state.always);
    all.map(|transition| {
        let (name, kind) = name_and_kind(state, transition);
        let position = positions.entry(name.clone()).or_default();
        let row = TransitionRow {
            kind,
            from: named(state),
            to: transition.targets.iter().filter_map(|target| path(machine, *target)).collect(),
            position: *position,
            is_gated: is_gated(machine, transition),
            is_guarded: transition.guard.is_some(),
            description: transition.description.clone(),
            name,
        };
        *position += 1;
        (row, transition)
    })
    .collect()
}

/// The names are those XState gives to such events.
fn name_and_kind(state: &State, transition: &Transition) -> (String, &'static str) {
    match &transition.trigger {
        Trigger::Event(descriptor) if transition.targets.is_empty() => {
            (descriptor.to_string(), "internal")
        }
        Trigger::Event(descriptor) => (descriptor.to_string(), "event"),
        Trigger::Always => (String::new(), "always"),
        Trigger::After(delay) => (format!("xstate.after.{delay}.{}", state.id), "after"),
        Trigger::Complete => (format!("xstate.done.state.{}", state.id), "done"),
        Trigger::WorkDone => (format!("xstate.done.actor.{}", state.id), "done"),
        Trigger::WorkFailed => (format!("xstate.error.actor.{}", state.id), "error"),
    }
}

/// A plain SQL move carries no data and proves nothing.
fn is_gated(machine: &Machine, transition: &Transition) -> bool {
    let needs_data = match &transition.trigger {
        Trigger::Event(descriptor) => machine.events.iter().any(|(name, described)| {
            descriptor.matches(name.as_str())
                && described.fields.values().any(|field| field.required)
        }),
        _ => false,
    };
    needs_data || transition.guard.is_some() || !transition.requires.is_empty()
}

fn kind(state: &State) -> &'static str {
    match state.kind {
        StateKind::Atomic => "atomic",
        StateKind::Compound { .. } => "compound",
        StateKind::Parallel => "parallel",
        StateKind::Final => "final",
        StateKind::History { .. } => "history",
    }
}

/// The states in which a run begins, without any event.
fn initial_states(machine: &Machine) -> BTreeSet<StateIx> {
    let mut found = BTreeSet::new();
    enter(machine, Machine::ROOT, &mut found);
    found
}

/// Adds a state, and where entering it leads.
fn enter(machine: &Machine, ix: StateIx, found: &mut BTreeSet<StateIx>) {
    if !found.insert(ix) {
        return;
    }
    match &machine.state(ix).kind {
        StateKind::Compound { initial } => {
            // The target may lie several levels down, past regions that are entered with it.
            let between: Vec<StateIx> =
                machine.ancestors(initial.target).take_while(|outer| *outer != ix).collect();
            found.extend(between.iter().filter(|outer| !is_parallel(machine, **outer)));
            enter(machine, initial.target, found);
            for outer in between.into_iter().filter(|outer| is_parallel(machine, *outer)) {
                enter(machine, outer, found);
            }
        }
        StateKind::Parallel => {
            for region in &machine.state(ix).children {
                enter(machine, *region, found);
            }
        }
        StateKind::Atomic | StateKind::Final => {}
        // A run is never in a history state.
        StateKind::History { .. } => {
            found.remove(&ix);
        }
    }
}

fn is_parallel(machine: &Machine, ix: StateIx) -> bool {
    matches!(machine.state(ix).kind, StateKind::Parallel)
}

fn path(machine: &Machine, ix: StateIx) -> Option<String> {
    named(machine.state(ix))
}

/// A state's path; nothing for the root.
fn named(state: &State) -> Option<String> {
    state.parent.map(|_| state.id.to_string())
}

#[cfg(test)]
mod tests {
    use guidepost_core::workflow;

    use super::*;

    fn initial(definition: &str) -> Vec<String> {
        let compiled = workflow::compile(definition.as_bytes(), "w.yaml");
        let machine = compiled.machine.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let rows = states(&machine).into_iter();
        rows.filter(|row| row.is_initial).map(|row| row.path).collect()
    }

    #[test]
    fn a_run_begins_in_every_region_and_on_every_level() {
        let flat = "name: w\ninitial: B\nstates: { A: { on: { x: B } }, B: { on: { x: A } } }";
        assert_eq!(initial(flat), ["B"]);
        let nested = "
name: w
initial: P
states:
  P:
    type: parallel
    states:
      L: { initial: L2, states: { L1: { on: { x: L2 } }, L2: { on: { x: L1 } } } }
      R: { initial: R1, states: { R1: { on: { y: R2 } }, R2: { type: final } } }
";
        assert_eq!(initial(nested), ["P", "P.L", "P.L.L2", "P.R", "P.R.R1"]);
    }
}
