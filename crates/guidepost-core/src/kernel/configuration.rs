//! Sets of states: which are active, which a transition leaves, which it enters.

use std::borrow::Cow;

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use crate::id::StateId;
use crate::kernel::Rejected;
use crate::machine::{Machine, State, StateIx, StateKind, Transition};
use crate::run::{Ordered, Run};

/// A set of states, in document order. Runs are in few states at once, so most sets need no memory of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StateSet(SmallVec<[StateIx; 8]>);

impl StateSet {
    /// The states a run is in, with the root.
    ///
    /// # Errors
    ///
    /// [`Rejected::Misfit`] if the machine lacks one of them.
    pub(super) fn of_run(machine: &Machine, run: &Run) -> Result<Self, Rejected> {
        let mut states = SmallVec::with_capacity(run.active.len() + 1);
        states.push(Machine::ROOT);
        for id in run.active.keys() {
            let ix = machine.find(id.as_str());
            states.push(ix.ok_or_else(|| Rejected::Misfit { state: id.clone() })?);
        }
        states.sort_unstable();
        Ok(Self(states))
    }

    /// Adds a state; nothing happens if it is there.
    pub(super) fn insert(&mut self, ix: StateIx) {
        if let Err(place) = self.0.binary_search(&ix) {
            self.0.insert(place, ix);
        }
    }

    /// Removes a state; nothing happens if it is not there.
    pub(super) fn remove(&mut self, ix: StateIx) {
        if let Ok(place) = self.0.binary_search(&ix) {
            self.0.remove(place);
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(StateIx) -> bool) {
        self.0.retain(|ix| keep(*ix));
    }

    pub(super) fn contains(&self, ix: StateIx) -> bool {
        self.0.binary_search(&ix).is_ok()
    }

    /// In document order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = StateIx> + '_ {
        self.0.iter().copied()
    }

    /// Those inside a state, at any depth, in document order.
    pub(super) fn inside(&self, machine: &Machine, outer: StateIx) -> &[StateIx] {
        let from = self.0.partition_point(|ix| *ix <= outer);
        let to = self.0.partition_point(|ix| *ix <= machine.state(outer).last);
        &self.0[from..to]
    }

    /// Those with no other one inside them, in document order.
    pub(super) fn leaves<'a>(&'a self, machine: &'a Machine) -> impl Iterator<Item = StateIx> + 'a {
        self.0.iter().enumerate().filter_map(|(place, ix)| {
            let next = self.0.get(place + 1);
            next.is_none_or(|next| !machine.is_inside(*next, *ix)).then_some(*ix)
        })
    }

    pub(super) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().any(|ix| other.contains(*ix))
    }
}

impl FromIterator<StateIx> for StateSet {
    fn from_iter<I: IntoIterator<Item = StateIx>>(states: I) -> Self {
        let mut states: SmallVec<_> = states.into_iter().collect();
        states.sort_unstable();
        states.dedup();
        Self(states)
    }
}

/// What history states remember: the run's memory, with what this step adds to it.
#[derive(Debug)]
pub(super) struct Memory<'a> {
    kept: &'a Ordered<StateId, Vec<StateId>>,
    added: Vec<(StateIx, Vec<StateIx>)>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(kept: &'a Ordered<StateId, Vec<StateId>>) -> Self {
        Self { kept, added: Vec::new() }
    }

    pub(super) fn remember(&mut self, history: StateIx, states: Vec<StateIx>) {
        self.added.retain(|(known, _)| *known != history);
        self.added.push((history, states));
    }

    /// What a history state stands for now; `None` if there is nothing to remember.
    fn recall(&self, machine: &Machine, history: StateIx) -> Option<Vec<StateIx>> {
        if let Some((_, states)) = self.added.iter().find(|(known, _)| *known == history) {
            return Some(states.clone());
        }
        let states = self.kept.get(&machine.state(history).id)?;
        Some(states.iter().filter_map(|id| machine.find(id.as_str())).collect())
    }
}

