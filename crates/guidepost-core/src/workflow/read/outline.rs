//! The states of a definition, numbered in document order before anything refers to them.

use std::collections::BTreeMap;

use super::super::problems::{Problems, code};
use super::super::tree::{Entry, Tree};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::StateId;
use crate::limits::STATES_MAX;
use crate::machine::StateIx;
use crate::name::NameOf;

/// All states.
#[derive(Debug)]
pub(in crate::workflow) struct Outline<'t> {
    pub(in crate::workflow) states: Vec<Outlined<'t>>,
    by_path: BTreeMap<StateId, StateIx>,
    /// States by the `id` their author gave them.
    by_id: BTreeMap<String, StateIx>,
    /// The machine's own id, with which XState's full ids begin.
    root_id: String,
}

/// One state.
#[derive(Debug)]
pub(in crate::workflow) struct Outlined<'t> {
    pub(in crate::workflow) tree: &'t Tree,
    /// Where its name stands.
    pub(in crate::workflow) at: Position,
    pub(in crate::workflow) id: StateId,
    pub(in crate::workflow) parent: Option<StateIx>,
    pub(in crate::workflow) children: Vec<StateIx>,
    pub(in crate::workflow) last: StateIx,
    pub(in crate::workflow) shape: Shape,
}

/// What a state is, as far as its own keys tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workflow) enum Shape {
    Atomic,
    Compound,
    Parallel,
    Final,
    History,
}

impl<'t> Outline<'t> {
    /// Numbers the states of a definition.
    pub(in crate::workflow) fn new(root: &'t Tree, name: &str, problems: &mut Problems) -> Self {
        let root_id = root.get("id").and_then(Tree::as_text).unwrap_or(name).to_owned();
        let mut outline = Self {
            states: Vec::new(),
            by_path: BTreeMap::new(),
            by_id: BTreeMap::new(),
            root_id: root_id.clone(),
        };
        outline.by_id.insert(root_id, 0);
        outline.add(root, root.at, StateId::root(), None, problems);
        outline
    }

    fn add(
        &mut self,
        tree: &'t Tree,
        at: Position,
        id: StateId,
        parent: Option<StateIx>,
        problems: &mut Problems,
    ) -> StateIx {
        let ix = self.count();
        let shape = shape(tree, at, parent.is_none(), problems);
        self.states.push(Outlined {
            tree,
            at,
            id: id.clone(),
            parent,
            children: Vec::new(),
            last: ix,
            shape,
        });
        self.by_path.insert(id.clone(), ix);
        if parent.is_some() {
            self.add_id(tree, ix, problems);
        }
        for entry in tree.get("states").and_then(Tree::as_object).unwrap_or_default() {
            if self.states.len() > STATES_MAX {
                let message = format!("the workflow has more than {STATES_MAX} states");
                problems.error(code::TOO_LARGE, entry.at, message);
                break;
            }
            if !check_name(entry, problems) {
                continue;
            }
            let path = if ix == 0 { entry.key.to_string() } else { format!("{id}.{}", entry.key) };
            let child = self.add(&entry.value, entry.at, StateId::from(path), Some(ix), problems);
            self.states[ix as usize].children.push(child);
        }
        self.states[ix as usize].last = self.count() - 1;
        ix
    }

    /// How many states there are.
    pub(in crate::workflow) fn count(&self) -> StateIx {
        StateIx::try_from(self.states.len()).unwrap_or(StateIx::MAX)
    }

    fn add_id(&mut self, tree: &Tree, ix: StateIx, problems: &mut Problems) {
        let Some(value) = tree.get("id") else { return };
        let Some(id) = value.as_text() else { return };
        if self.by_id.insert(id.to_owned(), ix).is_some() {
            problems.error(code::DUPLICATE, value.at, format!("the id `{id}` is given twice"));
        }
    }

