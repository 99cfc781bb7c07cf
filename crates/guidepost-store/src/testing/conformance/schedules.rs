//! Schedules.

use std::sync::Arc;

use guidepost_core::id::RunNo;
use guidepost_core::schedule::{CatchUp, Overlap, Schedule, Times};
use guidepost_core::time::{Span, Timestamp};

use super::Fixture;
use super::fixture::{Step, at, begin, done, found, lead, new_run};
use crate::{
    LastRun, Moved, NewRun, NewSchedule, NewVersion, Passed, RequestDigest, ScheduleChange,
    ScheduleFilter, Scheduled, StoreError,
};

/// A schedule of so many seconds, due first at a second.
fn every(name: &str, seconds: i64, due: i64) -> NewSchedule {
    let schedule = Schedule {
        times: Times::Every { every: Span(seconds * 1_000_000_000) },
        input: serde_json::Map::new(),
        due_as: None,
        goal: None,
        overlap: Overlap::Skip,
        catch_up: CatchUp::All,
    };
    NewSchedule { name: name.to_owned(), schedule, due: Some(at(due)) }
}

async fn define(on: &Fixture, workflow: &str, schedules: Vec<NewSchedule>) {
    let version = NewVersion { name: workflow.to_owned(), schedules, ..lead("h1") };
    done(on.store.define(&on.tenant, version).await);
}

async fn listed(on: &Fixture, filter: ScheduleFilter) -> Vec<Scheduled> {
    done(on.store.schedules(&on.tenant, &filter).await).items
}

async fn only(on: &Fixture) -> Scheduled {
    found(listed(on, ScheduleFilter::default()).await.pop())
}

async fn due(on: &Fixture, by: i64) -> Vec<String> {
    let filter = ScheduleFilter { due_by: Some(at(by)), ..ScheduleFilter::default() };
    listed(on, filter).await.into_iter().map(|it| format!("{}/{}", it.workflow, it.name)).collect()
}

/// On to a second, with nothing else.
fn on_to(seconds: i64) -> ScheduleChange {
    ScheduleChange { due: Some(at(seconds)), is_paused: false, passed: None, begun: None }
}

/// The run that a time begins.
fn begun(due: Timestamp, key: &str) -> Option<(Timestamp, Box<NewRun>, Box<crate::Batch>)> {
    let key = Some((key.to_owned(), RequestDigest::default()));
    let new = NewRun { key, ..new_run("clock") };
    Some((due, Box::new(new), Box::new(begin(at(1), vec![]))))
}

/// They are those of the text that was saved last. One whose times are the same keeps when it is due.
pub async fn schedules_are_kept_with_their_workflow(on: Fixture) {
    define(&on, "lead", vec![every("a", 60, 60), every("b", 60, 60)]).await;
    define(&on, "other", vec![every("a", 60, 60)]).await;
    for schedule in listed(&on, ScheduleFilter::default()).await {
        let change = ScheduleChange { is_paused: true, ..on_to(120) };
        assert!(done(on.store.move_schedule(&on.tenant, &schedule, change).await).is_some());
    }
    let mut same = every("a", 60, 999);
    same.schedule.overlap = Overlap::Queue;
    define(&on, "lead", vec![same, every("c", 60, 180)]).await;
    let of_lead = ScheduleFilter { workflow: Some("lead".to_owned()), ..ScheduleFilter::default() };
    let seen: Vec<_> = listed(&on, of_lead.clone())
        .await
        .into_iter()
        .map(|it| (it.name, it.due, it.is_paused, it.schedule.overlap))
        .collect();
    let kept = ("a".to_owned(), Some(at(120)), true, Overlap::Queue);
    assert_eq!(seen, [kept, ("c".to_owned(), Some(at(180)), false, Overlap::Skip)]);
    define(&on, "lead", vec![every("a", 30, 999)]).await;
    let changed = found(listed(&on, of_lead.clone()).await.pop());
    assert_eq!((changed.due, changed.is_paused), (Some(at(999)), true));
    define(&on, "lead", vec![]).await;
    assert_eq!(listed(&on, of_lead).await, []);
    assert_eq!(listed(&on, ScheduleFilter::default()).await.len(), 1, "that of the other stays");
}

/// By workflow and name, a page at a time; those that are due longest due first, without those that are paused or never due.
pub async fn schedules_are_listed_and_found_when_due(on: Fixture) {
    define(&on, "b", vec![every("z", 60, 20), every("y", 60, 10)]).await;
    define(&on, "a b", vec![every("x", 60, 30)]).await;
    define(&on, "a", vec![every("w", 60, 40)]).await;
    let names = async |filter: ScheduleFilter| {
        let page = done(on.store.schedules(&on.tenant, &filter).await);
        let names: Vec<String> = page.items.into_iter().map(|item| item.name).collect();
        (names.join(" "), page.next)
    };
    let (first, cursor) = names(ScheduleFilter { limit: 2, ..ScheduleFilter::default() }).await;
    let second = ScheduleFilter { limit: 2, cursor, ..ScheduleFilter::default() };
    let all = format!("{first} {}", names(second).await.0);
    assert_eq!(all, "x w y z");
    assert_eq!(due(&on, 9).await, [""; 0]);
    assert_eq!(due(&on, 30).await, ["b/y", "b/z", "a b/x"]);
    let filter = ScheduleFilter { due_by: Some(at(30)), limit: 1, ..ScheduleFilter::default() };
    assert_eq!(names(filter).await.0, "y");
    let all = listed(&on, ScheduleFilter::default()).await;
    let paused = ScheduleChange { is_paused: true, ..on_to(10) };
    done(on.store.move_schedule(&on.tenant, &all[2], paused).await);
    let never = ScheduleChange { due: None, ..on_to(0) };
    done(on.store.move_schedule(&on.tenant, &all[3], never).await);
    assert_eq!(due(&on, 99).await, ["a b/x", "a/w"]);
    let other = on.for_tenant("other");
    assert_eq!(listed(&other, ScheduleFilter::default()).await, []);
    assert_eq!(done(other.store.move_schedule(&other.tenant, &all[0], on_to(1)).await), None);
}

