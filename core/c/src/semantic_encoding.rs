//! Which classes are in an image.

#![deny(unsafe_op_in_unsafe_fn)]

use crate::batch::{ignored, labels};
use crate::call::{Gradient, Results, options_or};
use crate::memory::{Region, of_classes, one};
use crate::status::{Buffer, ErrorReport, Failure};
use core::ptr;
use scarce::SemanticEncoding;

/// Logits of which classes are in each image, and the labels of its pixels.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Presence {
    /// `images * classes` of them: `[images][classes]`.
    pub logits: *const f32,
    /// `pixels` of them.
    pub labels: *const u8,
    /// Images of one size, one after the other.
    pub images: usize,
    /// Classes; the library is built for some numbers of them.
    pub classes: usize,
    /// Pixels of all images.
    pub pixels: usize,
    /// Whether there is a label that is ignored: 0 or 1.
    pub has_ignore: u8,
    /// That label.
    pub ignore: u8,
}

/// Options of semantic encoding: binary cross entropy of which classes are in the image.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SemanticEncodingOptions {
    /// A weight for each class, or NULL: all 1.
    pub weights: *const f32,
    /// Whether an image without a valid pixel counts as one without any class, not as none: 0 or 1.
    pub counting_empty_images: u8,
}

impl SemanticEncodingOptions {
    const USUAL: Self = Self { weights: ptr::null(), counting_empty_images: 0 };

    /// # Safety
    /// The array can be read.
    unsafe fn loss<const C: usize>(&self) -> Result<SemanticEncoding<C>, Failure> {
        let mut loss = SemanticEncoding::new();
        // SAFETY: by the caller.
        if let Some(weights) = unsafe { of_classes(self.weights, Buffer::ClassOptions) }? {
            loss = loss.with_weights(weights);
        }
        Ok(if self.counting_empty_images != 0 { loss.counting_empty_images() } else { loss })
    }
}

/// # Safety
/// That of the exported functions.
unsafe fn run(
    presence: *const Presence,
    options: *const SemanticEncodingOptions,
    gradient: Gradient,
) -> Result<f32, Failure> {
    // SAFETY: by the caller.
    let presence = unsafe { one(presence, Buffer::Data) }?;
    // SAFETY: by the caller.
    let options = unsafe { options_or(options, SemanticEncodingOptions::USUAL) }?;
    let logits = Region::of_rows(presence.logits, presence.images, presence.classes, Buffer::Logits)?;
    let data = Region::new(presence.labels, presence.pixels, Buffer::Labels)?;
    let grad = gradient.region(logits.len())?;
    grad.apart_from(&logits)?;
    grad.apart_from(&data)?;
    for_classes!(presence.classes, C => {
        // SAFETY: by the caller; the array is copied before anything is written.
        let loss = unsafe { options.loss::<C>() }?;
        // SAFETY: by the caller; `grad` has no byte of either: `grad.apart_from` above.
        let (logits, data) = unsafe { (logits.read(), data.read()) };
        // SAFETY: by the caller; the slices that live are of what `grad` is apart from.
        let grad = unsafe { grad.write() };
        let ((rows, _), (grad, _)) = (logits.as_chunks::<C>(), grad.as_chunks_mut::<C>());
        let labels = labels(data, ignored(presence.has_ignore, presence.ignore));
        Ok(match gradient {
            Gradient::None => loss.value(rows, labels),
            Gradient::Add(scale, _) => loss.add_grad(rows, labels, scale, grad),
            Gradient::Write(_) => loss.value_and_grad(rows, labels, grad),
        }?)
    })
}

/// All weights 1; images without a valid pixel count as none.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_semantic_encoding_default() -> SemanticEncodingOptions {
    SemanticEncodingOptions::USUAL
}

/// Semantic encoding: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_semantic_encoding_value(
    presence: *const Presence,
    options: *const SemanticEncodingOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { Results { loss, error }.of(|| run(presence, options, Gradient::None)) }
}

/// Semantic encoding: the loss, and `grad += scale * gradient`, `images * classes` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_semantic_encoding_add_grad(
    presence: *const Presence,
    options: *const SemanticEncodingOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { Results { loss, error }.of(|| run(presence, options, Gradient::Add(scale, grad))) }
}

/// Semantic encoding: the loss, and `grad = gradient`, `images * classes` of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_semantic_encoding_value_and_grad(
    presence: *const Presence,
    options: *const SemanticEncodingOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { Results { loss, error }.of(|| run(presence, options, Gradient::Write(grad))) }
}
