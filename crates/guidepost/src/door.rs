//! The operations over the store a command works on, and who asks.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use guidepost_core::id::{RunNo, Tenant, name_and_version};
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::workflow::{self, OpenWorkflow};
use guidepost_server::ops::{Ops, WorkflowView};
use guidepost_store::{Address, Durability, Store, StoreError, Wanted, WorkflowBody};

use crate::args::Global;
use crate::config::{self, StoreChoice, Why};
use crate::failure::{Failure, Kind};

/// What a command over a store needs.
pub(crate) struct Door {
    /// The operations.
    pub(crate) ops: Ops,
    /// Who asks.
    pub(crate) caller: String,
    /// Which store, and why.
    pub(crate) choice: StoreChoice,
}

impl Door {
    /// Opens the store that is meant, for a command that looks for what is there: a name that names nothing is a mistake
    /// then, and makes no new store.
    ///
    /// # Errors
    ///
    /// If none can be found or opened.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let choice = StoreChoice::find(global.store.as_deref())?;
        if let Some(file) = choice.named_file().filter(|file| !file.exists()) {
            let shown = file.display();
            return Err(Failure::new(
                Kind::NotFound,
                "GP0311",
                format!("`{shown}` is no store: there is no such file"),
            )
            .at(choice.why.place())
            .hint(format!(
                "check the name, or make an empty store with `guidepost init --store {shown}`"
            )));
        }
        Self::of(global, choice)
    }

    /// Opens the store that is meant, and makes it if it does not exist.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or made.
    pub(crate) fn open_or_make(global: &Global) -> Result<Self, Failure> {
        Self::of(global, StoreChoice::find(global.store.as_deref())?)
    }

    fn of(global: &Global, choice: StoreChoice) -> Result<Self, Failure> {
        if choice.why == Why::UserData
            && let Some(directory) = choice.address.file().and_then(Path::parent)
        {
            fs::create_dir_all(directory).map_err(|error| {
                Failure::unwritable(&directory.display().to_string(), &error)
                    .hint("name a store elsewhere with --store or GUIDEPOST_STORE")
            })?;
        }
        let caller = config::caller(global.caller.as_deref())?;
        let store = opened(&choice.address, "name another store with --store")
            .map_err(|failure| failure.at(choice.why.place()))?;
        Ok(Self { ops: Ops::new(store), caller, choice })
    }

    /// The machine of a workflow in the version shown; none for what is built in.
    ///
    /// # Errors
    ///
    /// If this release cannot use it, or the store fails.
    pub(crate) async fn machine(&self, view: &WorkflowView) -> Result<Option<Machine>, Failure> {
        let compiled = match &view.source {
            Some(source) => workflow::compile(source.text.as_bytes(), &source.file),
            None => match self.rows(&view.workflow).await? {
                Some(rows) => workflow::compile_open(&rows),
                None => return Ok(None),
            },
        };
        match compiled.machine {
            Some(machine) => Ok(Some(machine)),
            None => {
                let name = &view.workflow;
                let what = format!("workflow `{name}` cannot be used by this release");
                Err(Failure::new(Kind::Damaged, "GP0405", what)
                    .hint(format!("`guidepost show {name}` shows its text")))
            }
        }
    }

    /// A run as it stands, without a look at what is legal in it.
    ///
    /// # Errors
    ///
    /// If there is none, or the store fails.
    pub(crate) async fn run(&self, no: RunNo) -> Result<Run, Failure> {
        let loaded = self.ops.store().load(&Tenant::default(), &no.into()).await?;
        Ok(loaded.ok_or_else(|| StoreError::NoSuchRun(no.into()))?.run)
    }

    /// Whether a text names a workflow, or a version of one: `bugfix`, `bugfix@3`.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub(crate) async fn has_workflow(&self, reference: &str) -> Result<bool, Failure> {
        let (name, _) = name_and_version(reference);
        let store = self.ops.store();
        Ok(store.workflow(&Tenant::default(), name, Wanted::Current).await?.is_some())
    }

    /// The rows of a workflow that is written by SQL.
    async fn rows(&self, name: &str) -> Result<Option<OpenWorkflow>, Failure> {
        let store = self.ops.store();
        let found = store.workflow(&Tenant::default(), name, Wanted::Current).await?;
        Ok(found.and_then(|found| match found.body {
            WorkflowBody::Open(rows) => Some(rows),
            WorkflowBody::Versioned { .. } => None,
        }))
    }
}

/// Opens a store, and makes it if there is none. `instead` is what to do if its file cannot be.
///
/// # Errors
///
/// If it cannot be opened or made.
pub(crate) fn opened(address: &Address, instead: &str) -> Result<Arc<dyn Store>, Failure> {
    address.open().map_err(|error| {
        // Nothing was to be written yet, so the store's own advice about writes is of no use.
        let is_unavailable =
            matches!(error, StoreError::Failed { .. } | StoreError::Unavailable { .. });
        let failure = Failure::from(error);
        if is_unavailable {
            failure.hint(format!("check the path and its permissions, or {instead}"))
        } else {
            failure
        }
    })
}

/// What an acknowledged write survives, in words.
pub(crate) fn in_words(durability: Durability) -> &'static str {
    match durability {
        Durability::Disk => "disk: what was acknowledged survives loss of power",
        Durability::Process => {
            "process: what was acknowledged survives the process, not loss of power"
        }
        Durability::None => "none: everything is gone with the process",
    }
}
