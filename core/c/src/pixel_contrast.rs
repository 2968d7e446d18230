//! Contrast between the embeddings of pixels of different classes.

#![deny(unsafe_op_in_unsafe_fn)]

use crate::batch::{ignored, labels};
use crate::call::{Gradient, Results, Words, options_or};
use crate::memory::{Region, one};
use crate::status::{Buffer, ErrorReport, Failure};
use scarce::sample::All;
use scarce::{PixelContrast, Within};

/// Embeddings of pixels, and their classes, which may be any.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Embeddings {
    /// `number * dimensions` of them: `[number][dimensions]`.
    pub rows: *const f32,
    /// `number` of them.
    pub labels: *const u8,
    /// Embeddings.
    pub number: usize,
    /// Dimensions; the library is built for some numbers of them.
    pub dimensions: usize,
    /// Indices of the embeddings that are compared, `anchors_len` of them; or NULL: all that are not ignored.
    pub anchors: *const u32,
    /// How many, if `anchors` is not NULL.
    pub anchors_len: usize,
    /// Whether there is a label that is ignored: 0 or 1.
    pub has_ignore: u8,
    /// That label.
    pub ignore: u8,
}

/// Options of pixel contrast: each anchor against all others of the batch.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PixelContrastOptions {
    /// In 1e-6 to 1e6.
    pub temperature: f32,
    /// What the loss is rescaled by: it is multiplied by `temperature / base_temperature`. 0 leaves it as it is.
    pub base_temperature: f32,
    /// Whether embeddings are divided by their length: 0 or 1.
    pub normalizing: u8,
}

impl PixelContrastOptions {
    const USUAL: Self = Self { temperature: 0.1, base_temperature: 0.0, normalizing: 0 };

    fn loss(self) -> PixelContrast {
        let mut loss = PixelContrast::new().with_temperature(self.temperature);
        if self.base_temperature != 0.0 {
            loss = loss.with_base_temperature(self.base_temperature);
        }
        if self.normalizing != 0 { loss.normalizing() } else { loss }
    }
}

/// # Safety
/// That of the exported functions.
unsafe fn run(
    embeddings: *const Embeddings,
    options: *const PixelContrastOptions,
    gradient: Gradient,
    scratch: Words,
) -> Result<f32, Failure> {
    // SAFETY: by the caller.
    let data = unsafe { one(embeddings, Buffer::Data) }?;
    // SAFETY: by the caller.
    let options = unsafe { options_or(options, PixelContrastOptions::USUAL) }?;
    let rows = Region::of_rows(data.rows, data.number, data.dimensions, Buffer::Embeddings)?;
    let classes = Region::new(data.labels, data.number, Buffer::Labels)?;
    let anchors_len = if data.anchors.is_null() { 0 } else { data.anchors_len };
    let anchors = Region::new(data.anchors, anchors_len, Buffer::Anchors)?;
    let (grad, scratch) = (gradient.region(rows.len())?, scratch.region()?);
    grad.apart_from(&scratch)?;
    grad.apart_from(&rows)?;
    grad.apart_from(&classes)?;
    grad.apart_from(&anchors)?;
    scratch.apart_from(&rows)?;
    scratch.apart_from(&classes)?;
    scratch.apart_from(&anchors)?;
    for_dimensions!(data.dimensions, D => {
        // SAFETY: by the caller; neither `grad` nor `scratch` has a byte of any: their `apart_from` above.
        let (rows, classes, anchors) = unsafe { (rows.read(), classes.read(), anchors.read()) };
        // SAFETY: by the caller; the slices that live are of what both are apart from, and `grad.apart_from(&scratch)`.
        let (grad, scratch) = unsafe { (grad.write(), scratch.write()) };
        let ((rows, _), (grad, _)) = (rows.as_chunks::<D>(), grad.as_chunks_mut::<D>());
        let labels = labels(classes, ignored(data.has_ignore, data.ignore));
        let embeddings = if data.anchors.is_null() {
            scarce::Embeddings::new(rows, labels)?
        } else {
            scarce::Embeddings::at(rows, labels, anchors)?
        };
        let loss = options.loss();
        Ok(match gradient {
            Gradient::None => loss.value(&embeddings, Within, &mut All, scratch),
            Gradient::Add(scale, _) => loss.add_grad(&embeddings, Within, &mut All, scale, grad, scratch),
            Gradient::Write(_) => loss.value_and_grad(&embeddings, Within, &mut All, grad, scratch),
        }?)
    })
}

/// Temperature 0.1, the loss not rescaled, embeddings taken as they are.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_pixel_contrast_default() -> PixelContrastOptions {
    PixelContrastOptions::USUAL
}

/// Words of scratch for so many anchors, or embeddings where all are anchors.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_pixel_contrast_scratch_len(anchors: usize) -> usize {
    PixelContrast::scratch_len(anchors)
}

/// Pixel contrast: the loss. `scratch` has `scarce_pixel_contrast_scratch_len(anchors)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_pixel_contrast_value(
    embeddings: *const Embeddings,
    options: *const PixelContrastOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe { Results { loss, error }.of(|| run(embeddings, options, Gradient::None, Words(scratch, scratch_len))) }
}

/// Pixel contrast: the loss, and `grad += scale * gradient`, `number * dimensions` of them. Scratch as for the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_pixel_contrast_add_grad(
    embeddings: *const Embeddings,
    options: *const PixelContrastOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe {
        Results { loss, error }.of(|| run(embeddings, options, Gradient::Add(scale, grad), Words(scratch, scratch_len)))
    }
}

/// Pixel contrast: the loss, and `grad = gradient`, `number * dimensions` of them. Scratch as for the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_pixel_contrast_value_and_grad(
    embeddings: *const Embeddings,
    options: *const PixelContrastOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    // SAFETY: by the caller.
    unsafe {
        Results { loss, error }.of(|| run(embeddings, options, Gradient::Write(grad), Words(scratch, scratch_len)))
    }
}
