//! What runs spend, and the limits they spend from.

use guidepost_core::budget::{Budget, Spent};
use guidepost_core::id::RunNo;
use guidepost_core::machine::Limits;
use guidepost_core::recorded::{Fact, FactBody, LimitReached};
use guidepost_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::{Fault, damaged};
use super::write::unwritable;

/// The budgets a run spends from, by the numbers of the runs that have them.
pub(super) fn of_run(db: &Connection, run: RunNo) -> Result<Vec<Budget>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/run_budgets.sql"))?;
    let mut rows = statement.query(named_params! { ":run": run.0 })?;
    let mut budgets = Vec::new();
    while let Some(row) = rows.next()? {
        budgets.push(read(row)?);
    }
    Ok(budgets)
}

/// The budget of a run with limits.
pub(super) fn own(db: &Connection, run: RunNo) -> Result<Option<Budget>, Fault> {
    let mut statement = db.prepare_cached(include_str!("queries/run_budget.sql"))?;
    let budget = statement.query_row(named_params! { ":run": run.0 }, |row| Ok(read(row)));
    budget.optional()?.transpose()
}

/// Gives a run with limits a budget of its own, and lets every run spend from those of the runs above it.
pub(super) fn begin(
    db: &Connection,
    tenant: &str,
    run: RunNo,
    budget: Option<&Budget>,
    above: &[Budget],
) -> Result<(), Fault> {
    if let Some(budget) = budget {
        insert(db, tenant, budget)?;
    }
    let mut member = db.prepare_cached(include_str!("queries/insert_budget_run.sql"))?;
    for budget in above.iter().chain(budget) {
        member.execute(named_params! { ":run": run.0, ":budget": budget.run.0 })?;
    }
    Ok(())
}

/// Gives a run that has none a budget of its own, from which it and the runs below it spend from now on. Says whether it has
/// one: without a limit there is none.
pub(super) fn begin_late(
    db: &Connection,
    tenant: &str,
    run: RunNo,
    limits: &Limits,
) -> Result<bool, Fault> {
    let this = named_params! { ":run": run.0 };
    let began: Option<Option<i64>> = db
        .prepare_cached(include_str!("queries/run_began.sql"))?
        .query_row(this, |row| row.get(0))
        .optional()?;
    let budget = began.flatten().and_then(|at| Budget::new(run, limits.clone(), Timestamp(at)));
    let Some(budget) = budget else { return Ok(false) };
    insert(db, tenant, &budget)?;
    db.prepare_cached(include_str!("queries/join_budget.sql"))?.execute(this)?;
    Ok(true)
}

fn insert(db: &Connection, tenant: &str, budget: &Budget) -> Result<(), Fault> {
    let more: [(&str, &dyn ToSql); 2] = [(":tenant", &tenant), (":since", &budget.since.0)];
    write(db, include_str!("queries/insert_budget.sql"), budget, &more)
}

/// Writes what changes of a budget, and what else the statement wants.
fn write(
    db: &Connection,
    statement: &str,
    budget: &Budget,
    more: &[(&str, &dyn ToSql)],
) -> Result<(), Fault> {
    let (limits, spent, told) = (json(&budget.limits)?, json(&budget.spent)?, json(&budget.told)?);
    let due = budget.passed_from().map(|due| due.0);
    let kept: [(&str, &dyn ToSql); 5] = [
        (":run", &budget.run.0),
        (":limits", &limits),
        (":spent", &spent),
        (":told", &told),
        (":due", &due),
    ];
    let values: Vec<_> = kept.iter().chain(more).copied().collect();
    db.prepare_cached(statement)?.execute(&*values)?;
    Ok(())
}

/// Counts what is spent in a budget, and gives what is reached by that.
pub(super) fn spend(
    db: &Connection,
    budget: &mut Budget,
    spent: Spent,
    now: Timestamp,
) -> Result<Vec<LimitReached>, Fault> {
    let reached = budget.spend(spent, now);
    if spent != Spent::default() || !reached.is_empty() {
        keep(db, budget)?;
    }
    Ok(reached)
}

/// Keeps a budget as it is now.
pub(super) fn keep(db: &Connection, budget: &Budget) -> Result<(), Fault> {
    write(db, include_str!("queries/advance_budget.sql"), budget, &[])
}

/// A run is over: the budgets from which no live run spends any more are passed over when runs beyond a limit are looked for.
pub(super) fn rest(db: &Connection, run: RunNo) -> Result<(), Fault> {
    db.prepare_cached(include_str!("queries/rest_budgets.sql"))?
        .execute(named_params! { ":run": run.0 })?;
    Ok(())
}

/// What is reached, as facts that Guidepost itself tells.
pub(super) fn facts(reached: Vec<LimitReached>, now: Timestamp) -> Vec<Fact> {
    let fact = |reached| {
        let body = FactBody::LimitReached(reached);
        Fact { at: Some(now), observed: true, by: String::new(), body }
    };
    reached.into_iter().map(fact).collect()
}

fn json(value: &impl Serialize) -> Result<String, Fault> {
    Ok(serde_json::to_string(value).map_err(unwritable)?)
}

fn read(row: &Row<'_>) -> Result<Budget, Fault> {
    let run = RunNo(row.get("run_no")?);
    Ok(Budget {
        run,
        since: Timestamp(row.get("since")?),
        limits: field(run, row, "limits")?,
        spent: field(run, row, "spent")?,
        told: field(run, row, "told")?,
    })
}

fn field<T: DeserializeOwned>(run: RunNo, row: &Row<'_>, column: &str) -> Result<T, Fault> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|reason| damaged(run, format!("the `{column}` of its budget: {reason}")))
}
