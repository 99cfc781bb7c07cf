//! A list that shares what it has in common with the lists it grew from.
//!
//! Runs gather notes, results and turns one at a time. A plain list is copied whole for every item added, which makes a
//! long run slower with every step; here a copy shares all chunks, and adding or replacing an item copies one at most.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

/// Items in a chunk: what adding or replacing an item copies at most.
const CHUNK: usize = 256;

/// A list, as expressions see it.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    /// All full but the last.
    chunks: Vec<Arc<Vec<Value>>>,
    len: usize,
}

impl List {
    /// The list that `value` is, made into one that shares if it does not yet; `None` if it is no list.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value.downcast_object_ref::<Self>() {
            Some(list) => Some(list.clone()),
            None => Some(value.try_iter().ok()?.collect()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// Replaces an item, if there is one.
    pub(super) fn set(&mut self, index: usize, item: Value) {
        if index < self.len
            && let Some(chunk) = self.chunks.get_mut(index / CHUNK)
        {
            Arc::make_mut(chunk)[index % CHUNK] = item;
        }
    }

    /// The list without an item.
    pub(super) fn without(&self, index: usize) -> Self {
        let items = self.chunks.iter().flat_map(|chunk| chunk.iter());
        let left = items.enumerate().filter(|(at, _)| *at != index);
        left.map(|(_, item)| item.clone()).collect()
    }

    pub(super) fn push(&mut self, item: Value) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(1)));
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(item);
            self.len += 1;
        }
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        let mut list = Self::default();
        items.into_iter().for_each(|item| list.push(item));
        list
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_as_any_other_and_its_copies_are_independent() {
        let mut list: List = (0..600).map(Value::from).collect();
        let before = list.clone();
        list.push(Value::from("new"));
        let (list, before) = (Value::from_object(list), Value::from_object(before));
        assert_eq!(list.len(), Some(601));
        assert_eq!(before.len(), Some(600));
        assert_eq!(list.get_item(&Value::from(600)).unwrap(), Value::from("new"));
        assert_eq!(list.get_item(&Value::from(599)).unwrap(), Value::from(599));
        assert!(before.get_item(&Value::from(600)).unwrap().is_undefined());
        assert_eq!(before, Value::from((0..600).collect::<Vec<_>>()));
        assert_eq!(serde_json::to_value(&list).unwrap().as_array().unwrap().len(), 601);
    }

    #[test]
    fn replacing_and_removing_leave_the_copies_and_the_other_chunks_as_they_are() {
        let before: List = (0..600).map(Value::from).collect();
        let mut list = before.clone();
        list.set(300, Value::from("new"));
        list.set(600, Value::from("beyond the end"));
        assert_eq!(list.get(300), Some(&Value::from("new")));
        assert_eq!(before.get(300), Some(&Value::from(300)));
        assert_eq!(list.len(), 600);
        let shared =
            list.chunks.iter().zip(&before.chunks).map(|(list, before)| Arc::ptr_eq(list, before));
        assert_eq!(shared.collect::<Vec<_>>(), [true, false, true]);
        let left = before.without(300);
        assert_eq!(left.len(), 599);
        assert_eq!(left.get(300), Some(&Value::from(301)));
    }
}
