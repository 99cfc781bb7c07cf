//! `guidepost replay`: decides a history again, and compares.

use std::path::Path;

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Against, ReplayRun};
use guidepost_server::text;

use super::answer;
use crate::args;
use crate::definition::DefinitionFile;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Replays a run's history without any effect.
///
/// # Errors
///
/// If there is no such run or definition, or the store fails. A divergence is an answer.
pub(crate) async fn run(
    args: &args::Replay,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let against = args.against.as_deref().map(against).transpose()?;
    let request = ReplayRun { run: RunRef::from(args.run.as_str()), against };
    let replayed = door.ops.replay(&request).await?;
    answer(out, &replayed, &text::replayed(&replayed));
    Ok(if replayed.divergence.is_none() { Exit::Ok } else { Exit::Failed })
}

/// A file if there is one of this name or it looks like one, else a workflow.
fn against(what: &str) -> Result<Against, Failure> {
    let path = Path::new(what);
    if path.extension().is_none() && !path.exists() {
        return Ok(Against::Workflow(what.to_owned()));
    }
    let file = DefinitionFile::read(path)?;
    Ok(Against::Text { text: file.as_text()?, file: file.name })
}
