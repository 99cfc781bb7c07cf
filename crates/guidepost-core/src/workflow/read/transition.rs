//! Transitions: `on`, `always`, `after`, `onDone`, `onError`.

use serde_json::Value as Json;

use super::super::Dialect;
use super::super::problems::code;
use super::super::tree::{Entry, Kind, Tree};
use super::value::{Sight, span_of};
use super::{Outline, Reader, Shape, keys};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::{EventName, StateId};
use crate::kernel::is_reserved;
use crate::machine::{
    Delay, Descriptor, FactKind, Requirement, StateIx, Targets, Transition, Trigger,
};
use crate::name::NameOf;

/// The sorts of facts `requires` can ask for, by the key that names them.
const FACTS: [(&str, FactKind); 4] = [
    ("action", FactKind::Action),
    ("decision", FactKind::Decision),
    ("message", FactKind::Message),
    ("artifact", FactKind::Artifact),
];

/// Transitions with the places they stand at.
#[derive(Default)]
pub(super) struct Read {
    pub(super) transitions: Vec<Transition>,
    pub(super) places: Vec<Position>,
}

impl Read {
    /// Puts transitions on the end of work after those of events, success before failure: the order in which those
    /// keys are written means nothing, so it must not show.
    pub(super) fn sort_outcomes(&mut self) {
        let rank = |transition: &Transition| match transition.trigger {
            Trigger::Event(_) | Trigger::Always => 0,
            Trigger::Complete => 1,
            Trigger::WorkDone => 2,
            Trigger::WorkFailed => 3,
            Trigger::After(_) => 4,
        };
        let transitions = std::mem::take(&mut self.transitions);
        let places = std::mem::take(&mut self.places);
        let mut both: Vec<_> = transitions.into_iter().zip(places).collect();
        both.sort_by_key(|(transition, _)| rank(transition));
        (self.transitions, self.places) = both.into_iter().unzip();
    }
}

