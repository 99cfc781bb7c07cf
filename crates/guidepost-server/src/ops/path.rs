//! The way a run went, as a diagram: from which innermost state each transition really led, region by region.

use guidepost_core::id::{Rev, StateId};
use guidepost_core::record::{Cause, Record, Restoration, Restored, Transitioned};
use guidepost_core::workflow::{Taken, path_diagram};
use guidepost_store::{EntryBody, HistoryPage};

use super::current::{Current, leaf_ids};
use super::way::{innermost, is_inside};
use super::{OpError, Ops};

/// Records that a diagram of a run's way is made of at most. More are no longer a picture.
const PATH_RECORDS_MAX: usize = 500;

/// The kinds of records that move a run, and the failed tries at work in between.
const KINDS: [&str; 3] = ["transitioned", "restored", "attempt_failed"];

impl Ops {
    /// The way a run went, as a diagram made of its last records, at most [`PATH_RECORDS_MAX`].
    pub(super) async fn path_taken(&self, current: &Current) -> Result<String, OpError> {
        let page = HistoryPage {
            newest_first: true,
            kinds: KINDS.map(str::to_owned).to_vec(),
            beyond: None,
            limit: PATH_RECORDS_MAX,
        };
        let found = self.store.history(&self.tenant, current.head.no, &page).await?.items;
        let mut path = Path::default();
        for entry in found.iter().rev() {
            if let EntryBody::Record(record) = &entry.body {
                path.follow(record, entry.rev);
            }
        }
        let last = match current.run.status.is_ended() {
            true => leaf_ids(&current.machine, &current.run),
            false => Vec::new(),
        };
        Ok(path.diagram(&last))
    }
}

/// The way a run went so far.
#[derive(Default)]
struct Path {
    /// Where it began; empty as long as that is not known.
    first: Vec<StateId>,
    steps: Vec<Vec<Arrow>>,
    /// The innermost states it is in, as far as the records seen so far tell.
    leaves: Vec<StateId>,
}

/// A way from one innermost state to another.
struct Arrow {
    from: StateId,
    to: StateId,
    label: String,
}

impl Arrow {
    fn taken(&self) -> Taken<'_> {
        Taken { from: self.from.as_str(), to: self.to.as_str(), label: &self.label }
    }
}

impl Path {
    fn follow(&mut self, record: &Record, rev: Rev) {
        match record {
            Record::Transitioned(step) => self.step(step),
            Record::Restored(restored) => self.restored(restored, rev),
            Record::AttemptFailed(failed) if failed.retry_at.is_some() => {
                let state = std::slice::from_ref(&failed.state);
                self.add(state, state, "failed");
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &Transitioned) {
        let (left, entered) = (innermost(&step.exited), innermost(&step.entered));
        if left.is_empty() && self.leaves.is_empty() {
            self.first.clone_from(&entered);
        }
        // A transition out of one region may end the others too, but that is not where it led from.
        let is_source = |leaf: &StateId| *leaf == step.from || is_inside(leaf, &step.from);
        let sources = left.iter().rev().filter(|leaf| is_source(leaf));
        let sources: Vec<StateId> = sources.cloned().collect();
        let label = match step.cause {
            Cause::Event | Cause::Placed => step.event.as_str(),
            Cause::Initial | Cause::Always | Cause::After | Cause::Done | Cause::Error => "",
        };
        self.add(&sources, &entered, label);
        self.leaves.retain(|leaf| !left.contains(leaf));
        self.leaves.extend(entered);
    }

    fn restored(&mut self, restored: &Restored, rev: Rev) {
        let mut active: Vec<StateId> = restored.active.keys().cloned().collect();
        active.sort_unstable();
        let leaves = innermost(&active);
        let before = std::mem::replace(&mut self.leaves, leaves.clone());
        let label = match &restored.why {
            Restoration::RolledBack { rev } => format!("rolled back to rev {rev}"),
            Restoration::Migrated { .. } => "migrated".to_owned(),
            Restoration::Forked { .. } => {
                self.first = leaves;
                return;
            }
        };
        let goes_on = |leaf: &StateId| before.contains(leaf) && restored.active[leaf].rev != rev;
        let entered: Vec<StateId> = leaves.into_iter().filter(|leaf| !goes_on(leaf)).collect();
        self.add(&before, &entered, &label);
    }

    /// Adds a step. Of several states that were left together, those of its own region lead to a state.
    fn add(&mut self, left: &[StateId], entered: &[StateId], label: &str) {
        let mut ways = Vec::new();
        for to in entered {
            let nearest = left.iter().map(|from| shared(from, to)).max();
            let from = left.iter().filter(|from| Some(shared(from, to)) == nearest);
            ways.extend(from.map(|from| Arrow {
                from: from.clone(),
                to: to.clone(),
                label: label.to_owned(),
            }));
        }
        if !ways.is_empty() {
            self.steps.push(ways);
        }
    }

    fn diagram(&self, last: &[StateId]) -> String {
        let steps = self.steps.iter().map(|ways| ways.iter().map(Arrow::taken).collect());
        let steps: Vec<Vec<Taken<'_>>> = steps.collect();
        path_diagram(&texts(&self.first), &steps, &texts(last))
    }
}

fn texts(states: &[StateId]) -> Vec<&str> {
    states.iter().map(StateId::as_str).collect()
}

/// How many of the states around them two states have in common, themselves included.
fn shared(a: &StateId, b: &StateId) -> usize {
    let names = a.as_str().split('.').zip(b.as_str().split('.'));
    names.take_while(|(a, b)| a == b).count()
}
