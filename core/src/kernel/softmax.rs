//! Softmax of one pixel, and what the losses on its target need, in the stable forms.

use crate::math::Math;

/// The exponentials of a row, shifted by its largest score: `exp` ≤ 1, the largest being 1.
#[inline]
pub(crate) fn shifted_exponentials<M: Math, const C: usize>(row: [f32; C]) -> [f32; C] {
    let max = largest(row);
    row.map(|score| M::exp(score - max))
}

#[inline]
pub(crate) fn largest<const C: usize>(row: [f32; C]) -> f32 {
    row.into_iter().fold(f32::NEG_INFINITY, |max, score| if score > max { score } else { max })
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

/// The softmax of a row, seen from its target class.
///
/// `1 − p` is never computed by subtraction: at a margin of 17 it would be 0 in f32, where the other classes still hold
/// 4·10⁻⁸, and every gradient of a well-classified pixel hangs on it.
pub(crate) struct Target<const C: usize> {
    /// exp(z_c − max) of the other classes; 0 at the target.
    pub(crate) others: [f32; C],
    /// Σ of `others`.
    pub(crate) rest: f32,
    /// exp(z_t − max).
    pub(crate) own: f32,
    /// 1 / Σ exp(z − max), of all classes.
    pub(crate) inverse: f32,
    /// −ln p_t ≥ 0, finite.
    pub(crate) surprise: f32,
    max: f32,
    /// ln Σ exp(z − max) ≥ 0.
    log_sum: f32,
}

impl<const C: usize> Target<C> {
    #[inline]
    pub(crate) fn new<M: Math>(row: [f32; C], target: usize) -> Self {
        let max = largest(row);
        let mut others = row.map(|score| M::exp(score - max));
        let own = others.get_mut(target).map_or(0.0, core::mem::take);
        let rest = sum(others);
        // ln Σ = ln(1 + (rest + own − 1)), and `own` is 1 where the target is largest: exact there for the smallest rest.
        let log_sum = M::ln_1p((rest + (own - 1.0)).max(0.0));
        let score = row.get(target).copied().unwrap_or(max);
        let surprise = surprise(max, log_sum, score);
        Self { others, rest, own, inverse: 1.0 / (rest + own), surprise, max, log_sum }
    }

    /// −ln p ≥ 0, finite, of the class with this score.
    #[inline]
    pub(crate) fn surprise_of(&self, score: f32) -> f32 {
        surprise(self.max, self.log_sum, score)
    }

    /// p_t and 1 − p_t.
    #[inline]
    pub(crate) fn confidence(&self) -> (f32, f32) {
        (self.own * self.inverse, self.rest * self.inverse)
    }
}

/// Scores near ±3·10³⁸ overflow the difference; clamped, it stays a number.
#[inline]
fn surprise(max: f32, log_sum: f32, score: f32) -> f32 {
    (log_sum + (max - score)).min(f32::MAX)
}
