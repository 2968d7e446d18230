//! Focal losses.

use super::{Data, Plan, divide_by, pixel_plan, reduction};
use crate::vectors::options::Options;
use crate::vectors::params::{Params, Refusal};
use scarce_kit::reference::{Focal, Reduction, SigmoidFocal};

fn gamma(params: &mut Params) -> Result<f64, Refusal> {
    Ok(params.number("gamma")?.unwrap_or(2.0))
}

/// One α for all channels; switched off by a negative one.
fn two_sided(alpha: Option<f64>, classes: usize) -> Option<Vec<f64>> {
    alpha.filter(|&alpha| alpha >= 0.0).map(|alpha| vec![alpha; classes])
}

/// A sigmoid focal loss with one α.
fn sigmoid(gamma: f64, alpha: Option<f64>, classes: usize) -> SigmoidFocal {
    SigmoidFocal { alpha: two_sided(alpha, classes), ..SigmoidFocal::new(gamma) }
}

pub(super) fn torchvision(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let alpha = params.number("alpha")?.or(Some(0.25));
    let loss = sigmoid(gamma(params)?, alpha, data.classes());
    let reduction = reduction(params, Reduction::MeanAllElements)?;
    Ok(pixel_plan(reduction, |reduction| Options::SigmoidFocal(SigmoidFocal { reduction, ..loss })))
}

pub(super) fn paddle(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let alpha = params.number("alpha")?.or(Some(0.25));
    let loss = sigmoid(gamma(params)?, alpha, data.classes());
    let normalizer = params.number("normalizer")?.unwrap_or(1.0);
    let reduction = match params.word("reduction")?.as_deref() {
        None | Some("sum") => Reduction::Divisor(normalizer),
        Some("mean") => Reduction::Divisor(normalizer * data.pixels() * data.classes() as f64),
        Some(other) => return Err(format!("parameter reduction = {other:?} is not understood")),
    };
    Ok(Options::SigmoidFocal(SigmoidFocal { reduction, ..loss }).into())
}

/// MONAI's `mean` is over all elements, or with an ignored label over valid pixels; its `sum` is a mean over the pixels
/// of each image.
fn monai_reduction(data: &Data<'_>, params: &mut Params) -> Result<Reduction, Refusal> {
    match params.word("reduction")?.as_deref() {
        None | Some("mean") if data.ignore.is_some() => Ok(Reduction::MeanValid),
        None | Some("mean") => Ok(Reduction::MeanAllElements),
        Some("sum") => Ok(Reduction::Divisor(data.image_pixels())),
        Some(other) => Err(format!("parameter reduction = {other:?} is not understood")),
    }
}

pub(super) fn monai(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    let gamma = gamma(params)?;
    let reduction = monai_reduction(data, params)?;
    Ok(match variant {
        "softmax" => {
            let weights = params.numbers("weight", data.classes())?;
            let alpha = per_class_alpha(data, params)?;
            Options::Focal(Focal { alpha: product(alpha, weights), reduction, ..Focal::new(gamma) }).into()
        }
        "sigmoid" | "sigmoid one-vs-rest" => {
            let alpha = params.number("alpha")?;
            let channel_weights = params.numbers("weight", data.classes())?;
            let loss = sigmoid(gamma, alpha, data.classes());
            Options::SigmoidFocal(SigmoidFocal { channel_weights, reduction, ..loss }).into()
        }
        other => return Err(format!("variant {other:?} is not understood")),
    })
}

/// A scalar α is that of the foreground classes, class 0 being the background.
fn per_class_alpha(data: &Data<'_>, params: &mut Params) -> Result<Option<Vec<f64>>, Refusal> {
    let scalar = params.is_number("alpha");
    let mut alpha = params.number_or_numbers("alpha", data.classes())?;
    if let (true, Some(alpha)) = (scalar, &mut alpha) {
        alpha[0] = 1.0 - alpha[0];
    }
    Ok(alpha)
}

fn product(a: Option<Vec<f64>>, b: Option<Vec<f64>>) -> Option<Vec<f64>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.iter().zip(b).map(|(a, b)| a * b).collect()),
        (a, b) => a.or(b),
    }
}

pub(super) fn kornia(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let gamma = gamma(params)?;
    let weights = params.numbers("weight", data.classes())?;
    let alpha = product(per_class_alpha(data, params)?, weights);
    let reduction = reduction(params, Reduction::MeanAllElements)?;
    Ok(pixel_plan(reduction, |reduction| Options::Focal(Focal { gamma, alpha, reduction })))
}

pub(super) fn kornia_binary(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let alpha = params.number("alpha")?;
    let loss = sigmoid(gamma(params)?, alpha, data.classes());
    let reduction = reduction(params, Reduction::MeanAllElements)?;
    Ok(pixel_plan(reduction, |reduction| Options::SigmoidFocal(SigmoidFocal { reduction, ..loss })))
}

/// Refuses the options of segmentation_models.pytorch that are losses of their own.
fn refuse_smp_variants(params: &mut Params) -> Result<(), Refusal> {
    if params.flag("normalized", false)? {
        return Err("the normalised focal loss (divided by its modulation, differentiated) is not offered".into());
    }
    if params.number("reduced_threshold")?.is_some() {
        return Err("the reduced focal loss (reduced_threshold) is not offered".into());
    }
    Ok(())
}

pub(super) fn smp(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    refuse_smp_variants(params)?;
    let alpha = params.number("alpha")?;
    let loss = sigmoid(gamma(params)?, alpha, data.classes());
    let channel_weights = params.numbers("class_weights", data.classes())?;
    // The mean over valid pixels of each class, then the (weighted) mean over classes.
    let reduction = match (variant, params.word("reduction")?.as_deref()) {
        (_, None | Some("mean")) => Reduction::Mean,
        ("binary", Some("sum")) => Reduction::Sum,
        (_, Some(other)) => return Err(format!("parameter reduction = {other:?} is not understood")),
    };
    Ok(Options::SigmoidFocal(SigmoidFocal { channel_weights, reduction, ..loss }).into())
}

pub(super) fn smp_softmax(_: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    refuse_smp_variants(params)?;
    let gamma = gamma(params)?;
    let reduction = reduction(params, Reduction::MeanAll)?;
    Ok(pixel_plan(reduction, |reduction| Options::Focal(Focal { reduction, ..Focal::new(gamma) })))
}

pub(super) fn mmseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let gamma = gamma(params)?;
    let alpha = params.number_or_numbers("alpha", data.classes())?;
    let alpha = alpha.or_else(|| Some(vec![0.5; data.classes()]));
    let channel_weights = params.numbers("class_weight", data.classes())?;
    let reduction = Reduction::MeanAllElements;
    Ok(Options::SigmoidFocal(SigmoidFocal { gamma, alpha, channel_weights, reduction }).into())
}

pub(super) fn paddleseg_two_channels(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    if data.classes() != 2 {
        return Err("paddleseg.FocalLoss takes two channels".into());
    }
    let alpha = params.number("alpha")?.or(Some(0.25));
    let loss = sigmoid(gamma(params)?, alpha, 2);
    Ok(Options::SigmoidFocal(SigmoidFocal { reduction: divide_by(2.0 * data.valid()), ..loss }).into())
}

pub(super) fn paddleseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let alpha = Some(vec![params.number("alpha")?.unwrap_or(1.0); data.classes()]);
    let reduction = divide_by(data.valid() + 1e-10 * data.pixels());
    Ok(Options::Focal(Focal { gamma: gamma(params)?, alpha, reduction }).into())
}
