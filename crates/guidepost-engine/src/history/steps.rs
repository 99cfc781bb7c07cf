//! The way a run came to where it is: the steps that still count, with what was taken back left out.

use guidepost_core::id::{Rev, StateId, Visit};
use guidepost_core::time::Timestamp;
use serde::Serialize;

use super::{Played, Replay};

/// A place on a run's way, to which it can go back: it came to new states, and was at rest there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Milestone {
    /// The rev.
    pub rev: Rev,
    /// When.
    pub at: Timestamp,
    /// The states it had come to, as people name them: `Review#2`.
    pub entered: Vec<String>,
}

impl Milestone {
    fn of(step: &Played) -> Self {
        let entered = step.entered.iter().map(|(state, visit)| visit_name(state, *visit)).collect();
        Self { rev: step.last, at: step.at, entered }
    }
}

/// How people name a visit of a state: `Review#2`.
fn visit_name(state: &StateId, visit: Visit) -> String {
    format!("{state}#{visit}")
}

/// The places on a run's way to where it is, oldest first. What was taken back since is left out.
#[must_use]
pub fn lineage(replay: &Replay) -> Vec<Milestone> {
    // Ways branch where a run went back, so each place knows the one before it.
    let mut places: Vec<(Milestone, Option<usize>)> = Vec::new();
    let mut tips: Vec<(Rev, usize)> = Vec::new();
    for step in replay.steps.iter().filter(|step| !step.entered.is_empty()) {
        let upto = step.back_to.unwrap_or(step.last);
        let tip = tips.iter().rev().find(|(rev, _)| *rev <= upto).map(|(_, place)| *place);
        // A run that went back is in the place it was in then, in a new visit.
        let before =
            if step.back_to.is_some() { tip.and_then(|place| places[place].1) } else { tip };
        places.push((Milestone::of(step), before));
        tips.push((step.last, places.len() - 1));
    }
    let last = places.len().checked_sub(1);
    let mut way: Vec<Milestone> = std::iter::successors(last, |place| places[*place].1)
        .map(|place| places[place].0.clone())
        .collect();
    way.reverse();
    way
}
