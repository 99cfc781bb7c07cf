//! A document as a tree with the place of every node: what YAML and JSON are read into, and what definitions are read from.

use std::collections::BTreeSet;

use serde_json::{Number, Value as Json};

use super::problems::code;
use crate::diagnostic::{Diagnostic, Position};
use crate::exact::{loses_digits, lost_digits};
use crate::limits::DIAGNOSTICS_MAX;

/// A node of a document.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) at: Position,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(Text),
    List(Vec<Tree>),
    Object(Vec<Entry>),
}

/// A text, and how its characters lie in the file.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: Box<str>,
    /// Characters between the node's place and the first of the text, if the text stands on one line as it is.
    pub(super) indent: Option<u8>,
}

/// What reading a document gave.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Tree,
    /// Keys that are given again. Of each, the first counts, so that the rest of the document can be looked at.
    pub(super) repeated: Vec<Diagnostic>,
}

/// Removes the fields whose key was there before, and reports them.
pub(super) fn without_repeated(entries: &mut Vec<Entry>, repeated: &mut Vec<Diagnostic>) {
    let mut keys = BTreeSet::new();
    let is_first: Vec<bool> = entries.iter().map(|entry| keys.insert(&*entry.key)).collect();
    if keys.len() == entries.len() {
        return;
    }
    let mut is_first = is_first.into_iter();
    entries.retain(|entry| {
        let is_first = is_first.next().unwrap_or(true);
        if !is_first && repeated.len() < DIAGNOSTICS_MAX {
            let message = format!("the key `{}` is given twice", entry.key);
            let problem = Diagnostic::error(code::DUPLICATE, entry.at, message);
            repeated
                .push(problem.with_hint("keep one of them; of two equal keys one would be lost"));
        }
        is_first
    });
}

/// A field of an object. Keys are unique within one.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    /// Where the key begins.
    pub(super) at: Position,
    pub(super) value: Tree,
}

impl Tree {
    pub(super) fn text(text: impl Into<Box<str>>, at: Position) -> Self {
        Self { kind: Kind::Text(Text { text: text.into(), indent: None }), at }
    }

    pub(super) fn number(number: u64, at: Position) -> Self {
        Self { kind: Kind::Number(number.into()), at }
    }

    pub(super) fn list(items: Vec<Self>, at: Position) -> Self {
        Self { kind: Kind::List(items), at }
    }

    pub(super) fn object(entries: Vec<Entry>, at: Position) -> Self {
        Self { kind: Kind::Object(entries), at }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind { Some(&text.text) } else { None }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Kind::Bool(value) = self.kind { Some(value) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[Tree]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    pub(super) fn as_object(&self) -> Option<&[Entry]> {
        if let Kind::Object(entries) = &self.kind { Some(entries) } else { None }
    }

    /// The value of a field.
    pub(super) fn get(&self, key: &str) -> Option<&Tree> {
        self.as_object()?.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// What it is, with its article, as messages call it.
    pub(super) fn article(&self) -> &'static str {
        match self.kind {
            Kind::Null => "empty",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    /// How many nodes it has.
    pub(super) fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Object(entries) => entries.iter().map(|entry| entry.value.size()).sum(),
        }
    }

    /// How deep it nests: 0 for a node without inner ones.
    pub(super) fn depth(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => 0,
            Kind::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Object(entries) => {
                1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0)
            }
        }
    }

    /// Its value, without places.
    pub(super) fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Number(number) => Json::Number(number.clone()),
            Kind::Text(text) => Json::from(&*text.text),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Object(entries) => entries
                .iter()
                .map(|entry| (entry.key.to_string(), entry.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

impl Entry {
    pub(super) fn new(key: &str, value: Tree) -> Self {
        Self { key: key.into(), at: value.at, value }
    }
}

/// Refuses a number that would not be kept as it is written.
pub(super) fn expect_exact(number: &str, at: Position) -> Result<(), Diagnostic> {
    if !loses_digits(number) {
        return Ok(());
    }
    let message = format!("the value is {}", lost_digits(number));
    Err(Diagnostic::error(code::SHAPE, at, message).with_hint("put it in quotes, as a text"))
}

/// A number written as JSON writes it; anything else is none.
pub(super) fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    serde_json::from_str(text).ok()
}
