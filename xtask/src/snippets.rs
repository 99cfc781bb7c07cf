//! What documents show works: every workflow is accepted, and the README's tour can be walked as it stands.

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
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if !output.status.success() && !shows(snippet.path, &said) {
            eprintln!("{}:{}: {}", snippet.path, snippet.line, said.trim());
            is_ok = false;
        }
    }
    println!("{} workflows in documents", snippets.len());
    let readme = files.iter().find(|file| file.path == "README.md").context("no README")?;
    Ok(walk(project, readme, &binary)? && is_ok)
}

/// Whether a document is the page of an error that was found: then it shows how that comes about.
fn shows(path: &str, said: &str) -> bool {
    let page = path.strip_prefix("docs/errors/").and_then(|page| page.strip_suffix(".md"));
    page.is_some_and(|code| said.contains(&format!("[{code}]")))
}

/// Types the README's commands in order, in a folder with its workflow, the examples and a store of their own. Says whether all did as
/// the README says.
fn walk(project: &Project, readme: &File, binary: &str) -> Result<bool> {
    let folder = project.target.join("xtask").join("tour");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).context("the tour needs a folder")?;
    let workflow = snippets(readme).into_iter().next().context("the README shows no workflow")?;
    std::fs::write(folder.join("lead.yaml"), workflow.text).context("the tour needs a file")?;
    let examples = folder.join("examples");
    std::fs::create_dir_all(&examples).context("the tour needs a folder")?;
    for example in project.files()?.iter().filter(|file| file.path.starts_with("examples/")) {
        std::fs::write(folder.join(&example.path), &example.text)
            .context("the tour needs the examples")?;
    }
    let mut is_ok = true;
    let commands = commands(&readme.text);
    for (command, expected) in &commands {
        let typed = command.replacen("guidepost", "\"$GUIDEPOST\"", 1);
        let mut shell = project.command("sh", &["-c", &typed]);
        shell.current_dir(&folder).env("GUIDEPOST", binary).env("GUIDEPOST_AGENT", "reader");
        let output = shell.env("GUIDEPOST_STORE", "tour.db").output().context("no shell")?;
        if output.status.code() != Some(*expected) {
            let said = [output.stdout, output.stderr].concat();
            eprintln!("README.md: `{command}`: {}", String::from_utf8_lossy(&said).trim());
            is_ok = false;
        }
    }
    println!("{} commands in the README", commands.len());
    Ok(is_ok)
}

/// The commands of a document, each with the exit code it is said to have.
fn commands(text: &str) -> Vec<(&str, i32)> {
    let lines = text.lines().filter(|line| line.starts_with("guidepost "));
    let split = lines.map(|line| line.split_once(" #").unwrap_or((line, "")));
    let coded = split.map(|(command, comment)| {
        (command.trim_end(), if comment.trim_start().starts_with("refused") { 2 } else { 0 })
    });
    coded.collect()
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
    fn the_page_of_an_error_may_show_it_and_no_other() {
        let said = "error[GP0102]: no such state\n";
        assert!(shows("docs/errors/GP0102.md", said));
        assert!(!shows("docs/errors/GP0103.md", said));
        assert!(!shows("README.md", said));
    }

    #[test]
    fn commands_are_found_with_what_is_said_of_them() {
        let text = "```sh\ncargo run\nguidepost ls\nguidepost do r-1 X '{\"a\": 1}'   # refused: no\n```\n";
        assert_eq!(commands(text), [("guidepost ls", 0), ("guidepost do r-1 X '{\"a\": 1}'", 2)]);
    }

    #[test]
    fn whole_workflows_are_found_with_their_lines() {
        let text = "# A\n\n```yaml\nname: a\nstates: {}\n```\n\n```yaml\non: { x: y }\n```\n\n```sh\nstates:\n```\n";
        let file = File { path: "README.md".to_owned(), text: text.to_owned() };
        let text = "name: a\nstates: {}\n".to_owned();
        assert_eq!(snippets(&file), [Snippet { path: "README.md", line: 4, text }]);
    }
}
