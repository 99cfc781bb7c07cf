//! The only code that waits, spawns and talks to the world. It decides nothing: what it is told to do it does, and what
//! comes of it goes back to the runner as a message.
//!
//! Work runs in tasks of its own. Questions to the store are waited for right here: most of them are commits, which others
//! carry out, and many answers that come at once wake one task.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use guidepost_core::id::{RunNo, RunRef, Tenant};
use guidepost_core::time::Timestamp;
use guidepost_store::{CANCEL_QUEUE, Held, ScheduleFilter, Store, StoreError, TaskId};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::call::{Call, Failure, Outcome};
use crate::machines::{Machines, NoMachine};
use crate::plan;
use crate::runner::{Config, DECLINED_MAX, Effect, LoadedRun, Message, Runner};
use crate::schedule;
use crate::work::{Handler, Handlers};
use crate::world::World;

/// How long an engine that stops waits for what it asked of the store last, such as to take its tasks back.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the shell works with.
pub(crate) struct Shell {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenant: Tenant,
    pub(crate) machines: Arc<Machines>,
    pub(crate) handlers: Handlers,
    pub(crate) cancel: Arc<dyn Handler>,
    pub(crate) world: Arc<dyn World>,
    /// Counts what this engine committed.
    pub(crate) commits: watch::Sender<u64>,
    /// How many tasks this engine holds.
    pub(crate) in_hand: watch::Sender<usize>,
    /// Why no new work is taken, if that is so.
    pub(crate) trouble: watch::Sender<Option<String>>,
    /// What this engine leaves to others, and why.
    pub(crate) declined: watch::Sender<BTreeMap<TaskId, String>>,
}

/// What is waited for.
#[derive(Default)]
struct Underway {
    /// Questions to the store, and its answers; `None` where nobody waits for one.
    asked: FuturesUnordered<BoxFuture<'static, Option<Message>>>,
    work: JoinSet<Message>,
    aborts: HashMap<Held, AbortHandle>,
}

impl Shell {
    /// Works until it is told to stop and everything is given back.
    pub(crate) async fn run(self, config: Config, mut stop: watch::Receiver<bool>) {
        let owner: Arc<str> = config.owner.as_str().into();
        let mut runner = Runner::new(config);
        let mut underway = Underway::default();
        let mut effects = Vec::new();
        let mut is_stopping = false;
        let mut message = Message::Wake;
        let mut alarm = pin!(sleep(Duration::ZERO));
        let mut is_set_for = None;
        loop {
            if let Message::Committed { outcome: Ok(_), .. } = &message {
                self.commits.send_modify(|count| *count += 1);
            }
            if let Message::Ended { held, outcome: Outcome::Declined(why) } = &message {
                self.note_declined(held, why);
            }
            runner.handle(message, self.world.now(), &mut effects);
            if *self.in_hand.borrow() != runner.tasks_in_hand() {
                self.in_hand.send_replace(runner.tasks_in_hand());
            }
            if self.trouble.borrow().as_deref() != runner.trouble() {
                self.trouble.send_replace(runner.trouble().map(str::to_owned));
            }
            for effect in effects.drain(..) {
                match effect {
                    Effect::Stopped => {
                        let last = timeout(LAST_WORDS, underway.asked.collect::<Vec<_>>()).await;
                        if last.is_err() {
                            tracing::warn!("the store did not answer at the end; leases run out");
                        }
                        return;
                    }
                    Effect::Abort(held) => {
                        if let Some(work) = underway.aborts.remove(&held) {
                            work.abort();
                        }
                    }
                    Effect::Perform { held, queue, call } => {
                        let work = self.perform(held.clone(), &queue, *call);
                        underway.aborts.insert(held, underway.work.spawn(work));
                    }
                    other => underway.asked.push(self.ask(Arc::clone(&owner), other)),
                }
            }
            let wake_at = runner.wake_at();
            if is_set_for != Some(wake_at) {
                is_set_for = Some(wake_at);
                alarm.as_mut().reset(Instant::now() + pause_until(wake_at, self.world.now()));
            }
            message = tokio::select! {
                biased;
                changed = stop.changed(), if !is_stopping => {
                    is_stopping = changed.is_err() || *stop.borrow();
                    if is_stopping { Message::Stop } else { Message::Wake }
                }
                message = underway.next() => message,
                () = &mut alarm => {
                    is_set_for = None;
                    Message::Tick
                }
            };
        }
    }

