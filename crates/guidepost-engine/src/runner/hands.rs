//! How many tasks a runner can take on, and what it claims for as many.

use std::collections::BTreeMap;

use guidepost_core::time::Timestamp;
use guidepost_store::{CANCEL_QUEUE, Claim, Claimed, StoreError, Task};

use super::{Effect, InHand, LOST_MAX, Runner, Todo};

/// A claim under way: what it may bring is not given away meanwhile.
#[derive(Debug)]
pub(super) struct Claiming {
    queues: Vec<String>,
    limit: usize,
}

/// Tasks, counted by their queue.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<String, usize>);

impl Counts {
    pub(super) fn add(&mut self, task: &Task) {
        *self.0.entry(task.queue.clone()).or_default() += 1;
    }

    pub(super) fn remove(&mut self, task: &Task) {
        if let Some(count) = self.0.get_mut(&task.queue) {
            *count = count.saturating_sub(1);
        }
    }

    fn of(&self, queue: &str) -> usize {
        self.0.get(queue).copied().unwrap_or_default()
    }

    pub(super) fn all(&self) -> usize {
        self.0.values().sum()
    }
}

impl Runner {
    pub(super) fn claim(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if let Some(claim) = self.wish(None, now) {
            effects.push(Effect::Claim(claim));
        }
    }

    /// What it is to claim once a task of its own has ended; `None` if it has no hands for more, or is claiming already.
    pub(super) fn wish(&mut self, ended: Option<&Task>, now: Timestamp) -> Option<Claim> {
        let free = self.free_after(ended);
        if self.claiming.is_some() || free == 0 {
            return None;
        }
        let has_room = |queue: &&String| self.room_after(queue, ended) > 0;
        // First of all what is to be cancelled: nobody waits for what goes on there.
        let mut queues = vec![CANCEL_QUEUE.to_owned()];
        queues.extend(self.config.queues.iter().filter(has_room).cloned());
        // Of a queue with a limit of its own, no more may be claimed than it has room for.
        let room = queues.iter().map(|queue| self.room_after(queue, ended)).min().unwrap_or(free);
        let limit = free.min(room);
        self.has_backlog = false;
        self.claiming = Some(Claiming { queues: queues.clone(), limit });
        Some(Claim {
            owner: self.config.owner.clone(),
            now,
            until: now.after(self.config.lease),
            limit,
            queues,
            root: self.config.root,
            except: self.declined.tasks(),
        })
    }

    /// How many more tasks it can take once one of its own has ended, whatever a claim or a commit under way brings.
    pub(super) fn free_after(&self, ended: Option<&Task>) -> usize {
        let claiming = self.claiming.as_ref().map_or(0, |claiming| claiming.limit);
        let ending = ended.map_or(0, |_| 1 + self.ending.all());
        let taken = self.in_hand.len() + self.promised.all();
        (self.config.slots + ending).saturating_sub(taken + claiming)
    }

    /// The same for the tasks of one queue.
    pub(super) fn room_after(&self, queue: &str, ended: Option<&Task>) -> usize {
        let Some(most) = self.config.slots_of.get(queue) else { return usize::MAX };
        let taken = self.in_hand.values().filter(|own| own.task.queue == queue).count();
        let claiming = self.claiming.as_ref().filter(|it| it.queues.iter().any(|it| it == queue));
        let claiming = claiming.map_or(0, |claiming| claiming.limit);
        let ending =
            ended.map_or(0, |task| self.ending.of(queue) + usize::from(task.queue == queue));
        (most + ending).saturating_sub(taken + self.promised.of(queue) + claiming)
    }

    pub(super) fn claimed(
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
        self.hold(claimed, limit, now, effects);
    }

    /// Takes on what it claimed, which was to be so much at most.
    pub(super) fn hold(
        &mut self,
        claimed: Vec<Claimed>,
        limit: usize,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
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
}
