//! Looking back from a rev: what became of a request, and what is on record since.
//!
//! Revs never fall from one record to the next, so the first record of a rev is found by bisection, without an index that
//! every step would have to pay for.

use guidepost_core::id::{Rev, RunNo, Seq, Tenant};
use guidepost_core::input::Evidence;
use guidepost_core::machine::{FactKind, Requirement};
use guidepost_core::record::Record;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::fault::{Fault, damaged};
use super::read::expect_run;
use super::row::{self, int};
use crate::{Outcome, RequestDigest};

/// What became of a request, if it is on record after `since`.
pub(super) fn outcome(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    since: Rev,
    request: &RequestDigest,
) -> Result<Option<Outcome>, Fault> {
    expect_run(db, tenant, run)?;
    let first = first_of(db, run, since.next())?;
    let mut statement = db.prepare_cached(include_str!("queries/outcome.sql"))?;
    let mut rows = statement.query(named_params! {
        ":run": run.0, ":first": int(first.0), ":request": request.0.as_slice(),
    })?;
    let mut outcome = Outcome { rev: Rev(0), records: Vec::new() };
    while let Some(row) = rows.next()? {
        let (kind, payload): (String, String) = (row.get(1)?, row.get(2)?);
        outcome.rev = Rev(row::count(row, 0)?);
        let record = Record::read(&kind, payload.as_bytes());
        outcome.records.push(record.map_err(|reason| damaged(run, reason))?);
    }
    Ok((!outcome.records.is_empty()).then_some(outcome))
}

/// How many facts meet each requirement.
pub(super) fn evidence(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    needs: &[(Requirement, Rev)],
) -> Result<Vec<Evidence>, Fault> {
    expect_run(db, tenant, run)?;
    let needs = needs.iter();
    needs
        .map(|(need, since)| {
            let count = count(db, tenant, run, need, first_of(db, run, *since)?)?;
            Ok(Evidence { requirement: need.clone(), since: *since, count })
        })
        .collect()
}

fn count(
    db: &Connection,
    tenant: &Tenant,
    run: RunNo,
    need: &Requirement,
    first: Seq,
) -> Result<u64, Fault> {
    let query = match need.kind {
        FactKind::Action => include_str!("queries/evidence_action.sql"),
        FactKind::Decision => include_str!("queries/evidence_decision.sql"),
        FactKind::Message => include_str!("queries/evidence_message.sql"),
        FactKind::Artifact => include_str!("queries/evidence_artifact.sql"),
    };
    let parameters = named_params! {
        ":run": run.0,
        ":tenant": tenant.as_str(),
        ":first": int(first.0),
        ":type": need.r#type,
        ":name": need.name,
        ":observed": need.observed,
    };
    Ok(db.prepare_cached(query)?.query_row(parameters, |row| row::count(row, 0))?)
}

/// The number of the first record at this rev or a later one; one past the last if there is none.
fn first_of(db: &Connection, run: RunNo, rev: Rev) -> Result<Seq, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/rev_of_seq.sql"))?;
    let mut rev_of = |seq: u64| {
        statement
            .query_row(named_params! { ":run": run.0, ":seq": int(seq) }, |row| row::count(row, 0))
            .optional()
    };
    // Everything up to `low` is before the rev; `high` is not, or does not exist. A rev never exceeds its record's seq.
    let (mut low, mut high) = (rev.0.saturating_sub(1), rev.0.max(1));
    let mut stride = 1;
    while rev_of(high)?.is_some_and(|found| found < rev.0) {
        low = high;
        high += stride;
        stride *= 2;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if rev_of(middle)?.is_some_and(|found| found < rev.0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Seq(high))
}
