//! From a URL to a store.

use std::sync::Arc;

#[cfg(feature = "sqlite")]
use crate::sqlite::{Location, Sqlite};
use crate::{Store, StoreError};

/// Opens the store a URL names: a file path or `sqlite:PATH`, with `?durability=process` if need be, or `memory:`.
///
/// # Errors
///
/// [`StoreError::BadUrl`] if it names none, and whatever keeps the named one from opening: [`StoreError::NewerSchema`],
/// [`StoreError::Busy`], [`StoreError::Unavailable`].
pub fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let (scheme, rest) = match url.split_once(':') {
        // One letter is a drive, as in `C:\guidepost.db`; a slash before the colon makes it part of a path.
        Some((scheme, rest)) if scheme.len() > 1 && !scheme.contains(['/', '\\', '.']) => {
            (scheme, rest)
        }
        _ => ("sqlite", url),
    };
    match (scheme, rest) {
        #[cfg(feature = "sqlite")]
        ("sqlite" | "file", path) => Ok(Arc::new(Sqlite::open(&Location::parse(path)?)?)),
        #[cfg(feature = "memory")]
        ("memory", "") => Ok(Arc::new(crate::memory::Memory::new())),
        (other, _) => Err(StoreError::BadUrl {
            // The rest of a URL may hold a password.
            url: format!("{other}:…"),
            what: format!("this program has no backend `{other}`"),
        }),
    }
}
