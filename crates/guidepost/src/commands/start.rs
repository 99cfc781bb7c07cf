//! `guidepost start`: a run of a workflow.

use std::path::Path;

use guidepost_core::run::Driver;
use guidepost_server::ops::{OpError, StartRun};
use guidepost_server::text::{self, Words};

use super::answer;
use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Starts a run, or finds the one started before with the same key.
///
/// # Errors
///
/// If there is no such workflow, the input does not fit it, or the store fails.
pub(crate) async fn run(
    args: &args::Start,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let request = request(args.workflow.clone(), Driver::Agent, &args.beginning, door);
    let started = door.ops.start_run(&request).await;
    let started = started.map_err(|error| refused(error, args.workflow.as_deref()))?;
    answer(out, &started, &text::started(&started, Words::Commands));
    Ok(Exit::Ok)
}

/// Why there is no such workflow, if what was named is a file.
fn refused(error: OpError, named: Option<&str>) -> Failure {
    let is_unknown = matches!(error, OpError::NoSuchWorkflow { .. });
    let failure = Failure::from(error);
    match named.filter(|named| is_unknown && Path::new(named).is_file()) {
        Some(file) => failure.hint(format!(
            "it is a file: `guidepost apply {file}` saves the workflow in it, and tells its name; `guidepost run {file}` has an engine run it"
        )),
        None => failure,
    }
}

/// A run to start, by whom it is that asks.
pub(super) fn request(
    workflow: Option<String>,
    driver: Driver,
    beginning: &args::Beginning,
    door: &Door,
) -> StartRun {
    StartRun {
        workflow,
        input: beginning.input.clone().unwrap_or_default(),
        key: beginning.key.clone(),
        goal: beginning.goal.clone(),
        agent: beginning.agent.clone(),
        driver,
        parent: None,
        session: beginning.session.clone(),
        caller: door.caller.clone(),
    }
}
