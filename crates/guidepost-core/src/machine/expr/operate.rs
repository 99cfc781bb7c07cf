//! Operators, checked: nothing overflows, nothing multiplies text or lists beyond a bound, and values of different kinds
//! have no order.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of minijinja's values are an open set"
)]

use std::cmp::Ordering;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::eval::{Eval, Result, fail};
use super::node::{Node, Operator};
use super::value::article;

/// A number's exact value.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        if value.kind() != ValueKind::Number {
            None
        } else if value.is_integer() {
            i128::try_from(value.clone()).ok().map(Self::Whole)
        } else {
            f64::try_from(value.clone()).ok().map(Self::Float)
        }
    }

    fn to_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "that is what mixing with floats means")]
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl Eval<'_> {
    pub(super) fn operate(&mut self, operator: Operator, a: &Value, b: &Value) -> Result<Value> {
        match operator {
            Operator::Equal => self.equal(a, b).map(Value::from),
            Operator::NotEqual => Ok(Value::from(!self.equal(a, b)?)),
            Operator::Less => Ok(Value::from(self.order(a, b)?.is_lt())),
            Operator::LessOrEqual => Ok(Value::from(self.order(a, b)?.is_le())),
            Operator::Greater => Ok(Value::from(self.order(a, b)?.is_gt())),
            Operator::GreaterOrEqual => Ok(Value::from(self.order(a, b)?.is_ge())),
            Operator::In => self.contains(b, a).map(Value::from),
            Operator::NotIn => Ok(Value::from(!self.contains(b, a)?)),
            Operator::Add => self.add(a, b),
            Operator::Multiply => self.multiply(a, b),
            Operator::Concat => {
                let mut text = self.written(a)?;
                self.write(b, &mut text)?;
                self.text(text)
            }
            Operator::Subtract
            | Operator::Divide
            | Operator::DivideWhole
            | Operator::Remainder
            | Operator::Power => match (Number::of(a), Number::of(b)) {
                (Some(x), Some(y)) => calculate(operator, x, y),
                _ => fail(format!(
                    "cannot calculate with {} and {}",
                    article(a.kind()),
                    article(b.kind())
                )),
            },
        }
    }

    /// Whether two values are the same. A whole number equals the float of its value; other kinds are never equal.
    pub(super) fn equal(&mut self, a: &Value, b: &Value) -> Result<bool> {
        self.spend(1)?;
        match (a.kind(), b.kind()) {
            (ValueKind::Number, ValueKind::Number) => Ok(a == b),
            (ValueKind::String, ValueKind::String) => {
                self.spend_bytes(a.as_str().map_or(0, str::len))?;
                Ok(a.as_str() == b.as_str())
            }
            (ValueKind::Bool, ValueKind::Bool) => Ok(a.is_true() == b.is_true()),
            (ValueKind::None, ValueKind::None) => Ok(true),
            (ValueKind::Seq, ValueKind::Seq) => {
                let (a, b) = (self.members(a)?, self.members(b)?);
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(&b) {
                    if !self.equal(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (ValueKind::Map, ValueKind::Map) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for key in self.members(a)? {
                    let (a, b) = (a.get_item(&key), b.get_item(&key));
                    if !self.equal(&a.unwrap_or_default(), &b.unwrap_or_default())? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The order of two values of one kind.
    pub(super) fn order(&mut self, a: &Value, b: &Value) -> Result<Ordering> {
        self.spend(1)?;
        match (a.kind(), b.kind()) {
            (ValueKind::Number, ValueKind::Number) => Ok(a.cmp(b)),
            (ValueKind::String, ValueKind::String) => {
                self.spend_bytes(a.as_str().map_or(0, str::len))?;
                Ok(a.as_str().cmp(&b.as_str()))
            }
            (ValueKind::Bool, ValueKind::Bool) => Ok(a.is_true().cmp(&b.is_true())),
            (ValueKind::Seq, ValueKind::Seq) => {
                let (a, b) = (self.members(a)?, self.members(b)?);
                for (a, b) in a.iter().zip(&b) {
                    let order = self.order(a, b)?;
                    if order.is_ne() {
                        return Ok(order);
                    }
                }
                Ok(a.len().cmp(&b.len()))
            }
            (a, b) => fail(format!("{} and {} have no order", article(a), article(b))),
        }
    }

    /// Whether a text contains a text, a list an item, or an object a field of this name.
    pub(super) fn contains(&mut self, outer: &Value, inner: &Value) -> Result<bool> {
        match outer.kind() {
            ValueKind::String => {
                let (Some(outer), Some(inner)) = (outer.as_str(), inner.as_str()) else {
                    return fail(format!("a text cannot contain {}", article(inner.kind())));
                };
                self.spend_bytes(outer.len())?;
                Ok(outer.contains(inner))
            }
            ValueKind::Seq | ValueKind::Iterable => {
                for item in self.members(outer)? {
                    if self.equal(&item, inner)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            ValueKind::Map => {
                let field = inner.as_str().and_then(|name| outer.get_attr(name).ok());
                Ok(field.is_some_and(|field| !field.is_undefined()))
            }
            other => fail(format!("{} contains nothing", article(other))),
        }
    }

    pub(super) fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        if let (Some(a), Some(b)) = (Number::of(a), Number::of(b)) {
            return calculate(Operator::Add, a, b);
        }
        match (a.kind(), b.kind()) {
            (ValueKind::String, ValueKind::String) => self.operate(Operator::Concat, a, b),
            (ValueKind::Seq, ValueKind::Seq) => {
                let mut items = self.items(a)?;
                items.extend(self.items(b)?);
                self.list(items)
            }
            (a, b) => fail(format!("cannot add {} and {}", article(a), article(b))),
        }
    }

    fn multiply(&mut self, a: &Value, b: &Value) -> Result<Value> {
        match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => calculate(Operator::Multiply, a, b),
            (None, Some(Number::Whole(times))) => self.repeat(a, times),
            (Some(Number::Whole(times)), None) => self.repeat(b, times),
            (Some(_) | None, Some(_) | None) => {
                fail(format!("cannot multiply {} and {}", article(a.kind()), article(b.kind())))
            }
        }
    }

    fn repeat(&mut self, value: &Value, times: i128) -> Result<Value> {
        let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
        if let Some(text) = value.as_str() {
            self.check_text(text.len().saturating_mul(times))?;
            return self.text(text.repeat(if text.is_empty() { 0 } else { times }));
        }
        if value.kind() != ValueKind::Seq {
            return fail(format!("cannot multiply {}", article(value.kind())));
        }
        let items = self.items(value)?;
        self.check_list(items.len().saturating_mul(times))?;
        let repeated = items.iter().cycle().take(items.len() * times).cloned().collect();
        self.list(repeated)
    }

    pub(super) fn negate(&mut self, value: &Value) -> Result<Value> {
        match Number::of(value) {
            Some(number) => calculate(Operator::Subtract, Number::Whole(0), number),
            None => fail(format!("{} has no negative", article(value.kind()))),
        }
    }

    /// A part of a text or a list, by Python's rules.
    pub(super) fn slice(&mut self, base: &Node, parts: &[Option<Node>; 3]) -> Result<Value> {
        let base = self.value(base)?;
        let mut numbers = [None; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            let Some(part) = part else { continue };
            let value = self.value(part)?;
            match value.as_i64().filter(|_| value.is_integer()) {
                Some(whole) => *number = Some(whole),
                None => return fail("a slice takes whole numbers"),
            }
        }
        if !matches!(base.kind(), ValueKind::String | ValueKind::Seq) {
            return fail(format!("{} cannot be sliced", article(base.kind())));
        }
        let items: Vec<Value> = if let Some(text) = base.as_str() {
            self.spend(text.len())?;
            text.chars().map(Value::from).collect()
        } else {
            self.members(&base)?
        };
        let [start, stop, step] = numbers;
        let picked = picks(items.len(), start, stop, step.unwrap_or(1))?;
        let picked: Vec<Value> = picked.map(|index| items[index].clone()).collect();
        if base.as_str().is_none() {
            return self.list(picked);
        }
        self.text(picked.iter().filter_map(|char| char.as_str()).collect())
    }
}

/// The indexes a slice takes from a list of this length.
fn picks(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
) -> Result<impl Iterator<Item = usize>> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let Some(stride) = usize::try_from(step.unsigned_abs()).ok().filter(|stride| *stride > 0)
    else {
        return fail("a slice cannot take steps of 0");
    };
    let from_end = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let (low, high) = if step > 0 {
        let low = start.map_or(0, from_end).clamp(0, length);
        (low, stop.map_or(length, from_end).clamp(low, length))
    } else {
        let high = start.map_or(length - 1, from_end).clamp(-1, length - 1);
        (stop.map_or(-1, from_end).clamp(-1, high) + 1, high + 1)
    };
    let range = usize::try_from(low).unwrap_or(0)..usize::try_from(high).unwrap_or(0);
    let forward = (step > 0).then(|| range.clone().step_by(stride));
    let backward = (step < 0).then(|| range.rev().step_by(stride));
    Ok(forward.into_iter().flatten().chain(backward.into_iter().flatten()))
}

/// Calculates with numbers. Whole numbers stay whole except in divisions; what JSON cannot hold is an error.
fn calculate(operator: Operator, a: Number, b: Number) -> Result<Value> {
    let zero = match b {
        Number::Whole(b) => b == 0,
        Number::Float(b) => b == 0.0,
    };
    let divides =
        matches!(operator, Operator::Divide | Operator::DivideWhole | Operator::Remainder);
    if zero && divides {
        return fail("cannot divide by 0");
    }
    if let (Number::Whole(a), Number::Whole(b)) = (a, b)
        && let Some(whole) = calculate_whole(operator, a, b)
    {
        return whole;
    }
    let (a, b) = (a.to_f64(), b.to_f64());
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::DivideWhole => (a / b).floor(),
        Operator::Remainder => a - b * (a / b).floor(),
        Operator::Power => a.powf(b),
        Operator::Equal
        | Operator::NotEqual
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::In
        | Operator::NotIn
        | Operator::Concat => f64::NAN,
    };
    if result.is_finite() {
        Ok(Value::from(result))
    } else {
        fail("the result is no finite number")
    }
}

/// The result of an operator that gives a whole number from whole numbers; `None` if it gives a float.
fn calculate_whole(operator: Operator, a: i128, b: i128) -> Option<Result<Value>> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::DivideWhole => Some(floor_divide(a, b)),
        Operator::Remainder => Some(a - b * floor_divide(a, b)),
        Operator::Power => a.checked_pow(u32::try_from(b).ok()?),
        Operator::Divide
        | Operator::Equal
        | Operator::NotEqual
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::In
        | Operator::NotIn
        | Operator::Concat => return None,
    };
    let fits = result.filter(|n| i64::try_from(*n).is_ok() || u64::try_from(*n).is_ok());
    Some(match fits {
        Some(number) => Ok(whole(number)),
        None => fail("the result is too large a number"),
    })
}

/// Rounds down, as Python and Jinja do. The operands fit 65 bits, so nothing overflows.
fn floor_divide(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }
}

fn whole(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}
