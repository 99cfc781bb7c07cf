//! What is written to runs: creation, decisions, observed facts. All within a transaction of the writer's.
//!
//! Whatever can be worked out beforehand is, in the caller's task: [`Step`] and [`Observed`] hold payloads that are
//! serialised and digested already, so that the writer thread only looks up, chains and stores.

use guidepost_core::budget::{Budget, Spent};
use guidepost_core::id::{Rev, RunNo, RunRef, Seq, Tenant, Version};
use guidepost_core::machine::Limits;
use guidepost_core::record::Record;
use guidepost_core::recorded::{Fact, FactBody};
use guidepost_core::run::{Driver, Status};
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::fault::{Fault, damaged};
use super::row::{self, int, text};
use super::writer::Length;
use super::{budgets, claim, tasks};
use crate::chain::{self, Hash, Link, Payload};
use crate::{
    Batch, Claim, Committed, Created, NewRun, OBSERVED, Recorded, RequestDigest, StoreError,
    TaskChanges, clock, is_over, payload, refuse,
};

/// A batch, ready to be stored.
#[derive(Debug)]
pub(super) struct Step {
    records: Vec<Sealable>,
    request: Option<RequestDigest>,
    recorded_at: Timestamp,
    driver: Driver,
    status: Status,
    state: String,
    due: Option<i64>,
    current_state: String,
    leaves: Vec<String>,
    /// The data, if a snapshot of it is due.
    snapshot: Option<Payload>,
    tasks: TaskChanges,
    spent: Spent,
    limits: Limits,
    claim: Option<Claim>,
    /// The hash of the machine the run is bound to from now on, if the step may change it.
    machine: Option<String>,
    /// Whether it pauses the run because a limit is passed.
    is_hold: bool,
}

/// Observed facts, ready to be stored.
#[derive(Debug)]
pub(super) struct Observed {
    facts: Vec<(Sealable, Table)>,
    /// What they say was spent.
    spent: Spent,
    /// The limits they set.
    set: Vec<Limits>,
    recorded_at: Timestamp,
}

/// A record without its place in a history.
#[derive(Debug)]
struct Sealable {
    kind: &'static str,
    at: Timestamp,
    has_changes: bool,
    payload: Payload,
}

/// The table that holds a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Record,
    Action,
    Decision,
    Message,
    Artifact,
}

/// What a write needs to know of a run's row.
struct Head {
    run: RunNo,
    rev: Rev,
    seq: Seq,
    unsealed: u64,
    head: Hash,
    workflow_id: i64,
    status: Option<Status>,
    due: Option<i64>,
    /// The id of the state it is about to enter, if that has a row.
    entered: Option<i64>,
    /// Whether it spends from any budget.
    spends: bool,
}

impl Step {
    pub(super) fn new(batch: Batch) -> Result<Self, StoreError> {
        let Batch {
            records,
            run,
            current_state,
            leaves,
            request,
            recorded_at,
            tasks,
            steps,
            limits,
            claim,
        } = batch;
        let is_settled = !run.is_unsettled();
        let is_restored = records.iter().any(|record| matches!(record, Record::Restored(_)));
        let snapshot = run.snapshot_due().then(|| json(&run.data)).transpose()?;
        Ok(Self {
            is_hold: records.iter().any(refuse::is_for_a_limit),
            records: records.iter().map(Sealable::of_record).collect::<Result<_, _>>()?,
            request,
            recorded_at,
            driver: run.driver,
            status: run.status,
            state: serde_json::to_string(&run).map_err(unwritable)?,
            due: if is_settled { run.due().map(|due| due.0) } else { Some(0) },
            current_state,
            leaves,
            snapshot: snapshot.map(Payload::new),
            tasks,
            spent: Spent::steps(steps),
            limits,
            claim,
            machine: is_restored.then_some(run.machine),
        })
    }

    /// How long storing it takes.
    pub(super) fn length(&self) -> Length {
        let claimed = self.claim.as_ref().map_or(0, |claim| claim.limit);
        let rows = self.records.len() + self.tasks.changes.len() + claimed;
        let payloads = self.records.iter().map(|record| &record.payload).chain(&self.snapshot);
        let bytes: usize = payloads.map(|payload| payload.bytes.len()).sum();
        Length::of(rows, self.state.len() + bytes)
    }
}

