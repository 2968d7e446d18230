//! Pictures of one size side by side, each under its title.

use super::lines::{TEXT, register_the_font};
use anyhow::{Result, anyhow};
use image::RgbImage;
use image::imageops::replace;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const GAP: u32 = 8;
const LINE: u32 = 36;

/// A column of pictures; its title may have several lines.
pub(crate) struct Column {
    pub(crate) title: Vec<String>,
    pub(crate) pictures: Vec<RgbImage>,
}

/// Draws columns of equally many pictures.
pub(crate) fn draw(columns: &[Column]) -> Result<RgbImage> {
    register_the_font()?;
    let of_all = |size: fn(&RgbImage) -> u32| columns.iter().flat_map(|column| &column.pictures).map(size).max();
    let (wide, high) = (of_all(RgbImage::width).unwrap_or(1), of_all(RgbImage::height).unwrap_or(1));
    let rows = columns.iter().map(|column| column.pictures.len()).max().unwrap_or(0) as u32;
    let head = LINE * columns.iter().map(|column| column.title.len()).max().unwrap_or(0) as u32 + GAP;
    let [width, height] =
        [(wide, columns.len() as u32), (high, rows)].map(|(size, number)| (size + GAP) * number - GAP);
    let size = (width, head + height);
    let mut picture = RgbImage::from_pixel(size.0, size.1, image::Rgb([255; 3]));
    let lefts = || (0..).map(|column| column * (wide + GAP));
    for (column, left) in columns.iter().zip(lefts()) {
        for (row, panel) in (0..).zip(&column.pictures) {
            replace(&mut picture, panel, i64::from(left), i64::from(head + row * (high + GAP)));
        }
    }
    let area = BitMapBackend::with_buffer(&mut picture, size).into_drawing_area();
    let style = TEXT.into_text_style(&area).pos(Pos::new(HPos::Center, VPos::Center));
    for (column, left) in columns.iter().zip(lefts()) {
        for (line, text) in (0..).zip(&column.title) {
            let middle = ((left + wide / 2) as i32, (line * LINE + LINE / 2) as i32);
            area.draw(&Text::new(text.as_str(), middle, style.clone())).map_err(|error| anyhow!("{error}"))?;
        }
    }
    area.present().map_err(|error| anyhow!("{error}"))?;
    drop((area, style));
    Ok(picture)
}
