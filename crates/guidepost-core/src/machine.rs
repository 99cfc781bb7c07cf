//! A workflow's structure, checked and compiled: what the kernel walks.
//!
//! A [`Machine`] is immutable and known by its hash. Wording (guidelines, descriptions) is carried along for convenience
//! but is no part of the hash: it can be edited while runs are alive. States are numbered in document order, so that a
//! state's descendants are the numbers after it, up to [`State::last`].

pub mod expr;
pub mod schema;
pub mod sensitive;
mod sequence;
pub mod words;

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use smallvec::SmallVec;

use self::expr::{Expr, Template};
use self::schema::Schema;
use crate::id::{AttributeName, EventName, StateId};
use crate::schedule::Schedule;
use crate::time::Span;

/// A state's number: its place in document order. 0 is the root.
pub type StateIx = u32;

/// A compiled workflow.
#[derive(Debug)]
pub struct Machine {
    /// The workflow's name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The hash of the structure, in lower-case hexadecimal. Equal structures have equal hashes; wording does not count.
    pub hash: String,
    /// All states in document order; the first is the root, whose path is empty.
    pub states: Vec<State>,
    /// The attributes of a run's data, in the order they are declared.
    pub attributes: IndexMap<AttributeName, Attribute>,
    /// The events whose data is described, in the order they are declared.
    pub events: IndexMap<EventName, EventType>,
    /// Bounds on a run.
    pub limits: Limits,
    /// Which places on a run's way get a name by themselves. Like wording no part of the structure.
    pub checkpoints: Option<Checkpoints>,
    /// When runs begin by themselves, by name. Like wording no part of the structure.
    pub schedules: IndexMap<String, Schedule>,
    /// How much of the work of all its runs may go on at once. Like wording no part of the structure.
    pub concurrency: Concurrency,
    /// Who answers the prompts of steps, by the names steps use. Like wording no part of the structure.
    pub agents: IndexMap<String, Agent>,
    /// Guards by name that have no definition, and the answer each is to give; `None` until somebody binds it.
    pub unbound_guards: IndexMap<String, Option<bool>>,
    /// Actions and delays by name that have no definition. Taking such an action does nothing but say so, and such a delay
    /// never runs out.
    pub unbound_actions: Vec<String>,
    /// Whether any state has eventless transitions, so that nobody looks for them in vain after each step.
    has_always: bool,
    /// The events that actions raise or send.
    sent: IndexSet<EventName>,
    /// Numbers by path. Private so that it cannot disagree with `states`.
    index: IndexMap<StateId, StateIx, FxBuildHasher>,
}

/// One state.
#[derive(Debug)]
pub struct State {
    /// Its full path.
    pub id: StateId,
    /// The id its author gave it, by which a target may name it as `#id`.
    pub given_id: Option<String>,
    /// What it is.
    pub kind: StateKind,
    /// The state around it; only the root has none.
    pub parent: Option<StateIx>,
    /// The states directly inside it, history states included, in document order.
    pub children: Vec<StateIx>,
    /// The number of its last descendant; its own if it has none.
    pub last: StateIx,
    /// Transitions by event, in document order. `on`, then `onDone`/`onError`, then `after`.
    pub transitions: Vec<Transition>,
    /// Eventless transitions, in document order.
    pub always: Vec<Transition>,
    /// How long after entry each [`Trigger::After`] is due, by its number.
    pub delays: Vec<Delay>,
    /// Actions on entry.
    pub entry: Vec<Action>,
    /// Actions on exit.
    pub exit: Vec<Action>,
    /// The work of an atomic state.
    pub work: Option<Box<Work>>,
    /// Event data of these names is kept as attributes when the state takes the event.
    pub output: Vec<AttributeName>,
    /// What a final state gives to the state around it; on the root, what the whole machine gives back.
    pub result: Option<Computed>,
    /// Who does the state's work, if it is fixed.
    pub by: Option<Worker>,
    /// Whether it is a section: a phase of the work.
    pub is_section: bool,
    /// Free labels.
    pub tags: Vec<String>,
    /// Anything the author keeps with it.
    pub meta: Json,
    /// What the agent is told.
    pub wording: Wording,
}

