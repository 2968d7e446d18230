//! Pixel contrast: embeddings of one class together, of different classes apart.

use super::{float, take};
use crate::embeddings::inverse_norm;
use crate::error::{check_parameter, signed};
use crate::kernel::dot::{Multiples, Rows, TILE, Tile, add_scaled, dot, dots};
use crate::kernel::select::COUNTERS;
use crate::kernel::sum::Sums;
use crate::kernel::tile::larger;
use crate::math::{Fast, Math};
use crate::memory::Component;
use crate::sample::{Keys, Kind, Pairs};
use crate::scores::check_grad;
use crate::{Buffer, Embeddings, Error, Memory, Parameter, Scratch};
use core::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
}

/// What the anchors are contrasted with: each other ([`Within`]), or a [`Memory`]; sealed.
pub trait Contrast<const D: usize>: sealed::Sealed {
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
    /// Whether columns are the anchors themselves.
    #[doc(hidden)]
    #[must_use]
    fn is_within() -> bool
    where
        Self: Sized,
    {
        false
    }
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

    fn is_within() -> bool {
        true
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
/// ∂ℓ_i/∂s_ij = −σ(Λ_i − s_ij) / |P_i|              ∂ℓ_i/∂s_ik = e^{s_ik − Λ_i} · mean over j of σ(Λ_i − s_ij)
/// ```
///
/// In this form nothing can overflow and no ε is needed: the usual code takes the logarithm of a sum of underflowed
/// exponentials and gives NaN for embeddings that are not normalised. Anchors without a positive are skipped (the usual code
/// gives NaN for the whole batch); without a negative their loss is 0; one class, or no anchor: 0.
///
/// Embeddings are taken as they are, as the reference takes them from a head that normalises; [`normalizing`](Self::normalizing)
/// divides by their length here, with the gradient through it: f = x/‖x‖, ∂L/∂x = (g − (g·f) f)/‖x‖.
///
/// Which pixels are anchors is said by [`Embeddings`]; which pairs count by a sampler of [`sample`](crate::sample): `All`,
/// `Hardest`, `SemiHard`; what the anchors are compared with by [`Within`] or a [`Memory`], whose entries are constants.
/// A sampler's choice is not differentiated; one that draws by chance draws anew at each call.
///
/// It takes embeddings in place of scores, so it is no [`Loss`](crate::Loss); it has the same verbs, and keeps the same
/// contract. Cost: where all pairs of M anchors count, 2 M² D multiply-adds for value and gradient, ½ M² D for the value;
/// M² D and more with a sampler. No matrix is held.
/// Scratch: 256 words and 4 words an anchor (16 bytes); against a memory 256 words, 3 words a slot and 1 an anchor. With a
/// sampler or a memory two embeddings of `D` components lie on the stack, else a few tiles of 8 × 8 numbers.
///
/// Source: Wang et al. 2021, equation 3 (one positive in each denominator); τ_b as in ContrastiveSeg's code, where it is
/// 0.07 with τ = 0.1; it scales the loss and nothing else.
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
#[doc(alias = "SupCon")]
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
        Ok(self.run(embeddings, contrast, pairs, 0.0, None, scratch))
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
        Ok(self.run(embeddings, contrast, pairs, scale, Some(grad), scratch))
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
        Ok(self.run(embeddings, contrast, pairs, 1.0, Some(grad), scratch))
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
        contrast: S,
        pairs: &mut P,
        scale: f32,
        grad: Option<&mut [[f32; D]]>,
        scratch: &mut [u32],
    ) -> f32 {
        if S::is_within() && P::takes_all() {
            self.all_within(embeddings, scale, grad, scratch)
        } else {
            self.chosen(embeddings, &contrast, pairs, scale, grad, scratch)
        }
    }

