//! `docs/schema/workflow.schema.json`: what editors need to complete and check workflow files.

use anyhow::{Context, Result, ensure};

use crate::project::{File, Project};

/// The document.
///
/// # Errors
///
/// If the crate that knows the schema cannot be built.
pub(super) fn document(project: &Project) -> Result<File> {
    let arguments = ["run", "--quiet", "--package", "xtask", "--example", "workflow_schema"];
    let output = project.command("cargo", &arguments).output().context("cargo cannot be run")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the schema cannot be made: {}", complaint.trim());
    let text = String::from_utf8(output.stdout).context("the schema is no text")?;
    Ok(File { path: "docs/schema/workflow.schema.json".to_owned(), text })
}
