//! The 1×1 convolution that scores the classes of each pixel.

use crate::convolution::uniform;
use crate::error::check_length;
use crate::{Buffer, LengthError, Parameters};
use rand_core::Rng;

/// A 1×1 convolution from features to logits, without an activation function.
///
/// Order of the parameters: `weights` (by feature, then class), then `bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Head<const FEATURES: usize, const CLASSES: usize> {
    /// `weights[feature][class]`.
    pub weights: [[f32; CLASSES]; FEATURES],
    /// One addend a class.
    pub bias: [f32; CLASSES],
}

/// Pixels that are summed by themselves: sums over large images do not drift.
const BLOCK: usize = 64;

impl<const FEATURES: usize, const CLASSES: usize> Head<FEATURES, CLASSES> {
    /// Weights drawn uniformly from ±√(3 / `FEATURES`), which keeps the variance of what passes; biases zero.
    #[must_use]
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut head = Self::zeros();
        let bound = libm::sqrtf(3.0 / FEATURES as f32);
        head.weights.as_flattened_mut().iter_mut().for_each(|weight| *weight = uniform(rng, bound));
        head
    }

    /// The logits of each pixel: the bias, then the features added in order.
    ///
    /// # Errors
    /// If there is not one row of logits for each pixel of the features.
    pub fn forward(&self, features: &[[f32; FEATURES]], logits: &mut [[f32; CLASSES]]) -> Result<(), LengthError> {
        check_length(Buffer::Logits, features.len(), logits.len())?;
        for (scores, pixel) in logits.iter_mut().zip(features) {
            let mut sums = self.bias;
            for (&feature, weights) in pixel.iter().zip(&self.weights) {
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum += weight * feature;
                }
            }
            *scores = sums;
        }
        Ok(())
    }

    /// Adds the gradient with respect to the head's parameters to `gradient`: the pixels of each block of 64 are summed in
    /// order, then the blocks.
    ///
    /// This is all that training the head alone takes; the features are as [`forward`](Self::forward) got them.
    ///
    /// # Errors
    /// If there is not one row of `logit_gradient` for each pixel of the features.
    pub fn backward(
        &self,
        features: &[[f32; FEATURES]],
        logit_gradient: &[[f32; CLASSES]],
        gradient: &mut Self,
    ) -> Result<(), LengthError> {
        check_length(Buffer::LogitGradient, features.len(), logit_gradient.len())?;
        for (pixels, scores) in features.chunks(BLOCK).zip(logit_gradient.chunks(BLOCK)) {
            let mut sums = Self::zeros();
            for (pixel, scores) in pixels.iter().zip(scores) {
                for (&feature, sums) in pixel.iter().zip(&mut sums.weights) {
                    for (sum, &score) in sums.iter_mut().zip(scores) {
                        *sum += feature * score;
                    }
                }
                for (sum, &score) in sums.bias.iter_mut().zip(scores) {
                    *sum += score;
                }
            }
            for (total, sum) in gradient.parameters_mut().zip(sums.parameters()) {
                *total += sum;
            }
        }
        Ok(())
    }

    /// Replaces the features, outputs of a ReLU, by the gradient with respect to what the ReLU took: from each pixel's
    /// `direct` gradient, which does not come through the logits, the classes added in order.
    pub(crate) fn backpropagate(
        &self,
        logit_gradient: &[[f32; CLASSES]],
        direct: impl Iterator<Item = [f32; FEATURES]>,
        features: &mut [[f32; FEATURES]],
    ) {
        for ((pixel, scores), direct) in features.iter_mut().zip(logit_gradient).zip(direct) {
            for ((feature, weights), direct) in pixel.iter_mut().zip(&self.weights).zip(direct) {
                let slope = weights.iter().zip(scores).fold(direct, |sum, (&weight, &score)| sum + weight * score);
                *feature = if *feature > 0.0 { slope } else { 0.0 };
            }
        }
    }
}

impl<const FEATURES: usize, const CLASSES: usize> Parameters for Head<FEATURES, CLASSES> {
    const COUNT: usize = (FEATURES + 1) * CLASSES;

    fn zeros() -> Self {
        Self { weights: [[0.0; CLASSES]; FEATURES], bias: [0.0; CLASSES] }
    }

    fn parameters(&self) -> impl Iterator<Item = &f32> {
        self.weights.as_flattened().iter().chain(&self.bias)
    }

    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.weights.as_flattened_mut().iter_mut().chain(&mut self.bias)
    }
}
