//! What becomes of a run in another version of its workflow.

use std::collections::BTreeSet;

use guidepost_core::data::Change;
use guidepost_core::diagnostic::closest;
use guidepost_core::id::{AttributeName, Rev, StateId, TimerId, Visit};
use guidepost_core::kernel;
use guidepost_core::machine::schema::Mismatch;
use guidepost_core::machine::{Delay, Machine, State, StateIx, StateKind, WorkKind};
use guidepost_core::record::{Renamed, TimerFires};
use guidepost_core::run::{Active, Ordered, Run, Timer};
use guidepost_core::time::Timestamp;
use serde::Serialize;

/// What becomes of a run in another version of its workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Migration {
    /// The run as that version sees it.
    pub run: Run,
    /// The states it is in then, innermost ones, each with what it was called.
    pub states: Vec<Renamed>,
    /// States whose work goes on undisturbed.
    pub going_on: Vec<StateId>,
    /// First values of attributes the run does not have yet.
    pub edits: Vec<Change>,
    /// What the version has no place for, in words. The run can do without.
    pub dropped: Vec<String>,
    /// What keeps the run from being migrated.
    pub obstacles: Vec<Obstacle>,
}

/// Something that keeps a run from being migrated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// What.
    pub what: String,
    /// What would remove it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Works out what becomes of a run.
///
/// A state maps to the one of the same path; `map` names those that are called otherwise, each with all inside it. Work that
/// is going on goes on if its state keeps its path and the sort and name of its work; else it begins anew.
#[must_use]
pub fn migration(
    old: &Machine,
    new: &Machine,
    run: &Run,
    map: &[Renamed],
    now: Timestamp,
) -> Migration {
    let mut mapping =
        Mapping { old, new, run, map, now, dropped: Vec::new(), obstacles: Vec::new() };
    mapping.check_map();
    let states = mapping.states();
    let set = mapping.configuration(&states);
    let (active, going_on) = mapping.active(&set);
    let edits = mapping.attributes();
    let mut migrated = run.clone();
    migrated.workflow.clone_from(&new.name);
    migrated.machine.clone_from(&new.hash);
    migrated.timers = mapping.timers(&active);
    migrated.memory = mapping.memory();
    for (state, visits) in &run.visits {
        let known = migrated.visits.entry(mapping.renamed(state)).or_default();
        known.count = known.count.max(visits.count);
    }
    mapping.rename_items(&mut migrated);
    migrated.active = active;
    let Mapping { dropped, obstacles, .. } = mapping;
    Migration { run: migrated, states, going_on, edits, dropped, obstacles }
}

struct Mapping<'a> {
    old: &'a Machine,
    new: &'a Machine,
    run: &'a Run,
    map: &'a [Renamed],
    now: Timestamp,
    dropped: Vec<String>,
    obstacles: Vec<Obstacle>,
}

