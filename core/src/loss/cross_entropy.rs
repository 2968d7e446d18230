//! Cross entropy: softmax over the classes, and binary.

use crate::error::{check_parameter, signed, unit, weight};
use crate::kernel::sigmoid::{Logistic, label_confidence};
use crate::kernel::softmax::{Target, largest, sum};
use crate::kernel::sum::{BLOCK, BlockProduct, BlockSum};
use crate::kernel::tile::{IGNORED, Lanes, as_added, of_labels, smaller};
use crate::labels::channel;
use crate::loss::pixel::{TileLoss, confidence_by_tile, grad_by_tile, rows};
use crate::math::{Fast, Math};
use crate::{Batch, Error, Parameter, PixelLoss, Reduction, Scores, ScoresMut};
use core::marker::PhantomData;

/// Softmax cross entropy of each pixel's class, with class weights, label smoothing and logit adjustment.
///
/// ```text
/// p_i  = softmax(z_i + b)
/// q_ic = (1 − ε) w_y [c = y] + (ε/C) w_c            y the label of pixel i
/// ℓ_i  = −Σ_c q_ic ln p_ic                          without smoothing −w_y ln p_iy
/// L    = Σ_i ℓ_i / Σ_i w_y                          or another Reduction
/// ```
///
/// w is a [weight](Self::with_weights) of each class, ε the [label smoothing](Self::with_label_smoothing), b an
/// [addend](Self::with_logit_adjustment) of each class's logit.
///
/// # Gradient
///
/// ```text
/// ∂L/∂z_ic = (p_ic Σ_k q_ik − q_ic) / Σ_i w_y       without smoothing w_y (p_ic − [c = y]) / Σ_i w_y
/// ```
///
/// # Shapes
///
/// Logits and gradient `[f32; C]` a pixel, C ≥ 2: one class does not compile, use [`BinaryCrossEntropy`]. No scratch.
///
/// # When to use it
///
/// First, and as the first term of a [`Sum`](crate::Sum). Without weights, and in few steps, it can miss a rare class
/// altogether: of three seeds of 600 steps on cracks of 2.3 % of the pixels one ended with an IoU of 0.00 and two with 0.33
/// and 0.34; in 1800 steps all three found it. With weights of inverse frequency all three found it in 600, but with 0.20
/// to 0.23; with Dice [over the batch](crate::Overlap::per_batch) or [`Lovasz`](crate::Lovasz) as a second term with 0.37 or
/// 0.38 (`cargo run --release -- --seeds 3 --data examples-host/data/crack` in the repository, with `--steps 1800` for the
/// longer runs; its README has the table).
///
/// # Pitfalls
///
/// * It takes logits. Probabilities pass every check, and train badly.
/// * Inverse frequencies as weights buy recall with precision; [`weights`](crate::weights) has milder ones, and limits.
/// * The smoothed part is weighted by every class, and divided by the weights of the labels alone, as PyTorch's: with
///   unequal weights the loss is no mean.
/// * The addend is for training. The network's own logits, without it, then decide, and favour rare classes.
///
/// # Other libraries
///
/// PyTorch's is this one, but NaN where the divisor is 0 (every pixel ignored, or of weight 0); here that is 0.
/// mmsegmentation 1.2.2 divides as here where it has class weights, else by all pixels, ignored ones included
/// ([`Reduction::MeanAll`]), unless `avg_non_ignore` is set. segmentation_models.pytorch's `SoftCrossEntropyLoss` always
/// divides by all pixels. PaddleSeg's `avg_non_ignore=False` divides by all pixels, also where weights are given. Burn
/// counts ignored labels in the divisor; Candle has neither weights nor an ignored label. Row by row:
/// [`migration`](crate::migration).
///
/// # Source
///
/// PyTorch `torch.nn.functional.cross_entropy`. Label smoothing: Szegedy et al. 2016, §7. Logit adjustment: Menon et al.
/// 2021, equation 10, with b = τ ln π and the priors π, which
/// [`weights::logit_adjustment`](crate::weights::logit_adjustment) makes; at τ = 1 it is the balanced softmax of Ren et al.
/// 2020.
///
/// # Example
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss};
///
/// let logits = [[2.0, 0.0], [0.0, 0.0]];
/// let batch = Batch::new(&logits, Labels::new(&[0, 1]))?;
/// let mut grad = [[0.0; 2]; 2];
/// let loss = CrossEntropy::new().with_weights([1.0, 3.0]).value_and_grad(&batch, &mut grad, &mut [])?;
/// assert!((loss - 0.551_592_4).abs() < 1e-6);
/// assert_eq!(grad[1], [0.375, -0.375]); // ¾ (½ − [c = 1])
/// # Ok::<(), scarce::Error>(())
/// ```
///
/// ```compile_fail
/// # use scarce::{Batch, CrossEntropy, Labels, Loss};
/// let batch = Batch::new(&[[2.0_f32]], Labels::new(&[0])).unwrap();
/// CrossEntropy::new().value(&batch, &mut []); // softmax over one class
/// ```
#[doc(alias = "NLLLoss")]
#[doc(alias = "CrossEntropyLoss")]
#[doc(alias = "cross_entropy")]
#[doc(alias = "softmax_cross_entropy")]
#[doc(alias = "SoftCrossEntropyLoss")]
#[doc(alias = "label smoothing")]
#[doc(alias = "logit adjustment")]
#[doc(alias = "balanced softmax")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CrossEntropy<const C: usize, M = Fast> {
    weights: [f32; C],
    /// Whether all weights are equal.
    uniform: bool,
    label_smoothing: f32,
    adjustment: [f32; C],
    /// Whether any addend is not 0.
    adjusted: bool,
    reduction: Reduction,
    math: PhantomData<M>,
}

