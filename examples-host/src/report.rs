//! What the program leaves behind: a table on the terminal, and a folder with a page, its pictures, and the numbers.

mod charts;
pub mod folder;
pub(crate) mod lines;
pub(crate) mod page;
pub(crate) mod palette;
pub(crate) mod panels;
pub(crate) mod pictures;
mod projection;
mod results;
pub(crate) mod scatter;
pub mod table;

use crate::data::Dataset;
use crate::experiment::Experiment;
use anyhow::Result;
use image::{ImageFormat, RgbImage};
use std::io::Cursor;
use std::path::Path;

/// The page in the folder.
pub const PAGE: &str = "report.html";

/// A file of the report.
pub struct File {
    /// Its name in the folder.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Writes the whole folder, or nothing.
///
/// # Errors
/// If it cannot be written.
pub fn write(out: &Path, dataset: &Dataset, experiment: &Experiment) -> Result<()> {
    let charts = charts::draw(experiment)?;
    let pictures = pictures::draw(dataset, experiment)?;
    let features = scatter::draw(experiment)?;
    let page = page::render(dataset, experiment, &charts, &pictures, &features);
    let mut files = vec![
        File { name: PAGE.to_owned(), bytes: page.into_bytes() },
        File { name: "results.csv".to_owned(), bytes: results::csv(experiment)? },
        File { name: "results.json".to_owned(), bytes: results::json(dataset, experiment)? },
    ];
    files.extend(charts.into_iter().chain(pictures).chain(features).map(|figure| figure.file));
    folder::write(out, PAGE, &files)
}

/// A picture of a page.
pub(crate) struct Figure {
    pub(crate) file: File,
    /// What is to be seen.
    caption: String,
    width: u32,
    height: u32,
}

impl Figure {
    pub(crate) fn new(name: &str, caption: String, image: &RgbImage) -> Result<Self> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png)?;
        let file = File { name: name.to_owned(), bytes: bytes.into_inner() };
        Ok(Self { file, caption, width: image.width(), height: image.height() })
    }
}
