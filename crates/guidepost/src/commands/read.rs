//! `guidepost read`: a part of a run's record.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{ReadRun, What};
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args::{self, Part};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

impl From<Part> for What {
    fn from(part: Part) -> Self {
        match part {
            Part::History => Self::History,
            Part::Data => Self::Data,
            Part::Artifacts => Self::Artifacts,
            Part::Event => Self::Event,
            Part::Thread => Self::Thread,
            Part::Diagram => Self::Diagram,
        }
    }
}

/// Reads a part of a run's record.
///
/// # Errors
///
/// If there is no such run, record or data, or the store fails.
pub(crate) async fn run(args: &args::Read, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    if args.what == Part::Event && args.path.is_none() {
        return Err(Failure::usage("which record is to be read?").hint(
            "give its id, as in `guidepost read RUN event e-7`; `guidepost read RUN` lists them",
        ));
    }
    let read = ReadRun {
        run: RunRef::from(args.run.as_str()),
        what: args.what.into(),
        path: args.path.clone(),
        limit: args.limit,
        cursor: args.cursor.clone(),
    };
    let reading = door.ops.read_run(&read).await?;
    answer(out, &reading, &text::reading_from(&reading, read.letters_read(), Words::Commands));
    Ok(Exit::Ok)
}
