//! How a run stands: the part of every answer that says where it is and what may come next.

use guidepost_core::id::{Rev, RunId, RunNo, StateId, Version, Visit, piece};
use guidepost_core::kernel;
use guidepost_core::machine::{Machine, State, StateIx, StateKind, Work, WorkKind};
use guidepost_core::run::{Driver, PauseReason, Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_store::{Durability, StateWording};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::asked::asked;
use super::current::Current;
use super::limit::limits_now;
use super::next::next;
use super::told::Teller;
use super::{InHand, LimitNow, Next, OpError, Ops, Packet, PendingTimer, Told, sensitive};

/// A run's names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunName {
    /// The short id.
    pub run: String,
    /// The store's key.
    pub run_no: RunNo,
    /// The id across stores.
    pub run_id: RunId,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Which run.
    #[serde(flatten)]
    pub name: RunName,
    /// Its workflow.
    pub workflow: String,
    /// The version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// How many records changed its state.
    pub rev: Rev,
    /// What it is doing.
    pub status: Status,
    /// Why it is paused.
    #[serde(skip)]
    pub paused: Option<PauseReason>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who does its work.
    pub driver: Driver,
    /// The agent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What it is to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// The innermost states it is in, in document order.
    pub states: Vec<StateNow>,
    /// Its data, without what is sensitive.
    pub data: Map<String, Json>,
    /// What is legal now. Empty when the run is over, paused, or in the engine's hands.
    pub next: Vec<Next>,
    /// The work that an engine or a worker does for it, as far as the first pieces go, and in whose hands it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_hand: Vec<InHand>,
    /// How much is spent of the limits that hold for it, and what is left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitNow>,
    /// What is being made good before it goes on, in this order: pieces of work, as in `Review#2[3]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub making_good: Vec<String>,
    /// What time sets off next, while the run waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<PendingTimer>,
    /// What it gave back, or why it failed.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub output: Json,
    /// What an acknowledged write survives, if that is less than loss of power.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// More, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<Packet>,
}

/// A state a run is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateNow {
    /// Its path.
    pub state: StateId,
    /// Its number among the workflow's innermost states, from 1.
    pub number: usize,
    /// How many of those there are.
    pub of: usize,
    /// What to do there, as it is worded now, with the run's data filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guideline: Option<Told>,
    /// What the state is, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Told>,
    /// How often the guideline was edited since the version was saved.
    pub wording: u64,
    /// The work of the state, if it has any and it is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkKind>,
    /// What the work is told, likewise: a question, a prompt, or what is called with what, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Told>,
    /// What could not be filled in, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The n-th time the run is in it.
    pub visit: Visit,
    /// Since when.
    pub since: Timestamp,
}

impl Standing {
    /// The same for everybody: with `(sensitive)` in place of what only those need to see who do the work. For pages and
    /// other answers that are handed around.
    #[must_use]
    pub fn for_everybody(mut self) -> Self {
        self.states.iter_mut().for_each(StateNow::hide);
        self.next.iter_mut().filter_map(|next| next.description.as_mut()).for_each(Told::hide);
        self
    }
}

impl StateNow {
    fn hide(&mut self) {
        let texts = [&mut self.guideline, &mut self.description, &mut self.prompt];
        texts.into_iter().flatten().for_each(Told::hide);
    }
}

impl Ops {
    pub(super) async fn standing(&self, current: &Current) -> Result<Standing, OpError> {
        let Current { head, run, machine, budgets } = current;
        let wording = self.store.wording(&self.tenant, &run.workflow).await?;
        let durability = self.store.describe().durability;
        Ok(Standing {
            name: RunName { run: current.name(), run_no: head.no, run_id: head.id },
            workflow: run.workflow.clone(),
            version: head.version,
            rev: run.rev,
            status: run.status,
            paused: run.paused.as_ref().map(|(reason, _)| *reason),
            reason: run.paused.as_ref().map(|(reason, detail)| match detail.as_str() {
                "" => reason.as_str().to_owned(),
                detail => format!("{}: {detail}", reason.as_str()),
            }),
            driver: run.driver,
            agent: head.agent.clone(),
            goal: head.goal.clone(),
            states: states_now(machine, run, &wording.states),
            data: shown_data(machine, run),
            next: next(machine, run, head.version, &wording.transitions),
            in_hand: self.in_hand(current).await?,
            limits: limits_now(budgets, self.world.now()),
            making_good: making_good(run),
            until: until(machine, run),
            output: run.output.clone(),
            durability: Some(durability).filter(|durability| *durability != Durability::Disk),
            updated_at: head.updated_at,
            packet: None,
        })
    }
}

