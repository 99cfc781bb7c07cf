//! What is read of runs: state, history, lists, checks.

use std::collections::BTreeSet;

use guidepost_core::data::Data;
use guidepost_core::id::{Rev, RunId, RunNo, RunRef, Seq, Tenant, Version};
use guidepost_core::record::Record;
use guidepost_core::run::{Run, Status, Undoing};
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::fault::{Fault, damaged};
use super::row::{self, int};
use super::{budgets, payload};
use crate::filter::{page, page_items, words};
use crate::fold::{Check, Seal, Stored};
use crate::{
    Changes, Entry, Head, HistoryPage, Loaded, Page, RunFilter, RunSummary, StoreError, Verified,
    chain,
};

/// A row of the view `run`.
struct RunRow {
    head: Head,
    workflow: String,
    machine: String,
    driver: String,
    status: Status,
    rev: Rev,
    state_rev: Rev,
    chain: Option<Vec<u8>>,
    state: String,
}

impl RunRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, Fault>> {
        let no = RunNo(row.get("run_no")?);
        let id: String = row.get("run_id")?;
        let Some(id) = row::run_id(&id) else {
            return Ok(Err(damaged(no, "its run id is no UUID")));
        };
        let status: String = row.get("status")?;
        let Ok(status) = status.parse() else {
            return Ok(Err(damaged(no, "its status is unknown")));
        };
        let head = Head {
            no,
            id,
            version: version(row)?,
            agent: row.get("agent")?,
            goal: row.get("goal")?,
            parent: row.get::<_, Option<i64>>("parent_no")?.map(RunNo),
            root: RunNo(row.get("root_no")?),
            session: row.get("session")?,
            seq: Seq(number(row, "seq")?),
            unsealed: number(row, "unsealed")?,
            revision: number(row, "revision")?,
            created_at: time(row, "started_at")?,
            updated_at: time(row, "changed_at")?,
        };
        Ok(Ok(Self {
            head,
            workflow: row.get::<_, Option<String>>("workflow")?.unwrap_or_default(),
            machine: row.get("machine")?,
            driver: row.get("driver")?,
            status,
            rev: Rev(number(row, "rev")?),
            state_rev: Rev(number(row, "state_rev")?),
            chain: row.get("head")?,
            state: row.get("state")?,
        }))
    }

    /// The state of execution, still without its data: what was stored, and what SQL appended since.
    fn run(&self, db: &Connection) -> Result<Run, Fault> {
        let mut run: Run = serde_json::from_str(&self.state).map_err(|reason| {
            damaged(self.head.no, format!("its state cannot be read: {reason}"))
        })?;
        run.workflow.clone_from(&self.workflow);
        run.machine.clone_from(&self.machine);
        run.driver = row::read_driver(&self.driver);
        if let Some(undoing) = &mut run.undoing {
            self.recall(db, undoing)?;
        }
        if self.state_rev < self.rev {
            run.rev = self.state_rev;
            self.fold_what_sql_wrote(db, &mut run)?;
        }
        run.status = self.status;
        run.rev = self.rev;
        Ok(run)
    }

    /// What is to be made good stands in the record that says so, and not with the state.
    fn recall(&self, db: &Connection, undoing: &mut Undoing) -> Result<(), Fault> {
        let no = self.head.no;
        let found: Option<(i64, String)> = db
            .prepare_cached(include_str!("queries/last_compensating.sql"))?
            .query_row(named_params! { ":run": no.0 }, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (_, payload) =
            found.filter(|(rev, _)| *rev == int(undoing.rev.0)).ok_or_else(|| {
                damaged(
                    no,
                    format!("the record at rev {} of what is made good is gone", undoing.rev),
                )
            })?;
        let record = Record::read("compensating", payload.as_bytes());
        match record.map_err(|reason| damaged(no, reason))? {
            Record::Compensating(compensating) => undoing.work = compensating.work.into(),
            other => return Err(damaged(no, format!("rev {} is {}", undoing.rev, other.kind()))),
        }
        Ok(())
    }

    fn fold_what_sql_wrote(&self, db: &Connection, run: &mut Run) -> Result<(), Fault> {
        let no = self.head.no;
        let mut statement = db.prepare_cached(include_str!("queries/records_since.sql"))?;
        let mut rows =
            statement.query(named_params! { ":run": no.0, ":rev": int(self.state_rev.0) })?;
        while let Some(row) = rows.next()? {
            let (kind, payload): (String, String) = (row.get(0)?, row.get(1)?);
            let record =
                Record::read(&kind, payload.as_bytes()).map_err(|reason| damaged(no, reason))?;
            run.apply(&record).map_err(|reason| damaged(no, reason))?;
        }
        Ok(())
    }
}

