//! Softmax of pixels, and what the losses on their targets need, in the stable forms.

use crate::kernel::sum::{BLOCK, BlockProduct, BlockSum, SUMS};
use crate::kernel::tile::{Lanes, as_added, larger, looked_up, put, smaller};
use crate::math::Math;

#[inline]
pub(crate) fn largest<const C: usize>(row: [f32; C]) -> f32 {
    row.into_iter().fold(f32::NEG_INFINITY, larger)
}

/// The channel of the largest score; of equal ones the first.
#[inline]
pub(crate) fn argmax<const C: usize>(row: [f32; C]) -> usize {
    let largest = largest(row);
    row.iter().position(|&score| score == largest).unwrap_or(0)
}

/// Sum in order of class.
#[inline]
pub(crate) fn sum<const C: usize>(row: [f32; C]) -> f32 {
    row.into_iter().fold(0.0, |sum, value| sum + value)
}

/// The largest score of each pixel.
#[inline(always)]
pub(crate) fn largest_of_each<const C: usize, const L: usize>(scores: &[Lanes<L>; C]) -> Lanes<L> {
    let Some((first, others)) = scores.split_first() else { return [0.0; L] };
    let mut max = *first;
    for scores in others {
        for (max, score) in max.iter_mut().zip(scores) {
            *max = larger(*score, *max);
        }
    }
    max
}

/// [`argmax`] of each pixel.
#[inline(always)]
pub(crate) fn argmax_of_each<const C: usize, const L: usize>(scores: &[Lanes<L>; C]) -> [u32; L] {
    let (mut most, mut max) = ([0; L], [f32::NEG_INFINITY; L]);
    for (scores, class) in scores.iter().zip(0_u32..) {
        for lane in 0..L {
            let more = scores[lane] > max[lane];
            most[lane] = if more { class } else { most[lane] };
            max[lane] = if more { scores[lane] } else { max[lane] };
        }
    }
    most
}

/// Pixels whose scores are whole numbers of steps, and the exponentials of all distances between them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a, const C: usize> {
    pub(crate) rows: &'a [[i8; C]],
    /// The bits of exp(−k · scale): a Cortex-M4F moves them into a gradient with an instruction less than as floats.
    pub(crate) exponentials: &'a [u32; 256],
    pub(crate) scale: f32,
}

impl<const C: usize> Steps<'_, C> {
    /// As [`target_cross_entropy`](crate::loss::cross_entropy::target_cross_entropy) of a block of pixels, with its bits, the
    /// weight of all and `scale` in one `factor` ≥ 0. `None` if there are not so many.
    ///
    /// The block is gone through by eighths: of the eight sums one is at work, in a register.
    #[inline(never)]
    pub(crate) fn cross_entropy(
        &self,
        labels: &[u8],
        ignore: u32,
        factor: f32,
        grad: &mut [[f32; C]],
    ) -> Option<(BlockSum, BlockProduct)> {
        let (mut sum, mut product) = (BlockSum::ZERO, BlockProduct::ONE);
        let rows: &[[[i8; C]; SUMS]; BLOCK / SUMS] = self.rows.as_chunks().0.first_chunk()?;
        let labels: &[[u8; SUMS]; BLOCK / SUMS] = labels.as_chunks().0.first_chunk()?;
        let grad: &mut [[[f32; C]; SUMS]; BLOCK / SUMS] = grad.as_chunks_mut().0.first_chunk_mut()?;
        for eighth in 0..SUMS {
            let (mut of_sum, mut of_product) = (BlockSum::ZERO, BlockProduct::ONE);
            for ((rows, labels), grad) in rows.iter().zip(labels).zip(&mut *grad) {
                let (row, target, grad) = (&rows[eighth], labels[eighth], &mut grad[eighth]);
                if u32::from(target) == ignore {
                    *grad = [0.0; C];
                    continue;
                }
                let max = row.iter().fold(i8::MIN, |max, q| if *q > max { *q } else { max });
                let steps = |q: i8| max.wrapping_sub(q).cast_unsigned();
                for (slot, q) in grad.iter_mut().zip(row) {
                    *slot = f32::from_bits(self.exponentials[usize::from(steps(*q))]);
                }
                let Some((q, slot)) = row.get(usize::from(target)).zip(grad.get_mut(usize::from(target))) else {
                    continue;
                };
                let own = core::mem::take(slot);
                let margin = f32::from(steps(*q)) * self.scale;
                let mut rest = 0.0;
                for other in &*grad {
                    rest += *other;
                }
                let Target { inverse: [inverse], odds, .. } = Target::of_sums([rest], [own], [margin]);
                let factor = inverse * factor;
                for slot in &mut *grad {
                    *slot *= factor;
                }
                if let Some(slot) = grad.get_mut(usize::from(target)) {
                    *slot = as_added(-(rest * factor));
                }
                of_sum.add(0, &[margin]);
                of_product.multiply(0, &odds);
            }
            sum.put(eighth, of_sum);
            product.put(eighth, of_product);
        }
        Some((sum, product))
    }
}

