//! The Lovász extension of the Jaccard loss over the errors of two pixels.

use super::{Drawing, Row};
use crate::report::Figure;
use crate::report::lines::{TEXT, register_the_font};
use anyhow::{Context, Result, anyhow};
use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use scarce::{Batch, Classes, Labels, Loss, Lovasz, scratch_len};

const NAME: &str = "lovasz.png";
/// Points along each axis of a panel.
const POINTS: u32 = 300;
const PANEL: (u32, u32) = (440, 470);
/// A line of equal loss is drawn at each multiple of this.
const LEVEL: f32 = 0.1;

/// The labels of the two pixels, and what they mean.
const CASES: [([u8; 2], &str); 3] =
    [([1, 1], "both of the class"), ([1, 0], "pixel 1 of the class"), ([0, 0], "none of the class")];

/// The loss where the two pixels have these errors: |t − p|.
fn loss(labels: [u8; 2], errors: [f32; 2]) -> Result<f32> {
    const LOVASZ: Lovasz<1> = Lovasz::new().with_classes(Classes::All);
    let probability = |pixel: usize| [if labels[pixel] == 1 { 1.0 - errors[pixel] } else { errors[pixel] }];
    let scores = [probability(0), probability(1)];
    let mut scratch = [0; scratch_len::<1, Lovasz<1, scarce::Probabilities>>(2)];
    Ok(LOVASZ.on_probabilities().value(&Batch::new(&scores, Labels::new(&labels))?, &mut scratch)?)
}

pub(super) fn draw() -> Result<Vec<Drawing>> {
    register_the_font()?;
    let (width, height) = (2 * PANEL.0, 2 * PANEL.1);
    let mut bytes = vec![0; (3 * width * height) as usize];
    let area = BitMapBackend::with_buffer(&mut bytes, (width, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let panels = area.split_evenly((2, 2));
    let mut rows = Vec::new();
    for ((labels, title), panel) in CASES.into_iter().zip(&panels) {
        let at = |column: u32, row: u32, points: u32| -> Result<f32> {
            loss(labels, [column, row].map(|place| place as f32 / (points - 1) as f32))
        };
        let mut field = Vec::with_capacity((POINTS * POINTS) as usize);
        for row in 0..POINTS {
            for column in 0..POINTS {
                field.push(at(column, row, POINTS)?);
            }
        }
        plot(panel, title, &field).map_err(|error| anyhow!("{NAME}: {error}"))?;
        const GRID: u32 = 11;
        for (row, column) in (0..GRID).flat_map(|row| (0..GRID).map(move |column| (row, column))) {
            let [x, y] = [column, row].map(|place| place as f32 / (GRID - 1) as f32);
            rows.push(Row {
                picture: NAME.to_owned(),
                series: title.to_owned(),
                x,
                y: Some(y),
                value: at(column, row, GRID)?,
            });
        }
    }
    if let Some(last) = panels.last() {
        key(last).map_err(|error| anyhow!("{NAME}: {error}"))?;
    }
    area.present()?;
    drop((area, panels));
    let image = RgbImage::from_raw(width, height, bytes).context("the picture has not the size it should have")?;
    let caption = "The Lovász extension of the Jaccard loss of a class, over the errors of two pixels. At the corners \
                   it is 1 − IoU of the prediction rounded there; between them a plane wherever the order of the errors is \
                   the same, so that the gradient is the step that the larger error makes first"
        .to_owned();
    Ok(vec![Drawing { figure: Figure::new(NAME, caption, &image)?, rows }])
}

fn plot<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    field: &[f32],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(25)
        .caption(title, TEXT)
        .x_label_area_size(65)
        .y_label_area_size(85)
        .build_cartesian_2d(0.0..1.0_f32, 0.0..1.0_f32)?;
    let level = |column: u32, row: u32| (field[(row * POINTS + column) as usize] / LEVEL + 1e-4).floor();
    let end = |place: u32| (place + 1) as f32 / POINTS as f32;
    let start = |place: u32| place as f32 / POINTS as f32;
    let places = (0..POINTS).flat_map(|row| (0..POINTS).map(move |column| (row, column)));
    chart.draw_series(places.map(|(row, column)| {
        let own = level(column, row);
        let beside = level(column.saturating_sub(1), row) != own || level(column, row.saturating_sub(1)) != own;
        let value = field[(row * POINTS + column) as usize];
        let color = if beside { BLACK } else { shade(value) };
        Rectangle::new([(start(column), start(row)), (end(column), end(row))], color.filled())
    }))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc("error of pixel 1")
        .y_desc("error of pixel 2")
        .label_style(TEXT)
        .x_labels(3)
        .y_labels(3)
        .x_label_formatter(&|error| format!("{error:.1}"))
        .y_label_formatter(&|error| format!("{error:.1}"))
        .draw()
}

/// The colours of the losses from 0 to 1.
fn key<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    const LEFT: i32 = 85;
    const TOP: i32 = 45;
    const HEIGHT: i32 = 330;
    let position = Pos::new(HPos::Left, VPos::Center);
    for step in 0..HEIGHT {
        let value = 1.0 - step as f32 / (HEIGHT - 1) as f32;
        area.draw(&Rectangle::new([(LEFT, TOP + step), (LEFT + 30, TOP + step + 1)], shade(value).filled()))?;
    }
    for (value, text) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        let middle = TOP + ((1.0 - value) * HEIGHT as f32) as i32;
        area.draw(&Text::new(text, (LEFT + 42, middle), TEXT.into_text_style(area).pos(position)))?;
    }
    area.draw(&Text::new("loss", (LEFT, TOP + HEIGHT + 35), TEXT.into_text_style(area).pos(position)))
}

/// From white to a dark blue, ever darker: told apart by any colour vision, and in print.
fn shade(value: f32) -> RGBColor {
    const STOPS: [[f32; 3]; 3] = [[255.0, 255.0, 255.0], [86.0, 180.0, 233.0], [0.0, 40.0, 90.0]];
    let place = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let below = (place as usize).min(STOPS.len() - 2);
    let part = place - below as f32;
    let [red, green, blue] = std::array::from_fn(|channel| {
        (STOPS[below][channel] * (1.0 - part) + STOPS[below + 1][channel] * part).round() as u8
    });
    RGBColor(red, green, blue)
}
