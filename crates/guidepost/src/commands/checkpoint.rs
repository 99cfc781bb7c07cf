//! `guidepost checkpoint`: names places in a run's history, and lists them.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Checkpoint, Place};
use guidepost_server::text;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Names a place, if a name is given, and lists all there are.
///
/// # Errors
///
/// If there is no such run or place, the name is none, or the store fails.
pub(crate) async fn run(
    args: &args::Checkpoint,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = Checkpoint {
        run: RunRef::from(args.run.as_str()),
        name: args.name.clone().filter(|_| !args.list),
        at: args.at.clone().map(Place::Named),
        caller: door.caller.clone(),
    };
    let places = door.ops.checkpoint(&request).await?;
    answer(out, &places, &text::checkpointed(&places));
    Ok(Exit::Ok)
}
