//! `guidepost demo`: a scripted agent, led through two workflows over MCP.
//!
//! Nothing is staged but the agent's choices: the workflows are saved as `guidepost apply` saves them, the agent talks to
//! a real `guidepost mcp` process, and the tables at the end come from plain SQL over the same file.

mod agent;
mod sql;
mod story;
mod talk;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Allowed, Define, Ops};
use guidepost_server::text::{self, Words};
use guidepost_store::Address;
use guidepost_store::sqlite::Location;
use serde_json::json;

use self::story::Story;
use self::talk::Talk;
use crate::args::{self, Global};
use crate::door;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;
use crate::shell::quoted;

/// The workflows, with the names of the files they would stand in.
const WORKFLOWS: [(&str, &str); 2] = [
    ("lead-qual.yaml", include_str!("demo/lead-qual.yaml")),
    ("small-release.yaml", include_str!("demo/small-release.yaml")),
];

const NEXT_ACTIONS: &str = include_str!("demo/next_actions.sql");
const HISTORY: &str = include_str!("demo/history.sql");

/// What the agents are called.
const SCOUT: &str = "scout";
const BUILDER: &str = "builder";

/// Plays the demo.
///
/// # Errors
///
/// If the store cannot be made, or something does not go as the script has it.
pub(crate) async fn run(
    args: &args::Demo,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if let Some(store) = &global.store {
        return Err(Failure::usage("the demo plays in a store of its own")
            .hint(format!("`guidepost demo --keep {store}` keeps it in a new file")));
    }
    let stage = Stage::new(args.keep.as_deref())?;
    let store = stage.store.as_path();
    let title = "Guidepost: workflows that lead agents, and a record of what agents did";
    let story = &mut Story::begin(title, out);
    save_workflows(store, story).await?;
    lead_qualification(store, story).await?;
    small_release(store, story).await?;
    look(store, story).await?;
    next_steps(args.keep.as_deref(), story);
    Ok(Exit::Ok)
}

/// Where the demo plays: in the file to keep, or in a directory that is removed afterwards.
struct Stage {
    store: PathBuf,
    temporary: Option<PathBuf>,
}

impl Stage {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        if let Some(store) = keep {
            let shown = store.display().to_string();
            if store.exists() {
                return Err(Failure::new(
                    Kind::Refused,
                    "GP0453",
                    format!("`{shown}` exists and was left alone"),
                )
                .hint("the demo needs a file of its own: give another name"));
            }
            return Ok(Self { store: store.to_path_buf(), temporary: None });
        }
        let directory = env::temp_dir().join(format!("guidepost-demo-{}", std::process::id()));
        fs::create_dir_all(&directory)
            .map_err(|error| Failure::unwritable(&directory.display().to_string(), &error))?;
        Ok(Self { store: directory.join("demo.db"), temporary: Some(directory) })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(directory) = &self.temporary {
            // What is left in the directory for temporary files does no harm.
            let _ = fs::remove_dir_all(directory);
        }
    }
}

async fn save_workflows(store: &Path, story: &mut Story<'_>) -> Result<(), Failure> {
    story.chapter("1. Two workflows are saved in one SQLite file");
    let ops = open(store)?;
    for (file, source) in WORKFLOWS {
        let request = Define {
            text: source.to_owned(),
            file: file.to_owned(),
            save: true,
            allowed: Allowed::Everything,
            caller: "demo".to_owned(),
        };
        let definition = ops.define(&request).await?;
        story.saved(file, &text::definition(&definition, Words::Commands));
    }
    Ok(())
}

/// Where the store is: a bare path might look like a URL of another kind.
fn address(store: &Path) -> Address {
    Address::Sqlite(Location::new(store))
}

/// The store as `--store` and its variable take it: a bare path, unless that would mean something else.
fn named(store: &Path) -> String {
    let (path, address) = (store.display().to_string(), address(store));
    if Address::parse(&path).is_ok_and(|meant| meant == address) { path } else { address.url() }
}

/// The operations over the demo's store. They are let go before an agent comes, as one command ends before the next.
fn open(store: &Path) -> Result<Ops, Failure> {
    Ok(Ops::new(door::opened(&address(store), "name another file with --keep")?))
}

