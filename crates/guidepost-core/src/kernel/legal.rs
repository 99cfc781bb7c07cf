//! What an agent may do next.

use std::fmt;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::id::{EventName, Rev, StateId};
use crate::kernel::configuration::StateSet;
use crate::kernel::occurrence::is_reserved;
use crate::machine::expr::Scope;
use crate::machine::{
    Descriptor, EventType, FactKind, Guard, Machine, Requirement, State, StateIx, StateKind,
    Transition, Trigger, Work, WorkKind, Worker,
};
use crate::run::{Driver, Run, Status};

/// An event that is legal now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Legal {
    /// Its name; for a transition that answers many events, the descriptor: `order.*`.
    pub event: EventName,
    /// The state that takes it.
    pub state: StateId,
    /// What it carries.
    pub arguments: Vec<Argument>,
    /// What its author says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it may lead, in order of precedence; empty if nowhere.
    pub targets: Vec<StateId>,
    /// Whether a guard over what it carries has a say in where it leads, or whether it is taken at all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_guarded: bool,
    /// Facts that must be on record first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// A field of an event's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type, as the definition has it.
    pub r#type: String,
    /// Whether the event must carry it.
    pub required: bool,
}

impl Legal {
    /// Data the event could carry, as an example: `{"score":0}`.
    #[must_use]
    pub fn example(&self) -> Json {
        let required = self.arguments.iter().filter(|argument| argument.required);
        let fields = required.map(|argument| {
            let value = match argument.r#type.as_str() {
                "number" | "integer" => Json::from(0),
                "boolean" => Json::from(true),
                "array" => Json::Array(Vec::new()),
                "object" => Json::Object(Map::new()),
                _ => Json::from("…"),
            };
            (argument.name.clone(), value)
        });
        Json::Object(fields.collect())
    }
}

/// The event with its arguments, `!` required and `?` optional: `reject {reason!, note?}`.
impl fmt::Display for Legal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event)?;
        if self.arguments.is_empty() {
            return Ok(());
        }
        let arguments = self.arguments.iter().map(|argument| {
            format!("{}{}", argument.name, if argument.required { '!' } else { '?' })
        });
        write!(f, " {{{}}}", arguments.collect::<Vec<_>>().join(", "))
    }
}

/// A fact in words: `1 action tool_execution crm_lookup (observed)`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            FactKind::Action => "action",
            FactKind::Decision => "decision",
            FactKind::Message => "message",
            FactKind::Artifact => "artifact",
        };
        write!(f, "{} {kind}", self.min)?;
        for part in [&self.r#type, &self.name].into_iter().flatten() {
            write!(f, " `{part}`")?;
        }
        if self.observed { f.write_str(" that was observed") } else { Ok(()) }
    }
}

/// Every event that is legal now: inner states first, regions in document order, each event once. What an inner state is
/// sure to take, by its name, a prefix or `*`, is not listed for the states around it.
///
/// A transition whose guard looks only at the run's data is listed if that guard holds now; one whose guard looks at the
/// event is listed, and marked. A run that takes no events has none.
#[must_use]
pub fn legal(machine: &Machine, run: &Run) -> Vec<Legal> {
    let Ok(active) = StateSet::of_run(machine, run) else { return Vec::new() };
    if run.status.is_ended() || run.status == Status::Paused || run.undoing.is_some() {
        return Vec::new();
    }
    let scope = Scope {
        data: run.data.clone(),
        event: minijinja::Value::UNDEFINED,
        active: run.active.keys().cloned().collect(),
    };
    let mut listing = Listing { machine, active: &active, scope, found: IndexMap::new() };
    listing.list(Machine::ROOT);
    let offers = work_offers(machine, run, &active);
    offers.into_iter().chain(listing.found.into_values()).collect()
}

/// The events listed so far, by their descriptors.
struct Listing<'a> {
    machine: &'a Machine,
    active: &'a StateSet,
    scope: Scope,
    found: IndexMap<String, Legal>,
}

