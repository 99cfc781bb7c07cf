//! Workflows: versions, and wording that outlives them.

use std::collections::BTreeMap;

use guidepost_core::id::Version;
use guidepost_core::machine::Concurrency;
use guidepost_core::run::Run;
use guidepost_core::time::Timestamp;
use indexmap::IndexMap;

use super::matches::has_words;
use super::runs::Runs;
use crate::filter::{page, page_items, words};
use crate::refuse;
use crate::{
    Defined, NewVersion, OBSERVED, Page, Rewording, Source, StateWording, StoreError,
    TransitionRow, TransitionWording, VersionSummary, Wanted, Wording, Workflow, WorkflowBody,
    WorkflowFilter, WorkflowSummary,
};

/// One tenant's workflows, by name.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    workflows: BTreeMap<String, Held>,
}

#[derive(Debug)]
struct Held {
    description: Option<String>,
    concurrency: Concurrency,
    created_at: Timestamp,
    versions: Vec<HeldVersion>,
    /// The index of the version new runs get.
    current: usize,
    /// Wording by the state's path, of all states the workflow ever had.
    states: IndexMap<String, Said>,
}

#[derive(Debug)]
struct HeldVersion {
    hash: String,
    source: Source,
    /// How often the text was replaced.
    revision: u64,
    states: u64,
    /// Transitions in document order, and how often each was reworded.
    transitions: Vec<(TransitionRow, u64)>,
    at: Timestamp,
    by: String,
}

/// A state's guideline and description: as they are, and as the definition last had them.
#[derive(Debug)]
struct Said {
    present: [Option<String>; 2],
    defined: [Option<String>; 2],
    revision: u64,
}

impl Catalogue {
    pub(super) fn define(&mut self, new: NewVersion) -> Defined {
        let held = self.workflows.entry(new.name.clone()).or_insert_with(|| Held {
            description: None,
            concurrency: Concurrency::default(),
            created_at: new.at,
            versions: Vec::new(),
            current: 0,
            states: IndexMap::new(),
        });
        held.description.clone_from(&new.description);
        held.concurrency.clone_from(&new.concurrency);
        let reworded = held.reword_states(&new) + held.reword_transitions(&new);
        let known = held.versions.iter().position(|version| version.hash == new.hash);
        held.current = known.unwrap_or(held.versions.len());
        let mut is_new_text = false;
        if known.is_none() {
            held.versions.push(HeldVersion {
                hash: new.hash,
                source: new.source,
                revision: 0,
                states: new.states.len() as u64,
                transitions: new.transitions.into_iter().map(|row| (row, 0)).collect(),
                at: new.at,
                by: new.by,
            });
        } else {
            is_new_text = held.versions[held.current].take_text(new.source);
        }
        let version = number(held.current);
        let revision = held.versions[held.current].revision;
        Defined { version, is_new: known.is_none(), reworded, revision, is_new_text }
    }

    pub(super) fn workflow(&self, name: &str, version: Wanted<'_>) -> Option<Workflow> {
        let held = self.workflows.get(name)?;
        let index = match version {
            Wanted::Current => held.current,
            Wanted::Version(version) => usize::try_from(version.0).ok()?.checked_sub(1)?,
            Wanted::Hash(hash) => held.versions.iter().position(|one| one.hash == hash)?,
        };
        let found = held.versions.get(index)?;
        let body = WorkflowBody::Versioned {
            version: number(index),
            hash: found.hash.clone(),
            revision: found.revision,
            source: found.source.clone(),
        };
        Some(Workflow { name: name.to_owned(), body })
    }

    /// How much of a workflow's work may go on at once.
    pub(super) fn concurrency(&self, name: &str) -> Concurrency {
        self.workflows.get(name).map(|held| held.concurrency.clone()).unwrap_or_default()
    }

    /// How often a version's text was replaced.
    pub(super) fn revision(&self, name: &str, version: Option<Version>) -> u64 {
        let wanted = version.map(Wanted::Version);
        match wanted.and_then(|wanted| self.workflow(name, wanted)).map(|found| found.body) {
            Some(WorkflowBody::Versioned { revision, .. }) => revision,
            Some(WorkflowBody::Open(_)) | None => 0,
        }
    }

    pub(super) fn list(&self, filter: &WorkflowFilter, runs: &Runs) -> Page<WorkflowSummary> {
        let wanted = words(filter.query.as_deref());
        let found = self
            .workflows
            .iter()
            .filter(|(name, _)| filter.cursor.as_ref().is_none_or(|cursor| *name > cursor))
            .filter(|(name, held)| {
                has_words(&wanted, [Some(name.as_str()), held.description.as_deref()])
            })
            .map(|(name, held)| WorkflowSummary {
                name: name.clone(),
                description: held.description.clone(),
                version: Some(number(held.current)),
                states: held.versions[held.current].states,
                live_runs: runs.live(name, None),
                created_at: held.created_at,
            });
        page(found, page_items(filter.limit), |last| last.name.clone())
    }

