//! What must be true of every world when the faults have stopped. Each promise has a function, and a name to fail by.

use std::collections::{BTreeMap, BTreeSet};

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, Seq, StateId, Tenant, TimerId, Visit};
use guidepost_core::machine::{Work, WorkKind};
use guidepost_core::record::{Cause, Record, Restoration, Restored, TimerFires};
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::schedule::Overlap;
use guidepost_core::time::Timestamp;
use guidepost_engine::history::is_irreversible;
use guidepost_store::{Entry, EntryBody, Role, Scheduled, Store, TaskId, TurnFilter};
use serde_json::Value as Json;

use crate::store::history;
use crate::workflows::{BEGINNING, known};
use crate::world::World;

/// A checker: what it found to be wrong.
type Check = fn(&World) -> Vec<String>;

/// Every checker, by its name.
pub(crate) const ALL: [(&str, Check); 20] = [
    ("the history folds to the live state", the_history_folds_to_the_live_state),
    ("seqs and revs have no gaps", seqs_and_revs_have_no_gaps),
    ("one result per visit and branch", one_result_per_visit_and_branch),
    ("a thread tells what was taken, once", a_thread_tells_what_was_taken_once),
    ("no result of an old attempt", no_result_of_an_old_attempt),
    ("nothing starts after the end", nothing_starts_after_the_end),
    ("no timer fires early or twice", no_timer_fires_early_or_twice),
    ("each effect counts once", each_effect_counts_once),
    ("a key belongs to one visit", a_key_belongs_to_one_visit),
    ("every run has ended or waits for a named thing", every_run_has_ended_or_waits),
    ("no task is left of an ended run", no_task_is_left_of_an_ended_run),
    ("no more is done at once than there are slots", no_more_than_slots),
    ("nothing starts once a limit is passed", nothing_starts_over_a_limit),
    ("each occurrence begins one run", each_occurrence_begins_one_run),
    ("no more goes on at once than its workflow allows", no_more_than_its_workflow_allows),
    ("all is made good once, last first", what_was_done_is_made_good),
    ("nothing else happens meanwhile", nothing_else_happens_meanwhile),
    ("a runner for one run does the work of no other", no_work_of_others),
    ("who declined is not asked again", who_declined_is_not_asked_again),
    ("what was begun is named", what_was_begun_is_named),
];

/// Those of them that concern runs that launch runs.
pub(crate) const OF_CHILDREN: (&str, Check) =
    ("a parent learns its child's outcome once", a_parent_learns_its_childs_outcome_once);

/// What is wrong with a world, by the name of the checker that found it.
pub(crate) fn problems(world: &World) -> BTreeMap<&'static str, Vec<String>> {
    let all = ALL.iter().chain([&OF_CHILDREN]);
    let found = all.map(|(name, check)| (*name, check(world)));
    found.filter(|(_, problems)| !problems.is_empty()).collect()
}

/// Whether nothing is left to be done in a world.
pub(crate) fn is_settled(world: &World) -> bool {
    every_run_has_ended_or_waits(world).is_empty()
        && going_on_over_a_limit(world).is_empty()
        && no_task_is_left_of_an_ended_run(world).is_empty()
}

/// The records of the kernel, each with the run as it was before.
fn walked(world: &World, run: RunNo) -> Vec<(Run, Entry, Record)> {
    let mut before = Run::default();
    let mut walked = Vec::new();
    for entry in history(&world.store, run) {
        let EntryBody::Record(record) = &entry.body else { continue };
        let record = record.clone();
        let mut after = before.clone();
        // That it folds is for another checker to say.
        let folds = after.apply(&record).is_ok();
        walked.push((before.clone(), entry, record));
        before = if folds { after } else { before };
    }
    walked
}

