//! `guidepost watch`: what happens in a run, or in all of them, as it happens.

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::run::Status;
use guidepost_server::ops::{Detail, Seen, WhereAmI};
use guidepost_server::text;

use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Follows along until the run is over, or somebody ends it.
///
/// # Errors
///
/// If there is no such run, or the store fails.
pub(crate) async fn run(
    args: &args::Watch,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let run = args.run.as_deref().map(RunRef::from);
    let mut watcher = door.ops.watch(run.as_ref()).await?;
    if let Some(no) = watcher.run().filter(|_| !out.is_json()) {
        let at = WhereAmI { run: no.into(), detail: Detail::Brief };
        out.line(text::standing_line(&door.ops.where_am_i(&at).await?));
    }
    out.flush();
    loop {
        let news = tokio::select! {
            news = watcher.next() => news?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Ok),
        };
        let Some(news) = news else { break };
        for seen in &news {
            show(seen, args.all, out);
        }
        out.flush();
        if out.is_closed() {
            return Ok(Exit::Ok);
        }
    }
    match watcher.run() {
        Some(no) => ended(no, door).await,
        None => Ok(Exit::Ok),
    }
}

/// Shows what happened; of all runs, with the run's id.
pub(super) fn show(seen: &Seen, is_all: bool, out: &mut Output) {
    if out.is_json() {
        out.json_line(seen);
    } else if is_all {
        out.line(format!("{}  {}", seen.run, text::seen(seen)));
    } else {
        out.line(text::seen(seen));
    }
}

async fn ended(no: RunNo, door: &Door) -> Result<Exit, Failure> {
    let at = WhereAmI { run: no.into(), detail: Detail::Brief };
    match door.ops.where_am_i(&at).await {
        Ok(standing) if standing.status == Status::Completed => Ok(Exit::Ok),
        Ok(_) => Ok(Exit::Failed),
        Err(error) => Err(error.into()),
    }
}
