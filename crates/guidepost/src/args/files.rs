//! What one can type to write, check and try workflow files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use guidepost_core::run::Driver;

use super::object::object;
use super::{Inputs, Object};

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost init\n  guidepost init review.yaml\n  guidepost init --store guidepost.db\n\nWith --store an empty store is made there, for those who write by SQL, and a sample only if FILE is given too."
)]
pub(crate) struct Init {
    /// The file to write [default: workflow.yaml, unless --store is given]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost check workflow.yaml\n  guidepost check --format github workflows/*.yaml"
)]
pub(crate) struct Check {
    /// The files; `-` reads stdin
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to tell problems
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: CheckFormat,
}

/// How problems in files are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    #[default]
    Full,
    /// One line each, as compilers do
    Short,
    /// As GitHub Actions annotates files
    Github,
    /// One JSON object per file, as with --json
    Json,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost apply workflow.yaml\n  guidepost apply workflows/*.yaml"
)]
pub(crate) struct Apply {
    /// The files; `-` reads stdin
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `define`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost define workflow.yaml\n  guidepost define --save - < workflow.yaml"
)]
pub(crate) struct Define {
    /// The file; `-` reads stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Save it as a new version; runs that are alive keep theirs
    #[arg(long)]
    pub(crate) save: bool,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Inputs are taken in the order given. One that is refused changes nothing; the exit code is then 2.
A guard has its answer from the start; given again, it changes from there on.

Examples:
  guidepost simulate workflow.yaml
  guidepost simulate workflow.yaml --input '{\"lead\":{\"name\":\"Ada\"}}' --event Summarized --event 'Scored={\"score\":90}'
  guidepost simulate workflow.yaml --event Order --advance 72h --json
  guidepost simulate machine.json --guard isValid=true --event SUBMIT")]
pub(crate) struct Simulate {
    /// The workflow file; `-` reads stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// First values of attributes
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) input: Option<Object>,
    /// Who does the work of states
    #[arg(long, value_enum, default_value_t)]
    pub(crate) driver: Who,
    /// What happens, in order.
    #[command(flatten)]
    pub(crate) inputs: Inputs,
}

/// Who does a run's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// The agent, which says so by events
    #[default]
    Agent,
    /// The engine
    Engine,
}

impl From<Who> for Driver {
    fn from(who: Who) -> Self {
        match who {
            Who::Agent => Self::Agent,
            Who::Engine => Self::Engine,
        }
    }
}
