//! `guidepost fork`: begins a run where another was.

use guidepost_core::id::RunRef;

use guidepost_server::ops::{Fork, Place};
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Forks a run, if nothing has to be confirmed first.
///
/// # Errors
///
/// If there is no such run or place, the data does not fit, or the store fails.
pub(crate) async fn run(args: &args::Fork, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let request = Fork {
        run: RunRef::from(args.run.as_str()),
        at: args.at.clone().map(Place::Named),
        set: args.set.iter().cloned().collect(),
        key: args.key.clone(),
        confirm: args.yes,
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let forked = door.ops.fork(&request).await?;
    answer(out, &forked, &text::forked(&forked, Words::Commands));
    Ok(if forked.is_done { Exit::Ok } else { Exit::NotLegal })
}
