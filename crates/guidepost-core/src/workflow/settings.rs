//! Settings of a flow as conversation frameworks spell them, said in our own keys.
//!
//! They stand under `settings`, `performance_config` or `error_config`, or directly among the keys of the workflow. This is
//! the one place that knows them. `docs/run-lifecycle.md` lists each with what it does.

use super::problems::{Problems, code};
use super::tree::{Entry, Kind, Tree};
use crate::diagnostic::{Diagnostic, Position};
use crate::time::Span;

/// Under which keys they may stand, whichever of them it is.
const GROUPS: [&str; 3] = ["settings", "performance_config", "error_config"];

/// Settings that are said in our own keys.
const KNOWN: [&str; 15] = [
    "auto_checkpoint",
    "checkpoint_interval",
    "max_checkpoints",
    "max_checkpoints_per_session",
    "max_rollback_steps",
    "enable_rollback",
    "rollback_enabled",
    "max_retries",
    "retry_delay",
    "step_timeout",
    "interaction_timeout",
    "max_workflow_duration",
    "parallel_execution",
    "allow_step_skipping",
    "allow_early_termination",
];

/// Settings that ask for what is so anyway, and what is so where they are `false`.
const ANYWAY: [(&str, &str); 3] = [
    (
        "resume_on_failure",
        "a failed run can always be taken back to where it may be tried again, by `guidepost rollback` or `guidepost steps retry`; it never goes on by itself",
    ),
    (
        "persist_state",
        "every step of a run is on record; a store in `memory:` keeps it only while its process lives",
    ),
    (
        "resource_monitoring",
        "what a run takes of time, tokens and money is counted wherever it is told",
    ),
];

/// Settings that other tools have, and that mean nothing here.
const WITHOUT_EFFECT: [&str; 8] = [
    "compress_state",
    "encrypt_sensitive_data",
    "lazy_load_agents",
    "parallel_validation",
    "cache_agent_responses",
    "auto_save",
    "auto_recovery",
    "fallback_responses",
];

/// What the settings say about the steps of a workflow. What they say about a run as a whole stands among its keys.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// `retry` of work that says none.
    pub(super) retry: Option<Tree>,
    /// `timeout` of work that says none.
    pub(super) timeout: Option<Tree>,
    /// `expires` of questions that say none.
    pub(super) expires: Option<Tree>,
    /// Where it is said that plain steps are done at once.
    pub(super) at_once: Option<Position>,
    /// Where it is said that steps may be skipped.
    pub(super) may_skip: Option<Position>,
    /// Where it is said that runs may end early.
    pub(super) may_end_early: Option<Position>,
}

/// Says the settings of a workflow in our own keys, and gives what they say about its steps.
pub(super) fn expand(entries: &mut Vec<Entry>, problems: &mut Problems) -> Flow {
    let is_known = |key: &str| KNOWN.contains(&key);
    let mut given = take(entries, |key| is_known(key) || anyway(key).is_some());
    for group in take(entries, |key| GROUPS.contains(&key)) {
        let Kind::Object(fields) = group.value.kind else {
            let message =
                format!("`{}` is an object, but this is {}", group.key, group.value.article());
            problems.error(code::SHAPE, group.value.at, message);
            continue;
        };
        for field in fields {
            check(&field, &group.key, problems);
            if is_known(&field.key) || anyway(&field.key).is_some() {
                given.push(field);
            }
        }
    }
    for (place, setting) in given.iter().enumerate() {
        compare(setting, given.iter().take(place), problems);
    }
    let mut said = Said::default();
    for Entry { key, at, value } in given {
        said.take(&key, at, value, problems);
    }
    said.put(entries, problems)
}

/// What is so anyway, if a setting asks for that.
fn anyway(key: &str) -> Option<&'static str> {
    ANYWAY.iter().find(|(known, _)| *known == key).map(|(_, what)| *what)
}

/// Removes the entries with such keys.
fn take(entries: &mut Vec<Entry>, is_wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let (taken, left) = std::mem::take(entries).into_iter().partition(|it| is_wanted(&it.key));
    *entries = left;
    taken
}

