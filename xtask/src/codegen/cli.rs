//! `docs/cli.md`: the command line, from what `--help` says.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use crate::codegen::NOTICE;
use crate::project::{File, Project};

/// The document; none while the binary has no commands.
///
/// # Errors
///
/// If the binary cannot be built.
pub(super) fn document(project: &Project) -> Result<Option<File>> {
    if !project.root.join("crates/guidepost/src/args.rs").is_file() {
        return Ok(None);
    }
    let built = project.command("cargo", &["build", "--quiet", "--package", "guidepost"]).status();
    ensure!(built.context("cargo cannot be run")?.success(), "the binary cannot be built");
    let binary = project.target.join("debug").join("guidepost").display().to_string();
    let help = |command: &[&str]| -> Result<String> {
        let mut program = project.command(&binary, command);
        // What a machine's environment says must not get into the document.
        let variables = std::env::vars().map(|(name, _)| name);
        for variable in variables.filter(|name| name.starts_with("GUIDEPOST")) {
            program.env_remove(variable);
        }
        program.arg("--help").env("COLUMNS", "100").env("NO_COLOR", "1");
        let output = program.output().context("the binary cannot be run")?;
        ensure!(output.status.success(), "`guidepost {} --help` fails", command.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };

    let overview = help(&[])?;
    let mut text =
        format!("{NOTICE}\n# The command line\n\n```text\n{}\n```\n", trimmed(&overview));
    for command in commands(&overview) {
        let page = help(&[command])?;
        let _ = write!(text, "\n## guidepost {command}\n\n```text\n{}\n```\n", trimmed(&page));
        for inner in commands(&page) {
            let page = help(&[command, inner])?;
            let _ = write!(
                text,
                "\n### guidepost {command} {inner}\n\n```text\n{}\n```\n",
                trimmed(&page)
            );
        }
    }
    Ok(Some(File { path: "docs/cli.md".to_owned(), text }))
}

/// The help without the blanks at its lines' ends.
fn trimmed(help: &str) -> String {
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The commands a help text lists, `help` left out.
fn commands(help: &str) -> Vec<&str> {
    let after = help.lines().skip_while(|line| line.trim() != "Commands:").skip(1);
    let listed = after.take_while(|line| !line.trim().is_empty());
    // A command's description may go on below it, further to the right.
    let first = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    first.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_of_a_help_text_are_found() {
        let help = "Usage: guidepost <COMMAND>\n\nCommands:\n  where  Says where a run is, and\n         what is legal\n  do     Sends an event\n  help   Print this message\n\nOptions:\n  -h, --help  Print help\n";
        assert_eq!(commands(help), ["where", "do"]);
        assert_eq!(commands("Usage: guidepost do [OPTIONS]\n\nOptions:\n"), [""; 0]);
    }
}
