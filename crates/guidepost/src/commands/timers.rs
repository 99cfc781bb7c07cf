//! `guidepost timers`: what is due, and when.

use guidepost_core::id::RunRef;
use guidepost_server::text;

use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Lists what is due in a run, or in all of them.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::Timers,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let run = args.run.as_deref().map(RunRef::from);
    let found = door.ops.timers(run.as_ref()).await?;
    for due in &found.timers {
        if out.is_json() {
            out.json_line(due);
        } else {
            out.line(text::due(due, found.now));
        }
    }
    for schedule in &found.schedules {
        if out.is_json() {
            out.json_line(schedule);
        } else {
            out.line(text::schedule(schedule));
        }
    }
    if !out.is_json() {
        if found.timers.is_empty() && found.schedules.is_empty() {
            out.aside("nothing is due");
        }
        if found.has_more {
            out.aside("more runs have timers, which are due later");
        }
    }
    Ok(Exit::Ok)
}
