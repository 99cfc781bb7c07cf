//! Crates depend only along the arrows, and the pure ones take only pure libraries.

use anyhow::Result;
use serde_json::Value as Json;

use crate::project::Project;
use crate::tidy::Problem;

/// A crate of the workspace, with what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crate {
    name: String,
    dependencies: Vec<Dependency>,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dependency {
    name: String,
    /// Whether only tests use it.
    is_dev: bool,
}

/// What each crate may reach, itself left out.
const ARROWS: &[(&str, &[&str])] = &[
    ("guidepost-core", &[]),
    ("guidepost-store", &["guidepost-core"]),
    ("guidepost-analysis", &["guidepost-core"]),
    ("guidepost-engine", &["guidepost-core", "guidepost-store"]),
    (
        "guidepost-server",
        &["guidepost-core", "guidepost-store", "guidepost-engine", "guidepost-analysis"],
    ),
    (
        "guidepost",
        &[
            "guidepost-core",
            "guidepost-store",
            "guidepost-engine",
            "guidepost-analysis",
            "guidepost-server",
        ],
    ),
    // For the schema of workflow files, which an example of it prints.
    ("xtask", &["guidepost-core"]),
];

/// Crates that do no IO, so that what they depend on may not either.
const PURE: &[&str] = &["guidepost-core", "guidepost-analysis"];

/// Libraries that do no IO of their own, read no clock and draw no randomness the way these crates use them.
const PURE_LIBRARIES: &[&str] = &[
    "blake3",
    "croner",
    "granit-parser",
    "indexmap",
    "jiff",
    "jsonschema",
    "minijinja",
    "petgraph",
    "rustc-hash",
    "serde",
    "serde_json",
    "smallvec",
    "thiserror",
    "uuid",
];

/// The crates of the workspace, as cargo knows them.
///
/// # Errors
///
/// If cargo cannot be asked.
pub(super) fn crates(project: &Project) -> Result<Vec<Crate>> {
    Ok(list(&project.metadata()?["packages"]).map(read).collect())
}

fn read(package: &Json) -> Crate {
    let dependencies = list(&package["dependencies"]).map(|dependency| Dependency {
        name: text(&dependency["name"]),
        is_dev: dependency["kind"] == "dev",
    });
    Crate { name: text(&package["name"]), dependencies: dependencies.collect() }
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn check(crates: &[Crate]) -> Vec<Problem> {
    crates.iter().flat_map(check_one).collect()
}

fn check_one(one: &Crate) -> Vec<Problem> {
    let manifest = match one.name.as_str() {
        "xtask" => "xtask/Cargo.toml".to_owned(),
        name => format!("crates/{name}/Cargo.toml"),
    };
    let problem = |what: String| Problem::new(&manifest, 0, what);
    let Some((_, reaches)) = ARROWS.iter().find(|(name, _)| *name == one.name) else {
        let what =
            "the crate has no place in the map: add it to ARCHITECTURE.md and to tidy's arrows";
        return vec![problem(what.to_owned())];
    };
    let mut problems = Vec::new();
    for dependency in &one.dependencies {
        let name = dependency.name.as_str();
        let is_ours = ARROWS.iter().any(|(ours, _)| *ours == name);
        if is_ours && name != one.name && !reaches.contains(&name) {
            problems.push(problem(format!(
                "`{}` may not depend on `{name}`: no arrow leads there",
                one.name
            )));
        }
        let is_pure = is_ours || dependency.is_dev || PURE_LIBRARIES.contains(&name);
        if PURE.contains(&one.name.as_str()) && !is_pure {
            problems.push(problem(format!(
                "`{}` does no IO, and `{name}` is not on the list of pure libraries",
                one.name
            )));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, dependencies: &[(&str, bool)]) -> Crate {
        let dependencies = dependencies
            .iter()
            .map(|(name, is_dev)| Dependency { name: (*name).to_owned(), is_dev: *is_dev });
        Crate { name: name.to_owned(), dependencies: dependencies.collect() }
    }

    fn complaints(of: Crate) -> Vec<String> {
        check(&[of]).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn crates_may_depend_along_the_arrows_and_on_any_library() {
        let server = one("guidepost-server", &[("guidepost-core", false), ("rmcp", false)]);
        assert_eq!(complaints(server), [""; 0]);
    }

    #[test]
    fn a_dependency_against_the_arrows_is_found() {
        let core = one("guidepost-core", &[("serde", false), ("guidepost-store", false)]);
        let expected = "crates/guidepost-core/Cargo.toml: `guidepost-core` may not depend on \
                        `guidepost-store`: no arrow leads there";
        assert_eq!(complaints(core), [expected]);
        let sideways = one("guidepost-analysis", &[("guidepost-store", true)]);
        assert_eq!(complaints(sideways).len(), 1, "a test's dependency is one too");
    }

    #[test]
    fn a_pure_crate_takes_only_pure_libraries_except_in_tests() {
        let core = one("guidepost-core", &[("tokio", false), ("proptest", true)]);
        let complaints = complaints(core);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].contains("`tokio` is not on the list"), "{complaints:?}");
    }

    #[test]
    fn a_crate_that_the_map_lacks_is_found() {
        assert!(complaints(one("guidepost-utils", &[]))[0].contains("no place in the map"));
    }

    #[test]
    fn cargo_tells_what_a_crate_depends_on() {
        let package = serde_json::json!({
            "name": "guidepost-store",
            "dependencies": [
                { "name": "rusqlite", "kind": null },
                { "name": "tempfile", "kind": "dev" },
            ],
        });
        let expected = one("guidepost-store", &[("rusqlite", false), ("tempfile", true)]);
        assert_eq!(read(&package), expected);
    }
}
