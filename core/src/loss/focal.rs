//! The focal loss: softmax over the classes, and sigmoid.

use super::cross_entropy::{
    all_equal, target_cross_entropy, target_cross_entropy_of_block, target_cross_entropy_of_row, weights_of,
};
use super::pixel::{TileLoss, confidence_by_tile, grad_by_tile};
use crate::error::{check_parameter, exponent, unit, weight};
use crate::kernel::sigmoid::{Logistic, label_confidence};
use crate::kernel::softmax::{Target, sum};
use crate::kernel::sum::{BlockProduct, BlockSum};
use crate::kernel::tile::{IGNORED, Lanes, as_added};
use crate::math::{Fast, Math};
use crate::{Error, Parameter, PixelLoss, Reduction, Scores};
use core::marker::PhantomData;

/// Focal loss on a softmax: cross entropy, weighed down where the pixel is already right.
///
/// ```text
/// ℓ_i = −α_y q^γ ln p,   p = p_iy,   q = 1 − p = Σ_{c ≠ y} p_ic
/// L   = Σ_i ℓ_i / n                                 n valid pixels, or another Reduction
/// ```
///
/// γ is the focusing exponent, α a [weight](Self::with_alpha) of each class. γ = 0 is [`CrossEntropy`](crate::CrossEntropy)
/// with weights α and the same reduction, bit for bit.
///
/// # Gradient
///
/// ```text
/// ∂ℓ/∂z_c = α_y q^γ (q − γ p ln p) (r_c − [c = y]),      r_c = p_c / q for c ≠ y,  r_y = 0
/// ```
///
/// For 0 < γ < 1 the derivative of q^γ is infinite at q = 0; in this form it is finite for every γ ≥ 0. q is summed from
/// the other classes, not subtracted from 1, which in f32 gives 0 from a margin of 17 on.
///
/// # Shapes
///
/// Logits and gradient `[f32; C]` a pixel, C ≥ 2 (for one logit: [`SigmoidFocal`]). No scratch.
///
/// # When to use it
///
/// Where cross entropy finds a rare class with some seeds only, and a second loss is not wanted. With γ = 2 it found cracks
/// of 2.3 % of the pixels with each of three seeds in 600 steps (IoU 0.32 to 0.34), where cross entropy missed them with
/// one; on precipitates of 1.7 % it came to 0.59 to 0.61 and cross entropy to 0.55 to 0.60. Cross entropy with Dice or
/// Lovász came further: 0.37 and 0.38, 0.63 to 0.69 (`cargo run --release -- --seeds 3 --data examples-host/data/crack`, or
/// `…/alloy`, in the repository).
///
/// # Pitfalls
///
/// * α is a weight of each class. A scalar α elsewhere may be that of the foreground, with 1 − α for class 0, or one factor
///   of all.
/// * The divisor counts pixels, so α scales the loss; [`Reduction::Mean`] divides by Σ α instead.
/// * Averages over all pixels hide how small the loss is: most of them are easy. RetinaNet divides by the number of
///   positives, [`Reduction::Positives`].
///
/// # Other libraries
///
/// MONAI and Kornia divide by C times the number of pixels ([`Reduction::MeanAllElements`]), so their loss is C times
/// smaller; their scalar α is `[1 − α, α, α, …]`. PaddleSeg's `MultiClassFocalLoss` multiplies everything by α. Keras takes
/// 0.25 for all classes. segmentation_models.pytorch's and mmsegmentation's `FocalLoss` of many classes are no softmax:
/// [`SigmoidFocal`]. Frameworks that differentiate q^γ by themselves give NaN for saturated logits where γ < 1. Row by row:
/// [`migration`](crate::migration).
///
/// # Source
///
/// Lin et al. 2017, equation 5; on a softmax as PaddleSeg and MONAI have it.
///
/// # Example
///
/// ```
/// use scarce::{Batch, Focal, Labels, Loss};
///
/// let batch = Batch::new(&[[0.0, 0.0], [9.0, -9.0]], Labels::new(&[1, 0]))?;
/// let mut grad = [[0.0; 2]; 2];
/// let loss = Focal::new(2.0).value_and_grad(&batch, &mut grad, &mut [])?;
/// assert!((loss - 0.086_643_4).abs() < 1e-6); // ½ · ¼ ln 2: the second pixel counts for nothing
/// assert!(grad[1][0].abs() < 1e-15);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "FocalLoss")]
#[doc(alias = "MultiClassFocalLoss")]
#[doc(alias = "CategoricalFocalCrossentropy")]
#[doc(alias = "focal_loss")]
#[doc(alias = "RetinaNet")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Focal<const C: usize, M = Fast> {
    gamma: f32,
    alpha: [f32; C],
    /// Whether all α are equal.
    uniform: bool,
    reduction: Reduction,
    math: PhantomData<M>,
}

