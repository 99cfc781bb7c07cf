//! What somebody needs who takes a run over after a crash, or after the context was lost.

use std::collections::HashSet;

use guidepost_core::id::{Seq, TimerId};
use guidepost_core::machine::Machine;
use guidepost_core::recorded::{Action, FactBody};
use guidepost_core::run::Timer;
use guidepost_core::time::Timestamp;
use guidepost_store::{Entry, EntryBody, HistoryPage};
use serde::Serialize;

use super::current::Current;
use super::history::HistoryItem;
use super::way::of_timer;
use super::{OpError, Ops};

/// What somebody needs who takes a run over: what was decided and done last, what it waits for, and what may be repeated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Packet {
    /// The last decisions, newest first.
    pub decisions: Vec<HistoryItem>,
    /// The last other facts, newest first.
    pub facts: Vec<HistoryItem>,
    /// Pending timers, the next first.
    pub timers: Vec<PendingTimer>,
    /// Actions that were begun and whose end is not on record, newest first: whether they happened is unknown.
    pub unfinished: Vec<OpenAction>,
    /// The record before which nobody looked for such actions; `None` if all were looked at.
    pub looked_back_to: Option<String>,
    /// The time now.
    pub now: Timestamp,
}

/// A timer that has not fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingTimer {
    /// Its id.
    pub timer: String,
    /// What it sets off: `after 3d in Review`.
    pub what: String,
    /// When it is due.
    pub due: Timestamp,
}

impl PendingTimer {
    pub(super) fn of(id: &TimerId, timer: &Timer, machine: &Machine) -> Self {
        let what = of_timer(&timer.fires, machine);
        Self { timer: id.to_string(), what, due: timer.due }
    }
}

/// An action that was begun and whose end is not on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenAction {
    /// The record of its begin.
    pub id: String,
    /// Its type.
    pub r#type: String,
    /// Its name.
    pub name: String,
}

/// How many decisions, facts and timers a packet holds: it must fit into 2,000 tokens with the rest of the answer.
const DECISIONS_MAX: usize = 3;
const FACTS_MAX: usize = 8;
const TIMERS_MAX: usize = 10;

/// How many records of actions are looked through for those that are not finished.
const LOOK_BACK: usize = 20_000;

/// How many of them are read at a time.
const PAGE: usize = 1_000;

impl Ops {
    pub(super) async fn packet(&self, current: &Current) -> Result<Packet, OpError> {
        let decisions = self.newest(current, &["decision"], DECISIONS_MAX).await?;
        let kinds = ["action", "action_ended", "message", "artifact", "note"];
        let facts = self.newest(current, &kinds, FACTS_MAX).await?;
        let (unfinished, looked_back_to) = self.unfinished(current).await?;
        let timers = current.run.timers.iter();
        let mut timers: Vec<PendingTimer> =
            timers.map(|(id, timer)| PendingTimer::of(id, timer, &current.machine)).collect();
        timers.sort_by_key(|timer| timer.due);
        timers.truncate(TIMERS_MAX);
        Ok(Packet {
            decisions: decisions.iter().map(|entry| current.history_item(entry)).collect(),
            unfinished,
            looked_back_to: looked_back_to.map(event_id),
            facts: facts.iter().map(|entry| current.history_item(entry)).collect(),
            timers,
            now: self.world.now(),
        })
    }

    /// Actions whose end is not on record, newest first, and the record at which the search for them was given up.
    async fn unfinished(
        &self,
        current: &Current,
    ) -> Result<(Vec<OpenAction>, Option<Seq>), OpError> {
        let kinds = ["action", "action_ended"].map(str::to_owned).to_vec();
        let mut page = HistoryPage { newest_first: true, kinds, beyond: None, limit: PAGE };
        let (mut ended, mut open) = (HashSet::new(), Vec::new());
        for _ in 0..LOOK_BACK / PAGE {
            let found = self.store.history(&self.tenant, current.head.no, &page).await?;
            let last = found.items.last().map(|entry| entry.seq);
            for entry in found.items {
                let EntryBody::Fact { body, .. } = entry.body else { continue };
                match body {
                    FactBody::ActionEnded(end) => {
                        ended.insert(end.r#ref);
                    }
                    FactBody::Action(action) if is_open(&action, &ended) => open.push(OpenAction {
                        id: event_id(entry.seq),
                        r#type: action.action_type,
                        name: action.name,
                    }),
                    _ => {}
                }
            }
            page.beyond = found.next.and(last);
            if page.beyond.is_none() {
                break;
            }
        }
        Ok((open, page.beyond))
    }

    async fn newest(
        &self,
        current: &Current,
        kinds: &[&str],
        limit: usize,
    ) -> Result<Vec<Entry>, OpError> {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let page = HistoryPage { newest_first: true, kinds, beyond: None, limit };
        Ok(self.store.history(&self.tenant, current.head.no, &page).await?.items)
    }
}

/// An action is open if it says so itself, and no end refers to it.
fn is_open(action: &Action, ended: &HashSet<String>) -> bool {
    action.is_begun() && !action.r#ref.as_ref().is_some_and(|id| ended.contains(id))
}

/// A record's short id.
pub(super) fn event_id(seq: Seq) -> String {
    format!("e-{seq}")
}
