//! The page: one file that needs no other and no network.

use super::Figure;
use super::palette::of_label;
use super::table::{Table, spread};
use crate::data::{Dataset, IGNORED};
use crate::experiment::Experiment;
use crate::separation::separation;
use crate::train::{BASE_RATE, BATCH, CROP};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "
body { font: 1rem/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 75rem; margin: auto; padding: 1rem; }
h1, h2 { line-height: 1.2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid #ccc; white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.rare { background: #fbf8d0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; }
img { width: 100%; height: auto; }
.pictures img { image-rendering: pixelated; }
.swatch { display: inline-block; width: 1em; height: 1em; margin-right: .3em; vertical-align: -.1em; border: 1px solid #666; }
.key > span { display: inline-block; margin-right: 1.2em; white-space: nowrap; }
";

/// The page, pictures included.
pub(super) fn render(
    dataset: &Dataset,
    experiment: &Experiment,
    charts: &[Figure],
    pictures: &[Figure],
    features: &[Figure],
) -> String {
    let title = format!("{}: what each loss makes of a rare class", experiment.dataset);
    let rare_name = &experiment.classes[experiment.rare_class];
    let body = html! {
        p { (conditions(dataset, experiment)) }
        @if experiment.seeds.len() == 1 {
            p { "One seed tells little of a loss that now and then misses the rare class altogether: try --seeds 3." }
        }
        h2 { "The data" }
        (shares(dataset, experiment))
        h2 { "Scores on the test images, after the last step" }
        (scores(experiment))
        p {
            "IoU: pixels in both truth and prediction, over pixels in either. mIoU: its mean over the classes. "
            "Recall: the share of the pixels of " (rare_name) " that is found; precision: the share of the pixels "
            "found that is " (rare_name) ". A predictor that never says " (rare_name) " has the pixel accuracy "
            (format!("{:.3}", 1.0 - dataset.shares(&dataset.test)[experiment.rare_class]))
            " at best. Separation, of the features that the head takes: the mean cosine of two test pixels of one "
            "class minus that of two of different classes, seen from the centre of the classes; before training it is "
            (untrained_separation(experiment)) ". Seconds: training alone, other runs at the same time."
        }
        h2 { "Learning curves" }
        @if experiment.seeds.len() > 1 {
            p { "Thick: the mean of the seeds. Thin: each seed." }
        }
        div.figures { @for chart in charts { (figure(chart)) } }
        h2 { "Predictions" }
        p {
            "The test images with most pixels of " (rare_name) "; input, truth, prediction. Seed "
            (experiment.seeds.first().copied().unwrap_or_default()) "."
        }
        (key(experiment))
        div.figures.pictures { @for picture in pictures { (figure(picture)) } }
        @if !features.is_empty() {
            h2 { "Features" }
            p {
                "The features that the head takes, of up to 300 test pixels of each class, divided by their length "
                "and projected on the plane in which they vary most, in the colours of the classes. Separation: the "
                "mean cosine of two pixels of one class minus that of two of different classes. Seed "
                (experiment.seeds.first().copied().unwrap_or_default()) "."
            }
            div.figures { @for picture in features { (figure(picture)) } }
        }
        h2 { "The losses" }
        ul { @for loss in &experiment.losses { li { b { (loss.title) } ": " (loss.description) } } }
    };
    page(&title, &body)
}

/// A page under its title.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (body)
            }
        }
    };
    page.into_string()
}

/// How the numbers came about, and what they do not tell.
fn conditions(dataset: &Dataset, experiment: &Experiment) -> String {
    let seeds: Vec<_> = experiment.seeds.iter().map(u64::to_string).collect();
    format!(
        "A network of three 3×3 convolutions of 8 channels (dilations 1, 2, 4) and a 1×1 head, trained from scratch once \
         for each loss: {steps} steps of Adam, rate {BASE_RATE} falling to 0 by a cosine, each step over {BATCH} crops of \
         {width}×{height} pixels from {train} training images, flipped at random; each image normalised by its own mean \
         and deviation. Seed{plural} {seeds}. All losses start from the same weights and see the same crops. The scores \
         tell what each loss reaches at this budget, on these {test} test images, no more: at another, their order can be \
         another.",
        steps = experiment.steps,
        width = CROP.width,
        height = CROP.height,
        train = dataset.train.len(),
        test = dataset.test.len(),
        plural = if seeds.len() == 1 { "" } else { "s" },
        seeds = seeds.join(", "),
    )
}

fn shares(dataset: &Dataset, experiment: &Experiment) -> Markup {
    let shares = dataset.shares(&dataset.train).into_iter().zip(dataset.shares(&dataset.test));
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    html! {
        div.wide { table {
            thead { tr { th { "class" } th { "of the training pixels" } th { "of the test pixels" } } }
            tbody {
                @for (class, (train, test)) in shares.enumerate() {
                    tr.rare[class == experiment.rare_class] {
                        td { (dataset.classes[class]) @if class == experiment.rare_class { " (rare)" } }
                        td { (percent(train)) }
                        td { (percent(test)) }
                    }
                }
            }
        } }
    }
}

fn scores(experiment: &Experiment) -> Markup {
    let Table { head, rows } = Table::new(experiment);
    html! {
        div.wide { table {
            thead { tr { @for (column, title) in head.iter().enumerate() { th.rare[column == Table::RARE_IOU] { (title) } } } }
            tbody {
                @for row in &rows {
                    tr { @for (column, cell) in row.iter().enumerate() { td.rare[column == Table::RARE_IOU] { (cell) } } }
                }
            }
        } }
    }
}

/// The mean over the seeds; the losses of a seed start from the same weights.
fn untrained_separation(experiment: &Experiment) -> String {
    let outcomes = experiment.losses.first().map(|loss| loss.outcomes.as_slice()).unwrap_or_default();
    spread(outcomes.iter().filter_map(|outcome| separation(&outcome.untrained)).map(|value| value as f32), 3)
}

/// The colours of the classes.
fn key(experiment: &Experiment) -> Markup {
    let classes = (0_u8..).zip(experiment.classes.iter().map(String::as_str));
    let labels = classes.chain([(IGNORED, "ignored")]);
    html! {
        p.key {
            @for (label, name) in labels {
                @let [red, green, blue] = of_label(label, experiment.rare_class);
                span { span.swatch style=(format!("background: rgb({red} {green} {blue})")) {} (name) }
            }
        }
    }
}

/// A picture within the page, and what is to be seen in it.
pub(crate) fn figure(figure: &Figure) -> Markup {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(&figure.file.bytes));
    html! {
        figure {
            img src=(source) alt=(figure.caption) width=(figure.width) height=(figure.height);
            figcaption { (figure.caption) }
        }
    }
}
