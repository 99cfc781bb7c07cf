//! Bounds on how much of the work of all runs of a workflow goes on at once.

use std::collections::{BTreeMap, BTreeSet};

use guidepost_core::id::RunNo;
use guidepost_core::machine::Concurrency;

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

    /// Whether a piece of work may begin, and if so, whether its run begins with it. From then on it counts as held.
    ///
    /// A run that finds all places taken may begin nevertheless if one of those `above` it has begun: it is what that run
    /// waits for.
    pub(crate) fn admit<E>(
        &mut self,
        run: RunNo,
        work: &str,
        above: impl FnOnce() -> Result<Vec<RunNo>, E>,
    ) -> Result<Option<bool>, E> {
        if !self.has_room(work) {
            return Ok(None);
        }
        let begins = match self.most.runs {
            None => false,
            Some(_) if self.begun.contains(&run) => false,
            Some(most) if (self.begun.len() as u64) < most => true,
            Some(_) if above()?.iter().any(|above| self.begun.contains(above)) => false,
            Some(_) => return Ok(None),
        };
        self.hold(work);
        if begins {
            self.begun.insert(run);
        }
        Ok(Some(begins))
    }

    fn has_room(&self, work: &str) -> bool {
        let has_room = |name: &str| {
            let most = self.most.work.get(name);
            most.is_none_or(|most| self.held.get(name).is_none_or(|held| held < most))
        };
        Concurrency::names(work).all(has_room)
    }

    fn hold(&mut self, work: &str) {
        for name in Concurrency::names(work) {
            *self.held.entry(name.to_owned()).or_default() += 1;
        }
    }
}
