//! The only code that waits, spawns and talks to the world. It decides nothing: what it is told to do it does, and what
//! comes of it goes back to the runner as a message.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{RunNo, RunRef, Tenant};
use guidepost_core::time::Timestamp;
use guidepost_store::{CANCEL_QUEUE, Held, Store, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::call::{Call, Failure, Outcome};
use crate::machines::{Machines, NoMachine};
use crate::plan;
use crate::runner::{Config, Effect, LoadedRun, Message, Runner};
use crate::work::{Handler, Handlers};
use crate::world::World;

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
    /// Why no new work is taken, if that is so.
    pub(crate) trouble: watch::Sender<Option<String>>,
}

impl Shell {
    /// Works until it is told to stop and everything is given back.
    pub(crate) async fn run(self, config: Config, mut stop: watch::Receiver<bool>) {
        let owner = config.owner.clone();
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let mut runner = Runner::new(config);
        let mut performing: HashMap<Held, AbortHandle> = HashMap::new();
        let mut effects = Vec::new();
        let mut is_stopping = false;
        let mut message = Message::Wake;
        loop {
            if let Message::Ended { held, .. } = &message {
                performing.remove(held);
            }
            if let Message::Committed { outcome: Ok(_), .. } = &message {
                self.commits.send_modify(|count| *count += 1);
            }
            runner.handle(message, self.world.now(), &mut effects);
            self.trouble.send_if_modified(|told| {
                let is_new = told.as_deref() != runner.trouble();
                if is_new {
                    *told = runner.trouble().map(str::to_owned);
                }
                is_new
            });
            for effect in effects.drain(..) {
                match effect {
                    Effect::Stopped => return,
                    Effect::Abort(held) => {
                        if let Some(work) = performing.remove(&held) {
                            work.abort();
                        }
                    }
                    Effect::Perform { held, queue, call } => {
                        let work = self.perform(held.clone(), &queue, *call, &sender);
                        performing.insert(held, work);
                    }
                    other => self.ask(&owner, other, &sender),
                }
            }
            let pause = pause_until(runner.wake_at(), self.world.now());
            message = tokio::select! {
                biased;
                message = inbox.recv() => message.unwrap_or(Message::Stop),
                changed = stop.changed(), if !is_stopping => {
                    is_stopping = changed.is_err() || *stop.borrow();
                    if is_stopping { Message::Stop } else { Message::Wake }
                }
                () = tokio::time::sleep(pause) => Message::Tick,
            };
        }
    }

    /// Asks the store, and lets the answer come back as a message.
    fn ask(&self, owner: &str, effect: Effect, sender: &mpsc::UnboundedSender<Message>) {
        let (store, tenant) = (Arc::clone(&self.store), self.tenant.clone());
        let (machines, owner) = (Arc::clone(&self.machines), owner.to_owned());
        let now = self.world.now();
        let answer = Answer { sender: sender.clone(), otherwise: broken_off(&effect) };
        tokio::spawn(async move {
            let message = match effect {
                Effect::Claim(claim) => Message::Claimed(store.claim(&tenant, &claim).await),
                Effect::FindDue { now, limit } => {
                    Message::Due(store.due(&tenant, now, limit).await)
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
                    if let Err(error) = store.release(&tenant, &owner, &held, now).await {
                        tracing::warn!(%error, "tasks could not be given back; their leases run out");
                    }
                    return;
                }
                Effect::Quarantine { run, why } => {
                    if let Err(error) = quarantine(&*store, &tenant, run, &why, now).await {
                        tracing::warn!(%run, %error, "a run could not be held back yet");
                    }
                    return;
                }
                Effect::Perform { .. } | Effect::Abort(_) | Effect::Stopped => return,
            };
            answer.give(message);
        });
    }

    fn perform(
        &self,
        held: Held,
        queue: &str,
        call: Call,
        sender: &mpsc::UnboundedSender<Message>,
    ) -> AbortHandle {
        let handler = if queue == CANCEL_QUEUE {
            Some(Arc::clone(&self.cancel))
        } else {
            self.handlers.get(queue)
        };
        let queue = queue.to_owned();
        let work = tokio::spawn(async move {
            let Some(handler) = handler else {
                return Outcome::Failed(Failure::lasting(format!("nobody here serves `{queue}`")));
            };
            let Some(timeout) = call.timeout else { return handler.perform(call).await };
            let late = || {
                let reason = format!("it took longer than its timeout of {timeout:?}");
                Outcome::Failed(Failure::passing(reason))
            };
            tokio::time::timeout(timeout, handler.perform(call)).await.unwrap_or_else(|_| late())
        });
        let abort = work.abort_handle();
        let sender = sender.clone();
        tokio::spawn(async move {
            let outcome = match work.await {
                Ok(outcome) => outcome,
                Err(error) if error.is_panic() => {
                    Outcome::Failed(Failure::passing("whoever did it panicked"))
                }
                // Aborted: nobody wants to know.
                Err(_) => return,
            };
            let _ = sender.send(Message::Ended { held, outcome });
        });
        abort
    }
}

/// The answer the runner waits for. It comes also if the store panics: then it says that nothing is known.
struct Answer {
    sender: mpsc::UnboundedSender<Message>,
    otherwise: Option<Message>,
}

impl Answer {
    fn give(mut self, message: Message) {
        self.otherwise = Some(message);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(message) = self.otherwise.take() {
            // Nobody listens once the runner has stopped.
            let _ = self.sender.send(message);
        }
    }
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
        Effect::Load(run) => Some(Message::Loaded { run: *run, loaded: Err(error().into()) }),
        Effect::Commit { run, .. } => Some(Message::Committed { run: *run, outcome: Err(error()) }),
        Effect::Extend { .. } => Some(Message::Extended(Err(error()))),
        Effect::Release(_)
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
    let (id, run, budgets) = (loaded.head.id, loaded.run, loaded.budgets);
    Ok(Some(Box::new(LoadedRun { id, run, machine, budgets })))
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
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let otherwise = broken_off(&Effect::Load(RunNo(7)));
        let answer = Answer { sender, otherwise };
        let call = tokio::spawn(async move {
            assert!(answer.otherwise.is_none(), "as bugs do");
            answer.give(Message::Wake);
        });
        assert!(call.await.is_err());
        match inbox.recv().await {
            Some(Message::Loaded { run: RunNo(7), loaded: Err(NoMachine::Store(_)) }) => {}
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_is_given_once() {
        let (sender, mut inbox) = mpsc::unbounded_channel();
        let otherwise = broken_off(&Effect::Load(RunNo(7)));
        Answer { sender, otherwise }.give(Message::Wake);
        assert!(matches!(inbox.recv().await, Some(Message::Wake)));
        assert!(inbox.recv().await.is_none());
    }
}
