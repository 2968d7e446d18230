//! All losses beside each other, over several seeds and sets of images, in Markdown.

use crate::beans;
use crate::data::Dataset;
use crate::experiment::{self, Experiment, LossRuns, Plan};
use crate::folder;
use crate::losses;
use crate::report::table::spread;
use crate::significance::{holm, sign_flip};
use crate::train::Scores;
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// What is trained unless other losses are asked for: each family of losses, and the usual pairs.
pub const DEFAULT: &str = "ce,weighted-ce,focal,ohem,dice,lovasz,ce+dice,ce+lovasz,ce+se,ce+contrast";
/// What the others are measured against.
pub const BASELINE: &str = "ce";
/// The folders of `--all`, beside the built-in beans.
pub const FOLDERS: [&str; 4] = ["crack", "alloy", "nuclei", "lanes"];
/// Where they are.
const ROOT: &str = "examples-host/data";
/// The most mung beans of a scene: from a tenth of the pixels down to four thousandths.
const SWEEP: [u32; 4] = [52, 16, beans::MUNG_BEANS, 2];

/// What `compare` is asked for.
#[derive(Clone, Debug, Args)]
#[command(after_help = losses::help())]
pub struct Compare {
    /// Folders with {train,test}/{images,masks}/NAME.png, as without a command
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["imbalance", "all"])]
    pub data: Vec<PathBuf>,

    /// Compare on built-in beans of four degrees of imbalance instead: mung beans cover from a tenth of the pixels down to
    /// four thousandths
    #[arg(long, conflicts_with = "all")]
    pub imbalance: bool,

    /// Compare on the built-in beans, on all folders of examples-host/data, and by imbalance
    #[arg(long)]
    pub all: bool,

    /// Losses to train with, separated by commas, beside plain cross entropy; all of them are listed below
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_possible_values = true,
          value_parser = PossibleValuesParser::new(losses::names()), default_value = DEFAULT)]
    pub losses: Vec<String>,

    /// How many seeds to train each loss with, counting up from 0
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100), default_value_t = 5)]
    pub seeds: u64,

    /// Optimiser steps of each run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), default_value_t = 600)]
    pub steps: u32,

    /// File to write to; without it, to the terminal
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Runs to train at the same time; 0 for as many as there are cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
}

/// What is said of a set of images.
#[derive(Clone)]
struct Chapter {
    experiment: Experiment,
    /// Of the rare class in the training pixels.
    share: f64,
}

/// Trains all, and tells in Markdown what came of it; returns what to print.
///
/// # Errors
/// If the images cannot be used or the file cannot be written; that is tried before anything is trained.
pub fn compare(arguments: &Compare) -> Result<String> {
    if let Some(file) = &arguments.out {
        let writable = fs::OpenOptions::new().append(true).create(true).open(file);
        writable.with_context(|| file.display().to_string())?;
    }
    let mut sets: Vec<Dataset> = arguments.data.iter().map(|folder| folder::load(folder)).collect::<Result<_>>()?;
    if sets.is_empty() && !arguments.imbalance {
        sets.push(beans::dataset());
    }
    if arguments.all {
        for name in FOLDERS {
            sets.push(folder::load(&PathBuf::from(ROOT).join(name))?);
        }
    }
    let chapters = sets.iter().map(|set| Chapter::new(set, arguments)).collect::<Result<Vec<_>>>()?;
    let degrees = if arguments.imbalance || arguments.all { SWEEP.as_slice() } else { &[] };
    let built_in = chapters.first().filter(|_| arguments.all);
    let sweep = degrees.iter().map(|&most| match built_in {
        Some(chapter) if most == beans::MUNG_BEANS => Ok(chapter.clone()),
        _ => Chapter::new(&beans::dataset_of(most), arguments),
    });
    let sweep = sweep.collect::<Result<Vec<_>>>()?;

    let text = markdown(arguments, &chapters, &sweep)?;
    match &arguments.out {
        None => Ok(text),
        Some(file) => {
            fs::write(file, text + "\n").with_context(|| file.display().to_string())?;
            Ok(file.display().to_string())
        }
    }
}

impl Chapter {
    fn new(dataset: &Dataset, arguments: &Compare) -> Result<Self> {
        let mut losses = losses::names();
        losses.retain(|name| *name == BASELINE || arguments.losses.iter().any(|wanted| wanted == name));
        let Compare { steps, threads, seeds, .. } = *arguments;
        let plan = Plan { losses, seeds: (0..seeds).collect(), steps, measurements: 1, threads };
        let experiment = experiment::run(dataset, &plan)?;
        Ok(Self { share: dataset.shares(&dataset.train)[experiment.rare_class], experiment })
    }