impl<const C: usize> CrossEntropy<C> {
    /// All weights 1, no smoothing, no adjustment, [`Reduction::Mean`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            weights: [1.0; C],
            uniform: true,
            label_smoothing: 0.0,
            adjustment: [0.0; C],
            adjusted: false,
            reduction: Reduction::Mean,
            math: PhantomData,
        }
    }
}

impl<const C: usize> Default for CrossEntropy<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, M> CrossEntropy<C, M> {
    /// A weight for each class, ≥ 0; [`weights`](crate::weights) makes them from counts.
    #[must_use]
    pub const fn with_weights(self, weights: [f32; C]) -> Self {
        Self { weights, uniform: all_equal(&weights, weights.first()), ..self }
    }

    /// Label smoothing ε in `0..=1`.
    #[must_use]
    pub const fn with_label_smoothing(self, label_smoothing: f32) -> Self {
        Self { label_smoothing, ..self }
    }

    /// An addend for each class's logit.
    #[must_use]
    pub const fn with_logit_adjustment(self, adjustment: [f32; C]) -> Self {
        Self { adjustment, adjusted: !all_equal(&adjustment, Some(&0.0)), ..self }
    }

    /// What the sum over pixels is divided by.
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> CrossEntropy<C, N> {
        CrossEntropy {
            weights: self.weights,
            uniform: self.uniform,
            label_smoothing: self.label_smoothing,
            adjustment: self.adjustment,
            adjusted: self.adjusted,
            reduction: self.reduction,
            math: PhantomData,
        }
    }

    /// q: the mass of each class, times the weights.
    fn mass(&self, label: usize) -> [f32; C] {
        let mut mass = self.weights.map(|weight| self.label_smoothing / C as f32 * weight);
        if let (Some(own), Some(weight)) = (mass.get_mut(label), self.weights.get(label)) {
            *own += (1.0 - self.label_smoothing) * weight;
        }
        mass
    }
}

