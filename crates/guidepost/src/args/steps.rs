//! What one can type for workflows that are plain lists of agents' steps, and to add to or delete a run.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use guidepost_server::ops::{NewStep, WORKFLOWS_LISTED};

use super::object::object;
use super::{Object, Run};

/// Arguments of `steps`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost steps create --name 'My Workflow' --step 'research-agent=Research the latest AI trends'\n  guidepost steps create workflow.yaml\n  guidepost steps add r-1 'report-agent=Write a report on: {{ previous }}'\n  guidepost steps execute r-1\n  guidepost steps get r-1 --json\n  guidepost read r-1 thread step-2\n\nA workflow here is a run of a plain list: one agent's step after another. What a step gives is `{{ previous }}` to the next, and what was said to an agent and by it is the step's thread."
)]
pub(crate) struct Steps {
    /// What to do; without it, list workflows
    #[command(subcommand)]
    pub(crate) command: Option<StepsCommand>,
}

/// What can be done with workflows of agents' steps.
#[derive(Debug, Subcommand)]
pub(crate) enum StepsCommand {
    /// Create a workflow; nothing is done before it is executed
    Create(CreateSteps),
    /// Add a step at the end
    Add(Box<AddPlainStep>),
    /// Have the steps done, one after another
    Execute(Run),
    /// Stop at once, also in the middle of a step
    Pause(OneRun),
    /// Go on after a pause
    Resume(OneRun),
    /// Do steps again, from the one that failed
    Retry(RetrySteps),
    /// Show a workflow with its steps and what they gave
    Get(OneRun),
    /// List workflows, the newest first
    List(ListSteps),
    /// Delete a workflow with everything that belongs to it
    Delete(Delete),
}

/// A run.
#[derive(Debug, Args)]
pub(crate) struct OneRun {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

/// Arguments of `steps create`.
#[derive(Debug, Args)]
pub(crate) struct CreateSteps {
    /// A file with `steps:`, in YAML or JSON; `-` reads stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What is put into the list.
    #[command(flatten)]
    pub(crate) list: StepList,
    /// What the workflow is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Anything to keep with the workflow
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) metadata: Option<Object>,
    /// First values of the attributes the file declares
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) input: Option<Object>,
}

/// Steps given one by one.
#[derive(Debug, Args)]
pub(crate) struct StepList {
    /// A step: the agent, and what it is told. May be given several times
    #[arg(long, value_name = "AGENT=INPUT", value_parser = step)]
    pub(crate) step: Vec<NewStep>,
    /// The workflow's name, if no file gives it
    #[arg(long, value_name = "NAME", requires = "step")]
    pub(crate) name: Option<String>,
}

/// Arguments of `steps add`.
#[derive(Debug, Args)]
pub(crate) struct AddPlainStep {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step: the agent, and what it is told
    #[arg(value_name = "AGENT=INPUT", value_parser = step)]
    pub(crate) step: NewStep,
    /// Anything to keep with the step
    #[arg(long, value_name = "JSON", value_parser = object)]
    pub(crate) metadata: Option<Object>,
}

/// Arguments of `steps retry`.
#[derive(Debug, Args)]
pub(crate) struct RetrySteps {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step to begin with; by default the one that failed, and of a completed workflow the first
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,
}

/// Arguments of `steps list`.
#[derive(Debug, Args)]
pub(crate) struct ListSteps {
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = WORKFLOWS_LISTED, value_parser = super::limit)]
    pub(crate) limit: usize,
    /// How many to pass over
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) offset: usize,
}

/// Arguments of `add-step`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost add-step r-1 '{ name: Publish, task: publish }'\n  guidepost add-step r-1 --step 'editor=Shorten this: {{ previous }}'\n\nThe run's workflow must be a list of `steps:`. It gets a new version, and this run alone is taken to it."
)]
pub(crate) struct AddStep {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step as under `steps:`, in YAML or JSON
    #[arg(value_name = "STEP", required_unless_present = "step")]
    pub(crate) definition: Option<String>,
    /// A plain step: the agent, and what it is told
    #[arg(long, value_name = "AGENT=INPUT", value_parser = step, conflicts_with = "definition")]
    pub(crate) step: Option<NewStep>,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  guidepost delete r-1\n  guidepost delete r-1 --cancel\n\nThe runs it launched go with it, and the histories, facts, tasks and threads of all of them. Nothing brings them back."
)]
pub(crate) struct Delete {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Cancel first what is not over
    #[arg(long)]
    pub(crate) cancel: bool,
}

fn step(text: &str) -> Result<NewStep, String> {
    match text.split_once('=') {
        Some((agent, input)) if !agent.trim().is_empty() => Ok(NewStep {
            agent_id: agent.trim().to_owned(),
            input: Some(input.to_owned()).filter(|input| !input.is_empty()),
            ..NewStep::default()
        }),
        _ => Err("expected an agent and what it is told, as in writer='Write a report'".to_owned()),
    }
}
