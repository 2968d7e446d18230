//! Dice and its relatives.

use super::{Data, Plan};
use crate::vectors::options::Options;
use crate::vectors::params::{Params, Refusal};
use scarce_kit::reference::{Absent, Activation, Form, Index, Overlap, VolumeWeights};

/// Half the distance of f32 numbers below 1: what is smaller cannot be seen in a loss of order 1.
const NEGLIGIBLE: f64 = f32::EPSILON as f64 / 4.0;

/// The loss, where the peer gives an image without a valid pixel the loss `empty` and this project 0.
fn plan(data: &Data<'_>, loss: Overlap, empty: f64) -> Result<Plan, Refusal> {
    let share = data.empty_share(loss.per_batch);
    let offset = if share == 0.0 { 0.0 } else { share * empty };
    if offset.abs() <= NEGLIGIBLE {
        Ok(Plan { offset, ..Options::Overlap(loss).into() })
    } else {
        Err(format!("an image without a valid pixel has the loss {empty} there, and 0 here"))
    }
}

fn activation(variant: &str) -> Result<Activation, Refusal> {
    match variant {
        "softmax" | "multiclass" => Ok(Activation::Softmax),
        "sigmoid" | "binary" => Ok(Activation::Sigmoid),
        "probs" => Ok(Activation::Probabilities),
        other => Err(format!("variant {other:?} is not understood")),
    }
}

pub(super) fn paddleseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let smooth = params.number("smooth")?.unwrap_or(1.0);
    let weights = params.numbers("weight", data.classes())?;
    let loss = Overlap {
        numerator_smoothing: smooth,
        denominator_smoothing: smooth + 1e-8,
        weights,
        unnormalized: true,
        ..Overlap::new(Index::Dice, Activation::Softmax)
    };
    plan(data, loss, 1.0 - smooth / (smooth + 1e-8))
}

/// MONAI's smoothing constants, and what they make of nothing.
fn monai_smoothing(params: &mut Params) -> Result<(f64, f64, f64), Refusal> {
    let numerator = params.number("smooth_nr")?.unwrap_or(1e-5);
    let denominator = params.number("smooth_dr")?.unwrap_or(1e-5);
    Ok((numerator, denominator, 1.0 - numerator / denominator))
}

pub(super) fn monai(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    let activation = activation(variant)?;
    let (numerator, denominator, empty) = monai_smoothing(params)?;
    // 1 − (2I + s_n) / (2 (S − I) + s_d): a Jaccard index with half the smoothing.
    let (index, scale) = if params.flag("jaccard", false)? { (Index::Jaccard, 0.5) } else { (Index::Dice, 1.0) };
    let without_background = !params.flag("include_background", true)?;
    if without_background && data.classes() == 1 {
        return Err("the only channel left out".into());
    }
    let loss = Overlap {
        numerator_smoothing: scale * numerator,
        denominator_smoothing: scale * denominator,
        squared: params.flag("squared_pred", false)?,
        per_batch: params.flag("batch", false)?,
        weights: monai_weights(data, params, without_background)?,
        unnormalized: true,
        ..Overlap::new(index, activation)
    };
    plan(data, loss, empty)
}

/// MONAI multiplies by weights and divides by the number of classes; a background left out is not among these.
fn monai_weights(data: &Data<'_>, params: &mut Params, without_background: bool) -> Result<Option<Vec<f64>>, Refusal> {
    if !without_background {
        return params.numbers("weight", data.classes());
    }
    let foreground = data.classes() - 1;
    let weights = params.numbers("weight", foreground)?.unwrap_or_else(|| vec![1.0; foreground]);
    let scale = data.classes() as f64 / foreground as f64;
    Ok(Some([0.0].into_iter().chain(weights.into_iter().map(|weight| weight * scale)).collect()))
}

