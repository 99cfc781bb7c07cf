//! Which store a command works on, who it works for, and what it may call.

pub(crate) mod tools;

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// The variable that names the store when no option does.
pub(crate) const STORE_VARIABLE: &str = "GUIDEPOST_STORE";

/// The file that is looked for in the directories upward, as git looks for its own.
const STORE_FILE: &str = "guidepost.db";

/// The store a command works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreChoice {
    /// Its URL, or a path.
    pub(crate) url: String,
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
}

impl StoreChoice {
    /// The store named by the option; else by the variable; else the nearest file upward; else the user's own.
    ///
    /// # Errors
    ///
    /// If there is no directory for the user's data.
    pub(crate) fn find(option: Option<&str>) -> Result<Self, Failure> {
        if let Some(url) = option {
            return Ok(Self { url: url.to_owned(), why: Why::Option });
        }
        if let Some(url) = env::var(STORE_VARIABLE).ok().filter(|url| !url.is_empty()) {
            return Ok(Self { url, why: Why::Variable });
        }
        let nearest = env::current_dir().ok().and_then(|here| nearest(&here));
        if let Some(path) = nearest {
            return Ok(Self { url: path.display().to_string(), why: Why::Nearest });
        }
        let directory = user_data().ok_or_else(|| {
            Failure::new(Exit::Failed, "GP0454", "there is no directory to keep a store in")
                .hint("name a store with --store, or set HOME")
        })?;
        let path = directory.join("guidepost").join(STORE_FILE);
        Ok(Self { url: path.display().to_string(), why: Why::UserData })
    }
}

impl StoreChoice {
    /// The file that somebody named, if it is one that was named.
    pub(crate) fn named_file(&self) -> Option<PathBuf> {
        if !matches!(self.why, Why::Option | Why::Variable) {
            return None;
        }
        let path = match self.url.split_once(':') {
            Some(("sqlite", path)) => path,
            Some(_) => return None,
            None => &self.url,
        };
        let path = path.split('?').next().unwrap_or(path);
        (!path.is_empty() && !path.starts_with("//")).then(|| PathBuf::from(path))
    }
}

fn nearest(here: &Path) -> Option<PathBuf> {
    here.ancestors().map(|directory| directory.join(STORE_FILE)).find(|path| path.is_file())
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
pub(crate) fn caller(option: Option<&str>) -> String {
    let user = || variable("USER").or_else(|| variable("USERNAME"));
    agent(option).or_else(user).unwrap_or_else(|| "cli".to_owned())
}

/// The agent in whose name is acted, if one was named.
pub(crate) fn agent(option: Option<&str>) -> Option<String> {
    option.map(str::to_owned).or_else(|| variable("GUIDEPOST_AGENT"))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_was_named_must_be_there() {
        let named = |url: &str, why| StoreChoice { url: url.to_owned(), why }.named_file();
        for url in ["a/b.db", "sqlite:a/b.db", "sqlite:a/b.db?durability=process"] {
            assert_eq!(named(url, Why::Option), Some(PathBuf::from("a/b.db")), "{url}");
        }
        for url in ["memory:", "redis://x", "sqlite:", "sqlite://a"] {
            assert_eq!(named(url, Why::Variable), None, "{url}");
        }
        assert_eq!(named("a/b.db", Why::UserData), None);
    }

    #[test]
    fn the_nearest_file_upward_is_found() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a").join("b");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(nearest(&inner), None);
        let file = root.path().join(STORE_FILE);
        std::fs::write(&file, "").unwrap();
        assert_eq!(nearest(&inner), Some(file));
    }
}
