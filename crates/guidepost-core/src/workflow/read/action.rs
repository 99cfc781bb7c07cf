//! Actions: our short forms, names, and XState's objects with a type.

use super::super::Dialect;
use super::super::problems::code;
use super::super::tree::{Entry, Kind, Tree};
use super::Reader;
use super::value::{Sight, span_of};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::{AttributeName, EventName};
use crate::machine::{Action, Computed, Delay, Named, Send};
use crate::name::NameOf;

/// The actions that exist by themselves.
const BUILT_IN: [&str; 6] = ["assign", "append", "raise", "send", "cancel", "log"];

impl<'t> Reader<'t, '_> {
    /// One action or a list of them.
    pub(super) fn actions(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        self.add_actions(tree, sight, &mut actions);
        actions
    }

    fn add_actions(&mut self, tree: &'t Tree, sight: Sight<'_>, actions: &mut Vec<Action>) {
        match &tree.kind {
            Kind::Null => {}
            Kind::List(items) => {
                items.iter().for_each(|item| self.add_actions(item, sight, actions));
            }
            Kind::Text(name) => self.add_named(tree, &name.text, None, sight, actions),
            Kind::Object(entries) => self.add_object(tree, entries, sight, actions),
            Kind::Bool(_) | Kind::Number(_) => {
                self.misshapen(tree, "actions", "an action, the name of one, or a list of them");
            }
        }
    }

    fn add_named(
        &mut self,
        tree: &Tree,
        name: &str,
        params: Option<&Tree>,
        sight: Sight<'_>,
        actions: &mut Vec<Action>,
    ) {
        let params = params.filter(|params| !params.is_null());
        if let Some(definition) = self.defined("actions", name) {
            if let Some(params) = params {
                let message = format!("the parameters of the action `{name}` are not passed on");
                let problem = Diagnostic::warning(code::UNBOUND, params.at, message);
                self.problems
                    .add(problem.with_hint("give each set of parameters an action of its own"));
            }
            // `actions:` is ours also in a file of XState's, so what stands there is read as ours.
            let dialect = std::mem::replace(&mut self.dialect, Dialect::Guidepost);
            let defined = self.inside(tree, name, |reader| Some(reader.actions(definition, sight)));
            self.dialect = dialect;
            actions.extend(defined.unwrap_or_default());
            return;
        }
        if self.unbound_actions.insert(name.to_owned()) {
            let message =
                format!("the action `{name}` has no definition, and no run starts without");
            let problem = Diagnostic::warning(code::UNBOUND, tree.at, message);
            let known = self.definitions.keys().filter(|(section, _)| *section == "actions");
            let advice = || Some("define it under `actions`".to_owned());
            self.problems.add_unknown(problem, name, known.map(|(_, name)| *name), advice);
        }
        let params = params.map(Tree::to_json).unwrap_or_default();
        actions.push(Action::Unbound(Named { name: name.to_owned(), params }));
    }

    fn add_object(
        &mut self,
        tree: &'t Tree,
        entries: &'t [Entry],
        sight: Sight<'_>,
        actions: &mut Vec<Action>,
    ) {
        if let Some(kind) = tree.get("type").and_then(Tree::as_text) {
            // XState nests what an action takes under `params`; what its own tools write stands beside the type.
            let params = tree.get("params").unwrap_or(tree);
            let short = kind.strip_prefix("xstate.").unwrap_or(kind);
            if BUILT_IN.contains(&short) {
                actions.extend(self.built_in(short, params, sight));
            } else {
                self.add_named(tree, kind, tree.get("params"), sight, actions);
            }
            return;
        }
        let [entry] = entries else {
            self.misshapen_action(tree);
            return;
        };
        if !BUILT_IN.contains(&&*entry.key) {
            let message = format!("there is no action `{}`", entry.key);
            let problem = Diagnostic::error(code::UNKNOWN_KEY, entry.at, message);
            self.problems.add_unknown(problem, &entry.key, BUILT_IN, || None);
            return;
        }
        actions.extend(self.built_in(&entry.key, &entry.value, sight));
    }

    fn misshapen_action(&mut self, tree: &Tree) {
        self.error(
            code::SHAPE,
            tree.at,
            "an action is written as an object with one key, such as `{ assign: { score: event.score } }`",
        );
    }

    fn built_in(&mut self, kind: &str, tree: &'t Tree, sight: Sight<'_>) -> Option<Action> {
        match kind {
            "assign" => {
                let assigned = tree.get("assignment").unwrap_or(tree);
                Some(Action::Assign(self.assigned(assigned, kind, sight)))
            }
            "append" => Some(Action::Append(self.assigned(tree, kind, sight))),
            "raise" => self.send(tree, sight).map(Action::Raise),
            "send" => self.send(tree, sight).map(Action::Send),
            "cancel" => {
                let id = ["sendId", "id"].iter().find_map(|key| tree.get(key)).unwrap_or(tree);
                self.line(id, "cancel", sight).map(Action::Cancel)
            }
            _ => {
                let text =
                    ["message", "expr", "label", "value"].iter().find_map(|key| tree.get(key));
                self.line(text.unwrap_or(tree), "log", sight).map(Action::Log)
            }
        }
    }

    /// Attributes with their new values.
    fn assigned(
        &mut self,
        tree: &'t Tree,
        what: &str,
        sight: Sight<'_>,
    ) -> Vec<(AttributeName, Computed)> {
        let mut assigned = Vec::new();
        let is_typed = tree.get("type").and_then(Tree::as_text).is_some_and(is_assignment);
        for entry in self.fields(tree, what) {
            if &*entry.key == "type" && is_typed {
                continue;
            }
            self.known.insert(entry.key.to_string());
            if let Some(value) = self.computed(&entry.value, sight) {
                assigned.push((AttributeName::from(&*entry.key), value));
            }
        }
        assigned
    }

    /// A text with expressions in it, or a value marked as something else.
    fn line(&mut self, tree: &'t Tree, what: &str, sight: Sight<'_>) -> Option<Computed> {
        if tree.as_object().is_some() {
            return self.computed(tree, sight);
        }
        self.template(tree, what, sight).map(Computed::Template)
    }

    /// `NAME`, `{event, data, delay, id}`, or XState's `{event: {type, …}, delay, id}`.
    fn send(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Option<Send> {
        if tree.as_text().is_some() {
            let event = self.sent_event(tree)?;
            return Some(Send { event, data: Vec::new(), delay: None, id: None });
        }
        let Some(event) = tree.get("event") else {
            self.error(
                code::SHAPE,
                tree.at,
                "an event is sent as `NAME` or `{ event: NAME, data: … }`",
            );
            return None;
        };
        if tree.get("type").is_none() {
            let known = ["event", "data", "delay", "id", "to"];
            self.check_keys(self.object_entries(tree), &[&known], "a sent event");
        }
        let mut data = match tree.get("data") {
            Some(data) => self.computed_fields(data, sight),
            None => Vec::new(),
        };
        let name = event.get("type").unwrap_or(event);
        for entry in event.as_object().unwrap_or_default() {
            if &*entry.key != "type"
                && let Some(value) = self.computed(&entry.value, sight)
            {
                data.push((entry.key.to_string(), value));
            }
        }
        let delay = tree.get("delay").and_then(|delay| self.delay(delay, sight));
        let id = tree.get("id").and_then(|id| self.text(id, "id")).map(str::to_owned);
        Some(Send { event: self.sent_event(name)?, data, delay, id })
    }

    fn object_entries(&self, tree: &'t Tree) -> &'t [Entry] {
        tree.as_object().unwrap_or_default()
    }

    fn sent_event(&mut self, tree: &'t Tree) -> Option<EventName> {
        let name = self.text(tree, "event")?;
        self.is_name(NameOf::Event, name, tree.at).then(|| EventName::from(name))
    }

    /// A span, a number of milliseconds, the name of a delay, or an expression.
    pub(super) fn delay(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Option<Delay> {
        let Some(text) = tree.as_text() else {
            if let Some(expr) = tree.get("$expr") {
                return self.expr(expr, "delay", sight).map(Delay::Computed);
            }
            if let Some(name) = tree.get("$unbound") {
                let text = self.text(name, "delay")?;
                return Some(self.unbound_delay(text, name.at));
            }
            return self.span(tree, "delay").map(Delay::Fixed);
        };
        if let Some(span) = span_of(text) {
            return Some(Delay::Fixed(span));
        }
        if let Some(definition) = self.defined("delays", text) {
            return self.inside(tree, text, |reader| reader.delay(definition, sight));
        }
        match self.dialect {
            Dialect::Guidepost => self.expr(tree, "delay", sight).map(Delay::Computed),
            Dialect::XState => {
                self.unknown_delay(text, tree.at);
                None
            }
        }
    }

    pub(super) fn unknown_delay(&mut self, name: &str, at: Position) {
        let message =
            format!("`{name}` is neither a length of time nor a delay that `delays` defines");
        let problem = Diagnostic::error(code::SPAN, at, message);
        let known = self.definitions.keys().filter(|(section, _)| *section == "delays");
        let advice = || Some("write it as `30s` or `72h`, or define it under `delays`".to_owned());
        self.problems.add_unknown(problem, name, known.map(|(_, name)| *name), advice);
    }
}

/// Whether a type names an action whose other fields are attributes.
fn is_assignment(kind: &str) -> bool {
    matches!(kind.strip_prefix("xstate.").unwrap_or(kind), "assign" | "append")
}