    fn rare_iou(&self) -> impl Fn(&Scores) -> Option<f32> + Copy {
        let rare = self.experiment.rare_class;
        move |scores| scores.iou[rare]
    }

    /// Of each seed, by how much a loss's IoU of the rare class is above that of the baseline.
    fn differences(&self, loss: &LossRuns) -> Vec<f64> {
        let baseline = self.experiment.losses.iter().find(|loss| loss.name == BASELINE);
        let baseline = baseline.map(|loss| loss.outcomes.as_slice()).unwrap_or_default();
        let rare_iou = self.rare_iou();
        let pairs = loss.outcomes.iter().zip(baseline);
        pairs.filter_map(|(a, b)| Some(f64::from(rare_iou(&a.scores)?) - f64::from(rare_iou(&b.scores)?))).collect()
    }

    /// The losses, those with the highest mean IoU of the rare class first.
    fn ranking(&self) -> Vec<&LossRuns> {
        let mut losses: Vec<&LossRuns> = self.experiment.losses.iter().collect();
        losses.sort_by(|a, b| mean(&self.differences(b)).total_cmp(&mean(&self.differences(a))));
        losses
    }

    fn table(&self, text: &mut String) -> Result<()> {
        let Experiment { dataset, classes, rare_class, .. } = &self.experiment;
        let rare = &classes[*rare_class];
        writeln!(text, "\n## {dataset}: {rare}, {} of the training pixels\n", percent(self.share))?;
        writeln!(text, "| loss | IoU of {rare} | mIoU | difference to cross entropy | seeds above it | p |")?;
        writeln!(text, "|---|--:|--:|--:|--:|--:|")?;
        for loss in self.ranking() {
            let over_seeds = |score: &dyn Fn(&Scores) -> Option<f32>| {
                spread(loss.outcomes.iter().filter_map(|outcome| score(&outcome.scores)), 3)
            };
            let (rare, mean_iou) = (over_seeds(&self.rare_iou()), over_seeds(&|scores| scores.mean_iou));
            let differences = self.differences(loss);
            let against = match sign_flip(&differences) {
                Some(p) if loss.name != BASELINE => {
                    let above = differences.iter().filter(|difference| **difference > 0.0).count();
                    format!("{:+.3} | {above} of {} | {}", mean(&differences), differences.len(), probability(p))
                }
                _ => "– | – | –".to_owned(),
            };
            writeln!(text, "| {} | {rare} | {mean_iou} | {against} |", loss.title)?;
        }
        let below = self.ranking().into_iter().filter(|loss| mean(&self.differences(loss)) < 0.0);
        let below: Vec<&str> = below.map(|loss| loss.title).collect();
        if below.is_empty() {
            writeln!(text, "\nNo loss is below plain cross entropy in the mean.")
        } else {
            writeln!(text, "\nBelow plain cross entropy in the mean: {}.", below.join(", "))
        }?;
        Ok(())
    }
}

