//! The work of a state: who is to do what.

use serde_json::{Map, Value as Json};

use super::super::problems::code;
use super::super::tree::{Entry, Kind, Tree};
use super::super::write::OWN_WORK;
use super::state::{WORK_KINDS, may_work};
use super::transition::Read;
use super::value::{Sight, given, span_of};
use super::{Reader, Shape, keys};
use crate::diagnostic::Diagnostic;
use crate::machine::{PERSON, Retry, StateIx, Trigger, Work, WorkKind};
use crate::time::Span;

/// What the texts of a state that fans out can see besides attributes.
const FAN_OUT: Sight<'static> = Sight { locals: &["item", "index"], event: None, params: None };

/// The keys of a state that become part of its work's specification as they stand.
pub(in crate::workflow) const SPEC: [&str; 8] =
    ["input", "for_each", "concurrency", "join", "expires", "irreversible", "compensate", "live"];

/// The sorts of work that can make other work good.
const UNDOING: [WorkKind; 5] =
    [WorkKind::Agent, WorkKind::Tool, WorkKind::Http, WorkKind::Exec, WorkKind::Task];

impl<'t> Reader<'t, '_> {
    /// The state's work, and the transitions an `invoke` brings along.
    pub(super) fn work(
        &mut self,
        ix: StateIx,
        tree: &'t Tree,
        shape: Shape,
    ) -> (Option<Work>, Read) {
        let mut read = Read::default();
        let given: Vec<(&'t Entry, WorkKind)> = tree
            .as_object()
            .unwrap_or_default()
            .iter()
            // XState's own dumps write a state that invokes nothing with an empty list.
            .filter(|entry| &*entry.key != "invoke" || !matches!(entry.value.as_list(), Some([])))
            .filter_map(|entry| {
                let kind = WORK_KINDS.iter().find(|(key, _)| **key == *entry.key);
                kind.map(|(_, kind)| (entry, *kind))
            })
            .collect();
        let Some((entry, kind)) = given.first().copied() else {
            self.check_workless(tree);
            return (None, read);
        };
        if let Some((second, _)) = given.get(1) {
            let message = format!(
                "a state has one piece of work, not both `{}` and `{}`",
                entry.key, second.key
            );
            self.error(code::WORK, second.at, message);
        }
        let may_invoke =
            kind == WorkKind::Invoke && matches!(shape, Shape::Compound | Shape::Parallel);
        if !may_invoke && !may_work(self.outline.get(ix)) {
            let message = format!("`{}` belongs to a state without inner states", entry.key);
            self.error(code::WORK, entry.at, message);
        }
        let Some(value) = self.single(entry) else { return (None, read) };
        if kind == WorkKind::Invoke {
            self.invoke_transitions(ix, value, &mut read);
            if let Some(own) = own_work(value) {
                let (work, _) = self.work(ix, own, Shape::Atomic);
                return (work, read);
            }
        }
        (Some(self.work_of(tree, value, kind)), read)
    }

    /// The value of a work key; a list of one is one.
    fn single(&mut self, entry: &'t Entry) -> Option<&'t Tree> {
        match (&*entry.key, entry.value.as_list()) {
            ("invoke", Some([one])) => Some(one),
            ("invoke", Some(several)) => {
                let message = format!("a state has one `invoke`, not {}", several.len());
                let sources = several.iter().filter_map(|one| one.get("src")?.as_text());
                let regions: Vec<String> = sources.map(|source| format!("`{source}`")).collect();
                let hint = format!(
                    "make it a state of `type: parallel` with a region for each of {}, whose first state has that `invoke`",
                    regions.join(" and ")
                );
                let problem = Diagnostic::error(code::WORK, entry.at, message);
                self.problems.add(problem.with_hint(hint));
                None
            }
            _ => Some(&entry.value),
        }
    }

    fn check_workless(&mut self, tree: &'t Tree) {
        for entry in tree.as_object().unwrap_or_default() {
            if keys::WORK.contains(&&*entry.key) && !self.is_of_all_runs(tree, entry) {
                let message =
                    format!("`{}` belongs to a state with work, and this one has none", entry.key);
                let problem = Diagnostic::error(code::WORK, entry.at, message);
                let problem = match &*entry.key {
                    "timeout" => problem.with_hint("to leave the state after a while, use `after`"),
                    "prompt" => {
                        problem.with_hint("add `agent`, or tell an agent what to do by `guideline`")
                    }
                    "concurrency" if std::ptr::eq(tree, self.root) => problem.with_hint(
                        "to bound what all runs do at once, name what is bounded: `{ runs: 5, exec: 2 }`",
                    ),
                    _ => problem,
                };
                self.problems.add(problem);
            }
        }
    }

    /// Whether a key of the whole says something about all of its runs, not about the work of one state.
    fn is_of_all_runs(&self, tree: &'t Tree, entry: &Entry) -> bool {
        &*entry.key == "concurrency"
            && std::ptr::eq(tree, self.root)
            && !matches!(entry.value.kind, Kind::Number(_))
    }

    fn invoke_transitions(&mut self, ix: StateIx, invoke: &'t Tree, read: &mut Read) {
        for entry in invoke.as_object().unwrap_or_default() {
            match &*entry.key {
                "onDone" => self.transitions(ix, entry, &Trigger::WorkDone, read),
                "onError" => self.transitions(ix, entry, &Trigger::WorkFailed, read),
                _ => {}
            }
        }
    }

    fn work_of(&mut self, tree: &'t Tree, value: &'t Tree, kind: WorkKind) -> Work {
        let sight = if tree.get("for_each").is_some() { FAN_OUT } else { Sight::default() };
        self.work_as(tree, value, kind, sight)
    }

    fn work_as(
        &mut self,
        tree: &'t Tree,
        value: &'t Tree,
        kind: WorkKind,
        sight: Sight<'_>,
    ) -> Work {
        let mut work = Work {
            kind,
            name: None,
            prompt: tree.get("prompt").and_then(|text| self.template(text, "prompt", sight)),
            spec: Json::Null,
            retry: tree.get("retry").and_then(|retry| self.retry(retry)),
            timeout: tree.get("timeout").and_then(|timeout| self.span(timeout, "timeout")),
            compensate: None,
        };
        let mut spec = Map::new();
        self.read_work_value(value, &mut work, &mut spec, sight);
        for entry in tree.as_object().unwrap_or_default() {
            let (key, given) = (&*entry.key, &entry.value);
            if SPEC.contains(&key) && !self.is_of_all_runs(tree, entry) {
                match key {
                    "expires" => self.expires(given, kind, &mut spec),
                    "compensate" => {
                        work.compensate = self.compensation(given, sight).map(Box::new);
                        spec.insert(key.to_owned(), given.to_json());
                    }
                    _ => {
                        self.check_spec(key, given, sight);
                        spec.insert(key.to_owned(), given.to_json());
                    }
                }
            }
        }
        if work.name.is_none() && needs_name(kind) {
            let message = format!("`{}` needs a name to call", kind.as_str());
            self.error(code::WORK, value.at, message);
        }
        work.spec = if spec.is_empty() { Json::Null } else { Json::Object(spec) };
        work
    }

    /// A text that says what a person is to do is a task for a person.
    fn asked_of_a_person(&mut self, text: &'t Tree, sight: Sight<'_>) -> Work {
        Work {
            kind: WorkKind::Task,
            name: Some(PERSON.to_owned()),
            prompt: self.template(text, "compensate", sight),
            spec: Json::Null,
            retry: None,
            timeout: None,
            compensate: None,
        }
    }

    /// What makes the work good: work of one kind as a state has it, or a text that says what a person is to do.
    fn compensation(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Option<Work> {
        if tree.as_text().is_some() {
            return Some(self.asked_of_a_person(tree, sight));
        }
        let entries = self.fields(tree, "compensate");
        let kinds = UNDOING.map(WorkKind::as_str);
        self.check_keys(
            entries,
            &[&kinds, &["prompt", "input", "retry", "timeout"]],
            "`compensate`",
        );
        let given = entries.iter().filter_map(|entry| {
            let kind = UNDOING.into_iter().find(|kind| kind.as_str() == &*entry.key)?;
            Some((&entry.value, kind))
        });
        let [(value, kind)] = given.collect::<Vec<_>>()[..] else {
            let message = "`compensate` is one piece of work, or a text for people";
            let hint = format!("its key is one of {}", kinds.join(", "));
            self.problems.add(Diagnostic::error(code::WORK, tree.at, message).with_hint(hint));
            return None;
        };
        Some(self.work_as(tree, value, kind, sight))
    }

    /// What stands behind the work's key: a text, a list (of a command's words), or an object.
    fn read_work_value(
        &mut self,
        value: &'t Tree,
        work: &mut Work,
        spec: &mut Map<String, Json>,
        sight: Sight<'_>,
    ) {
        let kind = work.kind;
        match &value.kind {
            Kind::Null if kind == WorkKind::Wait => {}
            Kind::Text(_) if kind == WorkKind::Ask => {
                work.prompt = self.template(value, "ask", sight);
            }
            Kind::Text(_) | Kind::Number(_) if kind == WorkKind::Wait => {
                if let Some(span) = self.wait(value, sight) {
                    spec.insert("for".to_owned(), span);
                }
            }
            Kind::Text(text) if matches!(kind, WorkKind::Http | WorkKind::Exec) => {
                self.template(value, kind.as_str(), sight);
                let key = if kind == WorkKind::Http { "url" } else { "command" };
                spec.insert(key.to_owned(), Json::from(&*text.text));
            }
            Kind::List(_) if kind == WorkKind::Exec => {
                self.texts(value, "exec");
                self.check_templates(value, sight);
                spec.insert("command".to_owned(), value.to_json());
            }
            Kind::Text(text) => work.name = Some(text.text.to_string()),
            Kind::Object(entries) => self.read_work_object(entries, work, spec, sight),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => {
                self.misshapen(value, kind.as_str(), "a name or an object");
            }
        }
    }

    fn read_work_object(
        &mut self,
        entries: &'t [Entry],
        work: &mut Work,
        spec: &mut Map<String, Json>,
        sight: Sight<'_>,
    ) {
        if work.kind == WorkKind::Invoke {
            self.check_keys(entries, &[&keys::INVOKE], "an `invoke`");
        }
        for Entry { key, value, .. } in entries {
            let is_name = name_keys(work.kind).contains(&&**key);
            let is_prompt = matches!(&**key, "prompt" | "text" | "question");
            match &**key {
                "onDone" | "onError" if work.kind == WorkKind::Invoke => {}
                "retry" if work.retry.is_none() => work.retry = self.retry(value),
                "timeout" if work.timeout.is_none() => work.timeout = self.span(value, key),
                _ if is_name && work.name.is_none() => {
                    // XState names a source as a text or as an object with a type.
                    work.name =
                        self.text(value.get("type").unwrap_or(value), key).map(str::to_owned);
                }
                _ if is_prompt && work.prompt.is_none() => {
                    work.prompt = self.template(value, key, sight);
                }
                "for" if work.kind == WorkKind::Wait => {
                    if let Some(span) = self.wait(value, sight) {
                        spec.insert("for".to_owned(), span);
                    }
                }
                "expires" if work.kind == WorkKind::Ask => self.expires(value, work.kind, spec),
                "options" if work.kind == WorkKind::Ask => {
                    if value.as_list().is_none() {
                        self.misshapen(value, key, "a list");
                    }
                    self.check_templates(value, sight);
                    spec.insert(key.to_string(), value.to_json());
                }
                other => {
                    self.check_spec(other, value, sight);
                    spec.insert(other.to_owned(), value.to_json());
                }
            }
        }
    }

    /// How long to wait: a span, or an expression for one.
    fn wait(&mut self, tree: &'t Tree, sight: Sight<'_>) -> Option<Json> {
        let is_span = tree.as_text().is_none_or(|text| span_of(text).is_some());
        if is_span {
            let span: Span = self.span(tree, "wait")?;
            return Some(Json::from(span.to_string()));
        }
        self.expr(tree, "wait", sight)?;
        Some(tree.to_json())
    }

    fn check_spec(&mut self, key: &str, tree: &'t Tree, sight: Sight<'_>) {
        match key {
            "for_each" if tree.as_list().is_none() => {
                self.expr(tree, key, Sight::default());
            }
            "concurrency" => {
                self.count(tree, key, 1);
            }
            "join" => self.check_join(tree),
            "irreversible" | "live" => {
                self.flag(tree, key);
            }
            _ => self.check_templates(tree, sight),
        }
    }

    fn check_join(&mut self, tree: &'t Tree) {
        let is_count = matches!(&tree.kind, Kind::Number(n) if n.as_u64().is_some_and(|n| n > 0));
        if !is_count && !matches!(tree.as_text(), Some("all" | "any" | "first" | "majority")) {
            let message =
                "`join` is `all`, `any`, `first`, `majority` or how many branches must succeed";
            self.error(code::SHAPE, tree.at, message);
        }
    }

    /// How long a question waits for its answer: a span, or an object with the span as `after`.
    fn expires(&mut self, tree: &'t Tree, kind: WorkKind, spec: &mut Map<String, Json>) {
        if kind != WorkKind::Ask {
            let message = "only a question `expires`";
            let problem = Diagnostic::error(code::WORK, tree.at, message);
            self.problems.add(problem.with_hint(
                "bound an attempt of other work by `timeout`, and the stay in a state by `after`",
            ));
            return;
        }
        let mut after = Some(tree);
        if let Some(entries) = tree.as_object() {
            self.check_keys(entries, &[&["after"]], "`expires`");
            after = tree.get("after");
            if after.is_none() {
                self.error(code::SHAPE, tree.at, "`expires` needs a length of time as `after`");
            }
        }
        if let Some(span) = after.and_then(|after| self.span(after, "expires")) {
            spec.insert("expires".to_owned(), Json::from(span.to_string()));
        }
    }

    /// `retry: 3`, or an object.
    fn retry(&mut self, tree: &'t Tree) -> Option<Retry> {
        let mut retry = Retry { max_attempts: 3, delay: Span(1_000_000_000), backoff: 2.0 };
        if matches!(&tree.kind, Kind::Number(number) if number.as_u64().is_some_and(|n| n > 0)) {
            retry.max_attempts = self.attempts(tree)?;
            return Some(retry);
        }
        if tree.as_object().is_none() {
            let what =
                "`retry` must be how often the work is tried in all, 1 or more, or an object";
            let message = format!("{what}{}", given(tree));
            let hint = "write `retry: 3`, or `retry: { max_attempts: 3, delay: 2s, backoff: 2 }`; without it the work is tried once";
            self.problems.add(Diagnostic::error(code::SHAPE, tree.at, message).with_hint(hint));
            return None;
        }
        let fields = self.fields(tree, "retry");
        self.check_keys(fields, &[&["max_attempts", "delay", "backoff"]], "`retry`");
        for Entry { key, value, .. } in fields {
            match &**key {
                "max_attempts" => {
                    self.attempts(value).into_iter().for_each(|most| retry.max_attempts = most);
                }
                "delay" => self.span(value, key).into_iter().for_each(|span| retry.delay = span),
                "backoff" => {
                    self.amount(value, key).into_iter().for_each(|times| retry.backoff = times);
                }
                _ => {}
            }
        }
        Some(retry)
    }

    fn attempts(&mut self, tree: &Tree) -> Option<u32> {
        let count = self.count(tree, "max_attempts", 1)?;
        Some(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// The work of our own kinds that an XState file wraps in an `invoke`.
fn own_work(invoke: &Tree) -> Option<&Tree> {
    let source = invoke.get("src")?.as_text()?;
    let kind = source.strip_prefix(OWN_WORK).filter(|kind| *kind != "invoke")?;
    invoke.get("input").filter(|input| input.get(kind).is_some())
}

fn needs_name(kind: WorkKind) -> bool {
    match kind {
        WorkKind::Agent | WorkKind::Tool | WorkKind::Task | WorkKind::Run | WorkKind::Invoke => {
            true
        }
        WorkKind::Ask | WorkKind::Http | WorkKind::Exec | WorkKind::Wait => false,
    }
}

/// The keys inside a work's object that name what is called.
fn name_keys(kind: WorkKind) -> &'static [&'static str] {
    match kind {
        WorkKind::Agent => &["name", "agent"],
        WorkKind::Tool => &["name", "tool"],
        WorkKind::Task => &["name", "queue"],
        WorkKind::Run => &["workflow", "name"],
        WorkKind::Invoke => &["src"],
        WorkKind::Ask | WorkKind::Http | WorkKind::Exec | WorkKind::Wait => &[],
    }
}
