//! Writing whole files, so that a crash leaves the old one or the new one, never half of either.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces a file's content, making the directories on the way. A link stays a link, and permissions stay.
///
/// # Errors
///
/// Whatever the file system says; the file is then as it was.
pub(crate) fn whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Some(directory) = target.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let temporary = beside(&target, &format!(".tmp-{}", std::process::id()));
    let written =
        write_new(&temporary, content, &target).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // What is left of the attempt is of no use; that it cannot be removed is not worth hiding the first error.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_new(temporary: &Path, content: &[u8], like: &Path) -> io::Result<()> {
    let mut file = File::create_new(temporary)?;
    if let Ok(known) = fs::metadata(like) {
        file.set_permissions(known.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

/// The path with something added to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep").join("a.json");
        whole(&path, b"1").unwrap();
        whole(&path, b"2").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(beside(&path, ".bak").file_name().unwrap(), "a.json.bak");
    }
}