impl Observed {
    /// How long storing them takes.
    pub(super) fn length(&self) -> Length {
        let bytes = self.facts.iter().map(|(fact, _)| fact.payload.bytes.len()).sum();
        Length::of(self.facts.len(), bytes)
    }

    pub(super) fn new(facts: Vec<Fact>) -> Result<Self, StoreError> {
        let now = clock::now();
        let ready = |fact: Fact| {
            let table = match &fact.body {
                FactBody::Action(_) => Table::Action,
                FactBody::Decision(_) => Table::Decision,
                FactBody::Message(_) => Table::Message,
                FactBody::Artifact(_) => Table::Artifact,
                _ => Table::Record,
            };
            let sealable = Sealable {
                kind: fact.body.kind(),
                at: fact.at.unwrap_or(now),
                has_changes: false,
                payload: Payload::new(payload::of_fact(&fact).map_err(unwritable)?),
            };
            Ok((sealable, table))
        };
        let spent = facts.iter().map(|fact| Spent::of_fact(&fact.body));
        let spent = spent.fold(Spent::default(), Spent::plus);
        let set = facts.iter().filter_map(|fact| match &fact.body {
            FactBody::LimitsSet(set) => Some(set.limits.clone()),
            _ => None,
        });
        let set = set.collect();
        let facts = facts.into_iter().map(ready).collect::<Result<_, StoreError>>()?;
        Ok(Self { facts, spent, set, recorded_at: now })
    }
}

