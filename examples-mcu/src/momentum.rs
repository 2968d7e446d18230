//! Stochastic gradient descent with momentum.

use crate::Parameters;

/// Stochastic gradient descent with a momentum of 0.9: `v ← 0.9·v + g`, `p ← p − rate·v`.
///
/// Keeps one number a parameter where [`Adam`](crate::Adam) keeps two.
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum<P> {
    velocity: P,
    largest_norm: f32,
}

const MOMENTUM: f32 = 0.9;

impl<P: Parameters> Momentum<P> {
    /// An optimiser at rest, without clipping.
    #[must_use]
    pub fn new() -> Self {
        Self { velocity: P::zeros(), largest_norm: f32::INFINITY }
    }

    /// Scales gradients whose Euclidean norm is larger than `largest_norm` down to it.
    #[must_use]
    pub fn with_clipping(self, largest_norm: f32) -> Self {
        Self { largest_norm, ..self }
    }

    /// Moves the parameters one step along the velocity.
    pub fn step(&mut self, parameters: &mut P, gradient: &P, rate: f32) {
        let norm = libm::sqrtf(gradient.parameters().fold(0.0, |sum, slope| sum + slope * slope));
        let scale = if norm > self.largest_norm { self.largest_norm / norm } else { 1.0 };
        let slopes = gradient.parameters().zip(self.velocity.parameters_mut());
        for (parameter, (&slope, velocity)) in parameters.parameters_mut().zip(slopes) {
            *velocity = MOMENTUM * *velocity + scale * slope;
            *parameter -= rate * *velocity;
        }
    }
}

impl<P: Parameters> Default for Momentum<P> {
    fn default() -> Self {
        Self::new()
    }
}
