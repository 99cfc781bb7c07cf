//! A machine written back as a document: the reverse of reading, in either dialect.
//!
//! What is read again has the same structure, so the same hash. Names that reading resolved (guards, actions, the ids of
//! states) are written as what they meant, sugar as the states it became.

mod parts;
mod types;

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use self::parts::{actions, computed, guard, requirement};
use super::Dialect;
use super::read::SPEC;
use crate::machine::{
    Computed, Delay, Initial, Machine, State, StateIx, StateKind, Transition, Trigger, Work,
    WorkKind,
};

/// Prefix of the source of an `invoke` that stands for work of our own kinds in an XState file.
pub(super) const OWN_WORK: &str = "guidepost.";

/// The machine as a document.
pub(super) fn document(machine: &Machine, dialect: Dialect) -> Json {
    let given_ids = machine.states.iter().filter_map(|state| state.given_id.as_deref());
    let mut writer =
        Writer { machine, dialect, delays: Map::new(), given_ids: given_ids.collect() };
    let mut states = writer.state(Machine::ROOT);
    let mut root = Map::new();
    let name = if dialect == Dialect::XState { "id" } else { "name" };
    root.insert(name.to_owned(), json!(machine.name));
    if let Some(description) = &machine.description {
        root.insert("description".to_owned(), json!(description));
    }
    types::insert(&mut root, machine, dialect);
    if !writer.delays.is_empty() {
        root.insert("delays".to_owned(), Json::Object(writer.delays));
    }
    root.append(&mut states);
    Json::Object(root)
}

struct Writer<'a> {
    machine: &'a Machine,
    dialect: Dialect,
    /// Delays that cannot be written as a key, by the names made up for them.
    delays: Map<String, Json>,
    given_ids: BTreeSet<&'a str>,
}