/// What a state is.
#[derive(Debug)]
pub enum StateKind {
    /// It has no inner states.
    Atomic,
    /// Exactly one of its inner states is active.
    Compound {
        /// Where entering it leads.
        initial: Box<Initial>,
    },
    /// All of its inner states are active.
    Parallel,
    /// The end of the state around it.
    Final,
    /// Stands for what was active when the state around it was last left.
    History {
        /// Whether it remembers all levels, or only its siblings.
        deep: bool,
        /// Where it leads when there is nothing to remember; empty means the parent's own initial state.
        default: Vec<StateIx>,
    },
}

/// Where entering a compound state leads.
#[derive(Debug)]
pub struct Initial {
    /// The state to enter: the compound state's child, or a state deeper inside it.
    pub target: StateIx,
    /// What is done on the way, after the compound state's entry actions.
    pub actions: Vec<Action>,
}

/// One transition.
#[derive(Debug)]
pub struct Transition {
    /// What makes it a candidate.
    pub trigger: Trigger,
    /// The condition.
    pub guard: Option<Guard>,
    /// Facts that must be on record since the state was entered.
    pub requires: Vec<Requirement>,
    /// Where it leads; empty if it only does its actions.
    pub targets: Targets,
    /// Whether the source is left and entered again when the targets lie inside it.
    pub reenter: bool,
    /// What is done on the way.
    pub actions: Vec<Action>,
    /// What the agent is told about it.
    pub description: Option<String>,
    /// Anything the author keeps with it.
    pub meta: Json,
}

/// Where a transition leads. Few have more than one target, and one needs no memory of its own.
pub type Targets = SmallVec<[StateIx; 2]>;

/// What makes a transition a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// An event.
    Event(Descriptor),
    /// Nothing: it is taken as soon as its guard holds.
    Always,
    /// A delay of the state, by number.
    After(u32),
    /// The state is complete: a final state inside it was reached, or all its regions are complete.
    Complete,
    /// The state's work ended well.
    WorkDone,
    /// The state's work failed.
    WorkFailed,
}

/// Which events a transition answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    /// The event of this name.
    Exact(EventName),
    /// `a.b.*`: the event `a.b` and every event whose name begins with `a.b.`.
    Prefix(EventName),
    /// `*`: every event.
    Any,
}

impl Descriptor {
    /// Whether it answers an event of this name.
    #[must_use]
    pub fn matches(&self, event: &str) -> bool {
        match self {
            Self::Exact(name) => name.as_str() == event,
            Self::Prefix(name) => event
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            Self::Any => true,
        }
    }

    /// Whether it answers every event that another one answers.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match other {
            Self::Exact(name) => self.matches(name.as_str()),
            Self::Prefix(name) => !matches!(self, Self::Exact(_)) && self.matches(name.as_str()),
            Self::Any => matches!(self, Self::Any),
        }
    }
}

impl std::fmt::Display for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Prefix(name) => write!(f, "{name}.*"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// A condition.
#[derive(Debug)]
pub enum Guard {
    /// An expression.
    Expr(Expr),
    /// A name that `guards:` does not define.
    Unbound(Named),
    /// The run is in a state.
    InState(StateIx),
    /// All of them hold.
    All(Vec<Guard>),
    /// One of them holds.
    Any(Vec<Guard>),
    /// It does not hold.
    Not(Box<Guard>),
}

/// Facts that must be on record since a state was entered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// What sort of fact.
    pub kind: FactKind,
    /// Its type, such as `tool_execution`, if that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Its name, such as `crm_lookup`, if that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many there must be.
    pub min: u64,
    /// Whether only facts count that the engine or telemetry saw, not those the agent claims.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
}

/// The sorts of facts an agent reports or is seen to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// Something it did.
    Action,
    /// Something it chose.
    Decision,
    /// Something it said to another run.
    Message,
    /// Something it made.
    Artifact,
}

/// A delay.
#[derive(Debug)]
pub enum Delay {
    /// Always the same.
    Fixed(Span),
    /// Computed: a number is milliseconds, a text a span such as `2h`.
    Computed(Expr),
    /// A name that `delays:` does not define. Nobody knows when it is due, so it never is.
    Unbound(String),
}

