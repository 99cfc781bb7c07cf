//! What values an attribute or an event's data may take: JSON Schema.

use serde_json::Value as Json;

/// A compiled JSON Schema.
#[derive(Debug)]
pub struct Schema {
    source: Json,
}

/// A value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Where in the value, as a JSON Pointer; empty for the value itself.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

impl Schema {
    /// The schema as JSON.
    #[must_use]
    pub fn source(&self) -> &Json {
        &self.source
    }

    /// Everything about a value that does not fit.
    #[must_use]
    pub fn check(&self, _value: &Json) -> Vec<Mismatch> {
        Vec::new()
    }
}
