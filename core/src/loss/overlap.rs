//! The overlap family: Dice, Jaccard, Tversky, focal Tversky, generalised Dice, by one engine of sums.

use super::focal::power;
use crate::activation::{Activation, Probabilities, Sigmoid, Softmax};
use crate::error::{check_parameter, exponent, weight};
use crate::kernel::sum::{BLOCK, BlockSum, ClassSums, Total};
use crate::kernel::tile::{LANES, Lanes, as_added, as_tile, as_tile_mut, clear_ignored, looked_up, put};
use crate::math::{Fast, Math};
use crate::scores::clear;
use crate::tiled::Counted;
use crate::{Batch, Error, Loss, Parameter, Scores, ScoresMut, Tiled};
use core::marker::PhantomData;
use core::ops::Range;

/// The smallest denominator of an index, which is the smallest smoothing; below it the denominator counts as this constant.
///
/// It matters only without smoothing, for a class that is neither present nor predicted, where the index would be 0/0.
const SMALLEST_DENOMINATOR: f32 = 1e-12;

/// The smallest index that [`Form::Log`] takes the logarithm of.
const SMALLEST_INDEX: f32 = 1e-7;

/// The largest smoothing constant that a weighted sum over classes is given: the index is 1 then, in any case.
const LARGEST_SMOOTHING: f32 = 1e30;

/// The smallest distance of a focal form's index from 1, where the derivative may be infinite. Closer in, the loss is what
/// it is and the slope that at this distance.
const SINGULAR: f32 = 1e-6;

/// How the index x of a class becomes its loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Form {
    /// 1 − x.
    #[default]
    Linear,
    /// −ln x (segmentation_models.pytorch's `log_loss`); an index below 10⁻⁷ counts as 10⁻⁷ and has no gradient.
    Log,
    /// (1 − x)^γ: focal Tversky. For γ < 1 the slope is infinite at x = 1; it is bounded by its value at 1 − x = 10⁻⁶.
    Focal(f32),
}

/// What becomes of a class without a true pixel (in the image or the batch, as the sums are taken).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Absent {
    /// It counts: its loss comes from its false positives only. With smoothing in the numerator that gradient is bounded.
    #[default]
    Count,
    /// It is left out of the mean over classes.
    Skip,
    /// Its loss is 0, and it counts in the mean (segmentation_models.pytorch).
    Zero,
}

/// The weight of each class in sums over classes, from its number of true pixels V.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum VolumeWeights {
    /// 1.
    #[default]
    None,
    /// 1/V; an absent class gets the largest weight of the others.
    Simple,
    /// 1/V²: generalised Dice; an absent class gets the largest weight of the others.
    Square,
}

