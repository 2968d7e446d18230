//! The numerics: slices and numbers in, numbers out. No checks, no errors, no panics.

pub(crate) mod dot;
pub(crate) mod histogram;
pub(crate) mod jaccard;
pub(crate) mod order;
pub(crate) mod select;
pub(crate) mod sigmoid;
pub(crate) mod softmax;
pub(crate) mod sort;
pub(crate) mod sum;
pub(crate) mod tile;
