//! The real programs that tests talk to. Each is one entry of [`SERVICES`]: what it is, how to tell that it is there, how
//! to get it, and what the tests are told about it.
//!
//! A test that needs one asks for it by its variable, or finds the program on the path, and says so in its name or its
//! first line. It fails without it, unless the variable says [`SKIP`]: only this list leaves tests out, and tells which.
//! To add PostgreSQL, Redis, NATS or a browser, add an entry.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::project::Project;

/// A program that tests need, and how to get it.
#[derive(Debug)]
pub(crate) struct Service {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What is not tested without it.
    pub(crate) tests: &'static str,
    /// The variable that tells tests where it is; none if they take it from the path.
    pub(crate) variable: Option<&'static str>,
    /// How it is obtained.
    source: Source,
}

/// How a program is obtained.
#[derive(Debug)]
enum Source {
    /// A program on the path, from Debian packages if it is missing.
    Debian { program: &'static str, packages: &'static [&'static str] },
    /// Python with these packages from PyPI, in an environment of its own.
    Python { requirements: &'static [&'static str], imports: &'static str },
    /// A folder with a package from npm, for Node.
    Npm { package: &'static str, version: &'static str },
}

/// Everything the tests talk to, in the order it is obtained.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        name: "sqlite3",
        tests: "SQL as an interface, from the stock shell",
        variable: None,
        source: Source::Debian { program: "sqlite3", packages: &["sqlite3"] },
    },
    Service {
        name: "python3",
        tests: "SQL as an interface, from another language's driver",
        variable: None,
        source: Source::Debian { program: "python3", packages: &["python3", "python3-venv"] },
    },
    Service {
        name: "the official MCP client",
        tests: "MCP, against the client that the protocol's authors publish",
        variable: Some("GUIDEPOST_TEST_PYTHON"),
        source: Source::Python { requirements: &["mcp==2.3.0"], imports: "mcp" },
    },
    Service {
        name: "XState",
        tests: "the semantics of statecharts, against XState itself",
        variable: Some("GUIDEPOST_TEST_XSTATE"),
        source: Source::Npm { package: "xstate", version: "5.33.3" },
    },
];

/// What was found or obtained.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Variables to set for the tests.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    /// What is missing, and why.
    pub(crate) missing: Vec<(&'static Service, String)>,
}

/// What a variable says in place of a service that is to be left out.
const SKIP: &str = "skip";

/// Makes sure that every service is there, as far as that is possible here.
pub(crate) fn provide(project: &Project) -> Found {
    let mut found = Found::default();
    for service in SERVICES {
        match service.source.provide(project) {
            Ok(place) => {
                println!("  {}: {}", service.name, place.display());
                found.variables.extend(service.variable.map(|variable| (variable, place)));
            }
            Err(error) => {
                println!("  {}: missing ({error:#})", service.name);
                found.leave_out(service, format!("{error:#}"));
            }
        }
    }
    found
}

impl Found {
    fn leave_out(&mut self, service: &'static Service, why: String) {
        self.variables.extend(service.variable.map(|variable| (variable, SKIP.into())));
        self.missing.push((service, why));
    }
}

impl Source {
    fn provide(&self, project: &Project) -> Result<PathBuf> {
        match self {
            Self::Debian { program, packages } => debian(project, program, packages),
            Self::Python { requirements, imports } => python(project, requirements, imports),
            Self::Npm { package, version } => npm(project, package, version),
        }
    }
}

/// A program on the path, installed if it is missing and that is allowed.
fn debian(project: &Project, program: &str, packages: &[&str]) -> Result<PathBuf> {
    if let Some(place) = on_the_path(program) {
        return Ok(place);
    }
    install(project, packages)?;
    on_the_path(program).ok_or_else(|| anyhow::anyhow!("installed, but not on the path"))
}

/// Installs Debian packages, as root or by a `sudo` that asks nothing.
fn install(project: &Project, packages: &[&str]) -> Result<()> {
    anyhow::ensure!(on_the_path("apt-get").is_some(), "not on the path, and there is no apt-get");
    let is_root = project.ask("id", &["-u"]).as_deref() == Some("0");
    let may_sudo = || project.ask("sudo", &["-n", "true"]).is_some();
    anyhow::ensure!(is_root || may_sudo(), "not on the path, and installing it takes root");
    println!("  apt-get install {} …", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let all: Vec<&str> = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let (program, rest) = if is_root { (all[0], &all[1..]) } else { ("sudo", &all[..]) };
        project.command(program, rest).output()
    };
    let wanted: Vec<&str> =
        ["install", "-y", "--no-install-recommends"].iter().chain(packages).copied().collect();
    if !apt(&wanted)?.status.success() {
        // The list of packages may be old, or may never have been fetched.
        apt(&["update"])?;
        let output = apt(&wanted)?;
        anyhow::ensure!(output.status.success(), "apt-get failed: {}", last_line(&output.stderr));
    }
    Ok(())
}

