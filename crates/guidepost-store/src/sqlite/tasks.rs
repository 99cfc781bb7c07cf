//! Tasks: filed and ended with the steps that begin and end their work, and held in between. How they are claimed stands in
//! `claim.rs`.

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, StateId, Tenant, Visit};
use guidepost_core::machine::WorkKind;
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, Row, named_params};

use super::fault::Fault;
use super::row::int;
use super::threads;
use crate::filter::{page, page_items};
use crate::{
    Bound, Held, Lease, NewTask, Page, Task, TaskChange, TaskChanges, TaskFilter, TaskId, refuse,
};

/// Refuses whoever speaks for an attempt that is not the present one any more.
pub(super) fn expect_held(db: &Connection, held: &Held) -> Result<(), Fault> {
    let Held { task, attempt } = held;
    let is_held =
        db.prepare_cached(include_str!("queries/is_held.sql"))?.exists(named_params! {
            ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
            ":branch": task.branch.0, ":compensates": compensates(task.purpose),
            ":attempt": attempt,
        })?;
    if is_held { Ok(()) } else { Err(refuse::lease_lost(task).into()) }
}

/// Ends the task that a step speaks for, if the step ends just that, and says whether it did. Refuses whoever speaks for an
/// attempt that is not the present one any more.
pub(super) fn end_held(db: &Connection, held: &Held, step: &TaskChanges) -> Result<bool, Fault> {
    let Held { task, attempt } = held;
    let ended = if step.changes.iter().any(|change| change.ends(task)) {
        db.prepare_cached(include_str!("queries/end_held_task.sql"))?.execute(named_params! {
            ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
            ":branch": task.branch.0, ":compensates": compensates(task.purpose),
            ":attempt": attempt,
        })?
    } else {
        0
    };
    if ended == 0 {
        expect_held(db, held)?;
    }
    Ok(ended > 0)
}

/// What a step does to the tasks of its run.
pub(super) struct Change<'a> {
    pub(super) changes: &'a TaskChanges,
    /// Unless work may begin, what it files is left to whoever claims it later.
    pub(super) may_begin: bool,
    /// Whether the task it speaks for has been ended already.
    pub(super) has_ended: bool,
}

/// Does what a step does to the tasks of its run.
pub(super) fn change(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    Change { changes, may_begin, has_ended }: &Change<'_>,
    status: Status,
    now: Timestamp,
) -> Result<(), Fault> {
    let ended = changes.fence.as_ref().filter(|_| *has_ended).map(|held| &held.task);
    for change in &changes.changes {
        if ended.is_some_and(|task| change.ends(task)) {
            continue;
        }
        match change {
            TaskChange::File(task) => {
                let lease = task.holder().filter(|_| *may_begin);
                file(db, tenant, run, task, lease, now)?;
            }
            TaskChange::Retry { state, visit, branch, purpose, at } => {
                db.prepare_cached(include_str!("queries/retry_task.sql"))?.execute(
                    named_params! {
                        ":run": run.0, ":state": state.as_str(), ":visit": int(visit.0),
                        ":branch": branch.0, ":compensates": compensates(*purpose), ":at": at.0,
                    },
                )?;
            }
            TaskChange::End { state, visit, branch, purpose } => {
                end(db, run, (state, *visit, *branch, *purpose), now)?;
            }
            TaskChange::Say(turn) => threads::say(db, run, turn, now)?,
            TaskChange::Forgive => {
                db.prepare_cached(include_str!("queries/forgive_tasks.sql"))?
                    .execute(named_params! { ":run": run.0 })?;
            }
        }
    }
    if status.is_ended() { end_all(db, tenant, run, now) } else { Ok(()) }
}

fn file(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    task: &NewTask,
    lease: Option<&Lease>,
    now: Timestamp,
) -> Result<(), Fault> {
    let deadline = task.timeout.filter(|_| lease.is_some()).map(|timeout| now.after(timeout));
    let until = lease.map(|lease| deadline.map_or(lease.until, |by| by.min(lease.until)));
    let needs_place = match &task.bound {
        Some(bound) => !has_place(db, tenant, run, &bound.workflow)?,
        None => false,
    };
    db.prepare_cached(include_str!("queries/insert_task.sql"))?.execute(named_params! {
        ":tenant": tenant.as_str(),
        ":run": run.0,
        ":state": task.state.as_str(),
        ":visit": int(task.visit.0),
        ":branch": task.branch.0,
        ":compensates": compensates(task.purpose),
        ":kind": task.kind.as_str(),
        ":queue": task.queue,
        ":now": now.0,
        ":ready_at": until.unwrap_or(task.ready_at).0,
        ":owner": lease.map(|lease| &lease.owner),
        ":attempt": u32::from(lease.is_some()),
        ":timeout": task.timeout.map(|timeout| timeout.0),
        ":deadline": deadline.map(|deadline| deadline.0),
        ":bound_to": task.bound.as_ref().map(|bound| &bound.workflow),
        ":bound_as": task.bound.as_ref().map(|bound| &bound.work),
        ":needs_place": needs_place,
    })?;
    Ok(())
}

