//! Documents name only what exists: the files they link to, and the tests of what they say.

use crate::project::File;
use crate::tidy::Problem;
use crate::tidy::requirements::defines;

/// Documents whose tables end in a column of tests.
const DOCUMENTS: &[&str] = &["README.md", "docs/semantics.md", "docs/sql.md"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let pages = files.iter().filter(|file| file.path.ends_with(".md"));
    let mut problems: Vec<Problem> = pages.flat_map(|page| check_links(page, files)).collect();
    let documents = files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str()));
    problems.extend(documents.flat_map(|document| check_tests(document, files)));
    problems
}

/// Links within the project lead somewhere.
fn check_links(page: &File, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut is_code = false;
    for (line, number) in page.text.lines().zip(1..) {
        is_code ^= line.trim_start().starts_with("```");
        let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let paths = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
        for link in paths.filter(|_| !is_code) {
            let target = resolved(&page.path, link.split('#').next().unwrap_or_default());
            if !files.iter().any(|file| file.path == target) {
                let what = format!("the link `{link}` leads nowhere");
                problems.push(Problem::new(&page.path, number, what));
            }
        }
    }
    problems
}

/// The path from the root of what a page links to.
fn resolved(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn check_tests(document: &File, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut has_tests = false;
    for (line, number) in document.text.lines().zip(1..) {
        let Some(inside) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
            has_tests = false;
            continue;
        };
        let last = inside.rsplit('|').next().unwrap_or_default().trim();
        if last == "Test" {
            has_tests = true;
        } else if has_tests && !last.starts_with("---") {
            let tests: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            if tests.is_empty() {
                problems.push(Problem::new(&document.path, number, "the row names no test"));
            }
            for test in tests {
                if !files.iter().any(|file| defines(file, test)) {
                    let what = format!("there is no test `{test}`");
                    problems.push(Problem::new(&document.path, number, what));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(document: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [file(DOCUMENTS[0], document), file("crates/x/tests/t.rs", "fn it_works() {}")];
        check(&files).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let page =
            "[a](../README.md#top) [b](b.md) [c](https://example.org)\n```\n[d](d.md)\n```\n";
        let files = [file("docs/a.md", page), file("README.md", "# Top\n")];
        let found: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["docs/a.md:1: the link `b.md` leads nowhere"]);
    }

    #[test]
    fn every_row_of_such_a_table_names_a_test_that_exists() {
        let table = "| Question | Test |\n|---|---|\n";
        assert_eq!(complaints(&format!("{table}| a | `it_works` |\n")), [""; 0]);
        assert_eq!(
            complaints(&format!("{table}| a | `it_flies` |\n")),
            ["there is no test `it_flies`"]
        );
        assert_eq!(complaints(&format!("{table}| a | |\n")), ["the row names no test"]);
        assert_eq!(complaints("| Name | Meaning |\n|---|---|\n| a | b |\n"), [""; 0]);
    }
}
