//! Tasks: filed, claimed, held, lost, ended.

use std::sync::Arc;

use guidepost_core::id::{Branch, Purpose, Rev, RunNo, StateId, Tenant, Visit};
use guidepost_core::machine::WorkKind;
use guidepost_core::time::{Span, Timestamp};

use super::Fixture;
use super::fixture::{Step, at, begin, done, new_run};
use crate::{
    CANCEL_QUEUE, Claim, Claimed, Lease, NEVER, NewRun, NewTask, RequestDigest, StoreError, Task,
    TaskChange, TaskChanges, TaskFilter, TaskId,
};

pub(super) fn score(branch: u32) -> NewTask {
    NewTask {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: Branch(branch),
        purpose: Purpose::Work,
        kind: WorkKind::Task,
        queue: "task:score".to_owned(),
        ready_at: at(10),
        timeout: None,
        lease: None,
        bound: None,
    }
}

pub(super) fn files(tasks: impl IntoIterator<Item = NewTask>) -> TaskChanges {
    TaskChanges { fence: None, changes: tasks.into_iter().map(TaskChange::File).collect() }
}

/// A claim of ten tasks at most.
fn wish(owner: &str, now: Timestamp, queues: &[&str]) -> Claim {
    Claim {
        owner: owner.to_owned(),
        now,
        until: now.after(Span(30_000_000_000)),
        limit: 10,
        queues: queues.iter().map(|queue| (*queue).to_owned()).collect(),
        root: None,
        except: Arc::default(),
    }
}

fn id(run: RunNo, branch: u32) -> TaskId {
    TaskId {
        run,
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: Branch(branch),
        purpose: Purpose::Work,
    }
}

impl Fixture {
    /// A run whose step to `Score` files these tasks.
    async fn with_tasks(&self, tasks: impl IntoIterator<Item = NewTask>) -> RunNo {
        let run = self.define_and_start().await;
        self.step_with(run, "Score", files(tasks)).await;
        run
    }

    pub(super) async fn step_with(&self, run: RunNo, to: &'static str, tasks: TaskChanges) {
        done(self.try_step_with(run, to, tasks).await);
    }

    pub(super) async fn try_step_with(
        &self,
        run: RunNo,
        to: &'static str,
        tasks: TaskChanges,
    ) -> Result<crate::Committed, StoreError> {
        let loaded = self.load(run).await;
        let expected = loaded.run.rev;
        let batch = crate::Batch { tasks, ..Step::to(to).batch(loaded.run) };
        self.store.commit(&self.tenant, run, expected, batch).await
    }

    pub(super) async fn claim(&self, owner: &str, now: Timestamp) -> Vec<Claimed> {
        self.claim_from(owner, now, &["task:score"]).await
    }

    pub(super) async fn claim_from(
        &self,
        owner: &str,
        now: Timestamp,
        queues: &[&str],
    ) -> Vec<Claimed> {
        done(self.store.claim(&self.tenant, &wish(owner, now, queues)).await)
    }

    pub(super) async fn tasks(&self) -> Vec<Task> {
        done(self.store.tasks(&self.tenant, &TaskFilter::default()).await).items
    }
}

/// A task is filed with the step that begins its work, and claimed by one.
pub async fn a_task_is_claimed_once_and_not_before_its_time(on: Fixture) {
    let run = on.with_tasks([score(2), score(1)]).await;
    assert_eq!(on.claim("early", at(9)).await, []);
    let claimed = on.claim("a", at(10)).await;
    let mut ids: Vec<TaskId> = claimed.iter().map(|claimed| claimed.task.id.clone()).collect();
    ids.sort();
    assert_eq!(ids, [id(run, 1), id(run, 2)]);
    for Claimed { task, timed_out } in &claimed {
        assert_eq!(
            (task.attempt, task.lost, task.owner.as_deref(), *timed_out),
            (1, 0, Some("a"), false)
        );
        assert_eq!(task.ready_at, at(40));
    }
    assert_eq!(on.claim("b", at(11)).await, []);
    assert_eq!(on.claim_from("b", at(99), &["task:other"]).await, []);
}

