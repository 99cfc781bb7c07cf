//! `guidepost show`: a run or a workflow, in words or as a page.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Detail, OpError, Standing, WhereAmI, WorkflowView};
use guidepost_server::text::{self, Words};

use super::{answer, history};
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::page::Page;

/// What is shown.
enum Shown {
    Run(Box<Standing>),
    Workflow(Box<WorkflowView>),
}

/// Shows a run or a workflow.
///
/// # Errors
///
/// If there is neither, or the store fails.
pub(crate) async fn run(args: &args::Show, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    match find(door, &args.what).await? {
        Shown::Run(standing) if args.html => {
            let workflow = door.ops.show_workflow(&workflow_of(&standing)).await?;
            let machine = door.machine(&workflow).await?;
            let history = history::whole(door, &standing.name.run).await?;
            let standing = standing.for_everybody();
            out.document(&Page::of_run(&standing, &workflow, machine.as_ref(), &history).html());
        }
        Shown::Workflow(view) if args.html => {
            let machine = door.machine(&view).await?;
            out.document(&Page::of_workflow(&view, machine.as_ref()).html());
        }
        Shown::Run(standing) => answer(out, &standing, &text::standing(&standing, Words::Commands)),
        Shown::Workflow(view) => answer(out, &view, &text::workflow(&view)),
    }
    Ok(Exit::Ok)
}

/// The workflow of a run, in the run's version, as one refers to it.
pub(super) fn workflow_of(standing: &Standing) -> String {
    match standing.version {
        Some(version) => format!("{}@{version}", standing.workflow),
        None => standing.workflow.clone(),
    }
}

/// A run's id can be nothing else; any other word is a workflow first, then an agent's name.
async fn find(door: &Door, what: &str) -> Result<Shown, Failure> {
    let reference = RunRef::from(what);
    let missing = match reference {
        RunRef::No(_) | RunRef::Id(_) => None,
        RunRef::Agent(_) => match door.ops.show_workflow(what).await {
            Ok(view) => return Ok(Shown::Workflow(Box::new(view))),
            Err(missing @ OpError::NoSuchWorkflow { .. }) => Some(missing),
            Err(other) => return Err(other.into()),
        },
    };
    match door.ops.where_am_i(&WhereAmI { run: reference, detail: Detail::Full }).await {
        Ok(standing) => Ok(Shown::Run(Box::new(standing))),
        Err(error) => Err(missing.unwrap_or(error).into()),
    }
}