impl Writer<'_> {
    /// A state's keys, its inner states included. Recurses as deep as states nest, which reading bounded.
    fn state(&mut self, ix: StateIx) -> Map<String, Json> {
        let state = self.machine.state(ix);
        let mut keys = Map::new();
        let mut put = |key: &str, value: Json| {
            if !value.is_null() {
                keys.insert(key.to_owned(), value);
            }
        };
        put("id", json!(state.given_id));
        put("type", self.kind(state));
        put("description", json!(state.wording.description));
        put("guideline", json!(state.wording.guideline));
        put("section", if state.is_section { json!(true) } else { Json::Null });
        put("by", json!(state.by));
        put("tags", if state.tags.is_empty() { Json::Null } else { json!(state.tags) });
        put("meta", state.meta.clone());
        self.put_history(ix, state, &mut put);
        put("entry", actions(self.dialect, &state.entry));
        put("exit", actions(self.dialect, &state.exit));
        put("output", self.output(state));
        self.put_transitions(ix, state, &mut keys);
        if let StateKind::Compound { initial } = &state.kind {
            keys.insert("initial".to_owned(), self.initial(ix, initial));
        }
        if !state.children.is_empty() {
            let children = state.children.iter().map(|child| {
                let name = self.machine.state(*child).id.name().to_owned();
                (name, Json::Object(self.state(*child)))
            });
            let children: Map<_, _> = children.collect();
            keys.insert("states".to_owned(), Json::Object(children));
        }
        keys
    }

    fn kind(&self, state: &State) -> Json {
        match state.kind {
            StateKind::Atomic | StateKind::Compound { .. } => Json::Null,
            StateKind::Parallel => json!("parallel"),
            StateKind::Final => json!("final"),
            StateKind::History { .. } => json!("history"),
        }
    }

    fn put_history(&self, ix: StateIx, state: &State, put: &mut impl FnMut(&str, Json)) {
        if let StateKind::History { deep, default } = &state.kind {
            put("history", json!(if *deep { "deep" } else { "shallow" }));
            put("target", self.targets(ix, default));
        }
    }

    fn initial(&self, ix: StateIx, initial: &Initial) -> Json {
        let path = self.machine.state(initial.target).id.as_str();
        let outer = self.machine.state(ix).id.as_str();
        let below = match ix {
            Machine::ROOT => path,
            _ => path.get(outer.len() + 1..).unwrap_or(path),
        };
        let actions = actions(self.dialect, &initial.actions);
        if actions.is_null() { json!(below) } else { json!({"target": below, "actions": actions}) }
    }

    fn output(&self, state: &State) -> Json {
        if !state.output.is_empty() {
            return json!(state.output);
        }
        match &state.result {
            None => Json::Null,
            // An object of values is written as one; one that looks like a mark is marked as an object.
            Some(Computed::Object(fields))
                if !fields.iter().any(|(name, _)| name.starts_with('$')) =>
            {
                parts::fields(self.dialect, fields)
            }
            Some(Computed::Literal(value @ Json::Object(_))) => json!({"$literal": value}),
            Some(value) => computed(self.dialect, value),
        }
    }

    fn put_transitions(&mut self, ix: StateIx, state: &State, keys: &mut Map<String, Json>) {
        let mut on = Map::new();
        let mut after = Map::new();
        let mut outcomes = Map::new();
        let mut work_outcomes = Map::new();
        let names: Vec<String> = self.delay_names(ix, state);
        for transition in &state.transitions {
            let (group, key) = match &transition.trigger {
                Trigger::Event(descriptor) => (&mut on, descriptor.to_string()),
                Trigger::After(number) => {
                    (&mut after, names.get(*number as usize).cloned().unwrap_or_default())
                }
                Trigger::Complete | Trigger::Always => (&mut outcomes, "onDone".to_owned()),
                Trigger::WorkDone => (&mut work_outcomes, "onDone".to_owned()),
                Trigger::WorkFailed => (&mut work_outcomes, "onError".to_owned()),
            };
            add(group, key, self.transition(ix, transition));
        }
        if let Some(work) = &state.work {
            self.put_work(state, work, work_outcomes, keys);
        }
        if !on.is_empty() {
            keys.insert("on".to_owned(), Json::Object(on));
        }
        keys.append(&mut outcomes);
        let mut always = Map::new();
        for transition in &state.always {
            add(&mut always, "always".to_owned(), self.transition(ix, transition));
        }
        keys.append(&mut always);
        if !after.is_empty() {
            keys.insert("after".to_owned(), Json::Object(after));
        }
    }

    /// The keys under which a state's delays are written. Fixed ones name themselves, once, and so do names for XState.
    fn delay_names(&mut self, ix: StateIx, state: &State) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(state.delays.len());
        for (number, delay) in state.delays.iter().enumerate() {
            let own = match (delay, self.dialect) {
                (Delay::Fixed(span), _) => Some(parts::span(self.dialect, *span)),
                (Delay::Unbound(name), Dialect::XState) => Some(name.clone()),
                (Delay::Unbound(_), Dialect::Guidepost) | (Delay::Computed(_), _) => None,
            };
            names.push(own.filter(|name| !names.contains(name)).unwrap_or_else(|| {
                let name = format!("delay-{ix}-{number}");
                self.delays.insert(name.clone(), parts::delay(delay));
                name
            }));
        }
        names
    }

    fn transition(&self, source: StateIx, transition: &Transition) -> Json {
        let target = self.targets(source, &transition.targets);
        let mut keys = Map::new();
        let mut put = |key: &str, value: Json| {
            if !value.is_null() {
                keys.insert(key.to_owned(), value);
            }
        };
        put("target", target);
        let condition = transition.guard.as_ref();
        put("guard", condition.map_or(Json::Null, |it| guard(self.machine, self.dialect, it)));
        if !transition.requires.is_empty() {
            put("requires", transition.requires.iter().map(requirement).collect());
        }
        put("reenter", if transition.reenter { json!(true) } else { Json::Null });
        put("actions", actions(self.dialect, &transition.actions));
        put("description", json!(transition.description));
        put("meta", transition.meta.clone());
        match (keys.len(), keys.get("target")) {
            (1, Some(target @ Json::String(_))) => target.clone(),
            (_, _) => Json::Object(keys),
        }
    }

    fn targets(&self, source: StateIx, targets: &[StateIx]) -> Json {
        match targets {
            [] => Json::Null,
            [target] => json!(self.target(source, *target)),
            several => several.iter().map(|target| json!(self.target(source, *target))).collect(),
        }
    }

    /// By its id, if it was given one. A sibling by its name; anything else by its full path, or below the machine's id
    /// where that could mean another.
    fn target(&self, source: StateIx, target: StateIx) -> String {
        let id = &self.machine.state(target).id;
        if let Some(given) = &self.machine.state(target).given_id {
            return format!("#{given}");
        }
        let parent = self.machine.state(source).parent;
        let is_sibling = self.machine.state(target).parent == parent;
        if is_sibling && source != Machine::ROOT {
            return id.name().to_owned();
        }
        let around = parent.map_or("", |parent| self.machine.state(parent).id.as_str());
        let is_shadowed = self.machine.find(&format!("{around}.{id}")).is_some();
        if self.dialect == Dialect::Guidepost && !is_shadowed {
            return id.to_string();
        }
        let full = format!("{}.{id}", self.machine.name);
        if self.given_ids.contains(full.as_str()) { id.to_string() } else { format!("#{full}") }
    }

    fn put_work(
        &self,
        state: &State,
        work: &Work,
        mut outcomes: Map<String, Json>,
        keys: &mut Map<String, Json>,
    ) {
        if work.kind == WorkKind::Invoke {
            let mut invoke = own_keys(work);
            let mut around = around_keys(work);
            if self.dialect == Dialect::XState
                && let Some(input) = around.shift_remove("input")
            {
                invoke.insert("input".to_owned(), input);
            }
            invoke.append(&mut outcomes);
            keys.append(&mut around);
            keys.insert("invoke".to_owned(), Json::Object(invoke));
            return;
        }
        let mut own = Map::new();
        own.insert(work.kind.as_str().to_owned(), work_value(work));
        own.append(&mut around_keys(work));
        let is_region = !matches!(state.kind, StateKind::Atomic);
        if self.dialect == Dialect::Guidepost && !is_region {
            keys.append(&mut own);
            keys.append(&mut outcomes);
            return;
        }
        let mut invoke = Map::new();
        invoke.insert("src".to_owned(), json!(format!("{OWN_WORK}{}", work.kind.as_str())));
        invoke.insert("input".to_owned(), Json::Object(own));
        invoke.append(&mut outcomes);
        keys.insert("invoke".to_owned(), Json::Object(invoke));
    }
}

