//! Leaving and entering states, and what follows from entering a final one.

use serde_json::Value as Json;

use crate::effect::Effect;
use crate::id::Branch;
use crate::kernel::configuration::{Entering, StateSet, is_complete};
use crate::kernel::fan_out::forget_items;
use crate::kernel::macrostep::Macrostep;
use crate::kernel::occurrence::Occurrence;
use crate::machine::{Machine, State, StateIx, StateKind};
use crate::record::{Completed, Record, Remembered, Transitioned};

impl Macrostep<'_> {
    pub(super) fn exit(&mut self, left: &StateSet, steps: &mut [Transitioned]) {
        for ix in left.iter().rev() {
            self.remember(ix, steps);
        }
        for ix in left.iter().rev() {
            self.exit_one(ix);
        }
    }

    pub(super) fn exit_one(&mut self, ix: StateIx) {
        let machine = self.machine;
        let state = machine.state(ix);
        self.act(&state.exit);
        let ended = self.ended_work == Some(ix)
            || self.run.active.get(&state.id).is_some_and(|active| active.work_ended);
        if state.work.is_some() && !ended {
            let visit = self.visit(ix);
            self.effects.push(Effect::CancelWork { state: state.id.clone(), visit });
        }
        if !ended && self.run.active.get(&state.id).is_some_and(|active| active.fan.is_some()) {
            self.change(forget_items(&state.id));
        }
        self.active.remove(ix);
        self.forget_scope();
    }

    /// Notes what the history states of a state that is left are to restore.
    pub(super) fn remember(&mut self, ix: StateIx, steps: &mut [Transitioned]) {
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
            self.is_disturbed = true;
        }
    }

    pub(super) fn enter(&mut self, entering: &Entering) {
        let mut completed = Vec::new();
        for ix in entering.states.iter() {
            let machine = self.machine;
            let state = machine.state(ix);
            self.active.insert(ix);
            self.entered.push(ix);
            self.forget_scope();
            self.act(&state.entry);
            self.set_delays(ix);
            self.set_wait(ix);
            self.set_expiry(ix);
            if state.work.is_some() {
                let visit = self.visit(ix);
                let (state, branch) = (state.id.clone(), Branch::WHOLE);
                self.effects.push(Effect::StartWork { state, visit, branch });
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
    pub(super) fn complete(&mut self, ix: StateIx, completed: &mut Vec<StateIx>) {
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

    pub(super) fn computed_output(&mut self, ix: StateIx) -> Json {
        match &self.machine.state(ix).result {
            Some(computed) => self.compute(computed),
            None => Json::Null,
        }
    }

    /// Ends the run: what is active is left for good, innermost first, but stays on record as where it ended.
    pub(super) fn end(&mut self) {
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
