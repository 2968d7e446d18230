//! The overlap family: Dice, Jaccard, Tversky, focal Tversky, generalised Dice, by one engine of sums.

use super::focal::power;
use crate::activation::{Activation, Probabilities, Sigmoid, Softmax, one_hot};
use crate::error::{check_parameter, exponent, weight};
use crate::kernel::sum::Sums;
use crate::labels::channel;
use crate::math::{Libm, Math};
use crate::{Batch, Error, Loss, Parameter, Scores, ScoresMut};
use core::marker::PhantomData;
use core::ops::Range;

/// The smallest denominator of an index; below it the denominator counts as this constant.
///
/// It matters only without smoothing, for a class that is neither present nor predicted, where the index would be 0/0.
const SMALLEST_DENOMINATOR: f32 = 1e-7;

/// The smallest distance of a focal form's index from 1, and of a logarithmic form's index from 0: the derivative is
/// infinite there. Closer in, the loss is what it is and the slope that at this distance.
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
/// I = Σ p t        P = Σ pᵏ        T = Σ t                          k = 1, or 2 for the V-Net form
/// x = (m I + s_n) / (m [(1 − α − β) I + α P + β T] + s_d)           the index
/// L = mean over images of (Σ_c w_c f(x_c) / Σ_c w_c),  f(x) = 1 − x or another Form
/// ∂L/∂p = f'(x) (∂x/∂I t + ∂x/∂P k pᵏ⁻¹), and through the activation: ∂L/∂z_c = p_c (g_c − Σ_k p_k g_k) for softmax
/// ```
///
/// | constructor | α | β | m | index |
/// |---|---|---|---|---|
/// | [`dice`](Self::dice) | ½ | ½ | 2 | (2I + s_n) / (P + T + s_d) |
/// | [`jaccard`](Self::jaccard) | 1 | 1 | 1 | (I + s_n) / (P + T − I + s_d) |
/// | [`tversky`](Self::tversky) | α | β | 1 | (I + s_n) / (I + α FP + β FN + s_d) |
///
/// Smoothing s_n = s_d = 1, each image by itself, classes averaged: the choice of PaddleSeg. With s_n = 0 a class that is
/// absent has no gradient; with s_n and s_d small and equal, the gradient of such a class explodes as p → 0 (22 at 10⁻⁵ and
/// 65 536 pixels). A class of one pixel in an image of many is worth as much as the background: that is the point, and it
/// makes training from scratch with this loss alone unreliable; add cross entropy with [`Sum`](crate::Sum).
///
/// An image without a valid pixel contributes 0 to the mean over images and counts in it.
///
/// Shapes: scores and gradient `[f32; C]` a pixel; softmax C ≥ 2, sigmoid and probabilities any C ≥ 1 (with one channel the
/// one class is label 1). No scratch: the gradient's pass computes the probabilities again.
///
/// Sources: Milletari et al. 2016 (Dice, k = 2), Sudre et al. 2017 (generalised), Salehi et al. 2017 (Tversky), Abraham and
/// Khan 2019 (focal Tversky; the exponent is applied to each class, before the mean).
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
#[doc(alias = "Jaccard")]
#[doc(alias = "IoU")]
#[doc(alias = "Tversky")]
#[doc(alias = "F1")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Overlap<const C: usize, A = Softmax, M = Libm> {
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

    /// Tversky: (I + s_n) / (I + α FP + β FN + s_d), with α, β ≥ 0. β > α asks for recall.
    #[must_use]
    pub const fn tversky(alpha: f32, beta: f32) -> Self {
        Self::index(1.0, alpha, beta)
    }

    /// Focal Tversky: the [`tversky`](Self::tversky) index in [`Form::Focal`].
    #[must_use]
    pub const fn focal_tversky(alpha: f32, beta: f32, gamma: f32) -> Self {
        Self::tversky(alpha, beta).with_form(Form::Focal(gamma))
    }

    /// Generalised Dice: one index of sums over all classes, each weighted by 1/V², smoothing 10⁻⁵.
    #[must_use]
    pub const fn generalized_dice() -> Self {
        Self::dice().with_smoothing(1e-5, 1e-5).with_volume_weights(VolumeWeights::Square)
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

    /// Squares the probabilities in P (the V-Net form, MONAI's `squared_pred`).
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

/// I, P and T of one class, or the derivatives of a loss with respect to the first two.
#[derive(Clone, Copy)]
struct ClassSums {
    intersection: f32,
    predicted: f32,
    truth: f32,
}

/// ∂L/∂I and ∂L/∂P of one class.
#[derive(Clone, Copy)]
struct Slopes {
    intersection: f32,
    predicted: f32,
}

impl Slopes {
    const ZERO: Self = Self { intersection: 0.0, predicted: 0.0 };

    fn scaled(self, factor: f32) -> Self {
        Self { intersection: self.intersection * factor, predicted: self.predicted * factor }
    }
}

impl<const C: usize, A: Activation, M: Math> Overlap<C, A, M> {
    /// f(x) of the index of these sums, and its derivatives.
    fn index_loss(&self, sums: ClassSums) -> (f32, Slopes) {
        let ClassSums { intersection, predicted, truth } = sums;
        let [smooth_numerator, smooth_denominator] = self.smoothing;
        let (m, alpha, beta) = (self.multiplier, self.false_positives, self.false_negatives);
        // FP = P − I and FN = T − I; the shares of I cancel for Dice, where they are 0 exactly.
        let shared = 1.0 - alpha - beta;
        let numerator = m * intersection + smooth_numerator;
        let denominator = m * (shared * intersection + alpha * predicted + beta * truth) + smooth_denominator;
        let floored = denominator < SMALLEST_DENOMINATOR;
        let inverse = 1.0 / denominator.max(SMALLEST_DENOMINATOR);
        let index = numerator * inverse;
        // 1 − x from the difference of the two, so that a nearly perfect overlap keeps its digits.
        let miss = if floored { 1.0 - index } else { (denominator - numerator) * inverse };
        let (loss, slope) = match self.form {
            Form::Linear => (miss, -1.0),
            Form::Log if index < SMALLEST_DENOMINATOR => (-M::ln(SMALLEST_DENOMINATOR), 0.0),
            Form::Log => (-M::ln(index), -1.0 / index),
            Form::Focal(gamma) => {
                let miss = miss.max(0.0);
                let loss = if gamma == 0.0 { 1.0 } else { power::<M>(miss, gamma) };
                let miss = miss.max(SINGULAR);
                let slope = if gamma == 0.0 { 0.0 } else { -gamma * power::<M>(miss, gamma) / miss };
                (loss, slope)
            }
        };
        let through_denominator = if floored { 0.0 } else { -(slope * m * index * inverse) };
        let slopes = Slopes {
            intersection: slope * m * inverse + shared * through_denominator,
            predicted: alpha * through_denominator,
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
    fn group_loss(&self, sums: [ClassSums; C]) -> (f32, [Slopes; C]) {
        let mut slopes = [Slopes::ZERO; C];
        if self.micro {
            let weights = self.micro_weights(sums.map(|sums| sums.truth));
            if weights.iter().all(|&weight| weight <= 0.0) {
                return (0.0, slopes);
            }
            let mut total = ClassSums { intersection: 0.0, predicted: 0.0, truth: 0.0 };
            for (weight, sums) in weights.iter().zip(sums) {
                total.intersection += weight * sums.intersection;
                total.predicted += weight * sums.predicted;
                total.truth += weight * sums.truth;
            }
            let (loss, slope) = self.index_loss(total);
            return (loss, weights.map(|weight| slope.scaled(weight)));
        }
        let (mut loss, mut divisor) = (0.0, 0.0);
        for ((slopes, sums), weight) in slopes.iter_mut().zip(sums).zip(self.weights) {
            let absent = sums.truth <= 0.0;
            if absent && self.absent == Absent::Skip {
                continue;
            }
            divisor += if self.unnormalized { 1.0 } else { weight };
            if absent && self.absent == Absent::Zero {
                continue;
            }
            let (class_loss, class_slopes) = self.index_loss(sums);
            loss += weight * class_loss;
            *slopes = class_slopes.scaled(weight);
        }
        if divisor <= 0.0 {
            return (0.0, [Slopes::ZERO; C]);
        }
        (loss / divisor, slopes.map(|slopes| slopes.scaled(1.0 / divisor)))
    }

    fn sums<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, range: Range<usize>) -> Option<[ClassSums; C]> {
        let (mut intersection, mut predicted, mut truth) = (Sums::<C>::ZERO, Sums::<C>::ZERO, [0_u32; C]);
        let mut empty = true;
        for (row, label) in batch.samples(range).flatten() {
            empty = false;
            let (probabilities, _) = A::row::<M, C>(row);
            let mut hits = [0.0; C];
            let on = channel::<C>(label);
            if let (Some(hit), Some(&probability)) = (hits.get_mut(on), probabilities.get(on)) {
                *hit = probability;
            }
            if let Some(count) = truth.get_mut(on) {
                *count = count.wrapping_add(1);
            }
            intersection.add(hits);
            predicted.add(if self.squared { probabilities.map(|p| p * p) } else { probabilities });
        }
        if empty {
            return None;
        }
        let mut sums = truth.map(|count| ClassSums { intersection: 0.0, predicted: 0.0, truth: count as f32 });
        let totals = intersection.total().into_iter().zip(predicted.total());
        for (sums, (intersection, predicted)) in sums.iter_mut().zip(totals) {
            (sums.intersection, sums.predicted) = (intersection, predicted);
        }
        Some(sums)
    }

    /// The losses of all groups, averaged; `visit` gets the pixels of each and its slopes, already divided.
    fn groups<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        mut visit: impl FnMut(Range<usize>, [Slopes; C]),
    ) -> f32 {
        batch.mean_over_groups(self.per_image, |range, groups| {
            let Some(sums) = self.sums(batch, range.clone()) else { return 0.0 };
            let (loss, slopes) = self.group_loss(sums);
            visit(range, slopes.map(|slopes| slopes.scaled(1.0 / groups)));
            loss
        })
    }
}

impl<const C: usize, A: Activation, M: Math> Loss<C> for Overlap<C, A, M> {
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
        self.groups(batch, |_, _| {})
    }

    fn accumulate<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        _: &mut [u32],
    ) -> f32 {
        self.groups(batch, |range, slopes| {
            let start = range.start;
            let rows = batch.samples(range).map(|sample| {
                sample.map(|(row, label)| {
                    let (probabilities, local) = A::row::<M, C>(row);
                    // ∂L/∂p, and what all channels of a softmax share.
                    let mut direct = one_hot::<C>(label);
                    let mut shared = 0.0;
                    for ((direct, slopes), probability) in direct.iter_mut().zip(slopes).zip(probabilities) {
                        let power = if self.squared { 2.0 * probability } else { 1.0 };
                        *direct = slopes.intersection * *direct + slopes.predicted * power;
                        shared += probability * *direct;
                    }
                    let shared = if A::COUPLED { shared } else { 0.0 };
                    let mut row = local;
                    for (local, direct) in row.iter_mut().zip(direct) {
                        *local *= scale * (direct - shared);
                    }
                    row
                })
            });
            grad.add_rows(start, rows);
        })
    }
}