fn number(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn version(row: &Row<'_>) -> rusqlite::Result<Option<Version>> {
    let version: Option<i64> = row.get("version")?;
    Ok(version.and_then(|version| u64::try_from(version).ok()).map(Version))
}

fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp(row.get::<_, Option<i64>>(column)?.unwrap_or_default()))
}

/// A run's identity and present state.
pub(super) fn load(
    db: &Connection,
    tenant: &Tenant,
    run: &RunRef,
) -> Result<Option<Loaded>, Fault> {
    let Some(row) = find(db, tenant, run)? else { return Ok(None) };
    let mut run = row.run(db)?;
    restore_data(db, row.head.no, &mut run)?;
    let budgets = budgets::of_run(db, row.head.no)?;
    Ok(Some(Loaded { head: row.head, run, budgets }))
}

fn find(db: &Connection, tenant: &Tenant, run: &RunRef) -> Result<Option<RunRow>, Fault> {
    let tenant_text = tenant.as_str();
    let row = match run {
        RunRef::No(no) => db
            .prepare_cached(include_str!("queries/load_by_no.sql"))?
            .query_row(named_params! { ":run": no.0, ":tenant": tenant_text }, RunRow::read)
            .optional()?,
        RunRef::Id(id) => db
            .prepare_cached(include_str!("queries/load_by_id.sql"))?
            .query_row(
                named_params! { ":id": id.to_string(), ":tenant": tenant_text },
                RunRow::read,
            )
            .optional()?,
        RunRef::Agent(agent) => {
            let live = live_runs_of(db, tenant, agent)?;
            return match live.as_slice() {
                [] => match last_run_of(db, tenant, agent)? {
                    Some(last) => find(db, tenant, &RunRef::No(last)),
                    None => Ok(None),
                },
                [only] => find(db, tenant, &RunRef::No(*only)),
                several => {
                    let count = several.len() as u64;
                    Err(StoreError::Ambiguous { agent: agent.clone(), count }.into())
                }
            };
        }
    };
    row.transpose()
}

fn live_runs_of(db: &Connection, tenant: &Tenant, agent: &str) -> Result<Vec<RunNo>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/load_by_agent.sql"))?;
    let runs = statement
        .query_map(named_params! { ":tenant": tenant.as_str(), ":agent": agent }, |row| {
            row.get(0).map(RunNo)
        })?;
    Ok(runs.collect::<Result<_, _>>()?)
}

fn last_run_of(db: &Connection, tenant: &Tenant, agent: &str) -> Result<Option<RunNo>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/load_last_by_agent.sql"))?;
    let parameters = named_params! { ":tenant": tenant.as_str(), ":agent": agent };
    Ok(statement.query_row(parameters, |row| row.get(0).map(RunNo)).optional()?)
}

/// Restores a run's data: the last snapshot, and the changes since.
fn restore_data(db: &Connection, no: RunNo, run: &mut Run) -> Result<(), Fault> {
    let unreadable = |what: String| damaged(no, what);
    let snapshot: Option<(i64, String)> = db
        .prepare_cached(include_str!("queries/last_snapshot.sql"))?
        .query_row(named_params! { ":run": no.0 }, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let mut since = 0;
    if let Some((seq, json)) = snapshot {
        run.data = serde_json::from_str::<Data>(&json).map_err(|reason| {
            unreadable(format!("the snapshot at {seq} cannot be read: {reason}"))
        })?;
        run.snapshot_taken();
        since = seq;
    }
    let mut statement = db.prepare_cached(include_str!("queries/changes_since.sql"))?;
    let mut rows = statement.query(named_params! { ":run": no.0, ":seq": since })?;
    while let Some(row) = rows.next()? {
        let kind: String = row.get(0)?;
        let json: String = row.get(1)?;
        let record =
            Record::read(&kind, json.as_bytes()).map_err(|why| unreadable(why.to_string()))?;
        for change in record.changes() {
            run.data.apply(change).map_err(|misfit| unreadable(misfit.to_string()))?;
            run.change_weight += change.weight();
        }
    }
    Ok(())
}

/// Refuses a run that is not there.
pub(super) fn expect_run(db: &Connection, tenant: &Tenant, run: RunNo) -> Result<Rev, Fault> {
    let rev = db
        .prepare_cached(include_str!("queries/run_rev.sql"))?
        .query_row(named_params! { ":run": run.0, ":tenant": tenant.as_str() }, |row| {
            row::count(row, 0)
        })
        .optional()?;
    rev.map(Rev).ok_or_else(|| StoreError::NoSuchRun(RunRef::No(run)).into())
}

/// A page of a run's history.
pub(super) fn history(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    wanted: &HistoryPage,
) -> Result<Page<Entry>, Fault> {
    expect_run(db, tenant, run)?;
    let (query, start) = if wanted.newest_first {
        (include_str!("queries/history_newest_first.sql"), i64::MAX)
    } else {
        (include_str!("queries/history_oldest_first.sql"), 0)
    };
    let limit = page_items(wanted.limit);
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query(named_params! {
        ":run": run.0,
        ":tenant": tenant.as_str(),
        ":beyond": wanted.beyond.map_or(start, |seq| int(seq.0)),
        ":kinds": list(&wanted.kinds),
        ":limit": int(limit as u64).saturating_add(1),
    })?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(entry(run, row)?);
    }
    Ok(page(entries, limit, |last| last.seq.to_string()))
}

