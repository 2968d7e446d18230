//! From scores to probabilities: softmax, independent sigmoids, or none.

use crate::kernel::sigmoid::sigmoid;
use crate::kernel::softmax::{Target, largest};
use crate::kernel::tile::{Lanes, put};
use crate::labels::{BACKGROUND, channel};
use crate::math::Math;
use crate::{Batch, Error, Scores};

mod sealed {
    pub trait Sealed {}
}

/// How the losses that are defined on probabilities get them from the scores of a batch; sealed.
pub trait Activation: sealed::Sealed + Copy + 'static {
    /// Whether a probability depends on the other channels' scores.
    #[doc(hidden)]
    const COUPLED: bool;

    /// Refuses what the kernels could not take.
    #[doc(hidden)]
    fn check<S: Scores<C> + ?Sized, const C: usize>(batch: &Batch<'_, S, C>) -> Result<(), Error>;

    /// What all channels of a row share: 1 / Σ exp(z − max), with the bits of [`outcomes`](Self::outcomes).
    #[doc(hidden)]
    fn inverse<M: Math, const C: usize>(row: [f32; C], label: u8) -> f32;

    /// p of all channels of a row, and 1 − p of its own, with the bits of [`outcomes`](Self::outcomes).
    #[doc(hidden)]
    #[must_use]
    fn row<M: Math, const C: usize>(row: [f32; C], label: u8) -> ([f32; C], f32) {
        let labels = [u32::try_from(channel::<C>(label)).unwrap_or(BACKGROUND)];
        let mut tile = [[0.0]; C];
        let (hit, [miss]) = Self::outcomes::<M, C, 1>(&row.map(|score| [score]), &labels, &mut tile);
        put(&mut tile, &labels, &hit);
        (tile.map(|[probability]| probability), miss)
    }

    /// p of one channel.
    #[doc(hidden)]
    fn probability<M: Math, const C: usize>(row: [f32; C], channel: usize, inverse: f32) -> f32;

    /// ∂p/∂z of one channel's own score; where coupled, without the term that all channels share.
    #[doc(hidden)]
    fn slope<M: Math, const C: usize>(row: [f32; C], channel: usize, inverse: f32) -> f32;

    /// The probabilities of the channels that are not each pixel's own, 0 at its own; of its own, p and 1 − p. Both are 0
    /// where no channel is its own.
    #[doc(hidden)]
    fn outcomes<M: Math, const C: usize, const L: usize>(
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> (Lanes<L>, Lanes<L>);

    /// [`slope`](Self::slope), given p and 1 − p.
    #[doc(hidden)]
    fn local(probability: f32, complement: f32) -> f32;
}

/// Probabilities by softmax over the channels: p_c = exp(z_c) / Σ_k exp(z_k). At least two channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Softmax;

/// A probability of its own for each channel: p_c = 1 / (1 + exp(−z_c)).
///
/// With one channel it is the probability of label 1; with more, channel c against all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sigmoid;

/// The scores are probabilities already, in `0..=1`; the gradient is with respect to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Probabilities;

impl sealed::Sealed for Softmax {}
impl sealed::Sealed for Sigmoid {}
impl sealed::Sealed for Probabilities {}

impl Activation for Softmax {
    const COUPLED: bool = true;

    fn check<S: Scores<C> + ?Sized, const C: usize>(_: &Batch<'_, S, C>) -> Result<(), Error> {
        const { assert!(C >= 2, "softmax needs at least two channels; one logit is for the sigmoid") };
        Ok(())
    }

    #[inline]
    fn inverse<M: Math, const C: usize>(row: [f32; C], label: u8) -> f32 {
        let [inverse] = Target::new::<M, C>(&row.map(|score| [score]), &[u32::from(label)], &mut [[0.0]; C]).inverse;
        inverse
    }

    #[inline]
    fn probability<M: Math, const C: usize>(row: [f32; C], channel: usize, inverse: f32) -> f32 {
        let score = row.get(channel).copied().unwrap_or(f32::NEG_INFINITY);
        M::exp(score - largest(row)) * inverse
    }

    #[inline]
    fn slope<M: Math, const C: usize>(row: [f32; C], channel: usize, inverse: f32) -> f32 {
        Self::probability::<M, C>(row, channel, inverse)
    }

    #[inline(always)]
    fn outcomes<M: Math, const C: usize, const L: usize>(
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> (Lanes<L>, Lanes<L>) {
        let target = Target::new::<M, C>(scores, labels, others);
        for others in others.iter_mut() {
            for (other, inverse) in others.iter_mut().zip(&target.inverse) {
                *other *= *inverse;
            }
        }
        target.confidence()
    }

    #[inline]
    fn local(probability: f32, _: f32) -> f32 {
        probability
    }
}

impl Activation for Sigmoid {
    const COUPLED: bool = false;

    fn check<S: Scores<C> + ?Sized, const C: usize>(_: &Batch<'_, S, C>) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn inverse<M: Math, const C: usize>(_: [f32; C], _: u8) -> f32 {
        1.0
    }

    #[inline]
    fn probability<M: Math, const C: usize>(row: [f32; C], channel: usize, _: f32) -> f32 {
        row.get(channel).map_or(0.0, |&logit| sigmoid::<M>(logit).0)
    }

    #[inline]
    fn slope<M: Math, const C: usize>(row: [f32; C], channel: usize, _: f32) -> f32 {
        row.get(channel).map_or(0.0, |&logit| {
            let (probability, complement) = sigmoid::<M>(logit);
            probability * complement
        })
    }

    #[inline(always)]
    fn outcomes<M: Math, const C: usize, const L: usize>(
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> (Lanes<L>, Lanes<L>) {
        independent(scores, labels, others, sigmoid::<M>)
    }

    #[inline]
    fn local(probability: f32, complement: f32) -> f32 {
        probability * complement
    }
}

impl Activation for Probabilities {
    const COUPLED: bool = false;

    fn check<S: Scores<C> + ?Sized, const C: usize>(batch: &Batch<'_, S, C>) -> Result<(), Error> {
        let outside = |(row, _): ([f32; C], u8)| !row.iter().all(|probability| (0.0..=1.0).contains(probability));
        match batch.samples(0..batch.pixels()).position(|sample| sample.is_some_and(outside)) {
            Some(pixel) => Err(Error::Probability { pixel }),
            None => Ok(()),
        }
    }

    #[inline]
    fn inverse<M: Math, const C: usize>(_: [f32; C], _: u8) -> f32 {
        1.0
    }

    #[inline]
    fn probability<M: Math, const C: usize>(row: [f32; C], channel: usize, _: f32) -> f32 {
        row.get(channel).copied().unwrap_or(0.0)
    }

    #[inline]
    fn slope<M: Math, const C: usize>(_: [f32; C], _: usize, _: f32) -> f32 {
        1.0
    }

    #[inline(always)]
    fn outcomes<M: Math, const C: usize, const L: usize>(
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        others: &mut [Lanes<L>; C],
    ) -> (Lanes<L>, Lanes<L>) {
        independent(scores, labels, others, |probability| (probability, 1.0 - probability))
    }

    #[inline]
    fn local(_: f32, _: f32) -> f32 {
        1.0
    }
}

/// [`Activation::outcomes`] of channels that do not depend on each other.
#[inline(always)]
fn independent<const C: usize, const L: usize>(
    scores: &[Lanes<L>; C],
    labels: &[u32; L],
    others: &mut [Lanes<L>; C],
    probability: impl Fn(f32) -> (f32, f32),
) -> (Lanes<L>, Lanes<L>) {
    let (mut hit, mut miss) = ([0.0; L], [0.0; L]);
    for ((scores, others), channel) in scores.iter().zip(others).zip(0_u32..) {
        for lane in 0..L {
            let own = labels[lane] == channel;
            let (p, q) = probability(scores[lane]);
            others[lane] = if own { 0.0 } else { p };
            hit[lane] = if own { p } else { hit[lane] };
            miss[lane] = if own { q } else { miss[lane] };
        }
    }
    (hit, miss)
}
