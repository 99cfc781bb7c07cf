//! Rules for Rust files: a header, no leftovers, SQL only in backends, printing only where output is made.

use crate::project::File;
use crate::tidy::Problem;
use crate::tidy::lexer::{Kind, Piece, pieces};

/// Words a statement of SQL begins with, each with one that must follow.
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT", ""),
    ("INSERT", "INTO"),
    ("INSERT OR", "INTO"),
    ("UPDATE", "SET"),
    ("DELETE", "FROM"),
    ("CREATE TABLE", ""),
    ("CREATE VIEW", ""),
    ("CREATE INDEX", ""),
    ("CREATE TRIGGER", ""),
    ("DROP TABLE", ""),
    ("DROP VIEW", ""),
    ("ALTER TABLE", ""),
    ("PRAGMA", ""),
    ("BEGIN IMMEDIATE", ""),
];

/// The backends of the store: the only places that speak a database's language.
const BACKENDS: &[&str] = &["sqlite", "postgres", "libsql", "redis", "file"];

/// Macros that print.
const PRINTS: &[&str] = &["println!", "eprintln!", "print!", "eprint!"];

/// What is done while a change is made, and is not to stay.
const LEFTOVERS: &[(&str, &str)] = &[
    ("dbg!", "it prints to people who did not ask"),
    ("todo!", "it panics"),
    ("unimplemented!", "it panics"),
    ("#[ignore", "assert the wrong behaviour and say so, or delete the test"),
];

/// What is said of SQL elsewhere.
const MISPLACED_SQL: &str = "SQL belongs to a backend of guidepost-store";

/// Notes to oneself.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX"];

/// Where files of SQL may be, besides backends and tests: the demo reads a store as any program of its users would.
const DEMO: &str = "crates/guidepost/src/commands/demo/";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
    let mut problems: Vec<Problem> = sources.flat_map(check_one).collect();
    let statements = files.iter().filter(|file| file.path.ends_with(".sql"));
    let misplaced = statements.filter(|file| {
        !may_hold_sql(&file.path) && !is_test_file(&file.path) && !file.path.starts_with(DEMO)
    });
    problems.extend(misplaced.map(|file| Problem::new(&file.path, 0, MISPLACED_SQL)));
    problems
}

fn check_one(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report =
        |line: usize, what: String| problems.push(Problem::new(&file.path, line, what));
    if !file.text.trim_start().starts_with("//!") {
        report(
            1,
            "a file opens with `//!`: what lives here, what does not, where to start".to_owned(),
        );
    }
    let tests_from = if is_test_file(&file.path) { 0 } else { test_module(&file.text) };
    for piece in pieces(&file.text) {
        let is_test = piece.line >= tests_from;
        match piece.kind {
            Kind::Comment => {
                for note in NOTES.iter().filter(|note| has_word(piece.text, note)) {
                    report(piece.line, format!("`{note}`: do it, or open an issue"));
                }
            }
            Kind::String if !is_test && !may_hold_sql(&file.path) && is_statement(piece.text) => {
                report(piece.line, MISPLACED_SQL.to_owned());
            }
            Kind::String => {}
            Kind::Code => check_code(&piece, &file.path, tests_from, &mut report),
        }
    }
    problems
}

fn check_code(
    piece: &Piece<'_>,
    path: &str,
    tests_from: usize,
    report: &mut impl FnMut(usize, String),
) {
    for (line, text) in (piece.line..).zip(piece.text.lines()) {
        for (leftover, why) in LEFTOVERS {
            if has_macro(text, leftover) {
                report(line, format!("`{leftover}` is not to stay: {why}"));
            }
        }
        if line >= tests_from || may_print(path) {
            continue;
        }
        for print in PRINTS.iter().filter(|print| has_macro(text, print)) {
            report(line, format!("`{print}` belongs in the binary's output.rs"));
        }
    }
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/")
        || path.contains("/benches/")
        || path.contains("/examples/")
        || path.ends_with("/tests.rs")
        || path.starts_with("benches/")
        || path.starts_with("examples/")
}

/// The line a file's test module begins on; beyond the end if it has none.
fn test_module(text: &str) -> usize {
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        let next = lines.peek().map(|(next, _)| next.trim_start()).unwrap_or_default();
        if line.trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{') {
            return number;
        }
    }
    usize::MAX
}

