//! The features of test pixels, before and after training, in the plane in which they vary most.

use super::Figure;
use super::lines::{TEXT, register_the_font};
use super::palette::of_label;
use super::projection::project;
use crate::experiment::{Experiment, LossRuns};
use crate::separation::{Embedding, Vector, separation};
use crate::train::Outcome;
use anyhow::{Context, Result, anyhow};
use image::RgbImage;
use plotters::prelude::*;

const SIDE: u32 = 560;
const TITLE: u32 = 50;
/// The losses whose features are shown, if the second was trained: the first is what it is compared with.
const SHOWN: [&str; 2] = ["ce", "ce+contrast"];
/// Light enough for black points and dark enough for yellow ones.
const GROUND: RGBColor = RGBColor(205, 205, 205);

/// A picture for each loss that is shown, of its run with the first seed.
pub(crate) fn draw(experiment: &Experiment) -> Result<Vec<Figure>> {
    register_the_font()?;
    let [_, contrast] = SHOWN;
    if !experiment.losses.iter().any(|loss| loss.name == contrast) {
        return Ok(Vec::new());
    }
    let shown = experiment.losses.iter().filter(|loss| SHOWN.contains(&loss.name));
    shown.filter_map(|loss| Some(figure(experiment, loss, loss.outcomes.first()?))).collect()
}

fn figure(experiment: &Experiment, loss: &LossRuns, outcome: &Outcome) -> Result<Figure> {
    let panels = [&outcome.untrained, &outcome.trained].map(|embeddings| Panel::new(embeddings));
    let farthest = panels.iter().flat_map(|panel| &panel.points).flat_map(|(_, point)| point);
    let reach = 1.05 * farthest.fold(0.1_f64, |reach, coordinate| reach.max(coordinate.abs()));
    let (width, height) = (2 * SIDE, SIDE + TITLE);
    let mut bytes = vec![0; (3 * width * height) as usize];
    let area = BitMapBackend::with_buffer(&mut bytes, (width, height)).into_drawing_area();
    for ((panel, area), title) in
        panels.iter().zip(area.split_evenly((1, 2))).zip(["before training", "after training"])
    {
        let drawn = panel.plot(&area, title, reach, experiment.rare_class);
        drawn.map_err(|error| anyhow!("features of {}: {error}", loss.name))?;
    }
    drop(area);
    let image = RgbImage::from_raw(width, height, bytes).context("the picture has not the size it should have")?;
    let [before, after] = panels.each_ref().map(Panel::separation);
    let [left_out_before, left_out_after] = panels.each_ref().map(|panel| panel.left_out);
    let caption = format!(
        "{}: separation {before} before training, {after} after; pixels without any feature: {left_out_before} and \
         {left_out_after} of {}",
        loss.title,
        outcome.trained.len()
    );
    Figure::new(&format!("{}-features.png", loss.name), caption, &image)
}

struct Panel {
    points: Vec<(u8, [f64; 2])>,
    left_out: usize,
    separation: Option<f64>,
}

impl Panel {
    fn new(embeddings: &[Embedding]) -> Self {
        let with_features = embeddings.iter().filter_map(|e| e.direction.map(|direction| (e.class, direction)));
        let (classes, directions): (Vec<u8>, Vec<Vector>) = with_features.unzip();
        let points: Vec<_> = classes.into_iter().zip(project(&directions)).collect();
        Self { left_out: embeddings.len() - points.len(), points, separation: separation(embeddings) }
    }

    fn separation(&self) -> String {
        self.separation.map_or("–".to_owned(), |separation| format!("{separation:.2}"))
    }

    /// The points, those of the rare class on top.
    fn plot<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
        title: &str,
        reach: f64,
        rare_class: usize,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let mut chart =
            ChartBuilder::on(area).margin(5).caption(title, TEXT).build_cartesian_2d(-reach..reach, -reach..reach)?;
        chart.plotting_area().fill(&GROUND)?;
        for on_top in [false, true] {
            let layer = self.points.iter().filter(|&&(class, _)| (usize::from(class) == rare_class) == on_top);
            chart.draw_series(layer.map(|&(class, [x, y])| {
                let [red, green, blue] = of_label(class, rare_class);
                Circle::new((x, y), 4, RGBColor(red, green, blue).filled())
            }))?;
        }
        area.present()
    }
}