/// What is filed with a lease is in its holder's hands without being claimed.
pub async fn a_task_filed_with_a_lease_is_held_from_the_start(on: Fixture) {
    let lease = Lease { owner: "a".to_owned(), until: at(40) };
    on.with_tasks([NewTask { lease: Some(lease), ..score(0) }]).await;
    let tasks = on.tasks().await;
    assert_eq!((tasks[0].attempt, tasks[0].owner.as_deref()), (1, Some("a")));
    assert_eq!(on.claim("b", at(39)).await, []);
    assert_eq!(on.claim("b", at(40)).await.len(), 1);
}

/// Whoever commits may claim in the same breath: what it ends is gone by then, and what it files is there. If nothing is
/// committed, nothing is claimed.
pub async fn a_commit_claims_what_comes_next(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let first = on.claim("a", at(10)).await.remove(0).task;
    let next = NewTask { visit: Visit(2), ..score(0) };
    let tasks = TaskChanges {
        fence: Some(first.held()),
        changes: vec![
            TaskChange::End {
                state: first.id.state.clone(),
                visit: Visit(1),
                branch: None,
                purpose: Purpose::Work,
            },
            TaskChange::File(next),
        ],
    };
    let loaded = on.load(run).await;
    let expected = loaded.run.rev;
    let claim = Some(wish("a", at(50), &["task:score"]));
    let batch = crate::Batch { tasks, claim, ..Step::to("Ingest").batch(loaded.run) };
    let on = &on;
    let commit = |at: Rev, batch| async move { on.store.commit(&on.tenant, run, at, batch).await };
    let late = commit(Rev(expected.0 + 1), batch.clone()).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    let held = on.tasks().await;
    assert_eq!((held.len(), &held[0]), (1, &first), "nothing is claimed");
    let claimed = done(commit(expected, batch).await).claimed;
    let ids: Vec<(&TaskId, u32)> =
        claimed.iter().map(|claimed| (&claimed.task.id, claimed.task.attempt)).collect();
    assert_eq!(ids, [(&TaskId { visit: Visit(2), ..id(run, 0) }, 1)]);
    assert_eq!(on.tasks().await, [claimed[0].task.clone()]);
    assert_eq!(on.claim("b", at(79)).await, [], "it is held");
}

/// A lease that ran out counts as lost, and a result counts only for the present attempt.
pub async fn of_two_attempts_only_the_present_one_counts(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let first = on.claim("a", at(10)).await.remove(0).task;
    let second = on.claim("b", at(40)).await.remove(0).task;
    assert_eq!((second.attempt, second.lost, second.owner.as_deref()), (2, 1, Some("b")));
    let takes = |task: &Task| TaskChanges {
        fence: Some(task.held()),
        changes: vec![TaskChange::End {
            state: task.id.state.clone(),
            visit: Visit(1),
            branch: None,
            purpose: Purpose::Work,
        }],
    };
    let before = on.load(run).await.run.rev;
    match on.try_step_with(run, "Ingest", takes(&first)).await {
        Err(StoreError::LeaseLost { task }) => assert_eq!(task, id(run, 0)),
        other => panic!("{other:?}"),
    }
    assert_eq!(on.load(run).await.run.rev, before);
    on.step_with(run, "Ingest", takes(&second)).await;
    assert_eq!(on.tasks().await, []);
}

/// A lease is extended by its holder only, and never beyond the deadline.
pub async fn a_lease_is_extended_up_to_the_deadline(on: Fixture) {
    on.with_tasks([NewTask { timeout: Some(Span(60_000_000_000)), ..score(0) }]).await;
    let task = on.claim("a", at(10)).await.remove(0).task;
    assert_eq!((task.ready_at, task.deadline), (at(40), Some(at(70))));
    let extend = |owner: &'static str, until| {
        let (on, held) = (on.clone(), vec![task.held()]);
        async move { done(on.store.extend(&on.tenant, owner, &held, until).await) }
    };
    assert_eq!(extend("a", at(60)).await, []);
    assert_eq!(on.tasks().await[0].ready_at, at(60));
    assert_eq!(extend("b", at(65)).await, [task.held()]);
    assert_eq!(extend("a", at(90)).await, []);
    assert_eq!(on.tasks().await[0].ready_at, at(70));
}

