//! A machine's states and transitions as rows, as SQL shows them.

use std::collections::HashMap;

use guidepost_core::machine::{Machine, State, StateIx, StateKind, Transition, Trigger};
use guidepost_store::{StateRow, TransitionRow};

/// The states, in document order, the root left out.
pub(super) fn states(machine: &Machine) -> Vec<StateRow> {
    let numbered = (0..).zip(&machine.states).skip(1);
    numbered
        .map(|(ix, state)| StateRow {
            path: state.id.to_string(),
            parent: state.parent.and_then(|parent| path(machine, parent)),
            kind: kind(state),
            is_initial: is_initial(machine, ix),
            guideline: state.wording.guideline.clone(),
            description: state.wording.description.clone(),
        })
        .collect()
}

/// The transitions, in document order.
pub(super) fn transitions(machine: &Machine) -> Vec<TransitionRow> {
    let states = machine.states.iter();
    states.flat_map(|state| of_state(machine, state)).map(|(row, _)| row).collect()
}

/// A state's transitions, each with what it is made from.
pub(super) fn of_state<'a>(
    machine: &Machine,
    state: &'a State,
) -> Vec<(TransitionRow, &'a Transition)> {
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

/// A run begins in a state if entering the root, without any event, leads there.
fn is_initial(machine: &Machine, ix: StateIx) -> bool {
    let mut inner = ix;
    for outer in machine.ancestors(ix) {
        let leads_there = match &machine.state(outer).kind {
            StateKind::Compound { initial } => {
                initial.target == inner || machine.is_inside(initial.target, inner)
            }
            StateKind::Parallel => true,
            StateKind::Atomic | StateKind::Final | StateKind::History { .. } => false,
        };
        if !leads_there && !is_on_the_way(machine, outer, ix) {
            return false;
        }
        inner = outer;
    }
    !matches!(machine.state(ix).kind, StateKind::History { .. })
}

/// Whether the state around `outer` leads past it, straight to `ix` or into it.
fn is_on_the_way(machine: &Machine, outer: StateIx, ix: StateIx) -> bool {
    machine.ancestors(outer).any(|above| match &machine.state(above).kind {
        StateKind::Compound { initial } => {
            initial.target == ix || machine.is_inside(initial.target, ix)
        }
        StateKind::Atomic | StateKind::Parallel | StateKind::Final | StateKind::History { .. } => {
            false
        }
    })
}

fn path(machine: &Machine, ix: StateIx) -> Option<String> {
    named(machine.state(ix))
}

/// A state's path; nothing for the root.
fn named(state: &State) -> Option<String> {
    state.parent.map(|_| state.id.to_string())
}
