//! What runners are asked to do, and what that does to the world outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use guidepost_core::id::{Purpose, Rev};
use guidepost_engine::runner::Message;
use guidepost_engine::{Call, Failure, Outcome};
use guidepost_store::{CANCEL_QUEUE, Held, TaskId};
use serde_json::json;

use super::{Event, NODES, SCARCE, SLOTS, Work, World};
use crate::store::Broken;

/// What handlers did to the world, which counts an effect once for each key.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// The piece of work each key belongs to.
    pub(crate) task_of: BTreeMap<String, BTreeSet<TaskId>>,
    /// How often each piece of work counted.
    pub(crate) counted: BTreeMap<TaskId, u64>,
}

impl Outside {
    pub(super) fn take(&mut self, key: String, task: &TaskId) {
        let task = &deed(task);
        let known = self.task_of.entry(key).or_default();
        if known.is_empty() {
            *self.counted.entry(task.clone()).or_default() += 1;
        }
        known.insert(task.clone());
    }
}

/// What a task does to the world: making a piece of work good is the same whichever decision asks for it.
fn deed(task: &TaskId) -> TaskId {
    let purpose = match task.purpose {
        Purpose::Work => Purpose::Work,
        Purpose::Compensation(_) => Purpose::Compensation(Rev(0)),
    };
    TaskId { purpose, ..task.clone() }
}

impl World {
    pub(super) fn perform(&mut self, node: usize, held: Held, queue: &str, call: Call) {
        self.nodes[node].performing.insert(held.clone(), String::new());
        self.count(node, queue);
        self.note_whose(node, &held.task);
        let (launch, cancel) = &self.nodes[node].handlers;
        let own = match queue {
            CANCEL_QUEUE => Some(Arc::clone(cancel)),
            "run" => Some(Arc::clone(launch)),
            _ => None,
        };
        if let Some(handler) = own {
            let work: Work = Box::pin(async move { handler.perform(call).await });
            self.nodes[node].work.insert(held.clone(), work);
            self.later(node, 0, Event::Poll(held));
            return;
        }
        if self.may_not(node, &call) {
            return self.end(node, 1, held, Outcome::Declined("it is not allowed here".to_owned()));
        }
        let key = self.key_of(&call);
        self.nodes[node].performing.insert(held.clone(), key.clone());
        let is_slow = self.rng.permille(self.faults.slow);
        let takes = if is_slow { 1_000 + self.rng.below(7_000) } else { 10 + self.rng.below(400) };
        let timeout = call.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap());
        let acts = self.rng.below(takes + 1);
        let late = timeout.filter(|timeout| *timeout < takes);
        let outcome = match late {
            Some(_) => Outcome::Failed(Failure::passing("it took longer than its timeout")),
            None if self.rng.permille(self.faults.broken) => {
                Outcome::Failed(Failure::lasting("it cannot be done"))
            }
            None if self.rng.permille(self.faults.failing) => {
                Outcome::Failed(Failure::passing("not now"))
            }
            None => Outcome::Done(json!(call.task.to_string())),
        };
        let is_done = matches!(outcome, Outcome::Done(_));
        let ends = late.unwrap_or(takes);
        if acts < ends || is_done {
            self.later(
                node,
                acts.min(ends.saturating_sub(1)),
                Event::Outside { held: held.clone(), key },
            );
        }
        self.end(node, ends, held, outcome);
    }

    /// Whether a node is not allowed what others are. Of each piece of work, one node in three at most.
    fn may_not(&self, node: usize, call: &Call) -> bool {
        let is_choosy = self.seed % 4 == 1;
        let run = u64::try_from(call.task.run.0).unwrap();
        let number = run + call.task.visit.0 + u64::from(call.task.branch.0);
        is_choosy && number % NODES as u64 == node as u64
    }

    /// Lets a runner know how a piece of work ended, once or twice.
    fn end(&mut self, node: usize, ms: u64, held: Held, outcome: Outcome) {
        if self.rng.permille(self.faults.doubled) {
            let (held, outcome, delay) = (held.clone(), outcome.clone(), self.delay());
            self.later(node, ms + delay, Event::Message(Message::Ended { held, outcome }));
        }
        self.later(node, ms, Event::Message(Message::Ended { held, outcome }));
    }

    fn key_of(&self, call: &Call) -> String {
        match self.store.state().broken {
            Some(Broken::KeyOfTheState) => format!("{}:{}", call.task.run, call.task.state),
            Some(Broken::KeyOfTheWork) => {
                format!("{}:{}", call.task.run, call.task.piece())
            }
            Some(Broken::KeyOfTheAttempt) => format!("{}/{}", call.key, call.attempt),
            _ => call.key.clone(),
        }
    }

    fn count(&mut self, node: usize, queue: &str) {
        let at_work = self.nodes[node].performing.len();
        if at_work > SLOTS {
            self.crowded
                .push(format!("n{node} does {at_work} tasks at once, and has {SLOTS} slots"));
        }
        if queue == SCARCE.0 {
            let is_scarce = |held: &&Held| held.task.state.as_str() == "Read";
            let of_it = self.nodes[node].performing.keys().filter(is_scarce).count();
            if of_it > SCARCE.1 {
                let (queue, most) = SCARCE;
                self.crowded.push(format!("n{node} does {of_it} tasks of `{queue}`, of {most}"));
            }
        }
    }

    /// Notes whose work a runner does that is there for one run.
    fn note_whose(&mut self, node: usize, task: &TaskId) {
        let Some(root) = self.nodes[node].root else { return };
        if self.store.run(task.run).is_some_and(|loaded| loaded.head.root == root) {
            self.done_at_home += 1;
        } else {
            self.strayed.push(format!("n{node} works for {root}, and did {task}"));
        }
    }

    /// Lets a handler of the engine's own go on until it asks the store again.
    pub(super) fn poll(&mut self, node: usize, held: &Held) {
        let Some(mut work) = self.nodes[node].work.remove(held) else { return };
        self.store.state().is_handler = true;
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.store.state().is_handler = false;
        if std::mem::take(&mut self.store.state().is_crashing) {
            self.note(|| format!("n{node} vanishes within {}", held.task));
            return self.vanish(node);
        }
        match polled {
            Poll::Ready(outcome) => self.end(node, 1, held.clone(), outcome),
            Poll::Pending => {
                self.nodes[node].work.insert(held.clone(), work);
                let delay = self.delay();
                self.later(node, delay, Event::Poll(held.clone()));
            }
        }
    }
}
