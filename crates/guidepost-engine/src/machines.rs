//! Compiled machines, by the workflow and the hash of their structure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use guidepost_core::id::{Tenant, Version};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::workflow::{self, Compiled, OpenWorkflow};
use guidepost_store::{Head, Source, Store, StoreError, Wanted, WorkflowBody};

/// Machines kept at most. A store has tens of workflows; one with thousands compiles some of them again.
const MACHINES_MAX: usize = 256;

/// Machines that were compiled before. What a hash stands for does not change, but for its words.
#[derive(Debug, Default)]
pub struct Machines(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By workflow and hash: workflows of equal structure have equal hashes, but not one name.
    versioned: HashMap<(Tenant, String, String), FromText>,
    /// By workflow, with the rows they were compiled from.
    open: HashMap<(Tenant, String), (OpenWorkflow, Arc<Machine>)>,
}

/// A machine, and the text it was compiled from: texts of equal structure may differ in prompts and descriptions.
#[derive(Debug, Clone)]
struct FromText {
    source: Source,
    /// How often the version's text had been replaced.
    revision: u64,
    machine: Arc<Machine>,
}

/// A workflow ready to run.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its machine.
    pub machine: Arc<Machine>,
    /// The version; `None` for one written by SQL.
    pub version: Option<Version>,
    /// The text it was compiled from; `None` as above.
    pub source: Option<Source>,
}

/// Why there is no machine.
#[derive(Debug, thiserror::Error)]
pub enum NoMachine {
    /// There is no such workflow, or no such version of it.
    #[error("the workflow `{workflow}` is not there in the version that is wanted")]
    Missing {
        /// The workflow.
        workflow: String,
    },
    /// It does not compile: it was written by a newer release, or damaged.
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
    /// The machine a run is bound to, in the present words, or the present one of the rows it follows.
    ///
    /// # Errors
    ///
    /// [`NoMachine`].
    pub async fn of(
        &self,
        store: &dyn Store,
        tenant: &Tenant,
        head: &Head,
        run: &Run,
    ) -> Result<Arc<Machine>, NoMachine> {
        if let Some(known) = self.versioned(tenant, &run.workflow, &run.machine)
            && known.revision >= head.revision
        {
            return Ok(known.machine);
        }
        let wanted = match run.machine.as_str() {
            "" => Wanted::Current,
            hash => Wanted::Hash(hash),
        };
        Ok(self.find(store, tenant, &run.workflow, wanted).await?.machine)
    }

    /// A workflow's machine in the version that is wanted.
    ///
    /// # Errors
    ///
    /// [`NoMachine`].
    pub async fn find(
        &self,
        store: &dyn Store,
        tenant: &Tenant,
        name: &str,
        wanted: Wanted<'_>,
    ) -> Result<Found, NoMachine> {
        let found = store.workflow(tenant, name, wanted).await?;
        let found = found.ok_or_else(|| NoMachine::Missing { workflow: name.to_owned() })?;
        match found.body {
            WorkflowBody::Open(rows) => {
                let machine = self.open(tenant, rows)?;
                Ok(Found { machine, version: None, source: None })
            }
            WorkflowBody::Versioned { version, hash, revision, source } => {
                let machine = match self.versioned(tenant, name, &hash) {
                    Some(known) if known.revision == revision && known.source == source => {
                        known.machine
                    }
                    _ => self.compile(tenant, name, hash, revision, &source)?,
                };
                Ok(Found { machine, version: Some(version), source: Some(source) })
            }
        }
    }

    fn versioned(&self, tenant: &Tenant, name: &str, hash: &str) -> Option<FromText> {
        let key = (tenant.clone(), name.to_owned(), hash.to_owned());
        self.kept(|kept| kept.versioned.get(&key).cloned())
    }

    fn compile(
        &self,
        tenant: &Tenant,
        name: &str,
        hash: String,
        revision: u64,
        source: &Source,
    ) -> Result<Arc<Machine>, NoMachine> {
        let compiled = workflow::compile(source.text.as_bytes(), &source.file);
        let machine = Arc::new(usable(name, compiled)?);
        self.kept(|kept| {
            make_room(&mut kept.versioned);
            let source = source.clone();
            let compiled = FromText { source, revision, machine: Arc::clone(&machine) };
            kept.versioned.insert((tenant.clone(), name.to_owned(), hash), compiled);
        });
        Ok(machine)
    }

    /// Rows are edited while runs are alive, so what was compiled counts only as long as they are the same.
    fn open(&self, tenant: &Tenant, rows: OpenWorkflow) -> Result<Arc<Machine>, NoMachine> {
        let key = (tenant.clone(), rows.name.clone());
        let known = self.kept(|kept| {
            let (compiled_from, machine) = kept.open.get(&key)?;
            (*compiled_from == rows).then(|| Arc::clone(machine))
        });
        if let Some(machine) = known {
            return Ok(machine);
        }
        let mut machine = usable(&rows.name, workflow::compile_open(&rows))?;
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

fn usable(workflow: &str, compiled: Compiled) -> Result<Machine, NoMachine> {
    let Compiled { machine, diagnostics, .. } = compiled;
    machine.ok_or_else(|| {
        let first = diagnostics.iter().find(|problem| problem.is_error());
        let problem = first.map(|problem| format!("line {}: {}", problem.at.line, problem.message));
        let workflow = workflow.to_owned();
        NoMachine::Broken { workflow, problem: problem.unwrap_or_default() }
    })
}