/// Whether a run, or one above it, is among those that have begun in a workflow and are not over.
fn has_place(db: &Connection, tenant: &Tenant, run: RunNo, workflow: &str) -> Result<bool, Fault> {
    let mut found = db.prepare_cached(include_str!("queries/has_place.sql"))?;
    Ok(found.exists(named_params! {
        ":tenant": tenant.as_str(), ":workflow": workflow, ":run": run.0,
    })?)
}

fn end(
    db: &Connection,
    run: RunNo,
    (state, visit, branch, purpose): (&StateId, Visit, Option<Branch>, Purpose),
    now: Timestamp,
) -> Result<(), Fault> {
    let (state, visit, purpose) = (state.as_str(), int(visit.0), compensates(purpose));
    let ended = match branch {
        Some(branch) => {
            db.prepare_cached(include_str!("queries/end_task.sql"))?.execute(named_params! {
                ":run": run.0, ":state": state, ":visit": visit, ":branch": branch.0,
                ":compensates": purpose,
            })?
        }
        None => db.prepare_cached(include_str!("queries/end_tasks_of_visit.sql"))?.execute(
            named_params! { ":run": run.0, ":state": state, ":visit": visit, ":compensates": purpose },
        )?,
    };
    // One branch is one task, which launched something or did not.
    if ended == 0 || branch.is_none() {
        // What it launched is told to stop, by whoever serves that queue.
        db.prepare_cached(include_str!("queries/end_launch.sql"))?.execute(named_params! {
            ":run": run.0, ":state": state, ":visit": visit, ":compensates": purpose,
            ":branch": branch.map(|branch| branch.0), ":now": now.0,
        })?;
    }
    Ok(())
}

/// The rev of what asks for making good, as the table has it; 0 for the work itself.
pub(super) fn compensates(purpose: Purpose) -> i64 {
    match purpose {
        Purpose::Work => 0,
        Purpose::Compensation(rev) => int(rev.0),
    }
}

fn purpose(compensates: u64) -> Purpose {
    match compensates {
        0 => Purpose::Work,
        rev => Purpose::Compensation(Rev(rev)),
    }
}

/// The run is over: so is all its work, whoever launched it goes on, and what it launched is told to stop.
fn end_all(db: &Connection, tenant: &Tenant, run: RunNo, now: Timestamp) -> Result<(), Fault> {
    let this = named_params! { ":run": run.0 };
    db.prepare_cached(include_str!("queries/end_tasks_of_run.sql"))?.execute(this)?;
    db.prepare_cached(include_str!("queries/wake_launcher.sql"))?
        .execute(named_params! { ":run": run.0, ":now": now.0 })?;
    let has_children = db
        .prepare_cached(include_str!("queries/has_live_children.sql"))?
        .exists(named_params! { ":run": run.0 })?;
    if !has_children {
        return Ok(());
    }
    file(db, tenant, run, &NewTask::cancelling(now), None, now)
}

/// Extends leases; gives those that are lost.
pub(super) fn extend(
    db: &Connection,
    owner: &str,
    held: &[Held],
    until: Timestamp,
) -> Result<Vec<Held>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/extend_task.sql"))?;
    let mut lost = Vec::new();
    for Held { task, attempt } in held {
        let extended = statement.execute(named_params! {
            ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
            ":branch": task.branch.0, ":compensates": compensates(task.purpose),
            ":attempt": attempt, ":owner": owner, ":until": until.0,
        })?;
        if extended == 0 {
            lost.push(Held { task: task.clone(), attempt: *attempt });
        }
    }
    Ok(lost)
}

/// Gives tasks back, to be claimed by anybody.
pub(super) fn release(
    db: &Connection,
    owner: &str,
    held: &[Held],
    now: Timestamp,
) -> Result<(), Fault> {
    give_back(db, include_str!("queries/release_task.sql"), owner, held, now)
}

/// Gives tasks back that were not begun, to be claimed by anybody.
pub(super) fn decline(
    db: &Connection,
    owner: &str,
    held: &[Held],
    now: Timestamp,
) -> Result<(), Fault> {
    give_back(db, include_str!("queries/decline_task.sql"), owner, held, now)
}

