//! A run of a plain list of agents' steps, as a workflow with steps: how it stands and what each step gave.

use std::collections::HashMap;
use std::fmt;

use guidepost_core::id::{Branch, RunNo, RunRef, StateId};
use guidepost_core::machine::{Machine, State, StateIx, StateKind, Trigger};
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_store::{Role, Turn, TurnFilter, thread_name};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::current::Current;
use super::{Damage, OpError, Ops, sensitive};

/// Turns read at a time.
const PAGE: usize = 1_000;

/// What is told of a step that failed without its workflow; SQL shows the same.
const WENT_ON: &str = "it failed, and the workflow went on elsewhere";

/// A workflow of agents' steps: a run of a plain list of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentWorkflow {
    /// Its id, the run's UUID. Operations take the short id too.
    pub id: String,
    /// The run's short id.
    pub run: String,
    /// The run's number.
    #[serde(skip)]
    pub run_no: RunNo,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its steps, in the order they are done.
    pub steps: Vec<AgentWorkflowStep>,
    /// The place of the step it is at, from 0, the first of several; when it is completed, how many steps there are.
    pub current_step_index: usize,
    /// What it is doing.
    pub status: WorkflowStatus,
    /// What its author keeps with it.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub metadata: Json,
    /// When it was created.
    #[serde(serialize_with = "as_text")]
    pub created_at: Timestamp,
    /// When it last moved.
    #[serde(serialize_with = "as_text")]
    pub updated_at: Timestamp,
    /// What is wrong with it, in a list, if it cannot be read: then its steps are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damage>,
}

/// A step of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentWorkflowStep {
    /// Its id: the workflow's id and the step's name.
    pub id: String,
    /// The workflow's id.
    pub workflow_id: String,
    /// The agent that does it.
    pub agent_id: String,
    /// What the agent is told, as it is written: values are filled in when the step begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The name of its thread, in which what was said is kept in order.
    pub thread_id: String,
    /// How far it is.
    pub status: StepStatus,
    /// What the agent gave: a text as it is, any other value as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What its author keeps with it.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub metadata: Json,
    /// When it was created: with the workflow, or when it was added.
    #[serde(serialize_with = "as_text")]
    pub created_at: Timestamp,
    /// When something last happened to it.
    #[serde(serialize_with = "as_text")]
    pub updated_at: Timestamp,
}

