//! The overlap family.

use super::{Activation, Batch, Loss, weight};
use std::ops::Range;

/// An index below this counts as this in [`Form::Log`].
const LOG_FLOOR: f64 = 1e-7;

/// How much prediction and truth of a class overlap: I = Σ p t, P = Σ pᵏ, T = Σ t, FP = Σ pᵏ (1 − t), FN = Σ (1 − p)ᵏ t
/// with k = 1, or 2 if squared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Index {
    /// (2I + s_n) / (P + T + s_d).
    Dice,
    /// (I + s_n) / (P + T − I + s_d).
    Jaccard,
    /// (I + s_n) / (I + α FP + β FN + s_d).
    Tversky {
        /// The weight of false positives.
        alpha: f64,
        /// The weight of false negatives.
        beta: f64,
    },
}

/// How an index x becomes a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// 1 − x.
    Linear,
    /// −ln max(x, 10⁻⁷).
    Log,
    /// (1 − x)^γ.
    Focal(f64),
}

/// What becomes of a class without a true pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It counts like any other.
    Count,
    /// It is left out of the mean over classes.
    Skip,
    /// Its loss is 0, and it counts in the mean.
    Zero,
}

/// The weight of a class in sums over classes, by its number of true pixels V.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeWeights {
    /// 1.
    None,
    /// 1/V; for an absent class the largest weight of the others.
    Simple,
    /// 1/V²; for an absent class the largest weight of the others.
    Square,
}

/// Dice, Jaccard, Tversky, focal Tversky, generalised Dice; see `scarce::Overlap`.
#[derive(Clone, Debug)]
pub struct Overlap {
    /// The index.
    pub index: Index,
    /// s_n.
    pub numerator_smoothing: f64,
    /// s_d.
    pub denominator_smoothing: f64,
    /// k = 2 instead of 1.
    pub squared: bool,
    /// The loss of an index.
    pub form: Form,
    /// Sums over the batch instead of image by image.
    pub per_batch: bool,
    /// One index of (weighted) sums over classes instead of a mean over classes.
    pub micro: bool,
    /// Weights of classes in these sums; only with `micro`.
    pub volume_weights: VolumeWeights,
    /// Classes without a true pixel; only without `micro`.
    pub absent: Absent,
    /// Class weights, all 1 if `None`.
    pub weights: Option<Vec<f64>>,
    /// Divides by the number of classes instead of by their weights.
    pub unnormalized: bool,
    /// Where probabilities come from.
    pub activation: Activation,
}

impl Overlap {
    /// The index in its simplest form: smoothing 1, per image, mean over all classes.
    #[must_use]
    pub fn new(index: Index, activation: Activation) -> Self {
        Self {
            index,
            numerator_smoothing: 1.0,
            denominator_smoothing: 1.0,
            squared: false,
            form: Form::Linear,
            per_batch: false,
            micro: false,
            volume_weights: VolumeWeights::None,
            absent: Absent::Count,
            weights: None,
            unnormalized: false,
            activation,
        }
    }

    /// The index of sums; 0/0 counts as 0.
    fn index(&self, sums: Sums) -> f64 {
        let Sums { intersection, predicted, truth, false_positives, false_negatives } = sums;
        let (numerator, denominator) = match self.index {
            Index::Dice => (2.0 * intersection, predicted + truth),
            Index::Jaccard => (intersection, predicted + truth - intersection),
            Index::Tversky { alpha, beta } => {
                (intersection, intersection + alpha * false_positives + beta * false_negatives)
            }
        };
        let denominator = denominator + self.denominator_smoothing;
        if denominator == 0.0 { 0.0 } else { (numerator + self.numerator_smoothing) / denominator }
    }

    fn loss(&self, sums: Sums) -> f64 {
        let index = self.index(sums);
        match self.form {
            Form::Linear => 1.0 - index,
            Form::Log => -index.max(LOG_FLOOR).ln(),
            Form::Focal(gamma) => (1.0 - index).max(0.0).powf(gamma),
        }
    }

    /// The sums of each class over some pixels.
    fn sums(&self, batch: &Batch<'_>, pixels: &[usize]) -> Vec<Sums> {
        let mut sums = vec![Sums::default(); batch.classes];
        for &pixel in pixels {
            for (class, sums) in sums.iter_mut().enumerate() {
                let p = self.activation.probability(batch.row(pixel), class);
                let truth = f64::from(u8::from(batch.is_target(pixel, class)));
                let power = |x: f64| if self.squared { x * x } else { x };
                let pixel = Sums {
                    intersection: p * truth,
                    predicted: power(p),
                    truth,
                    false_positives: power(p) * (1.0 - truth),
                    false_negatives: power(self.activation.complement(batch.row(pixel), class)) * truth,
                };
                sums.add(pixel, 1.0);
            }
        }
        sums
    }

    fn micro_loss(&self, sums: &[Sums]) -> f64 {
        let volume_weight = |sums: &Sums| match self.volume_weights {
            VolumeWeights::None => 1.0,
            VolumeWeights::Simple => 1.0 / sums.truth,
            VolumeWeights::Square => 1.0 / (sums.truth * sums.truth),
        };
        let largest = sums.iter().map(volume_weight).filter(|weight| weight.is_finite()).fold(0.0, f64::max);
        let mut total = Sums::default();
        for (class, sums) in sums.iter().enumerate() {
            let volume_weight = volume_weight(sums);
            let volume_weight = if volume_weight.is_finite() { volume_weight } else { largest };
            total.add(*sums, weight(self.weights.as_deref(), class) * volume_weight);
        }
        self.loss(total)
    }

    fn macro_loss(&self, sums: &[Sums]) -> f64 {
        let (mut total, mut divisor) = (0.0, 0.0);
        for (class, sums) in sums.iter().enumerate() {
            let loss = match self.absent {
                Absent::Skip if sums.truth == 0.0 => continue,
                Absent::Zero if sums.truth == 0.0 => 0.0,
                _ => self.loss(*sums),
            };
            let weight = weight(self.weights.as_deref(), class);
            total += weight * loss;
            divisor += if self.unnormalized { 1.0 } else { weight };
        }
        if divisor == 0.0 { 0.0 } else { total / divisor }
    }

    fn group_loss(&self, batch: &Batch<'_>, range: Range<usize>) -> f64 {
        let pixels = batch.valid(range);
        if pixels.is_empty() {
            return 0.0;
        }
        let sums = self.sums(batch, &pixels);
        if self.micro { self.micro_loss(&sums) } else { self.macro_loss(&sums) }
    }
}

impl Loss for Overlap {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        if self.per_batch {
            return self.group_loss(batch, 0..batch.pixels());
        }
        let total: f64 = batch.image_ranges().map(|range| self.group_loss(batch, range)).sum();
        total / batch.images as f64
    }
}

/// I, P, T, FP and FN of a class.
#[derive(Clone, Copy, Default)]
struct Sums {
    intersection: f64,
    predicted: f64,
    truth: f64,
    false_positives: f64,
    false_negatives: f64,
}

impl Sums {
    fn add(&mut self, other: Self, weight: f64) {
        self.intersection += weight * other.intersection;
        self.predicted += weight * other.predicted;
        self.truth += weight * other.truth;
        self.false_positives += weight * other.false_positives;
        self.false_negatives += weight * other.false_negatives;
    }
}
