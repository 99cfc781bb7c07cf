//! Saving a version of a workflow as rows.
//!
//! A state's row outlives versions, so that runs, edits and ids stay with it. Transitions belong to one version each.

use std::collections::BTreeMap;

use guidepost_core::id::{Tenant, Version};
use guidepost_core::machine::Concurrency;
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::{by_number, find};
use crate::sqlite::fault::Fault;
use crate::sqlite::row::int;
use crate::sqlite::schedules;
use crate::sqlite::write::unwritable;
use crate::{Defined, NewVersion, StateRow, StoreError, TransitionRow, WorkflowBody};

/// The name of the row that stands for a workflow as a whole. No state's own name has parentheses unless its author
/// insists.
const ROOT_NAME: &str = "(root)";

/// A guideline and a description.
type Wording = [Option<String>; 2];

/// A state's row as it is.
struct Known {
    id: i64,
    name: String,
    present: Wording,
    defined: Wording,
}

/// A workflow that is being saved, and the rows of its states by path.
struct Saving<'a> {
    db: &'a Connection,
    tenant: &'a Tenant,
    new: &'a NewVersion,
    workflow: i64,
    states: BTreeMap<String, Known>,
}

/// Saves a version and makes it the one new runs get.
pub(in crate::sqlite) fn define(
    db: &Connection,
    tenant: &Tenant,
    new: &NewVersion,
) -> Result<Defined, Fault> {
    let workflow = begin(db, tenant, new)?;
    let states = known_states(db, workflow)?;
    let mut saving = Saving { db, tenant, new, workflow, states };
    let known = saving.known_version()?;
    let (version, revision, is_new_text) = match known {
        Some(version) => saving.take_text(version)?,
        None => (saving.add_version()?, 0, false),
    };
    saving.save_steps(version)?;
    schedules::define(db, tenant, workflow, &new.schedules)?;
    let reworded =
        saving.save_states(version)? + saving.save_transitions(version, known.is_none())?;
    db.prepare_cached(include_str!("../queries/end_defining.sql"))?.execute(named_params! {
        ":workflow": workflow, ":version": version, ":description": new.description,
        ":concurrency": concurrency(&new.concurrency)?,
    })?;
    let version = Version(u64::try_from(version).map_err(|_| {
        Fault::Undo(refused(format!("the store has a version {version} of `{}`", new.name), None))
    })?);
    Ok(Defined { version, is_new: known.is_none(), reworded, revision, is_new_text })
}

/// Finds or adds the workflow's row, and sets the guards against edits by hand aside for this transaction.
fn begin(db: &Connection, tenant: &Tenant, new: &NewVersion) -> Result<i64, Fault> {
    let Some(found) = find(db, tenant, &new.name)? else {
        db.prepare_cached(include_str!("../queries/insert_workflow.sql"))?.execute(
            named_params! { ":name": new.name, ":tenant": tenant.as_str(), ":now": new.at.0 },
        )?;
        return Ok(db.last_insert_rowid());
    };
    if found.origin == "built_in" {
        return Err(refused(format!("the workflow `{}` is built in", new.name), None).into());
    }
    let workflow = named_params! { ":workflow": found.id };
    if found.origin == "sql" {
        let has_runs: bool = db
            .prepare_cached(include_str!("../queries/workflow_has_runs.sql"))?
            .query_row(workflow, |row| row.get(0))?;
        if has_runs {
            let what = format!(
                "the workflow `{}` was written by SQL and has runs: its rows are its definition",
                new.name
            );
            let hint = "give the definition another name, or delete the agents in it".to_owned();
            return Err(refused(what, Some(hint)).into());
        }
    }
    db.prepare_cached(include_str!("../queries/begin_defining.sql"))?.execute(workflow)?;
    if found.origin == "sql" {
        db.prepare_cached(include_str!("../queries/clear_transitions.sql"))?.execute(workflow)?;
        db.prepare_cached(include_str!("../queries/clear_states.sql"))?.execute(workflow)?;
    }
    Ok(found.id)
}

fn refused(what: String, hint: Option<String>) -> StoreError {
    StoreError::Refused { what, hint }
}

/// A JSON list, as rows keep it.
fn list<T: serde::Serialize>(items: &[T]) -> Result<String, Fault> {
    serde_json::to_string(items).map_err(|reason| Fault::Undo(unwritable(reason)))
}

/// How much may go on at once, as JSON; nothing if there are no bounds.
fn concurrency(concurrency: &Concurrency) -> Result<Option<String>, Fault> {
    if concurrency.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(concurrency);
    text.map(Some).map_err(|reason| Fault::Undo(unwritable(reason)))
}

