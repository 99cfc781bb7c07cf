//! How an agent is to start Guidepost.

use std::env;
use std::path::Path;

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// The command an agent starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// The program, by its full path: agents are started from anywhere.
    pub(super) command: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
}

impl Entry {
    /// This very program, serving MCP on the store named by the option, if one is.
    ///
    /// # Errors
    ///
    /// If the program cannot tell where it is.
    pub(super) fn new(store: Option<&str>) -> Result<Self, Failure> {
        let program = env::current_exe().map_err(|error| {
            Failure::new(Exit::Failed, "GP0454", "this program cannot tell where it is")
                .caused_by(&error)
        })?;
        let mut args = vec!["mcp".to_owned()];
        if let Some(store) = store {
            args.extend(["--store".to_owned(), from_anywhere(store)]);
        }
        Ok(Self { command: program.display().to_string(), args })
    }

    /// The command as one would type it.
    pub(super) fn shell_words(&self) -> String {
        let words = std::iter::once(&self.command).chain(&self.args);
        words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A store's URL that means the same in every directory.
fn from_anywhere(store: &str) -> String {
    let (scheme, path) = match store.strip_prefix("sqlite:") {
        Some(path) => ("sqlite:", path),
        None => ("", store),
    };
    let has_other_scheme = scheme.is_empty() && path.contains(':');
    if has_other_scheme || Path::new(path).is_absolute() {
        return store.to_owned();
    }
    match std::path::absolute(path) {
        Ok(path) => format!("{scheme}{}", path.display()),
        Err(_) => store.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_store_is_made_absolute() {
        assert!(Path::new(&from_anywhere("a.db")).is_absolute());
        assert_eq!(from_anywhere("memory:"), "memory:");
        assert!(from_anywhere("sqlite:a.db").starts_with("sqlite:/"));
        assert_eq!(from_anywhere("/var/a.db"), "/var/a.db");
    }

    #[test]
    fn words_with_blanks_are_quoted() {
        assert_eq!(quoted("/opt/a b"), "'/opt/a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("mcp"), "mcp");
    }
}