/// The states a transition really leads to: history states replaced by what they stand for. One that is met a second time,
/// as only in a machine that does not load, stands for nothing.
fn effective_targets<'t>(
    machine: &Machine,
    targets: &'t [StateIx],
    memory: &Memory<'_>,
) -> Cow<'t, [StateIx]> {
    if !targets.iter().any(|target| is_history(machine.state(*target))) {
        return Cow::Borrowed(targets);
    }
    let mut effective = Vec::with_capacity(targets.len());
    let mut met = FxHashSet::default();
    let mut pending: Vec<StateIx> = targets.iter().rev().copied().collect();
    while let Some(target) = pending.pop() {
        if !is_history(machine.state(target)) {
            effective.push(target);
        } else if let Some(states) = memory.recall(machine, target) {
            effective.extend(states);
        } else if met.insert(target) {
            pending.extend(machine.history_default(target).into_iter().rev());
        }
    }
    Cow::Owned(effective)
}

pub(super) fn is_history(state: &State) -> bool {
    matches!(state.kind, StateKind::History { .. })
}

/// The regions of a parallel state.
fn regions(machine: &Machine, parallel: StateIx) -> impl Iterator<Item = StateIx> + '_ {
    let children = machine.state(parallel).children.iter().copied();
    children.filter(|child| !is_history(machine.state(*child)))
}

/// The state whose inside a transition rearranges; `None` if it leaves the root itself.
///
/// A transition that does not re-enter, and whose targets lie in its source or are its source, stays inside it. Any other
/// rearranges the innermost state around its source and its targets.
pub(super) fn domain(
    machine: &Machine,
    source: StateIx,
    transition: &Transition,
    memory: &Memory<'_>,
) -> Option<StateIx> {
    let targets = effective_targets(machine, &transition.targets, memory);
    let stays = |target: &StateIx| *target == source || machine.is_inside(*target, source);
    if !transition.reenter && targets.iter().all(stays) {
        return Some(source);
    }
    let around_all =
        |outer: &StateIx| targets.iter().all(|target| machine.is_inside(*target, *outer));
    match machine.ancestors(source).find(around_all) {
        Some(outer) => Some(outer),
        None if transition.reenter => None,
        None => Some(Machine::ROOT),
    }
}

/// The active states a transition with this domain leaves.
pub(super) fn exit_set(
    machine: &Machine,
    source: StateIx,
    transition: &Transition,
    domain: Option<StateIx>,
    active: &StateSet,
) -> StateSet {
    if transition.targets.is_empty() {
        return StateSet::default();
    }
    let Some(domain) = domain else {
        return active.clone();
    };
    let mut left = StateSet(active.inside(machine, domain).into());
    if transition.reenter && source == domain && active.contains(domain) {
        left.insert(domain);
    }
    left
}

/// The states to enter, and those of them that are entered by default rather than because of a state inside them.
#[derive(Debug, Default)]
pub(super) struct Entering {
    pub(super) states: StateSet,
    pub(super) by_default: StateSet,
}

impl Entering {
    /// What a transition with this domain enters.
    pub(super) fn by_transition(
        machine: &Machine,
        source: StateIx,
        transition: &Transition,
        domain: Option<StateIx>,
        memory: &Memory<'_>,
    ) -> Self {
        let mut entering = Self::default();
        if transition.targets.is_empty() {
            return entering;
        }
        for target in &transition.targets {
            let is_entered = *target != source || Some(source) != domain || transition.reenter;
            if !is_history(machine.state(*target)) && is_entered {
                entering.add_by_default(*target);
            }
            entering.add_inner(machine, *target, memory);
        }
        for target in effective_targets(machine, &transition.targets, memory).iter() {
            entering.add_outer(machine, *target, domain, memory);
            // The other regions were left too if the domain is a parallel state: they start anew.
            if let Some(domain) = domain {
                entering.complete_regions(machine, domain, memory);
            }
        }
        entering
    }

    /// The root and what it leads to.
    pub(super) fn initial(machine: &Machine) -> Self {
        let nothing = Ordered::default();
        let memory = Memory::new(&nothing);
        let mut entering = Self::default();
        entering.add_by_default(Machine::ROOT);
        entering.add_inner(machine, Machine::ROOT, &memory);
        entering
    }

    /// A state with everything around it, and what it leads to. A history state stands for what it leads to when there is
    /// nothing to remember: who is placed has not been there.
    pub(super) fn placed(machine: &Machine, target: StateIx) -> Self {
        let nothing = Ordered::default();
        let memory = Memory::new(&nothing);
        let mut entering = Self::default();
        if !is_history(machine.state(target)) {
            entering.add_by_default(target);
        }
        entering.add_inner(machine, target, &memory);
        entering.add_outer(machine, target, None, &memory);
        entering
    }

