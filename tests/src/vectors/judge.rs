//! One result: whether it is the truth, whether the library offers it, and how far the library is from it.

use super::compare::Errors;
use super::input::Input;
use super::json::{Case, Outcome};
use super::library::{Failure, Task, evaluate};
use super::peers::{Kind, Offer, kind, offer};
use super::{contrast, encoding};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use scarce_kit::reference::Batch;
use scarce_kit::tolerance::tolerance;

/// A result, and what it is a result of.
pub struct Subject<'a> {
    /// Name of the case, or of the generated input.
    pub name: &'a str,
    /// The result.
    pub outcome: &'a Outcome,
    /// The case, unless the input is generated.
    pub case: Option<&'a Case>,
    /// Scores and labels, or why there are none.
    pub input: &'a Result<Input>,
}

/// What became of a result.
pub enum Verdict {
    /// It was compared.
    Compared {
        /// How far the library is from it.
        errors: Errors,
        /// Whether that is within tolerance.
        passed: bool,
    },
    /// The library does not have the loss or the option.
    NotOffered(String),
    /// The peer is no truth here.
    NoTruth(&'static str),
}

/// Whether the peer's value may be taken for the truth, and if not, why.
#[must_use]
pub fn distrust(outcome: &Outcome) -> Option<&'static str> {
    match &outcome.value {
        None => Some("the peer has no value"),
        Some(_) if outcome.trusts_value() => None,
        Some(_) => Some("the peer disagrees with its own formula"),
    }
}

/// Runs the library where the peer was run, and compares.
///
/// # Errors
/// If the result is malformed, or the library refuses it.
pub fn judge(subject: &Subject<'_>) -> Result<Verdict> {
    if let Some(reason) = distrust(subject.outcome) {
        return Ok(Verdict::NoTruth(reason));
    }
    let kind = match kind(subject.outcome) {
        Ok(kind) => kind,
        Err(reason) => return Ok(Verdict::NotOffered(reason)),
    };
    let case = || subject.case.context("the input cannot be generated");
    match kind {
        Kind::Pixels => judge_pixels(subject),
        Kind::Presence => encoding::judge(case()?, subject.outcome),
        Kind::PixelsAndPresence => encoding::judge_total(case()?, subject.outcome),
        Kind::Embeddings => contrast::judge(case()?, subject.outcome),
        Kind::SampledEmbeddings => contrast::judge_sampled(case()?, subject.outcome),
    }
}

fn judge_pixels(subject: &Subject<'_>) -> Result<Verdict> {
    let input = subject.input.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    let outcome = subject.outcome;
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
        Err(Failure::Channels) => return Ok(not_compiled(input.classes)),
        Err(Failure::Refused(error)) => bail!("the library refuses: {error}"),
    };
    let bounds = tolerance(offer.loss.family());
    let values: Vec<f64> =
        evaluation.values.iter().map(|&value| f64::from(value) * offer.factor + offer.offset).collect();
    let mut errors = Errors::of_values(outcome, &values, bounds)?;
    let grad: Vec<f64> = evaluation.grad.iter().map(|&element| f64::from(element) * offer.factor).collect();
    for (row, &label) in grad.chunks(input.classes).zip(&offer.labels) {
        let is_untouched = row.iter().all(|&element| element == 0.0);
        ensure!(offer.ignore != Some(label) || is_untouched, "an ignored pixel has a gradient");
    }
    if input.gradient_unique && outcome.trusts_gradient() {
        errors = errors.with_gradient(outcome, &grad, input.classes, &order_slack(input, &offer), bounds)?;
        if let Some(expected) = outcome.pixels_with_nonzero_grad {
            let moved = grad.chunks(input.classes).filter(|row| row.iter().any(|&element| element != 0.0)).count();
            ensure!(moved == expected, "{moved} pixels have a gradient, not {expected}");
        }
    }
    Ok(Verdict::Compared { errors, passed: errors.are_within(bounds) })
}

/// The verdict where a const generic has no such number.
pub(super) fn not_compiled(number: usize) -> Verdict {
    Verdict::NotOffered(format!(
        "{number} channels or dimensions are not compiled in; with the feature more-shapes some are"
    ))
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