/// Soft overlap losses: Dice, Jaccard (IoU), Tversky, focal Tversky, generalised Dice.
///
/// One engine: for each class, over the valid pixels of an image (or of the batch),
///
/// ```text
/// TP = Σ p t       FP = Σ pᵏ (1 − t)       FN = Σ (1 − p)ᵏ t        k = 1, or 2 for the V-Net form
/// x = (m TP + s_n) / (m [TP + α FP + β FN] + s_d)                   the index
/// L = mean over images of (Σ_c w_c f(x_c) / Σ_c w_c),  f(x) = 1 − x or another Form
/// ```
///
/// | constructor | α | β | m | index |
/// |---|---|---|---|---|
/// | [`dice`](Self::dice) | ½ | ½ | 2 | (2I + s_n) / (P + T + s_d) |
/// | [`jaccard`](Self::jaccard) | 1 | 1 | 1 | (I + s_n) / (P + T − I + s_d) |
/// | [`tversky`](Self::tversky) | α | β | 1 | (TP + s_n) / (TP + α FP + β FN + s_d) |
///
/// With P = Σ pᵏ, T = Σ t and I = TP that is what others write; in TP, FP and FN a nearly perfect overlap keeps its digits.
/// Smoothing s_n = s_d = 1, each image by itself, classes averaged, is the default.
///
/// # Gradient
///
/// ```text
/// ∂L/∂p = f'(x) ∂x/∂FP k pᵏ⁻¹ at t = 0,  f'(x) (∂x/∂TP − ∂x/∂FN k (1 − p)ᵏ⁻¹) at t = 1
/// and through the activation, for softmax: ∂L/∂z_c = p_c (∂L/∂p_c − Σ_j p_j ∂L/∂p_j)
/// ```
///
/// # Shapes
///
/// Scores and gradient `[f32; C]` a pixel; softmax C ≥ 2, sigmoid and probabilities any C ≥ 1 (with one channel the one
/// class is label 1). No scratch: a gradient that is written holds the probabilities of a softmax meanwhile; others are
/// computed twice.
///
/// # When to use it
///
/// Beside cross entropy, in a [`Sum`](crate::Sum). A class of one pixel in an image of many is worth as much as the
/// background: that is the point, and it makes training from scratch with this loss alone unreliable. Dice over the batch
/// ([`per_batch`](Self::per_batch)) alone missed cracks of 2.3 % of the pixels with one of three seeds (IoU 0.00, 0.38 and
/// 0.37 after 600 steps), with cross entropy it found them with each (0.37 to 0.38); on precipitates of 1.7 % it came to
/// 0.65 to 0.67 alone, and cross entropy to 0.55 to 0.60 (`cargo run --release -- --seeds 3 --data examples-host/data/crack`, or `…/alloy`, in the repository). Tversky
/// with β > α asks for recall (Salehi et al. 2017). Of the losses on regions these keep the least: a few sums, also [tile
/// by tile](crate::Tiled).
///
/// # Pitfalls
///
/// * **Smoothing in the numerator moves absent classes.** With s_n = s_d = 1 their gradient is bounded; with both small and
///   equal it explodes as p → 0 (22 at 10⁻⁵ and 65 536 pixels); with s_n = 0 there is none, and an image of background
///   alone teaches nothing.
/// * **Smoothing of 1 hides small classes**: a class of three pixels that is wholly missed has the loss 0.75, not 1, and
///   one of a hundred pixels 0.99.
/// * **By image or by batch**: by image a class that is absent from most images is mostly smoothing;
///   [`per_batch`](Self::per_batch) has less of that noise. [`Absent`] says what becomes of a class without a true pixel.
/// * **Micro-averaged Tversky on a softmax** depends on α + β alone: each pixel that is wrong is one FP and one FN.
/// * **Focal Tversky's exponent** is 1/γ in the paper, with γ = 4/3: that is [`Form::Focal`]`(0.75)` here. Below 1 its
///   slope at a perfect overlap is infinite, and bounded here.
/// * An image without a valid pixel contributes 0 to the mean over images, and counts in it.
///
/// # Other libraries
///
/// PaddleSeg's `DiceLoss` is the default here, [`unnormalized`](Self::unnormalized) where it has weights. MONAI smooths
/// with 10⁻⁵; nnU-Net too, over the batch, without the background, and its loss is lower by 1. segmentation_models.pytorch
/// takes the whole batch and gives an absent class the loss 0 ([`Absent::Zero`]), so that a batch of background alone has
/// no gradient. Kornia and mmsegmentation sum over the classes by default ([`micro`](Self::micro)). Squares and Jaccard:
/// MONAI's `squared_pred`, `jaccard`. mmsegmentation lets ignored pixels into the denominator; here they are never read.
/// Class weights inside the index, which can make a loss negative, are not here. Row by row:
/// [`migration`](crate::migration).
///
/// # Source
///
/// Milletari et al. 2016, §3 (Dice, k = 2); Sudre et al. 2017, §2.1 (generalised); Salehi et al. 2017 (Tversky); Abraham
/// and Khan 2019 (focal Tversky; the exponent is applied to each class, before the mean).
///
/// # Example
///
/// ```
/// use scarce::{Batch, Labels, Loss, Overlap};
///
/// let probabilities = [[0.8, 0.2], [0.4, 0.6]];
/// let batch = Batch::new(&probabilities, Labels::new(&[0, 1]))?;
/// let dice = Overlap::dice().with_smoothing(0.0, 0.0).on_probabilities();
/// let mut grad = [[0.0; 2]; 2];
/// let loss = dice.value_and_grad(&batch, &mut grad, &mut [])?;
/// // Class 0: 1 − 2 · 0.8 / (1.2 + 1); class 1: 1 − 2 · 0.6 / (0.8 + 1); their mean:
/// assert!((loss - 0.303_030_3).abs() < 1e-6);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "Dice")]
#[doc(alias = "DiceLoss")]
#[doc(alias = "GeneralizedDiceLoss")]
#[doc(alias = "Jaccard")]
#[doc(alias = "JaccardLoss")]
#[doc(alias = "IoU")]
#[doc(alias = "Tversky")]
#[doc(alias = "TverskyLoss")]
#[doc(alias = "FocalTverskyLoss")]
#[doc(alias = "F1")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Overlap<const C: usize, A = Softmax, M = Fast> {
    multiplier: f32,
    false_positives: f32,
    false_negatives: f32,
    smoothing: [f32; 2],
    squared: bool,
    form: Form,
    per_image: bool,
    micro: bool,
    volume_weights: VolumeWeights,
    absent: Absent,
    weights: [f32; C],
    unnormalized: bool,
    kind: PhantomData<(A, M)>,
}

impl<const C: usize> Overlap<C> {
    /// Dice, also called F1: (2I + s_n) / (P + T + s_d).
    #[must_use]
    pub const fn dice() -> Self {
        Self::index(2.0, 0.5, 0.5)
    }

    /// Jaccard, also called IoU: (I + s_n) / (P + T − I + s_d).
    #[must_use]
    pub const fn jaccard() -> Self {
        Self::index(1.0, 1.0, 1.0)
    }

