//! Focal loss and its gradient, by the probability of the pixel's class.

use super::{Drawing, one_pixel, plain, probabilities};
use crate::report::lines::{Axis, Lines, Series};
use anyhow::Result;
use scarce::Focal;

const GAMMAS: [f32; 5] = [0.0, 0.5, 1.0, 2.0, 5.0];

pub(super) fn draw() -> Result<Vec<Drawing>> {
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    for gamma in GAMMAS {
        let title = if gamma == 0.0 { "γ = 0: cross entropy".to_owned() } else { format!("γ = {gamma}") };
        let (mut of_value, mut of_slope) = (Vec::new(), Vec::new());
        for (probability, logit) in probabilities() {
            let (value, [_, slope]) = one_pixel(&Focal::new(gamma), [0.0, logit], 1)?;
            of_value.push((probability, value));
            of_slope.push((probability, slope.abs()));
        }
        values.push(Series { title: title.clone(), curve: of_value, thin: Vec::new() });
        slopes.push(Series { title, curve: of_slope, thin: Vec::new() });
    }
    let x = || Axis { title: "probability of the true class", range: 0.0..1.0, numbers: 6, number: &plain };
    let loss = Lines {
        name: "focal.png",
        caption: "Focal loss of one pixel: the larger γ, the less counts a pixel that is nearly right".to_owned(),
        x: x(),
        y: Axis { title: "loss", range: 0.0..4.7, numbers: 6, number: &plain },
        series: &values,
        marked: 12,
    };
    let gradient = Lines {
        name: "focal-gradient.png",
        caption:
            "Size of its gradient with respect to the true class's logit: the sooner it falls to 0 at the right, the \
                  less the many easy pixels count"
                .to_owned(),
        x: x(),
        y: Axis { title: "|∂loss / ∂logit|", range: 0.0..1.5, numbers: 6, number: &plain },
        series: &slopes,
        marked: 12,
    };
    [loss, gradient].iter().map(Drawing::of_lines).collect()
}
