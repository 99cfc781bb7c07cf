//! What values an attribute or an event's data may take: JSON Schema.

use std::fmt;

use serde_json::Value as Json;

/// A compiled JSON Schema.
#[derive(Debug)]
pub struct Schema {
    source: Json,
    rule: Rule,
}

/// How a value is checked.
#[derive(Debug)]
enum Rule {
    /// Everything fits.
    Any,
    /// Only the type counts.
    Type(Type),
    /// Anything else.
    Full(Box<jsonschema::Validator>),
}

/// The types of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// A value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Where in the value, as a JSON Pointer; empty for the value itself.
    pub at: String,
    /// What is wrong with it.
    pub what: String,
}

/// The place as people write it, and what is wrong there: `lead/score is a string, but must be a number`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.trim_start_matches('/') {
            "" => f.write_str(&self.what),
            place => write!(f, "{place} {}", self.what),
        }
    }
}

/// All that does not fit, in one line.
#[must_use]
pub fn listed(problems: &[Mismatch]) -> String {
    problems.iter().map(Mismatch::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a value is no JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// What is wrong.
    pub message: String,
}

impl Schema {
    /// Compiles a schema. References may lead within it, nowhere else.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] if it is no JSON Schema of the draft 2020-12, or refers to another document.
    pub fn new(source: Json) -> Result<Self, SchemaError> {
        let rule = match simple(&source) {
            Some(rule) => rule,
            None => Rule::Full(Box::new(full(&source)?)),
        };
        Ok(Self { source, rule })
    }

    /// The schema that everything fits.
    #[must_use]
    pub fn any() -> Self {
        Self { source: Json::Bool(true), rule: Rule::Any }
    }

    /// The schema as JSON.
    #[must_use]
    pub fn source(&self) -> &Json {
        &self.source
    }

    /// Everything about a value that does not fit.
    #[must_use]
    pub fn check(&self, value: &Json) -> Vec<Mismatch> {
        match &self.rule {
            Rule::Any => Vec::new(),
            Rule::Type(wanted) if wanted.fits(value) => Vec::new(),
            Rule::Type(wanted) => {
                vec![Mismatch { at: String::new(), what: mistyped(value, wanted.name()) }]
            }
            Rule::Full(validator) => validator.iter_errors(value).map(|e| mismatch(&e)).collect(),
        }
    }
}

/// The rule of a schema that consists of a type at most, with keys that check nothing.
fn simple(source: &Json) -> Option<Rule> {
    let fields = match source {
        Json::Bool(true) => return Some(Rule::Any),
        Json::Object(fields) => fields,
        Json::Null | Json::Bool(false) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            return None;
        }
    };
    let is_silent =
        |key: &str| matches!(key, "type" | "title" | "description" | "default" | "examples");
    if !fields.keys().all(|key| is_silent(key)) {
        return None;
    }
    match fields.get("type") {
        None => Some(Rule::Any),
        Some(name) => name.as_str().and_then(Type::of).map(Rule::Type),
    }
}

fn full(source: &Json) -> Result<jsonschema::Validator, SchemaError> {
    if let Some(reference) = outward(source, 0) {
        let message = format!("the reference `{reference}` leads out of the schema");
        return Err(SchemaError { message });
    }
    jsonschema::draft202012::new(source).map_err(|error| SchemaError { message: error.to_string() })
}

/// A reference that leads to another document. Data, as in `const` and `enum`, is taken for references too: that refuses
/// a little too much, and never fetches anything.
fn outward(schema: &Json, depth: usize) -> Option<String> {
    if depth > crate::limits::DEPTH_MAX {
        return Some("…".to_owned());
    }
    match schema {
        Json::Object(fields) => fields.iter().find_map(|(key, value)| {
            let leads =
                matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef" | "$schema");
            let target = value.as_str().filter(|target| leads && !is_inward(target));
            target.map(str::to_owned).or_else(|| outward(value, depth + 1))
        }),
        Json::Array(items) => items.iter().find_map(|item| outward(item, depth + 1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// Whether a reference stays within its document, or names the draft itself.
fn is_inward(target: &str) -> bool {
    target.starts_with('#') || target.starts_with("https://json-schema.org/draft/2020-12/")
}

impl Type {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    fn fits(self, value: &Json) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// A type with its article.
fn article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "a whole number".to_owned(),
        "object" => "an object".to_owned(),
        _ => format!("a {name}"),
    }
}

fn mistyped(value: &Json, wanted: &str) -> String {
    let is = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    format!("is {}, but must be {}", article(is), article(wanted))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other errors word themselves well enough")]
fn mismatch(error: &jsonschema::ValidationError<'_>) -> Mismatch {
    use jsonschema::error::{TypeKind, ValidationErrorKind};
    let what = match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(wanted) } => {
            mistyped(error.instance(), &wanted.to_string())
        }
        ValidationErrorKind::Required { property } => {
            format!("lacks `{}`", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("has `{}`, which it must not have", unexpected.join("`, `"))
        }
        // The value itself is left out: it may be long, or not for everyone's eyes.
        _ => error.masked().to_string().trim_start_matches("value ").to_owned(),
    };
    Mismatch { at: error.instance_path().to_string(), what }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Json, value: Json, expected: &[(&str, &str)]) {
        let found = Schema::new(schema).unwrap().check(&value);
        let found: Vec<_> = found.iter().map(|m| (m.at.as_str(), m.what.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_plain_type_is_checked() {
        check(json!({"type": "number"}), json!(1), &[]);
        check(json!({"type": "number"}), json!("1"), &[("", "is a string, but must be a number")]);
        check(json!({"type": "integer"}), json!(2.0), &[]);
        check(
            json!({"type": "integer"}),
            json!(2.5),
            &[("", "is a number, but must be a whole number")],
        );
        check(json!({"description": "x"}), json!(null), &[]);
        check(json!(true), json!([1]), &[]);
    }

    #[test]
    fn every_mismatch_is_named_with_its_place() {
        let schema = json!({
            "type": "object", "required": ["score"],
            "properties": {"score": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": false,
        });
        check(schema.clone(), json!({"score": 1, "tags": ["a"]}), &[]);
        check(
            schema,
            json!({"tags": ["a", 2], "extra": 1}),
            &[
                ("/tags/1", "is a number, but must be a string"),
                ("", "has `extra`, which it must not have"),
                ("", "lacks `score`"),
            ],
        );
    }

    #[test]
    fn references_lead_nowhere_else() {
        let inside = json!({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"});
        check(inside, json!(1), &[("", "is a number, but must be a string")]);
        for target in ["https://example.com/schema.json", "file:///etc/passwd", "other.json"] {
            let error = Schema::new(json!({"properties": {"a": {"$ref": target}}})).unwrap_err();
            assert!(error.message.contains(target), "{error}");
        }
    }

    #[test]
    fn values_are_not_repeated_in_what_is_wrong_with_them() {
        check(json!({"minimum": 5}), json!(3), &[("", "is less than the minimum of 5")]);
        let endless = json!({"type": "string", "pattern": "^(?=(a+)+$)x"});
        let value = json!("a".repeat(50) + "!");
        assert!(Schema::new(endless).unwrap().check(&value)[0].what.starts_with("does not match"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let around =
            json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"});
        check(around, json!(1), &[]);
        check(json!({"$ref": "#"}), json!([1]), &[]);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for source in
            [json!({"type": "strin"}), json!({"minimum": "a"}), json!(3), json!({"pattern": "("})]
        {
            assert!(Schema::new(source.clone()).is_err(), "{source}");
        }
    }
}
