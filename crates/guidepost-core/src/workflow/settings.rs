//! Settings of a flow as conversation frameworks spell them, said in our own keys: checkpoints, and how far one may go back.
//!
//! They stand under `settings`, or directly among the keys of the workflow. This is the one place that knows them.

use super::problems::{Problems, code};
use super::tree::{Entry, Kind, Tree};
use crate::diagnostic::{Diagnostic, Position};

/// Settings that are said in our own keys.
pub(super) const KNOWN: [&str; 7] = [
    "auto_checkpoint",
    "checkpoint_interval",
    "max_checkpoints",
    "max_checkpoints_per_session",
    "max_rollback_steps",
    "enable_rollback",
    "rollback_enabled",
];

/// Settings that other tools have, and that mean nothing here.
const WITHOUT_EFFECT: [&str; 13] = [
    "interaction_timeout",
    "max_retries",
    "retry_delay",
    "allow_step_skipping",
    "allow_early_termination",
    "resume_on_failure",
    "persist_state",
    "compress_state",
    "encrypt_sensitive_data",
    "lazy_load_agents",
    "parallel_validation",
    "cache_agent_responses",
    "auto_save",
];

/// Says the settings of a workflow in our own keys.
pub(super) fn expand(entries: &mut Vec<Entry>, problems: &mut Problems) {
    let mut given = take(entries, |key| KNOWN.contains(&key));
    for settings in take(entries, |key| key == "settings") {
        let Kind::Object(fields) = settings.value.kind else {
            let message =
                format!("`settings` is an object, but this is {}", settings.value.article());
            problems.error(code::SHAPE, settings.value.at, message);
            continue;
        };
        for field in fields {
            check(&field, problems);
            if KNOWN.contains(&&*field.key) {
                given.push(field);
            }
        }
    }
    if given.is_empty() {
        return;
    }
    for (place, setting) in given.iter().enumerate() {
        compare(setting, given.iter().take(place), problems);
    }
    let mut said = Said::default();
    for Entry { key, at, value } in given {
        said.take(&key, at, value, problems);
    }
    said.put(entries, problems);
}

/// Removes the entries with such keys.
fn take(entries: &mut Vec<Entry>, is_wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let (taken, left) = std::mem::take(entries).into_iter().partition(|it| is_wanted(&it.key));
    *entries = left;
    taken
}

fn check(field: &Entry, problems: &mut Problems) {
    let key = &*field.key;
    if WITHOUT_EFFECT.contains(&key) {
        let message = format!("the setting `{key}` has no effect here");
        problems.add(
            Diagnostic::warning(code::UNKNOWN_KEY, field.at, message).with_hint(
                "retries and timeouts are said at the step: `retry`, `timeout`, `after`",
            ),
        );
    } else if !KNOWN.contains(&key) && !key.starts_with("x-") {
        let message = format!("`settings` has no key `{key}`");
        let problem = Diagnostic::error(code::UNKNOWN_KEY, field.at, message);
        problems.add_unknown(problem, key, KNOWN.into_iter().chain(WITHOUT_EFFECT), || None);
    }
}

/// Tells of a setting that says otherwise than one before it that means the same.
fn compare<'a>(
    setting: &Entry,
    mut before: impl Iterator<Item = &'a Entry>,
    problems: &mut Problems,
) {
    let contradicts = |it: &&Entry| {
        meaning(&it.key) == meaning(&setting.key) && it.value.to_json() != setting.value.to_json()
    };
    if let Some(other) = before.find(contradicts) {
        let message = format!(
            "`{}` says otherwise than `{}` in line {}",
            setting.key, other.key, other.at.line
        );
        problems.add(
            Diagnostic::error(code::DUPLICATE, setting.value.at, message)
                .with_hint("both mean the same: keep one of them"),
        );
    }
}

/// One key for all that mean the same.
fn meaning(key: &str) -> &str {
    match key {
        "max_checkpoints_per_session" => "max_checkpoints",
        "rollback_enabled" => "enable_rollback",
        key => key,
    }
}

/// What the settings say.
#[derive(Default)]
struct Said {
    /// Whether places get a name by themselves, if it is said.
    is_auto: Option<bool>,
    interval: Option<Tree>,
    max: Option<Tree>,
    steps_back: Option<Tree>,
    /// Where it is said that no run goes back, whatever else is said.
    forbids: Option<Position>,
    at: Position,
}

impl Said {
    fn take(&mut self, key: &str, at: Position, value: Tree, problems: &mut Problems) {
        self.at = at;
        match key {
            "auto_checkpoint" => self.is_auto = flag(key, &value, problems),
            "checkpoint_interval" => self.interval = Some(in_seconds(value)),
            "max_checkpoints" | "max_checkpoints_per_session" => self.max = Some(value),
            "max_rollback_steps" => self.steps_back = Some(value),
            _ => {
                if flag(key, &value, problems) == Some(false) {
                    self.forbids = Some(value.at);
                }
            }
        }
    }

    fn put(self, entries: &mut Vec<Entry>, problems: &mut Problems) {
        let has_checkpoints = self.interval.is_some() || self.max.is_some();
        if self.is_auto.unwrap_or(has_checkpoints) {
            let fields = [("every", self.interval), ("max", self.max)];
            let fields = fields.into_iter().filter_map(|(key, it)| Some(Entry::new(key, it?)));
            put(
                entries,
                Entry::new("checkpoints", Tree::object(fields.collect(), self.at)),
                problems,
            );
        }
        let none = |at| Tree { kind: Kind::Number(0.into()), at };
        let Some(steps_back) = self.forbids.map(none).or(self.steps_back) else { return };
        let limit = Entry::new("max_rollback_steps", steps_back);
        match entries.iter_mut().find(|entry| &*entry.key == "limits") {
            Some(Entry { value: Tree { kind: Kind::Object(limits), .. }, .. }) => {
                put(limits, limit, problems);
            }
            Some(_) => {}
            None => entries.push(Entry::new("limits", Tree::object(vec![limit], self.at))),
        }
    }
}

/// Adds an entry, unless the author said the same in our own keys.
fn put(entries: &mut Vec<Entry>, new: Entry, problems: &mut Problems) {
    if entries.iter().any(|entry| entry.key == new.key) {
        let message = format!("the settings say what `{}` says, too: keep one of them", new.key);
        problems.error(code::DUPLICATE, new.value.at, message);
        return;
    }
    entries.push(new);
}

fn flag(key: &str, value: &Tree, problems: &mut Problems) -> Option<bool> {
    let flag = value.as_bool();
    if flag.is_none() {
        let message = format!("`{key}` must be `true` or `false`, but is {}", value.article());
        problems.error(code::SHAPE, value.at, message);
    }
    flag
}

/// A number of seconds, as a length of time; whatever else stands as it is.
fn in_seconds(value: Tree) -> Tree {
    match &value.kind {
        Kind::Number(seconds) => Tree::text(format!("{seconds}s"), value.at),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Object(_) => value,
    }
}