impl<const C: usize> Focal<C> {
    /// Focusing exponent γ ≥ 0 (2 is usual), all α 1, [`Reduction::MeanValid`].
    #[must_use]
    pub const fn new(gamma: f32) -> Self {
        Self { gamma, alpha: [1.0; C], uniform: true, reduction: Reduction::MeanValid, math: PhantomData }
    }
}

impl<const C: usize, M> Focal<C, M> {
    /// A weight α ≥ 0 for each class.
    #[must_use]
    pub const fn with_alpha(self, alpha: [f32; C]) -> Self {
        Self { alpha, uniform: all_equal(&alpha, alpha.first()), ..self }
    }

    /// What the sum over pixels is divided by.
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> Focal<C, N> {
        Focal {
            gamma: self.gamma,
            alpha: self.alpha,
            uniform: self.uniform,
            reduction: self.reduction,
            math: PhantomData,
        }
    }
}

impl<const C: usize, M: Math> PixelLoss<C> for Focal<C, M> {
    fn check_parameters(&self) -> Result<(), Error> {
        const { assert!(C >= 2, "softmax needs at least two channels; one logit is for SigmoidFocal") };
        check_parameter(Parameter::Gamma, &[self.gamma], exponent)?;
        check_parameter(Parameter::Alpha, &self.alpha, weight)
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn weight(&self, label: u8) -> f32 {
        self.alpha.get(usize::from(label)).copied().unwrap_or(0.0)
    }

    fn confidence(&self, row: [f32; C], label: u8) -> (f32, f32) {
        confidence_by_tile(self, row, label)
    }

    #[inline]
    fn pixel(&self, row: [f32; C], label: u8) -> f32 {
        self.pixel_grad(row, label, 0.0).0
    }

    #[inline]
    fn pixel_grad(&self, row: [f32; C], label: u8, scale: f32) -> (f32, [f32; C]) {
        let uniform = self.uniform && self.gamma == 0.0;
        target_cross_entropy_of_row::<M, _, C>(self, &self.alpha, uniform, row, label, scale)
    }

    #[inline(always)]
    fn confidences<const L: usize>(&self, scores: &[Lanes<L>; C], labels: &[u32; L]) -> (Lanes<L>, Lanes<L>) {
        Target::new::<M, C>(scores, labels, &mut [[0.0; L]; C]).confidence()
    }

    const COMMON: bool = true;

    #[inline(always)]
    fn tile<const L: usize>(
        &self,
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        scale: f32,
        grad: &mut [Lanes<L>; C],
    ) -> TileLoss<L> {
        let target = Target::new::<M, C>(scores, labels, grad);
        self.tile_of(&target, labels, scale, grad)
    }

    #[inline(always)]
    fn tile_of_softmax<S: Scores<C> + ?Sized, const L: usize>(
        &self,
        scores: &S,
        start: usize,
        labels: &[u32; L],
        scale: f32,
        grad: &mut [Lanes<L>; C],
    ) -> Option<TileLoss<L>> {
        let target = Target::of_steps(&scores.steps::<M, L>(start)?, labels, grad);
        Some(self.tile_of(&target, labels, scale, grad))
    }

    #[inline(always)]
    fn block(&self, sum: &BlockSum, product: &BlockProduct) -> f32 {
        target_cross_entropy_of_block::<M, C>(&self.alpha, self.uniform && self.gamma == 0.0, sum, product)
    }
}

impl<const C: usize, M: Math> Focal<C, M> {
    /// The losses and gradients of pixels, given their softmax; `grad` holds exp(z − max) of the other classes.
    #[inline(always)]
    fn tile_of<const L: usize>(
        &self,
        target: &Target<L>,
        labels: &[u32; L],
        scale: f32,
        grad: &mut [Lanes<L>; C],
    ) -> TileLoss<L> {
        if self.gamma == 0.0 {
            return target_cross_entropy::<M, C, L>(target, labels, &self.alpha, self.uniform, scale, grad);
        }
        let alpha = weights_of(&self.alpha, self.uniform, labels);
        let (hit, miss) = target.confidence();
        let surprise = target.surprise::<M>();
        let (mut plain, mut shares) = (powers::<M, L>(&miss, self.gamma), [0.0; L]);
        for lane in 0..L {
            let factor = alpha[lane] * plain[lane];
            plain[lane] = factor * surprise[lane];
            // r_c is undefined where all other classes have underflowed, and the slope is 0 there.
            let share = scale * (factor * (miss[lane] + self.gamma * hit[lane] * surprise[lane])) / target.rest[lane];
            shares[lane] = if target.rest[lane] > 0.0 { share } else { 0.0 };
        }
        target.spread(labels, &shares, grad);
        TileLoss { plain, odds: [0.0; L] }
    }
}

/// [`power`] of each of `L` numbers, the exponent looked at once.
#[inline(always)]
fn powers<M: Math, const L: usize>(bases: &Lanes<L>, exponent: f32) -> Lanes<L> {
    let mut powers = *bases;
    if exponent == 2.0 {
        for base in &mut powers {
            *base *= *base;
        }
    } else {
        for base in &mut powers {
            *base = power::<M>(*base, exponent);
        }
    }
    powers
}

/// base^exponent for a base in `0..=1` and an exponent > 0; the usual exponents by multiplication.
#[inline]
pub(crate) fn power<M: Math>(base: f32, exponent: f32) -> f32 {
    if exponent == 2.0 {
        base * base
    } else if exponent == 1.0 {
        base
    } else if exponent == 0.5 {
        M::sqrt(base)
    } else if exponent == 3.0 {
        base * base * base
    } else if base > 0.0 {
        M::exp(exponent * M::ln(base))
    } else {
        0.0
    }
}

/// Focal loss on a sigmoid: one logit a pixel, or one class against all others in each channel.
///
/// ```text
/// s = 2t − 1,   P = σ(s z),   Q = 1 − P = σ(−s z)
/// ℓ = −v a Q^γ ln P                                 a pixel's is the sum over its channels
/// L = Σ ℓ / (n Σ v)                                 n valid pixels, or another Reduction
/// ```
///
/// t is 1 where the label is the channel's class, else 0; with one channel, where the label is 1. a is two-sided: α at t =
/// 1 and 1 − α at t = 0; without an [α](Self::with_alpha) it is 1. v is a [weight](Self::with_channel_weights) of the
/// channel.
///
/// # Gradient
///
/// ```text
/// ∂ℓ/∂z = −s v a Q^γ (Q − γ P ln P)
/// ```
///
/// Finite for every γ ≥ 0, also below 1 and at saturated logits.
///
/// # Shapes
///
/// Logits and gradient `[f32; C]` a pixel, any C ≥ 1. No scratch.
///
/// # When to use it
///
/// With one logit a pixel, or classes that are judged one by one, where easy negatives outnumber the rest: it was made for
/// detectors that see a thousand of them for each positive (Lin et al. 2017, §3). The repository measures its softmax form,
/// [`Focal`], and not this one.
///
/// # Pitfalls
///
/// * α is a balance, not a weight: both sides are scaled, and α = ½ halves the loss. Without it, no factor.
/// * α = 0.25, which goes with γ = 2 in the paper, favours the *negatives*: γ has taken so many of them away.
/// * The default divides by all elements; RetinaNet divides by the number of positives, [`Reduction::Positives`].
///
/// # Other libraries
///
/// torchvision's default is α = 0.25 and no reduction, its `mean` the one here. Paddle's default is the plain sum.
/// PaddleSeg's `FocalLoss` takes two channels, in which one α cannot tell the classes apart: each pixel gets α in one
/// channel and 1 − α in the other. segmentation_models.pytorch's `FocalLoss` of many classes is this one with C channels;
/// of its variants `normalized` and `reduced_threshold` are not here. mmsegmentation's default α is 0.5; a list there is
/// [`with_channel_alpha`](Self::with_channel_alpha). Row by row: [`migration`](crate::migration).
///
/// # Source
///
/// Lin et al. 2017, equation 5; torchvision `sigmoid_focal_loss`.
///
/// # Example
///
/// ```
/// use scarce::{Batch, Labels, Loss, SigmoidFocal};
///
/// let batch = Batch::new(&[[0.0], [-30.0]], Labels::new(&[1, 0]))?;
/// let mut grad = [[0.0; 1]; 2];
/// let loss = SigmoidFocal::new(0.5).with_alpha(0.25).value_and_grad(&batch, &mut grad, &mut [])?;
/// assert!((loss - 0.061_266_1).abs() < 1e-6); // ½ · ¼ √½ ln 2
/// assert!(grad[1][0].is_finite());
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "sigmoid_focal_loss")]
#[doc(alias = "BinaryFocalLoss")]
#[doc(alias = "FocalLoss")]
#[doc(alias = "RetinaNet")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SigmoidFocal<const C: usize, M = Fast> {
    gamma: f32,
    /// Factor at t = 0 and at t = 1 of each channel.
    balance: [[f32; 2]; C],
    channel_weights: [f32; C],
    reduction: Reduction,
    math: PhantomData<M>,
}