impl Mapping<'_> {
    fn obstacle(&mut self, what: String, hint: Option<String>) {
        self.obstacles.push(Obstacle { what, hint });
    }

    /// What a state is called in the new version.
    fn renamed(&self, state: &StateId) -> StateId {
        let inside = |renamed: &Renamed| {
            let rest = state.as_str().strip_prefix(renamed.old.as_str())?;
            (rest.is_empty() || rest.starts_with('.'))
                .then(|| (renamed.old.as_str().len(), format!("{}{rest}", renamed.new)))
        };
        let longest = self.map.iter().filter_map(inside).max();
        longest.map_or_else(|| state.clone(), |(_, name)| StateId::from(name))
    }

    /// The names of states that the run's present version does not have.
    fn new_names(&self) -> impl Iterator<Item = &str> {
        names(self.new).filter(|name| self.old.find(name).is_none())
    }

    fn check_map(&mut self) {
        if self.run.status.is_ended() {
            self.obstacle(format!("the run is {}", self.run.status), None);
        }
        if self.run.undoing.is_some() {
            let hint = "migrate it when that is done; `guidepost where` tells what is left";
            self.obstacle("what it did is being made good".to_owned(), Some(hint.to_owned()));
        }
        for name in self.new.unbound() {
            let hint = "define it under `guards:`, `actions:` or `delays:`".to_owned();
            self.obstacle(format!("the version names `{name}`, which is not defined"), Some(hint));
        }
        for Renamed { old, new } in self.map {
            if self.old.find(old.as_str()).is_none() {
                let hint = nearest(self.old, old);
                self.obstacle(format!("the run's present version has no state `{old}`"), hint);
            }
            if self.new.find(new.as_str()).is_none() {
                let hint = nearest(self.new, new);
                self.obstacle(format!("the version has no state `{new}`"), hint);
            }
        }
    }

    /// The innermost states, each with its new name.
    fn states(&mut self) -> Vec<Renamed> {
        let leaves = kernel::leaves(self.old, self.run).into_iter();
        let old: Vec<StateId> = leaves.map(|ix| self.old.state(ix).id.clone()).collect();
        old.into_iter().map(|old| Renamed { new: self.renamed(&old), old }).collect()
    }

    /// All states the run is in then; empty if it cannot be in them.
    fn configuration(&mut self, states: &[Renamed]) -> BTreeSet<StateIx> {
        let mut set = BTreeSet::new();
        for Renamed { old, new } in states {
            let Some(ix) = self.new.find(new.as_str()) else {
                let hint = match closest(new.as_str(), self.new_names()) {
                    Some(meant) => {
                        format!("did you mean `{meant}`? Say so with `--map {old}={meant}`")
                    }
                    None => format!("name what it is called there with `--map {old}=NEW`"),
                };
                self.obstacle(
                    format!("the run is in `{old}`, which the version does not have"),
                    Some(hint),
                );
                continue;
            };
            let was_final = self
                .old
                .find(old.as_str())
                .map(|ix| matches!(self.old.state(ix).kind, StateKind::Final));
            match &self.new.state(ix).kind {
                StateKind::Atomic if was_final != Some(true) => {}
                StateKind::Final if was_final == Some(true) => {}
                _ => {
                    let hint = format!("map it to a step with `--map {old}=NEW`");
                    let what = format!("the run is in `{old}`, and `{new}` is of another kind");
                    self.obstacle(what, Some(hint));
                }
            }
            set.insert(ix);
            set.extend(self.new.ancestors(ix));
        }
        set.insert(Machine::ROOT);
        if self.obstacles.is_empty() {
            self.check_configuration(&set);
        }
        set.remove(&Machine::ROOT);
        set
    }

    /// Exactly one child of each compound state, all regions of each parallel one.
    fn check_configuration(&mut self, set: &BTreeSet<StateIx>) {
        for ix in set {
            let state = self.new.state(*ix);
            let is_region =
                |ix: &&StateIx| !matches!(self.new.state(**ix).kind, StateKind::History { .. });
            let active = state.children.iter().filter(|child| set.contains(child)).count();
            let name = if *ix == Machine::ROOT { "the workflow" } else { state.id.as_str() };
            let what = match state.kind {
                StateKind::Compound { .. } if active != 1 => {
                    format!("`{name}` can be in one state only, and the run would be in {active}")
                }
                StateKind::Parallel
                    if active != state.children.iter().filter(is_region).count() =>
                {
                    format!("`{name}` has regions in which the run is in no state")
                }
                StateKind::Compound { .. }
                | StateKind::Parallel
                | StateKind::Atomic
                | StateKind::Final
                | StateKind::History { .. } => continue,
            };
            self.obstacles.push(Obstacle { what, hint: None });
        }
    }

    fn active(&self, set: &BTreeSet<StateIx>) -> (Ordered<StateId, Active>, Vec<StateId>) {
        let mut active = Ordered::default();
        let mut going_on = Vec::new();
        for ix in set {
            let state = self.new.state(*ix);
            let before = self.run.active.iter().find(|(old, _)| self.renamed(old) == state.id);
            let Some((old, before)) = before else {
                let (visit, rev) = (Visit(0), Rev(0));
                active.insert(state.id.clone(), Active::entered(visit, rev, self.now));
                continue;
            };
            let called =
                |state: &State| state.work.as_ref().map(|work| (work.kind, work.name.clone()));
            let same_work = self
                .old
                .find(old.as_str())
                .is_some_and(|ix| called(self.old.state(ix)) == called(state));
            if *old == state.id && same_work {
                going_on.push(state.id.clone());
            }
            active.insert(state.id.clone(), before.clone());
        }
        (active, going_on)
    }

    fn timers(&mut self, active: &Ordered<StateId, Active>) -> Ordered<TimerId, Timer> {
        let mut timers = Ordered::default();
        let mut kept: BTreeSet<(StateId, u32)> = BTreeSet::new();
        for (id, timer) in &self.run.timers {
            let fires = match &timer.fires {
                TimerFires::After { state, delay } => self.delayed(state, *delay),
                TimerFires::WorkDone { state } => {
                    let new = self.renamed(state);
                    let waits = self.new.find(new.as_str()).is_some_and(|ix| {
                        let work = self.new.state(ix).work.as_ref();
                        work.is_some_and(|work| work.kind == WorkKind::Wait)
                    });
                    waits.then_some(TimerFires::WorkDone { state: new })
                }
                TimerFires::Expired { state } => {
                    let new = self.renamed(state);
                    let asks = self.new.find(new.as_str()).is_some_and(|ix| {
                        let work = self.new.state(ix).work.as_ref();
                        work.is_some_and(|work| work.kind == WorkKind::Ask)
                    });
                    asks.then_some(TimerFires::Expired { state: new })
                }
                TimerFires::Event { .. } => Some(timer.fires.clone()),
            };
            let Some(fires) = fires else {
                self.dropped.push(format!("the timer `{id}`"));
                continue;
            };
            if let TimerFires::After { state, delay } = &fires {
                kept.insert((state.clone(), *delay));
            }
            timers.insert(id.clone(), Timer { due: timer.due, fires });
        }
        // A delay that is new counts from when the state was entered.
        for (state, active) in active {
            let Some(ix) = self.new.find(state.as_str()) else { continue };
            for (delay, number) in self.new.state(ix).delays.iter().zip(0_u32..) {
                if let Delay::Fixed(span) = delay
                    && !kept.contains(&(state.clone(), number))
                {
                    let id = TimerId::from(format!("after:{state}#{}:{number}", active.visit));
                    let due = active.at.after(*span).max(self.now);
                    let fires = TimerFires::After { state: state.clone(), delay: number };
                    timers.insert(id, Timer { due, fires });
                }
            }
        }
        timers
    }

    /// The same delay of the same state in the new version.
    fn delayed(&self, state: &StateId, delay: u32) -> Option<TimerFires> {
        let old = self.old.state(self.old.find(state.as_str())?).delays.get(delay as usize)?;
        let new = self.renamed(state);
        let delays = &self.new.state(self.new.find(new.as_str())?).delays;
        let at = delays.iter().zip(0_u32..).find(|(delay, _)| is_same(delay, old))?.1;
        Some(TimerFires::After { state: new, delay: at })
    }

    fn memory(&mut self) -> Ordered<StateId, Vec<StateId>> {
        let mut memory = Ordered::default();
        for (history, states) in &self.run.memory {
            let new = self.renamed(history);
            let is_history = |ix| matches!(self.new.state(ix).kind, StateKind::History { .. });
            let there = self.new.find(new.as_str()).is_some_and(is_history);
            let states: Vec<StateId> = states.iter().map(|state| self.renamed(state)).collect();
            if there && states.iter().all(|state| self.new.find(state.as_str()).is_some()) {
                memory.insert(new, states);
            } else {
                self.dropped.push(format!("what `{history}` remembers"));
            }
        }
        memory
    }

    /// First values of new attributes. What the run has must fit, and what it must have must be there.
    fn attributes(&mut self) -> Vec<Change> {
        let mut edits = Vec::new();
        for (name, attribute) in &self.new.attributes {
            let value = self.run.data.get(name.as_str());
            match (value.and_then(|value| serde_json::to_value(value).ok()), &attribute.default) {
                (Some(value), _) => {
                    for problem in attribute.schema.check(&value) {
                        let at = format!("{name}{}", problem.at);
                        let what = Mismatch { at, ..problem }.to_string();
                        self.obstacle(what, Some(set_first(name)));
                    }
                }
                (None, Some(default)) => edits.push(Change::set(name, default.clone())),
                (None, None) if attribute.required => {
                    let what = format!("the version requires `{name}`, and the run has none");
                    self.obstacle(
                        what,
                        Some(format!("give it with `--set {name}=JSON`, or give it a default")),
                    );
                }
                (None, None) => {}
            }
        }
        edits
    }

    /// The kernel keeps the items of a fan-out by the state's name.
    fn rename_items(&self, run: &mut Run) {
        for (state, _) in self.run.active.iter().filter(|(_, active)| active.fan.is_some()) {
            let new = self.renamed(state);
            let items = self.run.data.get(kernel::items_of(state).as_str());
            if let (true, Some(items)) = (new != *state, items) {
                let items = serde_json::to_value(items).unwrap_or_default();
                run.data = run.data.with(kernel::items_of(&new).as_str(), &items);
            }
        }
    }
}

fn set_first(name: &AttributeName) -> String {
    format!("let the version take what runs have in `{name}`")
}

fn nearest(machine: &Machine, state: &StateId) -> Option<String> {
    closest(state.as_str(), names(machine)).map(|meant| format!("did you mean `{meant}`?"))
}

/// The names of a machine's states. Its root has none.
fn names(machine: &Machine) -> impl Iterator<Item = &str> {
    machine.states.iter().map(|state| state.id.as_str()).filter(|name| !name.is_empty())
}

fn is_same(a: &Delay, b: &Delay) -> bool {
    match (a, b) {
        (Delay::Fixed(a), Delay::Fixed(b)) => a == b,
        (Delay::Computed(a), Delay::Computed(b)) => a.source() == b.source(),
        (Delay::Unbound(a), Delay::Unbound(b)) => a == b,
        (Delay::Fixed(_) | Delay::Computed(_) | Delay::Unbound(_), _) => false,
    }
}
