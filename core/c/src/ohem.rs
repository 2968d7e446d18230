//! Online hard example mining over cross entropy.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::cross_entropy::CrossEntropyOptions;
use crate::status::{ErrorReport, Failure, one_of};
use scarce::{CrossEntropy, Ohem, scratch_len};

/// Which pixels are kept, and what their sum is divided by; p is the probability of a pixel's label, l its loss.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OhemRule {
    /// p below the threshold, at least so many; divided by their weights.
    Strict = 0,
    /// As PaddleSeg's OhemCrossEntropyLoss, to the letter.
    Paddle = 1,
    /// As HRNet's, mmsegmentation's and ContrastiveSeg's OhemCrossEntropy.
    Hrnet = 2,
    /// The share of all pixels with the largest loss, as nnU-Net's TopKLoss. There is no threshold.
    TopK = 3,
    /// l above the threshold, at least so many: bootstrapped cross entropy.
    LossThreshold = 4,
}

/// How it is said how many pixels are kept at least.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinKept {
    /// As a share of all pixels: `min_kept_fraction`.
    Fraction = 0,
    /// As a number of pixels: `min_kept_pixels`.
    Pixels = 1,
}

/// Options of hard example mining over cross entropy: only the pixels count that the network gets wrong.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OhemOptions {
    /// The loss of a pixel. Its reduction is not used.
    pub cross_entropy: CrossEntropyOptions,
    /// One of `enum scarce_ohem_rule`.
    pub rule: u32,
    /// Of a probability, in 0 to 1; of a loss, 0 or more.
    pub thresh: f32,
    /// One of `enum scarce_min_kept`.
    pub min_kept: u32,
    /// In 0 to 1.
    pub min_kept_fraction: f32,
    /// A number of pixels.
    pub min_kept_pixels: u32,
    /// Whether the pixels are chosen in each image by itself: 0 or 1.
    pub per_image: u8,
}

impl Options for OhemOptions {
    const DEFAULT: Self = Self {
        cross_entropy: CrossEntropyOptions::DEFAULT,
        rule: OhemRule::Strict as u32,
        thresh: 0.7,
        min_kept: MinKept::Fraction as u32,
        min_kept_fraction: 1.0 / 16.0,
        min_kept_pixels: 0,
        per_image: 0,
    };

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        let kept = [scarce::MinKept::Fraction(self.min_kept_fraction), scarce::MinKept::Pixels(self.min_kept_pixels)];
        let min_kept = one_of(kept, self.min_kept)?;
        let rules = [OhemRule::Strict, OhemRule::Paddle, OhemRule::Hrnet, OhemRule::TopK, OhemRule::LossThreshold];
        let rule = one_of(rules, self.rule)?;
        for_softmax_classes!(classes, C => {
            let loss: CrossEntropy<C> = self.cross_entropy.loss()?;
            let ohem = match rule {
                OhemRule::Strict => Ohem::new(loss).with_thresh(self.thresh),
                OhemRule::Paddle => Ohem::paddle(loss, self.thresh, 0),
                OhemRule::Hrnet => Ohem::hrnet(loss, self.thresh, 0),
                OhemRule::TopK => Ohem::top_k(loss, 0.0),
                OhemRule::LossThreshold => Ohem::loss_threshold(loss, self.thresh, min_kept),
            }
            .with_min_kept(min_kept);
            job.run::<C>(&if self.per_image != 0 { ohem.per_image() } else { ohem })
        })
    }
}

/// p below 0.7, at least a sixteenth of all pixels, of plain cross entropy.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_ohem_default() -> OhemOptions {
    OhemOptions::DEFAULT
}

/// Words of scratch that the loss needs, whatever the function.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_ohem_scratch_len(pixels: usize) -> usize {
    scratch_len::<2, Ohem<CrossEntropy<2>>>(pixels)
}

/// Hard example mining over cross entropy: the loss.
///
/// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_ohem_value(
    batch: *const Batch,
    options: *const OhemOptions,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words(scratch, scratch_len), Results { loss, error })
}

/// Hard example mining over cross entropy: the loss, and `grad += scale * gradient`.
///
/// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_ohem_add_grad(
    batch: *const Batch,
    options: *const OhemOptions,
    scale: f32,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words(scratch, scratch_len), Results { loss, error })
}

/// Hard example mining over cross entropy: the loss, and `grad = gradient`.
///
/// `scratch` has `scarce_ohem_scratch_len(pixels)` words of 32 bits at least.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_ohem_value_and_grad(
    batch: *const Batch,
    options: *const OhemOptions,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words(scratch, scratch_len), Results { loss, error })
}