    /// Tversky: (TP + s_n) / (TP + α FP + β FN + s_d), with α, β ≥ 0. β > α asks for recall.
    #[must_use]
    pub const fn tversky(alpha: f32, beta: f32) -> Self {
        Self::index(1.0, alpha, beta)
    }

    /// Focal Tversky: the [`tversky`](Self::tversky) index in [`Form::Focal`].
    #[must_use]
    pub const fn focal_tversky(alpha: f32, beta: f32, gamma: f32) -> Self {
        Self::tversky(alpha, beta).with_form(Form::Focal(gamma))
    }

    /// Generalised Dice: one index of sums over all classes, each weighted by 1/V², without smoothing.
    ///
    /// A smoothing constant stands beside sums of the size of 1/V, so that one that is right for a small image swamps a
    /// large one: MONAI's 10⁻⁵ lowers the loss by a tenth at 256 × 256 and by half at 1024 × 1024.
    #[must_use]
    pub const fn generalized_dice() -> Self {
        Self::dice().with_smoothing(0.0, 0.0).with_volume_weights(VolumeWeights::Square)
    }

    const fn index(multiplier: f32, false_positives: f32, false_negatives: f32) -> Self {
        Self {
            multiplier,
            false_positives,
            false_negatives,
            smoothing: [1.0; 2],
            squared: false,
            form: Form::Linear,
            per_image: true,
            micro: false,
            volume_weights: VolumeWeights::None,
            absent: Absent::Count,
            weights: [1.0; C],
            unnormalized: false,
            kind: PhantomData,
        }
    }
}

impl<const C: usize, A, M> Overlap<C, A, M> {
    /// The smoothing constants s_n and s_d, ≥ 0, as they stand in the index.
    #[must_use]
    pub const fn with_smoothing(self, numerator: f32, denominator: f32) -> Self {
        Self { smoothing: [numerator, denominator], ..self }
    }

    /// Squares the errors in FP and FN, which for Dice and Jaccard squares p and t in P and T: the V-Net form, MONAI's
    /// `squared_pred`.
    #[must_use]
    pub const fn squared(self) -> Self {
        Self { squared: true, ..self }
    }

    /// How an index becomes a loss.
    #[must_use]
    pub const fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Takes the sums over the whole batch, not image by image: less noise from images that lack a class.
    #[must_use]
    pub const fn per_batch(self) -> Self {
        Self { per_image: false, ..self }
    }

    /// Takes the sums image by image and averages the losses: the default.
    #[must_use]
    pub const fn per_image(self) -> Self {
        Self { per_image: true, ..self }
    }

    /// One index, of sums over all classes (weighted by the class weights), instead of a mean over classes. What
    /// [`Absent`] says does not apply.
    #[must_use]
    pub const fn micro(self) -> Self {
        Self { micro: true, ..self }
    }

    /// One index as [`micro`](Self::micro), its classes weighted by their volume as well.
    #[must_use]
    pub const fn with_volume_weights(self, volume_weights: VolumeWeights) -> Self {
        Self { volume_weights, micro: true, ..self }
    }

    /// What becomes of a class without a true pixel.
    #[must_use]
    pub const fn with_absent(self, absent: Absent) -> Self {
        Self { absent, ..self }
    }

    /// A weight ≥ 0 for each class's loss; 0 leaves a class out.
    #[must_use]
    pub const fn with_weights(self, weights: [f32; C]) -> Self {
        Self { weights, ..self }
    }

    /// Divides the weighted sum over classes by their number instead of by their weights (PaddleSeg, MONAI).
    #[must_use]
    pub const fn unnormalized(self) -> Self {
        Self { unnormalized: true, ..self }
    }

    /// Leaves class 0 out of the loss; its scores still matter to the softmax (MONAI's `include_background=False`).
    #[must_use]
    pub const fn without_background(mut self) -> Self {
        if let Some(background) = self.weights.first_mut() {
            *background = 0.0;
        }
        self
    }

    /// Probabilities by a sigmoid in each channel: binary with one channel, else one class against all others.
    #[must_use]
    pub const fn on_sigmoid(self) -> Overlap<C, Sigmoid, M> {
        self.with()
    }

