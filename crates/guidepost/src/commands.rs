//! One file per command.

mod add_step;
mod apply;
mod cancel;
mod check;
mod checkpoint;
mod connect;
mod control;
mod define;
mod delete;
mod demo;
mod diff;
mod r#do;
mod doctor;
mod explain;
mod find;
mod fork;
mod graph;
mod history;
mod init;
mod limit;
mod log;
mod ls;
mod mcp;
mod migrate;
mod read;
mod replay;
mod rollback;
mod run;
mod schedules;
mod show;
mod simulate;
mod start;
mod steps;
mod tasks;
mod timers;
mod verify;
mod wait;
mod watch;
mod r#where;

use std::future::Future;

use guidepost_core::input;
use serde::Serialize;

use crate::args::{Cli, Command};
use crate::door::Door;
use crate::failure::{Exit, Failure, Kind};
use crate::output::Output;

/// Runs a command.
///
/// # Errors
///
/// Whatever keeps it from doing what it was asked.
pub(crate) fn run(cli: &Cli, out: &mut Output) -> Result<Exit, Failure> {
    let global = &cli.global;
    match &cli.command {
        Command::Check(args) => check::run(args, out),
        Command::Connect(args) => connect::run(args, global, out),
        Command::Demo(args) => wait_for(demo::run(args, global, out)),
        Command::Explain(args) => explain::run(args, out),
        Command::Graph(args) => wait_for(graph::run(args, global, out)),
        Command::Init(args) => init::run(args, global, out),
        Command::Simulate(args) => simulate::run(args, out),
        Command::Define(args) => wait_for(define::run(args, global, out)),
        Command::Apply(args) => wait_for(apply::run(args, &Door::open_or_make(global)?, out)),
        Command::Ls(args) => wait_for(ls::run(args, &Door::open(global)?, out)),
        Command::Show(args) => wait_for(show::run(args, &Door::open(global)?, out)),
        Command::Run(args) => work_for(run::run(args, &Door::open_or_make(global)?, out)),
        Command::Steps(args) => work_for(steps::run(args, &Door::open_or_make(global)?, out)),
        Command::Tasks(args) => wait_for(tasks::run(args, &Door::open(global)?, out)),
        Command::Timers(args) => wait_for(timers::run(args, &Door::open(global)?, out)),
        Command::Schedules(args) => wait_for(schedules::run(args, &Door::open(global)?, out)),
        Command::Watch(args) => wait_for(watch::run(args, &Door::open(global)?, out)),
        Command::Start(args) => wait_for(start::run(args, &Door::open_or_make(global)?, out)),
        Command::Where(args) => wait_for(r#where::run(args, &Door::open(global)?, out)),
        Command::Do(args) => wait_for(r#do::run(args, &Door::open(global)?, out)),
        Command::Log(args) => wait_for(log::run(args, &Door::open(global)?, out)),
        Command::Wait(args) => wait_for(wait::run(args, &Door::open(global)?, out)),
        Command::Find(args) => wait_for(find::run(args, &Door::open(global)?, out)),
        Command::Read(args) => wait_for(read::run(args, &Door::open(global)?, out)),
        Command::History(args) => wait_for(history::run(args, &Door::open(global)?, out)),
        Command::Pause(args) => {
            wait_for(control::run(args, input::Control::Pause, &Door::open(global)?, out))
        }
        Command::Resume(args) => {
            wait_for(control::run(args, input::Control::Resume, &Door::open(global)?, out))
        }
        Command::Cancel(args) => wait_for(cancel::run(args, &Door::open(global)?, out)),
        Command::Limit(args) => wait_for(limit::run(args, &Door::open(global)?, out)),
        Command::Checkpoint(args) => wait_for(checkpoint::run(args, &Door::open(global)?, out)),
        Command::Rollback(args) => wait_for(rollback::run(args, &Door::open(global)?, out)),
        Command::Fork(args) => wait_for(fork::run(args, &Door::open(global)?, out)),
        Command::Migrate(args) => wait_for(migrate::run(args, &Door::open(global)?, out)),
        Command::AddStep(args) => wait_for(add_step::run(args, &Door::open(global)?, out)),
        Command::Delete(args) => wait_for(delete::run(args, &Door::open(global)?, out)),
        Command::Replay(args) => wait_for(replay::run(args, &Door::open(global)?, out)),
        Command::Diff(args) => wait_for(diff::run(args, &Door::open(global)?, out)),
        Command::Verify(args) => wait_for(verify::run(args, &Door::open(global)?, out)),
        Command::Doctor(args) => wait_for(doctor::run(args, &Door::open(global)?, out)),
        Command::Mcp(args) => work_for(mcp::run(args, global)),
    }
}

/// Runs one future to its end. Most commands do one thing, so one thread is enough.
fn wait_for(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    run_on(&mut tokio::runtime::Builder::new_current_thread(), work)
}

/// The same for a command that goes on doing many things. With threads to spare, one that is alone in writing needs no other
/// thread for it, which makes a step a good deal faster.
fn work_for(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    run_on(tokio::runtime::Builder::new_multi_thread().worker_threads(2), work)
}

fn run_on(
    runtime: &mut tokio::runtime::Builder,
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let runtime = runtime.enable_all().build().map_err(|error| {
        Failure::new(Kind::Unavailable, "GP0457", "this machine lets no work begin")
            .caused_by(&error)
    })?;
    runtime.block_on(work)
}

/// Shows an answer: as JSON to programs, in the words agents get to everybody else.
fn answer(out: &mut Output, answer: &impl Serialize, text: &str) {
    if out.is_json() {
        out.json(answer);
    } else {
        out.line(text.trim_end());
    }
}
