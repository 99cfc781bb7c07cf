//! `guidepost run`: does the work of a run until it ends, or somebody else is needed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guidepost_core::id::{RunNo, RunRef};
use guidepost_core::input::Control;
use guidepost_core::run::{Driver, PauseReason, Run, Status};
use guidepost_core::time::{Span, Timestamp};
use guidepost_engine::work::agent::Agents;
use guidepost_engine::work::exec::{Allowed, Exec};
use guidepost_engine::work::http::Http;
use guidepost_engine::work::tool::Tools;
use guidepost_engine::world::{System, World as _};
use guidepost_engine::{Engine, Handlers, plan};
use guidepost_server::ops::{ControlRun, Detail, FindTasks, ReadHistory, Standing, WhereAmI};
use guidepost_server::text::{self, Words};
use guidepost_store::Task;
use serde_json::json;

use super::{start, steps, tasks, watch};
use crate::args;
use crate::config::tools;
use crate::door::Door;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// A run that waits for a time further away is left to wait: whoever comes back then finds it.
const PATIENCE: Span = Span(60_000_000_000);

/// How long what is waited for is given to show before the command says that it waits.
const GRACE: Duration = Duration::from_millis(600);

/// How long nothing happens before somebody who waits is told why, where others have to finish first.
const SILENCE: Duration = Duration::from_secs(3);

/// Records shown at a time.
const PAGE: usize = 100;

/// Starts or takes up a run and does its work.
///
/// # Errors
///
/// If the file or workflow cannot be used, there is no such run, or the store fails.
pub(crate) async fn run(args: &args::Run, door: &Door, out: &mut Output) -> Result<Exit, Failure> {
    let handlers = handlers(args)?;
    if args.all {
        return drive_all(args, handlers, door, out).await;
    }
    let standing = begin(args, door, out).await?;
    let no = standing.name.run_no;
    let mut show = Show { cursor: None, no };
    let why = drive(args, handlers, no, Some(&mut show), door, out).await?;
    end(door, no, &why, out).await
}

/// Does the work of all runs, and begins those that are scheduled, showing what happens, until it is told to stop.
async fn drive_all(
    args: &args::Run,
    handlers: Handlers,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut watcher = door.ops.watch(None).await?;
    let running = Engine::new(door.ops.shared_store())
        .with_handlers(handlers)
        .with_slots(args.slots)
        .with_lease(args.lease)
        .start();
    let mut trouble = running.trouble();
    out.note("at work on all runs; Ctrl-C ends that");
    let told_to_stop = told_to_stop();
    tokio::pin!(told_to_stop);
    loop {
        tokio::select! {
            news = watcher.next() => match news {
                Ok(news) => {
                    news.unwrap_or_default().iter().for_each(|seen| watch::show(seen, true, out));
                    out.flush();
                }
                // The engine goes on, and shows what it does once the store can be read again.
                Err(error) => {
                    out.aside_failure(&error.into());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
            changed = trouble.changed() => {
                if changed.is_err() {
                    // It ended by itself, which only a bug makes it do; why is told on stderr.
                    running.stop().await;
                    return Ok(Exit::Failed);
                }
                if let Some(what) = trouble.borrow_and_update().as_deref() {
                    out.aside_failure(&held_up(what));
                }
            }
            () = &mut told_to_stop => break,
        }
        if out.is_closed() {
            break;
        }
    }
    running.stop().await;
    Ok(Exit::Ok)
}

/// Ends when a person, or whoever manages services, wants this process to end.
async fn told_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let (terminated, hung_up) = {
        use tokio::signal::unix::SignalKind;
        (signalled(SignalKind::terminate()), signalled(SignalKind::hangup()))
    };
    #[cfg(not(unix))]
    let (terminated, hung_up) = (std::future::pending::<()>(), std::future::pending::<()>());
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
        () = hung_up => {}
    }
}

#[cfg(unix)]
async fn signalled(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending::<()>().await,
    }
}