impl<const C: usize, M: Math> PixelLoss<C> for CrossEntropy<C, M> {
    fn check_parameters(&self) -> Result<(), Error> {
        const { assert!(C >= 2, "softmax needs at least two channels; one logit is for BinaryCrossEntropy") };
        check_parameter(Parameter::Weight, &self.weights, weight)?;
        check_parameter(Parameter::LabelSmoothing, &[self.label_smoothing], unit)?;
        check_parameter(Parameter::LogitAdjustment, &self.adjustment, signed)
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn weight(&self, label: u8) -> f32 {
        self.weights.get(usize::from(label)).copied().unwrap_or(0.0)
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
        if self.label_smoothing == 0.0 {
            return target_cross_entropy_of_row::<M, _, C>(self, &self.weights, self.uniform, row, label, scale);
        }
        let scores = self.adjusted(row.map(|score| [score]));
        let mut grad = [[0.0]; C];
        let target = Target::new::<M, C>(&scores, &[u32::from(label)], &mut grad);
        let ([rest], [own], [inverse], [odds]) = (target.rest, target.own, target.inverse, target.odds);
        let label = usize::from(label);
        let mass = self.mass(label);
        let own_mass = mass.get(label).copied().unwrap_or(0.0);
        let mut other_mass = mass;
        if let Some(own) = other_mass.get_mut(label) {
            *own = 0.0;
        }
        let other_mass = sum(other_mass);
        let max = largest(scores.map(|[score]| score));
        let log_sum = M::ln_1p(odds);
        let mut value = 0.0;
        for ((([grad], mass), [score]), class) in grad.iter_mut().zip(mass).zip(scores).zip(0..) {
            value += mass * smaller(log_sum + (max - score), f32::MAX);
            // At the label p Σ q − q = p Σ_{c ≠ y} q_c − q_y (1 − p), where p Σ q and q are nearly equal.
            *grad = scale
                * if class == label {
                    own * inverse * other_mass - own_mass * rest * inverse
                } else {
                    *grad * inverse * (own_mass + other_mass) - mass
                };
        }
        (value, grad.map(|[element]| element))
    }

    #[inline(always)]
    fn confidences<const L: usize>(&self, scores: &[Lanes<L>; C], labels: &[u32; L]) -> (Lanes<L>, Lanes<L>) {
        self.target(scores, labels, &mut [[0.0; L]; C]).confidence()
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
        if self.label_smoothing != 0.0 {
            return rows(self, scores, labels, scale, grad);
        }
        let target = self.target(scores, labels, grad);
        target_cross_entropy::<M, C, L>(&target, labels, &self.weights, self.uniform, scale, grad)
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
        if self.label_smoothing != 0.0 || self.adjusted {
            return None;
        }
        let target = Target::of_steps(&scores.steps::<M, L>(start)?, labels, grad);
        Some(target_cross_entropy::<M, C, L>(&target, labels, &self.weights, self.uniform, scale, grad))
    }

    #[inline(always)]
    fn write_block<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        start: usize,
        scale: f32,
        grad: &mut G,
    ) -> Option<f32> {
        let is_plain = self.uniform && self.label_smoothing == 0.0 && !self.adjusted && scale >= 0.0;
        let weight = self.weights.first().filter(|_| is_plain)?;
        let steps = batch.scores().steps::<M, BLOCK>(start)?;
        let (labels, ignore) = batch.labels_from(start);
        let grad = grad.rows_mut(start..start.wrapping_add(BLOCK))?;
        let (sum, product) = steps.cross_entropy(labels, ignore, scale * *weight, grad)?;
        Some(self.block(&sum, &product))
    }

    #[inline(always)]
    fn block(&self, sum: &BlockSum, product: &BlockProduct) -> f32 {
        target_cross_entropy_of_block::<M, C>(&self.weights, self.uniform && self.label_smoothing == 0.0, sum, product)
    }
}

