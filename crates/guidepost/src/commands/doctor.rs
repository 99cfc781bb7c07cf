//! `guidepost doctor`: which store is used, why, and how it is; and whether the tool servers answer.

use std::collections::BTreeSet;
use std::time::Duration;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::run::Status;
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::Handler as _;
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
    let findings = Findings {
        servers: look_at_servers(args).await?,
        workflows: look_at_workflows(door).await?,
        runs: look_at_runs(door).await?,
        stranded: door.ops.stranded(COUNTED_MAX).await?,
        schedules: look_at_schedules(door).await?,
    };
    if out.is_json() {
        out.json(&findings.as_json(door));
    } else {
        findings.tell(door, out);
    }
    Ok(if findings.are_well() { Exit::Ok } else { Exit::Failed })
}

/// All that was found out.
struct Findings {
    servers: Vec<ServerLook>,
    workflows: Workflows,
    runs: Runs,
    stranded: Vec<Stranded>,
    schedules: Schedules,
}

impl Findings {
    fn are_well(&self) -> bool {
        self.workflows.unusable.is_empty()
            && self.runs.damaged.is_empty()
            && self.stranded.is_empty()
            && self.schedules.failing.is_empty()
            && self.schedules.damaged.is_empty()
            && self.servers.iter().all(|server| server.tools.is_ok())
    }

    fn as_json(&self, door: &Door) -> Json {
        let Self { servers, workflows, runs, stranded, schedules } = self;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "store": door.ops.store().describe(),
            "chosen_by": door.choice.why.as_str(),
            "workflows": workflows.count,
            "runs": runs.by_status,
            "schedules": schedules.count,
            "late_schedules": schedules.late,
            "untaken_tasks": runs.untaken,
            "failing_schedules": schedules.failing,
            "damaged_schedules": schedules.damaged,
            "unfinished_workflows": workflows.unfinished,
            "unusable_workflows": workflows.unusable,
            "damaged_runs": runs.damaged,
            "stranded_runs": stranded,
            "tool_servers": servers.iter().map(ServerLook::as_json).collect::<Vec<_>>(),
            "ok": self.are_well(),
        })
    }

    fn tell(&self, door: &Door, out: &mut Output) {
        tell_store(door, out);
        self.workflows.tell_count(out);
        self.runs.tell_count(out);
        self.schedules.tell(out);
        for told in self.runs.untaken.iter().filter_map(tasks::waits_for_engine) {
            out.line(format!("note        {told}"));
        }
        self.schedules.tell_problems(out);
        self.servers.iter().for_each(|server| server.tell(out));
        self.workflows.tell_problems(out);
        for run in &self.runs.damaged {
            out.refusal(format!(
                "problem     the history of {run} is damaged: `guidepost verify {run}`"
            ));
        }
        self.stranded.iter().for_each(|found| tell_stranded(found, out));
        if self.are_well() {
            out.line("health      ok: the newest histories are whole, and every run has its tasks");
        }
    }
}

fn tell_store(door: &Door, out: &mut Output) {
    let store = door.ops.store().describe();
    out.line(format!("guidepost   {}", env!("CARGO_PKG_VERSION")));
    out.line(format!("store       {}", store.url));
    out.line(format!("chosen by   {}", door.choice.why.as_str()));
    out.line(format!("durability  {}", door::in_words(store.durability)));
}

/// The workflows there are.
struct Workflows {
    count: usize,
    has_more: bool,
    /// Those without states, that somebody is writing by SQL.
    unfinished: Vec<String>,
    /// Those that this release cannot use.
    unusable: Vec<String>,
}

async fn look_at_workflows(door: &Door) -> Result<Workflows, Failure> {
    let wanted = FindWorkflows { limit: COUNTED_MAX, ..Default::default() };
    let found = door.ops.find_workflows(&wanted).await?;
    // Somebody who writes a workflow by SQL begins with its name.
    let (unfinished, unusable): (Vec<_>, Vec<_>) = found
        .items
        .iter()
        .filter(|found| found.input.is_none())
        .partition(|found| found.summary.version.is_none() && found.summary.states == 0);
    let names = |found: Vec<&WorkflowHit>| -> Vec<String> {
        found.into_iter().map(|found| found.summary.name.clone()).collect()
    };
    Ok(Workflows {
        count: found.items.len(),
        has_more: found.next.is_some(),
        unfinished: names(unfinished),
        unusable: names(unusable),
    })
}

impl Workflows {
    fn tell_count(&self, out: &mut Output) {
        out.line(format!("workflows   {}{}", self.count, plus(self.has_more)));
    }