/// The softmax of `L` pixels, seen from the target class of each.
///
/// `1 − p` is never computed by subtraction: at a margin of 17 it would be 0 in f32, where the other classes still hold
/// 4·10⁻⁸, and every gradient of a well-classified pixel hangs on it.
pub(crate) struct Target<const L: usize> {
    /// Σ exp(z − max) of the other classes.
    pub(crate) rest: Lanes<L>,
    /// exp(z_t − max).
    pub(crate) own: Lanes<L>,
    /// 1 / Σ exp(z − max), of all classes.
    pub(crate) inverse: Lanes<L>,
    /// Σ exp(z − max) − 1 ≥ 0, of all classes.
    pub(crate) odds: Lanes<L>,
    /// max − z_t ≥ 0, infinite for scores beyond 10³⁸: −ln p_t is this + ln(1 + odds).
    pub(crate) margin: Lanes<L>,
}

impl<const L: usize> Target<L> {
    /// Leaves exp(z − max) of the other classes in `others`, and 0 at the target.
    #[inline(always)]
    pub(crate) fn new<M: Math, const C: usize>(
        scores: &[Lanes<L>; C],
        targets: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> Self {
        if let ([first, second], [first_other, second_other]) = (scores.as_slice(), others.as_mut_slice()) {
            return Self::of_two::<M>(first, second, targets, first_other, second_other);
        }
        let max = largest_of_each(scores);
        let (mut rest, mut own, mut margin) = ([0.0; L], [0.0; L], max);
        if looked_up(C, L) {
            for (others, scores) in others.iter_mut().zip(scores) {
                for ((other, score), max) in others.iter_mut().zip(scores).zip(&max) {
                    *other = M::exp(*score - *max);
                }
            }
            for (((own, margin), target), lane) in own.iter_mut().zip(&mut margin).zip(targets).zip(0..) {
                let target = *target as usize;
                *own = others.get_mut(target).and_then(|of| of.get_mut(lane)).map_or(0.0, core::mem::take);
                *margin -= scores.get(target).and_then(|of| of.get(lane)).copied().unwrap_or(0.0);
            }
            for others in others.iter() {
                for (rest, other) in rest.iter_mut().zip(others) {
                    *rest += *other;
                }
            }
        } else {
            for ((others, scores), class) in others.iter_mut().zip(scores).zip(0_u32..) {
                for lane in 0..L {
                    let is_target = targets[lane] == class;
                    let exponential = M::exp(scores[lane] - max[lane]);
                    let other = if is_target { 0.0 } else { exponential };
                    others[lane] = other;
                    rest[lane] += other;
                    own[lane] += if is_target { exponential } else { 0.0 };
                    margin[lane] -= if is_target { scores[lane] } else { 0.0 };
                }
            }
        }
        Self::of_sums(rest, own, margin)
    }

    /// Of two classes, one has exp(z − max) = 1: a single exponential is left.
    #[inline(always)]
    fn of_two<M: Math>(
        first: &Lanes<L>,
        second: &Lanes<L>,
        targets: &[u32; L],
        first_other: &mut Lanes<L>,
        second_other: &mut Lanes<L>,
    ) -> Self {
        let (mut rest, mut own, mut margin) = ([0.0; L], [0.0; L], [0.0; L]);
        for lane in 0..L {
            let is_first = targets[lane] == 0;
            let distance = second[lane] - first[lane];
            let ahead = if is_first { distance } else { -distance };
            let smaller = M::exp(-distance.abs());
            rest[lane] = if ahead > 0.0 { 1.0 } else { smaller };
            own[lane] = if ahead > 0.0 { smaller } else { 1.0 };
            margin[lane] = larger(ahead, 0.0);
            first_other[lane] = if is_first { 0.0 } else { rest[lane] };
            second_other[lane] = if is_first { rest[lane] } else { 0.0 };
        }
        Self::of_sums(rest, own, margin)
    }

    /// Of scores in steps of one scale, by the exponentials of all distances; with the bits of [`new`](Self::new) if the
    /// scale times a distance is exact. Of pixels past the end it does not matter.
    #[inline(always)]
    pub(crate) fn of_steps<const C: usize>(
        Steps { rows, exponentials, scale }: &Steps<'_, C>,
        targets: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> Self {
        let (mut rest, mut own, mut margin) = ([0.0; L], [1.0; L], [0.0; L]);
        for ((row, target), lane) in rows.iter().zip(targets).zip(0..L) {
            let max = row.iter().fold(i8::MIN, |max, q| if *q > max { *q } else { max });
            let steps = |q: i8| max.wrapping_sub(q).cast_unsigned();
            for (others, q) in others.iter_mut().zip(row) {
                others[lane] = f32::from_bits(exponentials[usize::from(steps(*q))]);
            }
            if let (Some(q), Some(others)) = (row.get(*target as usize), others.get_mut(*target as usize)) {
                own[lane] = core::mem::take(&mut others[lane]);
                margin[lane] = f32::from(steps(*q)) * *scale;
            }
            for others in others.iter() {
                rest[lane] += others[lane];
            }
        }
        Self::of_sums(rest, own, margin)
    }

    #[inline(always)]
    fn of_sums(rest: Lanes<L>, own: Lanes<L>, margin: Lanes<L>) -> Self {
        let (mut inverse, mut odds) = ([0.0; L], [0.0; L]);
        for lane in 0..L {
            inverse[lane] = 1.0 / (rest[lane] + own[lane]);
            // `own` is 1 where the target is largest: exact there for the smallest rest. Elsewhere `rest` is at least 1.
            odds[lane] = rest[lane] + (own[lane] - 1.0);
        }
        Self { rest, own, inverse, odds, margin }
    }

    /// −ln p_t ≥ 0, finite.
    #[inline(always)]
    pub(crate) fn surprise<M: Math>(&self) -> Lanes<L> {
        let mut surprise = self.margin;
        for (surprise, odds) in surprise.iter_mut().zip(&self.odds) {
            *surprise = smaller(M::ln_1p(*odds) + *surprise, f32::MAX);
        }
        surprise
    }

    /// p_t and 1 − p_t.
    #[inline(always)]
    pub(crate) fn confidence(&self) -> (Lanes<L>, Lanes<L>) {
        let (mut hit, mut miss) = (self.own, self.rest);
        for ((hit, miss), inverse) in hit.iter_mut().zip(&mut miss).zip(&self.inverse) {
            *hit *= *inverse;
            *miss *= *inverse;
        }
        (hit, miss)
    }

    /// The gradient of a function of p_t: `factors` times exp(z − max) of the other classes, which `grad` holds, and at the
    /// target minus their sum.
    #[inline(always)]
    pub(crate) fn spread<const C: usize>(&self, targets: &[u32; L], factors: &Lanes<L>, grad: &mut [Lanes<L>; C]) {
        let mut at_target = self.rest;
        for (at_target, factor) in at_target.iter_mut().zip(factors) {
            *at_target = as_added(-(*at_target * *factor));
        }
        if looked_up(C, L) {
            for grad in grad.iter_mut() {
                for (grad, factor) in grad.iter_mut().zip(factors) {
                    *grad = as_added(*grad * *factor);
                }
            }
            put(grad, targets, &at_target);
            return;
        }
        for (grad, class) in grad.iter_mut().zip(0_u32..) {
            for lane in 0..L {
                grad[lane] = grad[lane] * factors[lane] + if targets[lane] == class { at_target[lane] } else { 0.0 };
            }
        }
    }
}
