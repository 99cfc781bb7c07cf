//! Which store a command works on, who it works for, and what it may call.

pub(crate) mod tools;

use std::env;
use std::path::{Path, PathBuf};

use guidepost_store::Address;
use guidepost_store::sqlite::Location;

use crate::failure::{Failure, Kind};

/// The variable that names the store when no option does.
pub(crate) const STORE_VARIABLE: &str = "GUIDEPOST_STORE";

/// The file that is looked for in the directories upward, as git looks for its own.
const STORE_FILE: &str = "guidepost.db";

/// The store a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreChoice {
    /// Where it is.
    pub(crate) address: Address,
    /// Why this one.
    pub(crate) why: Why,
}

/// Why a store was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// An option names it.
    Option,
    /// The variable names it.
    Variable,
    /// It lies in this directory or one above it.
    Nearest,
    /// Nothing else was said: it is the user's own.
    UserData,
}

impl Why {
    /// The reason in words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Option => "--store",
            Self::Variable => STORE_VARIABLE,
            Self::Nearest => "the nearest guidepost.db upward",
            Self::UserData => "the user's data directory",
        }
    }

    /// The store chosen for this reason, as the place of a failure.
    pub(crate) fn place(self) -> String {
        format!("the store chosen by {}", self.as_str())
    }
}

impl StoreChoice {
    /// The store named by the option; else by the variable; else the nearest file upward; else the user's own.
    ///
    /// # Errors
    ///
    /// If what was named is no store, or there is no directory for the user's data.
    pub(crate) fn find(option: Option<&str>) -> Result<Self, Failure> {
        if let Some(url) = option {
            return Self::named(url, Why::Option);
        }
        if let Some(url) = variable(STORE_VARIABLE)? {
            return Self::named(&url, Why::Variable);
        }
        let found =
            |path: PathBuf, why| Self { address: Address::Sqlite(Location::new(path)), why };
        if let Some(path) = env::current_dir().ok().and_then(|here| nearest(&here)) {
            return Ok(found(path, Why::Nearest));
        }
        let directory = user_data().ok_or_else(|| {
            Failure::new(Kind::Unavailable, "GP0454", "there is no directory to keep a store in")
                .hint("name a store with --store, or set HOME")
        })?;
        Ok(found(directory.join("guidepost").join(STORE_FILE), Why::UserData))
    }

    fn named(url: &str, why: Why) -> Result<Self, Failure> {
        let address = Address::parse(url).map_err(|error| Failure::from(error).at(why.place()))?;
        Ok(Self { address, why })
    }

    /// The file that somebody named, if it is one that was named.
    pub(crate) fn named_file(&self) -> Option<&Path> {
        let is_named = matches!(self.why, Why::Option | Why::Variable);
        self.address.file().filter(|_| is_named)
    }
}

/// The nearest file upward that holds anything. An empty one is what a program leaves that was told to open a file which
/// is not there, and would hide the store that is meant.
fn nearest(here: &Path) -> Option<PathBuf> {
    let holds_something =
        |path: &PathBuf| path.metadata().is_ok_and(|found| found.is_file() && found.len() > 0);
    here.ancestors().map(|directory| directory.join(STORE_FILE)).find(holds_something)
}

/// Where programs keep a user's data: as the XDG base directories say, by default below the home directory.
fn user_data() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local").join("share")))
}

/// The user's home directory.
pub(crate) fn home() -> Option<PathBuf> {
    env::home_dir().filter(|path| !path.as_os_str().is_empty())
}

/// Who acts: the name given, else the user's, else a plain word.
///
/// # Errors
///
/// If a variable that names them is no text.
pub(crate) fn caller(option: Option<&str>) -> Result<String, Failure> {
    if let Some(agent) = agent(option)? {
        return Ok(agent);
    }
    // Somebody else set these, so what is no text there is passed over.
    let user = ["USER", "USERNAME"].into_iter().find_map(|name| variable(name).ok().flatten());
    Ok(user.unwrap_or_else(|| "cli".to_owned()))
}

/// The agent in whose name is acted, if one was named.
///
/// # Errors
///
/// If the variable that names it is no text.
pub(crate) fn agent(option: Option<&str>) -> Result<Option<String>, Failure> {
    match option {
        Some(name) => Ok(Some(name.to_owned())),
        None => variable("GUIDEPOST_AGENT"),
    }
}

/// A variable of the environment; an empty one counts as none.
///
/// # Errors
///
/// If it is no text.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.into_string().map(Some).map_err(|value| {
        let shown = value.to_string_lossy();
        Failure::usage(format!("the variable {name} is no UTF-8 text: `{shown}`"))
            .hint("set it to text, or unset it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let named = |url: &str, why| {
            let choice = StoreChoice { address: Address::parse(url).unwrap(), why };
            choice.named_file().map(Path::to_path_buf)
        };
        for url in [
            "a/b.db",
            "sqlite:a/b.db",
            "sqlite://a/b.db",
            "file:a/b.db",
            "sqlite:a/b.db?durability=process",
        ] {
            assert_eq!(named(url, Why::Option), Some(PathBuf::from("a/b.db")), "{url}");
            assert_eq!(named(url, Why::Variable), Some(PathBuf::from("a/b.db")), "{url}");
            assert_eq!(named(url, Why::UserData), None);
        }
        assert_eq!(named("memory:", Why::Variable), None);
    }

    #[test]
    fn the_nearest_file_upward_is_found() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a").join("b");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(nearest(&inner), None);
        let file = root.path().join(STORE_FILE);
        std::fs::write(&file, "something").unwrap();
        assert_eq!(nearest(&inner), Some(file.clone()));
        std::fs::write(inner.join(STORE_FILE), "").unwrap();
        assert_eq!(nearest(&inner), Some(file), "an empty file is no store");
    }
}
