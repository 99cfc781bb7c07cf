//! Deleting runs with all that belongs to them.

use guidepost_core::id::{RunNo, RunRef, Tenant};
use rusqlite::{Connection, named_params};

use super::fault::Fault;
use super::write::unwritable;
use crate::{StoreError, refuse};

/// What belongs to a run, a statement for each table. What refers to another comes before it.
const STATEMENTS: [&str; 16] = [
    include_str!("queries/keep_newest_number.sql"),
    include_str!("queries/delete_records.sql"),
    include_str!("queries/delete_snapshots.sql"),
    include_str!("queries/delete_actions.sql"),
    include_str!("queries/delete_decisions.sql"),
    include_str!("queries/delete_messages.sql"),
    include_str!("queries/delete_artifacts.sql"),
    include_str!("queries/delete_start_keys.sql"),
    include_str!("queries/delete_tasks.sql"),
    include_str!("queries/delete_begun_runs.sql"),
    include_str!("queries/delete_turns.sql"),
    include_str!("queries/delete_threads.sql"),
    include_str!("queries/delete_budget_runs.sql"),
    include_str!("queries/delete_budgets.sql"),
    include_str!("queries/delete_agent_instances.sql"),
    include_str!("queries/delete_deleted_agents.sql"),
];

/// Deletes a run and those below it; gives the runs that are gone.
pub(super) fn delete(db: &Connection, tenant: &Tenant, run: RunNo) -> Result<Vec<RunNo>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/tree_of.sql"))?;
    let tree = statement
        .query_map(named_params! { ":run": run.0, ":tenant": tenant.as_str() }, |row| {
            Ok((RunNo(row.get(0)?), row.get(1)?, row.get(2)?))
        })?;
    let tree: Vec<(RunNo, bool, Option<i64>)> = tree.collect::<Result<_, _>>()?;
    if tree.is_empty() {
        return Err(StoreError::NoSuchRun(RunRef::No(run)).into());
    }
    for (no, is_over, waiting) in &tree {
        if !is_over {
            return Err(refuse::alive(*no).into());
        }
        if let Some(above) = waiting {
            return Err(refuse::waited_for(*no, RunNo(*above)).into());
        }
    }
    let gone: Vec<RunNo> = tree.into_iter().map(|(no, ..)| no).collect();
    let numbers: Vec<i64> = gone.iter().map(|no| no.0).collect();
    let runs = serde_json::to_string(&numbers).map_err(unwritable)?;
    for statement in STATEMENTS {
        db.prepare_cached(statement)?.execute(named_params! { ":runs": runs })?;
    }
    Ok(gone)
}
