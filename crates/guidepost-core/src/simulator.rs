//! A run without a store: one machine, one run, a clock that only moves when told to.
//!
//! For trying a workflow out, and for tests. Every record goes through the same [`decide`](crate::kernel::decide) and [`Run::apply`] as in
//! production; what is missing is only durability and the outside world.

use serde_json::{Map, Value as Json};

use crate::effect::Effect;
use crate::id::{Branch, EventName, Rev, StateId, Visit};
use crate::input::{
    AttemptFailed, By, Control, Event, Evidence, Input, Restore, Start, WorkDone, WorkFailed,
};
use crate::kernel::{Legal, Refused, Rejected, decide_all, leaves, legal, needs};
use crate::machine::Machine;
use crate::record::{Record, Restoration};
use crate::recorded::FactBody;
use crate::run::{Driver, Run, Unfoldable};
use crate::time::{Span, Timestamp};

/// A run, its machine and its clock.
#[derive(Debug)]
pub struct Simulator {
    /// What the run walks. Its unbound guards may be bound at any time.
    pub machine: Machine,
    /// The run as it is now.
    pub run: Run,
    /// The present time.
    pub now: Timestamp,
    /// Everything decided so far, in order.
    pub history: Vec<Record>,
    /// Facts on record, each with the rev the run had then.
    facts: Vec<(Rev, bool, FactBody)>,
}

/// Why the simulation cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The input was refused, and nothing changed.
    #[error(transparent)]
    Rejected(Rejected),
    /// The kernel decided something that does not fold: a bug.
    #[error("a decision does not fold")]
    Unfoldable(#[from] Unfoldable),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Rejected(rejected) => Self::Rejected(*rejected),
            Refused::Unfoldable(unfoldable) => Self::Unfoldable(unfoldable),
        }
    }
}

/// What one input did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What happened, in order.
    pub records: Vec<Record>,
    /// What was asked of the shell.
    pub effects: Vec<Effect>,
}

impl Simulator {
    /// A run that has not begun.
    #[must_use]
    pub fn new(machine: Machine, now: Timestamp) -> Self {
        Self { machine, run: Run::default(), now, history: Vec::new(), facts: Vec::new() }
    }