/// Something done on the way.
#[derive(Debug)]
pub enum Action {
    /// Sets attributes, in order; later ones see earlier ones.
    Assign(Vec<(AttributeName, Computed)>),
    /// Adds a value at the end of list attributes. What is stored is the value, not the list.
    Append(Vec<(AttributeName, Computed)>),
    /// Sends an event to the run itself, to be taken before anything from outside.
    Raise(Send),
    /// Sends an event to the run itself, to be taken in its turn, at once or after a delay.
    Send(Send),
    /// Withdraws a delayed event.
    Cancel(Computed),
    /// Shows a line in the log.
    Log(Computed),
    /// A name that `actions:` does not define.
    Unbound(Named),
}

/// A guard or an action of which only the name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What it is to be given; null for nothing.
    pub params: Json,
}

/// An event an action sends.
#[derive(Debug)]
pub struct Send {
    /// The event's name.
    pub event: EventName,
    /// What it carries.
    pub data: Vec<(String, Computed)>,
    /// How long to wait; `None` means not at all.
    pub delay: Option<Delay>,
    /// A name by which it can be withdrawn.
    pub id: Option<String>,
}

/// A value that is written down or worked out.
#[derive(Debug)]
pub enum Computed {
    /// As it stands.
    Literal(Json),
    /// An expression's value.
    Expr(Expr),
    /// A text with expressions in it.
    Template(Template),
    /// An object of such values.
    Object(Vec<(String, Computed)>),
    /// A list of such values.
    List(Vec<Computed>),
}

/// Who does a state's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worker {
    /// The engine.
    Engine,
    /// The agent.
    Agent,
    /// A person.
    Person,
}

/// The work of an atomic state.
#[derive(Debug)]
pub struct Work {
    /// What sort of work.
    pub kind: WorkKind,
    /// The name of what is called: the agent, tool, task queue or child workflow.
    pub name: Option<String>,
    /// What it is told.
    pub prompt: Option<Template>,
    /// Everything else the definition says about it, for whoever does it.
    pub spec: Json,
    /// How often and when it is tried again.
    pub retry: Option<Retry>,
    /// How long one attempt may take.
    pub timeout: Option<Span>,
    /// What makes it good when the run goes back past it.
    pub compensate: Option<Box<Work>>,
}

/// The name of the task that a person is to do, who is told in words what makes work good.
pub const PERSON: &str = "person";

/// Sorts of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// An agent answers a prompt.
    Agent,
    /// A person answers a question.
    Ask,
    /// An MCP tool is called.
    Tool,
    /// An HTTP request is made.
    Http,
    /// A command is run.
    Exec,
    /// An outside worker claims it.
    Task,
    /// A child workflow runs.
    Run,
    /// Nothing is done until a time or an event.
    Wait,
    /// An XState `invoke` with a source of its own.
    Invoke,
}

impl WorkKind {
    /// Every sort of work.
    pub const ALL: [Self; 9] = [
        Self::Agent,
        Self::Ask,
        Self::Tool,
        Self::Http,
        Self::Exec,
        Self::Task,
        Self::Run,
        Self::Wait,
        Self::Invoke,
    ];

    /// The key that writes it in a definition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Ask => "ask",
            Self::Tool => "tool",
            Self::Http => "http",
            Self::Exec => "exec",
            Self::Task => "task",
            Self::Run => "run",
            Self::Wait => "wait",
            Self::Invoke => "invoke",
        }
    }
}

/// How often and when work is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The wait before the second attempt.
    pub delay: Span,
    /// What each further wait is multiplied by.
    pub backoff: f64,
}

/// What the agent is told about a state. Edited live, so no part of the structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    /// What to do there.
    pub guideline: Option<String>,
    /// What the state is.
    pub description: Option<String>,
}

