//! Starting a run.

use guidepost_core::id::RunNo;
use guidepost_core::input::{By, Input, Start};
use guidepost_core::kernel::{self, Decision, Refused};
use guidepost_core::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TEXT_BYTES_MAX};
use guidepost_core::machine::Machine;
use guidepost_core::name::NameOf;
use guidepost_core::run::{Driver, PauseReason, Run};
use guidepost_core::time::Timestamp;
use guidepost_engine::plan;
use guidepost_store::{Created, NewRun, StoreError};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::observed::OBSERVED;
use super::{NotDone, OpError, Ops, Refusal, Standing, bounds, digest};

/// A run to start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StartRun {
    /// The workflow, or workflow and version: `bugfix`, `bugfix@3`. `None` for a run that is only recorded.
    pub workflow: Option<String>,
    /// First values of its attributes.
    pub input: Map<String, Json>,
    /// The starter's own id for it: a repeat with the same key gives the same run.
    pub key: Option<String>,
    /// What it is to reach.
    pub goal: Option<String>,
    /// The agent's name; `None` means the caller's.
    pub agent: Option<String>,
    /// Who does the work.
    pub driver: Driver,
    /// The run that launched it.
    pub parent: Option<RunNo>,
    /// The user's sitting it belongs to.
    pub session: Option<String>,
    /// Who asks.
    pub caller: String,
}

/// A run that was started, or found by its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Started {
    /// Whether it is new.
    pub is_new: bool,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
}

impl Ops {
    /// Starts a run, or finds the one started before with the same key: a repeat is not decided again, and finds its run even
    /// if its workflow has changed since.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchWorkflow`], [`OpError::NoSuchVersion`], [`OpError::NotDone`] if the input does not fit the
    /// workflow, [`OpError::TooLarge`], and the failures of the store.
    pub async fn start_run(&self, request: &StartRun) -> Result<Started, OpError> {
        self.begin(request, None).await
    }

    /// Starts a run; one that is `held` takes no inputs until somebody resumes it, and the text says how.
    pub(super) async fn begin(
        &self,
        request: &StartRun,
        held: Option<&str>,
    ) -> Result<Started, OpError> {
        check(request)?;
        let key = request.key.as_ref().map(|key| (key.clone(), digest_of(request)));
        if let Some((key, digest)) = &key
            && let Some(created) = self.store.started(&self.tenant, key, digest).await?
        {
            return self.answer(&created).await;
        }
        let reference = request.workflow.as_deref().unwrap_or(OBSERVED);
        let workflow = self.find_workflow(reference).await?;
        let now = self.world.now();
        let input = Input::Start(Start {
            driver: request.driver,
            data: request.input.clone(),
            by: By::caller(&request.caller),
            at: now,
        });
        let none = Run::default();
        let decided =
            kernel::decide_all(&workflow.machine, &none, &input).and_then(|begun| match held {
                None => Ok(begun),
                Some(how) => hold(&workflow.machine, begun, how, now),
            });
        let (decision, run) = decided.map_err(|refused| match refused {
            Refused::Rejected(rejected) => not_started((*rejected).into(), request),
            Refused::Unfoldable(misfit) => {
                StoreError::Damaged { run: RunNo(0), what: misfit.to_string() }.into()
            }
        })?;
        let batch = plan::batch(&workflow.machine, &none, decision, run, None, now, |_| None);
        let new = NewRun {
            agent: agent_of(request).map(str::to_owned),
            goal: request.goal.clone(),
            parent: request.parent,
            session: request.session.clone(),
            key,
            ..NewRun::new(
                self.world.new_run_id(),
                &workflow.machine.name,
                workflow.version,
                request.driver,
                now,
            )
        };
        let created = self.store.create(&self.tenant, new, batch).await?;
        self.answer(&created).await
    }

    async fn answer(&self, created: &Created) -> Result<Started, OpError> {
        let current = self.current(&created.run.into()).await?;
        Ok(Started { is_new: created.is_new, standing: self.standing(&current).await? })
    }
}

/// A run that began, held before anything is done for it.
fn hold(
    machine: &Machine,
    (mut decision, run): (Decision, Run),
    how: &str,
    at: Timestamp,
) -> Result<(Decision, Run), Refused> {
    let hold = Input::Hold { reason: PauseReason::Pending, detail: how.to_owned(), at };
    let (held, run) = kernel::decide_all(machine, &run, &hold)?;
    decision.records.extend(held.records);
    Ok((decision, run))
}

/// The workflow counts as it was named: a start without a version, repeated after a new version was saved, is a repeat.
fn digest_of(request: &StartRun) -> guidepost_store::RequestDigest {
    digest::of(&json!({
        "workflow": request.workflow,
        "input": request.input,
        "goal": request.goal,
        "agent": request.agent,
        "driver": request.driver,
        "parent": request.parent,
    }))
}

fn not_started(refusal: Refusal, request: &StartRun) -> OpError {
    OpError::NotDone(Box::new(NotDone {
        refusal,
        run: String::new(),
        rev: guidepost_core::id::Rev(0),
        states: Vec::new(),
        next: Vec::new(),
        sent: request.input.keys().cloned().collect(),
        moved: None,
    }))
}

fn check(request: &StartRun) -> Result<(), OpError> {
    bounds::check_json("the input", &request.input, PAYLOAD_BYTES_MAX)?;
    bounds::check_text("the goal", request.goal.as_deref(), TEXT_BYTES_MAX)?;
    bounds::check_text("the key", request.key.as_deref(), NAME_BYTES_MAX)?;
    bounds::check_text("the agent's name", request.agent.as_deref(), NAME_BYTES_MAX)?;
    if let Some(agent) = agent_of(request) {
        check_agent(agent)?;
    }
    bounds::check_text("the session's name", request.session.as_deref(), NAME_BYTES_MAX)?;
    bounds::check_text("the caller's name", Some(&request.caller), NAME_BYTES_MAX)
}

/// The agent's name: what it is given, else the caller's.
fn agent_of(request: &StartRun) -> Option<&str> {
    let own_name = Some(request.caller.as_str()).filter(|name| !name.is_empty());
    request.agent.as_deref().or(own_name)
}

fn check_agent(name: &str) -> Result<(), OpError> {
    NameOf::Agent.check(name).map_err(|wrong| OpError::BadArgument {
        what: wrong.to_string(),
        hint: Some("use a name with a letter in front, such as `writer-1`".to_owned()),
    })
}
