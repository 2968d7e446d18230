//! One training run: one loss, one seed.

use crate::auxiliary::{Auxiliary, Forward};
use crate::bins::{Comparison, Deviation};
use crate::data::{IGNORED, Image};
use crate::losses::Objective;
use crate::separation::{Embedding, places};
use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use scarce::metrics::{Confusion, argmax};
use scarce::{Batch, Labels};
use scarce_mcu::{Adam, Network, Parameters, Shape, normalize, schedule};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Size of the pieces that are cut out of the training images.
pub const CROP: Shape = Shape::new(64, 64);
/// Crops of each step.
pub const BATCH: usize = 8;
/// Adam's rate at the first step.
pub const BASE_RATE: f32 = 0.01;
/// How often the test images are measured while training, for a learning curve.
pub const CURVE: u32 = 20;

/// Channels of the convolutions, and so the features of a pixel.
pub const HIDDEN: usize = 8;
/// Convolutions after the first.
pub const DEEP: usize = 2;
type Model<const I: usize, const C: usize, const D: usize> = Network<I, HIDDEN, C, D>;

/// An image as the network takes it: each channel at mean 0 and standard deviation 1 over the whole image.
pub struct Sample<const I: usize> {
    shape: Shape,
    inputs: Vec<[f32; I]>,
    labels: Vec<u8>,
}

impl<const I: usize> Sample<I> {
    /// Normalises an image of `I` channels.
    ///
    /// # Errors
    /// If the image has another number of channels.
    pub fn new(image: &Image) -> Result<Self> {
        let mut inputs = vec![[0.0; I]; image.shape.pixels()];
        normalize(image.bytes.as_chunks().0, &mut inputs).with_context(|| image.name.clone())?;
        Ok(Self { shape: image.shape, inputs, labels: image.labels.clone() })
    }
}

/// What a run has led to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How training went.
    pub curve: Vec<Point>,
    /// The test images as measured after the last step.
    pub scores: Scores,
    /// The classes predicted then, image by image.
    pub predictions: Vec<Vec<u8>>,
    /// Features of some test pixels before the first step.
    pub untrained: Vec<Embedding>,
    /// Features of the same pixels after the last step.
    pub trained: Vec<Embedding>,
    /// How other losses deviate on the logits of the first step and of the last.
    pub deviations: Vec<Deviation>,
    /// Time of all steps, without the measurements.
    pub training_time: Duration,
}

/// A point of a learning curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Steps done.
    pub step: u32,
    /// Mean of the loss over the steps since the last point.
    pub training_loss: f32,
    /// IoU of each class on the test images.
    pub iou: Vec<Option<f32>>,
}

/// How well the classes of the test images are predicted. `None` where it is undefined: a class that is not there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Share of pixels predicted rightly.
    pub pixel_accuracy: Option<f32>,
    /// IoU of each class.
    pub iou: Vec<Option<f32>>,
    /// Mean of the IoUs.
    pub mean_iou: Option<f32>,
    /// Of the pixels of each class, the share predicted so.
    pub recall: Vec<Option<f32>>,
    /// Of the pixels predicted as each class, the share of it.
    pub precision: Vec<Option<f32>>,
}

impl Scores {
    fn new<const C: usize>(confusion: &Confusion<C>) -> Self {
        let counts = confusion.counts();
        let share =
            |class: usize, whole: u64| (whole > 0).then(|| (f64::from(counts[class][class]) / whole as f64) as f32);
        let sum = |cells: &mut dyn Iterator<Item = u32>| cells.map(u64::from).sum();
        Self {
            pixel_accuracy: confusion.pixel_accuracy(),
            iou: (0..C).map(|class| confusion.iou(class)).collect(),
            mean_iou: confusion.mean_iou(),
            recall: (0..C).map(|class| share(class, sum(&mut counts[class].into_iter()))).collect(),
            precision: (0..C).map(|class| share(class, sum(&mut counts.iter().map(|row| row[class])))).collect(),
        }
    }
}

/// What to train with, and for how long.
pub struct Recipe<'a, const C: usize> {
    /// The loss of the logits.
    pub objective: &'a dyn Objective<C>,
    /// A loss of the features to add.
    pub auxiliary: Option<Box<dyn Auxiliary<C>>>,
    /// Other losses to compare it with.
    pub comparison: Option<Comparison<C>>,
    /// Of the initial weights, and of the choice of crops.
    pub seed: u64,
    /// Steps of the optimiser.
    pub steps: u32,
    /// How often the test images are measured, evenly over the steps; the last time is after the last of them.
    pub measurements: u32,
}

