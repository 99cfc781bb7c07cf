//! `guidepost pause` and `resume`: interventions from outside the workflow.

use guidepost_core::id::{RunRef, StateId};
use guidepost_core::input;
use guidepost_server::ops::{ControlRun, Moved, Standing};
use guidepost_server::text::{self, Words};
use serde::Serialize;

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
    control_run(&args.run, args.reason.note.clone(), control, door, out).await
}

/// The same for whoever has arguments of another form.
pub(super) async fn control_run(
    run: &str,
    note: Option<String>,
    control: input::Control,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = ControlRun { run: RunRef::from(run), control, note, caller: door.caller.clone() };
    let moved = door.ops.control_run(&request).await?;
    let told = text::controlled(&moved, Words::Commands);
    let Moved { left, entered, is_repeat, standing, .. } = moved;
    answer(out, &Controlled { left, entered, is_repeat, standing }, &told);
    Ok(Exit::Ok)
}

/// The answer for programs. The rev after an intervention is the one at which the run stands.
#[derive(Serialize)]
struct Controlled {
    left: Vec<StateId>,
    entered: Vec<StateId>,
    is_repeat: bool,
    #[serde(flatten)]
    standing: Standing,
}
