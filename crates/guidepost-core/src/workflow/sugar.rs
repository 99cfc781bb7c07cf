//! Short forms of sequences, spelled out before anything else is read.
//!
//! `steps: [a, b]` becomes states that lead from one to the next and end in a final state; `sections: [x, y]` likewise,
//! each a compound state marked as a section. Problems of what is inside are found later, at their own places.
//!
//! A step may be as plain as `{ agentId: writer, input: "..." }`: the agent is told the input, and what it gives is
//! `{{ previous }}` to the step that follows. A step with `when` is passed over where that does not hold; one with
//! `parallel` has several steps done at once.

mod defaults;
mod parallel;
mod plain;
mod sequence;

use std::collections::BTreeSet;

use self::plain::PREVIOUS;
use self::sequence::List;
use super::problems::{Problems, code};
use super::settings::{self, Flow};
use super::tree::{Entry, Kind, Tree};
use crate::diagnostic::Position;

/// The keys that give a step work, whose end leads on to the next.
const WORK: [&str; 9] = ["agent", "ask", "tool", "http", "exec", "task", "run", "wait", "invoke"];

/// Spells out all short forms in a definition.
pub(super) fn expand(root: Tree, problems: &mut Problems) -> Tree {
    let has_plain_steps = root
        .get("steps")
        .is_some_and(|steps| steps.as_list().unwrap_or_default().iter().any(plain::has_agent_id));
    let Tree { kind: Kind::Object(mut entries), at } = root else { return root };
    if has_plain_steps {
        plain::rename(&mut entries, &[("metadata", "meta")], problems);
    }
    let flow = settings::expand(&mut entries, problems);
    if let Some(at) = flow.at_once {
        parallel::at_once(&mut entries, at, problems);
    }
    let mut sugar = Sugar::new(&entries, &flow, problems);
    let here = Here { previous: PREVIOUS, gives: PREVIOUS, is_first: true };
    let mut entries = sugar.expand_entries(entries, here);
    let Sugar { made, .. } = sugar;
    if has_plain_steps || !made.is_empty() {
        plain::declare(&mut entries, &made, at, problems);
    }
    defaults::fill(&mut entries, &flow);
    if let Some(at) = flow.may_end_early {
        sequence::end_early(&mut entries, at, problems);
    }
    Tree::object(entries, at)
}

/// What spelling out knows of the definition as a whole.
struct Sugar<'p> {
    problems: &'p mut Problems,
    may_skip: Option<Position>,
    /// Names of attributes that are taken.
    taken: BTreeSet<Box<str>>,
    /// Attributes that hold what the steps of a region hand on.
    made: Vec<Box<str>>,
    /// Nodes of conditions that were written down where several ways lead past steps.
    ways: usize,
}

/// Where something is spelled out.
#[derive(Clone, Copy)]
struct Here<'a> {
    /// The attribute that holds what the plain step before gave.
    previous: &'a str,
    /// The attribute that keeps what a plain step gives.
    gives: &'a str,
    /// Whether no step of the list comes before.
    is_first: bool,
}

impl<'p> Sugar<'p> {
    fn new(entries: &[Entry], flow: &Flow, problems: &'p mut Problems) -> Self {
        let declared = entries.iter().filter(|it| matches!(&*it.key, "attributes" | "context"));
        let declared = declared.flat_map(|it| it.value.as_object().unwrap_or_default());
        Self {
            problems,
            may_skip: flow.may_skip,
            taken: declared.map(|entry| entry.key.clone()).collect(),
            made: Vec::new(),
            ways: 0,
        }
    }

