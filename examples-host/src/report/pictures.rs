//! Input, truth and prediction side by side.

use super::Figure;
use super::palette::{Rgb, of_label};
use crate::data::{Dataset, Image};
use crate::experiment::Experiment;
use anyhow::Result;
use image::RgbImage;
use image::imageops::{FilterType, replace, resize};

/// Test images in a picture: those with most of the rare class.
const ROWS: usize = 3;
/// A row is magnified until an image is at least this wide.
const WIDTH: u32 = 256;
const GAP: u32 = 8;

/// A picture for each loss, of what its run with the first seed predicts.
pub(super) fn draw(dataset: &Dataset, experiment: &Experiment) -> Result<Vec<Figure>> {
    let rare = experiment.rare_class;
    let shown = richest(dataset, rare, ROWS);
    let mut figures = Vec::new();
    for loss in &experiment.losses {
        let Some(outcome) = loss.outcomes.first() else { continue };
        let rows = shown.iter().map(|&index| {
            let image = &dataset.test[index];
            let predicted = of_labels(&outcome.predictions[index], rare);
            let panels = [pixels(image), of_labels(&image.labels, rare), predicted];
            side_by_side(&panels.map(|panel| magnified(image, &panel)))
        });
        let iou = outcome.scores.iou[rare].map_or(String::new(), |iou| format!(", IoU of the rare class {iou:.3}"));
        let caption = format!("{}{iou}: input, truth, prediction", loss.title);
        figures.push(Figure::new(&format!("{}.png", loss.name), caption, &stack(&rows.collect::<Vec<_>>()))?);
    }
    Ok(figures)
}

/// The test images with most pixels of a class, by their places.
pub(crate) fn richest(dataset: &Dataset, class: usize, number: usize) -> Vec<usize> {
    let mut images: Vec<usize> = (0..dataset.test.len()).collect();
    images.sort_by_key(|&index| std::cmp::Reverse(dataset.test[index].count(class)));
    images.truncate(number);
    images
}

/// The colours of an image.
pub(crate) fn pixels(image: &Image) -> Vec<Rgb> {
    let color = |bytes: &[u8]| match *bytes {
        [red, green, blue] => [red, green, blue],
        _ => [bytes[0]; 3],
    };
    image.bytes.chunks_exact(image.channels()).map(color).collect()
}

/// The colours of labels.
pub(crate) fn of_labels(labels: &[u8], rare_class: usize) -> Vec<Rgb> {
    labels.iter().map(|&label| of_label(label, rare_class)).collect()
}

/// A panel of an image's size, magnified.
pub(crate) fn magnified(image: &Image, panel: &[Rgb]) -> RgbImage {
    let [width, height] = [image.shape.width, image.shape.height].map(|length| length as u32);
    let factor = WIDTH.div_ceil(width);
    let panel = RgbImage::from_fn(width, height, |x, y| image::Rgb(panel[(y * width + x) as usize]));
    resize(&panel, width * factor, height * factor, FilterType::Nearest)
}

/// Panels of one size with gaps between them.
fn side_by_side(panels: &[RgbImage]) -> RgbImage {
    let (wide, high) = panels.first().map_or((1, 1), RgbImage::dimensions);
    let columns = panels.len() as u32;
    let mut row = RgbImage::from_pixel(wide * columns + GAP * columns.saturating_sub(1), high, WHITE);
    for (column, panel) in (0..).zip(panels) {
        replace(&mut row, panel, column * i64::from(wide + GAP), 0);
    }
    row
}

fn stack(rows: &[RgbImage]) -> RgbImage {
    let width = rows.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = rows.iter().map(|row| row.height() + GAP).sum::<u32>().saturating_sub(GAP).max(1);
    let mut picture = RgbImage::from_pixel(width, height, WHITE);
    let mut top = 0;
    for row in rows {
        replace(&mut picture, row, 0, i64::from(top));
        top += row.height() + GAP;
    }
    picture
}

const WHITE: image::Rgb<u8> = image::Rgb([255; 3]);
