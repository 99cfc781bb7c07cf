//! `guidepost cancel`: ends a run from outside, after making good what it did if that is wished.

use guidepost_core::id::RunRef;
use guidepost_core::input::Control;
use guidepost_server::ops::CancelRun;
use guidepost_server::text::{self, Words};

use super::{answer, control};
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Cancels a run, if nothing has to be confirmed first.
///
/// # Errors
///
/// If the run is over, there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::Cancel,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    if !args.compensate {
        return control::control_run(
            &args.run,
            args.reason.note.clone(),
            Control::Cancel,
            door,
            out,
        )
        .await;
    }
    let request = CancelRun {
        run: RunRef::from(args.run.as_str()),
        confirm: args.yes,
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let ending = door.ops.cancel_run(&request).await?;
    answer(out, &ending, &text::ending(&ending, Words::Commands));
    Ok(if ending.is_done { Exit::Ok } else { Exit::NotLegal })
}
