//! Checking and saving a workflow's definition.

use guidepost_core::diagnostic::Diagnostic;
use guidepost_core::id::{StateId, Version};
use guidepost_core::limits::DEFINITION_BYTES_MAX;
use guidepost_core::machine::{Machine, State, Work, WorkKind};
use guidepost_core::workflow::{self, Format};
use guidepost_store::{NewVersion, Source, StoreError, rows};
use serde::Serialize;

use super::observed::OBSERVED;
use super::{OpError, Ops, bounds};

/// A definition to check, and to save if it is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Define {
    /// Its text.
    pub text: String,
    /// The file it came from, for messages and to tell its format; empty if it came from none.
    pub file: String,
    /// Whether to save it.
    pub save: bool,
    /// What it may contain.
    pub allowed: Allowed,
    /// Who defines it.
    pub caller: String,
}

/// What a definition may contain, by where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allowed {
    /// Everything: it comes from a person who could do all of it by hand.
    Everything,
    /// No commands, HTTP requests, tools or databases: it comes from an agent, which may have been talked into it.
    #[default]
    OnlyHarmless,
}

/// What a definition is, and what saving it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Definition {
    /// The workflow's name.
    pub workflow: String,
    /// The hash of its structure.
    pub hash: String,
    /// How it is written.
    pub format: Format,
    /// How many states it has, those that only group others left out.
    pub states: usize,
    /// How many transitions it has.
    pub transitions: usize,
    /// What to look at, though it works.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Diagnostic>,
    /// What saving did; `None` if it was only checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<guidepost_store::Defined>,
}

impl Definition {
    /// The version it was saved as.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.saved.as_ref().map(|saved| saved.version)
    }
}

impl Ops {
    /// Checks a definition, and saves it as a version of its workflow if that is wanted.
    ///
    /// # Errors
    ///
    /// [`OpError::BadDefinition`] with every problem, [`OpError::ForbiddenWork`], [`OpError::TooLarge`], and the failures
    /// of the store. Then nothing is saved.
    pub async fn define(&self, request: &Define) -> Result<Definition, OpError> {
        bounds::check_text("the definition", Some(&request.text), DEFINITION_BYTES_MAX)?;
        let compiled = workflow::compile(request.text.as_bytes(), &request.file);
        let Some(machine) = compiled.machine else {
            return Err(OpError::BadDefinition {
                file: request.file.clone(),
                problems: compiled.diagnostics,
            });
        };
        if let Some((state, work)) = forbidden(&machine, request.allowed) {
            return Err(OpError::ForbiddenWork { state, work: work.to_owned() });
        }
        let mut definition = Definition {
            workflow: machine.name.clone(),
            hash: machine.hash.clone(),
            states: leaves(&machine),
            transitions: rows::transitions(&machine).len(),
            format: compiled.format,
            warnings: compiled.diagnostics,
            saved: None,
        };
        if request.save {
            let saved = self.save(request, &machine, definition.format).await?;
            definition.saved = Some(saved);
        }
        Ok(definition)
    }

    async fn save(
        &self,
        request: &Define,
        machine: &Machine,
        format: Format,
    ) -> Result<guidepost_store::Defined, OpError> {
        if machine.name == OBSERVED {
            return Err(OpError::Store(StoreError::Refused {
                what: format!("the name `{OBSERVED}` belongs to the built-in workflow"),
                hint: Some("give the workflow another name".to_owned()),
            }));
        }
        let source = Source {
            format: name_of(format).to_owned(),
            text: request.text.clone(),
            file: request.file.clone(),
        };
        let new = NewVersion::of(machine, source, &request.caller, self.world.now());
        Ok(self.store.define(&self.tenant, new).await?)
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::XState => "xstate",
        Format::Rows => "rows",
    }
}

/// How many states a workflow has, those that only group others left out.
#[must_use]
pub fn leaves(machine: &Machine) -> usize {
    machine.states.iter().skip(1).filter(|state| state.children.is_empty()).count()
}

fn forbidden(machine: &Machine, allowed: Allowed) -> Option<(StateId, &'static str)> {
    match allowed {
        Allowed::Everything => None,
        Allowed::OnlyHarmless => machine
            .states
            .iter()
            .find_map(|state| harmful(state).map(|work| (state.id.clone(), work))),
    }
}

/// Work that reaches beyond models and people.
fn harmful(state: &State) -> Option<&'static str> {
    let work = state.work.as_ref()?;
    harmful_work(work).or_else(|| harmful_work(work.compensate.as_ref()?))
}

fn harmful_work(work: &Work) -> Option<&'static str> {
    match work.kind {
        WorkKind::Exec | WorkKind::Http | WorkKind::Tool => Some(work.kind.as_str()),
        WorkKind::Agent if work.name.as_deref() == Some("database") => Some("database"),
        WorkKind::Agent
        | WorkKind::Ask
        | WorkKind::Task
        | WorkKind::Run
        | WorkKind::Wait
        | WorkKind::Invoke => None,
    }
}
