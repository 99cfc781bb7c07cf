//! Prompts a person picks from a menu: resume a run, start a workflow.

use guidepost_core::id::RunRef;
use rmcp::model::{
    ErrorData, GetPromptResult, JsonObject, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, Role,
};

use super::resources::failed;
use crate::ops::{Detail, Ops, WhereAmI};
use crate::text::{self, Words};

/// The prompts there are.
pub(super) fn list() -> ListPromptsResult {
    let required = |name: &str, what: &str| {
        PromptArgument::new(name).with_description(what).with_required(true)
    };
    let optional = |name: &str, what: &str| {
        PromptArgument::new(name).with_description(what).with_required(false)
    };
    ListPromptsResult::with_all_items(vec![
        Prompt::new(
            "resume_run",
            Some("Go on with a run where it was left"),
            Some(vec![required("run", "The run's id, such as r-7f3k")]),
        ),
        Prompt::new(
            "start_workflow",
            Some("Begin a run of a workflow"),
            Some(vec![
                required("workflow", "The workflow's name"),
                optional("goal", "What the run is to reach"),
            ]),
        ),
    ])
}

/// A prompt, filled in.
pub(super) async fn get(
    ops: &Ops,
    name: &str,
    arguments: &JsonObject,
) -> Result<GetPromptResult, ErrorData> {
    let text = match name {
        "resume_run" => resume(ops, argument(arguments, "run")?).await?,
        "start_workflow" => {
            let goal = arguments.get("goal").and_then(|goal| goal.as_str());
            start(ops, argument(arguments, "workflow")?, goal).await?
        }
        other => {
            let what = format!("there is no prompt `{other}`");
            return Err(ErrorData::invalid_params(what, None));
        }
    };
    Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]))
}

async fn resume(ops: &Ops, run: &str) -> Result<String, ErrorData> {
    let question = WhereAmI { run: RunRef::from(run), detail: Detail::Full };
    let standing = ops.where_am_i(&question).await.map_err(|error| failed(&error))?;
    Ok(format!(
        "Go on with this run. Do what its state asks for, then send one of the legal events with guidepost_do.\n\n{}",
        text::standing(&standing, Words::Tools)
    ))
}

async fn start(ops: &Ops, workflow: &str, goal: Option<&str>) -> Result<String, ErrorData> {
    let view = ops.show_workflow(workflow).await.map_err(|error| failed(&error))?;
    let goal = goal.map(|goal| format!(" The goal: {goal}")).unwrap_or_default();
    Ok(format!(
        "Begin a run of this workflow with guidepost_start and follow it to its end.{goal}\n\n{}",
        text::workflow(&view)
    ))
}

fn argument<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    let found = arguments.get(name).and_then(|value| value.as_str());
    found
        .ok_or_else(|| ErrorData::invalid_params(format!("the argument `{name}` is missing"), None))
}
