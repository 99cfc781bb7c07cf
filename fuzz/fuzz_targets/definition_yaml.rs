//! Any bytes as a definition in YAML. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::definition_yaml(bytes));
