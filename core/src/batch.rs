//! Scores and labels, proven once to fit each other.

use crate::kernel::tile::IGNORED;
use crate::labels::{channel, is_class};
use crate::{Buffer, Error, Labels, Scores};
use core::ops::Range;

/// Scores and labels that fit: what every loss takes.
///
/// [`Batch::new`] is the one place where data are checked, so that kernels cannot meet bad input. It also counts the
/// labels, from which every normaliser and every "is this class present" follows.
///
/// ```
/// use scarce::{Batch, Error, Labels};
///
/// let logits = [[0.5, -1.0], [f32::NAN, 0.0], [2.0, 1.0]];
/// let batch = Batch::new(&logits, Labels::new(&[1, 255, 0]).ignoring(255))?; // the NaN is ignored
/// assert_eq!(batch.counts(), [1, 1]);
/// assert_eq!(batch.valid(), 2);
///
/// let error = Batch::new(&logits, Labels::new(&[1, 0, 0])).unwrap_err();
/// assert_eq!(error, Error::NonFinite { pixel: 1 });
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Batch<'a, S: ?Sized, const C: usize> {
    scores: &'a S,
    labels: Labels<'a>,
    counts: [u32; C],
    valid: u32,
    images: usize,
}

impl<S: ?Sized, const C: usize> Clone for Batch<'_, S, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ?Sized, const C: usize> Copy for Batch<'_, S, C> {}

impl<'a, S: Scores<C> + ?Sized, const C: usize> Batch<'a, S, C> {
    /// Checks that there is a label for each pixel, that each label is a class or the ignored one, and that the scores of
    /// the pixels that are not ignored are finite. The batch has as many images as its [`Planes`](crate::Planes); in
    /// pixel-major order it is one image, see [`with_images`](Self::with_images).
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Label`], [`Error::NonFinite`], [`Error::TooManyPixels`]; the pixel named is the first
    /// at fault.
    pub fn new(scores: &'a S, labels: Labels<'a>) -> Result<Self, Error> {
        let (needed, got) = (scores.pixels(), labels.len());
        if needed != got {
            return Err(Error::Length { buffer: Buffer::Labels, needed, got });
        }
        if u32::try_from(needed).is_err() {
            return Err(Error::TooManyPixels);
        }
        let (mut counts, mut valid) = ([0_u32; C], 0_u32);
        for (pixel, (row, label)) in scores.rows(0..needed).zip(labels.from(0)).enumerate() {
            let Some(label) = label else { continue };
            if !is_class::<C>(label) {
                return Err(Error::Label { pixel, label });
            }
            if let Some(count) = counts.get_mut(channel::<C>(label)) {
                *count = count.wrapping_add(1);
            }
            // One comparison a pixel: the largest magnitude's bits tell, NaN and infinity being the largest of all.
            let largest = row.iter().fold(0, |largest, score| largest.max(score.to_bits() & !SIGN));
            if largest >= INFINITY {
                return Err(Error::NonFinite { pixel });
            }
            valid = valid.wrapping_add(1);
        }
        Ok(Self { scores, labels, counts, valid, images: scores.images() })
    }

    /// The same batch, understood as `images` images of one size, one after the other: for losses that are computed image
    /// by image and averaged.
    ///
    /// # Errors
    /// [`Error::Images`] if `images` is 0 or does not divide the number of pixels.
    pub fn with_images(self, images: usize) -> Result<Self, Error> {
        match self.labels.len().checked_rem(images) {
            Some(0) => Ok(Self { images, ..self }),
            _ => Err(Error::Images { images, pixels: self.labels.len() }),
        }
    }
}

impl<S: ?Sized, const C: usize> Batch<'_, S, C> {
    /// Number of pixels, ignored ones included.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.labels.len()
    }

    /// Number of images.
    #[must_use]
    pub const fn images(&self) -> usize {
        self.images
    }

    /// Number of pixels that are not ignored.
    #[must_use]
    pub const fn valid(&self) -> u32 {
        self.valid
    }

    /// Number of pixels of each class, ignored ones left out; with one channel, of the foreground.
    #[must_use]
    pub const fn counts(&self) -> [u32; C] {
        self.counts
    }

    /// The mean over groups of pixels, which are the images or, as one, the whole batch. `group` gets the pixels of a group
    /// and the number of groups.
    pub(crate) fn mean_over_groups(&self, per_image: bool, mut group: impl FnMut(Range<usize>, f32) -> f32) -> f32 {
        // No pixel is one empty group, however many images it is said to be.
        let images = if per_image && self.pixels() > 0 { self.images } else { 1 };
        let size = self.pixels().checked_div(images).unwrap_or_default();
        let mut total = 0.0;
        for image in 0..images {
            let start = image.wrapping_mul(size);
            total += group(start..start.wrapping_add(size), images as f32);
        }
        (total / images as f32).clamp(f32::MIN, f32::MAX)
    }

    /// The label of a pixel; `None` if it is ignored.
    #[inline]
    pub(crate) fn label(&self, pixel: usize) -> Option<u8> {
        self.labels.get(pixel)
    }
}

impl<S: Scores<C> + ?Sized, const C: usize> Batch<'_, S, C> {
    /// Scores and label of each pixel of a range, `None` where ignored.
    #[inline]
    pub(crate) fn samples(&self, range: Range<usize>) -> impl Iterator<Item = Option<([f32; C], u8)>> + '_ {
        let labels = self.labels.from(range.start);
        self.scores.rows(range).zip(labels).map(|(row, label)| label.map(|label| (row, label)))
    }
}

impl<S: Scores<C> + ?Sized, const C: usize> Batch<'_, S, C> {
    /// The `L` pixels from `start` on, up to `end`: their scores, 0 where ignored, and their channels, [`IGNORED`] where
    /// ignored. Returns whether any is not.
    #[inline(always)]
    pub(crate) fn read<const L: usize>(
        &self,
        start: usize,
        end: usize,
        scores: &mut [[f32; L]; C],
        labels: &mut [u32; L],
    ) -> bool {
        self.labels.channels::<C, L>(start, end, labels);
        if L == 1 {
            let valid = labels.iter().any(|label| *label != IGNORED);
            if valid {
                self.scores.read(start, scores);
            }
            return valid;
        }
        let ignored = labels.iter().fold(0_u32, |ignored, label| ignored.wrapping_add(u32::from(*label == IGNORED)));
        if ignored as usize == L {
            return false;
        }
        self.scores.read(start, scores);
        if ignored > 0 {
            for scores in scores {
                for (score, label) in scores.iter_mut().zip(&*labels) {
                    *score = if *label == IGNORED { 0.0 } else { *score };
                }
            }
        }
        true
    }
}

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = f32::INFINITY.to_bits();
