//! Transitions in words, as diagrams, lists and histories tell them.

use super::{Delay, Guard, Machine, State, Transition, Trigger};

/// A delay that runs out: `after 3d`.
#[must_use]
pub fn after(delay: Option<&Delay>) -> String {
    match delay {
        Some(Delay::Fixed(span)) => format!("after {span}"),
        Some(Delay::Computed(expr)) => format!("after {}", expr.source().trim()),
        Some(Delay::Unbound(name)) => format!("after {name}"),
        None => "after a time".to_owned(),
    }
}

/// What makes a transition of a state a candidate: the event, `after 3d`, `done` or `failed`; empty for nothing.
#[must_use]
pub fn trigger(state: &State, transition: &Transition) -> String {
    match &transition.trigger {
        Trigger::Event(descriptor) => descriptor.to_string(),
        Trigger::Always => String::new(),
        Trigger::After(number) => after(state.delays.get(*number as usize)),
        Trigger::Complete | Trigger::WorkDone => "done".to_owned(),
        Trigger::WorkFailed => "failed".to_owned(),
    }
}

/// A guard: its expression, or its name.
#[must_use]
pub fn condition(machine: &Machine, guard: &Guard) -> String {
    let joined = |guards: &[Guard], word: &str| {
        let parts: Vec<String> = guards.iter().map(|inner| condition(machine, inner)).collect();
        parts.join(word)
    };
    match guard {
        Guard::Expr(expr) => expr.source().trim().to_owned(),
        Guard::Unbound(named) => named.name.clone(),
        Guard::InState(ix) => format!("in {}", machine.state(*ix).id),
        Guard::All(guards) => joined(guards, " and "),
        Guard::Any(guards) => joined(guards, " or "),
        Guard::Not(inner) => format!("not {}", condition(machine, inner)),
    }
}