/// An attempt that took too long is handed out to be told so, also from a queue the claimer does not serve.
pub async fn an_attempt_past_its_deadline_is_told(on: Fixture) {
    on.with_tasks([NewTask { timeout: Some(Span(60_000_000_000)), ..score(0) }]).await;
    let task = on.claim("a", at(10)).await.remove(0).task;
    let late = on.claim_from("b", at(70), &[]).await.remove(0);
    assert!(late.timed_out);
    assert_eq!((late.task.attempt, late.task.owner.as_deref()), (task.attempt, Some("b")));
    assert_eq!(on.claim_from("c", at(71), &[]).await, []);
}

/// Giving a task back is not losing it.
pub async fn a_released_task_is_ready_at_once(on: Fixture) {
    on.with_tasks([score(0)]).await;
    let task = on.claim("a", at(10)).await.remove(0).task;
    done(on.store.release(&on.tenant, "b", &[task.held()], at(11)).await);
    assert_eq!(on.claim("b", at(11)).await, []);
    done(on.store.release(&on.tenant, "a", &[task.held()], at(11)).await);
    let again = on.claim("b", at(11)).await.remove(0).task;
    assert_eq!((again.attempt, again.lost), (2, 0));
}

/// What was claimed and not begun is as it was, for others and, if it says so, not for whoever declined it.
pub async fn a_declined_task_is_as_if_it_had_not_been_claimed(on: Fixture) {
    let timed = NewTask { timeout: Some(Span(50_000_000_000)), ..score(1) };
    let run = on.with_tasks([timed, score(2)]).await;
    let claimed = on.claim("a", at(10)).await;
    let first = claimed.iter().find(|claimed| claimed.task.id == id(run, 1)).map(|it| &it.task);
    let declined = first.unwrap_or_else(|| panic!("{claimed:?}")).held();
    done(on.store.decline(&on.tenant, "b", std::slice::from_ref(&declined), at(11)).await);
    let owner = |tasks: &[Task]| tasks[0].owner.clone();
    assert_eq!(owner(&on.tasks().await).as_deref(), Some("a"), "it is not `b`'s to decline");
    for _ in 0..2 {
        done(on.store.decline(&on.tenant, "a", std::slice::from_ref(&declined), at(11)).await);
        let task = on.tasks().await.remove(0);
        assert_eq!(
            (task.owner, task.attempt, task.lost),
            (None, 0, 0),
            "once is as often as twice"
        );
        assert_eq!((task.ready_at, task.deadline), (at(11), None));
    }
    let claim = |owner: &str, except: &[TaskId]| Claim {
        owner: owner.to_owned(),
        now: at(12),
        until: at(40),
        limit: 10,
        queues: vec!["task:score".to_owned()],
        root: None,
        except: Arc::new(except.iter().cloned().collect()),
    };
    let without = claim("a", &[id(run, 1)]);
    assert_eq!(done(on.store.claim(&on.tenant, &without).await), []);
    let others = done(on.store.claim(&on.tenant, &claim("b", &[id(run, 2)])).await);
    let others: Vec<_> = others.into_iter().map(|it| (it.task.id, it.task.attempt)).collect();
    assert_eq!(others, [(id(run, 1), 1)]);
    done(on.store.decline(&on.tenant, "a", &[declined], at(13)).await);
    assert_eq!(owner(&on.tasks().await).as_deref(), Some("b"), "it is not `a`'s any more");
}

