//! Workflows written as rows, by SQL.

use std::collections::{BTreeMap, BTreeSet};

use super::problems::{Problems, code};
use super::tree::{Entry, Kind, Tree};
use crate::diagnostic::Position;
use crate::name::NameOf;

/// A workflow written as rows, by SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWorkflow {
    /// Its name.
    pub name: String,
    /// Its states, in the order of their ids. A run begins in the first, unless it is placed elsewhere.
    pub states: Vec<OpenState>,
    /// Its transitions, in the order of their ids.
    pub transitions: Vec<OpenTransition>,
}

/// A state written as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenState {
    /// Its name.
    pub name: String,
    /// What the agent is told to do there.
    pub guideline: Option<String>,
}

/// A transition written as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransition {
    /// The event's name.
    pub name: String,
    /// The name of its source.
    pub from: String,
    /// The name of its target.
    pub to: String,
    /// What the agent is told about it.
    pub description: Option<String>,
}

/// Rows have no places in a text.
const NOWHERE: Position = Position { line: 0, column: 0 };

impl OpenWorkflow {
    /// What is wrong with the rows as rows.
    pub(super) fn check(&self, problems: &mut Problems) {
        if let Err(wrong) = NameOf::Workflow.check(&self.name) {
            problems.error(code::NAME, NOWHERE, wrong.to_string());
        }
        let mut names = BTreeSet::new();
        for state in &self.states {
            if !names.insert(state.name.as_str()) {
                let message = format!("the state name `{}` is given twice", state.name);
                problems.error(code::DUPLICATE, NOWHERE, message);
            }
        }
        for OpenTransition { name, from, .. } in &self.transitions {
            if !names.contains(from.as_str()) {
                let message =
                    format!("the transition `{name}` begins in `{from}`, which does not exist");
                problems.error(code::UNKNOWN_TARGET, NOWHERE, message);
            }
        }
    }

    /// The same workflow as a document. A state that nothing leaves is final: rows have no other way to say so.
    pub(super) fn to_tree(&self) -> Tree {
        let mut leaving: BTreeMap<&str, Vec<&OpenTransition>> = BTreeMap::new();
        for transition in &self.transitions {
            leaving.entry(&transition.from).or_default().push(transition);
        }
        let states = self.states.iter().map(|state| {
            let leaving = leaving.remove(state.name.as_str()).unwrap_or_default();
            Entry::new(&state.name, open_state(state, &leaving))
        });
        let states = Tree::object(states.collect(), NOWHERE);
        Tree::object(vec![Entry::new("states", states)], NOWHERE)
    }
}

fn open_state(state: &OpenState, leaving: &[&OpenTransition]) -> Tree {
    let mut events: Vec<Entry> = Vec::new();
    for transition in leaving {
        let mut fields = vec![text("target", &transition.to)];
        fields.extend(transition.description.as_ref().map(|it| text("description", it)));
        let alternative = Tree::object(fields, NOWHERE);
        match events.iter_mut().find(|event| *event.key == *transition.name) {
            Some(Entry { value: Tree { kind: Kind::List(alternatives), .. }, .. }) => {
                alternatives.push(alternative);
            }
            Some(_) | None => {
                let kind = Kind::List(vec![alternative]);
                events.push(Entry::new(&transition.name, Tree { kind, at: NOWHERE }));
            }
        }
    }
    let mut fields = Vec::new();
    fields.extend(state.guideline.as_ref().map(|it| text("guideline", it)));
    fields.push(if events.is_empty() {
        text("type", "final")
    } else {
        Entry::new("on", Tree::object(events, NOWHERE))
    });
    Tree::object(fields, NOWHERE)
}

fn text(key: &str, text: &str) -> Entry {
    Entry::new(key, Tree::text(text, NOWHERE))
}
