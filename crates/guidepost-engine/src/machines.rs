//! Compiled machines, by the workflow and the hash of their structure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use guidepost_core::id::{Tenant, Version};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::workflow::{self, Compiled, OpenWorkflow};
use guidepost_store::{Store, StoreError, Wanted, WorkflowBody};

/// Machines kept at most. A store has tens of workflows; one with thousands compiles some of them again.
const MACHINES_MAX: usize = 256;

/// Machines that were compiled before. What a hash stands for does not change; rows are compared.
#[derive(Debug, Default)]
pub struct Machines(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    versioned: HashMap<(Tenant, String, String), Arc<Machine>>,
    open: HashMap<(Tenant, String), (OpenWorkflow, Arc<Machine>)>,
}

/// Why a run has no machine.
#[derive(Debug, thiserror::Error)]
pub enum NoMachine {
    /// Its workflow is not there.
    #[error("the workflow `{workflow}` is not there in the version of the run")]
    Missing {
        /// The workflow.
        workflow: String,
    },
    /// Its workflow does not compile: it was written by a newer release, or damaged.
    #[error("the workflow `{workflow}` does not compile: {problem}")]
    Broken {
        /// The workflow.
        workflow: String,
        /// The first problem.
        problem: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Machines {
    /// The machine a run is bound to, or the present one of the rows it follows.
    ///
    /// # Errors
    ///
    /// [`NoMachine`].
    pub async fn of(
        &self,
        store: &dyn Store,
        tenant: &Tenant,
        run: &Run,
    ) -> Result<Arc<Machine>, NoMachine> {
        let key = (tenant.clone(), run.workflow.clone(), run.machine.clone());
        if let Some(machine) = self.kept(|kept| kept.versioned.get(&key).cloned()) {
            return Ok(machine);
        }
        let wanted = match run.machine.as_str() {
            "" => Wanted::Current,
            hash => Wanted::Hash(hash),
        };
        let found = store.workflow(tenant, &run.workflow, wanted).await?;
        let workflow = run.workflow.clone();
        match found.ok_or_else(|| NoMachine::Missing { workflow: workflow.clone() })?.body {
            WorkflowBody::Versioned { source, .. } => {
                let compiled = workflow::compile(source.text.as_bytes(), &source.file);
                let machine = Arc::new(usable(workflow, compiled)?);
                self.kept(|kept| {
                    make_room(&mut kept.versioned);
                    kept.versioned.insert(key, Arc::clone(&machine));
                });
                Ok(machine)
            }
            WorkflowBody::Open(rows) => self.open(tenant, rows),
        }
    }

    /// A workflow's present machine by its name, or that of one version of it: `bugfix`, `bugfix@3`.
    ///
    /// # Errors
    ///
    /// [`NoMachine`].
    pub async fn find(
        &self,
        store: &dyn Store,
        tenant: &Tenant,
        reference: &str,
    ) -> Result<(Arc<Machine>, Option<Version>), NoMachine> {
        let (name, wanted) = match reference.rsplit_once('@').map(|(name, no)| (name, no.parse())) {
            Some((name, Ok(no))) => (name, Wanted::Version(Version(no))),
            Some((_, Err(_))) | None => (reference, Wanted::Current),
        };
        let found = store.workflow(tenant, name, wanted).await?;
        let missing = || NoMachine::Missing { workflow: reference.to_owned() };
        match found.ok_or_else(missing)?.body {
            WorkflowBody::Versioned { version, hash, .. } => {
                let run = Run { workflow: name.to_owned(), machine: hash, ..Run::default() };
                Ok((self.of(store, tenant, &run).await?, Some(version)))
            }
            WorkflowBody::Open(rows) => Ok((self.open(tenant, rows)?, None)),
        }
    }

    fn open(&self, tenant: &Tenant, rows: OpenWorkflow) -> Result<Arc<Machine>, NoMachine> {
        let key = (tenant.clone(), rows.name.clone());
        let known = self.kept(|kept| {
            let (compiled_from, machine) = kept.open.get(&key)?;
            (*compiled_from == rows).then(|| Arc::clone(machine))
        });
        if let Some(machine) = known {
            return Ok(machine);
        }
        let mut machine = usable(rows.name.clone(), workflow::compile_open(&rows))?;
        // A run that follows rows is bound to no structure, and says so by an empty hash.
        machine.hash.clear();
        let machine = Arc::new(machine);
        self.kept(|kept| {
            make_room(&mut kept.open);
            kept.open.insert(key, (rows, Arc::clone(&machine)));
        });
        Ok(machine)
    }

    /// What is kept is whole between two statements, so a panic elsewhere is no reason to stop.
    fn kept<T>(&self, use_it: impl FnOnce(&mut Kept) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn make_room<K, T>(kept: &mut HashMap<K, T>) {
    if kept.len() >= MACHINES_MAX {
        kept.clear();
    }
}

fn usable(workflow: String, compiled: Compiled) -> Result<Machine, NoMachine> {
    let Compiled { machine, diagnostics, .. } = compiled;
    machine.ok_or_else(|| {
        let first = diagnostics.iter().find(|problem| problem.is_error());
        let problem = first.map(|problem| format!("line {}: {}", problem.at.line, problem.message));
        NoMachine::Broken { workflow, problem: problem.unwrap_or_default() }
    })
}
