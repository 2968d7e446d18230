//! The whole contract of a loss.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scarce_kit::fuzz::contract(scarce::Fast, data));