    /// Lets whoever started the engine know what it leaves to others.
    fn note_declined(&self, held: &Held, why: &str) {
        self.declined.send_modify(|declined| {
            if declined.len() < DECLINED_MAX {
                declined.insert(held.task.clone(), why.to_owned());
            }
        });
    }

    /// Asks the store. The answer comes also if the store panics: then it says that nothing is known.
    fn ask(&self, owner: Arc<str>, effect: Effect) -> BoxFuture<'static, Option<Message>> {
        let (store, tenant) = (Arc::clone(&self.store), self.tenant.clone());
        let (machines, handlers) = (Arc::clone(&self.machines), self.handlers.clone());
        let (world, now) = (Arc::clone(&self.world), self.world.now());
        let otherwise = broken_off(&effect);
        let answer = async move {
            Some(match effect {
                Effect::Claim(claim) => Message::Claimed(store.claim(&tenant, &claim).await),
                Effect::FindDue { now, limit } => {
                    Message::Due(store.due(&tenant, now, limit).await)
                }
                Effect::FindSchedules { until, limit } => {
                    let due_by = Some(until);
                    let filter = ScheduleFilter { due_by, limit, ..ScheduleFilter::default() };
                    let found = store.schedules(&tenant, &filter).await;
                    Message::Scheduled { until, found: found.map(|page| page.items) }
                }
                Effect::MoveSchedule { before, settled } => {
                    let moved =
                        schedule::settle(&*store, &tenant, &machines, &*world, &before, &settled);
                    let outcome = moved.await;
                    let (schedule, begins) = (before.full_name(), settled.begin.is_some());
                    Message::ScheduleMoved { schedule, begins, outcome }
                }
                Effect::Load(run) => {
                    let loaded = load(&*store, &tenant, &machines, run).await;
                    Message::Loaded { run, loaded }
                }
                Effect::Commit { run, expected, batch } => {
                    let outcome = store.commit(&tenant, run, expected, *batch).await;
                    Message::Committed { run, outcome }
                }
                Effect::Extend { held, until } => {
                    Message::Extended(store.extend(&tenant, &owner, &held, until).await)
                }
                Effect::Release(held) => {
                    for held in &held {
                        handlers.cleared(&held.task).await;
                    }
                    if let Err(error) = store.release(&tenant, &owner, &held, world.now()).await {
                        tracing::warn!(%error, "tasks could not be given back; their leases run out");
                    }
                    return None;
                }
                Effect::Decline(held) => {
                    if let Err(error) = store.decline(&tenant, &owner, &[held], now).await {
                        tracing::warn!(%error, "a task could not be given back; its lease runs out");
                    }
                    return None;
                }
                Effect::Quarantine { run, why } => {
                    if let Err(error) = quarantine(&*store, &tenant, run, &why, now).await {
                        tracing::warn!(%run, %error, "a run could not be held back yet");
                    }
                    return None;
                }
                Effect::Perform { .. } | Effect::Abort(_) | Effect::Stopped => return None,
            })
        };
        answered(answer, otherwise).boxed()
    }

    /// Does a piece of work, and says how it ended.
    fn perform(&self, held: Held, queue: &str, call: Call) -> BoxFuture<'static, Message> {
        let handler = if queue == CANCEL_QUEUE {
            Some(Arc::clone(&self.cancel))
        } else {
            self.handlers.get(queue)
        };
        let Some(handler) = handler else {
            let failure = Failure::lasting(format!("nobody here serves `{queue}`"));
            let message = Message::Ended { held, outcome: Outcome::Failed(failure) };
            return std::future::ready(message).boxed();
        };
        let work = async move {
            let task = call.task.clone();
            handler.cleared(&task).await;
            let Some(most) = call.timeout else { return handler.perform(call).await };
            let in_time = timeout(most, handler.perform(call)).await;
            if let Ok(outcome) = in_time {
                return outcome;
            }
            handler.cleared(&task).await;
            Outcome::Failed(Failure::passing(format!(
                "it took longer than its timeout of {most:?}"
            )))
        };
        let panicked = |_| Outcome::Failed(Failure::passing("whoever did it panicked"));
        async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(panicked);
            Message::Ended { held, outcome }
        }
        .boxed()
    }
}

