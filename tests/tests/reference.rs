//! The f64 reference against published implementations, which ties it, and what is measured against it, to the outside.

use anyhow::Result;
use scarce_kit::reference::{self, Batch, Loss as _, central_difference};
use scarce_tests::vectors::json::{Case, File, Number, Outcome, read};
use scarce_tests::vectors::judge::{Subject, distrust};
use scarce_tests::vectors::peers::{Offer, offer, takes_pixels};
use scarce_tests::vectors::{Input, for_each_result};
use serde_json::Value;
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

fn cases(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    match read(&path).expect("the file is part of the package") {
        File::Cases(cases) => cases,
        File::Generated(_) => panic!("{name} holds cases"),
    }
}

fn floats(numbers: Option<&Vec<Number>>) -> Vec<f64> {
    numbers.expect("part of the file").iter().map(|number| number.0).collect()
}

/// Labels that are no classes are ignored.
fn labels(labels: Option<&Vec<i64>>) -> Vec<u8> {
    labels.expect("part of the file").iter().map(|&label| u8::try_from(label).unwrap_or(u8::MAX)).collect()
}

/// Compares a value, and up to 24 elements of its gradient.
#[track_caller]
fn agrees(name: &str, outcome: &Outcome, value: &dyn Fn(&[f64]) -> f64, at: &[f64], grad: &[(usize, f64)]) {
    let truth = outcome.value.as_ref().expect("trusted results have a value").numbers()[0];
    let ours = value(at);
    assert!((ours - truth).abs() <= VALUE * truth.abs().max(SMALL_VALUE), "{name}: {ours}, the peer has {truth}");
    assert!(outcome.trusts_gradient());
    let largest = grad.iter().fold(1e-2, |largest: f64, (_, element)| largest.max(element.abs()));
    for &(element, truth) in grad.iter().step_by(grad.len().div_ceil(24)) {
        let ours = reference::slope(value, at, element, 1e-4);
        assert!((ours - truth).abs() <= GRADIENT * largest, "{name}: ∂ {element}: {ours}, the peer has {truth}");
    }
}

fn whole(grad: Option<&Vec<Number>>) -> Vec<(usize, f64)> {
    floats(grad).into_iter().enumerate().collect()
}

fn written(outcome: &Outcome) -> Vec<(usize, f64)> {
    match &outcome.grad_sample {
        Some(sample) => sample.index.iter().copied().zip(floats(Some(&sample.value))).collect(),
        None => whole(outcome.grad.as_ref()),
    }
}

fn parameter(outcome: &Outcome, name: &str) -> f64 {
    outcome.params[name].as_f64().expect("a number")
}

#[test]
fn semantic_encoding() {
    let mut checked = 0;
    for case in cases("semantic_encoding.json") {
        let (images, classes) = (case.images.expect("images"), case.classes.expect("classes"));
        let (logits, labels) = (floats(case.se_logits.as_ref()), labels(case.labels.as_ref()));
        let plain = reference::SemanticEncoding { weights: None, counting_empty_images: true };
        let presence = plain.presence(images, classes, &labels, Some(255));
        let presence: Vec<u8> = presence.into_iter().flatten().flatten().map(u8::from).collect();
        assert_eq!(Some(presence), case.presence, "{}", case.id);
        for outcome in case.results.iter().filter(|outcome| distrust(outcome).is_none()) {
            checked += 1;
            let name = format!("{} {}", case.id, outcome.peer);
            if case.logits.is_some() {
                total(&name, &case, outcome, &labels);
                continue;
            }
            let weights = outcome.params.get("weight").and_then(Value::as_array);
            let weights = weights.map(|weights| weights.iter().filter_map(Value::as_f64).collect());
            let loss = reference::SemanticEncoding { weights, ..plain.clone() };
            let value = |logits: &[f64]| loss.value(logits, images, &labels, Some(255));
            agrees(&name, outcome, &value, &logits, &written(outcome));
        }
    }
    assert_eq!(checked, 31);
}

