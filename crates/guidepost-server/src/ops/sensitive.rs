//! What is kept from eyes that need not see it: the values of attributes that a workflow calls sensitive.
//!
//! They are hidden wherever a run's data or history is shown as a whole, and so is what makes work good as far as it was
//! worked out from them. Whoever names one by its path gets it, and whoever does the work is told what it needs; a text that is
//! filled in has a form for everybody else.

use guidepost_core::data::Pointer;
use guidepost_core::machine::Machine;
pub(super) use guidepost_core::machine::sensitive::{HIDDEN, has_any, names};
use guidepost_core::machine::sensitive::{secret, tells};
use guidepost_core::record::{Compensation, Lasting};
use guidepost_store::{Role, Turn};
use serde_json::Value as Json;

/// Hides sensitive values in a run's data, in what an event carried, in changes to the data, or in what is to be made good.
pub(super) fn hide(machine: &Machine, value: &mut Json) {
    let names = names(machine);
    if !names.is_empty() {
        hide_named(&names, value);
        hide_in_work(machine, value);
    }
}

/// What makes work good, as everybody may see it.
pub(super) fn shown(machine: &Machine, work: &[Compensation]) -> Vec<Compensation> {
    let names = names(machine);
    let mut shown = work.to_vec();
    if !names.is_empty() {
        shown.iter_mut().for_each(|one| hide_told(machine, &names, one));
    }
    shown
}

/// Hides what is sensitive in what a step says would make its work good. So it is recorded: whoever is to act on it can read
/// the data.
pub(super) fn hide_remedy(machine: &Machine, lasting: &mut Lasting) {
    let names = names(machine);
    if names.is_empty() {
        return;
    }
    let step =
        machine.find(lasting.state.as_str()).and_then(|ix| machine.state(ix).work.as_deref());
    let said = step.and_then(|step| step.spec.get("compensate"));
    hide_filled(&secret(&names, step), said, &mut lasting.compensate);
}

/// Hides what is sensitive in what an agent gave. What it was told was said without.
pub(super) fn hide_turn(machine: &Machine, turn: &mut Turn) {
    let names = names(machine);
    if names.is_empty() || turn.role == Role::User {
        return;
    }
    let state = machine.find(turn.state.as_str()).map(|ix| machine.state(ix));
    match (state.map(|state| state.output.as_slice()), &mut turn.content) {
        // One output is said without its name.
        (Some([name]), content) if names.contains(&name.as_str()) => *content = HIDDEN.into(),
        // So it may have been one, in a version that had the step.
        (None, content) if !content.is_object() => *content = HIDDEN.into(),
        (_, content) => hide_named(&names, content),
    }
}

/// Hides what the record of what is to be made good tells, wherever such a record stands in a value.
fn hide_in_work(machine: &Machine, value: &mut Json) {
    let Json::Object(fields) = value else { return };
    if let Some(body) = fields.get_mut("body") {
        hide_in_work(machine, body);
    }
    let Some(Json::Array(work)) = fields.get_mut("work") else { return };
    for one in work {
        let Ok(typed) = serde_json::from_value::<Compensation>(one.clone()) else { continue };
        let [hidden] = &shown(machine, &[typed])[..] else { continue };
        for (key, told) in
            [("prompt", hidden.prompt.clone().map(Json::from)), ("spec", Some(hidden.spec.clone()))]
        {
            if let (Some(field), Some(told)) = (one.get_mut(key), told) {
                *field = told;
            }
        }
    }
}

/// Hides the texts of one that name what is sensitive, and all of one whose step the workflow does not have.
fn hide_told(machine: &Machine, names: &[&str], one: &mut Compensation) {
    let step = machine.find(one.state.as_str()).and_then(|ix| machine.state(ix).work.as_ref());
    let work = step.and_then(|step| step.compensate.as_ref());
    let secret = secret(names, step.map(|step| &**step));
    let prompt = work.and_then(|work| work.prompt.as_ref());
    let is_open = prompt.is_some_and(|prompt| !has_any(&secret, prompt.names()));
    if !is_open && let Some(prompt) = &mut one.prompt {
        HIDDEN.clone_into(prompt);
    }
    hide_filled(&secret, work.map(|work| &work.spec), &mut one.spec);
}

/// Hides the values that were worked out from texts that name what is sensitive.
fn hide_filled(names: &[&str], template: Option<&Json>, filled: &mut Json) {
    match (template, filled) {
        (Some(Json::Object(templates)), Json::Object(fields)) => {
            for (name, field) in fields {
                hide_filled(names, templates.get(name), field);
            }
        }
        (Some(Json::Array(templates)), Json::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                hide_filled(names, templates.get(at), item);
            }
        }
        (Some(template @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_))), _)
            if !tells(names, template) => {}
        (_, Json::Null) => {}
        (_, filled) => *filled = HIDDEN.into(),
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
