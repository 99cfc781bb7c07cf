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
    let levels = fields.values().map(levels).max().unwrap_or_default();
    if levels > DEPTH_MAX {
        let (size, max) = (count(levels, "level"), count(DEPTH_MAX, "level"));
        return Err(OpError::TooLarge { what, size, max });
    }
    // Serialising is the only measure that agrees with what is stored.
    let bytes = serde_json::to_vec(fields).map_or(usize::MAX, |text| text.len());
    if bytes > max { Err(too_large(what, bytes, max)) } else { Ok(()) }
}

/// How deep a value nests: 0 for one without inner ones.
fn levels(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
        Json::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Json::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or_default(),
    }
}

fn too_large(what: &'static str, bytes: usize, max: usize) -> OpError {
    OpError::TooLarge { what, size: count(bytes, "byte"), max: count(max, "byte") }
}
