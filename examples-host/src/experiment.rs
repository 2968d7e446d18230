//! All training runs, several at a time.

use crate::bins::{self, Comparison};
use crate::data::Dataset;
use crate::losses;
use crate::progress::Progress;
use crate::shapes::{ForShape, for_shape_of};
use crate::train::{Outcome, Recipe, Sample, train};
use anyhow::{Context, Result};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

/// What to train.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Losses by name.
    pub losses: Vec<&'static str>,
    /// The seeds to train each with.
    pub seeds: Vec<u64>,
    /// Steps of each run.
    pub steps: u32,
    /// How often each run measures the test images: [`CURVE`](crate::train::CURVE) for a learning curve, else once.
    pub measurements: u32,
    /// Runs at the same time; 0 for as many as there are cores.
    pub threads: usize,
}

/// What was trained, and what it led to.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// The data's name.
    pub dataset: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The class with the fewest training pixels.
    pub rare_class: usize,
    /// The seeds of each loss.
    pub seeds: Vec<u64>,
    /// Steps of each run.
    pub steps: u32,
    /// The losses, in the order of the table of losses.
    pub losses: Vec<LossRuns>,
}

/// The runs of one loss.
#[derive(Clone, Debug)]
pub struct LossRuns {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the report.
    pub title: &'static str,
    /// What it is.
    pub description: &'static str,
    /// One outcome a seed.
    pub outcomes: Vec<Outcome>,
}

/// Trains with each loss and seed.
///
/// # Errors
/// If a run fails, the data have a number of channels or classes that is not supported, or threads cannot be started.
pub fn run(dataset: &Dataset, plan: &Plan) -> Result<Experiment> {
    let losses = for_shape_of(dataset, TrainAll { dataset, plan })?;
    Ok(Experiment {
        dataset: dataset.name.clone(),
        classes: dataset.classes.clone(),
        rare_class: dataset.rare_class(),
        seeds: plan.seeds.clone(),
        steps: plan.steps,
        losses,
    })
}

struct TrainAll<'a> {
    dataset: &'a Dataset,
    plan: &'a Plan,
}

impl ForShape for TrainAll<'_> {
    type Output = Vec<LossRuns>;

    fn run<const I: usize, const C: usize>(self) -> Result<Vec<LossRuns>> {
        train_all::<I, C>(self.dataset, self.plan)
    }
}

fn train_all<const I: usize, const C: usize>(dataset: &Dataset, plan: &Plan) -> Result<Vec<LossRuns>> {
    let train_samples = dataset.train.iter().map(Sample::<I>::new).collect::<Result<Vec<_>>>()?;
    let test_samples = dataset.test.iter().map(Sample::<I>::new).collect::<Result<Vec<_>>>()?;
    let counts = dataset.counts(&dataset.train);
    let counts: [u32; C] = std::array::from_fn(|class| u32::try_from(counts[class]).unwrap_or(u32::MAX));

    let choices: Vec<_> =
        losses::table::<C>().into_iter().filter(|choice| plan.losses.contains(&choice.name)).collect();
    let runs: Vec<_> = choices.iter().flat_map(|choice| plan.seeds.iter().map(move |&seed| (choice, seed))).collect();
    let progress = Progress::new(runs.len(), plan.steps);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(plan.threads.min(runs.len())).build()?;
    let outcomes: Vec<Outcome> = pool.install(|| {
        let train_one = |&(choice, seed): &(&losses::Choice<C>, u64)| {
            let objective = (choice.objective)(counts);
            let bar = progress.start(&format!("{}, seed {seed}", choice.title));
            let after_step = || progress.step(&bar);
            let auxiliary = choice.auxiliary.map(|new| new(seed));
            let comparison = (choice.name == bins::EXACT).then(|| Comparison::new(&choices, counts));
            let Plan { steps, measurements, .. } = *plan;
            let recipe = Recipe { objective: &*objective, auxiliary, comparison, seed, steps, measurements };
            let outcome = train::<I, C>(&train_samples, &test_samples, recipe, after_step);
            progress.finish(&bar);
            outcome.with_context(|| format!("{}, seed {seed}", choice.title))
        };
        runs.par_iter().map(train_one).collect::<Result<_>>()
    })?;

    let mut outcomes = outcomes.into_iter();
    let runs_of = |choice: losses::Choice<C>| LossRuns {
        name: choice.name,
        title: choice.title,
        description: choice.description,
        outcomes: outcomes.by_ref().take(plan.seeds.len()).collect(),
    };
    Ok(choices.into_iter().map(runs_of).collect())
}
