//! The logistic function of one logit, in the stable forms.

use crate::labels::channel;
use crate::math::Math;

/// σ(z) and σ(−z) = 1 − σ(z), both to full relative accuracy.
#[inline]
pub(crate) fn sigmoid<M: Math>(logit: f32) -> (f32, f32) {
    let small = M::exp(-logit.abs());
    let inverse = 1.0 / (1.0 + small);
    if logit >= 0.0 { (inverse, small * inverse) } else { (small * inverse, inverse) }
}

/// ln(1 + eᶻ) = −ln σ(−z).
#[inline]
pub(crate) fn softplus<M: Math>(logit: f32) -> f32 {
    logit.max(0.0) + M::ln_1p(M::exp(-logit.abs()))
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