impl Sealable {
    fn of_record(record: &Record) -> Result<Self, StoreError> {
        Ok(Self {
            kind: record.kind(),
            at: record.at(),
            has_changes: !record.changes().is_empty(),
            payload: Payload::new(record.body().map_err(unwritable)?),
        })
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(unwritable)
}

/// Plain data always has a JSON form; if it has none after all, nothing is written.
pub(super) fn unwritable(reason: serde_json::Error) -> StoreError {
    StoreError::Refused { what: format!("it has no JSON form: {reason}"), hint: None }
}

/// Creates a run with its first records, unless its key created one before.
pub(super) fn create(
    db: &Connection,
    tenant: &Tenant,
    new: &NewRun,
    step: &Step,
) -> Result<Created, Fault> {
    if let Some(held) = &new.launched_by {
        tasks::expect_held(db, held)?;
    }
    if let Some((key, digest)) = &new.key
        && let Some(created) = created_before(db, tenant, key, digest)?
    {
        wait_for(db, new, created.run, step)?;
        return Ok(created);
    }
    let workflow_id = workflow_for(db, tenant, &new.workflow, new.version)?;
    let root = new.parent.map(|parent| root_of(db, tenant, parent)).transpose()?;
    insert(db, tenant, new, step, workflow_id, root).map_err(Fault::midway)
}

/// Writes a new run.
fn insert(
    db: &Connection,
    tenant: &Tenant,
    new: &NewRun,
    step: &Step,
    workflow_id: i64,
    root: Option<RunNo>,
) -> Result<Created, Fault> {
    let state_id = state_id(db, workflow_id, &step.current_state, tenant)?;
    let leaves = leaf_ids(db, workflow_id, step, tenant, state_id)?;
    db.prepare_cached(include_str!("queries/insert_run.sql"))?.execute(named_params! {
        ":workflow": workflow_id,
        ":agent": new.agent,
        ":state_id": state_id,
        ":now": step.recorded_at.0,
        ":tenant": tenant.as_str(),
        ":run_id": new.id.to_string(),
        ":version": new.version.map(|version| int(version.0)),
        ":driver": row::driver(step.driver),
        ":status": step.status.as_str(),
        ":rev": int(step.records.len() as u64),
        ":seq": 0,
        ":head": None::<Vec<u8>>,
        ":leaves": leaves,
        ":state": step.state,
        ":due": step.due,
        ":started_at": new.at.0,
        ":goal": new.goal,
        ":parent": new.parent.map(|parent| parent.0),
        ":root": root.map(|root| root.0),
        ":session": new.session,
    })?;
    let run = RunNo(db.last_insert_rowid());
    let mut head = Head {
        run,
        rev: Rev(0),
        seq: Seq(0),
        unsealed: 0,
        head: chain::genesis(new.id),
        workflow_id,
        status: Some(step.status),
        due: step.due,
        entered: Some(state_id),
        spends: true,
    };
    append_step(db, tenant, &mut head, step)?;
    let above = match new.parent {
        Some(parent) => budgets::of_run(db, parent)?,
        None => Vec::new(),
    };
    let own = Budget::new(run, step.limits.clone(), new.at);
    if own.is_some() || !above.is_empty() {
        budgets::begin(db, tenant.as_str(), run, own.as_ref(), &above)?;
        for budget in above {
            spend_from(db, tenant, &mut head, budget, Spent::launch(), step.recorded_at)?;
        }
    }
    let budgets = spend(db, tenant, &mut head, step.spent, step.recorded_at)?;
    advance_seq(db, &head)?;
    let may_begin = !is_over(&budgets, step.recorded_at);
    let change = tasks::Change { changes: &step.tasks, may_begin, has_ended: false };
    tasks::change(db, tenant, run, &change, step.status, step.recorded_at)?;
    if !budgets.is_empty() && step.status.is_ended() {
        budgets::rest(db, run)?;
    }
    if let Some((key, digest)) = &new.key {
        db.prepare_cached(include_str!("queries/insert_key.sql"))?.execute(named_params! {
            ":tenant": tenant.as_str(), ":key": key, ":digest": digest.0.as_slice(), ":run": run.0,
        })?;
    }
    if let Some(session) = &new.session {
        db.prepare_cached(include_str!("queries/insert_session.sql"))?.execute(named_params! {
            ":tenant": tenant.as_str(), ":session": session, ":now": new.at.0,
        })?;
    }
    wait_for(db, new, run, step)?;
    Ok(Created { run, id: new.id, is_new: true })
}

/// Lets the task that launches a run wait for its end.
fn wait_for(db: &Connection, new: &NewRun, child: RunNo, step: &Step) -> Result<(), Fault> {
    match &new.launched_by {
        Some(held) => tasks::park(db, held, child, step.recorded_at),
        None => Ok(()),
    }
}

/// The run an earlier start with this key created.
pub(super) fn created_before(
    db: &Connection,
    tenant: &Tenant,
    key: &str,
    digest: &RequestDigest,
) -> Result<Option<Created>, Fault> {
    let found: Option<(Vec<u8>, i64, String)> = db
        .prepare_cached(include_str!("queries/find_key.sql"))?
        .query_row(named_params! { ":tenant": tenant.as_str(), ":key": key }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((used, run, id)) = found else { return Ok(None) };
    let run = RunNo(run);
    if used != digest.0 {
        return Err(StoreError::KeyReused { key: key.to_owned(), run }.into());
    }
    let id = row::run_id(&id).ok_or_else(|| damaged(run, "its run id is no UUID"))?;
    Ok(Some(Created { run, id, is_new: false }))
}

/// The id of the workflow a run is created in.
fn workflow_for(
    db: &Connection,
    tenant: &Tenant,
    name: &str,
    version: Option<Version>,
) -> Result<i64, Fault> {
    let found: Option<(i64, String)> = db
        .prepare_cached(include_str!("queries/find_workflow.sql"))?
        .query_row(named_params! { ":tenant": tenant.as_str(), ":name": name }, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let refused = || refuse::no_such_version(name, version);
    match (found, version) {
        (None, None) if name == OBSERVED => {
            db.prepare_cached(include_str!("queries/insert_observed.sql"))?
                .execute(named_params! { ":tenant": tenant.as_str(), ":name": OBSERVED })?;
            Ok(db.last_insert_rowid())
        }
        (None, _) => Err(refused().into()),
        (Some((id, origin)), None) if origin != "file" => Ok(id),
        (Some(_), None) => Err(refused().into()),
        (Some((id, _)), Some(version)) => {
            let has: bool = db.prepare_cached(include_str!("queries/has_version.sql"))?.query_row(
                named_params! { ":workflow": id, ":version": int(version.0) },
                |row| row.get(0),
            )?;
            if has { Ok(id) } else { Err(refused().into()) }
        }
    }
}

fn root_of(db: &Connection, tenant: &Tenant, parent: RunNo) -> Result<RunNo, Fault> {
    let root: Option<i64> = db
        .prepare_cached(include_str!("queries/root_of.sql"))?
        .query_row(named_params! { ":run": parent.0, ":tenant": tenant.as_str() }, |row| row.get(0))
        .optional()?;
    root.map(RunNo).ok_or_else(|| StoreError::NoSuchRun(RunRef::No(parent)).into())
}

/// Appends a step at the rev it was decided at.
pub(super) fn commit(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    expected: Rev,
    step: &Step,
) -> Result<Committed, Fault> {
    let Some(mut head) = Head::read(db, tenant, run, Some(&step.current_state))? else {
        return Err(deleted_or_unknown(db, tenant, run, expected)?.into());
    };
    if head.rev != expected {
        return Err(StoreError::Conflict { expected, present: head.rev }.into());
    }
    let has_ended = match &step.tasks.fence {
        Some(held) => tasks::end_held(db, held, &step.tasks)?,
        None => false,
    };
    advance(db, tenant, &mut head, step, has_ended).map_err(Fault::midway)
}

/// Writes a step. `has_ended` says that the task it speaks for has been ended.
fn advance(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    step: &Step,
    has_ended: bool,
) -> Result<Committed, Fault> {
    let (run, expected) = (head.run, head.rev);
    let state_id = match head.entered {
        Some(id) => id,
        None => state_id(db, head.workflow_id, &step.current_state, tenant)?,
    };
    let leaves = leaf_ids(db, head.workflow_id, step, tenant, state_id)?;
    append_step(db, tenant, head, step)?;
    let budgets = spend(db, tenant, head, step.spent, step.recorded_at)?;
    if step.is_hold && !is_over(&budgets, step.recorded_at) {
        return Err(StoreError::Conflict { expected, present: expected }.into());
    }
    db.prepare_cached(include_str!("queries/advance_run.sql"))?.execute(named_params! {
        ":run": run.0,
        ":expected": int(expected.0),
        ":state_id": state_id,
        ":now": step.recorded_at.0,
        ":rev": int(head.rev.0),
        ":seq": int(head.seq.0),
        ":head": head.head.as_slice(),
        ":leaves": leaves,
        ":state": step.state,
    })?;
    if head.status != Some(step.status) || head.due != step.due {
        // Apart from the rest, because SQLite rewrites the indexes of whatever an UPDATE names, changed or not.
        db.prepare_cached(include_str!("queries/advance_run_status.sql"))?.execute(
            named_params! { ":run": run.0, ":status": step.status.as_str(), ":due": step.due },
        )?;
    }
    if let Some(machine) = &step.machine {
        let bound = db.prepare_cached(include_str!("queries/rebind_run.sql"))?.execute(
            named_params! { ":run": run.0, ":workflow": head.workflow_id, ":machine": machine },
        )?;
        if bound == 0 {
            return Err(refuse::no_such_structure(machine).into());
        }
    }
    let may_begin = !is_over(&budgets, step.recorded_at);
    let change = tasks::Change { changes: &step.tasks, may_begin, has_ended };
    tasks::change(db, tenant, run, &change, step.status, step.recorded_at)?;
    if step.status.is_ended() && !budgets.is_empty() {
        budgets::rest(db, run)?;
    } else if head.status.is_some_and(Status::is_ended) {
        // The run goes on after its end, and so do the limits it has.
        budgets.iter().try_for_each(|budget| budgets::keep(db, budget))?;
    }
    let claimed = step.claim.as_ref().map(|wish| claim::claim(db, tenant, wish)).transpose()?;
    Ok(Committed {
        seq: head.seq,
        rev: head.rev,
        snapshot: step.snapshot.is_some(),
        budgets,
        claimed: claimed.unwrap_or_default(),
    })
}

/// Counts what a run spends in the budgets it spends from, and gives them as they are then.
fn spend(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    spent: Spent,
    now: Timestamp,
) -> Result<Vec<Budget>, Fault> {
    if !head.spends {
        return Ok(Vec::new());
    }
    let budgets = budgets::of_run(db, head.run)?;
    budgets.into_iter().map(|budget| spend_from(db, tenant, head, budget, spent, now)).collect()
}

/// Counts what a run spends in one budget. What is reached by that is told in the history of the run that has it.
fn spend_from(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    mut budget: Budget,
    spent: Spent,
    now: Timestamp,
) -> Result<Budget, Fault> {
    let reached = budgets::spend(db, &mut budget, spent, now)?;
    if reached.is_empty() {
        return Ok(budget);
    }
    let told = Observed::new(budgets::facts(reached, now))?;
    if budget.run == head.run {
        append_facts(db, tenant, head, &told)?;
    } else {
        tell(db, tenant, budget.run, &told)?;
    }
    Ok(budget)
}

/// Appends facts to the history of another run than the one that is written.
fn tell(db: &Connection, tenant: &Tenant, run: RunNo, told: &Observed) -> Result<(), Fault> {
    let Some((mut head, is_deleted)) = Head::read_any(db, tenant, run)? else { return Ok(()) };
    head.seal_what_sql_wrote(db)?;
    append_facts(db, tenant, &mut head, told)?;
    head.keep_seq(db, is_deleted)
}

/// Appends observed facts.
pub(super) fn record(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    observed: &Observed,
) -> Result<Recorded, Fault> {
    let found = Head::read_any(db, tenant, run)?;
    let (mut head, is_deleted) =
        found.ok_or_else(|| Fault::Clean(StoreError::NoSuchRun(RunRef::No(run))))?;
    let recorded = append(db, tenant, &mut head, observed).map_err(Fault::midway)?;
    head.keep_seq(db, is_deleted)?;
    Ok(recorded)
}

/// Appends observed facts to a run's history, and counts what they say.
fn append(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    observed: &Observed,
) -> Result<Recorded, Fault> {
    let run = head.run;
    head.seal_what_sql_wrote(db)?;
    let first = head.seq.next();
    append_facts(db, tenant, head, observed)?;
    let last = head.seq;
    for limits in &observed.set {
        match budgets::own(db, run)? {
            Some(mut budget) => {
                budget.set(limits);
                budgets::keep(db, &budget)?;
            }
            None => head.spends |= budgets::begin_late(db, tenant.as_str(), run, limits)?,
        }
    }
    if observed.spent != Spent::default() {
        // Facts may be told late, so they say nothing about how long a run has lived.
        spend(db, tenant, head, observed.spent, Timestamp(0))?;
    }
    let has_changed = observed.spent != Spent::default() || !observed.set.is_empty();
    if has_changed && head.spends && head.status.is_none_or(Status::is_ended) {
        budgets::rest(db, run)?;
    }
    Ok(Recorded { first, last, rev: head.rev })
}

fn append_facts(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    observed: &Observed,
) -> Result<(), Fault> {
    for (fact, table) in &observed.facts {
        let own = *table == Table::Record;
        append_record(db, tenant, head, fact, own, None, observed.recorded_at)?;
        if !own {
            append_fact(db, tenant, head, fact, *table)?;
        }
    }
    Ok(())
}

/// A commit found no live row: either the agent was deleted, which moved its history on, or there never was one.
fn deleted_or_unknown(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    expected: Rev,
) -> Result<StoreError, Fault> {
    let present = db
        .prepare_cached(include_str!("queries/run_rev.sql"))?
        .query_row(named_params! { ":run": run.0, ":tenant": tenant.as_str() }, |row| {
            row::count(row, 0)
        })
        .optional()?;
    Ok(match present {
        Some(present) => StoreError::Conflict { expected, present: Rev(present) },
        None => StoreError::NoSuchRun(RunRef::No(run)),
    })
}

impl Head {
    /// Reads a run's row, and finds the state with this path, which the run is about to enter.
    fn read(
        db: &Connection,
        tenant: &Tenant,
        run: RunNo,
        path: Option<&str>,
    ) -> Result<Option<Self>, Fault> {
        let mut statement = db.prepare_cached(include_str!("queries/run_head.sql"))?;
        let mut rows = statement
            .query(named_params! { ":run": run.0, ":tenant": tenant.as_str(), ":path": path })?;
        rows.next()?.map(|row| Self::of(run, row)).transpose()
    }

    /// Reads a run's row, also if its agent was deleted, and says whether it was.
    fn read_any(
        db: &Connection,
        tenant: &Tenant,
        run: RunNo,
    ) -> Result<Option<(Self, bool)>, Fault> {
        if let Some(live) = Self::read(db, tenant, run, None)? {
            return Ok(Some((live, false)));
        }
        Ok(Self::read_deleted(db, tenant, run)?.map(|deleted| (deleted, true)))
    }

    /// Keeps how far its history goes.
    fn keep_seq(&self, db: &Connection, is_deleted: bool) -> Result<(), Fault> {
        if !is_deleted {
            return advance_seq(db, self);
        }
        db.prepare_cached(include_str!("queries/advance_seq_deleted.sql"))?.execute(
            named_params! {
                ":run": self.run.0, ":seq": int(self.seq.0), ":head": self.head.as_slice(),
            },
        )?;
        Ok(())
    }

    /// Reads the row of a run whose agent was deleted.
    fn read_deleted(db: &Connection, tenant: &Tenant, run: RunNo) -> Result<Option<Self>, Fault> {
        let mut statement = db.prepare_cached(include_str!("queries/run_head_deleted.sql"))?;
        let mut rows =
            statement.query(named_params! { ":run": run.0, ":tenant": tenant.as_str() })?;
        rows.next()?.map(|row| Self::of(run, row)).transpose()
    }

    fn of(run: RunNo, row: &Row<'_>) -> Result<Self, Fault> {
        let id = || row::run_id(row.get_ref(4).ok()?.as_str().ok()?);
        let head = match row.get_ref(3)?.as_blob_or_null().map_err(|what| damaged(run, what))? {
            Some(head) => Hash::try_from(head).map_err(|what| damaged(run, what))?,
            None => chain::genesis(id().ok_or_else(|| damaged(run, "its run id is no UUID"))?),
        };
        Ok(Self {
            run,
            rev: Rev(row::count(row, 0)?),
            seq: Seq(row::count(row, 1)?),
            unsealed: row::count(row, 2)?,
            head,
            workflow_id: row.get(5)?,
            status: row.get_ref(6)?.as_str().ok().and_then(|status| status.parse().ok()),
            due: row.get(7)?,
            entered: row.get(8)?,
            spends: row.get(9)?,
        })
    }

    /// Seals what triggers appended, before anything is chained to it.
    fn seal_what_sql_wrote(&mut self, db: &Connection) -> Result<(), Fault> {
        if self.unsealed == 0 {
            return Ok(());
        }
        let sealed = self.seq.0.saturating_sub(self.unsealed);
        let mut unsealed = db.prepare_cached(include_str!("queries/unsealed_records.sql"))?;
        let mut seal = db.prepare_cached(include_str!("queries/seal_record.sql"))?;
        let mut rows =
            unsealed.query(named_params! { ":run": self.run.0, ":sealed": int(sealed) })?;
        while let Some(row) = rows.next()? {
            let seq = Seq(row::count(row, 0)?);
            let payload = Payload::new(
                row.get_ref(3)?
                    .as_bytes_or_null()
                    .map_err(|what| damaged(self.run, what))?
                    .unwrap_or_default()
                    .to_vec(),
            );
            let kind: String = row.get(1)?;
            let at = Timestamp(row.get(2)?);
            self.head = Link { seq, at, kind: &kind, digest: &payload.digest }.hash(&self.head);
            seal.execute(named_params! {
                ":run": self.run.0,
                ":seq": int(seq.0),
                ":salt": payload.salt.as_slice(),
                ":digest": payload.digest.as_slice(),
                ":hash": self.head.as_slice(),
            })?;
        }
        self.unsealed = 0;
        Ok(())
    }
}

/// Appends a step's records, and a snapshot if one is due.
fn append_step(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    step: &Step,
) -> Result<(), Fault> {
    head.seal_what_sql_wrote(db)?;
    for record in &step.records {
        head.rev = head.rev.next();
        append_record(db, tenant, head, record, true, step.request.as_ref(), step.recorded_at)?;
    }
    if let Some(snapshot) = &step.snapshot {
        db.prepare_cached(include_str!("queries/append_snapshot.sql"))?.execute(named_params! {
            ":run": head.run.0,
            ":seq": int(head.seq.0),
            ":tenant": tenant.as_str(),
            ":salt": snapshot.salt.as_slice(),
            ":digest": snapshot.digest.as_slice(),
            ":payload": text(&snapshot.bytes),
        })?;
    }
    Ok(())
}

/// Appends one record, chained to the one before. Its payload is left out where a table of its own holds it.
fn append_record(
    db: &Connection,
    tenant: &Tenant,
    head: &mut Head,
    record: &Sealable,
    holds_payload: bool,
    request: Option<&RequestDigest>,
    recorded_at: Timestamp,
) -> Result<(), Fault> {
    let Sealable { kind, at, has_changes, payload } = record;
    head.seq = head.seq.next();
    let link = Link { seq: head.seq, at: *at, kind, digest: &payload.digest };
    head.head = link.hash(&head.head);
    db.prepare_cached(include_str!("queries/append_record.sql"))?.execute(named_params! {
        ":tenant": tenant.as_str(),
        ":run": head.run.0,
        ":seq": int(head.seq.0),
        ":rev": int(head.rev.0),
        ":kind": kind,
        ":at": at.0,
        ":recorded_at": recorded_at.0,
        ":request": request.map(|digest| digest.0.as_slice()),
        ":has_changes": has_changes,
        ":salt": payload.salt.as_slice(),
        ":digest": payload.digest.as_slice(),
        ":hash": head.head.as_slice(),
        ":payload": holds_payload.then(|| text(&payload.bytes)),
    })?;
    Ok(())
}

/// Puts a fact into its own table, beside the record just appended.
fn append_fact(
    db: &Connection,
    tenant: &Tenant,
    head: &Head,
    fact: &Sealable,
    table: Table,
) -> Result<(), Fault> {
    let statement = match table {
        Table::Record => return Ok(()),
        Table::Action => include_str!("queries/append_action.sql"),
        Table::Decision => include_str!("queries/append_decision.sql"),
        Table::Message => include_str!("queries/append_message.sql"),
        Table::Artifact => include_str!("queries/append_artifact.sql"),
    };
    db.prepare_cached(statement)?.execute(named_params! {
        ":tenant": tenant.as_str(),
        ":run": head.run.0,
        ":seq": int(head.seq.0),
        ":rev": int(head.rev.0),
        ":at": fact.at.0,
        ":payload": text(&fact.payload.bytes),
    })?;
    Ok(())
}

fn advance_seq(db: &Connection, head: &Head) -> Result<(), Fault> {
    db.prepare_cached(include_str!("queries/advance_seq.sql"))?.execute(named_params! {
        ":run": head.run.0, ":seq": int(head.seq.0), ":head": head.head.as_slice(),
    })?;
    Ok(())
}

/// The ids of a step's leaves, as a JSON list.
fn leaf_ids(
    db: &Connection,
    workflow_id: i64,
    step: &Step,
    tenant: &Tenant,
    current: i64,
) -> Result<String, Fault> {
    // The usual case needs no second look-up: one leaf, which is the innermost common state.
    if let [leaf] = step.leaves.as_slice()
        && *leaf == step.current_state
    {
        return Ok(format!("[{current}]"));
    }
    let ids = step
        .leaves
        .iter()
        .map(|leaf| state_id(db, workflow_id, leaf, tenant))
        .collect::<Result<Vec<i64>, Fault>>()?;
    Ok(serde_json::to_string(&ids).map_err(unwritable)?)
}

/// The id of the state with this path. The root has a row only if somebody needs it, and what is observed names its states
/// as it goes; both are added when first entered.
fn state_id(db: &Connection, workflow_id: i64, path: &str, tenant: &Tenant) -> Result<i64, Fault> {
    let found: Option<i64> = db
        .prepare_cached(include_str!("queries/run_state_id.sql"))?
        .query_row(named_params! { ":workflow": workflow_id, ":path": path }, |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None if path.is_empty() || is_built_in(db, workflow_id)? => {
            super::catalogue::add_state(db, tenant, workflow_id, path)
        }
        None => Err(Fault::Undo(StoreError::Refused {
            what: format!("the workflow has no state `{path}`"),
            hint: None,
        })),
    }
}

fn is_built_in(db: &Connection, workflow_id: i64) -> Result<bool, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/is_built_in.sql"))?;
    Ok(statement.query_row(named_params! { ":workflow": workflow_id }, |row| row.get(0))?)
}
