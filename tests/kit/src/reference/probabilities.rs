//! Softmax and sigmoid, with the complements and logarithms that do not cancel.

/// How probabilities come from scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Softmax over the channels.
    Softmax,
    /// A sigmoid in each channel.
    Sigmoid,
    /// The scores are probabilities.
    Probabilities,
}

impl Activation {
    /// p of one channel of a row of scores.
    pub(super) fn probability(self, row: &[f64], channel: usize) -> f64 {
        match self {
            Self::Softmax => (-surprise(row, channel)).exp(),
            Self::Sigmoid => sigmoid(row[channel]),
            Self::Probabilities => row[channel],
        }
    }

    /// 1 − p of one channel of a row of scores.
    pub(super) fn complement(self, row: &[f64], channel: usize) -> f64 {
        match self {
            Self::Softmax => miss(row, channel),
            Self::Sigmoid => sigmoid(-row[channel]),
            Self::Probabilities => 1.0 - row[channel],
        }
    }
}

/// −ln softmax(z)_c = ln Σ_k exp(z_k − z_c).
pub(super) fn surprise(row: &[f64], class: usize) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let others: f64 = (0..row.len()).filter(|&k| row[k] < max).map(|k| (row[k] - max).exp()).sum();
    let ties = row.iter().filter(|&&score| score == max).count();
    // ln(ties + others) = ln(1 + (ties − 1 + others)): accurate where the loss is nearly 0.
    ((ties - 1) as f64 + others).ln_1p() + (max - row[class])
}

/// 1 − softmax(z)_c, as the sum of the other classes.
pub(super) fn miss(row: &[f64], class: usize) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let others = (0..row.len()).filter(|&k| k != class).map(|k| (row[k] - max).exp()).sum::<f64>();
    others / (others + (row[class] - max).exp())
}

/// σ(z).
pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// ln(1 + eᶻ) = −ln σ(−z).
pub(super) fn softplus(logit: f64) -> f64 {
    logit.max(0.0) + (-logit.abs()).exp().ln_1p()
}
