//! Machines by their workflow and the hash of their structure, and the way from a name to one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use guidepost_core::diagnostic::{Diagnostic, closest};
use guidepost_core::id::Version;
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::workflow::{self, Compiled, OpenWorkflow};
use guidepost_store::{Head, Source, Wanted, WorkflowBody, WorkflowFilter};

use super::observed::{self, OBSERVED};
use super::{OpError, Ops};

/// Compiled machines.
#[derive(Default)]
pub(super) struct Catalog {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// By workflow and hash: workflows of equal structure have equal hashes, but not one name.
    versioned: HashMap<(String, String), FromText>,
    /// By workflow, with the rows they were compiled from.
    open: HashMap<String, (OpenWorkflow, Arc<Machine>)>,
}

/// A machine, and the text it was compiled from: texts of equal structure may differ in prompts and descriptions.
#[derive(Clone)]
struct FromText {
    source: Source,
    /// How often the version's text had been replaced.
    revision: u64,
    machine: Arc<Machine>,
}

/// Machines kept at most. A store has tens of workflows; one with thousands compiles some of them again.
const MACHINES_MAX: usize = 256;

/// A workflow ready to run.
pub(super) struct Ready {
    /// Its machine.
    pub(super) machine: Arc<Machine>,
    /// The version; `None` for one written by SQL and the built-in one.
    pub(super) version: Option<Version>,
    /// The text it was compiled from; `None` as above.
    pub(super) source: Option<Source>,
}

impl Ops {
    /// The machine a run is bound to, in the present words, or the present one of the rows it follows.
    ///
    /// Rows that are gone leave runs that are over without a machine. They get that of runs that are only recorded, by which
    /// nothing is legal; rows call nothing sensitive.
    pub(super) async fn machine_of(&self, head: &Head, run: &Run) -> Result<Arc<Machine>, OpError> {
        // What a hash stands for does not change, but for its words.
        if let Some(known) = self.catalog.versioned(&run.workflow, &run.machine)
            && known.revision >= head.revision
        {
            return Ok(known.machine);
        }
        let wanted = match run.machine.as_str() {
            "" => Wanted::Current,
            hash => Wanted::Hash(hash),
        };
        match self.ready(&run.workflow, wanted).await {
            Ok(ready) => Ok(ready.machine),
            Err(OpError::NoSuchWorkflow { .. })
                if run.status.is_ended() && run.machine.is_empty() =>
            {
                Ok(observed::machine())
            }
            Err(error) => Err(error),
        }
    }

    /// A workflow by name, or by name and version: `bugfix`, `bugfix@3`.
    pub(super) async fn find_workflow(&self, reference: &str) -> Result<Ready, OpError> {
        let (name, version) = match reference.rsplit_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (reference, None),
        };
        let Some(version) = version else { return self.ready(name, Wanted::Current).await };
        match version.parse() {
            Ok(number) => self.ready(name, Wanted::Version(Version(number))).await,
            Err(_) => Err(self.no_such_version(name, version).await?),
        }
    }

    async fn ready(&self, name: &str, wanted: Wanted<'_>) -> Result<Ready, OpError> {
        if name == OBSERVED {
            return Ok(Ready { machine: observed::machine(), version: None, source: None });
        }
        let Some(found) = self.store.workflow(&self.tenant, name, wanted).await? else {
            return Err(match wanted {
                Wanted::Current => self.no_such_workflow(name).await?,
                Wanted::Version(version) => {
                    self.no_such_version(name, &version.to_string()).await?
                }
                Wanted::Hash(hash) => self.no_such_version(name, hash).await?,
            });
        };
        match found.body {
            WorkflowBody::Open(rows) => {
                let machine = self.catalog.open(rows)?;
                Ok(Ready { machine, version: None, source: None })
            }
            WorkflowBody::Versioned { version, hash, revision, source } => {
                let machine = match self.catalog.versioned(name, &hash) {
                    Some(known) if known.revision == revision && known.source == source => {
                        known.machine
                    }
                    _ => self.catalog.keep(name, hash, revision, &source)?,
                };
                Ok(Ready { machine, version: Some(version), source: Some(source) })
            }
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

impl Catalog {
    fn versioned(&self, name: &str, hash: &str) -> Option<FromText> {
        let key = (name.to_owned(), hash.to_owned());
        self.kept(|kept| kept.versioned.get(&key).cloned())
    }

    fn keep(
        &self,
        name: &str,
        hash: String,
        revision: u64,
        source: &Source,
    ) -> Result<Arc<Machine>, OpError> {
        let compiled = workflow::compile(source.text.as_bytes(), &source.file);
        let machine = Arc::new(usable(name, compiled)?);
        self.kept(|kept| {
            make_room(&mut kept.versioned);
            let source = source.clone();
            let compiled = FromText { source, revision, machine: Arc::clone(&machine) };
            kept.versioned.insert((name.to_owned(), hash), compiled);
        });
        Ok(machine)
    }

    /// Rows are edited while runs are alive, so what was compiled counts only as long as they are the same.
    fn open(&self, rows: OpenWorkflow) -> Result<Arc<Machine>, OpError> {
        let known = self.kept(|kept| {
            let (compiled_from, machine) = kept.open.get(&rows.name)?;
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
            kept.open.insert(rows.name.clone(), (rows, Arc::clone(&machine)));
        });
        Ok(machine)
    }

    /// What is kept is whole between two statements, so a panic elsewhere is no reason to stop.
    fn kept<T>(&self, use_it: impl FnOnce(&mut Kept) -> T) -> T {
        use_it(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn make_room<K, T>(kept: &mut HashMap<K, T>) {
    if kept.len() >= MACHINES_MAX {
        kept.clear();
    }
}

fn usable(name: &str, compiled: Compiled) -> Result<Machine, OpError> {
    compiled.machine.ok_or_else(|| {
        let first = compiled.diagnostics.iter().find(|problem| problem.is_error());
        OpError::Unusable {
            name: name.to_owned(),
            problem: first.map(in_words).unwrap_or_default(),
        }
    })
}

fn in_words(problem: &Diagnostic) -> String {
    format!("line {}: {}", problem.at.line, problem.message)
}