    /// Every pair of anchors, in tiles of eight by eight.
    ///
    /// The anchors are sorted by class, and each tile of one half of the matrix is gone through three times: for the sums
    /// over negatives; where there are positives, for theirs; for the gradient. Similarities are computed anew in each.
    /// What belongs to an anchor is summed up tile by tile in ascending order, whatever the order of the pairs of tiles.
    fn all_within<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        scale: f32,
        grad: Option<&mut [[f32; D]]>,
        mut scratch: &mut [u32],
    ) -> f32 {
        let all = embeddings.anchors();
        let counters = take(&mut scratch, COUNTERS);
        let order = take(&mut scratch, all);
        let inverse = take(&mut scratch, all);
        let bounds = take(&mut scratch, all);
        let means = take(&mut scratch, all);
        let valid = by_class(embeddings, counters, order);
        let anchors = Anchors { embeddings, order: order.get(..valid).unwrap_or_default(), ends: counters };
        let number = (0..=u8::MAX).map(|class| anchors.number(class)).filter(|&number| number > 1).sum::<u32>() as f32;
        if number == 0.0 {
            return 0.0;
        }
        inverse.fill(0);
        for (slot, &anchor) in inverse.iter_mut().zip(anchors.order) {
            let norm = embeddings.anchor(anchor as usize).filter(|_| self.normalizing);
            *slot = norm.and_then(|(_, row, _)| inverse_norm::<M, D>(row)).unwrap_or(1.0).to_bits();
        }
        let tiles = valid.div_ceil(TILE);
        let mut tile = [[0.0; TILE]; TILE];

        // ln Σ exp over negatives: the largest so far in `bounds`, the sum relative to it in `means`.
        bounds.fill(f32::MIN.to_bits());
        means.fill(0);
        for (i, j) in pairs_of_tiles(tiles, STRIP) {
            let (a, b) = (anchors.group(i, inverse), anchors.group(j, inverse));
            if a.class.first() == b.class.last() {
                continue; // They are all of one class.
            }
            self.similarities(&a, &b, &mut tile);
            for (row, &class) in tile.iter_mut().zip(&a.class) {
                for (similarity, &other) in row.iter_mut().zip(&b.class) {
                    let negative = (class != other) & (class != NONE) & (other != NONE);
                    *similarity = if negative { *similarity } else { f32::MIN };
                }
            }
            add_exponentials::<M>(&tile, j, bounds, means);
            if i != j {
                add_exponentials::<M>(&transposed(&tile), i, bounds, means);
            }
        }
        for (bound, mean) in bounds.iter_mut().zip(means.iter_mut()) {
            let (largest, sum) = (f32::from_bits(*bound), f32::from_bits(*mean));
            let sum = if largest > f32::MIN { largest + M::ln(sum) } else { f32::NEG_INFINITY };
            (*bound, *mean) = (sum.to_bits(), 0);
        }

        // Over positives: the loss, and the mean slope in `means`.
        let mut total = Sums::ZERO;
        for (i, j) in pairs_of_tiles(tiles, 1) {
            let (a, b) = (anchors.group(i, inverse), anchors.group(j, inverse));
            if a.class.iter().all(|class| !b.class.contains(class)) {
                continue;
            }
            self.similarities(&a, &b, &mut tile);
            total.add([self.add_margins(&tile, &a, &b, bounds, means)]);
            if i != j {
                total.add([self.add_margins(&transposed(&tile), &b, &a, bounds, means)]);
            }
        }
        let base_temperature = self.base_temperature.unwrap_or(self.temperature);
        let [total] = total.total();
        let value = self.temperature / base_temperature * total / number;

        let Some(grad) = grad else { return value };
        let scale = scale / (base_temperature * number);
        for (i, j) in pairs_of_tiles(tiles, STRIP) {
            let (a, b) = (anchors.group(i, inverse), anchors.group(j, inverse));
            self.similarities(&a, &b, &mut tile);
            let slopes = slopes::<M, D>(&tile, &a, &b, bounds, means, scale);
            self.add_slopes(&slopes, &tile, &a, &b, grad);
            if i != j {
                self.add_slopes(&transposed(&slopes), &transposed(&tile), &b, &a, grad);
            }
        }
        value
    }

    /// The similarities of each of `a` to each of `b`.
    fn similarities<const D: usize>(&self, a: &Group<'_, D>, b: &Group<'_, D>, tile: &mut Tile) {
        dots(&a.rows, &b.rows, tile);
        for (row, inverse) in tile.iter_mut().zip(&a.inverse) {
            for (similarity, other) in row.iter_mut().zip(&b.inverse) {
                *similarity = *similarity * (inverse * other) / self.temperature;
            }
        }
    }

    /// Adds to the mean slopes of group `b` what its positives in group `a` make of it, and returns what they add to the loss.
    fn add_margins<const D: usize>(
        &self,
        tile: &Tile,
        a: &Group<'_, D>,
        b: &Group<'_, D>,
        bounds: &[u32],
        means: &mut [u32],
    ) -> f32 {
        let bounds = load(bounds, b.tile);
        let mut slopes = [0.0; TILE];
        let mut losses = [0.0; TILE];
        for (lane, (row, class)) in tile.iter().zip(&a.class).enumerate() {
            for (other, ((((slope, loss), similarity), bound), other_class)) in
                slopes.iter_mut().zip(&mut losses).zip(row).zip(&bounds).zip(&b.class).enumerate()
            {
                let positive = (class == other_class) & (*class != NONE) & ((a.tile != b.tile) | (lane != other));
                let margin = bound - similarity;
                let (sigmoid, softplus) = of_margin::<M>(margin);
                *slope += if positive { sigmoid } else { 0.0 };
                *loss += if positive { softplus } else { 0.0 };
            }
        }
        let mut all = load(means, b.tile);
        let mut total = 0.0;
        for (((mean, slope), loss), share) in all.iter_mut().zip(slopes).zip(losses).zip(&b.share) {
            *mean += slope * share;
            total += loss * share;
        }
        store(means, b.tile, &all);
        total
    }

    /// Adds to the gradient of group `a` what group `b` makes of it.
    fn add_slopes<const D: usize>(
        &self,
        slopes: &Tile,
        similarities: &Tile,
        a: &Group<'_, D>,
        b: &Group<'_, D>,
        grad: &mut [[f32; D]],
    ) {
        let mut factors = transposed(slopes);
        for (row, inverse) in factors.iter_mut().zip(&b.inverse) {
            for factor in row {
                *factor *= inverse;
            }
        }
        let mut along = [0.0; TILE];
        if self.normalizing {
            // ∂/∂x_i of factor · s: through its length where it is normalised.
            for (((along, slopes), similarities), inverse) in
                along.iter_mut().zip(slopes).zip(similarities).zip(&a.inverse)
            {
                let sum =
                    slopes.iter().zip(similarities).fold(0.0, |sum, (slope, similarity)| sum + slope * similarity);
                *along = -(sum * self.temperature * inverse);
            }
        }
        let normalizing = self.normalizing;
        Multiples { index: a.index, inverse: a.inverse, own: a.rows, rows: b.rows(), factors, along, normalizing }
            .add_to(grad);
    }

    /// One anchor after the other, and those of its pairs that a sampler chooses.
    #[inline(never)]
    fn chosen<const D: usize>(
        &self,
        embeddings: &Embeddings<'_, D>,
        contrast: &dyn Contrast<D>,
        pairs: &mut dyn Pairs,
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
                let (sigmoid, softplus) = of_margin::<M>(margin);
                loss.add([softplus]);
                mean.add([sigmoid]);
            }
            let ([loss], [mean]) = (loss.total(), mean.total());
            total.add([loss * share]);
            let Some(grad) = &mut grad else { continue };
            let mut direct = [0.0; D];
            let of_positive = |column| {
                let margin = bound - similarity(column);
                -sigmoid_of(margin, exp::<M>(-margin.abs())) * share
            };
            let of_negative = |column| exp::<M>((similarity(column) - bound).min(0.0)) * mean * share;
            let slopes = positives.iter().map(|column| (column, of_positive(column)));
            let slopes = slopes.chain(negatives.iter().map(|column| (column, of_negative(column))));
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
        contrast: &dyn Contrast<D>,
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
        sum.add([exp::<M>(term - largest)]);
    }
    let [sum] = sum.total();
    largest + M::ln(sum)
}

