//! Tasks, by run, state, visit, branch and purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use guidepost_core::id::RunNo;
use guidepost_core::machine::Concurrency;
use guidepost_core::run::Status;
use guidepost_core::time::{Span, Timestamp};

use crate::bounds::{Admission, Going};
use crate::filter::{page, page_items};
use crate::task::{CANCEL_QUEUE, NEVER};
use crate::{
    Bound, Claim, Claimed, Held, NewTask, Page, StoreError, Task, TaskChange, TaskChanges,
    TaskFilter, TaskId, refuse,
};

/// One tenant's tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    filed: BTreeMap<TaskId, Filed>,
    /// Runs that have begun, by the workflow that bounds how many may.
    begun: BTreeMap<String, BTreeSet<RunNo>>,
}

#[derive(Debug)]
struct Filed {
    task: Task,
    timeout: Option<Span>,
    bound: Option<Bound>,
}

impl Filed {
    /// Whether somebody holds it for this attempt. An attempt that ended, or was given back, is nobody's.
    fn is_held(&self, attempt: u32) -> bool {
        self.task.attempt == attempt && self.task.owner.is_some()
    }
}

/// What a claim needs to know of a run.
pub(super) struct RunOfTask {
    pub(super) status: Status,
    pub(super) root: RunNo,
    pub(super) parent: Option<RunNo>,
    /// Whether a limit is passed.
    pub(super) is_over: bool,
}

impl Tasks {
    pub(super) fn expect_held(&self, held: &Held) -> Result<(), StoreError> {
        if self.is_held(held) { Ok(()) } else { Err(refuse::lease_lost(&held.task)) }
    }

    fn is_held(&self, held: &Held) -> bool {
        self.filed.get(&held.task).is_some_and(|filed| filed.is_held(held.attempt))
    }

    fn held_mut(&mut self, held: &Held) -> Option<&mut Filed> {
        self.filed.get_mut(&held.task).filter(|filed| filed.is_held(held.attempt))
    }

    /// The run that waits for the end of another.
    pub(super) fn waiting_for(&self, run: RunNo) -> Option<RunNo> {
        self.filed
            .values()
            .find(|filed| filed.task.child == Some(run))
            .map(|filed| filed.task.id.run)
    }

    /// Removes the tasks of runs that are deleted.
    pub(super) fn remove(&mut self, runs: &[RunNo]) {
        self.filed.retain(|task, _| !runs.contains(&task.run));
        self.begun.values_mut().for_each(|begun| begun.retain(|run| !runs.contains(run)));
    }

    pub(super) fn change(&mut self, run: RunNo, changes: TaskChanges, now: Timestamp) {
        for change in changes.changes {
            match change {
                TaskChange::File(task) => self.file(run, task, now),
                TaskChange::Retry { state, visit, branch, purpose, at } => {
                    let task = TaskId { run, state, visit, branch, purpose };
                    if let Some(filed) = self.filed.get_mut(&task) {
                        let free = Task {
                            owner: None,
                            ready_at: at,
                            deadline: None,
                            lost: 0,
                            ..filed.task.clone()
                        };
                        filed.task = free;
                    }
                }
                TaskChange::End { state, visit, branch, purpose } => {
                    let is_meant = |id: &TaskId| {
                        (id.run, &id.state, id.visit, id.purpose) == (run, &state, visit, purpose)
                            && branch.is_none_or(|branch| branch == id.branch)
                    };
                    self.end(is_meant, now);
                }
                // Threads are kept apart.
                TaskChange::Say(_) => {}
                TaskChange::Forgive => {
                    self.filed
                        .values_mut()
                        .filter(|filed| filed.task.id.run == run)
                        .for_each(|filed| filed.task.lost = 0);
                }
            }
        }
    }

    fn file(&mut self, run: RunNo, new: NewTask, now: Timestamp) {
        let lease = new.holder().cloned();
        let NewTask { state, visit, branch, purpose, .. } = new;
        let id = TaskId { run, state, visit, branch, purpose };
        let deadline = new.timeout.filter(|_| lease.is_some()).map(|timeout| now.after(timeout));
        let until = lease.as_ref().map(|lease| earlier(lease.until, deadline));
        let task = Task {
            id: id.clone(),
            kind: new.kind,
            queue: new.queue,
            filed_at: now,
            ready_at: until.unwrap_or(new.ready_at),
            attempt: u32::from(lease.is_some()),
            owner: lease.map(|lease| lease.owner),
            lost: 0,
            deadline,
            child: None,
            bound_to: new.bound.as_ref().map(|bound| bound.workflow.clone()),
        };
        self.filed.insert(id, Filed { task, timeout: new.timeout, bound: new.bound });
    }

