//! What the tools are called with.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

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
    pub(super) rev: u64,
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
    pub(super) rev: Option<u64>,
    pub(super) seconds: Option<u64>,
}

/// Arguments of `guidepost_read`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    pub(super) run: String,
    #[serde(default)]
    pub(super) what: What,
    pub(super) path: Option<String>,
    pub(super) limit: Option<u64>,
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
    pub(super) limit: Option<u64>,
    pub(super) cursor: Option<String>,
}

/// Where to look.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum In {
    #[default]
    Workflows,
    Runs,
}

/// Arguments of `guidepost_define`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Define {
    pub(super) yaml: String,
    #[serde(default)]
    pub(super) save: bool,
}

/// Reads a tool's arguments. Null stands for an argument left out, as some clients send it.
pub(super) fn read<T: DeserializeOwned>(
    tool: &str,
    mut arguments: Map<String, Json>,
) -> Result<T, OpError> {
    arguments.retain(|_, value| !value.is_null());
    serde_json::from_value(Json::Object(arguments)).map_err(|reason| {
        // What kinds of numbers this program has says nothing to anybody.
        let reason =
            reason.to_string().replace("expected u64", "expected a whole number, 0 or more");
        OpError::BadArgument {
            what: format!("the arguments of {tool} cannot be read: {reason}"),
            hint: Some("correct them and call again".to_owned()),
        }
    })
}