fn give_back(
    db: &Connection,
    query: &str,
    owner: &str,
    held: &[Held],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut statement = db.prepare_cached(query)?;
    for Held { task, attempt } in held {
        statement.execute(named_params! {
            ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
            ":branch": task.branch.0, ":compensates": compensates(task.purpose),
            ":attempt": attempt, ":owner": owner, ":now": now.0,
        })?;
    }
    Ok(())
}

/// Lets a task wait for the end of the run it launched.
pub(super) fn park(
    db: &Connection,
    held: &Held,
    child: RunNo,
    now: Timestamp,
) -> Result<(), Fault> {
    let Held { task, attempt } = held;
    let parked =
        db.prepare_cached(include_str!("queries/park_task.sql"))?.execute(named_params! {
            ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
            ":branch": task.branch.0, ":compensates": compensates(task.purpose),
            ":attempt": attempt, ":child": child.0, ":now": now.0,
        })?;
    if parked == 0 { Err(refuse::lease_lost(task).into()) } else { Ok(()) }
}

/// Ends a task that no run waits for any more.
pub(super) fn drop_task(db: &Connection, held: &Held) -> Result<(), Fault> {
    let Held { task, attempt } = held;
    db.prepare_cached(include_str!("queries/drop_task.sql"))?.execute(named_params! {
        ":run": task.run.0, ":state": task.state.as_str(), ":visit": int(task.visit.0),
        ":branch": task.branch.0, ":compensates": compensates(task.purpose), ":attempt": attempt,
    })?;
    Ok(())
}

/// A page of tasks.
pub(super) fn list(
    db: &Connection,
    tenant: &Tenant,
    filter: &TaskFilter,
) -> Result<Page<Task>, Fault> {
    let after: Option<TaskId> = filter.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
    let limit = page_items(filter.limit);
    let mut statement = db.prepare_cached(include_str!("queries/list_tasks.sql"))?;
    let found = statement.query_map(
        named_params! {
            ":tenant": tenant.as_str(),
            ":run": filter.run.map(|run| run.0),
            ":queue": filter.queue,
            ":after_run": after.as_ref().map_or(0, |task| task.run.0),
            ":after_state": after.as_ref().map_or("", |task| task.state.as_str()),
            ":after_visit": after.as_ref().map_or(0, |task| int(task.visit.0)),
            ":after_branch": after.as_ref().map_or(0, |task| task.branch.0),
            ":after_compensates": after.as_ref().map_or(0, |task| compensates(task.purpose)),
            ":limit": i64::try_from(limit + 1).unwrap_or(i64::MAX),
        },
        read,
    )?;
    let tasks = found.map(|row| row.map(|row| row.task)).collect::<Result<Vec<_>, _>>()?;
    Ok(page(tasks, limit, |last| last.id.to_string()))
}

/// A row of the table.
pub(super) struct TaskRow {
    pub(super) task: Task,
    /// How long one attempt may take, in nanoseconds.
    pub(super) timeout: Option<i64>,
    pub(super) bound: Option<Bound>,
    /// Whether it may only begin with a place of its run's own.
    pub(super) needs_place: bool,
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
    let kind: String = row.get("kind")?;
    let id = TaskId {
        run: RunNo(row.get("run_no")?),
        state: StateId::from(row.get::<_, String>("state")?),
        visit: Visit(u64::try_from(row.get::<_, i64>("visit")?).unwrap_or(0)),
        branch: Branch(row.get("branch")?),
        purpose: purpose(row.get("compensates").map(|rev: i64| u64::try_from(rev).unwrap_or(0))?),
    };
    let bound_to: Option<String> = row.get("bound_to")?;
    let task = Task {
        id,
        kind: WorkKind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .unwrap_or(WorkKind::Invoke),
        queue: row.get("queue")?,
        filed_at: Timestamp(row.get("filed_at")?),
        ready_at: Timestamp(row.get("ready_at")?),
        owner: row.get("owner")?,
        attempt: row.get("attempt")?,
        lost: row.get("lost")?,
        deadline: row.get::<_, Option<i64>>("deadline")?.map(Timestamp),
        child: row.get::<_, Option<i64>>("child_no")?.map(RunNo),
        bound_to: bound_to.clone(),
    };
    let bound = match bound_to {
        Some(workflow) => Some(Bound { workflow, work: row.get("bound_as")? }),
        None => None,
    };
    Ok(TaskRow {
        task,
        timeout: row.get("timeout_ns")?,
        bound,
        needs_place: row.get("needs_place")?,
    })
}

#[cfg(test)]
mod tests {
    use crate::NEVER;

    #[test]
    fn a_task_that_is_never_ready_has_the_largest_time() {
        assert_eq!(NEVER.0, i64::MAX, "as `park_task.sql` has it");
    }
}
