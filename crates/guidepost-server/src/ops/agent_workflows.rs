//! Workflows of agents' steps: created, extended, executed, paused, resumed, retried, listed.

use std::collections::HashMap;
use std::time::Duration;

use guidepost_core::id::{RunRef, StateId, Version};
use guidepost_core::input::Control;
use guidepost_core::run::Driver;
use guidepost_engine::Engine;
use guidepost_store::{RunFilter, RunSummary};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::agent_workflow::expect_steps;
use super::migrate::Outcome;
use super::{
    AddStep, AgentWorkflow, Allowed, ControlRun, Damage, Define, OpError, Ops, Place, Rollback,
    StartRun, StepStatus, WorkflowStatus,
};

/// How many workflows a list has when nobody says otherwise.
pub const WORKFLOWS_LISTED: usize = 10;

/// What is told of a workflow that is created and not executed yet.
const NOT_BEGUN: &str = "it was created and not executed yet; resume it, or execute it, to begin";

/// A workflow to create.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAgentWorkflow {
    /// Its name. Another of the same name may have other steps.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its steps, in the order they are to be done; at least one.
    pub steps: Vec<NewStep>,
    /// Anything to keep with it.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub metadata: Json,
    /// Settings of the flow, as under `settings:` of a definition.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Json>,
    /// Agents that are described here, as under `agents:` of a definition. The others are handlers, or workers outside.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub agents: Map<String, Json>,
}

/// A step to create: one task for one agent, or several steps at once.
///
/// What a step says beyond its agent and input is said as in a definition, and checked as there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewStep {
    /// Its name, by which others lead to it. `None` means one by its place: `step-2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The agent; empty if the step has `parallel`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent_id: String,
    /// What the agent is told. `{{ previous }}` in it is what the step before gave; without an input, that is all it is
    /// told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The condition under which it is done, an expression.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub when: Json,
    /// Steps, or lists of them, that are done at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parallel: Vec<Json>,
    /// How often it is tried again: a number of attempts, or an object.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub retry: Json,
    /// How long one attempt may take, such as `30s`.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub timeout: Json,
    /// Where it leads when it is done: a step's name, or alternatives. By default to the next.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub on_done: Json,
    /// Where it leads when it fails. By default its workflow fails.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub on_error: Json,
    /// Anything to keep with it.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub metadata: Json,
}

impl NewStep {
    /// Checks what a definition could not tell.
    fn expect_agent(&self, place: usize) -> Result<(), OpError> {
        match (self.agent_id.is_empty(), self.parallel.is_empty()) {
            (false, true) | (true, false) => Ok(()),
            (true, true) => Err(OpError::BadArgument {
                what: format!("step {place} names no agent"),
                hint: Some("give it an `agentId`, or steps to do at once as `parallel`".to_owned()),
            }),
            (false, false) => Err(OpError::BadArgument {
                what: format!("step {place} has both `agentId` and `parallel`"),
                hint: Some("name the agents in the steps under `parallel`".to_owned()),
            }),
        }
    }
}

/// A workflow whose steps are to be done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryAgentWorkflow {
    /// The run.
    pub run: RunRef,
    /// The step to begin with: its name, or its id. `None` means the one that failed; of a completed workflow, the first.
    pub from: Option<String>,
    /// Who wants it.
    pub caller: String,
}

impl Ops {
    /// Creates a workflow of agents' steps: a run of a plain list of them, which begins when it is executed.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if it has no steps or one names no agent, [`OpError::BadDefinition`] if what they say cannot be
    /// read, and the failures of the store.
    pub async fn create_agent_workflow(
        &self,
        request: &CreateAgentWorkflow,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        if request.steps.is_empty() {
            return Err(OpError::BadArgument {
                what: format!("the workflow `{}` has no steps", request.name),
                hint: Some("give it at least one: `{ agentId, input }`".to_owned()),
            });
        }
        for (place, step) in (1..).zip(&request.steps) {
            step.expect_agent(place)?;
        }
        let define = Define {
            text: json!(request).to_string(),
            // What messages call it.
            file: "steps".to_owned(),
            save: true,
            allowed: Allowed::Everything,
            caller: caller.to_owned(),
        };
        let defined = self.define(&define).await?;
        let version = defined.version().unwrap_or_default();
        self.create_agent_workflow_of(&defined.workflow, version, &Map::new(), caller).await
    }

