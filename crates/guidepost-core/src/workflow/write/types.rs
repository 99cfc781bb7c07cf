//! Attributes, events, limits, checkpoints, concurrency, schedules and agents, written back.

use serde_json::{Map, Value as Json, json};

use crate::machine::{
    Agent, Attribute, Checkpoints, Concurrency, EventType, Every, Field, Limits, Machine,
};
use crate::schedule::{Schedule, Times};
use crate::workflow::Dialect;

/// Puts what the machine says about data among the keys of the root.
pub(super) fn insert(root: &mut Map<String, Json>, machine: &Machine, dialect: Dialect) {
    let mut put = |key: &str, fields: Map<String, Json>| {
        if !fields.is_empty() {
            root.insert(key.to_owned(), Json::Object(fields));
        }
    };
    if dialect == Dialect::XState {
        let with_default = machine.attributes.iter().filter_map(|(name, attribute)| {
            attribute.default.clone().map(|default| (name.to_string(), default))
        });
        put("context", with_default.collect());
    }
    let attributes = machine.attributes.iter();
    put("attributes", attributes.map(|(name, it)| (name.to_string(), attribute(it))).collect());
    put("events", machine.events.iter().map(|(name, it)| (name.to_string(), event(it))).collect());
    put("limits", limits(&machine.limits));
    put("checkpoints", machine.checkpoints.map(checkpoints).unwrap_or_default());
    put(
        "schedules",
        machine.schedules.iter().map(|(name, it)| (name.clone(), schedule(it))).collect(),
    );
    put("concurrency", concurrency(&machine.concurrency));
    put("agents", machine.agents.iter().map(|(name, it)| (name.clone(), agent(it))).collect());
}

fn agent(agent: &Agent) -> Json {
    match agent {
        Agent::Worker => json!({ "type": "worker" }),
        Agent::Scripted(scripted) => {
            let mut keys = Map::from_iter([("type".to_owned(), json!("scripted"))]);
            if !scripted.answers.is_empty() {
                keys.insert("answers".to_owned(), Json::Object(scripted.answers.clone()));
            }
            if scripted.delay.0 > 0 {
                keys.insert("delay".to_owned(), json!(scripted.delay.to_string()));
            }
            Json::Object(keys)
        }
    }
}

fn checkpoints(checkpoints: Checkpoints) -> Map<String, Json> {
    let every = match checkpoints.every {
        Every::Step => "step".to_owned(),
        Every::Span(span) => span.to_string(),
    };
    Map::from_iter([("every".to_owned(), json!(every)), ("max".to_owned(), json!(checkpoints.max))])
}

fn schedule(schedule: &Schedule) -> Json {
    let Ok(Json::Object(mut keys)) = serde_json::to_value(schedule) else { return Json::Null };
    if let Times::Every { every } = &schedule.times {
        keys.insert("every".to_owned(), json!(every.to_string()));
    }
    Json::Object(keys)
}

fn concurrency(concurrency: &Concurrency) -> Map<String, Json> {
    let runs = concurrency.runs.map(|runs| ("runs".to_owned(), json!(runs)));
    let work = concurrency.work.iter().map(|(work, most)| (work.clone(), json!(most)));
    runs.into_iter().chain(work).collect()
}

fn limits(limits: &Limits) -> Map<String, Json> {
    let Ok(Json::Object(mut fields)) = serde_json::to_value(limits) else { return Map::new() };
    if let Some(span) = limits.max_duration {
        fields.insert("max_duration".to_owned(), json!(span.to_string()));
    }
    fields
}

fn attribute(attribute: &Attribute) -> Json {
    let mut keys = typed(&attribute.r#type, attribute.is_array, attribute.schema.source());
    let mut put = |key: &str, value: Json| keys.insert(key.to_owned(), value);
    if attribute.required {
        put("required", json!(true));
    }
    if attribute.sensitive {
        put("sensitive", json!(true));
    }
    if let Some(default) = &attribute.default {
        put("default", default.clone());
    }
    if let Some(description) = &attribute.description {
        put("description", json!(description));
    }
    Json::Object(keys)
}

/// A type with the keywords of its schema.
fn typed(name: &str, is_array: bool, schema: &Json) -> Map<String, Json> {
    let mut keys = Map::new();
    let names: Vec<&str> = name.split('|').collect();
    match names[..] {
        ["any"] => {}
        [single] => {
            keys.insert("type".to_owned(), json!(single));
        }
        _ => {
            keys.insert("type".to_owned(), json!(names));
        }
    }
    if is_array {
        keys.insert("is_array".to_owned(), json!(true));
    }
    let schema = if is_array { schema.get("items").unwrap_or(schema) } else { schema };
    for (key, value) in schema.as_object().into_iter().flatten() {
        if key != "type" {
            keys.insert(key.clone(), value.clone());
        }
    }
    keys
}

fn event(event: &EventType) -> Json {
    let mut keys = Map::new();
    if let Some(description) = &event.description {
        keys.insert("description".to_owned(), json!(description));
    }
    let schema = event.schema.source();
    // What is written as `data` and as `schema` was joined when it was read.
    let (of_data, given) = match schema.get("allOf").and_then(Json::as_array).map(Vec::as_slice) {
        Some([of_data, given]) if !event.fields.is_empty() => (of_data, Some(given)),
        Some(_) | None if event.fields.is_empty() => (&Json::Null, Some(schema)),
        Some(_) | None => (schema, None),
    };
    if !event.fields.is_empty() {
        let fields = event.fields.iter().map(|(name, it)| {
            let schema = of_data.get("properties").and_then(|all| all.get(name));
            (name.clone(), field(it, schema.unwrap_or(&Json::Null)))
        });
        keys.insert("data".to_owned(), Json::Object(fields.collect()));
    } else if schema.get("properties").is_some_and(|all| all.as_object().is_some_and(Map::is_empty))
    {
        // An event whose `data` lists no field.
        keys.insert("data".to_owned(), json!({}));
        return Json::Object(keys);
    }
    if let Some(given) = given.filter(|given| **given != Json::Bool(true)) {
        keys.insert("schema".to_owned(), given.clone());
    }
    Json::Object(keys)
}

fn field(field: &Field, schema: &Json) -> Json {
    let is_array = field.r#type != "array" && schema.get("type") == Some(&json!("array"));
    let mut keys = typed(&field.r#type, is_array, schema);
    if field.required {
        keys.insert("required".to_owned(), json!(true));
    }
    if let Some(description) = &field.description {
        keys.insert("description".to_owned(), json!(description));
    }
    Json::Object(keys)
}
