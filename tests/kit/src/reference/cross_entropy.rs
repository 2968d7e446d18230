//! Cross entropy, softmax and binary.

use super::probabilities::{softplus, surprise};
use super::{Batch, Loss, PixelLoss, Reduction, weight};

/// ℓ = −(1 − ε) w_y ln p_y − (ε/C) Σ_c w_c ln p_c, p = softmax(z + b); [`Reduction::Mean`] divides by Σ w_y.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// w, all 1 if `None`.
    pub weights: Option<Vec<f64>>,
    /// ε.
    pub label_smoothing: f64,
    /// b, all 0 if `None`.
    pub logit_adjustment: Option<Vec<f64>>,
    /// The divisor.
    pub reduction: Reduction,
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Self { weights: None, label_smoothing: 0.0, logit_adjustment: None, reduction: Reduction::Mean }
    }
}

impl PixelLoss for CrossEntropy {
    fn per_pixel(&self, batch: &Batch<'_>) -> Vec<f64> {
        let mut losses = vec![0.0; batch.pixels()];
        for pixel in batch.valid(0..batch.pixels()) {
            let mut row = batch.row(pixel).to_vec();
            if let Some(adjustment) = &self.logit_adjustment {
                for (logit, addend) in row.iter_mut().zip(adjustment) {
                    *logit += addend;
                }
            }
            let w = |class| weight(self.weights.as_deref(), class);
            let label = usize::from(batch.labels[pixel]);
            let uniform: f64 = (0..batch.classes).map(|class| w(class) * surprise(&row, class)).sum();
            losses[pixel] = (1.0 - self.label_smoothing) * w(label) * surprise(&row, label)
                + self.label_smoothing / batch.classes as f64 * uniform;
        }
        losses
    }
}

impl Loss for CrossEntropy {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        self.reduction.reduce(batch, &self.per_pixel(batch), |pixel| {
            weight(self.weights.as_deref(), usize::from(batch.labels[pixel]))
        })
    }
}

/// ℓ = Σ_c v_t (−a t' ln σ(z_c) − (1 − t') ln σ(−z_c)), t = [y = c], t' = (1 − ε) t + ε/2; [`Reduction::Mean`] divides
/// by Σ v_t over pixels and channels.
#[derive(Clone, Debug)]
pub struct BinaryCrossEntropy {
    /// a.
    pub pos_weight: f64,
    /// v at t = 0 and at t = 1.
    pub class_weights: [f64; 2],
    /// ε.
    pub label_smoothing: f64,
    /// The divisor.
    pub reduction: Reduction,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self { pos_weight: 1.0, class_weights: [1.0; 2], label_smoothing: 0.0, reduction: Reduction::Mean }
    }
}

impl BinaryCrossEntropy {
    fn class_weight(&self, batch: &Batch<'_>, pixel: usize, channel: usize) -> f64 {
        self.class_weights[usize::from(batch.is_target(pixel, channel))]
    }
}

impl PixelLoss for BinaryCrossEntropy {
    fn per_pixel(&self, batch: &Batch<'_>) -> Vec<f64> {
        let mut losses = vec![0.0; batch.pixels()];
        for pixel in batch.valid(0..batch.pixels()) {
            for (channel, &logit) in batch.row(pixel).iter().enumerate() {
                let target = f64::from(u8::from(batch.is_target(pixel, channel)));
                let target = (1.0 - self.label_smoothing) * target + self.label_smoothing / 2.0;
                let loss = self.pos_weight * target * softplus(-logit) + (1.0 - target) * softplus(logit);
                losses[pixel] += self.class_weight(batch, pixel, channel) * loss;
            }
        }
        losses
    }
}

impl Loss for BinaryCrossEntropy {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        self.reduction.reduce(batch, &self.per_pixel(batch), |pixel| {
            (0..batch.classes).map(|channel| self.class_weight(batch, pixel, channel)).sum()
        })
    }
}
