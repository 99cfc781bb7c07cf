//! The operations over the store a command works on, and who asks.

use std::fs;
use std::path::Path;

use guidepost_core::id::Tenant;
use guidepost_core::machine::Machine;
use guidepost_core::workflow::{self, OpenWorkflow};
use guidepost_server::ops::{Ops, WorkflowView};
use guidepost_store::{Durability, Wanted, WorkflowBody};

use crate::args::Global;
use crate::config::{self, StoreChoice, Why};
use crate::failure::{Exit, Failure};

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
    /// Opens the store that is meant.
    ///
    /// # Errors
    ///
    /// If none can be found or opened.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let choice = StoreChoice::find(global.store.as_deref())?;
        if choice.why == Why::UserData
            && let Some(directory) = Path::new(&choice.url).parent()
        {
            fs::create_dir_all(directory)
                .map_err(|error| Failure::unwritable(&directory.display().to_string(), &error))?;
        }
        let store = guidepost_store::open(&choice.url).map_err(|error| {
            // The URL is in the message as far as it holds no secret.
            Failure::from(error).at(format!("the store chosen by {}", choice.why.as_str()))
        })?;
        Ok(Self { ops: Ops::new(store), caller: config::caller(global.caller.as_deref()), choice })
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
                Err(Failure::new(Exit::Failed, "GP0405", what)
                    .hint(format!("`guidepost show {name}` shows its text")))
            }
        }
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
