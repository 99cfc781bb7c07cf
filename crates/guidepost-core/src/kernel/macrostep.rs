//! One macrostep: everything that follows from one input until the run is at rest.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::data::{Change, Data, value_of};
use crate::effect::Effect;
use crate::id::{EventName, Rev, StateId, TimerId, Visit};
use crate::input::{By, Event, Evidence};
use crate::kernel::configuration::{Entering, Memory, StateSet, is_complete};
use crate::kernel::legal::{legal, waits};
use crate::kernel::select::{self, Candidate};
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected};
use crate::limits::MICROSTEPS_MAX;
use crate::machine::expr::Scope;
use crate::machine::{Guard, Machine, Requirement, State, StateIx, StateKind, Transition};
use crate::record::{Cause, Completed, Paused, Record, Remembered, TimerSet, Transitioned};
use crate::run::{PauseReason, Run};
use crate::time::Timestamp;

/// Something transitions may answer.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    pub(super) what: Happening,
    pub(super) name: EventName,
    /// What it carries: one JSON object.
    data: Arc<Map<String, Json>>,
}

/// What sort of occurrence, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// An event was sent.
    Event,
    /// A delay of a state ran out.
    After(StateIx, u32),
    /// A state is complete.
    Complete(StateIx),
    /// A state's work ended well.
    WorkDone(StateIx),
    /// A state's work failed.
    WorkFailed(StateIx),
}

impl Happening {
    fn cause(self) -> Cause {
        match self {
            Self::Event => Cause::Event,
            Self::After(..) => Cause::After,
            Self::Complete(_) | Self::WorkDone(_) => Cause::Done,
            Self::WorkFailed(_) => Cause::Error,
        }
    }
}

impl Occurrence {
    pub(super) fn event(name: EventName, data: &Map<String, Json>) -> Self {
        Self { what: Happening::Event, name, data: Arc::new(data.clone()) }
    }

    pub(super) fn after(machine: &Machine, ix: StateIx, delay: u32) -> Self {
        let name = format!("xstate.after.{delay}.{}", xstate_id(machine, ix));
        Self::internal(Happening::After(ix, delay), name, Map::new())
    }

    fn complete(machine: &Machine, ix: StateIx, output: Json) -> Self {
        let name = format!("xstate.done.state.{}", xstate_id(machine, ix));
        let data = Map::from_iter([("output".to_owned(), output)]);
        Self::internal(Happening::Complete(ix), name, data)
    }

    pub(super) fn work_done(machine: &Machine, ix: StateIx, output: &Map<String, Json>) -> Self {
        let name = format!("xstate.done.actor.{}", xstate_id(machine, ix));
        let data = Map::from_iter([("output".to_owned(), Json::Object(output.clone()))]);
        Self::internal(Happening::WorkDone(ix), name, data)
    }

    pub(super) fn work_failed(machine: &Machine, ix: StateIx, reason: &str) -> Self {
        let name = format!("xstate.error.actor.{}", xstate_id(machine, ix));
        let data = Map::from_iter([("error".to_owned(), Json::String(reason.to_owned()))]);
        Self::internal(Happening::WorkFailed(ix), name, data)
    }

    fn internal(what: Happening, name: String, data: Map<String, Json>) -> Self {
        Self { what, name: EventName::from(name), data: Arc::new(data) }
    }
}

/// A state's id as XState names it: the machine's name and the path.
fn xstate_id(machine: &Machine, ix: StateIx) -> String {
    if ix == Machine::ROOT {
        machine.name.clone()
    } else {
        format!("{}.{}", machine.name, machine.state(ix).id)
    }
}

