//! Several invokes of one state, as XState allows, spelled out as regions.
//!
//! A state has one piece of work, and a parallel state has as many regions as one likes. All are begun when it is entered
//! and ended when it is left, so a state without inner states that invokes several actors means the same as a parallel one
//! with a region for each.

use std::collections::BTreeSet;

use super::tree::{Entry, Kind, Tree};

/// Spells out the invokes of all states below the root of a definition whose id is `id`.
pub(super) fn expand(root: Tree, id: &str) -> Tree {
    let Tree { kind: Kind::Object(entries), at } = root else { return root };
    let entries = entries.into_iter().map(|entry| below(entry, &format!("#{id}."))).collect();
    Tree::object(entries, at)
}

/// The inner states of a state, if this is where they stand. `around` is how a target names them.
fn below(entry: Entry, around: &str) -> Entry {
    if &*entry.key != "states" {
        return entry;
    }
    let Entry { key, at, value } = entry;
    let value = match value.kind {
        Kind::Object(states) => {
            let states = states.into_iter().map(|inner| state(inner, around));
            Tree::object(states.collect(), value.at)
        }
        kind @ (Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_)) => {
            Tree { kind, at: value.at }
        }
    };
    Entry { key, at, value }
}

fn state(state: Entry, around: &str) -> Entry {
    let is_plain = state.value.get("type").is_none_or(|kind| kind.as_text() == Some("atomic"))
        && state.value.get("states").is_none();
    let several = state.value.get("invoke").and_then(Tree::as_list).filter(|all| all.len() > 1);
    let regions = several.filter(|_| is_plain).map(|invokes| regions(invokes, around));
    let Entry { key, at, value } = state;
    let Tree { kind: Kind::Object(mut entries), at: begin } = value else {
        return Entry { key, at, value };
    };
    if let Some(regions) = regions {
        entries.retain(|entry| !matches!(&*entry.key, "invoke" | "type"));
        entries.push(Entry::new("type", Tree::text("parallel", at)));
        entries.push(Entry::new("states", Tree::object(regions, at)));
        return Entry { key, at, value: Tree::object(entries, begin) };
    }
    let around = format!("{around}{key}.");
    let entries = entries.into_iter().map(|entry| below(entry, &around)).collect();
    Entry { key, at, value: Tree::object(entries, begin) }
}

/// A region for each invoke, named by its id if that can be a name.
fn regions(invokes: &[Tree], around: &str) -> Vec<Entry> {
    let mut names = BTreeSet::new();
    let mut regions = Vec::with_capacity(invokes.len());
    for (number, invoke) in invokes.iter().enumerate() {
        let id = invoke.get("id").and_then(Tree::as_text).unwrap_or_default();
        let may_be_name = !id.is_empty() && id.trim() == id && !id.contains(['.', '#']);
        let mut name = if may_be_name { id.to_owned() } else { format!("invoke-{}", number + 1) };
        while !names.insert(name.clone()) {
            name.push('\'');
        }
        let at = invoke.at;
        let invoke = Entry::new("invoke", anchored(invoke, around));
        regions.push(Entry::new(&name, Tree::object(vec![invoke], at)));
    }
    regions
}

/// The invoke, with targets that mean the same from inside its region.
fn anchored(invoke: &Tree, around: &str) -> Tree {
    let Some(entries) = invoke.as_object() else { return invoke.clone() };
    let entries = entries.iter().map(|entry| match &*entry.key {
        "onDone" | "onError" => Entry { value: transition(&entry.value, around), ..entry.clone() },
        _ => entry.clone(),
    });
    Tree::object(entries.collect(), invoke.at)
}

/// A transition, or a list of them: a target, or an object with one.
fn transition(tree: &Tree, around: &str) -> Tree {
    match &tree.kind {
        Kind::Text(_) => target(tree, around),
        Kind::List(items) => {
            let items = items.iter().map(|item| transition(item, around)).collect();
            Tree { kind: Kind::List(items), at: tree.at }
        }
        Kind::Object(entries) => {
            let entries = entries.iter().map(|entry| match &*entry.key {
                "target" => Entry { value: target(&entry.value, around), ..entry.clone() },
                _ => entry.clone(),
            });
            Tree::object(entries.collect(), tree.at)
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => tree.clone(),
    }
}

fn target(tree: &Tree, around: &str) -> Tree {
    match &tree.kind {
        Kind::Text(text) if !text.text.starts_with(['#', '.']) => {
            Tree::text(format!("{around}{}", text.text), tree.at)
        }
        Kind::List(items) => {
            let items = items.iter().map(|item| target(item, around)).collect();
            Tree { kind: Kind::List(items), at: tree.at }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Object(_) => {
            tree.clone()
        }
    }
}
