//! `guidepost doctor`: which store is used, why, and how it is; and whether the tool servers answer.

use std::collections::BTreeSet;
use std::time::Duration;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::run::Status;
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::work::tool::Tools;
use guidepost_engine::world::{System, World as _};
use guidepost_server::ops::{
    self, FindRuns, FindSchedules, FindTasks, FindWorkflows, RunHit, ScheduleView, Stranded,
    WorkflowHit,
};
use guidepost_server::text;
use guidepost_store::{Task, TaskId};
use serde_json::{Map, Value as Json, json};

use super::tasks;
use crate::args;
use crate::config::tools;
use crate::door::{self, Door};
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// Things counted at most, and histories checked at most: a first look, where `verify` takes a thorough one.
const COUNTED_MAX: usize = 1_000;
const CHECKED_MAX: usize = 20;

/// How long nobody takes a task that is ready before somebody should look; and how many such are told, of each queue.
const UNTAKEN: Span = Span(10_000_000_000);
const UNTAKEN_MAX: usize = 10;

/// How long a tool server may take to start and to tell its tools.
const TOOLS_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells about the store and the tool servers.
///
/// # Errors
///
/// If the store cannot be opened or read, or the file of tool servers: then that is what is wrong.
pub(crate) async fn run(
    args: &args::Doctor,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let servers = look_at_servers(args).await?;
    let store = door.ops.store().describe();
    let workflows = door
        .ops
        .find_workflows(&FindWorkflows { limit: COUNTED_MAX, ..Default::default() })
        .await?;
    // Somebody who writes a workflow by SQL begins with its name.
    let (unfinished, unusable): (Vec<_>, Vec<_>) = workflows
        .items
        .iter()
        .filter(|found| found.input.is_none())
        .partition(|found| found.summary.version.is_none() && found.summary.states == 0);
    let names = |found: Vec<&WorkflowHit>| -> Vec<String> {
        found.into_iter().map(|found| found.summary.name.clone()).collect()
    };
    let (unfinished, unusable) = (names(unfinished), names(unusable));
    let runs = door.ops.find_runs(&FindRuns { limit: COUNTED_MAX, ..Default::default() }).await?;
    let by_status: Map<String, Json> = Status::ALL
        .iter()
        .map(|status| (status, runs.items.iter().filter(|run| run.status == *status).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| (status.to_string(), count.into()))
        .collect();
    let mut damaged = Vec::new();
    for hit in runs.items.iter().take(CHECKED_MAX) {
        match door.ops.verify_run(&RunRef::from(hit.name.run_no)).await {
            Ok(found) if found.verified.problems.is_empty() => {}
            Ok(found) => damaged.push(found.run),
            Err(error) if error.kind() == ops::Kind::Damaged => damaged.push(hit.name.run.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    let stranded = door.ops.stranded(COUNTED_MAX).await?;
    let schedules =
        door.ops.schedules(&FindSchedules { limit: COUNTED_MAX, ..Default::default() }).await?;
    let late = door.ops.late_schedules().await?;
    let untaken = untaken(&runs.items, door).await?;
    let failing = schedules.items.iter().filter(|it| it.failure.is_some() && !it.is_paused);
    let failing: Vec<&ScheduleView> = failing.collect();
    let are_reached = servers.iter().all(|server| server.tools.is_ok());
    let is_well = unusable.is_empty()
        && damaged.is_empty()
        && stranded.is_empty()
        && failing.is_empty()
        && are_reached;
    if out.is_json() {
        out.json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "store": store,
            "chosen_by": door.choice.why.as_str(),
            "workflows": workflows.items.len(),
            "runs": by_status,
            "schedules": schedules.items.len(),
            "late_schedules": late,
            "untaken_tasks": untaken,
            "failing_schedules": failing,
            "unfinished_workflows": unfinished,
            "unusable_workflows": unusable,
            "damaged_runs": damaged,
            "stranded_runs": stranded,
            "tool_servers": servers.iter().map(ServerLook::as_json).collect::<Vec<_>>(),
            "ok": is_well,
        }));
        return Ok(if is_well { Exit::Ok } else { Exit::Failed });
    }
    out.line(format!("guidepost   {}", env!("CARGO_PKG_VERSION")));
    out.line(format!("store       {}", store.url));
    out.line(format!("chosen by   {}", door.choice.why.as_str()));
    out.line(format!("durability  {}", door::in_words(store.durability)));
    out.line(format!("workflows   {}{}", workflows.items.len(), plus(workflows.next.as_deref())));
    let counted: Vec<String> =
        by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let counted = if counted.is_empty() { "none".to_owned() } else { counted.join(", ") };
    out.line(format!("runs        {counted}{}", plus(runs.next.as_deref())));
    if !schedules.items.is_empty() {
        let paused = schedules.items.iter().filter(|schedule| schedule.is_paused).count();
        let paused = if paused == 0 { String::new() } else { format!(", {paused} paused") };
        let count = schedules.items.len();
        out.line(format!("schedules   {count}{}{paused}", plus(schedules.next.as_deref())));
    }
    for schedule in &late {
        out.line(format!(
            "note        a run is late, and no engine begins it (`guidepost run --all` does): {}",
            text::schedule(schedule)
        ));
    }
    for told in untaken.iter().filter_map(tasks::waits_for_engine) {
        out.line(format!("note        {told}"));
    }
    for schedule in &failing {
        out.refusal(format!(
            "problem     a schedule begins no runs: {}; correct its workflow and save it, then try it: `guidepost schedules run {} {}`",
            text::schedule(schedule),
            schedule.workflow,
            schedule.name
        ));
    }
    for server in &servers {
        let name = &server.name;
        match &server.tools {
            Ok(count) => out.line(format!("tools       {name}: {count}")),
            Err(reason) => out.refusal(format!("problem     {reason}")),
        }
    }
    for name in unfinished.iter().map(|name| shown(name)) {
        out.line(format!(
            "note        workflow {name} has no states yet: it is being written by SQL"
        ));
    }
    for name in unusable.iter().map(|name| shown(name)) {
        out.refusal(format!(
            "problem     workflow {name} cannot be used by this release: `guidepost show {name}`"
        ));
    }
    for run in &damaged {
        out.refusal(format!(
            "problem     the history of {run} is damaged: `guidepost verify {run}`"
        ));
    }
    stranded.iter().for_each(|found| tell_stranded(found, out));
    if is_well {
        out.line("health      ok: the newest histories are whole, and every run has its tasks");
    }
    Ok(if is_well { Exit::Ok } else { Exit::Failed })
}

/// Tasks of these runs that not every engine may do, and that nobody took for a while: the first of each queue.
async fn untaken(runs: &[RunHit], door: &Door) -> Result<Vec<Task>, Failure> {
    let live = runs.iter().filter(|run| matches!(run.status, Status::Running | Status::Waiting));
    let live: BTreeSet<RunNo> = live.map(|run| run.name.run_no).collect();
    let long_ago = Timestamp(System.now().0.saturating_sub(UNTAKEN.0));
    let mut untaken = Vec::new();
    for queue in ["exec", "tool"] {
        let wanted =
            FindTasks { queue: Some(queue.to_owned()), limit: COUNTED_MAX, ..FindTasks::default() };
        let found = door.ops.find_tasks(&wanted).await?.items.into_iter();
        let is_meant = |task: &Task| {
            live.contains(&task.id.run)
                && task.ready_at <= long_ago
                && tasks::waits_for_engine(task).is_some()
        };
        untaken.extend(found.filter(is_meant).take(UNTAKEN_MAX));
    }
    Ok(untaken)
}

/// What a run waits for in vain, and what to do about it.
fn tell_stranded(found: &Stranded, out: &mut Output) {
    let Stranded { run, rev, status, missing, left_over } = found;
    if !missing.is_empty() {
        out.refusal(format!(
            "problem     {run} cannot go on: no task is filed for {}; `guidepost rollback {run} --to {rev}` begins that anew",
            named(missing)
        ));
    }
    if !left_over.is_empty() {
        let advice = if status.is_ended() {
            "nothing depends on it".to_owned()
        } else {
            format!("`guidepost cancel {run}` ends it with the run")
        };
        out.refusal(format!(
            "problem     {run} is {status} and no longer waits for {}, whose result would be refused; {advice}",
            named(left_over)
        ));
    }
}

/// Tasks shown of a run at most.
const TASKS_SHOWN_MAX: usize = 5;

fn named(tasks: &[TaskId]) -> String {
    let shown: Vec<String> = tasks.iter().take(TASKS_SHOWN_MAX).map(ToString::to_string).collect();
    let more = match tasks.len().saturating_sub(TASKS_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// What was found out about a tool server.
struct ServerLook {
    name: String,
    /// How many tools it has, or why that is not known.
    tools: Result<usize, String>,
}

impl ServerLook {
    fn as_json(&self) -> Json {
        match &self.tools {
            Ok(count) => json!({ "name": self.name, "tools": count }),
            Err(reason) => json!({ "name": self.name, "problem": reason }),
        }
    }
}

/// Opens all tool servers at once, each for a bounded time.
async fn look_at_servers(args: &args::Doctor) -> Result<Vec<ServerLook>, Failure> {
    let servers = tools::servers(&args.tool_servers)?;
    let names: Vec<String> = servers.keys().cloned().collect();
    let tools = Tools::new(servers, args.allow_private);
    let looks = names.into_iter().map(|name| {
        let tools = tools.clone();
        tokio::spawn(async move {
            let found = tools.count(&name, TOOLS_TIMEOUT).await;
            ServerLook { name, tools: found.map_err(|failure| failure.reason) }
        })
    });
    let looks: Vec<_> = looks.collect();
    let mut seen = Vec::new();
    for look in looks {
        seen.push(look.await.map_err(|error| {
            Failure::new(Kind::Unavailable, "GP0457", "a tool server could not be looked at")
                .caused_by(&error)
        })?);
    }
    Ok(seen)
}

/// A workflow's name; an empty one in quotes, so that it is seen.
fn shown(name: &str) -> &str {
    if name.is_empty() { "''" } else { name }
}

fn plus(next: Option<&str>) -> &'static str {
    if next.is_some() { " and more" } else { "" }
}
