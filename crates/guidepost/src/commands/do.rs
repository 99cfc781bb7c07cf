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
    let (data, rev) = data(args, door).await?;
    let event = SendEvent {
        run: RunRef::from(args.run.as_str()),
        event: args.event.clone(),
        data,
        rev: args.rev.map(Rev).or(rev),
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let moved = door.ops.send_event(&event).await?;
    answer(out, &moved, &text::moved(&moved, Words::Commands));
    Ok(Exit::Ok)
}

/// What the event carries. A value that stands alone goes under the one name that the event takes. Where the event is not legal,
/// nobody knows that name: it is sent without, to be refused with what is legal, and only for the rev at which that was seen.
async fn data(args: &args::Do, door: &Door) -> Result<(Object, Option<Rev>), Failure> {
    let value = match &args.data {
        None => return Ok((Object::new(), None)),
        Some(Json::Object(fields)) => return Ok((fields.clone(), None)),
        Some(value) => value,
    };
    let at = WhereAmI { run: RunRef::from(args.run.as_str()), detail: Detail::Brief };
    let standing = door.ops.where_am_i(&at).await?;
    let event = &args.event;
    let Some(next) = standing.next.iter().find(|next| next.event.as_str() == event) else {
        return Ok((Object::new(), Some(standing.rev)));
    };
    match next.arguments.as_slice() {
        [argument] => Ok((Object::from_iter([(argument.name.clone(), value.clone())]), None)),
        [] => Err(Failure::usage(format!("`{event}` takes no value by name"))
            .hint("leave the value out, or give an object")),
        _ => Err(Failure::usage(format!("`{event}` takes several values by name"))
            .hint(format!("give them in an object, as in '{}'", next.example()))),
    }
}
