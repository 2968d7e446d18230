//! The gradient of Dice on one pixel, by its probability.

use super::{Drawing, one_pixel, plain, probabilities};
use crate::report::lines::{Axis, Lines, Series};
use anyhow::Result;
use scarce::Overlap;

const DICE: Overlap<1> = Overlap::dice();

pub(super) fn draw() -> Result<Vec<Drawing>> {
    let (mut of_probability, mut of_logit) = (Vec::new(), Vec::new());
    for (target, smoothing) in [(1, 0.0), (1, 1.0), (0, 0.0), (0, 1.0)] {
        let title = format!("target {target}, smoothing {smoothing}");
        let dice = DICE.with_smoothing(smoothing, smoothing);
        let (mut by_probability, mut by_logit) = (Vec::new(), Vec::new());
        for (probability, logit) in probabilities() {
            let (_, [slope]) = one_pixel(&dice.on_probabilities(), [probability], target)?;
            by_probability.push((probability, slope));
            let (_, [slope]) = one_pixel(&dice.on_sigmoid(), [logit], target)?;
            by_logit.push((probability, slope));
        }
        of_probability.push(Series { title: title.clone(), curve: by_probability, thin: Vec::new() });
        of_logit.push(Series { title, curve: by_logit, thin: Vec::new() });
    }
    let x = || Axis { title: "probability p of the class", range: 0.0..1.0, numbers: 6, number: &plain };
    let probability = Lines {
        name: "dice-gradient.png",
        caption:
            "Gradient of Dice with respect to the probability, on an image of one pixel. Without smoothing there is \
                  none where the class is not in the image: nothing teaches the network not to see it"
                .to_owned(),
        x: x(),
        y: Axis { title: "∂loss / ∂p", range: -2.1..1.1, numbers: 7, number: &plain },
        series: &of_probability,
        marked: 12,
    };
    let logit = Lines {
        name: "dice-gradient-logit.png",
        caption:
            "The same with respect to the logit, which is what the network gets: it vanishes at both ends, also where \
                  the pixel is quite wrong (p near 0 at target 1)"
                .to_owned(),
        x: x(),
        y: Axis {
            title: "∂loss / ∂logit",
            range: -0.32..0.17,
            numbers: 6,
            number: &|slope| format!("{:.2}", (10.0 * slope).round() / 10.0 + 0.0),
        },
        series: &of_logit,
        marked: 12,
    };
    [probability, logit].iter().map(Drawing::of_lines).collect()
}
