//! The filters: what can stand after `|`. A closed table, every entry bounded by the evaluator it works with.

mod list;
mod text;

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::eval::{Eval, Result, fail};
use super::value::article;

/// A filter.
pub(super) struct Filter {
    pub(super) name: &'static str,
    /// Its arguments by name, in the order they are given without one.
    pub(super) parameters: &'static [&'static str],
    /// How many of them it cannot do without.
    pub(super) required: usize,
    pub(super) apply: fn(&mut Eval<'_>, &Value, &Given) -> Result<Value>,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The arguments of one call, evaluated.
pub(super) struct Given {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(Arc<str>, Value)>,
}

impl Given {
    /// The argument at this position or of this name.
    fn get(&self, position: usize, name: &str) -> Option<&Value> {
        let named = || self.named.iter().find(|(key, _)| &**key == name).map(|(_, value)| value);
        self.positional.get(position).or_else(named)
    }

    /// The argument as a text.
    fn text(&self, position: usize, name: &str) -> Result<Option<&str>> {
        match self.get(position, name) {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text)),
                None => fail(format!("`{name}` must be a text, not {}", article(value.kind()))),
            },
        }
    }

    /// The argument as a count.
    fn count(&self, position: usize, name: &str) -> Result<Option<usize>> {
        match self.get(position, name) {
            None => Ok(None),
            Some(value) => match value.as_usize().filter(|_| value.is_integer()) {
                Some(count) => Ok(Some(count)),
                None => fail(format!("`{name}` must be a whole number that is not negative")),
            },
        }
    }

    /// Whether the argument is given and true.
    fn flag(&self, position: usize, name: &str) -> bool {
        self.get(position, name).is_some_and(Value::is_true)
    }
}

/// The filter of this name.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    let name = match name {
        "count" => "length",
        "d" => "default",
        other => other,
    };
    all().find(|filter| filter.name == name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|filter| filter.name)
}

fn all() -> impl Iterator<Item = &'static Filter> {
    GENERAL.iter().chain(&text::FILTERS).chain(&list::FILTERS)
}

/// Filters for values of any kind. `default` is here for its name and arguments only: it is compiled to a node of its own.
static GENERAL: [Filter; 10] = [
    Filter {
        name: "default",
        parameters: &["value", "boolean"],
        required: 0,
        apply: |_, value, _| Ok(value.clone()),
    },
    Filter { name: "length", parameters: &[], required: 0, apply: length },
    Filter { name: "string", parameters: &[], required: 0, apply: string },
    Filter { name: "int", parameters: &["default"], required: 0, apply: int },
    Filter { name: "float", parameters: &["default"], required: 0, apply: float },
    Filter {
        name: "bool",
        parameters: &[],
        required: 0,
        apply: |_, value, _| Ok(Value::from(value.is_true())),
    },
    Filter { name: "abs", parameters: &[], required: 0, apply: abs },
    Filter { name: "round", parameters: &["precision"], required: 0, apply: round },
    Filter { name: "tojson", parameters: &["indent"], required: 0, apply: to_json },
    Filter { name: "attr", parameters: &["name"], required: 1, apply: attr },
];

fn length(_: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    match value.len() {
        Some(length) => Ok(Value::from(length)),
        None => fail(format!("{} has no length", article(value.kind()))),
    }
}

fn string(eval: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    let text = eval.written(value)?;
    eval.text(text)
}

fn int(_: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    if value.is_integer() {
        return Ok(value.clone());
    }
    let number = number(value);
    if let Some(text) = value.as_str()
        && let Ok(whole) = text.trim().parse::<i64>()
    {
        return Ok(Value::from(whole));
    }
    match (number, given.get(0, "default")) {
        // 2^63 is the first float that does not fit.
        (Some(number), _) if number.abs() < 9_223_372_036_854_775_808.0 => {
            #[expect(clippy::cast_possible_truncation, reason = "the fraction is meant to go")]
            let whole = number.trunc() as i64;
            Ok(Value::from(whole))
        }
        (_, Some(default)) => Ok(default.clone()),
        (_, None) => fail(format!("{} is no whole number", article(value.kind()))),
    }
}

fn float(_: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    match (number(value), given.get(0, "default")) {
        (Some(number), _) => Ok(Value::from(number)),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => fail(format!("{} is no number", article(value.kind()))),
    }
}

/// The number a value is, or that a text spells.
fn number(value: &Value) -> Option<f64> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    };
    number.filter(|number| number.is_finite())
}

fn abs(eval: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    if value.kind() != ValueKind::Number {
        return fail(format!("{} has no absolute value", article(value.kind())));
    }
    if eval.order(value, &Value::from(0))?.is_lt() { eval.negate(value) } else { Ok(value.clone()) }
}

fn round(_: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    if value.is_integer() {
        return Ok(value.clone());
    }
    let (ValueKind::Number, Some(number)) = (value.kind(), number(value)) else {
        return fail(format!("{} cannot be rounded", article(value.kind())));
    };
    // A float has at most 17 significant digits; further ones would only overflow.
    let precision = given.count(0, "precision")?.unwrap_or(0).min(17);
    let factor = 10_f64.powi(i32::try_from(precision).unwrap_or(17));
    let rounded = (number * factor).round() / factor;
    Ok(Value::from(if rounded.is_finite() { rounded } else { number }))
}

fn to_json(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let json = eval.json(value, &mut crate::limits::TEXT_BYTES_MAX.clone())?;
    let text = if given.get(0, "indent").is_some_and(Value::is_true) {
        serde_json::to_string_pretty(&json).unwrap_or_default()
    } else {
        json.to_string()
    };
    eval.text(text)
}

fn attr(_: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let name = given.text(0, "name")?.unwrap_or_default();
    Ok(value.get_attr(name).unwrap_or_default())
}