    pub(super) fn versions(&self, name: &str, runs: &Runs) -> Vec<VersionSummary> {
        let Some(held) = self.workflows.get(name) else { return Vec::new() };
        let versions = held.versions.iter().enumerate().rev();
        versions
            .map(|(index, version)| VersionSummary {
                version: number(index),
                hash: version.hash.clone(),
                created_at: version.at,
                by: version.by.clone(),
                live_runs: runs.live(name, Some(number(index))),
            })
            .collect()
    }

    /// Refuses what no run can be created in.
    /// The version with the structure a run is bound to; none if it follows rows.
    pub(super) fn version_of(&self, run: &Run) -> Result<Option<Version>, StoreError> {
        if run.machine.is_empty() {
            return Ok(None);
        }
        let held = self.workflows.get(&run.workflow);
        let at = held
            .and_then(|held| held.versions.iter().position(|version| version.hash == run.machine));
        at.map(|at| Some(number(at))).ok_or_else(|| refuse::no_such_structure(&run.machine))
    }

    pub(super) fn expect(&self, name: &str, version: Option<Version>) -> Result<(), StoreError> {
        let exists = match version {
            None => name == OBSERVED,
            Some(version) => self.workflow(name, Wanted::Version(version)).is_some(),
        };
        if exists { Ok(()) } else { Err(refuse::no_such_version(name, version)) }
    }

    pub(super) fn reword(&mut self, edit: Rewording) -> Result<(), StoreError> {
        let wording = self
            .workflows
            .get_mut(&edit.workflow)
            .and_then(|held| held.states.get_mut(&edit.state))
            .ok_or_else(|| refuse::no_such_state(&edit.workflow, &edit.state))?;
        let [guideline, description] = wording.present.clone();
        wording.replace([edit.guideline.or(guideline), edit.description.or(description)]);
        Ok(())
    }

    pub(super) fn wording(&self, name: &str) -> Wording {
        let Some(held) = self.workflows.get(name) else { return Wording::default() };
        let transitions = (0..).zip(&held.versions).flat_map(|(index, version)| {
            let reworded = version.transitions.iter().filter(|(_, revision)| *revision > 0);
            reworded.map(move |(row, revision)| TransitionWording {
                version: number(index),
                name: row.name.clone(),
                from: row.from.clone(),
                position: row.position,
                description: row.description.clone(),
                revision: *revision,
            })
        });
        Wording { states: held.states_said(), transitions: transitions.collect() }
    }
}

impl Held {
    fn states_said(&self) -> Vec<StateWording> {
        let said = self.states.iter().filter(|(_, wording)| wording.was_given());
        said.map(|(state, wording)| {
            let [guideline, description] = wording.present.clone();
            StateWording {
                state: state.clone(),
                guideline,
                description,
                revision: wording.revision,
            }
        })
        .collect()
    }

    /// Takes over the definition's wording of states; how many were reworded.
    fn reword_states(&mut self, new: &NewVersion) -> u64 {
        let mut reworded = 0;
        for state in &new.states {
            let defined = [state.guideline.clone(), state.description.clone()];
            match self.states.get_mut(&state.path) {
                Some(wording) => reworded += u64::from(wording.define(defined)),
                None => {
                    let present = defined.clone();
                    self.states.insert(state.path.clone(), Said { present, defined, revision: 0 });
                }
            }
        }
        reworded
    }

    /// Takes over the definition's descriptions of transitions; how many were reworded.
    fn reword_transitions(&mut self, new: &NewVersion) -> u64 {
        let known = self.versions.iter_mut().find(|version| version.hash == new.hash);
        let Some(version) = known else { return 0 };
        let mut reworded = 0;
        for ((old, revision), new) in version.transitions.iter_mut().zip(&new.transitions) {
            if old.description != new.description {
                old.description.clone_from(&new.description);
                *revision += 1;
                reworded += 1;
            }
        }
        reworded
    }
}

impl HeldVersion {
    /// Takes over a text of equal structure; whether it differs.
    fn take_text(&mut self, source: Source) -> bool {
        let is_new = self.source != source;
        self.revision += u64::from(is_new);
        self.source = source;
        is_new
    }
}

impl Said {
    /// Takes over what the definition says, where it says something else than before; whether that changed anything.
    fn define(&mut self, defined: [Option<String>; 2]) -> bool {
        let mut present = self.present.clone();
        for ((present, old), new) in present.iter_mut().zip(&self.defined).zip(&defined) {
            if old != new {
                present.clone_from(new);
            }
        }
        self.defined = defined;
        self.replace(present)
    }

    fn replace(&mut self, new: [Option<String>; 2]) -> bool {
        let is_new = self.present != new;
        self.revision += u64::from(is_new);
        self.present = new;
        is_new
    }

    fn was_given(&self) -> bool {
        self.revision > 0 || self.present.iter().any(Option::is_some)
    }
}

/// Versions count from 1.
fn number(index: usize) -> Version {
    Version(index as u64 + 1)
}
