//! What is said of scarce in figures: the peers' vectors, bit pins, tables of memory and of bad input.

pub mod bad_input;
pub mod memory_table;
pub mod pins;
pub mod vectors;

/// The README's code, so that it is compiled as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
