//! What filters and requirements match. Other backends say the same in their own language.

use guidepost_core::id::StateId;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::{Fact, FactBody};

/// Whether all words occur in one of the texts.
pub(super) fn has_words<'a>(
    words: &[String],
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> bool {
    let texts: Vec<String> = texts.into_iter().flatten().map(str::to_ascii_lowercase).collect();
    words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
}

/// Whether a state's path or its last segment is what a filter names.
pub(super) fn is_state(path: &str, wanted: &str) -> bool {
    path == wanted || StateId::from(path).name() == wanted
}

/// The type and the name that a requirement compares, of a fact that one can ask for.
fn type_and_name(body: &FactBody) -> Option<(&str, &str)> {
    match body {
        FactBody::Action(action) => Some((&action.action_type, &action.name)),
        FactBody::Decision(decision) => Some((&decision.decision_type, &decision.question)),
        FactBody::Message(message) => Some((&message.message_type, &message.to)),
        FactBody::Artifact(artifact) => Some((&artifact.artifact_type, &artifact.name)),
        _ => None,
    }
}

/// Whether a fact is of the sort that a requirement asks for.
pub(super) fn meets(fact: &Fact, need: &Requirement) -> bool {
    let Some((r#type, name)) = type_and_name(&fact.body) else { return false };
    fact.body.fact_kind() == Some(need.kind)
        && need.r#type.as_deref().is_none_or(|wanted| wanted == r#type)
        && need.name.as_deref().is_none_or(|wanted| wanted == name)
        && (fact.observed || !need.observed)
}
