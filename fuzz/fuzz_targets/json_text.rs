//! Any text as JSON that may say more than is read from it. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::json_text(bytes));