/// Does the work of a run and of those below it, showing what happens if that is wanted, until the run is over or paused, or
/// somebody else is needed.
pub(super) async fn drive(
    args: &args::Run,
    handlers: Handlers,
    no: RunNo,
    mut show: Option<&mut Show>,
    door: &Door,
    out: &mut Output,
) -> Result<Why, Failure> {
    let running = Engine::new(door.ops.shared_store())
        .with_handlers(handlers)
        .with_slots(args.slots)
        .with_lease(args.lease)
        .for_run(no)
        .start();
    let mut commits = running.commits();
    let mut trouble = running.trouble();
    let mut idle_since: Option<tokio::time::Instant> = None;
    let mut silent_since = tokio::time::Instant::now();
    let mut is_told = false;
    let told_to_stop = told_to_stop();
    tokio::pin!(told_to_stop);
    let why = loop {
        if let Some(show) = &mut show {
            show.news(door, out).await?;
        }
        let loaded = door.run(no).await?;
        if loaded.status.is_ended() || loaded.status == Status::Paused {
            break Why::Over;
        }
        if out.is_closed() {
            break Why::Interrupted;
        }
        if rests(door, no, &loaded).await? {
            let since = *idle_since.get_or_insert_with(tokio::time::Instant::now);
            if since.elapsed() >= GRACE {
                break Why::Waits;
            }
        } else {
            idle_since = None;
        }
        if silent_since.elapsed() >= SILENCE && !is_told {
            silent_since = tokio::time::Instant::now();
            if let Some(told) = tasks_of(door, no).await?.iter().find_map(tasks::waits_its_turn) {
                is_told = true;
                out.note(told);
            }
        }
        tokio::select! {
            changed = commits.changed() => {
                if changed.is_err() {
                    break Why::Interrupted;
                }
                (silent_since, is_told) = (tokio::time::Instant::now(), false);
            }
            Ok(()) = trouble.changed() => {
                if let Some(what) = trouble.borrow_and_update().as_deref() {
                    out.aside_failure(&held_up(what));
                }
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = &mut told_to_stop => break Why::Interrupted,
        }
    };
    running.stop().await;
    if let Some(show) = show {
        show.news(door, out).await?;
    }
    Ok(why)
}

/// The store fails, which only somebody else can mend.
fn held_up(what: &str) -> Failure {
    Failure::new(Kind::Unavailable, "GP0307", "nothing new is begun, because the store fails")
        .caused_by_text(what)
        .hint("if the disk is full, make room; the run goes on by itself as soon as the store works again")
}

/// Why the command ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why {
    Over,
    Waits,
    Interrupted,
}

/// The run that is meant: a new one of a file or a workflow, or one that is there.
async fn begin(args: &args::Run, door: &Door, out: &mut Output) -> Result<Standing, Failure> {
    let what = args.what.as_deref().unwrap_or_default();
    if !args.list.step.is_empty() {
        let file = args.what.as_ref().map(Path::new);
        let saved = steps::save(&steps::listed(file, &args.list)?, door).await?;
        return start_anew(args, format!("{}@{}", saved.0, saved.1), door).await;
    }
    let is_file = Path::new(what).is_file() || what == "-" || has_ending(what);
    let workflow = if is_file {
        let saved = super::apply::save_one(Path::new(what), door, out).await?;
        format!("{}@{}", saved.0, saved.1)
    } else if door.has_workflow(what).await? {
        what.to_owned()
    } else {
        let at = WhereAmI { run: RunRef::from(what), detail: Detail::Brief };
        return take_up(door.ops.where_am_i(&at).await?, door).await;
    };
    start_anew(args, workflow, door).await
}

async fn start_anew(args: &args::Run, workflow: String, door: &Door) -> Result<Standing, Failure> {
    let request = start::request(Some(workflow), Driver::Engine, &args.beginning, door);
    Ok(door.ops.start_run(&request).await?.standing)
}

/// A run that is there: one that was created and never begun begins.
async fn take_up(standing: Standing, door: &Door) -> Result<Standing, Failure> {
    let run = door.run(standing.name.run_no).await?;
    if !matches!(run.paused, Some((PauseReason::Pending, _))) {
        return Ok(standing);
    }
    let request = ControlRun {
        run: standing.name.run_no.into(),
        control: Control::Resume,
        note: None,
        caller: door.caller.clone(),
    };
    Ok(door.ops.control_run(&request).await?.standing)
}

