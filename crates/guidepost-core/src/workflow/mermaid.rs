//! Diagrams for Mermaid: a machine, and the way one run went.

use std::fmt::Write as _;

use crate::id::StateId;
use crate::machine::{Machine, State, StateIx, StateKind, Transition, words};

/// Words that mean something to Mermaid and cannot be the id of a state.
const RESERVED: [&str; 17] = [
    "end",
    "state",
    "note",
    "direction",
    "as",
    "class",
    "classdef",
    "style",
    "click",
    "fork",
    "join",
    "choice",
    "hide",
    "scale",
    "default",
    "of",
    "stateDiagram",
];

/// Longest label, in characters; a longer one is cut.
const LABEL_CHARS_MAX: usize = 60;

/// A machine as a `stateDiagram-v2`; the states in `active` stand out.
#[must_use]
pub fn to_mermaid(machine: &Machine, active: &[StateId]) -> String {
    let mut diagram = Diagram::new(machine);
    diagram.out.push_str("stateDiagram-v2\n");
    diagram.inside(Machine::ROOT, 1);
    let is_leaf = |ix: &StateIx| machine.state(*ix).children.is_empty();
    let leaves = active.iter().filter_map(|id| machine.find(id.as_str())).filter(is_leaf);
    let leaves: Vec<&str> = leaves.map(|ix| diagram.ids[ix as usize].as_str()).collect();
    if !leaves.is_empty() {
        let leaves = leaves.join(",");
        diagram.out.push_str("    classDef active fill:#fde68a,stroke:#b45309,stroke-width:2px\n");
        let _ = writeln!(diagram.out, "    class {leaves} active");
    }
    diagram.out
}

/// A transition a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken<'a> {
    /// Where it was.
    pub from: &'a str,
    /// Where it went.
    pub to: &'a str,
    /// What for: an event's name. Empty for none.
    pub label: &'a str,
}

