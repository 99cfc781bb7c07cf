//! Claims: which tasks are handed out, and in which order.
//!
//! What waits is found by lanes. Tasks without a bound stand in the lane of their queue. Those with one stand in lanes of
//! their own: one for each queue, bound, and whether their run still needs a place among those that may begin. A lane for
//! which there is no room is not looked into, so that a claim costs what it hands out, however much waits.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use guidepost_core::id::{RunNo, Tenant};
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::fault::Fault;
use super::row::int;
use super::tasks::{TaskRow, compensates, read};
use super::write::unwritable;
use crate::bounds::{Admission, Going};
use crate::{Bound, Claim, Claimed, Task};

/// Claims those tasks whose attempt took too long, and those that are ready.
pub(super) fn claim(
    db: &Connection,
    tenant: &Tenant,
    claim: &Claim,
) -> Result<Vec<Claimed>, Fault> {
    let mut claiming = Claiming { db, tenant, claim, going: BTreeMap::new(), claimed: Vec::new() };
    claiming.take_late()?;
    while claiming.left() > 0 && claiming.take_ready()? {}
    Ok(claiming.claimed)
}

/// A claim under way.
struct Claiming<'a> {
    db: &'a Connection,
    tenant: &'a Tenant,
    claim: &'a Claim,
    /// What goes on in the workflows whose bounds it meets.
    going: BTreeMap<String, Going>,
    claimed: Vec<Claimed>,
}

/// Tasks that are bounded alike, and wait in one queue.
struct Lane {
    queue: String,
    bound: Bound,
    needs_place: bool,
    /// When the first of them may be claimed, as far as its lease goes.
    ready_at: Timestamp,
}