    fn tell_problems(&self, out: &mut Output) {
        for name in self.unfinished.iter().map(|name| shown(name)) {
            out.line(format!(
                "note        workflow {name} has no states yet: it is being written by SQL"
            ));
        }
        for name in self.unusable.iter().map(|name| shown(name)) {
            out.refusal(format!(
                "problem     workflow {name} cannot be used by this release: `guidepost show {name}`"
            ));
        }
    }
}

/// The runs there are.
struct Runs {
    /// How many, by status.
    by_status: Map<String, Json>,
    has_more: bool,
    /// Those of the newest whose histories are not whole.
    damaged: Vec<String>,
    /// Tasks that nobody took for a while.
    untaken: Vec<Task>,
}

async fn look_at_runs(door: &Door) -> Result<Runs, Failure> {
    let found = door.ops.find_runs(&FindRuns { limit: COUNTED_MAX, ..Default::default() }).await?;
    let by_status = Status::ALL
        .iter()
        .map(|status| (status, found.items.iter().filter(|run| run.status == *status).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| (status.to_string(), count.into()))
        .collect();
    Ok(Runs {
        by_status,
        has_more: found.next.is_some(),
        damaged: damaged(&found.items, door).await?,
        untaken: untaken(&found.items, door).await?,
    })
}

impl Runs {
    fn tell_count(&self, out: &mut Output) {
        let counted: Vec<String> =
            self.by_status.iter().map(|(status, count)| format!("{count} {status}")).collect();
        let counted = if counted.is_empty() { "none".to_owned() } else { counted.join(", ") };
        out.line(format!("runs        {counted}{}", plus(self.has_more)));
    }
}

/// The newest of these runs whose histories are not whole.
async fn damaged(runs: &[RunHit], door: &Door) -> Result<Vec<String>, Failure> {
    let mut damaged = Vec::new();
    for hit in runs.iter().take(CHECKED_MAX) {
        match door.ops.verify_run(&RunRef::from(hit.name.run_no)).await {
            Ok(found) if found.verified.problems.is_empty() => {}
            Ok(found) => damaged.push(found.run),
            Err(error) if error.kind() == ops::Kind::Damaged => damaged.push(hit.name.run.clone()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(damaged)
}

/// The schedules there are.
struct Schedules {
    count: usize,
    has_more: bool,
    paused: usize,
    /// Those that should have begun a run, and did not.
    late: Vec<ScheduleView>,
    /// Those of which no run can begin.
    failing: Vec<ScheduleView>,
    /// Those that cannot be read.
    damaged: Vec<ScheduleView>,
}

async fn look_at_schedules(door: &Door) -> Result<Schedules, Failure> {
    let wanted = FindSchedules { limit: COUNTED_MAX, ..Default::default() };
    let found = door.ops.schedules(&wanted).await?;
    let (count, has_more) = (found.items.len(), found.next.is_some());
    let paused = found.items.iter().filter(|schedule| schedule.is_paused).count();
    let (damaged, whole): (Vec<_>, Vec<_>) =
        found.items.into_iter().partition(|it| it.damaged.is_some());
    let failing = whole.into_iter().filter(|it| it.failure.is_some() && !it.is_paused).collect();
    let late = door.ops.late_schedules().await?;
    Ok(Schedules { count, has_more, paused, late, failing, damaged })
}

impl Schedules {
    fn tell(&self, out: &mut Output) {
        if self.count > 0 {
            let paused = match self.paused {
                0 => String::new(),
                paused => format!(", {paused} paused"),
            };
            out.line(format!("schedules   {}{}{paused}", self.count, plus(self.has_more)));
        }
        for schedule in &self.late {
            out.line(format!(
                "note        a run is late, and no engine begins it (`guidepost run --all` does): {}",
                text::schedule(schedule)
            ));
        }
    }

    fn tell_problems(&self, out: &mut Output) {
        for schedule in &self.failing {
            out.refusal(format!(
                "problem     a schedule begins no runs: {}; correct its workflow and save it, then try it: `guidepost schedules run {} {}`",
                text::schedule(schedule),
                schedule.workflow,
                schedule.name
            ));
        }
        for schedule in &self.damaged {
            out.refusal(format!(
                "problem     a schedule cannot be read, and begins no runs: {}; save its workflow again",
                text::schedule(schedule)
            ));
        }
    }
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
    fn tell(&self, out: &mut Output) {
        match &self.tools {
            Ok(count) => out.line(format!("tools       {}: {count}", self.name)),
            Err(reason) => out.refusal(format!("problem     {reason}")),
        }
    }

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
    tools.close().await;
    Ok(seen)
}

/// A workflow's name; an empty one in quotes, so that it is seen.
fn shown(name: &str) -> &str {
    if name.is_empty() { "''" } else { name }
}

fn plus(has_more: bool) -> &'static str {
    if has_more { " and more" } else { "" }
}
