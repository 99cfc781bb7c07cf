//! `guidepost connect`: the MCP entry an agent needs, printed or merged into its configuration.

mod entry;
mod merge;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use self::entry::Entry;
use crate::args::{self, Agent, Global};
use crate::config;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;
use crate::write;

/// What a configuration file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Toml,
}

impl Format {
    /// The configuration with the entry in it.
    fn merge(self, text: &str, entry: &Entry) -> Result<String, String> {
        match self {
            Self::Json => merge::into_json(text, entry),
            Self::Toml => merge::into_toml(text, entry),
        }
    }
}

impl Agent {
    fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Cursor => "Cursor",
        }
    }

    fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            Self::ClaudeCode | Self::Gemini | Self::Cursor => Format::Json,
        }
    }

    /// Where the agent reads its servers: Claude Code's file belongs to a project, the others' to the user.
    fn file(self) -> Option<PathBuf> {
        let at_home =
            |parts: &[&str]| Some(config::home()?.join(parts.iter().collect::<PathBuf>()));
        match self {
            Self::ClaudeCode => Some(PathBuf::from(".mcp.json")),
            Self::Codex => std::env::var_os("CODEX_HOME")
                .filter(|home| !home.is_empty())
                .map(|home| PathBuf::from(home).join("config.toml"))
                .or_else(|| at_home(&[".codex", "config.toml"])),
            Self::Gemini => at_home(&[".gemini", "settings.json"]),
            Self::Cursor => at_home(&[".cursor", "mcp.json"]),
        }
    }

    /// The agent's own command for the same, if it has one.
    fn own_command(self, entry: &Entry) -> Option<String> {
        let rest = entry.shell_words();
        match self {
            Self::ClaudeCode => Some(format!("claude mcp add guidepost -- {rest}")),
            Self::Codex => Some(format!("codex mcp add guidepost -- {rest}")),
            // Its command would take options meant for ours.
            Self::Gemini if entry.args.len() > 1 => None,
            Self::Gemini => Some(format!("gemini mcp add guidepost {rest}")),
            Self::Cursor => None,
        }
    }

    fn afterwards(self) -> &'static str {
        match self {
            Self::ClaudeCode => "start `claude` here and allow the server; `/mcp` shows it",
            Self::Codex => "start `codex`; `/mcp` shows the server",
            Self::Gemini => "start `gemini`; `/mcp` shows the server",
            Self::Cursor => "open Cursor's settings, MCP, and switch the server on",
        }
    }
}

/// Prints the entry, or makes it.
///
/// # Errors
///
/// If the configuration cannot be read, understood or written; it is then as it was.
pub(crate) fn run(
    args: &args::Connect,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let entry = Entry::new(global)?;
    let file = args.file.clone().or_else(|| args.agent.file());
    let file = file.ok_or_else(|| {
        Failure::new(
            Kind::Unavailable,
            "GP0454",
            "there is no home directory to find the configuration in",
        )
        .hint("name the file with --file")
    })?;
    if args.write {
        let made = make(args.agent, &entry, &file)?;
        if out.is_json() {
            out.json(&made);
        } else {
            tell(&made, args.agent.afterwards(), out);
        }
    } else {
        print(args.agent, &entry, &file, out);
    }
    Ok(Exit::Ok)
}

fn print(agent: Agent, entry: &Entry, file: &Path, out: &mut Output) {
    // Merged into nothing, the entry stands alone.
    let text = agent.format().merge("", entry).unwrap_or_default();
    if out.is_json() {
        out.json(&json!({ "agent": agent.name(), "file": file, "entry": entry, "text": text }));
        return;
    }
    out.note(format!("For {}, in {}:", agent.name(), file.display()));
    out.line(text.trim_end());
    if let Some(command) = agent.own_command(entry) {
        out.note(format!("or run: {command}"));
    }
    out.note("or let Guidepost merge it into the file: add --write");
}

/// What became of a configuration file.
#[derive(Debug, Serialize)]
struct Made {
    agent: &'static str,
    file: PathBuf,
    /// Whether there was none before.
    is_new: bool,
    /// Whether it was written; if not, the entry was there already.
    changed: bool,
    /// Where the old one is kept.
    backup: Option<PathBuf>,
}

fn make(agent: Agent, entry: &Entry, file: &Path) -> Result<Made, Failure> {
    let shown = file.display().to_string();
    let old = match fs::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::unreadable(&shown, &error)),
    };
    let before = old.as_deref().unwrap_or_default();
    let new = agent.format().merge(before, entry).map_err(|what| {
        Failure::new(Kind::Refused, "GP0456", format!("the configuration was left alone: {what}"))
            .at(&shown)
            .hint("without --write the entry is printed, to be put in by hand")
    })?;
    let mut made = Made {
        agent: agent.name(),
        file: file.to_path_buf(),
        is_new: old.is_none(),
        changed: before != new,
        backup: None,
    };
    if made.changed {
        if old.is_some() {
            let backup = write::beside(file, ".guidepost-backup");
            // A copy keeps the permissions, too: there may be secrets in it.
            fs::copy(file, &backup)
                .map_err(|error| Failure::unwritable(&backup.display().to_string(), &error))?;
            made.backup = Some(backup);
        }
        write::whole(file, new.as_bytes()).map_err(|error| Failure::unwritable(&shown, &error))?;
    }
    Ok(made)
}

fn tell(made: &Made, afterwards: &str, out: &mut Output) {
    let file = made.file.display();
    out.line(match (made.changed, made.is_new) {
        (true, true) => format!("wrote {file}"),
        (true, false) => format!("added the entry to {file}"),
        (false, _) => format!("{file} has the entry already"),
    });
    if let Some(backup) = &made.backup {
        out.line(format!("the old file is kept as {}", backup.display()));
    }
    out.line(format!("next: {afterwards}"));
}
