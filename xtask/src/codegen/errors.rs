//! `docs/errors/README.md`: the index of error codes, from the titles of their pages.

use std::fmt::Write as _;

use crate::codegen::NOTICE;
use crate::project::File;

/// What the first two digits of a code say.
const AREAS: &[(&str, &str)] = &[
    ("GP01", "Reading a definition"),
    ("GP02", "Moving a run"),
    ("GP03", "The store"),
    ("GP04", "Operations, and the command line"),
];

/// What holds for all of them.
const PREFACE: &str = "\
Every error has a code that never changes its meaning. `guidepost explain GPnnnn` shows its page.

Every error is also of a kind, which JSON tells as `kind`. The kind alone says with which exit code a command ends, so the
same failure ends every command in the same way:

| `kind` | Exit code | What it means |
|---|---|---|
| | 0 | done |
| `refused`, `unavailable`, `damaged` | 1 | a rule forbids it, trying again later may help, or what is stored cannot be used |
| `not_legal` | 2 | the run does not take it as things are |
| `stale` | 3 | the rev is old |
| `not_found` | 4 | a run, workflow, version, state, record or file that is named does not exist |
| | 5 | what was waited for has not happened yet |
| `usage` | 64 | it makes no sense as it is, whatever the state of things |

Problems in a definition are of kind `usage` and end with 1: the command that finds them was used as it is meant to be.
Agents and sessions are declared nowhere, so a list of the runs of one that has none is empty, and no error.
";

/// The document.
pub(super) fn document(files: &[File]) -> String {
    let mut text = format!("{NOTICE}\n# Error codes\n\n{PREFACE}");
    let pages: Vec<(&str, &str)> = files.iter().filter_map(title).collect();
    for (area, what) in AREAS {
        let mut of_area = pages.iter().filter(|(code, _)| code.starts_with(area)).peekable();
        if of_area.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "\n## {what}\n");
        for (code, title) in of_area {
            let _ = writeln!(text, "- [{code}]({code}.md): {title}");
        }
    }
    text
}

/// A page's code and title.
fn title(file: &File) -> Option<(&str, &str)> {
    file.path.strip_prefix("docs/errors/GP")?;
    file.text.lines().next()?.strip_prefix("# ")?.split_once(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_listed_by_area() {
        let page = |code: &str, title: &str| File {
            path: format!("docs/errors/{code}.md"),
            text: format!("# {code}: {title}\n\nMore.\n"),
        };
        let files = [page("GP0301", "the run has moved on"), page("GP0201", "not legal")];
        let text = document(&files);
        let moving = text.find("## Moving a run\n\n- [GP0201](GP0201.md): not legal\n");
        let store = text.find("## The store\n\n- [GP0301](GP0301.md): the run has moved on\n");
        assert!(moving < store && moving.is_some(), "{text}");
        assert!(!text.contains("Reading"), "an area without pages is left out");
    }
}
