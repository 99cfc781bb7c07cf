//! Tasks: filed and ended with the steps that begin and end their work, claimed and held in between.

use std::collections::BTreeMap;

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, StateId, Tenant, Visit};
use guidepost_core::machine::WorkKind;
use guidepost_core::run::Status;
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::fault::Fault;
use super::row::int;
use super::threads;
use super::write::unwritable;
use crate::bounds::Going;
use crate::filter::{page, page_items};
use crate::{
    Bound, CANCEL_QUEUE, Claim, Claimed, Held, Lease, NewTask, Page, Task, TaskChange, TaskChanges,
    TaskFilter, TaskId, refuse,
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

/// Does what a step does to the tasks of its run. Unless work may begin, what it files is left to whoever claims it later.
pub(super) fn change(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    changes: &TaskChanges,
    may_begin: bool,
    status: Status,
    now: Timestamp,
) -> Result<(), Fault> {
    for change in &changes.changes {
        match change {
            TaskChange::File(task) => {
                let lease = task.holder().filter(|_| may_begin);
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
    })?;
    Ok(())
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
fn compensates(purpose: Purpose) -> i64 {
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

/// Claims tasks that are ready, queue by queue, and those whose attempt took too long.
pub(super) fn claim(
    db: &Connection,
    tenant: &Tenant,
    claim: &Claim,
) -> Result<Vec<Claimed>, Fault> {
    let mut claimed = Vec::new();
    let mut late = db.prepare_cached(include_str!("queries/late_tasks.sql"))?;
    let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
    let found = late.query_map(
        named_params! {
            ":tenant": tenant.as_str(), ":now": claim.now.0,
            ":root": claim.root.map(|root| root.0), ":limit": limit,
        },
        read,
    )?;
    for row in found.collect::<Result<Vec<_>, _>>()? {
        let task = Task { deadline: None, ready_at: claim.until, ..row.task };
        claimed.push(taken(db, claim, task, true)?);
    }
    let mut bounds = Bounds { db, tenant, now: claim.now, going: BTreeMap::new() };
    for queue in &claim.queues {
        let left = claim.limit.saturating_sub(claimed.len());
        if left == 0 {
            break;
        }
        for row in ready(&mut bounds, claim, queue, left)? {
            let deadline =
                row.timeout.map(|timeout| Timestamp(claim.now.0.saturating_add(timeout)));
            let task = Task {
                attempt: row.task.attempt + 1,
                // Whoever held it was not heard of again.
                lost: row.task.lost + u32::from(row.task.owner.is_some()),
                ready_at: deadline.map_or(claim.until, |by| by.min(claim.until)),
                deadline,
                ..row.task
            };
            claimed.push(taken(db, claim, task, false)?);
        }
    }
    Ok(claimed)
}

/// Tasks of a queue that may begin, those longest ready first; at most `limit`.
fn ready(
    bounds: &mut Bounds<'_>,
    claim: &Claim,
    queue: &str,
    limit: usize,
) -> Result<Vec<TaskRow>, Fault> {
    let mut statement = bounds.db.prepare_cached(include_str!("queries/ready_tasks.sql"))?;
    let mut rows = statement.query(named_params! {
        ":tenant": bounds.tenant.as_str(), ":queue": queue, ":now": claim.now.0,
        ":root": claim.root.map(|root| root.0),
    })?;
    let mut ready = Vec::new();
    while ready.len() < limit
        && let Some(row) = rows.next()?
    {
        let row = read(row)?;
        if claim.except.contains(&row.task.id) {
            continue;
        }
        if queue == CANCEL_QUEUE || bounds.admit(&row)? {
            ready.push(row);
        }
    }
    Ok(ready)
}

/// The bounds that the tasks of one claim meet, by workflow.
struct Bounds<'a> {
    db: &'a Connection,
    tenant: &'a Tenant,
    now: Timestamp,
    going: BTreeMap<String, Going>,
}

impl Bounds<'_> {
    /// Whether a task may begin. If so, it counts from then on, and so does its run.
    fn admit(&mut self, row: &TaskRow) -> Result<bool, Fault> {
        let Some(Bound { workflow, work }) = &row.bound else { return Ok(true) };
        if !self.going.contains_key(workflow) {
            let going = self.going(workflow)?;
            self.going.insert(workflow.clone(), going);
        }
        let Some(going) = self.going.get_mut(workflow) else { return Ok(true) };
        let run = row.task.id.run;
        let begins = going.admit(run, work, || runs_above(self.db, run))?;
        if begins == Some(true) {
            let this = named_params! { ":tenant": self.tenant.as_str(), ":workflow": workflow };
            self.db.prepare_cached(include_str!("queries/forget_begun_runs.sql"))?.execute(this)?;
            self.db.prepare_cached(include_str!("queries/begin_run.sql"))?.execute(
                named_params! {
                    ":tenant": self.tenant.as_str(), ":workflow": workflow, ":run": run.0,
                },
            )?;
        }
        Ok(begins.is_some())
    }

    /// What of a workflow's work goes on. Leases that ran out are taken back.
    fn going(&self, workflow: &str) -> Result<Going, Fault> {
        let this = named_params! { ":tenant": self.tenant.as_str(), ":workflow": workflow };
        let most: Option<String> = self
            .db
            .prepare_cached(include_str!("queries/concurrency.sql"))?
            .query_row(this, |row| row.get(0))
            .optional()?
            .flatten();
        let most = most.map(|most| serde_json::from_str(&most).map_err(unwritable)).transpose()?;
        self.db.prepare_cached(include_str!("queries/take_back_bound_work.sql"))?.execute(
            named_params! {
                ":tenant": self.tenant.as_str(), ":workflow": workflow, ":now": self.now.0,
            },
        )?;
        let mut held = self.db.prepare_cached(include_str!("queries/bound_work.sql"))?;
        let held = held.query_map(this, |row| row.get(0))?;
        let held = held.collect::<Result<Vec<String>, _>>()?;
        let mut begun = self.db.prepare_cached(include_str!("queries/begun_runs.sql"))?;
        let begun = begun.query_map(this, |row| Ok(RunNo(row.get(0)?)))?;
        Ok(Going::new(most.unwrap_or_default(), held, begun.collect::<Result<_, _>>()?))
    }
}

/// The runs a run was launched by, directly or not.
fn runs_above(db: &Connection, run: RunNo) -> Result<Vec<RunNo>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/runs_above.sql"))?;
    let above =
        statement.query_map(named_params! { ":run": run.0 }, |row| Ok(RunNo(row.get(0)?)))?;
    Ok(above.collect::<Result<_, _>>()?)
}

fn taken(db: &Connection, claim: &Claim, task: Task, timed_out: bool) -> Result<Claimed, Fault> {
    let task = Task { owner: Some(claim.owner.clone()), ..task };
    db.prepare_cached(include_str!("queries/claim_task.sql"))?.execute(named_params! {
        ":run": task.id.run.0,
        ":state": task.id.state.as_str(),
        ":visit": int(task.id.visit.0),
        ":branch": task.id.branch.0,
        ":compensates": compensates(task.id.purpose),
        ":owner": task.owner,
        ":until": task.ready_at.0,
        ":attempt": task.attempt,
        ":lost": task.lost,
        ":deadline": task.deadline.map(|deadline| deadline.0),
    })?;
    Ok(Claimed { task, timed_out })
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
struct TaskRow {
    task: Task,
    /// How long one attempt may take, in nanoseconds.
    timeout: Option<i64>,
    bound: Option<Bound>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
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
    Ok(TaskRow { task, timeout: row.get("timeout_ns")?, bound })
}

#[cfg(test)]
mod tests {
    use crate::NEVER;

    #[test]
    fn a_task_that_is_never_ready_has_the_largest_time() {
        assert_eq!(NEVER.0, i64::MAX, "as `park_task.sql` has it");
    }
}
