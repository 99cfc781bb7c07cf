//! Guards: expressions, names, and XState's combinations of them.

use super::super::Dialect;
use super::super::problems::code;
use super::super::tree::{Kind, Tree};
use super::Reader;
use super::value::Sight;
use crate::diagnostic::Diagnostic;
use crate::limits::ALIAS_NODES_MAX;
use crate::machine::{Guard, Named, StateIx};

/// How many names deep guards and actions may lead: what leads deeper leads in a circle.
pub(super) const NESTING_MAX: usize = 16;

/// Whether a type of guard is a combination of others, so that a guard of that name is written as `{ name: … }`.
pub(in crate::workflow) fn is_combination(kind: &str) -> bool {
    matches!(kind.strip_prefix("xstate.").unwrap_or(kind), "and" | "or" | "not" | "stateIn")
}

impl<'t> Reader<'t, '_> {
    /// A guard of a transition of the state `source`.
    pub(super) fn guard(
        &mut self,
        tree: &'t Tree,
        source: StateIx,
        sight: Sight<'_>,
    ) -> Option<Guard> {
        match &tree.kind {
            Kind::Text(text) => self.guard_text(tree, &text.text, source, sight),
            Kind::Bool(_) => self.expr(tree, "guard", sight).map(Guard::Expr),
            Kind::Object(_) => self.guard_object(tree, source, sight),
            Kind::Null | Kind::Number(_) | Kind::List(_) => {
                self.misshapen(tree, "guard", "an expression, the name of a guard or an object");
                None
            }
        }
    }

    /// In our form a text is a name if `guards` defines it, else an expression; in an XState file it is a name.
    fn guard_text(
        &mut self,
        tree: &'t Tree,
        text: &str,
        source: StateIx,
        sight: Sight<'_>,
    ) -> Option<Guard> {
        let is_defined = self.defined("guards", text).is_some();
        if is_defined || self.dialect == Dialect::XState {
            return self.guard_named(tree, text, source, sight);
        }
        self.expr(tree, "guard", sight).map(Guard::Expr)
    }

    fn guard_named(
        &mut self,
        tree: &Tree,
        name: &str,
        source: StateIx,
        sight: Sight<'_>,
    ) -> Option<Guard> {
        let Some(definition) = self.defined("guards", name) else {
            self.unbound_guards.entry(name.to_owned()).or_insert_with(|| {
                let message = format!("the guard `{name}` has no definition");
                let problem = Diagnostic::warning(code::UNBOUND, tree.at, message);
                self.problems.add(problem.with_hint(
                    "define it under `guards`; a run cannot start while nothing answers it",
                ));
                None
            });
            let params = sight.params.map(Tree::to_json).unwrap_or_default();
            return Some(Guard::Unbound(Named { name: name.to_owned(), params }));
        };
        self.inside(tree, name, |reader| match &definition.kind {
            // What defines a guard is an expression in both forms: a name that only leads to a name defines nothing.
            Kind::Text(text) if reader.defined("guards", &text.text).is_none() => {
                reader.expr(definition, "guard", sight).map(Guard::Expr)
            }
            Kind::Text(_)
            | Kind::Bool(_)
            | Kind::Object(_)
            | Kind::Null
            | Kind::Number(_)
            | Kind::List(_) => reader.guard(definition, source, sight),
        })
    }

    fn guard_object(&mut self, tree: &'t Tree, source: StateIx, sight: Sight<'_>) -> Option<Guard> {
        // Our own writer puts an expression under `params` in an XState file, and what it is given beside it.
        let wrapped = tree.get("params").filter(|params| params.get("$expr").is_some());
        let marked = wrapped.unwrap_or(tree);
        let given = marked.get("params").filter(|params| !params.is_null());
        let sight = Sight { params: given.or(sight.params), ..sight };
        if let Some(expr) = marked.get("$expr") {
            return self.expr(expr, "$expr", sight).map(Guard::Expr);
        }
        if let Some(name) = tree.get("name").and_then(Tree::as_text) {
            return self.guard_named(tree, name, source, sight);
        }
        let Some(kind) = tree.get("type").and_then(Tree::as_text) else {
            self.error(code::SHAPE, tree.at, "a guard that is an object needs a `type`");
            return None;
        };
        match kind.strip_prefix("xstate.").unwrap_or(kind) {
            "and" => Some(Guard::All(self.guards_of(tree, source, sight))),
            "or" => Some(Guard::Any(self.guards_of(tree, source, sight))),
            "not" => self.not(tree, source, sight),
            "stateIn" => self.state_in(tree, source),
            _ => self.guard_named(tree, kind, source, sight),
        }
    }

    fn not(&mut self, tree: &'t Tree, source: StateIx, sight: Sight<'_>) -> Option<Guard> {
        let several = tree.get("guards").and_then(Tree::as_list);
        if several.is_some_and(|guards| guards.len() != 1) {
            self.error(code::SHAPE, tree.at, "`not` takes one guard");
            return None;
        }
        let inner = self.guards_of(tree, source, sight).pop()?;
        Some(Guard::Not(Box::new(inner)))
    }

    fn guards_of(&mut self, tree: &'t Tree, source: StateIx, sight: Sight<'_>) -> Vec<Guard> {
        let inner = tree.get("guards").or_else(|| tree.get("guard"));
        let Some(inner) = inner else {
            self.error(code::SHAPE, tree.at, "`guards` lists the guards to combine");
            return Vec::new();
        };
        let items = inner.as_list().unwrap_or_else(|| std::slice::from_ref(inner));
        items.iter().filter_map(|item| self.guard(item, source, sight)).collect()
    }

    fn state_in(&mut self, tree: &'t Tree, source: StateIx) -> Option<Guard> {
        let params = tree.get("params").unwrap_or(tree);
        let value = ["state", "stateValue", "value"].iter().find_map(|key| params.get(key));
        let Some((path, value)) = value.and_then(|value| Some((value.as_text()?, value))) else {
            self.error(code::SHAPE, tree.at, "`stateIn` needs a `state`, by its path or `#id`");
            return None;
        };
        let found = self.outline.find(path).or_else(|| self.outline.resolve(source, path));
        if found.is_none() {
            let message = format!("`stateIn` asks about `{path}`, which does not exist");
            let problem = Diagnostic::error(code::UNKNOWN_TARGET, value.at, message);
            self.problems.add_unknown(problem, path, self.outline.names(source), || None);
        }
        found.map(Guard::InState)
    }

    /// The definition of this name in a section of the root.
    pub(super) fn defined(&self, section: &str, name: &str) -> Option<&'t Tree> {
        self.definitions.get(&(section, name)).copied()
    }

    /// Reads the definition of a name, unless it leads in a circle or names have multiplied too often.
    pub(super) fn inside<T>(
        &mut self,
        tree: &Tree,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.nesting >= NESTING_MAX {
            let message = format!(
                "`{name}` is defined by itself, or by more than {NESTING_MAX} names in a row"
            );
            self.error(code::CYCLE, tree.at, message);
            return None;
        }
        self.expanded += 1;
        if self.expanded > ALIAS_NODES_MAX {
            let message =
                format!("names stand for more than {ALIAS_NODES_MAX} guards, actions and delays");
            self.error(code::TOO_LARGE, tree.at, message);
            return None;
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }
}
