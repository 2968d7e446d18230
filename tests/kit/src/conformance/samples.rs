//! Scores with labels: what a loss is checked on.

use crate::patterns::{LabelMap, Random, Scores, label_maps, random_labels, rare};
use crate::reference;
use scarce::{Batch, Labels};

/// Scores and labels.
#[derive(Clone, Debug)]
pub struct Sample<const C: usize> {
    /// The patterns that it was made of.
    pub name: String,
    /// What the scores are.
    pub kind: Scores,
    /// The scores.
    pub rows: Vec<[f32; C]>,
    /// The labels.
    pub labels: Vec<u8>,
    /// The ignored label.
    pub ignore: Option<u8>,
    /// The number of images.
    pub images: usize,
}

impl<const C: usize> Sample<C> {
    /// Puts patterns together.
    #[must_use]
    pub fn new(kind: Scores, map: LabelMap, images: usize, random: &mut Random) -> Self {
        let LabelMap { name, labels, ignore } = map;
        let rows = kind.rows(labels.len(), random);
        let name = format!("{C} channels, {kind:?} scores, labels {name:?}, {images} image(s)");
        Self { name, kind, rows, labels, ignore, images }
    }

    /// Number of pixels.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.labels.len()
    }

    /// The library's labels.
    #[must_use]
    pub fn library_labels(&self) -> Labels<'_> {
        let labels = Labels::new(&self.labels);
        self.ignore.map_or(labels, |ignore| labels.ignoring(ignore))
    }

    /// The library's batch, pixel-major.
    ///
    /// # Panics
    /// If the sample was changed into one that is not valid.
    #[must_use]
    pub fn batch(&self) -> Batch<'_, [[f32; C]], C> {
        let batch = Batch::new(self.rows.as_slice(), self.library_labels()).expect("patterns are valid");
        batch.with_images(self.images).expect("patterns divide into their images")
    }

    /// Whether a pixel is ignored.
    #[must_use]
    pub fn is_ignored(&self, pixel: usize) -> bool {
        self.ignore == Some(self.labels[pixel])
    }

    /// The scores as f64, flat: [`reference_batch`](Self::reference_batch) borrows them.
    #[must_use]
    pub fn wide_scores(&self) -> Vec<f64> {
        self.rows.as_flattened().iter().map(|&score| f64::from(score)).collect()
    }

    /// The reference's batch.
    #[must_use]
    pub fn reference_batch<'a>(&'a self, scores: &'a [f64]) -> reference::Batch<'a> {
        reference::Batch { scores, classes: C, labels: &self.labels, ignore: self.ignore, images: self.images }
    }
}

/// Every pattern of labels, as one image, two and three, with the first kind of scores; a third of the patterns with each of
/// the others; and larger ones.
#[must_use]
pub fn samples<const C: usize>(kinds: &[Scores]) -> Vec<Sample<C>> {
    let mut random = Random::new(C as u64);
    let mut samples = Vec::new();
    // The reference's time grows with the square of the channels.
    let is_small = C < 10;
    for (turn, &kind) in kinds.iter().enumerate() {
        let all_images = if turn == 0 { 1..=3 } else { 1 + turn % 3..=1 + turn % 3 };
        for images in all_images {
            for (index, map) in label_maps(C).into_iter().enumerate() {
                if turn == 0 || (index + turn) % 3 == 0 {
                    samples.push(Sample::new(kind, map, images, &mut random));
                }
            }
        }
        let map = random_labels(C, if is_small { 150 } else { 72 }, &mut random);
        samples.push(Sample::new(kind, map, 3, &mut random));
    }
    if is_small {
        samples.push(Sample::new(kinds[0], rare(C), 3, &mut random));
    }
    samples
}
