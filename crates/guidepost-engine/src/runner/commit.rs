//! What a runner does about commits: it has decisions committed, and takes what came of that.

use std::collections::BTreeMap;

use guidepost_core::id::RunNo;
use guidepost_core::kernel::Decision;
use guidepost_core::run::{Run, Status};
use guidepost_core::time::Timestamp;
use guidepost_store::{
    Batch, CANCEL_QUEUE, Committed, Held, Lease, StoreError, Task, TaskChange, TaskId, is_over,
};

use super::next::is_going_on;
use super::trouble::{self, advised, is_general};
use super::{Effect, InHand, LoadedRun, Runner, Stage, Todo, in_hand_of};
use crate::call::Failure;
use crate::plan;

/// A commit under way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) todo: Todo,
    after: Run,
    /// Tasks it files in this runner's hands.
    filed: Vec<Task>,
    /// Whether it files others that this runner may claim.
    has_more: bool,
    /// How many others it claims at most, if it does.
    claims: Option<usize>,
}

impl Runner {
    /// Has a decision committed.
    pub(super) fn commit(
        &mut self,
        run: RunNo,
        todo: Todo,
        decision: Decision,
        after: Run,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.runs.get(&run).and_then(|tracked| tracked.known.as_ref()) else {
            return;
        };
        let expected = known.run.rev;
        let mut batch = self.batch(known, decision, after, &todo, now);
        batch.tasks.fence = todo.task().map(Task::held);
        let (filed, has_more) = self.filed(run, &batch, now);
        filed.iter().for_each(|task| self.promised.add(task));
        let is_wanted = self.has_backlog && !self.is_stopping && self.is_idle_after(todo.ends());
        batch.claim = is_wanted.then(|| self.wish(todo.ends(), now)).flatten();
        todo.ends().into_iter().for_each(|task| self.ending.add(task));
        let after = batch.run.clone();
        let claims = batch.claim.as_ref().map(|claim| claim.limit);
        let in_flight = InFlight { todo, after, filed, has_more, claims };
        self.tracked(run).stage = Stage::Committing(Box::new(in_flight));
        effects.push(Effect::Commit { run, expected, batch: Box::new(batch) });
    }

    /// Whether nothing would be in its hands once a task of its own has ended. Then it claims in the same transaction; else it
    /// has something to do meanwhile, and claims more at once by itself.
    fn is_idle_after(&self, ended: Option<&Task>) -> bool {
        self.promised.all() == 0 && self.in_hand.len() == usize::from(ended.is_some())
    }

    /// A decision ready to commit. What it begins, this runner takes on at once as far as it has hands: whoever files a
    /// task and does it needs no second transaction.
    fn batch(
        &self,
        known: &LoadedRun,
        decision: Decision,
        after: Run,
        todo: &Todo,
        now: Timestamp,
    ) -> Batch {
        // What the decision ends makes room for what it begins.
        let ended = todo.ends();
        let mut free = self.free_after(ended);
        let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
        let goes_on = matches!(after.status, Status::Running | Status::Waiting);
        // It settles what is due for any run, and works for its own.
        let is_own = self.config.root.is_none_or(|root| root == known.root);
        let lease = |queue: &str| {
            let serves = self.config.queues.iter().any(|own| own == queue);
            let room =
                rooms.entry(queue.to_owned()).or_insert_with(|| self.room_after(queue, ended));
            if !serves || !is_own || !goes_on || self.is_stopping || free == 0 || *room == 0 {
                return None;
            }
            (free, *room) = (free - 1, *room - 1);
            let until = now.after(self.config.lease);
            Some(Lease { owner: self.config.owner.clone(), until })
        };
        plan::batch(&known.machine, &known.run, decision, after, None, now, lease)
    }

    /// The tasks a batch files in this runner's hands, and whether it files others it may claim.
    fn filed(&self, run: RunNo, batch: &Batch, now: Timestamp) -> (Vec<Task>, bool) {
        let mut own = Vec::new();
        let mut has_more = false;
        for change in &batch.tasks.changes {
            match change {
                TaskChange::File(new) => match &new.lease {
                    Some(lease) => own.push(Task {
                        id: TaskId {
                            run,
                            state: new.state.clone(),
                            visit: new.visit,
                            branch: new.branch,
                            purpose: new.purpose,
                        },
                        kind: new.kind,
                        queue: new.queue.clone(),
                        filed_at: now,
                        ready_at: lease.until,
                        owner: Some(lease.owner.clone()),
                        attempt: 1,
                        lost: 0,
                        deadline: new.timeout.map(|timeout| now.after(timeout)),
                        child: None,
                        bound_to: None,
                    }),
                    None => has_more |= self.config.queues.contains(&new.queue),
                },
                TaskChange::Retry { .. }
                | TaskChange::End { .. }
                | TaskChange::Forgive
                | TaskChange::Say(_) => {}
            }
        }
        (own, has_more)
    }