impl<const C: usize> SigmoidFocal<C> {
    /// Focusing exponent γ ≥ 0 (2 is usual), no α, all channel weights 1, [`Reduction::Mean`].
    #[must_use]
    pub const fn new(gamma: f32) -> Self {
        Self { gamma, balance: [[1.0; 2]; C], channel_weights: [1.0; C], reduction: Reduction::Mean, math: PhantomData }
    }
}

impl<const C: usize, M> SigmoidFocal<C, M> {
    /// α in `0..=1` at t = 1, and 1 − α at t = 0, in every channel.
    #[must_use]
    pub const fn with_alpha(self, alpha: f32) -> Self {
        Self { balance: [[1.0 - alpha, alpha]; C], ..self }
    }

    /// α in `0..=1` of each channel: α_c at t = 1, and 1 − α_c at t = 0.
    #[must_use]
    pub fn with_channel_alpha(self, alpha: [f32; C]) -> Self {
        Self { balance: alpha.map(|alpha| [1.0 - alpha, alpha]), ..self }
    }

    /// A weight ≥ 0 for each channel, which enters the divisor of [`Reduction::Mean`].
    #[must_use]
    pub const fn with_channel_weights(self, channel_weights: [f32; C]) -> Self {
        Self { channel_weights, ..self }
    }

