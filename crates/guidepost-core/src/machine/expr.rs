//! Expressions and templates: Jinja, strict and bounded.
//!
//! One language for guards, values and texts. minijinja reads it; a small evaluator of our own works it out, so that
//! an expression and a template always agree and every step is bounded. It can see the run's attributes by name, the
//! event's data as `event`, and ask `in_state("Review.Coding")`; no files, no environment, no clock, no chance.
//!
//! - Strict: what is undefined may be asked about (`is defined`) and replaced (`default`), nothing else.
//! - Kinds are kept apart: ordering or adding values of different kinds is an error, equality of them is false.
//! - Bounded: source, nesting, steps, and the size of every text and list on the way, by [`crate::limits`].

mod bounds;
mod eval;
mod filter;
mod lower;
mod node;
mod operate;
mod test;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::Value;
use minijinja::machinery::{parse, parse_expr};
use minijinja::syntax::SyntaxConfig;
use serde_json::Value as Json;

use self::eval::Eval;
use self::lower::Lower;
use self::node::{Node, Placed};
use crate::data::{Data, value_of};
use crate::id::StateId;

/// What an expression can see.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The run's data: attributes by name.
    pub data: Data,
    /// The event's data, as `event`; undefined if no event is being taken.
    pub event: Value,
    /// The states the run is in, for `in_state("Review.Coding")`.
    pub active: Arc<[StateId]>,
}

/// A compiled expression. One pointer, because a machine has thousands of places where one may stand.
#[derive(Debug)]
pub struct Expr(Box<ExprParts>);

#[derive(Debug)]
struct ExprParts {
    source: Box<str>,
    root: Node,
    names: Names,
    params: Option<Json>,
}

/// The name by which an expression sees its parameters.
const PARAMS: &str = "params";

/// A compiled template: a text with expressions in it. One pointer, as for [`Expr`].
#[derive(Debug)]
pub struct Template(Box<TemplateParts>);

#[derive(Debug)]
struct TemplateParts {
    source: Box<str>,
    /// `None` if the text stands as it is.
    blocks: Option<Vec<Placed>>,
    names: Names,
}

/// What an expression or a template names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Names {
    /// Attributes: every name that is not bound inside, in the order of first use.
    pub attributes: IndexSet<String>,
    /// Whether it uses `event`.
    pub event: bool,
    /// The fields of `event` it uses by name.
    pub event_fields: IndexSet<String>,
    /// The states it asks about by a path written out.
    pub states: IndexSet<String>,
}

/// Why an expression or a template has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", place(*at))]
pub struct EvalError {
    /// What went wrong.
    pub message: String,
    /// In a template, the line and column of the part that has no value, both from 1.
    pub at: Option<(u32, u32)>,
}

fn place(at: Option<(u32, u32)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!(" (line {line}, column {column})"))
}

/// Why a text is no expression or template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// The line within the text, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Expr {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if it cannot be parsed, uses something that is not offered, or exceeds a bound.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        bounds::check(source, true, SyntaxConfig::default())?;
        let tree = parse_expr(source).map_err(|error| unparsed(&error, source))?;
        let mut lower = Lower::default();
        let root = lower.node(&tree)?;
        let (source, names) = (source.into(), lower.names);
        Ok(Self(Box::new(ExprParts { source, root, names, params: None })))
    }

    /// The same with parameters, which it sees as `params`; without a use for them, the same.
    #[must_use]
    pub fn with_params(mut self, params: Json) -> Self {
        if self.0.names.attributes.shift_remove(PARAMS) {
            self.0.params = Some(params);
        }
        self
    }

    /// Its parameters.
    #[must_use]
    pub fn params(&self) -> Option<&Json> {
        self.0.params.as_ref()
    }

    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Works out its value.
    ///
    /// # Errors
    ///
    /// [`EvalError`] if it names something undefined, orders values of different kinds, or exceeds a bound.
    pub fn eval(&self, scope: &Scope) -> Result<Json, EvalError> {
        let mut eval = self.evaluation(scope);
        let value = eval.value(&self.0.root)?;
        eval.result(&value)
    }

    /// Whether it holds: its value's truth. Empty texts, lists and objects, 0 and null are false.
    ///
    /// # Errors
    ///
    /// As [`Expr::eval`].
    pub fn test(&self, scope: &Scope) -> Result<bool, EvalError> {
        self.evaluation(scope).truth(&self.0.root)
    }

    fn evaluation<'a>(&self, scope: &'a Scope) -> Eval<'a> {
        let mut eval = Eval::new(scope);
        if let Some(params) = &self.0.params {
            eval.give(PARAMS, value_of(params));
        }
        eval
    }

    /// Whether its value may depend on the event.
    #[must_use]
    pub fn uses_event(&self) -> bool {
        self.0.names.event
    }

    /// What it names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.0.names
    }
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// As [`Expr::compile`].
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        // A line break at the end belongs to the text, with expressions in it or without.
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        let syntax = syntax.map_err(|error| unparsed(&error, source))?;
        bounds::check(source, false, syntax.clone())?;
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            let (source, names) = (source.into(), Names::default());
            return Ok(Self(Box::new(TemplateParts { source, blocks: None, names })));
        }
        let tree = parse(source, "", syntax).map_err(|error| unparsed(&error, source))?;
        let mut lower = Lower::default();
        let blocks = lower.blocks(std::slice::from_ref(&tree))?;
        let (source, blocks, names) = (source.into(), Some(blocks), lower.names);
        Ok(Self(Box::new(TemplateParts { source, blocks, names })))
    }

    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Renders it. Texts appear as they are, everything else as JSON.
    ///
    /// # Errors
    ///
    /// As [`Expr::eval`].
    pub fn render(&self, scope: &Scope) -> Result<String, EvalError> {
        let Some(blocks) = &self.0.blocks else { return Ok(self.0.source.to_string()) };
        let mut out = String::new();
        Eval::new(scope).render(blocks, &mut out)?;
        Ok(out)
    }

    /// Renders it for somebody to read, as far as that goes: a part without a value is replaced by why, in brackets.
    #[must_use]
    pub fn fill(&self, scope: &Scope) -> Filled {
        let mut filled = Filled::default();
        let Some(blocks) = &self.0.blocks else {
            filled.text = self.0.source.to_string();
            return filled;
        };
        let mut eval = Eval::new(scope).with_gaps();
        if let Err(error) = eval.render(blocks, &mut filled.text) {
            filled.gaps.push(error);
        }
        let (values, gaps) = eval.filled();
        filled.values = values;
        filled.gaps.splice(0..0, gaps);
        filled
    }

    /// What it names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.0.names
    }
}

/// A template that was filled in as far as that goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The text, with `[why]` in place of each part without a value.
    pub text: String,
    /// Where in the text the values stand that expressions gave, as ranges of bytes, in order. All else is the author's.
    pub values: Vec<Range<usize>>,
    /// Why parts have no value, in order. If there are too many, the text ends with the last.
    pub gaps: Vec<EvalError>,
}

/// The parser's complaint, with its place.
fn unparsed(error: &minijinja::Error, source: &str) -> CompileError {
    let message = error.detail().unwrap_or("it cannot be parsed").to_owned();
    let before = error.range().and_then(|range| source.get(..range.start)).unwrap_or_default();
    let line = u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    CompileError { message, line, column: u32::try_from(column).unwrap_or(u32::MAX) }
}
