//! What one can type about runs that begin by themselves.

use clap::{Args, Subcommand};

/// Arguments of `schedules`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost schedules\n  guidepost schedules pause report\n  guidepost schedules run report daily\n\nA workflow says under `schedules:` when its runs begin by themselves, as examples/digest.yaml does. They begin while an engine is at work:\n`guidepost run --all`. `guidepost simulate FILE` and `guidepost check FILE` show when they come next.",
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Schedules {
    /// Pause, resume or begin; without one, schedules are listed
    #[command(subcommand)]
    pub(crate) command: Option<SchedulesCommand>,
    /// Only those of this workflow
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
    /// How many to list at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = super::limit)]
    pub(crate) limit: usize,
    /// Go on where the list before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// What is wanted of a schedule.
#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesCommand {
    /// Let a schedule begin nothing until it is resumed
    Pause(OneSchedule),
    /// Let a schedule begin runs again, from the next time on
    Resume(OneSchedule),
    /// Begin a run now, with what the schedule gives it
    Run(OneSchedule),
}

/// One schedule.
#[derive(Debug, Args)]
pub(crate) struct OneSchedule {
    /// The workflow
    #[arg(value_name = "WORKFLOW")]
    pub(crate) workflow: String,
    /// The schedule; not needed if the workflow has only one
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}
