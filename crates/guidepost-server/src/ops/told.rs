//! Texts with the run's data filled in.

use std::ops::Range;

use guidepost_core::machine::Machine;
use guidepost_core::machine::expr::{Filled, Scope, Template};
use guidepost_core::run::Run;
use serde::{Serialize, Serializer};

use super::sensitive::{self, HIDDEN};

/// A text of a definition as somebody reads it: the author's words, with values of the run's data among them. Serialises
/// to the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The text.
    pub text: String,
    /// Where in it values of the data stand, as ranges of bytes, in order. They may come from anybody.
    pub values: Vec<Range<usize>>,
    /// The same for eyes that need not see what is sensitive, if it names any of that.
    open: Option<Box<Told>>,
}

impl Told {
    /// A text that names nothing.
    pub(super) fn plain(text: String) -> Self {
        Self { text, values: Vec::new(), open: None }
    }

    /// The same with `(sensitive)` in place of what is sensitive, for those who do not do the work.
    pub(super) fn hide(&mut self) {
        if let Some(open) = self.open.take() {
            *self = *open;
        }
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

/// Fills texts in with the data of a run.
pub(super) struct Teller<'a> {
    scope: Scope,
    /// The attributes that are sensitive, and what somebody sees who need not see them.
    secret: Option<(Vec<&'a str>, Scope)>,
}

impl<'a> Teller<'a> {
    /// One that tells of a run.
    pub(super) fn of(machine: &'a Machine, run: &Run) -> Self {
        let names = sensitive::names(machine);
        let scope = Scope {
            data: run.data.clone(),
            event: minijinja::Value::UNDEFINED,
            active: run.active.keys().cloned().collect(),
        };
        let known = names.iter().filter(|name| scope.data.get(name).is_some());
        let data = known.fold(scope.data.clone(), |data, name| data.with(name, &HIDDEN.into()));
        let secret = (!names.is_empty()).then(|| (names, Scope { data, ..scope.clone() }));
        Self { scope, secret }
    }

    /// A guideline or a description, which may have been edited since the definition was checked: one that is no template
    /// stands as it is.
    pub(super) fn text(&self, text: &str, missing: &mut Vec<String>) -> Told {
        match Template::compile(text) {
            Ok(template) => self.template(&template, missing),
            Err(error) => {
                missing.push(format!(
                    "everything: {error} (line {}, column {})",
                    error.line, error.column
                ));
                Told::plain(text.to_owned())
            }
        }
    }

    /// A template, filled in.
    pub(super) fn template(&self, template: &Template, missing: &mut Vec<String>) -> Told {
        let filled = template.fill(&self.scope);
        missing.extend(filled.gaps.iter().map(ToString::to_string));
        let open = self.open(template, &filled).map(Box::new);
        Told { text: filled.text, values: filled.values, open }
    }

    /// A line that is made from the data, with why parts of it have no value.
    pub(super) fn line(
        &self,
        missing: &mut Vec<String>,
        line: impl Fn(&Scope, &mut Vec<String>) -> String,
    ) -> Told {
        let (mut gaps, mut open_gaps) = (Vec::new(), Vec::new());
        let text = line(&self.scope, &mut gaps);
        let open = self.secret.as_ref().map(|(_, scope)| line(scope, &mut open_gaps));
        let open = open.map(|open| if open_gaps == gaps { open } else { HIDDEN.to_owned() });
        let open = open.filter(|open| *open != text).map(|open| Box::new(Told::plain(open)));
        missing.extend(gaps);
        Told { text, values: Vec::new(), open }
    }

    /// What everybody may read of a template that names what is sensitive. One that does more with it than show it, so that
    /// it has no value without, is hidden as a whole.
    fn open(&self, template: &Template, filled: &Filled) -> Option<Told> {
        let (names, scope) = self.secret.as_ref()?;
        if !sensitive::has_any(names, template.names()) {
            return None;
        }
        let open = template.fill(scope);
        if open.gaps != filled.gaps {
            return Some(Told::plain(HIDDEN.to_owned()));
        }
        Some(Told { text: open.text, values: open.values, open: None })
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