/// An attribute of a run's data.
#[derive(Debug)]
pub struct Attribute {
    /// Its type as written: `string`, `number`, `object` …
    pub r#type: String,
    /// Whether it is a list of that type.
    pub is_array: bool,
    /// Whether a run cannot start without it.
    pub required: bool,
    /// Whether it is to be kept from eyes that need not see it.
    pub sensitive: bool,
    /// Its first value.
    pub default: Option<Json>,
    /// What it means.
    pub description: Option<String>,
    /// What values it takes.
    pub schema: Schema,
}

/// What an event carries.
#[derive(Debug)]
pub struct EventType {
    /// What it means.
    pub description: Option<String>,
    /// Its fields, in the order they are declared.
    pub fields: IndexMap<String, Field>,
    /// What its data as a whole must be.
    pub schema: Schema,
}

/// A field of an event's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its type as written.
    pub r#type: String,
    /// Whether the event must carry it.
    pub required: bool,
    /// What it means.
    pub description: Option<String>,
}

/// Who answers the prompts of steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Agent {
    /// Answers written down beforehand.
    Scripted(Scripted),
    /// A program that claims its tasks.
    Worker,
}

/// Answers written down beforehand: for trying things out, demos, tests and replays.
///
/// Which answer is given depends on nothing but the step, the visit, the branch and the attempt, so that a repeat after a
/// crash gets the same one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scripted {
    /// Answers by step, by its path or its own name. A list gives the n-th visit, or the n-th branch of a fan-out, its n-th
    /// item, and the last one to all further; an object with only `error` is a failure, one with `attempts` as a list gives
    /// the n-th attempt its n-th item.
    pub answers: serde_json::Map<String, Json>,
    /// How long each answer takes.
    pub delay: Span,
}

/// Bounds on a run and everything below it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Longest life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Span>,
    /// Most money, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// Most tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Most calls of a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_llm_calls: Option<u64>,
    /// Most steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Most runs launched below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_launches: Option<u64>,
    /// Most steps to go back at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rollback_steps: Option<u64>,
    /// From which share of a limit on there is a warning, between 0 and 1; none means no warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_at: Option<f64>,
}

/// How much of the work of all runs of a workflow may go on at once, whoever does it. The default bounds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Runs that have begun and are not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// Pieces of work, by [`Concurrency::name_of`] or by its kind alone.
    #[serde(default, flatten)]
    pub work: BTreeMap<String, u64>,
}

impl Concurrency {
    /// The kinds of work of which so many may go on at once. The others take no time of anybody's.
    pub const KINDS: [WorkKind; 6] = [
        WorkKind::Agent,
        WorkKind::Task,
        WorkKind::Tool,
        WorkKind::Http,
        WorkKind::Exec,
        WorkKind::Invoke,
    ];

    /// What bounds name a piece of work by: its kind, and who is to do it if that has a name, as in `task:review`.
    #[must_use]
    pub fn name_of(kind: WorkKind, name: Option<&str>) -> String {
        let name = name.filter(|_| {
            matches!(kind, WorkKind::Agent | WorkKind::Task | WorkKind::Tool | WorkKind::Invoke)
        });
        name.map_or_else(|| kind.as_str().to_owned(), |name| format!("{}:{name}", kind.as_str()))
    }

    /// The names of bounds that a piece of work counts in: its own name, and its kind.
    pub fn names(work: &str) -> impl Iterator<Item = &str> {
        let kind = work.split_once(':').map(|(kind, _)| kind);
        std::iter::once(work).chain(kind)
    }

    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_none() && self.work.is_empty()
    }

    /// Whether anything bounds a piece of work of this name.
    #[must_use]
    pub fn bounds(&self, work: &str) -> bool {
        self.runs.is_some() || Self::names(work).any(|name| self.work.contains_key(name))
    }
}

/// Which places on a run's way get a name by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// How often.
    pub every: Every,
    /// How many are kept, the last ones.
    pub max: u64,
}

/// How often a checkpoint is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Wherever the run comes to new states and is at rest.
    Step,
    /// There, but not before so much time has passed since the last.
    Span(Span),
}

