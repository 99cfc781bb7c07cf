//! The engine's decisions: [`Runner::handle`]. It waits for nothing, spawns nothing and reads no clock.
//!
//! A runner holds tasks by lease, does their work through the shell, and commits what came of it. What it keeps of a run
//! is a copy that is checked by every commit: the store takes a decision only at the rev it was made at, and a result only
//! for the present attempt. So any number of runners may work on one store, and any of them may vanish at any moment.

mod declined;
mod message;
mod next;
mod schedules;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};
use guidepost_core::kernel::Decision;
use guidepost_core::run::{Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::{
    Batch, CANCEL_QUEUE, Claim, Claimed, Committed, Held, Lease, NEVER, StoreError, Task,
    TaskChange, TaskId, is_over,
};

pub(crate) use self::declined::DECLINED_MAX;
use self::declined::Declined;
pub use self::message::{Effect, LoadedRun, Message};
use self::next::{Next, has_due, is_going_on, next};
use self::schedules::Schedules;
pub(crate) use self::trouble::is_general;
use self::trouble::{Aside, Trouble, advised};
use crate::call::{Call, Failure, Outcome};
use crate::machines::NoMachine;
use crate::plan;

/// How often in a row a task may take its holder down before its run is held back.
pub const LOST_MAX: u32 = 3;

/// How many runs with something due are looked for at once.
pub(crate) const DUE_MAX: usize = 256;

/// How a runner works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name, which no other runner has.
    pub owner: String,
    /// The queues it serves. Whatever is ready for longest is claimed first, whichever of them it is in.
    pub queues: Vec<String>,
    /// Tasks it does at once, at most.
    pub slots: usize,
    /// Tasks of one queue it does at once, at most; those not named are bounded by `slots` alone.
    pub slots_of: BTreeMap<String, usize>,
    /// How long it may be silent before its tasks are handed to others.
    pub lease: Span,
    /// How often it looks for work that nobody told it about.
    pub poll: Span,
    /// Only this run and those below it; `None` for all.
    pub root: Option<RunNo>,
}

/// The engine without the world. See the module's documentation.
#[derive(Debug)]
pub struct Runner {
    config: Config,
    runs: BTreeMap<RunNo, Tracked>,
    in_hand: BTreeMap<TaskId, InHand>,
    next_poll: Timestamp,
    next_beat: Timestamp,
    /// Tasks of commits under way, by their queue: this runner's as soon as they are filed.
    promised: BTreeMap<String, usize>,
    claiming: Option<Claiming>,
    /// The last claim got all it asked for, so there may be more.
    has_backlog: bool,
    /// How many runs with something due are being looked for.
    finding: Option<usize>,
    /// The last look found as many as it asked for, so there may be more.
    has_more_due: bool,
    schedules: Schedules,
    trouble: Trouble,
    aside: Aside,
    declined: Declined,
    /// The runs that rest, by when they are tried again.
    resting: BTreeSet<(Timestamp, RunNo)>,
    is_stopping: bool,
    /// When it stops, whatever is left to do: later its leases have run out anyway.
    stop_by: Timestamp,
    has_stopped: bool,
}

/// A claim under way: what it may bring is not given away meanwhile.
#[derive(Debug)]
struct Claiming {
    queues: Vec<String>,
    limit: usize,
}

/// A task this runner holds.
#[derive(Debug)]
struct InHand {
    task: Task,
    is_performed: bool,
    /// Whether the copy of the run is known to be no older than the task.
    is_known: bool,
}

/// A run this runner is busy with.
#[derive(Debug, Default)]
struct Tracked {
    /// The run as it was last seen; `None` if it must be loaded.
    known: Option<LoadedRun>,
    stage: Stage,
    todo: VecDeque<Todo>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Loading,
    Committing(Box<InFlight>),
    /// The store failed; it is tried again later.
    Resting,
}

/// A commit under way.
#[derive(Debug)]
struct InFlight {
    todo: Todo,
    after: Run,
    /// Tasks it files in this runner's hands.
    filed: Vec<Task>,
    /// Whether it files others that this runner may claim.
    has_more: bool,
}

/// What is to be done about a run.
#[derive(Debug, Clone)]
enum Todo {
    Begin(Task),
    End(Task, Result<serde_json::Value, Failure>),
    TimedOut(Task),
    Quarantine(Task),
    Due,
}

