//! A loss tile by tile.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scarce_kit::fuzz::tiles(scarce::Fast, data));