/// The class of a place past the last anchor.
const NONE: u32 = u32::MAX;

/// Tiles whose rows are gone through for each tile of columns, so that more of what they read is in a host's caches. No bit
/// depends on it.
const STRIP: usize = if cfg!(any(target_arch = "arm", target_arch = "riscv32")) { 1 } else { 8 };

/// The pairs i ≤ j of so many tiles: for each, its partners come in ascending order, whatever the strip.
fn pairs_of_tiles(tiles: usize, strip: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..tiles)
        .step_by(strip)
        .flat_map(move |first| (first..tiles).flat_map(move |j| (first..=j).take(strip).map(move |i| (i, j))))
}

/// Writes the anchors in ascending order of their classes, and where each class ends; how many there are.
fn by_class<const D: usize>(embeddings: &Embeddings<'_, D>, ends: &mut [u32], order: &mut [u32]) -> usize {
    ends.fill(0);
    let class = |anchor: usize| embeddings.anchor(anchor).map(|(_, _, class)| usize::from(class));
    for class in (0..embeddings.anchors()).filter_map(class) {
        if let Some(count) = ends.get_mut(class) {
            *count = count.wrapping_add(1);
        }
    }
    let mut valid = 0_u32;
    for count in ends.iter_mut() {
        valid = valid.wrapping_add(core::mem::replace(count, valid));
    }
    for anchor in 0..embeddings.anchors() {
        let Some(place) = class(anchor).and_then(|class| ends.get_mut(class)) else { continue };
        if let Some(slot) = order.get_mut(*place as usize) {
            *slot = anchor as u32;
        }
        *place = place.wrapping_add(1);
    }
    valid as usize
}

