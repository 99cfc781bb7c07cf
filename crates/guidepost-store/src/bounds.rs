//! Bounds on how much of the work of all runs of a workflow goes on at once.

use std::collections::{BTreeMap, BTreeSet};

use guidepost_core::id::RunNo;
use guidepost_core::machine::Concurrency;

/// Whether a piece of work may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may, and its run begins with it.
    Begins,
    /// It may.
    GoesOn,
    /// Not before other work of its kind is done.
    NoRoom,
    /// Not before another run is over.
    NoPlace,
}

/// What of a workflow's work goes on, and how much may.
#[derive(Debug)]
pub(crate) struct Going {
    most: Concurrency,
    /// How much somebody holds, by the names of bounds it counts in.
    held: BTreeMap<String, u64>,
    /// Runs that have begun and are not over.
    begun: BTreeSet<RunNo>,
}

impl Going {
    /// The work of these names is held, and these runs have begun.
    pub(crate) fn new(
        most: Concurrency,
        held: impl IntoIterator<Item = String>,
        begun: BTreeSet<RunNo>,
    ) -> Self {
        let mut going = Self { most, held: BTreeMap::new(), begun };
        held.into_iter().for_each(|work| going.hold(&work));
        going
    }

    /// Whether a piece of work may begin. From then on it counts as held, and its run as begun if it begins with it.
    ///
    /// A run that finds all places taken may begin nevertheless if one of those `above` it has begun: it is what that run
    /// waits for.
    pub(crate) fn admit<E>(
        &mut self,
        run: RunNo,
        work: &str,
        above: impl FnOnce() -> Result<Vec<RunNo>, E>,
    ) -> Result<Admission, E> {
        if self.room(work) == 0 {
            return Ok(Admission::NoRoom);
        }
        let begins = match self.most.runs {
            None => false,
            Some(_) if self.begun.contains(&run) => false,
            Some(_) if self.has_place() => true,
            Some(_) if above()?.iter().any(|above| self.begun.contains(above)) => false,
            Some(_) => return Ok(Admission::NoPlace),
        };
        self.hold(work);
        if begins {
            self.begun.insert(run);
        }
        Ok(if begins { Admission::Begins } else { Admission::GoesOn })
    }

    /// How many more pieces of work of this name may go on; `u64::MAX` if nothing bounds it.
    pub(crate) fn room(&self, work: &str) -> u64 {
        let room = |name: &str| {
            let most = self.most.work.get(name)?;
            Some(most.saturating_sub(self.held.get(name).copied().unwrap_or(0)))
        };
        Concurrency::names(work).filter_map(room).min().unwrap_or(u64::MAX)
    }

    /// Whether one more run may begin.
    pub(crate) fn has_place(&self) -> bool {
        self.most.runs.is_none_or(|most| (self.begun.len() as u64) < most)
    }

    fn hold(&mut self, work: &str) {
        for name in Concurrency::names(work) {
            *self.held.entry(name.to_owned()).or_default() += 1;
        }
    }
}
