//! The library's losses, made from options and run on data whose number of channels is known at run time only.

use super::dispatch::for_channels;
use super::options::Options;
use scarce::{Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Error, Focal, Form, Labels, Loss, Lovasz};
use scarce::{LovaszHinge, MinKept, Ohem, Overlap, PixelLoss, Reduction, SigmoidFocal, VolumeWeights, scratch_len};
use scarce_kit::reference::{self, Activation, Mining, Rule};

/// Data for a loss.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// Number of channels.
    pub classes: usize,
    /// Number of images.
    pub images: usize,
    /// Scores, pixel-major.
    pub scores: &'a [f32],
    /// The class of each pixel.
    pub labels: &'a [u8],
    /// The ignored label.
    pub ignore: Option<u8>,
    /// Asks for the loss of each pixel.
    pub per_pixel: bool,
}

/// A loss and its gradient.
#[derive(Debug)]
pub struct Evaluation {
    /// The loss, or that of each pixel.
    pub values: Vec<f32>,
    /// The gradient, pixel-major.
    pub grad: Vec<f32>,
}

/// Why the library was not run, or failed.
#[derive(Debug)]
pub enum Failure {
    /// The loss does not exist for this number of channels.
    Channels,
    /// The library refused what it ought to take.
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Runs the library.
///
/// # Errors
/// See [`Failure`].
pub fn evaluate(options: &Options, task: &Task<'_>) -> Result<Evaluation, Failure> {
    if task.classes == 1 {
        return one_channel(options, task);
    }
    for_channels!(task.classes, many_channels(options, task)).unwrap_or(Err(Failure::Channels))
}

/// What exists for one channel: everything without a softmax, and the hinge. Binary cross entropy and Lovász on sigmoids exist
/// for more channels, too, but no peer has them so.
fn one_channel(options: &Options, task: &Task<'_>) -> Result<Evaluation, Failure> {
    match options {
        Options::LovaszHinge(options) => {
            let mut loss = LovaszHinge::new();
            if options.per_image {
                loss = loss.per_image();
            }
            if options.surrogate == reference::Surrogate::Elu {
                loss = loss.elu();
            }
            run::<1, _>(&loss, task)
        }
        Options::BinaryCrossEntropy(options) => {
            let loss = BinaryCrossEntropy::<1>::new()
                .with_pos_weight(options.pos_weight as f32)
                .with_class_weights(options.class_weights.map(|weight| weight as f32))
                .with_label_smoothing(options.label_smoothing as f32)
                .with_reduction(reduction(options.reduction));
            run_pixels(&loss, task)
        }
        Options::Lovasz(options) if options.activation == Activation::Sigmoid => {
            run::<1, _>(&lovasz(options).on_sigmoid(), task)
        }
        _ if options.has_softmax() => Err(Failure::Channels),
        _ => independent_channels::<1>(options, task),
    }
}

fn many_channels<const C: usize>(options: &Options, task: &Task<'_>) -> Result<Evaluation, Failure> {
    match options {
        Options::CrossEntropy(options) => {
            let loss = CrossEntropy::<C>::new()
                .with_weights(array(options.weights.as_deref(), 1.0))
                .with_label_smoothing(options.label_smoothing as f32)
                .with_logit_adjustment(array(options.logit_adjustment.as_deref(), 0.0))
                .with_reduction(reduction(options.reduction));
            run_pixels(&loss, task)
        }
        Options::Focal(options) => {
            let loss = Focal::<C>::new(options.gamma as f32)
                .with_alpha(array(options.alpha.as_deref(), 1.0))
                .with_reduction(reduction(options.reduction));
            run_pixels(&loss, task)
        }
        Options::Overlap(options) if options.activation == Activation::Softmax => run::<C, _>(&overlap(options), task),
        Options::Lovasz(options) if options.activation == Activation::Softmax => run::<C, _>(&lovasz(options), task),
        Options::Ohem(options) => run::<C, _>(&ohem(options), task),
        Options::LovaszHinge(_) => Err(Failure::Channels),
        _ => independent_channels::<C>(options, task),
    }
}

/// What exists for any number of channels.
fn independent_channels<const C: usize>(options: &Options, task: &Task<'_>) -> Result<Evaluation, Failure> {
    match options {
        Options::SigmoidFocal(options) => {
            let mut loss = SigmoidFocal::<C>::new(options.gamma as f32)
                .with_channel_weights(array(options.channel_weights.as_deref(), 1.0))
                .with_reduction(reduction(options.reduction));
            if let Some(alpha) = &options.alpha {
                loss = loss.with_channel_alpha(array(Some(alpha), 1.0));
            }
            run_pixels(&loss, task)
        }
        Options::Overlap(options) => match options.activation {
            Activation::Softmax => Err(Failure::Channels),
            Activation::Sigmoid => run::<C, _>(&overlap(options).on_sigmoid(), task),
            Activation::Probabilities => run::<C, _>(&overlap(options).on_probabilities(), task),
        },
        Options::Lovasz(options) => match options.activation {
            Activation::Softmax | Activation::Sigmoid => Err(Failure::Channels),
            Activation::Probabilities => run::<C, _>(&lovasz(options).on_probabilities(), task),
        },
        Options::BinaryCrossEntropy(_)
        | Options::CrossEntropy(_)
        | Options::Focal(_)
        | Options::LovaszHinge(_)
        | Options::Ohem(_) => Err(Failure::Channels),
    }
}

fn overlap<const C: usize>(options: &reference::Overlap) -> Overlap<C> {
    let mut loss = match options.index {
        reference::Index::Dice => Overlap::dice(),
        reference::Index::Jaccard => Overlap::jaccard(),
        reference::Index::Tversky { alpha, beta } => Overlap::tversky(alpha as f32, beta as f32),
    };
    loss = loss
        .with_smoothing(options.numerator_smoothing as f32, options.denominator_smoothing as f32)
        .with_form(match options.form {
            reference::Form::Linear => Form::Linear,
            reference::Form::Log => Form::Log,
            reference::Form::Focal(gamma) => Form::Focal(gamma as f32),
        })
        .with_absent(match options.absent {
            reference::Absent::Count => Absent::Count,
            reference::Absent::Skip => Absent::Skip,
            reference::Absent::Zero => Absent::Zero,
        })
        .with_weights(array(options.weights.as_deref(), 1.0));
    if options.squared {
        loss = loss.squared();
    }
    if options.per_batch {
        loss = loss.per_batch();
    }
    if options.unnormalized {
        loss = loss.unnormalized();
    }
    if options.micro {
        loss = loss.with_volume_weights(match options.volume_weights {
            reference::VolumeWeights::None => VolumeWeights::None,
            reference::VolumeWeights::Simple => VolumeWeights::Simple,
            reference::VolumeWeights::Square => VolumeWeights::Square,
        });
    }
    loss
}

fn lovasz<const C: usize>(options: &reference::Lovasz) -> Lovasz<C> {
    let classes = match &options.classes {
        reference::Classes::Present => Classes::Present,
        reference::Classes::All => Classes::All,
        reference::Classes::Listed(listed) => Classes::Listed(std::array::from_fn(|class| listed.contains(&class))),
    };
    let loss = Lovasz::new().with_classes(classes).with_weights(array(options.weights.as_deref(), 1.0));
    if options.per_image { loss.per_image() } else { loss }
}

fn ohem<const C: usize>(options: &Mining) -> Ohem<CrossEntropy<C>> {
    let loss = CrossEntropy::new().with_weights(array(Some(&options.weights), 1.0));
    let pixels = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let ohem = match options.rule {
        Rule::Strict { thresh, min_kept } => {
            Ohem::new(loss).with_thresh(thresh as f32).with_min_kept(MinKept::Pixels(pixels(min_kept)))
        }
        Rule::Paddle { thresh, min_kept } => Ohem::paddle(loss, thresh as f32, pixels(min_kept)),
        Rule::HrNet { thresh, min_kept } => Ohem::hrnet(loss, thresh as f32, pixels(min_kept)),
        Rule::TopK { fraction } => Ohem::top_k(loss, fraction as f32),
        Rule::LossThreshold { threshold, min_kept } => {
            Ohem::loss_threshold(loss, threshold as f32, MinKept::Pixels(pixels(min_kept)))
        }
    };
    if options.per_image { ohem.per_image() } else { ohem }
}

fn reduction(reduction: reference::Reduction) -> Reduction {
    match reduction {
        reference::Reduction::Mean => Reduction::Mean,
        reference::Reduction::MeanValid => Reduction::MeanValid,
        reference::Reduction::MeanAll => Reduction::MeanAll,
        reference::Reduction::MeanAllElements => Reduction::MeanAllElements,
        reference::Reduction::Positives => Reduction::Positives,
        reference::Reduction::Divisor(divisor) => Reduction::Divisor(divisor as f32),
        reference::Reduction::Sum => Reduction::Sum,
    }
}

fn array<const C: usize>(values: Option<&[f64]>, default: f64) -> [f32; C] {
    std::array::from_fn(|class| values.map_or(default, |values| values[class]) as f32)
}

fn batch<'a, const C: usize>(task: &Task<'a>) -> Result<Batch<'a, [[f32; C]], C>, Error> {
    let (rows, _) = task.scores.as_chunks();
    let labels = Labels::new(task.labels);
    Batch::new(rows, task.ignore.map_or(labels, |ignore| labels.ignoring(ignore)))?.with_images(task.images)
}

fn run<const C: usize, L: Loss<C>>(loss: &L, task: &Task<'_>) -> Result<Evaluation, Failure> {
    let batch = batch::<C>(task)?;
    let mut scratch = vec![0; scratch_len::<C, L>(batch.pixels())];
    let mut grad = vec![[0.0; C]; batch.pixels()];
    let value = loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch)?;
    Ok(Evaluation { values: vec![value], grad: grad.into_flattened() })
}

fn run_pixels<const C: usize, L: PixelLoss<C>>(loss: &L, task: &Task<'_>) -> Result<Evaluation, Failure> {
    let mut evaluation = run::<C, L>(loss, task)?;
    if task.per_pixel {
        evaluation.values = vec![0.0; task.labels.len()];
        loss.per_pixel(&batch::<C>(task)?, &mut evaluation.values)?;
    }
    Ok(evaluation)
}