/// What waits for the run before hides nothing that is due, however long it waits.
pub async fn a_schedule_that_waits_for_its_run_is_not_due(on: Fixture) {
    let mut waiting = every("a", 60, 60);
    waiting.schedule.overlap = Overlap::Queue;
    define(&on, "lead", vec![waiting]).await;
    let change = ScheduleChange { begun: begun(at(60), "for 60"), ..on_to(120) };
    let before = only(&on).await;
    let run = found(found(done(on.store.move_schedule(&on.tenant, &before, change).await)).created);
    assert_eq!(due(&on, 999).await, [""; 0]);
    done(on.step(run.run, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(due(&on, 999).await, ["lead/a"]);
}

/// The run, when the next is due and what was passed over become durable together.
pub async fn a_schedule_moves_on_with_the_run_it_begins(on: Fixture) {
    define(&on, "lead", vec![every("a", 60, 60)]).await;
    let why = "nothing ran at that time".to_owned();
    let passed = Passed { at: at(30), why, is_failure: true };
    let change = ScheduleChange {
        passed: Some(passed.clone()),
        begun: begun(at(60), "for 60"),
        ..on_to(120)
    };
    let before = only(&on).await;
    let moved = found(done(on.store.move_schedule(&on.tenant, &before, change).await));
    let run = found(moved.created).run;
    assert_eq!(on.load(run).await.head.agent.as_deref(), Some("clock"));
    let after = only(&on).await;
    let last = |is_live| Some(LastRun { run, due: at(60), is_live });
    assert_eq!((after.due, after.last.clone()), (Some(at(120)), last(true)));
    assert_eq!(after.passed, Some(passed.clone()));
    assert_eq!((after.failure(), passed.is_failure), (None, true), "a run has begun since");
    assert!(after.is_going_on());
    done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
    let ended = only(&on).await;
    assert_eq!((ended.last, ended.passed), (last(false), Some(passed)));
    // A run that cannot be created leaves the schedule as it is.
    let (due, mut new, batch) = found(begun(at(120), "for 120"));
    new.workflow = "nowhere".to_owned();
    let change = ScheduleChange { begun: Some((due, new, batch)), ..on_to(180) };
    let before = only(&on).await;
    let refused = on.store.move_schedule(&on.tenant, &before, change).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(only(&on).await, before);
}

/// However many see that a time has come.
pub async fn of_many_who_move_a_schedule_one_begins_a_run(on: Fixture) {
    define(&on, "lead", vec![every("a", 60, 60)]).await;
    let before = Arc::new(only(&on).await);
    let movers: Vec<_> = (0..8)
        .map(|mover| {
            let (on, before) = (on.clone(), Arc::clone(&before));
            tokio::spawn(async move {
                // Each under a key of its own, so that it is not the key that keeps them apart.
                let begun = begun(at(60), &format!("by {mover}"));
                let change = ScheduleChange { begun, ..on_to(120) };
                done(on.store.move_schedule(&on.tenant, &before, change).await)
            })
        })
        .collect();
    let mut moved = 0;
    for mover in movers {
        moved += match mover.await {
            Ok(Some(Moved { created })) => u64::from(created.is_some_and(|it| it.is_new)),
            Ok(None) => 0,
            Err(error) => panic!("{error}"),
        };
    }
    let runs = done(on.store.runs(&on.tenant, &crate::RunFilter::default()).await).items;
    assert_eq!((moved, runs.len()), (1, 1));
}

/// What it says, when it is due, whether it is paused and which run it began last must be as they were; a time that began a
/// run begins no second one, even if it is due again.
pub async fn a_schedule_moves_only_as_it_was_seen(on: Fixture) {
    define(&on, "lead", vec![every("a", 60, 60)]).await;
    let seen = only(&on).await;
    let mut others = vec![seen.clone(); 5];
    others[0].due = Some(at(61));
    others[1].is_paused = true;
    others[2].schedule.catch_up = CatchUp::None;
    others[3].name = "b".to_owned();
    others[4].last = Some(LastRun { run: RunNo(7), due: at(0), is_live: true });
    for other in others {
        let moved = done(on.store.move_schedule(&on.tenant, &other, on_to(120)).await);
        assert_eq!(moved, None, "{other:?}");
    }
    assert_eq!(only(&on).await, seen);
    let change = || ScheduleChange { begun: begun(at(60), "for 60"), ..on_to(60) };
    let first = found(done(on.store.move_schedule(&on.tenant, &seen, change()).await)).created;
    let seen = only(&on).await;
    let again = found(done(on.store.move_schedule(&on.tenant, &seen, change()).await)).created;
    let (first, again) = (found(first), found(again));
    assert_eq!((first.run, first.is_new, again.is_new), (again.run, true, false));
}