    /// Creates a workflow of agents' steps from a definition that is saved, with first values of its attributes.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the definition is no plain list of agents' steps, and as [`Ops::start_run`].
    pub async fn create_agent_workflow_of(
        &self,
        workflow: &str,
        version: Version,
        input: &Map<String, Json>,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let reference = format!("{workflow}@{version}");
        let machine = self.find_workflow(&reference).await?.machine;
        if machine.agent_steps().is_empty() {
            return Err(OpError::BadArgument {
                what: format!("workflow `{reference}` is no plain list of agents' steps"),
                hint: Some(format!("`guidepost run {reference}` runs any workflow")),
            });
        }
        let start = StartRun {
            workflow: Some(reference),
            input: input.clone(),
            goal: machine.description.clone(),
            driver: Driver::Engine,
            caller: caller.to_owned(),
            ..StartRun::default()
        };
        let started = self.begin(&start, Some(NOT_BEGUN)).await?;
        self.agent_workflow(&started.standing.name.run_no.into()).await
    }

    /// Adds a step at the end of a workflow that is not over.
    ///
    /// # Errors
    ///
    /// As [`Ops::add_step`].
    pub async fn add_agent_step(
        &self,
        run: &RunRef,
        step: &NewStep,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let steps = expect_steps(&self.current(run).await?)?;
        step.expect_agent(steps.len() + 1)?;
        let request = AddStep { run: run.clone(), step: json!(step), caller: caller.to_owned() };
        let added = self.add_step(&request).await?;
        if added.outcome == Outcome::Refused {
            let obstacles: Vec<&str> =
                added.obstacles.iter().map(|found| found.what.as_str()).collect();
            return Err(OpError::BadArgument {
                what: format!("no step is added to run `{}`: {}", added.run, obstacles.join("; ")),
                hint: Some("create a new workflow, or `retry` this one first".to_owned()),
            });
        }
        self.agent_workflow(run).await
    }

    /// Lets a workflow's steps be done by whoever serves its agents. One that is under way stays so; one that is paused waits
    /// until somebody resumes it.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if it is over or paused, and the failures of the store.
    pub async fn begin_agent_workflow(
        &self,
        run: &RunRef,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let found = self.agent_workflow(run).await?;
        let run_id = &found.run;
        let hint = match found.status {
            WorkflowStatus::Completed | WorkflowStatus::Failed => {
                format!("`guidepost steps retry {run_id}` does its steps again")
            }
            WorkflowStatus::Paused => format!("`guidepost steps resume {run_id}` lets it go on"),
            WorkflowStatus::Pending | WorkflowStatus::Running => String::new(),
        };
        if !hint.is_empty() {
            return Err(OpError::BadArgument {
                what: format!("workflow `{run_id}` is {}", found.status),
                hint: Some(hint),
            });
        }
        self.control_agent_workflow(run, Control::Resume, caller).await
    }

