//! What runs hold, events carry and who does the work: attributes, events, limits, checkpoints, concurrency, agents.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::super::problems::code;
use super::super::tree::{Entry, Kind, Tree};
use super::{Reader, keys};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::{AttributeName, EventName};
use crate::limits::CHECKPOINTS_MAX;
use crate::machine::schema::Schema;
use crate::machine::{
    Agent, Attribute, Checkpoints, Concurrency, EventType, Every, Field, Limits, Machine, Scripted,
    Work,
};
use crate::name::NameOf;

/// The types a value may have.
const TYPES: [&str; 8] =
    ["string", "number", "integer", "boolean", "object", "array", "null", "any"];

/// Types under the names other tools give them.
const OTHER_TYPES: [(&str, &str); 9] = [
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("list", "array"),
    ("dict", "object"),
    ("map", "object"),
    ("json", "any"),
];

/// A field as written: of an attribute, or of an event's data.
struct Typed {
    r#type: String,
    is_array: bool,
    required: bool,
    sensitive: bool,
    default: Option<Json>,
    description: Option<String>,
    /// As JSON Schema, without what says nothing about the value.
    schema: Json,
}

impl<'t> Reader<'t, '_> {
    /// `attributes`, and the values an XState `context` begins with.
    pub(super) fn attributes(&mut self) -> IndexMap<AttributeName, Attribute> {
        let mut attributes = IndexMap::new();
        for entry in self.section("attributes") {
            if !self.is_name(NameOf::Attribute, &entry.key, entry.at) {
                continue;
            }
            let Some(typed) = self.typed(entry) else { continue };
            let Some(schema) = self.schema(typed.schema, &entry.value) else { continue };
            if let Some(default) = &typed.default {
                for mismatch in schema.check(default) {
                    let at = entry.value.get("default").map_or(entry.at, |default| default.at);
                    let message = format!("the default of `{}` {}", entry.key, mismatch.what);
                    self.error(code::SCHEMA, at, message);
                }
            }
            let attribute = Attribute {
                r#type: typed.r#type,
                is_array: typed.is_array,
                required: typed.required,
                sensitive: typed.sensitive,
                default: typed.default,
                description: typed.description,
                schema,
            };
            self.known.insert(entry.key.to_string());
            attributes.insert(AttributeName::from(&*entry.key), attribute);
        }
        for entry in self.section("context") {
            if !self.is_name(NameOf::Attribute, &entry.key, entry.at) {
                continue;
            }
            self.known.insert(entry.key.to_string());
            attributes
                .entry(AttributeName::from(&*entry.key))
                .or_insert_with(|| from_context(&entry.value));
        }
        attributes
    }

    /// `events`: what each carries.
    pub(super) fn events(&mut self) -> IndexMap<EventName, EventType> {
        let mut events = IndexMap::new();
        for entry in self.section("events") {
            if !self.is_name(NameOf::Event, &entry.key, entry.at) {
                continue;
            }
            let fields = self.fields(&entry.value, "event");
            self.check_keys(fields, &[&["description", "data", "schema"]], "an event");
            let description = entry.value.get("description");
            let description = description.and_then(|text| self.text(text, "description"));
            let (fields, mut schema) = match entry.value.get("data") {
                Some(data) => self.event_fields(data),
                None => (IndexMap::new(), Json::Bool(true)),
            };
            if let Some(given) = entry.value.get("schema") {
                let given = given.to_json();
                schema = if fields.is_empty() { given } else { json!({"allOf": [schema, given]}) };
            }
            let Some(schema) = self.schema(schema, &entry.value) else { continue };
            let description = description.map(str::to_owned);
            events.insert(EventName::from(&*entry.key), EventType { description, fields, schema });
        }
        events
    }

    fn event_fields(&mut self, data: &'t Tree) -> (IndexMap<String, Field>, Json) {
        let mut fields = IndexMap::new();
        let mut properties = Map::new();
        let mut required = Vec::new();
        for entry in self.fields(data, "data") {
            let Some(typed) = self.typed(entry) else { continue };
            let name = entry.key.to_string();
            if typed.required {
                required.push(Json::from(name.as_str()));
            }
            properties.insert(name.clone(), typed.schema);
            let field = Field {
                r#type: typed.r#type,
                required: typed.required,
                description: typed.description,
            };
            fields.insert(name, field);
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), Json::from("object"));
        schema.insert("properties".to_owned(), Json::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Json::Array(required));
        }
        (fields, Json::Object(schema))
    }

    /// `agents`: who answers the prompts of steps, and how.
    pub(super) fn agents(&mut self) -> IndexMap<String, Agent> {
        let mut agents = IndexMap::new();
        for entry in self.section("agents") {
            if !self.is_name(NameOf::Agent, &entry.key, entry.at) {
                continue;
            }
            if let Some(agent) = self.agent(&entry.key, &entry.value) {
                agents.insert(entry.key.to_string(), agent);
            }
        }
        agents
    }

    fn agent(&mut self, name: &str, tree: &'t Tree) -> Option<Agent> {
        let fields = self.fields(tree, name);
        self.check_keys(fields, &[&keys::AGENT], "an agent");
        let kind = tree.get("type").and_then(Tree::as_text).unwrap_or_default();
        match kind {
            "scripted" => {
                let mut scripted = Scripted::default();
                if let Some(answers) = tree.get("answers") {
                    self.fields(answers, "answers");
                    scripted.answers = answers.to_json().as_object().cloned().unwrap_or_default();
                }
                if let Some(delay) = tree.get("delay") {
                    scripted.delay = self.span(delay, "delay")?;
                }
                Some(Agent::Scripted(scripted))
            }
            "worker" => Some(Agent::Worker),
            _ => {
                let at = tree.get("type").map_or(tree.at, |tree| tree.at);
                let message = format!("the agent `{name}` has no `type` that is known");
                self.problems.add(Diagnostic::error(code::SHAPE, at, message).with_hint(
                    "`scripted` answers from a list, `worker` is a program that claims its tasks",
                ));
                None
            }
        }
    }

    /// `limits`: bounds on a run.
    pub(super) fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        let known = [
            "max_duration",
            "max_cost_usd",
            "max_tokens",
            "max_llm_calls",
            "max_steps",
            "max_launches",
            "max_rollback_steps",
            "warn_at",
        ];
        let entries = self.section("limits");
        self.check_keys(entries, &[&known], "limits");
        for Entry { key, value, .. } in entries {
            match &**key {
                "max_duration" => limits.max_duration = self.span(value, key),
                "max_cost_usd" => limits.max_cost_usd = self.amount(value, key),
                "max_tokens" => limits.max_tokens = self.count(value, key, 1),
                "max_llm_calls" => limits.max_llm_calls = self.count(value, key, 1),
                "max_steps" => limits.max_steps = self.count(value, key, 1),
                "max_launches" => limits.max_launches = self.count(value, key, 0),
                "max_rollback_steps" => limits.max_rollback_steps = self.count(value, key, 0),
                "warn_at" => limits.warn_at = self.share(value, key),
                _ => {}
            }
        }
        limits
    }

    /// `checkpoints`: which places on a run's way get a name by themselves.
    pub(super) fn checkpoints(&mut self) -> Option<Checkpoints> {
        let tree = self.root.get("checkpoints")?;
        let entries = self.fields(tree, "checkpoints");
        self.check_keys(entries, &[&["every", "max"]], "checkpoints");
        let every = match tree.get("every").map(|every| (every.as_text(), every)) {
            None | Some((Some("step"), _)) => Every::Step,
            Some((_, every)) => Every::Span(self.span(every, "every")?),
        };
        let max = match tree.get("max") {
            None => CHECKPOINTS_MAX,
            Some(max) => self.count(max, "max", 1)?,
        };
        Some(Checkpoints { every, max })
    }

    /// `concurrency` of the whole: how much of the work of all runs may go on at once.
    pub(super) fn concurrency(&mut self) -> Concurrency {
        let mut concurrency = Concurrency::default();
        for entry in self.bounds() {
            let Entry { key, value, .. } = entry;
            if **key == *"runs" {
                concurrency.runs = self.count(value, key, 1);
            } else if self.is_bounded(entry)
                && let Some(most) = self.count(value, key, 1)
            {
                concurrency.work.insert(key.to_string(), most);
            }
        }
        concurrency
    }

    /// The entries of `concurrency` of the whole. A number would be that of a root with work.
    fn bounds(&mut self) -> &'t [Entry] {
        match self.root.get("concurrency").map(|tree| &tree.kind) {
            None | Some(Kind::Number(_)) => &[],
            Some(_) => self.section("concurrency"),
        }
    }

    /// Whether a key of `concurrency` is a kind of work, or somebody who does work of such a kind.
    fn is_bounded(&mut self, entry: &Entry) -> bool {
        let kind = entry.key.split_once(':').map_or(&*entry.key, |(kind, _)| kind);
        let is_known = Concurrency::KINDS.iter().any(|known| known.as_str() == kind);
        if !is_known && !entry.key.starts_with("x-") {
            let message = format!("`concurrency` has no key `{}`", entry.key);
            let problem = Diagnostic::error(code::UNKNOWN_KEY, entry.at, message);
            let kinds = Concurrency::KINDS.iter().map(|known| known.as_str());
            self.problems.add_unknown(problem, kind, kinds.chain(["runs"]), || {
                Some(
                    "bound `runs`, a kind of work such as `exec`, or who does it, as in `task:review`"
                        .to_owned(),
                )
            });
        }
        is_known
    }

    /// A bound on work that no state has is a mistake in its name.
    pub(super) fn check_concurrency(&mut self, machine: &Machine) {
        let name_of = |work: &Work| Concurrency::name_of(work.kind, work.name.as_deref());
        let states = machine.states.iter().filter_map(|state| state.work.as_deref());
        let works = states.flat_map(|work| [Some(work), work.compensate.as_deref()]).flatten();
        let names: BTreeSet<String> = works.map(name_of).collect();
        for entry in self.bounds() {
            let key = &*entry.key;
            let is_bound = machine.concurrency.work.contains_key(key);
            if is_bound && !names.iter().any(|name| Concurrency::names(name).any(|it| it == key)) {
                let message = format!("no state has work that is `{key}`, so nothing is bounded");
                let problem = Diagnostic::warning(code::UNKNOWN_NAME, entry.at, message);
                self.problems.add_unknown(problem, key, names.iter().map(String::as_str), || None);
            }
        }
    }

    /// A part of a whole.
    fn share(&mut self, tree: &Tree, what: &str) -> Option<f64> {
        let share = self.amount(tree, what)?;
        if share > 1.0 {
            let message = format!("`{what}` is a share between 0 and 1, such as 0.8");
            self.error(code::SHAPE, tree.at, message);
            return None;
        }
        Some(share)
    }

    /// The entries of an object directly under the root.
    pub(super) fn section(&mut self, key: &str) -> &'t [Entry] {
        match self.root.get(key) {
            Some(tree) => self.fields(tree, key),
            None => &[],
        }
    }

    pub(super) fn is_name(&mut self, named: NameOf, name: &str, at: Position) -> bool {
        let checked = named.check(name);
        if let Err(wrong) = &checked {
            self.error(code::NAME, at, wrong.to_string());
        }
        checked.is_ok()
    }

    fn schema(&mut self, source: Json, tree: &Tree) -> Option<Schema> {
        match Schema::new(source) {
            Ok(schema) => Some(schema),
            Err(error) => {
                self.error(code::SCHEMA, tree.at, format!("the schema cannot be used: {error}"));
                None
            }
        }
    }

    /// A field: a type, or an object of JSON Schema keywords and our own keys.
    fn typed(&mut self, entry: &'t Entry) -> Option<Typed> {
        let mut typed = Typed {
            r#type: "any".to_owned(),
            is_array: false,
            required: false,
            sensitive: false,
            default: None,
            description: None,
            schema: Json::Null,
        };
        let mut schema = Map::new();
        if entry.value.as_text().is_some() {
            self.typed_as(&entry.value, &mut typed, &mut schema);
        } else {
            let fields = self.fields(&entry.value, &entry.key);
            self.check_keys(fields, &[&keys::ATTRIBUTE, &keys::SCHEMA], "an attribute");
            for Entry { key, value, .. } in fields {
                match &**key {
                    "type" => self.typed_as(value, &mut typed, &mut schema),
                    "required" if value.as_list().is_none() => {
                        typed.required = self.flag(value, key)
                    }
                    "is_array" => typed.is_array = self.flag(value, key),
                    "sensitive" => typed.sensitive = self.flag(value, key),
                    "default" => typed.default = Some(value.to_json()),
                    "description" => {
                        typed.description = self.text(value, key).map(str::to_owned);
                    }
                    own if own.starts_with("x-") => {}
                    other => {
                        schema.insert(other.to_owned(), value.to_json());
                    }
                }
            }
        }
        typed.schema = match typed.is_array {
            true => json!({"type": "array", "items": schema}),
            false => Json::Object(schema),
        };
        Some(typed)
    }

    fn typed_as(&mut self, tree: &'t Tree, typed: &mut Typed, schema: &mut Map<String, Json>) {
        let mut names = Vec::new();
        for (name, at) in self.texts(tree, "type") {
            let known = OTHER_TYPES.iter().find(|(other, _)| *other == name).map(|(_, ours)| *ours);
            match known.or_else(|| TYPES.iter().find(|known| **known == name).copied()) {
                Some(known) => names.push(known),
                None => {
                    let problem =
                        Diagnostic::error(code::SCHEMA, at, format!("there is no type `{name}`"));
                    self.problems.add_unknown(problem, name, TYPES, || None);
                }
            }
        }
        if names.is_empty() {
            return;
        }
        typed.r#type = names.join("|");
        if names.contains(&"any") {
            return;
        }
        let value = match names[..] {
            [name] => Json::from(name),
            _ => Json::from(names),
        };
        schema.insert("type".to_owned(), value);
    }
}

/// An attribute known only by its first value.
fn from_context(value: &Tree) -> Attribute {
    let r#type = match value.kind {
        Kind::Null => "any",
        Kind::Bool(_) => "boolean",
        Kind::Number(_) => "number",
        Kind::Text(_) => "string",
        Kind::List(_) => "array",
        Kind::Object(_) => "object",
    };
    let schema = if r#type == "any" { Json::Object(Map::new()) } else { json!({"type": r#type}) };
    Attribute {
        r#type: r#type.to_owned(),
        is_array: false,
        required: false,
        sensitive: false,
        default: Some(value.to_json()),
        description: None,
        schema: Schema::new(schema).unwrap_or_else(|_| Schema::any()),
    }
}
