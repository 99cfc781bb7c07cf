//! The tests: what can stand after `is`, and in `select` and `reject`.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::eval::{Eval, Result, fail};
use super::node::Operator;

/// A test of a value.
pub(super) struct Test {
    pub(super) name: &'static str,
    /// How many arguments it takes: 0 or 1.
    pub(super) arguments: usize,
    pub(super) apply: fn(&mut Eval<'_>, &Value, Option<&Value>) -> Result<bool>,
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The test of this name.
pub(super) fn find(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|test| test.name == name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TESTS.iter().map(|test| test.name).chain(["defined", "undefined"])
}

macro_rules! test {
    ($name:literal, $test:expr) => {
        Test { name: $name, arguments: 0, apply: |_, value, _| Ok($test(value)) }
    };
}

macro_rules! operator {
    ($name:literal, $operator:ident) => {
        Test {
            name: $name,
            arguments: 1,
            apply: |eval, a, b| {
                let Some(b) = b else { return fail(concat!("`", $name, "` compares two values")) };
                Ok(eval.operate(Operator::$operator, a, b)?.is_true())
            },
        }
    };
}

fn is(kind: ValueKind) -> impl Fn(&Value) -> bool {
    move |value| value.kind() == kind
}

static TESTS: [Test; 34] = [
    test!("none", Value::is_none),
    test!("null", Value::is_none),
    test!("boolean", is(ValueKind::Bool)),
    test!("true", |v: &Value| v.kind() == ValueKind::Bool && v.is_true()),
    test!("false", |v: &Value| v.kind() == ValueKind::Bool && !v.is_true()),
    test!("number", is(ValueKind::Number)),
    test!("integer", Value::is_integer),
    test!("float", |v: &Value| v.kind() == ValueKind::Number && !v.is_integer()),
    test!("string", is(ValueKind::String)),
    test!("sequence", is(ValueKind::Seq)),
    test!("mapping", is(ValueKind::Map)),
    test!("iterable", |v: &Value| matches!(
        v.kind(),
        ValueKind::Seq | ValueKind::Map | ValueKind::String
    )),
    test!("empty", |v: &Value| v.len() == Some(0)),
    test!("odd", |v: &Value| v.is_integer() && v.as_i64().is_some_and(|n| n % 2 != 0)),
    test!("even", |v: &Value| v.is_integer() && v.as_i64().is_some_and(|n| n % 2 == 0)),
    Test { name: "divisibleby", arguments: 1, apply: divisible_by },
    Test {
        name: "startingwith",
        arguments: 1,
        apply: |_, a, b| texts(a, b, |a, b| a.starts_with(b)),
    },
    Test { name: "endingwith", arguments: 1, apply: |_, a, b| texts(a, b, |a, b| a.ends_with(b)) },
    operator!("in", In),
    operator!("eq", Equal),
    operator!("equalto", Equal),
    operator!("==", Equal),
    operator!("ne", NotEqual),
    operator!("!=", NotEqual),
    operator!("lt", Less),
    operator!("lessthan", Less),
    operator!("<", Less),
    operator!("le", LessOrEqual),
    operator!("<=", LessOrEqual),
    operator!("gt", Greater),
    operator!("greaterthan", Greater),
    operator!(">", Greater),
    operator!("ge", GreaterOrEqual),
    operator!(">=", GreaterOrEqual),
];

fn divisible_by(_: &mut Eval<'_>, value: &Value, by: Option<&Value>) -> Result<bool> {
    let whole = |value: &Value| value.as_i64().filter(|_| value.is_integer());
    match (whole(value), by.and_then(whole)) {
        (Some(_), Some(0)) => fail("cannot divide by 0"),
        (Some(a), Some(b)) => Ok(a.wrapping_rem(b) == 0),
        (Some(_) | None, Some(_) | None) => fail("`divisibleby` takes whole numbers"),
    }
}

fn texts(a: &Value, b: Option<&Value>, test: fn(&str, &str) -> bool) -> Result<bool> {
    match (a.as_str(), b.and_then(Value::as_str)) {
        (Some(a), Some(b)) => Ok(test(a, b)),
        (Some(_) | None, Some(_) | None) => fail("only texts begin or end with something"),
    }
}
