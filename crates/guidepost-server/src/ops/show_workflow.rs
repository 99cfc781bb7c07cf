//! Showing a workflow: what it says, and its versions.

use guidepost_core::id::Version;
use guidepost_core::kernel::Argument;
use guidepost_core::machine::{Machine, words};
use guidepost_core::workflow::to_mermaid;
use guidepost_store::{Source, StateWording, TransitionWording, VersionSummary, rows};
use serde::Serialize;

use super::{OpError, Ops, ScheduleView, list_workflows};

/// A workflow in one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkflowView {
    /// Its name.
    pub workflow: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The version; left out for one written by SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The hash of its structure; empty for one written by SQL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// What a run starts with.
    pub input: Vec<Argument>,
    /// Its states, in document order.
    pub states: Vec<StateView>,
    /// Its transitions, in document order.
    pub transitions: Vec<TransitionView>,
    /// When its runs begin by themselves; left out for an older version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<ScheduleView>,
    /// Its text; left out for one written by SQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// All its versions, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionSummary>,
    /// Its diagram, in Mermaid's language.
    pub diagram: String,
}

/// A state of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateView {
    /// Its path.
    pub state: String,
    /// `atomic`, `compound`, `parallel`, `final` or `history`.
    pub kind: &'static str,
    /// Whether a run begins here.
    pub is_initial: bool,
    /// What to do there, as it is worded now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guideline: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A transition of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransitionView {
    /// The event, or in words what else sets it off: `after 3d`, `done`; empty for an eventless transition.
    pub event: String,
    /// `event`, `always`, `after`, `done`, `error` or `internal`.
    pub kind: &'static str,
    /// The path of its source; left out for the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The paths of its targets.
    pub to: Vec<String>,
    /// What the agent is told about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Ops {
    /// Shows a workflow, or one version of it: `bugfix`, `bugfix@3`.
    ///
    /// # Errors
    ///
    /// [`OpError::NoSuchWorkflow`], [`OpError::NoSuchVersion`], [`OpError::Unusable`], and the failures of the store.
    pub async fn show_workflow(&self, reference: &str) -> Result<WorkflowView, OpError> {
        let found = self.find_workflow(reference).await?;
        let machine = &*found.machine;
        let versions = self.store.versions(&self.tenant, &machine.name).await?;
        let wording = self.store.wording(&self.tenant, &machine.name).await?;
        let is_current =
            versions.first().is_none_or(|newest| Some(newest.version) == found.version);
        let schedules =
            if is_current { self.schedules_of(&machine.name).await? } else { Vec::new() };
        Ok(WorkflowView {
            workflow: machine.name.clone(),
            description: machine.description.clone(),
            version: found.version,
            hash: machine.hash.clone(),
            input: list_workflows::input(machine),
            states: states(machine, &wording.states),
            transitions: transitions(machine, found.version, &wording.transitions),
            schedules,
            source: found.source,
            versions,
            diagram: to_mermaid(machine, &[]),
        })
    }
}

fn states(machine: &Machine, wording: &[StateWording]) -> Vec<StateView> {
    let rows = rows::states(machine).into_iter();
    rows.map(|row| {
        let worded = wording.iter().find(|worded| worded.state == row.path).cloned();
        let (guideline, description) = match worded {
            Some(worded) => (worded.guideline, worded.description),
            None => (row.guideline, row.description),
        };
        StateView {
            state: row.path,
            kind: row.kind,
            is_initial: row.is_initial,
            guideline,
            description,
        }
    })
    .collect()
}

fn transitions(
    machine: &Machine,
    version: Option<Version>,
    wording: &[TransitionWording],
) -> Vec<TransitionView> {
    let mut views = Vec::new();
    for state in &machine.states {
        for (row, transition) in rows::of_state(machine, state) {
            let worded = wording.iter().find(|worded| {
                let TransitionWording { name, from, position, .. } = worded;
                Some(worded.version) == version
                    && (name, from, *position) == (&row.name, &row.from, row.position)
            });
            views.push(TransitionView {
                event: words::trigger(state, transition),
                kind: row.kind,
                from: row.from,
                to: row.to,
                description: worded.map_or(row.description, |worded| worded.description.clone()),
            });
        }
    }
    views
}