    /// Leaves out what is not to be kept.
    pub(super) fn retain(&mut self, keep: impl Fn(StateIx) -> bool) {
        self.states.retain(&keep);
        self.by_default.retain(&keep);
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        let join = |a: &StateSet, b: &StateSet| a.iter().chain(b.iter()).collect();
        Self {
            states: join(&self.states, &other.states),
            by_default: join(&self.by_default, &other.by_default),
        }
    }

    fn add_by_default(&mut self, ix: StateIx) {
        self.states.insert(ix);
        self.by_default.insert(ix);
    }

    /// Adds what must be active inside a state that is entered.
    fn add_inner(&mut self, machine: &Machine, ix: StateIx, memory: &Memory<'_>) {
        match &machine.state(ix).kind {
            StateKind::Atomic | StateKind::Final => {}
            StateKind::Compound { initial } => {
                if !is_history(machine.state(initial.target)) {
                    self.add_by_default(initial.target);
                }
                self.add_inner(machine, initial.target, memory);
                self.add_outer(machine, initial.target, Some(ix), memory);
            }
            StateKind::Parallel => self.complete_regions(machine, ix, memory),
            StateKind::History { .. } => self.add_history(machine, ix, memory),
        }
    }

    /// Adds what a history state stands for. One may lead to another, any number of times, so this is a loop; a state that
    /// is met a second time, as only in a machine that does not load, adds nothing.
    fn add_history(&mut self, machine: &Machine, history: StateIx, memory: &Memory<'_>) {
        let mut met = FxHashSet::default();
        let mut pending = vec![history];
        let mut around = Vec::new();
        while let Some(history) = pending.pop() {
            if !met.insert(history) {
                continue;
            }
            let parent = machine.state(history).parent;
            let remembered = memory.recall(machine, history);
            let is_default = remembered.is_none();
            let targets = remembered.unwrap_or_else(|| machine.history_default(history));
            if let StateKind::History { default, .. } = &machine.state(history).kind
                && let (true, true, Some(parent)) = (is_default, default.is_empty(), parent)
            {
                // The parent's own initial transition is taken, so its actions are due.
                self.by_default.insert(parent);
            }
            for ix in targets {
                if is_history(machine.state(ix)) {
                    pending.push(ix);
                } else {
                    self.states.insert(ix);
                    self.add_inner(machine, ix, memory);
                }
                around.push((ix, parent));
            }
        }
        // What is innermost comes first: a region that is entered further inside does not begin where it begins.
        for (ix, limit) in around.into_iter().rev() {
            self.add_outer(machine, ix, limit, memory);
        }
    }

    /// Adds the states around one that is entered, up to but not including `limit`, with their other regions.
    fn add_outer(
        &mut self,
        machine: &Machine,
        ix: StateIx,
        limit: Option<StateIx>,
        memory: &Memory<'_>,
    ) {
        for outer in machine.ancestors(ix) {
            if limit.is_some_and(|limit| !machine.is_inside(outer, limit)) {
                break;
            }
            self.states.insert(outer);
            self.complete_regions(machine, outer, memory);
        }
    }

    /// Adds the regions of a parallel state in which nothing is entered yet. Other states have none.
    fn complete_regions(&mut self, machine: &Machine, ix: StateIx, memory: &Memory<'_>) {
        if !matches!(machine.state(ix).kind, StateKind::Parallel) {
            return;
        }
        for region in regions(machine, ix) {
            let is_begun =
                self.states.contains(region) || !self.states.inside(machine, region).is_empty();
            if !is_begun {
                self.add_by_default(region);
                self.add_inner(machine, region, memory);
            }
        }
    }
}

/// Whether a state is complete: a final child is active, or all regions are complete.
pub(super) fn is_complete(machine: &Machine, ix: StateIx, active: &StateSet) -> bool {
    let state = machine.state(ix);
    match &state.kind {
        StateKind::Final => active.contains(ix),
        StateKind::Compound { .. } => state.children.iter().any(|child| {
            matches!(machine.state(*child).kind, StateKind::Final) && active.contains(*child)
        }),
        StateKind::Parallel => {
            regions(machine, ix).all(|region| is_complete(machine, region, active))
        }
        StateKind::Atomic | StateKind::History { .. } => false,
    }
}