    pub(in crate::workflow) fn get(&self, ix: StateIx) -> &Outlined<'t> {
        &self.states[ix as usize]
    }

    pub(in crate::workflow) fn find(&self, path: &str) -> Option<StateIx> {
        self.by_path.get(path).copied()
    }

    /// A state's id as XState gives it to one without its own: the machine's name and the path.
    pub(in crate::workflow) fn full_id(&self, ix: StateIx) -> String {
        match ix {
            0 => self.root_id.clone(),
            _ => format!("{}.{}", self.root_id, self.get(ix).id),
        }
    }

    /// Whether `inner` lies inside `outer`.
    pub(in crate::workflow) fn is_inside(&self, inner: StateIx, outer: StateIx) -> bool {
        inner > outer && inner <= self.get(outer).last
    }

    /// The innermost state around both.
    pub(in crate::workflow) fn around(&self, a: StateIx, b: StateIx) -> StateIx {
        let mut outer = a;
        while outer != b && !self.is_inside(b, outer) {
            match self.get(outer).parent {
                Some(parent) => outer = parent,
                None => break,
            }
        }
        outer
    }

    /// The state a target means, seen from `source`: `.child`, `#id`, a sibling, or a full path.
    pub(in crate::workflow) fn resolve(&self, source: StateIx, target: &str) -> Option<StateIx> {
        if let Some(id) = target.strip_prefix('#') {
            return self.resolve_id(id);
        }
        if let Some(path) = target.strip_prefix('.') {
            return self.below(source, path);
        }
        let parent = self.get(source).parent.unwrap_or(source);
        self.below(parent, target).or_else(|| self.find(target).filter(|ix| *ix != 0))
    }

    /// `id`, `id.path.below.it`, or XState's full id `machine.path`.
    fn resolve_id(&self, id: &str) -> Option<StateIx> {
        if let Some(ix) = self.by_id.get(id) {
            return Some(*ix);
        }
        if let Some(path) = id.strip_prefix(&self.root_id).and_then(|rest| rest.strip_prefix('.')) {
            return self.find(path);
        }
        let (end, _) =
            id.rmatch_indices('.').find(|(end, _)| self.by_id.contains_key(&id[..*end]))?;
        self.below(*self.by_id.get(&id[..end])?, &id[end + 1..])
    }

    /// The state at a path below another.
    pub(in crate::workflow) fn below(&self, outer: StateIx, path: &str) -> Option<StateIx> {
        if path.is_empty() {
            return None;
        }
        if outer == 0 {
            return self.find(path);
        }
        self.find(&format!("{}.{path}", self.get(outer).id))
    }

    /// Names a target may be meant to be: siblings by name, all states by path.
    pub(in crate::workflow) fn names(&self, source: StateIx) -> impl Iterator<Item = &str> {
        let parent = self.get(source).parent.unwrap_or(source);
        let siblings = self.get(parent).children.iter().map(|ix| self.get(*ix).id.name());
        siblings.chain(self.states.iter().skip(1).map(|state| state.id.as_str()))
    }
}

fn check_name(entry: &Entry, problems: &mut Problems) -> bool {
    let checked = NameOf::State.check(&entry.key);
    if let Err(wrong) = &checked {
        problems.error(code::NAME, entry.at, wrong.to_string());
    }
    checked.is_ok()
}

fn shape(tree: &Tree, at: Position, is_root: bool, problems: &mut Problems) -> Shape {
    let has_states = tree.get("states").and_then(Tree::as_object).is_some_and(|s| !s.is_empty());
    let implied = if has_states { Shape::Compound } else { Shape::Atomic };
    let Some(kind) = tree.get("type") else { return implied };
    let shape = match kind.as_text() {
        Some("atomic") => Shape::Atomic,
        Some("compound") => Shape::Compound,
        Some("parallel") => Shape::Parallel,
        Some("final") => Shape::Final,
        Some("history") => Shape::History,
        Some(_) | None => {
            let message =
                "the type of a state is `atomic`, `compound`, `parallel`, `final` or `history`";
            problems.error(code::SHAPE, kind.at, message);
            return implied;
        }
    };
    let (code, message) = match shape {
        Shape::Atomic if has_states => (code::KIND, "an atomic state has no inner states"),
        Shape::Final if has_states => (code::FINAL, "a final state has no inner states"),
        Shape::History if has_states => (code::HISTORY, "a history state has no inner states"),
        Shape::Compound | Shape::Parallel if !has_states && !is_root => {
            (code::KIND, "a compound or parallel state needs inner states")
        }
        Shape::Final | Shape::History if is_root => {
            (code::KIND, "the whole workflow is `compound` or `parallel`")
        }
        Shape::Atomic | Shape::Compound | Shape::Parallel | Shape::Final | Shape::History => {
            return shape;
        }
    };
    problems.add(Diagnostic::error(code, at, message));
    implied
}
