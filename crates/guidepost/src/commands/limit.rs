//! `guidepost limit`: shows what a run may still spend, and raises its limits.

use guidepost_core::id::RunRef;
use guidepost_server::ops::SetLimits;
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Sets limits, if any are given, and shows how the run stands with them.
///
/// # Errors
///
/// If there is no such run, only runs above it have limits, or the store fails.
pub(crate) async fn run(
    args: &args::Limit,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = SetLimits {
        run: RunRef::from(args.run.as_str()),
        limits: args.limits(),
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let limited = door.ops.limit(&request).await?;
    answer(out, &limited, &text::limited(&limited, Words::Commands));
    Ok(Exit::Ok)
}