/// What a workflow of agents' steps is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// It was created and not executed yet.
    Pending,
    /// A step is being done, or can be.
    Running,
    /// All steps are done.
    Completed,
    /// A step failed, or it was cancelled.
    Failed,
    /// Somebody paused it.
    Paused,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It has not begun.
    Pending,
    /// It has begun. It stays so while its workflow is paused.
    Running,
    /// It is done.
    Completed,
    /// It failed, or its workflow failed or was cancelled in it.
    Failed,
    /// It was passed over: its condition did not hold, another step led past it, or somebody skipped it.
    Skipped,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl WorkflowStatus {
    /// What a run of a plain list of steps is to those who know it as a workflow.
    pub(super) fn of(run: &Run) -> Self {
        match run.paused {
            Some((PauseReason::Pending, _)) if run.status == Status::Paused => Self::Pending,
            _ => Self::of_status(run.status),
        }
    }

    /// The same as far as the status alone tells.
    pub(super) fn of_status(status: Status) -> Self {
        match status {
            Status::Running | Status::Waiting => Self::Running,
            Status::Paused => Self::Paused,
            Status::Completed => Self::Completed,
            Status::Failed | Status::Cancelled => Self::Failed,
        }
    }

    /// The name users meet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Paused => "paused",
        }
    }

    /// Whether no step will be done any more, unless somebody asks for it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl fmt::Display for WorkflowStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl StepStatus {
    /// How far a step is that its workflow is at.
    fn of_active(workflow: WorkflowStatus) -> Self {
        match workflow {
            WorkflowStatus::Pending => Self::Pending,
            WorkflowStatus::Failed => Self::Failed,
            WorkflowStatus::Running | WorkflowStatus::Paused => Self::Running,
            WorkflowStatus::Completed => Self::Completed,
        }
    }

    /// The name users meet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Ops {
    /// A run of a plain list of agents' steps, as a workflow with steps.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the run is one of anything else, and the failures of the store.
    pub async fn agent_workflow(&self, run: &RunRef) -> Result<AgentWorkflow, OpError> {
        let current = self.current(run).await?;
        self.as_agent_workflow(&current).await
    }

    pub(super) async fn as_agent_workflow(
        &self,
        current: &Current,
    ) -> Result<AgentWorkflow, OpError> {
        let machine = &current.machine;
        let steps = expect_steps(current)?;
        let at = place(machine, &current.run, &steps);
        let (id, status) = (current.head.id, WorkflowStatus::of(&current.run));
        let turns = self.turns_by_thread(current).await?;
        let mut created = self.created_at(current, &steps).await?;
        let mut answer = Vec::with_capacity(steps.len());
        for ix in &steps {
            let state = machine.state(*ix);
            let thread = thread_name(id, &state.id, Branch::WHOLE);
            let said = turns.get(&thread).map_or(&[][..], Vec::as_slice);
            let is_active = current.run.active.contains_key(&state.id);
            let step_status = match is_active {
                true => StepStatus::of_active(status),
                false => past(machine, &current.run, *ix, said),
            };
            let created_at = created.remove(&state.id).unwrap_or(current.head.created_at);
            let last = said.last().map_or(created_at, |turn| turn.at);
            let work = state.work.as_ref();
            answer.push(AgentWorkflowStep {
                id: format!("{id}:{}", state.id),
                workflow_id: id.to_string(),
                agent_id: work.and_then(|work| work.name.clone()).unwrap_or_default(),
                input: work.and_then(|work| Some(work.prompt.as_ref()?.source().to_owned())),
                result: (step_status == StepStatus::Completed)
                    .then(|| if is_sensitive(machine, state) { hidden() } else { result(said) })
                    .flatten(),
                error: (step_status == StepStatus::Failed).then(|| match is_active {
                    true => error(&current.run),
                    false => WENT_ON.to_owned(),
                }),
                thread_id: thread,
                status: step_status,
                metadata: state.meta.clone(),
                created_at,
                updated_at: if is_active { current.head.updated_at } else { last },
            });
        }
        Ok(AgentWorkflow {
            id: id.to_string(),
            run: current.name(),
            run_no: current.head.no,
            name: machine.name.clone(),
            description: machine.description.clone(),
            steps: answer,
            current_step_index: at,
            status,
            metadata: machine.state(Machine::ROOT).meta.clone(),
            created_at: current.head.created_at,
            updated_at: current.head.updated_at,
            damaged: None,
        })
    }

    /// All that was said in a run, by thread.
    async fn turns_by_thread(
        &self,
        current: &Current,
    ) -> Result<HashMap<String, Vec<Turn>>, OpError> {
        let mut filter = TurnFilter { limit: PAGE, ..TurnFilter::of(current.head.no) };
        let mut threads: HashMap<String, Vec<Turn>> = HashMap::new();
        loop {
            let page = self.store.turns(&self.tenant, &filter).await?;
            for turn in page.items {
                threads.entry(turn.thread.clone()).or_default().push(turn);
            }
            if page.next.is_none() {
                return Ok(threads);
            }
            filter.cursor = page.next;
        }
    }

    /// When each step came to be: when the first version was saved that has it, and not before the run began.
    async fn created_at(
        &self,
        current: &Current,
        steps: &[StateIx],
    ) -> Result<HashMap<StateId, Timestamp>, OpError> {
        let began = current.head.created_at;
        let name = &current.run.workflow;
        let mut versions = self.store.versions(&self.tenant, name).await?;
        versions.retain(|found| Some(found.version) <= current.head.version);
        versions.reverse();
        let mut created = HashMap::new();
        // Most runs are in a version that was there when they began.
        if versions.last().is_none_or(|last| last.created_at <= began) {
            return Ok(created);
        }
        for found in versions {
            if created.len() == steps.len() {
                break;
            }
            let machine = self.find_workflow(&format!("{name}@{}", found.version)).await?.machine;
            for ix in steps {
                let id = &current.machine.state(*ix).id;
                let is_step = machine.agent_steps().iter().any(|ix| machine.state(*ix).id == *id);
                if is_step {
                    created.entry(id.clone()).or_insert(found.created_at.max(began));
                }
            }
        }
        Ok(created)
    }
}

