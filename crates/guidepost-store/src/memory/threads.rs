//! What was said in the threads of runs.

use std::collections::BTreeMap;

use guidepost_core::id::{Branch, RunId, RunNo, StateId};
use guidepost_core::time::Timestamp;

use crate::filter::{page, page_items};
use crate::{NewTurn, Page, Turn, TurnFilter, thread_name};

/// One tenant's threads, by run and in the order they began.
#[derive(Debug, Default)]
pub(super) struct Threads(BTreeMap<RunNo, Vec<Thread>>);

#[derive(Debug)]
struct Thread {
    state: StateId,
    branch: Branch,
    turns: Vec<(NewTurn, Timestamp)>,
}

impl Threads {
    pub(super) fn say(&mut self, run: RunNo, turns: impl Iterator<Item = NewTurn>, now: Timestamp) {
        for turn in turns {
            let threads = self.0.entry(run).or_default();
            let is_of =
                |thread: &Thread| thread.state == turn.state && thread.branch == turn.branch;
            let at = threads.iter().position(is_of).unwrap_or_else(|| {
                let (state, branch) = (turn.state.clone(), turn.branch);
                threads.push(Thread { state, branch, turns: Vec::new() });
                threads.len() - 1
            });
            threads[at].turns.push((turn, now));
        }
    }

    pub(super) fn list(&self, id: RunId, filter: &TurnFilter) -> Page<Turn> {
        let after: usize = filter.cursor.as_deref().map_or(0, |at| at.parse().unwrap_or(0));
        let threads = self.0.get(&filter.run).into_iter().flatten();
        let turns = threads.flat_map(|thread| thread.turns.iter().zip(1..));
        let turns = turns.map(|((new, at), position)| Turn {
            thread: thread_name(id, &new.state, new.branch),
            state: new.state.clone(),
            branch: new.branch,
            position,
            role: new.role,
            at: *at,
            content: new.content.clone(),
        });
        let limit = page_items(filter.limit);
        page(turns.skip(after), limit, |_| (after + limit).to_string())
    }

    pub(super) fn remove(&mut self, runs: &[RunNo]) {
        runs.iter().for_each(|run| drop(self.0.remove(run)));
    }
}
