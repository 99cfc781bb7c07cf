//! What the work of a state asks for, in one line: for those who do it without an engine.

use guidepost_core::kernel;
use guidepost_core::machine::expr::{Scope, Template};
use guidepost_core::machine::{Work, WorkKind};
use guidepost_engine::call;
use guidepost_engine::work::http;
use serde_json::{Map, Value as Json};

/// The work with the run's data filled in: `ls q`, `POST https://… {"json":{"a":1}}`, `deploy/rollout {"to":"eu"}`, `pay
/// {"amount":3}`. What has no value stands as the author wrote it, and why is among what is missing.
pub(super) fn asked(work: &Work, scope: &Scope, missing: &mut Vec<String>) -> String {
    let given = work.spec.as_object();
    let each = given.and_then(|given| given.get("for_each"));
    let told = given.into_iter().flatten();
    let told = told.filter(|(key, _)| !call::NOT_TOLD.contains(&key.as_str()));
    let mut told: Map<String, Json> = told
        .map(|(key, value)| (key.clone(), filled(value, each.is_some(), scope, missing)))
        .collect();
    let mut parts = vec![what(work, &mut told)];
    match told.remove("input") {
        Some(input) if told.is_empty() => parts.push(input.to_string()),
        input => {
            told.extend(input.map(|input| ("input".to_owned(), input)));
            if !told.is_empty() {
                parts.push(Json::Object(told).to_string());
            }
        }
    }
    parts.extend(each.map(|each| format!("for each of {}", text_of(each))));
    parts.retain(|part| !part.is_empty());
    let mut line = parts.join(" ");
    if let Some(prompt) = &work.prompt {
        let prompt = prompt.fill(scope);
        missing.extend(prompt.gaps.iter().map(ToString::to_string));
        line = format!("{line}: {}", prompt.text);
    }
    line
}

/// What is called: a command, an address, or a name.
fn what(work: &Work, told: &mut Map<String, Json>) -> String {
    match work.kind {
        WorkKind::Exec => match told.remove("command") {
            Some(Json::Array(words)) => words.iter().map(argument).collect::<Vec<_>>().join(" "),
            command => command.as_ref().map(text_of).unwrap_or_default(),
        },
        WorkKind::Http => {
            let method = http::method(&Json::Object(told.clone())).to_owned();
            told.remove("method");
            format!("{method} {}", told.remove("url").as_ref().map(text_of).unwrap_or_default())
        }
        WorkKind::Agent
        | WorkKind::Ask
        | WorkKind::Tool
        | WorkKind::Task
        | WorkKind::Run
        | WorkKind::Wait
        | WorkKind::Invoke => work.name.clone().unwrap_or_default(),
    }
}

/// A word of a command, so that one sees where it ends.
fn argument(word: &Json) -> String {
    let text = text_of(word);
    match text.is_empty() || text.contains(|c: char| c.is_whitespace() || c == '"') {
        true => Json::from(text).to_string(),
        false => text,
    }
}

fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value with its texts filled in, as far as they name nothing that only a branch has.
fn filled(value: &Json, has_branches: bool, scope: &Scope, missing: &mut Vec<String>) -> Json {
    match value {
        Json::String(text) if has_branches && is_of_a_branch(text) => value.clone(),
        Json::Array(items) => {
            items.iter().map(|item| filled(item, has_branches, scope, missing)).collect()
        }
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, has_branches, scope, missing)))
            .collect(),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {
            kernel::filled_in(value, scope).unwrap_or_else(|why| {
                missing.push(why);
                value.clone()
            })
        }
    }
}

fn is_of_a_branch(text: &str) -> bool {
    Template::compile(text).is_ok_and(|template| {
        let names = &template.names().attributes;
        names.contains("item") || names.contains("index")
    })
}
