//! Machines that are a plain list: one agent's step after another.

use super::{Machine, State, StateIx, StateKind, Trigger, WorkKind};

impl Machine {
    /// The states of a plain list of agents' steps, in the order they are done; empty if the machine is anything else.
    ///
    /// In a plain list every state but the last is work of an agent, and its end alone leads on, to the state that follows.
    /// The last is final.
    #[must_use]
    pub fn agent_steps(&self) -> Vec<StateIx> {
        let root = self.state(Self::ROOT);
        let StateKind::Compound { initial } = &root.kind else { return Vec::new() };
        if !is_quiet(root) || !root.transitions.is_empty() {
            return Vec::new();
        }
        let mut steps = Vec::new();
        let mut ix = initial.target;
        while let Some(next) = self.step_after(ix) {
            if steps.contains(&ix) {
                return Vec::new();
            }
            steps.push(ix);
            ix = next;
        }
        let is_end = matches!(self.state(ix).kind, StateKind::Final);
        let is_all = root.children.len() == steps.len() + 1;
        if is_end && is_all { steps } else { Vec::new() }
    }

    /// Where an agent's step leads, if nothing else can come of it.
    fn step_after(&self, ix: StateIx) -> Option<StateIx> {
        let state = self.state(ix);
        let is_agents = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Agent);
        let [only] = state.transitions.as_slice() else { return None };
        let [next] = only.targets.as_slice() else { return None };
        let is_plain = only.trigger == Trigger::WorkDone
            && only.guard.is_none()
            && only.requires.is_empty()
            && state.parent == Some(Self::ROOT)
            && self.state(*next).parent == Some(Self::ROOT);
        (is_agents && is_plain && is_quiet(state)).then_some(*next)
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
            "name: w\nsteps:\n  - { name: A, agent: a, onError: Done }\n",
            "name: w\nsteps:\n  - { name: A, agent: a, after: { 1h: Done } }\n",
            "name: w\ninitial: A\nstates:\n  A: { on: { go: B } }\n  B: { type: final }\n",
        ] {
            assert_eq!(steps(other), Vec::<String>::new(), "{other}");
        }
    }
}
