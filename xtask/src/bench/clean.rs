//! How long it takes from the sources to the end of the demo.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};

use crate::project::Project;

/// Seconds that `cargo run --release -- demo` takes with nothing built before. What it builds is deleted again.
///
/// # Errors
///
/// If the demo cannot be built or fails.
pub(crate) fn seconds(project: &Project) -> Result<f64> {
    let target = project.target.join("clean-build");
    let begun = Instant::now();
    eprintln!("building and running the demo from nothing …");
    let mut cargo = project.command("cargo", &["run", "--quiet", "--release", "--", "demo"]);
    cargo.env("CARGO_TARGET_DIR", &target).stdout(std::process::Stdio::null());
    let status = cargo.status().context("cargo cannot be run")?;
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&target).context("the clean build cannot be deleted")?;
    ensure!(status.success(), "the demo fails");
    Ok(seconds)
}

/// The line of JSON. Nothing is its floor.
pub(crate) fn line(seconds: f64) -> Json {
    json!({ "name": "clean-demo-s", "value": seconds.round(), "floor": null, "ratio": null })
}

/// How the sentence in the document begins.
const SENTENCE: &str = "A clean `cargo run --release -- demo`";

/// What the document says.
pub(crate) fn sentence(seconds: f64, today: &str) -> String {
    format!("{SENTENCE}, its dependencies downloaded, took {seconds:.0} seconds on {today}.\n\n")
}

/// What it said before.
pub(crate) fn kept(before: &str) -> String {
    let sentence = before.lines().find(|line| line.starts_with(SENTENCE));
    sentence.map(|sentence| format!("{sentence}\n\n")).unwrap_or_default()
}
