//! The way from a workflow's name to its machine.

use std::sync::Arc;

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{Version, name_and_version};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_engine::{Found, NoMachine};
use guidepost_store::{Head, Wanted, WorkflowFilter};

use super::observed::{self, OBSERVED};
use super::{OpError, Ops};

impl Ops {
    /// The machine a run is bound to, in the present words, or the present one of the rows it follows.
    ///
    /// Rows that are gone leave runs that are over without a machine. They get that of runs that are only recorded, by which
    /// nothing is legal; rows call nothing sensitive.
    pub(super) async fn machine_of(&self, head: &Head, run: &Run) -> Result<Arc<Machine>, OpError> {
        if run.workflow == OBSERVED {
            return Ok(observed::machine());
        }
        match self.machines.of(&*self.store, &self.tenant, head, run).await {
            Ok(machine) => Ok(machine),
            Err(NoMachine::Missing { .. }) if run.status.is_ended() && run.machine.is_empty() => {
                Ok(observed::machine())
            }
            Err(error) => {
                let wanted = match run.machine.as_str() {
                    "" => Wanted::Current,
                    hash => Wanted::Hash(hash),
                };
                Err(self.no_machine(&run.workflow, wanted, error).await?)
            }
        }
    }

    /// A workflow by name, or by name and version: `bugfix`, `bugfix@3`.
    pub(super) async fn find_workflow(&self, reference: &str) -> Result<Found, OpError> {
        let (name, version) = name_and_version(reference);
        let Some(version) = version else { return self.ready(name, Wanted::Current).await };
        match version.parse() {
            Ok(number) => self.ready(name, Wanted::Version(Version(number))).await,
            Err(_) => Err(self.no_such_version(name, version).await?),
        }
    }

    async fn ready(&self, name: &str, wanted: Wanted<'_>) -> Result<Found, OpError> {
        if name == OBSERVED {
            return Ok(Found { machine: observed::machine(), version: None, source: None });
        }
        match self.machines.find(&*self.store, &self.tenant, name, wanted).await {
            Ok(found) => Ok(found),
            Err(error) => Err(self.no_machine(name, wanted, error).await?),
        }
    }

    /// Why there is no machine, with what there is instead.
    async fn no_machine(
        &self,
        name: &str,
        wanted: Wanted<'_>,
        error: NoMachine,
    ) -> Result<OpError, OpError> {
        match (error, wanted) {
            (NoMachine::Missing { .. }, Wanted::Current) => self.no_such_workflow(name).await,
            (NoMachine::Missing { .. }, Wanted::Version(version)) => {
                self.no_such_version(name, &version.to_string()).await
            }
            (NoMachine::Missing { .. }, Wanted::Hash(hash)) => {
                self.no_such_version(name, hash).await
            }
            (NoMachine::Broken { workflow, problem }, _) => {
                Ok(OpError::Unusable { name: workflow, problem })
            }
            (NoMachine::Store(error), _) => Ok(error.into()),
        }
    }

    /// Refuses what is no workflow's name.
    pub(super) async fn check_workflow(&self, name: &str) -> Result<(), OpError> {
        if name == OBSERVED
            || self.store.workflow(&self.tenant, name, Wanted::Current).await?.is_some()
        {
            return Ok(());
        }
        Err(self.no_such_workflow(name).await?)
    }

    async fn no_such_workflow(&self, name: &str) -> Result<OpError, OpError> {
        let all = self.store.workflows(&self.tenant, &WorkflowFilter::default()).await?.items;
        let closest = closest(name, all.iter().map(|known| known.name.as_str()));
        Ok(OpError::NoSuchWorkflow { name: name.to_owned(), closest: closest.map(str::to_owned) })
    }

    async fn no_such_version(&self, name: &str, version: &str) -> Result<OpError, OpError> {
        if self.store.workflow(&self.tenant, name, Wanted::Current).await?.is_none() {
            return self.no_such_workflow(name).await;
        }
        let newest = self.store.versions(&self.tenant, name).await?.first().map(|v| v.version);
        Ok(OpError::NoSuchVersion { name: name.to_owned(), version: version.to_owned(), newest })
    }
}
