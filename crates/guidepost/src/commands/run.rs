//! `guidepost run`: does the work of a run until it ends, or somebody else is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
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
use guidepost_engine::{Engine, Handlers, Running, plan};
use guidepost_server::ops::{ControlRun, Detail, ReadHistory, Watcher, WhereAmI};
use guidepost_server::text::{self, Words};
use guidepost_store::TaskId;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{start, steps, tasks};
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

/// Reasons shown for which a run cannot go on.
const REASONS_SHOWN_MAX: usize = 10;

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
    let (no, cursor) = begin(args, door, out).await?;
    let mut show = Show { cursor, no };
    let why = drive(args, handlers, no, Some(&mut show), door, out).await?;
    end(door, no, &why, out).await
}

/// An engine as it was asked for, for all runs.
fn engine(args: &args::Run, handlers: Handlers, door: &Door) -> Engine {
    Engine::new(door.ops.shared_store())
        .with_handlers(handlers)
        .with_slots(args.slots)
        .with_lease(args.lease)
}

/// Tells why an engine begins nothing new, if that is so.
fn tell(trouble: &mut watch::Receiver<Option<String>>, out: &mut Output) {
    if let Some(what) = trouble.borrow_and_update().as_deref() {
        out.aside_failure(&held_up(what));
    }
}

/// Does the work of all runs, and begins those that are scheduled, showing what happens, until it is told to stop.
async fn drive_all(
    args: &args::Run,
    handlers: Handlers,
    door: &Door,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let watcher = door.ops.watch(None).await?;
    let told_to_stop = told_to_stop();
    let running = engine(args, handlers, door).start();
    out.note("at work on all runs; Ctrl-C ends that");
    let exit = attend_all(&running, watcher, told_to_stop, out).await;
    running.stop().await;
    Ok(exit)
}

