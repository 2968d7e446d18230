//! The network that the firmware starts from.

use crate::folder;
use crate::losses::table;
use crate::train::{HIDDEN, Recipe, Sample, pretrain, score};
use anyhow::{Context, Result, ensure};
use clap::Args;
use scarce_mcu::{Network, encoded_len};
use std::fs;
use std::path::PathBuf;

/// The firmware's network: grey images, two classes, a single 3×3 convolution and a head, 98 parameters.
pub type FirmwareNetwork = Network<1, HIDDEN, 2, 0>;

/// What `export` is asked for.
#[derive(Clone, Debug, Args)]
pub struct Export {
    /// Folder with {train,test}/{images,masks}/NAME.png; if it has a split shift_test, the network is measured there too
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// File to write the weights to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Optimiser steps
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 600)]
    pub steps: u32,

    /// Seed of the initial weights and of the choice of crops
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// Trains with cross entropy plus Lovász-softmax, writes the weights, and tells the IoU of the rare class.
///
/// # Errors
/// If the images cannot be used, have other channels or classes than the network, or the file cannot be written.
pub fn export(arguments: &Export) -> Result<String> {
    let dataset = folder::load(&arguments.data)?;
    let (channels, classes) = (dataset.channels, dataset.classes.len());
    ensure!(channels == 1 && classes == 2, "{channels} channels and {classes} classes; the firmware has 1 and 2");
    let samples = |images: &[_]| images.iter().map(Sample::<1>::new).collect::<Result<Vec<_>>>();
    let choice = table::<2>().into_iter().find(|choice| choice.name == "ce+lovasz").context("ce+lovasz")?;
    let objective = (choice.objective)([0; 2]);
    let Export { seed, steps, .. } = *arguments;
    let recipe =
        Recipe { objective: objective.as_ref(), auxiliary: None, comparison: None, seed, steps, measurements: 1 };
    let network: FirmwareNetwork = pretrain(&samples(&dataset.train)?, recipe)?;

    let mut bytes = vec![0; encoded_len::<FirmwareNetwork>()];
    network.encode(0, &mut bytes)?;
    fs::write(&arguments.out, &bytes).with_context(|| arguments.out.display().to_string())?;

    let rare = dataset.rare_class();
    let iou = |images: &[_]| -> Result<String> {
        let iou = score(&network, &samples(images)?)?.iou[rare];
        Ok(iou.map_or_else(|| "not there".into(), |iou| format!("{iou:.3}")))
    };
    let mut report = format!("IoU of {} on test {}", dataset.classes[rare], iou(&dataset.test)?);
    let shifted = arguments.data.join("shift_test");
    if shifted.is_dir() {
        report += &format!(", on shift_test {}", iou(&folder::load_split(&shifted, classes)?)?);
    }
    Ok(format!("{report}\n{} bytes to {}", bytes.len(), arguments.out.display()))
}