/// The way a run went, as a `stateDiagram-v2`: each way it took once, in the order of the first time. A way back to a
/// state it had been in before is marked as a retry.
///
/// - `first`: where it began, one state for each region; empty if what came before is not known.
/// - `steps`: the ways of each step. One into or out of regions has several.
/// - `last`: where it ended, likewise; empty if it goes on.
#[must_use]
pub fn path_diagram(first: &[&str], steps: &[Vec<Taken<'_>>], last: &[&str]) -> String {
    let mut out = "stateDiagram-v2\n".to_owned();
    let mut names: Vec<&str> = Vec::new();
    let ways = steps.iter().flatten().flat_map(|way| [way.from, way.to]);
    for name in first.iter().copied().chain(ways).chain(last.iter().copied()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let ids = ids_of(names.iter().copied());
    let id = |name: &str| {
        let at = names.iter().position(|known| *known == name).unwrap_or_default();
        ids[at].as_str()
    };
    if first.is_empty() && !steps.is_empty() {
        out.push_str("    %% what came before is left out\n");
    }
    for (name, id) in names.iter().zip(&ids).filter(|(name, id)| name != id) {
        let _ = writeln!(out, "    state \"{}\" as {id}", escaped(name));
    }
    for name in first {
        let _ = writeln!(out, "    [*] --> {}", id(name));
    }
    let mut been = first.to_vec();
    let mut drawn: Vec<&Taken<'_>> = Vec::new();
    for ways in steps {
        been.extend(ways.iter().map(|way| way.from));
        // The first time a way is taken says whether it led back.
        for way in ways {
            if drawn.contains(&way) {
                continue;
            }
            let label = match (way.label, been.contains(&way.to)) {
                ("", false) => String::new(),
                ("", true) => ": (retry)".to_owned(),
                (label, false) => format!(": {}", escaped(label)),
                (label, true) => format!(": {} (retry)", escaped(label)),
            };
            let _ = writeln!(out, "    {} --> {}{label}", id(way.from), id(way.to));
            drawn.push(way);
        }
        been.extend(ways.iter().map(|way| way.to));
    }
    for name in last {
        let _ = writeln!(out, "    {} --> [*]", id(name));
    }
    out
}

struct Diagram<'a> {
    machine: &'a Machine,
    /// What each state is called in the diagram.
    ids: Vec<String>,
    /// The arrows to draw inside each state: Mermaid wants both ends within one.
    arrows: Vec<Vec<String>>,
    out: String,
}

impl<'a> Diagram<'a> {
    fn new(machine: &'a Machine) -> Self {
        let names: Vec<&str> = machine.states.iter().map(|state| state.id.name()).collect();
        let ids = ids_of(names.iter().copied());
        let mut diagram = Self {
            machine,
            ids,
            arrows: vec![Vec::new(); machine.states.len()],
            out: String::new(),
        };
        for (ix, state) in (0..).zip(&machine.states) {
            for transition in state.transitions.iter().chain(&state.always) {
                diagram.add_arrows(ix, state, transition);
            }
        }
        diagram
    }

    /// Where the arrows of a state's transitions begin. Mermaid draws none from the root, so what the root takes is drawn
    /// from each state in it that can be left.
    fn drawn_from(&self, source: StateIx) -> Vec<StateIx> {
        if source != Machine::ROOT {
            return vec![source];
        }
        let children = self.machine.state(source).children.iter().copied();
        let can_be_left = |child: &StateIx| match self.machine.state(*child).kind {
            StateKind::Atomic | StateKind::Compound { .. } | StateKind::Parallel => true,
            StateKind::Final | StateKind::History { .. } => false,
        };
        children.filter(can_be_left).collect()
    }

    fn add_arrows(&mut self, source: StateIx, state: &State, transition: &Transition) {
        let label = label(self.machine, state, transition);
        let colon = if label.is_empty() { "" } else { ": " };
        for source in self.drawn_from(source) {
            for target in &transition.targets {
                let (from, to) = (&self.ids[source as usize], &self.ids[*target as usize]);
                let line = format!("{from} --> {to}{colon}{label}");
                let around = self.around(source, *target);
                self.arrows[around as usize].push(line);
            }
        }
    }

    /// The innermost state in which both can be seen.
    fn around(&self, source: StateIx, target: StateIx) -> StateIx {
        let holds = |outer: &StateIx| {
            self.machine.is_inside(source, *outer) && self.machine.is_inside(target, *outer)
        };
        self.machine.ancestors(source).find(holds).unwrap_or(Machine::ROOT)
    }

    /// What stands between the braces of a state. Recurses as deep as states nest, which reading bounded.
    fn inside(&mut self, ix: StateIx, depth: usize) {
        let state = self.machine.state(ix);
        let is_parallel = matches!(state.kind, StateKind::Parallel);
        if let StateKind::Compound { initial } = &state.kind {
            let target = self.ids[initial.target as usize].clone();
            self.line(depth, &format!("[*] --> {target}"));
        }
        for (number, child) in state.children.iter().enumerate() {
            let is_history = matches!(self.machine.state(*child).kind, StateKind::History { .. });
            if is_parallel && number > 0 && !is_history {
                self.line(depth, "--");
            }
            self.state(*child, depth);
        }
        for arrow in std::mem::take(&mut self.arrows[ix as usize]) {
            self.line(depth, &arrow);
        }
    }

    fn state(&mut self, ix: StateIx, depth: usize) {
        let state = self.machine.state(ix);
        let id = self.ids[ix as usize].clone();
        let shown = match state.kind {
            StateKind::History { deep: true, .. } => "H*",
            StateKind::History { deep: false, .. } => "H",
            StateKind::Atomic
            | StateKind::Compound { .. }
            | StateKind::Parallel
            | StateKind::Final => state.id.name(),
        };
        let named =
            if shown == id { id.clone() } else { format!("\"{}\" as {id}", escaped(shown)) };
        if !state.children.is_empty() {
            self.line(depth, &format!("state {named} {{"));
            self.inside(ix, depth + 1);
            self.line(depth, "}");
            return;
        }
        let line = if shown == id { id.clone() } else { format!("state {named}") };
        self.line(depth, &line);
        if matches!(state.kind, StateKind::Final) {
            self.line(depth, &format!("{id} --> [*]"));
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.out, "{:width$}{text}", "", width = depth * 4);
    }
}

/// Ids for states of these names: the name itself, if Mermaid takes it for one and no other state has it.
fn ids_of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut seen = std::collections::BTreeMap::new();
    for name in names.clone() {
        *seen.entry(name).or_insert(0_usize) += 1;
    }
    let is_id = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
            // Ids made up here look like this.
            && name.strip_prefix("s_").is_none_or(|rest| rest.parse::<usize>().is_err())
    };
    let ids = names.enumerate().map(|(number, name)| {
        if is_id(name) && seen.get(name) == Some(&1) {
            name.to_owned()
        } else {
            format!("s_{number}")
        }
    });
    ids.collect()
}

