//! One state: what its keys say.

use serde_json::{Map, Value as Json};

use super::super::Dialect;
use super::super::problems::code;
use super::super::tree::{Entry, Kind, Tree};
use super::outline::Outlined;
use super::transition::Read;
use super::value::Sight;
use super::{Places, Reader, SECTIONS, Shape, keys};
use crate::diagnostic::{Diagnostic, Position};
use crate::id::AttributeName;
use crate::machine::{
    Action, Computed, Initial, State, StateIx, StateKind, Transition, Trigger, Wording, Work,
    WorkKind, Worker,
};

/// The keys that give a state its work.
pub(super) const WORK_KINDS: [(&str, WorkKind); 9] = [
    ("agent", WorkKind::Agent),
    ("ask", WorkKind::Ask),
    ("tool", WorkKind::Tool),
    ("http", WorkKind::Http),
    ("exec", WorkKind::Exec),
    ("task", WorkKind::Task),
    ("run", WorkKind::Run),
    ("wait", WorkKind::Wait),
    ("invoke", WorkKind::Invoke),
];

/// What the definition of a guard can see before it is known what it is given.
const GIVEN: Sight<'static> = Sight { locals: &["params"], event: None, params: None };

impl<'t> Reader<'t, '_> {
    pub(super) fn state(&mut self, ix: StateIx) -> (State, Places) {
        let outlined = self.outline.get(ix);
        let (tree, at, shape) = (outlined.tree, outlined.at, outlined.shape);
        let (id, parent, last) = (outlined.id.clone(), outlined.parent, outlined.last);
        let children = outlined.children.clone();
        self.check_state_keys(ix, tree);
        let (work, work_transitions) = self.work(ix, tree, shape);
        let mut read = Read::default();
        let mut delays = Vec::new();
        if let Some(on) = tree.get("on") {
            let events = self.own_events(ix, tree, shape, work.as_ref());
            self.on(ix, on, &events, &mut read);
        }
        self.outcomes(ix, tree, shape, work.is_some(), &mut read);
        read.transitions.extend(work_transitions.transitions);
        read.places.extend(work_transitions.places);
        read.sort_outcomes();
        if let Some(after) = tree.get("after") {
            self.after(ix, after, &mut delays, &mut read);
        }
        let always = self.always(ix, tree);
        let has_work = work.is_some();
        let (output, outputs) = self.output_names(tree, shape, ix);
        let given_id = tree.get("id").filter(|_| ix != 0).and_then(Tree::as_text);
        let state = State {
            id,
            given_id: given_id.map(str::to_owned),
            kind: self.kind(ix, tree, at, shape),
            parent,
            children,
            last,
            transitions: read.transitions,
            always: always.transitions,
            delays,
            entry: self.state_actions(tree, "entry"),
            exit: self.state_actions(tree, "exit"),
            work: work.map(Box::new),
            output,
            result: self.state_result(tree, shape, ix),
            by: tree.get("by").and_then(|by| self.worker(by)),
            is_section: tree.get("section").is_some_and(|flag| self.flag(flag, "section")),
            tags: self.tags(tree),
            meta: self.meta(tree, has_work),
            wording: self.wording(tree, ix),
        };
        self.check_final(&state, tree, at, shape);
        let places = Places { transitions: read.places, always: always.places, outputs };
        (state, places)
    }

    /// What XState calls the ends of this state and of its work, by which an XState file may answer them under `on`.
    fn own_events(
        &self,
        ix: StateIx,
        tree: &Tree,
        shape: Shape,
        work: Option<&Work>,
    ) -> Vec<(String, Trigger)> {
        if self.dialect != Dialect::XState {
            return Vec::new();
        }
        let full = self.outline.full_id(ix);
        let mut events = Vec::new();
        if let Some(work) = work {
            let given = work.spec.get("id").and_then(Json::as_str);
            let actor = given.map_or_else(|| format!("0.{full}"), str::to_owned);
            events.push((format!("xstate.done.actor.{actor}"), Trigger::WorkDone));
            events.push((format!("xstate.error.actor.{actor}"), Trigger::WorkFailed));
        }
        if matches!(shape, Shape::Compound | Shape::Parallel) {
            let given = tree.get("id").and_then(Tree::as_text).filter(|_| ix != 0);
            for id in given.into_iter().chain([&*full]) {
                events.push((format!("xstate.done.state.{id}"), Trigger::Complete));
            }
        }
        events
    }

    fn check_state_keys(&mut self, ix: StateIx, tree: &'t Tree) {
        if tree.is_null() {
            return;
        }
        let fields = self.fields(tree, "state");
        let work: Vec<&str> = WORK_KINDS.iter().map(|(key, _)| *key).collect();
        let (root, xstate): (&[&str], &[&str]) = match (ix, self.dialect) {
            (0, Dialect::Guidepost) => (&keys::ROOT, &[]),
            (0, Dialect::XState) => (&keys::ROOT, &keys::XSTATE_ROOT),
            (_, Dialect::Guidepost) => (&[], &[]),
            (_, Dialect::XState) => (&keys::XSTATE_STATE, &[]),
        };
        let whose = if ix == 0 { "a workflow" } else { "a state" };
        self.check_keys(fields, &[&keys::STATE, &work, &keys::WORK, root, xstate], whose);
    }

    fn kind(&mut self, ix: StateIx, tree: &'t Tree, at: Position, shape: Shape) -> StateKind {
        // XState's own dumps write what a state does not have as null or false.
        let given =
            |key: &str| tree.get(key).filter(|it| !it.is_null() && it.as_bool() != Some(false));
        if let Some(history) = given("history").filter(|_| shape != Shape::History) {
            let message = "only a state of `type: history` has a `history`";
            self.error(code::HISTORY, history.at, message);
        }
        let needs_initial = shape == Shape::Compound;
        if let Some(initial) = given("initial").filter(|_| !needs_initial) {
            let message = "only a state with inner states, one of them active, has an `initial`";
            self.error(code::INITIAL, initial.at, message);
        }
        match shape {
            Shape::Atomic | Shape::Parallel
                if ix == 0 && self.outline.get(ix).children.is_empty() =>
            {
                self.error(code::INITIAL, at, "the workflow has no states");
                StateKind::Atomic
            }
            Shape::Atomic => StateKind::Atomic,
            Shape::Compound => StateKind::Compound { initial: Box::new(self.initial(ix, tree)) },
            Shape::Parallel => StateKind::Parallel,
            Shape::Final => StateKind::Final,
            Shape::History => self.history(ix, tree),
        }
    }

    /// Where entering a compound state leads: its first state, unless it says otherwise.
    fn initial(&mut self, ix: StateIx, tree: &'t Tree) -> Initial {
        let outlined = self.outline.get(ix);
        let is_real = |child: &&StateIx| self.outline.get(**child).shape != Shape::History;
        let first = outlined.children.iter().find(is_real).copied().unwrap_or(ix);
        let Some(given) = tree.get("initial") else {
            return Initial { target: first, actions: Vec::new() };
        };
        let (name, actions) = match &given.kind {
            Kind::Object(fields) => {
                let foreign: &[&str] = match self.dialect {
                    Dialect::Guidepost => &[],
                    Dialect::XState => &keys::XSTATE_TRANSITION,
                };
                self.check_keys(
                    fields,
                    &[&["target", "actions"], foreign],
                    "an initial transition",
                );
                let actions = given.get("actions");
                (
                    given.get("target"),
                    actions.map(|actions| self.actions(actions, Sight::default())),
                )
            }
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => {
                (Some(given), None)
            }
        };
        let target = name.and_then(|name| self.initial_target(ix, name)).unwrap_or(first);
        Initial { target, actions: actions.unwrap_or_default() }
    }

    fn initial_target(&mut self, ix: StateIx, tree: &'t Tree) -> Option<StateIx> {
        let items = tree.as_list().unwrap_or_else(|| std::slice::from_ref(tree));
        let [item] = items else {
            self.error(code::INITIAL, tree.at, "`initial` names one state");
            return None;
        };
        let name = self.text(item, "initial")?;
        let found = match name.strip_prefix('#') {
            Some(_) => self.outline.resolve(ix, name),
            None => self.outline.below(ix, name.trim_start_matches('.')),
        };
        if found.is_some_and(|found| self.outline.is_inside(found, ix)) {
            return found;
        }
        let outer = &self.outline.get(ix).id;
        let whose = if ix == 0 { "the workflow".to_owned() } else { format!("state `{outer}`") };
        let message = format!("{whose} begins in `{name}`, which does not exist inside it");
        let problem = Diagnostic::error(code::INITIAL, item.at, message);
        let children = self.outline.get(ix).children.iter();
        let names = children.map(|child| self.outline.get(*child).id.name());
        self.problems.add_unknown(problem, name, names, || None);
        None
    }

    fn history(&mut self, ix: StateIx, tree: &'t Tree) -> StateKind {
        let deep = match tree.get("history").map(|kind| (kind.as_text(), kind.at)) {
            None | Some((Some("shallow"), _)) => false,
            Some((Some("deep"), _)) => true,
            Some((_, at)) => {
                self.error(code::HISTORY, at, "`history` is `shallow` or `deep`");
                false
            }
        };
        let parent = self.outline.get(ix).parent.unwrap_or(0);
        let siblings = &self.outline.get(parent).children;
        if siblings.iter().all(|child| self.outline.get(*child).shape == Shape::History) {
            let at = self.outline.get(ix).at;
            self.error(code::HISTORY, at, "a history state needs states beside it to remember");
        }
        let default = match tree.get("target") {
            Some(target) => self.targets(ix, target).into_vec(),
            None => Vec::new(),
        };
        for target in &default {
            if !self.outline.is_inside(*target, parent) {
                let message = format!(
                    "the history state leads to `{}`, outside of the state it remembers",
                    self.outline.get(*target).id
                );
                self.error(code::HISTORY, tree.at, message);
            }
        }
        StateKind::History { deep, default }
    }

    fn always(&mut self, ix: StateIx, tree: &'t Tree) -> Read {
        let mut read = Read::default();
        let entry = tree.as_object().unwrap_or_default().iter().find(|e| &*e.key == "always");
        if let Some(entry) = entry {
            self.transitions(ix, entry, &Trigger::Always, &mut read);
        }
        read
    }

    /// `onDone` and `onError` of the state itself.
    fn outcomes(
        &mut self,
        ix: StateIx,
        tree: &'t Tree,
        shape: Shape,
        has_work: bool,
        read: &mut Read,
    ) {
        for entry in tree.as_object().unwrap_or_default() {
            let trigger = match (&*entry.key, shape) {
                ("onDone", Shape::Compound | Shape::Parallel) => Trigger::Complete,
                ("onDone", _) if has_work => Trigger::WorkDone,
                ("onError", _) if has_work => Trigger::WorkFailed,
                ("onDone" | "onError", _) => {
                    let message =
                        format!("the state has no work whose end `{}` could wait for", entry.key);
                    // XState passes over it, so what was drawn for XState is to load.
                    self.problems.add(match self.dialect {
                        Dialect::Guidepost => Diagnostic::error(code::WORK, entry.at, message),
                        Dialect::XState => Diagnostic::warning(code::WORK, entry.at, message),
                    });
                    continue;
                }
                _ => continue,
            };
            self.transitions(ix, entry, &trigger, read);
        }
    }

    fn state_actions(&mut self, tree: &'t Tree, key: &str) -> Vec<Action> {
        tree.get(key).map(|actions| self.actions(actions, Sight::default())).unwrap_or_default()
    }

    /// `output` of a state that is not final: the names of what is kept.
    fn output_names(
        &mut self,
        tree: &'t Tree,
        shape: Shape,
        ix: StateIx,
    ) -> (Vec<AttributeName>, Vec<Position>) {
        let Some(output) = tree.get("output").filter(|_| shape != Shape::Final && ix != 0) else {
            return (Vec::new(), Vec::new());
        };
        let names = self.texts(output, "output");
        for (name, _) in &names {
            self.known.insert((*name).to_owned());
        }
        names.into_iter().map(|(name, at)| (AttributeName::from(name), at)).unzip()
    }

    /// `output` of a final state, or of the machine. One of nothing is none: either way nothing is given back.
    fn state_result(&mut self, tree: &'t Tree, shape: Shape, ix: StateIx) -> Option<Computed> {
        let output = tree.get("output").filter(|_| shape == Shape::Final || ix == 0)?;
        if output.is_null() { None } else { self.result(output) }
    }

    fn worker(&mut self, tree: &'t Tree) -> Option<Worker> {
        match tree.as_text() {
            Some("engine") => Some(Worker::Engine),
            Some("agent") => Some(Worker::Agent),
            Some("person") => Some(Worker::Person),
            Some(_) | None => {
                self.error(code::SHAPE, tree.at, "`by` is `engine`, `agent` or `person`");
                None
            }
        }
    }

    fn tags(&mut self, tree: &'t Tree) -> Vec<String> {
        let Some(tags) = tree.get("tags") else { return Vec::new() };
        self.texts(tags, "tags").into_iter().map(|(tag, _)| tag.to_owned()).collect()
    }

    /// `meta`, with the keys that say something to whoever watches the state, and the author's own.
    fn meta(&mut self, tree: &'t Tree, has_work: bool) -> Json {
        let mut kept = Map::new();
        for entry in tree.as_object().unwrap_or_default() {
            let key = &*entry.key;
            match key {
                "allow_tools" | "deny_tools" => {
                    self.texts(&entry.value, key);
                }
                "input" if !has_work => {}
                own if own.starts_with("x-") => {}
                _ => continue,
            }
            kept.insert(key.to_owned(), entry.value.to_json());
        }
        let given = tree.get("meta").map_or(Json::Null, Tree::to_json);
        if kept.is_empty() {
            return given;
        }
        match given {
            Json::Null => Json::Object(kept),
            Json::Object(mut meta) => {
                meta.extend(kept);
                Json::Object(meta)
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                self.error(code::SHAPE, tree.at, "`meta` must be an object beside such keys");
                Json::Object(kept)
            }
        }
    }

    fn wording(&mut self, tree: &'t Tree, ix: StateIx) -> Wording {
        let mut text = |key: &str| {
            tree.get(key)
                .filter(|text| !text.is_null())
                .and_then(|text| self.text(text, key))
                .map(str::to_owned)
        };
        let (guideline, description) = (text("guideline"), text("description"));
        // The description of the root is that of the workflow, and as it stands.
        let told =
            ["guideline", "description"].into_iter().filter(|key| ix != 0 || *key == "guideline");
        told.filter_map(|key| tree.get(key)).for_each(|told| self.mention_told(told));
        Wording { guideline, description: description.filter(|_| ix != 0) }
    }

    fn check_final(&mut self, state: &State, tree: &'t Tree, at: Position, shape: Shape) {
        if !matches!(shape, Shape::Final | Shape::History) {
            return;
        }
        let what = if shape == Shape::Final { "final" } else { "history" };
        let code = if shape == Shape::Final { code::FINAL } else { code::HISTORY };
        let leaves: [&[Transition]; 2] = [&state.transitions, &state.always];
        if leaves.iter().any(|found| !found.is_empty()) {
            let first = ["on", "always", "after"].iter().find_map(|key| tree.get(key));
            let message = format!("nothing can be taken from a {what} state");
            let at = first.map_or(at, |first| first.at);
            self.problems.add(match self.dialect {
                Dialect::Guidepost => Diagnostic::error(code, at, message),
                Dialect::XState => Diagnostic::warning(code, at, message),
            });
        }
    }

    /// Definitions by name that nothing uses are read all the same, so that their problems are found.
    pub(super) fn check_definitions(&mut self) {
        for section in SECTIONS {
            let Some(tree) = self.root.get(section) else { continue };
            for Entry { value, .. } in self.fields(tree, section) {
                match section {
                    "guards" if value.as_text().is_some() => {
                        if self.defined("guards", value.as_text().unwrap_or_default()).is_none() {
                            self.expr(value, "guard", GIVEN);
                        }
                    }
                    "guards" => {
                        self.guard(value, 0, GIVEN);
                    }
                    "actions" => {
                        self.actions(value, Sight::default());
                    }
                    _ => {
                        self.delay(value, Sight::default());
                    }
                }
            }
        }
    }
}

/// Whether a state may have work of its own.
pub(super) fn may_work(outlined: &Outlined<'_>) -> bool {
    outlined.shape == Shape::Atomic && outlined.parent.is_some()
}
