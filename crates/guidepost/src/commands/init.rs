//! `guidepost init`: a sample workflow to edit, or an empty store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::args::{self, Global};
use crate::door::Door;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// The sample. It is also what the tests check, simulate and start.
const SAMPLE: &str = include_str!("init/sample.yaml");

/// What is written if no file is named.
const FILE: &str = "workflow.yaml";

/// Makes an empty store where one is named, and writes the sample workflow unless that was all.
///
/// # Errors
///
/// If the file exists, or one of them cannot be written.
pub(crate) fn run(args: &args::Init, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let store = global.store.as_ref().map(|_| made(global)).transpose()?;
    let file = args.file.as_deref().or(store.is_none().then_some(Path::new(FILE)));
    let file = file.map(|file| sample(file, args.force)).transpose()?;
    if out.is_json() {
        let told = [("store", store), ("file", file)];
        let told = told.into_iter().filter_map(|(what, name)| Some((what, name?)));
        out.json(&told.collect::<BTreeMap<_, _>>());
        return Ok(Exit::Ok);
    }
    for made in [&store, &file].into_iter().flatten() {
        out.line(format!("wrote {made}"));
    }
    out.gap();
    out.line("Try next:");
    if let Some(path) = store.as_ref().and_then(|url| url.strip_prefix("sqlite:")) {
        let path = path.split('?').next().unwrap_or_default();
        out.line(format!("  sqlite3 {path} 'SELECT name FROM workflow'"));
    }
    if let Some(shown) = &file {
        let store = store.map(|url| format!(" --store {url}")).unwrap_or_default();
        out.line(format!("  guidepost check {shown}"));
        out.line(format!(
            "  guidepost simulate {shown} --input '{{\"topic\":\"otters\"}}' --event Drafted='{{\"draft\":\"Otters hold hands.\"}}'"
        ));
        out.line(format!("  guidepost apply {shown}{store}"));
    }
    Ok(Exit::Ok)
}

/// Makes the store that is named, if it is not there, and gives its URL.
fn made(global: &Global) -> Result<String, Failure> {
    let door = Door::open_or_make(global)?;
    Ok(door.ops.store().describe().url)
}

/// Writes the sample, and gives the name of its file.
fn sample(file: &Path, force: bool) -> Result<String, Failure> {
    let shown = file.display().to_string();
    match write(file, force) {
        Ok(()) => Ok(shown),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let what = format!("`{shown}` exists and was left alone");
            Err(Failure::new(Kind::Refused, "GP0453", what)
                .hint("give another name, or replace it with --force"))
        }
        Err(error) => Err(Failure::unwritable(&shown, &error)),
    }
}

fn write(path: &Path, force: bool) -> io::Result<()> {
    if force {
        return fs::write(path, SAMPLE);
    }
    File::create_new(path)?.write_all(SAMPLE.as_bytes())
}
