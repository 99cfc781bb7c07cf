//! `guidepost find`: workflows or runs, by words.

use guidepost_server::ops::{FindRuns, FindWorkflows};
use guidepost_server::text;

use super::answer;
use crate::args::{self, Listed};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Finds workflows or runs.
///
/// # Errors
///
/// The failures of the store.
pub(crate) async fn run(args: &args::Find, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let query = Some(args.query.join(" ")).filter(|query| !query.is_empty());
    let (limit, cursor) = (args.limit, args.cursor.clone());
    match args.place {
        Listed::Workflows => {
            let found = door.ops.find_workflows(&FindWorkflows { query, limit, cursor }).await?;
            answer(out, &found, &text::workflows(&found));
        }
        Listed::Runs => {
            let state = args.state.clone();
            let wanted = FindRuns { query, state, limit, cursor, ..FindRuns::default() };
            let found = door.ops.find_runs(&wanted).await?;
            answer(out, &found, &text::runs(&found));
        }
    }
    Ok(Exit::Ok)
}
