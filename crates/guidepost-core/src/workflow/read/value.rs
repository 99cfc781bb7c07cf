//! Values: expressions, templates, spans, counts.

use super::super::Dialect;
use super::super::problems::code;
use super::super::tree::{Kind, Tree};
use super::Reader;
use crate::id::EventName;
use crate::machine::Computed;
use crate::machine::expr::{Expr, Template};
use crate::time::Span;

/// What an expression can see besides attributes.
#[derive(Clone, Copy, Default)]
pub(super) struct Sight<'a> {
    /// Names that exist only there.
    pub(super) locals: &'static [&'static str],
    /// The event being taken, if only one can be.
    pub(super) event: Option<&'a EventName>,
    /// What a guard is given where it is used, seen as `params`.
    pub(super) params: Option<&'a Tree>,
}

impl<'t> Reader<'t, '_> {
    /// An expression.
    pub(super) fn expr(&mut self, tree: &'t Tree, what: &str, sight: Sight<'_>) -> Option<Expr> {
        let source = match &tree.kind {
            Kind::Text(text) => text.text.to_string(),
            Kind::Bool(_) | Kind::Number(_) => tree.to_json().to_string(),
            Kind::Null | Kind::List(_) | Kind::Object(_) => {
                self.misshapen(tree, what, "an expression");
                return None;
            }
        };
        match Expr::compile(&source) {
            Ok(mut expr) => {
                if let Some(params) = sight.params {
                    expr = expr.with_params(params.to_json());
                }
                self.mention(expr.names(), tree, sight.locals, sight.event);
                Some(expr)
            }
            Err(error) => {
                self.uncompiled(&error, tree);
                None
            }
        }
    }

    /// A text with expressions in it.
    pub(super) fn template(
        &mut self,
        tree: &'t Tree,
        what: &str,
        sight: Sight<'_>,
    ) -> Option<Template> {
        let source = self.text(tree, what)?;
        match Template::compile(source) {
            Ok(template) => {
                self.mention(template.names(), tree, sight.locals, sight.event);
                Some(template)
            }
            Err(error) => {
                self.uncompiled(&error, tree);
                None
            }
        }
    }

    /// A value: in our form a text is an expression and anything else stands as it is; in an XState file everything
    /// stands as it is. `{$expr: …}`, `{$template: …}` and `{$literal: …}` say in either what is meant.
    pub(super) fn computed(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Option<Computed> {
        if let Some([entry]) = tree.as_object() {
            match &*entry.key {
                "$expr" => return self.expr(&entry.value, "$expr", sight).map(Computed::Expr),
                "$template" => {
                    return self.template(&entry.value, "$template", sight).map(Computed::Template);
                }
                "$literal" => return Some(Computed::Literal(entry.value.to_json())),
                "$object" => {
                    return Some(Computed::Object(self.computed_fields(&entry.value, sight)));
                }
                "$list" => {
                    let items = entry.value.as_list().unwrap_or_default();
                    let items = items.iter().filter_map(|item| self.computed(item, sight));
                    return Some(Computed::List(items.collect()));
                }
                _ => {}
            }
        }
        match (&tree.kind, self.dialect) {
            (Kind::Text(_), Dialect::Guidepost) => {
                self.expr(tree, "value", sight).map(Computed::Expr)
            }
            (_, _) => Some(Computed::Literal(tree.to_json())),
        }
    }

    /// The fields of an object of such values.
    pub(super) fn computed_fields(
        &mut self,
        tree: &'t Tree,
        sight: Sight<'_>,
    ) -> Vec<(String, Computed)> {
        let mut computed = Vec::new();
        for entry in self.fields(tree, "data") {
            if let Some(value) = self.computed(&entry.value, sight) {
                computed.push((entry.key.to_string(), value));
            }
        }
        computed
    }

    /// A result: an object of values, or one value.
    pub(super) fn result(&mut self, tree: &'t Tree) -> Option<Computed> {
        let is_marked =
            |entries: &[_]| matches!(entries, [super::Entry { key, .. }] if key.starts_with('$'));
        match tree.as_object() {
            Some(entries) if !is_marked(entries) => {
                Some(Computed::Object(self.computed_fields(tree, Sight::default())))
            }
            Some(_) | None => self.computed(tree, Sight::default()),
        }
    }

    /// A length of time: a text such as `30s`, or a number of milliseconds.
    pub(super) fn span(&mut self, tree: &'t Tree, what: &str) -> Option<Span> {
        let span = match &tree.kind {
            Kind::Number(ms) => ms.as_u64().map(Span::from_millis),
            Kind::Text(text) => span_of(&text.text),
            Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Object(_) => None,
        };
        if span.is_none() {
            let message = format!(
                "`{what}` must be a length of time such as `30s`, `1h30m` or a number of milliseconds"
            );
            self.error(code::SPAN, tree.at, message);
        }
        span
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&mut self, tree: &Tree, what: &str, least: u64) -> Option<u64> {
        let count = match &tree.kind {
            Kind::Number(number) => number.as_u64().filter(|count| *count >= least),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Object(_) => None,
        };
        if count.is_none() {
            let given = given(tree);
            let message = format!("`{what}` must be a whole number of at least {least}{given}");
            self.error(code::SHAPE, tree.at, message);
        }
        count
    }

    /// A number of at least 0.
    pub(super) fn amount(&mut self, tree: &Tree, what: &str) -> Option<f64> {
        let amount = match &tree.kind {
            Kind::Number(number) => number.as_f64().filter(|amount| *amount >= 0.0),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Object(_) => None,
        };
        if amount.is_none() {
            let message = format!("`{what}` must be a number of at least 0{}", given(tree));
            self.error(code::SHAPE, tree.at, message);
        }
        amount
    }

    /// Checks every text with expressions in it, anywhere in a value that is kept as it is.
    pub(super) fn check_templates(&mut self, tree: &'t Tree, sight: Sight<'_>) {
        match &tree.kind {
            Kind::Text(text) if text.text.contains("{{") || text.text.contains("{%") => {
                self.template(tree, "text", sight);
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
            Kind::List(items) => items.iter().for_each(|item| self.check_templates(item, sight)),
            Kind::Object(entries) => {
                entries.iter().for_each(|entry| self.check_templates(&entry.value, sight));
            }
        }
    }
}

/// The number that stands where another is needed, for a message.
pub(super) fn given(tree: &Tree) -> String {
    match &tree.kind {
        Kind::Number(number) => format!(", but is {number}"),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Object(_) => {
            String::new()
        }
    }
}

/// A length of time as a text: with units, or as a number of milliseconds.
pub(super) fn span_of(text: &str) -> Option<Span> {
    match text.parse::<u64>() {
        Ok(ms) => Some(Span::from_millis(ms)),
        Err(_) => text.parse().ok(),
    }
}