fn label(machine: &Machine, state: &State, transition: &Transition) -> String {
    let trigger = words::trigger(state, transition);
    let guard = transition.guard.as_ref().map(|guard| words::condition(machine, guard));
    let text = match guard {
        Some(guard) if trigger.is_empty() => format!("[{guard}]"),
        Some(guard) => format!("{trigger} [{guard}]"),
        None => trigger,
    };
    escaped(&text)
}

/// A text that Mermaid shows as it is and takes for nothing else.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (number, c) in text.trim().chars().enumerate() {
        if number == LABEL_CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            ':' | ';' | '#' | '"' | '<' | '>' | '{' | '}' | '%' | '`' | '\\' | '&' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_whitespace() || c.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::workflow::compile;

    #[track_caller]
    fn check(text: &str, active: &[&str], expected: Expect) {
        let machine = compile(text.as_bytes(), "test.yaml").machine.unwrap();
        let active: Vec<StateId> = active.iter().map(|id| StateId::from(*id)).collect();
        expected.assert_eq(&to_mermaid(&machine, &active));
    }

    #[test]
    fn a_machine_is_drawn_with_its_hierarchy_regions_and_history() {
        check(
            "
on: { Stop: End }
states:
  Work:
    type: parallel
    onDone: End
    states:
      Left: { states: { A: { on: { Go: { target: B, guard: \"event.n > 1\" } } }, B: { type: final } } }
      Right: { states: { A: { after: { 5m: C } }, C: { type: final } } }
      Hist: { type: history, history: deep }
  Pause: { agent: w, onDone: Work.Hist, onError: 'Odd: name' }
  'Odd: name': { on: { 'a;b': Pause, Go: End } }
  End: { type: final }
",
            &["Work.Left.A", "Work"],
            expect![[r#"
                stateDiagram-v2
                    [*] --> Work
                    state Work {
                        state Left {
                            [*] --> s_3
                            state "A" as s_3
                            B
                            B --> [*]
                            s_3 --> B: Go [event.n #62; 1]
                        }
                        --
                        state Right {
                            [*] --> s_6
                            state "A" as s_6
                            C
                            C --> [*]
                            s_6 --> C: after 5m
                        }
                        state "H*" as Hist
                    }
                    Pause
                    state "Odd#58; name" as s_10
                    state "End" as s_11
                    s_11 --> [*]
                    Work --> s_11: Stop
                    Pause --> s_11: Stop
                    s_10 --> s_11: Stop
                    Work --> s_11: done
                    Pause --> Hist: done
                    Pause --> s_10: failed
                    s_10 --> Pause: a#59;b
                    s_10 --> s_11: Go
                    classDef active fill:#fde68a,stroke:#b45309,stroke-width:2px
                    class s_3 active
            "#]],
        );
    }

    /// S2.42: a state diagram from transitions, with the way back marked.
    #[test]
    fn the_way_of_a_run_is_drawn_from_its_transitions() {
        let way = |steps: &[(&'static str, &'static str, &'static str)]| {
            let steps = steps.iter().map(|(from, to, label)| Taken { from, to, label });
            steps.map(|way| vec![way]).collect::<Vec<_>>()
        };
        let taken = way(&[
            ("initializing", "planning", ""),
            ("planning", "generating", ""),
            ("generating", "validating", ""),
            ("validating", "generating", "quality_failed"),
            ("generating", "validating", ""),
            ("validating", "completed", "quality_passed"),
        ]);
        let expected = expect![[r#"
            stateDiagram-v2
                [*] --> initializing
                initializing --> planning
                planning --> generating
                generating --> validating
                validating --> generating: quality_failed (retry)
                validating --> completed: quality_passed
                completed --> [*]
        "#]];
        expected.assert_eq(&path_diagram(&["initializing"], &taken, &["completed"]));
        let expected = expect![[r#"
            stateDiagram-v2
                state "a b" as s_0
                state "end" as s_1
                [*] --> s_0
                s_0 --> s_1: x#58; y
        "#]];
        expected.assert_eq(&path_diagram(&["a b"], &way(&[("a b", "end", "x: y")]), &[]));
        assert_eq!(path_diagram(&[], &[], &[]), "stateDiagram-v2\n");
        let expected = expect![[r#"
            stateDiagram-v2
                %% what came before is left out
                Left --> Left: failed (retry)
                Left --> Right
        "#]];
        let known = way(&[("Left", "Left", "failed"), ("Left", "Right", "")]);
        expected.assert_eq(&path_diagram(&[], &known, &[]));
    }
}
