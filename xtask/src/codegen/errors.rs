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

/// The document.
pub(super) fn document(files: &[File]) -> String {
    let mut text = format!(
        "{NOTICE}\n# Error codes\n\nEvery error has a code that never changes its meaning. `guidepost explain GPnnnn` shows its page.\n"
    );
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
