//! How far numbers of the library are from a peer's.

use super::json::{Number, Outcome, floats};
use anyhow::{Context as _, Result, bail, ensure};
use scarce_kit::tolerance::Tolerance;

/// How far the library is from the peer, each error in the unit of its bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    /// Of the value: |v − truth| / (max(|v|, |truth|) + absolute/relative).
    pub value: f64,
    /// Of the gradient's elements, relative to the largest.
    pub element: f64,
    /// Of the gradient as a whole, relative to its norm, and of its sums, relative to the sum of its magnitudes.
    pub whole: f64,
}

impl Errors {
    /// Whether each error is within its bound.
    #[must_use]
    pub fn are_within(&self, bounds: Tolerance) -> bool {
        self.value <= bounds.relative && self.element <= bounds.element && self.whole <= bounds.whole
    }

    /// The errors of values alone.
    pub(super) fn of_values(outcome: &Outcome, values: &[f64], bounds: Tolerance) -> Result<Self> {
        let truth = outcome.value.as_ref().context("no value")?.numbers();
        ensure!(truth.len() == values.len(), "{} values, the library has {}", truth.len(), values.len());
        let value = worst(truth.iter().zip(values).map(|(truth, value)| {
            (value - truth).abs() / (value.abs().max(truth.abs()) + bounds.absolute / bounds.relative)
        }));
        Ok(Self { value, ..Self::default() })
    }

    /// The same, and the errors of a gradient of `channels` a row. Elements may differ by `slack`.
    pub(super) fn with_gradient(
        self,
        outcome: &Outcome,
        grad: &[f64],
        channels: usize,
        slack: &[f64],
        bounds: Tolerance,
    ) -> Result<Self> {
        let (element, whole) = Gradient::of(outcome, grad.len())?.errors(grad, slack, bounds);
        let whole = whole.max(sum_errors(outcome, grad, slack, channels)?);
        Ok(Self { element, whole, ..self })
    }

    /// The same, and the errors of one gradient of several.
    pub(super) fn with_part(self, truth: &[Number], grad: &[f64], bounds: Tolerance) -> Result<Self> {
        ensure!(truth.len() == grad.len(), "{} elements of a gradient, not {}", truth.len(), grad.len());
        let elements: Vec<(usize, f64)> = floats(truth).into_iter().enumerate().collect();
        let largest = largest(&elements);
        let (element, whole) = Gradient { elements, largest }.errors(grad, &vec![0.0; grad.len()], bounds);
        Ok(Self { element: self.element.max(element), whole: self.whole.max(whole), ..self })
    }
}

/// The largest of some errors; one that is no number counts as infinite.
fn worst(errors: impl Iterator<Item = f64>) -> f64 {
    errors.map(|error| if error.is_nan() { f64::INFINITY } else { error }).fold(0.0, f64::max)
}

/// What f32 cannot hold is no error.
const SMALLEST: f64 = f32::MIN_POSITIVE as f64;

/// Some elements of the true gradient, or all.
struct Gradient {
    elements: Vec<(usize, f64)>,
    largest: f64,
}

impl Gradient {
    fn of(outcome: &Outcome, len: usize) -> Result<Self> {
        let elements: Vec<(usize, f64)> = match (&outcome.grad, &outcome.grad_sample) {
            (Some(grad), _) => {
                ensure!(grad.len() == len, "{} elements of the gradient, not {len}", grad.len());
                floats(grad).into_iter().enumerate().collect()
            }
            (None, Some(sample)) => {
                ensure!(sample.index.len() == sample.value.len(), "grad_sample of two lengths");
                ensure!(sample.index.iter().all(|&index| index < len), "grad_sample outside of the gradient");
                sample.index.iter().copied().zip(floats(&sample.value)).collect()
            }
            (None, None) => bail!("no gradient"),
        };
        let largest = largest(&elements);
        if let Some(written) = outcome.grad_max_abs {
            ensure!(largest <= written.0, "grad_max_abs is not the largest element");
        }
        Ok(Self { elements, largest: outcome.grad_max_abs.map_or(largest, |written| written.0) })
    }

    /// The error of elements and of the whole.
    fn errors(&self, grad: &[f64], slack: &[f64], bounds: Tolerance) -> (f64, f64) {
        let excess = |&(index, truth): &(usize, f64)| ((grad[index] - truth).abs() - slack[index]).max(0.0);
        let largest = worst(self.elements.iter().map(|element| {
            let missing = grad[element.0].is_nan();
            if missing { f64::INFINITY } else { excess(element) / (self.largest + SMALLEST / bounds.element) }
        }));
        let square = |x: f64| x * x;
        let distance = self.elements.iter().map(|element| square(excess(element))).sum::<f64>().sqrt();
        let norm = self.elements.iter().map(|&(_, truth)| square(truth)).sum::<f64>().sqrt();
        (largest, distance / (norm + SMALLEST / bounds.whole))
    }
}

fn largest(elements: &[(usize, f64)]) -> f64 {
    elements.iter().fold(0.0, |largest: f64, (_, element)| largest.max(element.abs()))
}

/// The errors of the sums that a file gives of the whole gradient.
fn sum_errors(outcome: &Outcome, grad: &[f64], slack: &[f64], channels: usize) -> Result<f64> {
    let total = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>();
    let sum = total(&mut grad.iter().copied());
    let magnitudes = total(&mut grad.iter().map(|element| element.abs()));
    let squares = total(&mut grad.iter().map(|element| element * element));
    let allowed = total(&mut slack.iter().copied());
    let scale = outcome.grad_abs_sum.map_or(magnitudes, |written| written.0) + SMALLEST * 1e6;
    let of_sum = |value: f64, truth: f64| ((value - truth).abs() - allowed).max(0.0) / scale;
    let mut errors = Vec::new();
    if let Some(truth) = outcome.grad_sum {
        errors.push(of_sum(sum, truth.0));
    }
    if let Some(truth) = outcome.grad_abs_sum {
        errors.push(of_sum(magnitudes, truth.0));
    }
    if let Some(truth) = &outcome.grad_sum_per_class {
        ensure!(truth.len() == channels, "grad_sum_per_class of {} classes", truth.len());
        for (channel, truth) in truth.iter().enumerate() {
            let sum = total(&mut grad.iter().skip(channel).step_by(channels).copied());
            errors.push(of_sum(sum, truth.0));
        }
    }
    if let Some(truth) = outcome.grad_square_sum {
        let allowed = total(&mut slack.iter().map(|slack| slack * slack)).sqrt();
        let excess = ((squares.sqrt() - truth.0.sqrt()).abs() - allowed).max(0.0);
        errors.push(excess / (truth.0.sqrt() + SMALLEST * 1e6));
    }
    Ok(worst(errors.into_iter()))
}
