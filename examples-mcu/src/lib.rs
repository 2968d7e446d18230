//! A small segmentation network and its training, without a heap: the same code trains from scratch on a host and
//! fine-tunes on a microcontroller.
//!
//! * [`Network`]: dilated 3×3 convolutions with ReLU and a 1×1 head, its forward and its backward pass;
//! * [`Adam`] and [`Momentum`]: optimisers over any set of [`Parameters`], a network's or only its [`Head`]'s;
//! * [`schedule`]: learning rates;
//! * [`normalize`]: 8-bit images to what the network takes.
//!
//! Images are pixel-major: one `[f32; CHANNELS]` a pixel, row after row. Every buffer is the caller's; its length is
//! checked once, by the call that takes it. Equal inputs give equal bits on every target: sums run in one documented
//! order, multiplications and additions are never fused, and elementary functions come from [`libm`].
#![no_std]

mod adam;
mod convolution;
mod error;
mod head;
mod momentum;
mod network;
mod normalize;
mod parameters;
pub mod schedule;
mod shape;

pub use adam::Adam;
pub use convolution::Convolution;
pub use error::{Buffer, LengthError};
pub use head::Head;
pub use momentum::Momentum;
pub use network::Network;
pub use normalize::normalize;
pub use parameters::Parameters;
pub use shape::Shape;
