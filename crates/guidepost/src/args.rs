//! What one can type. The doc comments here are the help texts, and `docs/cli.md` is made from them.

mod back;
mod files;
mod follow;
mod inputs;
mod limit;
mod look;
mod object;
mod schedules;
mod steps;
mod tasks;

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Args, Parser, Subcommand, ValueEnum};
use guidepost_core::run::Status;
use guidepost_core::time::Span;
use serde_json::Value as Json;

pub(crate) use self::back::{Cancel, Checkpoint, Diff, Fork, Migrate, Replay, Rollback};
pub(crate) use self::files::{Apply, Check, CheckFormat, Define, Init, Simulate};
pub(crate) use self::follow::{Timers, Watch};
pub(crate) use self::inputs::{Inputs, Sent};
pub(crate) use self::limit::Limit;
pub(crate) use self::look::{
    Explain, Find, Graph, History, HowMuch, Listed, Ls, Part, Read, Show, Verify, Where,
};
pub(crate) use self::object::Object;
use self::object::{object, value};
pub(crate) use self::schedules::{OneSchedule, Schedules, SchedulesCommand};
pub(crate) use self::steps::{AddStep, CreateSteps, Delete, StepList, Steps, StepsCommand};
pub(crate) use self::tasks::{ClaimTask, HeldTask, TaskCommand, Tasks};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
First steps:
  guidepost demo                     watch an agent being led through a workflow
  guidepost init                     write a sample workflow to edit
  guidepost simulate workflow.yaml   step through it, without a store
  guidepost apply workflow.yaml      save it
  guidepost connect claude-code      let your agent use it over MCP

The store: --store, else GUIDEPOST_STORE, else the nearest guidepost.db upward, else the user's data directory.
Exit codes: 0 done, 1 failed, 2 not legal now, 3 stale rev, 4 not found, 5 still waiting, 64 wrong usage;\nthe same failure has the same code in every command.";

/// Durable workflows and a flight recorder for AI agents.
#[derive(Debug, Parser)]
#[command(
    name = "guidepost",
    version,
    styles = STYLES,
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The store to work on: a file, `sqlite:PATH` or `memory:`
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) store: Option<String>,
    /// Who acts; by default GUIDEPOST_AGENT, else your user name
    #[arg(long = "as", global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) caller: Option<String>,
    /// Answer with JSON, for programs
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a scripted agent being led through two workflows over MCP
    Demo(Demo),
    /// Write a sample workflow to edit
    Init(Init),
    /// Read workflow files and tell every problem in them
    Check(Check),
    /// Save workflow files as new versions
    Apply(Apply),
    /// Check one workflow file, and save it with --save
    Define(Define),
    /// List runs, or workflows
    Ls(Ls),
    /// Show a run or a workflow; with --html as one page for a browser
    Show(Show),
    /// Print a workflow as a diagram
    Graph(Graph),
    /// Step through a workflow file, without a store
    Simulate(Simulate),
    /// Run a workflow to its end: agents, commands, requests, other workflows
    Run(Run),
    /// Start a run of a workflow, for an agent to walk
    Start(Start),
    /// Tell where a run is, what to do there and what is legal next
    Where(Where),
    /// Send an event to a run
    Do(Do),
    /// Record what happened, without moving the run
    Log(Log),
    /// Wait until a run moves
    Wait(Wait),
    /// Find workflows or runs by words
    Find(Find),
    /// Read part of a run's record
    Read(Read),
    /// Print a run's history, oldest first
    History(History),
    /// Workflows that are plain lists of agents' steps: create, execute, look, retry
    Steps(Steps),
    /// List what is to be done, and do it as a worker
    Tasks(Tasks),
    /// List what is due, and when
    Timers(Timers),
    /// List when runs begin by themselves; pause, resume, or begin one now
    Schedules(Schedules),
    /// Follow a run, or all runs, as things happen
    Watch(Watch),
    /// Stop a run from taking inputs
    Pause(Control),
    /// Let a paused run go on
    Resume(Control),
    /// End a run from outside
    Cancel(Cancel),
    /// Show what a run may still spend, or raise its limits
    Limit(Limit),
    /// Name a place in a run's history, or list the places to go back to
    Checkpoint(Checkpoint),
    /// Take a run back to an earlier place
    Rollback(Rollback),
    /// Begin a run where another was, with other data if wished
    Fork(Fork),
    /// Take live runs to another version of their workflow
    Migrate(Migrate),
    /// Add a step to a run under way
    AddStep(Box<AddStep>),
    /// Delete a run with everything that belongs to it
    Delete(Delete),
    /// Decide a run's history again, without any effect, and compare
    Replay(Replay),
    /// Show where two runs part and what differs
    Diff(Diff),
    /// Check that histories are whole and fold to what is stored
    Verify(Verify),
    /// Tell which store is used and how it is, and whether the tool servers answer
    Doctor(Doctor),
    /// Explain an error code
    Explain(Explain),
    /// Serve agents over MCP on stdin and stdout
    Mcp(Mcp),
    /// Print, or with --write make, the MCP entry an agent needs
    Connect(Connect),
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  guidepost demo\n  guidepost demo --keep demo.db")]
pub(crate) struct Demo {
    /// Keep the store in this file, to look at it afterwards
    #[arg(long, value_name = "FILE")]
    pub(crate) keep: Option<PathBuf>,
}

