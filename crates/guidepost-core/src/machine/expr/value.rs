//! Values an expression builds: every one is bounded in size and depth when it is made, also if it is only a step on the way.
//!
//! Lists and objects remember how deep they nest, so that the check costs nothing per level; what comes from a run's data
//! was bounded at the door.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds of minijinja's values are an open set"
)]

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use rustc_hash::FxBuildHasher;
use serde_json::Value as Json;

use super::eval::{Eval, Result, fail};
use crate::limits::{DATA_BYTES_MAX, DEPTH_MAX, LIST_ITEMS_MAX, TEXT_BYTES_MAX};

#[derive(Debug)]
struct List {
    items: Vec<Value>,
    depth: usize,
}

#[derive(Debug)]
struct Fields {
    fields: IndexMap<String, Value, FxBuildHasher>,
    depth: usize,
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.items.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.fields.get(key.as_str()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.fields.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.fields.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

fn depth(value: &Value) -> usize {
    if let Some(list) = value.downcast_object_ref::<List>() {
        list.depth
    } else if let Some(fields) = value.downcast_object_ref::<Fields>() {
        fields.depth
    } else {
        0
    }
}

fn depth_around<'a>(values: impl Iterator<Item = &'a Value>) -> Result<usize> {
    let depth = 1 + values.map(depth).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        fail(format!("a value nests more than {DEPTH_MAX} deep"))
    } else {
        Ok(depth)
    }
}

impl Eval<'_> {
    /// A text.
    pub(super) fn text(&mut self, text: String) -> Result<Value> {
        self.check_text(text.len())?;
        self.spend_bytes(text.len())?;
        Ok(Value::from(text))
    }

    /// Refuses a text of this length before it is made.
    pub(super) fn check_text(&self, bytes: usize) -> Result<()> {
        if bytes > TEXT_BYTES_MAX {
            fail(format!("a text grows longer than {TEXT_BYTES_MAX} bytes"))
        } else {
            Ok(())
        }
    }

    /// A list.
    pub(super) fn list(&mut self, items: Vec<Value>) -> Result<Value> {
        self.check_list(items.len())?;
        self.spend(items.len())?;
        let depth = depth_around(items.iter())?;
        Ok(Value::from_object(List { items, depth }))
    }

    /// Refuses a list of this length before it is made.
    pub(super) fn check_list(&self, items: usize) -> Result<()> {
        if items > LIST_ITEMS_MAX {
            fail(format!("a list grows longer than {LIST_ITEMS_MAX} items"))
        } else {
            Ok(())
        }
    }

    /// An object.
    pub(super) fn object(
        &mut self,
        fields: IndexMap<String, Value, FxBuildHasher>,
    ) -> Result<Value> {
        self.check_list(fields.len())?;
        self.spend(fields.len())?;
        let depth = depth_around(fields.values())?;
        Ok(Value::from_object(Fields { fields, depth }))
    }

    /// The items of a list, the names of an object's fields, or the characters of a text.
    pub(super) fn items(&mut self, value: &Value) -> Result<Vec<Value>> {
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {}
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.check_list(text.chars().take(LIST_ITEMS_MAX + 1).count())?;
            }
            other => return fail(format!("{} has no items", article(other))),
        }
        self.check_list(value.len().unwrap_or(0))?;
        self.members(value)
    }

    /// Writes a value as it stands in a text: texts as they are, everything else as JSON.
    pub(super) fn write(&mut self, value: &Value, out: &mut String) -> Result<()> {
        if value.is_undefined() {
            return fail("the value is undefined");
        }
        if let Some(text) = value.as_str() {
            self.check_text(out.len() + text.len())?;
            self.spend_bytes(text.len())?;
            out.push_str(text);
            return Ok(());
        }
        let json = self.json(value, &mut TEXT_BYTES_MAX.saturating_sub(out.len()))?;
        let text = json.to_string();
        self.check_text(out.len() + text.len())?;
        out.push_str(&text);
        Ok(())
    }

    /// The value as a text of its own.
    pub(super) fn written(&mut self, value: &Value) -> Result<String> {
        let mut out = String::new();
        self.write(value, &mut out)?;
        Ok(out)
    }

    /// The result of an expression as JSON.
    pub(super) fn result(&mut self, value: &Value) -> Result<Json> {
        self.json(value, &mut DATA_BYTES_MAX.clone())
    }

    /// The value as JSON of at most about `left` bytes.
    pub(super) fn json(&mut self, value: &Value, left: &mut usize) -> Result<Json> {
        let bytes = value.as_str().map_or(1, |text| text.len() + 2);
        *left = match left.checked_sub(bytes) {
            Some(left) => left,
            None => return fail("the result is too large"),
        };
        self.spend_bytes(bytes)?;
        match value.kind() {
            ValueKind::Undefined => fail("the value is undefined"),
            ValueKind::None => Ok(Json::Null),
            ValueKind::Bool => Ok(Json::Bool(value.is_true())),
            ValueKind::Number => number(value),
            ValueKind::String => Ok(Json::from(value.as_str().unwrap_or_default())),
            ValueKind::Seq | ValueKind::Iterable => {
                let items = self.members(value)?;
                items.iter().map(|item| self.json(item, left)).collect()
            }
            ValueKind::Map => {
                let mut fields = serde_json::Map::new();
                for key in self.members(value)? {
                    let field = value.get_item(&key).unwrap_or_default();
                    *left = left.saturating_sub(key.len().unwrap_or(0) + 3);
                    fields.insert(
                        key.as_str().unwrap_or_default().to_owned(),
                        self.json(&field, left)?,
                    );
                }
                Ok(Json::Object(fields))
            }
            other => fail(format!("{} cannot be kept", article(other))),
        }
    }

    /// As [`Eval::items`], but for lists and objects of any length: data may be larger than what an expression builds.
    pub(super) fn members(&mut self, value: &Value) -> Result<Vec<Value>> {
        self.spend(value.len().unwrap_or(0))?;
        match value.try_iter() {
            Ok(items) => Ok(items.collect()),
            Err(_) => fail("the value has no items"),
        }
    }
}

fn number(value: &Value) -> Result<Json> {
    if !value.is_integer() {
        let number = f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64);
        return number
            .map_or_else(|| fail("the result is no finite number"), |n| Ok(Json::Number(n)));
    }
    if let Ok(number) = i64::try_from(value.clone()) {
        return Ok(Json::from(number));
    }
    match u64::try_from(value.clone()) {
        Ok(number) => Ok(Json::from(number)),
        Err(_) => fail("the result is too large a number"),
    }
}

/// The kind of a value as messages call it.
pub(super) fn article(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Undefined => "an undefined value",
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "such a value",
    }
}
