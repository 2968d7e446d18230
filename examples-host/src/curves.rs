//! Pictures that explain the losses. All numbers in them come from calling the library.

mod dice;
mod focal;
mod imbalance;
mod lovasz;
mod ohem;
mod training;

use crate::folder;
use crate::report::lines::{Lines, Series};
use crate::report::page::{figure, page};
use crate::report::{self, Figure, File};
use anyhow::{Result, anyhow};
use clap::Args;
use maud::html;
use scarce::{Batch, Labels, Loss};
use std::path::PathBuf;

/// The page in the folder.
pub const PAGE: &str = "curves.html";

/// What `curves` is asked for.
#[derive(Clone, Debug, Args)]
pub struct Curves {
    /// Folder with the images to train on and to show, as without a command
    #[arg(long, value_name = "DIR", default_value = "examples-host/data/crack")]
    pub data: PathBuf,

    /// Optimiser steps of each training
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 600)]
    pub steps: u32,

    /// Seed of the initial weights, and of the choice of crops
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Folder for the page and its pictures; such a folder that is there already is replaced
    #[arg(long, value_name = "DIR", default_value = "curves")]
    pub out: PathBuf,
}

/// A picture, and the numbers that it shows.
struct Drawing {
    figure: Figure,
    rows: Vec<Row>,
}

/// A point of a picture.
struct Row {
    picture: String,
    series: String,
    x: f32,
    /// Of a surface.
    y: Option<f32>,
    value: f32,
}

/// A chapter of the page.
struct Chapter {
    title: &'static str,
    text: &'static str,
    drawings: Vec<Drawing>,
}

/// Draws all; returns where the page is.
///
/// # Errors
/// If the images cannot be used or the folder cannot be written; that is tried before anything is trained.
pub fn draw(arguments: &Curves) -> Result<String> {
    report::folder::check(&arguments.out, PAGE)?;
    let dataset = folder::load(&arguments.data)?;
    let Curves { seed, steps, .. } = *arguments;
    let [predictions, features] = training::draw(&dataset, seed, steps)?;
    let chapters = [
        Chapter {
            title: "What a better loss makes of the same network",
            text: "Both runs start from the same weights and see the same crops.",
            drawings: predictions,
        },
        Chapter {
            title: "Focal loss",
            text: "Where one class fills the image, pixels that are nearly right are so many that together they outweigh the few \
                   that are wrong. Focal loss multiplies cross entropy by (1 − p)^γ.",
            drawings: focal::draw()?,
        },
        Chapter {
            title: "Dice",
            text: "Dice compares sums over the image, 1 − (2 Σ p t + s) / (Σ p + Σ t + s), so that what a pixel's gradient is \
                   depends on the others. On an image of one pixel it can be drawn.",
            drawings: dice::draw()?,
        },
        Chapter {
            title: "Lovász",
            text: "The Jaccard loss, 1 − IoU, is defined for predictions that are right or wrong. Its Lovász extension is the \
                   tightest convex function between those: piecewise linear in the errors.",
            drawings: lovasz::draw()?,
        },
        Chapter {
            title: "How strongly the rare class pulls",
            text: "A batch of 8 crops of 64×64 pixels, random logits with the standard deviation 1, two classes of which one takes \
                   from a half of the pixels down to a thousandth, in as few crops as hold it. The losses that act \
                   on features have random features, and their gradient is with respect to those. Contrast takes a class \
                   in a crop only if more than 32 pixels are of it, and as many pixels of each class as of the others. Lines that coincide lie on each other: on a network \
                   that knows nothing those of cross entropy, focal and OHEM do.",
            drawings: imbalance::draw()?,
        },
        Chapter {
            title: "What OHEM keeps",
            text: "Online hard example mining takes the loss only of pixels whose class has a probability below 0.7, and at \
                   least of a sixteenth of all.",
            drawings: ohem::draw(&dataset, seed, steps)?,
        },
        Chapter {
            title: "Features and pixel contrast",
            text: "The features that the head takes, of up to 300 test pixels of each class, divided by their length and \
                   projected on the plane in which they vary most; the rare class is yellow. Separation: the mean cosine of \
                   two pixels of one class minus that of two of different classes.",
            drawings: features,
        },
    ];
    let page = page(
        "What the losses do",
        &html! {
            p { "All numbers come from calling the library; those of the curves are in curves.csv." }
            @for chapter in &chapters {
                h2 { (chapter.title) }
                p { (chapter.text) }
                div.figures { @for drawing in &chapter.drawings { (figure(&drawing.figure)) } }
            }
        },
    );
    let drawings: Vec<Drawing> = chapters.into_iter().flat_map(|chapter| chapter.drawings).collect();
    let mut files = vec![
        File { name: PAGE.to_owned(), bytes: page.into_bytes() },
        File { name: "curves.csv".to_owned(), bytes: table(&drawings)? },
    ];
    files.extend(drawings.into_iter().map(|drawing| drawing.figure.file));
    report::folder::write(&arguments.out, PAGE, &files)?;
    Ok(arguments.out.join(PAGE).display().to_string())
}

/// A line for each point.
fn table(drawings: &[Drawing]) -> Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["picture", "series", "x", "y", "value"])?;
    for row in drawings.iter().flat_map(|drawing| &drawing.rows) {
        let y = row.y.map_or(String::new(), |y| y.to_string());
        table.write_record([&row.picture, &row.series, &row.x.to_string(), &y, &row.value.to_string()])?;
    }
    table.into_inner().map_err(|error| anyhow!("{error}"))
}

impl Drawing {
    /// With the points of the thick lines.
    fn of_lines(lines: &Lines<'_>) -> Result<Self> {
        let point = |series: &Series, &(x, value): &(f32, f32)| Row {
            picture: lines.name.to_owned(),
            series: series.title.clone(),
            x,
            y: None,
            value,
        };
        let rows = lines.series.iter().flat_map(|series| series.curve.iter().map(move |at| point(series, at)));
        Ok(Self { figure: lines.draw()?, rows: rows.collect() })
    }
}

/// The loss of a single pixel, and its gradient.
fn one_pixel<const C: usize>(loss: &impl Loss<C>, scores: [f32; C], label: u8) -> Result<(f32, [f32; C])> {
    let (mut grad, mut scratch) = ([[0.0; C]], vec![0; loss.scratch_len(1)]);
    let value = loss.value_and_grad(&Batch::new(&[scores], Labels::new(&[label]))?, &mut grad, &mut scratch)?;
    let [grad] = grad;
    Ok((value, grad))
}

/// Probabilities in steps of a hundredth, and the logits that have them beside a logit of 0.
fn probabilities() -> impl Iterator<Item = (f32, f32)> {
    (1..100_u8).map(|hundredths| {
        let probability = f64::from(hundredths) / 100.0;
        (probability as f32, (probability / (1.0 - probability)).ln() as f32)
    })
}

/// A number with one decimal.
fn plain(number: f32) -> String {
    format!("{number:.1}")
}
