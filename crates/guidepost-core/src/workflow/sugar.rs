//! Short forms of sequences, spelled out before anything else is read.
//!
//! `steps: [a, b]` becomes states that lead from one to the next and end in a final state; `sections: [x, y]` likewise,
//! each a compound state marked as a section. Problems of what is inside are found later, at their own places.
//!
//! A step may be as plain as `{ agentId: writer, input: "..." }`: the agent is told the input, and what it gives is
//! `{{ previous }}` to the step that follows.

use std::collections::BTreeSet;

use super::problems::{Problems, code};
use super::settings;
use super::tree::{Entry, Kind, Tree};
use crate::diagnostic::Position;

/// The keys that give a step work, whose end leads on to the next.
const WORK: [&str; 9] = ["agent", "ask", "tool", "http", "exec", "task", "run", "wait", "invoke"];

/// The keys by which a step says itself where it leads.
const WAYS_OUT: [&str; 4] = ["on", "always", "after", "onDone"];

/// The final state that a sequence ends in.
const END: &str = "Done";

/// The attribute that holds what the plain step before gave.
const PREVIOUS: &str = "previous";

/// The keys of a plain step, and what they are otherwise called.
const PLAIN: [(&str, &str); 3] = [("agentId", "agent"), ("input", "prompt"), ("metadata", "meta")];

/// Spells out all short forms in a definition.
pub(super) fn expand(root: Tree, problems: &mut Problems) -> Tree {
    let has_plain_steps = root.get("steps").is_some_and(|steps| {
        steps.as_list().unwrap_or_default().iter().any(|step| step.get("agentId").is_some())
    });
    let Tree { kind: Kind::Object(mut entries), at } = root else { return root };
    if has_plain_steps {
        rename(&mut entries, &[("metadata", "meta")], problems);
        declare_previous(&mut entries, at);
    }
    settings::expand(&mut entries, problems);
    Tree::object(expand_entries(entries, problems), at)
}

/// Declares the attribute that plain steps hand on, unless its author did.
fn declare_previous(entries: &mut Vec<Entry>, at: Position) {
    if !entries.iter().any(|entry| &*entry.key == "attributes") {
        entries.push(Entry::new("attributes", Tree::object(Vec::new(), at)));
    }
    let attributes = entries.iter_mut().find(|entry| &*entry.key == "attributes");
    if let Some(Kind::Object(declared)) = attributes.map(|entry| &mut entry.value.kind)
        && !declared.iter().any(|entry| &*entry.key == PREVIOUS)
    {
        let any = Entry::new("type", Tree::text("any", at));
        declared.push(Entry::new(PREVIOUS, Tree::object(vec![any], at)));
    }
}

/// Calls keys what they are otherwise called.
fn rename(entries: &mut [Entry], names: &[(&str, &str)], problems: &mut Problems) {
    for (plain, own) in names {
        let is_given = entries.iter().any(|entry| &*entry.key == *own);
        let Some(found) = entries.iter_mut().find(|entry| &*entry.key == *plain) else { continue };
        if is_given {
            let message = format!("`{plain}` and `{own}` say the same: give one of them");
            problems.error(code::DUPLICATE, found.at, message);
        }
        found.key = (*own).into();
    }
}

/// Spells out a plain step.
fn expand_plain(entries: &mut Vec<Entry>, is_first: bool, at: Position, problems: &mut Problems) {
    if !entries.iter().any(|entry| &*entry.key == "agentId") {
        return;
    }
    rename(entries, &PLAIN, problems);
    let has = |key: &str| entries.iter().find(|entry| &*entry.key == key).map(|entry| entry.at);
    if let Some(output) = has("output") {
        let message = "a step with `agentId` gives its result to the next step as `previous`; \
                       to give it a name by `output`, write the step with `agent` and `prompt`";
        problems.error(code::KIND, output, message);
        return;
    }
    if !is_first && has("prompt").is_none() {
        entries.push(Entry::new("prompt", Tree::text(format!("{{{{ {PREVIOUS} }}}}"), at)));
    }
    let previous = Tree { kind: Kind::List(vec![Tree::text(PREVIOUS, at)]), at };
    entries.push(Entry::new("output", previous));
}

fn expand_entries(entries: Vec<Entry>, problems: &mut Problems) -> Vec<Entry> {
    let mut expanded = Vec::with_capacity(entries.len());
    let mut sequence: Option<Position> = None;
    for entry in entries {
        let is_section = match &*entry.key {
            "steps" => false,
            "sections" => true,
            "states" => {
                let mut states = entry;
                if let Kind::Object(inner) = states.value.kind {
                    let inner = inner.into_iter().map(|state| expand_state(state, problems));
                    states.value = Tree::object(inner.collect(), states.value.at);
                }
                expanded.push(states);
                continue;
            }
            _ => {
                expanded.push(entry);
                continue;
            }
        };
        if sequence.replace(entry.at).is_some() {
            problems.error(code::KIND, entry.at, "a state has either `steps` or `sections`");
            continue;
        }
        let key = if is_section { "sections" } else { "steps" };
        let steps = listed(entry.value, key, problems);
        let states = sequence_of(steps, is_section, problems);
        expanded.push(Entry {
            key: "states".into(),
            at: entry.at,
            value: Tree::object(states, entry.at),
        });
    }
    if let Some(at) = sequence
        && expanded.iter().filter(|entry| &*entry.key == "states").count() > 1
    {
        problems.error(code::KIND, at, "a state has either `states`, `steps` or `sections`");
        let mut seen = false;
        expanded.retain(|entry| &*entry.key != "states" || !std::mem::replace(&mut seen, true));
    }
    expanded
}