    /// Takes what came of a commit.
    pub(super) fn committed(
        &mut self,
        run: RunNo,
        outcome: Result<Committed, StoreError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let tracked = self.runs.get_mut(&run);
        let tracked = tracked.filter(|tracked| matches!(tracked.stage, Stage::Committing(_)));
        let Some(tracked) = tracked else { return };
        let Stage::Committing(in_flight) = std::mem::take(&mut tracked.stage) else { return };
        self.land(&in_flight);
        match outcome {
            Ok(committed) => self.taken(run, *in_flight, committed, now, effects),
            Err(StoreError::Conflict { .. }) => self.decide_anew(run, in_flight.todo),
            Err(StoreError::LeaseLost { task }) => {
                tracing::info!(%task, "a result came too late: somebody else has the task");
                self.tracked(run).known = None;
                self.drop_todo(&in_flight.todo, effects);
            }
            Err(StoreError::NoSuchRun(_)) => self.forget(run, effects),
            Err(error) if is_general(&error) => {
                self.in_doubt(run, *in_flight, &error, now, effects);
            }
            Err(error) => self.refused(run, in_flight.todo, &error, now, effects),
        }
        self.advance(run, now, effects);
    }

    /// The store took a decision.
    fn taken(
        &mut self,
        run: RunNo,
        in_flight: InFlight,
        committed: Committed,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.trouble.worked(true);
        self.aside.take_up(&run);
        let is_over = is_over(&committed.budgets, now);
        let tracked = self.runs.entry(run).or_default();
        if let Some(known) = &mut tracked.known {
            known.run = in_flight.after;
            if committed.snapshot {
                known.run.snapshot_taken();
            }
            known.budgets = committed.budgets;
        }
        // Where work is bounded, the end of one piece makes room for another, of whichever run.
        let is_bounded = |known: &LoadedRun| !known.machine.concurrency.is_empty();
        if in_flight.has_more || tracked.known.as_ref().is_some_and(is_bounded) {
            self.next_poll = now;
        }
        if is_over {
            tracked.todo.push_back(Todo::Due);
        }
        // Once a limit is passed, nothing is filed in anybody's hands.
        for task in in_flight.filed.into_iter().filter(|_| !is_over) {
            let own = InHand { task: task.clone(), is_performed: false, is_known: true };
            self.in_hand.insert(task.id.clone(), own);
            // What has not begun when the runner is to stop is given back.
            if !self.is_stopping {
                tracked.todo.push_back(Todo::Begin(task));
            }
        }
        // Only now, or the run would be forgotten between two of its steps.
        self.settled(run, &in_flight.todo, effects);
        self.abort_what_ended(run, effects);
        if let Some(limit) = in_flight.claims {
            self.hold(committed.claimed, limit, now, effects);
        }
    }

    /// Somebody else moved the run meanwhile: what is to be done is decided again, on what is there now.
    fn decide_anew(&mut self, run: RunNo, todo: Todo) {
        let tracked = self.tracked(run);
        tracked.known = None;
        tracked.todo.push_front(todo);
    }

    /// Nothing was written, and it would be refused again.
    fn refused(
        &mut self,
        run: RunNo,
        todo: Todo,
        error: &StoreError,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        tracing::error!(%run, %error, "a commit is refused");
        if let Todo::End(task, Ok(_)) = todo {
            let failure =
                Failure::lasting(format!("the store refuses the result: {}", advised(error)));
            self.tracked(run).todo.push_front(Todo::End(task, Err(failure)));
        } else {
            self.set_aside(run, now, effects);
            effects.push(Effect::Quarantine { run, why: trouble::refused(error) });
        }
    }

    /// Whether it happened is unknown. Decided again on what is there, it is taken once at most.
    fn in_doubt(
        &mut self,
        run: RunNo,
        in_flight: InFlight,
        error: &StoreError,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.trouble.failed("a commit", true, error);
        self.decide_anew(run, in_flight.todo);
        self.rest(run, now);
        if !in_flight.filed.is_empty() {
            // If it happened, nobody else would touch what it filed until the lease has run out.
            effects.push(Effect::Release(in_flight.filed.iter().map(Task::held).collect()));
        }
    }

    /// What a committed decision was about is out of this runner's hands.
    fn settled(&mut self, run: RunNo, todo: &Todo, effects: &mut Vec<Effect>) {
        match todo {
            Todo::End(task, _) | Todo::TimedOut(task) => {
                self.unhold(&task.held(), effects);
            }
            Todo::Quarantine(task) => self.give_back(task, effects),
            // More may be due by now.
            Todo::Due => self.tracked(run).todo.push_back(Todo::Due),
            Todo::Begin(_) => {}
        }
    }

    /// Stops work that ended otherwise: its state was left, another branch decided, the run is over.
    fn abort_what_ended(&mut self, run: RunNo, effects: &mut Vec<Effect>) {
        let Some(known) = self.runs.get(&run).and_then(|tracked| tracked.known.as_ref()) else {
            return;
        };
        let ended: Vec<Held> = in_hand_of(&self.in_hand, run)
            .filter(|own| own.is_known && own.task.queue != CANCEL_QUEUE)
            .filter(|own| !is_going_on(&known.run, &own.task.id))
            .map(|own| own.task.held())
            .collect();
        for task in ended {
            self.unhold(&task, effects);
        }
    }

    /// A commit is over, and with it what it was to put into this runner's hands.
    fn land(&mut self, in_flight: &InFlight) {
        in_flight.filed.iter().for_each(|task| self.promised.remove(task));
        in_flight.todo.ends().into_iter().for_each(|task| self.ending.remove(task));
        if in_flight.claims.is_some() {
            (self.claiming, self.has_backlog) = (None, true);
        }
    }
}
