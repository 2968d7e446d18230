//! What scarce is measured against.

pub mod conformance;
pub mod patterns;
pub mod reference;
pub mod tolerance;
pub mod vectors;
