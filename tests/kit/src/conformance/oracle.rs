//! Values and gradients against the f64 reference.

use super::catalogue::Entry;
use super::contract::Bits;
use super::samples::Sample;
use crate::patterns::Scores;
use crate::reference::central_difference;
use crate::tolerance::{Family, tolerance};
use std::fmt;

/// A number of the library's beside the truth.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Whose number it is.
    pub what: String,
    /// The library's.
    pub found: f64,
    /// The reference's.
    pub truth: f64,
    /// How far they may be apart.
    pub bound: f64,
}

impl Comparison {
    /// Error in units of the bound: above 1 it is too large.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let ratio = (self.found - self.truth).abs() / self.bound;
        // NaN is never right, and must not hide what is wrong beside it; 0/0 is exact.
        if self.found == self.truth {
            0.0
        } else if ratio.is_nan() {
            f64::INFINITY
        } else {
            ratio
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, truth, .. } = self;
        write!(f, "{what}: {found}, truth {truth}, {:.2} times the bound", self.ratio())
    }
}

/// The value beside the reference's, unless the scores leave the range of f32.
#[must_use]
pub fn compare_value<const C: usize>(entry: &Entry, sample: &Sample<C>, found: &Bits) -> Option<Comparison> {
    // Which pixels are selected is defined to the last bit where they tie, and the reference's bits are others.
    let selects_anew = entry.selects && !matches!(sample.kind, Scores::Ordinary | Scores::Equal);
    // Hinge errors past the last bin count as that.
    let leaves_bins = entry.rounds > 0.0
        && entry.family == Family::LovaszHinge
        && matches!(sample.kind, Scores::Large | Scores::Enormous);
    if !sample.kind.is_sane() || selects_anew || leaves_bins {
        return None;
    }
    let scores = sample.wide_scores();
    let truth = entry.reference.value(&sample.reference_batch(&scores));
    let (found, bounds) = (f64::from(found.value()), tolerance(entry.family));
    // Equal addends round alike: 64 of them err by as much as 2⁻²¹ of their sum.
    let repeats = matches!(sample.kind, Scores::Equal | Scores::Subnormal | Scores::Tied);
    let relative = bounds.relative + if repeats { 2.0_f64.powi(-21) } else { 0.0 };
    let relative = relative + if entry.family == Family::LovaszHinge { entry.rounds } else { 0.0 };
    let bound = relative * truth.abs().max(found.abs()) + bounds.absolute + entry.rounds;
    Some(Comparison { what: format!("{} on {}", entry.name, sample.name), found, truth, bound })
}

/// Elements of a gradient that are compared at most, and fewer of a large one, where each costs more.
const ELEMENTS: usize = 40;
const LARGE: usize = 2000;

/// The worst of some elements of the gradient beside central differences of the reference, on scores that all differ.
#[must_use]
pub fn compare_grad<const C: usize>(entry: &Entry, sample: &Sample<C>, found: &Bits) -> Option<Comparison> {
    if !matches!(sample.kind, Scores::Ordinary | Scores::Probabilities) || entry.rounds > 0.0 {
        return None;
    }
    let scores = sample.wide_scores();
    let batch = sample.reference_batch(&scores);
    // The errors of a sorted loss must not change places.
    let step = if entry.is_sorted || entry.selects { 1e-7 } else { 1e-4 };
    let grad = found.grad();
    let largest = grad.iter().fold(0.0, |largest: f64, element| largest.max(f64::from(*element).abs()));
    // What the differences themselves are good to.
    let noise = 1e-15 / step * (1.0 + f64::from(found.value()).abs()) + 1e-12;
    // Elements of order 1 may have cancelled in each pixel.
    let valid = sample.batch().valid().max(1);
    let bounds = tolerance(entry.family);
    let bound = bounds.element * largest + bounds.absolute / f64::from(valid) + noise;
    let number = (LARGE / grad.len().max(1)).clamp(1, ELEMENTS);
    let stride = grad.len().div_ceil(number).max(1) | 1; // odd, to meet every class
    let compare = |element: usize| Comparison {
        what: format!("{} on {}, gradient {element}", entry.name, sample.name),
        found: f64::from(grad[element]),
        truth: central_difference(entry.reference.as_ref(), &batch, element, step),
        bound,
    };
    let elements = (0..grad.len()).step_by(stride).filter(|&element| !sample.is_ignored(element / C));
    elements.map(compare).max_by(|a, b| a.ratio().total_cmp(&b.ratio()))
}
