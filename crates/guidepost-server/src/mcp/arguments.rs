//! What the tools are called with.

use std::fmt;

use guidepost_core::machine::schema::{Mismatch, Schema};
use serde::de::{self, DeserializeOwned, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use super::tools;
use crate::ops::OpError;

/// Arguments of `guidepost_where`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    pub(super) run: Option<String>,
    #[serde(default)]
    pub(super) detail: Detail,
}

/// How much to tell.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Detail {
    #[default]
    Brief,
    Full,
}

/// Arguments of `guidepost_start`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    pub(super) workflow: Option<String>,
    pub(super) goal: Option<String>,
    #[serde(default)]
    pub(super) input: Map<String, Json>,
    pub(super) key: Option<String>,
}

/// Arguments of `guidepost_do`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Do {
    pub(super) run: String,
    pub(super) event: String,
    pub(super) rev: Whole,
    #[serde(default)]
    pub(super) data: Map<String, Json>,
    pub(super) note: Option<String>,
}

/// Arguments of `guidepost_log`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) run: String,
    pub(super) entries: Vec<Entry>,
}

/// One entry of `guidepost_log`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) kind: String,
    #[serde(default)]
    pub(super) text: String,
    pub(super) r#ref: Option<String>,
    #[serde(default)]
    pub(super) data: Map<String, Json>,
}

/// Arguments of `guidepost_wait`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    pub(super) run: String,
    pub(super) rev: Option<Whole>,
    pub(super) seconds: Option<Whole>,
}

/// Arguments of `guidepost_read`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    pub(super) run: String,
    #[serde(default)]
    pub(super) what: What,
    pub(super) path: Option<String>,
    pub(super) limit: Option<Whole>,
    pub(super) cursor: Option<String>,
}

/// What to read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    #[default]
    History,
    Data,
    Artifacts,
    Event,
    Thread,
    Diagram,
}

/// Arguments of `guidepost_find`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) r#in: In,
    pub(super) state: Option<String>,
    pub(super) limit: Option<Whole>,
    pub(super) cursor: Option<String>,
}

/// Where to look.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum In {
    #[default]
    Workflows,
    Runs,
    Schedules,
}

/// Arguments of `guidepost_define`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Define {
    pub(super) yaml: String,
    #[serde(default)]
    pub(super) save: bool,
}

/// A whole number, 0 or more. Agents write `2` also as `2.0` and as `"2"`: what is meant is plain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole(pub(super) u64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(argument: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, 0 or more")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
                // A number without a fraction is written without one.
                let read = number.to_string().parse();
                read.map(Whole).map_err(|_| E::invalid_type(Unexpected::Float(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Whole, E> {
                let read = text.trim().parse();
                read.map(Whole).map_err(|_| E::invalid_type(Unexpected::Str(text), &self))
            }
        }

        argument.deserialize_any(Reader)
    }
}

/// Arguments that are texts and may be left out.
const OPTIONAL: [&str; 9] =
    ["run", "workflow", "goal", "key", "note", "path", "cursor", "query", "state"];

/// Reads a tool's arguments. Null stands for an argument left out, as some clients send it, and so does an empty text where
/// a text may be left out.
pub(super) fn read<T: DeserializeOwned>(
    tool: &str,
    mut arguments: Map<String, Json>,
) -> Result<T, OpError> {
    let is_left_out = |name: &str, value: &Json| {
        value.is_null() || (value.as_str() == Some("") && OPTIONAL.contains(&name))
    };
    arguments.retain(|name, value| !is_left_out(name, value));
    T::deserialize(Json::Object(arguments.clone())).map_err(|reason| {
        let mut problems = misfits(tool, arguments);
        if problems.is_empty() {
            problems.push(reason.to_string());
        }
        OpError::BadArgument {
            what: format!("the arguments of {tool} do not fit: {}", problems.join("; ")),
            hint: Some("correct them and call again".to_owned()),
        }
    })
}

/// What the description of a tool says against arguments, each by its name.
fn misfits(tool: &str, mut arguments: Map<String, Json>) -> Vec<String> {
    let mut problems = Vec::new();
    let described = tools::all().iter().find(|described| described.name == tool);
    let Some(described) = described.map(|tool| Json::Object((*tool.input_schema).clone())) else {
        return problems;
    };
    for (name, value) in &mut arguments {
        if described["properties"][name]["type"] != "integer" {
            continue;
        }
        if Whole::deserialize(&*value).is_err() {
            problems.push(format!("{name} must be a whole number, 0 or more"));
        }
        // Numbers are settled with that; this one fits wherever one is described.
        *value = Json::from(1);
    }
    let Ok(schema) = Schema::new(described) else { return problems };
    let others = schema.check(&Json::Object(arguments));
    problems.extend(others.iter().map(Mismatch::to_string));
    problems
}

/// An error of a call that reading would have changed.
pub(super) fn inexact(found: &Mismatch) -> OpError {
    let at = found.at.strip_prefix("/params/arguments").unwrap_or(&found.at).to_owned();
    let what = Mismatch { at, what: found.what.clone() }.to_string();
    OpError::BadArgument { what, hint: None }
}
