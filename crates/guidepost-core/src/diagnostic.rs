//! Problems a person can act on: where they are, what they are, what to try.
//!
//! Two shapes, one vocabulary. [`Explain`] is for errors of any crate: a stable code with a page under `docs/errors/`,
//! and a hint. [`Diagnostic`] is a problem in a file, with its position; reading a definition returns all of them at once.

use std::fmt;

use serde::Serialize;

/// A problem a person can act on.
pub trait Explain: std::error::Error {
    /// Stable identifier with a page in `docs/errors/`. Never reused.
    fn code(&self) -> &'static str;

    /// What to try next, as one sentence.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// A place in a text: both counted from 1, columns in characters. The default, 0:0, means "nowhere in particular".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The definition works, though perhaps not as meant.
    Warning,
    /// The definition cannot be used.
    Error,
}

/// One problem in a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// Whether it prevents use.
    pub severity: Severity,
    /// Stable identifier with a page in `docs/errors/`, such as `GP0102`.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where it is.
    #[serde(flatten)]
    pub at: Position,
    /// What to try, as one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A problem that prevents use.
    #[must_use]
    pub fn error(code: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), at, hint: None }
    }

    /// A problem that does not.
    #[must_use]
    pub fn warning(code: &'static str, at: Position, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Whether it prevents use.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The known name closest to `unknown`, if it is close enough to be what was meant: at most a third of its letters
/// differ, counting a swap of neighbours once, and case not at all.
pub fn closest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = unknown.to_lowercase().chars().collect();
    let bound = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for name in known {
        let candidate: Vec<char> = name.to_lowercase().chars().collect();
        if candidate.len().abs_diff(wanted.len()) > bound {
            continue;
        }
        let distance = edit_distance(&wanted, &candidate);
        if distance <= bound && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, each counting 1.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = substituted.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_suggested_only_when_it_is_close() {
        let known = ["merged", "review", "fix"];
        assert_eq!(closest("mergd", known), Some("merged"));
        assert_eq!(closest("Review", known), Some("review"));
        assert_eq!(closest("fxi", known), Some("fix"));
        assert_eq!(closest("deployed", known), None);
        assert_eq!(closest("", known), None);
    }
}