impl Todo {
    fn task(&self) -> Option<&Task> {
        match self {
            Self::Begin(task)
            | Self::End(task, _)
            | Self::TimedOut(task)
            | Self::Quarantine(task) => Some(task),
            Self::Due => None,
        }
    }
}

impl Runner {
    /// A runner with nothing in hand. It begins with the first message, whichever that is.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            runs: BTreeMap::new(),
            in_hand: BTreeMap::new(),
            next_poll: Timestamp(i64::MIN),
            next_beat: Timestamp(i64::MIN),
            promised: BTreeMap::new(),
            claiming: None,
            has_backlog: false,
            finding: None,
            has_more_due: false,
            schedules: Schedules::default(),
            trouble: Trouble::default(),
            aside: Aside::default(),
            declined: Declined::default(),
            resting: BTreeSet::new(),
            is_stopping: false,
            stop_by: Timestamp(i64::MAX),
            has_stopped: false,
        }
    }

    /// Takes a message, and asks for what is to be done about it.
    pub fn handle(&mut self, message: Message, now: Timestamp, effects: &mut Vec<Effect>) {
        match message {
            Message::Tick => {}
            Message::Wake => self.next_poll = now,
            Message::Claimed(claimed) => self.claimed(claimed, now, effects),
            Message::Due(due) => self.due(due, now, effects),
            Message::Scheduled { until, found } => self.scheduled(until, found, now, effects),
            Message::ScheduleMoved { schedule, begins, outcome } => {
                self.moved(schedule, begins, outcome, now);
            }
            Message::Loaded { run, loaded } => self.loaded(run, loaded, now, effects),
            Message::Committed { run, outcome } => self.committed(run, outcome, now, effects),
            Message::Ended { held, outcome } => self.ended(&held, outcome, now, effects),
            Message::Extended(lost) => self.extended(lost, effects),
            Message::Stop => self.stop(now, effects),
        }
        self.tick(now, effects);
    }

    /// When the next message should come at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Timestamp {
        if self.is_stopping {
            return self.stop_by.min(self.rested_at());
        }
        let beat = if self.in_hand.is_empty() { self.next_poll } else { self.next_beat };
        let looks =
            if self.config.root.is_some() { self.next_poll } else { self.schedules.wake_at() };
        self.next_poll.min(looks).min(beat).min(self.stop_by).min(self.rested_at())
    }

    /// How many tasks it holds.
    #[must_use]
    pub fn tasks_in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// Why no new work is taken: what failed at the store, and how; `None` if all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.what()
    }

    fn tick(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let poll = self.trouble.rest(self.config.poll);
        // What lies further ahead than it was set is from before the clock was set back.
        let has_come = |at: Timestamp, after: Span| at <= now || at > now.after(after);
        if !self.resting.is_empty() {
            self.take_up_rested(|until| has_come(until, poll), now, effects);
        }
        if self.is_stopping {
            let is_late = has_come(self.stop_by, self.config.lease);
            self.finish_stopping(is_late, effects);
            return;
        }
        if self.has_backlog {
            self.claim(now, effects);
        }
        if has_come(self.next_poll, poll) {
            self.next_poll = now.after(poll);
            self.claim(now, effects);
            self.find_due(now, effects);
        } else if self.has_more_due && self.settling() < DUE_MAX / 2 {
            self.find_due(now, effects);
        }
        self.look_for_schedules(now, effects);
        let beat = Span(self.config.lease.0 / 3);
        if has_come(self.next_beat, beat) {
            self.next_beat = now.after(beat);
            let held: Vec<Held> = self.in_hand.values().map(|own| own.task.held()).collect();
            if !held.is_empty() {
                effects.push(Effect::Extend { held, until: now.after(self.config.lease) });
            }
        }
    }

    /// When the first of the runs that rest is tried again; [`NEVER`] if none does.
    fn rested_at(&self) -> Timestamp {
        self.resting.first().map_or(NEVER, |(until, _)| *until)
    }

    /// Lets a run rest while the store fails.
    fn rest(&mut self, run: RunNo, now: Timestamp) {
        let until = now.after(self.trouble.rest(self.config.poll));
        self.tracked(run).stage = Stage::Resting;
        self.resting.insert((until, run));
    }

    /// Tries again what rests no longer.
    fn take_up_rested(
        &mut self,
        has_come: impl Fn(Timestamp) -> bool,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let resting = std::mem::take(&mut self.resting).into_iter();
        let (rested, resting) = resting.partition::<BTreeSet<_>, _>(|(until, _)| has_come(*until));
        self.resting = resting;
        for (_, run) in rested {
            // It may have been forgotten meanwhile.
            if let Some(tracked) = self.runs.get_mut(&run)
                && matches!(tracked.stage, Stage::Resting)
            {
                tracked.stage = Stage::Idle;
                self.advance(run, now, effects);
            }
        }
    }

    /// Looks for runs with something due. Those that were set aside come first, being due for longest, and hide no others.
    fn find_due(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.finding.is_some() {
            return;
        }
        let limit = DUE_MAX + self.aside.len();
        (self.finding, self.has_more_due) = (Some(limit), false);
        effects.push(Effect::FindDue { now, limit });
    }

    /// How many runs are being settled.
    fn settling(&self) -> usize {
        let is_due = |todo: &Todo| matches!(todo, Todo::Due);
        let is_settling = |tracked: &&Tracked| {
            let committing = match &tracked.stage {
                Stage::Committing(in_flight) => Some(&in_flight.todo),
                Stage::Idle | Stage::Loading | Stage::Resting => None,
            };
            tracked.todo.iter().chain(committing).any(is_due)
        };
        self.runs.values().filter(is_settling).count()
    }

    fn claim(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let free = self.free();
        if self.claiming.is_some() || free == 0 {
            return;
        }
        let has_room = |queue: &&String| self.room_in(queue) > 0;
        // First of all what is to be cancelled: nobody waits for what goes on there.
        let mut queues = vec![CANCEL_QUEUE.to_owned()];
        queues.extend(self.config.queues.iter().filter(has_room).cloned());
        // Of a queue with a limit of its own, no more may be claimed than it has room for.
        let room = queues.iter().map(|queue| self.room_in(queue)).min().unwrap_or(free);
        let limit = free.min(room);
        self.has_backlog = false;
        self.claiming = Some(Claiming { queues: queues.clone(), limit });
        effects.push(Effect::Claim(Claim {
            owner: self.config.owner.clone(),
            now,
            until: now.after(self.config.lease),
            limit,
            queues,
            root: self.config.root,
            except: self.declined.tasks(),
        }));
    }

    /// How many more tasks it can take, whatever a claim or a commit under way brings.
    fn free(&self) -> usize {
        let claiming = self.claiming.as_ref().map_or(0, |claiming| claiming.limit);
        let promised: usize = self.promised.values().sum();
        self.config.slots.saturating_sub(self.in_hand.len() + promised + claiming)
    }

    /// The same for the tasks of one queue.
    fn room_in(&self, queue: &str) -> usize {
        let Some(most) = self.config.slots_of.get(queue) else { return usize::MAX };
        let taken = self.in_hand.values().filter(|own| own.task.queue == queue).count();
        let promised = self.promised.get(queue).copied().unwrap_or_default();
        let claiming = self.claiming.as_ref().filter(|it| it.queues.iter().any(|it| it == queue));
        most.saturating_sub(taken + promised + claiming.map_or(0, |claiming| claiming.limit))
    }

    fn claimed(
        &mut self,
        claimed: Result<Vec<Claimed>, StoreError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let limit = self.claiming.take().map_or(0, |claiming| claiming.limit);
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                self.trouble.failed("claiming tasks", true, &error);
                return;
            }
        };
        // With nothing in hand, nothing else would show that the store can be written again.
        self.trouble.worked(!claimed.is_empty() || self.in_hand.is_empty() && self.runs.is_empty());
        self.has_backlog = claimed.len() >= limit && limit > 0;
        for Claimed { task, timed_out } in claimed {
            let run = task.id.run;
            let todo = match () {
                () if timed_out => Todo::TimedOut(task.clone()),
                () if task.lost >= LOST_MAX && task.queue != CANCEL_QUEUE => {
                    Todo::Quarantine(task.clone())
                }
                () => Todo::Begin(task.clone()),
            };
            // Its own lease may have run out.
            if let Some(before) = self.in_hand.get(&task.id).map(|own| own.task.clone()) {
                self.unhold(&before.held(), effects);
            }
            self.in_hand
                .insert(task.id.clone(), InHand { task, is_performed: false, is_known: false });
            if self.is_stopping {
                continue;
            }
            if let Todo::Begin(task) = &todo
                && self.declined.has(&task.id)
            {
                // The claim was under way when it was declined.
                self.decline(&task.held(), effects);
                continue;
            }
            self.tracked(run).todo.push_back(todo);
            self.advance(run, now, effects);
        }
    }

    fn due(
        &mut self,
        due: Result<Vec<RunNo>, StoreError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let limit = self.finding.take().unwrap_or(DUE_MAX);
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                self.trouble.failed("looking for due timers", false, &error);
                return;
            }
        };
        self.trouble.worked(false);
        if self.is_stopping {
            return;
        }
        let is_full = due.len() >= limit;
        if !is_full {
            self.aside.keep(&due);
        }
        for run in due {
            if self.aside.has(&run, now) {
                continue;
            }
            self.has_more_due = is_full;
            let tracked = self.tracked(run);
            if matches!(tracked.stage, Stage::Idle)
                && tracked.known.as_ref().is_some_and(|known| !has_due(known, now))
            {
                // Somebody else has moved the run since.
                tracked.known = None;
            }
            if !tracked.todo.iter().any(|todo| matches!(todo, Todo::Due)) {
                tracked.todo.push_back(Todo::Due);
            }
            self.advance(run, now, effects);
        }
    }

    fn loaded(
        &mut self,
        run: RunNo,
        loaded: Result<Option<Box<LoadedRun>>, NoMachine>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let tracked = self.runs.get_mut(&run);
        let tracked = tracked.filter(|tracked| matches!(tracked.stage, Stage::Loading));
        let Some(tracked) = tracked else { return };
        tracked.stage = Stage::Idle;
        match loaded {
            Ok(Some(loaded)) => tracked.known = Some(*loaded),
            Ok(None) => {
                self.forget(run, effects);
                return;
            }
            Err(NoMachine::Store(error)) if is_general(&error) => {
                self.trouble.failed("loading a run", false, &error);
                self.rest(run, now);
                return;
            }
            Err(error) => {
                tracing::error!(%run, %error, "a run cannot be worked on");
                self.set_aside(run, now, effects);
                if !matches!(error, NoMachine::Store(_)) {
                    let advice =
                        "save the workflow as it was, then resume the run to go on with it";
                    effects.push(Effect::Quarantine { run, why: format!("{error}; {advice}") });
                }
                return;
            }
        }
        self.advance(run, now, effects);
    }

    fn committed(
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
        self.keep_promise(&in_flight.filed);
        match &outcome {
            Ok(_) => {
                self.trouble.worked(true);
                self.aside.take_up(&run);
            }
            Err(error) if is_general(error) => self.trouble.failed("a commit", true, error),
            Err(_) => {}
        }
        let tracked = self.tracked(run);
        match outcome {
            Ok(committed) => {
                if let Some(known) = &mut tracked.known {
                    known.run = in_flight.after;
                    if committed.snapshot {
                        known.run.snapshot_taken();
                    }
                    known.budgets.clone_from(&committed.budgets);
                }
                // Where work is bounded, the end of one piece makes room for another, of whichever run.
                let is_bounded = |known: &LoadedRun| !known.machine.concurrency.is_empty();
                if in_flight.has_more || tracked.known.as_ref().is_some_and(is_bounded) {
                    self.next_poll = now;
                }
                let is_over = is_over(&committed.budgets, now);
                if is_over {
                    self.tracked(run).todo.push_back(Todo::Due);
                }
                // Once a limit is passed, nothing is filed in anybody's hands.
                for task in in_flight.filed.into_iter().filter(|_| !is_over) {
                    let own = InHand { task: task.clone(), is_performed: false, is_known: true };
                    self.in_hand.insert(task.id.clone(), own);
                    // What has not begun when the runner is to stop is given back.
                    if !self.is_stopping {
                        self.tracked(run).todo.push_back(Todo::Begin(task));
                    }
                }
                // Only now, or the run would be forgotten between two of its steps.
                self.settled(run, &in_flight.todo, effects);
                self.abort_what_ended(run, effects);
            }
            Err(StoreError::LeaseLost { task }) => {
                tracing::info!(%task, "a result came too late: somebody else has the task");
                tracked.known = None;
                if let Some(task) = in_flight.todo.task() {
                    self.unhold(&task.held(), effects);
                }
            }
            Err(StoreError::NoSuchRun(_)) => {
                self.forget(run, effects);
                return;
            }
            Err(StoreError::Conflict { .. }) => {
                tracked.known = None;
                tracked.todo.push_front(in_flight.todo);
            }
            Err(error) if !is_general(&error) => {
                // Nothing was written, and it would be refused again.
                tracing::error!(%run, %error, "a commit is refused");
                match in_flight.todo {
                    Todo::End(task, Ok(_)) => {
                        let reason = format!("the store refuses the result: {}", advised(&error));
                        let failure = Failure::lasting(reason);
                        tracked.todo.push_front(Todo::End(task, Err(failure)));
                    }
                    _ => {
                        self.set_aside(run, now, effects);
                        let why = trouble::refused(&error);
                        effects.push(Effect::Quarantine { run, why });
                        return;
                    }
                }
            }
            Err(_) => {
                // Whether it happened is unknown. Decided again on what is there, it is taken once at most.
                tracked.known = None;
                tracked.todo.push_front(in_flight.todo);
                self.rest(run, now);
                if !in_flight.filed.is_empty() {
                    // If it happened, nobody else would touch what it filed until the lease has run out.
                    let filed = in_flight.filed.iter().map(Task::held).collect();
                    effects.push(Effect::Release(filed));
                }
                return;
            }
        }
        self.advance(run, now, effects);
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

    fn ended(&mut self, held: &Held, outcome: Outcome, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(own) = self.in_hand.get_mut(&held.task) else { return };
        if own.task.attempt != held.attempt || !own.is_performed {
            return;
        }
        own.is_performed = false;
        let task = own.task.clone();
        let result = match outcome {
            Outcome::Done(value) => Ok(value),
            Outcome::Failed(failure) => Err(failure),
            Outcome::Parked | Outcome::Dropped => {
                self.in_hand.remove(&held.task);
                self.next_poll = now;
                self.tidy(held.task.run);
                return;
            }
            Outcome::Declined(why) => {
                self.declined(held, &why, effects);
                return;
            }
        };
        if self.is_stopping && !self.runs.contains_key(&task.id.run) {
            return;
        }
        let run = task.id.run;
        self.tracked(run).todo.push_back(Todo::End(task, result));
        self.advance(run, now, effects);
    }

    /// Leaves a task to others, and says so if the reason is a new one.
    fn declined(&mut self, held: &Held, why: &str, effects: &mut Vec<Effect>) {
        let is_new = self.declined.put(held.task.clone(), why);
        let task = &held.task;
        // Whoever works for one run alone waits for it, and is told at the end.
        if is_new && self.config.root.is_none() {
            tracing::warn!(run = %task.run, %task, "left to other engines: {why}");
        } else {
            tracing::debug!(run = %task.run, %task, "left to other engines: {why}");
        }
        self.has_backlog &= !self.declined.is_full();
        self.decline(held, effects);
    }

    fn decline(&mut self, held: &Held, effects: &mut Vec<Effect>) {
        self.unhold(held, effects);
        effects.push(Effect::Decline(held.clone()));
    }

    fn extended(&mut self, lost: Result<Vec<Held>, StoreError>, effects: &mut Vec<Effect>) {
        match lost {
            Ok(lost) => {
                self.trouble.worked(true);
                for held in lost {
                    let is_own = self
                        .in_hand
                        .get(&held.task)
                        .is_some_and(|own| own.task.attempt == held.attempt);
                    // What is being committed decides for itself whether it came in time.
                    let is_ending = self
                        .runs
                        .get(&held.task.run)
                        .is_some_and(|tracked| tracked.is_about(&held.task));
                    if is_own && !is_ending {
                        tracing::info!(task = %held.task, "the task ended elsewhere");
                        self.unhold(&held, effects);
                    }
                }
            }
            Err(error) => self.trouble.failed("extending leases", true, &error),
        }
    }

    fn stop(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.is_stopping = true;
        self.stop_by = now.after(self.config.lease);
        for tracked in self.runs.values_mut() {
            // Results that are there are kept; what has not begun is given back.
            tracked.todo.retain(|todo| matches!(todo, Todo::End(..)));
        }
        let busy: Vec<TaskId> = self.runs.values().flat_map(Tracked::ending).collect();
        let idle: Vec<TaskId> =
            self.in_hand.keys().filter(|task| !busy.contains(task)).cloned().collect();
        let (mut ending, mut released) = (Vec::new(), Vec::new());
        for task in idle {
            if let Some(own) = self.in_hand.remove(&task) {
                if own.is_performed {
                    effects.push(Effect::Abort(own.task.held()));
                    ending.push(own.task.held());
                }
                released.push(own.task.held());
            }
        }
        if !ending.is_empty() {
            // What is told to end takes its time for that, and is given back afterwards.
            let until = now.after(plan::ENDING.max(self.config.lease));
            effects.push(Effect::Extend { held: ending, until });
        }
        if !released.is_empty() {
            effects.push(Effect::Release(released));
        }
    }

    fn finish_stopping(&mut self, is_late: bool, effects: &mut Vec<Effect>) {
        let is_busy = self.claiming.is_some()
            || self
                .runs
                .values()
                .any(|tracked| !matches!(tracked.stage, Stage::Idle) || !tracked.todo.is_empty());
        if is_busy && !is_late || self.has_stopped {
            return;
        }
        if is_busy {
            tracing::error!(
                "the store did not take what was to be kept; it is done anew by whoever comes next"
            );
        }
        let held: Vec<Held> = self.in_hand.values().map(|own| own.task.held()).collect();
        self.in_hand.clear();
        if !held.is_empty() {
            effects.push(Effect::Release(held));
        }
        self.has_stopped = true;
        effects.push(Effect::Stopped);
    }

    fn tracked(&mut self, run: RunNo) -> &mut Tracked {
        self.runs.entry(run).or_default()
    }

    /// Nothing can be done about a run.
    fn forget(&mut self, run: RunNo, effects: &mut Vec<Effect>) {
        self.runs.remove(&run);
        let own: Vec<Held> = in_hand_of(&self.in_hand, run).map(|own| own.task.held()).collect();
        for task in own {
            self.unhold(&task, effects);
        }
    }

    /// Nothing can be done about a run, and that will hardly change by itself.
    fn set_aside(&mut self, run: RunNo, now: Timestamp, effects: &mut Vec<Effect>) {
        self.aside.put(run, self.config.poll, now);
        self.forget(run, effects);
    }

    /// Lets go of an attempt that is nobody's business any more, or whose task is somebody else's.
    fn unhold(&mut self, held: &Held, effects: &mut Vec<Effect>) {
        if self.in_hand.get(&held.task).is_some_and(|own| own.task.attempt == held.attempt)
            && let Some(own) = self.in_hand.remove(&held.task)
            && own.is_performed
        {
            effects.push(Effect::Abort(held.clone()));
        }
        if let Some(tracked) = self.runs.get_mut(&held.task.run) {
            let is_other = |task: &Task| task.id != held.task || task.attempt != held.attempt;
            tracked.todo.retain(|todo| todo.task().is_none_or(is_other));
        }
        self.tidy(held.task.run);
    }

    fn give_back(&mut self, task: &Task, effects: &mut Vec<Effect>) {
        let held = task.held();
        self.unhold(&held, effects);
        effects.push(Effect::Release(vec![held]));
    }

    /// Forgets a run there is nothing to do about. It is loaded anew when there is.
    fn tidy(&mut self, run: RunNo) {
        let is_idle = self
            .runs
            .get(&run)
            .is_some_and(|tracked| matches!(tracked.stage, Stage::Idle) && tracked.todo.is_empty());
        if is_idle && in_hand_of(&self.in_hand, run).next().is_none() {
            self.runs.remove(&run);
        }
    }

    /// Does what is to be done about a run, until something has to be waited for.
    fn advance(&mut self, run: RunNo, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(tracked) = self.runs.get_mut(&run)
            && matches!(tracked.stage, Stage::Idle)
            && !tracked.todo.is_empty()
        {
            let Some(known) = &tracked.known else {
                tracked.stage = Stage::Loading;
                effects.push(Effect::Load(run));
                return;
            };
            let Some(todo) = tracked.todo.pop_front() else { return };
            if let Some(own) = todo.task().and_then(|task| self.in_hand.get_mut(&task.id))
                && !std::mem::replace(&mut own.is_known, true)
                && own.task.queue != CANCEL_QUEUE
                && !is_going_on(&known.run, &own.task.id)
            {
                // Somebody else began this work, after the run was loaded.
                tracked.known = None;
                tracked.todo.push_front(todo);
                continue;
            }
            match next(known, &todo, now) {
                Next::Nothing => self.drop_todo(&todo, effects),
                Next::Perform(call) => self.perform(&todo, call, effects),
                Next::Instead(other) => tracked.todo.push_front(*other),
                Next::Commit(decision, after) => {
                    self.commit(run, todo, *decision, *after, now, effects);
                    return;
                }
                Next::GiveBack => {
                    if let Some(task) = todo.task() {
                        self.give_back(task, effects);
                    }
                }
            }
        }
        self.tidy(run);
    }

    fn drop_todo(&mut self, todo: &Todo, effects: &mut Vec<Effect>) {
        if let Some(task) = todo.task() {
            self.unhold(&task.held(), effects);
        }
    }

    fn perform(&mut self, todo: &Todo, call: Box<Call>, effects: &mut Vec<Effect>) {
        let Some(own) = todo.task().and_then(|task| self.in_hand.get_mut(&task.id)) else { return };
        own.is_performed = true;
        let (held, queue) = (own.task.held(), own.task.queue.clone());
        effects.push(Effect::Perform { held, queue, call });
    }

    fn commit(
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
        for task in &filed {
            *self.promised.entry(task.queue.clone()).or_default() += 1;
        }
        let in_flight = InFlight { todo, after: batch.run.clone(), filed, has_more };
        self.tracked(run).stage = Stage::Committing(Box::new(in_flight));
        effects.push(Effect::Commit { run, expected, batch: Box::new(batch) });
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
        let leaving = todo.task().filter(|task| self.in_hand.contains_key(&task.id));
        let mut free = self.free() + usize::from(leaving.is_some());
        let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
        let goes_on = matches!(after.status, Status::Running | Status::Waiting);
        // It settles what is due for any run, and works for its own.
        let is_own = self.config.root.is_none_or(|root| root == known.root);
        let lease = |queue: &str| {
            let serves = self.config.queues.iter().any(|own| own == queue);
            let room = rooms.entry(queue.to_owned()).or_insert_with(|| {
                let is_left = leaving.is_some_and(|task| task.queue == queue);
                self.room_in(queue).saturating_add(usize::from(is_left))
            });
            if !serves || !is_own || !goes_on || self.is_stopping || free == 0 || *room == 0 {
                return None;
            }
            (free, *room) = (free - 1, *room - 1);
            let until = now.after(self.config.lease);
            Some(Lease { owner: self.config.owner.clone(), until })
        };
        plan::batch(&known.machine, &known.run, decision, after, None, now, lease)
    }

    /// The commit that was to file these tasks is over.
    fn keep_promise(&mut self, filed: &[Task]) {
        for task in filed {
            if let Some(promised) = self.promised.get_mut(&task.queue) {
                *promised = promised.saturating_sub(1);
            }
        }
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
}

/// The tasks of one run among those that are held.
fn in_hand_of(in_hand: &BTreeMap<TaskId, InHand>, run: RunNo) -> impl Iterator<Item = &InHand> {
    let (visit, branch, purpose) = (Visit(0), Branch::WHOLE, Purpose::Work);
    let first = TaskId { run, state: StateId::root(), visit, branch, purpose };
    in_hand.range(first..).take_while(move |(id, _)| id.run == run).map(|(_, own)| own)
}

impl Tracked {
    /// Whether a result of the task is being taken, or about to be.
    fn is_about(&self, task: &TaskId) -> bool {
        self.ending().any(|ending| ending == *task)
    }

    fn ending(&self) -> impl Iterator<Item = TaskId> {
        let committing = match &self.stage {
            Stage::Committing(in_flight) => in_flight.todo.task(),
            Stage::Idle | Stage::Loading | Stage::Resting => None,
        };
        let waiting = self.todo.iter().filter(|todo| matches!(todo, Todo::End(..)));
        committing.into_iter().chain(waiting.filter_map(Todo::task)).map(|task| task.id.clone())
    }
}