    fn expand_entries(&mut self, entries: Vec<Entry>, here: Here<'_>) -> Vec<Entry> {
        let is_open = !entries.iter().any(|entry| &*entry.key == "initial");
        let inner = Here { is_first: true, ..here };
        let mut expanded = Vec::with_capacity(entries.len());
        let mut sequence: Option<Position> = None;
        for entry in entries {
            let is_section = match &*entry.key {
                "steps" => false,
                "sections" => true,
                "states" => {
                    expanded.push(self.expand_states(entry, inner));
                    continue;
                }
                _ => {
                    expanded.push(entry);
                    continue;
                }
            };
            if sequence.replace(entry.at).is_some() {
                let message = "a state has either `steps` or `sections`";
                self.problems.error(code::KIND, entry.at, message);
                continue;
            }
            let key = if is_section { "sections" } else { "steps" };
            let steps = self.listed(entry.value, key);
            let list = List { is_section, is_open };
            expanded.push(Entry {
                key: "states".into(),
                at: entry.at,
                value: Tree::object(self.sequence_of(steps, list, inner), entry.at),
            });
        }
        if let Some(at) = sequence
            && expanded.iter().filter(|entry| &*entry.key == "states").count() > 1
        {
            let message = "a state has either `states`, `steps` or `sections`";
            self.problems.error(code::KIND, at, message);
            let mut seen = false;
            expanded.retain(|entry| &*entry.key != "states" || !std::mem::replace(&mut seen, true));
        }
        expanded
    }

    fn expand_states(&mut self, mut states: Entry, here: Here<'_>) -> Entry {
        if let Kind::Object(inner) = states.value.kind {
            let taken: BTreeSet<Box<str>> = inner.iter().map(|state| state.key.clone()).collect();
            let mut expanded = Vec::with_capacity(inner.len());
            for state in inner {
                self.expand_state(state, here, &taken, &mut expanded);
            }
            states.value = Tree::object(expanded, states.value.at);
        }
        states
    }

    /// Spells out a state, beside which those called `taken` stand. One that does several steps at once may become two.
    fn expand_state(
        &mut self,
        state: Entry,
        here: Here<'_>,
        taken: &BTreeSet<Box<str>>,
        expanded: &mut Vec<Entry>,
    ) {
        let Entry { key, at, value } = state;
        let Tree { kind: Kind::Object(mut entries), at: begin } = value else {
            expanded.push(Entry { key, at, value });
            return;
        };
        let mut next = None;
        if let Some(found) = entries.iter().position(|entry| &*entry.key == "parallel") {
            let given = entries.remove(found);
            next = self.expand_parallel(&key, given, &mut entries, here, taken);
        }
        let entries = self.expand_entries(entries, here);
        expanded.push(Entry { key, at, value: Tree::object(entries, begin) });
        expanded.extend(next);
    }

    /// The steps with their names: from a list, where each brings its own, or from an object.
    fn listed(&mut self, tree: Tree, key: &str) -> Vec<Entry> {
        let at = tree.at;
        match tree.kind {
            Kind::Object(entries) => entries,
            Kind::List(items) => {
                let singular = key.trim_end_matches('s');
                let mut steps: Vec<Entry> = Vec::with_capacity(items.len());
                let mut names = BTreeSet::new();
                for (number, item) in (1..).zip(items) {
                    let step = named(item, &format!("{singular}-{number}"));
                    if !names.insert(step.key.clone()) {
                        let message = format!("the name `{}` is given to two {key}", step.key);
                        self.problems.error(code::DUPLICATE, step.at, message);
                        continue;
                    }
                    steps.push(step);
                }
                steps
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
                self.problems.error(code::SHAPE, at, format!("`{key}` is a list"));
                Vec::new()
            }
        }
    }
}

/// A step under its `name`, else its `id`, else the name it gets. A text alone is a name.
fn named(item: Tree, otherwise: &str) -> Entry {
    let at = item.at;
    match item.kind {
        Kind::Text(name) => Entry { key: name.text, at, value: Tree::object(Vec::new(), at) },
        Kind::Object(mut entries) => {
            let found = ["name", "id"].iter().find_map(|key| {
                entries
                    .iter()
                    .position(|entry| &*entry.key == *key && entry.value.as_text().is_some())
            });
            let Some(found) = found else {
                return Entry { key: otherwise.into(), at, value: Tree::object(entries, at) };
            };
            let name = entries.remove(found);
            let key = name.value.as_text().unwrap_or_default().into();
            Entry { key, at: name.value.at, value: Tree::object(entries, at) }
        }
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_)) => {
            Entry { key: otherwise.into(), at, value: Tree { kind, at } }
        }
    }
}

/// A name that nothing beside it has.
fn fresh(wanted: &str, taken: &BTreeSet<Box<str>>) -> Box<str> {
    let mut name = wanted.to_owned();
    while taken.contains(&*name) {
        name.push('-');
    }
    name.into()
}
