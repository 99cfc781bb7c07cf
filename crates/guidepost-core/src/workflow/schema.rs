//! A JSON Schema of our own form, for editors: completion and first checks while one writes.
//!
//! It knows keys and shapes. What names mean, and everything about the whole, only [`compile`](super::compile) knows.

use serde_json::{Map, Value as Json, json};

use super::read::keys;

/// The schema, in the draft 2020-12.
#[must_use]
pub fn json_schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Guidepost workflow",
        "type": "object",
        "allOf": [{"$ref": "#/$defs/keysOfState"}],
        "properties": merged(&[state_keys(), root_keys(), settings()["properties"].clone()]),
        "patternProperties": {"^x-": true},
        "additionalProperties": false,
        "$defs": {
            "keysOfState": one_kind_of_work(),
            "state": {
                "anyOf": [{"type": "null"}, {
                    "type": "object",
                    "allOf": [{"$ref": "#/$defs/keysOfState"}],
                    "properties": state_keys(),
                    "patternProperties": {"^x-": true},
                    "additionalProperties": false,
                }],
            },
            "step": {"anyOf": [{"type": "string"}, {
                "type": "object",
                "properties": merged(&[state_keys(), step_keys()]),
                "patternProperties": {"^x-": true},
                "additionalProperties": false,
            }]},
            "steps": {"anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/step"}},
                {"type": "object", "additionalProperties": {"$ref": "#/$defs/step"}},
            ]},
            "parallel": {
                "description": "Steps, or lists of them, that are done at once. What each of them gives is an item of `{{ previous }}` to the next step.",
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [
                    {"$ref": "#/$defs/step"},
                    {"type": "array", "items": {"$ref": "#/$defs/step"}},
                ]},
            },
            "transition": transition(),
            "transitions": {"anyOf": [
                {"$ref": "#/$defs/transition"},
                {"type": "array", "items": {"$ref": "#/$defs/transition"}},
            ]},
            "requirement": requirement(),
            "guard": {
                "description": "An expression such as `event.score >= 70`, the name of a guard, or a combination.",
                "type": ["string", "boolean", "object"],
            },
            "actions": {
                "description": "What is done: `{ assign: … }`, `{ append: … }`, `{ raise: … }`, `{ send: … }`, `{ cancel: … }`, `{ log: … }` or the name of an action; one or a list.",
                "type": ["string", "object", "array", "null"],
            },
            "texts": {"type": ["string", "array"], "items": {"type": "string"}},
            "span": {
                "description": "A length of time such as `30s` or `1h30m`, or a number of milliseconds.",
                "type": ["string", "integer"],
                "minimum": 0,
            },
            "attribute": attribute(),
            "schedule": schedule(),
            "event": {
                "type": ["object", "null"],
                "properties": {
                    "description": {"type": "string"},
                    "data": {"type": "object", "additionalProperties": {"$ref": "#/$defs/attribute"}},
                    "schema": {"type": ["object", "boolean"]},
                },
                "additionalProperties": false,
            },
        },
    })
}

