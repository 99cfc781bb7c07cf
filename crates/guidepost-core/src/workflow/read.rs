//! From the tree of a document to a [`Machine`]: one pass to number the states, one to read what they say.
//!
//! Nothing here stops at a problem: what cannot be read is reported and left out, so that one look shows all problems.
//! Recursion follows the document, whose nesting is bounded, or named guards and actions, which are counted.

mod action;
mod data;
mod guard;
pub(super) mod keys;
mod names;
mod outline;
mod schedule;
mod state;
mod transition;
mod value;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

pub(super) use self::guard::is_combination;
pub(super) use self::names::Mention;
pub(super) use self::outline::{Outline, Shape};
pub(super) use self::work::SPEC;
use super::Dialect;
use super::problems::{Problems, code};
use super::tree::{Entry, Tree};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::EventName;
use crate::machine::Machine;

/// A machine as read, with what checking it needs.
pub(super) struct Draft<'t> {
    pub(super) machine: Machine,
    pub(super) outline: Outline<'t>,
    pub(super) places: Vec<Places>,
    /// Attributes that expressions read, whether they are declared or not.
    pub(super) read: BTreeSet<String>,
}

/// Where the parts of a state stand.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) transitions: Vec<Position>,
    pub(super) always: Vec<Position>,
    pub(super) outputs: Vec<Position>,
}

/// Reads one definition.
pub(super) struct Reader<'t, 'p> {
    dialect: Dialect,
    problems: &'p mut Problems,
    root: &'t Tree,
    outline: Outline<'t>,
    /// Attributes by name: declared, kept as output or assigned.
    known: BTreeSet<String>,
    /// What expressions name, checked when all declarations are read.
    mentions: Vec<Mention>,
    unbound_guards: IndexMap<String, Option<bool>>,
    unbound_actions: IndexSet<String>,
    /// What `guards`, `actions` and `delays` define, by section and name.
    definitions: BTreeMap<(&'t str, &'t str), &'t Tree>,
    /// How many named guards, actions or delays deep we are.
    nesting: usize,
    /// The names of events met so far, so that equal ones share their text.
    events: BTreeSet<EventName>,
    /// How many names were replaced by what they mean.
    expanded: usize,
}

/// Reads a definition whose sugar is expanded.
pub(super) fn read<'t>(
    root: &'t Tree,
    name: &str,
    dialect: Dialect,
    problems: &mut Problems,
) -> Draft<'t> {
    let outline = Outline::new(root, name, problems);
    let mut reader = Reader {
        dialect,
        problems,
        root,
        outline,
        known: BTreeSet::new(),
        mentions: Vec::new(),
        unbound_guards: IndexMap::new(),
        unbound_actions: IndexSet::new(),
        definitions: definitions(root),
        nesting: 0,
        events: BTreeSet::new(),
        expanded: 0,
    };
    let attributes = reader.attributes();
    let events = reader.events();
    let limits = reader.limits();
    let checkpoints = reader.checkpoints();
    let schedules = reader.schedules();
    let concurrency = reader.concurrency();
    let agents = reader.agents();
    reader.check_definitions();
    let mut states = Vec::with_capacity(reader.outline.states.len());
    let mut places = Vec::with_capacity(states.capacity());
    for ix in 0..reader.outline.count() {
        let (state, place) = reader.state(ix);
        states.push(state);
        places.push(place);
    }
    let mut machine = Machine::new(name.to_owned(), states);
    machine.description = root.get("description").and_then(Tree::as_text).map(str::to_owned);
    machine.attributes = attributes;
    machine.events = events;
    machine.limits = limits;
    machine.checkpoints = checkpoints;
    machine.concurrency = concurrency;
    machine.agents = agents;
    reader.check_schedules(&machine, &schedules);
    machine.schedules =
        schedules.into_iter().map(|(name, (schedule, _))| (name, schedule)).collect();
    reader.check_concurrency(&machine);
    let read = reader.check_mentions(&machine);
    machine.unbound_guards = reader.unbound_guards;
    machine.unbound_actions = reader.unbound_actions.into_iter().collect();
    Draft { machine, outline: reader.outline, places, read }
}

/// The sections of the root that define things by name.
const SECTIONS: [&str; 3] = ["guards", "actions", "delays"];

fn definitions(root: &Tree) -> BTreeMap<(&str, &str), &Tree> {
    let mut definitions = BTreeMap::new();
    for section in SECTIONS {
        for entry in root.get(section).and_then(Tree::as_object).unwrap_or_default() {
            definitions.insert((section, &*entry.key), &entry.value);
        }
    }
    definitions
}

impl<'t> Reader<'t, '_> {
    fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>) {
        self.problems.error(code, at, message);
    }

    /// Reports that a value has the wrong shape.
    fn misshapen(&mut self, tree: &Tree, what: &str, wanted: &str) {
        let message = format!("`{what}` must be {wanted}, but is {}", tree.article());
        self.error(code::SHAPE, tree.at, message);
    }

    /// Reports every key that is not known. Keys that begin with `x-` are the author's own.
    fn check_keys(&mut self, entries: &[Entry], known: &[&[&str]], whose: &str) {
        for entry in entries {
            let is_known = known.iter().any(|keys| keys.contains(&&*entry.key));
            if !is_known && !entry.key.starts_with("x-") {
                let message = format!("{whose} has no key `{}`", entry.key);
                let problem = Diagnostic::error(code::UNKNOWN_KEY, entry.at, message);
                let known = known.iter().flat_map(|keys| keys.iter().copied());
                self.problems.add_unknown(problem, &entry.key, known, || None);
            }
        }
    }

    /// The fields of a value that must be an object.
    fn fields(&mut self, tree: &'t Tree, what: &str) -> &'t [Entry] {
        if tree.is_null() {
            return &[];
        }
        tree.as_object().unwrap_or_else(|| {
            self.misshapen(tree, what, "an object");
            &[]
        })
    }

    fn text(&mut self, tree: &'t Tree, what: &str) -> Option<&'t str> {
        let text = tree.as_text();
        if text.is_none() {
            self.misshapen(tree, what, "a text");
        }
        text
    }

    fn flag(&mut self, tree: &Tree, what: &str) -> bool {
        tree.as_bool().unwrap_or_else(|| {
            self.misshapen(tree, what, "`true` or `false`");
            false
        })
    }

    /// A list of texts; a single one may stand without brackets.
    fn texts(&mut self, tree: &'t Tree, what: &str) -> Vec<(&'t str, Position)> {
        let items = tree.as_list().unwrap_or_else(|| std::slice::from_ref(tree));
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            if let Some(text) = self.text(item, what) {
                texts.push((text, item.at));
            }
        }
        texts
    }
}
