//! Filters for lists and objects.

use std::cmp::Ordering;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Filter, Given};
use crate::machine::expr::eval::{Eval, Result, fail};
use crate::machine::expr::test;

pub(super) static FILTERS: [Filter; 22] = [
    Filter { name: "list", parameters: &[], required: 0, apply: |e, v, _| list(e, v) },
    Filter {
        name: "first",
        parameters: &[],
        required: 0,
        apply: |e, v, _| edge(e, v, |v| v.first()),
    },
    Filter {
        name: "last",
        parameters: &[],
        required: 0,
        apply: |e, v, _| edge(e, v, |v| v.last()),
    },
    Filter { name: "join", parameters: &["separator", "attribute"], required: 0, apply: join },
    Filter { name: "sort", parameters: &["attribute", "reverse"], required: 0, apply: sort },
    Filter { name: "reverse", parameters: &[], required: 0, apply: reverse },
    Filter { name: "unique", parameters: &["attribute"], required: 0, apply: unique },
    Filter {
        name: "min",
        parameters: &["attribute"],
        required: 0,
        apply: |e, v, g| most(e, v, g, Ordering::Less),
    },
    Filter {
        name: "max",
        parameters: &["attribute"],
        required: 0,
        apply: |e, v, g| most(e, v, g, Ordering::Greater),
    },
    Filter { name: "sum", parameters: &["attribute"], required: 0, apply: sum },
    Filter {
        name: "map",
        parameters: &["filter", "attribute", "default"],
        required: 1,
        apply: map,
    },
    Filter {
        name: "select",
        parameters: &["test", "value"],
        required: 0,
        apply: |e, v, g| pick(e, v, g, None, true),
    },
    Filter {
        name: "reject",
        parameters: &["test", "value"],
        required: 0,
        apply: |e, v, g| pick(e, v, g, None, false),
    },
    Filter {
        name: "selectattr",
        parameters: &["attribute", "test", "value"],
        required: 1,
        apply: |e, v, g| pick(e, v, g, Some(0), true),
    },
    Filter {
        name: "rejectattr",
        parameters: &["attribute", "test", "value"],
        required: 1,
        apply: |e, v, g| pick(e, v, g, Some(0), false),
    },
    Filter { name: "batch", parameters: &["count", "fill"], required: 1, apply: batch },
    Filter { name: "slice", parameters: &["count"], required: 1, apply: slices },
    Filter { name: "items", parameters: &[], required: 0, apply: |e, v, _| pairs(e, v) },
    Filter {
        name: "keys",
        parameters: &[],
        required: 0,
        apply: |e, v, _| {
            let (keys, _) = entries(e, v)?;
            e.list(keys)
        },
    },
    Filter {
        name: "values",
        parameters: &[],
        required: 0,
        apply: |e, v, _| {
            let (_, values) = entries(e, v)?;
            e.list(values)
        },
    },
    Filter {
        name: "dictsort",
        parameters: &[],
        required: 0,
        apply: |e, v, g| {
            let pairs = pairs(e, v)?;
            sort(e, &pairs, g)
        },
    },
    Filter { name: "groupby", parameters: &["attribute"], required: 1, apply: group_by },
];

fn list(eval: &mut Eval<'_>, value: &Value) -> Result<Value> {
    let items = eval.items(value)?;
    eval.list(items)
}

fn edge(eval: &mut Eval<'_>, value: &Value, pick: fn(&[Value]) -> Option<&Value>) -> Result<Value> {
    let items = eval.items(value)?;
    Ok(pick(&items).cloned().unwrap_or_default())
}

/// The part of an item that an `attribute` argument such as `owner.name` means; the item itself without one.
fn part(item: &Value, attribute: Option<&str>) -> Value {
    let Some(path) = attribute else { return item.clone() };
    let mut part = item.clone();
    for name in path.split('.') {
        part = match (part.kind(), name.parse::<usize>()) {
            (ValueKind::Seq, Ok(index)) => part.get_item_by_index(index).unwrap_or_default(),
            _ => part.get_attr(name).unwrap_or_default(),
        };
    }
    part
}