fn the_history_folds_to_the_live_state(world: &World) -> Vec<String> {
    let verify = |run: RunNo| {
        let found = world.store.ask(world.store.real.verify(&Tenant::default(), run)).problems;
        found.into_iter().map(move |problem| format!("{run} at {}: {}", problem.seq, problem.what))
    };
    world.runs().into_iter().flat_map(verify).collect()
}

/// An agent's step says once what it was told on each visit, and what it gave whenever that was taken.
fn a_thread_tells_what_was_taken_once(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let mut taken: Vec<(StateId, Role)> = Vec::new();
        for (before, _, record) in walked(world, run) {
            let Record::Transitioned(step) = &record else { continue };
            let known = known(&before.workflow);
            let is_agents = |id: &&StateId| {
                let ix = known.machine.find(id.as_str());
                let work = ix.and_then(|ix| known.machine.state(ix).work.as_ref());
                work.is_some_and(|work| work.kind == WorkKind::Agent)
            };
            let answered = step.ended_work.iter().filter(|_| step.cause == Cause::Done);
            taken.extend(answered.filter(is_agents).map(|id| (id.clone(), Role::Assistant)));
            taken.extend(step.entered.iter().filter(is_agents).map(|id| (id.clone(), Role::User)));
        }
        let filter = TurnFilter { limit: 1_000, ..TurnFilter::of(run) };
        let said = world.store.ask(world.store.real.turns(&Tenant::default(), &filter)).items;
        let mut said: Vec<(StateId, Role)> =
            said.into_iter().map(|turn| (turn.state, turn.role)).collect();
        taken.sort();
        said.sort();
        if taken != said {
            problems.push(format!("{run} has {taken:?} on record, and its threads say {said:?}"));
        }
    }
    problems
}

fn seqs_and_revs_have_no_gaps(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let entries = history(&world.store, run);
        let records = entries.iter().filter(|entry| matches!(entry.body, EntryBody::Record(_)));
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq.0).collect();
        let revs: Vec<u64> = records.map(|entry| entry.rev.0).collect();
        for (name, numbers) in [("seqs", seqs), ("revs", revs)] {
            if numbers != (1..=numbers.len() as u64).collect::<Vec<_>>() {
                problems.push(format!("{run} has the {name} {numbers:?}"));
            }
        }
    }
    problems
}

/// The end of a piece of work that a record is.
fn result_of(before: &Run, record: &Record) -> Option<(StateId, Visit, Branch)> {
    match record {
        Record::WorkEnded(ended) => Some((ended.state.clone(), ended.visit, Branch::WHOLE)),
        Record::BranchEnded(ended) => Some((ended.state.clone(), ended.visit, ended.branch)),
        Record::Transitioned(step) => {
            let state = step.ended_work.clone()?;
            let visit = before.active.get(&state)?.visit;
            Some((state, visit, Branch::WHOLE))
        }
        _ => None,
    }
}

fn one_result_per_visit_and_branch(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let (mut results, mut failures) = (BTreeSet::new(), BTreeSet::new());
        for (before, _, record) in walked(world, run) {
            if let Some(result) = result_of(&before, &record)
                && !results.insert(result.clone())
            {
                problems.push(format!("{run} took two results of {result:?}"));
            }
            if let Record::AttemptFailed(failed) = &record {
                let (state, visit) = (failed.state.clone(), failed.visit);
                let attempt = (state, visit, failed.branch, failed.attempt);
                if !failures.insert(attempt.clone()) {
                    problems.push(format!("{run} counted the failure of {attempt:?} twice"));
                }
            }
        }
    }
    problems
}

fn no_result_of_an_old_attempt(world: &World) -> Vec<String> {
    world.store.state().ledger.stale_results.clone()
}

fn nothing_starts_after_the_end(world: &World) -> Vec<String> {
    let mut problems = world.store.state().ledger.late_starts.clone();
    for run in world.runs() {
        // A run that is over may be taken back.
        let after = walked(world, run).into_iter().filter(|(run, _, record)| {
            run.status.is_ended() && !matches!(record, Record::Restored(_))
        });
        problems.extend(after.map(|(_, _, record)| format!("{run}: {record:?} after its end")));
    }
    problems
}

