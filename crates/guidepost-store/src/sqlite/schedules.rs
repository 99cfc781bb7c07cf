//! Schedules: when each is due, and what it began last.

use guidepost_core::id::{RunNo, Tenant};
use guidepost_core::schedule::Schedule;
use guidepost_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::fault::Fault;
use super::row::int;
use super::write::{self, Step, unwritable};
use crate::filter::{page, page_items};
use crate::{
    LastRun, Moved, NewRun, NewSchedule, Page, Passed, ScheduleChange, ScheduleFilter, Scheduled,
    StoreError,
};

/// What becomes of a schedule, ready to be stored.
#[derive(Debug)]
pub(super) struct Change {
    due: Option<Timestamp>,
    is_paused: bool,
    passed: Option<Passed>,
    begun: Option<(Timestamp, Box<NewRun>, Step)>,
}

impl Change {
    pub(super) fn new(change: ScheduleChange) -> Result<Self, StoreError> {
        let ScheduleChange { due, is_paused, passed, begun } = change;
        let begun = match begun {
            Some((at, new, batch)) => Some((at, new, Step::new(*batch)?)),
            None => None,
        };
        Ok(Self { due, is_paused, passed, begun })
    }
}

/// Makes these the schedules of a workflow.
pub(super) fn define(
    db: &Connection,
    tenant: &Tenant,
    workflow: i64,
    schedules: &[NewSchedule],
) -> Result<(), Fault> {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    let kept = serde_json::to_string(&names).map_err(undone)?;
    db.prepare_cached(include_str!("queries/clear_schedules.sql"))?
        .execute(named_params! { ":workflow": workflow, ":kept": kept })?;
    for NewSchedule { name, schedule, due } in schedules {
        db.prepare_cached(include_str!("queries/save_schedule.sql"))?.execute(named_params! {
            ":workflow": workflow,
            ":name": name,
            ":tenant": tenant.as_str(),
            ":times": schedule.times.to_string(),
            ":schedule": serde_json::to_string(schedule).map_err(undone)?,
            ":due": due.map(|due| due.0),
        })?;
    }
    Ok(())
}

/// Schedules by workflow and name, or those that are due.
pub(super) fn list(
    db: &Connection,
    tenant: &Tenant,
    filter: &ScheduleFilter,
) -> Result<Page<Scheduled>, Fault> {
    let limit = page_items(filter.limit);
    let Some(by) = filter.due_by else {
        let mut statement = db.prepare_cached(include_str!("queries/list_schedules.sql"))?;
        let found = statement.query_map(
            named_params! {
                ":tenant": tenant.as_str(),
                ":workflow": filter.workflow,
                ":after": filter.cursor,
                ":limit": int(limit as u64).saturating_add(1),
            },
            scheduled,
        )?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        return Ok(page(found, limit, |last| format!("{}@{}", last.workflow, last.name)));
    };
    let mut statement = db.prepare_cached(include_str!("queries/due_schedules.sql"))?;
    let found = statement.query_map(
        named_params! {
            ":tenant": tenant.as_str(),
            ":workflow": filter.workflow,
            ":by": by.0,
        },
        scheduled,
    )?;
    // One that cannot be read begins nothing, and takes no place of one that does.
    let can_begin =
        |it: &rusqlite::Result<Scheduled>| !matches!(it, Ok(it) if it.damaged.is_some());
    let items = found.filter(can_begin).take(limit).collect::<Result<_, _>>()?;
    Ok(Page { items, next: None })
}

fn scheduled(row: &Row<'_>) -> rusqlite::Result<Scheduled> {
    let last = match (row.get::<_, Option<i64>>(5)?, row.get::<_, Option<i64>>(6)?) {
        (Some(run), Some(due)) => {
            Some(LastRun { run: RunNo(run), due: Timestamp(due), is_live: row.get(9)? })
        }
        _ => None,
    };
    let passed = match (row.get::<_, Option<i64>>(7)?, row.get::<_, Option<String>>(8)?) {
        (Some(at), Some(why)) => Some(Passed { at: Timestamp(at), why, is_failure: row.get(10)? }),
        _ => None,
    };
    let (schedule, damaged) = match said(row)? {
        Ok(schedule) => (schedule, None),
        Err(reason) => (Schedule::never(), Some(reason.to_string())),
    };
    Ok(Scheduled {
        workflow: row.get(0)?,
        name: row.get(1)?,
        schedule,
        damaged,
        due: row.get::<_, Option<i64>>(3)?.map(Timestamp),
        is_paused: row.get(4)?,
        last,
        passed,
    })
}

/// What a schedule says, or why that cannot be read: it is of a newer release, or somebody else wrote it.
fn said(row: &Row<'_>) -> rusqlite::Result<Result<Schedule, serde_json::Error>> {
    let text: Vec<u8> = match row.get_ref(2)? {
        ValueRef::Text(text) | ValueRef::Blob(text) => text.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    };
    Ok(serde_json::from_slice(&text))
}

