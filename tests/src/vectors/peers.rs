//! The peers' losses and parameters, in terms of the options of this project.
//!
//! Nothing is computed here but divisors and labels: a peer's epsilon goes into a divisor or a smoothing constant, so that
//! it is reproduced exactly. What no option can express is refused with a reason.

mod cross_entropy;
mod focal;
mod lovasz;
mod ohem;
mod overlap;

use super::input::Input;
use super::json::Outcome;
use super::options::Options;
use super::params::{Params, Refusal};
use scarce_kit::reference::Reduction;

/// A peer's result in the terms of this project.
pub struct Offer {
    /// The loss.
    pub loss: Options,
    /// Whether the value is the loss of each pixel, and the gradient that of their sum.
    pub per_pixel: bool,
    /// The labels, as this project takes them.
    pub labels: Vec<u8>,
    /// The ignored label.
    pub ignore: Option<u8>,
    /// What an epsilon of the peer multiplies the loss by: 1 within the rounding of f32.
    pub factor: f64,
    /// What an epsilon of the peer adds to the value, less than f32 can hold beside 1.
    pub offset: f64,
}

/// A loss, and how its value is to be read.
struct Plan {
    loss: Options,
    per_pixel: bool,
    factor: f64,
    offset: f64,
}

impl From<Options> for Plan {
    fn from(loss: Options) -> Self {
        Self { loss, per_pixel: false, factor: 1.0, offset: 0.0 }
    }
}

/// What a peer's loss takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Scores and labels of pixels.
    Pixels,
    /// Presence logits of images.
    Presence,
    /// Scores and labels of pixels, and presence logits.
    PixelsAndPresence,
    /// Embeddings.
    Embeddings,
    /// Embeddings of an image, of which some are sampled.
    SampledEmbeddings,
}

/// Whether the peer's loss takes scores and labels of pixels and nothing else.
#[must_use]
pub fn takes_pixels(outcome: &Outcome) -> bool {
    matches!(kind(outcome), Ok(Kind::Pixels))
}

/// What the peer's loss takes.
///
/// # Errors
/// The reason, if the peer is unknown.
pub(super) fn kind(outcome: &Outcome) -> Result<Kind, Refusal> {
    let (peer, variant) = name_and_variant(outcome);
    Ok(match peer {
        "pytorch_encoding.SegmentationLosses" if variant == "se term" => Kind::Presence,
        "pytorch_encoding.SegmentationLosses" if variant.is_empty() => Kind::PixelsAndPresence,
        "paddleseg.SECrossEntropyLoss" | "encnet_paddle.SeCrossEntropyLoss" => Kind::Presence,
        "contrastiveseg.PixelContrastLoss._contrastive"
        | "paddleseg.PixelContrastCrossEntropyLoss._contrastive"
        | "contrast_seg_paddle.PixelContrastCrossEntropyLoss._contrastive" => Kind::Embeddings,
        "contrastiveseg.PixelContrastLoss" | "paddleseg.PixelContrastCrossEntropyLoss" => Kind::SampledEmbeddings,
        _ if translation(peer, variant).is_some() => Kind::Pixels,
        _ => return Err(format!("the peer {} is unknown", outcome.peer)),
    })
}

fn name_and_variant(outcome: &Outcome) -> (&str, &str) {
    match outcome.peer.split_once('(') {
        Some((peer, variant)) => (peer, variant.trim_end_matches(')')),
        None => (&outcome.peer, ""),
    }
}

/// Translates the peer and its parameters.
///
/// # Errors
/// The reason, if the loss or one of its options is not offered.
pub fn offer(input: &Input, outcome: &Outcome) -> Result<Offer, Refusal> {
    let (peer, variant) = name_and_variant(outcome);
    let Some(translate) = translation(peer, variant) else {
        return Err(format!("the peer {} is unknown, or takes more than pixels", outcome.peer));
    };
    let mut params = Params::new(&outcome.params);
    let ignored = params.integer_by_any(&["ignore_index", "ignore", "ignore_label", "ce_ignore_index"])?;
    let data = Data::new(input, ignored.unwrap_or(default_ignore(peer)))?;
    let plan = translate(&data, &mut params, variant)?;
    params.finish()?;
    if input.classes == 1 && plan.loss.has_softmax() {
        return Err("softmax over one class is refused at compile time".into());
    }
    Ok(Offer {
        loss: plan.loss,
        per_pixel: plan.per_pixel,
        factor: plan.factor,
        offset: plan.offset,
        labels: data.labels,
        ignore: data.ignore,
    })
}

