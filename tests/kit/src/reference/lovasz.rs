//! The Lovász extension of the Jaccard loss, by its definition.

use super::{Activation, Batch, Loss, weight};
use std::ops::Range;

/// The classes that the loss is averaged over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classes {
    /// Those with a true pixel in the batch, or in the image.
    Present,
    /// All.
    All,
    /// These.
    Listed(Vec<usize>),
}

/// Lovász-softmax: mean over classes of w_c Σ_k e_(k) (J_k − J_(k−1)), e = |[y = c] − p_c| in decreasing order.
#[derive(Clone, Debug)]
pub struct Lovasz {
    /// The classes averaged over.
    pub classes: Classes,
    /// w, all 1 if `None`.
    pub weights: Option<Vec<f64>>,
    /// Image by image, averaged.
    pub per_image: bool,
    /// Where probabilities come from.
    pub activation: Activation,
}

impl Lovasz {
    /// The classes present, no weights, over the whole batch.
    #[must_use]
    pub fn new(activation: Activation) -> Self {
        Self { classes: Classes::Present, weights: None, per_image: false, activation }
    }

    fn classes(&self, batch: &Batch<'_>, pixels: &[usize]) -> Vec<usize> {
        let is_present = |&class: &usize| pixels.iter().any(|&pixel| batch.is_target(pixel, class));
        match &self.classes {
            Classes::Present => (0..batch.classes).filter(is_present).collect(),
            Classes::All => (0..batch.classes).collect(),
            Classes::Listed(classes) => classes.clone(),
        }
    }

    fn errors(&self, batch: &Batch<'_>, pixels: &[usize], class: usize) -> Vec<Pixel> {
        let error = |&pixel: &usize| {
            let (row, foreground) = (batch.row(pixel), batch.is_target(pixel, class));
            let error = if foreground {
                self.activation.complement(row, class)
            } else {
                self.activation.probability(row, class)
            };
            Pixel { error, foreground }
        };
        pixels.iter().map(error).collect()
    }

    /// By how much elements of the gradient may change if errors that differ by less than `resolution` of themselves
    /// change places: where an order is within rounding, each order gives its own subgradient.
    #[must_use]
    pub fn order_slack(&self, batch: &Batch<'_>, resolution: f64) -> Vec<f64> {
        let mut slack = vec![0.0; batch.scores.len()];
        let groups = groups(batch, self.per_image);
        let share = 1.0 / groups.len() as f64;
        for pixels in groups {
            let classes = self.classes(batch, &pixels);
            for &class in &classes {
                let errors = self.errors(batch, &pixels, class);
                let blurred: Vec<_> = errors.iter().map(|pixel| pixel.blurred(resolution * pixel.error)).collect();
                let factor = share * weight(self.weights.as_deref(), class) / classes.len() as f64;
                let widths = increment_widths(&blurred);
                for (&pixel, width) in pixels.iter().zip(widths).filter(|&(_, width)| width > 0.0) {
                    let slopes = self.slopes(batch.row(pixel), class);
                    let elements = &mut slack[pixel * batch.classes..(pixel + 1) * batch.classes];
                    for (element, slope) in elements.iter_mut().zip(slopes) {
                        *element += factor * width * slope.abs();
                    }
                }
            }
        }
        slack
    }

    /// ∂p_class/∂(each score of the row).
    fn slopes(&self, row: &[f64], class: usize) -> Vec<f64> {
        let p = |channel: usize| self.activation.probability(row, channel);
        let slope = |k: usize| match (self.activation, k == class) {
            (Activation::Probabilities, true) => 1.0,
            (_, true) => p(class) * self.activation.complement(row, class),
            (Activation::Softmax, false) => -p(class) * p(k),
            (_, false) => 0.0,
        };
        (0..row.len()).map(slope).collect()
    }
}

impl Loss for Lovasz {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        mean_of_groups(batch, self.per_image, |pixels| {
            let classes = self.classes(batch, pixels);
            let loss = |&class: &usize| {
                weight(self.weights.as_deref(), class) * extension(&self.errors(batch, pixels, class), |error| error)
            };
            let total: f64 = classes.iter().map(loss).sum();
            if classes.is_empty() { 0.0 } else { total / classes.len() as f64 }
        })
    }
}

/// What the hinge loss makes of an error e.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surrogate {
    /// max(e, 0).
    Relu,
    /// elu(e) + 1: e + 1 above 0, exp(e) below.
    Elu,
}

/// Lovász hinge: Σ_k f(e_(k)) (J_k − J_(k−1)), e = 1 − z (2y − 1) in decreasing order.
#[derive(Clone, Debug)]
pub struct LovaszHinge {
    /// f.
    pub surrogate: Surrogate,
    /// Image by image, averaged.
    pub per_image: bool,
}

impl LovaszHinge {
    fn errors(batch: &Batch<'_>, pixels: &[usize]) -> Vec<Pixel> {
        let error = |&pixel: &usize| {
            let foreground = batch.is_target(pixel, 0);
            let sign = if foreground { 1.0 } else { -1.0 };
            Pixel { error: 1.0 - batch.scores[pixel] * sign, foreground }
        };
        pixels.iter().map(error).collect()
    }

    fn surrogate(&self, error: f64) -> f64 {
        match self.surrogate {
            Surrogate::Relu => error.max(0.0),
            Surrogate::Elu if error > 0.0 => error + 1.0,
            Surrogate::Elu => error.exp(),
        }
    }

