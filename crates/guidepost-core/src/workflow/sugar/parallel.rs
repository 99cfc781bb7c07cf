//! Steps that are done at once: regions of a parallel state, each a list of its own.

use std::collections::BTreeSet;

use super::super::problems::{Problems, code};
use super::super::tree::{Entry, Kind, Tree};
use super::plain::{PREVIOUS, call, has_agent_id};
use super::sequence::{List, items};
use super::{Here, Sugar, fresh, named};
use crate::diagnostic::{Diagnostic, Position};

/// What plain steps that are done at once by a setting are called.
const TOGETHER: &str = "Together";

/// What a step may say itself so that it does not always give something.
const BRANCHING: [&str; 6] = ["when", "on", "always", "after", "onDone", "onError"];

/// The steps of a region, and what they hand on.
struct Region {
    steps: Vec<Entry>,
    /// The attribute that holds what they gave; `None` if none of them hands on anything.
    previous: Option<Box<str>>,
    /// Whether every way through it gives something.
    is_sure: bool,
    at: Position,
}

impl Sugar<'_> {
    /// Makes a state called `key` one that does several steps at once. Gives a state to go on from beside it, if the ways
    /// that lead on have conditions: those are to see what the steps gave.
    pub(super) fn expand_parallel(
        &mut self,
        key: &str,
        given: Entry,
        entries: &mut Vec<Entry>,
        here: Here<'_>,
        taken: &BTreeSet<Box<str>>,
    ) -> Option<Entry> {
        let at = given.at;
        let Some(given) = self.regions(given.value, entries) else {
            // Without regions nothing is done whose end could lead on.
            entries.retain(|entry| &*entry.key != "onDone");
            return None;
        };
        let mut states = Vec::with_capacity(given.len());
        let mut gives = Vec::with_capacity(given.len());
        for (number, region) in (1..).zip(given) {
            let region = self.region(region, &format!("{key}-{number}"));
            gives.push(region.previous.clone().unwrap_or_else(|| "none".into()));
            let state = self.expand_region(region, here);
            states.push(Entry {
                key: format!("region-{number}").into(),
                at: state.at,
                value: state,
            });
        }
        entries.push(Entry::new("type", Tree::text("parallel", at)));
        entries.push(Entry { key: "states".into(), at, value: Tree::object(states, at) });
        if gives.iter().all(|name| &**name == "none") {
            return None;
        }
        let list = Tree::text(format!("[{}]", gives.join(", ")), at);
        let assign = Tree::object(vec![Entry::new(here.gives, list)], at);
        let hand_on = Tree::object(vec![Entry::new("assign", assign)], at);
        join(key, entries, hand_on, taken)
    }

    /// What is to be done at once, if it can be read and nothing else contradicts it.
    fn regions(&mut self, given: Tree, entries: &[Entry]) -> Option<Vec<Tree>> {
        const OTHERS: [&str; 5] = ["type", "states", "steps", "sections", "initial"];
        if let Some(other) = entries.iter().find(|entry| OTHERS.contains(&&*entry.key)) {
            let message = format!("a step with `parallel` has no `{}`", other.key);
            self.problems.error(code::KIND, other.at, message);
            return None;
        }
        let message = match given.kind {
            Kind::List(regions) if !regions.is_empty() => return Some(regions),
            Kind::List(_) => "`parallel` is a list of at least one step".to_owned(),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Object(_) => {
                format!("`parallel` is a list of steps, but is {}", given.article())
            }
        };
        self.problems.error(code::SHAPE, given.at, message);
        None
    }

    /// A step, or a list of steps, with the names they get.
    fn region(&mut self, tree: Tree, name: &str) -> Region {
        let at = tree.at;
        let given = match tree.kind {
            Kind::List(items) => {
                let number = |(n, item)| (item, format!("{name}-{n}"));
                (1..).zip(items).map(number).collect()
            }
            kind @ (Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Object(_)) => vec![(Tree { kind, at }, name.to_owned())],
        };
        if given.is_empty() {
            let message = "a list of steps that are done at once with others has at least one step";
            self.problems.error(code::SHAPE, at, message);
        }
        let previous = given.iter().any(|(step, _)| has_agent_id(step)).then(|| self.attribute());
        let is_sure = match given.as_slice() {
            // What may be skipped may give nothing.
            [(only, _)] if self.may_skip.is_none() => {
                only.get("agentId").is_some() && BRANCHING.iter().all(|key| only.get(key).is_none())
            }
            _ => false,
        };
        let mut steps: Vec<Entry> = Vec::with_capacity(given.len());
        let mut names = BTreeSet::new();
        for (step, name) in given {
            let step = named(step, &name);
            if !names.insert(step.key.clone()) {
                let message = format!("the name `{}` is given to two steps", step.key);
                self.problems.error(code::DUPLICATE, step.at, message);
                continue;
            }
            steps.push(step);
        }
        Region { steps, previous, is_sure, at }
    }

    /// A name for an attribute that nothing has yet.
    fn attribute(&mut self) -> Box<str> {
        let mut number = self.made.len() + 1;
        let mut name = format!("{PREVIOUS}_{number}").into_boxed_str();
        while !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{PREVIOUS}_{number}").into_boxed_str();
        }
        self.made.push(name.clone());
        name
    }

    /// The state of a region. Its steps hand on by an attribute of their own, which begins with what came before them.
    fn expand_region(&mut self, region: Region, here: Here<'_>) -> Tree {
        let Region { mut steps, previous, is_sure, at } = region;
        let list = List { is_section: false, is_open: true };
        let mut entries = Vec::new();
        let mut inner = Here { gives: previous.as_deref().unwrap_or(here.gives), ..here };
        if let Some(name) = &previous
            && !is_sure
        {
            let old = std::mem::replace(&mut inner.previous, name);
            let before = Tree::text(format!("{old} | default(none)"), at);
            let assign = Tree::object(vec![Entry::new(name, before)], at);
            let assign = Tree::object(vec![Entry::new("assign", assign)], at);
            entries.push(Entry::new("entry", assign));
            steps.iter_mut().for_each(|step| call(old, name, &mut step.value, false));
        }
        let states = self.sequence_of(steps, list, inner);
        entries.push(Entry { key: "states".into(), at, value: Tree::object(states, at) });
        Tree::object(entries, at)
    }
}