/// Trains a network from scratch and measures it on the test images, now and then and at the end.
///
/// `after_step` is called after each step.
///
/// # Errors
/// If training diverges, so that scores are no longer finite.
pub fn train<const I: usize, const C: usize>(
    train: &[Sample<I>],
    test: &[Sample<I>],
    mut recipe: Recipe<'_, C>,
    after_step: impl Fn(),
) -> Result<Outcome> {
    let steps = recipe.steps;
    let comparison = recipe.comparison.take();
    let interval = steps.div_ceil(recipe.measurements);
    let mut trainer = Trainer::<I, C, DEEP>::new(recipe);
    let untrained = embed(&trainer.network, test)?;
    let mut measured = Measured { scores: Scores::new(&Confusion::<C>::new()), predictions: Vec::new() };
    let (mut curve, mut training_time, mut deviations) = (Vec::new(), Duration::ZERO, Vec::new());
    let (mut loss_sum, mut summands) = (0.0, 0.0);
    for step in 0..steps {
        let start = Instant::now();
        let rate = schedule::cosine(step, steps, BASE_RATE);
        loss_sum += trainer.step(train, rate).with_context(|| format!("step {step}"))?;
        summands += 1.0;
        training_time += start.elapsed();
        after_step();

        let done = step + 1;
        if let Some(comparison) = &comparison
            && (step == 0 || done == steps)
        {
            deviations.extend(comparison.deviations(done, trainer.objective, &trainer.logits, &trainer.labels)?);
        }
        if done % interval == 0 || done == steps {
            measured = measure(&trainer.network, test)?;
            let iou = measured.scores.iou.clone();
            curve.push(Point { step: done, training_loss: loss_sum / summands, iou });
            (loss_sum, summands) = (0.0, 0.0);
        }
    }
    let trained = embed(&trainer.network, test)?;
    let Measured { scores, predictions } = measured;
    Ok(Outcome { curve, scores, predictions, untrained, trained, deviations, training_time })
}

/// Trains a network of `D` dilated convolutions from scratch.
///
/// # Errors
/// As [`train`].
pub fn pretrain<const I: usize, const C: usize, const D: usize>(
    train: &[Sample<I>],
    recipe: Recipe<'_, C>,
) -> Result<Network<I, HIDDEN, C, D>> {
    let steps = recipe.steps;
    let mut trainer = Trainer::<I, C, D>::new(recipe);
    for step in 0..steps {
        trainer.step(train, schedule::cosine(step, steps, BASE_RATE)).with_context(|| format!("step {step}"))?;
    }
    Ok(trainer.network)
}

/// How well a network predicts images.
///
/// # Errors
/// If logits are not finite.
pub fn score<const I: usize, const C: usize, const D: usize>(
    network: &Network<I, HIDDEN, C, D>,
    samples: &[Sample<I>],
) -> Result<Scores> {
    Ok(measure(network, samples)?.scores)
}

/// What a network makes of an image.
///
/// # Errors
/// If the image is not of the network's kind.
pub fn logits<const I: usize, const C: usize, const D: usize>(
    network: &Network<I, HIDDEN, C, D>,
    sample: &Sample<I>,
) -> Result<Vec<[f32; C]>> {
    let mut activations = vec![[0.0; HIDDEN]; Model::<I, C, D>::activations_len(sample.shape)];
    let mut logits = vec![[0.0; C]; sample.shape.pixels()];
    network.forward(&sample.inputs, sample.shape, &mut activations, &mut logits)?;
    Ok(logits)
}

/// A network in training, and the buffers of a step.
struct Trainer<'a, const I: usize, const C: usize, const D: usize> {
    objective: &'a dyn Objective<C>,
    auxiliary: Option<Box<dyn Auxiliary<C>>>,
    random: Pcg64,
    network: Model<I, C, D>,
    gradient: Model<I, C, D>,
    adam: Adam<Model<I, C, D>>,
    inputs: Vec<[f32; I]>,
    labels: Vec<u8>,
    activations: Vec<[f32; HIDDEN]>,
    logits: Vec<[f32; C]>,
    logit_gradient: Vec<[f32; C]>,
    /// Features of the whole batch, and the gradient of the auxiliary loss.
    features: Vec<[f32; HIDDEN]>,
    feature_gradient: Vec<[f32; HIDDEN]>,
    scratch: Vec<u32>,
}

impl<'a, const I: usize, const C: usize, const D: usize> Trainer<'a, I, C, D> {
    fn new(recipe: Recipe<'a, C>) -> Self {
        let Recipe { objective, auxiliary, seed, .. } = recipe;
        let pixels = BATCH * CROP.pixels();
        let mut random = Pcg64::seed_from_u64(seed);
        Self {
            objective,
            auxiliary,
            network: Model::new(&mut random),
            random,
            gradient: Model::zeros(),
            adam: Adam::new(),
            inputs: Vec::with_capacity(pixels),
            labels: Vec::with_capacity(pixels),
            activations: vec![[0.0; HIDDEN]; BATCH * Model::<I, C, D>::activations_len(CROP)],
            logits: vec![[0.0; C]; pixels],
            logit_gradient: vec![[0.0; C]; pixels],
            features: Vec::with_capacity(pixels),
            feature_gradient: vec![[0.0; HIDDEN]; pixels],
            scratch: vec![0; objective.scratch_len(pixels)],
        }
    }