type Translation = fn(&Data<'_>, &mut Params, &str) -> Result<Plan, Refusal>;

fn translation(peer: &str, variant: &str) -> Option<Translation> {
    Some(match peer {
        "torch.cross_entropy" | "paddle.cross_entropy" | "contrastiveseg.FSCELoss" => cross_entropy::torch,
        "pytorch_encoding.SegmentationLosses" if variant == "ce" => cross_entropy::torch,
        "paddleseg.CrossEntropyLoss" => cross_entropy::paddleseg,
        "mmseg.cross_entropy" => cross_entropy::mmseg,
        "smp.SoftCrossEntropyLoss" => cross_entropy::smp,
        "torch.bce_with_logits" => cross_entropy::torch_binary,
        "paddleseg.BCELoss" => cross_entropy::paddleseg_binary,
        "berman.binary_xloss" => cross_entropy::berman_binary,
        "mmseg.binary_cross_entropy" => cross_entropy::mmseg_binary,
        "torchvision.sigmoid_focal_loss" => focal::torchvision,
        "paddle.sigmoid_focal_loss" => focal::paddle,
        "monai.FocalLoss" => focal::monai,
        "smp.FocalLoss" => focal::smp,
        "smp.softmax_focal_loss_with_logits" => focal::smp_softmax,
        "kornia.binary_focal_loss_with_logits" => focal::kornia_binary,
        "kornia.focal_loss" => focal::kornia,
        "mmseg.FocalLoss" => focal::mmseg,
        "paddleseg.FocalLoss" => focal::paddleseg_two_channels,
        "paddleseg.MultiClassFocalLoss" => focal::paddleseg,
        "paddleseg.DiceLoss" => overlap::paddleseg,
        "monai.DiceLoss" => overlap::monai,
        "monai.GeneralizedDiceLoss" => overlap::monai_generalized,
        "smp.DiceLoss" => overlap::smp,
        "kornia.dice_loss" => overlap::kornia,
        "mmseg.DiceLoss" => overlap::mmseg,
        "medicalseg.DiceLoss" => overlap::medicalseg,
        "berman.lovasz_softmax" | "smp._lovasz_softmax" => lovasz::softmax,
        "paddleseg.LovaszSoftmaxLoss" | "paddleseg.lovasz_softmax_flat" => lovasz::softmax,
        "mmseg.LovaszLoss" if variant == "multi_class" => lovasz::softmax,
        "smp.LovaszLoss" if variant == "multiclass" => lovasz::softmax,
        "kornia.lovasz_softmax_loss" => lovasz::kornia_softmax,
        "berman.lovasz_hinge" | "kornia.lovasz_hinge_loss" => lovasz::hinge_per_image,
        "paddleseg.LovaszHingeLoss" => lovasz::hinge,
        "mmseg.LovaszLoss" | "smp.LovaszLoss" if variant == "binary" => lovasz::hinge,
        "paddleseg.OhemCrossEntropyLoss" => ohem::paddleseg,
        "mmseg.OhemCrossEntropy" => ohem::mmseg,
        "contrastiveseg.FSOhemCELoss" => ohem::contrastiveseg,
        _ => return None,
    })
}

/// The label that a peer ignores if its parameters do not say; −100 is none that occurs.
fn default_ignore(peer: &str) -> i64 {
    match peer.split('.').next() {
        Some("paddleseg") => 255,
        Some("pytorch_encoding" | "contrastiveseg") => -1,
        _ if peer == "mmseg.LovaszLoss" => 255,
        _ => -100,
    }
}

/// What divisors are made of.
struct Data<'a> {
    input: &'a Input,
    labels: Vec<u8>,
    ignore: Option<u8>,
}

impl<'a> Data<'a> {
    /// Translates labels. A label that is neither a class nor ignored is refused, as the library does.
    fn new(input: &'a Input, ignored: i64) -> Result<Self, Refusal> {
        // A label of another type is given a number that a class cannot have.
        let ignore = u8::try_from(ignored).unwrap_or(u8::MAX);
        let labels = if input.classes == 1 { 2 } else { input.classes };
        if labels > usize::from(u8::MAX) {
            return Err("more than 255 classes".into());
        }
        let translate = |&label: &i64| match u8::try_from(label) {
            _ if label == ignored => Ok(ignore),
            Ok(class) if usize::from(class) < labels => Ok(class),
            _ => Err(format!("label {label}, which is neither a class nor ignored, is refused")),
        };
        let labels = input.labels.iter().map(translate).collect::<Result<Vec<u8>, Refusal>>()?;
        let ignore = input.labels.contains(&ignored).then_some(ignore);
        Ok(Self { input, labels, ignore })
    }

    fn classes(&self) -> usize {
        self.input.classes
    }

    fn pixels(&self) -> f64 {
        self.labels.len() as f64
    }

    fn image_pixels(&self) -> f64 {
        self.input.image_pixels() as f64
    }

    fn valid_labels(&self) -> impl Iterator<Item = u8> {
        self.labels.iter().copied().filter(|&label| self.ignore != Some(label))
    }

    fn valid(&self) -> f64 {
        self.valid_labels().count() as f64
    }

    /// Σ w_y over valid pixels.
    fn weight_sum(&self, weights: Option<&[f64]>) -> f64 {
        self.valid_labels().map(|label| weights.map_or(1.0, |weights| weights[usize::from(label)])).sum()
    }

    /// The share of images without a valid pixel; of batches, if the loss is one of a batch.
    fn empty_share(&self, per_batch: bool) -> f64 {
        let images = if per_batch { 1 } else { self.input.images };
        let size = self.labels.len() / images;
        let is_empty = |image: &&[u8]| image.iter().all(|&label| self.ignore == Some(label));
        self.labels.chunks(size).filter(is_empty).count() as f64 / images as f64
    }
}

/// Divides by a number computed here. Without a valid pixel it may be 0, and then nothing is to be divided.
fn divide_by(divisor: f64) -> Reduction {
    if divisor > 0.0 { Reduction::Divisor(divisor) } else { Reduction::Sum }
}

/// A reduction by PyTorch's name; `None` is reduction `none`.
fn reduction(params: &mut Params, mean: Reduction) -> Result<Option<Reduction>, Refusal> {
    match params.word("reduction")?.as_deref() {
        None | Some("mean") => Ok(Some(mean)),
        Some("sum") => Ok(Some(Reduction::Sum)),
        Some("none") => Ok(None),
        Some(other) => Err(format!("parameter reduction = {other:?} is not understood")),
    }
}

/// A plan of a sum over pixels; with reduction `none` the gradient is that of the plain sum.
fn pixel_plan(reduction: Option<Reduction>, loss: impl FnOnce(Reduction) -> Options) -> Plan {
    Plan { per_pixel: reduction.is_none(), ..loss(reduction.unwrap_or(Reduction::Sum)).into() }
}
