//! Child workflows: launched once, waited for, and told to stop when nobody waits any more.

use std::sync::Arc;

use async_trait::async_trait;
use guidepost_core::id::{RunNo, RunRef, Tenant, Version, name_and_version};
use guidepost_core::input::{By, Control, Input, Start};
use guidepost_core::kernel::{self, Decision, Refused};
use guidepost_core::limits::RUN_DEPTH_MAX;
use guidepost_core::machine::Machine;
use guidepost_core::run::{Driver, Run, Status};
use guidepost_store::{
    Batch, Held, Loaded, NewRun, RequestDigest, RunFilter, Store, StoreError, Wanted,
};
use serde_json::{Map, Value as Json};

use crate::call::{Call, Failure, Outcome, launch_key};
use crate::machines::{Machines, NoMachine};
use crate::plan;
use crate::work::Handler;
use crate::world::World;

/// How many runs that cannot be cancelled a warning names.
const NAMED_MAX: usize = 10;

/// Where child runs live.
#[derive(Clone)]
pub(crate) struct Nursery {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenant: Tenant,
    pub(crate) machines: Arc<Machines>,
    pub(crate) world: Arc<dyn World>,
}

/// Launches a child run and waits for its end.
pub(crate) struct Launch(pub(crate) Nursery);

/// Cancels what a run launched and has no use for any more.
pub(crate) struct Cancel(pub(crate) Nursery);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::passing(error.to_string())
    }
}

impl From<NoMachine> for Failure {
    fn from(error: NoMachine) -> Self {
        match error {
            NoMachine::Store(error) => error.into(),
            NoMachine::Missing { .. } | NoMachine::Broken { .. } => {
                Self::lasting(error.to_string())
            }
        }
    }
}

#[async_trait]
impl Handler for Launch {
    async fn perform(&self, call: Call) -> Outcome {
        let outcome = match call.child {
            Some(child) => self.look_after(&call, child).await,
            None => self.launch(&call).await,
        };
        outcome.unwrap_or_else(Outcome::Failed)
    }
}

/// A workflow, or a version of it: `bugfix`, `bugfix@3`.
fn version_meant(reference: &str) -> (&str, Wanted<'_>) {
    let (name, version) = name_and_version(reference);
    match version.map(str::parse) {
        None => (name, Wanted::Current),
        Some(Ok(no)) => (name, Wanted::Version(Version(no))),
        Some(Err(_)) => (reference, Wanted::Current),
    }
}

impl Launch {
    /// How the child stands: ended, or to be waited for.
    async fn look_after(&self, call: &Call, child: RunNo) -> Result<Outcome, Failure> {
        let Some(loaded) = self.0.load(child).await? else {
            return Err(Failure::lasting(format!("the run {child} it launched is gone")));
        };
        match loaded.run.status {
            Status::Completed => Ok(Outcome::Done(loaded.run.output)),
            Status::Failed => {
                let reason = loaded.run.output.as_str().unwrap_or("no reason given").to_owned();
                Err(Failure::lasting(format!("the run {child} it launched failed: {reason}")))
            }
            Status::Cancelled => {
                Err(Failure::lasting(format!("the run {child} it launched was cancelled")))
            }
            Status::Running | Status::Waiting | Status::Paused => self.park(call, child).await,
        }
    }

    async fn launch(&self, call: &Call) -> Result<Outcome, Failure> {
        let own = &self.0;
        let parent = own.load(call.task.run).await?;
        let Some(parent) = parent else { return Ok(Outcome::Dropped) };
        own.expect_shallow(&parent).await?;
        let (name, wanted) = version_meant(call.name.as_deref().unwrap_or_default());
        let found = own.machines.find(&*own.store, &own.tenant, name, wanted).await?;
        let (machine, version) = (found.machine, found.version);
        let data = match call.spec.get("input") {
            Some(Json::Object(fields)) => fields.clone(),
            Some(_) => return Err(Failure::lasting("`input` of a child run is an object")),
            None => Map::new(),
        };
        let now = own.world.now();
        let by = By::caller(call.task.run.to_string());
        let start = Input::Start(Start { driver: Driver::Engine, data, by, at: now });
        let batch = own.decided(&machine, &Run::default(), &start)?;
        let new = NewRun {
            goal: call.prompt.clone(),
            parent: Some(call.task.run),
            launched_by: Some(call.held()),
            session: parent.head.session,
            key: Some((launch_key(&call.key), RequestDigest::default())),
            ..NewRun::new(own.world.new_run_id(), &machine.name, version, Driver::Engine, now)
        };
        match own.store.create(&own.tenant, new, batch).await {
            Ok(_) => Ok(Outcome::Parked),
            Err(error) => let_go(error),
        }
    }

