//! The engine's decisions: [`Runner::handle`]. It waits for nothing, spawns nothing and reads no clock.
//!
//! A runner holds tasks by lease, does their work through the shell, and commits what came of it. What it keeps of a run
//! is a copy that is checked by every commit: the store takes a decision only at the rev it was made at, and a result only
//! for the present attempt. So any number of runners may work on one store, and any of them may vanish at any moment.

mod commit;
mod declined;
mod hands;
mod message;
mod next;
mod schedules;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use guidepost_core::id::{Branch, Purpose, RunNo, StateId, Visit};
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::{CANCEL_QUEUE, Held, NEVER, StoreError, Task, TaskId};

use self::commit::InFlight;
pub(crate) use self::declined::DECLINED_MAX;
use self::declined::Declined;
use self::hands::{Claiming, Counts};
pub use self::message::{Effect, LoadedRun, Message};
use self::next::{Next, has_due, is_going_on, next};
use self::schedules::Schedules;
pub(crate) use self::trouble::is_general;
use self::trouble::{Aside, Trouble};
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
    /// How many tasks commits under way file for this runner, by their queue: its own as soon as they land.
    promised: Counts,
    /// How many of its tasks commits under way end, by their queue: their work is over, and what follows takes their place.
    ending: Counts,
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

    /// The task that is in nobody's hands any more once this is done.
    fn ends(&self) -> Option<&Task> {
        match self {
            Self::End(task, _) | Self::TimedOut(task) | Self::Quarantine(task) => Some(task),
            Self::Begin(_) | Self::Due => None,
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
            promised: Counts::default(),
            ending: Counts::default(),
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
