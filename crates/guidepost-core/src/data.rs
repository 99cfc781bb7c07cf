//! A run's data: named attribute values, and the changes that make them.
//!
//! History keeps changes, not copies: [`Change`] is what a record stores, [`Data::apply`] is its only meaning. Values are
//! shared, so that keeping the data before and after a step costs what changed, not what is there.

mod list;

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Serde, ValueKind};
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use self::list::List;
use crate::id::AttributeName;

/// A place in the data, as a JSON Pointer (RFC 6901): `/lead/name`. Its first segment is the attribute's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(Arc<str>);

impl Pointer {
    /// The place of a whole attribute.
    #[must_use]
    pub fn attribute(name: &str) -> Self {
        Self(Arc::from("")).inside(name)
    }

    /// The place of a field of the object at this place.
    #[must_use]
    pub fn inside(&self, name: &str) -> Self {
        Self(Arc::from(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1"))))
    }

    /// The pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, unescaped: the attribute's name, then the names of fields on the way. None if it is empty.
    pub fn segments(&self) -> impl Iterator<Item = String> {
        self.0.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
    }
}

impl From<&str> for Pointer {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One change to a run's data. Null is a value: setting to null and unsetting differ.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Sets the value at a place, making the objects on the way there if they are missing.
    Set(Pointer, Json),
    /// Removes the value at a place, if there is one.
    Unset(Pointer),
    /// Adds values at the end of the list at a place, making the list if it is missing.
    Append(Pointer, Vec<Json>),
}

impl Change {
    /// Sets a whole attribute.
    #[must_use]
    pub fn set(attribute: &AttributeName, value: Json) -> Self {
        Self::Set(Pointer::attribute(attribute.as_str()), value)
    }

    /// About how many bytes the change takes when stored; the same on every machine.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let (path, values): (&Pointer, &[Json]) = match self {
            Self::Set(path, value) => (path, std::slice::from_ref(value)),
            Self::Unset(path) => (path, &[]),
            Self::Append(path, values) => (path, values),
        };
        12 + path.0.len() as u64 + values.iter().map(weight).sum::<u64>()
    }
}

/// About how many bytes a value takes as JSON.
fn weight(value: &Json) -> u64 {
    match value {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(_) => 8,
        Json::String(text) => text.len() as u64 + 3,
        Json::Array(items) => 2 + items.iter().map(weight).sum::<u64>(),
        Json::Object(fields) => {
            2 + fields
                .iter()
                .map(|(name, value)| name.len() as u64 + 4 + weight(value))
                .sum::<u64>()
        }
    }
}

/// A JSON value as expressions see it.
#[must_use]
pub fn value_of(json: &Json) -> Value {
    Value::from(Serde(json))
}

/// A change that does not fit the data it is applied to: the history was not written by the kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the change at `{at}` does not fit the data: {reason}")]
pub struct Misfit {
    /// Where.
    pub at: Pointer,
    /// Why.
    pub reason: &'static str,
}

/// The values of a run's attributes. Cloning is cheap; clones are independent.
#[derive(Clone, Default, Debug)]
pub struct Data(Arc<IndexMap<AttributeName, Value, FxBuildHasher>>);

impl Data {
    /// The value of an attribute, if it has one.
    #[must_use]
    pub fn get(&self, attribute: &str) -> Option<&Value> {
        self.0.get(attribute)
    }

    /// The same data with one attribute more, or with another value of it.
    #[must_use]
    pub fn with(&self, attribute: &str, value: &Json) -> Self {
        let mut data = self.clone();
        Arc::make_mut(&mut data.0).insert(AttributeName::from(attribute), value_of(value));
        data
    }

    /// All values, in the order the attributes were first set. What the kernel keeps for itself is left out: its names
    /// begin with `$`, which no expression can write.
    pub fn iter(&self) -> impl Iterator<Item = (&AttributeName, &Value)> {
        self.0.iter().filter(|(name, _)| !name.as_str().starts_with('$'))
    }

