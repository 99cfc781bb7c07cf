//! Any bytes as a definition in YAML: problems, never a panic; what compiles is written back as the same structure.
#![no_main]

use guidepost_core::workflow::{compile, print};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let compiled = compile(bytes, "fuzz.yaml");
    if let Some(machine) = compiled.machine {
        let written = print(&machine);
        let again = compile(written.as_bytes(), "fuzz.yaml").machine.map(|again| again.hash);
        assert_eq!(again, Some(machine.hash), "{written}");
    }
});
