//! `guidepost pause`, `resume` and `cancel`: interventions from outside the workflow.

use guidepost_core::id::RunRef;
use guidepost_core::input;
use guidepost_server::ops::ControlRun;
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Intervenes in a run.
///
/// # Errors
///
/// If the run is not in a status for it, there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::Control,
    control: input::Control,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = ControlRun {
        run: RunRef::from(args.run.as_str()),
        control,
        note: args.note.clone(),
        caller: door.caller.clone(),
    };
    let moved = door.ops.control_run(&request).await?;
    answer(out, &moved, &text::controlled(&moved, Words::Commands));
    Ok(Exit::Ok)
}
