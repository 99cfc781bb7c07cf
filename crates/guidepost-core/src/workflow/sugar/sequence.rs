//! Steps that follow one another: what leads from each to the next, past those that are to be done only when something holds.

use std::collections::BTreeSet;

use super::super::problems::{Problems, code};
use super::super::tree::{Entry, Kind, Tree};
use super::{Here, Sugar, WORK, fresh};
use crate::diagnostic::{Diagnostic, Position};
use crate::limits::ALIAS_NODES_MAX;

/// The keys by which a step says itself where it leads.
const WAYS_OUT: [&str; 4] = ["on", "always", "after", "onDone"];

/// Keys of what goes on by itself: work, and what has an inside.
const INSIDE: [&str; 4] = ["states", "steps", "sections", "parallel"];

/// The final state that a sequence ends in.
const END: &str = "Done";

/// The state that a sequence begins in whose first step may be passed over.
const BEGIN: &str = "Begin";

/// The event by which a step is skipped.
const SKIP: &str = "skip";

/// The event by which a run is ended early.
const END_EARLY: &str = "end_early";

/// How a list of steps stands.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// Whether its steps are phases of the work.
    pub(super) is_section: bool,
    /// Whether it begins with its first step.
    pub(super) is_open: bool,
}

/// The steps of a list by name, each with the condition under which it is done, and the final state after them.
struct Order {
    steps: Vec<(Box<str>, Option<Tree>)>,
    end: Box<str>,
}

impl Sugar<'_> {
    /// Links steps one to the next, and the last to a final state.
    pub(super) fn sequence_of(
        &mut self,
        mut steps: Vec<Entry>,
        list: List,
        here: Here<'_>,
    ) -> Vec<Entry> {
        let taken: BTreeSet<Box<str>> = steps.iter().map(|step| step.key.clone()).collect();
        let conditions = steps.iter_mut().map(|step| (step.key.clone(), self.take_when(step)));
        let order = Order { steps: conditions.collect(), end: fresh(END, &taken) };
        let mut states = Vec::with_capacity(steps.len() + 2);
        let Some(mut at) = steps.first().map(|step| step.at) else { return states };
        if list.is_open && matches!(order.steps.first(), Some((_, Some(_)))) {
            let always = Entry::new("always", self.ways(&order, 0, at));
            let value = Tree::object(vec![always], at);
            states.push(Entry { key: fresh(BEGIN, &taken), at, value });
        }
        for (number, mut step) in steps.into_iter().enumerate() {
            at = step.at;
            let here = Here { is_first: here.is_first && number == 0, ..here };
            if let Kind::Object(entries) = &mut step.value.kind {
                if !list.is_section {
                    self.expand_plain(entries, at, here);
                }
                self.link(entries, &order, number, at, list.is_section);
            }
            self.expand_state(step, here, &taken, &mut states);
        }
        let kind = Entry::new("type", Tree::text("final", at));
        states.push(Entry { key: order.end, at, value: Tree::object(vec![kind], at) });
        states
    }

    /// The condition under which a step is done.
    fn take_when(&mut self, step: &mut Entry) -> Option<Tree> {
        let Kind::Object(entries) = &mut step.value.kind else { return None };
        let found = entries.iter().position(|entry| &*entry.key == "when")?;
        let when = entries.remove(found).value;
        if matches!(when.kind, Kind::Text(_) | Kind::Bool(_) | Kind::Object(_)) {
            return Some(when);
        }
        let message = format!(
            "`when` must be an expression, the name of a guard or an object, but is {}",
            when.article()
        );
        self.problems.error(code::SHAPE, when.at, message);
        Some(Tree { kind: Kind::Bool(true), at: when.at })
    }

    /// Where the end of what stands before a step leads: to it, or past it to the first whose condition holds.
    fn ways(&mut self, order: &Order, first: usize, at: Position) -> Tree {
        let mut ways = Vec::new();
        let mut is_sure = false;
        for (name, when) in order.steps.iter().skip(first) {
            let mut fields = vec![Entry::new("target", Tree::text(name.clone(), at))];
            self.ways += when.as_ref().map_or(0, weight);
            match when {
                Some(when) if self.ways <= ALIAS_NODES_MAX => {
                    fields.push(Entry::new("guard", when.clone()));
                }
                Some(when) => {
                    let message = format!(
                        "too many steps with `when` follow one another: their ways past each other have more than {ALIAS_NODES_MAX} parts"
                    );
                    self.problems.error(code::TOO_LARGE, when.at, message);
                    is_sure = true;
                }
                None => is_sure = true,
            }
            ways.push(Tree::object(fields, at));
            if is_sure {
                break;
            }
        }
        if !is_sure {
            let end = Entry::new("target", Tree::text(order.end.clone(), at));
            ways.push(Tree::object(vec![end], at));
        }
        simple(ways, at)
    }

    /// Says where a step leads, unless it does so itself.
    fn link(
        &mut self,
        entries: &mut Vec<Entry>,
        order: &Order,
        number: usize,
        at: Position,
        is_section: bool,
    ) {
        let has = |keys: &[&str]| entries.iter().any(|entry| keys.contains(&&*entry.key));
        let is_final =
            entries.iter().any(|e| &*e.key == "type" && e.value.as_text() == Some("final"));
        let is_parallel = has(&["parallel"]);
        let goes_on_by_itself = has(&WORK) || has(&INSIDE);
        if !is_final {
            if !has(&WAYS_OUT) {
                let ways = self.ways(order, number + 1, at);
                entries.push(if goes_on_by_itself {
                    Entry::new("onDone", ways)
                } else {
                    Entry::new("on", Tree::object(vec![Entry::new("done", ways)], at))
                });
            } else if !has(&["on", "always", "after"]) {
                self.lead_on(entries, order, number, at);
            }
            if let Some(said) = self.may_skip.filter(|_| !is_section && !is_parallel) {
                self.let_skip(entries, order, number, said);
            }
        }
        if is_section && !entries.iter().any(|entry| &*entry.key == "section") {
            entries.push(Entry::new("section", Tree { kind: Kind::Bool(true), at }));
        }
    }

    /// A step whose own ways all have a condition goes on to the one that follows when none holds.
    fn lead_on(&mut self, entries: &mut [Entry], order: &Order, number: usize, at: Position) {
        let Some(own) = entries.iter_mut().find(|entry| &*entry.key == "onDone") else { return };
        let alternatives = items(&own.value);
        let has_guard = |way: &Tree| way.get("guard").is_some() || way.get("cond").is_some();
        if alternatives.is_empty() || !alternatives.iter().all(has_guard) {
            return;
        }
        let mut ways = alternatives.to_vec();
        ways.extend(items(&self.ways(order, number + 1, at)).iter().cloned());
        own.value = Tree::list(ways, own.value.at);
    }

    /// Adds the event that leads where the step's end leads.
    fn let_skip(&mut self, entries: &mut Vec<Entry>, order: &Order, number: usize, at: Position) {
        let own = entries.iter().find(|entry| &*entry.key == "onDone");
        let ways = own.map(|own| own.value.clone());
        let ways = ways.unwrap_or_else(|| self.ways(order, number + 1, at));
        add_event(entries, SKIP, ways, at);
    }
}

