//! `guidepost where`: where a run is, what to do there and what is legal next.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Detail, WhereAmI};
use guidepost_server::text::{self, Words};
use serde_json::json;

use super::answer;
use crate::args;
use crate::door::{self, Door};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Open runs listed at most.
const RUNS_MAX: usize = 20;

/// Tells where a run is; without one, lists the open runs, and says which store they are in and how safe they are there.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::Where,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match &args.run {
        Some(run) => {
            let is_full = args.full || args.detail == args::HowMuch::Full;
            let detail = if is_full { Detail::Full } else { Detail::Brief };
            let question = WhereAmI { run: RunRef::from(run.as_str()), detail };
            let standing = door.ops.where_am_i(&question).await?;
            answer(out, &standing, &text::standing(&standing, Words::Commands));
        }
        None => {
            let found = door.ops.open_runs(&door.caller, RUNS_MAX).await?;
            let store = door.ops.store().describe();
            let shown = json!({
                "items": found.items,
                "next": found.next,
                "store": store,
                "chosen_by": door.choice.why.as_str(),
            });
            answer(out, &shown, &text::open_runs(&found, Words::Commands));
            out.note(format!("store: {}, chosen by {}", store.url, door.choice.why.as_str()));
            out.note(format!("durability: {}", door::in_words(store.durability)));
        }
    }
    Ok(Exit::Ok)
}