/// What is left to make good.
fn making_good(run: &Run) -> Vec<String> {
    let left = run.undoing.iter().flat_map(|undoing| undoing.left());
    left.map(|work| piece(&work.state, work.visit, work.branch)).collect()
}

/// What time sets off next, if the run waits.
fn until(machine: &Machine, run: &Run) -> Option<PendingTimer> {
    let (id, _) = run.next_timer().filter(|_| run.status == Status::Waiting)?;
    Some(PendingTimer::of(id, run.timers.get(id)?, machine))
}

/// A run's data as everybody may see it.
pub(super) fn shown_data(machine: &Machine, run: &Run) -> Map<String, Json> {
    let mut data = run.data.to_json();
    sensitive::hide(machine, &mut data);
    match data {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn states_now(machine: &Machine, run: &Run, wording: &[StateWording]) -> Vec<StateNow> {
    let innermost: Vec<StateIx> = (0..)
        .zip(&machine.states)
        .filter(|(_, state)| is_innermost(state))
        .map(|(ix, _)| ix)
        .collect();
    let teller = Teller::of(machine, run);
    let leaves = kernel::leaves(machine, run).into_iter();
    leaves
        .map(|ix| {
            let state = machine.state(ix);
            let active = run.active.get(&state.id);
            let worded = wording.iter().find(|worded| worded.state == state.id.as_str());
            let is_going_on = active.is_some_and(|active| !active.work_ended);
            let work = state.work.as_ref().filter(|_| is_going_on && !run.status.is_ended());
            let (guideline, description) = match worded {
                Some(worded) => (&worded.guideline, &worded.description),
                None => (&state.wording.guideline, &state.wording.description),
            };
            let mut missing = Vec::new();
            let mut told = |text: &str| teller.text(text, &mut missing);
            let (guideline, description) =
                (guideline.as_deref().map(&mut told), description.as_deref().map(&mut told));
            let mut now = StateNow {
                number: innermost.iter().position(|known| *known == ix).map_or(0, |at| at + 1),
                of: innermost.len(),
                guideline,
                description,
                wording: worded.map_or(0, |worded| worded.revision),
                work: work.map(|work| work.kind),
                prompt: work.and_then(|work| prompt(work, &teller, &mut missing)),
                missing,
                visit: active.map_or(Visit(1), |active| active.visit),
                since: active.map_or(Timestamp(0), |active| active.at),
                state: state.id.clone(),
            };
            if kernel::is_engines(machine, run, ix) {
                now.hide();
            }
            now
        })
        .collect()
}

fn is_innermost(state: &State) -> bool {
    match state.kind {
        StateKind::Atomic | StateKind::Final => state.parent.is_some(),
        StateKind::Compound { .. } | StateKind::Parallel | StateKind::History { .. } => false,
    }
}

/// What a state's work is told: its prompt or question, or what is called with what.
fn prompt(work: &Work, teller: &Teller<'_>, missing: &mut Vec<String>) -> Option<Told> {
    match (work.kind, &work.prompt) {
        (WorkKind::Agent | WorkKind::Ask, Some(template)) => {
            Some(teller.template(template, missing))
        }
        (WorkKind::Ask, None) => (!work.spec.is_null()).then(|| Told::plain(work.spec.to_string())),
        // What time does needs nobody.
        (WorkKind::Wait, _) => None,
        _ => Some(teller.line(missing, |scope, missing| asked(work, scope, missing))),
    }
}