    fn end(&mut self, is_meant: impl Fn(&TaskId) -> bool, now: Timestamp) {
        self.filed.retain(|id, filed| !is_meant(id) || filed.task.child.is_some());
        // What it launched is told to stop, by whoever serves that queue.
        for (_, filed) in self.filed.iter_mut().filter(|(id, _)| is_meant(id)) {
            CANCEL_QUEUE.clone_into(&mut filed.task.queue);
            filed.task.owner = None;
            filed.task.ready_at = now;
            filed.task.deadline = None;
            filed.task.bound_to = None;
            filed.bound = None;
        }
    }

    /// The run is over: so is all its work, whoever launched it goes on, and what it launched is told to stop.
    pub(super) fn end_all(&mut self, run: RunNo, has_live_children: bool, now: Timestamp) {
        self.filed.retain(|id, _| id.run != run);
        for filed in self.filed.values_mut() {
            if filed.task.child == Some(run) && filed.task.queue != CANCEL_QUEUE {
                filed.task.ready_at = now;
            }
        }
        if has_live_children {
            self.file(run, NewTask::cancelling(now), now);
        }
    }

    pub(super) fn claim(
        &mut self,
        claim: &Claim,
        run_of: impl Fn(RunNo) -> Option<RunOfTask>,
        concurrency: impl Fn(&str) -> Concurrency,
    ) -> Vec<Claimed> {
        let is_below = |run: &RunOfTask| claim.root.is_none_or(|root| root == run.root);
        let late = self.ids(|filed| {
            let run = run_of(filed.task.id.run).filter(is_below);
            let is_late = filed.task.deadline.is_some_and(|deadline| deadline <= claim.now);
            (is_late && run.is_some_and(|run| !run.status.is_ended()))
                .then_some(filed.task.deadline?)
        });
        let mut claimed = Vec::new();
        for id in late.into_iter().take(claim.limit) {
            let Some(filed) = self.filed.get_mut(&id) else { continue };
            filed.task.owner = Some(claim.owner.clone());
            filed.task.ready_at = claim.until;
            filed.task.deadline = None;
            claimed.push(Claimed { task: filed.task.clone(), timed_out: true });
        }
        let mut goings: BTreeMap<String, Going> = BTreeMap::new();
        let mut ready: Vec<Task> = self.filed.values().map(|filed| filed.task.clone()).collect();
        ready.retain(|task| {
            let Some(run) = run_of(task.id.run).filter(is_below) else { return false };
            let goes_on = matches!(run.status, Status::Running | Status::Waiting) && !run.is_over;
            let is_ready = claim.queues.contains(&task.queue) && task.ready_at <= claim.now;
            let is_wanted = is_ready && !claim.except.contains(&task.id);
            is_wanted && (goes_on || task.queue == CANCEL_QUEUE)
        });
        ready.sort_by(|one, other| one.turn().cmp(&other.turn()));
        for Task { id, .. } in ready {
            if claimed.len() >= claim.limit {
                break;
            }
            if let Some(bound) = self.filed.get(&id).and_then(|filed| filed.bound.clone()) {
                let going = goings.entry(bound.workflow.clone()).or_insert_with(|| {
                    self.going(&bound.workflow, &concurrency, &run_of, claim.now)
                });
                match admission(going, id.run, &bound.work, &run_of) {
                    Admission::Begins => {
                        self.begun.entry(bound.workflow).or_default().insert(id.run);
                    }
                    Admission::GoesOn => {}
                    Admission::NoRoom | Admission::NoPlace => continue,
                }
            }
            let Some(filed) = self.filed.get_mut(&id) else { continue };
            let task = &mut filed.task;
            // Whoever held it was not heard of again.
            task.lost += u32::from(task.owner.is_some());
            task.owner = Some(claim.owner.clone());
            task.attempt += 1;
            task.deadline = filed.timeout.map(|timeout| claim.now.after(timeout));
            task.ready_at = earlier(claim.until, task.deadline);
            claimed.push(Claimed { task: task.clone(), timed_out: false });
        }
        claimed
    }

