//! Soft overlap losses: Dice, Jaccard, Tversky, and what is made of them.

use crate::batch::Batch;
use crate::call::{Job, Options, Results, Words, add_grad, value, value_and_grad};
use crate::memory::of_classes;
use crate::status::{Buffer, ErrorReport, Failure, one_of};
use core::ptr;
use scarce::Overlap;

/// An index of overlap: of true positives TP, false positives FP, false negatives FN.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// (2 TP + s_n) / (2 TP + FP + FN + s_d).
    Dice = 0,
    /// (TP + s_n) / (TP + FP + FN + s_d).
    Jaccard = 1,
    /// (TP + s_n) / (TP + alpha FP + beta FN + s_d).
    Tversky = 2,
}

/// How an index x becomes a loss.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 1 - x.
    Linear = 0,
    /// -ln x.
    Log = 1,
    /// (1 - x)^gamma: focal Tversky.
    Focal = 2,
}

/// What becomes of a class without a true pixel.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It counts.
    Count = 0,
    /// It is left out of the mean over classes.
    Skip = 1,
    /// Its loss is 0, and it counts in the mean.
    Zero = 2,
}

/// The weight of each class in one index over all classes, by its number of true pixels V.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeWeights {
    /// No such weight: an index for each class.
    None = 0,
    /// 1/V.
    Simple = 1,
    /// 1/V^2: generalised Dice, which has no smoothing.
    Square = 2,
}

/// Options of the overlap losses, on a softmax (2 classes and more) or a sigmoid in each channel.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OverlapOptions {
    /// A weight for each class, or NULL: all 1. 0 leaves a class out.
    pub weights: *const f32,
    /// One of `enum scarce_index`.
    pub index: u32,
    /// Of false positives, of `SCARCE_INDEX_TVERSKY`.
    pub alpha: f32,
    /// Of false negatives, of `SCARCE_INDEX_TVERSKY`.
    pub beta: f32,
    /// s_n and s_d.
    pub smoothing: [f32; 2],
    /// One of `enum scarce_form`.
    pub form: u32,
    /// Of `SCARCE_FORM_FOCAL`.
    pub gamma: f32,
    /// One of `enum scarce_absent`.
    pub absent: u32,
    /// One of `enum scarce_volume_weights`.
    pub volume_weights: u32,
    /// Whether the errors in FP and FN are squared: 0 or 1.
    pub squared: u8,
    /// Whether the sums are of the whole batch, not of each image: 0 or 1.
    pub per_batch: u8,
    /// Whether there is one index of sums over all classes: 0 or 1.
    pub micro: u8,
    /// Whether the sum over classes is divided by their number, not by their weights: 0 or 1.
    pub unnormalized: u8,
}

impl OverlapOptions {
    pub(crate) const DICE: Self = Self {
        weights: ptr::null(),
        index: Index::Dice as u32,
        alpha: 0.5,
        beta: 0.5,
        smoothing: [1.0; 2],
        form: Form::Linear as u32,
        gamma: 1.0,
        absent: Absent::Count as u32,
        volume_weights: VolumeWeights::None as u32,
        squared: 0,
        per_batch: 0,
        micro: 0,
        unnormalized: 0,
    };

    /// # Safety
    /// The array can be read.
    pub(crate) unsafe fn loss<const C: usize>(&self) -> Result<Overlap<C>, Failure> {
        let mut loss = match one_of([Index::Dice, Index::Jaccard, Index::Tversky], self.index)? {
            Index::Dice => Overlap::dice(),
            Index::Jaccard => Overlap::jaccard(),
            Index::Tversky => Overlap::tversky(self.alpha, self.beta),
        };
        let [numerator, denominator] = self.smoothing;
        let forms = [scarce::Form::Linear, scarce::Form::Log, scarce::Form::Focal(self.gamma)];
        let absent = [scarce::Absent::Count, scarce::Absent::Skip, scarce::Absent::Zero];
        loss = loss
            .with_smoothing(numerator, denominator)
            .with_form(one_of(forms, self.form)?)
            .with_absent(one_of(absent, self.absent)?);
        match one_of([VolumeWeights::None, VolumeWeights::Simple, VolumeWeights::Square], self.volume_weights)? {
            VolumeWeights::None => {}
            VolumeWeights::Simple => loss = loss.with_volume_weights(scarce::VolumeWeights::Simple),
            VolumeWeights::Square => loss = loss.with_volume_weights(scarce::VolumeWeights::Square),
        }
        if let Some(weights) = of_classes(self.weights, Buffer::ClassOptions)? {
            loss = loss.with_weights(weights);
        }
        if self.squared != 0 {
            loss = loss.squared();
        }
        if self.per_batch != 0 {
            loss = loss.per_batch();
        }
        if self.micro != 0 {
            loss = loss.micro();
        }
        if self.unnormalized != 0 {
            loss = loss.unnormalized();
        }
        Ok(loss)
    }
}

impl Options for OverlapOptions {
    const DEFAULT: Self = Self::DICE;

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_softmax_classes!(classes, C => job.run::<C>(&self.loss()?))
    }
}

/// The same on a sigmoid.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct OnSigmoid(OverlapOptions);

impl Options for OnSigmoid {
    const DEFAULT: Self = Self(OverlapOptions::DICE);

    unsafe fn run(&self, classes: usize, job: impl Job) -> Result<f32, Failure> {
        for_classes!(classes, C => job.run::<C>(&self.0.loss()?.on_sigmoid()))
    }
}

/// Dice with smoothing 1, image by image, the mean over classes.
#[unsafe(no_mangle)]
pub extern "C" fn scarce_overlap_default() -> OverlapOptions {
    OverlapOptions::DEFAULT
}

/// Overlap on a softmax: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_value(
    batch: *const Batch,
    options: *const OverlapOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options, Words::NONE, Results { loss, error })
}

/// Overlap on a softmax: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_add_grad(
    batch: *const Batch,
    options: *const OverlapOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options, scale, grad, Words::NONE, Results { loss, error })
}

/// Overlap on a softmax: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_value_and_grad(
    batch: *const Batch,
    options: *const OverlapOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options, grad, Words::NONE, Results { loss, error })
}

/// Overlap on a sigmoid in each channel: the loss.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_sigmoid_value(
    batch: *const Batch,
    options: *const OverlapOptions,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value(batch, options.cast::<OnSigmoid>(), Words::NONE, Results { loss, error })
}

/// Overlap on a sigmoid in each channel: the loss, and `grad += scale * gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_sigmoid_add_grad(
    batch: *const Batch,
    options: *const OverlapOptions,
    scale: f32,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    add_grad(batch, options.cast::<OnSigmoid>(), scale, grad, Words::NONE, Results { loss, error })
}

/// Overlap on a sigmoid in each channel: the loss, and `grad = gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scarce_overlap_sigmoid_value_and_grad(
    batch: *const Batch,
    options: *const OverlapOptions,
    grad: *mut f32,
    loss: *mut f32,
    error: *mut ErrorReport,
) -> i32 {
    value_and_grad(batch, options.cast::<OnSigmoid>(), grad, Words::NONE, Results { loss, error })
}