impl Claiming<'_> {
    /// How many more tasks may be handed out.
    fn left(&self) -> usize {
        self.claim.limit.saturating_sub(self.claimed.len())
    }

    /// Takes what took too long.
    fn take_late(&mut self) -> Result<(), Fault> {
        let mut late = self.db.prepare_cached(include_str!("queries/late_tasks.sql"))?;
        let found = late.query_map(
            named_params! {
                ":tenant": self.tenant.as_str(), ":now": self.claim.now.0,
                ":root": self.claim.root.map(|root| root.0), ":limit": int(self.left() as u64),
            },
            read,
        )?;
        for row in found.collect::<Result<Vec<_>, _>>()? {
            let task = Task { deadline: None, ready_at: self.claim.until, ..row.task };
            self.take(task, true)?;
        }
        Ok(())
    }

    /// Takes what is ready, of each lane no more than there is room for. Says whether there may be more.
    fn take_ready(&mut self) -> Result<bool, Fault> {
        let mut found = Vec::new();
        let mut is_cut = false;
        let left = self.left();
        for queue in &self.claim.queues {
            let rows = self.ready(queue, self.asked(left))?;
            is_cut |= rows.len() == self.asked(left);
            found.extend(self.wanted(rows, left));
        }
        for lane in self.lanes()? {
            if lane.ready_at > self.claim.now || !self.claim.queues.contains(&lane.queue) {
                continue;
            }
            let room = self.room(&lane)?;
            if room == 0 {
                continue;
            }
            let rows = self.ready_in(&lane, self.asked(room))?;
            is_cut |= rows.len() == self.asked(room);
            found.extend(self.wanted(rows, room));
        }
        found.sort_by(|one, other| one.task.turn().cmp(&other.task.turn()));
        let mut has_moved = false;
        for row in found {
            if self.left() == 0 {
                break;
            }
            has_moved |= self.offer(row)?;
        }
        Ok(is_cut && has_moved)
    }

    /// How many rows have to be read for so many tasks that the claim does not except.
    fn asked(&self, wanted: usize) -> usize {
        wanted.saturating_add(self.claim.except.len())
    }

    /// The first of the rows that the claim does not except.
    fn wanted(&self, rows: Vec<TaskRow>, limit: usize) -> impl Iterator<Item = TaskRow> {
        rows.into_iter().filter(|row| !self.claim.except.contains(&row.task.id)).take(limit)
    }

    /// The lanes of tasks that are bounded.
    fn lanes(&self) -> Result<Vec<Lane>, Fault> {
        let mut next = self.db.prepare_cached(include_str!("queries/next_lane.sql"))?;
        let mut lanes: Vec<Lane> = Vec::new();
        loop {
            let last = lanes.last();
            let lane = next.query_row(
                named_params! {
                    ":tenant": self.tenant.as_str(),
                    ":workflow": last.map_or("", |last| &last.bound.workflow),
                    ":work": last.map_or("", |last| &last.bound.work),
                    ":queue": last.map_or("", |last| &last.queue),
                    ":needs_place": last.map_or(0, |last| i64::from(last.needs_place) + 1),
                },
                |row| {
                    let bound = Bound { workflow: row.get(0)?, work: row.get(1)? };
                    let (queue, needs_place) = (row.get(2)?, row.get(3)?);
                    Ok(Lane { queue, bound, needs_place, ready_at: Timestamp(row.get(4)?) })
                },
            );
            match lane.optional()? {
                Some(lane) => lanes.push(lane),
                None => return Ok(lanes),
            }
        }
    }

    /// How many tasks of a lane may begin at most.
    fn room(&mut self, lane: &Lane) -> Result<usize, Fault> {
        let left = self.left();
        let going = self.going(&lane.bound.workflow)?;
        if lane.needs_place && !going.has_place() {
            return Ok(0);
        }
        Ok(usize::try_from(going.room(&lane.bound.work)).unwrap_or(usize::MAX).min(left))
    }

    /// Tasks of a queue that nothing bounds, those longest ready first.
    fn ready(&self, queue: &str, limit: usize) -> Result<Vec<TaskRow>, Fault> {
        let mut statement = self.db.prepare_cached(include_str!("queries/ready_tasks.sql"))?;
        let found = statement.query_map(
            named_params! {
                ":tenant": self.tenant.as_str(), ":queue": queue, ":now": self.claim.now.0,
                ":root": self.claim.root.map(|root| root.0), ":limit": int(limit as u64),
            },
            read,
        )?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Tasks of a lane, those longest ready first.
    fn ready_in(&self, lane: &Lane, limit: usize) -> Result<Vec<TaskRow>, Fault> {
        let mut statement =
            self.db.prepare_cached(include_str!("queries/ready_bound_tasks.sql"))?;
        let found = statement.query_map(
            named_params! {
                ":tenant": self.tenant.as_str(), ":workflow": lane.bound.workflow,
                ":work": lane.bound.work, ":queue": lane.queue, ":needs_place": lane.needs_place,
                ":now": self.claim.now.0, ":root": self.claim.root.map(|root| root.0),
                ":limit": int(limit as u64),
            },
            read,
        )?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Takes a task that is ready, if it may begin. Says whether anything changed.
    fn offer(&mut self, row: TaskRow) -> Result<bool, Fault> {
        if let Some(bound) = &row.bound {
            match self.admit(row.task.id.run, bound)? {
                Admission::Begins => self.begin(row.task.id.run, &bound.workflow)?,
                Admission::GoesOn => {}
                Admission::NoRoom => return Ok(false),
                Admission::NoPlace if row.needs_place => return Ok(false),
                Admission::NoPlace => {
                    self.demand_place(&row.task)?;
                    return Ok(true);
                }
            }
        }
        let now = self.claim.now;
        let deadline = row.timeout.map(|timeout| Timestamp(now.0.saturating_add(timeout)));
        let task = Task {
            attempt: row.task.attempt + 1,
            // Whoever held it was not heard of again.
            lost: row.task.lost + u32::from(row.task.owner.is_some()),
            ready_at: deadline.map_or(self.claim.until, |by| by.min(self.claim.until)),
            deadline,
            ..row.task
        };
        self.take(task, false)?;
        Ok(true)
    }

    fn admit(&mut self, run: RunNo, bound: &Bound) -> Result<Admission, Fault> {
        let db = self.db;
        self.going(&bound.workflow)?.admit(run, &bound.work, || runs_above(db, run))
    }

    /// What of a workflow's work goes on, as far as this claim knows.
    fn going(&mut self, workflow: &str) -> Result<&mut Going, Fault> {
        Ok(match self.going.entry(workflow.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(what_goes_on(self.db, self.tenant, workflow, self.claim.now)?)
            }
        })
    }

    /// A run takes a place in a workflow, for all its work and that of the runs below it.
    fn begin(&self, run: RunNo, workflow: &str) -> Result<(), Fault> {
        let this = named_params! { ":tenant": self.tenant.as_str(), ":workflow": workflow };
        self.db.prepare_cached(include_str!("queries/forget_begun_runs.sql"))?.execute(this)?;
        self.db.prepare_cached(include_str!("queries/begin_run.sql"))?.execute(named_params! {
            ":tenant": self.tenant.as_str(), ":workflow": workflow, ":run": run.0,
        })?;
        self.db
            .prepare_cached(include_str!("queries/give_place.sql"))?
            .execute(named_params! { ":workflow": workflow, ":run": run.0 })?;
        Ok(())
    }

    /// The run whose place a task was to share is over.
    fn demand_place(&self, task: &Task) -> Result<(), Fault> {
        self.db.prepare_cached(include_str!("queries/demand_place.sql"))?.execute(
            named_params! {
                ":run": task.id.run.0, ":state": task.id.state.as_str(),
                ":visit": int(task.id.visit.0), ":branch": task.id.branch.0,
                ":compensates": compensates(task.id.purpose),
            },
        )?;
        Ok(())
    }

    fn take(&mut self, task: Task, timed_out: bool) -> Result<(), Fault> {
        let task = Task { owner: Some(self.claim.owner.clone()), ..task };
        self.db.prepare_cached(include_str!("queries/claim_task.sql"))?.execute(named_params! {
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
        self.claimed.push(Claimed { task, timed_out });
        Ok(())
    }
}

/// What of a workflow's work goes on. Leases that ran out are taken back.
fn what_goes_on(
    db: &Connection,
    tenant: &Tenant,
    workflow: &str,
    now: Timestamp,
) -> Result<Going, Fault> {
    let this = named_params! { ":tenant": tenant.as_str(), ":workflow": workflow };
    let most: Option<String> = db
        .prepare_cached(include_str!("queries/concurrency.sql"))?
        .query_row(this, |row| row.get(0))
        .optional()?
        .flatten();
    let most = most.map(|most| serde_json::from_str(&most).map_err(unwritable)).transpose()?;
    db.prepare_cached(include_str!("queries/take_back_bound_work.sql"))?.execute(
        named_params! {
            ":tenant": tenant.as_str(), ":workflow": workflow, ":now": now.0,
        },
    )?;
    let mut held = db.prepare_cached(include_str!("queries/bound_work.sql"))?;
    let held = held.query_map(this, |row| row.get(0))?;
    let held = held.collect::<Result<Vec<String>, _>>()?;
    let mut begun = db.prepare_cached(include_str!("queries/begun_runs.sql"))?;
    let begun = begun.query_map(this, |row| Ok(RunNo(row.get(0)?)))?;
    Ok(Going::new(most.unwrap_or_default(), held, begun.collect::<Result<_, _>>()?))
}

/// The runs a run was launched by, directly or not.
fn runs_above(db: &Connection, run: RunNo) -> Result<Vec<RunNo>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/runs_above.sql"))?;
    let above =
        statement.query_map(named_params! { ":run": run.0 }, |row| Ok(RunNo(row.get(0)?)))?;
    Ok(above.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::StatementStatus;

    use super::*;
    use crate::sqlite::{Location, schema};

    /// A file in which so many runs of a workflow with such bounds wait, each with a piece of work.
    fn waiting(runs: u32, bounds: &str) -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let db = schema::open(&Location::new(directory.path().join("guidepost.db"))).unwrap();
        db.execute("INSERT INTO workflow (name, concurrency) VALUES ('w', ?)", [bounds]).unwrap();
        db.execute("INSERT INTO workflow_state (workflow_id, name) VALUES (1, 'S')", []).unwrap();
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {runs})"
        );
        for insert in [
            "INSERT INTO agent_instance (agent_id, workflow_id, current_state_id) SELECT i, 1, 1 FROM n",
            "INSERT INTO task (run_no, state, visit, kind, queue, filed_at, ready_at, bound_to, bound_as, needs_place)
             SELECT i, 'S', 1, 'exec', 'exec', i, i, 'w', 'exec', 1 FROM n",
        ] {
            db.execute(&format!("{numbers} {insert}"), []).unwrap();
        }
        (directory, db)
    }

    fn claimed(db: &Connection) -> usize {
        let queues = ["cancel", "agent", "exec"].map(str::to_owned).to_vec();
        let (now, until) = (Timestamp(1_000_000), Timestamp(2_000_000));
        let wish = Claim {
            owner: "a".to_owned(),
            now,
            until,
            limit: 16,
            queues,
            root: None,
            except: Arc::default(),
        };
        claim(db, &Tenant::default(), &wish).unwrap().len()
    }

    /// How many instructions SQLite has followed for all statements of the store.
    fn instructions(db: &Connection) -> u64 {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sqlite/queries");
        let mut sum = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let sql = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let statement = db.prepare_cached(&sql).unwrap();
            sum += u64::try_from(statement.get_status(StatementStatus::VmStep)).unwrap();
        }
        sum
    }

    /// What three claims cost that find so many runs waiting: one that fills all places, and two that find them taken.
    fn cost(runs: u32, bounds: &str) -> [u64; 3] {
        let (_keep, db) = waiting(runs, bounds);
        let mut before = instructions(&db);
        [5, 0, 0].map(|expected| {
            assert_eq!(claimed(&db), expected, "{bounds}");
            let now = instructions(&db);
            now - std::mem::replace(&mut before, now)
        })
    }

    #[test]
    fn a_claim_costs_what_it_hands_out_however_much_waits() {
        for bounds in [r#"{"runs": 5}"#, r#"{"exec": 5}"#, r#"{"runs": 9, "exec": 5}"#] {
            let (few, many) = (cost(50, bounds), cost(10_000, bounds));
            for (few, many) in few.into_iter().zip(many) {
                assert!(many <= few + few / 10, "{bounds}: {many} instead of {few} instructions");
            }
        }
    }

    #[test]
    fn whoever_begins_finds_its_own_work_by_its_run() {
        let (_keep, db) = waiting(1, "{}");
        let sql = format!("EXPLAIN QUERY PLAN {}", include_str!("queries/give_place.sql"));
        let mut plan = db.prepare(&sql).unwrap();
        let steps = plan.query_map([1, 1], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let is_by_run = |step: &String| step.contains("task USING PRIMARY KEY (run_no=?)");
        assert!(steps.iter().any(is_by_run), "{steps:?}");
    }
}
