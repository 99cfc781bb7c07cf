//! `guidepost tasks`: what is to be done, and the doing of it by workers outside.

use guidepost_core::id::{RunNo, RunRef};
use guidepost_engine::world::{System, World as _};
use guidepost_server::ops::{ClaimTasks, EndTask, FindTasks, Taken};
use guidepost_server::text::{engine_for, to_the_second};
use guidepost_store::{Held, Task, TaskId};
use serde_json::{Value as Json, json};

use crate::args;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Tasks read at a time.
const PAGE: usize = 1_000;

/// Lists, claims, extends or ends tasks.
///
/// # Errors
///
/// If a task is not held any more, a result does not fit, or the store fails.
pub(crate) async fn run(
    args: &args::Tasks,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match &args.command {
        None => list(args, door, out).await,
        Some(args::TaskCommand::Claim(claim)) => self::claim(claim, door, out).await,
        Some(args::TaskCommand::Extend(extend)) => {
            let args::HeldTask { task, attempt } = &extend.held;
            let held = Held { task: task.clone(), attempt: *attempt };
            door.ops.extend_task(held, extend.lease, &door.caller).await?;
            done(out, "extended", task);
            Ok(Exit::Ok)
        }
        Some(args::TaskCommand::Complete(complete)) => {
            let outcome = Ok(complete.output.clone().unwrap_or_else(|| json!({})));
            let what = match end(&complete.held, outcome, door).await? {
                Taken::Now => "completed",
                Taken::Before => "completed before",
            };
            done(out, what, &complete.held.task);
            Ok(Exit::Ok)
        }
        Some(args::TaskCommand::Fail(fail)) => {
            let outcome = Err((fail.reason.clone(), !fail.r#final));
            end(&fail.held, outcome, door).await?;
            done(out, "failed", &fail.held.task);
            Ok(Exit::Ok)
        }
    }
}

async fn list(args: &args::Tasks, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let mut wanted = FindTasks {
        run: args.run.as_deref().map(RunRef::from),
        queue: args.queue.clone(),
        limit: 0,
        cursor: None,
    };
    let mut is_empty = true;
    loop {
        let page = door.ops.find_tasks(&wanted).await?;
        for task in &page.items {
            is_empty = false;
            if out.is_json() {
                out.json_line(task);
            } else {
                out.line(told(task));
            }
        }
        if page.next.is_none() || out.is_closed() {
            break;
        }
        wanted.cursor = page.next;
    }
    if is_empty && !out.is_json() {
        out.aside("nothing is to be done");
    }
    Ok(Exit::Ok)
}

fn told(task: &Task) -> String {
    let how = match (&task.owner, task.child) {
        (Some(owner), _) => format!("held by {owner} until {}", to_the_second(task.ready_at)),
        (None, Some(child)) => format!("waits for {child}"),
        (None, None) if task.ready_at == guidepost_store::NEVER => "waits for an answer".to_owned(),
        (None, None) if task.ready_at > System.now() => {
            format!("is tried again at {}", to_the_second(task.ready_at))
        }
        (None, None) => {
            let bounds = task.bound_to.as_ref();
            let bounds = bounds.map(|name| format!(", begins as `concurrency` of {name} allows"));
            let whom =
                engine_for(&task.queue).map(|engine| format!(", for an engine with {engine}"));
            format!(
                "ready since {}{}{}",
                to_the_second(task.ready_at),
                bounds.unwrap_or_default(),
                whom.unwrap_or_default()
            )
        }
    };
    let what = makes_good(&task.id).map_or(String::new(), |what| format!("  {what}"));
    format!("{}  {}  attempt {}  {how}{what}", task.id, task.queue, task.attempt)
}

/// What is told of a task that is ready, of a kind that not every engine may do, and that nobody has taken.
pub(super) fn waits_for_engine(task: &Task) -> Option<String> {
    let engine = engine_for(&task.queue)?;
    let is_free = task.owner.is_none() && task.child.is_none() && task.ready_at <= System.now();
    (is_free && task.bound_to.is_none()).then(|| {
        format!(
            "{} is ready since {} and no engine has taken it: `guidepost run --all` with {engine} does",
            task.id, task.ready_at
        )
    })
}

/// Of what a task makes good, that it does.
fn makes_good(task: &TaskId) -> Option<String> {
    task.purpose.is_compensation().then(|| format!("makes {} good", task.piece()))
}

async fn claim(claim: &args::ClaimTask, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let wanted = ClaimTasks {
        queues: claim.queues.clone(),
        limit: claim.limit,
        lease: claim.lease,
        caller: door.caller.clone(),
    };
    let claimed = door.ops.claim_tasks(&wanted).await?;
    for task in &claimed {
        if out.is_json() {
            out.json_line(task);
            continue;
        }
        out.heading(format!("{} --attempt {}", task.task, task.attempt));
        if let Some(what) = makes_good(&task.task) {
            out.line(format!("  {what}"));
        }
        if let Some(prompt) = &task.prompt {
            out.line(format!("  {prompt}"));
        }
        if task.spec.as_object().is_some_and(|spec| !spec.is_empty()) {
            out.line(format!("  {}", task.spec));
        }
        if !task.output.is_empty() {
            out.line(format!("  gives: {}", task.output.join(", ")));
        }
        out.aside(format!("  key {}  until {}", task.key, to_the_second(task.until)));
    }
    if claimed.is_empty() {
        if !out.is_json() {
            let waiting = waiting_their_turn(claim, door).await?;
            if waiting.is_empty() {
                out.aside("nothing is ready in these queues");
            }
            waiting.iter().for_each(|told| out.aside(told));
        }
        return Ok(Exit::Waiting);
    }
    Ok(Exit::Ok)
}

/// What is told of tasks in the queues of a claim that may not begin before others are done: one for each queue.
async fn waiting_their_turn(claim: &args::ClaimTask, door: &Door) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    for queue in &claim.queues {
        told.extend(first_to_wait_its_turn(door, None, Some(queue)).await?);
    }
    Ok(told)
}

/// What is told of the first task of a run or a queue that waits its turn, however many stand before it.
pub(super) async fn first_to_wait_its_turn(
    door: &Door,
    run: Option<RunNo>,
    queue: Option<&str>,
) -> Result<Option<String>, Failure> {
    let mut pages = Pages::of(run, queue);
    while let Some(tasks) = pages.next(door).await? {
        let told = tasks.iter().find_map(waits_its_turn);
        if told.is_some() {
            return Ok(told);
        }
    }
    Ok(None)
}

/// All tasks of a run, or of a queue, page by page.
pub(super) struct Pages(Option<FindTasks>);

impl Pages {
    pub(super) fn of(run: Option<RunNo>, queue: Option<&str>) -> Self {
        let (run, queue) = (run.map(RunRef::from), queue.map(str::to_owned));
        Self(Some(FindTasks { run, queue, limit: PAGE, cursor: None }))
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self, door: &Door) -> Result<Option<Vec<Task>>, Failure> {
        let Some(wanted) = self.0.take() else { return Ok(None) };
        let page = door.ops.find_tasks(&wanted).await?;
        self.0 = page.next.map(|cursor| FindTasks { cursor: Some(cursor), ..wanted });
        Ok(Some(page.items))
    }
}

/// What is told of a task that is ready, and may not begin before other runs of its workflow have done theirs.
fn waits_its_turn(task: &Task) -> Option<String> {
    let is_ready = task.owner.is_none() && task.child.is_none() && task.ready_at <= System.now();
    let workflow = task.bound_to.as_ref().filter(|_| is_ready)?;
    Some(format!(
        "{} waits its turn: `concurrency` of `{workflow}` allows no more at once; `guidepost ls --workflow {workflow}` lists its runs",
        task.id
    ))
}

async fn end(
    held: &args::HeldTask,
    outcome: Result<Json, (String, bool)>,
    door: &Door,
) -> Result<Taken, Failure> {
    let (task, attempt, caller) = (held.task.clone(), held.attempt, door.caller.clone());
    Ok(door.ops.end_task(&EndTask { task, attempt, outcome, caller }).await?)
}

fn done(out: &mut Output, what: &str, task: &TaskId) {
    if out.is_json() {
        out.json(&json!({ "task": task.to_string(), "done": what }));
    } else {
        out.line(format!("{what} {task}"));
    }
}