fn nothing_starts_over_a_limit(world: &World) -> Vec<String> {
    let mut problems = world.store.state().ledger.starts_over_limit.clone();
    let going_on = going_on_over_a_limit(world).into_iter();
    problems.extend(going_on.map(|run| format!("{run} goes on, and a limit is passed")));
    problems
}

/// A run that began by itself.
struct Begun {
    run: RunNo,
    /// The time it was due at.
    due: Timestamp,
    /// Where its beginning and its end stand in the order of everything that was recorded.
    order: (usize, usize),
    /// When it ended, by the true clock.
    ended: Timestamp,
}

/// The runs of a schedule, by the time they were due at.
fn begun_by(world: &World, schedule: &Scheduled) -> Vec<Begun> {
    let tenant = Tenant::default();
    let recorded = world.store.ask(world.store.real.changes(&tenant, Some(0), 100_000)).items;
    let mut begun = Vec::new();
    for run in world.runs() {
        let loaded = world.store.run(run).unwrap();
        let by = format!("schedule:{}", schedule.name);
        let is_own = |entry: &Entry| match &entry.body {
            EntryBody::Record(Record::Started(started)) => started.by == by,
            EntryBody::Record(_) | EntryBody::Fact { .. } => false,
        };
        if !history(&world.store, run).first().is_some_and(is_own) {
            continue;
        }
        let due = loaded.run.data.to_json()["day"].as_str().unwrap().parse().unwrap();
        let place = |seq: u64| recorded.iter().position(|it| *it == (run, Seq(seq))).unwrap();
        let at = world.store.state().ledger.committed_at.get(&(run, loaded.run.rev)).copied();
        begun.push(Begun {
            run,
            due,
            order: (place(1), place(loaded.head.seq.0)),
            ended: at.unwrap_or(Timestamp(0)),
        });
    }
    begun.sort_by_key(|run| run.due);
    begun
}

/// However many runners see that a time has come, and whatever becomes of them. All schedules here make good every time
/// that is past; only while the run before goes on may one be passed over, and only where the schedule says so.
fn each_occurrence_begins_one_run(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for schedule in &world.schedules {
        let (name, overlap) = (&schedule.name, schedule.schedule.overlap);
        let begun = begun_by(world, schedule);
        let mut before: Option<&Begun> = None;
        let times = schedule.schedule.times.upcoming(BEGINNING, 1_000).into_iter();
        for time in times.take_while(|time| schedule.due.is_some_and(|due| *time < due)) {
            let own: Vec<&Begun> = begun.iter().filter(|run| run.due == time).collect();
            match own[..] {
                [run] => {
                    let waited = before.is_none_or(|before| before.order.1 < run.order.0);
                    if overlap != Overlap::Allow && !waited {
                        problems.push(format!("`{name}`: {} began before the last ended", run.run));
                    }
                    before = Some(run);
                }
                [] => {
                    let goes_on =
                        before.is_some_and(|before| before.ended.after(world.skew_max()) >= time);
                    if overlap != Overlap::Skip || !goes_on {
                        problems.push(format!("`{name}`: nothing began at {time}"));
                    }
                }
                _ => problems.push(format!("`{name}`: {} runs began at {time}", own.len())),
            }
        }
        let early = begun.iter().filter(|run| schedule.due.is_some_and(|due| run.due >= due));
        problems.extend(early.map(|run| format!("`{name}`: {} is not due yet", run.run)));
    }
    problems
}

fn no_more_than_its_workflow_allows(world: &World) -> Vec<String> {
    world.store.state().ledger.over_bounds.clone()
}

/// Runs that were not paused yet although a limit is passed.
fn going_on_over_a_limit(world: &World) -> Vec<RunNo> {
    let goes_on = |run: &RunNo| {
        world
            .store
            .run(*run)
            .is_some_and(|loaded| matches!(loaded.run.status, Status::Running | Status::Waiting))
    };
    let runs = world.runs().into_iter();
    runs.filter(|run| goes_on(run) && world.store.is_over_limit(*run)).collect()
}

