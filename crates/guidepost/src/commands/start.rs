//! `guidepost start`: a run of a workflow.

use guidepost_core::run::Driver;
use guidepost_server::ops::StartRun;
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
    let started = door.ops.start_run(&request).await?;
    answer(out, &started, &text::started(&started, Words::Commands));
    Ok(Exit::Ok)
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
