//! Plain steps: an agent, and what it is told. What each gives is handed on to the next.

use std::collections::BTreeSet;

use super::super::problems::{Problems, code};
use super::super::tree::{Entry, Kind, Text, Tree};
use super::{Here, Sugar};
use crate::diagnostic::Position;

/// The attribute that holds what the plain step before gave.
pub(super) const PREVIOUS: &str = "previous";

/// The keys of a plain step, and what they are otherwise called.
const PLAIN: [(&str, &str); 3] = [("agentId", "agent"), ("input", "prompt"), ("metadata", "meta")];

/// The keys of a step whose texts are expressions or names of attributes. Other texts are templates.
const EXPRESSIONS: [&str; 8] =
    ["when", "guard", "cond", "for_each", "output", "assign", "append", "wait"];

/// Whether a step is a plain one, or such steps are inside it.
pub(super) fn has_agent_id(step: &Tree) -> bool {
    match &step.kind {
        Kind::Object(_) => {
            step.get("agentId").is_some()
                || ["parallel", "steps", "sections"]
                    .iter()
                    .filter_map(|key| step.get(key))
                    .any(|inside| has_agent_id(inside) || is_named_list(inside))
        }
        Kind::List(steps) => steps.iter().any(has_agent_id),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
    }
}

/// Whether steps that are given by their names have plain ones among them.
fn is_named_list(steps: &Tree) -> bool {
    match &steps.kind {
        Kind::Object(named) => named.iter().any(|step| has_agent_id(&step.value)),
        Kind::List(_) | Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
    }
}

/// Declares the attributes that plain steps hand on, unless their author did.
pub(super) fn declare(
    entries: &mut Vec<Entry>,
    made: &[Box<str>],
    at: Position,
    problems: &mut Problems,
) {
    if !entries.iter().any(|entry| &*entry.key == "attributes") {
        entries.push(Entry::new("attributes", Tree::object(Vec::new(), at)));
    }
    let attributes = entries.iter_mut().find(|entry| &*entry.key == "attributes");
    let Some(Kind::Object(declared)) = attributes.map(|entry| &mut entry.value.kind) else {
        return;
    };
    let own = declared.iter().find(|entry| &*entry.key == PREVIOUS);
    if let Some(own) = own.filter(|own| !made.is_empty() && !may_be_list(&own.value)) {
        let message = "a step with `parallel` gives a list as `previous`, which is declared as something else";
        problems.error(code::SCHEMA, own.value.at, message);
    }
    let known: BTreeSet<Box<str>> = declared.iter().map(|entry| entry.key.clone()).collect();
    for name in std::iter::once(PREVIOUS).chain(made.iter().map(|name| &**name)) {
        if !known.contains(name) {
            let any = Entry::new("type", Tree::text("any", at));
            declared.push(Entry::new(name, Tree::object(vec![any], at)));
        }
    }
}

/// Whether an attribute that is declared like this takes a list.
fn may_be_list(declared: &Tree) -> bool {
    let kind = declared.get("type").unwrap_or(declared);
    let is_list = |kind: &Tree| {
        kind.as_text().is_none_or(|kind| matches!(kind, "any" | "json" | "array" | "list"))
    };
    declared.get("is_array").and_then(Tree::as_bool) == Some(true)
        || kind.as_list().map_or_else(|| is_list(kind), |kinds| kinds.iter().any(is_list))
}

/// Calls keys what they are otherwise called.
pub(super) fn rename(entries: &mut [Entry], names: &[(&str, &str)], problems: &mut Problems) {
    for (plain, own) in names {
        let is_given = entries.iter().any(|entry| &*entry.key == *own);
        let Some(found) = entries.iter_mut().find(|entry| &*entry.key == *plain) else { continue };
        if is_given {
            let message = format!("`{plain}` and `{own}` say the same: give one of them");
            problems.error(code::DUPLICATE, found.at, message);
        }
        found.key = (*own).into();
    }
}

