//! One loss on one input, ready to be run again and again: what every measurement here repeats.

mod abi;
mod inputs;
mod job;

pub use inputs::Pattern;
pub use job::{Cell, Job, LOSSES, Layout, Loss, MATHS, weight};

/// Components of an embedding.
pub const DIMENSIONS: usize = 256;

/// Classes of the embeddings.
pub const EMBEDDING_CLASSES: usize = 16;