/// Adds a transition under its key: alone, or to the list of alternatives.
fn add(group: &mut Map<String, Json>, key: String, transition: Json) {
    match group.get_mut(&key) {
        None => {
            group.insert(key, transition);
        }
        Some(Json::Array(alternatives)) => alternatives.push(transition),
        Some(single) => *single = Json::Array(vec![single.take(), transition]),
    }
}

/// What stands behind the key of a work's kind.
fn work_value(work: &Work) -> Json {
    let mut own = own_keys(work);
    let only_name = own.len() == 1 && work.name.is_some();
    match (only_name, work.kind) {
        (true, _) => json!(work.name),
        (false, WorkKind::Wait) if own.is_empty() => Json::Null,
        (false, WorkKind::Wait) if own.len() == 1 => own.remove("for").unwrap_or_default(),
        (false, _) => Json::Object(own),
    }
}

/// The keys inside a work's object: its name, and what of its specification does not stand beside it.
fn own_keys(work: &Work) -> Map<String, Json> {
    let mut own = Map::new();
    if let Some(name) = &work.name {
        let key = match work.kind {
            WorkKind::Run => "workflow",
            WorkKind::Invoke => "src",
            WorkKind::Agent
            | WorkKind::Ask
            | WorkKind::Tool
            | WorkKind::Http
            | WorkKind::Exec
            | WorkKind::Task
            | WorkKind::Wait => "name",
        };
        own.insert(key.to_owned(), json!(name));
    }
    for (key, value) in work.spec.as_object().into_iter().flatten() {
        if !SPEC.contains(&key.as_str()) {
            own.insert(key.clone(), value.clone());
        }
    }
    own
}

/// The keys beside a work's kind.
fn around_keys(work: &Work) -> Map<String, Json> {
    let mut keys = Map::new();
    if let Some(prompt) = &work.prompt {
        keys.insert("prompt".to_owned(), json!(prompt.source()));
    }
    for key in SPEC {
        if let Some(value) = work.spec.get(key) {
            keys.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(retry) = &work.retry {
        let retry = json!({
            "max_attempts": retry.max_attempts,
            "delay": retry.delay.to_string(),
            "backoff": retry.backoff,
        });
        keys.insert("retry".to_owned(), retry);
    }
    if let Some(timeout) = work.timeout {
        keys.insert("timeout".to_owned(), json!(timeout.to_string()));
    }
    keys
}
