//! Replaying a run's history against its definition, or another: without any effect.

use std::sync::Arc;

use guidepost_core::id::RunRef;
use guidepost_core::machine::Machine;
use guidepost_core::run::Run;
use guidepost_core::workflow;
use guidepost_engine::history::{self, Divergence};
use serde::Serialize;

use super::{OpError, Ops, sensitive};

/// A run to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRun {
    /// The run.
    pub run: RunRef,
    /// What decides; `None` means the versions the run was bound to.
    pub against: Option<Against>,
}

/// What a history is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// A definition that need not be saved.
    Text {
        /// Its text.
        text: String,
        /// Where it comes from, for messages.
        file: String,
    },
    /// A workflow, or a version of one: `bugfix@3`.
    Workflow(String),
}

/// What replaying a history found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// The run's short id.
    pub run: String,
    /// How many records were decided again.
    pub records: u64,
    /// The first that was decided otherwise; absent if all agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Divergence>,
}

impl Ops {
    /// Decides a run's inputs again and compares what is decided with what was recorded. Nothing is done and nothing
    /// changes; a divergence is an answer.
    ///
    /// # Errors
    ///
    /// [`OpError::BadDefinition`] if what it is held against does not compile, [`OpError::Store`] if there is no such
    /// run, and the failures of the store.
    pub async fn replay(&self, request: &ReplayRun) -> Result<Replayed, OpError> {
        let current = self.current(&request.run).await?;
        let past = self.past(&current).await?;
        let replay = match &request.against {
            None => past.replay,
            Some(against) => {
                let machine = self.against(against).await?;
                history::replay(&past.entries, &|_: &Run| Some(Arc::clone(&machine)))
            }
        };
        let mut divergence = replay.divergence;
        if let Some(found) = &mut divergence {
            sensitive::hide(&current.machine, &mut found.recorded);
            sensitive::hide(&current.machine, &mut found.decided);
        }
        Ok(Replayed { run: current.name(), records: replay.records, divergence })
    }

    async fn against(&self, against: &Against) -> Result<Arc<Machine>, OpError> {
        match against {
            Against::Workflow(reference) => Ok(self.find_workflow(reference).await?.machine),
            Against::Text { text, file } => {
                let compiled = workflow::compile(text.as_bytes(), file);
                let (file, problems) = (file.clone(), compiled.diagnostics);
                compiled.machine.map(Arc::new).ok_or(OpError::BadDefinition { file, problems })
            }
        }
    }
}
