//! The losses of `scarce` for C.
#![no_std]
#![allow(unsafe_code, reason = "pointers from C; what is done with them is in the module `memory`")]
#![allow(unsafe_op_in_unsafe_fn, reason = "exported functions hand their caller's promise on")]
#![allow(clippy::missing_safety_doc, reason = "one contract for all exported functions: the crate's documentation")]

#[cfg(not(target_os = "none"))]
extern crate std; // for its panic handler

include!(concat!(env!("OUT_DIR"), "/choices.rs"));

mod batch;
mod call;
mod cross_entropy;
mod focal;
mod lovasz;
mod memory;
mod ohem;
mod overlap;
#[cfg(target_os = "none")]
mod panic;
mod pixel_contrast;
mod reduction;
mod semantic_encoding;
mod status;
mod sum;

pub use batch::{Batch, Layout};
pub use cross_entropy::*;
pub use focal::*;
pub use lovasz::*;
pub use ohem::*;
pub use overlap::*;
pub use pixel_contrast::*;
pub use reduction::Reduction;
pub use semantic_encoding::*;
pub use status::{Buffer, ErrorReport, Parameter, Status};
pub use sum::*;
