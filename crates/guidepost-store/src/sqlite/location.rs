//! Which file, and how durable.

use std::path::PathBuf;

use crate::{Durability, StoreError};

/// Which file a store is in, and what an acknowledged write to it survives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// [`Durability::Disk`], or [`Durability::Process`] for writes that a loss of power may undo. After
    /// [`Durability::None`], which no URL asks for, it may leave nothing that can be opened.
    pub durability: Durability,
    /// The SQLite VFS it goes through; `None` for the platform's own.
    pub vfs: Option<String>,
}

impl Location {
    /// A file that keeps every acknowledged write.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::Disk, vfs: None }
    }

    /// Reads the part of a URL after `sqlite:`: a path, and `?durability=process` or `?durability=disk` if need be. A `?`
    /// with a slash somewhere after it is part of the path.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadUrl`] if the path is empty or an option is unknown.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let bad = |what: String| StoreError::BadUrl { url: format!("sqlite:{text}"), what };
        let (path, options) = split_options(text);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(bad("it names no file".to_owned()));
        }
        let durability = match options {
            "" | "durability=disk" => Durability::Disk,
            "durability=process" => Durability::Process,
            other => return Err(bad(format!("the option `{other}` is unknown"))),
        };
        Ok(Self { durability, ..Self::new(path) })
    }

    /// The URL that leads here.
    #[must_use]
    pub fn url(&self) -> String {
        let path = self.path.display().to_string();
        let option = match self.durability {
            Durability::Process => "?durability=process",
            // The end of the path would be taken for options.
            Durability::Disk | Durability::None if split_options(&path).0 != path => {
                "?durability=disk"
            }
            Durability::Disk | Durability::None => "",
        };
        // Of a URL's path, two slashes at the beginning are the URL's.
        let slashes = if path.starts_with("//") { "//" } else { "" };
        format!("sqlite:{slashes}{path}{option}")
    }
}

/// A path, and the options behind it.
fn split_options(text: &str) -> (&str, &str) {
    match text.rsplit_once('?') {
        Some((path, options)) if !options.contains(std::path::is_separator) => (path, options),
        _ => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_and_how_durable_it_is() {
        for (text, path, durability) in [
            ("guidepost.db", "guidepost.db", Durability::Disk),
            ("/var/lib/a b.db", "/var/lib/a b.db", Durability::Disk),
            ("///var/lib/g.db", "/var/lib/g.db", Durability::Disk),
            ("g.db?durability=process", "g.db", Durability::Process),
            ("/why?/g.db", "/why?/g.db", Durability::Disk),
            ("/why?/g.db?durability=process", "/why?/g.db", Durability::Process),
            ("what?.db?durability=disk", "what?.db", Durability::Disk),
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(location, Location { durability, ..Location::new(path) });
            let url = location.url();
            assert_eq!(Location::parse(url.strip_prefix("sqlite:").unwrap()).unwrap(), location);
        }
        for bad in ["", "?durability=disk", "g.db?durability=ram", "what?.db"] {
            assert!(matches!(Location::parse(bad), Err(StoreError::BadUrl { .. })), "{bad}");
        }
    }

    /// Found by fuzzing: a path that began with two slashes was written as the URL of another one.
    #[test]
    fn a_url_leads_to_the_same_file_however_it_was_written() {
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer =
                texts.iter().flat_map(|text| ["/", "?", ":", "V"].map(|c| format!("{text}{c}")));
            texts = longer.collect();
            let mut read = 0;
            for location in texts.iter().filter_map(|text| Location::parse(text).ok()) {
                let url = location.url();
                let again = Location::parse(url.strip_prefix("sqlite:").unwrap()).unwrap();
                assert_eq!(again, location, "{url}");
                read += 1;
            }
            assert!(read > 0);
        }
    }
}