    /// Whether no attribute has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The data as one JSON object, what the kernel keeps for itself left out.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let values = self.iter().map(|(name, value)| {
            let value = serde_json::to_value(value).unwrap_or(Json::Null);
            (name.to_string(), value)
        });
        Json::Object(values.collect())
    }

    fn all_to_json(&self) -> Json {
        serde_json::to_value(self).unwrap_or(Json::Null)
    }

    /// About how many bytes a snapshot of the data takes.
    #[must_use]
    pub fn weight(&self) -> u64 {
        weight(&self.all_to_json())
    }

    /// The changes that give an attribute this value, as small as they can be: what is equal is left out, what was
    /// appended to a list is appended, and inside an object only what differs is set.
    #[must_use]
    pub fn changes_to(&self, attribute: &AttributeName, value: &Json) -> Vec<Change> {
        let at = Pointer::attribute(attribute.as_str());
        let Some(old) = self.get(attribute.as_str()) else {
            return vec![Change::Set(at, value.clone())];
        };
        let old = serde_json::to_value(old).unwrap_or(Json::Null);
        let mut changes = Vec::new();
        difference(&at, &old, value, &mut changes);
        changes
    }

    /// The changes that make other data of this, what the kernel keeps for itself included.
    #[must_use]
    pub fn changes_into(&self, other: &Self) -> Vec<Change> {
        if Arc::ptr_eq(&self.0, &other.0) {
            return Vec::new();
        }
        let gone = self.0.keys().filter(|name| !other.0.contains_key(*name));
        let gone = gone.map(|name| Change::Unset(Pointer::attribute(name.as_str())));
        let values = other.0.iter().flat_map(|(name, value)| {
            self.changes_to(name, &serde_json::to_value(value).unwrap_or(Json::Null))
        });
        gone.chain(values).collect()
    }

    /// Makes one change.
    ///
    /// # Errors
    ///
    /// [`Misfit`] if the place cannot be reached: the path is empty, or leads through something that is no object or
    /// list. The data is then unchanged.
    pub fn apply(&mut self, change: &Change) -> Result<(), Misfit> {
        let path = match change {
            Change::Set(path, _) | Change::Unset(path) | Change::Append(path, _) => path,
        };
        let misfit = |reason| Misfit { at: path.clone(), reason };
        let segments: Vec<String> = path.segments().collect();
        let Some((attribute, inner)) = segments.split_first() else {
            return Err(misfit("the path is empty"));
        };
        let old = self.0.get(attribute.as_str());
        match edited(old, inner, change).map_err(misfit)? {
            Some(value) => {
                Arc::make_mut(&mut self.0).insert(AttributeName::from(attribute.as_str()), value);
            }
            None if old.is_some() => {
                Arc::make_mut(&mut self.0).shift_remove(attribute.as_str());
            }
            None => {}
        }
        Ok(())
    }
}

/// Adds the changes that make `new` of `old`.
fn difference(at: &Pointer, old: &Json, new: &Json, changes: &mut Vec<Change>) {
    match (old, new) {
        _ if old == new => {}
        (Json::Array(before), Json::Array(after)) if after.starts_with(before) => {
            changes.push(Change::Append(at.clone(), after[before.len()..].to_vec()));
        }
        (Json::Object(before), Json::Object(after)) => {
            let mut inner = Vec::new();
            for (name, value) in after {
                match before.get(name) {
                    Some(old) => difference(&at.inside(name), old, value, &mut inner),
                    None => inner.push(Change::Set(at.inside(name), value.clone())),
                }
            }
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            inner.extend(gone.map(|name| Change::Unset(at.inside(name))));
            // Many small changes may weigh more than the whole.
            let whole = Change::Set(at.clone(), new.clone());
            if inner.iter().map(Change::weight).sum::<u64>() < whole.weight() {
                changes.append(&mut inner);
            } else {
                changes.push(whole);
            }
        }
        _ => changes.push(Change::Set(at.clone(), new.clone())),
    }
}

