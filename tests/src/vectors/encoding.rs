//! Semantic encoding: one row of presence logits an image.

use super::compare::Errors;
use super::dispatch::for_channels;
use super::json::{Case, Number, Outcome, floats};
use super::judge::{Verdict, not_compiled};
use super::params::{Params, Refusal};
use anyhow::{Context as _, Result, anyhow, ensure};
use scarce::{Batch, CrossEntropy, Labels, Loss as _, SemanticEncoding};
use scarce_kit::tolerance::{Family, tolerance};

/// A label that no class has: the peers drop what lies outside of their histograms.
const IGNORED: u8 = u8::MAX;

/// Labels and presence logits.
struct Images {
    classes: usize,
    labels: Vec<u8>,
    logits: Vec<f32>,
}

impl Images {
    fn of(case: &Case) -> Result<Self> {
        let classes = case.classes.context("no classes")?;
        let images = case.images.context("no images")?;
        let logits = narrow(case.se_logits.as_ref().context("no se_logits")?);
        let labels = case.labels.as_ref().context("no labels")?;
        ensure!(logits.len() == images * classes, "{} presence logits for {images} images", logits.len());
        ensure!(images > 0 && labels.len() % images == 0, "{} labels for {images} images", labels.len());
        let class = |&label: &i64| match u8::try_from(label) {
            Ok(class) if usize::from(class) < classes => class,
            _ => IGNORED,
        };
        let labels: Vec<u8> = labels.iter().map(class).collect();
        if let Some(presence) = &case.presence {
            let found = labels.chunks(labels.len() / images).flat_map(|image| {
                (0..classes).map(|class| u8::from(image.iter().any(|&label| usize::from(label) == class)))
            });
            ensure!(found.eq(presence.iter().copied()), "the labels do not hold the classes that are present");
        }
        Ok(Self { classes, labels, logits })
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }
}

/// The presence loss alone.
pub(super) fn judge(case: &Case, outcome: &Outcome) -> Result<Verdict> {
    let images = Images::of(case)?;
    let weights = match weights(outcome, images.classes) {
        Ok(weights) => weights,
        Err(reason) => return Ok(Verdict::NotOffered(reason)),
    };
    let Some(found) = for_channels!(images.classes, presence_loss(&images, &weights)) else {
        return Ok(not_compiled(images.classes));
    };
    let (value, grad) = found?;
    let bounds = tolerance(Family::BinaryCrossEntropy);
    let mut errors = Errors::of_values(outcome, &[f64::from(value)], bounds)?;
    if outcome.trusts_gradient() {
        let grad: Vec<f64> = grad.into_iter().map(f64::from).collect();
        errors = errors.with_gradient(outcome, &grad, images.classes, &vec![0.0; grad.len()], bounds)?;
    }
    Ok(Verdict::Compared { errors, passed: errors.are_within(bounds) })
}

fn weights(outcome: &Outcome, classes: usize) -> Result<Vec<f32>, Refusal> {
    let mut params = Params::new(&outcome.params);
    let weights = params.numbers("weight", classes)?.unwrap_or_else(|| vec![1.0; classes]);
    params.finish()?;
    Ok(weights.into_iter().map(|weight| weight as f32).collect())
}

fn presence_loss<const C: usize>(images: &Images, weights: &[f32]) -> Result<(f32, Vec<f32>)> {
    let (rows, _) = images.logits.as_chunks::<C>();
    let weights = std::array::from_fn(|class| weights[class]);
    // To the peers an image without a valid pixel is one without any class.
    let loss = SemanticEncoding::<C>::new().with_weights(weights).counting_empty_images();
    let mut grad = vec![[0.0; C]; rows.len()];
    let value = loss.value_and_grad(rows, images.labels(), &mut grad).map_err(refused)?;
    Ok((value, grad.into_flattened()))
}

/// CE(logits) + a · CE(auxiliary logits) + b · SE(presence logits), and the gradient of each head.
pub(super) fn judge_total(case: &Case, outcome: &Outcome) -> Result<Verdict> {
    let images = Images::of(case)?;
    let shares = match shares(outcome) {
        Ok(shares) => shares,
        Err(reason) => return Ok(Verdict::NotOffered(reason)),
    };
    let heads = [&case.logits, &case.aux_logits].map(|logits| logits.as_deref().map(narrow));
    let [Some(logits), Some(auxiliary)] = heads else {
        return Err(anyhow!("no logits or no aux_logits"));
    };
    let Some(found) = for_channels!(images.classes, total_loss(&images, [&logits, &auxiliary], shares)) else {
        return Ok(not_compiled(images.classes));
    };
    let (value, grads) = found?;
    let bounds = tolerance(Family::CrossEntropy);
    let mut errors = Errors::of_values(outcome, &[f64::from(value)], bounds)?;
    if outcome.trusts_gradient() {
        let truths = [&outcome.grad_logits, &outcome.grad_aux_logits, &outcome.grad_se_logits];
        for (truth, grad) in truths.into_iter().zip(grads) {
            let grad: Vec<f64> = grad.into_iter().map(f64::from).collect();
            errors = errors.with_part(truth.as_deref().context("no gradient of a head")?, &grad, bounds)?;
        }
    }
    Ok(Verdict::Compared { errors, passed: errors.are_within(bounds) })
}

/// The weights of the auxiliary head and of the presence loss.
fn shares(outcome: &Outcome) -> Result<[f32; 2], Refusal> {
    let mut params = Params::new(&outcome.params);
    let auxiliary = params.number("aux_weight")?.unwrap_or(0.4);
    let presence = params.number("se_weight")?.unwrap_or(0.2);
    // What is ignored lies outside of the classes, as do labels that are dropped.
    params.integer("ignore_index")?;
    params.finish()?;
    Ok([auxiliary as f32, presence as f32])
}

/// The loss, and its gradient with respect to both heads and the presence logits.
fn total_loss<const C: usize>(
    images: &Images,
    [main, second]: [&[f32]; 2],
    [auxiliary, presence]: [f32; 2],
) -> Result<(f32, [Vec<f32>; 3])> {
    let cross_entropy = |logits: &[f32], share: f32| {
        let (rows, _) = logits.as_chunks::<C>();
        let mut grad = vec![[0.0; C]; rows.len()];
        let batch = Batch::new(rows, images.labels())?;
        let value = CrossEntropy::new().add_grad(&batch, share, grad.as_mut_slice(), &mut [])?;
        Ok((share * value, grad.into_flattened()))
    };
    let (main, main_grad) = cross_entropy(main, 1.0).map_err(refused)?;
    let (second, second_grad) = cross_entropy(second, auxiliary).map_err(refused)?;
    let (rows, _) = images.logits.as_chunks::<C>();
    let mut grad = vec![[0.0; C]; rows.len()];
    let loss = SemanticEncoding::<C>::new().counting_empty_images();
    let third = loss.add_grad(rows, images.labels(), presence, &mut grad).map_err(refused)?;
    Ok((main + second + presence * third, [main_grad, second_grad, grad.into_flattened()]))
}

fn refused(error: scarce::Error) -> anyhow::Error {
    anyhow!("the library refuses: {error}")
}

fn narrow(numbers: &[Number]) -> Vec<f32> {
    floats(numbers).into_iter().map(|number| number as f32).collect()
}