    /// The scores are probabilities, and the gradient is with respect to them.
    #[must_use]
    pub const fn on_probabilities(self) -> Overlap<C, Probabilities, M> {
        self.with()
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> Overlap<C, A, N> {
        self.with()
    }

    const fn with<B, N>(self) -> Overlap<C, B, N> {
        Overlap {
            multiplier: self.multiplier,
            false_positives: self.false_positives,
            false_negatives: self.false_negatives,
            smoothing: self.smoothing,
            squared: self.squared,
            form: self.form,
            per_image: self.per_image,
            micro: self.micro,
            volume_weights: self.volume_weights,
            absent: self.absent,
            weights: self.weights,
            unnormalized: self.unnormalized,
            kind: PhantomData,
        }
    }
}

/// TP, FP and FN of one class or of all, and the number of true pixels.
#[derive(Clone, Copy)]
struct Outcomes {
    hit: f32,
    false_positive: f32,
    false_negative: f32,
    truth: f32,
}

impl Outcomes {
    const ZERO: Self = Self { hit: 0.0, false_positive: 0.0, false_negative: 0.0, truth: 0.0 };
}

/// TP, FP and FN of each class over a block of pixels, to which they are added one after the other.
#[derive(Clone, Copy)]
struct Sums<const C: usize> {
    hits: ClassSums<C>,
    false_positives: ClassSums<C>,
    misses: ClassSums<C>,
}

impl<const C: usize> Sums<C> {
    const ZERO: Self = Self { hits: ClassSums::ZERO, false_positives: ClassSums::ZERO, misses: ClassSums::ZERO };
}

/// TP, FP and FN of each class over all blocks.
#[derive(Clone, Copy, Debug)]
struct Totals<const C: usize>([[Total; C]; 3]);

impl<const C: usize> Totals<C> {
    const ZERO: Self = Self([[Total::ZERO; C]; 3]);

    #[inline(never)]
    fn add(&mut self, Sums { hits, false_positives, misses }: &Sums<C>) {
        for (totals, sums) in self.0.iter_mut().zip([hits, false_positives, misses]) {
            for (class, total) in totals.iter_mut().enumerate() {
                total.add(sums.get(class));
            }
        }
    }

    #[inline]
    fn add_block(&mut self, sums: &[[f32; C]; 3]) {
        for (total, sum) in self.0.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            total.add(*sum);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (total, other) in self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
            total.merge(*other);
        }
    }

    fn outcomes(&self, truth: [u32; C]) -> [Outcomes; C] {
        let Self([hits, false_positives, misses]) = self;
        let mut outcomes = truth.map(|count| Outcomes { truth: count as f32, ..Outcomes::ZERO });
        for (((outcomes, hit), false_positive), miss) in outcomes.iter_mut().zip(hits).zip(false_positives).zip(misses)
        {
            outcomes.hit = hit.get();
            outcomes.false_positive = false_positive.get();
            outcomes.false_negative = miss.get();
        }
        outcomes
    }
}

/// ∂L/∂TP, ∂L/∂FP and ∂L/∂FN of one class.
#[derive(Clone, Copy, Debug)]
struct Slopes {
    hit: f32,
    false_positive: f32,
    false_negative: f32,
}

impl Slopes {
    const ZERO: Self = Self { hit: 0.0, false_positive: 0.0, false_negative: 0.0 };

    fn scaled(self, factor: f32) -> Self {
        Self {
            hit: self.hit * factor,
            false_positive: self.false_positive * factor,
            false_negative: self.false_negative * factor,
        }
    }
}

impl<const C: usize, A: Activation, M: Math> Overlap<C, A, M> {
    /// f(x) of the index of these outcomes, and its derivatives.
    fn index_loss(&self, outcomes: Outcomes, smoothing: [f32; 2]) -> (f32, Slopes) {
        let [smooth_numerator, smooth_denominator] = smoothing;
        let m = self.multiplier;
        let errors =
            m * (self.false_positives * outcomes.false_positive + self.false_negatives * outcomes.false_negative);
        let numerator = m * outcomes.hit + smooth_numerator;
        let denominator = m * outcomes.hit + errors + smooth_denominator;
        let floored = denominator < SMALLEST_DENOMINATOR;
        let inverse = 1.0 / denominator.max(SMALLEST_DENOMINATOR);
        let index = numerator * inverse;
        // 1 − x without a subtraction of nearly equal numbers.
        let miss = if floored { 1.0 - index } else { (errors + (smooth_denominator - smooth_numerator)) * inverse };
        let (loss, slope) = match self.form {
            Form::Linear => (miss, -1.0),
            Form::Log if index < SMALLEST_INDEX => (-M::ln(SMALLEST_INDEX), 0.0),
            // −ln x = ln(1 + (1 − x)/x), which keeps its digits where x is near 1.
            Form::Log if miss >= 0.0 => (M::ln_1p(miss / index), -1.0 / index),
            Form::Log => (-M::ln(index), -1.0 / index),
            Form::Focal(gamma) => {
                // s_n > s_d can lift the index over 1, where the loss is 0 and flat.
                let flat = gamma == 0.0 || miss < 0.0;
                let loss = if gamma == 0.0 { 1.0 } else { power::<M>(miss.max(0.0), gamma) };
                let miss = miss.max(SINGULAR);
                let slope = if flat { 0.0 } else { -gamma * power::<M>(miss, gamma) / miss };
                (loss, slope)
            }
        };
        let direct = slope * m * inverse;
        let through_denominator = if floored { 0.0 } else { -(direct * index) };
        let slopes = Slopes {
            // ∂x/∂TP = m (1 − x) / denominator, the 1 − x again without a subtraction.
            hit: if floored { direct } else { direct * miss },
            false_positive: self.false_positives * through_denominator,
            false_negative: self.false_negatives * through_denominator,
        };
        (loss, slopes)
    }