    /// As [`Lovasz::order_slack`]; errors within `resolution` of 1 plus the logit's magnitude may change places.
    #[must_use]
    pub fn order_slack(&self, batch: &Batch<'_>, resolution: f64) -> Vec<f64> {
        let mut slack = vec![0.0; batch.scores.len()];
        let groups = groups(batch, self.per_image);
        let share = 1.0 / groups.len() as f64;
        for pixels in groups {
            let errors = Self::errors(batch, &pixels);
            let blurred = errors
                .iter()
                .zip(&pixels)
                .map(|(error, &pixel)| error.blurred(resolution * (1.0 + batch.scores[pixel].abs())));
            let widths = increment_widths(&blurred.collect::<Vec<_>>());
            for ((&pixel, error), width) in pixels.iter().zip(errors).zip(widths) {
                let slope = match self.surrogate {
                    Surrogate::Relu => f64::from(u8::from(error.error > 0.0)),
                    Surrogate::Elu => error.error.min(0.0).exp(),
                };
                slack[pixel] = share * width * slope;
            }
        }
        slack
    }
}

impl Loss for LovaszHinge {
    fn value(&self, batch: &Batch<'_>) -> f64 {
        mean_of_groups(batch, self.per_image, |pixels| {
            extension(&Self::errors(batch, pixels), |error| self.surrogate(error))
        })
    }
}

/// The error of a pixel, and whether it is of the class.
#[derive(Clone, Copy)]
struct Pixel {
    error: f64,
    foreground: bool,
}

impl Pixel {
    fn blurred(self, by: f64) -> Blurred {
        Blurred { least: self.error - by, most: self.error + by, foreground: self.foreground }
    }
}

/// Valid pixels, all together or image by image.
fn groups(batch: &Batch<'_>, per_image: bool) -> Vec<Vec<usize>> {
    if per_image {
        batch.image_ranges().map(|range: Range<usize>| batch.valid(range)).collect()
    } else {
        vec![batch.valid(0..batch.pixels())]
    }
}

/// The mean of the groups' losses; a group without a valid pixel contributes 0.
fn mean_of_groups(batch: &Batch<'_>, per_image: bool, loss: impl Fn(&[usize]) -> f64) -> f64 {
    let groups = groups(batch, per_image);
    let total: f64 = groups.iter().filter(|pixels| !pixels.is_empty()).map(|pixels| loss(pixels)).sum();
    total / groups.len() as f64
}

/// Σ f(e) g over pixels, g = J_k − J_(k−1) for the k-th worst.
fn extension(pixels: &[Pixel], surrogate: impl Fn(f64) -> f64) -> f64 {
    increments(pixels).iter().zip(pixels).map(|(increment, pixel)| surrogate(pixel.error) * increment).sum()
}

/// g of each pixel. J_k = 1 − (G − P_k)/(G + N_k) is the Jaccard loss when the k worst pixels are wrong: G pixels are
/// foreground in all, P_k and N_k of the k are foreground and background.
fn increments(pixels: &[Pixel]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pixels.len()).collect();
    order.sort_by(|&a, &b| pixels[b].error.total_cmp(&pixels[a].error));
    let foreground = pixels.iter().filter(|pixel| pixel.foreground).count() as f64;
    let (mut intersection, mut union, mut before) = (foreground, foreground, 0.0);
    let mut increments = vec![0.0; pixels.len()];
    for pixel in order {
        if pixels[pixel].foreground {
            intersection -= 1.0;
        } else {
            union += 1.0;
        }
        let jaccard_loss = 1.0 - intersection / union;
        increments[pixel] = jaccard_loss - before;
        before = jaccard_loss;
    }
    increments
}

/// An error that is known within bounds.
struct Blurred {
    least: f64,
    most: f64,
    foreground: bool,
}

/// The difference between the largest and the smallest Jaccard increment that each pixel gets in any order that the bounds
/// of the errors allow.
fn increment_widths(pixels: &[Blurred]) -> Vec<f64> {
    let total = pixels.iter().filter(|pixel| pixel.foreground).count() as f64;
    let sorted = |foreground: bool, bound: fn(&Blurred) -> f64| {
        let mut bounds: Vec<f64> = pixels.iter().filter(|pixel| pixel.foreground == foreground).map(bound).collect();
        bounds.sort_by(f64::total_cmp);
        bounds
    };
    let [least_background, least_foreground] = [false, true].map(|foreground| sorted(foreground, |pixel| pixel.least));
    let [most_background, most_foreground] = [false, true].map(|foreground| sorted(foreground, |pixel| pixel.most));
    let count_above =
        |bounds: &[f64], limit: f64| (bounds.len() - bounds.partition_point(|&bound| bound <= limit)) as f64;
    let count_from =
        |bounds: &[f64], limit: f64| (bounds.len() - bounds.partition_point(|&bound| bound < limit)) as f64;
    let width = |pixel: &Blurred| {
        // Counted before the pixel: at least those that must precede it, at most all that can, without itself.
        let own = |foreground: bool| f64::from(u8::from(pixel.foreground == foreground));
        let false_positives =
            [count_above(&least_background, pixel.most), count_from(&most_background, pixel.least) - own(false)];
        let hits = [count_above(&least_foreground, pixel.most), count_from(&most_foreground, pixel.least) - own(true)];
        let [largest, smallest] = [0, 1].map(|end| {
            let union = total + false_positives[end];
            if pixel.foreground {
                1.0 / union
            } else if union == 0.0 {
                1.0
            } else {
                (total - hits[end]) / (union * (union + 1.0))
            }
        });
        largest - smallest
    };
    pixels.iter().map(width).collect()
}
