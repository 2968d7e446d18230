//! Cross entropies.

use super::{Data, Plan, divide_by, pixel_plan, reduction};
use crate::vectors::options::Options;
use crate::vectors::params::{Params, Refusal};
use scarce_kit::reference::{BinaryCrossEntropy, CrossEntropy, Reduction, Rule};

/// mmsegmentation's addend to a divisor.
const MMSEG_EPSILON: f64 = f32::EPSILON as f64;

pub(super) fn torch(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("weight", data.classes())?;
    let label_smoothing = params.number("label_smoothing")?.unwrap_or(0.0);
    let reduction = reduction(params, Reduction::Mean)?;
    Ok(pixel_plan(reduction, |reduction| {
        Options::CrossEntropy(CrossEntropy { weights, label_smoothing, reduction, ..CrossEntropy::default() })
    }))
}

pub(super) fn paddleseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("weight", data.classes())?;
    if let Some(fraction) = params.number("top_k_percent_pixels")?.filter(|&share| share < 1.0) {
        if weights.is_some() {
            return Err("the hardest share of pixels (top_k_percent_pixels) divided by weights is not offered".into());
        }
        params.flag("avg_non_ignore", true)?;
        // The mean over the share is divided by 1 + 10⁻⁸.
        let plan = super::ohem::plan(data, Rule::TopK { fraction }, None);
        return Ok(Plan { factor: 1.0 / (1.0 + 1e-8), ..plan });
    }
    let divisor = if params.flag("avg_non_ignore", true)? {
        data.weight_sum(weights.as_deref()) + 1e-8 * data.pixels()
    } else {
        data.pixels() * (1.0 + 1e-8)
    };
    let reduction = divide_by(divisor);
    Ok(Options::CrossEntropy(CrossEntropy { weights, reduction, ..CrossEntropy::default() }).into())
}

pub(super) fn mmseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("class_weight", data.classes())?;
    let only_valid = params.flag("avg_non_ignore", false)?;
    let divisor = match &weights {
        Some(weights) => data.weight_sum(Some(weights)),
        None if only_valid => data.valid(),
        None => data.pixels(),
    };
    let reduction = divide_by(divisor + MMSEG_EPSILON);
    Ok(Options::CrossEntropy(CrossEntropy { weights, reduction, ..CrossEntropy::default() }).into())
}

pub(super) fn smp(_: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let label_smoothing = params.number("smooth_factor")?.unwrap_or(0.0);
    let reduction = Reduction::MeanAll;
    Ok(Options::CrossEntropy(CrossEntropy { label_smoothing, reduction, ..CrossEntropy::default() }).into())
}

pub(super) fn torch_binary(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    one_logit(data)?;
    let pos_weight = params.number_or_numbers("pos_weight", 1)?.map_or(1.0, |weights| weights[0]);
    let reduction = reduction(params, Reduction::Mean)?;
    Ok(pixel_plan(reduction, |reduction| {
        Options::BinaryCrossEntropy(BinaryCrossEntropy { pos_weight, reduction, ..BinaryCrossEntropy::default() })
    }))
}

pub(super) fn paddleseg_binary(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    one_logit(data)?;
    // "dynamic" weights: from the counts of labels, an ignored pixel counting as label 0.
    let positives = data.valid_labels().filter(|&label| label == 1).count() as f64;
    let negatives = data.pixels() - positives;
    let balance = |others: f64| 2.0 * others / (positives + negatives + 1e-10);
    let class_weights = match params.word("weight")?.as_deref() {
        None => [1.0, 1.0],
        Some("dynamic") => [balance(positives), balance(negatives)],
        Some(other) => return Err(format!("parameter weight = {other:?} is not understood")),
    };
    let pos_weight = match params.word_if_any("pos_weight").as_deref() {
        None => params.number_or_numbers("pos_weight", 1)?.map_or(1.0, |weights| weights[0]),
        Some("dynamic") => balance(negatives),
        Some(other) => return Err(format!("parameter pos_weight = {other:?} is not understood")),
    };
    let reduction = divide_by(data.valid() + 1e-10 * data.pixels());
    let loss = BinaryCrossEntropy { pos_weight, class_weights, reduction, ..BinaryCrossEntropy::default() };
    Ok(Options::BinaryCrossEntropy(loss).into())
}

pub(super) fn berman_binary(data: &Data<'_>, _: &mut Params, _: &str) -> Result<Plan, Refusal> {
    one_logit(data)?;
    let reduction = Reduction::MeanValid;
    Ok(Options::BinaryCrossEntropy(BinaryCrossEntropy { reduction, ..BinaryCrossEntropy::default() }).into())
}

pub(super) fn mmseg_binary(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    one_logit(data)?;
    let reduction = if params.flag("avg_non_ignore", false)? {
        divide_by(data.valid() + MMSEG_EPSILON)
    } else {
        Reduction::MeanAll
    };
    Ok(Options::BinaryCrossEntropy(BinaryCrossEntropy { reduction, ..BinaryCrossEntropy::default() }).into())
}

fn one_logit(data: &Data<'_>) -> Result<(), Refusal> {
    if data.classes() == 1 {
        Ok(())
    } else {
        Err("binary cross entropy of more than one channel is not translated".into())
    }
}
