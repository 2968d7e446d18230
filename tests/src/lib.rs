//! What scarce is measured against.

pub mod bad_input;
pub mod conformance;
pub mod fuzz;
pub mod memory_table;
pub mod patterns;
pub mod reference;
pub mod tolerance;
pub mod vectors;

/// The README's code, so that it is compiled as a doctest.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
