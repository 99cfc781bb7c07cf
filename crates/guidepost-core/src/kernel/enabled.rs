//! Whether a transition may be taken, and what to answer if none may.

use crate::id::{EventName, Rev, StateId};
use crate::input::Event;
use crate::kernel::Rejected;
use crate::kernel::legal::legal;
use crate::kernel::macrostep::Macrostep;
use crate::kernel::occurrence::Occurrence;
use crate::kernel::select::{self, Candidate};
use crate::machine::{Guard, Machine, Requirement, StateIx};

impl Macrostep<'_> {
    /// Whether any active state has a transition for an occurrence, whatever its guard says.
    pub(super) fn is_answered(&self, occurrence: &Occurrence) -> bool {
        let answered = |ix: StateIx| {
            let transitions = &self.machine.state(ix).transitions;
            transitions.iter().any(|transition| select::answers(ix, transition, occurrence))
        };
        self.active.iter().any(answered)
    }

    /// Whether a candidate may be taken: its guard holds, and what it requires is on record. If only the latter fails, a sent
    /// event is refused as a whole, so no lesser transition is taken in its stead; for anything else the candidate is not
    /// enabled, with the problem noted.
    pub(super) fn is_enabled(&mut self, candidate: Candidate<'_>) -> bool {
        if let Some(guard) = &candidate.transition.guard
            && !self.holds(guard)
        {
            self.refused_guards.push(describe_guard(self.machine, guard));
            return false;
        }
        let missing = self.missing(candidate);
        if self.is_refusable {
            self.unproven.extend(missing);
            return true;
        }
        for (requirement, count) in &missing {
            let source = &self.machine.state(candidate.source).id;
            self.problems.push(format!(
                "a transition of `{source}` was not taken: it needs {requirement} on record, and there are {count}"
            ));
        }
        missing.is_empty()
    }

    /// What a candidate requires and is not on record, with how many there are.
    fn missing(&self, candidate: Candidate<'_>) -> Vec<(Requirement, u64)> {
        let since = self.entered_at(candidate.source);
        // Facts from before do not count for a state that is entered only now.
        let is_new = self.entered.contains(&candidate.source);
        let requires = candidate.transition.requires.iter();
        let counted = requires.map(|requirement| {
            let known = self.evidence.iter().filter(|_| !is_new);
            let known =
                known.filter(|fact| fact.requirement == *requirement && fact.since == since);
            (requirement.clone(), known.map(|fact| fact.count).max().unwrap_or(0))
        });
        counted.filter(|(requirement, count)| *count < requirement.min).collect()
    }

    /// The rev by which an active state was entered; 1, the start, for the root.
    pub(super) fn entered_at(&self, ix: StateIx) -> Rev {
        self.run.active.get(&self.machine.state(ix).id).map_or(Rev(1), |active| active.rev)
    }

    pub(super) fn holds(&mut self, guard: &Guard) -> bool {
        self.answer(guard) == Some(true)
    }

    /// A guard's answer; `None` if it has none, because a part that decides cannot be evaluated. No answer is no, and the
    /// opposite of no answer is no answer.
    fn answer(&mut self, guard: &Guard) -> Option<bool> {
        match guard {
            Guard::Expr(expr) => match expr.test(self.scope()) {
                Ok(answer) => Some(answer),
                Err(error) => {
                    self.problems.push(format!("guard `{}`: {error}", expr.source()));
                    None
                }
            },
            Guard::Unbound(named) => match self.machine.unbound_guards.get(&named.name) {
                Some(Some(answer)) => Some(*answer),
                Some(None) | None => {
                    self.problems.push(format!("guard `{}` is not defined", named.name));
                    None
                }
            },
            Guard::InState(ix) => Some(self.active.contains(*ix)),
            Guard::All(guards) => self.decided(guards, false),
            Guard::Any(guards) => self.decided(guards, true),
            Guard::Not(guard) => self.answer(guard).map(|answer| !answer),
        }
    }

    /// The answer of several guards, of which one that says `deciding` is enough.
    fn decided(&mut self, guards: &[Guard], deciding: bool) -> Option<bool> {
        let mut all = Some(!deciding);
        for guard in guards {
            match self.answer(guard) {
                Some(answer) if answer == deciding => return Some(deciding),
                Some(_) => {}
                None => all = None,
            }
        }
        all
    }

    pub(super) fn is_stale(
        &self,
        selected: &[Candidate<'_>],
        occurrence: &Occurrence,
        seen: Rev,
    ) -> bool {
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

    /// Refuses an event whose sender looked before a state that answers it was entered or left, whatever it carries.
    ///
    /// # Errors
    ///
    /// [`Rejected::Stale`].
    pub(super) fn expect_unmoved(
        &self,
        occurrence: &Occurrence,
        seen: Option<Rev>,
    ) -> Result<(), Rejected> {
        let Some(seen) = seen.filter(|seen| *seen != self.run.rev) else { return Ok(()) };
        let answering =
            select::by_occurrence(self.machine, &self.active, occurrence, &mut |_| true);
        if self.is_stale(&answering, occurrence, seen) {
            return Err(self.stale(occurrence.name.clone(), seen));
        }
        Ok(())
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

    pub(super) fn stale(&self, event: EventName, seen: Rev) -> Rejected {
        Rejected::Stale {
            event,
            seen,
            present: self.run.rev,
            states: self.leaf_ids(),
            legal: legal(self.machine, self.run),
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
        Guard::Unbound(named) => named.name.clone(),
        Guard::InState(ix) => format!("in_state({:?})", machine.state(*ix).id.as_str()),
        Guard::All(guards) => joined(guards, " and "),
        Guard::Any(guards) => joined(guards, " or "),
        Guard::Not(guard) => format!("not {}", describe_guard(machine, guard)),
    }
}
