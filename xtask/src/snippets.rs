//! The workflows shown in documents are ones that Guidepost accepts.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::project::{File, Project};

/// A workflow shown in a document.
#[derive(Debug, PartialEq, Eq)]
struct Snippet<'a> {
    path: &'a str,
    line: usize,
    text: String,
}

/// Lets the built binary check every workflow in the documents. Says whether all are in order.
///
/// # Errors
///
/// If the binary cannot be built or run.
pub(crate) fn check(project: &Project) -> Result<bool> {
    let files = project.files()?;
    let built = project.command("cargo", &["build", "--quiet", "--package", "guidepost"]).status();
    ensure!(built.context("cargo cannot be run")?.success(), "the binary cannot be built");
    let binary = project.target.join("debug").join("guidepost").display().to_string();
    let snippets: Vec<Snippet<'_>> = files.iter().flat_map(snippets).collect();
    let mut is_ok = true;
    for snippet in &snippets {
        let mut program = project.command(&binary, &["check", "-"]);
        let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().context("the binary cannot be run")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(snippet.text.as_bytes()).context("the binary does not read")?;
        }
        let output = child.wait_with_output().context("the binary does not end")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            eprintln!(
                "{}:{}: {}",
                snippet.path,
                snippet.line,
                String::from_utf8_lossy(&said).trim()
            );
            is_ok = false;
        }
    }
    println!("{} workflows in documents", snippets.len());
    Ok(is_ok)
}

/// The whole workflows of a document: fenced as YAML, and naming where they begin.
fn snippets(file: &File) -> Vec<Snippet<'_>> {
    let mut found = Vec::new();
    if !file.path.ends_with(".md") {
        return found;
    }
    let mut open: Option<Snippet<'_>> = None;
    for (text, line) in file.text.lines().zip(1..) {
        match &mut open {
            None if text == "```yaml" => {
                open = Some(Snippet { path: &file.path, line: line + 1, text: String::new() });
            }
            None => {}
            Some(_) if text == "```" => found.extend(open.take()),
            Some(snippet) => snippet.text.extend([text, "\n"]),
        }
    }
    found.retain(|snippet| snippet.text.lines().any(|line| line.starts_with("states:")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_workflows_are_found_with_their_lines() {
        let text = "# A\n\n```yaml\nname: a\nstates: {}\n```\n\n```yaml\non: { x: y }\n```\n\n```sh\nstates:\n```\n";
        let file = File { path: "README.md".to_owned(), text: text.to_owned() };
        let text = "name: a\nstates: {}\n".to_owned();
        assert_eq!(snippets(&file), [Snippet { path: "README.md", line: 4, text }]);
    }
}