impl Sugar<'_> {
    /// Spells out a plain step.
    pub(super) fn expand_plain(&mut self, entries: &mut Vec<Entry>, at: Position, here: Here<'_>) {
        if !entries.iter().any(|entry| &*entry.key == "agentId") {
            return;
        }
        rename(entries, &PLAIN, self.problems);
        let has = |key: &str| entries.iter().find(|entry| &*entry.key == key).map(|it| it.at);
        if let Some(output) = has("output") {
            let message = "a step with `agentId` gives its result to the next step as `previous`; \
                           to give it a name by `output`, write the step with `agent` and `prompt`";
            self.problems.error(code::KIND, output, message);
            return;
        }
        if !here.is_first && has("prompt").is_none() {
            let prompt = format!("{{{{ {} }}}}", here.previous);
            entries.push(Entry::new("prompt", Tree::text(prompt, at)));
        }
        let previous = Tree::list(vec![Tree::text(here.gives, at)], at);
        entries.push(Entry::new("output", previous));
    }
}

/// Calls what steps hand on by another name, wherever a part of a definition speaks of it.
pub(super) fn call(old: &str, name: &str, tree: &mut Tree, is_expression: bool) {
    match &mut tree.kind {
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        Kind::Text(text) => {
            if let Some(renamed) = renamed(&text.text, old, name, !is_expression) {
                *text = Text { text: renamed.into(), indent: None };
            }
        }
        Kind::List(items) => {
            items.iter_mut().for_each(|item| call(old, name, item, is_expression));
        }
        Kind::Object(entries) => {
            for Entry { key, value, .. } in entries {
                call(old, name, value, is_expression || EXPRESSIONS.contains(&&**key));
            }
        }
    }
}

/// A text in which a variable has another name; `None` if the text does not have it. As all mentions change, what they are
/// bound to does not matter.
fn renamed(text: &str, old: &str, name: &str, is_template: bool) -> Option<String> {
    if !text.contains(old) {
        return None;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len() + name.len());
    let mut is_inside = !is_template;
    let mut before = ' ';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        if !is_inside {
            if rest.starts_with("{{") || rest.starts_with("{%") {
                (is_inside, taken) = (true, 2);
            } else if rest.starts_with("{#") {
                taken = rest.find("#}").map_or(rest.len(), |end| end + 2);
            }
        } else if is_template && (rest.starts_with("}}") || rest.starts_with("%}")) {
            (is_inside, taken) = (false, 2);
        } else if matches!(first, '"' | '\'') {
            taken = quoted(rest, first);
        } else if is_word(first) {
            taken = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            if &rest[..taken] == old && before != '.' {
                out.push_str(name);
                rest = &rest[taken..];
                before = 's';
                continue;
            }
        }
        let (word, after) = rest.split_at(taken);
        out.push_str(word);
        before = word.chars().rfind(|c| !c.is_whitespace()).unwrap_or(before);
        rest = after;
    }
    Some(out)
}

/// How many bytes a text in quotes takes, the quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = true;
    for (place, c) in text.char_indices() {
        if c == quote && !is_escaped {
            return place + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn a_variable_is_renamed_and_nothing_else() {
        let template =
            |text: &str| renamed(text, "previous", "p", true).unwrap_or_else(|| text.to_owned());
        assert_eq!(template("previous: {{ previous }}"), "previous: {{ p }}");
        assert_eq!(
            template("{{ a.previous ~ a . previous ~ previously ~ previous.x }}"),
            "{{ a.previous ~ a . previous ~ previously ~ p.x }}"
        );
        assert_eq!(
            template(
                "{{ 'previous \\' previous' ~ previous }}{# {{ previous }} #}{% if previous %}x{% endif %}"
            ),
            "{{ 'previous \\' previous' ~ p }}{# {{ previous }} #}{% if p %}x{% endif %}"
        );
        assert_eq!(renamed("'ü' in previous", "previous", "p", false).as_deref(), Some("'ü' in p"));
    }
}