    /// The weight of each class in sums over all of them.
    fn micro_weights(&self, truth: [f32; C]) -> [f32; C] {
        let volume = match self.volume_weights {
            VolumeWeights::None => [1.0; C],
            VolumeWeights::Simple => truth.map(|volume| 1.0 / volume),
            VolumeWeights::Square => truth.map(|volume| 1.0 / (volume * volume)),
        };
        let largest =
            volume.iter().fold(0.0, |max: f32, &weight| if weight.is_finite() { max.max(weight) } else { max });
        let mut weights = self.weights;
        for (weight, volume) in weights.iter_mut().zip(volume) {
            *weight *= if volume.is_finite() { volume } else { largest };
        }
        weights
    }

    /// The loss of one group of pixels, and the slopes of each class.
    fn group_loss(&self, outcomes: [Outcomes; C]) -> (f32, [Slopes; C]) {
        let mut slopes = [Slopes::ZERO; C];
        if self.micro {
            let weights = self.micro_weights(outcomes.map(|outcomes| outcomes.truth));
            let largest = weights.iter().fold(0.0, |largest: f32, &weight| largest.max(weight));
            if largest <= 0.0 {
                return (0.0, slopes);
            }
            // The index of sums and smoothing all divided by the largest weight is the same, and its denominator is of the
            // size of pixels whatever the weights.
            let weights = weights.map(|weight| weight / largest);
            let smoothing = self.smoothing.map(|smoothing| (smoothing / largest).min(LARGEST_SMOOTHING));
            let mut total = Outcomes::ZERO;
            for (weight, outcomes) in weights.iter().zip(outcomes) {
                total.hit += weight * outcomes.hit;
                total.false_positive += weight * outcomes.false_positive;
                total.false_negative += weight * outcomes.false_negative;
            }
            let (loss, slope) = self.index_loss(total, smoothing);
            return (loss, weights.map(|weight| slope.scaled(weight)));
        }
        let (mut loss, mut divisor) = (0.0, 0.0);
        for ((slopes, outcomes), weight) in slopes.iter_mut().zip(outcomes).zip(self.weights) {
            let absent = outcomes.truth <= 0.0;
            if absent && self.absent == Absent::Skip {
                continue;
            }
            divisor += if self.unnormalized { 1.0 } else { weight };
            if absent && self.absent == Absent::Zero {
                continue;
            }
            let (class_loss, class_slopes) = self.index_loss(outcomes, self.smoothing);
            loss += weight * class_loss;
            *slopes = class_slopes.scaled(weight);
        }
        if divisor <= 0.0 {
            return (0.0, [Slopes::ZERO; C]);
        }
        (loss / divisor, slopes.map(|slopes| slopes.scaled(1.0 / divisor)))
    }

