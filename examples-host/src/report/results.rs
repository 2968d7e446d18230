//! The numbers for other programs.

use crate::data::Dataset;
use crate::experiment::Experiment;
use crate::separation::separation;
use crate::train::{BASE_RATE, BATCH, CROP, Point, Scores};
use anyhow::{Result, anyhow};
use serde::Serialize;

/// One line for each loss and seed. Only the last column, the seconds, differs when a run is repeated.
pub(super) fn csv(experiment: &Experiment) -> Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut head = ["loss", "seed", "steps", "pixel_accuracy", "mean_iou"].map(str::to_owned).to_vec();
    head.extend(experiment.classes.iter().map(|class| format!("iou {class}")));
    head.extend(
        ["rare_iou", "rare_recall", "rare_precision", "separation_before", "separation_after", "seconds"]
            .map(str::to_owned),
    );
    table.write_record(&head)?;
    let cell = |score: Option<f32>| score.map_or(String::new(), |score| score.to_string());
    for loss in &experiment.losses {
        for (seed, outcome) in experiment.seeds.iter().zip(&loss.outcomes) {
            let scores = &outcome.scores;
            let mut row = vec![loss.name.to_owned(), seed.to_string(), experiment.steps.to_string()];
            row.extend([scores.pixel_accuracy, scores.mean_iou].map(cell));
            row.extend(scores.iou.iter().copied().map(cell));
            row.extend([&scores.iou, &scores.recall, &scores.precision].map(|of| cell(of[experiment.rare_class])));
            let separations = [&outcome.untrained, &outcome.trained].map(|embeddings| separation(embeddings));
            row.extend(separations.map(|separation| cell(separation.map(|value| value as f32))));
            row.push(format!("{:.3}", outcome.training_time.as_secs_f64()));
            table.write_record(&row)?;
        }
    }
    table.into_inner().map_err(|error| anyhow!("{error}"))
}

#[derive(Serialize)]
struct Results<'a> {
    dataset: &'a str,
    train_images: usize,
    test_images: usize,
    channels: usize,
    classes: Vec<Class<'a>>,
    rare_class: usize,
    steps: u32,
    batch: usize,
    crop: [usize; 2],
    base_rate: f32,
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    name: &'a str,
    train_pixels: usize,
    test_pixels: usize,
}

#[derive(Serialize)]
struct Run<'a> {
    loss: &'a str,
    description: &'a str,
    seed: u64,
    #[serde(flatten)]
    scores: &'a Scores,
    separation_before: Option<f64>,
    separation_after: Option<f64>,
    curve: &'a [Point],
    seconds: f64,
}

/// Everything but the pictures.
pub(super) fn json(dataset: &Dataset, experiment: &Experiment) -> Result<Vec<u8>> {
    let counts = dataset.counts(&dataset.train).into_iter().zip(dataset.counts(&dataset.test));
    let classes = dataset.classes.iter().zip(counts);
    let runs = experiment.losses.iter().flat_map(|loss| {
        experiment.seeds.iter().zip(&loss.outcomes).map(|(&seed, outcome)| Run {
            loss: loss.name,
            description: loss.description,
            seed,
            scores: &outcome.scores,
            separation_before: separation(&outcome.untrained),
            separation_after: separation(&outcome.trained),
            curve: &outcome.curve,
            seconds: outcome.training_time.as_secs_f64(),
        })
    });
    Ok(serde_json::to_vec_pretty(&Results {
        dataset: &experiment.dataset,
        train_images: dataset.train.len(),
        test_images: dataset.test.len(),
        channels: dataset.channels,
        classes: classes.map(|(name, (train_pixels, test_pixels))| Class { name, train_pixels, test_pixels }).collect(),
        rare_class: experiment.rare_class,
        steps: experiment.steps,
        batch: BATCH,
        crop: [CROP.height, CROP.width],
        base_rate: BASE_RATE,
        runs: runs.collect(),
    })?)
}
