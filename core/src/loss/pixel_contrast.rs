//! Pixel contrast: embeddings of one class together, of different classes apart.

use super::{float, take};
use crate::embeddings::inverse_norm;
use crate::error::{check_parameter, signed};
use crate::kernel::dot::{add_scaled, dot};
use crate::kernel::select::COUNTERS;
use crate::kernel::sigmoid::{sigmoid, softplus};
use crate::kernel::sum::Sums;
use crate::math::{Fast, Math};
use crate::memory::Component;
use crate::sample::{Keys, Kind, Pairs};
use crate::scores::check_grad;
use crate::{Buffer, Embeddings, Error, Memory, Parameter, Scratch};
use core::marker::PhantomData;

mod every_pair;

mod sealed {
    pub trait Sealed {}
}

/// What the anchors are contrasted with: each other ([`Within`]), or a [`Memory`]; sealed.
pub trait Contrast<const D: usize>: sealed::Sealed {
    /// Whether the columns are the anchors themselves.
    #[doc(hidden)]
    const WITHIN: bool = false;

    /// Scratch for a number of anchors.
    #[doc(hidden)]
    fn scratch(&self, anchors: usize) -> usize;
    /// Number of columns, empty ones included.
    #[doc(hidden)]
    fn columns(&self, embeddings: &Embeddings<'_, D>) -> usize;
    /// Class of a column; `None` if it is empty.
    #[doc(hidden)]
    fn class(&self, embeddings: &Embeddings<'_, D>, column: usize) -> Option<u8>;
    /// Whether this column is the anchor itself.
    #[doc(hidden)]
    fn is_self(&self, anchor: usize, column: usize) -> bool;
    /// Inner product of a row with a column's vector.
    #[doc(hidden)]
    fn dot(&self, embeddings: &Embeddings<'_, D>, inverse: &[u32], column: usize, row: &[f32; D]) -> f32;
    /// target += factor · the column's vector.
    #[doc(hidden)]
    fn add_to(
        &self,
        embeddings: &Embeddings<'_, D>,
        inverse: &[u32],
        column: usize,
        factor: f32,
        target: &mut [f32; D],
    );
    /// The row of the gradient that belongs to a column, and the column's embedding; `None` where columns are constants.
    #[doc(hidden)]
    fn column<'a>(&self, embeddings: &Embeddings<'a, D>, column: usize) -> Option<(usize, &'a [f32; D])>;
}

/// Among the anchors themselves: the contrast within a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Within;

impl sealed::Sealed for Within {}

impl<const D: usize> Contrast<D> for Within {
    const WITHIN: bool = true;

    fn scratch(&self, anchors: usize) -> usize {
        PixelContrast::scratch_len(anchors)
    }

    fn columns(&self, embeddings: &Embeddings<'_, D>) -> usize {
        embeddings.anchors()
    }

    fn class(&self, embeddings: &Embeddings<'_, D>, column: usize) -> Option<u8> {
        embeddings.anchor(column).map(|(_, _, class)| class)
    }

    fn is_self(&self, anchor: usize, column: usize) -> bool {
        anchor == column
    }

    #[inline]
    fn dot(&self, embeddings: &Embeddings<'_, D>, inverse: &[u32], column: usize, row: &[f32; D]) -> f32 {
        let inverse = float(inverse, column).unwrap_or(1.0);
        embeddings.anchor(column).map_or(0.0, |(_, other, _)| dot(row, other) * inverse)
    }

    #[inline]
    fn add_to(
        &self,
        embeddings: &Embeddings<'_, D>,
        inverse: &[u32],
        column: usize,
        factor: f32,
        target: &mut [f32; D],
    ) {
        let inverse = float(inverse, column).unwrap_or(1.0);
        if let Some((_, other, _)) = embeddings.anchor(column) {
            add_scaled(target, factor * inverse, other);
        }
    }

    fn column<'a>(&self, embeddings: &Embeddings<'a, D>, column: usize) -> Option<(usize, &'a [f32; D])> {
        embeddings.anchor(column).map(|(index, row, _)| (index, row))
    }
}

impl<const C: usize, const SLOTS: usize, const D: usize, E: Component> sealed::Sealed for &Memory<C, SLOTS, D, E> {}

impl<const C: usize, const SLOTS: usize, const D: usize, E: Component> Contrast<D> for &Memory<C, SLOTS, D, E> {
    fn scratch(&self, anchors: usize) -> usize {
        PixelContrast::memory_scratch_len(anchors, C.saturating_mul(SLOTS))
    }

    fn columns(&self, _: &Embeddings<'_, D>) -> usize {
        C.saturating_mul(SLOTS)
    }

    fn class(&self, _: &Embeddings<'_, D>, column: usize) -> Option<u8> {
        Memory::class(self, column)
    }

    fn is_self(&self, _: usize, _: usize) -> bool {
        false
    }

    #[inline]
    fn dot(&self, _: &Embeddings<'_, D>, _: &[u32], column: usize, row: &[f32; D]) -> f32 {
        Memory::dot(self, column, row)
    }

    #[inline]
    fn add_to(&self, _: &Embeddings<'_, D>, _: &[u32], column: usize, factor: f32, target: &mut [f32; D]) {
        Memory::add_to(self, column, factor, target);
    }

    fn column<'a>(&self, _: &Embeddings<'a, D>, _: usize) -> Option<(usize, &'a [f32; D])> {
        None
    }
}

/// Pixel contrast: pulls embeddings of one class together and pushes those of different classes apart.
///
/// ```text
/// s_ij = f_i · f_j / τ;   P_i: positives of anchor i (its class, not itself);   N_i: negatives (other classes)
/// Λ_i  = ln Σ_{k ∈ N_i} exp(s_ik)
/// ℓ_i  = mean over j ∈ P_i of softplus(Λ_i − s_ij) = mean of −ln (e^{s_ij} / (e^{s_ij} + Σ_k e^{s_ik}))
/// L    = (τ/τ_b) · mean of ℓ_i over the anchors that have a positive
/// ```
///
/// In this form nothing can overflow and no ε is needed. Anchors without a positive are skipped; without a negative their
/// loss is 0; one class, or no anchor: 0. It takes embeddings in place of scores, so it is no [`Loss`](crate::Loss); it has
/// the same verbs, and keeps the same contract.
///
/// Which pixels are anchors is said by [`Embeddings`]; which pairs count by a sampler of [`sample`](crate::sample): `All`,
/// `Hardest`, `SemiHard`; what the anchors are compared with by [`Within`] or a [`Memory`], whose entries are constants.
///
/// # Gradient
///
/// ```text
/// ∂ℓ_i/∂s_ij = −σ(Λ_i − s_ij) / |P_i|              ∂ℓ_i/∂s_ik = e^{s_ik − Λ_i} · mean over j of σ(Λ_i − s_ij)
/// ```
///
/// and from there to both embeddings of a pair. With [`normalizing`](Self::normalizing), through the division by the
/// length: f = x/‖x‖, ∂L/∂x = (g − (g·f) f)/‖x‖. A sampler's choice is not differentiated; one that draws by chance draws
/// anew at each call.
///
/// # Shapes
///
/// Embeddings and gradient `[f32; D]` a pixel, of which some are anchors. Scratch: 256 words and 4 words an anchor (16
/// bytes); against a memory 256 words, 3 words a slot and 1 an anchor. With a sampler or a memory two embeddings of `D`
/// components lie on the stack, else numbers for eight by eight pairs. No matrix is held.
///
/// Cost grows with the square of the number M of anchors: where every pair of them counts, 2 M² D multiply-adds for value
/// and gradient, ½ M² D and more, the more anchors there are of one class, for the value; with a sampler or a memory of as
/// many slots 3 M² D and M² D.
///
/// # When to use it
///
/// Beside cross entropy, where that alone does not find the rare class: with each of three seeds it found beans that cross
/// entropy alone missed with each (IoU 0.33 to 0.47 against 0.00 to 0.01), and came to 0.63 to 0.68 on precipitates of 1.7
/// % of the pixels (0.60 to 0.63); on cracks it found 0.28 to 0.29 with every seed, and cross entropy 0.34, 0.00 and 0.33
/// (`cargo run --release -- --seed 2 --seeds 3 --losses ce,ce+contrast`, with `--data examples-host/data/alloy` or
/// `…/crack`, in the repository).
///
/// # Pitfalls
///
/// * **Embeddings are taken as they are**, as the reference takes them from a head that normalises. If yours does not,
///   [`normalizing`](Self::normalizing).
/// * **It begins near (τ/τ_b) ln(1 + number of negatives)**, and falls slowly: a value of several units is no fault.
/// * The number of anchors is memory and time: [`sample::segmentation_aware`](crate::sample::segmentation_aware) limits it.
/// * A class with one anchor has no positive within the batch, and counts as a negative of others only.
///
/// # Other libraries
///
/// ContrastiveSeg and PaddleSeg scale by τ_b = 0.07 with τ = 0.1: [`with_base_temperature`](Self::with_base_temperature),
/// which scales the loss and nothing else; here it is not scaled unless asked. Their code gives NaN for embeddings that are
/// not normalised, where all exponentials of a row underflow, and for the whole batch if one anchor has no positive;
/// PaddleSeg's fails where no class has enough pixels. SupCon has all pairs in the denominator, this one positive and all
/// negatives. What is in ContrastiveSeg's memory is not reproduced: its queues begin with random vectors, and take pixels
/// of other classes. Row by row: [`migration`](crate::migration).
///
/// # Source
///
/// Wang et al. 2021, equation 3 (one positive in each denominator); τ_b as in ContrastiveSeg's code.
///
/// # Example
///
/// ```
/// use scarce::sample::{All, Hardest};
/// use scarce::{Embeddings, Labels, PixelContrast, Within};
///
/// let rows = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-0.6, 0.8]];
/// let embeddings = Embeddings::new(&rows, Labels::new(&[0, 0, 1, 1]))?;
/// let contrast = PixelContrast::new().with_temperature(0.5);
///
/// let (mut grad, mut scratch) = ([[0.0; 2]; 4], [0; PixelContrast::scratch_len(4)]);
/// let all = contrast.value_and_grad(&embeddings, Within, &mut All, &mut grad, &mut scratch)?;
/// let hardest = &mut Hardest { positives: 1, negatives: 1 };
/// assert!(contrast.value(&embeddings, Within, hardest, &mut scratch)? < all); // fewer negatives to tell apart
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "PixelContrastLoss")]
#[doc(alias = "PixelContrastCrossEntropyLoss")]
#[doc(alias = "ContrastiveSeg")]
#[doc(alias = "SupCon")]
#[doc(alias = "supervised contrastive")]
#[doc(alias = "InfoNCE")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PixelContrast<M = Fast> {
    temperature: f32,
    base_temperature: Option<f32>,
    normalizing: bool,
    math: PhantomData<M>,
}