impl Underway {
    /// What comes next; waits for ever if nothing is under way. Work that has ended comes first, so that its commits go to
    /// the store together.
    async fn next(&mut self) -> Message {
        loop {
            tokio::select! {
                biased;
                Some(ended) = self.work.join_next() => {
                    // Aborted: nobody wants to know.
                    let Ok(message) = ended else { continue };
                    if let Message::Ended { held, .. } = &message {
                        self.aborts.remove(held);
                    }
                    return message;
                }
                Some(answer) = self.asked.next() => {
                    if let Some(message) = answer {
                        return message;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }
}

/// An answer, or what is said in its place if whoever is asked panics.
async fn answered(
    answer: impl Future<Output = Option<Message>>,
    otherwise: Option<Message>,
) -> Option<Message> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or(otherwise)
}

/// What the runner is told if a call is broken off midway; `None` if it waits for no answer.
fn broken_off(effect: &Effect) -> Option<Message> {
    let error = || StoreError::Unavailable {
        url: String::new(),
        what: "the call was broken off midway".to_owned(),
        source: None,
    };
    match effect {
        Effect::Claim(_) => Some(Message::Claimed(Err(error()))),
        Effect::FindDue { .. } => Some(Message::Due(Err(error()))),
        Effect::FindSchedules { until, .. } => {
            Some(Message::Scheduled { until: *until, found: Err(error()) })
        }
        Effect::MoveSchedule { before, settled } => {
            let (schedule, begins) = (before.full_name(), settled.begin.is_some());
            Some(Message::ScheduleMoved { schedule, begins, outcome: Err(error()) })
        }
        Effect::Load(run) => Some(Message::Loaded { run: *run, loaded: Err(error().into()) }),
        Effect::Commit { run, .. } => Some(Message::Committed { run: *run, outcome: Err(error()) }),
        Effect::Extend { .. } => Some(Message::Extended(Err(error()))),
        Effect::Release(_)
        | Effect::Decline(_)
        | Effect::Quarantine { .. }
        | Effect::Perform { .. }
        | Effect::Abort(_)
        | Effect::Stopped => None,
    }
}

async fn load(
    store: &dyn Store,
    tenant: &Tenant,
    machines: &Machines,
    run: RunNo,
) -> Result<Option<Box<LoadedRun>>, NoMachine> {
    let Some(loaded) = store.load(tenant, &RunRef::No(run)).await? else { return Ok(None) };
    let machine = machines.of(store, tenant, &loaded.head, &loaded.run).await?;
    let (id, root) = (loaded.head.id, loaded.head.root);
    let (run, budgets) = (loaded.run, loaded.budgets);
    Ok(Some(Box::new(LoadedRun { id, root, run, machine, budgets })))
}

/// Pauses a run without its machine. If it moved meanwhile, it is looked at again.
async fn quarantine(
    store: &dyn Store,
    tenant: &Tenant,
    run: RunNo,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(loaded) = store.load(tenant, &RunRef::No(run)).await? else { return Ok(()) };
    let Some(batch) = plan::quarantine(&loaded.run, why, now) else { return Ok(()) };
    store.commit(tenant, run, loaded.run.rev, batch).await?;
    Ok(())
}

fn pause_until(wake: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(u64::try_from(wake.0.saturating_sub(now.0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_panics_is_unavailable() {
        let otherwise = broken_off(&Effect::Load(RunNo(7)));
        let call = async { panic!("as bugs do") };
        match answered(call, otherwise).await {
            Some(Message::Loaded { run: RunNo(7), loaded: Err(NoMachine::Store(_)) }) => {}
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_is_given_as_it_is() {
        let otherwise = broken_off(&Effect::Load(RunNo(7)));
        let answer = answered(std::future::ready(Some(Message::Wake)), otherwise).await;
        assert!(matches!(answer, Some(Message::Wake)));
    }
}
