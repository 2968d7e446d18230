//! Lovász losses.

use super::{Data, Plan};
use crate::vectors::options::Options;
use crate::vectors::params::{Params, Refusal};
use scarce_kit::reference::{Activation, Classes, Lovasz, LovaszHinge, Surrogate};

fn activation(data: &Data<'_>) -> Activation {
    if data.input.on_probabilities { Activation::Probabilities } else { Activation::Softmax }
}

pub(super) fn softmax(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    if let Some(kind) = params.word("input")? {
        let given = if data.input.on_probabilities { "probs" } else { "logits" };
        if kind != given {
            return Err(format!("parameter input = {kind:?} contradicts the case"));
        }
    }
    let loss = Lovasz {
        classes: classes(data, params)?,
        weights: params.numbers("class_weight", data.classes())?,
        per_image: params.flag("per_image", false)?,
        activation: activation(data),
    };
    Ok(Options::Lovasz(loss).into())
}

fn classes(data: &Data<'_>, params: &mut Params) -> Result<Classes, Refusal> {
    match params.word_if_any("classes").as_deref() {
        Some("all") => return Ok(Classes::All),
        Some("present") => return Ok(Classes::Present),
        Some(other) => return Err(format!("parameter classes = {other:?} is not understood")),
        None => {}
    }
    // One channel scores label 1.
    let labels = data.classes().max(2);
    match params.classes("classes", labels)? {
        None => Ok(Classes::Present),
        Some(listed) if data.classes() > 1 => Ok(Classes::Listed(listed)),
        Some(listed) if listed == [1] => Ok(Classes::All),
        Some(_) => Err("one channel scores label 1".into()),
    }
}

pub(super) fn kornia_softmax(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    let weights = params.numbers("weight", data.classes())?;
    let loss = Lovasz { classes: Classes::All, weights, per_image: true, activation: activation(data) };
    Ok(Options::Lovasz(loss).into())
}

pub(super) fn hinge(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    relu(data, params.flag("per_image", false)?)
}

pub(super) fn hinge_per_image(data: &Data<'_>, params: &mut Params, _: &str) -> Result<Plan, Refusal> {
    relu(data, params.flag("per_image", true)?)
}

fn relu(data: &Data<'_>, per_image: bool) -> Result<Plan, Refusal> {
    if data.classes() != 1 {
        return Err("the hinge takes one logit a pixel".into());
    }
    Ok(Options::LovaszHinge(LovaszHinge { surrogate: Surrogate::Relu, per_image }).into())
}