/// The anchors in order of their classes.
struct Anchors<'a, 'b, const D: usize> {
    embeddings: &'b Embeddings<'a, D>,
    order: &'b [u32],
    ends: &'b [u32],
}

/// The anchors of a tile's side.
struct Group<'a, const D: usize> {
    tile: usize,
    index: [usize; TILE],
    rows: Rows<'a, D>,
    class: [u32; TILE],
    inverse: [f32; TILE],
    /// Of each positive in the mean over them.
    share: [f32; TILE],
    number: usize,
}

impl<'a, const D: usize> Group<'a, D> {
    fn rows(&self) -> &[&'a [f32; D]] {
        self.rows.get(..self.number).unwrap_or_default()
    }
}

impl<'a, const D: usize> Anchors<'a, '_, D> {
    const NO_ROW: &'static [f32; D] = &[0.0; D];

    /// How many are of a class.
    fn number(&self, class: u8) -> u32 {
        let end = |class: u8| self.ends.get(usize::from(class)).copied();
        let start = class.checked_sub(1).and_then(end).unwrap_or_default();
        end(class).unwrap_or_default().wrapping_sub(start)
    }

    fn group(&self, tile: usize, inverse: &[u32]) -> Group<'a, D> {
        let mut group = Group {
            tile,
            index: [usize::MAX; TILE],
            rows: [Self::NO_ROW; TILE],
            class: [NONE; TILE],
            inverse: load(inverse, tile),
            share: [0.0; TILE],
            number: 0,
        };
        let places = self.order.as_chunks::<TILE>();
        let places = places.0.get(tile).map_or(places.1, <[u32; TILE]>::as_slice);
        group.number = places.len();
        for ((((slot, row), class), share), &anchor) in
            group.index.iter_mut().zip(&mut group.rows).zip(&mut group.class).zip(&mut group.share).zip(places)
        {
            if let Some((index, embedding, of)) = self.embeddings.anchor(anchor as usize) {
                (*slot, *row, *class) = (index, embedding, u32::from(of));
                *share = 1.0 / self.number(of).saturating_sub(1).max(1) as f32;
            }
        }
        group
    }
}

/// eˣ for x ≤ 0: inline where it becomes vector instructions, and once in the program where there are none.
#[cfg_attr(any(target_arch = "arm", target_arch = "riscv32"), inline(never))]
#[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32")), inline(always))]
fn exp<M: Math>(x: f32) -> f32 {
    M::exp(x)
}

/// σ of a margin whose size has this negated exponential.
#[inline(always)]
fn sigmoid_of(margin: f32, small: f32) -> f32 {
    let upper = if margin >= 0.0 { 1.0 } else { small };
    upper / (1.0 + small)
}

/// σ and softplus of the margin by which negatives are ahead of a positive.
#[cfg_attr(any(target_arch = "arm", target_arch = "riscv32"), inline(never))]
#[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32")), inline(always))]
fn of_margin<M: Math>(margin: f32) -> (f32, f32) {
    let small = exp::<M>(-margin.abs());
    (sigmoid_of(margin, small), larger(margin, 0.0) + M::ln_1p(small))
}

