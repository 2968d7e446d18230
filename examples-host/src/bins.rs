//! Lovász-softmax of errors counted in bins, beside the exact one: what training comes to, and how the gradients differ.

use crate::data::IGNORED;
use crate::experiment::{self, Experiment, Plan};
use crate::folder;
use crate::losses::{Choice, Objective};
use crate::report::table::{rare_by_seed, spread};
use anyhow::Result;
use clap::Args;
use scarce::{Batch, CrossEntropy, Labels};
use std::fmt::Write;
use std::path::PathBuf;

/// The loss that sorts its errors.
pub const EXACT: &str = "ce+lovasz";
/// The same with bins, by name and number.
const BINNED: [(&str, u32); 3] = [("ce+lovasz256", 256), ("ce+lovasz64", 64), ("ce+lovasz16", 16)];

/// What `bins` is asked for.
#[derive(Clone, Debug, Args)]
pub struct Bins {
    /// Folders with {train,test}/{images,masks}/NAME.png
    #[arg(long, value_name = "DIR", num_args = 1..,
          default_values = ["examples-host/data/crack", "examples-host/data/alloy"])]
    pub data: Vec<PathBuf>,

    /// How many seeds to train each loss with, counting up from 0
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100), default_value_t = 3)]
    pub seeds: u64,

    /// Optimiser steps of each run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 600)]
    pub steps: u32,

    /// Runs to train at the same time; 0 for as many as there are cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// Trains with bins and without, and tells the difference.
///
/// # Errors
/// If the images cannot be used.
pub fn compare(arguments: &Bins) -> Result<String> {
    let losses = [EXACT].into_iter().chain(BINNED.map(|(name, _)| name)).collect();
    let Bins { steps, threads, .. } = *arguments;
    let plan = Plan { losses, seeds: (0..arguments.seeds).collect(), steps, measurements: 1, threads };
    let mut text = format!(
        "# Lovász-softmax with bins, beside the exact one\n\n\
         Made by `cargo run --release -- bins > tests/expected/bins.md`. Each run trains with cross entropy plus Lovász-softmax\n\
         for {steps} steps; its crops are those of the other losses' runs of its seed.\n"
    );
    for data in &arguments.data {
        describe(&mut text, &experiment::run(&folder::load(data)?, &plan)?)?;
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// A chapter on a set of images.
fn describe(text: &mut String, experiment: &Experiment) -> Result<()> {
    let rare = experiment.rare_class;
    let seeds = experiment.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    writeln!(
        text,
        "\n## {}\n\nIoU of {} on the test images, seeds {seeds}:\n",
        experiment.dataset, experiment.classes[rare]
    )?;
    writeln!(text, "| loss | by seed | mean |\n|---|---|---|")?;
    for loss in &experiment.losses {
        let mean = spread(loss.outcomes.iter().filter_map(|outcome| outcome.scores.iou[rare]), 3);
        writeln!(text, "| {} | {} | {mean} |", loss.title, rare_by_seed(experiment, loss).join(" · "))?;
    }
    writeln!(
        text,
        "\nHow far the Lovász part of the loss with bins, and of its gradient in the L1 norm, are from those of the exact loss\n\
         on the logits with which a run of that began its first step and its last, in % of the exact ones; of the seeds the\n\
         farthest:\n\n\
         | bins | first step: loss | gradient | last step: loss | gradient |\n|--:|--:|--:|--:|--:|"
    )?;
    for (name, bins) in BINNED {
        write!(text, "| {bins} |")?;
        for step in [1, experiment.steps] {
            let runs = experiment.losses.iter().flat_map(|loss| &loss.outcomes);
            let found = runs.flat_map(|run| &run.deviations).filter(|found| (found.loss, found.step) == (name, step));
            let (value, gradient) = found.fold((0.0, 0.0), |(value, gradient): (f64, f64), found| {
                (value.max(found.value), gradient.max(found.gradient))
            });
            write!(text, " {:.3} | {:.2} |", 100.0 * value, 100.0 * gradient)?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// How the Lovász part of a loss with bins differs from the exact one on the same logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// The loss with bins.
    pub loss: &'static str,
    /// Of the run that the logits are of, from 1.
    pub step: u32,
    /// |L − L*| / L*.
    pub value: f64,
    /// ‖∂L − ∂L*‖₁ / ‖∂L*‖₁.
    pub gradient: f64,
}

/// The losses with bins, to be compared with the exact one while that trains.
pub struct Comparison<const C: usize> {
    cross_entropy: CrossEntropy<C>,
    binned: Vec<(&'static str, Box<dyn Objective<C>>)>,
}

impl<const C: usize> Comparison<C> {
    /// With those of the losses that have bins, given the number of training pixels of each class.
    #[must_use]
    pub fn new(choices: &[Choice<C>], counts: [u32; C]) -> Self {
        let with_bins = choices.iter().filter(|choice| BINNED.iter().any(|(name, _)| *name == choice.name));
        let binned = with_bins.map(|choice| (choice.name, (choice.objective)(counts))).collect();
        Self { cross_entropy: CrossEntropy::new(), binned }
    }

    /// How they deviate from the exact one on the logits of a step.
    ///
    /// # Errors
    /// If logits are not finite.
    pub fn deviations(
        &self,
        step: u32,
        exact: &dyn Objective<C>,
        logits: &[[f32; C]],
        labels: &[u8],
    ) -> Result<Vec<Deviation>> {
        let batch = Batch::new(logits, Labels::new(labels).ignoring(IGNORED))?;
        let evaluate = |objective: &dyn Objective<C>| -> Result<(f64, Vec<[f32; C]>)> {
            let (mut grad, mut scratch) = (vec![[0.0; C]; logits.len()], vec![0; objective.scratch_len(logits.len())]);
            let value = objective.value_and_grad(&batch, &mut grad, &mut scratch)?;
            Ok((f64::from(value), grad))
        };
        // What they share, the cross entropy, is taken off, so that what is left is of Lovász alone.
        let (shared, of_shared) = evaluate(&self.cross_entropy)?;
        let (value, gradient) = evaluate(exact)?;
        let deviation = |(name, objective): &(&'static str, Box<dyn Objective<C>>)| {
            let (with_bins, of_bins) = evaluate(objective.as_ref())?;
            Ok(Deviation {
                loss: name,
                step,
                value: (with_bins - value).abs() / (value - shared),
                gradient: distance(&of_bins, &gradient) / distance(&gradient, &of_shared),
            })
        };
        self.binned.iter().map(deviation).collect()
    }
}

/// In the L1 norm.
fn distance<const C: usize>(a: &[[f32; C]], b: &[[f32; C]]) -> f64 {
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum()
}
