//! `docs/requirements.md` says of every requirement how far it is met; what it claims is proved by a test that names it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;

use crate::project::{File, Project};
use crate::tidy::Problem;

/// The document.
const DOCUMENT: &str = "docs/requirements.md";

/// How many items each group has.
const GROUPS: &[(&str, u32)] =
    &[("S0.", 19), ("S1.", 14), ("S2.", 45), ("S3.", 36), ("S4.", 18), ("B", 22)];

/// A row of the document.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    line: usize,
    id: &'a str,
    status: &'a str,
    tests: Vec<&'a str>,
}

/// How far a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Done,
    Partial,
    NotYet,
}

impl Status {
    fn read(text: &str) -> Option<Self> {
        match text {
            "done" => Some(Self::Done),
            "partial" => Some(Self::Partial),
            "not yet" => Some(Self::NotYet),
            _ => None,
        }
    }
}

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![Problem::new(DOCUMENT, 0, "the list of requirements is missing")];
    };
    let rows = rows(&document.text);
    let mut problems: Vec<Problem> = rows.iter().flat_map(|row| check_row(row, files)).collect();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        if let Some(first) = seen.insert(row.id, row.line) {
            let what = format!("{} is listed already, on line {first}", row.id);
            problems.push(Problem::new(DOCUMENT, row.line, what));
        }
    }
    let missing = all_ids().filter(|id| !seen.contains_key(id.as_str()));
    problems.extend(missing.map(|id| Problem::new(DOCUMENT, 0, format!("{id} is not listed"))));
    problems
}

fn check_row(row: &Row<'_>, files: &[File]) -> Vec<Problem> {
    let problem = |what: String| Problem::new(DOCUMENT, row.line, what);
    let Some(status) = Status::read(row.status) else {
        return vec![problem(format!("{}: a status is done, partial or not yet", row.id))];
    };
    let mut problems = Vec::new();
    if all_ids().all(|id| id != row.id) {
        problems.push(problem(format!("there is no requirement {}", row.id)));
    }
    match status {
        Status::Done | Status::Partial if row.tests.is_empty() => {
            problems.push(problem(format!("{} is claimed without a test", row.id)));
        }
        Status::NotYet if !row.tests.is_empty() => {
            let what = format!("{} has a test, so it is done or partial", row.id);
            problems.push(problem(what));
        }
        Status::Done | Status::Partial | Status::NotYet => {}
    }
    for test in &row.tests {
        let mut homes = files.iter().filter(|file| defines(file, test)).peekable();
        if homes.peek().is_none() {
            problems.push(problem(format!("{}: there is no test `{test}`", row.id)));
        } else if !homes.any(|file| names(&file.text, row.id)) {
            let what = format!("the file of `{test}` does not name {}", row.id);
            problems.push(problem(what));
        }
    }
    problems
}

/// The rows of the document's tables: `| id | what | status | tests |`.
fn rows(text: &str) -> Vec<Row<'_>> {
    let lines = text.lines().zip(1..);
    let rows = lines.filter_map(|(text, line)| {
        let inside = text.trim().strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<&str> = inside.split('|').map(str::trim).collect();
        let [id, _, status, tests] = cells[..] else { return None };
        let is_id = id.starts_with(['S', 'B']) && id.ends_with(|c: char| c.is_ascii_digit());
        let tests = tests.split('`').skip(1).step_by(2).collect();
        is_id.then_some(Row { line, id, status, tests })
    });
    rows.collect()
}

fn all_ids() -> impl Iterator<Item = String> {
    GROUPS.iter().flat_map(|(group, count)| (1..=*count).map(move |n| format!("{group}{n}")))
}

/// Whether a file defines a function of this name.
pub(super) fn defines(file: &File, function: &str) -> bool {
    let keyword = match file.path.rsplit('.').next() {
        Some("rs") => "fn ",
        Some("py") => "def ",
        _ => return false,
    };
    file.text.match_indices(function).any(|(at, _)| {
        let after = &file.text[at + function.len()..];
        file.text[..at].ends_with(keyword) && after.starts_with(['(', '<'])
    })
}

/// Whether a text names a requirement: S2.3 is not named by S2.37.
fn names(text: &str, id: &str) -> bool {
    text.match_indices(id).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + id.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric)
            && !after.is_some_and(|letter| letter.is_ascii_digit())
    })
}

/// Lists which tests name which requirement, for whoever edits the document.
///
/// # Errors
///
/// If git cannot be asked about the project.
pub(crate) fn list(project: &Project) -> Result<bool> {
    let files = project.files()?;
    for id in all_ids() {
        let tests: Vec<Mention> = files.iter().flat_map(|file| mentions(file, &id)).collect();
        let tests: Vec<String> = tests.iter().map(ToString::to_string).collect();
        println!("{id}: {}", if tests.is_empty() { "-".to_owned() } else { tests.join(", ") });
    }
    Ok(true)
}

