//! The f64 reference against published implementations, which ties it, and what is measured against it, to the outside.

use anyhow::Result;
use scarce_tests::reference::{Batch, central_difference};
use scarce_tests::vectors::json::{Number, Outcome, read};
use scarce_tests::vectors::judge::{Subject, distrust};
use scarce_tests::vectors::peers::{Offer, offer, takes_pixels};
use scarce_tests::vectors::{Input, for_each_result};
use std::path::Path;

/// The peers agree with their formulas to 10⁻¹⁰, values below 10⁻³ counting as 10⁻³.
const VALUE: f64 = 1e-9;
const SMALL_VALUE: f64 = 1e-3;

/// Central differences with a step of 10⁻³ are good to about 10⁻¹² of the loss.
const GRADIENT: f64 = 1e-8;

/// With the step of 10⁻⁶ that kinks ask for, to 10⁻¹⁰ of the loss.
const SORTED_GRADIENT: f64 = 1e-6;

#[test]
fn cross_entropy() {
    check("ce.json");
}

#[test]
fn binary_cross_entropy() {
    check("bce.json");
}

#[test]
fn focal_binary() {
    check("focal_binary.json");
}

#[test]
fn focal_multiclass() {
    check("focal_multiclass.json");
}

#[test]
fn dice_binary() {
    check("dice_binary.json");
}

#[test]
fn dice_multiclass() {
    check("dice_multiclass.json");
}

#[test]
fn lovasz_softmax() {
    check("lovasz_softmax.json");
}

#[test]
fn lovasz_hinge() {
    check("lovasz_hinge.json");
}

#[test]
fn ohem_cross_entropy() {
    check("ohem_ce.json");
}

#[test]
fn large() {
    check("large.json");
}

/// Checks every result of a file that the options can express, which must be nearly all.
fn check(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let file = read(&path).expect("the file is part of the package");
    let (mut usable, mut checked, mut slopes, mut kinks) = (0, 0, 0, 0);
    for_each_result(&file, |subject| {
        let Subject { name, outcome, input, .. } = subject;
        if distrust(outcome).is_some() || !takes_pixels(outcome) {
            return;
        }
        usable += 1;
        let input = input.as_ref().expect("well-formed inputs");
        if let Ok(offer) = offer(input, outcome) {
            checked += 1;
            let check = check_value(input, outcome, &offer).and_then(|()| check_gradient(input, outcome, &offer));
            let met = check.unwrap_or_else(|error| panic!("{name} {} {:?}: {error}", outcome.peer, outcome.params));
            slopes += met.slopes;
            kinks += met.kinks;
        }
    });
    assert!(checked * 10 >= usable * 9, "only {checked} of {usable} results are within the options");
    assert!(kinks * 10 <= slopes, "{kinks} kinks, and only {slopes} slopes");
}

fn batch<'a>(input: &'a Input, offer: &'a Offer) -> Batch<'a> {
    Batch {
        scores: &input.scores,
        classes: input.classes,
        labels: &offer.labels,
        ignore: offer.ignore,
        images: input.images,
    }
}

fn check_value(input: &Input, outcome: &Outcome, offer: &Offer) -> Result<()> {
    let batch = batch(input, offer);
    let ours = match (offer.per_pixel, offer.loss.pixel_reference()) {
        (true, Some(loss)) => loss.per_pixel(&batch),
        _ => vec![offer.loss.reference().value(&batch) * offer.factor + offer.offset],
    };
    let truth = outcome.value.as_ref().expect("trusted results have a value").numbers();
    anyhow::ensure!(ours.len() == truth.len(), "{} values, not {}", ours.len(), truth.len());
    for (ours, truth) in ours.into_iter().zip(truth) {
        let bound = VALUE * ours.abs().max(truth.abs()).max(SMALL_VALUE);
        anyhow::ensure!((ours - truth).abs() <= bound, "value {ours}, the peer has {truth}");
    }
    Ok(())
}

/// Elements of a gradient that were compared, and those where the loss has a kink.
#[derive(Default)]
struct Met {
    slopes: usize,
    kinks: usize,
}

/// Compares a sample of the gradient: its largest elements, and some in between.
fn check_gradient(input: &Input, outcome: &Outcome, offer: &Offer) -> Result<Met> {
    const SAMPLE: usize = 6;
    let truth: Vec<(usize, f64)> = match (&outcome.grad, &outcome.grad_sample) {
        (Some(grad), _) => grad.iter().map(|&Number(element)| element).enumerate().collect(),
        (None, Some(sample)) => sample.index.iter().copied().zip(sample.value.iter().map(|number| number.0)).collect(),
        (None, None) => anyhow::bail!("no gradient"),
    };
    // On generated inputs one value takes a second, and the gradient has the formula of the small ones.
    if !input.gradient_unique || !outcome.trusts_gradient() || outcome.inputs.is_some() {
        return Ok(Met::default());
    }
    let mut sample = truth.clone();
    sample.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    sample.truncate(SAMPLE);
    let largest = sample.first().map_or(0.0, |(_, element)| element.abs());
    sample.extend(truth.iter().step_by(truth.len().div_ceil(SAMPLE)));
    let batch = batch(input, offer);
    let mut met = Met::default();
    for (element, truth) in sample {
        let Some(ours) = slope(offer, &batch, element) else {
            met.kinks += 1;
            continue;
        };
        met.slopes += 1;
        let relative = if offer.loss.is_sorted() { SORTED_GRADIENT } else { GRADIENT };
        let bound = relative * largest.max(1e-2);
        anyhow::ensure!((ours - truth).abs() <= bound, "gradient {ours} of element {element}, the peer has {truth}");
    }
    Ok(met)
}

/// ∂L/∂(score of an element); none at a kink of a loss that sorts.
fn slope(offer: &Offer, batch: &Batch<'_>, element: usize) -> Option<f64> {
    // With reduction `none` the gradient is that of the sum, which is the loss that the options hold.
    let loss = offer.loss.reference();
    if !offer.loss.is_sorted() {
        return Some(central_difference(loss, batch, element, 1e-3));
    }
    // Between kinks the loss is smooth, so that steps of two sizes agree.
    let [coarse, fine] = [2e-6, 1e-6].map(|step| central_difference(loss, batch, element, step));
    ((coarse - fine).abs() <= 1e-8).then_some(fine)
}
