//! A workflow as a diagram in Mermaid's language.

use std::fmt::Write as _;

use guidepost_core::id::StateId;
use guidepost_core::machine::{Delay, Machine, State, StateIx, StateKind, Transition, Trigger};

/// The diagram of a machine (`stateDiagram-v2`), with the states marked that a run is in.
#[must_use]
pub fn of(machine: &Machine, active: &[StateId]) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    inside(&mut text, machine, Machine::ROOT, 1);
    for (ix, state) in (0..).zip(&machine.states) {
        for transition in state.transitions.iter().chain(&state.always) {
            arrows(&mut text, machine, ix, transition);
        }
    }
    if !active.is_empty() {
        text.push_str("  classDef here fill:#fd6,stroke:#333\n");
    }
    for ix in active.iter().filter_map(|state| machine.find(state.as_str())) {
        line(&mut text, 1, format_args!("class s{ix} here"));
    }
    text
}

/// The states directly inside a state, each with what it contains.
fn inside(text: &mut String, machine: &Machine, outer: StateIx, depth: usize) {
    let state = machine.state(outer);
    if let StateKind::Compound { initial } = &state.kind {
        line(text, depth, format_args!("[*] --> s{}", initial.target));
    }
    for (at, child) in state.children.iter().enumerate() {
        if at > 0 && matches!(state.kind, StateKind::Parallel) {
            line(text, depth, format_args!("--"));
        }
        declare(text, machine, *child, depth);
    }
}

fn declare(text: &mut String, machine: &Machine, ix: StateIx, depth: usize) {
    let state = machine.state(ix);
    let label = label(state);
    match state.kind {
        StateKind::Compound { .. } | StateKind::Parallel => {
            line(text, depth, format_args!("state \"{label}\" as s{ix} {{"));
            inside(text, machine, ix, depth + 1);
            line(text, depth, format_args!("}}"));
        }
        StateKind::Atomic | StateKind::Final | StateKind::History { .. } => {
            line(text, depth, format_args!("state \"{label}\" as s{ix}"));
        }
    }
    if matches!(state.kind, StateKind::Final) {
        line(text, depth, format_args!("s{ix} --> [*]"));
    }
}

fn label(state: &State) -> String {
    match state.kind {
        StateKind::History { deep: true, .. } => {
            format!("{} (deep history)", escaped(state.id.name()))
        }
        StateKind::History { deep: false, .. } => format!("{} (history)", escaped(state.id.name())),
        StateKind::Atomic | StateKind::Compound { .. } | StateKind::Parallel | StateKind::Final => {
            escaped(state.id.name())
        }
    }
}

fn arrows(text: &mut String, machine: &Machine, from: StateIx, transition: &Transition) {
    let name = escaped(&trigger(machine.state(from), transition));
    for source in sources(machine, from) {
        for target in &transition.targets {
            match name.as_str() {
                "" => line(text, 1, format_args!("s{source} --> s{target}")),
                name => line(text, 1, format_args!("s{source} --> s{target}: {name}")),
            }
        }
    }
}

/// Where the arrows of a state's transitions begin. Mermaid cannot draw one from the root, so that what the root takes is
/// drawn from each state in it that can be left.
fn sources(machine: &Machine, from: StateIx) -> Vec<StateIx> {
    if from != Machine::ROOT {
        return vec![from];
    }
    let children = machine.state(from).children.iter().copied();
    let can_be_left = |child: &StateIx| match machine.state(*child).kind {
        StateKind::Atomic | StateKind::Compound { .. } | StateKind::Parallel => true,
        StateKind::Final | StateKind::History { .. } => false,
    };
    children.filter(can_be_left).collect()
}

/// What makes a transition a candidate, in words; empty for nothing.
pub(crate) fn trigger(state: &State, transition: &Transition) -> String {
    match &transition.trigger {
        Trigger::Event(descriptor) => descriptor.to_string(),
        Trigger::Always => String::new(),
        Trigger::After(delay) => match state.delays.get(*delay as usize) {
            Some(Delay::Fixed(span)) => format!("after {span}"),
            Some(Delay::Computed(_)) | None => "after a time".to_owned(),
        },
        Trigger::Complete | Trigger::WorkDone => "done".to_owned(),
        Trigger::WorkFailed => "failed".to_owned(),
    }
}

/// What Mermaid would take for its own is written as the entity it offers for that.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '#' => text.push_str("#35;"),
            ':' => text.push_str("#58;"),
            ';' => text.push_str("#59;"),
            '"' => text.push_str("#quot;"),
            '<' => text.push_str("#lt;"),
            '>' => text.push_str("#gt;"),
            other if other.is_control() => text.push(' '),
            other => text.push(other),
        }
    }
    text
}

fn line(text: &mut String, depth: usize, what: std::fmt::Arguments<'_>) {
    let indent = depth * 2;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:indent$}{what}", "");
}
