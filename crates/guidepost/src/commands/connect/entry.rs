//! How an agent is to start Guidepost.

use std::{env, path};

use guidepost_core::name::NameOf;
use guidepost_store::Address;
use serde::Serialize;

use crate::args::Global;
use crate::failure::{Failure, Kind};
use crate::shell::quoted;

/// The command an agent starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// The program, by its full path: agents are started from anywhere.
    pub(super) command: String,
    /// Its arguments.
    pub(super) args: Vec<String>,
}

impl Entry {
    /// This very program, serving MCP on the store and in the name that the options give, if they do.
    ///
    /// # Errors
    ///
    /// If an option means nothing, or the program cannot tell where it is.
    pub(super) fn new(global: &Global) -> Result<Self, Failure> {
        let program = env::current_exe().map_err(|error| {
            Failure::new(Kind::Unavailable, "GP0454", "this program cannot tell where it is")
                .caused_by(&error)
        })?;
        let mut args = vec!["mcp".to_owned()];
        if let Some(store) = &global.store {
            args.extend(["--store".to_owned(), from_anywhere(store)?]);
        }
        if let Some(name) = &global.caller {
            NameOf::Agent.check(name).map_err(|error| Failure::usage(error.to_string()))?;
            args.extend(["--as".to_owned(), name.clone()]);
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
fn from_anywhere(store: &str) -> Result<String, Failure> {
    let address = Address::parse(store)?;
    Ok(match address.file().and_then(|path| path::absolute(path).ok()) {
        Some(path) => address.at(path).url(),
        None => address.url(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_so_that_every_directory_leads_to_it() {
        let here = env::current_dir().unwrap();
        for (store, url) in [
            ("a.db", format!("sqlite:{}", here.join("a.db").display())),
            ("sqlite://a.db", format!("sqlite:{}", here.join("a.db").display())),
            ("/var/a.db?durability=process", "sqlite:/var/a.db?durability=process".to_owned()),
            ("memory:", "memory:".to_owned()),
        ] {
            assert_eq!(from_anywhere(store).unwrap(), url, "{store}");
        }
        assert!(from_anywhere("redis://x").is_err());
    }
}