/// The pieces of work that ended well and were not made good, in that order, each with the rev of its end.
type Done = Vec<(StateId, Visit, Branch, Rev)>;

/// Each decision to make good names all that was done since the place it goes to, and what was left of the decision before,
/// the last first; each piece is made good once, and had its effect.
fn what_was_done_is_made_good(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let mut done: Done = Vec::new();
        let mut back_to = Rev(0);
        for (before, entry, record) in walked(world, run) {
            if let Some((state, visit, branch)) = good_result(&before, &record)
                && work_of(&before, &state).is_some_and(|work| work.compensate.is_some())
            {
                done.push((state, visit, branch, entry.rev));
            }
            match &record {
                Record::Restored(Restored { why: Restoration::RolledBack { rev }, .. }) => {
                    back_to = *rev;
                    // What makes good stands in the next record, or nothing is to be.
                    let left = to_make_good(&done, back_to, &before);
                    let is_next = next_is_compensating(world, run, entry.rev);
                    if !left.is_empty() && !is_next {
                        problems.push(format!("{run} went back to {back_to} past {left:?}"));
                    }
                }
                Record::Compensating(compensating) => {
                    let to = if compensating.cancels { Rev(0) } else { back_to };
                    let before = if compensating.cancels {
                        before
                    } else {
                        just_before(world, run, entry.rev)
                    };
                    let expected = to_make_good(&done, to, &before);
                    let asked: Vec<_> = compensating
                        .work
                        .iter()
                        .map(|work| (work.state.clone(), work.visit, work.branch))
                        .collect();
                    if asked != expected {
                        let rev = entry.rev;
                        problems.push(format!("{run} at {rev}: {asked:?} instead of {expected:?}"));
                    }
                }
                Record::Compensated(made_good) if made_good.ok => {
                    let piece = (made_good.state.clone(), made_good.visit, made_good.branch);
                    let count = done.len();
                    done.retain(|(state, visit, branch, _)| {
                        (state, visit, branch) != (&piece.0, &piece.1, &piece.2)
                    });
                    if done.len() + 1 != count {
                        problems.push(format!("{run} made {piece:?} good, which was not to be"));
                    }
                    let (state, visit, branch) = piece;
                    let purpose = Purpose::Compensation(Rev(0));
                    let task = TaskId { run, state, visit, branch, purpose };
                    if !world.outside.counted.contains_key(&task) {
                        problems.push(format!("{task} is on record, and never did anything"));
                    }
                }
                _ => {}
            }
        }
    }
    problems
}

/// What is to be made good by a decision to go back to a rev, of a run as it was before.
fn to_make_good(done: &Done, to: Rev, before: &Run) -> Vec<(StateId, Visit, Branch)> {
    let left = before.undoing.iter().filter(|undoing| undoing.rev <= to.next());
    let left: Vec<_> = left.flat_map(|undoing| undoing.left()).collect();
    let is_left = |(state, visit, branch, _): &&(StateId, Visit, Branch, Rev)| {
        left.iter().any(|work| (&work.state, &work.visit, &work.branch) == (state, visit, branch))
    };
    let wanted = done.iter().rev().filter(|piece| piece.3 > to || is_left(piece));
    wanted.map(|(state, visit, branch, _)| (state.clone(), *visit, *branch)).collect()
}

fn next_is_compensating(world: &World, run: RunNo, rev: Rev) -> bool {
    let next = walked(world, run).into_iter().find(|(_, entry, _)| entry.rev == rev.next());
    next.is_some_and(|(_, _, record)| matches!(record, Record::Compensating(_)))
}

