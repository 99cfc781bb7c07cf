//! Whether the file that is open is still the one its path leads to.

use super::Location;
use crate::StoreError;

/// The file that is open, as the operating system tells files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SameFile(Option<(u64, u64)>);

impl SameFile {
    /// The file a location leads to now.
    pub(super) fn of(location: &Location) -> Self {
        Self(identity(location))
    }

    /// Whether the location leads to it still.
    pub(super) fn is_at(self, location: &Location) -> bool {
        self.0 == identity(location)
    }

    /// What callers are told when it does not: what is written would be lost, and nobody else would see it.
    pub(super) fn gone(location: &Location) -> StoreError {
        StoreError::Failed {
            url: location.url(),
            what: "the file was deleted or replaced while it was open; end this process and begin again"
                .to_owned(),
            source: None,
        }
    }
}

/// Device and inode. Another VFS than the platform's own may keep no such file.
#[cfg(unix)]
fn identity(location: &Location) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let at_path = || std::fs::metadata(&location.path).ok();
    let file = location.vfs.is_none().then(at_path).flatten()?;
    Some((file.dev(), file.ino()))
}

/// A file that is open cannot be deleted.
#[cfg(not(unix))]
fn identity(_: &Location) -> Option<(u64, u64)> {
    None
}
