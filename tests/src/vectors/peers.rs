//! The peers' losses and parameters, in terms of the options of this project.
//!
//! Nothing is computed here but divisors and labels: a peer's epsilon goes into a divisor or a smoothing constant, so that
//! it is reproduced exactly. What no option can express is refused with a reason.

mod cross_entropy;
mod focal;
mod lovasz;
mod overlap;

use super::input::Input;
use super::json::Outcome;
use super::options::Options;
use super::params::{Params, Refusal};
use crate::reference::Reduction;

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
    /// What an epsilon of the peer adds to the value, less than f32 can hold beside 1.
    pub offset: f64,
}

/// A loss, and how its value is to be read.
struct Plan {
    loss: Options,
    per_pixel: bool,
    offset: f64,
}

impl From<Options> for Plan {
    fn from(loss: Options) -> Self {
        Self { loss, per_pixel: false, offset: 0.0 }
    }
}

/// Why nothing of this peer can be compared, if so; whatever its input is.
#[must_use]
pub fn refusal(outcome: &Outcome) -> Option<Refusal> {
    let (peer, variant) = name_and_variant(outcome);
    translation(peer, variant).err()
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
    let mut params = Params::new(&outcome.params);
    let (peer, variant) = name_and_variant(outcome);
    let translate = translation(peer, variant)?;
    let ignored = match (params.integer("ignore_index")?, params.integer("ignore")?) {
        (Some(label), _) | (None, Some(label)) => label,
        (None, None) => default_ignore(peer),
    };
    let data = Data::new(input, ignored)?;
    let plan = translate(&data, &mut params, variant)?;
    params.finish()?;
    if input.classes == 1 && plan.loss.has_softmax() {
        return Err("softmax over one class is refused at compile time".into());
    }
    Ok(Offer {
        loss: plan.loss,
        per_pixel: plan.per_pixel,
        offset: plan.offset,
        labels: data.labels,
        ignore: data.ignore,
    })
}

type Translation = fn(&Data<'_>, &mut Params, &str) -> Result<Plan, Refusal>;

fn translation(peer: &str, variant: &str) -> Result<Translation, Refusal> {
    let refuse = |loss: &str| Err(format!("{loss} is not offered"));
    Ok(match peer {
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
        "paddleseg.OhemCrossEntropyLoss" | "mmseg.OhemCrossEntropy" | "contrastiveseg.FSOhemCELoss" => {
            return refuse("OHEM cross entropy");
        }
        "pytorch_encoding.SegmentationLosses" | "paddleseg.SECrossEntropyLoss" | "encnet_paddle.SeCrossEntropyLoss" => {
            return refuse("semantic encoding");
        }
        "contrastiveseg.PixelContrastLoss"
        | "contrastiveseg.PixelContrastLoss._contrastive"
        | "paddleseg.PixelContrastCrossEntropyLoss"
        | "paddleseg.PixelContrastCrossEntropyLoss._contrastive"
        | "contrast_seg_paddle.PixelContrastCrossEntropyLoss._contrastive" => return refuse("pixel contrast"),
        _ if variant.is_empty() => return refuse(&format!("{peer}, which is an unknown peer,")),
        _ => return refuse(&format!("{peer}({variant}), which is an unknown peer,")),
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
    Plan { loss: loss(reduction.unwrap_or(Reduction::Sum)), per_pixel: reduction.is_none(), offset: 0.0 }
}
