//! `guidepost log`: what happened, without moving the run.

use guidepost_core::id::RunRef;
use guidepost_server::ops::{Log, LogEntry};
use guidepost_server::text;

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Records one fact.
///
/// # Errors
///
/// If it cannot be understood, there is no such run, or the store fails.
pub(crate) async fn run(args: &args::Log, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    if args.text.is_none() && args.data.is_none() {
        return Err(Failure::usage("neither TEXT nor --data says what happened").hint(format!(
            "such as `guidepost log {} {} 'looked the lead up'`",
            args.run, args.kind
        )));
    }
    let entry = LogEntry {
        kind: args.kind.clone(),
        text: args.text.clone().unwrap_or_default(),
        r#ref: args.r#ref.clone(),
        data: args.data.clone().unwrap_or_default(),
        at: None,
    };
    let log = Log {
        run: RunRef::from(args.run.as_str()),
        entries: vec![entry],
        caller: door.caller.clone(),
    };
    let logged = door.ops.log(&log).await?;
    answer(out, &logged, &text::logged(&logged));
    Ok(Exit::Ok)
}