async fn lead_qualification(store: &Path, story: &mut Story<'_>) -> Result<(), Failure> {
    story.chapter("2. An agent is led through LeadQualAgent, over MCP");
    let mut talk = Talk::begin(store, SCOUT, story).await?;
    let tools = talk.agent.tools().await?;
    talk.story.open(format!(
        "The agent `{SCOUT}` has started `guidepost mcp` and found {tools} tools. It looks for work and begins:"
    ));
    talk.done("guidepost_find", json!({ "query": "lead" })).await?;
    talk.start("LeadQualAgent", json!({ "lead": { "name": "Ada", "company": "Acme" } })).await?;

    talk.story.tell("It tries to skip ahead. An illegal move changes nothing, and the answer says what is legal:");
    talk.illegal("SendIntro", json!({})).await?;
    talk.event("Summarized", json!({})).await?;

    talk.story
        .tell("It forgets the score. What an event carries is checked before anything moves:");
    talk.illegal("Scored", json!({})).await?;

    talk.story.tell("It guesses a score. This move needs a fact on record, a look into the CRM:");
    talk.illegal("Scored", json!({ "score": 86 })).await?;

    talk.story.tell("So it does the work, says so, and says why it decided as it did:");
    let run = talk.run.clone();
    let lookup = json!({ "type": "tool_execution", "name": "crm_lookup", "status": "completed" });
    let choice = json!({
        "question": "score", "options": [40, 86], "chosen": 86,
        "reasoning": "right industry, right size", "confidence": 0.8
    });
    let entries = json!([
        { "kind": "action", "text": "looked Acme up in the CRM", "data": lookup },
        { "kind": "decision", "text": "scored the lead", "data": choice }
    ]);
    talk.done("guidepost_log", json!({ "run": run, "entries": entries })).await?;
    talk.event("Scored", json!({ "score": 86 })).await?;

    talk.story
        .tell("The server is killed, in the middle of the work. What was answered is on disk:");
    let (run, rev) = (talk.run, talk.rev);
    talk.agent.crash().await?;
    let mut talk = Talk::begin(store, SCOUT, talk.story).await?;
    (talk.run, talk.rev) = (run, rev);
    talk.done("guidepost_where", json!({ "run": talk.run })).await?;
    talk.event("SendIntro", json!({})).await?;
    talk.agent.leave().await
}

async fn small_release(store: &Path, story: &mut Story<'_>) -> Result<(), Failure> {
    story.chapter("3. Another agent, a workflow with states inside states and two regions at once");
    let mut talk = Talk::begin(store, BUILDER, story).await?;
    talk.start("small-release", json!({ "tag": "v1.0" })).await?;
    talk.event("Built", json!({})).await?;
    talk.story.tell("When the notes are written, both sides of the review begin:");
    talk.event("Written", json!({})).await?;
    talk.event("ScanClean", json!({})).await?;
    talk.story
        .tell("One side is done, the other is not; events of the states around are legal too:");
    talk.done("guidepost_where", json!({ "run": talk.run })).await?;
    talk.agent.leave().await
}

async fn look(store: &Path, story: &mut Story<'_>) -> Result<(), Failure> {
    story.chapter("4. Plain SQL tells the story");
    for query in [NEXT_ACTIONS, HISTORY] {
        story.queried(query, &sql::ask(store, query)?);
    }
    let verified = open(store)?.verify_run(&RunRef::from("1")).await?;
    story.open("The history is a chain of hashes; nothing in it was changed:".to_owned());
    story.verified("r-1", &text::verified(&verified));
    Ok(())
}

fn next_steps(keep: Option<&Path>, story: &mut Story<'_>) {
    story.chapter("What to try next");
    let mut commands: Vec<(String, &str)> = Vec::new();
    if let Some(program) = program_off_path() {
        let program = quoted(&program.display().to_string());
        commands.push((format!("alias guidepost={program}"), ""));
    }
    let mut add = |command: &str, what| commands.push((command.to_owned(), what));
    match keep {
        Some(store) => {
            add(&format!("export GUIDEPOST_STORE={}", quoted(&named(store))), "");
            add("guidepost ls", "both runs are alive");
            add("guidepost do r-2 NotesApproved", "finish the review");
            add("guidepost show r-2 --html > run.html", "the statechart and the path taken");
            add("guidepost history r-1", "everything that happened");
            let file = quoted(&store.display().to_string());
            add(&format!("sqlite3 {file} 'SELECT * FROM agent_next_actions'"), "");
        }
        None => add("guidepost demo --keep demo.db", "the same, in a file to look at"),
    }
    add("guidepost init", "write a workflow of your own");
    add("guidepost connect claude-code", "let your agent use it");
    story.try_next(&commands);
}

/// This program, if the shell would not find it by its name.
fn program_off_path() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let path = env::var_os("PATH").unwrap_or_default();
    let is_found = env::split_paths(&path).any(|directory| program.parent() == Some(&*directory));
    (!is_found).then_some(program)
}
