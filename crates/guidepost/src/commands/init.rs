//! `guidepost init`: a sample workflow to edit.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::args;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// The sample. It is also what the tests check, simulate and start.
const SAMPLE: &str = include_str!("init/sample.yaml");

/// Writes the sample workflow.
///
/// # Errors
///
/// If the file exists, or cannot be written.
pub(crate) fn run(args: &args::Init, out: &mut Output) -> Result<Exit, Failure> {
    let shown = args.file.display().to_string();
    write(&args.file, args.force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Kind::Refused, "GP0453", format!("`{shown}` exists and was left alone"))
                .hint("give another name, or replace it with --force")
        }
        _ => Failure::unwritable(&shown, &error),
    })?;
    if out.is_json() {
        out.json(&json!({ "file": shown }));
        return Ok(Exit::Ok);
    }
    out.line(format!("wrote {shown}"));
    out.gap();
    out.line("Try next:");
    out.line(format!("  guidepost check {shown}"));
    out.line(format!(
        "  guidepost simulate {shown} --input '{{\"topic\":\"otters\"}}' --event Drafted='{{\"draft\":\"Otters hold hands.\"}}'"
    ));
    out.line(format!("  guidepost apply {shown}"));
    Ok(Exit::Ok)
}

fn write(path: &Path, force: bool) -> io::Result<()> {
    if force {
        return fs::write(path, SAMPLE);
    }
    File::create_new(path)?.write_all(SAMPLE.as_bytes())
}