/// As [`part`], which must be there.
fn known_part(item: &Value, attribute: Option<&str>) -> Result<Value> {
    let part = part(item, attribute);
    if part.is_undefined() {
        return fail(format!("an item has no `{}`", attribute.unwrap_or_default()));
    }
    Ok(part)
}

fn join(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let separator = given.text(0, "separator")?.unwrap_or_default();
    let attribute = given.text(1, "attribute")?;
    let mut out = String::new();
    for (number, item) in eval.items(value)?.iter().enumerate() {
        if number > 0 {
            eval.check_text(out.len() + separator.len())?;
            eval.spend_bytes(separator.len())?;
            out.push_str(separator);
        }
        eval.write(&known_part(item, attribute)?, &mut out)?;
    }
    eval.text(out)
}

fn sort(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let attribute = given.text(0, "attribute")?;
    let items = eval.items(value)?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((known_part(&item, attribute)?, item));
    }
    let mut problem = None;
    keyed.sort_by(|(a, _), (b, _)| match problem {
        Some(_) => Ordering::Equal,
        None => eval.order(a, b).unwrap_or_else(|error| {
            problem = Some(error);
            Ordering::Equal
        }),
    });
    if let Some(error) = problem {
        return Err(error);
    }
    let mut items: Vec<Value> = keyed.into_iter().map(|(_, item)| item).collect();
    if given.flag(1, "reverse") {
        items.reverse();
    }
    eval.list(items)
}

fn reverse(eval: &mut Eval<'_>, value: &Value, _: &Given) -> Result<Value> {
    let mut items = eval.items(value)?;
    items.reverse();
    if value.as_str().is_some() {
        return eval.text(items.iter().filter_map(Value::as_str).collect());
    }
    eval.list(items)
}

fn unique(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let attribute = given.text(0, "attribute")?;
    let mut kept: Vec<(Value, Value)> = Vec::new();
    for item in eval.items(value)? {
        let key = known_part(&item, attribute)?;
        let mut is_new = true;
        for (known, _) in &kept {
            if eval.equal(known, &key)? {
                is_new = false;
                break;
            }
        }
        if is_new {
            kept.push((key, item));
        }
    }
    eval.list(kept.into_iter().map(|(_, item)| item).collect())
}

