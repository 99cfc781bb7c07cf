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
mod noticed;
mod output;
mod page;
mod shell;
mod simulation;
mod write;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::failure::Exit;
use crate::output::Output;

fn main() -> ExitCode {
    let mut out = Output::of_process(wants_json(std::env::args_os()));
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            let done = noticed::tell(&out).and_then(|()| commands::run(&cli, &mut out));
            done.unwrap_or_else(|failure| {
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
    let exit = if exit == Exit::Ok && out.is_lost() { Exit::Failed } else { exit };
    ExitCode::from(exit.code())
}

/// Whether answers are for programs. Asked before anything is parsed, so that what cannot be parsed is told to them, too.
fn wants_json(words: impl Iterator<Item = OsString>) -> bool {
    words.skip(1).take_while(|word| word != "--").any(|word| word == "--json")
}