impl State {
    /// Every action that belongs to it: on entry, on exit, and on the way from it or into it.
    fn actions(&self) -> impl Iterator<Item = &Action> {
        let initial: &[Action] = match &self.kind {
            StateKind::Compound { initial } => &initial.actions,
            StateKind::Atomic
            | StateKind::Parallel
            | StateKind::Final
            | StateKind::History { .. } => &[],
        };
        let transitions = self.transitions.iter().chain(&self.always);
        let on_the_way = transitions.flat_map(|transition| &transition.actions);
        self.entry.iter().chain(&self.exit).chain(initial).chain(on_the_way)
    }
}

impl Action {
    /// The event it raises or sends, if it does.
    fn sends(&self) -> Option<&EventName> {
        self.sending().map(|send| &send.event)
    }

    /// The event it raises or sends with a delay, if it does.
    fn delays(&self) -> Option<&EventName> {
        self.sending().filter(|send| send.delay.is_some()).map(|send| &send.event)
    }

    fn sending(&self) -> Option<&Send> {
        match self {
            Self::Raise(send) | Self::Send(send) => Some(send),
            Self::Assign(_)
            | Self::Append(_)
            | Self::Cancel(_)
            | Self::Log(_)
            | Self::Unbound(_) => None,
        }
    }
}

impl Machine {
    /// A machine of these states, which must be in document order with the root first.
    #[must_use]
    pub fn new(name: String, states: Vec<State>) -> Self {
        let numbers = states.iter().zip(0..).map(|(state, ix)| (state.id.clone(), ix));
        Self {
            name,
            description: None,
            hash: String::new(),
            index: numbers.collect(),
            has_always: states.iter().any(|state| !state.always.is_empty()),
            sent: states
                .iter()
                .flat_map(State::actions)
                .filter_map(Action::sends)
                .cloned()
                .collect(),
            states,
            attributes: IndexMap::new(),
            events: IndexMap::new(),
            limits: Limits::default(),
            checkpoints: None,
            schedules: IndexMap::new(),
            concurrency: Concurrency::default(),
            agents: IndexMap::new(),
            unbound_guards: IndexMap::new(),
            unbound_actions: Vec::new(),
        }
    }

    /// Whether any state has eventless transitions.
    #[must_use]
    pub fn has_always(&self) -> bool {
        self.has_always
    }

    /// Whether any action raises or sends an event that a descriptor answers.
    #[must_use]
    pub fn sends_any(&self, descriptor: &Descriptor) -> bool {
        self.sent.iter().any(|event| descriptor.matches(event.as_str()))
    }

    /// The events that actions raise or send with a delay.
    pub(crate) fn delayed(&self) -> impl Iterator<Item = &EventName> {
        self.states.iter().flat_map(State::actions).filter_map(Action::delays)
    }

    /// The root's number.
    pub const ROOT: StateIx = 0;

    /// The state of this number.
    #[must_use]
    pub fn state(&self, ix: StateIx) -> &State {
        &self.states[ix as usize]
    }

    /// The number of the state with this full path.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<StateIx> {
        self.index.get(id).copied()
    }

    /// Where a history state leads when there is nothing to remember: its own default, else where its parent begins.
    pub(crate) fn history_default(&self, history: StateIx) -> Vec<StateIx> {
        let state = self.state(history);
        match &state.kind {
            StateKind::History { default, .. } if !default.is_empty() => default.clone(),
            StateKind::History { .. }
            | StateKind::Atomic
            | StateKind::Compound { .. }
            | StateKind::Parallel
            | StateKind::Final => match state.parent.map(|parent| (parent, self.state(parent))) {
                Some((_, State { kind: StateKind::Compound { initial }, .. })) => {
                    vec![initial.target]
                }
                Some((parent, State { kind: StateKind::Parallel, .. })) => vec![parent],
                Some(_) | None => Vec::new(),
            },
        }
    }

    /// Whether `inner` lies inside `outer`, at any depth. No state lies inside itself.
    #[must_use]
    pub fn is_inside(&self, inner: StateIx, outer: StateIx) -> bool {
        inner > outer && inner <= self.state(outer).last
    }

    /// The states around a state, innermost first, the root last.
    pub fn ancestors(&self, ix: StateIx) -> impl Iterator<Item = StateIx> {
        std::iter::successors(self.state(ix).parent, |outer| self.state(*outer).parent)
    }
}
