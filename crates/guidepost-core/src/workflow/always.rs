//! Eventless transitions that lead in a circle.
//!
//! Only ways that are sure are followed: those without a condition, from innermost states, to one state each. What a guard
//! may end is left to the run, which notices a livelock.

use super::Dialect;
use super::problems::{Problems, code};
use super::read::Draft;
use crate::diagnostic::{Diagnostic, Position};
use crate::machine::{Machine, StateIx, StateKind};

/// The eventless transition that is taken from an innermost state if no guarded one before it is.
#[derive(Debug, Clone, Copy)]
struct Way {
    at: Position,
    /// The innermost state it leads to.
    to: StateIx,
    /// Whether nothing else can happen instead.
    is_sure: bool,
}

/// Reports circles of eventless transitions, each once, and those that lead nowhere.
pub(super) fn check(draft: &Draft<'_>, dialect: Dialect, problems: &mut Problems) {
    let machine = &draft.machine;
    if !machine.has_always() {
        return;
    }
    check_selves(draft, problems);
    let ways: Vec<Option<Way>> = (0..).zip(&machine.states).map(|(ix, _)| way(draft, ix)).collect();
    // 0 for states not looked at yet, else the round in which they were.
    let mut seen = vec![0_usize; ways.len()];
    for start in 0..ways.len() {
        let mut ix = start;
        while seen[ix] == 0
            && let Some(way) = &ways[ix]
        {
            seen[ix] = start + 1;
            ix = way.to as usize;
        }
        if seen[ix] == start + 1 && ways[ix].is_some() {
            report(machine, &circle(&ways, ix), dialect, problems);
        }
    }
}

/// The ways of a circle, from the one at `first` on.
fn circle(ways: &[Option<Way>], first: usize) -> Vec<(StateIx, Way)> {
    let mut circle = Vec::new();
    let mut ix = first;
    while let Some(way) = ways[ix] {
        circle.push((StateIx::try_from(ix).unwrap_or_default(), way));
        ix = way.to as usize;
        if ix == first {
            break;
        }
    }
    circle
}

fn report(machine: &Machine, circle: &[(StateIx, Way)], dialect: Dialect, problems: &mut Problems) {
    let [(first, way), ..] = circle else { return };
    // What leads back to where it began moves nothing, and the run comes to rest.
    if circle.len() == 1 {
        return;
    }
    let mut names: Vec<String> =
        circle.iter().map(|(ix, _)| format!("`{}`", machine.state(*ix).id)).collect();
    names.push(format!("`{}`", machine.state(*first).id));
    let names = names.join(" -> ");
    let is_sure = circle.iter().all(|(_, way)| way.is_sure);
    let end = if is_sure { "for ever" } else { "unless something else comes between" };
    let message = format!("the eventless transitions {names} go round {end}");
    // What was drawn for XState is to load.
    let problem = if is_sure && dialect == Dialect::Guidepost {
        Diagnostic::error(code::LIVELOCK, way.at, message)
    } else {
        Diagnostic::warning(code::LIVELOCK, way.at, message)
    };
    problems.add(problem.with_hint(
        "give one of them a guard that becomes false, or let it wait for an event or a time",
    ));
}

/// Reports unconditional transitions of a state to itself.
fn check_selves(draft: &Draft<'_>, problems: &mut Problems) {
    for ((ix, state), places) in (0..).zip(&draft.machine.states).zip(&draft.places) {
        for (transition, at) in state.always.iter().zip(&places.always) {
            let is_bare = transition.guard.is_none() && transition.actions.is_empty();
            if *transition.targets == [ix] && is_bare && matches!(state.kind, StateKind::Atomic) {
                let message = format!("the eventless transition of `{}` leads to itself", state.id);
                problems.add(
                    Diagnostic::warning(code::LIVELOCK, *at, message)
                        .with_hint("give it another target, or remove it"),
                );
            }
        }
    }
}

/// The way that leads on from an innermost state; `None` if there is none that can be told.
fn way(draft: &Draft<'_>, ix: StateIx) -> Option<Way> {
    let machine = &draft.machine;
    if !matches!(machine.state(ix).kind, StateKind::Atomic) {
        return None;
    }
    let mut is_sure = true;
    for source in std::iter::once(ix).chain(machine.ancestors(ix)) {
        let places = &draft.places[source as usize].always;
        for (transition, at) in machine.state(source).always.iter().zip(places) {
            if transition.guard.is_some() {
                is_sure = false;
                continue;
            }
            let [target] = transition.targets[..] else { return None };
            let to = innermost(machine, target)?;
            // In another region something may happen that ends it.
            is_sure &= !machine.ancestors(ix).any(|outer| is_parallel(machine, outer));
            return Some(Way { at: *at, to, is_sure });
        }
    }
    None
}

fn is_parallel(machine: &Machine, ix: StateIx) -> bool {
    matches!(machine.state(ix).kind, StateKind::Parallel)
}

/// The innermost state that entering a state leads to, if that is one and always the same.
fn innermost(machine: &Machine, target: StateIx) -> Option<StateIx> {
    let mut ix = target;
    loop {
        match &machine.state(ix).kind {
            StateKind::Atomic | StateKind::Final => return Some(ix),
            StateKind::Compound { initial } => ix = initial.target,
            StateKind::Parallel | StateKind::History { .. } => return None,
        }
    }
}
