//! What the settings of a flow say about all work, written down where work says nothing itself.

use super::super::settings::Flow;
use super::super::tree::{Entry, Kind, Tree};
use super::WORK;

/// Gives all work below a state what the settings say, unless it says so itself.
pub(super) fn fill(entries: &mut [Entry], flow: &Flow) {
    if flow.retry.is_none() && flow.timeout.is_none() && flow.expires.is_none() {
        return;
    }
    let states = entries.iter_mut().find(|entry| &*entry.key == "states");
    let Some(Kind::Object(states)) = states.map(|states| &mut states.value.kind) else { return };
    for state in states {
        if let Kind::Object(entries) = &mut state.value.kind {
            fill_state(entries, flow);
            fill(entries, flow);
        }
    }
}

fn fill_state(entries: &mut Vec<Entry>, flow: &Flow) {
    let Some(work) = entries.iter().find(|entry| WORK.contains(&&*entry.key)) else { return };
    let defaults = match &*work.key {
        "wait" => return,
        "ask" => vec![("expires", &flow.expires)],
        _ => vec![("retry", &flow.retry), ("timeout", &flow.timeout)],
    };
    let says =
        |key: &str| entries.iter().any(|entry| &*entry.key == key) || work.value.get(key).is_some();
    let missing = |(key, value): (&str, &Option<Tree>)| {
        let value = value.as_ref().filter(|_| !says(key))?;
        Some(Entry::new(key, value.clone()))
    };
    let new: Vec<Entry> = defaults.into_iter().filter_map(missing).collect();
    entries.extend(new);
}
