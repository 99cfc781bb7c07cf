//! What one can type to look at what is kept.

use clap::{Args, ValueEnum};
use guidepost_core::run::Status;

use super::{limit, status};

/// Arguments of `ls`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost ls\n  guidepost ls --all --workflow bugfix\n  guidepost ls workflows"
)]
pub(crate) struct Ls {
    /// What to list
    #[arg(value_enum, default_value_t)]
    pub(crate) what: Listed,
    /// Runs that are over, too
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Only runs of this status
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(crate) status: Vec<Status>,
    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
    /// Only runs of this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only runs in this state
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit)]
    pub(crate) limit: usize,
    /// Go on where the list before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// What lists and searches are over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// Runs
    #[default]
    Runs,
    /// Workflows
    Workflows,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost show r-1\n  guidepost show bugfix@3\n  guidepost show r-1 --html > run.html"
)]
pub(crate) struct Show {
    /// A run (r-7f3k, its number, its UUID or its agent's name) or a workflow (bugfix, bugfix@3)
    #[arg(value_name = "RUN|WORKFLOW")]
    pub(crate) what: String,
    /// One page for a browser: the statechart, the path taken and the history
    #[arg(long, conflicts_with = "json")]
    pub(crate) html: bool,
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost graph workflow.yaml\n  guidepost graph bugfix\n  guidepost graph --xstate workflow.yaml > machine.json\n  guidepost graph --svg r-1 > run.svg"
)]
pub(crate) struct Graph {
    /// A file, a workflow in the store (bugfix, bugfix@3), or a run (r-7)
    #[arg(value_name = "FILE|WORKFLOW|RUN")]
    pub(crate) what: String,
    /// XState v5 JSON instead of Mermaid
    #[arg(long)]
    pub(crate) xstate: bool,
    /// A picture; of a run, with the path it took and the states it is in
    #[arg(long, conflicts_with_all = ["xstate", "path"])]
    pub(crate) svg: bool,
    /// Of a run: the way it went, instead of its workflow with where it is
    #[arg(long, conflicts_with = "xstate")]
    pub(crate) path: bool,
}

/// Arguments of `where`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost where          your open runs\n  guidepost where r-1\n  guidepost where r-1 --full"
)]
pub(crate) struct Where {
    /// The run; without one, the open runs
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// How much to tell
    #[arg(long, value_enum, default_value_t, value_name = "DETAIL")]
    pub(crate) detail: HowMuch,
    /// The same as --detail full
    #[arg(long, conflicts_with = "detail")]
    pub(crate) full: bool,
}

/// How much `where` tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum HowMuch {
    /// The state, what to do there, the data and what is legal
    #[default]
    Brief,
    /// Everything somebody needs who takes the run over
    Full,
}

/// Arguments of `find`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost find lead\n  guidepost find --in runs acme --state Review"
)]
pub(crate) struct Find {
    /// Words that must all occur
    #[arg(value_name = "WORDS")]
    pub(crate) query: Vec<String>,
    /// Where to look
    #[arg(long = "in", value_enum, default_value_t = Listed::Workflows)]
    pub(crate) place: Listed,
    /// Only runs in this state, or of this status
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = limit)]
    pub(crate) limit: usize,
    /// Go on where the list before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// Arguments of `read`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost read r-1\n  guidepost read r-1 data /lead\n  guidepost read r-1 event e-7\n  guidepost read r-1 thread            what agents were told, and what they said\n  guidepost read r-1 thread step-2\n  guidepost read r-1 diagram"
)]
pub(crate) struct Read {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// What to read
    #[arg(value_enum, default_value_t)]
    pub(crate) what: Part,
    /// A place in the data, a record's id, or a thread's step
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// How many entries at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = limit)]
    pub(crate) limit: usize,
    /// Go on where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// The parts of a run's record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What happened, newest first
    #[default]
    History,
    /// The run's data, or what lies at PATH in it
    Data,
    /// What the run made
    Artifacts,
    /// One record in full
    Event,
    /// What agents were told and what they said, step by step; of the step PATH alone, or one turn of it, as step-2:1
    Thread,
    /// The workflow as a Mermaid diagram
    Diagram,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost history r-1\n  guidepost history r-1 --kind transitioned --kind decision\n  guidepost history r-1 --json | jq .at"
)]
pub(crate) struct History {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Only records of this kind
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost verify          all runs\n  guidepost verify r-1\n  guidepost verify r-1 --anchor 5d41…     the head that an earlier call printed\n\nRecords are chained by hashes, which are not signed: whoever can write the store can also seal anew what they changed.\nKeep the head of a history where they cannot write, and hold the history against it later.\n\nExits with 1 if something is wrong."
)]
pub(crate) struct Verify {
    /// The run; without one, all runs
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// A head of the run's history published earlier, which it must go on from
    #[arg(long, value_name = "HEAD", requires = "run")]
    pub(crate) anchor: Option<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost explain GP0201\n  guidepost explain          all codes"
)]
pub(crate) struct Explain {
    /// The code; without one, all codes
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}
