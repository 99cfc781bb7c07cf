//! Every error code has a page, and every page a code.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::File;
use crate::tidy::Problem;
use crate::tidy::lexer::{Kind, pieces};

/// Where the pages are.
const PAGES: &str = "docs/errors/";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut used: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for file in files {
        let is_source = file.path.starts_with("crates/") && file.path.ends_with(".rs");
        if !is_source || !file.path.contains("/src/") {
            continue;
        }
        for piece in pieces(&file.text).into_iter().filter(|piece| piece.kind == Kind::String) {
            if is_code(piece.text) {
                used.entry(piece.text).or_insert((&file.path, piece.line));
            }
        }
    }
    let pages: BTreeSet<&str> = files.iter().filter_map(|file| page_of(&file.path)).collect();

    let mut problems = Vec::new();
    for (code, (path, line)) in &used {
        if !pages.contains(code) {
            let what = format!("the code {code} has no page: write {PAGES}{code}.md");
            problems.push(Problem::new(path, *line, what));
        }
    }
    for code in &pages {
        if !used.contains_key(code) {
            let what = "no error has this code: codes are never reused, so say that it is retired";
            let page = format!("{PAGES}{code}.md");
            let is_retired = files.iter().any(|file| file.path == page && is_retired(&file.text));
            if !is_retired {
                problems.push(Problem::new(&page, 1, what));
            }
        }
    }
    let misnamed = files.iter().filter(|file| {
        page_of(&file.path).is_some_and(|code| !file.text.starts_with(&format!("# {code}: ")))
    });
    problems.extend(misnamed.map(|file| {
        Problem::new(&file.path, 1, "a page opens with `# GPnnnn: ` and the problem in a few words")
    }));
    problems
}

fn is_retired(page: &str) -> bool {
    page.lines().next().is_some_and(|title| title.ends_with("(retired)"))
}

/// The code a path is the page of.
fn page_of(path: &str) -> Option<&str> {
    path.strip_prefix(PAGES)?.strip_suffix(".md").filter(|code| is_code(code))
}

/// Whether a text is an error code: `GP` and four digits.
pub(crate) fn is_code(text: &str) -> bool {
    text.strip_prefix("GP")
        .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        check(&files).into_iter().map(|problem| problem.to_string()).collect()
    }

    const SOURCE: (&str, &str) = ("crates/x/src/lib.rs", "//! X.\nlet code = \"GP0201\";\n");

    #[test]
    fn a_code_with_its_page_is_in_order() {
        let page = ("docs/errors/GP0201.md", "# GP0201: the event is not legal\n");
        assert_eq!(complaints(&[SOURCE, page]), [""; 0]);
    }

    #[test]
    fn a_code_without_a_page_is_found() {
        let expected =
            "crates/x/src/lib.rs:2: the code GP0201 has no page: write docs/errors/GP0201.md";
        assert_eq!(complaints(&[SOURCE]), [expected]);
    }

    #[test]
    fn a_page_without_a_code_is_found_unless_it_is_retired() {
        let page = ("docs/errors/GP0999.md", "# GP0999: gone\n");
        assert!(complaints(&[page])[0].contains("no error has this code"));
        let retired = ("docs/errors/GP0999.md", "# GP0999: gone (retired)\n");
        assert_eq!(complaints(&[retired]), [""; 0]);
    }

    #[test]
    fn a_page_with_another_title_is_found() {
        let page = ("docs/errors/GP0201.md", "# GP0202: the event is not legal\n");
        assert!(complaints(&[SOURCE, page])[0].contains("opens with"));
    }
}