    async fn park(&self, call: &Call, child: RunNo) -> Result<Outcome, Failure> {
        let own = &self.0;
        match own.store.park(&own.tenant, &call.held(), child, own.world.now()).await {
            Ok(()) => Ok(Outcome::Parked),
            Err(error) => let_go(error),
        }
    }
}

/// A task that is lost is nobody's business here: the work ended, or somebody else looks after it.
fn let_go(error: StoreError) -> Result<Outcome, Failure> {
    match error {
        StoreError::LeaseLost { .. } => Ok(Outcome::Dropped),
        error => Err(error.into()),
    }
}

#[async_trait]
impl Handler for Cancel {
    async fn perform(&self, call: Call) -> Outcome {
        match self.cancel(&call).await {
            Ok(()) => Outcome::Dropped,
            // It is claimed again when the lease has run out.
            Err(failure) => {
                tracing::warn!(run = %call.task.run, %failure, "launched runs could not be cancelled yet");
                Outcome::Dropped
            }
        }
    }
}

impl Cancel {
    async fn cancel(&self, call: &Call) -> Result<(), Failure> {
        let own = &self.0;
        match call.child {
            Some(child) => own.cancel(child, call.task.run).await?,
            None => self.cancel_all(call.task.run).await?,
        }
        Ok(own.store.drop_task(&own.tenant, &call.held()).await?)
    }

    /// Cancels everything a run launched. One that cannot be cancelled keeps no others alive.
    async fn cancel_all(&self, launcher: RunNo) -> Result<(), Failure> {
        let own = &self.0;
        let status = vec![Status::Running, Status::Waiting, Status::Paused];
        let mut wanted = RunFilter { parent: Some(launcher), status, ..RunFilter::default() };
        let mut left = Vec::new();
        loop {
            let page = own.store.runs(&own.tenant, &wanted).await?;
            for child in page.items {
                if let Err(failure) = own.cancel(child.no, launcher).await {
                    left.push(format!("{}: {failure}", child.no));
                }
            }
            wanted.cursor = page.next;
            if wanted.cursor.is_none() {
                break;
            }
        }
        match left.len() {
            0 => Ok(()),
            _ => Err(Failure::passing(named(left))),
        }
    }
}

/// The first few of many failures.
fn named(mut failures: Vec<String>) -> String {
    let more = failures.len().saturating_sub(NAMED_MAX);
    failures.truncate(NAMED_MAX);
    if more > 0 {
        failures.push(format!("and {more} more"));
    }
    failures.join("; ")
}

impl Nursery {
    async fn load(&self, run: RunNo) -> Result<Option<Loaded>, StoreError> {
        self.store.load(&self.tenant, &RunRef::No(run)).await
    }

    /// Refuses to launch runs that launch runs without end.
    async fn expect_shallow(&self, parent: &Loaded) -> Result<(), Failure> {
        let mut above = parent.head.parent;
        let mut depth = 1;
        while let Some(run) = above {
            depth += 1;
            if depth >= RUN_DEPTH_MAX {
                let reason = format!("runs launch runs more than {RUN_DEPTH_MAX} deep");
                return Err(Failure::lasting(reason));
            }
            above = self.load(run).await?.and_then(|loaded| loaded.head.parent);
        }
        Ok(())
    }

    fn decided(&self, machine: &Machine, run: &Run, input: &Input) -> Result<Batch, Failure> {
        let decided = kernel::decide_all(machine, run, input);
        let (decision, after): (Decision, Run) = decided.map_err(|refused| match refused {
            Refused::Rejected(rejected) => {
                let hint = guidepost_core::diagnostic::Explain::hint(&*rejected);
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                Failure::lasting(format!("{rejected}{hint}"))
            }
            Refused::Unfoldable(_) => Failure::lasting(refused.to_string()),
        })?;
        Ok(plan::batch(machine, run, decision, after, None, self.world.now(), |_| None))
    }

    /// Cancels a run, whatever else happens to it.
    async fn cancel(&self, run: RunNo, launcher: RunNo) -> Result<(), Failure> {
        loop {
            let Some(loaded) = self.load(run).await? else { return Ok(()) };
            if loaded.run.status.is_ended() {
                return Ok(());
            }
            let machine =
                self.machines.of(&*self.store, &self.tenant, &loaded.head, &loaded.run).await?;
            let note = Some("what launched it has no use for it any more".to_owned());
            let by = By { caller: launcher.to_string(), note };
            let input = Input::Control { control: Control::Cancel, by, at: self.world.now() };
            let batch = self.decided(&machine, &loaded.run, &input)?;
            match self.store.commit(&self.tenant, run, loaded.run.rev, batch).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Call {
    fn held(&self) -> Held {
        Held { task: self.task.clone(), attempt: self.attempt }
    }
}
