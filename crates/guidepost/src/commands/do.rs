//! `guidepost do`: an event for a run.

use guidepost_core::id::{Rev, RunRef};
use guidepost_server::ops::SendEvent;
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Sends an event to a run.
///
/// # Errors
///
/// If it is not legal, the rev is old, there is no such run, or the store fails. Nothing was changed then.
pub(crate) async fn run(args: &args::Do, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let event = SendEvent {
        run: RunRef::from(args.run.as_str()),
        event: args.event.clone(),
        data: args.data.clone().unwrap_or_default(),
        rev: args.rev.map(Rev),
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let moved = door.ops.send_event(&event).await?;
    answer(out, &moved, &text::moved(&moved, Words::Commands));
    Ok(Exit::Ok)
}
