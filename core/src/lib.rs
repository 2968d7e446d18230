//! Losses for scarce classes, on machines with scarce memory.
//!
//! The losses of semantic segmentation that answer class imbalance, with their analytic gradients: `no_std`, without a heap,
//! without a panic, the same bits on every target. Slices that the caller owns, scratch that the caller lends.
//!
//! * [`Batch`] takes scores ([`Scores`]: pixel-major, class-major, or [`Quantized`] to 8 bits) and [`Labels`], and checks
//!   them once. Gradients are floats, or 8 or 16 bits ([`QuantizedMut`]).
//! * A [`Loss`] takes a batch: [`CrossEntropy`], [`BinaryCrossEntropy`], [`Focal`], [`SigmoidFocal`], [`Overlap`] (Dice,
//!   Jaccard, Tversky, generalised Dice), [`Lovasz`], [`LovaszHinge`], and both in memory of a fixed size,
//!   [`LovaszHistogram`] and [`LovaszHingeHistogram`], [`Ohem`] over any loss per pixel, and a [`Sum`] of any of them.
//! * A [`Tiled`] loss, which all but the sorted ones are, takes an image tile by tile, keeps [`Tiles`] of a fixed size, and
//!   writes the gradient in place of the scores.
//! * [`SemanticEncoding`] takes presence logits of an image, [`PixelContrast`] embeddings of pixels ([`Embeddings`]), with
//!   the samplers of [`sample`] and a [`Memory`] of the past.
//! * [`weights`] makes class weights from counts; [`metrics`] measures what was learnt.
//! * [`Math`] is the elementary functions, a type parameter of each loss.
//!
//! To begin: [`tutorial`], six steps from a head trained in PyTorch to fine-tuning on a device. From another library:
//! [`migration`], a row for each of its functions.
//!
//! ```
//! use scarce::{Batch, CrossEntropy, Labels, Loss, Overlap, Sum};
//!
//! let logits = [[2.0, 0.0], [0.5, 0.0], [0.0, 1.0]]; // three pixels, two classes
//! let batch = Batch::new(&logits, Labels::new(&[0, 255, 1]).ignoring(255))?;
//! let mut grad = [[0.0; 2]; 3];
//! let loss = Sum((1.0, CrossEntropy::new()), (1.0, Overlap::dice()));
//! let value = loss.value_and_grad(&batch, &mut grad, &mut [])?; // neither needs scratch
//! assert!(value > 0.0 && grad[0][0] < 0.0 && grad[1] == [0.0; 2]);
//! # Ok::<(), scarce::Error>(())
//! ```
//!
//! Shapes live in types: `C`, the number of classes, is a const generic, and a pixel an `[f32; C]`. Values live at run time.
//! A configuration is a small `Copy` struct, built in `const` where the language allows it; its parameters are checked, with
//! the data, before anything is written.
//!
//! # What this is not
//!
//! No tensors, no autograd, no layers, no optimiser, no allocation. The default build depends on `libm` alone.
//!
//! # Features
//!
//! * `micromath`: adds the type `Micro`, smaller and less accurate elementary functions.
//! * `rand_core`: adds `sample::Random`, which draws from the caller's generator.
//! * `defmt`: derives `defmt::Format` for configurations and errors. Logs nothing.
//!
//! # Versions
//!
//! The package's README says what a version promises. Bits are covered by the changelog: each release ends with a line
//! "Numerics:" that says whether they are those of the release before.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod activation;
mod batch;
mod embeddings;
mod error;
mod kernel;
mod labels;
mod loss;
mod math;
mod memory;
pub mod metrics;
pub mod migration;
mod quantized;
mod quantized_mut;
pub mod sample;
mod scores;
mod tiled;
pub mod tutorial;
pub mod weights;

pub use activation::{Activation, Probabilities, Sigmoid, Softmax};
pub use batch::Batch;
pub use embeddings::Embeddings;
pub use error::{Buffer, Error, Parameter};
pub use kernel::jaccard::JaccardIncrements;
pub use kernel::sort::{Heap, Radix, Sort};
pub use labels::Labels;
pub use loss::cross_entropy::{BinaryCrossEntropy, CrossEntropy};
pub use loss::focal::{Focal, SigmoidFocal};
pub use loss::lovasz::{Classes, Lovasz, LovaszHinge, lovasz_grad};
pub use loss::lovasz_histogram::{LovaszHingeHistogram, LovaszHistogram};
pub use loss::ohem::{MinKept, Ohem};
pub use loss::overlap::{Absent, Form, Overlap, VolumeWeights};
pub use loss::pixel::{PixelLoss, Reduction};
pub use loss::pixel_contrast::{Contrast, PixelContrast, Within};
pub use loss::semantic_encoding::SemanticEncoding;
pub use loss::sum::Sum;
pub use loss::{Loss, Scratch, scratch_len, scratch_len_to_write};
#[cfg(feature = "micromath")]
pub use math::Micro;
pub use math::{Fast, Fixed, Libm, Math};
pub use memory::{Component, Memory};
pub use quantized::{ExpTable, Quantized, Table};
pub use quantized_mut::{QuantizedElement, QuantizedMut, Rounding};
pub use scores::{Planes, PlanesMut, Scores, ScoresMut};
pub use tiled::{Tiled, Tiles};

/// The manifest's README, whose code is to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
