//! Cross entropy: softmax over the classes, and binary.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::memory::of_classes;
use crate::reduction::reduction;
use crate::status::{Buffer, ErrorReport, Failure};
use core::ptr;
use scarce::{BinaryCrossEntropy, CrossEntropy};

/// Options of cross entropy: -w_y ln p_y, p the softmax of the logits; 2 classes and more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropyOptions {
    /// A weight for each class, or NULL: all 1.
    pub weights: *const f32,
    /// An addend of each class's logit, or NULL: all 0.
    pub logit_adjustment: *const f32,
    /// In 0 to 1.
    pub label_smoothing: f32,
    /// One of `enum scarce_reduction`.
    pub reduction: u32,
    /// Of `SCARCE_REDUCTION_DIVISOR`.
    pub divisor: f32,
}

impl CrossEntropyOptions {
    /// # Safety
    /// The arrays can be read.
    pub(crate) unsafe fn loss<const C: usize>(&self) -> Result<CrossEntropy<C>, Failure> {
        let mut loss = CrossEntropy::new()
            .with_label_smoothing(self.label_smoothing)
            .with_reduction(reduction(self.reduction, self.divisor)?);
        if let Some(weights) = of_classes(self.weights, Buffer::ClassOptions)? {
            loss = loss.with_weights(weights);
        }
        if let Some(adjustment) = of_classes(self.logit_adjustment, Buffer::ClassOptions)? {
            loss = loss.with_logit_adjustment(adjustment);
        }
        Ok(loss)
    }
}

impl Options for CrossEntropyOptions {
    const DEFAULT: Self =
        Self { weights: ptr::null(), logit_adjustment: ptr::null(), label_smoothing: 0.0, reduction: 0, divisor: 1.0 };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => job.run::<C>(&self.loss()?))
    }
}

/// Options of binary cross entropy: a sigmoid in each channel; with one class foreground against background, with more each
/// class against all others.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BinaryCrossEntropyOptions {
    /// The weight of the positive term of each class, or NULL: all 1.
    pub pos_weights: *const f32,
    /// The weights of the terms of labels 0 and 1, which enter the divisor of the mean.
    pub label_weights: [f32; 2],
    /// In 0 to 1.
    pub label_smoothing: f32,
    /// One of `enum scarce_reduction`.
    pub reduction: u32,
    /// Of `SCARCE_REDUCTION_DIVISOR`.
    pub divisor: f32,
}

impl Options for BinaryCrossEntropyOptions {
    const DEFAULT: Self =
        Self { pos_weights: ptr::null(), label_weights: [1.0; 2], label_smoothing: 0.0, reduction: 0, divisor: 1.0 };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        let reduction = reduction(self.reduction, self.divisor)?;
        for_classes!(classes, C => {
            let mut loss = BinaryCrossEntropy::<C>::new()
                .with_class_weights(self.label_weights)
                .with_label_smoothing(self.label_smoothing)
                .with_reduction(reduction);
            if let Some(weights) = of_classes(self.pos_weights, Buffer::ClassOptions)? {
                loss = loss.with_pos_weights(weights);
            }
            job.run::<C>(&loss)
        })
    }
}

/// All weights 1, no adjustment, no smoothing, `SCARCE_REDUCTION_MEAN`.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_cross_entropy_default() -> CrossEntropyOptions {
    CrossEntropyOptions::DEFAULT
}

/// Cross entropy: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_value(
    batch: *const Batch,
    options: *const CrossEntropyOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Cross entropy: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_add_grad(
    batch: *const Batch,
    options: *const CrossEntropyOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Cross entropy: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_cross_entropy_value_and_grad(
    batch: *const Batch,
    options: *const CrossEntropyOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}

/// All weights 1, no smoothing, `SCARCE_REDUCTION_MEAN`.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_binary_cross_entropy_default() -> BinaryCrossEntropyOptions {
    BinaryCrossEntropyOptions::DEFAULT
}

/// Binary cross entropy: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_binary_cross_entropy_value(
    batch: *const Batch,
    options: *const BinaryCrossEntropyOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Binary cross entropy: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_binary_cross_entropy_add_grad(
    batch: *const Batch,
    options: *const BinaryCrossEntropyOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Binary cross entropy: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_binary_cross_entropy_value_and_grad(
    batch: *const Batch,
    options: *const BinaryCrossEntropyOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}
