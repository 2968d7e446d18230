//! What training comes to on real images: predictions, and features before and after.

use super::Drawing;
use crate::data::Dataset;
use crate::experiment::{self, Experiment, Plan};
use crate::report::panels::{Column, draw as draw_panels};
use crate::report::pictures::{magnified, of_labels, pixels, richest};
use crate::report::{Figure, scatter};
use anyhow::{Context, Result};

/// What is compared: the plain loss, one that answers imbalance, and one that acts on the features.
const PLAIN: &str = "ce";
const ANSWER: &str = "ce+lovasz";
const CONTRAST: &str = "ce+contrast";
/// Test images in the picture of predictions: those with most of the rare class.
const ROWS: usize = 2;

pub(super) fn draw(dataset: &Dataset, seed: u64, steps: u32) -> Result<[Vec<Drawing>; 2]> {
    let losses = vec![PLAIN, ANSWER, CONTRAST];
    let plan = Plan { losses, seeds: vec![seed], steps, measurements: 1, threads: 0 };
    let experiment = experiment::run(dataset, &plan)?;
    let without_rows = |figure| Drawing { figure, rows: Vec::new() };
    let features = scatter::draw(&experiment)?.into_iter().map(without_rows).collect();
    Ok([vec![without_rows(predictions(dataset, &experiment)?)], features])
}

/// Input, truth, and what the network that was trained with each of two losses predicts.
fn predictions(dataset: &Dataset, experiment: &Experiment) -> Result<Figure> {
    let rare = experiment.rare_class;
    let shown = richest(dataset, rare, ROWS);
    let column = |title: Vec<String>, panel: &dyn Fn(usize) -> Vec<[u8; 3]>| {
        let pictures = shown.iter().map(|&index| magnified(&dataset.test[index], &panel(index))).collect();
        Column { title, pictures }
    };
    let mut columns = vec![
        column(vec!["input".to_owned()], &|index| pixels(&dataset.test[index])),
        column(vec!["truth".to_owned()], &|index| of_labels(&dataset.test[index].labels, rare)),
    ];
    for name in [PLAIN, ANSWER] {
        let loss = experiment.losses.iter().find(|loss| loss.name == name).context(name)?;
        let outcome = loss.outcomes.first().context(name)?;
        let iou = outcome.scores.iou[rare].map_or("–".to_owned(), |iou| format!("{iou:.2}"));
        let title = if name == PLAIN { "cross entropy" } else { loss.title };
        columns.push(column(vec![title.to_owned(), format!("IoU {iou}")], &|index| {
            of_labels(&outcome.predictions[index], rare)
        }));
    }
    let caption = format!(
        "The two test images with most pixels of {}, and what is predicted after {} steps with either loss; IoU of {} on all \
         test images, seed {}",
        experiment.classes[rare], experiment.steps, experiment.classes[rare], experiment.seeds[0],
    );
    Figure::new("predictions.png", caption, &draw_panels(&columns)?)
}