    /// The outcomes of each class; `None` without a valid pixel. `keep` as in [`observe_range`](Self::observe_range).
    #[inline(always)]
    fn outcomes<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        keep: impl FnMut(usize, Option<&mut [Lanes<LANES>; C]>, &Lanes<LANES>, &[u32; LANES]),
    ) -> Option<[Outcomes; C]> {
        let (truth, valid) = batch.counts_of(range.clone());
        if valid == 0 {
            return None;
        }
        let mut totals = Totals::ZERO;
        self.observe_range(batch, range, &mut totals, keep);
        Some(totals.outcomes(truth))
    }

    /// Adds the outcomes of a range. `keep` gets the probabilities of each tile, its own ones included.
    #[inline(always)]
    fn observe_range<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        totals: &mut Totals<C>,
        mut keep: impl FnMut(usize, Option<&mut [Lanes<LANES>; C]>, &Lanes<LANES>, &[u32; LANES]),
    ) {
        let (mut scores, mut others) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
        let mut block = range.start;
        while block < range.end {
            let mut sums = Sums::ZERO;
            let mut place = 0;
            while place < BLOCK && block.wrapping_add(place) < range.end {
                let start = block.wrapping_add(place);
                let (scores, labels) = batch.read(start, range.end, &mut scores);
                if let Some(scores) = scores {
                    let (hit, miss) = A::outcomes::<M, C, LANES>(scores, &labels, &mut others);
                    if LANES == 1 {
                        self.add(&mut sums, place, &labels, &others, &hit, &miss);
                    } else {
                        totals.add_block(&self.sums_of(&labels, &mut others, &hit, &miss));
                    }
                    keep(start, Some(&mut others), &hit, &labels);
                } else {
                    keep(start, None, &[0.0; LANES], &labels);
                }
                place = place.wrapping_add(LANES);
            }
            if LANES == 1 {
                totals.add(&sums);
            }
            block = block.wrapping_add(BLOCK);
        }
    }

    /// Adds the TP, FP and FN of a pixel.
    #[inline(always)]
    fn add<const L: usize>(
        &self,
        sums: &mut Sums<C>,
        place: usize,
        labels: &[u32; L],
        others: &[Lanes<L>; C],
        hit: &Lanes<L>,
        miss: &Lanes<L>,
    ) {
        let ([label], [hit], [miss]) = (labels.as_slice(), hit.as_slice(), miss.as_slice()) else { return };
        let (class, others) = (*label as usize, others.as_flattened().iter());
        sums.hits.add_one(place, class, *hit);
        sums.misses.add_one(place, class, self.power(*miss));
        // The exponent is looked at once, not for each class.
        if self.squared {
            sums.false_positives.add_row(place, others.map(|other| *other * *other));
        } else {
            sums.false_positives.add_row(place, others.copied());
        }
    }

    /// The TP, FP and FN of a block of pixels, of which `others` becomes 0 where they are ignored.
    #[inline(always)]
    fn sums_of<const L: usize>(
        &self,
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
        hit: &Lanes<L>,
        miss: &Lanes<L>,
    ) -> [[f32; C]; 3] {
        // Where ignored, the scores of a tile are 0, and their probabilities are not.
        clear_ignored(others, labels);
        let mut miss = *miss;
        for miss in &mut miss {
            *miss = self.power(*miss);
        }
        let mut sums = [[0.0; C]; 3];
        let [hits, false_positives, misses] = &mut sums;
        let classes = hits.iter_mut().zip(false_positives).zip(misses).zip(others.iter()).zip(0_u32..);
        for ((((hits, false_positives), misses), others), class) in classes {
            let (mut own_hits, mut own_misses, mut errors) = ([0.0; L], [0.0; L], *others);
            for lane in 0..L {
                let own = labels[lane] == class;
                own_hits[lane] = if own { hit[lane] } else { 0.0 };
                own_misses[lane] = if own { miss[lane] } else { 0.0 };
            }
            if self.squared {
                for error in &mut errors {
                    *error *= *error;
                }
            }
            *hits = BlockSum::of(&own_hits);
            *false_positives = BlockSum::of(&errors);
            *misses = BlockSum::of(&own_misses);
        }
        sums
    }

    /// The gradient of a tile, in place of the probabilities that are not the pixels' own.
    #[inline(always)]
    fn differentiate<const L: usize>(
        &self,
        slopes: &[Slopes; C],
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        hit: &Lanes<L>,
        miss: &Lanes<L>,
        tile: &mut [Lanes<L>; C],
    ) {
        // ∂L/∂p of the pixels' own class; of the others it is u + v p.
        let mut own = [0.0; L];
        if looked_up(C, L) {
            for ((own, label), miss) in own.iter_mut().zip(labels).zip(miss) {
                *own = slopes
                    .get(*label as usize)
                    .map_or(0.0, |slopes| slopes.hit - slopes.false_negative * self.power_slope(*miss));
            }
        } else {
            for (slopes, class) in slopes.iter().zip(0_u32..) {
                for lane in 0..L {
                    let slope = slopes.hit - slopes.false_negative * self.power_slope(miss[lane]);
                    own[lane] += if labels[lane] == class { slope } else { 0.0 };
                }
            }
        }
        let [constant, linear] = if self.squared { [0.0, 2.0] } else { [1.0, 0.0] };
        let affine = slopes.map(|slopes| [slopes.false_positive * constant, slopes.false_positive * linear]);
        let (mut base, mut shared) = ([0.0; L], [0.0; L]);
        if A::COUPLED {
            // All ∂L/∂p may be shifted together, since a softmax does not feel it: so that they are about 0 at the most
            // probable class, by its own or by the mean Σ_k p_k ∂_k. Unshifted, ∂_c − Σ_k p_k ∂_k cancels where one
            // probability is near 1: four digits of seven would be left.
            base = own;
            if L > 1 || hit.iter().all(|hit| *hit < 0.5) {
                let mut mean = [0.0; L];
                for lane in 0..L {
                    mean[lane] = hit[lane] * own[lane];
                }
                for (tile, [u, v]) in tile.iter().zip(affine) {
                    for lane in 0..L {
                        mean[lane] += tile[lane] * (u + v * tile[lane]);
                    }
                }
                for lane in 0..L {
                    base[lane] += if hit[lane] < 0.5 { mean[lane] - own[lane] } else { 0.0 };
                }
            }
            for lane in 0..L {
                shared[lane] = hit[lane] * (own[lane] - base[lane]);
            }
            for (tile, [u, v]) in tile.iter().zip(affine) {
                for lane in 0..L {
                    shared[lane] += tile[lane] * ((u + v * tile[lane]) - base[lane]);
                }
            }
        }
        let mut at_label = [0.0; L];
        for lane in 0..L {
            let slope = (own[lane] - base[lane]) - shared[lane];
            at_label[lane] = as_added(A::local(hit[lane], miss[lane]) * slope);
        }
        for (((tile, scores), [u, v]), class) in tile.iter_mut().zip(scores).zip(affine).zip(0_u32..) {
            for lane in 0..L {
                let probability = tile[lane];
                let local = if A::COUPLED {
                    probability
                } else {
                    let local = A::slope::<M, 1>([scores[lane]], 0, 1.0);
                    if labels[lane] == class { 0.0 } else { local }
                };
                tile[lane] = as_added(local * (((u + v * probability) - base[lane]) - shared[lane]));
            }
        }
        put(tile, labels, &at_label);
        if L > 1 {
            clear_ignored(tile, labels);
        }
    }

    /// The gradient of a tile from its scores.
    #[inline(always)]
    fn differentiate_scores<const L: usize>(
        &self,
        slopes: &[Slopes; C],
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        tile: &mut [Lanes<L>; C],
    ) {
        let (hit, miss) = A::outcomes::<M, C, L>(scores, labels, tile);
        let miss = if A::COUPLED { self.coupled_miss(tile) } else { miss };
        self.differentiate(slopes, scores, labels, &hit, &miss, tile);
    }

    /// eᵏ of an error.
    #[inline]
    fn power(&self, error: f32) -> f32 {
        if self.squared { error * error } else { error }
    }

    /// k eᵏ⁻¹ of an error.
    #[inline]
    fn power_slope(&self, error: f32) -> f32 {
        if self.squared { 2.0 * error } else { 1.0 }
    }

    /// 1 − p of the pixels' own class, from the probabilities of the others; only squares ask for it.
    #[inline(always)]
    fn coupled_miss<const L: usize>(&self, others: &[Lanes<L>; C]) -> Lanes<L> {
        if self.squared { sum_of_each(others) } else { [0.0; L] }
    }

    /// The loss of a group of pixels whose scores lie side by side, as does the gradient, which is written: what
    /// [`run`](Self::run) does, a row at a time and in place.
    #[inline(always)]
    fn write_rows<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        scale: f32,
        grad: &mut [[f32; C]],
    ) -> f32 {
        let (truth, valid) = batch.counts_of(range.clone());
        if valid == 0 {
            grad.as_flattened_mut().fill(0.0);
            return 0.0;
        }
        let rows = batch.rows_of(range.clone()).unwrap_or_default();
        let labels = || batch.labels_of(range.clone()).from(0);
        let (mut totals, mut sums, mut place) = (Totals::ZERO, Sums::ZERO, 0_usize);
        for ((row, grad), label) in rows.iter().zip(grad.iter_mut()).zip(labels()) {
            match (label, as_tile(row), as_tile_mut(grad)) {
                (Some(label), Some(row), Some(tile)) => {
                    let label = [u32::from(label)];
                    let (hit, miss) = A::outcomes::<M, C, 1>(row, &label, tile);
                    self.add(&mut sums, place, &label, tile, &hit, &miss);
                    put(tile, &label, &hit);
                }
                _ => *grad = [0.0; C],
            }
            place = place.wrapping_add(1);
            if place == BLOCK {
                totals.add(&sums);
                (sums, place) = (Sums::ZERO, 0);
            }
        }
        totals.add(&sums);
        let (loss, slopes) = self.group_loss(totals.outcomes(truth));
        let slopes = slopes.map(|slopes| slopes.scaled(scale));
        for ((row, grad), label) in rows.iter().zip(grad).zip(labels()) {
            if let (Some(label), Some(row), Some(tile)) = (label, as_tile(row), as_tile_mut(grad)) {
                let label = [u32::from(label)];
                let hit = take(tile, &label);
                let miss = self.coupled_miss(tile);
                self.differentiate(&slopes, row, &label, &hit, &miss, tile);
            }
        }
        loss
    }

    /// The mean of the groups' losses; the gradient is added to `grad`, or written if it is to `SET`.
    #[inline(always)]
    fn run<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        mut grad: Option<&mut G>,
    ) -> f32 {
        // A softmax's probabilities are kept in the gradient, where that is free.
        let keep = SET && A::COUPLED && G::KEEPS;
        if keep && LANES == 1 && S::PIXEL_MAJOR && G::PIXEL_MAJOR {
            return batch.mean_over_groups(self.per_image, |range, groups| {
                let grad = grad.as_deref_mut().and_then(|grad| grad.rows_mut(range.clone())).unwrap_or_default();
                self.write_rows(batch, range, scale / groups, grad)
            });
        }
        let mut tile = [[0.0; LANES]; C];
        let mut scores = tile;
        batch.mean_over_groups(self.per_image, |range, groups| {
            let outcomes = self.outcomes(batch, range.clone(), |start, others, hit, labels| {
                let (true, Some(grad)) = (keep, grad.as_deref_mut()) else { return };
                match others {
                    Some(tile) => {
                        put(tile, labels, hit);
                        grad.write(start, tile);
                    }
                    None => grad.write(start, &[[0.0; LANES]; C]),
                }
            });
            let Some(grad) = grad.as_deref_mut() else {
                return outcomes.map_or(0.0, |outcomes| self.group_loss(outcomes).0);
            };
            let (loss, slopes) = match outcomes {
                Some(outcomes) => self.group_loss(outcomes),
                None => {
                    if SET {
                        clear(grad, &range);
                    }
                    return 0.0;
                }
            };
            let slopes = slopes.map(|slopes| slopes.scaled(scale / groups));
            let mut start = range.start;
            while start < range.end {
                let labels = if keep {
                    // The scores are not read again.
                    let labels = batch.channels(start, range.end);
                    grad.read(start, &mut tile);
                    let hit = take(&mut tile, &labels);
                    let miss = self.coupled_miss(&tile);
                    self.differentiate(&slopes, &scores, &labels, &hit, &miss, &mut tile);
                    labels
                } else {
                    let (scores, labels) = batch.read(start, range.end, &mut scores);
                    if let Some(scores) = scores {
                        self.differentiate_scores(&slopes, scores, &labels, &mut tile);
                    } else {
                        tile = [[0.0; LANES]; C];
                    }
                    labels
                };
                if SET {
                    // What lies past the end is another group's, and written in its turn.
                    grad.write(start, &tile);
                } else {
                    grad.add(start, &tile, &labels);
                }
                start = start.wrapping_add(LANES);
            }
            loss
        })
    }
}