fn markdown(arguments: &Compare, chapters: &[Chapter], sweep: &[Chapter]) -> Result<String> {
    let Compare { steps, seeds, .. } = *arguments;
    let mut text = format!(
        "# The losses beside each other\n\n\
         Made by `{}`; the same arguments make the same bytes, on every machine.\n\n\
         A network of 1.2 to 1.5 thousand parameters is trained from scratch for {steps} steps with each loss and each of {seeds} seeds. The\n\
         runs of a seed start from the same weights and see the same crops, whatever their loss. IoU of the rare class and mean\n\
         over all classes, on the test images: mean ± standard deviation over the seeds, the best loss first. This ranks what\n\
         the losses reach at this budget, with one rate of learning for all of them and no parameter tuned: at another budget\n\
         the order can be another.\n\n\
         p: the exact paired sign-flip test of the seeds' differences to plain cross entropy, two-sided, not corrected for the\n\
         number of losses. With {seeds} pairs it cannot fall below {}: {} It speaks of other\n\
         seeds on the same images, not of other images.\n",
        command(arguments),
        probability(2.0_f64.powi(1 - seeds as i32)),
        if seeds < 6 {
            "that value means that all seeds agree, and\nnothing in the tables of one set is significant at 0.05."
        } else {
            "that value means that all seeds agree."
        },
    );
    for chapter in chapters {
        chapter.table(&mut text)?;
    }
    if chapters.len() > 1 {
        together(&mut text, chapters)?;
    }
    if !sweep.is_empty() {
        imbalance(&mut text, sweep)?;
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}

/// The command that makes the same again.
fn command(arguments: &Compare) -> String {
    let mut words = vec!["cargo run --release -- compare".to_owned()];
    let folders: Vec<_> = arguments.data.iter().map(|folder| folder.display().to_string()).collect();
    if !folders.is_empty() {
        words.push(format!("--data {}", folders.join(" ")));
    }
    for (is_given, flag) in [(arguments.all, "--all"), (arguments.imbalance, "--imbalance")] {
        if is_given {
            words.push(flag.to_owned());
        }
    }
    if arguments.losses.join(",") != DEFAULT {
        words.push(format!("--losses {}", arguments.losses.join(",")));
    }
    words.push(format!("--seeds {} --steps {}", arguments.seeds, arguments.steps));
    if let Some(file) = &arguments.out {
        words.push(format!("--out {}", file.display()));
    }
    words.join(" ")
}

/// The differences to the baseline in all sets, and one test of all their pairs.
fn together(text: &mut String, chapters: &[Chapter]) -> Result<()> {
    let count = chapters.len();
    writeln!(
        text,
        "\n## All {count} sets together\n\n\
         Difference of the rare class's IoU to that of plain cross entropy, mean over the seeds; and the same test over the pairs\n\
         of all sets, with Holm's correction for the number of losses.\n"
    )?;
    let names: Vec<&str> = chapters.iter().map(|chapter| chapter.experiment.dataset.as_str()).collect();
    writeln!(text, "| loss | {} | mean | p | p, corrected |", names.join(" | "))?;
    writeln!(text, "|---|{}", "--:|".repeat(count + 3))?;

    let Some(first) = chapters.first() else { return Ok(()) };
    let others = first.experiment.losses.iter().enumerate().filter(|(_, loss)| loss.name != BASELINE);
    let mut rows: Vec<(&str, Vec<Vec<f64>>)> = others
        .map(|(place, loss)| {
            let of_sets = chapters.iter().map(|chapter| chapter.differences(&chapter.experiment.losses[place]));
            (loss.title, of_sets.collect())
        })
        .collect();
    rows.retain(|(_, differences)| !differences.concat().is_empty());
    rows.sort_by(|(_, a), (_, b)| mean(&b.concat()).total_cmp(&mean(&a.concat())));
    let p: Vec<f64> = rows.iter().filter_map(|(_, differences)| sign_flip(&differences.concat())).collect();
    for (((title, differences), p), corrected) in rows.iter().zip(&p).zip(holm(&p)) {
        let of_sets: Vec<String> = differences.iter().map(|of_set| format!("{:+.3}", mean(of_set))).collect();
        let mean = mean(&differences.concat());
        let [p, corrected] = [*p, corrected].map(probability);
        writeln!(text, "| {title} | {} | {mean:+.3} | {p} | {corrected} |", of_sets.join(" | "))?;
    }
    Ok(())
}

/// The rare class's IoU by its share of the pixels.
fn imbalance(text: &mut String, sweep: &[Chapter]) -> Result<()> {
    let Some(first) = sweep.first() else { return Ok(()) };
    writeln!(
        text,
        "\n## By imbalance\n\n\
         The built-in beans with more mung beans and with fewer: IoU of the mung beans by their share of the training pixels,\n\
         mean ± standard deviation over the seeds; the highest mean of each column is bold.\n"
    )?;
    let shares: Vec<String> = sweep.iter().map(|chapter| percent(chapter.share)).collect();
    writeln!(text, "| loss | {} |\n|---|{}", shares.join(" | "), "--:|".repeat(sweep.len()))?;
    for (place, loss) in first.experiment.losses.iter().enumerate() {
        write!(text, "| {} |", loss.title)?;
        for chapter in sweep {
            let loss = &chapter.experiment.losses[place];
            let rare_iou = chapter.rare_iou();
            let cell = spread(loss.outcomes.iter().filter_map(|outcome| rare_iou(&outcome.scores)), 3);
            let best = chapter.ranking().first().is_some_and(|best| best.name == loss.name);
            let mark = if best { "**" } else { "" };
            write!(text, " {mark}{cell}{mark} |")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A share in percent, to two digits.
fn percent(share: f64) -> String {
    let digits = if share < 0.01 { 2 } else { 1 };
    format!("{:.digits$} %", 100.0 * share)
}

/// Enough digits to tell it from 0.
fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}
