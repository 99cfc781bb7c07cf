//! What a workflow calls sensitive: which texts would tell it.

use serde_json::Value as Json;

use super::expr::{Expr, Names, Template};
use super::{Machine, Work};

/// What stands in place of a sensitive value.
pub const HIDDEN: &str = "(sensitive)";

/// The attributes that are sensitive.
#[must_use]
pub fn names(machine: &Machine) -> Vec<&str> {
    let attributes = machine.attributes.iter().filter(|(_, attribute)| attribute.sensitive);
    attributes.map(|(name, _)| name.as_str()).collect()
}

/// What texts about a step may not name: what is sensitive, and what its branches are for if that is.
#[must_use]
pub fn secret<'a>(names: &[&'a str], step: Option<&Work>) -> Vec<&'a str> {
    let each = step.and_then(|step| step.spec.get("for_each"));
    let is_told = each.is_some_and(|each| each_tells(names, each));
    names.iter().copied().chain(is_told.then_some("item")).collect()
}

/// Whether a text, or an expression that stands alone, names one of these; what cannot be read may.
#[must_use]
pub fn tells(names: &[&str], template: &Json) -> bool {
    let Json::String(text) = template else { return false };
    Template::compile(text).map_or(true, |template| has_any(names, template.names()))
}

/// Whether any of these names is among those that were found.
#[must_use]
pub fn has_any(names: &[&str], found: &Names) -> bool {
    names.iter().any(|name| found.attributes.contains(*name))
}

/// Whether the items of a fan-out may be what one of these holds.
fn each_tells(names: &[&str], for_each: &Json) -> bool {
    match for_each {
        Json::String(source) => {
            Expr::compile(source).map_or(true, |each| has_any(names, each.names()))
        }
        Json::Array(items) => items.iter().any(|item| tells(names, item)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => false,
    }
}
