//! Pixel contrast: embeddings instead of scores.

use super::compare::Errors;
use super::dispatch::for_dimensions;
use super::json::{Case, Outcome, floats};
use super::judge::{Verdict, not_compiled};
use super::params::{Params, Refusal};
use anyhow::{Context as _, Result, anyhow, ensure};
use scarce::sample::{All, Draw, segmentation_aware};
use scarce::{Embeddings, Labels, PixelContrast, Within};
use scarce_kit::tolerance::{Family, tolerance};

/// What is left of a gradient that is 0 in the peers' binary64: the exponentials of one class cancel, here they never meet.
const PEERS_ROUNDING: f64 = 1e-15;

/// A peer's temperatures, as the library takes them.
fn contrast(params: &mut Params) -> Result<PixelContrast, Refusal> {
    let temperature = params.number("temperature")?.unwrap_or(0.1);
    let base_temperature = params.number("base_temperature")?.unwrap_or(0.07);
    Ok(PixelContrast::new().with_temperature(temperature as f32).with_base_temperature(base_temperature as f32))
}

/// Embeddings of which every one is an anchor.
pub(super) fn judge(case: &Case, outcome: &Outcome) -> Result<Verdict> {
    let mut params = Params::new(&outcome.params);
    let contrast = match contrast(&mut params).and_then(|contrast| params.finish().map(|()| contrast)) {
        Ok(contrast) => contrast,
        Err(reason) => return Ok(Verdict::NotOffered(reason)),
    };
    let (anchors, views) = (case.anchors.context("no anchors")?, case.views.context("no views")?);
    let classes = labels(case.anchor_labels.as_ref().context("no anchor_labels")?)?;
    let labels: Vec<u8> = classes.iter().flat_map(|&class| std::iter::repeat_n(class, views)).collect();
    let rows = Rows::of(case, anchors * views)?;
    ensure!(labels.len() == anchors * views, "{} labels for {anchors} groups", classes.len());
    let everything: Vec<u32> = (0..).zip(&labels).map(|(anchor, _)| anchor).collect();
    let Some(found) = for_dimensions!(rows.dimension, loss(&contrast, &rows, Labels::new(&labels), &everything)) else {
        return Ok(not_compiled(rows.dimension));
    };
    compare(outcome, found?, rows.dimension)
}

/// Embeddings of images, of which a sampler takes some for anchors: the same ones as the peer, and the same loss.
pub(super) fn judge_sampled(case: &Case, outcome: &Outcome) -> Result<Verdict> {
    let mut params = Params::new(&outcome.params);
    let (contrast, sampler) =
        match contrast(&mut params).and_then(|contrast| Ok((contrast, Sampler::of(case, params)?))) {
            Ok(found) => found,
            Err(reason) => return Ok(Verdict::NotOffered(reason)),
        };
    let images = case.images.context("no images")?;
    let size = case.pixels_per_image.context("no pixels_per_image")?;
    let classes = labels(case.labels.as_ref().context("no labels")?)?;
    let predictions = labels(case.predictions.as_ref().context("no predictions")?)?;
    ensure!(predictions.len() == classes.len(), "{} predictions", predictions.len());
    let rows = Rows::of(case, images * size)?;
    let labels = Labels::new(&classes).ignoring(sampler.ignore);
    let anchors = sampler.sample(labels, &predictions, images)?;
    check_anchors(outcome, &anchors, size, &classes, &predictions)?;
    let Some(found) = for_dimensions!(rows.dimension, loss(&contrast, &rows, labels, &anchors)) else {
        return Ok(not_compiled(rows.dimension));
    };
    compare(outcome, found?, rows.dimension)
}

/// The loss and its gradient against the peer's.
fn compare(outcome: &Outcome, (value, grad): (f32, Vec<f32>), dimension: usize) -> Result<Verdict> {
    let bounds = tolerance(Family::PixelContrast);
    let mut errors = Errors::of_values(outcome, &[f64::from(value)], bounds)?;
    if outcome.trusts_gradient() {
        let grad: Vec<f64> = grad.into_iter().map(f64::from).collect();
        errors = errors.with_gradient(outcome, &grad, dimension, &vec![PEERS_ROUNDING; grad.len()], bounds)?;
    }
    Ok(Verdict::Compared { errors, passed: errors.are_within(bounds) })
}

/// What is sampled how.
struct Sampler {
    max_samples: u32,
    max_views: u32,
    ignore: u8,
    order: Order,
}

/// What the peers' random permutations were replaced by.
#[derive(Clone, Copy)]
enum Order {
    /// The first candidates.
    Identity,
    /// The last candidates.
    Reverse,
}

impl Draw for Order {
    fn draw(&mut self, candidates: &mut [u32], _: usize) {
        match self {
            Self::Identity => {}
            Self::Reverse => candidates.reverse(),
        }
    }
}