/// Takes out the probability of each pixel's own class.
#[inline(always)]
fn take<const C: usize, const L: usize>(tile: &mut [Lanes<L>; C], labels: &[u32; L]) -> Lanes<L> {
    let mut hit = [0.0; L];
    if looked_up(C, L) {
        for ((hit, label), lane) in hit.iter_mut().zip(labels).zip(0..) {
            let own = tile.get_mut(*label as usize).and_then(|of| of.get_mut(lane));
            *hit = own.map_or(0.0, core::mem::take);
        }
        return hit;
    }
    for (tile, class) in tile.iter_mut().zip(0_u32..) {
        for lane in 0..L {
            // Two selections would be compiled to a branch for each pixel.
            let own = if labels[lane] == class { tile[lane] } else { 0.0 };
            hit[lane] += own;
            tile[lane] -= own;
        }
    }
    hit
}

/// The sum over the classes, in order, of each pixel.
#[inline(always)]
fn sum_of_each<const C: usize, const L: usize>(tile: &[Lanes<L>; C]) -> Lanes<L> {
    let mut sums = [0.0; L];
    for tile in tile {
        for (sum, value) in sums.iter_mut().zip(tile) {
            *sum += *value;
        }
    }
    sums
}

impl<const C: usize, A: Activation, M: Math> Loss<C> for Overlap<C, A, M> {
    const WRITES_ONCE: bool = true;

    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        check_parameter(Parameter::Weight, &self.weights, weight)?;
        check_parameter(Parameter::FalseWeight, &[self.false_positives, self.false_negatives], weight)?;
        check_parameter(Parameter::Smoothing, &self.smoothing, weight)?;
        if let Form::Focal(gamma) = self.form {
            check_parameter(Parameter::Gamma, &[gamma], exponent)?;
        }
        A::check(batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, _: &mut [u32]) -> f32 {
        self.run::<false, _, [[f32; C]]>(batch, 0.0, None)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        _: &mut [u32],
    ) -> f32 {
        self.run::<SET, _, _>(batch, scale, Some(grad))
    }
}