/// CE(logits) + a · CE(auxiliary logits) + b · SE(presence logits), with respect to each.
fn total(name: &str, case: &Case, outcome: &Outcome, labels: &[u8]) {
    let images = case.images.expect("images");
    let classes = case.classes.expect("classes");
    let heads = [&case.logits, &case.aux_logits, &case.se_logits].map(|head| floats(head.as_ref()));
    let total = |heads: [&[f64]; 3]| {
        let batch = |scores| Batch { scores, classes, labels, ignore: Some(255), images };
        let cross_entropy = |scores| reference::CrossEntropy::default().value(&batch(scores));
        let presence = reference::SemanticEncoding { weights: None, counting_empty_images: true };
        cross_entropy(heads[0])
            + parameter(outcome, "aux_weight") * cross_entropy(heads[1])
            + parameter(outcome, "se_weight") * presence.value(heads[2], images, labels, Some(255))
    };
    for (head, grad) in [&outcome.grad_logits, &outcome.grad_aux_logits, &outcome.grad_se_logits].iter().enumerate() {
        let value = |scores: &[f64]| {
            let mut heads = heads.each_ref().map(Vec::as_slice);
            heads[head] = scores;
            total(heads)
        };
        agrees(name, outcome, &value, &heads[head], &whole(grad.as_ref()));
    }
}

fn contrast(outcome: &Outcome) -> reference::PixelContrast {
    reference::PixelContrast {
        temperature: parameter(outcome, "temperature"),
        base_temperature: Some(parameter(outcome, "base_temperature")),
        normalizing: false,
    }
}

fn contrast_agrees(name: &str, outcome: &Outcome, rows: &[f64], dimension: usize, anchors: &[(usize, u8)]) {
    let loss = contrast(outcome);
    let within = reference::Contrast::Within;
    let value = |rows: &[f64]| {
        let anchors = reference::Anchors { rows, dimension, anchors };
        loss.value(&anchors, &within, &loss.all(&anchors, &within))
    };
    agrees(name, outcome, &value, rows, &written(outcome));
}

#[test]
fn pixel_contrast() {
    let mut checked = 0;
    for case in cases("pixel_contrast.json") {
        let views = case.views.expect("views");
        let classes = labels(case.anchor_labels.as_ref());
        let anchors: Vec<(usize, u8)> =
            classes.iter().flat_map(|&class| std::iter::repeat_n(class, views)).enumerate().collect();
        for outcome in case.results.iter().filter(|outcome| distrust(outcome).is_none()) {
            let name = format!("{} {}", case.id, outcome.peer);
            contrast_agrees(&name, outcome, &floats(case.feats.as_ref()), case.dim.expect("dim"), &anchors);
            checked += 1;
        }
    }
    assert_eq!(checked, 30);
}

/// The loss of the anchors that the peers sampled.
#[test]
fn pixel_contrast_sampling() {
    let mut checked = 0;
    for case in cases("pixel_contrast_sampling.json") {
        let size = case.pixels_per_image.expect("pixels_per_image");
        for outcome in case.results.iter().filter(|outcome| distrust(outcome).is_none()) {
            let name = format!("{} {}", case.id, outcome.peer);
            let views = outcome.views.expect("views");
            let images = outcome.anchor_image.as_ref().expect("anchor_image");
            let groups = images.iter().copied().zip(labels(outcome.anchor_labels.as_ref()));
            let groups = groups.flat_map(|group| std::iter::repeat_n(group, views));
            let pixels = outcome.sampled_pixel.as_ref().expect("sampled_pixel");
            let anchors: Vec<(usize, u8)> =
                groups.zip(pixels).map(|((image, class), pixel)| (image * size + pixel, class)).collect();
            assert_eq!(anchors.len(), pixels.len());
            contrast_agrees(&name, outcome, &floats(case.feats.as_ref()), case.dim.expect("dim"), &anchors);
            checked += 1;
        }
    }
    assert_eq!(checked, 16);
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
