//! One macrostep: everything that follows from one input until the run is at rest.

use std::collections::VecDeque;
use std::sync::OnceLock;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::data::{Change, Data, value_of};
use crate::effect::Effect;
use crate::id::{AttributeName, EventName, Rev, StateId, TimerId, Visit};
use crate::input::{By, Evidence};
use crate::kernel::configuration::{Entering, Memory, StateSet};
use crate::kernel::legal::waits;
use crate::kernel::occurrence::{Happening, Occurrence};
use crate::kernel::select::{self, Candidate, Taken};
use crate::kernel::start::mismatches;
use crate::kernel::{Decision, Rejected};
use crate::limits::{DATA_BYTES_MAX, MICROSTEPS_MAX};
use crate::machine::expr::Scope;
use crate::machine::schema::listed;
use crate::machine::{Machine, Requirement, StateIx, Transition};
use crate::record::{Cause, Paused, Record, TimerSet, Transitioned};
use crate::run::{PauseReason, Run};
use crate::time::Timestamp;

/// What to do with a machine that does not come to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Livelock {
    /// Refuse the input: whoever sent it is told, and nothing has happened.
    Refuse,
    /// Pause the run: the input is a fact that nobody can take back.
    Pause,
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
    pub(super) memory: Memory<'a>,
    pub(super) records: Vec<Record>,
    by: By,
    pub(super) evidence: &'a [Evidence],
    /// Whether who sent what is being answered can be told what is missing, and is then refused as a whole.
    pub(super) is_refusable: bool,
    /// Facts that a transition required in vain; it was refused, and so is the event.
    pub(super) unproven: Vec<(Requirement, u64)>,
    /// Guards of candidates that did not hold.
    pub(super) refused_guards: Vec<String>,
    /// States entered in this macrostep, each as often as it was entered.
    pub(super) entered: Vec<StateIx>,
    current: Option<Occurrence>,
    scope: OnceLock<Scope>,
    /// The state whose work ended with this input.
    pub(super) ended_work: Option<StateIx>,
    pub(super) is_complete: bool,
    pub(super) output: Json,
    /// Timers set in this macrostep, whatever became of them.
    pub(super) timers_set: usize,
    /// Whether the data or what history states remember was changed.
    pub(super) is_disturbed: bool,
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
            is_refusable: false,
            unproven: Vec::new(),
            refused_guards: Vec::new(),
            entered: Vec::new(),
            current: None,
            scope: OnceLock::new(),
            ended_work: None,
            is_complete: false,
            output: Json::Null,
            timers_set: 0,
            is_disturbed: false,
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

    /// Gives an attribute a value.
    pub(super) fn set(&mut self, attribute: &AttributeName, value: &Json) {
        for change in self.data.changes_to(attribute, value) {
            self.change(change);
        }
    }

    /// Changes the data.
    pub(super) fn change(&mut self, change: Change) {
        match self.data.apply(&change) {
            Ok(()) => self.changes.push(change),
            Err(misfit) => self.problems.push(misfit.to_string()),
        }
        self.is_disturbed = true;
        self.forget_scope();
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
        self.is_refusable = true;
        let selected = self.select(&occurrence);
        self.is_refusable = false;
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
        self.ended_work = occurrence.what.ended_work();
        self.is_refusable = matches!(occurrence.what, Happening::WorkDone(_));
        let selected = self.select_fitting(&occurrence);
        self.is_refusable = false;
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

    /// Leaves everything for a state that the machine does not have: a move by SQL within another workflow, which a later
    /// one made good.
    pub(super) fn pass(&mut self, left: &[StateId]) {
        self.active = StateSet::default();
        let (from, nothing) = (Machine::ROOT, Entering::default());
        self.enter_all(Cause::Placed, "placed", from, Vec::new(), left, nothing);
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
            if is_changed && self.machine.has_always() {
                let selected = self.select_always();
                if !selected.is_empty() {
                    let before = self.active.clone();
                    self.is_disturbed = false;
                    self.microstep(selected, None);
                    // A transition that moves nothing and changes nothing would be taken for ever.
                    is_changed = self.is_disturbed || before != self.active;
                    continue;
                }
            }
            let Some(occurrence) = self.raised.pop_front().or_else(|| self.sent.pop_front()) else {
                return;
            };
            let selected = self.select_fitting(&occurrence);
            is_changed = true;
            if !selected.is_empty() {
                self.microstep(selected, Some(occurrence));
            }
        }
    }

    /// What answers an occurrence that nobody outside sent. An event that does not carry what it must is answered by
    /// nothing, with the problem noted: there is nobody to be told.
    fn select_fitting(&mut self, occurrence: &Occurrence) -> Vec<Candidate<'a>> {
        if let Some(described) = self.machine.events.get(&occurrence.name)
            && occurrence.what == Happening::Event
            && self.is_answered(occurrence)
        {
            let problems = described.schema.check(&Json::Object(occurrence.data.as_ref().clone()));
            if !problems.is_empty() {
                self.problems.push(format!(
                    "`{}` was not taken, it does not carry what it must: {}",
                    occurrence.name,
                    listed(&problems)
                ));
                return Vec::new();
            }
        }
        self.select(occurrence)
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
        self.forget_scope();
    }

    /// What expressions see has changed.
    pub(super) fn forget_scope(&mut self) {
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

    /// Keeps the fields of an event that states taking it declare as their output.
    fn keep_outputs(
        &mut self,
        selected: &[Candidate<'a>],
        occurrence: &Occurrence,
    ) -> Result<(), Rejected> {
        if occurrence.data.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::new();
        let mut problems = Vec::new();
        for candidate in selected {
            let inside = self.active.inside(self.machine, candidate.source);
            for ix in std::iter::once(candidate.source).chain(inside.iter().copied()) {
                for name in &self.machine.state(ix).output {
                    let Some(value) = occurrence.data.get(name.as_str()) else { continue };
                    if let Some(attribute) = self.machine.attributes.get(name) {
                        problems.extend(mismatches(attribute, name, value));
                    }
                    kept.push((name, value.clone()));
                }
            }
        }
        if !problems.is_empty() {
            let event = occurrence.name.clone();
            return Err(Rejected::BadData { event, problems, expected: None });
        }
        kept.into_iter().for_each(|(name, value)| self.set(name, &value));
        Ok(())
    }

    fn microstep(&mut self, selected: Vec<Candidate<'a>>, occurrence: Option<Occurrence>) {
        self.microsteps += 1;
        let taken = select::without_conflicts(self.machine, selected, &self.active, &self.memory);
        self.leave_a_trail(&taken, occurrence.as_ref());
        let mut steps = Vec::with_capacity(taken.len());
        for taken in &taken {
            let mut step = self.step_of(taken.source, taken.transition, occurrence.as_ref());
            step.exited = self.ids(taken.left.iter().rev());
            steps.push(step);
        }
        let left: StateSet = taken.iter().flat_map(|taken| taken.left.iter()).collect();
        self.exit(&left, &mut steps);
        for taken in &taken {
            self.act(&taken.transition.actions);
        }
        // What is entered is known only now: leaving is what history states remember.
        let mut entering = Entering::default();
        for (Taken { source, transition, domain, left: own }, step) in taken.iter().zip(&mut steps)
        {
            let mut enters =
                Entering::by_transition(self.machine, *source, transition, *domain, &self.memory);
            // History may lead back to a state that the transition does not leave: it simply stays, and if another one
            // leaves it, that one says what comes after.
            let was_active = |ix| self.active.contains(ix) || left.contains(ix);
            enters.retain(|ix| own.contains(ix) || !was_active(ix));
            step.entered = self.ids(enters.states.iter());
            entering = entering.and(enters);
        }
        self.enter(&entering);
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
        if self.records.is_empty() {
            step.ended_work = self.ended_work.map(|ix| self.machine.state(ix).id.clone());
        }
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
        let from = self.machine.state(from).id.clone();
        let step = Transitioned::new(cause, event, from, to, self.at);
        Transitioned { by: by.caller, note: by.note, ..step }
    }

    /// Paths of states, the root left out.
    pub(super) fn ids(&self, states: impl Iterator<Item = StateIx>) -> Vec<StateId> {
        let states = states.filter(|ix| *ix != Machine::ROOT);
        states.map(|ix| self.machine.state(ix).id.clone()).collect()
    }

    /// Paths of the active states.
    pub(super) fn active_ids(&self) -> Vec<StateId> {
        self.ids(self.active.iter())
    }

    pub(super) fn leaf_ids(&self) -> Vec<StateId> {
        self.ids(self.active.leaves(self.machine))
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

    fn leave_a_trail(&mut self, taken: &[Taken<'_>], cause: Option<&Occurrence>) {
        // Only the end of a livelock matters, so nothing is noted until one is likely.
        if self.microsteps * 2 < MICROSTEPS_MAX {
            return;
        }
        for Taken { source, .. } in taken {
            let name = cause.map_or("always", |occurrence| occurrence.name.as_str());
            self.trail.push(format!("{} ({name})", self.machine.state(*source).id));
        }
    }

    /// The decision.
    ///
    /// # Errors
    ///
    /// [`Rejected::Livelock`] if the machine did not come to rest and the input can be taken back, and
    /// [`Rejected::TooMuchData`].
    pub(super) fn finish(mut self, livelock: Livelock) -> Result<Decision, Rejected> {
        if self.microsteps > MICROSTEPS_MAX {
            let cycle = cycle_of(&self.trail);
            return match livelock {
                Livelock::Refuse => Err(Rejected::Livelock { cycle }),
                Livelock::Pause => Ok(self.stuck(&cycle)),
            };
        }
        self.expect_bounded_data()?;
        if let Some(Record::Transitioned(step)) = self.records.last_mut() {
            // What came up after the last transition belongs to what led there.
            step.problems.append(&mut self.problems);
        }
        if self.is_complete {
            self.end();
        } else if waits(self.machine, &self.active, |ix| self.is_work_ended(ix))
            && let Some(Record::Transitioned(step)) = self.records.last_mut()
        {
            step.waiting = true;
        }
        Ok(Decision { records: self.records, effects: self.effects })
    }

    fn stuck(&self, cycle: &[String]) -> Decision {
        let (reason, detail) = (PauseReason::Stuck, cycle.join(" -> "));
        let paused = Paused { reason, detail, by: String::new(), at: self.at };
        Decision { records: vec![paused.into()], effects: Vec::new() }
    }

    /// Refuses data that has outgrown its bound. The sum of what was changed bounds the data from above, so it is weighed
    /// only when that sum is large.
    pub(super) fn expect_bounded_data(&self) -> Result<(), Rejected> {
        let bound = DATA_BYTES_MAX as u64;
        let recorded = self.records.iter().flat_map(Record::changes);
        let changes = recorded.chain(&self.changes).map(Change::weight);
        let upper = self.run.snapshot_weight + self.run.change_weight + changes.sum::<u64>();
        if upper > bound && self.data.weight() > bound {
            return Err(Rejected::TooMuchData);
        }
        Ok(())
    }

    pub(super) fn is_work_ended(&self, ix: StateIx) -> bool {
        !self.entered.contains(&ix)
            && self.run.active.get(&self.machine.state(ix).id).is_some_and(|a| a.work_ended)
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
