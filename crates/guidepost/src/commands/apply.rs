//! `guidepost apply`: saves workflow files as new versions.

use std::path::Path;

use guidepost_core::id::Version;
use guidepost_server::ops::{Allowed, Define, Definition, OpError};

use crate::args;
use crate::definition::{DefinitionFile, Report};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Saves each file. All are checked before the first is saved, so that a problem in one leaves the store as it was.
///
/// # Errors
///
/// If a file cannot be read or used, or the store fails.
pub(crate) async fn run(
    args: &args::Apply,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &args.files {
        files.push(DefinitionFile::read(path)?);
    }
    for file in &files {
        save(file, false, door, out).await?;
    }
    for file in &files {
        save(file, true, door, out).await?;
    }
    Ok(Exit::Ok)
}

/// Saves one file, and gives the workflow's name and the version it is.
///
/// # Errors
///
/// If it cannot be read or used, or the store fails.
pub(super) async fn save_one(
    path: &Path,
    door: &Door,
    out: &mut Output,
) -> Result<(String, Version), Failure> {
    save_file(&DefinitionFile::read(path)?, door, out).await
}

/// Saves a file that was read, likewise.
///
/// # Errors
///
/// If it cannot be used, or the store fails.
pub(super) async fn save_file(
    file: &DefinitionFile,
    door: &Door,
    out: &mut Output,
) -> Result<(String, Version), Failure> {
    let definition = define(file, true, door, out).await?;
    for found in &definition.warnings {
        out.aside_failure(&Failure::of_diagnostic(&file.name, found));
    }
    let version = definition.saved.map(|saved| saved.version);
    Ok((definition.workflow, version.unwrap_or_default()))
}

async fn save(
    file: &DefinitionFile,
    save: bool,
    door: &Door,
    out: &mut Output,
) -> Result<(), Failure> {
    let definition = define(file, save, door, out).await?;
    let Some(saved) = &definition.saved else {
        for found in &definition.warnings {
            out.aside_failure(&Failure::of_diagnostic(&file.name, found));
        }
        return Ok(());
    };
    if out.is_json() {
        out.json_line(&Report::of(&file.name, &definition));
        return Ok(());
    }
    let name = format!("{}@{}", definition.workflow, saved.version);
    let what = match (saved.is_new, saved.reworded > 0 || saved.is_new_text) {
        (true, _) => "saved",
        (false, false) => "unchanged",
        (false, true) => "reworded",
    };
    out.line(format!("{what} {name} ({})", file.name));
    Ok(())
}

/// Checks a file, and saves it if that is wanted. Every problem is shown.
async fn define(
    file: &DefinitionFile,
    save: bool,
    door: &Door,
    out: &mut Output,
) -> Result<Definition, Failure> {
    let request = Define {
        text: file.as_text()?,
        file: file.name.clone(),
        save,
        allowed: Allowed::Everything,
        caller: door.caller.clone(),
    };
    match door.ops.define(&request).await {
        Ok(definition) => Ok(definition),
        Err(OpError::BadDefinition { problems, .. }) => {
            for found in &problems {
                out.aside_failure(&Failure::of_diagnostic(&file.name, found));
            }
            Err(file.unusable(&problems))
        }
        Err(error) => Err(error.into()),
    }
}
