//! Learning curves.

use super::Figure;
use super::lines::{Axis, Curve, Lines, Series};
use crate::experiment::{Experiment, LossRuns};
use crate::train::Outcome;
use anyhow::Result;

/// The rare class's IoU on the test images, and the training loss, against the step.
pub(super) fn draw(experiment: &Experiment) -> Result<Vec<Figure>> {
    let rare = experiment.rare_class;
    let iou = Chart {
        name: "rare-iou.png",
        caption: format!("IoU of {} on the test images while training", experiment.classes[rare]),
        vertical: "IoU of the rare class",
        curve: &|outcome| outcome.curve.iter().map(|p| (p.step as f32, p.iou[rare].unwrap_or(0.0))).collect(),
    };
    let loss = Chart {
        name: "training-loss.png",
        caption:
            "Training loss while training, as a part of its mean over the first steps: compare shapes, not heights"
                .to_owned(),
        vertical: "training loss / first",
        curve: &relative_loss,
    };
    [iou, loss].into_iter().map(|chart| chart.draw(experiment)).collect()
}

/// The training loss relative to its first value: losses have different scales.
fn relative_loss(outcome: &Outcome) -> Curve {
    let first = outcome.curve.first().map_or(1.0, |point| point.training_loss);
    outcome.curve.iter().map(|point| (point.step as f32, point.training_loss / first)).collect()
}

struct Chart<'a> {
    name: &'a str,
    caption: String,
    vertical: &'a str,
    curve: &'a dyn Fn(&Outcome) -> Curve,
}

impl Chart<'_> {
    fn draw(self, experiment: &Experiment) -> Result<Figure> {
        let outcomes = experiment.losses.iter().flat_map(|loss| &loss.outcomes);
        let highest = outcomes.flat_map(self.curve).map(|(_, value)| value).fold(0.1, f32::max);
        let series: Vec<Series> = experiment.losses.iter().map(|loss| self.series(loss)).collect();
        let lines = Lines {
            name: self.name,
            caption: self.caption,
            x: Axis {
                title: "step",
                range: 0.0..experiment.steps as f32,
                numbers: 10,
                number: &|step| format!("{step:.0}"),
            },
            y: Axis {
                title: self.vertical,
                range: 0.0..1.05 * highest,
                numbers: 10,
                number: &|value| format!("{value:.2}"),
            },
            series: &series,
            marked: 1,
        };
        lines.draw()
    }

    /// The curve of each seed and, if there are several, their mean.
    fn series(&self, loss: &LossRuns) -> Series {
        let curves: Vec<Curve> = loss.outcomes.iter().map(self.curve).collect();
        let steps = curves.first().map_or(0, Vec::len);
        let mean_at = |point: usize| {
            let sum: f32 = curves.iter().map(|curve| curve[point].1).sum();
            (curves[0][point].0, sum / curves.len() as f32)
        };
        let curve = (0..steps).map(mean_at).collect();
        Series { title: loss.title.to_owned(), curve, thin: if curves.len() > 1 { curves } else { Vec::new() } }
    }
}
