//! What is wrong with a definition as a whole: states nobody reaches or leaves, transitions nobody takes, outputs nobody
//! reads. Those are warnings: the workflow runs, though perhaps not as meant. History states that lead round in a circle are
//! errors: a run would have nowhere to go.

use indexmap::IndexSet;
use serde_json::Value as Json;

use super::problems::{Problems, code};
use super::read::Draft;
use crate::diagnostic::{Diagnostic, Position};
use crate::id::EventName;
use crate::machine::{
    Descriptor, Machine, State, StateIx, StateKind, Transition, Trigger, WorkKind,
};

/// States of a circle that are named.
const CIRCLE_NAMES_MAX: usize = 8;

/// Checks the ways through the states; `is_open` if a run may be placed in any of them.
pub(super) fn check_ways(draft: &Draft<'_>, is_open: bool, problems: &mut Problems) {
    let reached = if is_open { None } else { Some(reachable(&draft.machine)) };
    let left = left_from_inside(&draft.machine);
    for (ix, state) in (0..).zip(&draft.machine.states).skip(1) {
        let at = draft.outline.get(ix).at;
        if reached.as_ref().is_some_and(|reached| !reached[ix as usize]) {
            // Of a whole unreachable branch, the outermost state says enough.
            let outer =
                state.parent.is_none_or(|p| reached.as_ref().is_some_and(|r| r[p as usize]));
            if outer {
                let message = format!("nothing leads to state `{}`", state.id);
                problems.add(
                    Diagnostic::warning(code::UNREACHABLE, at, message)
                        .with_hint("add a transition with it as target, or remove it"),
                );
            }
        } else if !is_open && is_trap(&draft.machine, ix, &left) {
            let message = format!("state `{}` cannot be left", state.id);
            problems.add(
                Diagnostic::warning(code::NO_WAY_OUT, at, message)
                    .with_hint("give it `type: final` if the work may end there"),
            );
        }
    }
}

/// Checks that following history states with nothing to remember comes to an end.
pub(super) fn check_histories(draft: &Draft<'_>, problems: &mut Problems) {
    let machine = &draft.machine;
    let is_history = |ix: &StateIx| matches!(machine.state(*ix).kind, StateKind::History { .. });
    let next = |ix: StateIx| -> Vec<StateIx> {
        machine.history_default(ix).into_iter().filter(is_history).collect()
    };
    let mut seen = vec![false; machine.states.len()];
    let mut is_on_path = vec![false; machine.states.len()];
    for (start, _) in (0..).zip(&machine.states).filter(|(ix, _)| is_history(ix)) {
        let mut path = vec![(start, vec![start])];
        while let Some((ix, pending)) = path.last_mut() {
            let Some(next_ix) = pending.pop() else {
                is_on_path[*ix as usize] = false;
                path.pop();
                continue;
            };
            if is_on_path[next_ix as usize] {
                let around = path.iter().map(|(ix, _)| *ix).skip(1);
                let circle: Vec<_> = around.skip_while(|ix| *ix != next_ix).collect();
                report_circle(draft, &circle, problems);
            } else if !std::mem::replace(&mut seen[next_ix as usize], true) {
                is_on_path[next_ix as usize] = true;
                path.push((next_ix, next(next_ix)));
            }
        }
    }
}

fn report_circle(draft: &Draft<'_>, circle: &[StateIx], problems: &mut Problems) {
    let Some(first) = circle.first() else { return };
    let names = circle.iter().take(CIRCLE_NAMES_MAX).chain([first]);
    let names: Vec<String> = names.map(|ix| format!("`{}`", draft.machine.state(*ix).id)).collect();
    let message = format!(
        "with nothing to remember, history leads round in a circle: {}",
        names.join(" -> ")
    );
    problems.add(
        Diagnostic::error(code::HISTORY, draft.outline.get(*first).at, message)
            .with_hint("give one of them a `target` that is no history state"),
    );
}