impl PixelContrast {
    /// τ = 0.1, the loss not rescaled, embeddings taken as they are.
    #[must_use]
    pub const fn new() -> Self {
        Self { temperature: 0.1, base_temperature: None, normalizing: false, math: PhantomData }
    }

    /// Words of scratch for a number of anchors contrasted [`Within`] themselves, at compile time.
    #[must_use]
    pub const fn scratch_len(anchors: usize) -> usize {
        Scratch::new(COUNTERS, 4).words(anchors)
    }

    /// Words of scratch for a number of anchors contrasted with a memory of so many slots in all its classes, at compile
    /// time.
    #[must_use]
    pub const fn memory_scratch_len(anchors: usize, slots: usize) -> usize {
        Scratch::new(COUNTERS, 3).words(slots).saturating_add(anchors)
    }
}

impl Default for PixelContrast {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> PixelContrast<M> {
    /// The temperature τ, in `1e-6..=1e6`.
    #[must_use]
    pub const fn with_temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Scales the loss by τ/τ_b, as the reference does; τ_b in `1e-6..=1e6`.
    #[must_use]
    pub const fn with_base_temperature(self, base_temperature: f32) -> Self {
        Self { base_temperature: Some(base_temperature), ..self }
    }

    /// Divides each embedding by its length, with the gradient through that. An anchor shorter than 10⁻¹² is an error.
    #[must_use]
    pub const fn normalizing(self) -> Self {
        Self { normalizing: true, ..self }
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> PixelContrast<N> {
        PixelContrast {
            temperature: self.temperature,
            base_temperature: self.base_temperature,
            normalizing: self.normalizing,
            math: PhantomData,
        }
    }
}

impl<M: Math> PixelContrast<M> {
    /// The loss.
    ///
    /// # Errors
    /// [`Error::Length`] if scratch is too short, [`Error::Parameter`], and where it normalises [`Error::Embedding`].
    pub fn value<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: impl Contrast<D>,
        pairs: &mut impl Pairs,
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        self.check(embeddings, &contrast, pairs, scratch)?;
        Ok(self.run(embeddings, &contrast, pairs, 0.0, None, scratch))
    }

