//! `guidepost rollback`: takes a run back to an earlier place.

use guidepost_core::id::RunRef;

use guidepost_server::ops::{Place, Rollback};
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Takes a run back, if nothing has to be confirmed first.
///
/// # Errors
///
/// If there is no such run or place, the run cannot go on from there, or the store fails.
pub(crate) async fn run(
    args: &args::Rollback,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let to = match (&args.to, args.steps) {
        (Some(place), _) => Place::Named(place.clone()),
        (None, steps) => Place::Steps(steps.unwrap_or(1)),
    };
    let request = Rollback {
        run: RunRef::from(args.run.as_str()),
        to,
        confirm: args.yes,
        compensate: !args.no_compensate,
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let back = door.ops.roll_back(&request).await?;
    answer(out, &back, &text::rolled_back(&back, Words::Commands));
    Ok(if back.is_done { Exit::Ok } else { Exit::NotLegal })
}