/// What a new run begins with.
#[derive(Debug, Args)]
pub(crate) struct Beginning {
    /// First values of the workflow's attributes
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) input: Option<Object>,
    /// What the run is to reach
    #[arg(long, value_name = "TEXT")]
    pub(crate) goal: Option<String>,
    /// Your own id for the run: a repeat with the same key gives the same run
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The agent's name, if it is not you
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// A name for the sitting the run belongs to
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
}

/// Arguments of `start`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost start bugfix --input '{\"issue\":42}'\n  guidepost start bugfix@3 --key ticket-42\n  guidepost start --goal 'tidy the inbox'"
)]
pub(crate) struct Start {
    /// The workflow, or workflow and version; without one the run is only recorded
    #[arg(value_name = "WORKFLOW", required_unless_present = "goal")]
    pub(crate) workflow: Option<String>,
    /// What the run begins with.
    #[command(flatten)]
    pub(crate) beginning: Beginning,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost run examples/research.yaml\n  guidepost run research --input '{\"topic\":\"tea\"}'\n  guidepost run r-1            go on with a run\n  guidepost run --all          do the work of all runs, and begin those that are scheduled, until Ctrl-C\n  guidepost run --step 'scout=Find sources on tea' --step 'writer=Sum up: {{ previous }}'\n\nA file may be as plain as `steps: [{ agentId: scout, input: Find sources on tea }]`. Killing it at any moment is safe: `guidepost run RUN` goes on where it was, and shows what happens from then on."
)]
pub(crate) struct Run {
    /// A workflow file, a workflow, or a run to go on with
    #[arg(value_name = "FILE|WORKFLOW|RUN", required_unless_present_any = ["step", "all"])]
    pub(crate) what: Option<String>,
    /// All runs, and those that `schedules:` begin, until Ctrl-C
    #[arg(long, conflicts_with_all = ["what", "step", "input", "goal", "key", "agent", "session"])]
    pub(crate) all: bool,
    /// What is added to the file's list.
    #[command(flatten)]
    pub(crate) list: StepList,
    /// What the run begins with.
    #[command(flatten)]
    pub(crate) beginning: Beginning,
    /// A program that `exec` steps may run; `*` for any. May be given several times
    #[arg(long, value_name = "PROGRAM", env = "GUIDEPOST_ALLOW_EXEC", value_delimiter = ',')]
    pub(crate) allow_exec: Vec<String>,
    /// The tool servers that `tool` steps may call.
    #[command(flatten)]
    pub(crate) tool_servers: ToolServers,
    /// Let `http` and `tool` steps reach this machine and private networks
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Pieces of work done at once, at most
    #[arg(long, value_name = "N", default_value_t = guidepost_engine::SLOTS)]
    pub(crate) slots: usize,
    /// How soon another process may take over after this one dies
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) lease: Span,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The tool servers to look at.
    #[command(flatten)]
    pub(crate) tool_servers: ToolServers,
    /// Let tool servers be on this machine and in private networks
    #[arg(long)]
    pub(crate) allow_private: bool,
}

/// Which tool servers there are.
#[derive(Debug, Args)]
pub(crate) struct ToolServers {
    /// The file that names tool servers, as `mcpServers`; by default guidepost/tools.json in the user's configuration
    #[arg(long, value_name = "FILE", env = "GUIDEPOST_TOOLS")]
    pub(crate) tools: Option<String>,
}

