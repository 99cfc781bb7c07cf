//! Which transitions an occurrence enables.

use crate::kernel::configuration::{Memory, StateSet, domain, exit_set};
use crate::kernel::occurrence::{Happening, Occurrence};
use crate::machine::{Descriptor, Machine, State, StateIx, StateKind, Transition, Trigger};

/// A transition and the state it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) source: StateIx,
    pub(super) transition: &'a Transition,
}

/// Whether a transition's trigger answers an occurrence.
pub(super) fn answers(source: StateIx, transition: &Transition, occurrence: &Occurrence) -> bool {
    match &transition.trigger {
        Trigger::Event(descriptor) => descriptor.matches(occurrence.name.as_str()),
        Trigger::After(delay) => occurrence.what == Happening::After(source, *delay),
        Trigger::Complete => occurrence.what == Happening::Complete(source),
        Trigger::WorkDone => occurrence.what == Happening::WorkDone(source),
        Trigger::WorkFailed => occurrence.what == Happening::WorkFailed(source),
        Trigger::Always => false,
    }
}

/// The transitions an occurrence enables: in each region the first enabled one of the innermost state that has one.
///
/// `enabled` is asked about candidates in order of precedence.
pub(super) fn by_occurrence<'a>(
    machine: &'a Machine,
    active: &StateSet,
    occurrence: &Occurrence,
    enabled: &mut impl FnMut(Candidate<'a>) -> bool,
) -> Vec<Candidate<'a>> {
    let mut selected = Vec::new();
    select_inside(machine, active, Machine::ROOT, occurrence, enabled, &mut selected);
    selected
}

fn select_inside<'a>(
    machine: &'a Machine,
    active: &StateSet,
    ix: StateIx,
    occurrence: &Occurrence,
    enabled: &mut impl FnMut(Candidate<'a>) -> bool,
    selected: &mut Vec<Candidate<'a>>,
) {
    let state = machine.state(ix);
    let before = selected.len();
    match &state.kind {
        StateKind::Compound { .. } | StateKind::Parallel => {
            let mut inside = active.inside(machine, ix);
            while let Some((child, _)) = inside.split_first() {
                select_inside(machine, active, *child, occurrence, enabled, selected);
                let next = inside.partition_point(|inner| *inner <= machine.state(*child).last);
                inside = &inside[next..];
            }
        }
        StateKind::Atomic | StateKind::Final | StateKind::History { .. } => {}
    }
    if selected.len() > before {
        return;
    }
    selected.extend(first_enabled(ix, state, occurrence, enabled));
}

/// The first enabled transition of a state that answers an occurrence. Those that name it come first, then the longer prefix
/// before the shorter, then `*`; document order among equals. This is XState's order; SCXML knows only document order.
fn first_enabled<'a>(
    source: StateIx,
    state: &'a State,
    occurrence: &Occurrence,
    enabled: &mut impl FnMut(Candidate<'a>) -> bool,
) -> Option<Candidate<'a>> {
    let answering = state.transitions.iter().filter(|found| answers(source, found, occurrence));
    let candidate = |transition| Candidate { source, transition };
    let mut named = answering.clone().filter(|found| vagueness(found) == 0).map(candidate);
    if let Some(found) = named.find(|candidate| enabled(*candidate)) {
        return Some(found);
    }
    let mut wild: Vec<_> = answering.filter(|found| vagueness(found) > 0).collect();
    wild.sort_by_key(|found| vagueness(found));
    wild.into_iter().map(candidate).find(|candidate| enabled(*candidate))
}

/// 0 for a trigger that names its occurrence; else the greater the shorter the prefix it answers.
fn vagueness(transition: &Transition) -> usize {
    match &transition.trigger {
        Trigger::Event(Descriptor::Prefix(name)) => usize::MAX - 1 - name.as_str().len(),
        Trigger::Event(Descriptor::Any) => usize::MAX,
        Trigger::Event(Descriptor::Exact(_))
        | Trigger::Always
        | Trigger::After(_)
        | Trigger::Complete
        | Trigger::WorkDone
        | Trigger::WorkFailed => 0,
    }
}

/// The eventless transitions that are enabled: for each innermost state, the first of it or of the states around it.
pub(super) fn always<'a>(
    machine: &'a Machine,
    active: &StateSet,
    enabled: &mut impl FnMut(Candidate<'a>) -> bool,
) -> Vec<Candidate<'a>> {
    let mut selected: Vec<Candidate<'a>> = Vec::new();
    for leaf in active.leaves(machine) {
        let around = std::iter::once(leaf).chain(machine.ancestors(leaf));
        let mut candidates = around.flat_map(|source| {
            let always = &machine.state(source).always;
            always.iter().map(move |transition| Candidate { source, transition })
        });
        if let Some(found) = candidates.find(|candidate| enabled(*candidate)) {
            let is_known = |known: &Candidate<'_>| std::ptr::eq(known.transition, found.transition);
            if !selected.iter().any(is_known) {
                selected.push(found);
            }
        }
    }
    selected
}

/// A transition that is taken, and what it leaves.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) source: StateIx,
    pub(super) transition: &'a Transition,
    /// The state whose inside it rearranges, told before anything is left: leaving changes what history stands for.
    pub(super) domain: Option<StateIx>,
    pub(super) left: StateSet,
}

/// Drops transitions that leave a state another one leaves too: the inner one of two stays, else the earlier one.
pub(super) fn without_conflicts<'a>(
    machine: &'a Machine,
    selected: Vec<Candidate<'a>>,
    active: &StateSet,
    memory: &Memory<'_>,
) -> Vec<Taken<'a>> {
    let mut kept: Vec<Taken<'a>> = Vec::with_capacity(selected.len());
    for Candidate { source, transition } in selected {
        let domain = domain(machine, source, transition, memory);
        let left = exit_set(machine, source, transition, domain, active);
        let is_preempted = kept
            .iter()
            .any(|known| known.left.intersects(&left) && !machine.is_inside(source, known.source));
        if !is_preempted {
            kept.retain(|known| !known.left.intersects(&left));
            kept.push(Taken { source, transition, domain, left });
        }
    }
    kept
}