impl<'a> Listing<'a> {
    /// Lists what an active state and those inside it take, and gives what they are sure to take: that never reaches the
    /// states around them. Recurses as deep as states nest, which reading bounded.
    fn list(&mut self, ix: StateIx) -> Vec<&'a Descriptor> {
        let machine = self.machine;
        let mut taken: Vec<&Descriptor> = Vec::new();
        let mut inside = self.active.inside(machine, ix);
        while let Some((child, _)) = inside.split_first() {
            taken.extend(self.list(*child));
            let next = inside.partition_point(|inner| *inner <= machine.state(*child).last);
            inside = &inside[next..];
        }
        let mut sure: Vec<&Descriptor> = Vec::new();
        for transition in &machine.state(ix).transitions {
            let Trigger::Event(descriptor) = &transition.trigger else { continue };
            let is_shadowed =
                sure.contains(&descriptor) || taken.iter().any(|inner| inner.covers(descriptor));
            if is_internal(descriptor) || is_shadowed {
                continue;
            }
            let truth = transition
                .guard
                .as_ref()
                .map_or(Truth::Yes, |g| truth(g, self.active, &self.scope, machine));
            match truth {
                Truth::No | Truth::Broken => continue,
                Truth::Yes => sure.push(descriptor),
                Truth::Open => {}
            }
            self.add(ix, descriptor, transition, truth);
        }
        taken.extend(sure);
        taken
    }

    fn add(&mut self, ix: StateIx, descriptor: &Descriptor, transition: &Transition, truth: Truth) {
        let machine = self.machine;
        let entry = self.found.entry(descriptor.to_string());
        let entry = entry.or_insert_with(|| of_descriptor(machine, ix, descriptor));
        add(entry, machine, transition, truth);
        if machine.events.contains_key(descriptor.to_string().as_str()) {
            return;
        }
        let is_within = |leaf: &StateIx| *leaf == ix || machine.is_inside(*leaf, ix);
        for leaf in self.active.leaves(machine).filter(is_within) {
            let around = machine.ancestors(leaf).take_while(|outer| *outer >= ix);
            std::iter::once(leaf).chain(around).for_each(|ix| add_kept(entry, machine, ix));
        }
    }
}

/// Whether only the machine itself raises what a descriptor names.
fn is_internal(descriptor: &Descriptor) -> bool {
    match descriptor {
        Descriptor::Exact(name) | Descriptor::Prefix(name) => is_reserved(name.as_str()),
        Descriptor::Any => false,
    }
}

/// Adds the fields that a state keeps of an event, as far as nothing else describes what the event carries.
fn add_kept(legal: &mut Legal, machine: &Machine, ix: StateIx) {
    let state = machine.state(ix);
    if state.work.is_some() {
        return;
    }
    let is_known = |legal: &Legal, name: &str| {
        legal.arguments.iter().any(|known| known.name == name)
            || state.transitions.iter().any(|other| is_described(machine, other, name))
    };
    for kept in outputs(machine, state) {
        if !is_known(legal, &kept.name) {
            legal.arguments.push(Argument { required: false, ..kept });
        }
    }
}

/// Whether the description of a transition's event has a field of this name: then that event is the one to carry it.
fn is_described(machine: &Machine, transition: &Transition, field: &str) -> bool {
    match &transition.trigger {
        Trigger::Event(Descriptor::Exact(event)) => {
            machine.events.get(event).is_some_and(|described| described.fields.contains_key(field))
        }
        Trigger::Event(Descriptor::Prefix(_) | Descriptor::Any)
        | Trigger::Always
        | Trigger::After(_)
        | Trigger::Complete
        | Trigger::WorkDone
        | Trigger::WorkFailed => false,
    }
}

fn of_descriptor(machine: &Machine, ix: StateIx, descriptor: &Descriptor) -> Legal {
    let name = EventName::from(descriptor.to_string());
    let described = machine.events.get(&name);
    Legal {
        state: machine.state(ix).id.clone(),
        arguments: described.map(arguments).unwrap_or_default(),
        description: None,
        event: name,
        targets: Vec::new(),
        is_guarded: false,
        requires: Vec::new(),
    }
}

fn add(legal: &mut Legal, machine: &Machine, transition: &Transition, truth: Truth) {
    legal.is_guarded |= truth == Truth::Open;
    if legal.description.is_none() {
        legal.description.clone_from(&transition.description);
    }
    for target in &transition.targets {
        let target = &machine.state(*target).id;
        if !legal.targets.contains(target) {
            legal.targets.push(target.clone());
        }
    }
    for requirement in &transition.requires {
        if !legal.requires.contains(requirement) {
            legal.requires.push(requirement.clone());
        }
    }
}

fn arguments(described: &EventType) -> Vec<Argument> {
    let fields = described.fields.iter().map(|(name, field)| Argument {
        name: name.clone(),
        r#type: field.r#type.clone(),
        required: field.required,
    });
    fields.collect()
}

/// What a guard says before the event is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    /// It depends on the event.
    Open,
    /// It cannot be evaluated, which is no, whatever is made of it.
    Broken,
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open | Self::Broken => self,
        }
    }
}

