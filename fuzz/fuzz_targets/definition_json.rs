//! Any bytes as a definition in JSON, our own or XState's: problems, never a panic; what compiles is written back for
//! XState as the same structure.
#![no_main]

use guidepost_core::workflow::{compile, to_mermaid, to_xstate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let compiled = compile(bytes, "fuzz.json");
    if let Some(machine) = compiled.machine {
        let _ = to_mermaid(&machine, &[]);
        let written = to_xstate(&machine).to_string();
        let again = compile(written.as_bytes(), "fuzz.json").machine.map(|again| again.hash);
        assert_eq!(again, Some(machine.hash), "{written}");
    }
});
