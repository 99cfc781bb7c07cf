//! `guidepost add-step`: one more step at the end of a run under way.

use guidepost_core::id::RunRef;
use guidepost_core::workflow;
use guidepost_server::ops::{AddStep, Outcome};
use guidepost_server::text;
use serde_json::{Value as Json, json};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Adds a step.
///
/// # Errors
///
/// If there is no such run, its workflow is no list of steps, the step cannot be read, or the store fails.
pub(crate) async fn run(
    args: &args::AddStep,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = AddStep {
        run: RunRef::from(args.run.as_str()),
        step: step(args)?,
        caller: door.caller.clone(),
    };
    let added = door.ops.add_step(&request).await?;
    answer(out, &added, &text::migrated_run(&added));
    Ok(if added.outcome == Outcome::Refused { Exit::NotLegal } else { Exit::Ok })
}

fn step(args: &args::AddStep) -> Result<Json, Failure> {
    let Some(text) = &args.definition else { return Ok(json!(args.step)) };
    workflow::as_json(text, "step.yaml").map_err(|found| {
        Failure::usage("the step cannot be read").hint(format!(
            "{}; expected a step as under `steps:`, such as '{{ name: Publish, task: publish }}'",
            found.message
        ))
    })
}
