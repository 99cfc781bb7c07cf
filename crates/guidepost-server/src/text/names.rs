//! Names, one or several on a line.

use guidepost_core::id::{StateId, Version};

use super::foreign::name;

/// Paths of states on one line.
pub(super) fn states<'a>(paths: impl Iterator<Item = &'a StateId>) -> String {
    listed(paths.map(|path| name(path.as_str())), "no state")
}

/// The first of some names, and how many more there are.
pub(super) fn listed(names: impl Iterator<Item = String>, none: &str) -> String {
    const SHOWN_MAX: usize = 12;
    let mut shown: Vec<String> = names.collect();
    if shown.is_empty() {
        return none.to_owned();
    }
    let more = shown.len().saturating_sub(SHOWN_MAX);
    shown.truncate(SHOWN_MAX);
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

/// A workflow's name with its version: `bugfix@3`.
pub(super) fn workflow(workflow: &str, version: Option<Version>) -> String {
    match version {
        Some(version) => format!("{}@{version}", name(workflow)),
        None => name(workflow),
    }
}
