//! Guards, actions and values, written back.

use serde_json::{Map, Value as Json, json};

use crate::id::AttributeName;
use crate::machine::{Action, Computed, Delay, FactKind, Guard, Machine, Named, Requirement, Send};
use crate::time::Span;
use crate::workflow::Dialect;
use crate::workflow::read::is_combination;

/// Actions as a list; null for none.
pub(super) fn actions(dialect: Dialect, actions: &[Action]) -> Json {
    match actions {
        [] => Json::Null,
        some => some.iter().map(|it| action(dialect, it)).collect(),
    }
}

fn action(dialect: Dialect, action: &Action) -> Json {
    match action {
        Action::Assign(assigned) => typed(dialect, "assign", assignment(dialect, assigned)),
        Action::Append(assigned) => typed(dialect, "append", assignment(dialect, assigned)),
        Action::Raise(sent) => typed(dialect, "raise", send(dialect, sent)),
        Action::Send(sent) => typed(dialect, "send", send(dialect, sent)),
        Action::Cancel(id) => match dialect {
            Dialect::Guidepost => json!({"cancel": line(dialect, id)}),
            Dialect::XState => typed(dialect, "cancel", json!({"sendId": line(dialect, id)})),
        },
        Action::Log(text) => match dialect {
            Dialect::Guidepost => json!({"log": line(dialect, text)}),
            Dialect::XState => typed(dialect, "log", json!({"message": line(dialect, text)})),
        },
        Action::Unbound(Named { name, params }) if params.is_null() => json!(name),
        Action::Unbound(Named { name, params }) => json!({"type": name, "params": params}),
    }
}

/// An action under its key, or as an object with a type.
fn typed(dialect: Dialect, kind: &str, params: Json) -> Json {
    match dialect {
        Dialect::Guidepost => json!({ kind: params }),
        Dialect::XState => json!({"type": format!("xstate.{kind}"), "params": params}),
    }
}

fn assignment(dialect: Dialect, assigned: &[(AttributeName, Computed)]) -> Json {
    let assigned =
        assigned.iter().map(|(name, value)| (name.to_string(), computed(dialect, value)));
    Json::Object(assigned.collect())
}

fn send(dialect: Dialect, send: &Send) -> Json {
    let mut keys = Map::new();
    keys.insert("event".to_owned(), json!(send.event));
    if !send.data.is_empty() {
        keys.insert("data".to_owned(), fields(dialect, &send.data));
    }
    if let Some(wait) = &send.delay {
        keys.insert("delay".to_owned(), delay(wait));
    }
    if let Some(id) = &send.id {
        keys.insert("id".to_owned(), json!(id));
    }
    Json::Object(keys)
}

/// The fields of an object of values.
pub(super) fn fields(dialect: Dialect, fields: &[(String, Computed)]) -> Json {
    let fields = fields.iter().map(|(name, value)| (name.clone(), computed(dialect, value)));
    Json::Object(fields.collect())
}

/// A value, marked where it would otherwise be read as something else.
pub(super) fn computed(dialect: Dialect, value: &Computed) -> Json {
    match value {
        Computed::Literal(literal) => {
            let is_text = literal.is_string() && dialect == Dialect::Guidepost;
            let looks_marked = literal
                .as_object()
                .is_some_and(|it| it.len() == 1 && it.keys().all(|key| key.starts_with('$')));
            if is_text || looks_marked { json!({"$literal": literal}) } else { literal.clone() }
        }
        Computed::Expr(expr) => match dialect {
            Dialect::Guidepost => json!(expr.source()),
            Dialect::XState => json!({"$expr": expr.source()}),
        },
        Computed::Template(template) => json!({"$template": template.source()}),
        Computed::Object(inner) => json!({"$object": fields(dialect, inner)}),
        Computed::List(items) => {
            let items: Vec<Json> = items.iter().map(|item| computed(dialect, item)).collect();
            json!({"$list": items})
        }
    }
}

/// A text with expressions in it stands as it is.
fn line(dialect: Dialect, value: &Computed) -> Json {
    match value {
        Computed::Template(template) => json!(template.source()),
        Computed::Expr(expr) => json!({"$expr": expr.source()}),
        Computed::Literal(literal) => json!({"$literal": literal}),
        Computed::Object(_) | Computed::List(_) => computed(dialect, value),
    }
}

pub(super) fn delay(delay: &Delay) -> Json {
    match delay {
        Delay::Fixed(span) => json!(span.to_string()),
        Delay::Computed(expr) => json!({"$expr": expr.source()}),
        Delay::Unbound(name) => json!({"$unbound": name}),
    }
}

/// A span as a key: in an XState file as milliseconds, if they are whole.
pub(super) fn span(dialect: Dialect, span: Span) -> String {
    let ms = span.0 / 1_000_000;
    match dialect {
        Dialect::XState if span.0 % 1_000_000 == 0 => ms.to_string(),
        Dialect::Guidepost | Dialect::XState => span.to_string(),
    }
}

pub(super) fn guard(machine: &Machine, dialect: Dialect, it: &Guard) -> Json {
    let several = |guards: &[Guard]| -> Json {
        guards.iter().map(|inner| guard(machine, dialect, inner)).collect()
    };
    match it {
        Guard::Expr(expr) => {
            let marked = match expr.params() {
                None => json!({"$expr": expr.source()}),
                Some(params) => json!({"$expr": expr.source(), "params": params}),
            };
            match (dialect, expr.params()) {
                (Dialect::Guidepost, None) => json!(expr.source()),
                (Dialect::Guidepost, Some(_)) => marked,
                (Dialect::XState, _) => json!({"type": "guidepost.expr", "params": marked}),
            }
        }
        Guard::Unbound(Named { name, params }) => {
            let is_bare = params.is_null() && dialect == Dialect::XState;
            if is_bare {
                return json!(name);
            }
            let key = if is_combination(name) { "name" } else { "type" };
            let mut keys = Map::new();
            keys.insert(key.to_owned(), json!(name));
            if !params.is_null() {
                keys.insert("params".to_owned(), params.clone());
            }
            Json::Object(keys)
        }
        Guard::InState(ix) => {
            json!({"type": "stateIn", "params": {"state": machine.state(*ix).id}})
        }
        Guard::All(guards) => json!({"type": "and", "guards": several(guards)}),
        Guard::Any(guards) => json!({"type": "or", "guards": several(guards)}),
        Guard::Not(inner) => {
            json!({"type": "not", "guards": [guard(machine, dialect, inner)]})
        }
    }
}

pub(super) fn requirement(requirement: &Requirement) -> Json {
    let kind = match requirement.kind {
        FactKind::Action => "action",
        FactKind::Decision => "decision",
        FactKind::Message => "message",
        FactKind::Artifact => "artifact",
    };
    let mut keys = Map::new();
    keys.insert(
        kind.to_owned(),
        requirement.r#type.as_ref().map_or(json!(true), |name| json!(name)),
    );
    if let Some(name) = &requirement.name {
        keys.insert("name".to_owned(), json!(name));
    }
    keys.insert("min".to_owned(), json!(requirement.min));
    if requirement.observed {
        keys.insert("observed".to_owned(), json!(true));
    }
    Json::Object(keys)
}
