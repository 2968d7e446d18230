//! Focal loss, softmax and sigmoid.

use super::probabilities::{miss, sigmoid, softplus, surprise};
use super::{Batch, Loss, PixelLoss, Reduction, weight};

/// ℓ = −α_y (1 − p_y)^γ ln p_y, p = softmax(z); [`Reduction::Mean`] divides by Σ α_y.
#[derive(Clone, Debug)]
pub struct Focal {
    /// γ.
    pub gamma: f64,
    /// α, all 1 if `None`.
    pub alpha: Option<Vec<f64>>,
    /// The divisor.
    pub reduction: Reduction,
}

impl Focal {
    /// No α, the mean over valid pixels.
    #[must_use]
    pub fn new(gamma: f64) -> Self {
        Self { gamma, alpha: None, reduction: Reduction::MeanValid }
    }

    fn alpha(&self, batch: &Batch<'_>, pixel: usize) -> f64 {
        weight(self.alpha.as_deref(), usize::from(batch.labels[pixel]))
    }
}

impl PixelLoss for Focal {
    fn per_pixel(&self, batch: &Batch<'_>) -> Vec<f64> {
        let mut losses = vec![0.0; batch.pixels()];
        for pixel in batch.valid(0..batch.pixels()) {
            let (row, label) = (batch.row(pixel), usize::from(batch.labels[pixel]));
            losses[pixel] = self.alpha(batch, pixel) * miss(row, label).powf(self.gamma) * surprise(row, label);
        }
        losses
    }
}

impl Loss for Focal {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        self.reduction.reduce(batch, &self.per_pixel(batch), |pixel| self.alpha(batch, pixel))
    }
}

/// ℓ = Σ_c −v_c a_c (1 − p)^γ ln p, p = σ(z_c) and a_c = α_c where y = c, p = σ(−z_c) and a_c = 1 − α_c elsewhere;
/// [`Reduction::Mean`] divides by the number of valid pixels times Σ_c v_c.
#[derive(Clone, Debug)]
pub struct SigmoidFocal {
    /// γ.
    pub gamma: f64,
    /// α of each channel; no factor a if `None`.
    pub alpha: Option<Vec<f64>>,
    /// v, all 1 if `None`.
    pub channel_weights: Option<Vec<f64>>,
    /// The divisor.
    pub reduction: Reduction,
}

impl SigmoidFocal {
    /// No α, no weights, the mean over the elements of valid pixels.
    #[must_use]
    pub fn new(gamma: f64) -> Self {
        Self { gamma, alpha: None, channel_weights: None, reduction: Reduction::Mean }
    }
}

impl PixelLoss for SigmoidFocal {
    fn per_pixel(&self, batch: &Batch<'_>) -> Vec<f64> {
        let mut losses = vec![0.0; batch.pixels()];
        for pixel in batch.valid(0..batch.pixels()) {
            for (channel, &logit) in batch.row(pixel).iter().enumerate() {
                let target = batch.is_target(pixel, channel);
                let margin = if target { logit } else { -logit };
                let balance = match &self.alpha {
                    None => 1.0,
                    Some(alpha) if target => alpha[channel],
                    Some(alpha) => 1.0 - alpha[channel],
                };
                let loss = balance * sigmoid(-margin).powf(self.gamma) * softplus(-margin);
                losses[pixel] += weight(self.channel_weights.as_deref(), channel) * loss;
            }
        }
        losses
    }
}

impl Loss for SigmoidFocal {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        self.reduction.reduce(batch, &self.per_pixel(batch), |_| {
            (0..batch.classes).map(|channel| weight(self.channel_weights.as_deref(), channel)).sum()
        })
    }
}
