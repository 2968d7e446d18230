//! Online hard example mining, by sorting.

use super::{Batch, Loss, PixelLoss};
use std::ops::Range;

/// Which pixels are kept, and what their sum is divided by; see `scarce::Ohem`.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// p < `thresh`, else the `min_kept` smallest; by their weights.
    Strict {
        /// The threshold.
        thresh: f64,
        /// The least number.
        min_kept: usize,
    },
    /// p < max(`thresh`, the `min_kept`-th smallest); by their number and 10⁻⁵ of all pixels.
    Paddle {
        /// The threshold.
        thresh: f64,
        /// The rank, from 1.
        min_kept: usize,
    },
    /// p < max(`thresh`, the (`min_kept` + 1)-th smallest); by their number.
    HrNet {
        /// The threshold.
        thresh: f64,
        /// The rank, from 0.
        min_kept: usize,
    },
    /// The share with the largest loss; by the size of that share of all pixels.
    TopK {
        /// The share.
        fraction: f64,
    },
    /// ℓ > `threshold`, or the `min_kept` largest; by their number.
    LossThreshold {
        /// The threshold.
        threshold: f64,
        /// The least number.
        min_kept: usize,
    },
}

/// A loss of the hardest pixels only.
pub struct Mining {
    /// Which pixels are kept.
    pub rule: Rule,
    /// The loss of each pixel.
    pub loss: Box<dyn PixelLoss>,
    /// −ln p of each pixel's label.
    pub surprise: Box<dyn PixelLoss>,
    /// The weight of each class.
    pub weights: Vec<f64>,
    /// Image by image, averaged.
    pub per_image: bool,
}

impl Mining {
    /// The pixels of a range that are kept, hardest first, and what their sum is divided by.
    #[must_use]
    pub fn kept(&self, batch: &Batch<'_>, range: Range<usize>) -> (Vec<usize>, f64) {
        let all = range.len();
        let mut valid = batch.valid(range);
        if valid.is_empty() {
            return (valid, 0.0);
        }
        let losses = self.loss.per_pixel(batch);
        let p: Vec<f64> = self.surprise.per_pixel(batch).iter().map(|surprise| (-surprise).exp()).collect();
        // Stable: ties to the lower pixel.
        match self.rule {
            Rule::TopK { .. } | Rule::LossThreshold { .. } => valid.sort_by(|&a, &b| losses[b].total_cmp(&losses[a])),
            _ => valid.sort_by(|&a, &b| p[a].total_cmp(&p[b])),
        }
        let below = |limit: f64| valid.iter().filter(|&&pixel| p[pixel] < limit).count();
        let (kept, divisor) = match self.rule {
            Rule::Strict { thresh, min_kept } => {
                let kept = below(thresh).max(min_kept.min(valid.len()));
                (kept, valid[..kept].iter().map(|&pixel| self.weights[usize::from(batch.labels[pixel])]).sum())
            }
            Rule::Paddle { thresh, min_kept } => {
                let selects = 0 < min_kept && min_kept < valid.len();
                let kept = if selects { below(thresh.max(p[valid[min_kept - 1]])) } else { valid.len() };
                (kept, kept as f64 + 1e-5 * all as f64)
            }
            Rule::HrNet { thresh, min_kept } => {
                let kept = below(thresh.max(p[valid[min_kept.max(1).min(valid.len() - 1)]]));
                (kept, kept as f64)
            }
            Rule::TopK { fraction } => {
                let number = (fraction * all as f64).floor();
                ((number as usize).min(valid.len()), number)
            }
            Rule::LossThreshold { threshold, min_kept } => {
                let above = valid.iter().filter(|&&pixel| losses[pixel] > threshold).count();
                let kept = above.max(min_kept.min(valid.len()));
                (kept, kept as f64)
            }
        };
        valid.truncate(kept);
        (valid, divisor)
    }

    fn group(&self, batch: &Batch<'_>, range: Range<usize>) -> f64 {
        let (kept, divisor) = self.kept(batch, range);
        let losses = self.loss.per_pixel(batch);
        let total: f64 = kept.iter().map(|&pixel| losses[pixel]).sum();
        if divisor == 0.0 { 0.0 } else { total / divisor }
    }
}

impl Loss for Mining {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        if !self.per_image {
            return self.group(batch, 0..batch.pixels());
        }
        let total: f64 = batch.image_ranges().map(|range| self.group(batch, range)).sum();
        total / batch.images as f64
    }
}
