//! The focal loss: softmax over the classes, and sigmoid.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::memory::of_classes;
use crate::reduction::{Reduction, reduction};
use crate::status::{Buffer, ErrorReport, Failure};
use core::ptr;
use scarce::{Focal, SigmoidFocal};

/// Options of the focal loss on a softmax: -alpha_y (1 - p_y)^gamma ln p_y; 2 classes and more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FocalOptions {
    /// A weight for each class, or NULL: all 1.
    pub alpha: *const f32,
    /// The focusing exponent, 0 or more.
    pub gamma: f32,
    /// One of `enum scarce_reduction`.
    pub reduction: u32,
    /// Of `SCARCE_REDUCTION_DIVISOR`.
    pub divisor: f32,
}

impl Options for FocalOptions {
    const DEFAULT: Self = Self { alpha: ptr::null(), gamma: 2.0, reduction: Reduction::MeanValid as u32, divisor: 1.0 };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        let reduction = reduction(self.reduction, self.divisor)?;
        for_softmax_classes!(classes, C => {
            let mut loss = Focal::<C>::new(self.gamma).with_reduction(reduction);
            if let Some(alpha) = of_classes(self.alpha, Buffer::ClassOptions)? {
                loss = loss.with_alpha(alpha);
            }
            job.run::<C>(&loss)
        })
    }
}

/// Options of the focal loss on a sigmoid in each channel; with one class foreground against background, with more each class
/// against all others.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SigmoidFocalOptions {
    /// The balance of each class, in 0 to 1: alpha for the positive term, 1 - alpha for the negative one; or NULL: both 1.
    pub alpha: *const f32,
    /// A weight for each class, which enters the divisor of the mean; or NULL: all 1.
    pub weights: *const f32,
    /// The focusing exponent, 0 or more.
    pub gamma: f32,
    /// One of `enum scarce_reduction`.
    pub reduction: u32,
    /// Of `SCARCE_REDUCTION_DIVISOR`.
    pub divisor: f32,
}

impl Options for SigmoidFocalOptions {
    const DEFAULT: Self = Self { alpha: ptr::null(), weights: ptr::null(), gamma: 2.0, reduction: 0, divisor: 1.0 };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        let reduction = reduction(self.reduction, self.divisor)?;
        for_classes!(classes, C => {
            let mut loss = SigmoidFocal::<C>::new(self.gamma).with_reduction(reduction);
            if let Some(alpha) = of_classes(self.alpha, Buffer::ClassOptions)? {
                loss = loss.with_channel_alpha(alpha);
            }
            if let Some(weights) = of_classes(self.weights, Buffer::ClassOptions)? {
                loss = loss.with_channel_weights(weights);
            }
            job.run::<C>(&loss)
        })
    }
}

/// Exponent 2, all weights 1, `SCARCE_REDUCTION_MEAN_VALID`.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_focal_default() -> FocalOptions {
    FocalOptions::DEFAULT
}

/// Focal loss on a softmax: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_focal_value(
    batch: *const Batch,
    options: *const FocalOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Focal loss on a softmax: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_focal_add_grad(
    batch: *const Batch,
    options: *const FocalOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Focal loss on a softmax: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_focal_value_and_grad(
    batch: *const Batch,
    options: *const FocalOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}

/// Exponent 2, no balance, all weights 1, `SCARCE_REDUCTION_MEAN`.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_sigmoid_focal_default() -> SigmoidFocalOptions {
    SigmoidFocalOptions::DEFAULT
}

/// Focal loss on a sigmoid: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_sigmoid_focal_value(
    batch: *const Batch,
    options: *const SigmoidFocalOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Focal loss on a sigmoid: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_sigmoid_focal_add_grad(
    batch: *const Batch,
    options: *const SigmoidFocalOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Focal loss on a sigmoid: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_sigmoid_focal_value_and_grad(
    batch: *const Batch,
    options: *const SigmoidFocalOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}
