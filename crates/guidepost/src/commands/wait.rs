//! `guidepost wait`: until a run moves.

use std::time::Duration;

use guidepost_core::id::{Rev, RunRef};
use guidepost_server::ops::Wait;
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Waits until a run moves, ends, or the time is up.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(crate) async fn run(args: &args::Wait, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let wait = Wait {
        run: RunRef::from(args.run.as_str()),
        rev: args.rev.map(Rev),
        at_most: Duration::from_secs(args.seconds),
    };
    let waited = door.ops.wait(&wait).await?;
    answer(out, &waited, &text::waited(&waited, Words::Commands));
    Ok(if waited.has_moved { Exit::Ok } else { Exit::Waiting })
}