/// Checks what needs no way through the states.
pub(super) fn check_parts(draft: &Draft<'_>, problems: &mut Problems) {
    let delayed: IndexSet<&EventName> = draft.machine.delayed().collect();
    for ((ix, state), places) in (0..).zip(&draft.machine.states).zip(&draft.places) {
        check_dead(state, &state.transitions, &places.transitions, problems);
        check_dead(state, &state.always, &places.always, problems);
        check_proof(state, &places.transitions, &delayed, problems);
        check_again(state, ix, &places.transitions, problems);
        check_expiry(state, draft.outline.get(ix).at, problems);
        check_options(&draft.machine, ix, draft.outline.get(ix).at, problems);
        for (name, at) in state.output.iter().zip(&places.outputs) {
            let is_read = draft.read.contains(name.as_str());
            if !is_read && !draft.machine.attributes.contains_key(name) {
                let message = format!("nothing reads the output `{name}`");
                problems.add(
                    Diagnostic::warning(code::UNREAD_OUTPUT, *at, message)
                        .with_hint("declare it under `attributes` if it is a result of the run"),
                );
            }
        }
    }
}

/// Work whose end leads to its own state, which is neither left nor entered: nothing begins the work again.
fn check_again(state: &State, ix: StateIx, places: &[Position], problems: &mut Problems) {
    for (transition, at) in state.transitions.iter().zip(places) {
        let is_end = matches!(transition.trigger, Trigger::WorkDone | Trigger::WorkFailed);
        if is_end && !transition.reenter && transition.targets.as_slice() == [ix] {
            let message = format!(
                "the end of the work of `{}` leads to `{}` itself, which does not begin it again",
                state.id, state.id
            );
            problems.add(
                Diagnostic::warning(code::WORK, *at, message).with_hint(
                    "`reenter: true` does the work again; `retry` tries again what failed",
                ),
            );
        }
    }
}

/// A question whose time may end without anything that answers it.
fn check_expiry(state: &State, at: Position, problems: &mut Problems) {
    let expires = state.work.as_ref().is_some_and(|work| work.spec.get("expires").is_some());
    let is_answered = state.transitions.iter().any(|t| t.trigger == Trigger::WorkFailed);
    if expires && !is_answered {
        let message =
            format!("nothing answers when the question of `{}` expires: the run fails", state.id);
        problems.add(
            Diagnostic::warning(code::WORK, at, message)
                .with_hint("say by `onError` where that leads"),
        );
    }
}

/// A question that offers an answer which nothing takes. What answers the end of the question takes every answer.
fn check_options(machine: &Machine, ix: StateIx, at: Position, problems: &mut Problems) {
    let state = machine.state(ix);
    let Some(work) = state.work.as_ref().filter(|work| work.kind == WorkKind::Ask) else { return };
    let is_done = state.transitions.iter().any(|t| t.trigger == Trigger::WorkDone);
    let options = work.spec.get("options").and_then(Json::as_array).filter(|_| !is_done);
    let options = options.into_iter().flatten().filter_map(Json::as_str);
    for option in options.filter(|option| !option.contains("{{") && !option.contains("{%")) {
        if !is_answered(machine, ix, option) {
            let message =
                format!("the option `{option}` of the question of `{}` leads nowhere", state.id);
            problems.add(
                Diagnostic::warning(code::WORK, at, message)
                    .with_hint("add an event of this name under `on`, or take the option away"),
            );
        }
    }
}

/// Whether a transition answers an event in a state: one of its own, of a state around it, or of another region.
fn is_answered(machine: &Machine, ix: StateIx, event: &str) -> bool {
    let answers = |state: &State| {
        state.transitions.iter().any(|transition| {
            matches!(&transition.trigger, Trigger::Event(descriptor) if descriptor.matches(event))
        })
    };
    let is_in_region =
        machine.ancestors(ix).any(|outer| matches!(machine.state(outer).kind, StateKind::Parallel));
    match is_in_region {
        true => machine.states.iter().any(answers),
        false => {
            std::iter::once(ix).chain(machine.ancestors(ix)).any(|ix| answers(machine.state(ix)))
        }
    }
}

/// A transition that requires facts and answers an event which also comes with a time: a time proves nothing.
fn check_proof(
    state: &State,
    places: &[Position],
    delayed: &IndexSet<&EventName>,
    problems: &mut Problems,
) {
    for (transition, at) in state.transitions.iter().zip(places) {
        let Trigger::Event(descriptor) = &transition.trigger else { continue };
        let event = match descriptor {
            Descriptor::Exact(name) => delayed.get(name),
            Descriptor::Prefix(_) | Descriptor::Any => {
                delayed.iter().find(|event| descriptor.matches(event.as_str()))
            }
        };
        if let Some(event) = event.filter(|_| !transition.requires.is_empty()) {
            let message = format!(
                "`{event}` is also sent with a delay, and then nothing proves what this transition requires: it is not taken"
            );
            problems.add(Diagnostic::warning(code::REQUIRES, *at, message).with_hint(
                "send it without a delay, or let somebody send it who can show the facts",
            ));
        }
    }
}