fn expand_state(state: Entry, problems: &mut Problems) -> Entry {
    let Entry { key, at, value } = state;
    let value = match value.kind {
        Kind::Object(entries) => Tree::object(expand_entries(entries, problems), value.at),
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_)) => {
            Tree { kind, at: value.at }
        }
    };
    Entry { key, at, value }
}

/// The steps with their names: from a list, where each brings its own, or from an object.
fn listed(tree: Tree, key: &str, problems: &mut Problems) -> Vec<Entry> {
    let at = tree.at;
    match tree.kind {
        Kind::Object(entries) => entries,
        Kind::List(items) => {
            let mut steps: Vec<Entry> = Vec::with_capacity(items.len());
            let mut names = BTreeSet::new();
            for (number, item) in items.into_iter().enumerate() {
                let step = named(item, number + 1, key);
                if !names.insert(step.key.clone()) {
                    let message = format!("the name `{}` is given to two {key}", step.key);
                    problems.error(code::DUPLICATE, step.at, message);
                    continue;
                }
                steps.push(step);
            }
            steps
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
            problems.error(code::SHAPE, at, format!("`{key}` is a list"));
            Vec::new()
        }
    }
}

/// A step under its `name`, else its `id`, else its number. A text alone is a name.
fn named(item: Tree, number: usize, key: &str) -> Entry {
    let at = item.at;
    let singular = key.trim_end_matches('s');
    match item.kind {
        Kind::Text(name) => Entry { key: name.text, at, value: Tree::object(Vec::new(), at) },
        Kind::Object(mut entries) => {
            let found = ["name", "id"].iter().find_map(|key| {
                entries
                    .iter()
                    .position(|entry| &*entry.key == *key && entry.value.as_text().is_some())
            });
            let Some(found) = found else {
                let name = format!("{singular}-{number}").into_boxed_str();
                return Entry { key: name, at, value: Tree::object(entries, at) };
            };
            let name = entries.remove(found);
            let key = name.value.as_text().unwrap_or_default().into();
            Entry { key, at: name.value.at, value: Tree::object(entries, at) }
        }
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_)) => {
            Entry { key: format!("{singular}-{number}").into(), at, value: Tree { kind, at } }
        }
    }
}

/// Links steps one to the next, and the last to a final state.
fn sequence_of(steps: Vec<Entry>, is_section: bool, problems: &mut Problems) -> Vec<Entry> {
    let names: Vec<Box<str>> = steps.iter().map(|step| step.key.clone()).collect();
    let end = if names.iter().any(|name| &**name == END) { "Done-" } else { END };
    let mut states = Vec::with_capacity(steps.len() + 1);
    let mut at = Position::default();
    for (number, mut step) in steps.into_iter().enumerate() {
        at = step.at;
        if let (false, Kind::Object(entries)) = (is_section, &mut step.value.kind) {
            expand_plain(entries, number == 0, at, problems);
        }
        let next = names.get(number + 1).map_or(end, |name| name);
        states.push(linked(expand_state(step, problems), next, is_section));
    }
    if !names.is_empty() {
        let kind = Entry::new("type", Tree::text("final", at));
        states.push(Entry { key: end.into(), at, value: Tree::object(vec![kind], at) });
    }
    states
}

fn linked(step: Entry, next: &str, is_section: bool) -> Entry {
    let Entry { key, at, value } = step;
    let Tree { kind: Kind::Object(mut entries), at: begin } = value else {
        return Entry { key, at, value };
    };
    let has = |keys: &[&str]| entries.iter().any(|entry| keys.contains(&&*entry.key));
    let is_final = entries.iter().any(|e| &*e.key == "type" && e.value.as_text() == Some("final"));
    let goes_on_by_itself = has(&WORK) || has(&["states"]);
    if !has(&WAYS_OUT) && !is_final {
        let target = Tree::text(next, at);
        entries.push(if goes_on_by_itself {
            Entry::new("onDone", target)
        } else {
            Entry::new("on", Tree::object(vec![Entry::new("done", target)], at))
        });
    }
    if is_section && !entries.iter().any(|entry| &*entry.key == "section") {
        entries.push(Entry::new("section", Tree { kind: Kind::Bool(true), at }));
    }
    Entry { key, at, value: Tree::object(entries, begin) }
}