/// The run as it was before the record that led to this one.
fn just_before(world: &World, run: RunNo, rev: Rev) -> Run {
    let found = walked(world, run).into_iter().find(|(_, entry, _)| entry.rev.next() == rev);
    found.map_or_else(Run::default, |(before, ..)| before)
}

/// Going back names whatever happened in the world outside after the place it goes to and lasts: by what handlers did, not by
/// what the history says of it.
fn what_was_begun_is_named(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let walked = walked(world, run);
        let mut made_good = BTreeSet::new();
        for (before, entry, record) in &walked {
            if let Record::Compensated(done) = record
                && done.ok
            {
                made_good.insert((done.state.clone(), done.visit, done.branch));
            }
            let Record::Restored(restored) = record else { continue };
            let Restoration::RolledBack { rev } = restored.why else { continue };
            let Some((past, ..)) = walked.iter().find(|(past, ..)| past.rev == rev) else {
                continue;
            };
            let named: BTreeSet<_> = restored
                .lasting
                .iter()
                .map(|one| (one.state.clone(), one.visit, one.branch))
                .collect();
            for task in world.outside.counted.keys().filter(|task| task.run == run) {
                let piece = (task.state.clone(), task.visit, task.branch);
                let lasts = task.purpose == Purpose::Work
                    && work_of(before, &task.state).is_some_and(is_irreversible);
                let entered = before.visits.get(&task.state).map(|visits| visits.count);
                let had_begun = entered >= Some(task.visit);
                if lasts
                    && had_begun
                    && is_ahead(past, task)
                    && !made_good.contains(&piece)
                    && !named.contains(&piece)
                {
                    problems.push(format!("{} goes back to {rev} past {task}, unnamed", entry.rev));
                }
            }
        }
    }
    problems
}

/// Whether a piece of work had not ended, or not even begun, in a run as it was.
fn is_ahead(past: &Run, task: &TaskId) -> bool {
    let entered = past.visits.get(&task.state).map(|visits| visits.count);
    let at_work = past.active.get(&task.state).filter(|active| active.visit == task.visit);
    let is_open = at_work.is_some_and(|active| {
        let is_later = active.fan.as_ref().is_some_and(|fan| task.branch.0 > fan.begun);
        let is_unsplit = active.fan.is_none() && !active.work_ended;
        is_later || is_unsplit || active.failures_of(task.branch).is_some()
    });
    entered < Some(task.visit) || is_open
}

/// Until all is made good, a history tells of that and of people's decisions, and of nothing else.
fn nothing_else_happens_meanwhile(world: &World) -> Vec<String> {
    let mut problems = world.store.state().ledger.starts_meanwhile.clone();
    for run in world.runs() {
        for (before, entry, record) in walked(world, run) {
            let is_about_it = matches!(
                record,
                Record::Compensated(_)
                    | Record::Compensating(_)
                    | Record::Restored(_)
                    | Record::Paused(_)
                    | Record::Resumed(_)
                    | Record::Cancelled(_)
            );
            if before.undoing.is_some() && !is_about_it {
                problems.push(format!("{run} at {}: {} meanwhile", entry.rev, record.kind()));
            }
        }
    }
    problems
}

/// The timer whose end a record is, and when it was due. `Err` if none of the sort was pending.
fn fired(before: &Run, record: &Record) -> Option<Result<(TimerId, Timestamp), String>> {
    let pending = |is_it: &dyn Fn(&TimerId, &TimerFires) -> bool| {
        let timers = before.timers.iter().filter(|(id, timer)| is_it(id, &timer.fires));
        let first = timers.min_by_key(|(_, timer)| timer.due);
        first.map(|(id, timer)| (id.clone(), timer.due))
    };
    let found = match record {
        Record::TimerFired(fired) => pending(&|id, _| *id == fired.timer),
        Record::Transitioned(step) if step.cause == Cause::After => pending(
            &|_, fires| matches!(fires, TimerFires::After { state, .. } if *state == step.from),
        ),
        Record::Transitioned(step) if step.cause == Cause::Done => {
            let state = step.ended_work.as_ref()?;
            if work_of(before, state)?.kind != WorkKind::Wait {
                return None;
            }
            pending(&|_, fires| matches!(fires, TimerFires::WorkDone { state: it } if it == state))
        }
        _ => return None,
    };
    Some(found.ok_or_else(|| format!("{record:?} without a timer")))
}

