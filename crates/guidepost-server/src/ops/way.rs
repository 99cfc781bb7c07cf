//! Transitions and timers as people speak of them, without the names that machines give them.

use guidepost_core::id::StateId;
use guidepost_core::machine::{Delay, Machine, StateKind, words};
use guidepost_core::record::{Cause, TimerFires, Transitioned};
use serde::Serialize;

/// What a transition did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// What set it off: the event's name, `start`, `always`, `after 3d`, `done` or `failed`.
    pub trigger: String,
    /// The workflow it was in.
    #[serde(skip)]
    pub workflow: String,
    /// The state whose transition it was; empty for the machine itself.
    pub from: StateId,
    /// The innermost states it entered; if it entered none, its targets. Never a history state.
    pub to: Vec<StateId>,
}

impl Way {
    /// What a recorded transition of a machine did.
    #[must_use]
    pub fn of(step: &Transitioned, machine: &Machine) -> Self {
        let mut to = innermost(&step.entered);
        if to.is_empty() {
            let is_state = |target: &&StateId| {
                let found = machine.find(target.as_str()).map(|ix| machine.state(ix));
                !found.is_some_and(|state| matches!(state.kind, StateKind::History { .. }))
            };
            to = step.to.iter().filter(is_state).cloned().collect();
        }
        Self {
            trigger: trigger(step, machine),
            workflow: machine.name.clone(),
            from: step.from.clone(),
            to,
        }
    }
}

fn trigger(step: &Transitioned, machine: &Machine) -> String {
    match step.cause {
        Cause::Event | Cause::Placed => step.event.to_string(),
        Cause::Initial => "start".to_owned(),
        Cause::Always => "always".to_owned(),
        Cause::After => after(step, machine),
        Cause::Done => "done".to_owned(),
        Cause::Error => "failed".to_owned(),
    }
}

/// The delay that ran out. Its length, or how it is computed, is part of the event's name.
fn after(step: &Transitioned, machine: &Machine) -> String {
    let delays = machine.find(step.from.as_str()).map(|ix| &machine.state(ix).delays);
    let is_named = |delay: &&Delay| {
        let written = match delay {
            Delay::Fixed(span) => (span.0 / 1_000_000).to_string(),
            Delay::Computed(expr) => expr.source().to_owned(),
            Delay::Unbound(name) => name.clone(),
        };
        step.event.as_str().strip_prefix("xstate.after.").is_some_and(|rest| {
            rest.strip_prefix(&*written).is_some_and(|rest| rest.starts_with('.'))
        })
    };
    words::after(delays.into_iter().flatten().find(is_named))
}

/// What a timer that is pending will set off.
pub(super) fn of_timer(fires: &TimerFires, machine: &Machine) -> String {
    match fires {
        TimerFires::After { state, delay } => of_delay(state, *delay, machine),
        TimerFires::WorkDone { state } => format!("end of the wait in {state}"),
        TimerFires::Expired { state } => format!("end of the question in {state}"),
        TimerFires::Event { name, .. } => format!("event {name}"),
    }
}

/// What a timer that ran out was, by its id: `after:Review#2:0` is the first delay of a state's second visit.
#[must_use]
pub fn timer_in_words(id: &str, machine: &Machine) -> Option<String> {
    let (place, delay) = id.strip_prefix("after:")?.rsplit_once(':')?;
    let (state, _visit) = place.rsplit_once('#')?;
    Some(of_delay(&StateId::from(state), delay.parse().ok()?, machine))
}

fn of_delay(state: &StateId, delay: u32, machine: &Machine) -> String {
    let delays = machine.find(state.as_str()).map(|ix| &machine.state(ix).delays);
    let delay = delays.and_then(|delays| delays.get(delay as usize));
    match state.as_str() {
        "" => words::after(delay),
        state => format!("{} in {state}", words::after(delay)),
    }
}

/// Those of the states that contain none of the others.
pub(super) fn innermost(states: &[StateId]) -> Vec<StateId> {
    let is_innermost = |state: &&StateId| !states.iter().any(|other| is_inside(other, state));
    let mut found: Vec<StateId> = states.iter().filter(is_innermost).cloned().collect();
    found.dedup();
    found
}

/// Whether a state is inside another, at any depth. Every other one is inside the root.
pub(super) fn is_inside(inner: &StateId, outer: &StateId) -> bool {
    let rest = inner.as_str().strip_prefix(outer.as_str());
    rest.is_some_and(|rest| {
        rest.starts_with('.') || (outer.as_str().is_empty() && !rest.is_empty())
    })
}
