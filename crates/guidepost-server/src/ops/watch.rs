//! Following along: what is recorded in a run, or in all of them, as it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use guidepost_core::id::{RunNo, RunRef, Seq, StateId};
use guidepost_core::run::Status;
use guidepost_store::{HistoryPage, StoreError};
use serde::Serialize;

use super::current::leaf_ids;
use super::{Damage, HistoryItem, OpError, Ops};

/// Records taken from the feed at a time.
const PAGE: usize = 500;

/// How long to wait before the feed is asked again: it shortens when much happens and grows when nothing does.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A record that was made while somebody watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// The run's short id.
    pub run: String,
    /// Its workflow; empty if the run cannot be read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub workflow: String,
    /// What was recorded; `None` if the run cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<HistoryItem>,
    /// What is wrong with it, if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Damage>,
    /// How the run stands; only with the newest of its records.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub now: Option<NowAt>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NowAt {
    /// What it is doing.
    pub status: Status,
    /// The innermost states it is in.
    pub states: Vec<StateId>,
}

/// Somebody who follows along.
pub struct Watcher<'a> {
    ops: &'a Ops,
    /// The run that is followed; `None` for all.
    run: Option<RunNo>,
    /// The place in the store's feed.
    at: u64,
    is_over: bool,
    pause: Duration,
}

impl Ops {
    /// Follows a run, or all of them, from now on.
    ///
    /// # Errors
    ///
    /// [`OpError::Store`] if there is no such run, and the failures of the store.
    pub async fn watch(&self, run: Option<&RunRef>) -> Result<Watcher<'_>, OpError> {
        // The place is taken before the run is looked at, so that nothing falls between.
        let at = self.store.changes(&self.tenant, None, PAGE).await?.at;
        let current = match run {
            Some(run) => Some(self.current(run).await?),
            None => None,
        };
        let is_over = current.as_ref().is_some_and(|current| current.run.status.is_ended());
        let run = current.map(|current| current.head.no);
        Ok(Watcher { ops: self, run, at, is_over, pause: PAUSE_MIN })
    }
}

impl Watcher<'_> {
    /// The run that is followed; `None` for all.
    #[must_use]
    pub fn run(&self) -> Option<RunNo> {
        self.run
    }

    /// Waits for what is recorded next. `None` once the run that is followed is over. Dropped midway, it misses nothing: the
    /// next call goes on from the same place.
    ///
    /// # Errors
    ///
    /// The failures of the store.
    pub async fn next(&mut self) -> Result<Option<Vec<Seen>>, OpError> {
        loop {
            let page = self.ops.store.changes(&self.ops.tenant, Some(self.at), PAGE).await?;
            let mut news: BTreeMap<RunNo, (Seq, Seq)> = BTreeMap::new();
            let is_followed = |run: &RunNo| self.run.is_none_or(|followed| followed == *run);
            for (run, seq) in page.items.iter().filter(|(run, _)| is_followed(run)) {
                news.entry(*run).or_insert((*seq, *seq)).1 = *seq;
            }
            let mut seen = Vec::new();
            for (run, (first, last)) in news {
                seen.extend(self.seen(run, first, last).await?);
            }
            self.at = page.at;
            if !seen.is_empty() {
                self.pause = PAUSE_MIN;
                return Ok(Some(seen));
            }
            if self.is_over {
                return Ok(None);
            }
            if page.items.len() >= PAGE {
                // Others did so much that there is more to look through.
                continue;
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 3 / 2).min(PAUSE_MAX);
            // Timers need no process: whoever looks settles what is due.
            match self.run {
                Some(run) => drop(self.ops.current(&run.into()).await?),
                None => drop(self.ops.settle_due().await?),
            }
        }
    }

    /// The records of a run from one to another, and how it stands now.
    async fn seen(&mut self, run: RunNo, first: Seq, last: Seq) -> Result<Vec<Seen>, OpError> {
        let current = match self.ops.current(&run.into()).await {
            Ok(current) => current,
            // It was deleted meanwhile.
            Err(OpError::Store(StoreError::NoSuchRun(_))) => {
                self.is_over |= self.run.is_some();
                return Ok(Vec::new());
            }
            Err(error) => return self.damaged(run, error),
        };
        let beyond = Some(Seq(first.0.saturating_sub(1)));
        let limit = usize::try_from(last.0 - first.0 + 1).unwrap_or(PAGE);
        let page = HistoryPage { newest_first: false, kinds: Vec::new(), beyond, limit };
        let entries = self.ops.store.history(&self.ops.tenant, run, &page).await?.items;
        let is_newest = current.head.seq == last;
        // What comes after these records is told with those.
        self.is_over |= is_newest && self.run.is_some() && current.run.status.is_ended();
        let count = entries.len();
        let seen = entries.iter().zip(1..).map(|(entry, n)| Seen {
            run: current.name(),
            workflow: current.run.workflow.clone(),
            record: Some(current.history_item(entry)),
            damaged: None,
            now: (is_newest && n == count).then(|| NowAt {
                status: current.run.status,
                states: leaf_ids(&current.machine, &current.run),
            }),
        });
        Ok(seen.collect())
    }

    /// What is told of a run that cannot be read. To whoever follows all runs it is one of many.
    fn damaged(&self, run: RunNo, error: OpError) -> Result<Vec<Seen>, OpError> {
        let Some(damage) = Damage::of(&error).filter(|_| self.run.is_none()) else {
            return Err(error);
        };
        Ok(vec![Seen {
            run: run.to_string(),
            workflow: String::new(),
            record: None,
            damaged: Some(damage),
            now: None,
        }])
    }
}
