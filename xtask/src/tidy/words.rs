//! What no committed file may hold: a path of somebody's machine, a package from anywhere but the public registry.

use crate::project::File;
use crate::tidy::Problem;

/// Directories that exist on one machine only. Spelt apart, so that this file does not break its own rule.
const PLACES: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("C:", "\\Users"),
];

/// The only place packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    files.iter().flat_map(check_one).collect()
}

fn check_one(file: &File) -> Vec<Problem> {
    let is_lock = file.path == "Cargo.lock";
    let mut problems = Vec::new();
    for (text, line) in file.text.lines().zip(1..) {
        for place in PLACES.iter().filter(|place| names_place(text, place)) {
            let what = format!("`{place}` is a directory of somebody's machine");
            problems.push(Problem::new(&file.path, line, what));
        }
        let source = text.strip_prefix("source = \"").and_then(|rest| rest.strip_suffix('"'));
        if let Some(source) = source.filter(|source| is_lock && *source != REGISTRY) {
            let what = format!("a package comes from `{source}`, not from the public registry");
            problems.push(Problem::new(&file.path, line, what));
        }
    }
    problems
}

/// Whether a text names something in a directory, rather than in one whose path ends like it.
fn names_place(text: &str, place: &str) -> bool {
    text.match_indices(place).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-}*".contains(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&[file]).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_path_of_somebodys_machine_is_found() {
        let text = format!("first\nsee {}me/project/README.md\n", "/ho");
        assert!(complaints("README.md", &text)[0].starts_with("README.md:2: "));
        let elsewhere = "src/work/agent.rs crates/guidepost-engine/src/work/http.rs";
        assert_eq!(complaints("README.md", elsewhere), [""; 0]);
    }

    #[test]
    fn a_package_from_elsewhere_is_found() {
        let public = format!("name = \"serde\"\nsource = \"{REGISTRY}\"\n");
        assert_eq!(complaints("Cargo.lock", &public), [""; 0]);
        let git = "name = \"serde\"\nsource = \"git+https://example.org/serde\"\n";
        assert!(complaints("Cargo.lock", git)[0].contains("not from the public registry"));
    }
}
