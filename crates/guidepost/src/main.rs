//! The command line of Guidepost.
//!
//! `args.rs` says what one can type, `commands/` has a file per command, `output.rs` alone prints. Commands that need a
//! store are thin skins over the operations of `guidepost-server`, like every other door.

mod args;
mod chart;
mod commands;
mod config;
mod definition;
mod door;
mod failure;
mod output;
mod page;
mod simulation;
mod write;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::failure::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    let mut out = Output::of_process();
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            out.set_json(cli.global.json);
            commands::run(&cli, &mut out).unwrap_or_else(|failure| {
                out.failure(&failure);
                failure.exit
            })
        }
        Err(error) => {
            out.usage(&error);
            if error.use_stderr() { Exit::Usage } else { Exit::Ok }
        }
    };
    out.flush();
    ExitCode::from(exit.code())
}
