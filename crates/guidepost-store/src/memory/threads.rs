//! What was said in the threads of runs.

use std::collections::BTreeMap;

use guidepost_core::id::{Branch, RunId, RunNo, StateId};
use guidepost_core::time::Timestamp;

use crate::filter::{page, page_items};
use crate::thread::beyond;
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

impl Thread {
    fn is_of(&self, state: &StateId, branch: Branch) -> bool {
        self.state == *state && self.branch == branch
    }
}

impl Threads {
    pub(super) fn say(&mut self, run: RunNo, turns: impl Iterator<Item = NewTurn>, now: Timestamp) {
        for turn in turns {
            let threads = self.0.entry(run).or_default();
            let is_of = |thread: &Thread| thread.is_of(&turn.state, turn.branch);
            let at = threads.iter().position(is_of).unwrap_or_else(|| {
                let (state, branch) = (turn.state.clone(), turn.branch);
                threads.push(Thread { state, branch, turns: Vec::new() });
                threads.len() - 1
            });
            threads[at].turns.push((turn, now));
        }
    }

    pub(super) fn list(&self, id: RunId, filter: &TurnFilter) -> Page<Turn> {
        let is_wanted = |thread: &&Thread| {
            filter.thread.as_ref().is_none_or(|(state, branch)| thread.is_of(state, *branch))
        };
        let threads = self.0.get(&filter.run).map_or(&[][..], Vec::as_slice);
        let after = filter.cursor.as_deref().map(beyond);
        // Behind the place of the cursor: the rest of its thread, and the threads that began later.
        let (from, position) = match &after {
            None => (0, 0),
            Some(((state, branch), position)) => {
                let at = threads.iter().position(|thread| thread.is_of(state, *branch));
                (at.unwrap_or(threads.len()), *position)
            }
        };
        let is_behind = move |at: usize, place: u64| at > from || (at == from && place > position);
        let wanted = threads.iter().enumerate().filter(|(_, thread)| is_wanted(thread));
        let turns = wanted.flat_map(|(at, thread)| {
            thread.turns.iter().zip(1..).filter(move |(_, place)| is_behind(at, *place))
        });
        let turns = turns.map(|((new, at), position)| Turn {
            thread: thread_name(id, &new.state, new.branch),
            state: new.state.clone(),
            branch: new.branch,
            position,
            role: new.role,
            at: *at,
            content: new.content.clone(),
        });
        page(turns, page_items(filter.limit), Turn::id)
    }

    pub(super) fn remove(&mut self, runs: &[RunNo]) {
        runs.iter().for_each(|run| drop(self.0.remove(run)));
    }
}