/// Moves a schedule on if it still is what somebody saw.
pub(super) fn move_on(
    db: &Connection,
    tenant: &Tenant,
    before: &Scheduled,
    change: &Change,
) -> Result<Option<Moved>, Fault> {
    // What it says is compared as such: another release may have put the same into another text.
    let found: Option<(i64, Result<Schedule, serde_json::Error>)> = db
        .prepare_cached(include_str!("queries/find_schedule.sql"))?
        .query_row(
            named_params! {
                ":tenant": tenant.as_str(),
                ":workflow": before.workflow,
                ":name": before.name,
                ":due": before.due.map(|due| due.0),
                ":is_paused": before.is_paused,
                ":last_run": before.last.as_ref().map(|last| last.run.0),
            },
            |row| Ok((row.get(0)?, said(row)?)),
        )
        .optional()?;
    let found = found.filter(|(_, said)| said.as_ref().is_ok_and(|said| *said == before.schedule));
    let Some((workflow, _)) = found else { return Ok(None) };
    let created = match &change.begun {
        Some((_, new, step)) => Some(write::create(db, tenant, new, step)?),
        None => None,
    };
    let due_of_run = change.begun.as_ref().map(|(due, ..)| due.0);
    db.prepare_cached(include_str!("queries/move_schedule.sql"))?.execute(named_params! {
        ":workflow": workflow,
        ":name": before.name,
        ":due": change.due.map(|due| due.0),
        ":is_paused": change.is_paused,
        ":run": created.as_ref().map(|created| created.run.0),
        ":run_due": due_of_run,
        ":passed_at": change.passed.as_ref().map(|passed| passed.at.0),
        ":passed_why": change.passed.as_ref().map(|passed| &passed.why),
        ":passed_failed": change.passed.as_ref().map(|passed| passed.is_failure),
    })?;
    Ok(Some(Moved { created }))
}

fn undone(reason: serde_json::Error) -> Fault {
    Fault::Undo(unwritable(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Location, schema};

    /// Another release may write what a schedule says with other gaps, in another order, and with what goes without saying.
    #[test]
    fn a_schedule_is_known_by_what_it_says_not_by_its_text() {
        let directory = tempfile::tempdir().unwrap();
        let db = schema::open(&Location::new(directory.path().join("guidepost.db"))).unwrap();
        let text = r#"{ "overlap": "skip", "goal": null, "every": 3600000000000 }"#;
        db.execute("INSERT INTO workflow (name) VALUES ('w')", []).unwrap();
        let insert = "INSERT INTO workflow_schedule (workflow_id, name, times, schedule) VALUES (1, 'a', 'every 1h', ?)";
        db.execute(insert, [text]).unwrap();
        let tenant = Tenant::default();
        let only = || list(&db, &tenant, &ScheduleFilter::default()).unwrap().items.remove(0);
        let before = only();
        assert_ne!(serde_json::to_string(&before.schedule).unwrap(), text);
        let paused = Change { due: None, is_paused: true, passed: None, begun: None };
        let moved = move_on(&db, &tenant, &before, &paused).unwrap();
        assert!(moved.is_some() && only().is_paused, "nobody has changed it");
        let other = [r#"{ "every": 7200000000000 }"#];
        db.execute("UPDATE workflow_schedule SET schedule = ?", other).unwrap();
        let moved = move_on(&db, &tenant, &Scheduled { is_paused: true, ..before }, &paused);
        assert_eq!(moved.unwrap(), None, "it says something else");
    }

    /// One row that cannot be read hides no other, and is not handed to who begins runs, however long it has been due.
    #[test]
    fn a_schedule_that_cannot_be_read_is_listed_as_damaged_and_begins_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let db = schema::open(&Location::new(directory.path().join("guidepost.db"))).unwrap();
        db.execute("INSERT INTO workflow (name) VALUES ('w')", []).unwrap();
        let rows = [
            ("a", "'no JSON at all'", 1),
            ("b", r#"'{ "every": "often" }'"#, 2),
            ("c", "x'fffe'", 3),
            ("d", r#"'{ "every": 3600000000000 }'"#, 4),
        ];
        for (name, says, due) in rows {
            let insert = format!(
                "INSERT INTO workflow_schedule (workflow_id, name, times, schedule, due_at) VALUES (1, ?, 'x', {says}, ?)"
            );
            db.execute(&insert, rusqlite::params![name, due]).unwrap();
        }
        let tenant = Tenant::default();
        let all = list(&db, &tenant, &ScheduleFilter::default()).unwrap().items;
        let damaged: Vec<(&str, bool)> =
            all.iter().map(|it| (it.name.as_str(), it.damaged.is_some())).collect();
        assert_eq!(damaged, [("a", true), ("b", true), ("c", true), ("d", false)]);
        let due = ScheduleFilter { due_by: Some(Timestamp(9)), limit: 1, ..Default::default() };
        let due = list(&db, &tenant, &due).unwrap().items;
        assert_eq!(due.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["d"]);
    }
}