fn no_timer_fires_early_or_twice(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let mut ended: BTreeSet<(TimerId, Timestamp)> = BTreeSet::new();
        for (before, entry, record) in walked(world, run) {
            let (timer, due) = match fired(&before, &record) {
                None => continue,
                Some(Ok(fired)) => fired,
                Some(Err(problem)) => {
                    problems.push(format!("{run}: {problem}"));
                    continue;
                }
            };
            if !ended.insert((timer.clone(), due)) {
                problems.push(format!("{run}: `{timer}` fired twice"));
            }
            if entry.recorded_at < due {
                problems.push(format!("{run}: `{timer}` fired early by its runner's clock"));
            }
            let at = world.store.state().ledger.committed_at.get(&(run, entry.rev)).copied();
            if at.is_some_and(|at| at.after(world.skew_max()) < due) {
                problems.push(format!("{run}: `{timer}` fired early by the true clock"));
            }
        }
    }
    problems
}

/// A history in which every timer's end is told twice.
pub(crate) fn repeat_timers(entries: &mut Vec<Entry>) {
    let is_timed = |entry: &Entry| match &entry.body {
        EntryBody::Record(Record::Transitioned(step)) => step.cause == Cause::After,
        EntryBody::Record(record) => matches!(record, Record::TimerFired(_)),
        EntryBody::Fact { .. } => false,
    };
    let doubled = |entry: Entry| {
        let again = is_timed(&entry).then(|| entry.clone());
        std::iter::once(entry).chain(again)
    };
    *entries = std::mem::take(entries).into_iter().flat_map(doubled).collect();
}

fn each_effect_counts_once(world: &World) -> Vec<String> {
    let counted = &world.outside.counted;
    let twice = counted.iter().filter(|(_, count)| **count != 1);
    let mut problems: Vec<String> =
        twice.map(|(task, count)| format!("{task} counted {count} times")).collect();
    for run in world.runs() {
        for (before, _, record) in walked(world, run) {
            let Some((state, visit, branch)) = good_result(&before, &record) else { continue };
            let task = TaskId { run, state, visit, branch, purpose: Purpose::Work };
            if !counted.contains_key(&task) {
                problems.push(format!("{task} ended well, and never did anything"));
            }
        }
    }
    problems
}

/// The work of a state of a run.
fn work_of(run: &Run, state: &StateId) -> Option<&'static Work> {
    let machine = &crate::workflows::known(&run.workflow).machine;
    machine.state(machine.find(state.as_str())?).work.as_deref()
}

/// A good end of a piece of work that somebody outside did.
fn good_result(before: &Run, record: &Record) -> Option<(StateId, Visit, Branch)> {
    let is_good = match record {
        Record::WorkEnded(ended) => ended.ok,
        Record::BranchEnded(ended) => ended.ok,
        Record::Transitioned(step) => step.cause == Cause::Done,
        _ => false,
    };
    let result = result_of(before, record).filter(|_| is_good)?;
    // Waits and launches do nothing outside, and the end of a fan-out is that of its branches.
    let work = work_of(before, &result.0)?;
    let is_whole_fan = work.spec.get("for_each").is_some() && result.2.is_whole();
    let machine = &crate::workflows::known(&before.workflow).machine;
    let queue = guidepost_engine::plan::queue_of(machine, work);
    (queue.starts_with("task:") && !is_whole_fan).then_some(result)
}

fn a_key_belongs_to_one_visit(world: &World) -> Vec<String> {
    let shared = world.outside.task_of.iter().filter(|(_, tasks)| tasks.len() > 1);
    shared.map(|(key, tasks)| format!("the key {key} is of {tasks:?}")).collect()
}