fn entry(run: RunNo, row: &Row<'_>) -> Result<Entry, Fault> {
    let seq = Seq(row::count(row, 0)?);
    let kind: String = row.get(2)?;
    let body: Option<String> = row.get(5)?;
    let body =
        body.ok_or_else(|| damaged(run, format!("the payload of record {seq} is missing")))?;
    Ok(Entry {
        seq,
        rev: Rev(row::count(row, 1)?),
        at: Timestamp(row.get(3)?),
        recorded_at: Timestamp(row.get(4)?),
        body: payload::read(&kind, body.as_bytes())
            .map_err(|reason| damaged(run, format!("record {seq}: {reason}")))?,
    })
}

/// A list of texts as the JSON that queries unpack.
fn list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_else(|_| "[]".to_owned())
}

/// Runs, newest first.
pub(super) fn runs(
    db: &Connection,
    tenant: &Tenant,
    filter: &RunFilter,
) -> Result<Page<RunSummary>, Fault> {
    let limit = page_items(filter.limit);
    let wanted = if filter.status.is_empty() { Status::ALL.as_slice() } else { &filter.status };
    // One status at a time is found and ordered by an index, so that a rare one costs no look at all the others.
    let mut found = Vec::new();
    for status in Status::ALL.iter().filter(|status| wanted.contains(status)) {
        found.append(&mut runs_of(db, tenant, filter, *status, limit)?);
    }
    found.sort_unstable_by_key(|run| std::cmp::Reverse(run.no));
    Ok(page(found, limit, |last| last.no.0.to_string()))
}

/// The newest runs of one status: one more than a page has, so that it shows whether there are more.
fn runs_of(
    db: &Connection,
    tenant: &Tenant,
    filter: &RunFilter,
    status: Status,
    limit: usize,
) -> Result<Vec<RunSummary>, Fault> {
    let before = filter.cursor.as_ref().and_then(|cursor| cursor.parse::<i64>().ok());
    let mut statement = db.prepare_cached(include_str!("queries/list_runs.sql"))?;
    let mut rows = statement.query(named_params! {
        ":tenant": tenant.as_str(),
        ":before": before.unwrap_or(i64::MAX),
        ":status": status.as_str(),
        ":workflow": filter.workflow,
        ":agent": filter.agent,
        ":parent": filter.parent.map(|parent| parent.0),
        ":since": filter.since.map(|since| since.0),
        ":state": filter.state,
        ":words": list(&words(filter.query.as_deref())),
        ":limit": int(limit as u64).saturating_add(1),
    })?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(summary(row)?);
    }
    Ok(found)
}

fn summary(row: &Row<'_>) -> Result<RunSummary, Fault> {
    let no = RunNo(row.get("run_no")?);
    let unreadable = |what: &str| damaged(no, what);
    let id: String = row.get("run_id")?;
    let status: String = row.get("status")?;
    let leaves: Option<String> = row.get("leaf_paths")?;
    let mut damaged = None;
    let id = row::run_id(&id).unwrap_or_else(|| {
        damaged = Some("its run id is no UUID".to_owned());
        RunId(uuid::Uuid::nil())
    });
    let leaves =
        leaves.and_then(|leaves| serde_json::from_str(&leaves).ok()).unwrap_or_else(|| {
            damaged = Some("its leaves are no list".to_owned());
            Vec::new()
        });
    Ok(RunSummary {
        no,
        id,
        workflow: row.get("workflow")?,
        version: version(row)?,
        agent: row.get("agent")?,
        goal: row.get("goal")?,
        status: status.parse().map_err(|_| unreadable("its status is unknown"))?,
        current_state: row.get("current_state")?,
        leaves,
        rev: Rev(number(row, "rev")?),
        created_at: time(row, "started_at")?,
        updated_at: time(row, "changed_at")?,
        damaged,
    })
}

