//! Facts about what an agent did, chose, said and made. They never change a run's state of execution.
//!
//! A fact is *observed* if the engine or telemetry saw it, *claimed* if only the agent says so.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::budget::Limit;
use crate::id::Rev;
use crate::machine::{FactKind, Limits, Requirement};
use crate::time::Timestamp;

/// One fact to record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened, if that was not just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether the engine or telemetry saw it.
    #[serde(default)]
    pub observed: bool,
    /// Who reports it.
    #[serde(default)]
    pub by: String,
    /// The fact itself.
    pub body: FactBody,
}

/// What sort of fact, and what it says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactBody {
    /// The agent began or did something.
    Action(Action),
    /// An action begun earlier came to its end.
    ActionEnded(ActionEnded),
    /// The agent chose between options.
    Decision(Decision),
    /// The agent said something to another run.
    Message(Message),
    /// The agent made something.
    Artifact(Artifact),
    /// Anything else worth a line.
    Note(Note),
    /// A rev got a name, by which the run can be taken back to it.
    Checkpoint(Checkpoint),
    /// A limit of the run was nearly reached, or passed.
    LimitReached(LimitReached),
    /// Limits of the run were set anew.
    LimitsSet(LimitsSet),
}

impl FactBody {
    /// The stored names of all kinds.
    pub const KINDS: [&str; 9] = [
        "action",
        "action_ended",
        "decision",
        "message",
        "artifact",
        "note",
        "checkpoint",
        "limit_reached",
        "limits_set",
    ];

    /// The stored name of the kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Action(_) => "action",
            Self::ActionEnded(_) => "action_ended",
            Self::Decision(_) => "decision",
            Self::Message(_) => "message",
            Self::Artifact(_) => "artifact",
            Self::Note(_) => "note",
            Self::Checkpoint(_) => "checkpoint",
            Self::LimitReached(_) => "limit_reached",
            Self::LimitsSet(_) => "limits_set",
        }
    }

    /// The sort of fact as `requires` names it, if `requires` can ask for it.
    #[must_use]
    pub fn fact_kind(&self) -> Option<FactKind> {
        match self {
            Self::Action(_) => Some(FactKind::Action),
            Self::Decision(_) => Some(FactKind::Decision),
            Self::Message(_) => Some(FactKind::Message),
            Self::Artifact(_) => Some(FactKind::Artifact),
            Self::ActionEnded(_)
            | Self::Note(_)
            | Self::Checkpoint(_)
            | Self::LimitReached(_)
            | Self::LimitsSet(_) => None,
        }
    }

    /// The type and the name by which `requires` can ask for it. A decision's name is its question, a message's its addressee.
    #[must_use]
    pub fn type_and_name(&self) -> Option<(&str, &str)> {
        match self {
            Self::Action(action) => Some((&action.action_type, &action.name)),
            Self::Decision(decision) => Some((&decision.decision_type, &decision.question)),
            Self::Message(message) => Some((&message.message_type, &message.to)),
            Self::Artifact(artifact) => Some((&artifact.artifact_type, &artifact.name)),
            Self::ActionEnded(_)
            | Self::Note(_)
            | Self::Checkpoint(_)
            | Self::LimitReached(_)
            | Self::LimitsSet(_) => None,
        }
    }
}

