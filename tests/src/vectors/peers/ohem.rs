//! Cross entropies of the hardest pixels.

use super::{Data, Plan};
use crate::vectors::options::Options;
use crate::vectors::params::{Params, Refusal};
use scarce_kit::reference::{CrossEntropy, Mining, PixelLoss, Reduction, Rule};

pub(super) fn paddleseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("weight", data.classes())?;
    let (thresh, min_kept) = threshold(params, "thresh", "min_kept", 10_000)?;
    Ok(plan(data, Rule::Paddle { thresh, min_kept }, weights))
}

pub(super) fn mmseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("class_weight", data.classes())?;
    let (thresh, min_kept) = threshold(params, "thres", "min_kept", 100_000)?;
    Ok(plan(data, Rule::HrNet { thresh, min_kept }, weights))
}

pub(super) fn contrastiveseg(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("ce_weight", data.classes())?;
    let (thresh, min_kept) = threshold(params, "ohem_thresh", "ohem_minkeep", 100_000)?;
    Ok(plan(data, Rule::HrNet { thresh, min_kept }, weights))
}

fn threshold(params: &mut Params, thresh: &str, min_kept: &str, default: usize) -> Result<(f64, usize), Refusal> {
    let thresh = params.number(thresh)?.unwrap_or(0.7);
    let min_kept = match params.integer(min_kept)? {
        None => default,
        Some(number) => number.try_into().map_err(|_| format!("parameter {min_kept} = {number} is not understood"))?,
    };
    Ok((thresh, min_kept))
}

/// A loss of the hardest pixels over a weighted cross entropy.
pub(super) fn plan(data: &Data<'_>, rule: Rule, weights: Option<Vec<f64>>) -> Plan {
    let cross_entropy = |weights: Option<Vec<f64>>| -> Box<dyn PixelLoss> {
        Box::new(CrossEntropy { weights, reduction: Reduction::Sum, ..CrossEntropy::default() })
    };
    let mining = Mining {
        rule,
        loss: cross_entropy(weights.clone()),
        surprise: cross_entropy(None),
        weights: weights.unwrap_or_else(|| vec![1.0; data.classes()]),
        per_image: false,
    };
    Options::Ohem(mining).into()
}