    /// What the sum over pixels is divided by.
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> SigmoidFocal<C, N> {
        SigmoidFocal {
            gamma: self.gamma,
            balance: self.balance,
            channel_weights: self.channel_weights,
            reduction: self.reduction,
            math: PhantomData,
        }
    }
}

impl<const C: usize, M: Math> PixelLoss<C> for SigmoidFocal<C, M> {
    fn check_parameters(&self) -> Result<(), Error> {
        check_parameter(Parameter::Gamma, &[self.gamma], exponent)?;
        check_parameter(Parameter::Alpha, self.balance.as_flattened(), unit)?;
        check_parameter(Parameter::Weight, &self.channel_weights, weight)
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn weight(&self, _: u8) -> f32 {
        sum(self.channel_weights)
    }

    fn confidence(&self, row: [f32; C], label: u8) -> (f32, f32) {
        label_confidence::<M, C>(row, label)
    }

    #[inline]
    fn pixel(&self, row: [f32; C], label: u8) -> f32 {
        self.pixel_grad(row, label, 0.0).0
    }

    #[inline]
    fn pixel_grad(&self, row: [f32; C], label: u8, scale: f32) -> (f32, [f32; C]) {
        grad_by_tile(self, row, label, scale)
    }

    #[inline(always)]
    fn tile<const L: usize>(
        &self,
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        scale: f32,
        grad: &mut [Lanes<L>; C],
    ) -> TileLoss<L> {
        let mut plain = [0.0; L];
        let parameters = self.balance.into_iter().zip(self.channel_weights);
        for (((grad, scores), ([at_zero, at_one], weight)), class) in
            grad.iter_mut().zip(scores).zip(parameters).zip(0_u32..)
        {
            let (mut factors, mut slopes) = ([0.0; L], [0.0; L]);
            let (mut miss, mut hit, mut surprise) = ([0.0; L], [0.0; L], [0.0; L]);
            for lane in 0..L {
                let is_on = labels[lane] == class;
                let factor = weight * if is_on { at_one } else { at_zero };
                let sign = if is_on { 1.0 } else { -1.0 };
                factors[lane] = if L > 1 && labels[lane] == IGNORED { 0.0 } else { factor };
                slopes[lane] = scale * factors[lane] * sign;
                let logistic = Logistic::new::<M>(sign * scores[lane]);
                (hit[lane], miss[lane], surprise[lane]) = (logistic.on, logistic.off, logistic.surprise_on);
            }
            let modulations = if self.gamma == 0.0 { [1.0; L] } else { powers::<M, L>(&miss, self.gamma) };
            for lane in 0..L {
                let modulation = modulations[lane];
                plain[lane] += factors[lane] * modulation * surprise[lane];
                let slope = modulation * (miss[lane] + self.gamma * hit[lane] * surprise[lane]);
                grad[lane] = as_added(-(slopes[lane] * slope));
            }
        }
        TileLoss { plain, odds: [0.0; L] }
    }
}