/// What an author keeps, as JSON; nothing for null.
fn kept(metadata: &serde_json::Value) -> Option<String> {
    (!metadata.is_null()).then(|| metadata.to_string())
}

fn known_states(db: &Connection, workflow: i64) -> Result<BTreeMap<String, Known>, Fault> {
    let mut statement = db.prepare_cached(include_str!("../queries/states_of.sql"))?;
    let states = statement.query_map(named_params! { ":workflow": workflow }, |row| {
        let known = Known {
            id: row.get(0)?,
            name: row.get(2)?,
            present: [row.get(3)?, row.get(4)?],
            defined: [row.get(5)?, row.get(6)?],
        };
        Ok((row.get(1)?, known))
    })?;
    Ok(states.collect::<Result<_, _>>()?)
}

impl Saving<'_> {
    fn known_version(&self) -> Result<Option<i64>, Fault> {
        let known = self
            .db
            .prepare_cached(include_str!("../queries/find_hash.sql"))?
            .query_row(
                named_params! { ":workflow": self.workflow, ":hash": self.new.hash },
                |row| row.get(0),
            )
            .optional()?;
        Ok(known)
    }

    /// Takes over the text of a structure that is known, if it says anything else, and keeps the one before: the version,
    /// how often its text was replaced, and whether it was now.
    fn take_text(&self, version: i64) -> Result<(i64, u64, bool), Fault> {
        let known = by_number(self.db, self.workflow, version)?;
        let Some(WorkflowBody::Versioned { revision, source, .. }) = known else {
            return Ok((version, 0, false));
        };
        let NewVersion { source: new, by, at, .. } = self.new;
        if source == *new {
            return Ok((version, revision, false));
        }
        let of_version = named_params! {
            ":workflow": self.workflow, ":version": version, ":by": by, ":now": at.0,
        };
        self.db.prepare_cached(include_str!("../queries/keep_source.sql"))?.execute(of_version)?;
        self.db.prepare_cached(include_str!("../queries/replace_source.sql"))?.execute(
            named_params! {
                ":workflow": self.workflow,
                ":version": version,
                ":format": new.format,
                ":source": new.text,
                ":file": new.file,
            },
        )?;
        Ok((version, revision + 1, true))
    }

    fn add_version(&self) -> Result<i64, Fault> {
        let last: i64 = self
            .db
            .prepare_cached(include_str!("../queries/last_version.sql"))?
            .query_row(named_params! { ":workflow": self.workflow }, |row| row.get(0))?;
        let NewVersion { hash, source, states, by, at, metadata, .. } = self.new;
        self.db.prepare_cached(include_str!("../queries/insert_version.sql"))?.execute(
            named_params! {
                ":workflow": self.workflow,
                ":version": last + 1,
                ":tenant": self.tenant.as_str(),
                ":hash": hash,
                ":format": source.format,
                ":source": source.text,
                ":file": source.file,
                ":states": int(states.len() as u64),
                ":now": at.0,
                ":by": by,
                ":metadata": kept(metadata),
            },
        )?;
        Ok(last + 1)
    }

    /// Saves the steps of a plain list anew: what an agent is told may differ in texts of equal structure.
    fn save_steps(&self, version: i64) -> Result<(), Fault> {
        self.db
            .prepare_cached(include_str!("../queries/clear_steps.sql"))?
            .execute(named_params! { ":workflow": self.workflow, ":version": version })?;
        for (step, position) in self.new.steps.iter().zip(0_i64..) {
            self.db.prepare_cached(include_str!("../queries/insert_step.sql"))?.execute(
                named_params! {
                    ":workflow": self.workflow,
                    ":version": version,
                    ":position": position,
                    ":tenant": self.tenant.as_str(),
                    ":path": step.path,
                    ":agent": step.agent,
                    ":input": step.input,
                    ":metadata": kept(&step.metadata),
                },
            )?;
        }
        Ok(())
    }

    /// Brings the states' rows up to date; how many that were there were reworded.
    fn save_states(&mut self, version: i64) -> Result<u64, Fault> {
        let mut reworded = 0;
        for (state, position) in self.new.states.iter().zip(0..) {
            let defined = [state.guideline.clone(), state.description.clone()];
            match self.states.get(&state.path) {
                Some(known) => {
                    self.update_state(known.id, state, position)?;
                    reworded += u64::from(self.take_wording(known, &defined)?);
                }
                None => {
                    let id = self.insert_state(state, position)?;
                    let name = unnamed(&state.path);
                    let known = Known { id, name, present: defined.clone(), defined };
                    self.states.insert(state.path.clone(), known);
                }
            }
        }
        if self.new.transitions.iter().any(|transition| transition.from.is_none()) {
            self.add_root()?;
        }
        self.retire(version)?;
        self.name_states()?;
        self.link_states()?;
        Ok(reworded)
    }

    /// Adds the state under a name of no meaning, until all are named anew.
    fn insert_state(&self, state: &StateRow, position: i64) -> Result<i64, Fault> {
        self.db.prepare_cached(include_str!("../queries/insert_state.sql"))?.execute(
            named_params! {
                ":workflow": self.workflow,
                ":name": unnamed(&state.path),
                ":guideline": state.guideline,
                ":tenant": self.tenant.as_str(),
                ":path": state.path,
                ":kind": state.kind,
                ":is_initial": state.is_initial,
                ":position": position,
                ":description": state.description,
            },
        )?;
        let id = self.db.last_insert_rowid();
        if state.guideline.is_some() || state.description.is_some() {
            keep_state_revision(self.db, id, &self.new.by, self.new.at)?;
        }
        Ok(id)
    }

    fn update_state(&self, id: i64, state: &StateRow, position: i64) -> Result<(), Fault> {
        self.db.prepare_cached(include_str!("../queries/update_state.sql"))?.execute(
            named_params! {
                ":state": id,
                ":kind": state.kind,
                ":is_initial": state.is_initial,
                ":position": position,
                ":guideline": state.guideline,
                ":description": state.description,
            },
        )?;
        Ok(())
    }

    /// Takes over what the definition says, where it says something else than before; whether that changed anything.
    fn take_wording(&self, known: &Known, defined: &Wording) -> Result<bool, Fault> {
        let mut wording = known.present.clone();
        for ((present, old), new) in wording.iter_mut().zip(&known.defined).zip(defined) {
            if old != new {
                present.clone_from(new);
            }
        }
        if wording == known.present {
            return Ok(false);
        }
        reword_state(self.db, known.id, &wording, &self.new.by, self.new.at)?;
        Ok(true)
    }

    fn add_root(&mut self) -> Result<(), Fault> {
        if !self.states.contains_key("") {
            let id = add_state(self.db, self.tenant, self.workflow, "")?;
            let known = Known {
                id,
                name: ROOT_NAME.to_owned(),
                present: Wording::default(),
                defined: Wording::default(),
            };
            self.states.insert(String::new(), known);
        }
        Ok(())
    }

    /// Marks the states that this version no longer has.
    fn retire(&self, version: i64) -> Result<(), Fault> {
        let paths: Vec<&str> = self.new.states.iter().map(|state| state.path.as_str()).collect();
        self.db.prepare_cached(include_str!("../queries/retire_states.sql"))?.execute(
            named_params! {
                ":workflow": self.workflow,
                ":version": version - 1,
                ":paths": list(&paths)?,
            },
        )?;
        Ok(())
    }

    /// Names every state by its own name if no other state of the workflow has it, else by its path. Names that change are
    /// all cleared first, since two states may swap.
    fn name_states(&self) -> Result<(), Fault> {
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for path in self.states.keys() {
            *uses.entry(own_name(path)).or_default() += 1;
        }
        let named = self.states.iter().map(|(path, known)| {
            let own = own_name(path);
            (known, path, if uses.get(own) == Some(&1) { own } else { path.as_str() })
        });
        let changed: Vec<_> = named.filter(|(known, _, name)| known.name != *name).collect();
        let mut statement = self.db.prepare_cached(include_str!("../queries/name_state.sql"))?;
        for (known, path, _) in &changed {
            statement.execute(named_params! { ":state": known.id, ":name": unnamed(path) })?;
        }
        for (known, _, name) in &changed {
            statement.execute(named_params! { ":state": known.id, ":name": name })?;
        }
        Ok(())
    }

    /// Tells every state which states are around it.
    fn link_states(&self) -> Result<(), Fault> {
        let mut statement = self.db.prepare_cached(include_str!("../queries/link_state.sql"))?;
        for (path, known) in &self.states {
            let around: Vec<i64> = paths_around(path)
                .filter_map(|path| self.states.get(path))
                .map(|known| known.id)
                .collect();
            let lineage: Vec<i64> =
                std::iter::once(known.id).chain(around.iter().copied()).collect();
            statement.execute(named_params! {
                ":state": known.id,
                ":parent": around.first(),
                ":lineage": list(&lineage)?,
            })?;
        }
        Ok(())
    }

    /// Adds the transitions of a new version, or rewords those of a known one; how many were reworded.
    fn save_transitions(&self, version: i64, is_new: bool) -> Result<u64, Fault> {
        if !is_new {
            return self.reword_transitions(version);
        }
        for transition in &self.new.transitions {
            self.insert_transition(transition, version)?;
        }
        Ok(0)
    }

    fn insert_transition(&self, transition: &TransitionRow, version: i64) -> Result<(), Fault> {
        let from = self.id_of(transition.from.as_deref().unwrap_or_default())?;
        let targets = transition
            .to
            .iter()
            .map(|path| self.id_of(path))
            .collect::<Result<Vec<i64>, Fault>>()?;
        let (first, more) =
            targets.split_first().map_or((from, &[][..]), |(first, more)| (*first, more));
        let more = (!more.is_empty()).then(|| list(more)).transpose()?;
        self.db.prepare_cached(include_str!("../queries/insert_transition.sql"))?.execute(
            named_params! {
                ":workflow": self.workflow,
                ":name": transition.name,
                ":from": from,
                ":to": first,
                ":description": transition.description,
                ":tenant": self.tenant.as_str(),
                ":version": version,
                ":position": transition.position,
                ":kind": transition.kind,
                ":is_gated": transition.is_gated,
                ":is_guarded": transition.is_guarded,
                ":more_targets": more,
            },
        )?;
        Ok(())
    }

    fn reword_transitions(&self, version: i64) -> Result<u64, Fault> {
        let mut statement =
            self.db.prepare_cached(include_str!("../queries/transitions_of.sql"))?;
        let rows = statement.query_map(
            named_params! { ":workflow": self.workflow, ":version": version },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let rows: Vec<(i64, Option<String>)> = rows.collect::<Result<_, _>>()?;
        let mut reworded = 0;
        for ((id, old), transition) in rows.into_iter().zip(&self.new.transitions) {
            if old != transition.description {
                self.reword_transition(id, transition.description.as_deref())?;
                reworded += 1;
            }
        }
        Ok(reworded)
    }

    fn reword_transition(&self, id: i64, description: Option<&str>) -> Result<(), Fault> {
        self.db
            .prepare_cached(include_str!("../queries/reword_transition.sql"))?
            .execute(named_params! { ":transition": id, ":description": description })?;
        self.db
            .prepare_cached(include_str!("../queries/insert_transition_revision.sql"))?
            .execute(
                named_params! { ":transition": id, ":by": self.new.by, ":now": self.new.at.0 },
            )?;
        Ok(())
    }

    fn id_of(&self, path: &str) -> Result<i64, Fault> {
        let known = self.states.get(path);
        known.map(|known| known.id).ok_or_else(|| {
            Fault::Undo(refused(
                format!("a transition names the state `{path}`, which is not listed"),
                None,
            ))
        })
    }
}

