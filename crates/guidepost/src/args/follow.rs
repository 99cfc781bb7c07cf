//! What one can type to see what is due, and to follow along.

use clap::Args;

/// Arguments of `timers`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost timers\n  guidepost timers r-1 --json\n\nTimers of states, ends of waits and questions, and tries to come, soonest first; then schedules."
)]
pub(crate) struct Timers {
    /// The run; without one, all runs
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost watch r-1\n  guidepost watch --all --json | jq .record.kind\n\nWhatever process moves the run. Ends when the run does, with the exit code of how it ended; Ctrl-C ends it before."
)]
pub(crate) struct Watch {
    /// The run
    #[arg(value_name = "RUN", required_unless_present = "all")]
    pub(crate) run: Option<String>,
    /// All runs, until Ctrl-C
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,
}
