//! Texts with the run's data filled in.

use std::ops::Range;

use guidepost_core::machine::expr::{Filled, Scope, Template};
use serde::{Serialize, Serializer};

/// A text of a definition as somebody reads it: the author's words, with values of the run's data among them. Serialises
/// to the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The text.
    pub text: String,
    /// Where in it values of the data stand, as ranges of bytes, in order. They may come from anybody.
    pub values: Vec<Range<usize>>,
}

impl Told {
    /// A guideline or a description, which may have been edited since the definition was checked: one that is no template
    /// stands as it is.
    pub(super) fn of_text(text: &str, scope: &Scope, missing: &mut Vec<String>) -> Self {
        match Template::compile(text) {
            Ok(template) => Self::of(template.fill(scope), missing),
            Err(error) => {
                missing.push(format!(
                    "everything: {error} (line {}, column {})",
                    error.line, error.column
                ));
                Self { text: text.to_owned(), values: Vec::new() }
            }
        }
    }

    /// A template that was filled in.
    pub(super) fn of(filled: Filled, missing: &mut Vec<String>) -> Self {
        missing.extend(filled.gaps.iter().map(ToString::to_string));
        Self { text: filled.text, values: filled.values }
    }

    /// The text in parts: the author's words, and what stands between two of them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut at = 0;
        let mut parts = Vec::with_capacity(self.values.len() * 2 + 1);
        for value in &self.values {
            parts.push(Part::Words(self.text.get(at..value.start).unwrap_or_default()));
            parts.push(Part::Value(self.text.get(value.clone()).unwrap_or_default()));
            at = value.end;
        }
        parts.push(Part::Words(self.text.get(at..).unwrap_or_default()));
        parts.into_iter()
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The author's words.
    Words(&'a str),
    /// A value of the run's data.
    Value(&'a str),
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