/// Lets every run end early: an event of the whole workflow leads to its last final state.
pub(super) fn end_early(entries: &mut Vec<Entry>, at: Position, problems: &mut Problems) {
    let states = entries.iter().find(|entry| &*entry.key == "states");
    let states = states.and_then(|states| states.value.as_object()).unwrap_or_default();
    let is_final =
        |state: &&Entry| state.value.get("type").and_then(Tree::as_text) == Some("final");
    let Some(end) = states.iter().rfind(is_final) else {
        let message = "no run ends early: the workflow has no final state that it could lead to";
        problems.add(
            Diagnostic::warning(code::KIND, at, message)
                .with_hint("add a state with `type: final` beside the others"),
        );
        return;
    };
    let target = Tree::text(end.key.clone(), at);
    add_event(entries, END_EARLY, target, at);
}

/// Adds what an event leads to, unless something answers it already.
fn add_event(entries: &mut Vec<Entry>, event: &str, ways: Tree, at: Position) {
    let new = Entry { key: event.into(), at, value: ways };
    match entries.iter_mut().find(|entry| &*entry.key == "on") {
        Some(Entry { value: Tree { kind: Kind::Object(events), .. }, .. }) => {
            if !events.iter().any(|known| &*known.key == event) {
                events.push(new);
            }
        }
        Some(_) => {}
        None => entries.push(Entry::new("on", Tree::object(vec![new], at))),
    }
}

/// How much a condition weighs that is written down once more: its nodes, and long texts as several.
fn weight(when: &Tree) -> usize {
    const BYTES: usize = 64;
    when.size() + when.to_json().to_string().len() / BYTES
}

/// The alternatives of a transition, written as a list or as one.
pub(super) fn items(ways: &Tree) -> &[Tree] {
    ways.as_list().unwrap_or_else(|| std::slice::from_ref(ways))
}

/// A single way without a condition is written as its target.
fn simple(ways: Vec<Tree>, at: Position) -> Tree {
    match ways.as_slice() {
        [only] if only.get("guard").is_none() => {
            only.get("target").cloned().unwrap_or_else(|| only.clone())
        }
        _ => Tree::list(ways, at),
    }
}
