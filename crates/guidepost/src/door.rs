//! The operations over the store a command works on, and who asks.

use std::fs;
use std::path::Path;

use guidepost_core::id::Tenant;
use guidepost_core::machine::Machine;
use guidepost_core::workflow::{self, Compiled};
use guidepost_server::ops::{Ops, WorkflowView};
use guidepost_store::{Wanted, WorkflowBody};

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
        let store = guidepost_store::open(&choice.url)?;
        Ok(Self { ops: Ops::new(store), caller: config::caller(global.caller.as_deref()), choice })
    }

    /// The machine of a workflow in the version shown.
    ///
    /// # Errors
    ///
    /// If this release cannot use it, or the store fails.
    pub(crate) async fn machine(&self, view: &WorkflowView) -> Result<Machine, Failure> {
        let compiled = match &view.source {
            Some(source) => workflow::compile(source.text.as_bytes(), &source.file),
            None => self.open_workflow(&view.workflow).await?,
        };
        compiled.machine.ok_or_else(|| {
            let name = &view.workflow;
            Failure::new(
                Exit::Failed,
                "GP0405",
                format!("workflow `{name}` cannot be used by this release"),
            )
            .hint(format!("`guidepost show {name}` shows its text"))
        })
    }

    /// A workflow that is written as rows.
    async fn open_workflow(&self, name: &str) -> Result<Compiled, Failure> {
        let store = self.ops.store();
        let found = store.workflow(&Tenant::default(), name, Wanted::Current).await?;
        match found.map(|found| found.body) {
            Some(WorkflowBody::Open(rows)) => Ok(workflow::compile_open(&rows)),
            Some(WorkflowBody::Versioned { source, .. }) => {
                Ok(workflow::compile(source.text.as_bytes(), &source.file))
            }
            // Of workflows without a source, only the built-in one is not in the store.
            None => Err(Failure::new(
                Exit::NotFound,
                "GP0401",
                format!("workflow `{name}` is built in and has no picture"),
            )),
        }
    }
}
