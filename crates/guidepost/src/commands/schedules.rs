//! `guidepost schedules`: when runs begin by themselves, and control over it.

use guidepost_server::ops::{ControlSchedule, FindSchedules, ScheduleControl};
use guidepost_server::text;

use super::answer;
use crate::args::{self, OneSchedule, SchedulesCommand};
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Lists schedules, or controls one.
///
/// # Errors
///
/// If there is no such workflow or schedule, or the store fails.
pub(crate) async fn run(
    args: &args::Schedules,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (control, one) = match &args.command {
        None => return list(args, door, out).await,
        Some(SchedulesCommand::Pause(one)) => (ScheduleControl::Pause, one),
        Some(SchedulesCommand::Resume(one)) => (ScheduleControl::Resume, one),
        Some(SchedulesCommand::Run(one)) => (ScheduleControl::Run, one),
    };
    let OneSchedule { workflow, name } = one;
    let request = ControlSchedule { workflow: workflow.clone(), name: name.clone(), control };
    let view = door.ops.control_schedule(&request).await?;
    answer(out, &view, &text::schedule(&view));
    if let (ScheduleControl::Run, Some(last)) = (control, &view.last) {
        out.note(format!("`guidepost run {}` does its work, if no engine is about", last.run));
    }
    Ok(Exit::Ok)
}

async fn list(args: &args::Schedules, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let wanted = FindSchedules {
        workflow: args.workflow.clone(),
        limit: args.limit,
        cursor: args.cursor.clone(),
    };
    let found = door.ops.schedules(&wanted).await?;
    if out.is_json() {
        out.json(&found);
        return Ok(Exit::Ok);
    }
    for view in &found.items {
        out.line(text::schedule(view));
    }
    if found.items.is_empty() {
        out.aside("no schedules; a workflow has them under `schedules:`");
    }
    if let Some(next) = &found.next {
        out.aside(format!("more: --cursor '{next}'"));
    }
    Ok(Exit::Ok)
}
