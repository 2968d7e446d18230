//! Trains a small segmentation network from scratch, once per loss, and reports what class imbalance does to it and how
//! each loss answers.
//!
//! *Arguments* ([`cli`]) → *images* ([`beans`] or [`folder`], both a [`data::Dataset`]) → *training* with each loss of
//! [`losses`] and each seed ([`experiment`], [`train`]), some with a loss of the features beside it ([`auxiliary`]) →
//! *report* ([`report`]), with how far apart the classes lie in the features ([`separation`]).
//!
//! *Bins* ([`bins`]): training with errors that are counted in bins beside training with the exact loss.
//!
//! *Comparison* ([`compare`]): all losses over several seeds and sets of images, and whether a difference could be chance
//! ([`significance`]).
//!
//! *Curves* ([`curves`]): pictures that explain the losses.
//!
//! For the firmware: the weights that it starts from ([`export`]), and images sent to it over a serial line ([`frames`]).

pub mod auxiliary;
pub mod beans;
pub mod bins;
pub mod cli;
pub mod compare;
pub mod curves;
pub mod data;
pub mod experiment;
pub mod export;
pub mod folder;
pub mod frames;
pub mod losses;
mod progress;
mod random;
pub mod report;
pub mod separation;
mod shapes;
pub mod significance;
pub mod train;

use anyhow::Result;
use std::io::{self, Write};

/// Runs the program.
///
/// # Errors
/// If the images cannot be used or the report cannot be written. No report is written then.
pub fn run(arguments: &cli::Arguments) -> Result<()> {
    if let Some(command) = &arguments.command {
        let printed = match command {
            cli::Command::Export(export) => export::export(export)?,
            cli::Command::Bins(bins) => bins::compare(bins)?,
            cli::Command::Compare(compare) => compare::compare(compare)?,
            cli::Command::Curves(curves) => curves::draw(curves)?,
        };
        writeln!(io::stdout(), "{printed}")?;
        return Ok(());
    }
    report::folder::check(&arguments.out, report::PAGE)?;
    let dataset = match &arguments.data {
        Some(folder) => folder::load(folder)?,
        None => beans::dataset(),
    };
    let experiment = experiment::run(&dataset, &arguments.plan())?;
    report::write(&arguments.out, &dataset, &experiment)?;
    let page = arguments.out.join(report::PAGE);
    writeln!(io::stdout(), "{}\n{}", report::table::terminal(&experiment), page.display())?;
    Ok(())
}