/// The fields of several objects in one.
fn merged(objects: &[Json]) -> Json {
    let fields = objects.iter().filter_map(Json::as_object).flatten();
    Json::Object(fields.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn root_keys() -> Json {
    let by_name = |of: Json| json!({"type": "object", "additionalProperties": of});
    json!({
        "$schema": {"type": "string"},
        "name": {"type": "string", "minLength": 1, "maxLength": crate::limits::NAME_BYTES_MAX},
        "key": {"type": "string"},
        "version": {"description": "For people; what tells versions apart is the structure."},
        "metadata": {"description": "Anything you keep with a workflow of plain steps."},
        "attributes": by_name(json!({"$ref": "#/$defs/attribute"})),
        "context": {"type": "object", "description": "First values of attributes, as XState has them."},
        "events": by_name(json!({"$ref": "#/$defs/event"})),
        "guards": by_name(json!({"$ref": "#/$defs/guard"})),
        "actions": by_name(json!({"$ref": "#/$defs/actions"})),
        "delays": by_name(json!({"type": ["string", "integer", "object"]})),
        "agents": by_name(json!({
            "description": "Who answers the prompts of steps.",
            "type": "object",
            "properties": {
                "type": {"enum": ["scripted", "worker"]},
                "description": {"type": "string"},
                "answers": {"type": "object", "description": "What a scripted agent answers, by step."},
                "delay": {"$ref": "#/$defs/span"},
            },
            "required": ["type"],
            "additionalProperties": false,
        })),
        "limits": {
            "description": "Bounds on a run and everything it starts.",
            "type": "object",
            "properties": {
                "max_duration": {"$ref": "#/$defs/span"},
                "max_cost_usd": {"type": "number", "minimum": 0},
                "max_tokens": {"type": "integer", "minimum": 1},
                "max_llm_calls": {"type": "integer", "minimum": 1},
                "max_steps": {"type": "integer", "minimum": 1},
                "max_launches": {"type": "integer", "minimum": 0},
                "max_rollback_steps": {"type": "integer", "minimum": 0},
                "warn_at": {
                    "description": "From which share of a limit on there is a warning on record, such as 0.8.",
                    "type": "number",
                    "minimum": 0,
                    "maximum": 1,
                },
            },
            "additionalProperties": false,
        },
        "concurrency": {
            "description": "How much of the work of all runs may go on at once: `runs`, kinds of work, or who does it, as in `task:review`.",
            "type": "object",
            "patternProperties": {
                "^(runs|(agent|task|tool|http|exec|invoke)(:.+)?)$": {"type": "integer", "minimum": 1},
                "^x-": true,
            },
            "additionalProperties": false,
        },
        "checkpoints": {
            "description": "Which places on a run's way get a name by themselves, to go back to.",
            "type": "object",
            "properties": {
                "every": {
                    "description": "`step`, or the least time between two, such as `30s`.",
                    "anyOf": [{"const": "step"}, {"$ref": "#/$defs/span"}],
                },
                "max": {
                    "description": "How many are kept, the last ones.",
                    "type": "integer",
                    "minimum": 1,
                    "default": crate::limits::CHECKPOINTS_MAX,
                },
            },
            "additionalProperties": false,
        },
        "schedule": {"$ref": "#/$defs/schedule"},
        "schedules": by_name(json!({"$ref": "#/$defs/schedule"})),
        "settings": settings(),
        "performance_config": settings(),
        "error_config": settings(),
    })
}

/// When runs begin by themselves.
fn schedule() -> Json {
    json!({
        "description": "When runs begin by themselves.",
        "type": "object",
        "properties": {
            "every": {
                "description": "Again and again after so much time, counted from 1970-01-01 UTC: `1h` is on the hour.",
                "$ref": "#/$defs/span",
            },
            "cron": {
                "description": "Minute, hour, day of the month, month, day of the week: `0 9 * * MON-FRI`.",
                "type": "string",
            },
            "timezone": {
                "description": "Where the clock of `cron` hangs, such as `Europe/Berlin`.",
                "type": "string",
                "default": "UTC",
            },
            "input": {"description": "First values of the run's attributes.", "type": "object"},
            "due_as": {
                "description": "The attribute that gets the time the run is due at.",
                "type": "string",
            },
            "goal": {"description": "What the run is to reach.", "type": "string"},
            "overlap": {
                "description": "What to do while the run before goes on: pass over, wait for its end, or begin another.",
                "enum": ["skip", "queue", "allow"],
                "default": "skip",
            },
            "catch_up": {
                "description": "What to do about times at which nothing ran: one run for the last of them, one for each, or none.",
                "enum": ["one", "all", "none"],
                "default": "one",
            },
        },
        "oneOf": [{"required": ["every"]}, {"required": ["cron"]}],
        "additionalProperties": false,
    })
}

/// What conversation frameworks say by settings of a flow.
fn settings() -> Json {
    let seconds = |what: &str| {
        json!({
            "description": format!("{what} In seconds, or as a length of time such as `10m`."),
            "anyOf": [{"$ref": "#/$defs/span"}, {"type": "number", "minimum": 0}],
        })
    };
    let flag = |what: &str| json!({"type": "boolean", "description": what});
    json!({
        "description": "Settings of a flow, as conversation frameworks spell them; our own keys say the same.",
        "type": "object",
        "properties": {
            "auto_checkpoint": {"type": "boolean"},
            "checkpoint_interval": seconds("The least time between two checkpoints."),
            "max_checkpoints": {"type": "integer", "minimum": 1},
            "max_checkpoints_per_session": {"type": "integer", "minimum": 1},
            "max_rollback_steps": {"type": "integer", "minimum": 0},
            "enable_rollback": {"type": "boolean"},
            "rollback_enabled": {"type": "boolean"},
            "max_retries": {
                "description": "How often work that says no `retry` is tried again after its first attempt.",
                "type": "integer",
                "minimum": 0,
            },
            "retry_delay": seconds("The wait before each of those attempts."),
            "step_timeout": seconds("The `timeout` of work that says none."),
            "interaction_timeout": seconds("How long a question waits that says no `expires`."),
            "max_workflow_duration": seconds("The `max_duration` of a run."),
            "parallel_execution": flag("Whether plain steps that stand beside each other are done at once."),
            "allow_step_skipping": flag("Whether the event `skip` leads on from every step."),
            "allow_early_termination": flag("Whether the event `end_early` ends a run."),
            "resume_on_failure": {"type": "boolean"},
            "persist_state": {"type": "boolean"},
            "resource_monitoring": {"type": "boolean"},
        },
    })
}

fn state_keys() -> Json {
    let transitions = json!({"$ref": "#/$defs/transitions"});
    let actions = json!({"$ref": "#/$defs/actions"});
    let texts = json!({"$ref": "#/$defs/texts"});
    merged(&[
        work_keys(),
        json!({
            "id": {"type": "string", "description": "A name for `#id` targets."},
            "type": {"enum": ["atomic", "compound", "parallel", "final", "history"]},
            "initial": {"type": ["string", "object", "array"]},
            "states": {"type": "object", "additionalProperties": {"$ref": "#/$defs/state"}},
            "steps": {"$ref": "#/$defs/steps", "description": "States that follow one another."},
            "sections": {"$ref": "#/$defs/steps", "description": "Phases of the work, in order."},
            "parallel": {"$ref": "#/$defs/parallel"},
            "section": {"type": "boolean", "description": "Whether the state is a phase of the work."},
            "history": {"enum": ["shallow", "deep"]},
            "target": {"type": ["string", "array"], "items": {"type": "string"}},
            "on": {"type": "object", "additionalProperties": transitions},
            "always": transitions,
            "after": {"type": "object", "additionalProperties": transitions},
            "onDone": transitions,
            "onError": transitions,
            "entry": actions,
            "exit": actions,
            "output": {"description": "Names of attributes that are kept; on a final state or the workflow, the result."},
            "tags": texts,
            "meta": {"description": "Anything you keep with it."},
            "guideline": {"type": ["string", "null"], "description": "What the agent is told to do here."},
            "description": {"type": ["string", "null"]},
            "by": {"enum": ["engine", "agent", "person"]},
            "allow_tools": texts,
            "deny_tools": texts,
            "input": {"description": "What the work is given, or what the state reads."},
        }),
    ])
}

/// The keys that a step has besides those of a state, and those of one as plain as `{ agentId: writer, input: "..." }`.
fn step_keys() -> Json {
    json!({
        "name": {"type": "string"},
        "when": {
            "description": "The step is passed over when this does not hold as its turn comes.",
            "$ref": "#/$defs/guard",
        },
        "agentId": {
            "type": "string",
            "description": "The agent that is told the `input`. What it gives is `{{ previous }}` to the next step.",
        },
        "metadata": {"description": "Anything you keep with the step."},
    })
}

fn work_keys() -> Json {
    let span = json!({"$ref": "#/$defs/span"});
    json!({
        "agent": {"type": ["string", "object"], "description": "An agent answers the `prompt`."},
        "ask": {"type": ["string", "object"], "description": "A person answers a question."},
        "tool": {"type": ["string", "object"], "description": "An MCP tool is called."},
        "http": {"type": ["string", "object"], "description": "An HTTP request is made."},
        "exec": {"type": ["string", "array", "object"], "description": "A command is run."},
        "task": {"type": ["string", "object"], "description": "An outside worker claims it."},
        "run": {"type": ["string", "object"], "description": "A child workflow runs."},
        "wait": {"type": ["string", "integer", "object", "null"], "description": "Nothing is done for a while."},
        "invoke": {"type": ["string", "object", "array"]},
        "prompt": {"type": "string"},
        "retry": retry(),
        "timeout": span,
        "for_each": {"type": ["string", "array"], "description": "One branch for each of these."},
        "concurrency": {"type": "integer", "minimum": 1},
        "join": {"anyOf": [
            {"enum": ["all", "any", "first", "majority"]},
            {"type": "integer", "minimum": 1},
        ]},
        "expires": {
            "description": "How long a question waits for its answer; then its work failed.",
            "anyOf": [
                {"type": ["string", "integer"]},
                {"type": "object", "properties": {"after": {"type": ["string", "integer"]}}, "required": ["after"], "additionalProperties": false},
            ],
        },
        "irreversible": {"type": "boolean"},
        "compensate": {
            "description": "What makes the work good when the run goes back past it or is cancelled: one piece of work, or a text that says what a person is to do.",
            "anyOf": [{"type": "string"}, {
                "type": "object",
                "properties": {
                    "agent": {"type": ["string", "object"]},
                    "tool": {"type": ["string", "object"]},
                    "http": {"type": ["string", "object"]},
                    "exec": {"type": ["string", "array", "object"]},
                    "task": {"type": ["string", "object"]},
                    "prompt": {"type": "string"},
                    "input": {},
                    "retry": retry(),
                    "timeout": span,
                },
                "additionalProperties": false,
            }],
        },
        "live": {"type": "boolean", "description": "Whether the prompt can be edited while runs are alive."},
    })
}

fn retry() -> Json {
    json!({"anyOf": [{"type": "integer", "minimum": 1}, {
        "type": "object",
        "properties": {
            "max_attempts": {"type": "integer", "minimum": 1},
            "delay": {"$ref": "#/$defs/span"},
            "backoff": {"type": "number", "minimum": 0},
        },
        "additionalProperties": false,
    }]})
}

/// A state has at most one piece of work.
fn one_kind_of_work() -> Json {
    let kinds = ["agent", "ask", "tool", "http", "exec", "task", "run", "wait", "invoke"];
    let only = kinds.iter().map(|kind| {
        let others = kinds.iter().filter(|other| *other != kind);
        let others: Vec<Json> = others.map(|other| json!({"required": [other]})).collect();
        ((*kind).to_owned(), json!({"not": {"anyOf": others}}))
    });
    json!({"dependentSchemas": only.collect::<Map<_, _>>()})
}

fn transition() -> Json {
    json!({
        "description": "A target, or an object.",
        "anyOf": [{"type": ["string", "null"]}, {
            "type": "object",
            "properties": {
                "target": {"type": ["string", "array", "null"], "items": {"type": "string"}},
                "guard": {"$ref": "#/$defs/guard"},
                "cond": {"$ref": "#/$defs/guard"},
                "actions": {"$ref": "#/$defs/actions"},
                "reenter": {"type": "boolean"},
                "description": {"type": "string"},
                "requires": {"anyOf": [
                    {"$ref": "#/$defs/requirement"},
                    {"type": "array", "items": {"$ref": "#/$defs/requirement"}},
                ]},
                "meta": true,
            },
            "patternProperties": {"^x-": true},
            "additionalProperties": false,
        }],
    })
}

fn requirement() -> Json {
    let kind = json!({"type": ["string", "boolean", "null"]});
    json!({
        "type": "object",
        "properties": {
            "action": kind, "decision": kind, "message": kind, "artifact": kind,
            "name": {"type": "string"},
            "min": {"type": "integer", "minimum": 1},
            "observed": {"type": "boolean"},
        },
        "oneOf": [
            {"required": ["action"]}, {"required": ["decision"]},
            {"required": ["message"]}, {"required": ["artifact"]},
        ],
        "additionalProperties": false,
    })
}

fn attribute() -> Json {
    let mut properties: Map<String, Json> =
        keys::SCHEMA.iter().map(|key| ((*key).to_owned(), Json::Bool(true))).collect();
    properties.insert("type".to_owned(), json!({"$ref": "#/$defs/texts"}));
    properties.insert("description".to_owned(), json!({"type": "string"}));
    properties.insert("required".to_owned(), json!({"type": ["boolean", "array"]}));
    properties.insert("is_array".to_owned(), json!({"type": "boolean"}));
    properties.insert("sensitive".to_owned(), json!({"type": "boolean"}));
    json!({"anyOf": [{"type": ["string", "null"]}, {
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": true},
        "additionalProperties": false,
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::schema::Schema;
    use crate::workflow::yaml;

    fn problems(text: &str) -> Vec<String> {
        let schema = Schema::new(json_schema()).unwrap();
        let found = schema.check(&yaml::parse(text).unwrap().root.to_json());
        found.into_iter().map(|mismatch| format!("{}: {}", mismatch.at, mismatch.what)).collect()
    }

    #[test]
    fn what_can_be_compiled_fits_the_schema() {
        for text in [
            include_str!("../../../../examples/lead-qualification.yaml"),
            include_str!("../../../../examples/release.yaml"),
            include_str!("../../../../examples/digest.yaml"),
            include_str!("../../tests/definitions/everything.yaml"),
            include_str!("../../tests/definitions/steps.yaml"),
            include_str!("../../../../examples/trip.yaml"),
        ] {
            assert_eq!(problems(text), Vec::<String>::new());
        }
    }

    #[test]
    fn what_has_unknown_keys_or_two_pieces_of_work_does_not_fit() {
        for text in [
            "states: { A: { guidline: x } }",
            "nam: x",
            "states: { A: { agent: x, tool: y } }",
            "states: { A: { on: { E: { targt: B } } } }",
            "limits: { max_steps: 0 }",
            "concurrency: { exec: 0 }",
            "concurrency: { run: 1 }",
            "states: { A: { when: 1 > 2 } }",
            "steps: [{ name: A, parallel: [{ agentId: a, timout: 1s }] }]",
            "settings: { max_retries: -1 }",
        ] {
            assert_ne!(problems(text), Vec::<String>::new(), "{text}");
        }
    }
}
