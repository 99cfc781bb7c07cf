//! `guidepost verify`: whether histories are whole, and fold to what is stored.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{FindRuns, RunVerified};
use guidepost_server::text;
use serde_json::json;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Runs looked at in one page.
const PAGE: usize = 100;

/// Checks one run's history, or every run's.
///
/// # Errors
///
/// If there is no such run, or the store fails. What is wrong with a history is an answer.
pub(crate) async fn run(
    args: &args::Verify,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let Some(run) = &args.run else { return all(door, out).await };
    let run = RunRef::from(run.as_str());
    let found = match &args.anchor {
        None => door.ops.verify_run(&run).await?,
        Some(published) => door.ops.verify_against(&run, published).await?,
    };
    answer(out, &found, &text::verified(&found));
    Ok(exit(&found))
}

async fn all(door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let (mut runs, mut damaged) = (0_usize, 0_usize);
    let mut wanted = FindRuns { limit: PAGE, ..FindRuns::default() };
    loop {
        let page = door.ops.find_runs(&wanted).await?;
        for hit in &page.items {
            let found = door.ops.verify_run(&RunRef::from(hit.name.run_no)).await?;
            runs += 1;
            damaged += usize::from(exit(&found) != Exit::Ok);
            if out.is_json() {
                out.json_line(&found);
            } else if exit(&found) != Exit::Ok {
                out.line(text::verified(&found).trim_end());
            }
        }
        if page.next.is_none() || out.is_closed() {
            break;
        }
        wanted.cursor = page.next;
    }
    if out.is_json() {
        let summary = json!({ "runs": runs, "damaged": damaged, "ok": damaged == 0 });
        out.json_line(&json!({ "summary": summary }));
    } else {
        let noun = if runs == 1 { "run" } else { "runs" };
        out.line(match damaged {
            0 => format!("{runs} {noun} checked: every history is whole"),
            some => format!("{runs} {noun} checked: {some} with problems"),
        });
    }
    Ok(if damaged == 0 { Exit::Ok } else { Exit::Failed })
}

fn exit(found: &RunVerified) -> Exit {
    if found.verified.problems.is_empty() { Exit::Ok } else { Exit::Failed }
}
