//! What scarce is measured against.

pub mod reference;
pub mod tolerance;
pub mod vectors;
