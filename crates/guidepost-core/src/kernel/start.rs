//! How a run begins.

use serde_json::{Map, Value as Json};

use crate::data::Change;
use crate::diagnostic::closest;
use crate::id::AttributeName;
use crate::input::Start;
use crate::kernel::macrostep::{Livelock, Macrostep};
use crate::kernel::{Decision, Rejected};
use crate::machine::Machine;
use crate::machine::schema::Mismatch;
use crate::record::{Record, Started};
use crate::run::Run;

/// A machine that does not come to rest is not started at all: there is nothing yet that could be paused.
pub(super) fn decide(machine: &Machine, start: &Start) -> Result<Decision, Rejected> {
    let unbound = machine.unbound();
    if !unbound.is_empty() {
        return Err(Rejected::Unbound { names: unbound });
    }
    let problems = problems(machine, &start.data);
    if !problems.is_empty() {
        return Err(Rejected::BadStart { problems });
    }
    let started = Record::from(Started {
        workflow: machine.name.clone(),
        machine: machine.hash.clone(),
        driver: start.driver,
        by: start.by.caller.clone(),
        changes: first_values(machine, start),
        at: start.at,
    });
    let mut run = Run::default();
    if let Err(misfit) = run.apply(&started) {
        let problem = Mismatch { at: String::new(), what: misfit.to_string() };
        return Err(Rejected::BadStart { problems: vec![problem] });
    }
    let mut step = Macrostep::new(machine, &run, start.at)?;
    step.note(started);
    step.begin();
    step.finish(Livelock::Refuse)
}

/// Defaults, then what the run is started with, in the order the attributes are declared.
fn first_values(machine: &Machine, start: &Start) -> Vec<Change> {
    let declared = machine.attributes.iter().filter_map(|(name, attribute)| {
        let given = start.data.get(name.as_str()).or(attribute.default.as_ref());
        given.map(|value| Change::set(name, value.clone()))
    });
    let others =
        start.data.iter().filter(|(name, _)| !machine.attributes.contains_key(name.as_str()));
    let others =
        others.map(|(name, value)| Change::set(&AttributeName::from(name.as_str()), value.clone()));
    declared.chain(others).collect()
}

/// What is wrong with first values of a machine's attributes.
pub(crate) fn problems(machine: &Machine, data: &Map<String, Json>) -> Vec<Mismatch> {
    let mut problems = Vec::new();
    for (name, attribute) in &machine.attributes {
        match data.get(name.as_str()) {
            Some(value) => problems.extend(mismatches(attribute, name, value)),
            None if attribute.required && attribute.default.is_none() => problems.push(Mismatch {
                at: format!("/{name}"),
                what: format!("is missing; it must be of type {}", attribute.r#type),
            }),
            None => {}
        }
    }
    // A workflow that declares no attributes takes any.
    if !machine.attributes.is_empty() {
        let known = || machine.attributes.keys().map(AttributeName::as_str);
        for name in data.keys().filter(|name| known().all(|known| known != name.as_str())) {
            let hint = closest(name, known()).map(|meant| format!("; did you mean `{meant}`?"));
            let what = format!("is no attribute of the workflow{}", hint.unwrap_or_default());
            problems.push(Mismatch { at: format!("/{name}"), what });
        }
    }
    problems
}

/// What is wrong with an attribute's value, by its place in the data.
pub(super) fn mismatches(
    attribute: &crate::machine::Attribute,
    name: &AttributeName,
    value: &Json,
) -> Vec<Mismatch> {
    let problems = attribute.schema.check(value).into_iter();
    problems.map(|problem| Mismatch { at: format!("/{name}{}", problem.at), ..problem }).collect()
}
