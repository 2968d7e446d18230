//! Weighted sums of cross entropy and a loss of regions.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::cross_entropy::CrossEntropyOptions;
use crate::lovasz::LovaszOptions;
use crate::overlap::OverlapOptions;
use crate::status::{ErrorReport, Failure};
use scarce::{CrossEntropy, Lovasz, Sum, scratch_len, scratch_len_to_write};

/// Options of a weighted sum of cross entropy and Lovasz-softmax.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropyLovaszOptions {
    /// The weight of the one.
    pub cross_entropy_weight: f32,
    /// The weight of the other.
    pub lovasz_weight: f32,
    /// Options of the one.
    pub cross_entropy: CrossEntropyOptions,
    /// Options of the other.
    pub lovasz: LovaszOptions,
}

impl Options for CrossEntropyLovaszOptions {
    const DEFAULT: Self = Self {
        cross_entropy_weight: 1.0,
        lovasz_weight: 1.0,
        cross_entropy: CrossEntropyOptions::DEFAULT,
        lovasz: LovaszOptions::DEFAULT,
    };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => {
            let (cross_entropy, lovasz): (CrossEntropy<C>, _) = (self.cross_entropy.loss()?, self.lovasz.loss()?);
            job.run::<C>(&Sum((self.cross_entropy_weight, cross_entropy), (self.lovasz_weight, lovasz)))
        })
    }
}

/// Options of a weighted sum of cross entropy and an overlap loss.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropyOverlapOptions {
    /// The weight of the one.
    pub cross_entropy_weight: f32,
    /// The weight of the other.
    pub overlap_weight: f32,
    /// Options of the one.
    pub cross_entropy: CrossEntropyOptions,
    /// Options of the other.
    pub overlap: OverlapOptions,
}

impl Options for CrossEntropyOverlapOptions {
    const DEFAULT: Self = Self {
        cross_entropy_weight: 1.0,
        overlap_weight: 1.0,
        cross_entropy: CrossEntropyOptions::DEFAULT,
        overlap: OverlapOptions::DEFAULT,
    };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => {
            let (cross_entropy, overlap): (CrossEntropy<C>, _) = (self.cross_entropy.loss()?, self.overlap.loss()?);
            job.run::<C>(&Sum((self.cross_entropy_weight, cross_entropy), (self.overlap_weight, overlap)))
        })
    }
}

/// Both weights 1, the defaults of both.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_cross_entropy_lovasz_default() -> CrossEntropyLovaszOptions {
    CrossEntropyLovaszOptions::DEFAULT
}

/// Words of scratch that `scarce_cross_entropy_lovasz_value` and `scarce_cross_entropy_lovasz_add_grad` need.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_cross_entropy_lovasz_scratch_len(pixels: usize) -> usize {
    scratch_len::<2, Sum<CrossEntropy<2>, Lovasz<2>>>(pixels)
}

/// Words of scratch that `scarce_cross_entropy_lovasz_value_and_grad` needs: fewer.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_cross_entropy_lovasz_scratch_len_to_write(pixels: usize) -> usize {
    scratch_len_to_write::<2, Sum<CrossEntropy<2>, Lovasz<2>>>(pixels)
}

/// Cross entropy and Lovasz-softmax: the loss.
///
/// `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_lovasz_value(
    batch: *const Batch,
    options: *const CrossEntropyLovaszOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words(scratch, scratch_len), Results { loss, error })
}

/// Cross entropy and Lovasz-softmax: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_cross_entropy_lovasz_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_lovasz_add_grad(
    batch: *const Batch,
    options: *const CrossEntropyLovaszOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Cross entropy and Lovasz-softmax: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_cross_entropy_lovasz_scratch_len_to_write(pixels)` words at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_lovasz_value_and_grad(
    batch: *const Batch,
    options: *const CrossEntropyLovaszOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Both weights 1, the defaults of both: cross entropy and Dice.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_cross_entropy_overlap_default() -> CrossEntropyOverlapOptions {
    CrossEntropyOverlapOptions::DEFAULT
}

/// Cross entropy and an overlap loss: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_overlap_value(
    batch: *const Batch,
    options: *const CrossEntropyOverlapOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Cross entropy and an overlap loss: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_overlap_add_grad(
    batch: *const Batch,
    options: *const CrossEntropyOverlapOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Cross entropy and an overlap loss: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_overlap_value_and_grad(
    batch: *const Batch,
    options: *const CrossEntropyOverlapOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}