/// A failed attempt is tried again at its time, by anybody.
pub async fn a_retried_task_is_ready_at_its_time(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    on.claim("a", at(10)).await;
    let changes = vec![TaskChange::Retry {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: Branch::WHOLE,
        purpose: Purpose::Work,
        at: at(50),
    }];
    on.step_with(run, "Ingest", TaskChanges { fence: None, changes }).await;
    assert_eq!(on.claim("b", at(49)).await, []);
    let again = on.claim("b", at(50)).await.remove(0).task;
    assert_eq!((again.attempt, again.lost), (2, 0));
}

/// An attempt that failed, or was given back, is nobody's: a second result of it does not count.
pub async fn an_attempt_gives_one_result(on: Fixture) {
    let run = on.with_tasks([score(1), score(2)]).await;
    let claimed = on.claim("a", at(10)).await;
    let fails = |branch: u32| TaskChanges {
        fence: Some(claimed[branch as usize - 1].task.held()),
        changes: vec![TaskChange::Retry {
            state: StateId::from("Score"),
            visit: Visit(1),
            branch: Branch(branch),
            purpose: Purpose::Work,
            at: at(50),
        }],
    };
    on.step_with(run, "Ingest", fails(1)).await;
    match on.try_step_with(run, "Score", fails(1)).await {
        Err(StoreError::LeaseLost { task }) => assert_eq!(task, id(run, 1)),
        other => panic!("{other:?}"),
    }
    done(on.store.release(&on.tenant, "a", &[claimed[1].task.held()], at(11)).await);
    match on.try_step_with(run, "Score", fails(2)).await {
        Err(StoreError::LeaseLost { task }) => assert_eq!(task, id(run, 2)),
        other => panic!("{other:?}"),
    }
}

/// What was lost before a person looked does not count any more.
pub async fn losses_are_forgiven(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    on.claim("a", at(10)).await;
    assert_eq!(on.claim("b", at(40)).await[0].task.lost, 1);
    on.step_with(run, "Ingest", TaskChanges { fence: None, changes: vec![TaskChange::Forgive] })
        .await;
    assert_eq!(on.tasks().await[0].lost, 0);
}

/// A task that makes work good is another than that of the work, also at the same attempt.
pub async fn an_answer_to_work_is_none_to_what_makes_it_good(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let work = on.claim("a", at(10)).await.remove(0).task;
    let undo = NewTask { purpose: Purpose::Compensation(Rev(3)), ..score(0) };
    let ends = |purpose: Purpose| TaskChange::End {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: None,
        purpose,
    };
    let goes_back = vec![ends(Purpose::Work), TaskChange::File(undo)];
    on.step_with(run, "Ingest", TaskChanges { fence: None, changes: goes_back }).await;
    let making_good = on.claim("b", at(11)).await.remove(0).task;
    assert_eq!((making_good.attempt, work.attempt), (1, 1));
    assert_ne!(making_good.id, work.id);
    let once_more = NewTask { purpose: Purpose::Compensation(Rev(9)), ..score(0) };
    on.step_with(run, "Score", files([once_more])).await;
    let ended = TaskChanges { fence: None, changes: vec![ends(Purpose::Compensation(Rev(9)))] };
    on.step_with(run, "Ingest", ended).await;
    let late = TaskChanges { fence: Some(work.held()), changes: vec![ends(Purpose::Work)] };
    match on.try_step_with(run, "Score", late).await {
        Err(StoreError::LeaseLost { task }) => assert_eq!(task, work.id),
        other => panic!("{other:?}"),
    }
    let lost = on.store.extend(&on.tenant, "b", &[work.held()], at(90)).await;
    assert_eq!(done(lost), [work.held()]);
    done(on.store.release(&on.tenant, "b", &[work.held()], at(12)).await);
    assert_eq!(on.tasks().await, std::slice::from_ref(&making_good));
    let page = TaskFilter { cursor: Some(work.id.to_string()), ..TaskFilter::default() };
    let next = done(on.store.tasks(&on.tenant, &page).await).items;
    assert_eq!(next, std::slice::from_ref(&making_good));
    let ended = vec![ends(Purpose::Compensation(Rev(3)))];
    let ends = TaskChanges { fence: Some(making_good.held()), changes: ended };
    on.step_with(run, "Score", ends).await;
    assert_eq!(on.tasks().await, []);
}

