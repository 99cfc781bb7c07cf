//! What is larger than it may be is refused by name, before anything is done with it.

use guidepost_core::limits::DEPTH_MAX;
use serde_json::{Map, Value as Json};

use super::OpError;
use super::error::count;

/// Refuses a text that is too long.
pub(super) fn check_text(
    what: &'static str,
    text: Option<&str>,
    max: usize,
) -> Result<(), OpError> {
    match text.map(str::len) {
        Some(bytes) if bytes > max => Err(too_large(what, bytes, max)),
        Some(_) | None => Ok(()),
    }
}

/// Refuses JSON that is too long or nested too deeply.
pub(super) fn check_json(
    what: &'static str,
    fields: &Map<String, Json>,
    max: usize,
) -> Result<(), OpError> {
    if !fields.values().all(|value| is_shallow(value, DEPTH_MAX)) {
        let (size, max) = ("more levels".to_owned(), format!("{DEPTH_MAX} levels"));
        return Err(OpError::TooLarge { what, size, max });
    }
    // Serialising is the only measure that agrees with what is stored.
    let bytes = serde_json::to_vec(fields).map_or(usize::MAX, |text| text.len());
    if bytes > max { Err(too_large(what, bytes, max)) } else { Ok(()) }
}

fn is_shallow(value: &Json, levels: usize) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        Json::Array(_) | Json::Object(_) if levels == 0 => false,
        Json::Array(items) => items.iter().all(|item| is_shallow(item, levels - 1)),
        Json::Object(fields) => fields.values().all(|item| is_shallow(item, levels - 1)),
    }
}

fn too_large(what: &'static str, bytes: usize, max: usize) -> OpError {
    OpError::TooLarge { what, size: count(bytes, "byte"), max: count(max, "byte") }
}
