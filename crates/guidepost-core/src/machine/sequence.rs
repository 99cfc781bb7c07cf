//! Machines that are a plain list: one agent's step after another.

use super::{Machine, State, StateIx, StateKind, Transition, Trigger, WorkKind};

impl Machine {
    /// The states of a plain list of agents' steps, in the order they are done; empty if the machine is anything else.
    ///
    /// In a plain list every state is work of an agent, several such lists at once, a choice of the step to go on with, or
    /// the end; and everything leads on to a state after it. So each step is done at most once on the way to the end, and
    /// some may be passed over.
    #[must_use]
    pub fn agent_steps(&self) -> Vec<StateIx> {
        let mut steps = Vec::new();
        let is_list = self.lists(Self::ROOT, &mut steps);
        if is_list { steps } else { Vec::new() }
    }

    /// Whether a state has a plain list inside, whose steps are added to those found before.
    fn lists(&self, ix: StateIx, steps: &mut Vec<StateIx>) -> bool {
        let outer = self.state(ix);
        let StateKind::Compound { initial } = &outer.kind else { return false };
        let is_end = |ix: &StateIx| matches!(self.state(*ix).kind, StateKind::Final);
        is_quiet(outer)
            && outer.children.first() == Some(&initial.target)
            && outer.children.last().is_some_and(is_end)
            && outer.transitions.iter().all(|way| self.ends(ix, way))
            && outer.children.iter().all(|child| self.is_in_list(*child, steps))
    }

    /// Whether a transition of a state with a list inside leads to the end of that list.
    fn ends(&self, ix: StateIx, way: &Transition) -> bool {
        let is_end = |to: &StateIx| {
            self.state(*to).parent == Some(ix) && matches!(self.state(*to).kind, StateKind::Final)
        };
        matches!(way.trigger, Trigger::Event(_)) && way.targets.iter().all(is_end)
    }

    /// Whether a state may stand in a plain list.
    fn is_in_list(&self, ix: StateIx, steps: &mut Vec<StateIx>) -> bool {
        let state = self.state(ix);
        let leads_on = |way: &Transition| {
            let [to] = way.targets.as_slice() else { return false };
            *to > ix && self.state(*to).parent == state.parent && way.requires.is_empty()
        };
        let answers = |trigger: &Trigger| state.transitions.iter().any(|it| it.trigger == *trigger);
        if !state.transitions.iter().chain(&state.always).all(leads_on) {
            return false;
        }
        match &state.kind {
            StateKind::Final => true,
            StateKind::Atomic => match &state.work {
                Some(work) => {
                    steps.push(ix);
                    work.kind == WorkKind::Agent && is_quiet(state) && answers(&Trigger::WorkDone)
                }
                None => state.transitions.is_empty() && !state.always.is_empty(),
            },
            StateKind::Parallel => {
                is_quiet(state)
                    && answers(&Trigger::Complete)
                    && state.children.iter().all(|region| self.lists(*region, steps))
            }
            StateKind::Compound { .. } | StateKind::History { .. } => false,
        }
    }
}

/// Whether nothing moves it but events and the end of its work.
fn is_quiet(state: &State) -> bool {
    state.always.is_empty() && state.delays.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::workflow;

    fn steps(definition: &str) -> Vec<String> {
        let compiled = workflow::compile(definition.as_bytes(), "w.yaml");
        let machine = compiled.machine.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let steps = machine.agent_steps().into_iter();
        steps.map(|ix| machine.state(ix).id.to_string()).collect()
    }

    #[test]
    fn a_list_of_agents_steps_is_told_from_everything_else() {
        let list =
            "name: w\nsteps:\n  - { name: A, agent: a, prompt: x }\n  - { agentId: b, input: y }\n";
        assert_eq!(steps(list), ["A", "step-2"]);
        for other in [
            "name: w\nsteps:\n  - { name: A, agent: a }\n  - { name: B, task: b }\n",
            "name: w\nsteps:\n  - { name: A, agent: a, onDone: A }\n  - { name: B, agent: b }\n",
            "name: w\nsteps:\n  - { name: A, agent: a }\n  - { name: B, agent: b, onDone: [{ target: A, guard: 1 > 0 }] }\n",
            "name: w\nsteps:\n  - { name: A, agent: a, onError: A }\n",
            "name: w\nsteps:\n  - { name: A, agent: a, after: { 1h: Done } }\n",
            "name: w\nsteps:\n  - { name: A, agent: a, on: { go: Done } }\n",
            "name: w\nsteps:\n  - { name: A, parallel: [{ agent: a }, { task: b }] }\n",
            "name: w\ninitial: B\nsteps:\n  - { name: A, agent: a }\n  - { name: B, agent: b }\n",
            "name: w\ninitial: A\nstates:\n  A: { on: { go: B } }\n  B: { type: final }\n",
        ] {
            assert_eq!(steps(other), Vec::<String>::new(), "{other}");
        }
    }

    /// S4.17: steps that may be passed over, that are done at once, and whose failure leads on are still steps of a list.
    #[test]
    fn s4_17_a_list_may_branch_forward_and_do_steps_at_once() {
        let list = "
name: w
settings: { allow_step_skipping: true, allow_early_termination: true }
steps:
  - { agentId: a, input: x, when: 1 > 2 }
  - { agentId: b, onError: Last }
  - { name: Both, parallel: [{ agentId: c }, [{ agentId: d }, { agentId: e, when: previous }]] }
  - { name: Last, agentId: f, when: previous }
";
        assert_eq!(
            steps(list),
            [
                "step-1",
                "step-2",
                "Both.region-1.Both-1",
                "Both.region-2.Both-2-1",
                "Both.region-2.Both-2-2",
                "Last"
            ]
        );
    }
}
