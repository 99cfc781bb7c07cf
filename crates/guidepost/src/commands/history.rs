//! `guidepost history`: everything that happened to a run, oldest first.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{HistoryItem, ReadHistory};
use guidepost_server::text;

use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Records read at a time.
const PAGE: usize = 100;

/// Prints the whole history, a record a line.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::History,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut read = first_page(&args.run, args.kind.clone());
    loop {
        let page = door.ops.history(&read).await?;
        for item in &page.items {
            if out.is_json() {
                out.json_line(item);
            } else {
                out.line(text::history_item(item).trim_end());
            }
        }
        if page.next.is_none() || out.is_closed() {
            return Ok(Exit::Ok);
        }
        read.cursor = page.next;
    }
}

/// The whole history of a run at once, for a page that shows all of it.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(super) async fn whole(door: &Door, run: &str) -> Result<Vec<HistoryItem>, Failure> {
    let mut read = first_page(run, Vec::new());
    let mut items = Vec::new();
    loop {
        let page = door.ops.history(&read).await?;
        items.extend(page.items);
        if page.next.is_none() {
            return Ok(items);
        }
        read.cursor = page.next;
    }
}

fn first_page(run: &str, kinds: Vec<String>) -> ReadHistory {
    ReadHistory { run: RunRef::from(run), newest_first: false, kinds, limit: PAGE, cursor: None }
}