impl<const C: usize, M: Math> CrossEntropy<C, M> {
    /// The softmax of the logits with their addends.
    #[inline(always)]
    fn target<const L: usize>(
        &self,
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> Target<L> {
        if self.adjusted {
            Target::new::<M, C>(&self.adjusted(*scores), labels, others)
        } else {
            Target::new::<M, C>(scores, labels, others)
        }
    }

    #[inline(always)]
    fn adjusted<const L: usize>(&self, mut scores: [Lanes<L>; C]) -> [Lanes<L>; C] {
        for (scores, addend) in scores.iter_mut().zip(self.adjustment) {
            for score in scores {
                *score += addend;
            }
        }
        scores
    }
}

pub(crate) const fn all_equal(values: &[f32], to: Option<&f32>) -> bool {
    let (Some(to), mut rest) = (to, values) else { return true };
    while let Some((first, others)) = rest.split_first() {
        if *first != *to {
            return false;
        }
        rest = others;
    }
    true
}

/// The weight of each pixel's label, 0 where ignored.
#[inline(always)]
pub(crate) fn weights_of<const C: usize, const L: usize>(
    weights: &[f32; C],
    uniform: bool,
    labels: &[u32; L],
) -> Lanes<L> {
    let mut of_pixels = [0.0; L];
    if let (true, Some(&weight)) = (uniform, weights.first()) {
        for (of_pixel, label) in of_pixels.iter_mut().zip(labels) {
            // A single pixel is not ignored, or it would not be here.
            *of_pixel = if L > 1 && *label == IGNORED { 0.0 } else { weight };
        }
    } else {
        of_pixels = of_labels(weights, labels);
    }
    of_pixels
}

/// w · −ln p_t, and scale · w · (p − [c = t]).
///
/// Shared with the focal loss, which is this bit for bit at γ = 0. Where all weights are equal they are applied to the
/// block's sum, and one logarithm is enough for eight pixels.
#[inline(always)]
pub(crate) fn target_cross_entropy<M: Math, const C: usize, const L: usize>(
    target: &Target<L>,
    labels: &[u32; L],
    weights: &[f32; C],
    uniform: bool,
    scale: f32,
    grad: &mut [Lanes<L>; C],
) -> TileLoss<L> {
    let weights = weights_of(weights, uniform, labels);
    let mut factors = target.inverse;
    for (factor, weight) in factors.iter_mut().zip(&weights) {
        *factor *= scale * *weight;
    }
    target.spread(labels, &factors, grad);
    if uniform {
        return TileLoss { plain: target.margin, odds: target.odds };
    }
    let mut plain = target.surprise::<M>();
    for (value, weight) in plain.iter_mut().zip(&weights) {
        *value *= *weight;
    }
    TileLoss { plain, odds: [0.0; L] }
}

/// Of a single pixel, by the loss's tile.
#[inline]
pub(crate) fn target_cross_entropy_of_row<M: Math, P: PixelLoss<C>, const C: usize>(
    loss: &P,
    weights: &[f32; C],
    uniform: bool,
    row: [f32; C],
    label: u8,
    scale: f32,
) -> (f32, [f32; C]) {
    let mut grad = [[0.0]; C];
    let TileLoss { plain: [mut value], odds: [odds] } =
        loss.tile(&row.map(|score| [score]), &[u32::from(label)], scale, &mut grad);
    if let (true, Some(weight)) = (uniform, weights.first()) {
        value = weight * smaller(M::ln_1p(odds) + value, f32::MAX);
    }
    (value, grad.map(|[element]| element))
}

/// Of the tiles' [`target_cross_entropy`].
#[inline(always)]
pub(crate) fn target_cross_entropy_of_block<M: Math, const C: usize>(
    weights: &[f32; C],
    uniform: bool,
    sum: &BlockSum,
    product: &BlockProduct,
) -> f32 {
    match weights.first() {
        // Infinite margins saturate: a weight of 0 would make them NaN.
        Some(weight) if uniform => *weight * smaller(sum.get() + product.logarithm::<M>(), f32::MAX),
        _ => sum.get(),
    }
}

/// Binary cross entropy with logits: one logit a pixel, or one class against all others in each channel.
///
/// ```text
/// ℓ_ic = v [−a t ln σ(z_ic) − (1 − t) ln σ(−z_ic)]          a pixel's loss is the sum over its channels
/// L    = Σ_ic ℓ_ic / Σ_ic v                                 or another Reduction
/// ```
///
/// t is 1 where the label is the channel's class, else 0; with one channel, where the label is 1. a is the
/// [`pos_weight`](Self::with_pos_weight), v a [weight](Self::with_class_weights) of the terms with t = 0 and of those with
/// t = 1. [Label smoothing](Self::with_label_smoothing) ε replaces t by (1 − ε) t + ε/2, as the softmax form does with two
/// classes.
///
/// # Gradient
///
/// ```text
/// ∂ℓ_ic/∂z_ic = v [a t (σ(z_ic) − 1) + (1 − t) σ(z_ic)]
/// ```
///
/// # Shapes
///
/// Logits and gradient `[f32; C]` a pixel, any C ≥ 1. No scratch. [`Reduction::Mean`] divides by the sum over pixels and
/// channels of v: without class weights PyTorch's mean over elements.
///
/// # When to use it
///
/// With one foreground class: one logit a pixel takes half the memory of two, and means the same. With several, where a
/// pixel's classes are judged one by one. Classes that overlap are a batch of one channel each, with its own labels. The
/// repository measures it on no data set; of rare classes what is said of [`CrossEntropy`] holds.
///
/// # Pitfalls
///
/// * With one channel the class is label 1. With C channels all C classes have one, also the background.
/// * `pos_weight` multiplies the positive term, and does not enter the divisor: the loss grows with it. [Class
///   weights](Self::with_class_weights) enter it.
/// * As many as C binary problems a pixel, all but one of them negative: with many classes that is an imbalance of its own.
///
/// # Other libraries
///
/// PyTorch's `BCEWithLogitsLoss` has no ignored label; here [`Labels::ignoring`](crate::Labels::ignoring) has. PaddleSeg's
/// `BCELoss` computes its weights from each batch if they are "dynamic": count, and give them. mmsegmentation divides by
/// all pixels unless `avg_non_ignore` ([`Reduction::MeanAll`]). Candle takes the logarithm of a sigmoid: infinite at z =
/// 17, t = 0; this one is finite for logits up to 10³⁰. Row by row: [`migration`](crate::migration).
///
/// # Source
///
/// PyTorch `torch.nn.functional.binary_cross_entropy_with_logits`.
///
/// # Example
///
/// ```
/// use scarce::{Batch, BinaryCrossEntropy, Labels, Loss};
///
/// let batch = Batch::new(&[[0.0], [100.0]], Labels::new(&[1, 0]))?;
/// let mut grad = [[0.0; 1]; 2];
/// let loss = BinaryCrossEntropy::new().value_and_grad(&batch, &mut grad, &mut [])?;
/// assert!((loss - 50.346_57).abs() < 1e-4); // (ln 2 + 100) / 2
/// assert_eq!(grad, [[-0.25], [0.5]]);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "BCE")]
#[doc(alias = "BCELoss")]
#[doc(alias = "BCEWithLogitsLoss")]
#[doc(alias = "binary_cross_entropy_with_logits")]
#[doc(alias = "sigmoid cross entropy")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BinaryCrossEntropy<const C: usize, M = Fast> {
    pos_weights: [f32; C],
    label_weights: [f32; 2],
    label_smoothing: f32,
    reduction: Reduction,
    math: PhantomData<M>,
}