    /// Begins the run.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn start(&mut self, driver: Driver, data: Map<String, Json>) -> Result<Step, Failure> {
        self.input(&Input::Start(Start { driver, data, by: By::default(), at: self.now }))
    }

    /// Sends an event, looking at `rev`; `None` means at the run as it is.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn send(
        &mut self,
        event: &str,
        data: Map<String, Json>,
        rev: Option<Rev>,
    ) -> Result<Step, Failure> {
        let evidence = self.evidence(event);
        let name = EventName::from(event);
        let by = By::default();
        self.input(&Input::Event(Event { name, data, rev, evidence, by, at: self.now }))
    }

    /// Ends the work of a state well.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn done(&mut self, state: &str, output: Map<String, Json>) -> Result<Step, Failure> {
        self.branch_done(state, Branch::WHOLE, output)
    }

    /// Ends one branch of a state's work well.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn branch_done(
        &mut self,
        state: &str,
        branch: Branch,
        output: Map<String, Json>,
    ) -> Result<Step, Failure> {
        self.input(&Input::WorkDone(WorkDone {
            state: StateId::from(state),
            visit: None,
            branch,
            output,
            rev: None,
            evidence: self.evidence(&format!("done.{state}")),
            by: By::default(),
            at: self.now,
        }))
    }

    /// Ends the work of a state badly.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn failed(&mut self, state: &str, reason: &str) -> Result<Step, Failure> {
        self.branch_failed(state, Branch::WHOLE, reason)
    }

    /// Ends one branch of a state's work badly.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn branch_failed(
        &mut self,
        state: &str,
        branch: Branch,
        reason: &str,
    ) -> Result<Step, Failure> {
        self.input(&Input::WorkFailed(WorkFailed {
            state: StateId::from(state),
            visit: None,
            branch,
            reason: reason.to_owned(),
            rev: None,
            by: By::default(),
            at: self.now,
        }))
    }

    /// Lets one try at a state's work, or at one branch of it, fail.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn attempt_failed(
        &mut self,
        state: &str,
        branch: Branch,
        reason: &str,
    ) -> Result<Step, Failure> {
        let active = self.run.active.get(state);
        let failures = active.and_then(|active| active.failures_of(branch));
        self.input(&Input::AttemptFailed(AttemptFailed {
            state: StateId::from(state),
            visit: active.map_or(Visit(0), |active| active.visit),
            branch,
            attempt: failures.unwrap_or_default() + 1,
            reason: reason.to_owned(),
            may_retry: true,
            chance: 0,
            by: By::default(),
            at: self.now,
        }))
    }

    /// Intervenes.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn control(&mut self, control: Control) -> Result<Step, Failure> {
        self.input(&Input::Control { control, by: By::default(), at: self.now })
    }

    /// Goes back to what was at a rev.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn roll_back(&mut self, rev: Rev) -> Result<Step, Failure> {
        let mut past = Run::default();
        let mut past_at = self.now;
        for record in self.history.iter().take(usize::try_from(rev.0).unwrap_or(usize::MAX)) {
            past.apply(record)?;
            past_at = record.at();
        }
        self.input(&Input::Restore(Restore {
            why: Restoration::RolledBack { rev },
            past: Box::new(past),
            past_at,
            going_on: Vec::new(),
            edits: Vec::new(),
            lasting: Vec::new(),
            compensations: Vec::new(),
            by: By::default(),
            at: self.now,
        }))
    }

    /// Lets time pass, firing what comes due on the way in order of time, each at its due time.
    ///
    /// A machine may set a new timer for every one that fires, so this may take as long as the span is.
    ///
    /// # Errors
    ///
    /// [`Failure::Unfoldable`] only: a timer is never refused.
    pub fn advance(&mut self, span: Span) -> Result<Step, Failure> {
        let until = self.now.after(span);
        let mut all = Step::default();
        while let Some(step) = self.fire_next(until) {
            let step = step?;
            all.records.extend(step.records);
            all.effects.extend(step.effects);
        }
        self.now = until;
        Ok(all)
    }

    /// Moves the clock to the next timer that is due by `until` and fires it; `None` if there is none.
    pub fn fire_next(&mut self, until: Timestamp) -> Option<Result<Step, Failure>> {
        let (timer, due) = self.run.next_timer().filter(|(_, due)| *due <= until)?;
        let input = Input::Timer { timer: timer.clone(), at: due };
        self.now = self.now.max(due);
        Some(self.input(&input))
    }

    /// Decides an input and folds what it means.
    ///
    /// # Errors
    ///
    /// [`Failure::Rejected`] as [`decide`](crate::kernel::decide) says.
    pub fn input(&mut self, input: &Input) -> Result<Step, Failure> {
        let (decision, run) = decide_all(&self.machine, &self.run, input)?;
        self.run = run;
        self.history.extend(decision.records.iter().cloned());
        Ok(Step { records: decision.records, effects: decision.effects })
    }

    /// Puts a fact on record.
    pub fn record(&mut self, fact: FactBody, observed: bool) {
        self.facts.push((self.run.rev, observed, fact));
    }

    /// What is legal now.
    #[must_use]
    pub fn legal(&self) -> Vec<Legal> {
        legal(&self.machine, &self.run)
    }

    /// The full paths of all active states, in document order.
    #[must_use]
    pub fn active(&self) -> Vec<StateId> {
        let mut active: Vec<StateId> = self.run.active.keys().cloned().collect();
        active.sort_by_key(|id| self.machine.find(id.as_str()));
        active
    }

    /// The full paths of the innermost active states, in document order.
    #[must_use]
    pub fn leaves(&self) -> Vec<StateId> {
        let leaves = leaves(&self.machine, &self.run);
        leaves.into_iter().map(|ix| self.machine.state(ix).id.clone()).collect()
    }

    fn evidence(&self, event: &str) -> Vec<Evidence> {
        let needs = needs(&self.machine, &self.run, event);
        let counted = needs.into_iter().map(|(requirement, since)| {
            let facts = self.facts.iter().filter(|(rev, ..)| *rev >= since);
            let facts: Vec<_> = facts.map(|(_, observed, fact)| (fact, *observed)).collect();
            let count = requirement.count(&facts);
            Evidence { requirement, since, count }
        });
        counted.collect()
    }
}