impl<'t> Reader<'t, '_> {
    /// `on`: transitions by event; `own` are the names of what happens inside the state itself.
    pub(super) fn on(
        &mut self,
        source: StateIx,
        tree: &'t Tree,
        own: &[(String, Trigger)],
        read: &mut Read,
    ) {
        for entry in self.fields(tree, "on") {
            if let Some((_, trigger)) = own.iter().find(|(name, _)| **name == *entry.key) {
                self.transitions(source, entry, trigger, read);
                continue;
            }
            if self.dialect == Dialect::Guidepost && is_reserved(&entry.key) {
                self.reserved_event(entry);
                continue;
            }
            let Some(descriptor) = self.descriptor(entry) else { continue };
            self.transitions(source, entry, &Trigger::Event(descriptor), read);
        }
    }

    /// In our form what happens inside the machine has keys of its own.
    fn reserved_event(&mut self, entry: &Entry) {
        let name = &*entry.key;
        let message = format!("`{name}` is a name for what happens inside the machine, no event");
        let hint = match name.strip_prefix("xstate.").and_then(|rest| rest.split_once('.')) {
            Some(("done", _)) => "write `onDone` beside `on`",
            Some(("error", _)) => "write `onError` beside `on`",
            Some(("after", _)) => "write `after` beside `on`",
            Some(_) | None => "name the event otherwise",
        };
        self.problems.add(Diagnostic::error(code::NAME, entry.at, message).with_hint(hint));
    }

    fn descriptor(&mut self, entry: &Entry) -> Option<Descriptor> {
        let name = &*entry.key;
        if !self.is_name(NameOf::Transition, name, entry.at) {
            return None;
        }
        Some(match name.strip_suffix(".*") {
            _ if name == "*" => Descriptor::Any,
            Some(prefix) => Descriptor::Prefix(self.event_name(prefix)),
            None => Descriptor::Exact(self.event_name(name)),
        })
    }

    /// The name of an event. A machine compares names all the time, and those of few events stay at hand.
    fn event_name(&mut self, name: &str) -> EventName {
        if let Some(known) = self.events.get(name) {
            return known.clone();
        }
        let event = EventName::from(name);
        self.events.insert(event.clone());
        event
    }

    /// `after`: transitions by delay.
    pub(super) fn after(
        &mut self,
        source: StateIx,
        tree: &'t Tree,
        delays: &mut Vec<Delay>,
        read: &mut Read,
    ) {
        for entry in self.fields(tree, "after") {
            let Some(delay) = self.after_delay(entry) else { continue };
            let number = u32::try_from(delays.len()).unwrap_or(u32::MAX);
            delays.push(delay);
            self.transitions(source, entry, &Trigger::After(number), read);
        }
    }

    fn after_delay(&mut self, entry: &Entry) -> Option<Delay> {
        if let Some(definition) = self.defined("delays", &entry.key) {
            return self.inside(definition, &entry.key, |reader| {
                reader.delay(definition, Sight::default())
            });
        }
        if let Some(span) = span_of(&entry.key) {
            return Some(Delay::Fixed(span));
        }
        if self.dialect == Dialect::XState {
            return Some(self.unbound_delay(&entry.key, entry.at));
        }
        self.unknown_delay(&entry.key, entry.at);
        None
    }

    /// A delay that XState's machine expects from the program around it. Looking at it is fine; a run cannot start.
    pub(super) fn unbound_delay(&mut self, name: &str, at: Position) -> Delay {
        let message = format!("the delay `{name}` has no definition");
        let problem = Diagnostic::warning(code::UNBOUND, at, message);
        self.problems.add(problem.with_hint("define it under `delays`"));
        self.unbound_actions.insert(name.to_owned());
        Delay::Unbound(name.to_owned())
    }

    /// What one key leads to: a target, an object, or a list of alternatives.
    pub(super) fn transitions(
        &mut self,
        source: StateIx,
        entry: &'t Entry,
        trigger: &Trigger,
        read: &mut Read,
    ) {
        let alternatives =
            entry.value.as_list().unwrap_or_else(|| std::slice::from_ref(&entry.value));
        for tree in alternatives {
            let at = if tree.is_null() { entry.at } else { tree.at };
            if let Some(transition) = self.transition(source, tree, trigger) {
                read.transitions.push(transition);
                read.places.push(at);
            }
        }
    }

    fn transition(
        &mut self,
        source: StateIx,
        tree: &'t Tree,
        trigger: &Trigger,
    ) -> Option<Transition> {
        let mut transition = Transition {
            trigger: trigger.clone(),
            guard: None,
            requires: Vec::new(),
            targets: Targets::new(),
            reenter: false,
            actions: Vec::new(),
            description: None,
            meta: Json::Null,
        };
        match &tree.kind {
            Kind::Null => return Some(transition),
            Kind::Text(_) => {
                transition.targets = self.targets(source, tree);
                return Some(transition);
            }
            Kind::Object(_) => {}
            Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => {
                self.misshapen(tree, "transition", "a target, an object or a list of them");
                return None;
            }
        }
        let fields = self.fields(tree, "transition");
        let foreign: &[&str] = match self.dialect {
            Dialect::Guidepost => &[],
            Dialect::XState => &keys::XSTATE_TRANSITION,
        };
        self.check_keys(fields, &[&keys::TRANSITION, foreign], "a transition");
        let event = match trigger {
            Trigger::Event(Descriptor::Exact(name)) => Some(name),
            Trigger::Event(Descriptor::Prefix(_) | Descriptor::Any)
            | Trigger::Always
            | Trigger::After(_)
            | Trigger::Complete
            | Trigger::WorkDone
            | Trigger::WorkFailed => None,
        };
        let sight = Sight { event, ..Sight::default() };
        for Entry { key, value, .. } in fields {
            match &**key {
                "target" if !value.is_null() => transition.targets = self.targets(source, value),
                "guard" | "cond" => transition.guard = self.guard(value, source, sight),
                "requires" => transition.requires = self.requires(value, trigger),
                "actions" => transition.actions = self.actions(value, sight),
                "reenter" => transition.reenter = self.flag(value, key),
                "internal" => transition.reenter = !self.flag(value, key),
                "meta" => transition.meta = value.to_json(),
                "description" => {
                    transition.description = self.text(value, key).map(str::to_owned);
                    self.mention_told(value);
                }
                _ => {}
            }
        }
        Some(transition)
    }

    /// The states a target names; more than one only if they lie in different regions.
    pub(super) fn targets(&mut self, source: StateIx, tree: &'t Tree) -> Targets {
        let mut targets = Targets::new();
        for (name, at) in self.texts(tree, "target") {
            let Some(ix) = self.target(source, name, at) else { continue };
            let conflict = targets.iter().find(|other| !are_apart(&self.outline, ix, **other));
            if let Some(other) = conflict {
                let message = format!(
                    "the targets `{}` and `{name}` cannot be active together",
                    self.outline.get(*other).id
                );
                let problem = Diagnostic::error(code::CONFLICT, at, message);
                self.problems.add(problem.with_hint(
                    "several targets must lie in different regions of one parallel state",
                ));
                continue;
            }
            targets.push(ix);
        }
        targets
    }

    pub(super) fn target(&mut self, source: StateIx, name: &str, at: Position) -> Option<StateIx> {
        let found = self.outline.resolve(source, name);
        if found.is_some_and(|ix| ix != 0) {
            return found;
        }
        let state = &self.outline.get(source).id;
        let whose =
            if source == 0 { "the workflow".to_owned() } else { format!("state `{state}`") };
        if found.is_some() {
            let message = format!("{whose} has the whole workflow as its target");
            self.error(code::UNKNOWN_TARGET, at, message);
            return None;
        }
        let message = format!("{whose} has the target `{name}`, which does not exist");
        let problem = Diagnostic::error(code::UNKNOWN_TARGET, at, message);
        let bare = name.trim_start_matches(['#', '.']);
        let outline = &self.outline;
        let elsewhere = || {
            let is_meant = |id: &StateId| !bare.is_empty() && id.name() == bare;
            let found = outline.states.iter().find(|state| is_meant(&state.id))?;
            Some(format!("write its full path: `{}`", found.id))
        };
        self.problems.add_unknown(problem, bare, outline.names(source), elsewhere);
        None
    }

    fn requires(&mut self, tree: &'t Tree, trigger: &Trigger) -> Vec<Requirement> {
        if !matches!(trigger, Trigger::Event(_)) {
            let message = "only a transition that answers an event can require facts";
            self.error(code::REQUIRES, tree.at, message);
        }
        let items = tree.as_list().unwrap_or_else(|| std::slice::from_ref(tree));
        items.iter().filter_map(|item| self.requirement(item)).collect()
    }

    fn requirement(&mut self, tree: &'t Tree) -> Option<Requirement> {
        let fields = self.fields(tree, "requires");
        let known = ["action", "decision", "message", "artifact", "name", "min", "observed"];
        self.check_keys(fields, &[&known], "a requirement");
        let kinds = fields.iter().filter_map(|entry| {
            FACTS.iter().find(|(key, _)| **key == *entry.key).map(|(_, kind)| (*kind, &entry.value))
        });
        let kinds: Vec<_> = kinds.collect();
        let [(kind, value)] = kinds[..] else {
            let message = "a requirement names one sort of fact: `action`, `decision`, `message` or `artifact`";
            self.error(code::REQUIRES, tree.at, message);
            return None;
        };
        let any =
            value.is_null() || value.as_bool() == Some(true) || value.as_text() == Some("any");
        let r#type = if any { None } else { self.text(value, "requires").map(str::to_owned) };
        let name = tree.get("name").and_then(|name| self.text(name, "name"));
        Some(Requirement {
            kind,
            r#type,
            name: name.map(str::to_owned),
            min: tree.get("min").and_then(|min| self.count(min, "min", 1)).unwrap_or(1),
            observed: tree.get("observed").is_some_and(|flag| self.flag(flag, "observed")),
        })
    }
}

/// Whether two states can be active together without one lying in the other.
fn are_apart(outline: &Outline<'_>, a: StateIx, b: StateIx) -> bool {
    let around = outline.around(a, b);
    around != a && around != b && outline.get(around).shape == Shape::Parallel
}