/// The value that takes `old`'s place when `change` is made at `path` below it; `None` for no value.
fn edited(
    old: Option<&Value>,
    path: &[String],
    change: &Change,
) -> Result<Option<Value>, &'static str> {
    let Some((segment, inner)) = path.split_first() else {
        return match change {
            Change::Set(_, value) => Ok(Some(value_of(value))),
            Change::Unset(_) => Ok(None),
            Change::Append(_, values) => appended(old, values).map(Some),
        };
    };
    match old.filter(|value| !value.is_none()) {
        None if matches!(change, Change::Unset(_)) => Ok(old.cloned()),
        None => {
            let value = edited(None, inner, change)?;
            Ok(Some(Value::from_pairs(value.map(|value| (segment.as_str(), value)))))
        }
        Some(old) if old.kind() == ValueKind::Map => {
            edited_map(old, segment, inner, change).map(Some)
        }
        Some(old) if old.kind() == ValueKind::Seq => {
            edited_list(old, segment, inner, change).map(Some)
        }
        Some(_) => Err("the path leads through a value that is no object or list"),
    }
}

fn edited_map(
    old: &Value,
    key: &str,
    inner: &[String],
    change: &Change,
) -> Result<Value, &'static str> {
    let current = old.get_item(&Value::from(key)).ok().filter(|value| !value.is_undefined());
    let new = edited(current.as_ref(), inner, change)?;
    let mut fields: IndexMap<String, Value, FxBuildHasher> = IndexMap::default();
    for name in old.try_iter().map_err(|_| "the object cannot be read")? {
        let value = old.get_item(&name).map_err(|_| "the object cannot be read")?;
        fields.insert(name.as_str().unwrap_or_default().to_owned(), value);
    }
    match new {
        Some(value) => {
            fields.insert(key.to_owned(), value);
        }
        None => {
            fields.shift_remove(key);
        }
    }
    Ok(Value::from_pairs(fields))
}

fn edited_list(
    old: &Value,
    key: &str,
    inner: &[String],
    change: &Change,
) -> Result<Value, &'static str> {
    let mut items = List::of(old).ok_or("the list cannot be read")?;
    let index: usize = key.parse().map_err(|_| "a list's items are numbered")?;
    let current = items.get(index).cloned();
    match (edited(current.as_ref(), inner, change)?, current) {
        (Some(value), Some(_)) => items.set(index, value),
        (Some(value), None) if index == items.len() => items.push(value),
        (Some(_), None) => return Err("the index lies beyond the end of the list"),
        (None, Some(_)) => items = items.without(index),
        (None, None) => {}
    }
    Ok(Value::from_object(items))
}

fn appended(old: Option<&Value>, values: &[Json]) -> Result<Value, &'static str> {
    let mut list = match old.filter(|value| !value.is_none()) {
        None => List::default(),
        Some(list) if list.kind() == ValueKind::Seq => {
            List::of(list).ok_or("the list cannot be read")?
        }
        Some(_) => return Err("only a list can be appended to"),
    };
    values.iter().for_each(|value| list.push(value_of(value)));
    Ok(Value::from_object(list))
}

/// Equal if their JSON is: the order of attributes and of fields does not count.
impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.all_to_json() == other.all_to_json()
    }
}

/// With what the kernel keeps for itself: this is what is stored.
impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = IndexMap::<AttributeName, Json>::deserialize(deserializer)?;
        Ok(fields.into_iter().collect())
    }
}

