//! `guidepost delete`: a run with everything that belongs to it.

use guidepost_core::id::RunRef;
use guidepost_server::ops::DeleteRun;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Deletes a run and the runs below it.
///
/// # Errors
///
/// If there is no such run, one of them is not over, or the store fails.
pub(crate) async fn run(
    args: &args::Delete,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = DeleteRun {
        run: RunRef::from(args.run.as_str()),
        cancel: args.cancel,
        note: None,
        caller: door.caller.clone(),
    };
    let deleted = door.ops.delete_run(&request).await?;
    answer(out, &deleted, &format!("deleted {}", deleted.deleted.join(", ")));
    Ok(Exit::Ok)
}
