//! Documents that name the test of each thing they say: what they name exists.

use crate::project::File;
use crate::tidy::Problem;
use crate::tidy::requirements::defines;

/// Documents whose tables end in a column of tests.
const DOCUMENTS: &[&str] = &["docs/semantics.md", "docs/sql.md"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let documents = files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str()));
    documents.flat_map(|document| check_one(document, files)).collect()
}

fn check_one(document: &File, files: &[File]) -> Vec<Problem> {
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
