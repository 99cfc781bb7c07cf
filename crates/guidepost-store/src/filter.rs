//! What the backends share in reading filters: words, cursors, page sizes, and what a requirement compares.

use guidepost_core::id::StateId;
use guidepost_core::machine::Requirement;
use guidepost_core::recorded::{Fact, FactBody};

use crate::{PAGE_ITEMS, Page};

/// The words of a query in lower case. Only ASCII letters are folded, since that is what SQL's `lower` does.
pub(crate) fn words(query: Option<&str>) -> Vec<String> {
    query.unwrap_or_default().split_whitespace().map(str::to_ascii_lowercase).collect()
}

/// Whether all words occur in one of the texts.
pub(crate) fn has_words<'a>(
    words: &[String],
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> bool {
    let texts: Vec<String> = texts.into_iter().flatten().map(str::to_ascii_lowercase).collect();
    words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
}

/// How many items a page has.
pub(crate) fn page_items(limit: usize) -> usize {
    if limit == 0 { PAGE_ITEMS } else { limit }
}

/// The first `limit` items, and the cursor of the last of them if there are more.
pub(crate) fn page<T>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    cursor: impl FnOnce(&T) -> String,
) -> Page<T> {
    let mut items: Vec<T> = items.into_iter().take(limit.saturating_add(1)).collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = if has_more { items.last().map(cursor) } else { None };
    Page { items, next }
}

/// Whether a state's path or its last segment is what a filter names.
pub(crate) fn is_state(path: &str, wanted: &str) -> bool {
    path == wanted || StateId::from(path).name() == wanted
}

/// The type and the name that a requirement compares, of a fact that one can ask for.
pub(crate) fn type_and_name(body: &FactBody) -> Option<(&str, &str)> {
    match body {
        FactBody::Action(action) => Some((&action.action_type, &action.name)),
        FactBody::Decision(decision) => Some((&decision.decision_type, &decision.question)),
        FactBody::Message(message) => Some((&message.message_type, &message.to)),
        FactBody::Artifact(artifact) => Some((&artifact.artifact_type, &artifact.name)),
        _ => None,
    }
}

/// Whether a fact is of the sort that a requirement asks for.
pub(crate) fn meets(fact: &Fact, need: &Requirement) -> bool {
    let Some((r#type, name)) = type_and_name(&fact.body) else { return false };
    fact.body.fact_kind() == Some(need.kind)
        && need.r#type.as_deref().is_none_or(|wanted| wanted == r#type)
        && need.name.as_deref().is_none_or(|wanted| wanted == name)
        && (fact.observed || !need.observed)
}
