//! A loss tile by tile.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scarce_tests::fuzz::tiles(scarce::Fast, data));
