//! Every loss in f64, written from its formula: the oracle.
//!
//! Only values, naive and slow; gradients by [`central_difference`] and [`slope`]. Nothing here shares code or an algorithm with the
//! library: sums are plain, the Lovász extension is its definition (sort, Jaccard indices, differences), and there are no
//! analytic gradients. What *is* the same are the names of the options, so that a configuration reads alike in both.

mod cross_entropy;
mod focal;
mod lovasz;
mod mining;
mod overlap;
mod pixel_contrast;
mod probabilities;
mod semantic_encoding;

pub use cross_entropy::{BinaryCrossEntropy, CrossEntropy};
pub use focal::{Focal, SigmoidFocal};
pub use lovasz::{Classes, Lovasz, LovaszHinge, Surrogate};
pub use mining::{Mining, Rule};
pub use overlap::{Absent, Form, Index, Overlap, VolumeWeights};
pub use pixel_contrast::{Anchors, Contrast, Pairs, PixelContrast};
pub use probabilities::Activation;
pub use semantic_encoding::SemanticEncoding;

use std::ops::Range;

/// Scores and labels.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Logits or probabilities, pixel-major.
    pub scores: &'a [f64],
    /// Number of channels.
    pub classes: usize,
    /// The class of each pixel; with one channel, 1 is the foreground.
    pub labels: &'a [u8],
    /// The label of pixels that take no part.
    pub ignore: Option<u8>,
    /// Number of images, one after the other.
    pub images: usize,
}

impl<'a> Batch<'a> {
    /// Number of pixels, ignored ones included.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.labels.len()
    }

    /// The scores of one pixel.
    #[must_use]
    pub fn row(&self, pixel: usize) -> &'a [f64] {
        &self.scores[pixel * self.classes..(pixel + 1) * self.classes]
    }

    /// Whether the pixel is not ignored.
    #[must_use]
    pub fn is_valid(&self, pixel: usize) -> bool {
        self.ignore != Some(self.labels[pixel])
    }

    /// Whether the label of the pixel is the class of the channel.
    #[must_use]
    pub fn is_target(&self, pixel: usize, channel: usize) -> bool {
        let class = if self.classes == 1 { 1 } else { channel };
        usize::from(self.labels[pixel]) == class
    }

    /// The pixels of a range that are not ignored.
    #[must_use]
    pub fn valid(&self, range: Range<usize>) -> Vec<usize> {
        range.filter(|&pixel| self.is_valid(pixel)).collect()
    }

    /// The pixels of each image.
    pub fn image_ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = self.pixels() / self.images;
        (0..self.images).map(move |image| image * size..(image + 1) * size)
    }
}

/// A loss over a batch.
pub trait Loss {
    /// The loss; 0 if every pixel is ignored.
    fn value(&self, batch: &Batch<'_>) -> f64;
}

/// A loss that is a sum over pixels.
pub trait PixelLoss {
    /// The weighted loss of each pixel, undivided; 0 where ignored.
    fn per_pixel(&self, batch: &Batch<'_>) -> Vec<f64>;
}

/// ∂loss/∂scores of one element by a central difference; see [`slope`].
#[must_use]
pub fn central_difference(loss: &dyn Loss, batch: &Batch<'_>, element: usize, step: f64) -> f64 {
    slope(&|scores| loss.value(&Batch { scores, ..*batch }), batch.scores, element, step)
}

/// The slope of a function along one element, by a central difference of fourth order.
///
/// With a `step` of 10⁻³ it is good to about 10⁻¹² of the function where that is smooth within two steps; near a kink (the
/// Lovász losses) take a step that stays on one side.
#[must_use]
pub fn slope(function: &dyn Fn(&[f64]) -> f64, at: &[f64], element: usize, step: f64) -> f64 {
    let shifted = |shift: f64| {
        let mut shifted = at.to_vec();
        shifted[element] += shift;
        function(&shifted)
    };
    let near = shifted(step) - shifted(-step);
    let far = shifted(2.0 * step) - shifted(-2.0 * step);
    (8.0 * near - far) / (12.0 * step)
}

/// What a sum over pixels is divided by; see `scarce::Reduction`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reduction {
    /// Σ of the weights of the valid pixels.
    Mean,
    /// The number of valid pixels.
    MeanValid,
    /// The number of pixels.
    MeanAll,
    /// The number of scores.
    MeanAllElements,
    /// The number of valid pixels whose label is not 0, at least 1.
    Positives,
    /// This number.
    Divisor(f64),
    /// 1.
    Sum,
}

impl Reduction {
    /// Divides the sum of `terms`; `weight` is what a valid pixel adds to the divisor of the weighted mean.
    fn reduce(self, batch: &Batch<'_>, terms: &[f64], weight: impl Fn(usize) -> f64) -> f64 {
        let valid = batch.valid(0..batch.pixels());
        let divisor = match self {
            Self::Mean => valid.iter().map(|&pixel| weight(pixel)).sum(),
            Self::MeanValid => valid.len() as f64,
            Self::MeanAll => batch.pixels() as f64,
            Self::MeanAllElements => batch.scores.len() as f64,
            Self::Positives => valid.iter().filter(|&&pixel| batch.labels[pixel] != 0).count().max(1) as f64,
            Self::Divisor(divisor) => divisor,
            Self::Sum => 1.0,
        };
        if divisor == 0.0 { 0.0 } else { terms.iter().sum::<f64>() / divisor }
    }
}

/// The weight of a class: 1 without weights.
fn weight(weights: Option<&[f64]>, class: usize) -> f64 {
    weights.map_or(1.0, |weights| weights[class])
}
