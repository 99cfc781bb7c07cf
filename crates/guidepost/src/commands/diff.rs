//! `guidepost diff`: where two runs part, and what differs.

use guidepost_core::id::RunRef;
use guidepost_server::text;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Compares two runs.
///
/// # Errors
///
/// If there is no such run, or the store fails. A difference is an answer.
pub(crate) async fn run(args: &args::Diff, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let (a, b) = (RunRef::from(args.a.as_str()), RunRef::from(args.b.as_str()));
    let found = door.ops.diff(&a, &b).await?;
    answer(out, &found, &text::diff(&found));
    Ok(if found.is_same { Exit::Ok } else { Exit::Failed })
}
