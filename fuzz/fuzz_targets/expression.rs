//! Any text as an expression: a value or an error, never a panic, and never more than its budget.
#![no_main]

use std::sync::Arc;

use guidepost_core::data::{Data, value_of};
use guidepost_core::id::{AttributeName, StateId};
use guidepost_core::machine::expr::{Expr, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let Ok(expr) = Expr::compile(source) else { return };
    let data: Data =
        [("a", json!([1, "two", null])), ("b", json!("text")), ("c", json!({"d": 1.5}))]
            .into_iter()
            .map(|(name, value)| (AttributeName::from(name), value))
            .collect();
    let event = value_of(&json!({"n": 3, "s": "x"}));
    let scope = Scope { data, event, active: Arc::from([StateId::from("A.B")]) };
    let _ = expr.eval(&scope);
});