/// A transition after one for the same trigger that is always taken.
fn check_dead(
    state: &State,
    transitions: &[Transition],
    places: &[Position],
    problems: &mut Problems,
) {
    let always_taken = |t: &&Transition| t.guard.is_none() && t.requires.is_empty();
    // Only transitions since the last change of trigger can shadow: one key's alternatives stand together.
    let mut shadow: Option<&Transition> = None;
    for (transition, at) in transitions.iter().zip(places) {
        if shadow.is_some_and(|earlier| earlier.trigger == transition.trigger) {
            let whose =
                if state.id.as_str().is_empty() { "the workflow" } else { state.id.as_str() };
            let message =
                format!("this transition of `{whose}` is never taken: the one before it always is");
            problems.add(
                Diagnostic::warning(code::DEAD_TRANSITION, *at, message)
                    .with_hint("give the earlier one a guard, or remove one of them"),
            );
        } else {
            shadow = Some(transition).filter(always_taken);
        }
    }
}

/// Whether the run can be in each state.
fn reachable(machine: &Machine) -> Vec<bool> {
    let mut search = Search {
        machine,
        active: vec![false; machine.states.len()],
        entered: vec![false; machine.states.len()],
        pending: vec![(Machine::ROOT, true)],
    };
    while let Some((ix, by_default)) = search.pending.pop() {
        search.visit(ix, by_default);
    }
    search.active
}

struct Search<'a> {
    machine: &'a Machine,
    /// States a run can be in.
    active: Vec<bool>,
    /// Those of them it can enter without saying where inside.
    entered: Vec<bool>,
    pending: Vec<(StateIx, bool)>,
}

impl Search<'_> {
    fn visit(&mut self, ix: StateIx, by_default: bool) {
        let state = self.machine.state(ix);
        if !std::mem::replace(&mut self.active[ix as usize], true) {
            let transitions = state.transitions.iter().chain(&state.always);
            let targets = transitions.flat_map(|transition| &transition.targets);
            self.pending.extend(targets.map(|target| (*target, true)));
            self.pending.extend(state.parent.map(|parent| (parent, false)));
            if matches!(state.kind, StateKind::Parallel) {
                self.pending.extend(state.children.iter().map(|child| (*child, true)));
            }
        }
        if by_default && !std::mem::replace(&mut self.entered[ix as usize], true) {
            match &state.kind {
                StateKind::Compound { initial } => self.pending.push((initial.target, true)),
                StateKind::History { default, .. } if default.is_empty() => {
                    self.pending.extend(state.parent.map(|parent| (parent, true)));
                }
                StateKind::History { default, .. } => {
                    self.pending.extend(default.iter().map(|target| (*target, true)));
                }
                StateKind::Atomic | StateKind::Parallel | StateKind::Final => {}
            }
        }
    }
}

fn has_targets(state: &State) -> bool {
    state.transitions.iter().chain(&state.always).any(|transition| !transition.targets.is_empty())
}

/// Whether something inside each state leads out of it.
fn left_from_inside(machine: &Machine) -> Vec<bool> {
    let mut left = vec![false; machine.states.len()];
    for (ix, state) in (0..).zip(&machine.states) {
        let transitions = state.transitions.iter().chain(&state.always);
        for target in transitions.flat_map(|transition| &transition.targets) {
            for outer in machine.ancestors(ix) {
                if machine.is_inside(*target, outer) || left[outer as usize] {
                    break;
                }
                left[outer as usize] = true;
            }
        }
    }
    left
}

/// Whether a run that is in this innermost state stays there for ever.
fn is_trap(machine: &Machine, ix: StateIx, left: &[bool]) -> bool {
    let state = machine.state(ix);
    matches!(state.kind, StateKind::Atomic)
        && !has_targets(state)
        && !machine.ancestors(ix).any(|outer| {
            let around = machine.state(outer);
            has_targets(around)
                || (matches!(around.kind, StateKind::Parallel) && left[outer as usize])
        })
}
