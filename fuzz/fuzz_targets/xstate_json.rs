#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| guidepost_fuzz::xstate_json(bytes));
