//! `cargo xtask ci`: everything a change must pass. If it passes at home, it passes there.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::project::Project;
use crate::{codegen, snippets, test, tidy};

/// Runs every check, also after one has failed. Says whether all passed.
///
/// # Errors
///
/// If cargo cannot be asked about the project.
pub(crate) fn run(project: &Project) -> Result<bool> {
    let mut checks = Checks { project, results: Vec::new() };
    checks.cargo("format", &["fmt", "--all", "--check"], &[]);
    checks.task("tidy", || tidy::run(project));
    let clippy =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    checks.cargo("lints", &clippy, &[]);
    let doc = ["doc", "--workspace", "--no-deps", "--all-features"];
    checks.cargo("docs", &doc, &[("RUSTDOCFLAGS", "-D warnings")]);
    for feature in features_of(&project.metadata()?, "guidepost-store") {
        let alone = [
            "check",
            "--package",
            "guidepost-store",
            "--no-default-features",
            "--features",
            &feature,
        ];
        checks.cargo(
            &format!("store with `{feature}` alone"),
            &alone,
            &[("RUSTFLAGS", "-D warnings")],
        );
    }
    checks.task("fuzz targets", || compile_fuzz_targets(project));
    checks.task("generated files", || codegen::run(project, true));
    checks.task("what documents show", || snippets::check(project));
    if project.ask("cargo", &["deny", "--version"]).is_some() {
        checks.cargo("licences and advisories", &["deny", "check"], &[]);
    } else {
        println!("cargo deny is not installed: licences and advisories are not checked");
    }
    checks.task("tests", || test::run(project));
    Ok(checks.report())
}

/// Checks that the fuzz targets compile, with the versions the workspace has. Fuzzing itself takes a nightly compiler.
fn compile_fuzz_targets(project: &Project) -> Result<bool> {
    let folder = project.root.join("fuzz");
    std::fs::copy(project.root.join("Cargo.lock"), folder.join("Cargo.lock"))
        .context("the versions of the workspace cannot be handed to fuzz/")?;
    let arguments = ["check", "--manifest-path", "fuzz/Cargo.toml", "--bins"];
    println!("cargo {}", arguments.join(" "));
    let mut cargo = project.command("cargo", &arguments);
    Ok(cargo.status().context("cargo cannot be run")?.success())
}

struct Checks<'a> {
    project: &'a Project,
    results: Vec<(String, bool, u64)>,
}

impl Checks<'_> {
    fn cargo(&mut self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) {
        let mut cargo = self.project.command("cargo", arguments);
        cargo.envs(variables.iter().copied());
        self.task(name, || {
            println!("cargo {}", arguments.join(" "));
            Ok(cargo.status().context("cargo cannot be run")?.success())
        });
    }

    fn task(&mut self, name: &str, task: impl FnOnce() -> Result<bool>) {
        println!("\n== {name}");
        let begun = Instant::now();
        let is_ok = task().unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            false
        });
        self.results.push((name.to_owned(), is_ok, begun.elapsed().as_secs()));
    }

    /// Shows what passed and what did not. Says whether all did.
    fn report(&self) -> bool {
        println!();
        for (name, is_ok, seconds) in &self.results {
            let verdict = if *is_ok { "ok" } else { "FAILED" };
            println!("{verdict:6}  {name} ({seconds} s)");
        }
        self.results.iter().all(|(_, is_ok, _)| *is_ok)
    }
}

/// A crate's features, `default` left out.
fn features_of(metadata: &Json, package: &str) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let found = packages.filter(|found| found["name"] == package);
    let features = found.filter_map(|found| found["features"].as_object());
    let names = features.flat_map(|features| features.keys());
    names.filter(|name| *name != "default").cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_but_the_default_is_checked_alone() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "a", "features": { "x": [] } },
            { "name": "b", "features": { "default": ["y"], "y": [], "z": ["y"] } },
        ] });
        assert_eq!(features_of(&metadata, "b"), ["y", "z"]);
        assert_eq!(features_of(&metadata, "c"), [""; 0]);
    }
}