/// What a tile's anchors have in these words.
fn load(words: &[u32], tile: usize) -> [f32; TILE] {
    let (chunks, rest) = words.as_chunks::<TILE>();
    let mut numbers = [0.0; TILE];
    let words = chunks.get(tile).map_or(rest, <[u32; TILE]>::as_slice);
    for (number, &bits) in numbers.iter_mut().zip(words) {
        *number = f32::from_bits(bits);
    }
    numbers
}

fn store(words: &mut [u32], tile: usize, numbers: &[f32; TILE]) {
    let (chunks, rest) = words.as_chunks_mut::<TILE>();
    let words = chunks.get_mut(tile).map_or(rest, <[u32; TILE]>::as_mut_slice);
    for (word, number) in words.iter_mut().zip(numbers) {
        *word = number.to_bits();
    }
}

/// What each row of a tile has, for each pair.
fn rows_of<T: Copy>(numbers: &[T; TILE]) -> [[T; TILE]; TILE] {
    numbers.map(|number| [number; TILE])
}

/// What each column of a tile has, for each pair.
const fn columns_of<T: Copy>(numbers: &[T; TILE]) -> [[T; TILE]; TILE] {
    [*numbers; TILE]
}

fn transposed(tile: &Tile) -> Tile {
    let mut turned = [[0.0; TILE]; TILE];
    for (column, row) in tile.iter().enumerate() {
        for (turned, number) in turned.iter_mut().zip(row) {
            if let Some(slot) = turned.get_mut(column) {
                *slot = *number;
            }
        }
    }
    turned
}

/// Adds the exponentials of each column of a tile to the sum of its anchor, relative to the largest exponent.
fn add_exponentials<M: Math>(tile: &Tile, group: usize, largest: &mut [u32], sums: &mut [u32]) {
    let (before, mut total) = (load(largest, group), load(sums, group));
    let mut after = before;
    for row in tile {
        for (after, &similarity) in after.iter_mut().zip(row) {
            *after = larger(*after, similarity);
        }
    }
    let mut terms = *tile;
    for (term, after) in terms.as_flattened_mut().iter_mut().zip(columns_of(&after).as_flattened()) {
        *term = exp::<M>(*term - after);
    }
    let mut added = [0.0; TILE];
    for row in &terms {
        for (added, term) in added.iter_mut().zip(row) {
            *added += term;
        }
    }
    for (((total, added), before), after) in total.iter_mut().zip(added).zip(before).zip(after) {
        *total = *total * exp::<M>(before - after) + added;
    }
    store(largest, group, &after);
    store(sums, group, &total);
}

/// `scale` · (∂ℓ_i/∂s_ij + ∂ℓ_j/∂s_ij) for each pair of a tile.
fn slopes<M: Math, const D: usize>(
    tile: &Tile,
    a: &Group<'_, D>,
    b: &Group<'_, D>,
    bounds: &[u32],
    means: &[u32],
    scale: f32,
) -> Tile {
    let (bounds_a, bounds_b) = (load(bounds, a.tile), load(bounds, b.tile));
    let (means_a, means_b) = (load(means, a.tile), load(means, b.tile));
    let (class_a, class_b, share) = (rows_of(&a.class), columns_of(&b.class), rows_of(&a.share));
    let mut slopes = [[0.0; TILE]; TILE];
    for (bound, mean) in [(rows_of(&bounds_a), rows_of(&means_a)), (columns_of(&bounds_b), columns_of(&means_b))] {
        // Over all pairs at once: a long loop becomes vector instructions.
        let classes = class_a.as_flattened().iter().zip(class_b.as_flattened()).zip(share.as_flattened());
        let numbers = tile.as_flattened().iter().zip(bound.as_flattened()).zip(mean.as_flattened());
        for (slope, (((class, other), share), ((similarity, bound), mean))) in
            slopes.as_flattened_mut().iter_mut().zip(classes.zip(numbers))
        {
            let same = class == other;
            let margin = bound - similarity;
            let size = margin.abs();
            let positive = larger(margin, 0.0);
            let small = exp::<M>(-if same { size } else { positive });
            let term = if same { -(sigmoid_of(margin, small) * share) } else { small * mean };
            *slope += if (*class != NONE) & (*other != NONE) { scale * term } else { 0.0 };
        }
    }
    if a.tile == b.tile {
        for (lane, row) in slopes.iter_mut().enumerate() {
            if let Some(itself) = row.get_mut(lane) {
                *itself = 0.0;
            }
        }
    }
    slopes
}
