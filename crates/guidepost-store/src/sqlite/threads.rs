//! What was said in the threads of runs.

use guidepost_core::id::{Branch, RunNo, StateId, Tenant};
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::fault::{Fault, damaged};
use super::read::expect_run;
use super::row;
use super::write::unwritable;
use crate::filter::{page, page_items};
use crate::thread::{beyond, thread_suffix};
use crate::{NewTurn, Page, Role, Turn, TurnFilter};

/// Says something in a thread of a run, which is made if it is not there.
pub(super) fn say(
    db: &Connection,
    run: RunNo,
    turn: &NewTurn,
    now: Timestamp,
) -> Result<(), Fault> {
    let suffix = thread_suffix(&turn.state, turn.branch);
    db.prepare_cached(include_str!("queries/insert_thread.sql"))?.execute(named_params! {
        ":run": run.0, ":suffix": suffix, ":state": turn.state.as_str(), ":branch": turn.branch.0,
        ":now": now.0,
    })?;
    let payload = serde_json::to_string(&turn.content).map_err(unwritable)?;
    db.prepare_cached(include_str!("queries/insert_turn.sql"))?.execute(named_params! {
        ":run": run.0, ":suffix": suffix, ":role": turn.role.as_str(), ":now": now.0,
        ":payload": payload,
    })?;
    Ok(())
}

/// A page of what was said.
pub(super) fn list(
    db: &Connection,
    tenant: &Tenant,
    filter: &TurnFilter,
) -> Result<Page<Turn>, Fault> {
    expect_run(db, tenant, filter.run)?;
    let (state, branch) = filter.thread.clone().unzip();
    let after = filter.cursor.as_deref().map(beyond);
    let limit = page_items(filter.limit);
    let mut statement = db.prepare_cached(include_str!("queries/list_turns.sql"))?;
    let mut rows = statement.query(named_params! {
        ":run": filter.run.0,
        ":tenant": tenant.as_str(),
        ":state": state.as_ref().map(StateId::as_str),
        ":branch": branch.map(|branch| branch.0),
        ":after_state": after.as_ref().map(|((state, _), _)| state.as_str()),
        ":after_branch": after.as_ref().map(|((_, branch), _)| branch.0),
        ":after_position": after.as_ref().map(|(_, position)| row::int(*position)),
        ":limit": row::int(limit as u64).saturating_add(1),
    })?;
    let mut turns = Vec::new();
    while let Some(row) = rows.next()? {
        turns.push(read(filter.run, row)?);
    }
    Ok(page(turns, limit, Turn::id))
}

fn read(run: RunNo, row: &Row<'_>) -> Result<Turn, Fault> {
    let (role, payload): (String, String) = (row.get(4)?, row.get(6)?);
    Ok(Turn {
        thread: row.get(0)?,
        state: StateId::from(row.get::<_, String>(1)?),
        branch: Branch(row.get(2)?),
        position: row::count(row, 3)?,
        role: if role == Role::User.as_str() { Role::User } else { Role::Assistant },
        at: Timestamp(row.get(5)?),
        content: serde_json::from_str(&payload).map_err(|reason| damaged(run, reason))?,
    })
}