fn may_hold_sql(path: &str) -> bool {
    let Some(inside) = path.strip_prefix("crates/guidepost-store/src/") else {
        return path.starts_with("xtask/");
    };
    BACKENDS.iter().any(|backend| {
        inside.strip_prefix(backend).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

fn may_print(path: &str) -> bool {
    // A build script talks to cargo by printing.
    path == "crates/guidepost/src/output.rs"
        || path.starts_with("xtask/")
        || path.ends_with("/build.rs")
}

/// Whether a string is a statement of SQL, or begins as one.
fn is_statement(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(40).collect();
    let joined = words.join(" ");
    STATEMENTS.iter().any(|(first, then)| {
        let rest = joined.strip_prefix(first).and_then(|rest| rest.strip_prefix(' '));
        rest.is_some_and(|rest| !rest.is_empty() && (then.is_empty() || has_word(rest, then)))
    })
}

/// Whether a word stands by itself in a text.
fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

/// Whether a macro is called, and not one whose name ends like it.
fn has_macro(text: &str, call: &str) -> bool {
    text.match_indices(call).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check(&[file]).into_iter().map(|problem| problem.to_string()).collect()
    }

    const CORE: &str = "crates/guidepost-core/src/x.rs";

    #[test]
    fn a_file_without_a_header_is_found() {
        assert!(complaints(CORE, "pub fn f() {}\n")[0].contains("opens with `//!`"));
        assert_eq!(complaints(CORE, "//! Header.\n\npub fn f() {}\n"), [""; 0]);
    }

    #[test]
    fn leftovers_and_notes_are_found_where_they_stand() {
        let text = "//! Header.\n// TODO: later\nfn f() { dbg!(1); }\n#[ignore]\nfn g() {}\n";
        let found = complaints(CORE, text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("crates/guidepost-core/src/x.rs:2: `TODO`"));
        assert!(found[1].starts_with("crates/guidepost-core/src/x.rs:3: `dbg!`"));
        assert!(found[2].starts_with("crates/guidepost-core/src/x.rs:4: `#[ignore`"));
    }

    #[test]
    fn what_only_looks_like_a_leftover_is_left_alone() {
        let text = "//! Header.\n// A TODOS list.\nfn f() { my_dbg!(\"dbg! TODO println!\"); }\n";
        assert_eq!(complaints(CORE, text), [""; 0]);
    }

    #[test]
    fn printing_is_for_the_output_module_tests_and_tasks() {
        let text = "//! Header.\nfn f() { println!(\"x\"); }\n";
        assert_eq!(complaints(CORE, text).len(), 1);
        assert_eq!(complaints("crates/guidepost/src/output.rs", text), [""; 0]);
        assert_eq!(complaints("crates/guidepost/tests/cli.rs", text), [""; 0]);
        let in_tests =
            "//! Header.\n#[cfg(test)]\nmod tests {\n    fn f() { println!(\"x\"); }\n}\n";
        assert_eq!(complaints(CORE, in_tests), [""; 0]);
    }

    #[test]
    fn sql_is_for_backends_and_tests() {
        let text = "//! Header.\nconst Q: &str = \"SELECT name FROM workflow\";\n";
        assert_eq!(complaints("crates/guidepost-server/src/ops.rs", text).len(), 1);
        assert_eq!(complaints("crates/guidepost-store/src/lib.rs", text).len(), 1);
        assert_eq!(complaints("crates/guidepost-server/src/runs.sql", text).len(), 1);
        for allowed in [
            "crates/guidepost-store/src/sqlite/queries/runs.sql",
            "crates/guidepost-store/src/sqlite.rs",
            "crates/guidepost-store/src/sqlite/runs.rs",
            "crates/guidepost-store/tests/sql.rs",
        ] {
            assert_eq!(complaints(allowed, text), [""; 0], "{allowed}");
        }
    }

    #[test]
    fn only_statements_are_sql() {
        for statement in [
            "UPDATE agent_instance\n   SET current_state_id = 3",
            "insert".to_uppercase().as_str(),
            "PRAGMA journal_mode = WAL",
            "DELETE FROM run",
        ] {
            assert_eq!(is_statement(statement), statement != "INSERT", "{statement}");
        }
        for text in ["Select a workflow", "UPDATE", "DELETE it", "UPDATED rows SET", "SELECTED x"] {
            assert!(!is_statement(text), "{text}");
        }
    }
}