/// The steps of a run that is one of a plain list of them.
pub(super) fn expect_steps(current: &Current) -> Result<Vec<StateIx>, OpError> {
    let steps = current.machine.agent_steps();
    if !steps.is_empty() {
        return Ok(steps);
    }
    let (run, workflow) = (current.name(), &current.run.workflow);
    Err(OpError::BadArgument {
        what: format!("run `{run}` of workflow `{workflow}` is no plain list of agents' steps"),
        hint: Some(format!("`guidepost where {run}` tells how it stands")),
    })
}

/// The place of the first step a run is at; past the last one when it is completed.
fn place(machine: &Machine, run: &Run, steps: &[StateIx]) -> usize {
    let is_active = |ix: &StateIx| run.active.contains_key(&machine.state(*ix).id);
    steps.iter().position(is_active).unwrap_or(steps.len())
}

/// How far a step is that its workflow is not at.
fn past(machine: &Machine, run: &Run, step: StateIx, said: &[Turn]) -> StepStatus {
    if !is_passed(machine, run, step) {
        return StepStatus::Pending;
    }
    if !was_entered(machine, run, step) {
        return StepStatus::Skipped;
    }
    // Whoever was told something and gave nothing failed, or was cut off.
    if said.last().is_none_or(|turn| turn.role == Role::Assistant) {
        return StepStatus::Completed;
    }
    let may_fail = machine.state(step).transitions.iter();
    match may_fail.into_iter().any(|way| way.trigger == Trigger::WorkFailed) {
        true => StepStatus::Failed,
        false => StepStatus::Skipped,
    }
}

/// Whether a run is past a step, in the list that has it or in one around that.
fn is_passed(machine: &Machine, run: &Run, step: StateIx) -> bool {
    let is_active = |ix: &StateIx| run.active.contains_key(&machine.state(*ix).id);
    let mut inner = step;
    for outer in machine.ancestors(step) {
        let state = machine.state(outer);
        if !matches!(state.kind, StateKind::Parallel)
            && (outer == Machine::ROOT || is_active(&outer))
        {
            return state.children.iter().any(|child| *child > inner && is_active(child));
        }
        inner = outer;
    }
    false
}

/// Whether a step was entered on the way the run has gone, and not only before it went back. Then what stands before it, or
/// before a state around it, was left no later than it.
fn was_entered(machine: &Machine, run: &Run, step: StateIx) -> bool {
    let visits = |ix: StateIx| run.visits.get(&machine.state(ix).id);
    let is_in_order = |ix: StateIx| {
        let outer = machine.state(ix).parent.map(|outer| machine.state(outer));
        let list = outer.filter(|outer| !matches!(outer.kind, StateKind::Parallel));
        let before = list.into_iter().flat_map(|list| &list.children).filter(|it| **it < ix);
        let left = visits(ix).map(|visits| visits.left);
        before
            .filter_map(|ix| visits(*ix))
            .all(|before| left.is_none_or(|left| before.left <= left))
    };
    // What is active was not left since.
    let around = std::iter::once(step).chain(machine.ancestors(step));
    let mut behind = around.take_while(|ix| !run.active.contains_key(&machine.state(*ix).id));
    visits(step).is_some() && behind.all(is_in_order)
}

/// Whether a step gives something that its workflow calls sensitive.
fn is_sensitive(machine: &Machine, state: &State) -> bool {
    let attributes = state.output.iter().filter_map(|name| machine.attributes.get(name));
    attributes.into_iter().any(|attribute| attribute.sensitive)
}

fn hidden() -> Option<String> {
    Some(sensitive::HIDDEN.to_owned())
}

/// What the agent gave last.
fn result(said: &[Turn]) -> Option<String> {
    let last = said.iter().rev().find(|turn| turn.role == Role::Assistant)?;
    Some(match &last.content {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Why a run is over without being completed.
fn error(run: &Run) -> String {
    match &run.output {
        Json::String(reason) => reason.clone(),
        _ => run.status.to_string(),
    }
}
