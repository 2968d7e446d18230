//! The library's results against a peer's.

use super::input::Input;
use super::json::{LossValue, Number, Outcome};
use super::library::{Evaluation, Failure, Task, evaluate};
use super::options::Options;
use super::peers::{Offer, offer, refusal};
use crate::reference::Batch;
use crate::tolerance::{Family, Tolerance, tolerance};
use anyhow::{Context as _, Result, anyhow, bail, ensure};

/// What became of one result.
pub enum Verdict {
    /// It was compared.
    Compared(Errors),
    /// The library does not have the loss or the option.
    NotOffered(String),
    /// The peer is no truth here.
    NoTruth(&'static str),
}

/// How far the library is from the peer, each error in the unit of its bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    /// Of the value: |v − truth| / (max(|v|, |truth|) + absolute/relative).
    pub value: f64,
    /// Of the gradient's elements, relative to the largest.
    pub element: f64,
    /// Of the gradient as a whole, relative to its norm, and of its sums, relative to the sum of its magnitudes.
    pub whole: f64,
    /// Whether each of them is within its bound.
    pub passed: bool,
}

/// Whether the peer's value may be taken for the truth, and if not, why.
#[must_use]
pub fn distrust(outcome: &Outcome) -> Option<&'static str> {
    match (&outcome.value, &outcome.check) {
        (None, _) => Some("the peer has no value"),
        (_, Some(check)) if check.value_ok == Some(true) => None,
        _ => Some("the peer disagrees with its own formula"),
    }
}

/// Whether the peer's gradient may be taken for the truth.
#[must_use]
pub fn trusts_gradient(input: &Input, outcome: &Outcome) -> bool {
    input.gradient_unique && outcome.check.as_ref().is_some_and(|check| check.grad_ok == Some(true))
}

/// Runs the library where the peer was run, and compares.
///
/// # Errors
/// If the result is malformed, or the library refuses it.
pub fn judge(outcome: &Outcome, input: &Result<Input>) -> Result<Verdict> {
    if let Some(reason) = distrust(outcome) {
        return Ok(Verdict::NoTruth(reason));
    }
    if let Some(reason) = refusal(outcome) {
        return Ok(Verdict::NotOffered(reason));
    }
    let input = input.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    let offer = match offer(input, outcome) {
        Ok(offer) => offer,
        Err(reason) => return Ok(Verdict::NotOffered(reason)),
    };
    let scores: Vec<f32> = input.scores.iter().map(|&score| score as f32).collect();
    let task = Task {
        classes: input.classes,
        images: input.images,
        scores: &scores,
        labels: &offer.labels,
        ignore: offer.ignore,
        per_pixel: offer.per_pixel,
    };
    let evaluation = match evaluate(&offer.loss, &task) {
        Ok(evaluation) => evaluation,
        Err(Failure::Channels) => {
            return Ok(Verdict::NotOffered(format!("{} channels are not compiled in", input.classes)));
        }
        Err(Failure::Refused(error)) => bail!("the library refuses: {error}"),
    };
    compare(input, outcome, &offer, &evaluation).map(Verdict::Compared)
}

/// The losses that a value holds.
#[must_use]
pub fn values(value: &LossValue) -> Vec<f64> {
    match value {
        LossValue::Scalar(value) => vec![value.0],
        LossValue::PerPixel(values) => floats(values),
    }
}

fn floats(numbers: &[Number]) -> Vec<f64> {
    numbers.iter().map(|number| number.0).collect()
}

fn compare(input: &Input, outcome: &Outcome, offer: &Offer, evaluation: &Evaluation) -> Result<Errors> {
    let bounds = tolerance(family(&offer.loss));
    let truth = values(outcome.value.as_ref().context("no value")?);
    ensure!(
        truth.len() == evaluation.values.len(),
        "{} values, the library has {}",
        truth.len(),
        evaluation.values.len()
    );
    let value = worst(truth.iter().zip(&evaluation.values).map(|(&truth, &value)| {
        let value = f64::from(value) + offer.offset;
        (value - truth).abs() / (value.abs().max(truth.abs()) + bounds.absolute / bounds.relative)
    }));
    let grad: Vec<f64> = evaluation.grad.iter().map(|&element| f64::from(element)).collect();
    for (row, &label) in grad.chunks(input.classes).zip(&offer.labels) {
        let is_untouched = row.iter().all(|&element| element == 0.0);
        ensure!(offer.ignore != Some(label) || is_untouched, "an ignored pixel has a gradient");
    }
    let mut errors = Errors { value, ..Errors::default() };
    if trusts_gradient(input, outcome) {
        let slack = order_slack(input, offer);
        let truth = Gradient::of(outcome, grad.len())?;
        (errors.element, errors.whole) = truth.errors(&grad, &slack, bounds);
        errors.whole = errors.whole.max(sum_errors(outcome, &grad, &slack, input.classes)?);
    }
    errors.passed = errors.value <= bounds.relative && errors.element <= bounds.element && errors.whole <= bounds.whole;
    Ok(errors)
}

/// The family whose tolerance applies.
#[must_use]
pub fn family(options: &Options) -> Family {
    match options {
        Options::CrossEntropy(_) => Family::CrossEntropy,
        Options::BinaryCrossEntropy(_) => Family::BinaryCrossEntropy,
        Options::Focal(_) => Family::Focal,
        Options::SigmoidFocal(_) => Family::SigmoidFocal,
        Options::Overlap(_) => Family::Overlap,
        Options::Lovasz(_) => Family::Lovasz,
        Options::LovaszHinge(_) => Family::LovaszHinge,
    }
}

fn order_slack(input: &Input, offer: &Offer) -> Vec<f64> {
    offer.loss.order_slack(&Batch {
        scores: &input.scores,
        classes: input.classes,
        labels: &offer.labels,
        ignore: offer.ignore,
        images: input.images,
    })
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
        let largest = elements.iter().fold(0.0, |largest: f64, (_, element)| largest.max(element.abs()));
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

/// The errors of the sums that a file gives of the whole gradient.
fn sum_errors(outcome: &Outcome, grad: &[f64], slack: &[f64], classes: usize) -> Result<f64> {
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
        ensure!(truth.len() == classes, "grad_sum_per_class of {} classes", truth.len());
        for (channel, truth) in truth.iter().enumerate() {
            let sum = total(&mut grad.iter().skip(channel).step_by(classes).copied());
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
