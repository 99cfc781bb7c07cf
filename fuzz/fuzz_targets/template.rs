//! Any text as a template: a text within its bound or an error, never a panic.
#![no_main]

use std::sync::Arc;

use guidepost_core::data::{Data, value_of};
use guidepost_core::id::AttributeName;
use guidepost_core::limits::TEXT_BYTES_MAX;
use guidepost_core::machine::expr::{Scope, Template};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let Ok(template) = Template::compile(source) else { return };
    let data: Data = [("a", json!([1, "two", [3]])), ("b", json!("text"))]
        .into_iter()
        .map(|(name, value)| (AttributeName::from(name), value))
        .collect();
    let scope = Scope { data, event: value_of(&json!({"n": 3})), active: Arc::from([]) };
    if let Ok(text) = template.render(&scope) {
        assert!(text.len() <= TEXT_BYTES_MAX.max(source.len()));
    }
});
