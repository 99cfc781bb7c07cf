//! The project on disk: where it is, which files it has, and how its programs are called.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// The project on disk.
#[derive(Debug)]
pub(crate) struct Project {
    /// The directory of the workspace's manifest.
    pub(crate) root: PathBuf,
    /// Where builds and caches go.
    pub(crate) target: PathBuf,
}

/// A file of the project, with its path from the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// The path from the root, with `/` between its parts.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl Project {
    /// The project this task was built from.
    ///
    /// # Errors
    ///
    /// If the workspace's manifest is not where it was.
    pub(crate) fn find() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().context("xtask lies at the root of the disk")?.to_path_buf();
        if !root.join("Cargo.toml").is_file() {
            bail!("there is no workspace around xtask any more");
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => root.join(directory),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Every text file that git knows or would add, sorted by path.
    ///
    /// # Errors
    ///
    /// If git cannot be asked.
    pub(crate) fn files(&self) -> Result<Vec<File>> {
        let mut git =
            self.command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.output().context("git cannot be run")?;
        if !output.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let listed = String::from_utf8(output.stdout).context("a file's name is no UTF-8")?;
        let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
        paths.sort_unstable();
        paths.dedup();
        // What git lists and the disk lacks is about to be deleted; what is no UTF-8 is no text.
        let read = |path: &str| std::fs::read_to_string(self.root.join(path)).ok();
        let files = paths
            .into_iter()
            .filter_map(|path| read(path).map(|text| File { path: path.to_owned(), text }));
        Ok(files.collect())
    }

    /// What cargo knows about the workspace's own crates.
    ///
    /// # Errors
    ///
    /// If cargo cannot be asked.
    pub(crate) fn metadata(&self) -> Result<Json> {
        let asked = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
        let answer = self.ask("cargo", &asked).context("cargo metadata failed")?;
        serde_json::from_str(&answer).context("cargo metadata is no JSON")
    }

    /// A program to be run at the root, without input.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        // The cargo that runs this task, so that one toolchain does all the work.
        let cargo = std::env::var("CARGO").ok().filter(|_| program == "cargo");
        let program = cargo.unwrap_or_else(|| program.to_owned());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// What a program prints, if it can be run and ends well.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = self.command(program, arguments).output().ok()?;
        let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(answer)
    }
}

/// Whether this is a continuous-integration run, where nothing may be left out.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
