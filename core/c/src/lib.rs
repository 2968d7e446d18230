//! The losses of `scarce` for C: plain structs, the caller's buffers, error codes; no allocation, no panic, nothing opaque.
//!
//! ```c
//! #include "scarce.h"
//!
//! static uint32_t scratch[SCARCE_LOVASZ_SCRATCH_LEN_TO_WRITE(32 * 32)];
//!
//! int32_t step(const float *logits, const uint8_t *labels, float *grad, float *loss, struct scarce_error *error)
//! {
//!     const struct scarce_batch batch = {
//!         .logits = logits, .labels = labels, .pixels = 32 * 32, .classes = 4, .images = 1, .has_ignore = 1, .ignore = 255,
//!     };
//!     return scarce_lovasz_value_and_grad(&batch, NULL, grad, scratch, sizeof scratch / sizeof *scratch, loss, error);
//! }
//! ```
//!
//! The header is `include/scarce.h`. Each loss has three functions: `…_value` is the loss, `…_add_grad` adds `scale` times its
//! gradient to what is there, `…_value_and_grad` writes the gradient. Options are a struct with a function `…_default`, or
//! `NULL`. Formulas and domains are those of the Rust types, whose bits these functions compute, with `scarce::Fast`.
//! `examples-mcu/c` is a firmware in C.
//!
//! # Building
//!
//! ```sh
//! SCARCE_CLASSES="4" cargo rustc --release -p scarce-c --crate-type staticlib --target thumbv7em-none-eabihf
//! arm-none-eabi-gcc … -ffunction-sections -Wl,--gc-sections main.c libscarce_c.a
//! ```
//!
//! The library is built for the numbers of classes that the environment variable `SCARCE_CLASSES` lists (by default `1 2 3 4`;
//! each takes a while to compile), and for the dimensions of embeddings in `SCARCE_DIMENSIONS` (`8 16`). It chooses among them
//! at run time, and refuses others: `SCARCE_STATUS_NOT_BUILT`. With `--no-default-features --features rows` (or `planes`) it
//! knows one layout, and refuses the other: `SCARCE_STATUS_LAYOUT_NOT_BUILT`. What is not listed, and functions that the
//! firmware does not call, take no flash: cross entropy of rows of 4 classes, value and gradient, with all checks, on a
//! Cortex-M4F, takes 8362 bytes of flash (`examples-mcu/c/run` prints it).
//!
//! On bare metal the library needs no C library, and brings the `memcpy`, `memset` and the like that it needs, for which
//! another definition takes precedence. `--gc-sections` is not only for flash: the panic handler, which nothing calls, names a
//! symbol that does not exist, so that a firmware from which a panic could be reached does not link. Build it in release; a
//! build for debugging panics where arithmetic overflows, and does not link.
//!
//! # Buffers
//!
//! Three rules the library cannot check:
//!
//! * Pointers to structs and to buffers must point to so many elements as their struct says. They are read and written during
//!   the call and not kept.
//! * During the call nobody else, be it a thread, an interrupt or DMA, writes what is read, nor reads or writes what is written:
//!   `grad`, `scratch`, `loss` and `error`.
//! * `grad` of `…_add_grad` has been initialised. Other `grad`, and `scratch`, of C need not be: what they hold is irrelevant.
//!   Callers in Rust initialise them, and so does C that is optimised together with the library (LTO across languages), whose
//!   compiler knows what has never been written. `loss` and `error` need not be.
//!
//! The rest it checks, or it is fine:
//!
//! * `NULL` where there is something, a pointer that is not aligned for its type, a length that no object has: each is an
//!   error. `NULL` is fine where there is nothing: no pixels, no scratch, and for `error`.
//! * What is written, `grad` and `scratch`, must not overlap each other nor what is read: `SCARCE_STATUS_OVERLAP`. What is read
//!   may overlap. `loss` or `error` is written last, and may lie anywhere.
//! * `grad` has the layout and the length of the logits. `…_add_grad` reads it, `…_value_and_grad` overwrites it.
//! * `scratch` is words of 32 bits, as many as the function `…_scratch_len` says, or the macro of that name in capitals, for
//!   static arrays. Calls may share it, unless they run at the same time.
//! * On an error nothing is written but `error`. It is not written otherwise.
//! * No function has a state: calls on different buffers may run at the same time, in interrupts too.
//!
//! # Safety
//!
//! All exported functions that take pointers are `unsafe` for the first three of these rules, and for no other reason.

#![no_std]
#![allow(unsafe_code, reason = "functions that C calls; `memory` makes slices of their pointers")]
#![allow(unsafe_op_in_unsafe_fn, reason = "exported functions, and options, hand their caller's promise on")]
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