/// A test that names a requirement.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    path: String,
    test: String,
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.test, self.path)
    }
}

/// The functions whose comments or bodies name a requirement. A comment above a function belongs to it.
fn mentions(file: &File, id: &str) -> Vec<Mention> {
    if !file.path.ends_with(".rs") || !file.path.starts_with("crates/") || !names(&file.text, id) {
        return Vec::new();
    }
    let mut found: Vec<Mention> = Vec::new();
    let mut is_above = false;
    let mut inside: Option<String> = None;
    for line in file.text.lines() {
        let code = line.trim_start();
        let is_named = names(line, id);
        if code.starts_with("//") {
            // Whom a comment is about shows when code comes.
            is_above |= is_named && !line.starts_with("//!");
            continue;
        }
        if let Some(function) = function_of(code) {
            inside = Some(function);
        } else if code.starts_with("#[") {
            continue;
        }
        if (is_above || is_named)
            && let Some(test) = &inside
        {
            found.push(Mention { path: file.path.clone(), test: test.clone() });
        }
        is_above = false;
    }
    found.dedup();
    found
}

/// The name of the function a line begins.
fn function_of(line: &str) -> Option<String> {
    let signature = [
        "fn ",
        "async fn ",
        "pub fn ",
        "pub async fn ",
        "pub(crate) async fn ",
        "pub(super) async fn ",
    ]
    .iter()
    .find_map(|start| line.strip_prefix(start))?;
    let end = signature.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    Some(signature[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "//! T.\n/// S0.1: it works.\n#[test]\nfn it_works() {}\n";

    fn complaints(rows: &str) -> Vec<String> {
        let others = all_ids()
            .filter(|id| !rows.contains(&format!("| {id} |")))
            .map(|id| format!("| {id} | what | not yet | |\n"));
        let text: String = std::iter::once(rows.to_owned()).chain(others).collect();
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = [file(DOCUMENT, &text), file("crates/x/tests/t.rs", TEST)];
        check(&files).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_claim_with_a_test_that_names_it_is_in_order() {
        assert_eq!(complaints("| S0.1 | what | done | `it_works` |\n"), [""; 0]);
    }

    #[test]
    fn a_claim_without_a_test_is_found() {
        assert_eq!(complaints("| S0.1 | w | done | |\n"), ["S0.1 is claimed without a test"]);
        let gone = complaints("| S0.1 | w | partial | `it_flies` |\n");
        assert_eq!(gone, ["S0.1: there is no test `it_flies`"]);
    }

    #[test]
    fn a_test_that_does_not_name_the_requirement_is_found() {
        let other = complaints("| S0.2 | w | done | `it_works` |\n");
        assert_eq!(other, ["the file of `it_works` does not name S0.2"]);
    }

    #[test]
    fn a_row_with_a_test_cannot_be_not_yet() {
        let modest = complaints("| S0.1 | w | not yet | `it_works` |\n");
        assert_eq!(modest, ["S0.1 has a test, so it is done or partial"]);
    }

    #[test]
    fn unknown_doubled_and_missing_rows_are_found() {
        assert_eq!(complaints("| S9.1 | w | not yet | |\n"), ["there is no requirement S9.1"]);
        let twice = "| B1 | w | not yet | |\n| B1 | w | not yet | |\n";
        assert_eq!(complaints(twice), ["B1 is listed already, on line 1"]);
        assert_eq!(
            complaints("| B1 | w | maybe | |\n"),
            ["B1: a status is done, partial or not yet"]
        );
        let empty = [File { path: DOCUMENT.to_owned(), text: String::new() }];
        assert_eq!(check(&empty).len(), 154);
    }

    #[test]
    fn a_longer_number_is_another_requirement() {
        assert!(names("covers S2.3, S2.4", "S2.3"));
        assert!(!names("covers S2.37", "S2.3"));
        assert!(!names("GPS2.3", "S2.3"));
    }

    #[test]
    fn the_tests_that_name_a_requirement_are_listed() {
        let text = "//! S0.1 here counts for nobody.\n/// S0.1: a.\n#[test]\nfn a() {}\n\n#[test]\nfn b() {\n    f(\"S0.1\");\n}\nfn c() {}\n#[test]\nfn d() {\n    // S0.1 too.\n    f();\n}\n#[test]\nfn e() {}\n";
        let file = File { path: "crates/x/tests/t.rs".to_owned(), text: text.to_owned() };
        let tests: Vec<String> = mentions(&file, "S0.1").into_iter().map(|it| it.test).collect();
        assert_eq!(tests, ["a", "b", "d"]);
    }
}