    /// Executes a workflow by an engine of one's own, and gives it as it stands when all its steps are done, one failed, or
    /// somebody paused it. Dropped midway, it leaves the workflow under way.
    ///
    /// # Errors
    ///
    /// As [`Ops::begin_agent_workflow`].
    pub async fn execute_agent_workflow(
        &self,
        run: &RunRef,
        engine: Engine,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        /// How often others' doing is looked for; the engine's own is told.
        const PAUSE: Duration = Duration::from_millis(100);
        self.begin_agent_workflow(run, caller).await?;
        let no = self.current(run).await?.head.no;
        let running = engine.for_run(no).start();
        let mut commits = running.commits();
        loop {
            let status = WorkflowStatus::of(&self.current(&no.into()).await?.run);
            if status.is_over() || status == WorkflowStatus::Paused {
                break;
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        running.stop().await;
        self.agent_workflow(&no.into()).await
    }

    /// Pauses a workflow at once, also in the middle of a step: what the step gives is kept, and the next one is not begun.
    /// One that has nothing to pause stays as it is.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if the run is no plain list of agents' steps, and the failures of the store.
    pub async fn pause_agent_workflow(
        &self,
        run: &RunRef,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let found = self.agent_workflow(run).await?;
        if found.status != WorkflowStatus::Running {
            return Ok(found);
        }
        self.control_agent_workflow(run, Control::Pause, caller).await
    }

    /// Lets a paused workflow go on where it stands. One that is not paused stays as it is.
    ///
    /// # Errors
    ///
    /// As [`Ops::pause_agent_workflow`].
    pub async fn resume_agent_workflow(
        &self,
        run: &RunRef,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let found = self.agent_workflow(run).await?;
        if found.status != WorkflowStatus::Paused {
            return Ok(found);
        }
        self.control_agent_workflow(run, Control::Resume, caller).await
    }

    /// Does steps of a workflow again, from the one that failed, or from the one that is named. Steps before it keep their
    /// results; the history and the threads keep what was.
    ///
    /// # Errors
    ///
    /// [`OpError::BadArgument`] if it has no such step or has not come to it, if nothing failed in a workflow that is under
    /// way, or if a step did what cannot be undone; and the failures of the store.
    pub async fn retry_agent_workflow(
        &self,
        request: &RetryAgentWorkflow,
    ) -> Result<AgentWorkflow, OpError> {
        let found = self.agent_workflow(&request.run).await?;
        let at = match &request.from {
            Some(name) => found.steps.iter().position(|step| step.is_called(name)),
            None if found.status == WorkflowStatus::Failed => Some(found.current_step_index),
            None if found.status == WorkflowStatus::Completed => {
                found.steps.iter().position(|step| step.status != StepStatus::Skipped)
            }
            None => None,
        };
        let Some(step) = at.and_then(|at| found.steps.get(at)) else {
            return Err(no_such_step(&found, request.from.as_deref()));
        };
        let rollback = Rollback {
            run: request.run.clone(),
            to: Place::State(StateId::from(step.name())),
            confirm: false,
            compensate: true,
            note: Some("retried".to_owned()),
            caller: request.caller.clone(),
        };
        let rolled = self.roll_back(&rollback).await?;
        if !rolled.is_done {
            let hint = format!("`guidepost rollback {} --to {} --yes`", found.run, rolled.to);
            return Err(OpError::BadArgument {
                what: "a step to be done again did what cannot be undone".to_owned(),
                hint: Some(format!("{hint} does it all the same")),
            });
        }
        self.agent_workflow(&request.run).await
    }

    /// Workflows of agents' steps, the newest first.
    ///
    /// # Errors
    ///
    /// The failures of the store.
    pub async fn agent_workflows(
        &self,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<AgentWorkflow>, OpError> {
        let mut filter = RunFilter::default();
        let mut lists: HashMap<(String, Option<Version>), bool> = HashMap::new();
        let mut skipped = 0;
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self.store.runs(&self.tenant, &filter).await?;
            for run in page.items {
                let kind = (run.workflow.clone(), run.version);
                let is_list = match lists.get(&kind) {
                    Some(known) => *known,
                    None => *lists
                        .entry(kind)
                        .or_insert(self.is_list(&run.workflow, run.version).await?),
                };
                if !is_list {
                    continue;
                }
                if skipped < offset {
                    skipped += 1;
                } else if found.len() < limit {
                    found.push(match self.agent_workflow(&run.no.into()).await {
                        Ok(workflow) => workflow,
                        Err(error) => match Damage::of(&error) {
                            Some(damage) => damaged(run, damage),
                            None => return Err(error),
                        },
                    });
                }
            }
            if page.next.is_none() {
                break;
            }
            filter.cursor = page.next;
        }
        Ok(found)
    }

    /// Whether a version of a workflow is a plain list of agents' steps. One that cannot be used is none.
    async fn is_list(&self, workflow: &str, version: Option<Version>) -> Result<bool, OpError> {
        let Some(version) = version else { return Ok(false) };
        match self.find_workflow(&format!("{workflow}@{version}")).await {
            Ok(found) => Ok(!found.machine.agent_steps().is_empty()),
            Err(OpError::Store(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    async fn control_agent_workflow(
        &self,
        run: &RunRef,
        control: Control,
        caller: &str,
    ) -> Result<AgentWorkflow, OpError> {
        let request =
            ControlRun { run: run.clone(), control, note: None, caller: caller.to_owned() };
        match self.control_run(&request).await {
            // It ended meanwhile, and that is how it stands.
            Ok(_) | Err(OpError::NotDone(_)) => self.agent_workflow(run).await,
            Err(error) => Err(error),
        }
    }
}

impl super::AgentWorkflowStep {
    /// Its name: the path of its state.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id
            .strip_prefix(&self.workflow_id)
            .and_then(|rest| rest.strip_prefix(':'))
            .unwrap_or(&self.id)
    }

    fn is_called(&self, name: &str) -> bool {
        self.id == name || self.name() == name
    }
}

/// A workflow that cannot be read, as far as a list knows it.
fn damaged(run: RunSummary, damage: Damage) -> AgentWorkflow {
    AgentWorkflow {
        id: run.id.to_string(),
        run: run.no.to_string(),
        run_no: run.no,
        name: run.workflow,
        description: run.goal,
        steps: Vec::new(),
        current_step_index: 0,
        status: WorkflowStatus::of_status(run.status),
        metadata: Json::Null,
        created_at: run.created_at,
        updated_at: run.updated_at,
        damaged: Some(damage),
    }
}

fn no_such_step(found: &AgentWorkflow, wanted: Option<&str>) -> OpError {
    let names: Vec<&str> = found.steps.iter().map(super::AgentWorkflowStep::name).collect();
    let (run, status) = (&found.run, found.status);
    let what = match wanted {
        Some(name) => format!("workflow `{run}` has no step `{name}`"),
        None => format!("workflow `{run}` is {status}, and none of its steps failed"),
    };
    OpError::BadArgument { what, hint: Some(format!("name a step: {}", names.join(", "))) }
}