/// The interpreter of an environment that has these packages, made anew when their versions change.
///
/// # Errors
///
/// If there is no Python, or the packages cannot be installed.
pub(crate) fn python(project: &Project, requirements: &[&str], imports: &str) -> Result<PathBuf> {
    let environment = project.target.join("xtask").join(environment_name(requirements));
    let interpreter = environment.join("bin").join("python");
    let interpreter_text = interpreter.display().to_string();
    let import = format!("import {imports}");
    if project.ask(&interpreter_text, &["-c", &import]).is_some() {
        return Ok(interpreter);
    }
    anyhow::ensure!(on_the_path("python3").is_some(), "there is no python3");
    println!("  pip install {} …", requirements.join(" "));
    let directory = environment.display().to_string();
    let make = || project.ask("python3", &["-m", "venv", "--clear", &directory]);
    if make().is_none() {
        install(project, &["python3-venv"])?;
        anyhow::ensure!(make().is_some(), "python3 -m venv failed");
    }
    let wanted: Vec<&str> = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        .iter()
        .chain(requirements)
        .copied()
        .collect();
    let output = project.command(&interpreter_text, &wanted).output()?;
    anyhow::ensure!(output.status.success(), "pip failed: {}", last_line(&output.stderr));
    anyhow::ensure!(
        project.ask(&interpreter_text, &["-c", &import]).is_some(),
        "installed, but `{import}` fails"
    );
    Ok(interpreter)
}

/// A folder that has this version of a package installed.
fn npm(project: &Project, package: &str, version: &str) -> Result<PathBuf> {
    debian(project, "node", &["nodejs"])?;
    let folder = project.target.join("xtask").join(format!("npm-{package}-{version}"));
    let require = format!("require({:?})", folder.join("node_modules").join(package));
    if project.ask("node", &["-e", &require]).is_some() {
        return Ok(folder);
    }
    debian(project, "npm", &["npm"])?;
    println!("  npm install {package}@{version} …");
    std::fs::create_dir_all(&folder)?;
    let (prefix, wanted) = (folder.display().to_string(), format!("{package}@{version}"));
    let arguments =
        ["install", "--silent", "--no-save", "--ignore-scripts", "--prefix", &prefix, &wanted];
    let output = project.command("npm", &arguments).output()?;
    anyhow::ensure!(output.status.success(), "npm failed: {}", last_line(&output.stderr));
    anyhow::ensure!(
        project.ask("node", &["-e", &require]).is_some(),
        "installed, but not to be loaded"
    );
    Ok(folder)
}

/// A directory's name that differs when the requirements do: `python-mcp-2.3.0`.
fn environment_name(requirements: &[&str]) -> String {
    let words = requirements.iter().flat_map(|one| one.split("==")).map(|word| {
        word.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.', "-")
    });
    std::iter::once("python".to_owned()).chain(words).collect::<Vec<_>>().join("-")
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|it| is_program(it))
}

fn is_program(place: &Path) -> bool {
    place.is_file()
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_what_is_missing_are_told_to_be_left_out() {
        let mut found = Found::default();
        SERVICES.iter().for_each(|service| found.leave_out(service, "no network".to_owned()));
        assert_eq!(found.missing.len(), SERVICES.len());
        let told = |variable| found.variables.contains(&(variable, PathBuf::from("skip")));
        assert!(SERVICES.iter().filter_map(|service| service.variable).all(told));
    }

    #[test]
    fn another_version_gets_another_environment() {
        assert_eq!(environment_name(&["mcp==2.3.0"]), "python-mcp-2.3.0");
        assert_ne!(environment_name(&["mcp==2.3.0"]), environment_name(&["mcp==2.3.1"]));
        assert_eq!(environment_name(&["a/b==1"]), "python-a-b-1");
    }

    #[test]
    fn the_last_line_that_says_something_is_the_reason() {
        assert_eq!(last_line(b"trying\nno such package\n\n"), "no such package");
        assert_eq!(last_line(b""), "");
    }
}
