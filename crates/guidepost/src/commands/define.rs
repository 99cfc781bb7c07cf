//! `guidepost define`: what agents do by `guidepost_define`.

use guidepost_server::ops::{Allowed, Define, OpError, Ops};
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args::{self, Global};
use crate::config;
use crate::definition::{DefinitionFile, Report};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Checks a definition, and saves it if that is wanted.
///
/// # Errors
///
/// If it cannot be read or used, or the store fails.
pub(crate) async fn run(
    args: &args::Define,
    global: &Global,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let file = DefinitionFile::read(&args.file)?;
    // Only checking makes no store, and needs none.
    let ops = match args.save {
        true => Door::open_or_make(global)?.ops,
        false => Ops::new(guidepost_store::open("memory:")?),
    };
    let request = Define {
        text: file.as_text()?,
        file: file.name.clone(),
        save: args.save,
        allowed: Allowed::Everything,
        caller: config::caller(global.caller.as_deref())?,
    };
    match ops.define(&request).await {
        Ok(definition) => {
            let report = Report::of(&file.name, &definition);
            answer(out, &report, &text::definition(&definition, Words::Commands));
            Ok(Exit::Ok)
        }
        Err(error) => match &error {
            // Somebody asked for problems, so they are the answer.
            OpError::BadDefinition { problems, .. } => {
                let report = Report::unusable(&file.name, problems);
                answer(out, &report, &text::error(&error, Words::Commands));
                Ok(Exit::Failed)
            }
            _ => Err(error.into()),
        },
    }
}
