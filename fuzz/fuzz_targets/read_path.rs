//! Any text as a place in what a run has recorded. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::read_path(bytes));