fn truth(guard: &Guard, active: &StateSet, scope: &Scope, machine: &Machine) -> Truth {
    let known = |answer: bool| if answer { Truth::Yes } else { Truth::No };
    // The first of these that one of the guards says, else what none of them says against.
    let first_of = |guards: &[Guard], ranked: [Truth; 3], otherwise: Truth| {
        let truths: Vec<Truth> =
            guards.iter().map(|guard| truth(guard, active, scope, machine)).collect();
        ranked.into_iter().find(|said| truths.contains(said)).unwrap_or(otherwise)
    };
    match guard {
        Guard::Expr(expr) if expr.uses_event() => Truth::Open,
        Guard::Expr(expr) => expr.test(scope).map_or(Truth::Broken, known),
        Guard::Unbound(named) => match machine.unbound_guards.get(&named.name) {
            Some(Some(answer)) => known(*answer),
            Some(None) | None => Truth::Broken,
        },
        Guard::InState(ix) => known(active.contains(*ix)),
        Guard::Not(guard) => !truth(guard, active, scope, machine),
        Guard::All(guards) => first_of(guards, [Truth::No, Truth::Broken, Truth::Open], Truth::Yes),
        Guard::Any(guards) => first_of(guards, [Truth::Yes, Truth::Open, Truth::Broken], Truth::No),
    }
}

/// How work may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed,
}

impl Outcome {
    fn event(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The active states whose work is going on, in document order.
fn working<'a>(
    machine: &'a Machine,
    run: &'a Run,
    active: &'a StateSet,
) -> impl Iterator<Item = (StateIx, &'a State, &'a Work)> {
    active.iter().filter_map(|ix| {
        let state = machine.state(ix);
        let is_going_on = run.active.get(&state.id).is_some_and(|active| !active.work_ended);
        state.work.as_deref().filter(|_| is_going_on).map(|work| (ix, state, work))
    })
}

/// Whether the end of a state's work may be reported by an event: the agent or a person does it, not the engine.
pub(super) fn is_offered(machine: &Machine, run: &Run, ix: StateIx) -> bool {
    let state = machine.state(ix);
    let is_timed = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Wait);
    let is_question = state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Ask);
    !is_timed
        && match (state.by, run.driver) {
            (Some(Worker::Engine), _) => false,
            (Some(Worker::Agent | Worker::Person), _) | (None, Driver::Agent) => true,
            (None, Driver::Engine) => is_question,
        }
}

/// Whether the engine is to do the work of a state of this run: not the agent, no person, and not the passing of time.
#[must_use]
pub fn is_engines(machine: &Machine, run: &Run, ix: StateIx) -> bool {
    let state = machine.state(ix);
    let is_done_by_somebody = state
        .work
        .as_ref()
        .is_some_and(|work| work.kind != WorkKind::Wait && work.kind != WorkKind::Ask);
    is_done_by_somebody && !is_offered(machine, run, ix)
}

/// The outcome and the state an event reports the end of, whoever does that state's work.
pub(super) fn offered(machine: &Machine, run: &Run, event: &str) -> Option<(Outcome, StateIx)> {
    let (outcome, path) = [Outcome::Done, Outcome::Failed].into_iter().find_map(|outcome| {
        let rest = event.strip_prefix(outcome.event())?;
        if rest.is_empty() {
            Some((outcome, None))
        } else {
            Some((outcome, Some(rest.strip_prefix('.')?)))
        }
    })?;
    let active = StateSet::of_run(machine, run).ok()?;
    // A definition that gives the name a meaning of its own keeps it.
    let is_own = active.iter().any(|ix| {
        machine.state(ix).transitions.iter().any(
            |found| matches!(&found.trigger, Trigger::Event(Descriptor::Exact(name)) if name.as_str() == event),
        )
    });
    if is_own {
        return None;
    }
    let mut at_work = working(machine, run, &active);
    match path {
        Some(path) => at_work.find(|(_, state, _)| state.id.as_str() == path),
        None => at_work.next().filter(|_| at_work.next().is_none()),
    }
    .map(|(ix, _, _)| (outcome, ix))
}

fn work_offers(machine: &Machine, run: &Run, active: &StateSet) -> Vec<Legal> {
    let at_work: Vec<_> = working(machine, run, active).collect();
    let mut offers = Vec::new();
    for (ix, state, work) in &at_work {
        if !is_offered(machine, run, *ix) {
            continue;
        }
        let has_own_answers = work.kind == WorkKind::Ask
            && state.transitions.iter().any(|found| matches!(found.trigger, Trigger::Event(_)));
        if has_own_answers {
            continue;
        }
        for outcome in [Outcome::Done, Outcome::Failed] {
            if outcome == Outcome::Failed && work.kind == WorkKind::Ask {
                continue;
            }
            let event = match at_work.len() {
                1 => outcome.event().to_owned(),
                _ => format!("{}.{}", outcome.event(), state.id),
            };
            offers.push(work_offer(machine, *ix, EventName::from(event), outcome));
        }
    }
    offers
}