/// The work in progress: the run as it would be, and what led there.
#[derive(Debug)]
pub(super) struct Macrostep<'a> {
    pub(super) machine: &'a Machine,
    pub(super) run: &'a Run,
    pub(super) at: Timestamp,
    pub(super) active: StateSet,
    pub(super) data: Data,
    /// Changes to the data, timers and problems of the microstep that is being taken.
    pub(super) changes: Vec<Change>,
    pub(super) timers: Vec<TimerSet>,
    pub(super) ended_timers: Vec<TimerId>,
    pub(super) problems: Vec<String>,
    pub(super) effects: Vec<Effect>,
    /// Events the machine raised, which come before anything sent.
    pub(super) raised: VecDeque<Occurrence>,
    /// Events the machine sent to itself, which are taken in their turn.
    pub(super) sent: VecDeque<Occurrence>,
    memory: Memory<'a>,
    records: Vec<Record>,
    by: By,
    evidence: &'a [Evidence],
    /// Facts that a transition required in vain; it was refused, and so is the event.
    unproven: Vec<(Requirement, u64)>,
    /// Guards of candidates that did not hold.
    refused_guards: Vec<String>,
    /// States entered in this macrostep, each as often as it was entered.
    entered: Vec<StateIx>,
    current: Option<Occurrence>,
    scope: OnceLock<Scope>,
    is_complete: bool,
    output: Json,
    microsteps: usize,
    /// The last transitions, to tell the cycle of a livelock.
    trail: Vec<String>,
}

impl<'a> Macrostep<'a> {
    /// Begins where the run is.
    ///
    /// # Errors
    ///
    /// [`Rejected::Misfit`] if the machine lacks a state the run is in.
    pub(super) fn new(machine: &'a Machine, run: &'a Run, at: Timestamp) -> Result<Self, Rejected> {
        let active = StateSet::of_run(machine, run)?;
        Ok(Self { active, ..Self::outside(machine, run, at) })
    }

    /// Begins in no state at all.
    pub(super) fn outside(machine: &'a Machine, run: &'a Run, at: Timestamp) -> Self {
        Self {
            machine,
            run,
            at,
            active: StateSet::default(),
            data: run.data.clone(),
            changes: Vec::new(),
            timers: Vec::new(),
            ended_timers: Vec::new(),
            problems: Vec::new(),
            effects: Vec::new(),
            raised: VecDeque::new(),
            sent: VecDeque::new(),
            memory: Memory::new(&run.memory),
            records: Vec::new(),
            by: By::default(),
            evidence: &[],
            unproven: Vec::new(),
            refused_guards: Vec::new(),
            entered: Vec::new(),
            current: None,
            scope: OnceLock::new(),
            is_complete: false,
            output: Json::Null,
            microsteps: 0,
            trail: Vec::new(),
        }
    }

    pub(super) fn sent_by(&mut self, by: &By) -> &mut Self {
        self.by = by.clone();
        self
    }

    pub(super) fn proven_by(&mut self, evidence: &'a [Evidence]) -> &mut Self {
        self.evidence = evidence;
        self
    }

    /// The timer whose end this macrostep is.
    pub(super) fn ends_timer(&mut self, timer: TimerId) {
        self.ended_timers.push(timer);
    }

    /// Whether anything was taken.
    pub(super) fn has_moved(&self) -> bool {
        !self.records.is_empty()
    }

    /// Adds a record that is no transition.
    pub(super) fn note(&mut self, record: impl Into<Record>) {
        self.records.push(record.into());
    }

    /// Changes the data.
    pub(super) fn change(&mut self, change: Change) {
        match self.data.apply(&change) {
            Ok(()) => self.changes.push(change),
            Err(misfit) => self.problems.push(misfit.to_string()),
        }
        self.scope = OnceLock::new();
    }

    /// Takes an event somebody sent while looking at `seen`. Says whether any transition answered.
    ///
    /// # Errors
    ///
    /// [`Rejected::Stale`] if the state that takes it, or would have taken it then, was entered or left since;
    /// [`Rejected::BadData`] if what it carries does not fit the attributes that are to keep it.
    pub(super) fn take_sent(
        &mut self,
        occurrence: Occurrence,
        seen: Option<Rev>,
    ) -> Result<bool, Rejected> {
        let selected = self.select(&occurrence);
        if let Some(seen) = seen
            && self.is_stale(&selected, &occurrence, seen)
        {
            return Err(self.stale(occurrence.name, seen));
        }
        if selected.is_empty() || !self.unproven.is_empty() {
            return Ok(false);
        }
        self.keep_outputs(&selected, &occurrence)?;
        self.microstep(selected, Some(occurrence));
        self.settle_down();
        Ok(true)
    }

    /// Takes an occurrence nobody outside sent, and everything that follows.
    pub(super) fn take(&mut self, occurrence: Occurrence) {
        let selected = self.select(&occurrence);
        if !selected.is_empty() {
            self.microstep(selected, Some(occurrence));
        }
        self.settle_down();
    }