/// The least or greatest item; of equal ones the first. An empty list has none.
fn most(eval: &mut Eval<'_>, value: &Value, given: &Given, wanted: Ordering) -> Result<Value> {
    let attribute = given.text(0, "attribute")?;
    let mut best: Option<(Value, Value)> = None;
    for item in eval.items(value)? {
        let key = known_part(&item, attribute)?;
        let better = match &best {
            None => eval.order(&key, &key).map(|_| true)?,
            Some((best, _)) => eval.order(&key, best)? == wanted,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn sum(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let attribute = given.text(0, "attribute")?;
    let mut sum = Value::from(0);
    for item in eval.items(value)? {
        sum = eval.add(&sum, &known_part(&item, attribute)?)?;
    }
    Ok(sum)
}

fn map(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let attribute = given.named.iter().find(|(name, _)| &**name == "attribute");
    let mut mapped = Vec::new();
    for item in eval.items(value)? {
        mapped.push(if attribute.is_some() {
            let part = part(&item, given.text(usize::MAX, "attribute")?);
            match given.get(usize::MAX, "default") {
                Some(default) if part.is_undefined() => default.clone(),
                _ if part.is_undefined() => return fail("an item has no such attribute"),
                _ => part,
            }
        } else {
            let name = given.text(0, "filter")?.unwrap_or_default();
            let Some(filter) = super::find(name).filter(|filter| filter.required == 0) else {
                return fail(format!("there is no filter `{name}` that needs no arguments"));
            };
            // A filter that maps within a map would nest as deeply as its data.
            if filter.name == "map" {
                return fail("`map` cannot map itself");
            }
            (filter.apply)(eval, &item, &Given { positional: Vec::new(), named: Vec::new() })?
        });
    }
    eval.list(mapped)
}

/// The items that pass a test, or those that do not; the test is of an attribute if `attribute` is its position.
fn pick(
    eval: &mut Eval<'_>,
    value: &Value,
    given: &Given,
    attribute: Option<usize>,
    keep: bool,
) -> Result<Value> {
    let path = match attribute {
        Some(position) => given.text(position, "attribute")?,
        None => None,
    };
    let after = attribute.map_or(0, |position| position + 1);
    let name = given.text(after, "test")?;
    let operand = given.get(after + 1, "value");
    let mut picked = Vec::new();
    for item in eval.items(value)? {
        if passes(eval, &part(&item, path), name, operand)? == keep {
            picked.push(item);
        }
    }
    eval.list(picked)
}

fn passes(
    eval: &mut Eval<'_>,
    value: &Value,
    name: Option<&str>,
    operand: Option<&Value>,
) -> Result<bool> {
    match name {
        Some("defined") => Ok(!value.is_undefined()),
        Some("undefined") => Ok(value.is_undefined()),
        None => Ok(value.is_true()),
        Some(_) if value.is_undefined() => fail("an item has no such attribute"),
        Some(name) => match test::find(name) {
            Some(test) if test.arguments == usize::from(operand.is_some()) => {
                (test.apply)(eval, value, operand)
            }
            Some(test) => fail(format!("the test `{name}` takes {} argument(s)", test.arguments)),
            None => fail(format!("there is no test `{name}`")),
        },
    }
}

fn batch(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let count = given.count(0, "count")?.filter(|count| *count > 0);
    let Some(count) = count else { return fail("`batch` takes a count of at least 1") };
    eval.check_list(count)?;
    let mut batches = Vec::new();
    for items in eval.items(value)?.chunks(count) {
        let mut items = items.to_vec();
        if let Some(fill) = given.get(1, "fill") {
            items.resize(count, fill.clone());
        }
        batches.push(eval.list(items)?);
    }
    eval.list(batches)
}

/// Splits into so many lists of nearly equal length.
fn slices(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let count = given.count(0, "count")?.filter(|count| *count > 0);
    let Some(count) = count else { return fail("`slice` takes a count of at least 1") };
    eval.check_list(count)?;
    let items = eval.items(value)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut slices = Vec::with_capacity(count);
    for number in 0..count {
        let (slice, tail) = rest.split_at(each + usize::from(number < longer));
        slices.push(eval.list(slice.to_vec())?);
        rest = tail;
    }
    eval.list(slices)
}

fn entries(eval: &mut Eval<'_>, value: &Value) -> Result<(Vec<Value>, Vec<Value>)> {
    if value.kind() != ValueKind::Map {
        return fail("only an object has fields");
    }
    let keys = eval.items(value)?;
    let values = keys.iter().map(|key| value.get_item(key).unwrap_or_default()).collect();
    Ok((keys, values))
}

fn pairs(eval: &mut Eval<'_>, value: &Value) -> Result<Value> {
    let (keys, values) = entries(eval, value)?;
    let mut pairs = Vec::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        pairs.push(eval.list(vec![key, value])?);
    }
    eval.list(pairs)
}

/// Lists of the items with equal attributes, each as `{grouper, list}`, in the order of first appearance.
fn group_by(eval: &mut Eval<'_>, value: &Value, given: &Given) -> Result<Value> {
    let attribute = given.text(0, "attribute")?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in eval.items(value)? {
        let key = known_part(&item, attribute)?;
        let mut found = None;
        for (number, (known, _)) in groups.iter().enumerate() {
            if eval.equal(known, &key)? {
                found = Some(number);
                break;
            }
        }
        match found {
            Some(number) => groups[number].1.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    let mut listed = Vec::with_capacity(groups.len());
    for (grouper, items) in groups {
        let items = eval.list(items)?;
        let fields =
            IndexMap::from_iter([("grouper".to_owned(), grouper), ("list".to_owned(), items)]);
        listed.push(eval.object(fields)?);
    }
    eval.list(listed)
}