fn check(field: &Entry, group: &str, problems: &mut Problems) {
    let key = &*field.key;
    if WITHOUT_EFFECT.contains(&key) {
        let message = format!("the setting `{key}` has no effect yet");
        let problem = Diagnostic::warning(code::UNKNOWN_KEY, field.at, message);
        problems.add(problem.with_hint("take it away, so that nobody relies on it"));
    } else if !KNOWN.contains(&key) && anyway(key).is_none() && !key.starts_with("x-") {
        let message = format!("`{group}` has no key `{key}`");
        let problem = Diagnostic::error(code::UNKNOWN_KEY, field.at, message);
        let known = KNOWN.into_iter().chain(ANYWAY.map(|(key, _)| key)).chain(WITHOUT_EFFECT);
        problems.add_unknown(problem, key, known, || None);
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
    duration: Option<Tree>,
    /// How often work is tried again, and where that is said.
    retries: Option<(u64, Position)>,
    retry_delay: Option<Tree>,
    flow: Flow,
    /// Where something is said of checkpoints.
    at: Position,
}

impl Said {
    fn take(&mut self, key: &str, at: Position, value: Tree, problems: &mut Problems) {
        match key {
            "auto_checkpoint" => {
                (self.is_auto, self.at) = (flag(key, &value, problems), at);
            }
            "checkpoint_interval" => (self.interval, self.at) = (Some(in_seconds(value)), at),
            "max_checkpoints" | "max_checkpoints_per_session" => {
                (self.max, self.at) = (Some(value), at);
            }
            "max_rollback_steps" => self.steps_back = Some(value),
            "max_workflow_duration" => self.duration = span(key, value, problems),
            "max_retries" => self.retries = count(key, &value, problems).map(|n| (n, value.at)),
            "retry_delay" => self.retry_delay = span(key, value, problems),
            "step_timeout" => self.flow.timeout = span(key, value, problems),
            "interaction_timeout" => self.flow.expires = span(key, value, problems),
            "parallel_execution" => self.flow.at_once = wanted(key, at, &value, problems),
            "allow_step_skipping" => self.flow.may_skip = wanted(key, at, &value, problems),
            "allow_early_termination" => {
                self.flow.may_end_early = wanted(key, at, &value, problems);
            }
            _ => match (anyway(key), flag(key, &value, problems)) {
                (None, Some(false)) => self.forbids = Some(value.at),
                (Some(what), Some(false)) => {
                    let message = format!("`{key}` cannot be switched off");
                    let problem = Diagnostic::warning(code::UNKNOWN_KEY, value.at, message);
                    problems.add(problem.with_hint(what));
                }
                (_, Some(true) | None) => {}
            },
        }
    }

    fn put(mut self, entries: &mut Vec<Entry>, problems: &mut Problems) -> Flow {
        self.put_retry(problems);
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
        let none = |at| Tree::number(0, at);
        let steps_back = self.forbids.map(none).or(self.steps_back);
        let limits = [("max_rollback_steps", steps_back), ("max_duration", self.duration)];
        for (key, limit) in limits {
            let Some(limit) = limit else { continue };
            put_limit(entries, Entry::new(key, limit), problems);
        }
        self.flow
    }

    /// `max_retries` counts what follows the first attempt, `retry` all of them. The wait is the same each time.
    fn put_retry(&mut self, problems: &mut Problems) {
        let delay = self.retry_delay.take();
        let Some((retries, at)) = self.retries else {
            if let Some(delay) = delay {
                let message = "`retry_delay` has no effect without `max_retries`";
                let problem = Diagnostic::warning(code::UNKNOWN_KEY, delay.at, message);
                problems
                    .add(problem.with_hint("say by `max_retries` how often work is tried again"));
            }
            return;
        };
        if retries == 0 {
            return;
        }
        let attempts = Entry::new("max_attempts", Tree::number(retries.saturating_add(1), at));
        let fields = match delay {
            None => vec![attempts],
            Some(delay) => {
                let same = Entry::new("backoff", Tree::number(1, delay.at));
                vec![attempts, Entry::new("delay", delay), same]
            }
        };
        self.flow.retry = Some(Tree::object(fields, at));
    }
}

/// Adds a limit to those of the workflow.
fn put_limit(entries: &mut Vec<Entry>, limit: Entry, problems: &mut Problems) {
    match entries.iter_mut().find(|entry| &*entry.key == "limits") {
        Some(Entry { value: Tree { kind: Kind::Object(limits), .. }, .. }) => {
            put(limits, limit, problems);
        }
        Some(_) => {}
        None => {
            let at = limit.at;
            entries.push(Entry::new("limits", Tree::object(vec![limit], at)));
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

/// Where a setting stands, if it says yes.
fn wanted(key: &str, at: Position, value: &Tree, problems: &mut Problems) -> Option<Position> {
    flag(key, value, problems).filter(|is_wanted| *is_wanted).map(|_| at)
}

fn count(key: &str, value: &Tree, problems: &mut Problems) -> Option<u64> {
    let count = value.to_json().as_u64();
    if count.is_none() {
        let message = format!("`{key}` must be a whole number of at least 0");
        problems.error(code::SHAPE, value.at, message);
    }
    count
}

/// A number of seconds, or a length of time as we write it, for a key of ours.
fn span(key: &str, value: Tree, problems: &mut Problems) -> Option<Tree> {
    let value = in_seconds(value);
    if let Some(Ok(span)) = value.as_text().map(str::parse::<Span>) {
        return Some(Tree::text(span.to_string(), value.at));
    }
    let message = format!("`{key}` must be a number of seconds, or a length of time such as `10m`");
    problems.error(code::SPAN, value.at, message);
    None
}

/// A number of seconds, as a length of time; whatever else stands as it is.
fn in_seconds(value: Tree) -> Tree {
    match &value.kind {
        Kind::Number(seconds) => Tree::text(format!("{seconds}s"), value.at),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Object(_) => value,
    }
}
