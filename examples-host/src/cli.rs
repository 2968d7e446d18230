//! The command line.

use crate::bins::Bins;
use crate::compare::Compare;
use crate::curves::Curves;
use crate::experiment::Plan;
use crate::export::Export;
use crate::losses;
use crate::train::CURVE;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Trains a small segmentation network from scratch, once per loss, on images with a rare class, and reports how well
/// each loss finds it.
///
/// Without --data the images are built in: rendered trays of yellow soybeans with now and then a green mung bean, which
/// covers less than one pixel in a hundred.
///
/// The network is three 3×3 convolutions of 8 channels (dilations 1, 2, 4) and a 1×1 head. Each run starts from the
/// same weights and sees the same random crops as the other losses' runs of its seed. Equal arguments give equal
/// numbers, whatever the number of threads; only the times differ.
#[derive(Clone, Debug, Parser)]
#[command(name = "scarce-host", version, after_help = losses::help(), args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do instead of comparing losses.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Folder with {train,test}/{images,masks}/NAME.png: 8-bit grey or RGB images, masks of class numbers with 255 for
    /// pixels to ignore; and, if you like, meta.json, where "classes" lists names. 2 to 8 classes; training images of at
    /// least 64×64 pixels [default: the built-in trays of beans]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Losses to train with, separated by commas; all of them are listed below
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true,
          value_parser = PossibleValuesParser::new(losses::names()), default_value = losses::DEFAULT)]
    pub losses: Vec<String>,

    /// Optimiser steps of each run, each over 8 random crops of 64×64 pixels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 600)]
    pub steps: u32,

    /// First seed: of the initial weights, and of the choice of crops
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// How many seeds to train each loss with, counting up from --seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100), default_value_t = 1)]
    pub seeds: u64,

    /// Folder for the report; a report that is there already is replaced
    #[arg(long, value_name = "DIR", default_value = "report")]
    pub out: PathBuf,

    /// Runs to train at the same time; 0 for as many as there are cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// What to do instead of comparing losses.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Train the network that the firmware starts from
    ///
    /// Trains the firmware's network (grey images, two classes, one 3×3 convolution of 8 channels and a 1×1 head) and
    /// writes its weights. Equal arguments give equal bytes, on every machine.
    Export(Export),
    /// Compare training with errors counted in bins with the exact loss
    ///
    /// Trains with cross entropy plus Lovász-softmax, exact and with 256, 64 and 16 bins, and prints in Markdown how well
    /// each finds the rare class, and how far the losses and gradients with bins are from the exact ones of the same logits.
    /// Equal arguments give equal bytes, on every machine.
    Bins(Bins),
    /// Compare all losses over several seeds, and say which differences could be chance
    ///
    /// Trains with each loss and several seeds, and prints in Markdown how well each finds the rare class: mean and standard
    /// deviation of its IoU and of the mIoU on the test images, the best loss first, and whether the difference to plain
    /// cross entropy could be chance, by the exact paired sign-flip test over the seeds. Without --data, on the built-in
    /// beans. Equal arguments give equal bytes, on every machine.
    ///
    /// The test is two-sided; n seeds can give no p below 2^(1-n): five give 0.0625 at best, so that with five seeds no
    /// difference on one set of images is significant at 0.05; six are the fewest with which one can be. Of several sets, the
    /// pairs of all are also tested together.
    Compare(Compare),
    /// Draw what explains the losses
    ///
    /// Writes a page that needs no other file and no network, its pictures by themselves, and the numbers of the curves, all
    /// of them from calling the library, in curves.csv: focal loss and its gradient; the gradient of Dice with smoothing and
    /// without; the Lovász extension over the errors of two pixels; the pull of each loss on a class by how rare it is; which
    /// pixels of a real image OHEM keeps; predictions with plain cross entropy and with Lovász added; features before and
    /// after training with pixel contrast. The last three train a network, for a minute or so in all. Equal arguments give
    /// equal bytes.
    Curves(Curves),
}

impl Arguments {
    /// What to train.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut losses: Vec<&'static str> = losses::names();
        losses.retain(|name| self.losses.iter().any(|wanted| wanted == name));
        let seeds = (0..self.seeds).map(|offset| self.seed.wrapping_add(offset)).collect();
        Plan { losses, seeds, steps: self.steps, measurements: CURVE, threads: self.threads }
    }
}
