//! The logistic function of one logit, in the stable forms.

use crate::kernel::tile::larger;
use crate::labels::channel;
use crate::math::Math;

/// σ(z) and σ(−z) = 1 − σ(z), both to full relative accuracy.
#[inline]
pub(crate) fn sigmoid<M: Math>(logit: f32) -> (f32, f32) {
    sigmoid_of(logit, M::exp(-logit.abs()))
}

/// ln(1 + eᶻ) = −ln σ(−z).
#[inline]
pub(crate) fn softplus<M: Math>(logit: f32) -> f32 {
    larger(logit, 0.0) + M::ln_1p(M::exp(-logit.abs()))
}

#[inline(always)]
fn sigmoid_of(logit: f32, small: f32) -> (f32, f32) {
    let inverse = 1.0 / (1.0 + small);
    let lesser = small * inverse;
    if logit >= 0.0 { (inverse, lesser) } else { (lesser, inverse) }
}

/// The two probabilities of a logit and what they cost, with the bits of [`sigmoid`] and [`softplus`], by one exponential
/// and one logarithm.
pub(crate) struct Logistic {
    /// σ(z).
    pub(crate) on: f32,
    /// σ(−z).
    pub(crate) off: f32,
    /// −ln σ(z).
    pub(crate) surprise_on: f32,
    /// −ln σ(−z).
    pub(crate) surprise_off: f32,
}

impl Logistic {
    #[inline(always)]
    pub(crate) fn new<M: Math>(logit: f32) -> Self {
        let small = M::exp(-logit.abs());
        let (on, off) = sigmoid_of(logit, small);
        let shared = M::ln_1p(small);
        Self { on, off, surprise_on: larger(-logit, 0.0) + shared, surprise_off: larger(logit, 0.0) + shared }
    }
}

/// The probability that the sigmoids give a label, and its complement: of the label's channel, or with one channel of the
/// label 0 or 1.
#[inline]
pub(crate) fn label_confidence<M: Math, const C: usize>(row: [f32; C], label: u8) -> (f32, f32) {
    match row.get(channel::<C>(label)) {
        Some(&logit) => sigmoid::<M>(logit),
        None => sigmoid::<M>(-row.first().copied().unwrap_or(0.0)),
    }
}