/// All work of a run ends with it.
pub async fn tasks_end_with_their_run(on: Fixture) {
    let run = on.with_tasks([score(1), score(2)]).await;
    done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
    assert_eq!(on.tasks().await, []);
    assert_eq!(on.claim("a", at(99)).await, []);
}

/// A task that launched a run waits for its end, and hears of it also if it came first.
pub async fn a_parked_task_is_ready_when_the_run_it_launched_ends(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let task = on.claim("a", at(10)).await.remove(0).task;
    let launch = NewRun { parent: Some(run), ..new_run("child") };
    let child = done(on.store.create(&on.tenant, launch, begin(at(11), vec![])).await).run;
    done(on.store.park(&on.tenant, &task.held(), child, at(12)).await);
    let parked = on.tasks().await.remove(0);
    assert_eq!((parked.child, parked.ready_at, parked.owner), (Some(child), NEVER, None));
    assert_eq!(on.claim("a", at(1_000_000)).await, []);
    on.step_with(child, "Score", TaskChanges::default()).await;
    done(on.step(child, Step { ends: true, ..Step::to("Done") }).await);
    let again = on.claim("a", at(1_000_000)).await.remove(0).task;
    assert_eq!((again.attempt, again.child), (2, Some(child)));
    done(on.store.park(&on.tenant, &again.held(), child, at(20)).await);
    assert_eq!(on.tasks().await[0].ready_at, at(20), "it ended before");
    match on.store.park(&on.tenant, &task.held(), child, at(20)).await {
        Err(StoreError::LeaseLost { .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// A run is launched only by a task that is still held, and the task waits for it from the same moment on.
pub async fn a_run_is_launched_by_a_task_that_is_held(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let first = on.claim("a", at(10)).await.remove(0).task;
    let second = on.claim("b", at(40)).await.remove(0).task;
    let launch = |task: &Task| {
        let key = Some(("launch".to_owned(), RequestDigest::default()));
        let launched_by = Some(task.held());
        NewRun { parent: Some(run), launched_by, key, ..new_run("child") }
    };
    let create = |new| on.store.create(&on.tenant, new, begin(at(41), vec![]));
    match create(launch(&first)).await {
        Err(StoreError::LeaseLost { .. }) => {}
        other => panic!("{other:?}"),
    }
    let child = done(create(launch(&second)).await).run;
    assert_eq!(child.0, run.0 + 1, "nothing was created before");
    let parked = on.tasks().await.remove(0);
    assert_eq!((parked.child, parked.ready_at, parked.owner), (Some(child), NEVER, None));
    // Whoever waits already launches nothing.
    match create(launch(&second)).await {
        Err(StoreError::LeaseLost { .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// Runs launched by a run that ended are left to be cancelled; so is the one a step launched that was left.
pub async fn what_was_launched_in_vain_is_left_to_be_cancelled(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let task = on.claim("a", at(10)).await.remove(0).task;
    let launch = NewRun { parent: Some(run), ..new_run("child") };
    let child = done(on.store.create(&on.tenant, launch, begin(at(11), vec![])).await).run;
    done(on.store.park(&on.tenant, &task.held(), child, at(12)).await);
    let ends = TaskChange::End {
        state: StateId::from("Score"),
        visit: Visit(1),
        branch: None,
        purpose: Purpose::Work,
    };
    on.step_with(run, "Ingest", TaskChanges { fence: None, changes: vec![ends] }).await;
    let left = on.claim_from("a", at(1_000_000), &[CANCEL_QUEUE]).await.remove(0).task;
    assert_eq!(left.child, Some(child));
    done(on.store.drop_task(&on.tenant, &left.held()).await);
    assert_eq!(on.tasks().await, []);

    on.step_with(run, "Score", TaskChanges::default()).await;
    done(on.step(run, Step { ends: true, ..Step::to("Done") }).await);
    let left = on.claim_from("a", at(1_000_000), &[CANCEL_QUEUE]).await.remove(0).task;
    assert_eq!((left.id.run, left.child), (run, None));
}

/// The end of a branch leaves alone what other branches launched; the end of the whole work ends both what was launched
/// and what was not.
pub async fn only_what_the_ended_branch_launched_is_cancelled(on: Fixture) {
    let run = on.with_tasks([score(1), score(2), score(3)]).await;
    for Claimed { task, .. } in on.claim("a", at(10)).await.into_iter().take(2) {
        let launch = NewRun { parent: Some(run), ..new_run("child") };
        let child = done(on.store.create(&on.tenant, launch, begin(at(11), vec![])).await).run;
        done(on.store.park(&on.tenant, &task.held(), child, at(12)).await);
    }
    let ends = |branch| {
        let ends = TaskChange::End {
            state: StateId::from("Score"),
            visit: Visit(1),
            branch,
            purpose: Purpose::Work,
        };
        TaskChanges { fence: None, changes: vec![ends] }
    };
    on.step_with(run, "Ingest", ends(Some(Branch(2)))).await;
    let queues = |tasks: Vec<Task>| -> Vec<String> {
        tasks.into_iter().map(|task| format!("{} {}", task.id.branch, task.queue)).collect()
    };
    assert_eq!(queues(on.tasks().await), ["1 task:score", "2 cancel", "3 task:score"]);
    on.step_with(run, "Score", ends(None)).await;
    assert_eq!(queues(on.tasks().await), ["1 cancel", "2 cancel"]);
}

/// Only the work of a run and of those below it is handed out to whoever asks for that.
pub async fn a_claim_may_be_for_one_tree_of_runs(on: Fixture) {
    let run = on.with_tasks([score(0)]).await;
    let claim = |root| Claim {
        owner: "a".to_owned(),
        now: at(10),
        until: at(40),
        limit: 10,
        queues: vec!["task:score".to_owned()],
        root: Some(root),
        except: Arc::default(),
    };
    let other = on.start("other").await;
    assert_eq!(done(on.store.claim(&on.tenant, &claim(other)).await), []);
    assert_eq!(done(on.store.claim(&on.tenant, &claim(run)).await).len(), 1);
}

/// A page after the other, and nobody else's.
pub async fn tasks_are_listed_in_order(on: Fixture) {
    let run = on.with_tasks([score(3), score(1), score(2)]).await;
    let page =
        |cursor, limit| TaskFilter { run: Some(run), limit, cursor, ..TaskFilter::default() };
    let first = done(on.store.tasks(&on.tenant, &page(None, 2)).await);
    assert_eq!(first.items.iter().map(|task| task.id.branch.0).collect::<Vec<_>>(), [1, 2]);
    let rest = done(on.store.tasks(&on.tenant, &page(first.next, 2)).await);
    assert_eq!(rest.items.iter().map(|task| task.id.branch.0).collect::<Vec<_>>(), [3]);
    assert_eq!(rest.next, None);
    let others = Tenant::from("other");
    assert_eq!(done(on.store.tasks(&others, &TaskFilter::default()).await).items, []);
    let of_queue = TaskFilter { queue: Some("task:none".to_owned()), ..TaskFilter::default() };
    assert_eq!(done(on.store.tasks(&on.tenant, &of_queue).await).items, []);
}

/// A commit that conflicts does nothing to tasks either.
pub async fn a_conflict_files_no_task(on: Fixture) {
    let run = on.define_and_start().await;
    let batch = crate::Batch {
        tasks: files([score(0)]),
        ..Step::to("Score").batch(on.load(run).await.run)
    };
    match on.store.commit(&on.tenant, run, Rev(7), batch).await {
        Err(StoreError::Conflict { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(on.tasks().await, []);
}