fn every_run_has_ended_or_waits(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    for run in world.runs() {
        let Some(loaded) = world.store.run(run) else { continue };
        let status = loaded.run.status;
        let is_held = status == Status::Paused
            && loaded.run.paused.as_ref().is_some_and(|(reason, _)| {
                matches!(reason, PauseReason::Quarantined | PauseReason::OverLimit)
            });
        if !status.is_ended() && !is_held && !waits_below(world, run) {
            let states: Vec<String> = loaded.run.active.keys().map(ToString::to_string).collect();
            let tasks: Vec<_> = world.tasks().into_iter().filter(|it| it.id.run == run).collect();
            problems.push(format!(
                "{run} of {} is {status} in {states:?}, with {tasks:#?}",
                loaded.run.workflow
            ));
        }
    }
    problems
}

/// Whether a run waits for one that it launched and that is held.
pub(crate) fn waits_below(world: &World, run: RunNo) -> bool {
    world.tasks().iter().filter(|task| task.id.run == run).any(|task| {
        task.child.and_then(|child| world.store.run(child)).is_some_and(|child| {
            child.run.status == Status::Paused || waits_below(world, child.head.no)
        })
    })
}

fn no_task_is_left_of_an_ended_run(world: &World) -> Vec<String> {
    let tasks = world.tasks().into_iter().filter(|task| {
        world.store.run(task.id.run).is_none_or(|loaded| loaded.run.status.is_ended())
    });
    tasks.map(|task| format!("{} in `{}` is left", task.id, task.queue)).collect()
}

fn no_more_than_slots(world: &World) -> Vec<String> {
    world.crowded.clone()
}

fn no_work_of_others(world: &World) -> Vec<String> {
    world.strayed.clone()
}

fn who_declined_is_not_asked_again(world: &World) -> Vec<String> {
    world.store.state().ledger.insisted.clone()
}

fn a_parent_learns_its_childs_outcome_once(world: &World) -> Vec<String> {
    let mut problems = Vec::new();
    let mut children: BTreeMap<RunNo, Vec<RunNo>> = BTreeMap::new();
    for run in world.runs() {
        let Some(loaded) = world.store.run(run) else { continue };
        let Some(parent) = loaded.head.parent else { continue };
        children.entry(parent).or_default().push(run);
        let is_parent_over =
            world.store.run(parent).is_some_and(|parent| parent.run.status.is_ended());
        if is_parent_over && !loaded.run.status.is_ended() {
            problems.push(format!("{run} goes on after {parent}, which launched it"));
        }
    }
    for (parent, children) in children {
        let launches = world.store.state().ledger.launches.get(&parent).map_or(0, BTreeSet::len);
        if children.len() > launches {
            problems.push(format!("{parent} launched {children:?} in {launches} launches"));
        }
        for (_, _, record) in walked(world, parent) {
            problems.extend(learned(world, &children, &record).err());
        }
    }
    problems
}

/// A result of a launch must be what one of the children gave.
fn learned(world: &World, children: &[RunNo], record: &Record) -> Result<(), String> {
    let Record::Transitioned(step) = record else { return Ok(()) };
    if step.cause != Cause::Done || step.from.as_str() != "One" {
        return Ok(());
    }
    let given = |run: &RunNo| {
        let child = world.store.run(*run)?.run;
        let twice = child.output.get("twice").cloned()?;
        (child.status == Status::Completed).then_some(twice)
    };
    let told: Vec<Json> = children.iter().filter_map(given).collect();
    let learned = step.changes.iter().any(|change| {
        let text = serde_json::to_string(change).unwrap();
        told.iter().any(|value| text.contains(&value.to_string()))
    });
    if learned {
        Ok(())
    } else {
        Err(format!("`One` ended well with {:?}, not with {told:?}", step.changes))
    }
}
