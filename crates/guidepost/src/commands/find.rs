//! `guidepost find`: workflows or runs, by words.

use guidepost_server::ops::{FindRuns, FindWorkflows};
use guidepost_server::text::{self, Words};

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
    if args.place == Listed::Workflows && args.state.is_some() {
        return Err(Failure::usage("--state narrows runs down, and workflows were asked for")
            .hint("add `--in runs`"));
    }
    match args.place {
        Listed::Workflows => {
            let found = door.ops.find_workflows(&FindWorkflows { query, limit, cursor }).await?;
            answer(out, &found, &text::workflows(&found, Words::Commands));
        }
        Listed::Runs => {
            let wanted = FindRuns { query, limit, cursor, ..FindRuns::default() };
            let wanted = match &args.state {
                Some(state) => wanted.in_state_or_status(state.clone()),
                None => wanted,
            };
            let found = door.ops.find_runs(&wanted).await?;
            answer(out, &found, &text::runs(&found, Words::Commands));
        }
    }
    Ok(Exit::Ok)
}