/// Has what the regions gave handed on by whatever leads on from them.
fn join(
    key: &str,
    entries: &mut [Entry],
    hand_on: Tree,
    taken: &BTreeSet<Box<str>>,
) -> Option<Entry> {
    let done = entries.iter_mut().find(|entry| &*entry.key == "onDone")?;
    let at = done.value.at;
    let ways = items(&done.value);
    let actions = Entry::new("actions", hand_on);
    if let [Tree { kind: Kind::Text(_), .. }] = ways {
        let target = Entry::new("target", done.value.clone());
        done.value = Tree::object(vec![target, actions], at);
        return None;
    }
    let name = fresh(&format!("{key}-joined"), taken);
    let always = Entry::new("always", done.value.clone());
    let target = Entry::new("target", Tree::text(name.clone(), at));
    done.value = Tree::object(vec![target, actions], at);
    Some(Entry { key: name, at, value: Tree::object(vec![always], at) })
}

/// Has the plain steps of a workflow that stand beside each other done at once.
pub(super) fn at_once(entries: &mut [Entry], at: Position, problems: &mut Problems) {
    let steps = entries.iter_mut().find(|entry| &*entry.key == "steps");
    let mut has_group = false;
    if let Some(Kind::List(steps)) = steps.map(|entry| &mut entry.value.kind) {
        let given: Vec<Entry> = (1..)
            .zip(std::mem::take(steps))
            .map(|(number, step)| named(step, &format!("step-{number}")))
            .collect();
        let mut taken: BTreeSet<Box<str>> = given.iter().map(|step| step.key.clone()).collect();
        let mut given = given.into_iter().peekable();
        while let Some(step) = given.next() {
            let is_plain = |step: &Entry| step.value.get("agentId").is_some();
            let mut group = vec![step];
            while is_plain(&group[0])
                && let Some(next) = given.next_if(is_plain)
            {
                group.push(next);
            }
            has_group |= group.len() > 1;
            steps.push(together(group, &mut taken, at));
        }
    }
    if !has_group {
        let message = "`parallel_execution` has no effect: no plain steps stand beside each other";
        let problem = Diagnostic::warning(code::KIND, at, message);
        problems
            .add(problem.with_hint("a plain step is one with `agentId`, in a list of `steps:`"));
    }
}

/// One step, or several as one that does them at once. Each keeps its name.
fn together(group: Vec<Entry>, taken: &mut BTreeSet<Box<str>>, at: Position) -> Tree {
    let with_name = |step: Entry| {
        let name = Entry { key: "name".into(), at: step.at, value: Tree::text(step.key, step.at) };
        match step.value.kind {
            Kind::Object(mut fields) => {
                fields.push(name);
                Tree::object(fields, step.value.at)
            }
            kind @ (Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::List(_)) => Tree { kind, at: step.value.at },
        }
    };
    let mut steps: Vec<Tree> = group.into_iter().map(with_name).collect();
    if steps.len() == 1
        && let Some(only) = steps.pop()
    {
        return only;
    }
    let name = fresh(TOGETHER, taken);
    taken.insert(name.clone());
    let name = Entry::new("name", Tree::text(name, at));
    Tree::object(vec![name, Entry::new("parallel", Tree::list(steps, at))], at)
}
