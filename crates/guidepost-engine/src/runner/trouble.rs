//! What a runner makes of a store that fails, and of runs that nothing can be done about: it says so once, asks less and
//! less often, and goes on by itself when that is over.

use std::collections::BTreeMap;

use guidepost_core::diagnostic::Explain as _;
use guidepost_core::id::RunNo;
use guidepost_core::time::{Span, Timestamp};
use guidepost_store::StoreError;

use crate::call::chain;

/// The longest pause between two looks at a store that fails: soon enough after a full disk was cleared.
const REST_MAX: Span = Span(5_000_000_000);

/// The longest pause between two looks at a run that nothing can be done about.
const ASIDE_MAX: Span = Span(300_000_000_000);

/// How the store has been of late.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Calls that failed since the last that shows that all is well.
    failures: u32,
    /// Whether a write was among them: a disk that is full can still be read.
    is_writing: bool,
    /// What failed first, and why.
    what: Option<String>,
}

impl Trouble {
    /// A call failed.
    pub(super) fn failed(&mut self, what: &str, is_write: bool, error: &StoreError) {
        let error = chain(error);
        if self.failures == 0 {
            let what = format!("{what} failed: {error}");
            tracing::error!("{what}; no new work is taken until the store works again");
            self.what = Some(what);
        } else {
            tracing::debug!(error, "{what} failed again");
        }
        self.failures = self.failures.saturating_add(1);
        self.is_writing |= is_write;
    }

    /// A call succeeded.
    pub(super) fn worked(&mut self, is_write: bool) {
        if self.failures > 0 && (is_write || !self.is_writing) {
            tracing::info!("the store works again");
            *self = Self::default();
        }
    }

    /// What failed first, and why; `None` if all is well.
    pub(super) fn what(&self) -> Option<&str> {
        self.what.as_deref()
    }

    /// How long to wait before the next call, where `poll` is usual.
    pub(super) fn rest(&self, poll: Span) -> Span {
        match self.failures {
            0 => poll,
            failures => grown(poll, failures - 1, REST_MAX),
        }
    }
}

/// Whether an error says something about the store as a whole, and not about the one run.
pub(crate) fn is_general(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Conflict { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::NoSuchRun(_)
            | StoreError::Ambiguous { .. }
            | StoreError::KeyReused { .. }
            | StoreError::Refused { .. }
            | StoreError::Damaged { .. }
    )
}

/// An error, and what to try about it.
pub(super) fn advised(error: &StoreError) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})"));
    format!("{error}{}", hint.unwrap_or_default())
}

/// Why a run is held back whose next step the store refuses, however often it is tried.
pub(super) fn refused(error: &StoreError) -> String {
    format!(
        "the store refuses what comes next: {}; mend that, then resume the run to go on with it",
        advised(error)
    )
}

/// Runs, or schedules, that nothing could be done about, and when they are looked at again.
#[derive(Debug)]
pub(super) struct Aside<K = RunNo>(BTreeMap<K, (u32, Timestamp)>);

impl<K> Default for Aside<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Aside<K> {
    /// Nothing could be done about one. Says whether this is news.
    pub(super) fn put(&mut self, one: K, poll: Span, now: Timestamp) -> bool {
        let (times, until) = self.0.entry(one).or_insert((0, now));
        *times = times.saturating_add(1);
        *until = now.after(grown(poll, *times, ASIDE_MAX));
        *times == 1
    }

    /// How many there are that nothing could be done about.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Something was done about it.
    pub(super) fn take_up(&mut self, one: &K) {
        self.0.remove(one);
    }

    /// Forgets those that are fine again, or gone: nothing is due for them any more.
    pub(super) fn keep(&mut self, due: &[K]) {
        self.0.retain(|one, _| due.contains(one));
    }

    /// Whether it is to be left alone for now.
    pub(super) fn has(&self, one: &K, now: Timestamp) -> bool {
        // What lies further ahead than it was set is from before the clock was set back.
        self.0.get(one).is_some_and(|(_, until)| *until > now && *until <= now.after(ASIDE_MAX))
    }
}

/// A span, doubled so often, up to a bound or to itself.
fn grown(span: Span, doubled: u32, bound: Span) -> Span {
    let factor = 1_i64.checked_shl(doubled.min(32)).unwrap_or(i64::MAX);
    Span(span.0.saturating_mul(factor).min(bound.0.max(span.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> StoreError {
        StoreError::Unavailable { url: String::new(), what: "full".to_owned(), source: None }
    }

    #[test]
    fn a_store_that_fails_is_asked_less_often_until_it_works() {
        let poll = Span(200_000_000);
        let mut trouble = Trouble::default();
        let mut rests = Vec::new();
        for _ in 0..7 {
            rests.push(trouble.rest(poll).0 / 100_000_000);
            trouble.failed("a commit", true, &down());
        }
        assert_eq!(rests, [2, 2, 4, 8, 16, 32, 50]);
        trouble.worked(false);
        let what = "a commit failed: the store `` is unavailable: full";
        assert_eq!(trouble.what(), Some(what));
        assert_eq!(
            trouble.rest(poll),
            REST_MAX,
            "that it can be read does not say that it can be written"
        );
        trouble.worked(true);
        assert_eq!((trouble.rest(poll), trouble.what()), (poll, None));
    }

    #[test]
    fn a_run_that_is_beyond_help_is_looked_at_less_and_less() {
        let mut aside = Aside::default();
        let (run, poll) = (RunNo(7), Span(200_000_000));
        assert!(!aside.has(&run, Timestamp(0)));
        assert!(aside.put(run, poll, Timestamp(0)), "that is news");
        assert!(
            aside.has(&run, Timestamp(399_999_999)) && !aside.has(&run, Timestamp(400_000_000))
        );
        for _ in 0..40 {
            aside.put(run, poll, Timestamp(0));
        }
        assert!(
            aside.has(&run, Timestamp(ASIDE_MAX.0 - 1)) && !aside.has(&run, Timestamp(ASIDE_MAX.0))
        );
        aside.keep(&[run]);
        assert!(aside.has(&run, Timestamp(0)));
        aside.take_up(&run);
        assert!(!aside.has(&run, Timestamp(0)));
        aside.put(run, poll, Timestamp(0));
        aside.keep(&[RunNo(8)]);
        assert!(aside.0.is_empty(), "nothing is due for it any more");
    }
}