impl FromIterator<(AttributeName, Json)> for Data {
    fn from_iter<I: IntoIterator<Item = (AttributeName, Json)>>(fields: I) -> Self {
        let values = fields.into_iter().map(|(name, value)| (name, value_of(&value)));
        Self(Arc::new(values.collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(changes: &[Change]) -> Json {
        let mut data = Data::default();
        for change in changes {
            data.apply(change).unwrap();
        }
        data.to_json()
    }

    fn set(path: &str, value: Json) -> Change {
        Change::Set(Pointer::from(path), value)
    }

    #[test]
    fn setting_makes_the_objects_on_the_way() {
        let data = after(&[set("/lead/company/name", json!("Acme")), set("/lead/size", json!(12))]);
        assert_eq!(data, json!({"lead": {"company": {"name": "Acme"}, "size": 12}}));
    }

    #[test]
    fn null_is_a_value_and_unset_is_not() {
        assert_eq!(after(&[set("/a", json!(null))]), json!({"a": null}));
        assert_eq!(after(&[set("/a", json!(1)), Change::Unset("/a".into())]), json!({}));
        assert_eq!(after(&[set("/a/b", json!(1)), Change::Unset("/a/b".into())]), json!({"a": {}}));
        assert_eq!(after(&[Change::Unset("/a/b".into())]), json!({}));
    }

    #[test]
    fn appending_grows_a_list() {
        let append = |values| Change::Append("/items".into(), values);
        let data = after(&[append(vec![json!(1)]), append(vec![json!(2), json!(null)])]);
        assert_eq!(data, json!({"items": [1, 2, null]}));
        let data = after(&[append(vec![json!({"n": 1})]), set("/items/0/n", json!(2))]);
        assert_eq!(data, json!({"items": [{"n": 2}]}));
    }

    #[test]
    fn names_with_slashes_and_tildes_are_escaped() {
        let change = Change::set(&AttributeName::from("a/b~c"), json!(1));
        assert_eq!(serde_json::to_value(&change).unwrap(), json!({"set": ["/a~1b~0c", 1]}));
        assert_eq!(after(&[change]), json!({"a/b~c": 1}));
    }

    #[test]
    fn a_change_that_does_not_fit_changes_nothing() {
        let mut data = Data::default();
        data.apply(&set("/a", json!("text"))).unwrap();
        let before = data.clone();
        for change in
            [set("", json!(1)), set("/a/b", json!(1)), Change::Append("/a".into(), vec![json!(1)])]
        {
            assert!(data.apply(&change).is_err(), "{change:?}");
        }
        assert_eq!(data, before);
    }

    const BIO: &str =
        "Wrote the first program for a machine that was never built, and saw what it could do.";

    #[test]
    fn changes_are_as_small_as_what_changed() {
        let data = Data::from_iter([
            (AttributeName::from("notes"), json!(["a", "b"])),
            (
                AttributeName::from("lead"),
                json!({"name": "Ada", "company": "Acme", "size": 12, "bio": BIO}),
            ),
        ]);
        let to = |name: &str, value: Json| {
            let changes = data.changes_to(&AttributeName::from(name), &value);
            let mut after = data.clone();
            for change in &changes {
                after.apply(change).unwrap();
            }
            assert_eq!(after.to_json()[name], value);
            serde_json::to_string(&changes).unwrap()
        };
        assert_eq!(to("notes", json!(["a", "b"])), "[]");
        assert_eq!(to("notes", json!(["a", "b", "c"])), r#"[{"append":["/notes",["c"]]}]"#);
        assert_eq!(to("notes", json!(["b"])), r#"[{"set":["/notes",["b"]]}]"#);
        assert_eq!(
            to("lead", json!({"name": "Ada", "company": "Acme Inc", "bio": BIO, "note/s": null})),
            r#"[{"set":["/lead/company","Acme Inc"]},{"set":["/lead/note~1s",null]},{"unset":"/lead/size"}]"#
        );
        assert_eq!(to("lead", json!({"x": 1})), r#"[{"set":["/lead",{"x":1}]}]"#);
        assert_eq!(to("new", json!(1)), r#"[{"set":["/new",1]}]"#);
        assert_eq!(to("lead", json!(1.0)), r#"[{"set":["/lead",1.0]}]"#);
    }

    #[test]
    fn numbers_keep_their_kind() {
        let data = after(&[set("/n", json!([1, -1, 1.0, 18_446_744_073_709_551_615_u64]))]);
        assert_eq!(data.to_string(), r#"{"n":[1,-1,1.0,18446744073709551615]}"#);
    }
}
