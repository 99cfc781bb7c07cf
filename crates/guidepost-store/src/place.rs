//! From a URL to a store.

#[cfg(feature = "sqlite")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "sqlite")]
use crate::sqlite::{Location, Sqlite};
use crate::{Store, StoreError};

/// Where a store is. The one reader of what people write for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// In an SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(Location),
    /// In this process's memory.
    #[cfg(feature = "memory")]
    Memory,
}

impl Address {
    /// Reads a URL: a file path or `sqlite:PATH`, with `?durability=process` if need be, or `memory:`.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadUrl`] if it names no store this program can open.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let (scheme, rest) = match url.split_once(':') {
            // One letter is a drive, as in `C:\guidepost.db`; a slash before the colon makes it part of a path.
            Some((scheme, rest)) if scheme.len() > 1 && !scheme.contains(['/', '\\', '.']) => {
                (scheme, rest)
            }
            _ => ("sqlite", url),
        };
        // The rest of a URL may hold a password.
        let bad = |what: String| StoreError::BadUrl { url: format!("{scheme}:…"), what };
        match (scheme, rest) {
            #[cfg(feature = "sqlite")]
            ("sqlite" | "file", path) => Location::parse(path).map(Self::Sqlite),
            #[cfg(feature = "memory")]
            ("memory", "") => Ok(Self::Memory),
            #[cfg(feature = "memory")]
            ("memory", _) => Err(bad("memory has no name; nothing follows `memory:`".to_owned())),
            (other, _) => Err(bad(format!("this program has no backend `{other}`"))),
        }
    }

    /// The file it leads to, if it is one.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(location) => Some(&location.path),
            #[cfg(feature = "memory")]
            Self::Memory => None,
        }
    }

    /// The same for another file.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn at(self, path: PathBuf) -> Self {
        match self {
            Self::Sqlite(location) => Self::Sqlite(Location { path, ..location }),
            #[cfg(feature = "memory")]
            Self::Memory => Self::Memory,
        }
    }

    /// The URL that leads here.
    #[must_use]
    pub fn url(&self) -> String {
        // By value, so that without any backend there is nothing to match.
        match *self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(ref location) => location.url(),
            #[cfg(feature = "memory")]
            Self::Memory => "memory:".to_owned(),
        }
    }

    /// Opens the store, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from opening: [`StoreError::NewerSchema`], [`StoreError::Busy`], [`StoreError::Failed`],
    /// and [`StoreError::BadUrl`] for a file that is something else.
    pub fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        match *self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(ref location) => Ok(Arc::new(Sqlite::open(location)?)),
            #[cfg(feature = "memory")]
            Self::Memory => Ok(Arc::new(crate::memory::Memory::new())),
        }
    }
}

/// Opens the store a URL names, as [`Address::parse`] reads it.
///
/// # Errors
///
/// [`StoreError::BadUrl`] if it names none, and what [`Address::open`] says.
pub fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Address::parse(url)?.open()
}

#[cfg(all(test, feature = "sqlite", feature = "memory"))]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_url_lead_to_the_same_place() {
        for (text, url) in [
            ("a/b.db", "sqlite:a/b.db"),
            ("sqlite://a/b.db", "sqlite:a/b.db"),
            ("file:/var/g.db", "sqlite:/var/g.db"),
            ("./a:b.db", "sqlite:./a:b.db"),
            (r"C:\g.db", r"sqlite:C:\g.db"),
            ("memory:", "memory:"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.url(), url, "{text}");
            assert_eq!(Address::parse(url).unwrap(), address, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_telling_secrets() {
        for (text, why) in [
            ("memory:x", "`memory:…` is no store: memory has no name; nothing follows `memory:`"),
            ("redis://:pass@host", "`redis:…` is no store: this program has no backend `redis`"),
            ("sqlite:", "`sqlite:` is no store: it names no file"),
            ("", "`sqlite:` is no store: it names no file"),
            ("a.db?foo=1", "`sqlite:a.db?foo=1` is no store: the option `foo=1` is unknown"),
        ] {
            assert_eq!(Address::parse(text).unwrap_err().to_string(), why, "{text}");
        }
    }
}
