//! What was learnt: confusion matrix, IoU, Dice, accuracy.

use crate::kernel::softmax;
use crate::{Batch, Buffer, Error, Labels, Scores};

/// The channel of the largest score; of equal ones the first.
///
/// ```
/// assert_eq!(scarce::metrics::argmax(&[0.1, 0.7, 0.7]), 1);
/// ```
#[must_use]
pub fn argmax<const C: usize>(row: &[f32; C]) -> usize {
    softmax::argmax(*row)
}

/// Counts of (true class, predicted class) over pixels; mergeable, so that images, threads or devices can be added up.
///
/// Counts are integers of 32 bits and saturate.
///
/// ```
/// use scarce::{Labels, metrics::Confusion};
///
/// let mut confusion = Confusion::<3>::new();
/// confusion.observe(Labels::new(&[0, 0, 1, 255]).ignoring(255), &[0, 1, 1, 2])?;
/// assert_eq!(confusion.iou(0), Some(0.5));
/// assert_eq!(confusion.iou(1), Some(0.5));
/// assert_eq!(confusion.iou(2), None); // neither there nor predicted
/// assert_eq!(confusion.mean_iou(), Some(0.5));
/// assert_eq!(confusion.pixel_accuracy(), Some(2.0 / 3.0));
/// # Ok::<(), scarce::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Confusion<const C: usize> {
    counts: [[u32; C]; C],
}

impl<const C: usize> Confusion<C> {
    /// No pixel yet. One class does not compile: a binary segmentation has two, background and foreground.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(C >= 2, "a confusion matrix needs two classes; one logit is Confusion<2>::observe_logits") };
        Self { counts: [[0; C]; C] }
    }

    /// Counts pixels by label and predicted class; ignored pixels are left out.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one prediction a pixel; [`Error::Label`] for the first valid pixel whose label or
    /// prediction is no class. Nothing is counted then.
    pub fn observe(&mut self, labels: Labels<'_>, predictions: &[u8]) -> Result<(), Error> {
        let (needed, got) = (labels.len(), predictions.len());
        if needed != got {
            return Err(Error::Length { buffer: Buffer::Predictions, needed, got });
        }
        let pairs = || labels.from(0).zip(predictions).enumerate();
        for (pixel, (label, &prediction)) in pairs() {
            let Some(label) = label else { continue };
            for label in [label, prediction] {
                if usize::from(label) >= C {
                    return Err(Error::Label { pixel, label });
                }
            }
        }
        for (_, (label, &prediction)) in pairs() {
            if let Some(label) = label {
                self.count(usize::from(label), usize::from(prediction));
            }
        }
        Ok(())
    }

    /// Counts the pixels of a batch, taking the [`argmax`] of its scores for the prediction.
    pub fn observe_scores<S: Scores<C> + ?Sized>(&mut self, batch: &Batch<'_, S, C>) {
        for (row, label) in batch.samples(0..batch.pixels()).flatten() {
            self.count(usize::from(label), argmax(&row));
        }
    }

    fn count(&mut self, label: usize, prediction: usize) {
        if let Some(count) = self.counts.get_mut(label).and_then(|row| row.get_mut(prediction)) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) {
        for (row, others) in self.counts.iter_mut().zip(&other.counts) {
            for (count, other) in row.iter_mut().zip(others) {
                *count = count.saturating_add(*other);
            }
        }
    }

    /// The counts: `counts()[true class][predicted class]`.
    #[must_use]
    pub const fn counts(&self) -> &[[u32; C]; C] {
        &self.counts
    }

    /// TP, FP and FN of a class.
    fn outcomes(&self, class: usize) -> (f32, f32, f32) {
        let (mut hit, mut predicted, mut truth) = (0_u64, 0_u64, 0_u64);
        for (label, row) in self.counts.iter().enumerate() {
            for (prediction, &count) in row.iter().enumerate() {
                let count = u64::from(count);
                hit = hit.wrapping_add(if label == class && prediction == class { count } else { 0 });
                predicted = predicted.wrapping_add(if prediction == class { count } else { 0 });
                truth = truth.wrapping_add(if label == class { count } else { 0 });
            }
        }
        (hit as f32, predicted.wrapping_sub(hit) as f32, truth.wrapping_sub(hit) as f32)
    }

    /// TP / (TP + FP + FN) of a class; `None` if it is neither there nor predicted.
    #[doc(alias = "jaccard")]
    #[must_use]
    pub fn iou(&self, class: usize) -> Option<f32> {
        let (hit, false_positive, false_negative) = self.outcomes(class);
        ratio(hit, hit + false_positive + false_negative)
    }

    /// 2 TP / (2 TP + FP + FN) of a class; `None` if it is neither there nor predicted.
    #[doc(alias = "F1")]
    #[must_use]
    pub fn dice(&self, class: usize) -> Option<f32> {
        let (hit, false_positive, false_negative) = self.outcomes(class);
        ratio(2.0 * hit, 2.0 * hit + false_positive + false_negative)
    }

    /// The mean IoU over the classes that are there or predicted; `None` without any.
    #[doc(alias = "mIoU")]
    #[must_use]
    pub fn mean_iou(&self) -> Option<f32> {
        let ious = || (0..C).filter_map(|class| self.iou(class));
        ratio(ious().fold(0.0, |sum, iou| sum + iou), ious().count() as f32)
    }

    /// The share of pixels that were predicted rightly; `None` without any.
    #[must_use]
    pub fn pixel_accuracy(&self) -> Option<f32> {
        let (mut right, mut all) = (0_u64, 0_u64);
        for (label, row) in self.counts.iter().enumerate() {
            for (prediction, &count) in row.iter().enumerate() {
                right = right.wrapping_add(if label == prediction { u64::from(count) } else { 0 });
                all = all.wrapping_add(u64::from(count));
            }
        }
        ratio(right as f32, all as f32)
    }
}

impl Confusion<2> {
    /// Counts the pixels of a binary batch, taking label 1 for the prediction where the logit is above 0.
    ///
    /// ```
    /// use scarce::{Batch, Labels, metrics::Confusion};
    ///
    /// let mut confusion = Confusion::<2>::new();
    /// confusion.observe_logits(&Batch::new(&[[0.5], [-0.5], [2.0]], Labels::new(&[1, 0, 0]))?);
    /// assert_eq!(confusion.iou(1), Some(0.5));
    /// # Ok::<(), scarce::Error>(())
    /// ```
    pub fn observe_logits<S: Scores<1> + ?Sized>(&mut self, batch: &Batch<'_, S, 1>) {
        for ([logit], label) in batch.samples(0..batch.pixels()).flatten() {
            self.count(usize::from(label), usize::from(logit > 0.0));
        }
    }
}

impl<const C: usize> Default for Confusion<C> {
    fn default() -> Self {
        Self::new()
    }
}

fn ratio(part: f32, whole: f32) -> Option<f32> {
    (whole > 0.0).then(|| part / whole)
}
