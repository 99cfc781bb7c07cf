//! `guidepost do`: an event for a run.

use guidepost_core::id::{Rev, RunRef};
use guidepost_server::ops::{Detail, SendEvent, WhereAmI};
use guidepost_server::text::{self, Words};
use serde_json::Value as Json;

use super::answer;
use crate::args::{self, Object};
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
        data: data(args, door).await?,
        rev: args.rev.map(Rev),
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let moved = door.ops.send_event(&event).await?;
    answer(out, &moved, &text::moved(&moved, Words::Commands));
    Ok(Exit::Ok)
}

/// What the event carries. A value that stands alone goes under the one name that the event takes.
async fn data(args: &args::Do, door: &Door) -> Result<Object, Failure> {
    let value = match &args.data {
        None => return Ok(Object::new()),
        Some(Json::Object(fields)) => return Ok(fields.clone()),
        Some(value) => value,
    };
    let at = WhereAmI { run: RunRef::from(args.run.as_str()), detail: Detail::Brief };
    let standing = door.ops.where_am_i(&at).await?;
    let mut takes = standing.next.iter().filter(|next| next.event.as_str() == args.event);
    let (event, run) = (&args.event, &standing.name.run);
    let Some(next) = takes.next() else {
        return Err(Failure::usage(format!(
            "`{event}` is not legal now, so nobody knows what the value is called that it carries"
        ))
        .hint(format!("`guidepost where {run}` tells what is legal; else give an object")));
    };
    match next.arguments.as_slice() {
        [argument] => Ok(Object::from_iter([(argument.name.clone(), value.clone())])),
        [] => Err(Failure::usage(format!("`{event}` takes no value by name"))
            .hint("leave the value out, or give an object")),
        _ => Err(Failure::usage(format!("`{event}` takes several values by name"))
            .hint(format!("give them in an object, as in '{}'", next.example()))),
    }
}
