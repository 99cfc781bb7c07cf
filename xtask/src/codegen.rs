//! `cargo xtask codegen`: documents made from the code, so that they cannot say otherwise.
//!
//! [`documents`] lists them; each is a pure function of the project's files, or of what the built binary says.

mod cli;
mod errors;
mod limits;
mod schema;
mod workflow_schema;

use anyhow::{Context, Result};

use crate::project::{File, Project};

/// Says that a document is made, not written.
const NOTICE: &str = "<!-- Made by `cargo xtask codegen`. Edit the code instead. -->\n";

/// Writes every generated document, or, with `check`, says which are stale. Says whether all are fresh.
///
/// # Errors
///
/// If a source of theirs cannot be read.
pub(crate) fn run(project: &Project, check: bool) -> Result<bool> {
    let mut is_fresh = true;
    for document in documents(project)? {
        let place = project.root.join(&document.path);
        if std::fs::read_to_string(&place).is_ok_and(|text| text == document.text) {
            continue;
        }
        if check {
            eprintln!("{} is stale: run `cargo xtask codegen`", document.path);
            is_fresh = false;
        } else {
            if let Some(directory) = place.parent() {
                std::fs::create_dir_all(directory).context("docs cannot be made")?;
            }
            std::fs::write(&place, &document.text)
                .with_context(|| format!("{} cannot be written", document.path))?;
            println!("wrote {}", document.path);
        }
    }
    Ok(is_fresh)
}

/// Every generated document, as it should be.
fn documents(project: &Project) -> Result<Vec<File>> {
    let files = project.files()?;
    let mut documents = vec![
        File { path: "docs/limits.md".to_owned(), text: limits::document(&files)? },
        File { path: "docs/errors/README.md".to_owned(), text: errors::document(&files) },
    ];
    documents.extend(schema::document(&files));
    documents.push(workflow_schema::document(project)?);
    documents.extend(cli::document(project)?);
    Ok(documents)
}
