//! `cargo xtask tidy`: the rules that no compiler checks.
//!
//! Every check is a pure function from files to [`Problem`]s, with a unit test whose input breaks the rule.

mod arrows;
mod documents;
mod errors;
mod lexer;
pub(crate) mod requirements;
mod sources;
mod words;

use std::fmt;

use anyhow::Result;

use crate::project::Project;

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// The file.
    path: String,
    /// The line, from 1; 0 for the file as a whole.
    line: usize,
    /// What is wrong, and what to do instead.
    what: String,
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Checks every rule. Says whether all hold.
///
/// # Errors
///
/// If git or cargo cannot be asked about the project.
pub(crate) fn run(project: &Project) -> Result<bool> {
    let files = project.files()?;
    let mut problems = arrows::check(&arrows::crates(project)?);
    problems.extend(sources::check(&files));
    problems.extend(words::check(&files));
    problems.extend(errors::check(&files));
    problems.extend(requirements::check(&files));
    problems.extend(documents::check(&files));
    problems.sort();
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => println!("tidy: {} files, no problem", files.len()),
        1 => eprintln!("tidy: 1 problem"),
        many => eprintln!("tidy: {many} problems"),
    }
    Ok(problems.is_empty())
}