impl<const C: usize> BinaryCrossEntropy<C> {
    /// All weights 1, no smoothing, [`Reduction::Mean`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pos_weights: [1.0; C],
            label_weights: [1.0; 2],
            label_smoothing: 0.0,
            reduction: Reduction::Mean,
            math: PhantomData,
        }
    }
}

impl<const C: usize> Default for BinaryCrossEntropy<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, M> BinaryCrossEntropy<C, M> {
    /// The weight a of the positive term, ≥ 0, of every channel. It does not enter the divisor.
    #[must_use]
    pub const fn with_pos_weight(self, pos_weight: f32) -> Self {
        self.with_pos_weights([pos_weight; C])
    }

    /// The weight a of the positive term of each channel, ≥ 0.
    #[must_use]
    pub const fn with_pos_weights(self, pos_weights: [f32; C]) -> Self {
        Self { pos_weights, ..self }
    }

    /// Weights ≥ 0 of the terms with t = 0 and with t = 1, which enter the divisor of [`Reduction::Mean`].
    #[must_use]
    pub const fn with_class_weights(self, [negative, positive]: [f32; 2]) -> Self {
        Self { label_weights: [negative, positive], ..self }
    }

    /// Label smoothing ε in `0..=1`.
    #[must_use]
    pub const fn with_label_smoothing(self, label_smoothing: f32) -> Self {
        Self { label_smoothing, ..self }
    }

    /// What the sum over pixels is divided by.
    #[must_use]
    pub const fn with_reduction(self, reduction: Reduction) -> Self {
        Self { reduction, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> BinaryCrossEntropy<C, N> {
        BinaryCrossEntropy {
            pos_weights: self.pos_weights,
            label_weights: self.label_weights,
            label_smoothing: self.label_smoothing,
            reduction: self.reduction,
            math: PhantomData,
        }
    }
}

impl<const C: usize, M: Math> PixelLoss<C> for BinaryCrossEntropy<C, M> {
    fn check_parameters(&self) -> Result<(), Error> {
        check_parameter(Parameter::PosWeight, &self.pos_weights, weight)?;
        check_parameter(Parameter::Weight, &self.label_weights, weight)?;
        check_parameter(Parameter::LabelSmoothing, &[self.label_smoothing], unit)
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn weight(&self, label: u8) -> f32 {
        let [negative, positive] = self.label_weights;
        let positives = if channel::<C>(label) < C { 1.0 } else { 0.0 };
        positive * positives + negative * (C as f32 - positives)
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
        let [negative, positive] = self.label_weights;
        let mut plain = [0.0; L];
        // What smoothing moves from one target to the other; 1 − t is not computed from t.
        let shift = 0.5 * self.label_smoothing;
        for (((grad, scores), pos_weight), class) in grad.iter_mut().zip(scores).zip(self.pos_weights).zip(0_u32..) {
            for lane in 0..L {
                let is_on = labels[lane] == class;
                let weight = if is_on { positive } else { negative };
                let weight = if L > 1 && labels[lane] == IGNORED { 0.0 } else { weight };
                let on = pos_weight * if is_on { 1.0 - shift } else { shift };
                let off = if is_on { shift } else { 1.0 - shift };
                let logistic = Logistic::new::<M>(scores[lane]);
                plain[lane] += weight * (on * logistic.surprise_on + off * logistic.surprise_off);
                grad[lane] = as_added(scale * weight * (off * logistic.on - on * logistic.off));
            }
        }
        TileLoss { plain, odds: [0.0; L] }
    }
}
