//! Any text as an input of `guidepost simulate`: an input or a reason, never a panic.
#![no_main]

mod args;

use clap::{Args, Command, FromArgMatches};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for option in ["--event", "--advance", "--done", "--failed", "--guard"] {
        let command = args::inputs::Inputs::augment_args(Command::new("simulate"));
        let given = ["simulate".to_owned(), format!("{option}={text}")];
        if let Ok(matches) = command.try_get_matches_from(given) {
            args::inputs::Inputs::from_arg_matches(&matches).expect("what was read is an input");
        }
    }
});