impl Sampler {
    fn of(case: &Case, mut params: Params) -> Result<Self, Refusal> {
        let mut number = |name: &str, default: i64| {
            let number = params.integer(name)?.unwrap_or(default);
            u32::try_from(number).map_err(|_| format!("parameter {name} = {number} is not understood"))
        };
        let (max_samples, max_views) = (number("max_samples", 1024)?, number("max_views", 100)?);
        let ignore = number("ignore_index", 255)?;
        params.finish()?;
        Ok(Self {
            max_samples,
            max_views,
            ignore: u8::try_from(ignore).map_err(|_| format!("the ignored label {ignore} is no u8"))?,
            order: match case.permutation.as_deref() {
                Some("identity") => Order::Identity,
                Some("reverse") => Order::Reverse,
                other => return Err(format!("permutation {other:?} is not understood")),
            },
        })
    }

    fn sample(&self, labels: Labels<'_>, predictions: &[u8], images: usize) -> Result<Vec<u32>> {
        let mut anchors = vec![0; self.max_samples as usize];
        let mut scratch = vec![0; labels.len()];
        let (samples, views, mut order) = (self.max_samples, self.max_views, self.order);
        let number =
            segmentation_aware(labels, predictions, images, samples, views, &mut order, &mut anchors, &mut scratch)
                .map_err(refused)?;
        anchors.truncate(number);
        Ok(anchors)
    }
}

/// Each group must be of the image and class of the peer's, and hold the same pixels, first those that are hard.
fn check_anchors(
    outcome: &Outcome,
    anchors: &[u32],
    image_pixels: usize,
    classes: &[u8],
    predictions: &[u8],
) -> Result<()> {
    let number = outcome.anchors.context("no anchors")?;
    let views = outcome.views.context("no views")?;
    let images = outcome.anchor_image.as_ref().context("no anchor_image")?;
    let labels = labels(outcome.anchor_labels.as_ref().context("no anchor_labels")?)?;
    let hard = outcome.hard_kept.as_ref().context("no hard_kept")?;
    let easy = outcome.easy_kept.as_ref().context("no easy_kept")?;
    let pixels = outcome.sampled_pixel.as_ref().context("no sampled_pixel")?;
    let lengths = [images.len(), labels.len(), hard.len(), easy.len()];
    ensure!(lengths == [number; 4] && pixels.len() == number * views, "{number} groups are said to be {lengths:?}");
    ensure!(anchors.len() == pixels.len(), "{} anchors, the peer has {}", anchors.len(), pixels.len());
    for (group, (found, expected)) in anchors.chunks(views.max(1)).zip(pixels.chunks(views.max(1))).enumerate() {
        let (hard, image) = (hard[group], images[group]);
        let found: Vec<usize> = found.iter().map(|&pixel| pixel as usize).collect();
        let expected: Vec<usize> = expected.iter().map(|pixel| image * image_pixels + pixel).collect();
        ensure!(hard + easy[group] == views, "{hard} hard and {} easy ones of {views}", easy[group]);
        ensure!(found.iter().all(|&pixel| classes[pixel] == labels[group]), "group {group} is not of one class");
        let is_hard: Vec<bool> = found.iter().map(|&pixel| predictions[pixel] != classes[pixel]).collect();
        ensure!(
            is_hard.iter().take_while(|&&is_hard| is_hard).count() == hard,
            "group {group}: {hard} hard ones first"
        );
        ensure!(
            is_hard.iter().filter(|&&is_hard| is_hard).count() == hard,
            "group {group} has more than {hard} hard ones"
        );
        for kind in [0..hard, hard..views] {
            let (found, expected) = (&found[kind.clone()], &expected[kind]);
            // The peers permute even those of which all are taken.
            let same = found == expected || found.iter().rev().eq(expected);
            ensure!(same, "group {group}: {found:?}, the peer has {expected:?}");
        }
    }
    Ok(())
}

/// Embeddings, one after the other.
struct Rows {
    dimension: usize,
    components: Vec<f32>,
}

impl Rows {
    fn of(case: &Case, number: usize) -> Result<Self> {
        let dimension = case.dim.context("no dim")?;
        let components = floats(case.feats.as_ref().context("no feats")?);
        ensure!(components.len() == number * dimension, "{} components for {number} embeddings", components.len());
        Ok(Self { dimension, components: components.into_iter().map(|component| component as f32).collect() })
    }
}

fn labels(labels: &[i64]) -> Result<Vec<u8>> {
    labels.iter().map(|&label| u8::try_from(label).with_context(|| format!("label {label}"))).collect()
}

fn loss<const D: usize>(
    contrast: &PixelContrast,
    rows: &Rows,
    labels: Labels<'_>,
    anchors: &[u32],
) -> Result<(f32, Vec<f32>)> {
    let (rows, _) = rows.components.as_chunks::<D>();
    let embeddings = Embeddings::at(rows, labels, anchors).map_err(refused)?;
    let mut grad = vec![[0.0; D]; rows.len()];
    let mut scratch = vec![0; PixelContrast::scratch_len(anchors.len())];
    let value = contrast.value_and_grad(&embeddings, Within, &mut All, &mut grad, &mut scratch).map_err(refused)?;
    Ok((value, grad.into_flattened()))
}

fn refused(error: scarce::Error) -> anyhow::Error {
    anyhow!("the library refuses: {error}")
}
