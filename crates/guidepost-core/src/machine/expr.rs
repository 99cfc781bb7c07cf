//! Expressions and templates: Jinja, strict and bounded.

use std::sync::Arc;

use minijinja::Value;
use serde_json::Value as Json;

use crate::data::Data;
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

/// A compiled expression.
#[derive(Debug)]
pub struct Expr {
    source: String,
}

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    source: String,
}

/// Why an expression or a template has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What went wrong.
    pub message: String,
}

impl Expr {
    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Works out its value.
    ///
    /// # Errors
    ///
    /// [`EvalError`] if it names something undefined, orders values of different kinds, or exceeds a bound.
    pub fn eval(&self, _scope: &Scope) -> Result<Json, EvalError> {
        Err(EvalError { message: format!("`{}` cannot be evaluated", self.source) })
    }

    /// Whether it holds: its value's truth.
    ///
    /// # Errors
    ///
    /// As [`Expr::eval`].
    pub fn test(&self, scope: &Scope) -> Result<bool, EvalError> {
        Ok(self.eval(scope)? == Json::Bool(true))
    }

    /// Whether its value may depend on the event.
    #[must_use]
    pub fn uses_event(&self) -> bool {
        self.source.contains("event")
    }
}

impl Template {
    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders it.
    ///
    /// # Errors
    ///
    /// As [`Expr::eval`].
    pub fn render(&self, _scope: &Scope) -> Result<String, EvalError> {
        Err(EvalError { message: format!("`{}` cannot be rendered", self.source) })
    }
}
