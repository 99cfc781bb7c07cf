//! `guidepost steps`: workflows that are plain lists of agents' steps.

use std::path::Path;

use guidepost_core::id::{RunRef, Version};
use guidepost_core::workflow;
use guidepost_server::ops::{
    AgentWorkflow, Allowed, Define, Detail, NewStep, OpError, RetryAgentWorkflow, WORKFLOWS_LISTED,
    WhereAmI, WorkflowStatus,
};
use guidepost_server::text;
use serde_json::{Value as Json, json};

use super::{answer, apply, delete};
use crate::args::{self, StepsCommand};
use crate::definition::DefinitionFile;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// The name of a workflow that nobody named.
const UNNAMED: &str = "steps";

/// Does what is asked for with a workflow of agents' steps.
///
/// # Errors
///
/// If there is no such run, it is no plain list of agents' steps, or the store fails.
pub(crate) async fn run(
    args: &args::Steps,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let caller = door.caller.as_str();
    let of = |run: &str| RunRef::from(run);
    let found = match &args.command {
        None => return list(WORKFLOWS_LISTED, 0, door, out).await,
        Some(StepsCommand::List(wanted)) => {
            return list(wanted.limit, wanted.offset, door, out).await;
        }
        Some(StepsCommand::Delete(args)) => return delete::run(args, door, out).await,
        Some(StepsCommand::Execute(args)) => return execute(args, door, out).await,
        Some(StepsCommand::Create(args)) => create(args, door, out).await?,
        Some(StepsCommand::Add(args)) => {
            let metadata = args.metadata.clone().map_or(Json::Null, Json::Object);
            let step = NewStep { metadata, ..args.step.clone() };
            door.ops.add_agent_step(&of(&args.run), &step, caller).await?
        }
        Some(StepsCommand::Pause(args)) => {
            door.ops.pause_agent_workflow(&of(&args.run), caller).await?
        }
        Some(StepsCommand::Resume(args)) => {
            door.ops.resume_agent_workflow(&of(&args.run), caller).await?
        }
        Some(StepsCommand::Retry(args)) => {
            let request = RetryAgentWorkflow {
                run: of(&args.run),
                from: args.from.clone(),
                caller: caller.to_owned(),
            };
            door.ops.retry_agent_workflow(&request).await?
        }
        Some(StepsCommand::Get(args)) => door.ops.agent_workflow(&of(&args.run)).await?,
    };
    show(&found, door, out).await?;
    Ok(Exit::Ok)
}

async fn show(found: &AgentWorkflow, door: &Door, out: &mut Output) -> Result<(), Failure> {
    answer(out, found, &text::agent_workflow(found));
    if out.is_json() {
        return Ok(());
    }
    match found.status {
        WorkflowStatus::Pending => {
            out.aside(format!("`guidepost steps execute {}` begins it", found.run));
        }
        WorkflowStatus::Running => {
            let run = &found.run;
            let at = WhereAmI { run: found.run_no.into(), detail: Detail::Brief };
            let told = text::in_hand(&door.ops.where_am_i(&at).await?);
            if !told.is_empty() {
                out.aside(told);
            }
            out.aside(format!("`guidepost steps execute {run}` does what an engine can do"));
        }
        WorkflowStatus::Completed | WorkflowStatus::Failed | WorkflowStatus::Paused => {}
    }
    Ok(())
}

async fn list(limit: usize, offset: usize, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let found = door.ops.agent_workflows(limit, offset).await?;
    if out.is_json() {
        out.json(&found);
        return Ok(Exit::Ok);
    }
    for workflow in &found {
        out.line(text::agent_workflow_line(workflow));
    }
    if found.is_empty() {
        out.aside("there are no workflows of agents' steps here");
    }
    Ok(Exit::Ok)
}

async fn create(
    args: &args::CreateSteps,
    door: &Door,
    out: &mut Output,
) -> Result<AgentWorkflow, Failure> {
    let (workflow, version) = match &args.file {
        None if args.list.step.is_empty() => {
            return Err(Failure::usage("no steps are given")
                .hint("name a FILE with `steps:`, or give each step by `--step AGENT=INPUT`"));
        }
        Some(file) if args.list.step.is_empty() => {
            let file = DefinitionFile::read(file)?;
            expect_list(&file)?;
            apply::save_file(&file, door, out).await?
        }
        file => {
            let mut definition = listed(file.as_deref(), &args.list)?;
            if let Some(description) = &args.description {
                definition["description"] = json!(description);
            }
            if let Some(metadata) = &args.metadata {
                definition["metadata"] = json!(metadata);
            }
            save(&definition, door).await?
        }
    };
    let input = args.input.clone().unwrap_or_default();
    let created =
        door.ops.create_agent_workflow_of(&workflow, version, &input, &door.caller).await?;
    Ok(created)
}

/// Has the steps done, and tells what came of them.
async fn execute(args: &args::Run, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let handlers = super::run::handlers(args)?;
    let what = args.what.as_deref().unwrap_or_default();
    let begun = door.ops.begin_agent_workflow(&RunRef::from(what), &door.caller).await?;
    let why = super::run::drive(args, handlers, begun.run_no, None, door, out).await?;
    let found = door.ops.agent_workflow(&begun.run_no.into()).await?;
    show(&found, door, out).await?;
    match found.status {
        WorkflowStatus::Completed => Ok(Exit::Ok),
        WorkflowStatus::Failed => Ok(Exit::Failed),
        WorkflowStatus::Pending | WorkflowStatus::Running | WorkflowStatus::Paused => {
            why.expect_allowed(&begun.run)?;
            Ok(Exit::Waiting)
        }
    }
}

/// Checks that a definition is a plain list of agents' steps, before it is saved. One that cannot be used at all is told as
/// such by whoever saves it.
fn expect_list(file: &DefinitionFile) -> Result<(), Failure> {
    let compiled = workflow::compile(&file.text, &file.name);
    match compiled.machine.filter(|machine| machine.agent_steps().is_empty()) {
        None => Ok(()),
        Some(machine) => Err(OpError::BadArgument {
            what: format!("workflow `{}` is no plain list of agents' steps", machine.name),
            hint: Some(format!("`guidepost run {}` runs any workflow", file.name)),
        }
        .into()),
    }
}

/// A definition with steps that were given one by one, after those of a file.
pub(super) fn listed(file: Option<&Path>, list: &args::StepList) -> Result<Json, Failure> {
    let mut definition = match file {
        None => json!({ "name": UNNAMED, "steps": [] }),
        Some(path) => {
            let file = DefinitionFile::read(path)?;
            let read = workflow::as_json(&file.as_text()?, &file.name);
            read.map_err(|found| Failure::of_diagnostic(&file.name, &found))?
        }
    };
    if let Some(name) = &list.name {
        definition["name"] = json!(name);
    }
    match definition.get_mut("steps").and_then(Json::as_array_mut) {
        Some(steps) => steps.extend(list.step.iter().map(|step| json!(step))),
        None => {
            return Err(Failure::usage("the file has no list of `steps:` to add to")
                .hint("leave out `--step`, or name a file with `steps:`"));
        }
    }
    Ok(definition)
}

/// Saves a definition, and gives the workflow's name and the version it is.
pub(super) async fn save(definition: &Json, door: &Door) -> Result<(String, Version), Failure> {
    let request = Define {
        text: definition.to_string(),
        file: UNNAMED.to_owned(),
        save: true,
        allowed: Allowed::Everything,
        caller: door.caller.clone(),
    };
    let defined = door.ops.define(&request).await?;
    let version = defined.version().unwrap_or_default();
    Ok((defined.workflow, version))
}
