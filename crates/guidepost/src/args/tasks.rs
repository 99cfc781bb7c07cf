//! What one can type as a worker.

use clap::{Args, Subcommand};
use guidepost_core::time::Span;
use guidepost_store::TaskId;
use serde_json::Value as Json;

use super::object::value;

/// Arguments of `tasks`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost tasks\n  guidepost tasks claim task:pay --json\n  guidepost tasks complete 'r-1:Pay#1' --attempt 1 --output '{\"receipt\":\"x\"}'"
)]
pub(crate) struct Tasks {
    /// Claim, extend or end tasks; without one, they are listed
    #[command(subcommand)]
    pub(crate) command: Option<TaskCommand>,
    /// Only those of this run
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Only those of this queue: `task:NAME`, `agent:NAME`, `ask` …
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
}

/// What a worker does with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Take tasks that are ready; exit code 5 if there are none
    Claim(ClaimTask),
    /// Hold a task for longer
    Extend(ExtendTask),
    /// Hand in a task's result
    Complete(CompleteTask),
    /// Say that a try at a task failed
    Fail(FailTask),
}

/// Arguments of `tasks claim`.
#[derive(Debug, Args)]
pub(crate) struct ClaimTask {
    /// The queues you serve: `task:NAME`, `agent:NAME`
    #[arg(value_name = "QUEUE", required = true)]
    pub(crate) queues: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) limit: usize,
    /// For how long, unless you extend it
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) lease: Span,
}

/// A task that a worker holds.
#[derive(Debug, Args)]
pub(crate) struct HeldTask {
    /// The task, as `tasks claim` named it
    #[arg(value_name = "TASK")]
    pub(crate) task: TaskId,
    /// The attempt, as `tasks claim` named it
    #[arg(long, value_name = "N")]
    pub(crate) attempt: u32,
}

/// Arguments of `tasks extend`.
#[derive(Debug, Args)]
pub(crate) struct ExtendTask {
    /// Which task.
    #[command(flatten)]
    pub(crate) held: HeldTask,
    /// For how long from now
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(crate) lease: Span,
}

/// Arguments of `tasks complete`.
#[derive(Debug, Args)]
pub(crate) struct CompleteTask {
    /// Which task.
    #[command(flatten)]
    pub(crate) held: HeldTask,
    /// What it gives: an object by names, or any value where it gives one thing or makes work good
    #[arg(long, value_name = "JSON", value_parser = value)]
    pub(crate) output: Option<Json>,
}

/// Arguments of `tasks fail`.
#[derive(Debug, Args)]
pub(crate) struct FailTask {
    /// Which task.
    #[command(flatten)]
    pub(crate) held: HeldTask,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Trying again would fail the same way
    #[arg(long)]
    pub(crate) r#final: bool,
}