/// What somebody says about why they do something. It goes on record.
#[derive(Debug, Args)]
pub(crate) struct Reason {
    /// Why, in one sentence
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

/// Arguments of `do`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost do r-1 approve --rev 12\n  guidepost do r-1 Scored '{\"score\":90}' --note 'fits our profile'\n  guidepost do r-1 Scored 90     the same, as it takes one value"
)]
pub(crate) struct Do {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// One of the events listed under `next`
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// What the event carries: an object, or the value alone where it takes one
    #[arg(value_name = "JSON", value_parser = value)]
    pub(crate) data: Option<Json>,
    /// The rev last seen: if the state has changed since, nothing is done. It also makes a repeat harmless
    #[arg(long, value_name = "REV", value_parser = number)]
    pub(crate) rev: Option<u64>,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
#[command(after_help = "\
Kinds: action, action_ended (with the --ref of its action), decision, message, artifact, error, note.

Examples:
  guidepost log r-1 action 'looked the lead up' --data '{\"type\":\"tool_execution\",\"name\":\"crm_lookup\"}'
  guidepost log r-1 action 'run the tests' --ref call-1 --data '{\"status\":\"running\"}'
  guidepost log r-1 action_ended 'all 214 pass' --ref call-1
  guidepost log r-1 decision --data '{\"question\":\"which tool\",\"options\":[\"a\",\"b\"],\"chosen\":\"a\"}'")]
pub(crate) struct Log {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// What sort of fact
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// What happened, in words
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The fact's fields
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) data: Option<Object>,
    /// A file, URL or tool call id it refers to
    #[arg(long, value_name = "REF")]
    pub(crate) r#ref: Option<String>,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost wait r-1\n  guidepost wait r-1 --rev 12 --seconds 300\n\nExits with 5 if nothing moved."
)]
pub(crate) struct Wait {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Until it is past this rev, rather than the present one
    #[arg(long, value_name = "REV", value_parser = number)]
    pub(crate) rev: Option<u64>,
    /// For no longer than this
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = seconds)]
    pub(crate) seconds: u64,
}

/// Arguments of `pause` and `resume`.
#[derive(Debug, Args)]
pub(crate) struct Control {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Why.
    #[command(flatten)]
    pub(crate) reason: Reason,
}

/// Arguments of `mcp`.
#[derive(Debug, Args)]
#[command(after_help = "An agent's configuration starts this; `guidepost connect` writes it.")]
pub(crate) struct Mcp {
    /// Let definitions that come over MCP contain any work: commands, HTTP requests, tools, databases
    #[arg(long)]
    pub(crate) allow_all_work: bool,
}

/// Arguments of `connect`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost connect claude-code\n  guidepost connect codex --write\n  guidepost connect cursor --file .cursor/mcp.json --write\n  guidepost connect gemini --as reviewer --store team.db --write"
)]
pub(crate) struct Connect {
    /// Which agent
    #[arg(value_enum)]
    pub(crate) agent: Agent,
    /// Make the entry; what else is in the file stays as it is, and a copy of the old file is kept
    #[arg(long)]
    pub(crate) write: bool,
    /// The configuration file, if it is not the agent's usual one
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Agents that can be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Agent {
    /// Claude Code
    ClaudeCode,
    /// Codex CLI
    Codex,
    /// Gemini CLI
    Gemini,
    /// Cursor
    Cursor,
}

/// Items of one page at most.
const ITEMS_MAX: usize = 1_000;

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(items) if (1..=ITEMS_MAX).contains(&items) => Ok(items),
        _ => Err(format!("expected a number from 1 to {ITEMS_MAX}")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a whole number, 0 or more".to_owned())
}

/// Seconds of a wait at most: a day.
const SECONDS_MAX: u64 = 86_400;

fn seconds(text: &str) -> Result<u64, String> {
    match number(text) {
        Ok(seconds) if seconds <= SECONDS_MAX => Ok(seconds),
        _ => Err(format!("expected a number from 0 to {SECONDS_MAX}")),
    }
}

fn status(text: &str) -> Result<Status, String> {
    text.parse().map_err(|error: guidepost_core::run::UnknownStatus| error.to_string())
}