    /// What of a workflow's work goes on. Leases that ran out are taken back, and runs that are over forgotten.
    fn going(
        &mut self,
        workflow: &str,
        concurrency: impl Fn(&str) -> Concurrency,
        run_of: impl Fn(RunNo) -> Option<RunOfTask>,
        now: Timestamp,
    ) -> Going {
        let mut held = Vec::new();
        for Filed { task, bound, .. } in self.filed.values_mut() {
            let bound = bound.as_ref().filter(|bound| bound.workflow == workflow);
            let Some(bound) = bound.filter(|_| task.owner.is_some()) else { continue };
            if task.ready_at > now {
                held.push(bound.work.clone());
            } else {
                task.owner = None;
                task.deadline = None;
                task.lost += 1;
            }
        }
        let is_live = |run: &RunNo| run_of(*run).is_some_and(|run| !run.status.is_ended());
        let begun = self.begun.entry(workflow.to_owned()).or_default();
        begun.retain(is_live);
        Going::new(concurrency(workflow), held, begun.clone())
    }

    /// Those for which `rank` gives a time, the earliest first.
    fn ids(&self, rank: impl Fn(&Filed) -> Option<Timestamp>) -> Vec<TaskId> {
        let ranked = self.filed.iter().filter_map(|(id, filed)| Some((rank(filed)?, id.clone())));
        let mut ranked: Vec<(Timestamp, TaskId)> = ranked.collect();
        ranked.sort();
        ranked.into_iter().map(|(_, id)| id).collect()
    }

    pub(super) fn extend(&mut self, owner: &str, held: &[Held], until: Timestamp) -> Vec<Held> {
        let mut lost = Vec::new();
        for hold in held {
            match self.held_mut(hold).filter(|filed| filed.task.owner.as_deref() == Some(owner)) {
                Some(filed) => filed.task.ready_at = earlier(until, filed.task.deadline),
                None => lost.push(hold.clone()),
            }
        }
        lost
    }

    pub(super) fn release(&mut self, owner: &str, held: &[Held], now: Timestamp) {
        self.give_back(owner, held, now, |_| {});
    }

    /// Gives back what was not begun.
    pub(super) fn decline(&mut self, owner: &str, held: &[Held], now: Timestamp) {
        self.give_back(owner, held, now, |task| task.attempt -= 1);
    }

    fn give_back(&mut self, owner: &str, held: &[Held], now: Timestamp, how: impl Fn(&mut Task)) {
        for hold in held {
            if let Some(filed) =
                self.held_mut(hold).filter(|filed| filed.task.owner.as_deref() == Some(owner))
            {
                filed.task.owner = None;
                filed.task.ready_at = now;
                filed.task.deadline = None;
                how(&mut filed.task);
            }
        }
    }

    pub(super) fn park(
        &mut self,
        held: &Held,
        child: RunNo,
        is_live: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let filed = self.held_mut(held).ok_or_else(|| refuse::lease_lost(&held.task))?;
        filed.task.owner = None;
        filed.task.deadline = None;
        filed.task.lost = 0;
        filed.task.child = Some(child);
        filed.task.ready_at = if is_live { NEVER } else { now };
        Ok(())
    }

    pub(super) fn drop_task(&mut self, held: &Held) {
        if self.is_held(held) {
            self.filed.remove(&held.task);
        }
    }

    pub(super) fn list(&self, filter: &TaskFilter) -> Page<Task> {
        let after: Option<TaskId> = filter.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
        let found = self.filed.values().map(|filed| &filed.task).filter(|task| {
            after.as_ref().is_none_or(|after| task.id > *after)
                && filter.run.is_none_or(|run| run == task.id.run)
                && filter.queue.as_ref().is_none_or(|queue| *queue == task.queue)
        });
        page(found.cloned(), page_items(filter.limit), |last| last.id.to_string())
    }
}

fn admission(
    going: &mut Going,
    run: RunNo,
    work: &str,
    run_of: impl Fn(RunNo) -> Option<RunOfTask>,
) -> Admission {
    let parent = |run: &RunNo| run_of(*run)?.parent;
    let above = || Ok::<_, Infallible>(std::iter::successors(parent(&run), parent).collect());
    let Ok(admission) = going.admit(run, work, above);
    admission
}

fn earlier(time: Timestamp, deadline: Option<Timestamp>) -> Timestamp {
    deadline.map_or(time, |deadline| deadline.min(time))
}