    /// The loss; and `grad += scale · ∂loss/∂embeddings`, a row for each embedding, anchor or not.
    ///
    /// # Errors
    /// As [`value`](Self::value); [`Error::Length`] if the gradient has not one row an embedding.
    pub fn add_grad<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: impl Contrast<D>,
        pairs: &mut impl Pairs,
        scale: f32,
        grad: &mut [[f32; D]],
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        check_parameter(Parameter::Scale, &[scale], signed)?;
        self.check(embeddings, &contrast, pairs, scratch)?;
        check_grad(grad, embeddings.rows())?;
        Ok(self.run(embeddings, &contrast, pairs, scale, Some(grad), scratch))
    }

    /// The loss; and `grad = ∂loss/∂embeddings`, a row for each embedding, anchor or not.
    ///
    /// # Errors
    /// As [`add_grad`](Self::add_grad).
    pub fn value_and_grad<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: impl Contrast<D>,
        pairs: &mut impl Pairs,
        grad: &mut [[f32; D]],
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        self.check(embeddings, &contrast, pairs, scratch)?;
        check_grad(grad, embeddings.rows())?;
        grad.as_flattened_mut().fill(0.0);
        Ok(self.run(embeddings, &contrast, pairs, 1.0, Some(grad), scratch))
    }

    fn check<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: &impl Contrast<D>,
        pairs: &impl Pairs,
        scratch: &[u32],
    ) -> Result<(), Error> {
        let temperature = |temperature: f32| (1e-6..=1e6).contains(&temperature);
        let base_temperature = self.base_temperature.unwrap_or(self.temperature);
        check_parameter(Parameter::Temperature, &[self.temperature, base_temperature], temperature)?;
        pairs.check()?;
        let (needed, got) = (contrast.scratch(embeddings.anchors()), scratch.len());
        if got < needed {
            return Err(Error::Length { buffer: Buffer::Scratch, needed, got });
        }
        let without_length = |(pixel, row, _)| inverse_norm::<M, D>(row).is_none().then_some(pixel);
        match embeddings.iter().filter(|_| self.normalizing).find_map(without_length) {
            Some(pixel) => Err(Error::Embedding { pixel }),
            None => Ok(()),
        }
    }

    fn run<const D: usize, S: Contrast<D>, P: Pairs>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: &S,
        pairs: &mut P,
        scale: f32,
        grad: Option<&mut [[f32; D]]>,
        scratch: &mut [u32],
    ) -> f32 {
        if S::WITHIN && P::EVERY {
            self.every_pair(embeddings, scale, grad, scratch)
        } else {
            self.chosen(embeddings, contrast, pairs, scale, grad, scratch)
        }
    }

    /// One anchor after the other, and those of its pairs that a sampler chooses.
    fn chosen<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: &impl Contrast<D>,
        pairs: &mut impl Pairs,
        scale: f32,
        mut grad: Option<&mut [[f32; D]]>,
        mut scratch: &mut [u32],
    ) -> f32 {
        let (anchors, columns) = (embeddings.anchors(), contrast.columns(embeddings));
        let counters = take(&mut scratch, COUNTERS);
        let inverse = take(&mut scratch, anchors);
        let similarities = take(&mut scratch, columns);
        let keys = take(&mut scratch, columns);
        let list = take(&mut scratch, columns);
        for (anchor, slot) in inverse.iter_mut().enumerate() {
            let norm = embeddings.anchor(anchor).filter(|_| self.normalizing);
            *slot = norm.and_then(|(_, row, _)| inverse_norm::<M, D>(row)).unwrap_or(1.0).to_bits();
        }
        let with_positive = Self::with_positive(embeddings, contrast, columns, counters);
        if with_positive == 0 {
            return 0.0;
        }
        let base_temperature = self.base_temperature.unwrap_or(self.temperature);
        let number = with_positive as f32;
        let scale = scale / (base_temperature * number);
        let mut total = Sums::ZERO;
        for anchor in 0..anchors {
            let Some((index, embedding, class)) = embeddings.anchor(anchor) else { continue };
            let own_inverse = float(inverse, anchor).unwrap_or(1.0);
            let row = embedding.map(|component| component * own_inverse);
            for (column, slot) in similarities.iter_mut().enumerate() {
                if contrast.class(embeddings, column).is_some() {
                    *slot = (contrast.dot(embeddings, inverse, column, &row) / self.temperature).to_bits();
                }
            }
            let mut choose = |kind: Kind, from: usize| {
                let mut filled = from;
                for column in 0..columns {
                    let Some(other) = contrast.class(embeddings, column) else { continue };
                    if (other == class) != (kind == Kind::Positive) || contrast.is_self(anchor, column) {
                        continue;
                    }
                    if let Some(slot) = list.get_mut(filled) {
                        *slot = column as u32;
                        filled = filled.wrapping_add(1);
                    }
                }
                let candidates = list.get_mut(from..filled).unwrap_or_default();
                let keys = Keys { similarities, keys: &mut *keys, counters: &mut *counters };
                pairs.select(kind, candidates, keys)
            };
            let negatives = choose(Kind::Negative, 0);
            let positives = choose(Kind::Positive, negatives);
            let chosen = list.get(..negatives.wrapping_add(positives)).unwrap_or_default();
            let (negatives, positives) = chosen.split_at_checked(negatives).unwrap_or_default();
            if positives.is_empty() {
                continue;
            }
            let similarity = |&column: &u32| float(similarities, column as usize).unwrap_or(0.0);
            let bound = log_sum_exp::<M>(negatives.iter().map(similarity));
            let share = 1.0 / positives.len() as f32;
            let (mut loss, mut mean) = (Sums::ZERO, Sums::ZERO);
            for column in positives {
                let margin = bound - similarity(column);
                loss.add([softplus::<M>(margin)]);
                mean.add([sigmoid::<M>(margin).0]);
            }
            let ([loss], [mean]) = (loss.total(), mean.total());
            total.add([loss * share]);
            let Some(grad) = &mut grad else { continue };
            let mut direct = [0.0; D];
            let slopes =
                positives.iter().map(|column| (column, -sigmoid::<M>(bound - similarity(column)).0 * share)).chain(
                    negatives
                        .iter()
                        .map(|column| (column, M::exp((similarity(column) - bound).min(0.0)) * mean * share)),
                );
            for (column, slope) in slopes {
                let factor = scale * slope;
                let place = *column as usize;
                contrast.add_to(embeddings, inverse, place, factor, &mut direct);
                if let Some((index, other)) = contrast.column(embeddings, place) {
                    let other_inverse = float(inverse, place).unwrap_or(1.0);
                    let along = if self.normalizing { similarity(column) * self.temperature } else { 0.0 };
                    if let Some(target) = grad.get_mut(index) {
                        // ∂/∂x_j of factor · s: through its length where it is normalised.
                        add_scaled(target, factor * other_inverse, &row);
                        add_scaled(target, -(factor * other_inverse * along * other_inverse), other);
                    }
                }
            }
            if let Some(target) = grad.get_mut(index) {
                let along = if self.normalizing { dot(&direct, &row) } else { 0.0 };
                add_scaled(target, own_inverse, &direct);
                add_scaled(target, -(own_inverse * along), &row);
            }
        }
        let [total] = total.total();
        self.temperature / base_temperature * total / number
    }

    /// Number of anchors that have a positive.
    fn with_positive<const D: usize>(
        embeddings: &Embeddings<'_, D>,
        contrast: &impl Contrast<D>,
        columns: usize,
        counters: &mut [u32],
    ) -> u32 {
        counters.fill(0);
        for class in (0..columns).filter_map(|column| contrast.class(embeddings, column)) {
            if let Some(count) = counters.get_mut(usize::from(class)) {
                *count = count.wrapping_add(1);
            }
        }
        let itself = u32::from(contrast.is_self(0, 0));
        let with = |class: u8| counters.get(usize::from(class)).is_some_and(|&count| count > itself);
        embeddings.iter().filter(|&(_, _, class)| with(class)).count() as u32
    }
}

/// ln Σ eˢ, −∞ without a term.
fn log_sum_exp<M: Math>(terms: impl Iterator<Item = f32> + Clone) -> f32 {
    let largest = terms.clone().fold(f32::NEG_INFINITY, |largest, term| if term > largest { term } else { largest });
    if largest == f32::NEG_INFINITY {
        return largest;
    }
    let mut sum = Sums::ZERO;
    for term in terms {
        sum.add([M::exp(term - largest)]);
    }
    let [sum] = sum.total();
    largest + M::ln(sum)
}
