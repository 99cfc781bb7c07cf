//! What is kept from eyes that need not see it: the values of attributes that a workflow calls sensitive.
//!
//! They are hidden wherever a run's data or history is shown as a whole. Whoever names one by its path gets it.

use guidepost_core::data::Pointer;
use guidepost_core::machine::Machine;
use serde_json::Value as Json;

/// What stands in place of a sensitive value.
pub(super) const HIDDEN: &str = "(sensitive)";

/// Hides sensitive values in a run's data, in what an event carried, or in changes to the data.
pub(super) fn hide(machine: &Machine, value: &mut Json) {
    let attributes = machine.attributes.iter().filter(|(_, attribute)| attribute.sensitive);
    let names: Vec<&str> = attributes.map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        hide_named(&names, value);
    }
}

fn hide_named(names: &[&str], value: &mut Json) {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        // A change is a list of a place and a value: `{"set": ["/token", "s3cret"]}`.
        Json::Array(items) => match items.as_mut_slice() {
            [Json::String(place), changed] if is_at(names, place) => *changed = HIDDEN.into(),
            items => items.iter_mut().for_each(|item| hide_named(names, item)),
        },
        Json::Object(fields) => {
            for (name, field) in fields {
                if names.contains(&name.as_str()) {
                    *field = HIDDEN.into();
                } else {
                    hide_named(names, field);
                }
            }
        }
    }
}

/// Whether a place in the data lies in one of the attributes.
fn is_at(names: &[&str], place: &str) -> bool {
    let attribute = Pointer::from(place).segments().next();
    place.starts_with('/') && attribute.is_some_and(|name| names.contains(&name.as_str()))
}
