//! `guidepost migrate`: takes live runs to another version of their workflow.

use guidepost_core::id::RunRef;
use guidepost_server::ops::Migrate;
use guidepost_server::text;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Migrates runs, or tells what would become of them.
///
/// # Errors
///
/// If there is no such run or version, or the store fails. A run that cannot go is an answer.
pub(crate) async fn run(
    args: &args::Migrate,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = Migrate {
        runs: args.runs.iter().map(|run| RunRef::from(run.as_str())).collect(),
        workflow: args.all.clone(),
        to: args.to.clone(),
        map: args.map.clone(),
        set: args.set.iter().cloned().collect(),
        dry_run: args.dry_run,
        confirm: args.yes,
        note: args.reason.note.clone(),
        caller: door.caller.clone(),
    };
    let migrated = door.ops.migrate(&request).await?;
    answer(out, &migrated, &text::migrated(&migrated));
    Ok(if migrated.is_ok() { Exit::Ok } else { Exit::NotLegal })
}
