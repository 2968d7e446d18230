//! Adam.

use crate::Parameters;

/// Adam (Kingma and Ba, 2015): steps scaled by running averages of the gradient and of its square.
///
/// ```text
/// m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
/// p ← p − rate · (m / c₁) / (√(v / c₂) + ε)
/// ```
///
/// with β₁ = 0.9, β₂ = 0.999, ε = 1e-8. The bias correction `c = 1 − βᵗ` is the same running average, taken of a constant
/// one: it needs no power and is exact for the β that the averages use.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam<P> {
    mean: P,
    square: P,
    mean_weight: f32,
    square_weight: f32,
}

const MEAN_DECAY: f32 = 0.9;
const SQUARE_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

impl<P: Parameters> Adam<P> {
    /// An optimiser that has seen no gradient.
    #[must_use]
    pub fn new() -> Self {
        Self { mean: P::zeros(), square: P::zeros(), mean_weight: 0.0, square_weight: 0.0 }
    }

    /// Moves the parameters one step against the gradient.
    pub fn step(&mut self, parameters: &mut P, gradient: &P, rate: f32) {
        self.mean_weight = average(MEAN_DECAY, self.mean_weight, 1.0);
        self.square_weight = average(SQUARE_DECAY, self.square_weight, 1.0);
        let moments = self.mean.parameters_mut().zip(self.square.parameters_mut());
        for ((parameter, &slope), (mean, square)) in parameters.parameters_mut().zip(gradient.parameters()).zip(moments)
        {
            *mean = average(MEAN_DECAY, *mean, slope);
            *square = average(SQUARE_DECAY, *square, slope * slope);
            let deviation = libm::sqrtf(*square / self.square_weight);
            *parameter -= rate * (*mean / self.mean_weight) / (deviation + EPSILON);
        }
    }
}

impl<P: Parameters> Default for Adam<P> {
    fn default() -> Self {
        Self::new()
    }
}

fn average(decay: f32, average: f32, value: f32) -> f32 {
    decay * average + (1.0 - decay) * value
}