/// Adds a state that no definition lists: the root, or what an observed run was seen in.
pub(in crate::sqlite) fn add_state(
    db: &Connection,
    tenant: &Tenant,
    workflow: i64,
    path: &str,
) -> Result<i64, Fault> {
    let (name, kind) = if path.is_empty() { (ROOT_NAME, "root") } else { (path, "atomic") };
    db.prepare_cached(include_str!("../queries/insert_state.sql"))?.execute(named_params! {
        ":workflow": workflow,
        ":name": name,
        ":guideline": None::<String>,
        ":tenant": tenant.as_str(),
        ":path": path,
        ":kind": kind,
        ":is_initial": false,
        ":position": None::<i64>,
        ":description": None::<String>,
    })?;
    let id = db.last_insert_rowid();
    db.prepare_cached(include_str!("../queries/link_state.sql"))?.execute(named_params! {
        ":state": id, ":parent": None::<i64>, ":lineage": format!("[{id}]"),
    })?;
    Ok(id)
}

/// Replaces a state's wording, and keeps the revision.
pub(super) fn reword_state(
    db: &Connection,
    state: i64,
    [guideline, description]: &Wording,
    by: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    db.prepare_cached(include_str!("../queries/reword_state.sql"))?.execute(named_params! {
        ":state": state, ":guideline": guideline, ":description": description,
    })?;
    keep_state_revision(db, state, by, at)
}

fn keep_state_revision(db: &Connection, state: i64, by: &str, at: Timestamp) -> Result<(), Fault> {
    db.prepare_cached(include_str!("../queries/insert_state_revision.sql"))?
        .execute(named_params! { ":state": state, ":by": by, ":now": at.0 })?;
    Ok(())
}

/// A state's own name; the root's is fixed.
fn own_name(path: &str) -> &str {
    if path.is_empty() { ROOT_NAME } else { path.rsplit('.').next().unwrap_or(path) }
}

/// A name nobody chooses, for a state that is about to be named.
fn unnamed(path: &str) -> String {
    format!("\u{1}{path}")
}

/// The paths of the states around a state, innermost first, the root last.
fn paths_around(path: &str) -> impl Iterator<Item = &str> {
    let outer = path.rmatch_indices('.').map(|(end, _)| &path[..end]);
    outer.chain((!path.is_empty()).then_some(""))
}