    /// Enters the root and what it leads to.
    pub(super) fn begin(&mut self) {
        let entering = Entering::initial(self.machine);
        self.enter_all(Cause::Initial, "xstate.init", Machine::ROOT, Vec::new(), &[], entering);
        self.settle_down();
    }

    /// Enters a state with everything around it, leaving everything else.
    pub(super) fn place(&mut self, target: StateIx, left: &[StateId]) {
        self.active = StateSet::default();
        let entering = Entering::placed(self.machine, target);
        self.enter_all(Cause::Placed, "placed", Machine::ROOT, vec![target], left, entering);
    }

    /// Takes one transition because an SQL statement did.
    pub(super) fn place_by(&mut self, candidate: Candidate<'a>, event: EventName) {
        let occurrence = Occurrence::event(event, &Map::new());
        let first = self.records.len();
        self.microstep(vec![candidate], Some(occurrence));
        for record in &mut self.records[first..] {
            if let Record::Transitioned(step) = record {
                step.cause = Cause::Placed;
            }
        }
    }

    fn enter_all(
        &mut self,
        cause: Cause,
        event: &str,
        from: StateIx,
        to: Vec<StateIx>,
        left: &[StateId],
        entering: Entering,
    ) {
        let to = to.into_iter().map(|ix| self.machine.state(ix).id.clone()).collect();
        let mut step = self.transitioned(cause, EventName::from(event), from, to);
        step.exited = left.to_vec();
        step.entered = self.ids(entering.states.iter());
        self.enter(&entering);
        self.finish_microstep(vec![step]);
    }

    /// Takes eventless transitions and queued events until nothing is left to do.
    pub(super) fn settle_down(&mut self) {
        let mut is_changed = true;
        while !self.is_complete && self.microsteps <= MICROSTEPS_MAX {
            if is_changed {
                let selected = self.select_always();
                if !selected.is_empty() {
                    let before = self.active.clone();
                    let changes = self.data.clone();
                    self.microstep(selected, None);
                    // A transition that moves nothing and changes nothing would be taken for ever.
                    is_changed = before != self.active || changes != self.data;
                    continue;
                }
            }
            let Some(occurrence) = self.raised.pop_front().or_else(|| self.sent.pop_front()) else {
                return;
            };
            let selected = self.select(&occurrence);
            is_changed = true;
            if !selected.is_empty() {
                self.microstep(selected, Some(occurrence));
            }
        }
    }

