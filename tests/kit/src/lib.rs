//! What a loss is held against: an f64 reference, the contract's checks, the data that they are run on, a fuzzer's inputs.

pub mod conformance;
pub mod fuzz;
pub mod patterns;
pub mod reference;
pub mod tolerance;
