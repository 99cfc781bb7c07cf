//! The way a run came to where it is: the steps that still count, with what was taken back left out.

use guidepost_core::id::{Rev, StateId, Visit};
use guidepost_core::machine::{Checkpoints, Every};
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

/// The places on a run's way that have a name without anybody's doing: of those that are far enough apart the last ones,
/// oldest first.
///
/// Nothing is stored for them: they follow from the history, and going back drops those that were taken back.
#[must_use]
pub fn automatic(way: &[Milestone], checkpoints: Checkpoints) -> Vec<&Milestone> {
    let mut made: Vec<&Milestone> = Vec::new();
    for place in way {
        let is_far = match (checkpoints.every, made.last()) {
            (Every::Step, _) | (_, None) => true,
            (Every::Span(least), Some(last)) => place.at.since(last.at) >= least,
        };
        if is_far {
            made.push(place);
        }
    }
    let max = usize::try_from(checkpoints.max).unwrap_or(usize::MAX);
    made.split_off(made.len().saturating_sub(max))
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

#[cfg(test)]
mod tests {
    use guidepost_core::time::Span;

    use super::*;

    fn kept(every: Every, max: u64) -> Vec<u64> {
        let places = [0, 4, 10, 11, 25, 40].iter().zip(1..);
        let way: Vec<Milestone> = places
            .map(|(at, rev)| Milestone { rev: Rev(rev), at: Timestamp(*at), entered: Vec::new() })
            .collect();
        automatic(&way, Checkpoints { every, max }).iter().map(|place| place.rev.0).collect()
    }

    #[test]
    fn checkpoints_are_made_at_every_step_or_when_time_has_passed() {
        assert_eq!(kept(Every::Step, 100), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(Every::Span(Span(10)), 100), [1, 3, 5, 6]);
        assert_eq!(kept(Every::Span(Span(10_000)), 100), [1]);
    }

    #[test]
    fn the_oldest_checkpoints_are_dropped_first() {
        assert_eq!(kept(Every::Step, 2), [5, 6]);
        assert_eq!(kept(Every::Span(Span(10)), 3), [3, 5, 6]);
    }
}