fn has_ending(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

pub(super) fn handlers(args: &args::Run) -> Result<Handlers, Failure> {
    let allowed = match args.allow_exec.as_slice() {
        [] => Allowed::Nothing,
        programs if programs.iter().any(|program| program == "*") => Allowed::Anything,
        programs => Allowed::Only(programs.iter().cloned().collect::<BTreeSet<_>>()),
    };
    let http = Http::new(args.allow_private).map_err(|failure| {
        Failure::new(Kind::Unavailable, "GP0457", "requests over HTTP cannot be made here")
            .caused_by(&failure)
    })?;
    let servers = tools::servers(&args.tool_servers)?;
    let mut handlers =
        Handlers::new().with(plan::AGENT_QUEUE, Arc::new(Agents)).with("http", Arc::new(http));
    // Whoever runs one run is told that it needs what is not allowed here. Whoever works on all of them leaves that to
    // engines that may.
    if !args.all || allowed != Allowed::Nothing {
        handlers = handlers.with("exec", Arc::new(Exec { allowed }));
    }
    if !args.all || !servers.is_empty() {
        let tools = Tools::new(servers, args.allow_private);
        handlers = handlers.with("tool", Arc::new(tools));
    }
    Ok(handlers)
}

/// Whether a run, and everything it launched, can go on only by somebody else or at a time far away.
async fn rests(door: &Door, no: RunNo, run: &Run) -> Result<bool, Failure> {
    let now = System.now();
    let is_near = |due: Timestamp| due <= now.after(PATIENCE);
    if run.is_unsettled() || run.due().is_some_and(is_near) {
        return Ok(false);
    }
    for task in tasks_of(door, no).await? {
        let goes_on = match task.child {
            Some(child) => {
                let launched = door.run(child).await?;
                launched.status.is_ended() || !Box::pin(rests(door, child, &launched)).await?
            }
            None => is_ours(&task.queue) && is_near(task.ready_at),
        };
        if goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the command itself serves a queue.
fn is_ours(queue: &str) -> bool {
    matches!(
        queue,
        plan::AGENT_QUEUE | "exec" | "http" | "tool" | "run" | guidepost_store::CANCEL_QUEUE
    )
}

async fn tasks_of(door: &Door, no: RunNo) -> Result<Vec<Task>, Failure> {
    let wanted = FindTasks { run: Some(no.into()), limit: 1_000, ..FindTasks::default() };
    Ok(door.ops.find_tasks(&wanted).await?.items)
}

/// What of the run's history has been shown.
pub(super) struct Show {
    cursor: Option<String>,
    no: RunNo,
}

impl Show {
    /// Shows what happened since.
    async fn news(&mut self, door: &Door, out: &mut Output) -> Result<(), Failure> {
        loop {
            let read = ReadHistory {
                run: self.no.into(),
                newest_first: false,
                kinds: Vec::new(),
                limit: PAGE,
                cursor: self.cursor.clone(),
            };
            let page = door.ops.history(&read).await?;
            let Some(last) = page.items.last() else { return Ok(()) };
            self.cursor = Some(last.id.clone());
            for item in &page.items {
                if out.is_json() {
                    out.json_line(&json!({ "record": item }));
                } else {
                    out.line(text::history_item(item).trim_end());
                }
            }
            out.flush();
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

/// Tells how the run stands now, and what to try next.
async fn end(door: &Door, no: RunNo, why: &Why, out: &mut Output) -> Result<Exit, Failure> {
    let at = WhereAmI { run: no.into(), detail: Detail::Brief };
    let standing = door.ops.where_am_i(&at).await?.for_everybody();
    if out.is_json() {
        out.json_line(&standing);
    } else {
        out.gap();
        out.line(text::standing(&standing, Words::Commands).trim_end());
        let run = &standing.name.run;
        match why {
            Why::Interrupted => out.aside(format!("stopped here; `guidepost run {run}` goes on")),
            Why::Waits => {
                for task in tasks_of(door, no).await? {
                    if !is_ours(&task.queue) && task.queue != plan::ASK_QUEUE {
                        out.aside(format!(
                            "waits for a worker of `{}`: `guidepost tasks claim {}`",
                            task.queue, task.queue
                        ));
                    }
                }
                out.aside(match standing.driver {
                    Driver::Engine => format!("once it can go on, `guidepost run {run}` goes on"),
                    Driver::Agent => format!(
                        "an agent drives this run, so nothing is done for it here: `guidepost do {run} EVENT` moves it"
                    ),
                });
            }
            Why::Over => {}
        }
    }
    Ok(match (standing.status, why) {
        (Status::Completed, _) => Exit::Ok,
        (Status::Failed | Status::Cancelled, _) => Exit::Failed,
        (Status::Running | Status::Waiting | Status::Paused, _) => Exit::Waiting,
    })
}