/// Looks after an engine that works on all runs, until it is told to stop.
async fn attend_all(
    running: &Running,
    mut watcher: Watcher<'_>,
    told_to_stop: impl Future<Output = ()>,
    out: &mut Output,
) -> Exit {
    let mut trouble = running.trouble();
    tokio::pin!(told_to_stop);
    loop {
        tokio::select! {
            news = watcher.next() => match news {
                Ok(news) => {
                    let news = news.unwrap_or_default();
                    news.iter().for_each(|seen| super::watch::show(seen, true, out));
                    out.flush();
                }
                // The engine goes on, and shows what it does once the store can be read again.
                Err(error) => {
                    out.aside_failure(&error.into());
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
            changed = trouble.changed() => match changed {
                Ok(()) => tell(&mut trouble, out),
                // It ended by itself, which only a bug makes it do; why is told on stderr.
                Err(_) => return Exit::Failed,
            },
            () = &mut told_to_stop => return Exit::Ok,
        }
        if out.is_closed() {
            return Exit::Ok;
        }
    }
}

/// Ends when a person, or whoever manages services, wants this process to end. It listens from the call on, so that whoever
/// starts an engine afterwards leaves nothing behind.
fn told_to_stop() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
        poll_fn(move |context| {
            let mut told = signals.iter_mut().map(|signal| signal.poll_recv(context).is_ready());
            if told.any(|is_told| is_told) { Poll::Ready(()) } else { Poll::Pending }
        })
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
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
    let told_to_stop = told_to_stop();
    let running = engine(args, handlers, door).for_run(no).start();
    let why = attend(&running, no, show.as_deref_mut(), told_to_stop, door, out).await;
    running.stop().await;
    if let (Ok(_), Some(show)) = (&why, show) {
        show.news(door, out).await?;
    }
    why
}

/// Looks after an engine that works for one run, until there is nothing more for it to do.
async fn attend(
    running: &Running,
    no: RunNo,
    mut show: Option<&mut Show>,
    told_to_stop: impl Future<Output = ()>,
    door: &Door,
    out: &mut Output,
) -> Result<Why, Failure> {
    let mut commits = running.commits();
    let mut trouble = running.trouble();
    let (declined, in_hand) = (running.declined(), running.tasks_in_hand());
    let mut idle_since: Option<Instant> = None;
    let mut silent_since = Instant::now();
    let (mut is_told, mut is_pause_told) = (false, false);
    tokio::pin!(told_to_stop);
    loop {
        if let Some(show) = &mut show {
            show.news(door, out).await?;
        }
        let loaded = door.run(no).await?;
        let is_paused = loaded.status == Status::Paused;
        let is_at_rest = is_paused && *in_hand.borrow() == 0;
        if loaded.status.is_ended() || is_at_rest {
            return Ok(Why::Over);
        }
        if out.is_closed() {
            return Ok(Why::Interrupted);
        }
        if is_paused && !std::mem::replace(&mut is_pause_told, true) {
            out.note(
                "paused; what is under way ends first, and its result is kept; Ctrl-C ends it now",
            );
        }
        let declined = declined.borrow().clone();
        let mut left = Vec::new();
        if !is_paused && rests(door, no, &loaded, &declined, &mut left).await? {
            let since = *idle_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= GRACE {
                return Ok(if left.is_empty() { Why::Waits } else { Why::Declined(left) });
            }
        } else {
            idle_since = None;
        }
        if silent_since.elapsed() >= SILENCE && !is_told {
            silent_since = Instant::now();
            if let Some(told) = tasks::first_to_wait_its_turn(door, Some(no), None).await? {
                is_told = true;
                out.note(told);
            }
        }
        tokio::select! {
            changed = commits.changed() => {
                if changed.is_err() {
                    return Ok(Why::Interrupted);
                }
                (silent_since, is_told) = (Instant::now(), false);
            }
            Ok(()) = trouble.changed() => tell(&mut trouble, out),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = &mut told_to_stop => return Ok(Why::Interrupted),
        }
    }
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
    /// What comes next is not allowed here: the tasks, and why each.
    Declined(Vec<(TaskId, String)>),
    Interrupted,
}

impl Why {
    /// What whoever runs a run is to do about it before it can go on, if it is theirs to do.
    ///
    /// # Errors
    ///
    /// What is not allowed here.
    pub(super) fn expect_allowed(&self, run: &str) -> Result<(), Failure> {
        let Self::Declined(declined) = self else { return Ok(()) };
        let mut failure = Failure::new(
            Kind::Refused,
            "GP0461",
            format!("`{run}` cannot go on here: this engine may not do what comes next"),
        );
        let mut reasons = BTreeSet::new();
        for (task, why) in declined {
            if reasons.len() < REASONS_SHOWN_MAX && reasons.insert(why) {
                failure = failure.caused_by_text(&format!("`{task}`: {why}"));
            }
        }
        Err(failure.hint(format!(
            "nothing is lost: `guidepost run {run}` goes on from there once that is allowed, and so does any other engine \
             that may"
        )))
    }
}

/// The run that is meant: a new one of a file or a workflow, or one that is there; and the last record of what it did before,
/// if it did anything.
async fn begin(
    args: &args::Run,
    door: &Door,
    out: &mut Output,
) -> Result<(RunNo, Option<String>), Failure> {
    let what = args.what.as_deref().unwrap_or_default();
    if !args.list.step.is_empty() {
        let file = args.what.as_ref().map(Path::new);
        let saved = steps::save(&steps::listed(file, &args.list)?, door).await?;
        return start_anew(args, format!("{}@{}", saved.0, saved.1), door, out).await;
    }
    let is_file = Path::new(what).is_file() || what == "-" || has_ending(what);
    let workflow = if is_file {
        let saved = super::apply::save_one(Path::new(what), door, out).await?;
        format!("{}@{}", saved.0, saved.1)
    } else if door.has_workflow(what).await? {
        what.to_owned()
    } else {
        return take_up(&RunRef::from(what), door, out).await;
    };
    start_anew(args, workflow, door, out).await
}

/// A new run; or, where one was started with its key before, that.
async fn start_anew(
    args: &args::Run,
    workflow: String,
    door: &Door,
    out: &mut Output,
) -> Result<(RunNo, Option<String>), Failure> {
    let request = start::request(Some(workflow), Driver::Engine, &args.beginning, door);
    let started = door.ops.start_run(&request).await?;
    let no = started.standing.name.run_no;
    if started.is_new { Ok((no, None)) } else { take_up(&no.into(), door, out).await }
}

/// A run that is there: what it did before is left out, and one that was created and never begun begins.
async fn take_up(
    run: &RunRef,
    door: &Door,
    out: &mut Output,
) -> Result<(RunNo, Option<String>), Failure> {
    let at = WhereAmI { run: run.clone(), detail: Detail::Brief };
    let standing = door.ops.where_am_i(&at).await?;
    let no = standing.name.run_no;
    let newest = ReadHistory {
        run: no.into(),
        newest_first: true,
        kinds: Vec::new(),
        limit: 1,
        cursor: None,
    };
    let last = door.ops.history(&newest).await?.items.pop().map(|item| item.id);
    if !out.is_json() {
        let at = text::standing_line(&standing);
        out.aside(format!("{at}; `guidepost history {no}` shows how it came there"));
        out.flush();
    }
    if matches!(door.run(no).await?.paused, Some((PauseReason::Pending, _))) {
        let request = ControlRun {
            run: no.into(),
            control: Control::Resume,
            note: None,
            caller: door.caller.clone(),
        };
        door.ops.control_run(&request).await?;
    }
    Ok((no, last))
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
    let tools = Tools::new(servers, args.allow_private);
    Ok(Handlers::new()
        .with(plan::AGENT_QUEUE, Arc::new(Agents))
        .with("http", Arc::new(http))
        .with("exec", Arc::new(Exec::new(allowed)))
        .with("tool", Arc::new(tools)))
}

/// Whether a run, and everything it launched, can go on only by somebody else or at a time far away.
///
/// - `declined`: what this engine leaves to others, and why.
/// - `left`: gets those of them that nobody has taken.
async fn rests(
    door: &Door,
    no: RunNo,
    run: &Run,
    declined: &BTreeMap<TaskId, String>,
    left: &mut Vec<(TaskId, String)>,
) -> Result<bool, Failure> {
    let now = System.now();
    let is_near = |due: Timestamp| due <= now.after(PATIENCE);
    if run.is_unsettled() || run.due().is_some_and(is_near) {
        return Ok(false);
    }
    let mut pages = tasks::Pages::of(Some(no), None);
    while let Some(tasks) = pages.next(door).await? {
        for task in tasks {
            let goes_on = match task.child {
                Some(child) => {
                    let launched = door.run(child).await?;
                    launched.status.is_ended()
                        || !Box::pin(rests(door, child, &launched, declined, left)).await?
                }
                None if task.owner.is_none() && declined.contains_key(&task.id) => {
                    left.extend(
                        declined.get_key_value(&task.id).map(|(id, why)| (id.clone(), why.clone())),
                    );
                    false
                }
                None => is_ours(&task.queue) && is_near(task.ready_at),
            };
            if goes_on {
                return Ok(false);
            }
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
                let mut queues: BTreeMap<String, usize> = BTreeMap::new();
                let mut pages = tasks::Pages::of(Some(no), None);
                let is_others = |queue: &str| !is_ours(queue) && queue != plan::ASK_QUEUE;
                while let Some(tasks) = pages.next(door).await? {
                    for task in tasks.into_iter().filter(|task| is_others(&task.queue)) {
                        *queues.entry(task.queue).or_default() += 1;
                    }
                }
                for (queue, count) in queues {
                    let times = if count == 1 { String::new() } else { format!(", {count} times") };
                    out.aside(format!(
                        "waits for a worker of `{queue}`{times}: `guidepost tasks claim {queue}`"
                    ));
                }
                out.aside(match standing.driver {
                    Driver::Engine => format!("once it can go on, `guidepost run {run}` goes on"),
                    Driver::Agent => format!(
                        "an agent drives this run, so nothing is done for it here: `guidepost do {run} EVENT` moves it"
                    ),
                });
            }
            Why::Over | Why::Declined(_) => {}
        }
    }
    match standing.status {
        Status::Completed => Ok(Exit::Ok),
        Status::Failed | Status::Cancelled => Ok(Exit::Failed),
        Status::Running | Status::Waiting | Status::Paused => {
            why.expect_allowed(&standing.name.run)?;
            Ok(Exit::Waiting)
        }
    }
}

#[cfg(test)]
mod tests {
    use guidepost_core::id::RunId;
    use guidepost_engine::world::World;
    use guidepost_server::ops::Ops;

    use super::*;

    /// A clock that is broken, so that whoever asks it ends by a bug.
    struct NoClock;

    impl World for NoClock {
        fn now(&self) -> Timestamp {
            panic!("there is no time")
        }

        fn new_run_id(&self) -> RunId {
            System.new_run_id()
        }

        fn any_number(&self) -> u64 {
            System.any_number()
        }
    }

    #[tokio::test]
    async fn who_looks_after_an_engine_that_ended_ends_too() {
        let store = guidepost_store::open("memory:").unwrap();
        let ops = Ops::new(Arc::clone(&store));
        let running = Engine::new(store).with_world(Arc::new(NoClock)).start();
        let watcher = ops.watch(None).await.unwrap();
        let mut out = Output::of_process(true);
        let attended = attend_all(&running, watcher, std::future::pending(), &mut out);
        let exit = tokio::time::timeout(Duration::from_secs(20), attended).await.unwrap();
        assert_eq!(exit, Exit::Failed);
        running.stop().await;
    }
}