pub(super) fn monai_generalized(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    let (numerator_smoothing, denominator_smoothing, empty) = monai_smoothing(params)?;
    let volume_weights = match params.word("w_type")?.as_deref() {
        None | Some("square") => VolumeWeights::Square,
        Some("simple") => VolumeWeights::Simple,
        Some("uniform") => VolumeWeights::None,
        Some(other) => return Err(format!("parameter w_type = {other:?} is not understood")),
    };
    if !params.flag("include_background", true)? {
        return Err("generalised Dice without the background is not translated".into());
    }
    let loss = Overlap {
        numerator_smoothing,
        denominator_smoothing,
        micro: true,
        volume_weights,
        per_batch: params.flag("batch", false)?,
        ..Overlap::new(Index::Dice, activation(variant)?)
    };
    plan(data, loss, empty)
}

pub(super) fn smp(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    let smooth = params.number("smooth")?.unwrap_or(0.0);
    let floor = params.number("eps")?.unwrap_or(1e-7);
    // Only classes with a true pixel count, and for these S/2 ≥ 1/2.
    if floor > 0.5 + smooth {
        return Err(format!("the floor eps = {floor} of the denominator is not offered"));
    }
    let form = if params.flag("log_loss", false)? { Form::Log } else { Form::Linear };
    if form == Form::Log && floor != 1e-7 {
        return Err(format!("the floor eps = {floor} of the logarithm is not offered"));
    }
    let listed = params.classes("classes", data.classes())?;
    let weights = params.numbers("class_weights", data.classes())?;
    let weights = match (listed, weights) {
        (Some(_), Some(_)) => return Err("classes and class_weights at once are not translated".into()),
        (Some(listed), None) => {
            let weight = |class| f64::from(u8::from(listed.contains(&class)));
            Some((0..data.classes()).map(weight).collect())
        }
        (None, weights) => weights,
    };
    // (I + s) / (S/2 + s) = (2I + 2s) / (S + 2s)
    let loss = Overlap {
        numerator_smoothing: 2.0 * smooth,
        denominator_smoothing: 2.0 * smooth,
        form,
        per_batch: true,
        absent: Absent::Zero,
        weights,
        ..Overlap::new(Index::Dice, activation(variant)?)
    };
    plan(data, loss, 0.0)
}

pub(super) fn kornia(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let micro = match params.word("average")?.as_deref() {
        None | Some("micro") => true,
        Some("macro") => false,
        Some(other) => return Err(format!("parameter average = {other:?} is not understood")),
    };
    let loss = Overlap {
        numerator_smoothing: 0.0,
        denominator_smoothing: params.number("eps")?.unwrap_or(1e-8),
        micro,
        absent: Absent::Skip,
        weights: params.numbers("weight", data.classes())?,
        ..Overlap::new(Index::Dice, Activation::Softmax)
    };
    plan(data, loss, 1.0)
}

pub(super) fn mmseg(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    let epsilon = params.number("eps")?.unwrap_or(1e-3);
    let naive = params.flag("naive_dice", false)?;
    let left_out = params.integer("ignore_channel")?;
    let weights = left_out.map(|left_out| {
        (0..data.classes()).map(|class| if i64::try_from(class) == Ok(left_out) { 0.0 } else { 1.0 }).collect()
    });
    let loss = Overlap {
        numerator_smoothing: if naive { epsilon } else { 0.0 },
        denominator_smoothing: if naive { epsilon } else { 2.0 * epsilon },
        squared: !naive,
        micro: true,
        weights,
        ..Overlap::new(Index::Dice, activation(variant)?)
    };
    plan(data, loss, if naive { 0.0 } else { 1.0 })
}

pub(super) fn medicalseg(data: &Data<'_>, params: &mut Params, variant: &str) -> Result<Plan, Refusal> {
    if params.numbers("weight", data.classes())?.is_some() {
        return Err("class weights inside the index (1 − mean of w · Dice) are not offered".into());
    }
    // The floor of the denominator, 1e-6, is out of reach: a class with a true pixel has Q ≥ 1, and without one I = 0.
    let loss = Overlap {
        numerator_smoothing: 0.0,
        denominator_smoothing: 0.0,
        squared: true,
        per_batch: true,
        ..Overlap::new(Index::Dice, activation(variant)?)
    };
    plan(data, loss, 1.0)
}
