//! Any text as what people look for, as a cursor and as a path. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::search(bytes));
