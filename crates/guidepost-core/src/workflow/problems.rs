//! All problems of one definition, and the codes they have. Each code has a page in `docs/errors/`.

use crate::diagnostic::{Diagnostic, Position, closest};
use crate::limits::DIAGNOSTICS_MAX;

/// What can be wrong with a definition. Codes are never reused.
pub(super) mod code {
    pub(in crate::workflow) const UNREADABLE: &str = "GP0100";
    pub(in crate::workflow) const SYNTAX: &str = "GP0101";
    pub(in crate::workflow) const UNKNOWN_TARGET: &str = "GP0102";
    pub(in crate::workflow) const UNKNOWN_KEY: &str = "GP0103";
    pub(in crate::workflow) const SHAPE: &str = "GP0104";
    pub(in crate::workflow) const DUPLICATE: &str = "GP0105";
    pub(in crate::workflow) const TAG: &str = "GP0106";
    pub(in crate::workflow) const TOO_LARGE: &str = "GP0107";
    pub(in crate::workflow) const INITIAL: &str = "GP0108";
    pub(in crate::workflow) const NAME: &str = "GP0109";
    pub(in crate::workflow) const UNREACHABLE: &str = "GP0110";
    pub(in crate::workflow) const NO_WAY_OUT: &str = "GP0111";
    pub(in crate::workflow) const DEAD_TRANSITION: &str = "GP0112";
    pub(in crate::workflow) const UNREAD_OUTPUT: &str = "GP0113";
    pub(in crate::workflow) const EXPRESSION: &str = "GP0114";
    pub(in crate::workflow) const UNKNOWN_NAME: &str = "GP0115";
    pub(in crate::workflow) const WORK: &str = "GP0116";
    pub(in crate::workflow) const CONFLICT: &str = "GP0117";
    pub(in crate::workflow) const HISTORY: &str = "GP0118";
    pub(in crate::workflow) const FINAL: &str = "GP0119";
    pub(in crate::workflow) const REQUIRES: &str = "GP0120";
    pub(in crate::workflow) const SCHEMA: &str = "GP0121";
    pub(in crate::workflow) const UNBOUND: &str = "GP0122";
    pub(in crate::workflow) const SPAN: &str = "GP0123";
    pub(in crate::workflow) const KIND: &str = "GP0124";
    pub(in crate::workflow) const UNKNOWN_FIELD: &str = "GP0125";
    pub(in crate::workflow) const CYCLE: &str = "GP0126";
    pub(in crate::workflow) const LIVELOCK: &str = "GP0127";
    pub(in crate::workflow) const SCHEDULE: &str = "GP0128";
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Diagnostic>,
    has_errors: bool,
}

impl Problems {
    /// Adds a problem. Beyond [`DIAGNOSTICS_MAX`] only whether there are errors is kept.
    pub(super) fn add(&mut self, problem: Diagnostic) {
        self.has_errors |= problem.is_error();
        if !self.is_full() && !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(super) fn error(&mut self, code: &'static str, at: Position, message: impl Into<String>) {
        self.add(Diagnostic::error(code, at, message));
    }

    /// Adds a problem with a name nobody knows, with the one that may have been meant, or else with other advice.
    pub(super) fn add_unknown<'a>(
        &mut self,
        problem: Diagnostic,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
        advice: impl FnOnce() -> Option<String>,
    ) {
        // Looking for what was meant costs more than the problem is worth when nobody will see it.
        if self.is_full() {
            self.has_errors |= problem.is_error();
            return;
        }
        let hint =
            meant(name, known).map(|meant| format!("did you mean `{meant}`?")).or_else(advice);
        self.add(Diagnostic { hint, ..problem });
    }

    /// Whether further problems are not kept.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= DIAGNOSTICS_MAX
    }

    pub(super) fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// All of them, in the order of their places.
    pub(super) fn sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|problem| problem.at);
        self.found
    }
}

/// Names looked at to find the one that was meant. In a larger workflow the first ones have to do.
const CANDIDATES_MAX: usize = 2_000;

fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.into_iter().filter(|known| !known.is_empty());
    let known: Vec<&str> = known.take(CANDIDATES_MAX).collect();
    // Names of one letter are all close to each other.
    let near = closest(name, known.iter().copied()).filter(|_| name.chars().count() > 1);
    near.or_else(|| known.iter().copied().find(|known| name.len() > 2 && known.starts_with(name)))
}