pub(super) fn work_offer(
    machine: &Machine,
    ix: StateIx,
    event: EventName,
    outcome: Outcome,
) -> Legal {
    let state = machine.state(ix);
    let trigger = match outcome {
        Outcome::Done => Trigger::WorkDone,
        Outcome::Failed => Trigger::WorkFailed,
    };
    let answering = state.transitions.iter().filter(|found| found.trigger == trigger);
    let mut legal = Legal {
        event,
        state: state.id.clone(),
        arguments: match outcome {
            Outcome::Done => outputs(machine, state),
            Outcome::Failed => {
                vec![Argument {
                    name: "reason".to_owned(),
                    r#type: "string".to_owned(),
                    required: true,
                }]
            }
        },
        description: None,
        targets: Vec::new(),
        is_guarded: false,
        requires: Vec::new(),
    };
    for transition in answering {
        let truth = if transition.guard.is_some() { Truth::Open } else { Truth::Yes };
        add(&mut legal, machine, transition, truth);
    }
    legal
}

fn outputs(machine: &Machine, state: &State) -> Vec<Argument> {
    if state.output.is_empty() && state.work.as_ref().is_some_and(|w| w.kind == WorkKind::Ask) {
        return vec![Argument {
            name: "answer".to_owned(),
            r#type: "any".to_owned(),
            required: true,
        }];
    }
    let outputs = state.output.iter().map(|name| Argument {
        name: name.to_string(),
        r#type: machine.attributes.get(name).map_or_else(|| "any".to_owned(), |a| a.r#type.clone()),
        required: true,
    });
    outputs.collect()
}

/// The facts that transitions require which an event may lead to: its own, and those of the events that the machine raises
/// or sends to itself. Each comes with the rev from which it counts. The caller looks them up and passes the answers with
/// the event.
#[must_use]
pub fn needs(machine: &Machine, run: &Run, event: &str) -> Vec<(Requirement, Rev)> {
    let Ok(active) = StateSet::of_run(machine, run) else { return Vec::new() };
    let reported = offered(machine, run, event);
    let mut needs = Vec::new();
    for ix in active.iter() {
        let state = machine.state(ix);
        let since = run.active.get(&state.id).map_or(Rev(1), |active| active.rev);
        for transition in &state.transitions {
            let answers = match &transition.trigger {
                Trigger::Event(descriptor) => {
                    descriptor.matches(event) || machine.sends_any(descriptor)
                }
                Trigger::WorkDone => reported == Some((Outcome::Done, ix)),
                Trigger::WorkFailed => reported == Some((Outcome::Failed, ix)),
                Trigger::Always | Trigger::After(_) | Trigger::Complete => false,
            };
            if !transition.requires.is_empty() && answers {
                needs.extend(transition.requires.iter().map(|fact| (fact.clone(), since)));
            }
        }
    }
    needs
}

/// The innermost active states, in document order.
#[must_use]
pub fn leaves(machine: &Machine, run: &Run) -> Vec<StateIx> {
    let active = StateSet::of_run(machine, run).unwrap_or_default();
    let leaves = active.leaves(machine).filter(|ix| *ix != Machine::ROOT);
    leaves.collect()
}

/// Whether delays lead on from an innermost state, of it or of those around it, and no event does.
fn only_time_leads_on(machine: &Machine, leaf: StateIx) -> bool {
    let around = || std::iter::once(leaf).chain(machine.ancestors(leaf));
    let answers_events = |ix: StateIx| {
        machine.state(ix).transitions.iter().any(|found| match &found.trigger {
            Trigger::Event(descriptor) => !is_internal(descriptor),
            Trigger::Always
            | Trigger::After(_)
            | Trigger::Complete
            | Trigger::WorkDone
            | Trigger::WorkFailed => false,
        })
    };
    let is_timed = around().any(|ix| !machine.state(ix).delays.is_empty());
    is_timed && !around().any(answers_events)
}

/// Whether a run at rest in these states can go on only by a person, a time or an outside event.
pub(super) fn waits(
    machine: &Machine,
    active: &StateSet,
    is_work_ended: impl Fn(StateIx) -> bool,
) -> bool {
    let mut leaves = active
        .leaves(machine)
        .filter(|ix| !matches!(machine.state(*ix).kind, StateKind::Final) && *ix != Machine::ROOT);
    leaves.all(|ix| {
        let state = machine.state(ix);
        let kind = state.work.as_ref().filter(|_| !is_work_ended(ix)).map(|work| work.kind);
        let is_outside = matches!(kind, Some(WorkKind::Ask | WorkKind::Wait));
        is_outside
            || state.by == Some(Worker::Person)
            || (kind.is_none() && only_time_leads_on(machine, ix))
    })
}
