//! Any text as the name of a task. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::task_id(bytes));
