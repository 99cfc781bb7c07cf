//! Workflows: what is read of them, and live edits of their wording. Saving a version is in [`define`].

mod define;

use guidepost_core::id::{Tenant, Version};
use guidepost_core::time::Timestamp;
use guidepost_core::workflow::{OpenState, OpenTransition, OpenWorkflow};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) use self::define::{add_state, define};
use super::fault::Fault;
use super::row::{self, int};
use super::write::unwritable;
use crate::filter::{page, page_items, words};
use crate::{
    Page, Rewording, Source, StateWording, TransitionWording, VersionSummary, Wanted, Wording,
    Workflow, WorkflowBody, WorkflowFilter, WorkflowSummary, refuse,
};

/// [`Wanted`], to send to another thread.
pub(super) enum OwnedWanted {
    Current,
    Version(Version),
    Hash(String),
}

impl From<Wanted<'_>> for OwnedWanted {
    fn from(wanted: Wanted<'_>) -> Self {
        match wanted {
            Wanted::Current => Self::Current,
            Wanted::Version(version) => Self::Version(version),
            Wanted::Hash(hash) => Self::Hash(hash.to_owned()),
        }
    }
}

/// A workflow's row.
struct Found {
    id: i64,
    origin: String,
    version: Option<i64>,
}

fn find(db: &Connection, tenant: &Tenant, name: &str) -> Result<Option<Found>, Fault> {
    let found = db
        .prepare_cached(include_str!("queries/find_workflow.sql"))?
        .query_row(named_params! { ":tenant": tenant.as_str(), ":name": name }, |row| {
            Ok(Found { id: row.get(0)?, origin: row.get(1)?, version: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// A workflow's version, or its rows.
pub(super) fn workflow(
    db: &Connection,
    tenant: &Tenant,
    name: &str,
    wanted: &OwnedWanted,
) -> Result<Option<Workflow>, Fault> {
    let Some(found) = find(db, tenant, name)? else { return Ok(None) };
    let body = match (found.origin.as_str(), wanted) {
        ("built_in", _) => None,
        ("sql", OwnedWanted::Current) => Some(WorkflowBody::Open(open(db, name, found.id)?)),
        ("sql", _) => None,
        (_, OwnedWanted::Current) => by_number(db, found.id, found.version.unwrap_or_default())?,
        (_, OwnedWanted::Version(version)) => by_number(db, found.id, int(version.0))?,
        (_, OwnedWanted::Hash(hash)) => db
            .prepare_cached(include_str!("queries/version_by_hash.sql"))?
            .query_row(named_params! { ":workflow": found.id, ":hash": hash }, versioned)
            .optional()?,
    };
    Ok(body.map(|body| Workflow { name: name.to_owned(), body }))
}

fn by_number(db: &Connection, id: i64, version: i64) -> Result<Option<WorkflowBody>, Fault> {
    let found = db
        .prepare_cached(include_str!("queries/version_by_number.sql"))?
        .query_row(named_params! { ":workflow": id, ":version": version }, versioned)
        .optional()?;
    Ok(found)
}

fn versioned(row: &rusqlite::Row<'_>) -> rusqlite::Result<WorkflowBody> {
    Ok(WorkflowBody::Versioned {
        version: Version(row::count(row, 0)?),
        hash: row.get(1)?,
        revision: row::count(row, 5)?,
        source: Source { format: row.get(2)?, text: row.get(3)?, file: row.get(4)? },
    })
}

/// A workflow that SQL wrote.
fn open(db: &Connection, name: &str, id: i64) -> Result<OpenWorkflow, Fault> {
    let mut states = db.prepare_cached(include_str!("queries/open_states.sql"))?;
    let states = states.query_map(named_params! { ":workflow": id }, |row| {
        Ok(OpenState { name: row.get(0)?, guideline: row.get(1)? })
    })?;
    let mut transitions = db.prepare_cached(include_str!("queries/open_transitions.sql"))?;
    let transitions = transitions.query_map(named_params! { ":workflow": id }, |row| {
        Ok(OpenTransition {
            name: row.get(0)?,
            from: row.get(1)?,
            to: row.get(2)?,
            description: row.get(3)?,
        })
    })?;
    Ok(OpenWorkflow {
        name: name.to_owned(),
        states: states.collect::<Result<_, _>>()?,
        transitions: transitions.collect::<Result<_, _>>()?,
    })
}

/// Workflows by name.
pub(super) fn list(
    db: &Connection,
    tenant: &Tenant,
    filter: &WorkflowFilter,
) -> Result<Page<WorkflowSummary>, Fault> {
    let limit = page_items(filter.limit);
    let words = serde_json::to_string(&words(filter.query.as_deref())).map_err(unwritable)?;
    let mut statement = db.prepare_cached(include_str!("queries/list_workflows.sql"))?;
    let parameters = named_params! {
        ":tenant": tenant.as_str(),
        ":after": filter.cursor,
        ":words": words,
        ":limit": int(limit as u64).saturating_add(1),
    };
    let found = statement.query_map(parameters, |row| {
        Ok(WorkflowSummary {
            name: row.get(0)?,
            description: row.get(1)?,
            version: version(row.get(2)?),
            states: row::count(row, 3)?,
            live_runs: row::count(row, 4)?,
            created_at: Timestamp(row.get(5)?),
        })
    })?;
    let found: Vec<WorkflowSummary> = found.collect::<Result<_, _>>()?;
    Ok(page(found, limit, |last| last.name.clone()))
}

fn version(column: Option<i64>) -> Option<Version> {
    column.and_then(|version| u64::try_from(version).ok()).map(Version)
}

/// All versions of a workflow, newest first.
pub(super) fn versions(
    db: &Connection,
    tenant: &Tenant,
    name: &str,
) -> Result<Vec<VersionSummary>, Fault> {
    let Some(found) = find(db, tenant, name)? else { return Ok(Vec::new()) };
    let mut statement = db.prepare_cached(include_str!("queries/list_versions.sql"))?;
    let versions = statement.query_map(named_params! { ":workflow": found.id }, |row| {
        Ok(VersionSummary {
            version: Version(row::count(row, 0)?),
            hash: row.get(1)?,
            created_at: Timestamp(row.get(2)?),
            by: row.get(3)?,
            live_runs: row::count(row, 4)?,
        })
    })?;
    Ok(versions.collect::<Result<_, _>>()?)
}

/// Edits a state's wording, live.
pub(super) fn reword(db: &Connection, tenant: &Tenant, edit: &Rewording) -> Result<(), Fault> {
    type State = (i64, Option<String>, Option<String>);
    let found: Option<State> = db
        .prepare_cached(include_str!("queries/find_state_wording.sql"))?
        .query_row(
            named_params! {
                ":tenant": tenant.as_str(), ":workflow": edit.workflow, ":state": edit.state,
            },
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let (state, guideline, description) =
        found.ok_or_else(|| Fault::Clean(refuse::no_such_state(&edit.workflow, &edit.state)))?;
    let new = [
        edit.guideline.clone().or_else(|| guideline.clone()),
        edit.description.clone().or_else(|| description.clone()),
    ];
    if new != [guideline, description] {
        define::reword_state(db, state, &new, &edit.by, edit.at)?;
    }
    Ok(())
}

/// The present wording of a workflow.
pub(super) fn wording(db: &Connection, tenant: &Tenant, workflow: &str) -> Result<Wording, Fault> {
    let parameters = named_params! { ":tenant": tenant.as_str(), ":workflow": workflow };
    let mut states = db.prepare_cached(include_str!("queries/list_wording.sql"))?;
    let states = states.query_map(parameters, |row| {
        Ok(StateWording {
            state: row.get(0)?,
            guideline: row.get(1)?,
            description: row.get(2)?,
            revision: row::count(row, 3)?,
        })
    })?;
    let mut transitions = db.prepare_cached(include_str!("queries/list_transition_wording.sql"))?;
    let transitions = transitions.query_map(parameters, |row| {
        Ok(TransitionWording {
            version: Version(row::count(row, 0)?),
            name: row.get(1)?,
            from: row.get::<_, Option<String>>(2)?.filter(|path| !path.is_empty()),
            position: row.get(3)?,
            description: row.get(4)?,
            revision: row::count(row, 5)?,
        })
    })?;
    Ok(Wording {
        states: states.collect::<Result<_, _>>()?,
        transitions: transitions.collect::<Result<_, _>>()?,
    })
}