    /// One step of the optimiser; returns the loss before it.
    fn step(&mut self, samples: &[Sample<I>], rate: f32) -> Result<f32> {
        self.draw_batch(samples);
        let activations_len = Model::<I, C, D>::activations_len(CROP);
        let crops = self.inputs.chunks_exact(CROP.pixels()).zip(self.activations.chunks_exact_mut(activations_len));
        for ((inputs, activations), logits) in crops.zip(self.logits.chunks_exact_mut(CROP.pixels())) {
            self.network.forward(inputs, CROP, activations, logits)?;
        }

        let batch = Batch::new(self.logits.as_slice(), Labels::new(&self.labels).ignoring(IGNORED))?;
        let mut loss = self.objective.value_and_grad(&batch, &mut self.logit_gradient, &mut self.scratch)?;
        loss += self.auxiliary_loss()?;

        self.gradient.clear();
        let crops = self.inputs.chunks_exact(CROP.pixels()).zip(self.activations.chunks_exact_mut(activations_len));
        let gradients = self.logit_gradient.chunks_exact(CROP.pixels());
        let gradients = gradients.zip(self.feature_gradient.chunks_exact(CROP.pixels()));
        for ((inputs, activations), (of_logits, of_features)) in crops.zip(gradients) {
            if self.auxiliary.is_some() {
                let gradient = &mut self.gradient;
                self.network.backward_with_features(inputs, CROP, activations, of_logits, of_features, gradient)?;
            } else {
                self.network.backward(inputs, CROP, activations, of_logits, &mut self.gradient)?;
            }
        }
        self.adam.step(&mut self.network, &self.gradient, rate);
        if let Some(auxiliary) = &mut self.auxiliary {
            auxiliary.step(rate);
        }
        Ok(loss)
    }

    /// The auxiliary loss, 0 without one; leaves its gradient in `feature_gradient`.
    fn auxiliary_loss(&mut self) -> Result<f32> {
        let Some(auxiliary) = &mut self.auxiliary else { return Ok(0.0) };
        self.features.clear();
        for activations in self.activations.chunks_exact(Model::<I, C, D>::activations_len(CROP)) {
            self.features.extend(&activations[activations.len() - CROP.pixels()..]);
        }
        self.feature_gradient.fill([0.0; HIDDEN]);
        let batch = Forward { labels: &self.labels, features: &self.features, logits: &self.logits };
        auxiliary.add_grad(batch, &mut self.feature_gradient)
    }

    /// Fills the batch with random crops of random images, each flipped or not, in both directions.
    fn draw_batch(&mut self, samples: &[Sample<I>]) {
        self.inputs.clear();
        self.labels.clear();
        for _ in 0..BATCH {
            let sample = &samples[self.random.random_range(0..samples.len())];
            let top = self.random.random_range(0..=sample.shape.height - CROP.height);
            let left = self.random.random_range(0..=sample.shape.width - CROP.width);
            let (upside_down, mirrored): (bool, bool) = self.random.random();
            for y in 0..CROP.height {
                let y = top + if upside_down { CROP.height - 1 - y } else { y };
                let begin = y * sample.shape.width + left;
                let columns = begin..begin + CROP.width;
                let (inputs, labels) = (&sample.inputs[columns.clone()], &sample.labels[columns]);
                if mirrored {
                    self.inputs.extend(inputs.iter().rev());
                    self.labels.extend(labels.iter().rev());
                } else {
                    self.inputs.extend(inputs);
                    self.labels.extend(labels);
                }
            }
        }
    }
}

struct Measured {
    scores: Scores,
    predictions: Vec<Vec<u8>>,
}

/// Predicts whole images, each pixel's class that of the largest logit.
fn measure<const I: usize, const C: usize, const D: usize>(
    network: &Model<I, C, D>,
    samples: &[Sample<I>],
) -> Result<Measured> {
    let (mut confusion, mut predictions) = (Confusion::<C>::new(), Vec::new());
    for sample in samples {
        let predicted: Vec<u8> = logits(network, sample)?.iter().map(|row| argmax(row) as u8).collect();
        confusion.observe(Labels::new(&sample.labels).ignoring(IGNORED), &predicted)?;
        predictions.push(predicted);
    }
    Ok(Measured { scores: Scores::new(&confusion), predictions })
}

/// The features of some pixels of each class.
fn embed<const I: usize, const C: usize>(network: &Model<I, C, DEEP>, samples: &[Sample<I>]) -> Result<Vec<Embedding>> {
    let labels: Vec<&[u8]> = samples.iter().map(|sample| sample.labels.as_slice()).collect();
    let (mut activations, mut embeddings) = (Vec::new(), Vec::new());
    for (sample, pixels) in samples.iter().zip(places(&labels, C)) {
        activations.resize(Model::<I, C, DEEP>::activations_len(sample.shape), [0.0; HIDDEN]);
        let features = network.forward_features(&sample.inputs, sample.shape, &mut activations)?;
        embeddings.extend(pixels.into_iter().map(|pixel| Embedding::new(sample.labels[pixel], &features[pixel])));
    }
    Ok(embeddings)
}
