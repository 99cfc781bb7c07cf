//! Arguments that are JSON.

use guidepost_core::exact::expect_exact;
use serde_json::{Map, Value as Json};

/// The fields of a JSON object given as an argument.
pub(crate) type Object = Map<String, Json>;

/// Reads an argument that must be a JSON object.
pub(crate) fn object(text: &str) -> Result<Object, String> {
    match serde_json::from_str(text) {
        Ok(Json::Object(fields)) => exact(text).map(|()| fields),
        Ok(_) => Err("expected a JSON object, as in '{\"score\":90}'".to_owned()),
        Err(error) => Err(format!("expected a JSON object, as in '{{\"score\":90}}': {error}")),
    }
}

/// Reads an argument that may be any JSON.
pub(crate) fn value(text: &str) -> Result<Json, String> {
    let value = serde_json::from_str(text).map_err(|error| {
        format!("expected JSON, as in '{{\"score\":90}}' or '\"done\"': {error}")
    })?;
    exact(text).map(|()| value)
}

/// Refuses what reading would have changed.
pub(crate) fn exact(text: &str) -> Result<(), String> {
    expect_exact(text).map_err(|found| found.to_string())
}
