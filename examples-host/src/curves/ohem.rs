//! Which pixels of a real image OHEM keeps, early in training and late.

use super::Drawing;
use crate::data::{Dataset, IGNORED, Image};
use crate::losses::table;
use crate::report::Figure;
use crate::report::palette::{Rgb, SKY_BLUE, YELLOW};
use crate::report::panels::{Column, draw as draw_panels};
use crate::report::pictures::{magnified, of_labels, pixels, richest};
use crate::shapes::{ForShape, for_shape_of};
use crate::train::{DEEP, Recipe, Sample, logits, pretrain};
use anyhow::{Context, Result};
use scarce::{Batch, CrossEntropy, Labels, Loss, Ohem};

const LOSS: &str = "ohem";
/// Early is after one step in so many.
const EARLY: u32 = 20;

pub(super) fn draw(dataset: &Dataset, seed: u64, steps: u32) -> Result<Vec<Drawing>> {
    let rare = dataset.rare_class();
    let index = *richest(dataset, rare, 1).first().context("no test image")?;
    let image = &dataset.test[index];
    let mut columns = vec![
        Column { title: vec!["input".to_owned()], pictures: vec![magnified(image, &pixels(image))] },
        Column { title: vec!["truth".to_owned()], pictures: vec![magnified(image, &of_labels(&image.labels, rare))] },
    ];
    for steps in [steps.div_ceil(EARLY), steps] {
        let kept = for_shape_of(dataset, Kept { dataset, image, seed, steps })?;
        let valid = image.labels.iter().filter(|&&label| label != IGNORED).count();
        let number = kept.iter().filter(|&&kept| kept).count();
        let share = 100.0 * number as f64 / valid.max(1) as f64;
        let title = vec![format!("after step {steps}"), format!("{share:.0} % kept")];
        columns.push(Column { title, pictures: vec![magnified(image, &shown(image, &kept, rare))] });
    }
    let caption = format!(
        "The test image with most pixels of {rare}, and which of its pixels OHEM keeps with a network that it has trained: yellow, \
         of {rare}; blue, of other classes; the rest is left out of the loss. Seed {seed}",
        rare = dataset.classes[rare]
    );
    Ok(vec![Drawing { figure: Figure::new("ohem.png", caption, &draw_panels(&columns)?)?, rows: Vec::new() }])
}

/// Which pixels of an image are kept: those that have a gradient.
struct Kept<'a> {
    dataset: &'a Dataset,
    image: &'a Image,
    seed: u64,
    steps: u32,
}

impl ForShape for Kept<'_> {
    type Output = Vec<bool>;

    fn run<const I: usize, const C: usize>(self) -> Result<Vec<bool>> {
        let train = self.dataset.train.iter().map(Sample::<I>::new).collect::<Result<Vec<_>>>()?;
        let choice = table::<C>().into_iter().find(|choice| choice.name == LOSS).context(LOSS)?;
        let objective = (choice.objective)([0; C]);
        let Self { seed, steps, .. } = self;
        let recipe = Recipe { objective: &*objective, auxiliary: None, comparison: None, seed, steps, measurements: 1 };
        let network = pretrain::<I, C, DEEP>(&train, recipe)?;

        let logits = logits(&network, &Sample::new(self.image)?)?;
        let batch = Batch::new(logits.as_slice(), Labels::new(&self.image.labels).ignoring(IGNORED))?;
        let ohem = Ohem::new(CrossEntropy::<C>::new());
        let (mut grad, mut scratch) = (vec![[0.0_f32; C]; logits.len()], vec![0; ohem.scratch_len(logits.len())]);
        ohem.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch)?;
        Ok(grad.into_iter().map(|slopes| slopes != [0.0; C]).collect())
    }
}

/// The image, darkened, and the pixels that are kept.
fn shown(image: &Image, kept: &[bool], rare: usize) -> Vec<Rgb> {
    let color = |((pixel, &kept), &label): ((Rgb, &bool), &u8)| match kept {
        true if usize::from(label) == rare => YELLOW,
        true => SKY_BLUE,
        false => pixel.map(|channel| channel / 2),
    };
    pixels(image).into_iter().zip(kept).zip(&image.labels).map(color).collect()
}