/// What was recorded after a place. Records are numbered in the order they are recorded, by the file's one writer.
pub(super) fn changes(
    db: &Connection,
    tenant: &Tenant,
    after: Option<u64>,
    limit: usize,
) -> Result<Changes, Fault> {
    let newest: i64 = db
        .prepare_cached(include_str!("queries/newest_record.sql"))?
        .query_row([], |row| row.get(0))?;
    let Some(after) = after else {
        return Ok(Changes { items: Vec::new(), at: u64::try_from(newest).unwrap_or(0) });
    };
    let mut statement = db.prepare_cached(include_str!("queries/records_after.sql"))?;
    let found = statement.query_map(
        named_params! {
            ":after": int(after), ":newest": newest, ":tenant": tenant.as_str(),
            ":limit": int(limit as u64),
        },
        |row| Ok((row::count(row, 0)?, (RunNo(row.get(1)?), Seq(row::count(row, 2)?)))),
    )?;
    let found: Vec<(u64, (RunNo, Seq))> = found.collect::<Result<_, _>>()?;
    let at = match found.last() {
        Some((last, _)) if found.len() == limit => *last,
        _ => after.max(u64::try_from(newest).unwrap_or(0)),
    };
    Ok(Changes { items: found.into_iter().map(|(_, item)| item).collect(), at })
}

/// Runs that want attention, those longest due first, then those that go on although a limit is passed.
pub(super) fn due(
    db: &Connection,
    tenant: &Tenant,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RunNo>, Fault> {
    let mut found: Vec<RunNo> = Vec::new();
    let mut known = BTreeSet::new();
    for query in [include_str!("queries/due_runs.sql"), include_str!("queries/due_over_limit.sql")]
    {
        let left = limit.saturating_sub(found.len());
        let mut statement = db.prepare_cached(query)?;
        let runs = statement.query_map(
            named_params! { ":tenant": tenant.as_str(), ":now": now.0, ":limit": int(left as u64) },
            |row| row.get(0).map(RunNo),
        )?;
        for run in runs {
            let run = run?;
            if known.insert(run) {
                found.push(run);
            }
        }
    }
    Ok(found)
}

/// Checks a run's history.
pub(super) fn verify(db: &Connection, tenant: &Tenant, run: RunNo) -> Result<Verified, Fault> {
    let found = find(db, tenant, &RunRef::No(run))?
        .ok_or_else(|| Fault::Clean(StoreError::NoSuchRun(RunRef::No(run))))?;
    let mut check = Check::new(found.head.id);
    let mut statement = db.prepare_cached(include_str!("queries/verify_records.sql"))?;
    let mut rows = statement.query(named_params! { ":run": run.0 })?;
    while let Some(row) = rows.next()? {
        verify_record(&mut check, row)?;
    }
    // A record that cannot be restored is a finding, like any other.
    let stored = found.run(db).and_then(|mut state| {
        restore_data(db, run, &mut state)?;
        Ok(state)
    });
    let stored = match stored {
        Ok(stored) => stored,
        Err(Fault::Clean(reason)) => {
            check.problem(Seq(0), reason.to_string());
            Run::default()
        }
        Err(other) => return Err(other),
    };
    let genesis = chain::genesis(found.head.id);
    let head = found.chain.as_deref().unwrap_or(&genesis);
    Ok(check.finish(found.head.seq, &chain::hex(head), found.head.unsealed, &stored))
}

/// The record that has a hash.
pub(super) fn record_with_hash(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    hash: &str,
) -> Result<Option<Seq>, Fault> {
    let found = find(db, tenant, &RunRef::No(run))?
        .ok_or_else(|| Fault::Clean(StoreError::NoSuchRun(RunRef::No(run))))?;
    if chain::hex(&chain::genesis(found.head.id)) == hash {
        return Ok(Some(Seq(0)));
    }
    let seq = db
        .prepare_cached(include_str!("queries/seq_of_hash.sql"))?
        .query_row(named_params! { ":run": run.0, ":hash": hash }, |row| row::count(row, 0))
        .optional()?;
    Ok(seq.map(Seq))
}

fn verify_record(check: &mut Check, row: &Row<'_>) -> Result<(), Fault> {
    let seq = Seq(row::count(row, 0)?);
    let kind: String = row.get(2)?;
    let bytes = |column: usize| -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(match row.get_ref(column)? {
            rusqlite::types::ValueRef::Blob(bytes) | rusqlite::types::ValueRef::Text(bytes) => {
                Some(bytes.to_vec())
            }
            _ => None,
        })
    };
    let (salt, digest, hash, payload) = (bytes(3)?, bytes(4)?, bytes(5)?, bytes(6)?);
    let seal = match (&salt, &digest, &hash) {
        (Some(salt), Some(digest), Some(hash)) => Some(Seal { salt, digest, hash }),
        _ => None,
    };
    let payload = payload.as_deref();
    check.record(&Stored { seq, at: Timestamp(row.get(1)?), kind: &kind, payload, seal });
    Ok(())
}