/// The outcomes of the tiles, and once they are settled, what follows from them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct OverlapSums<const C: usize> {
    totals: Totals<C>,
    slopes: [Slopes; C],
}

impl<const C: usize, A: Activation, M: Math> Tiled<C> for Overlap<C, A, M> {
    type Sums = OverlapSums<C>;
    const NOTHING: Self::Sums = OverlapSums { totals: Totals::ZERO, slopes: [Slopes::ZERO; C] };

    fn add_tile<S: Scores<C> + ?Sized>(&self, sums: &mut Self::Sums, _: u8, tile: &Batch<'_, S, C>) {
        self.observe_range(tile, 0..tile.pixels(), &mut sums.totals, |_, _, _, _| {});
    }

    fn merge_sums(sums: &mut Self::Sums, other: &Self::Sums) {
        sums.totals.merge(&other.totals);
    }

    fn finish(&self, sums: &mut Self::Sums, _: u8, counted: &Counted<C>) -> Option<f32> {
        if counted.valid == 0 {
            return Some(0.0);
        }
        let (loss, slopes) = self.group_loss(sums.totals.outcomes(counted.counts));
        sums.slopes = slopes;
        Some(loss.clamp(f32::MIN, f32::MAX))
    }

    fn gradient(
        &self,
        sums: &Self::Sums,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]) {
        let slopes = sums.slopes.map(|slopes| slopes.scaled(scale));
        move |scores, labels, tile| self.differentiate_scores(&slopes, scores, labels, tile)
    }
}
