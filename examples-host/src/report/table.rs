//! The table of scores.

use crate::experiment::{Experiment, LossRuns};
use crate::separation::separation;
use crate::train::{Outcome, Scores};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement};

/// Scores of all losses as text: what the terminal and the page show.
pub struct Table {
    /// What the columns hold.
    pub head: Vec<String>,
    /// One row a loss.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The column of the rare class's IoU.
    pub const RARE_IOU: usize = 2;

    /// Means over the seeds, with their standard deviation if there are several.
    #[must_use]
    pub fn new(experiment: &Experiment) -> Self {
        let rare = experiment.rare_class;
        let mut head = vec!["loss".to_owned(), "pixel accuracy".to_owned()];
        head.push(format!("IoU {} (rare)", experiment.classes[rare]));
        if experiment.seeds.len() > 1 {
            head.push("rare IoU by seed".to_owned());
        }
        head.extend(["rare recall", "rare precision", "mIoU"].map(str::to_owned));
        head.extend(common_classes(experiment).map(|class| format!("IoU {}", experiment.classes[class])));
        head.extend(["separation", "seconds"].map(str::to_owned));
        Self { head, rows: experiment.losses.iter().map(|loss| Self::row(experiment, loss)).collect() }
    }

    fn row(experiment: &Experiment, loss: &LossRuns) -> Vec<String> {
        let rare = experiment.rare_class;
        let spread_of = |score: &dyn Fn(&Scores) -> Option<f32>| {
            spread(loss.outcomes.iter().filter_map(|outcome| score(&outcome.scores)), 3)
        };
        let mut row = vec![loss.title.to_owned(), spread_of(&|scores| scores.pixel_accuracy)];
        row.push(spread_of(&|scores| scores.iou[rare]));
        if experiment.seeds.len() > 1 {
            row.push(rare_by_seed(experiment, loss).join(" "));
        }
        row.push(spread_of(&|scores| scores.recall[rare]));
        row.push(spread_of(&|scores| scores.precision[rare]));
        row.push(spread_of(&|scores| scores.mean_iou));
        row.extend(common_classes(experiment).map(|class| spread_of(&|scores| scores.iou[class])));
        let separations = loss.outcomes.iter().filter_map(|outcome| separation(&outcome.trained));
        row.push(spread(separations.map(|separation| separation as f32), 3));
        row.push(spread(loss.outcomes.iter().map(|outcome| outcome.training_time.as_secs_f32()), 1));
        row
    }
}

/// IoU of the rare class for each seed.
pub(crate) fn rare_by_seed(experiment: &Experiment, loss: &LossRuns) -> Vec<String> {
    let of_seed = |outcome: &Outcome| {
        outcome.scores.iou[experiment.rare_class].map_or("–".to_owned(), |iou| format!("{iou:.2}"))
    };
    loss.outcomes.iter().map(of_seed).collect()
}

/// All classes but the rare one, whose scores come first.
fn common_classes(experiment: &Experiment) -> impl Iterator<Item = usize> {
    (0..experiment.classes.len()).filter(|&class| class != experiment.rare_class)
}

/// The table as the terminal shows it.
#[must_use]
pub fn terminal(experiment: &Experiment) -> String {
    let Table { head, rows } = Table::new(experiment);
    let mut table = comfy_table::Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.into_iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Mean and, of several values, standard deviation; a dash of none.
pub(crate) fn spread(values: impl Iterator<Item = f32>, digits: usize) -> String {
    let values: Vec<f64> = values.map(f64::from).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    match values.len() {
        0 => "–".to_owned(),
        1 => format!("{mean:.digits$}"),
        _ => {
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            format!("{mean:.digits$} ± {:.digits$}", (squares / (count - 1.0)).sqrt())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn one_value_has_no_deviation() {
        assert_eq!(spread([0.25].into_iter(), 3), "0.250");
    }

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert_eq!(spread([1.0, 2.0, 3.0].into_iter(), 2), "2.00 ± 1.00");
    }

    #[test]
    fn no_value_is_a_dash() {
        assert_eq!(spread([].into_iter(), 3), "–");
    }
}
