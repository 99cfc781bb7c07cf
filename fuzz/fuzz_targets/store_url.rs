//! Any text as the URL of a store. What must hold is in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::store_url(bytes));