impl Requirement {
    /// How many facts count, of those on record since a state was entered, each with whether it was observed. An action
    /// counts once it is done: if its status says nothing or `completed`, or if it was begun and its end says so.
    #[must_use]
    pub fn count(&self, facts: &[(&FactBody, bool)]) -> u64 {
        let is_seen = |observed: bool| observed || !self.observed;
        let end = |(fact, observed): &(&'_ FactBody, bool)| -> Option<String> {
            let FactBody::ActionEnded(end) = fact else { return None };
            let is_proof = is_done(end.status.as_deref()) && is_seen(*observed);
            is_proof.then(|| end.r#ref.clone())
        };
        let ended: BTreeSet<String> = facts.iter().filter_map(end).collect();
        let is_done = |fact: &FactBody| {
            let FactBody::Action(action) = fact else { return true };
            let end = action.r#ref.as_deref().filter(|_| action.is_begun());
            is_done(action.status.as_deref()) || end.is_some_and(|end| ended.contains(end))
        };
        let counts = |(fact, observed): &&(&FactBody, bool)| {
            self.asks_for(fact) && is_seen(*observed) && is_done(fact)
        };
        facts.iter().filter(counts).count() as u64
    }

    fn asks_for(&self, fact: &FactBody) -> bool {
        let Some((r#type, name)) = fact.type_and_name() else { return false };
        let is_wanted = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        fact.fact_kind() == Some(self.kind)
            && is_wanted(&self.r#type, r#type)
            && is_wanted(&self.name, name)
    }
}

impl Action {
    /// Whether it was begun, and an end is to follow.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        matches!(self.status.as_deref(), Some("pending" | "running" | "retrying"))
    }
}

fn is_done(status: Option<&str>) -> bool {
    matches!(status, None | Some("" | "completed"))
}

/// Something the agent did.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Action {
    /// What sort: `llm_call`, `tool_execution`, `code_generation`, `file_read`, `file_write`, `database_query`, `api_call`,
    /// `nats_publish`, `decision_point`, `wait`, or any other.
    #[serde(rename = "type")]
    pub action_type: String,
    /// Its name: `crm_lookup`.
    pub name: String,
    /// The reporter's id for it, by which its end refers to it: a tool call's id, say.
    pub r#ref: Option<String>,
    /// `pending`, `running`, `completed`, `failed`, `skipped` or `retrying`.
    pub status: Option<String>,
    /// What went in.
    pub input: Json,
    /// What came out.
    pub output: Json,
    /// Why it failed.
    pub error: Json,
    /// The tool that did it.
    pub tool: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Tokens used.
    pub tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Anything else that was said about it.
    pub attributes: Json,
}

/// The end of an action begun earlier.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActionEnded {
    /// The reporter's id for the action.
    pub r#ref: String,
    /// `completed`, `failed` or `skipped`.
    pub status: Option<String>,
    /// What came out.
    pub output: Json,
    /// Why it failed.
    pub error: Json,
    /// Tokens used.
    pub tokens: Option<u64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// A choice the agent made.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decision {
    /// What sort: `tool_selection`, `task_prioritization`, `error_recovery_strategy`, or any other.
    #[serde(rename = "type")]
    pub decision_type: String,
    /// What was to be decided.
    pub question: String,
    /// What could be chosen.
    pub options: Vec<Json>,
    /// What was chosen.
    pub chosen: Json,
    /// Why.
    pub reasoning: Option<String>,
    /// How sure the agent is, from 0 to 1.
    pub confidence: Option<f64>,
    /// How it was decided: `rule_based`, `llm_based`, `confidence_threshold`, `random`, `user_input`, or another way.
    pub method: Option<String>,
    /// The rules that were applied.
    pub rules: Vec<String>,
    /// Why the other options were rejected, by option.
    pub rejected: Json,
    /// The action it led to, by the reporter's id.
    pub action: Option<String>,
}

/// Something the agent said to another run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Message {
    /// What sort: `task_delegation`, `question`, `result`, `status_update`, or any other.
    #[serde(rename = "type")]
    pub message_type: String,
    /// The run or agent it went to.
    pub to: String,
    /// What was said.
    pub content: Json,
    /// The sender's id for it.
    pub request_id: Option<String>,
    /// The id of the message it answers.
    pub in_response_to: Option<String>,
    /// The way it went: `nats`, `direct_call`, `shared_memory`, `database`, or another.
    pub channel: Option<String>,
}

/// Something the agent made.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// What sort: a media type, or any other word.
    #[serde(rename = "type")]
    pub artifact_type: String,
    /// Where it is: a path or URL.
    pub uri: Option<String>,
    /// What it holds, if it is kept here.
    pub content: Json,
}

/// A line worth keeping.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Note {
    /// What it says.
    pub text: String,
    /// Whether it reports an error.
    pub is_error: bool,
    /// A file, URL or id it refers to.
    pub r#ref: Option<String>,
}

/// A name for a rev. Nothing is copied: what was there then follows from the history.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoint {
    /// Its name. Of several of one name the last counts.
    pub name: String,
    /// The rev.
    pub rev: Rev,
}

/// A limit of a run, nearly reached or passed by what it and the runs below it spent. Told once each, until the limit is set
/// anew. Durations are in seconds, costs in US dollars, everything else is counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitReached {
    /// Which.
    pub limit: Limit,
    /// Whether it was passed; if not, this is the warning before it.
    #[serde(rename = "hard")]
    pub is_hard: bool,
    /// How much was spent.
    pub spent: f64,
    /// How much may be.
    pub max: f64,
}

/// Limits of a run that somebody set while it was alive.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSet {
    /// Those that were set; the others stay.
    pub limits: Limits,
    /// Why, in the words of who did it.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_counts_only_facts_of_its_kind_type_name_and_witness() {
        let wanted = Requirement {
            kind: FactKind::Action,
            r#type: Some("tool_execution".to_owned()),
            name: Some("crm_lookup".to_owned()),
            min: 1,
            observed: true,
        };
        let action = |r#type: &str, name: &str| {
            FactBody::Action(Action {
                action_type: r#type.to_owned(),
                name: name.to_owned(),
                ..Action::default()
            })
        };
        assert_eq!(wanted.count(&[(&action("tool_execution", "crm_lookup"), true)]), 1);
        assert_eq!(wanted.count(&[(&action("tool_execution", "crm_lookup"), false)]), 0);
        assert_eq!(wanted.count(&[(&action("tool_execution", "web_search"), true)]), 0);
        assert_eq!(wanted.count(&[(&action("llm_call", "crm_lookup"), true)]), 0);
        assert_eq!(wanted.count(&[(&FactBody::Note(Note::default()), true)]), 0);
    }
}