    fn select(&mut self, occurrence: &Occurrence) -> Vec<Candidate<'a>> {
        self.see(Some(occurrence.clone()));
        let (machine, active) = (self.machine, self.active.clone());
        select::by_occurrence(machine, &active, occurrence, &mut |found| self.is_enabled(found))
    }

    fn select_always(&mut self) -> Vec<Candidate<'a>> {
        let (machine, active) = (self.machine, self.active.clone());
        select::always(machine, &active, &mut |found| self.is_enabled(found))
    }

    /// The occurrence that expressions see as `event` from now on.
    fn see(&mut self, occurrence: Option<Occurrence>) {
        self.current = occurrence;
        self.scope = OnceLock::new();
    }

    /// What expressions see. Made when the first one looks.
    pub(super) fn scope(&self) -> &Scope {
        self.scope.get_or_init(|| Scope {
            data: self.data.clone(),
            event: self.current.as_ref().map_or(Value::UNDEFINED, |occurrence| {
                value_of(&Json::Object(occurrence.data.as_ref().clone()))
            }),
            active: self.ids(self.active.iter()).into(),
        })
    }

    /// Whether a candidate may be taken: its guard holds, and what it requires is on record. If only the latter fails, the
    /// whole event is refused, so no lesser transition is taken in its stead.
    fn is_enabled(&mut self, candidate: Candidate<'_>) -> bool {
        if let Some(guard) = &candidate.transition.guard
            && !self.holds(guard)
        {
            self.refused_guards.push(describe_guard(self.machine, guard));
            return false;
        }
        for requirement in &candidate.transition.requires {
            let since = self.entered_at(candidate.source);
            let known = self.evidence.iter();
            let known =
                known.filter(|fact| fact.requirement == *requirement && fact.since == since);
            let count = known.map(|fact| fact.count).max().unwrap_or(0);
            if count < requirement.min {
                self.unproven.push((requirement.clone(), count));
            }
        }
        true
    }

    /// The rev by which an active state was entered; 1, the start, for the root.
    fn entered_at(&self, ix: StateIx) -> Rev {
        self.run.active.get(&self.machine.state(ix).id).map_or(Rev(1), |active| active.rev)
    }

    fn holds(&mut self, guard: &Guard) -> bool {
        match guard {
            Guard::Expr(expr) => match expr.test(self.scope()) {
                Ok(answer) => answer,
                Err(error) => {
                    self.problems.push(format!("guard `{}`: {error}", expr.source()));
                    false
                }
            },
            Guard::Unbound(name) => match self.machine.unbound_guards.get(name) {
                Some(Some(answer)) => *answer,
                Some(None) | None => {
                    self.problems.push(format!("guard `{name}` is not defined"));
                    false
                }
            },
            Guard::InState(ix) => self.active.contains(*ix),
            Guard::All(guards) => guards.iter().all(|guard| self.holds(guard)),
            Guard::Any(guards) => guards.iter().any(|guard| self.holds(guard)),
            Guard::Not(guard) => !self.holds(guard),
        }
    }

    fn is_stale(&self, selected: &[Candidate<'_>], occurrence: &Occurrence, seen: Rev) -> bool {
        if seen == self.run.rev {
            return false;
        }
        if seen > self.run.rev || selected.is_empty() {
            return true;
        }
        let is_new = |found: &Candidate<'_>| self.entered_at(found.source) > seen;
        // An inner state that was left since would have taken the event before its outer one could.
        let took_it_then = |ix: StateIx| {
            let transitions = &self.machine.state(ix).transitions;
            transitions.iter().any(|transition| select::answers(ix, transition, occurrence))
        };
        let left_since = self.run.visits.iter().filter(|(_, visits)| visits.left > seen);
        let mut left_since = left_since.filter_map(|(id, _)| self.machine.find(id.as_str()));
        selected.iter().any(is_new)
            || left_since.any(|ix| {
                let is_inner = |found: &Candidate<'_>| self.machine.is_inside(ix, found.source);
                selected.iter().any(is_inner) && took_it_then(ix)
            })
    }

    /// Refuses a work result whose sender looked before the state was entered.
    ///
    /// # Errors
    ///
    /// [`Rejected::Stale`].
    pub(super) fn expect_fresh(
        &self,
        ix: StateIx,
        seen: Option<Rev>,
        occurrence: &Occurrence,
    ) -> Result<(), Rejected> {
        match seen {
            Some(seen) if seen > self.run.rev || seen < self.entered_at(ix) => {
                Err(self.stale(occurrence.name.clone(), seen))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses what a transition required in vain.
    ///
    /// # Errors
    ///
    /// [`Rejected::Unproven`].
    pub(super) fn expect_proven(&mut self, state: &StateId) -> Result<(), Rejected> {
        if self.unproven.is_empty() {
            return Ok(());
        }
        let missing = std::mem::take(&mut self.unproven);
        let event = EventName::from(format!("done.{state}"));
        Err(Rejected::Unproven { event, missing, legal: legal(self.machine, self.run) })
    }

    fn stale(&self, event: EventName, seen: Rev) -> Rejected {
        Rejected::Stale {
            event,
            seen,
            present: self.run.rev,
            states: self.leaf_ids(),
            legal: legal(self.machine, self.run),
        }
    }

    /// Keeps the fields of an event that states taking it declare as their output.
    fn keep_outputs(
        &mut self,
        selected: &[Candidate<'a>],
        occurrence: &Occurrence,
    ) -> Result<(), Rejected> {
        if occurrence.data.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        let mut problems = Vec::new();
        for candidate in selected {
            let inside = self.active.inside(self.machine, candidate.source);
            for ix in std::iter::once(candidate.source).chain(inside.iter().copied()) {
                for name in &self.machine.state(ix).output {
                    let Some(value) = occurrence.data.get(name.as_str()) else { continue };
                    if let Some(attribute) = self.machine.attributes.get(name) {
                        problems.extend(mismatches(attribute, name, value));
                    }
                    changes.push(Change::set(name, value.clone()));
                }
            }
        }
        if !problems.is_empty() {
            let event = occurrence.name.clone();
            return Err(Rejected::BadData { event, problems, expected: None });
        }
        changes.into_iter().for_each(|change| self.change(change));
        Ok(())
    }

    fn microstep(&mut self, selected: Vec<Candidate<'a>>, occurrence: Option<Occurrence>) {
        self.microsteps += 1;
        let taken = select::without_conflicts(self.machine, selected, &self.active, &self.memory);
        self.leave_a_trail(&taken, occurrence.as_ref());
        let mut steps = Vec::with_capacity(taken.len());
        let mut entering: Option<Entering> = None;
        let mut left: Option<StateSet> = None;
        for (Candidate { source, transition }, exited) in &taken {
            let mut step = self.step_of(*source, transition, occurrence.as_ref());
            let enters = Entering::by_transition(self.machine, *source, transition, &self.memory);
            step.exited = self.ids(exited.iter().rev());
            step.entered = self.ids(enters.states.iter());
            steps.push(step);
            entering = Some(match entering {
                None => enters,
                Some(others) => others.and(enters),
            });
            left = Some(match left {
                None => exited.clone(),
                Some(others) => others.iter().chain(exited.iter()).collect(),
            });
        }
        if let Some(left) = left {
            self.exit(&left, &mut steps);
        }
        for (Candidate { transition, .. }, _) in &taken {
            self.act(&transition.actions);
        }
        if let Some(entering) = entering {
            self.enter(&entering);
        }
        self.finish_microstep(steps);
    }

    fn step_of(
        &self,
        source: StateIx,
        transition: &Transition,
        occurrence: Option<&Occurrence>,
    ) -> Transitioned {
        let to = transition.targets.iter().map(|ix| self.machine.state(*ix).id.clone()).collect();
        let (cause, event) = match occurrence {
            Some(occurrence) => (occurrence.what.cause(), occurrence.name.clone()),
            None => (Cause::Always, EventName::from("")),
        };
        let mut step = self.transitioned(cause, event, source, to);
        if let Some(occurrence) = occurrence
            && !occurrence.data.is_empty()
            && self.records.is_empty()
        {
            step.data = Json::Object(occurrence.data.as_ref().clone());
        }
        step
    }

    fn transitioned(
        &self,
        cause: Cause,
        event: EventName,
        from: StateIx,
        to: Vec<StateId>,
    ) -> Transitioned {
        // Who sent the event stands in the first record; what follows is the machine's own doing.
        let by = if self.records.is_empty() { self.by.clone() } else { By::default() };
        Transitioned {
            cause,
            event,
            from: self.machine.state(from).id.clone(),
            to,
            exited: Vec::new(),
            entered: Vec::new(),
            remembered: Vec::new(),
            changes: Vec::new(),
            timers: Vec::new(),
            ended_timers: Vec::new(),
            data: Json::Null,
            by: by.caller,
            note: by.note,
            problems: Vec::new(),
            waiting: false,
            at: self.at,
        }
    }

    /// Paths of states, the root left out.
    fn ids(&self, states: impl Iterator<Item = StateIx>) -> Vec<StateId> {
        let states = states.filter(|ix| *ix != Machine::ROOT);
        states.map(|ix| self.machine.state(ix).id.clone()).collect()
    }

    /// Paths of the active states.
    pub(super) fn active_ids(&self) -> Vec<StateId> {
        self.ids(self.active.iter())
    }

    fn leaf_ids(&self) -> Vec<StateId> {
        self.ids(self.active.leaves(self.machine))
    }

    fn exit(&mut self, left: &StateSet, steps: &mut [Transitioned]) {
        for ix in left.iter().rev() {
            self.remember(ix, steps);
        }
        for ix in left.iter().rev() {
            self.exit_one(ix);
        }
    }

    fn exit_one(&mut self, ix: StateIx) {
        let machine = self.machine;
        let state = machine.state(ix);
        self.act(&state.exit);
        let ended = self.run.active.get(&state.id).is_some_and(|active| active.work_ended);
        if state.work.is_some() && !ended {
            let visit = self.visit(ix);
            self.effects.push(Effect::CancelWork { state: state.id.clone(), visit });
        }
        self.active.remove(ix);
        self.scope = OnceLock::new();
    }

    /// Notes what the history states of a state that is left are to restore.
    fn remember(&mut self, ix: StateIx, steps: &mut [Transitioned]) {
        let machine = self.machine;
        for child in &machine.state(ix).children {
            let StateKind::History { deep, .. } = machine.state(*child).kind else { continue };
            let inside = self.active.inside(machine, ix).iter().copied();
            let states: Vec<StateIx> = if deep {
                inside.filter(|inner| is_atomic(machine.state(*inner))).collect()
            } else {
                inside.filter(|inner| machine.state(*inner).parent == Some(ix)).collect()
            };
            let path = &machine.state(ix).id;
            let step =
                steps.iter_mut().find(|step| ix == Machine::ROOT || step.exited.contains(path));
            if let Some(step) = step {
                let history = machine.state(*child).id.clone();
                let states = states.iter().map(|ix| machine.state(*ix).id.clone()).collect();
                step.remembered.push(Remembered { history, states });
            }
            self.memory.remember(*child, states);
        }
    }

    fn enter(&mut self, entering: &Entering) {
        let mut completed = Vec::new();
        for ix in entering.states.iter() {
            let machine = self.machine;
            let state = machine.state(ix);
            self.active.insert(ix);
            self.entered.push(ix);
            self.scope = OnceLock::new();
            self.act(&state.entry);
            self.set_delays(ix);
            if state.work.is_some() {
                let visit = self.visit(ix);
                self.effects.push(Effect::StartWork { state: state.id.clone(), visit });
            }
            if let StateKind::Compound { initial } = &state.kind
                && entering.by_default.contains(ix)
            {
                self.act(&initial.actions);
            }
            if matches!(state.kind, StateKind::Final) {
                self.complete(ix, &mut completed);
            }
        }
    }

    /// Tells the states around a final state that they are complete, and ends the run if the root is.
    fn complete(&mut self, ix: StateIx, completed: &mut Vec<StateIx>) {
        let machine = self.machine;
        let output = self.computed_output(ix);
        let Some(parent) = machine.state(ix).parent else { return };
        let mut outer = if matches!(machine.state(parent).kind, StateKind::Parallel) {
            Some(parent)
        } else {
            if parent != Machine::ROOT {
                self.raised.push_back(Occurrence::complete(machine, parent, output.clone()));
            }
            machine.state(parent).parent
        };
        while let Some(around) = outer
            && matches!(machine.state(around).kind, StateKind::Parallel)
            && !completed.contains(&around)
            && is_complete(machine, around, &self.active)
        {
            completed.push(around);
            if around != Machine::ROOT {
                self.raised.push_back(Occurrence::complete(machine, around, Json::Null));
            }
            outer = machine.state(around).parent;
        }
        if outer.is_none() {
            self.is_complete = true;
            self.output = match machine.state(Machine::ROOT).result {
                Some(_) => self.computed_output(Machine::ROOT),
                None => output,
            };
        }
    }

    fn computed_output(&mut self, ix: StateIx) -> Json {
        match &self.machine.state(ix).result {
            Some(computed) => self.compute(computed),
            None => Json::Null,
        }
    }

    /// The present or next visit of a state, as [`Run::apply`] will count it.
    pub(super) fn visit(&self, ix: StateIx) -> Visit {
        let before = self.run.visits.get(&self.machine.state(ix).id).map_or(0, |v| v.count.0);
        Visit(before + self.entered.iter().filter(|entered| **entered == ix).count() as u64)
    }

    fn finish_microstep(&mut self, mut steps: Vec<Transitioned>) {
        if let Some(last) = steps.last_mut() {
            last.changes = std::mem::take(&mut self.changes);
            last.timers = std::mem::take(&mut self.timers);
            last.ended_timers = std::mem::take(&mut self.ended_timers);
            last.problems = std::mem::take(&mut self.problems);
        }
        self.records.extend(steps.into_iter().map(Record::from));
    }

    fn leave_a_trail(&mut self, taken: &[(Candidate<'_>, StateSet)], cause: Option<&Occurrence>) {
        // Only the end of a livelock matters, so nothing is noted until one is likely.
        if self.microsteps * 2 < MICROSTEPS_MAX {
            return;
        }
        for (Candidate { source, .. }, _) in taken {
            let name = cause.map_or("always", |occurrence| occurrence.name.as_str());
            self.trail.push(format!("{} ({name})", self.machine.state(*source).id));
        }
    }

    /// Why the event was not taken, after [`Macrostep::take_sent`] said so.
    pub(super) fn refusal(mut self, event: &Event) -> Rejected {
        let name = event.name.clone();
        let legal = legal(self.machine, self.run);
        let states = self.leaf_ids();
        if !self.unproven.is_empty() {
            return Rejected::Unproven { event: name, missing: self.unproven, legal };
        }
        if self.refused_guards.is_empty() {
            return Rejected::NotLegal { event: name, states, legal };
        }
        self.refused_guards.append(&mut self.problems);
        Rejected::Guarded { event: name, states, guards: self.refused_guards, legal }
    }

    /// The decision.
    ///
    /// # Errors
    ///
    /// [`Rejected::Livelock`] if the machine did not come to rest.
    pub(super) fn finish(mut self) -> Result<Decision, Rejected> {
        if self.microsteps > MICROSTEPS_MAX {
            return Err(Rejected::Livelock { cycle: cycle_of(&self.trail) });
        }
        if self.is_complete {
            self.end();
        } else if waits(self.machine, self.active.iter(), |ix| self.is_work_ended(ix))
            && let Some(Record::Transitioned(step)) = self.records.last_mut()
        {
            step.waiting = true;
        }
        Ok(Decision { records: self.records, effects: self.effects })
    }

    fn is_work_ended(&self, ix: StateIx) -> bool {
        !self.entered.contains(&ix)
            && self.run.active.get(&self.machine.state(ix).id).is_some_and(|a| a.work_ended)
    }

    /// The decision for an input that nobody can take back: a machine that does not come to rest pauses the run.
    pub(super) fn finish_or_pause(self) -> Result<Decision, Rejected> {
        let at = self.at;
        match self.finish() {
            Err(Rejected::Livelock { cycle }) => {
                let detail = cycle.join(" -> ");
                let paused = Paused { reason: PauseReason::Stuck, detail, by: String::new(), at };
                Ok(Decision { records: vec![paused.into()], effects: Vec::new() })
            }
            decided => decided,
        }
    }

    /// Ends the run: what is active is left for good, innermost first, but stays on record as where it ended.
    fn end(&mut self) {
        let active: Vec<StateIx> = self.active.iter().rev().collect();
        for ix in active {
            let machine = self.machine;
            self.act(&machine.state(ix).exit);
        }
        if !self.changes.is_empty()
            && let Some(Record::Transitioned(step)) = self.records.last_mut()
        {
            step.changes.append(&mut self.changes);
        }
        let completed = Completed { output: std::mem::take(&mut self.output), at: self.at };
        self.records.push(completed.into());
    }
}

fn is_atomic(state: &State) -> bool {
    matches!(state.kind, StateKind::Atomic | StateKind::Final)
}

/// A guard in words.
fn describe_guard(machine: &Machine, guard: &Guard) -> String {
    let joined = |guards: &[Guard], word: &str| {
        let parts: Vec<String> =
            guards.iter().map(|guard| describe_guard(machine, guard)).collect();
        format!("({})", parts.join(word))
    };
    match guard {
        Guard::Expr(expr) => expr.source().to_owned(),
        Guard::Unbound(name) => name.clone(),
        Guard::InState(ix) => format!("in_state({:?})", machine.state(*ix).id.as_str()),
        Guard::All(guards) => joined(guards, " and "),
        Guard::Any(guards) => joined(guards, " or "),
        Guard::Not(guard) => format!("not {}", describe_guard(machine, guard)),
    }
}

/// The shortest sequence the trail ends in twice over; its last step if there is none.
fn cycle_of(trail: &[String]) -> Vec<String> {
    let is_cycle =
        |len: &usize| trail[trail.len() - len..] == trail[trail.len() - 2 * len..][..*len];
    let len = (1..=trail.len() / 2).find(is_cycle).unwrap_or(trail.len().min(1));
    let mut cycle = trail[trail.len() - len..].to_vec();
    cycle.extend(cycle.first().cloned());
    cycle
}
