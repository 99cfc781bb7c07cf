//! Any text as an input of `guidepost simulate`: an input or a reason, never a panic.
//!
//! The binary is no library, so the file that reads inputs is taken in as it stands.
#![no_main]

use clap::{Args, Command, FromArgMatches};

mod args {
    #[path = "../../../crates/guidepost/src/args/object.rs"]
    mod object;

    #[path = "../../../crates/guidepost/src/args/inputs.rs"]
    #[allow(dead_code, reason = "what is read here is not carried out")]
    pub(crate) mod inputs;
}

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
