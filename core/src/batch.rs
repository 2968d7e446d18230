//! Scores and labels, proven once to fit each other.

use crate::kernel::tile::{IGNORED, LANES, any_ignored, clear_ignored};
use crate::labels::{is_class, tally};
use crate::scores::Zeros;
use crate::tiled::Counted;
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
        let Some((counts, valid)) = count(scores, labels) else { return Err(first_fault(scores, labels)) };
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

    /// What it counts.
    pub(crate) fn counted(&self) -> Counted<C> {
        // A batch of more pixels is refused.
        Counted { counts: self.counts, valid: self.valid, pixels: self.pixels() as u32 }
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

    /// Pixels of each class, and of all, that are not ignored, within a range.
    pub(crate) fn counts_of(&self, range: Range<usize>) -> ([u32; C], u32) {
        if range == (0..self.pixels()) {
            return (self.counts, self.valid);
        }
        let (mut counts, mut valid) = ([0_u32; C], 0_u32);
        for label in self.labels.from(range.start).take(range.len()).flatten() {
            // Every label that is not ignored is a class.
            let _ = tally(label, &mut counts, &mut valid);
        }
        (counts, valid)
    }

    /// The channels of the `L` pixels from `start` on, up to `end`; [`IGNORED`] where ignored and past the end.
    #[inline(always)]
    pub(crate) fn channels<const L: usize>(&self, start: usize, end: usize) -> [u32; L] {
        self.labels.channels::<C, L>(start, end)
    }

    /// The labels from a pixel on as they are, and the one that is ignored; one that no label is if none is.
    #[inline(always)]
    pub(crate) fn labels_from(&self, start: usize) -> (&[u8], u32) {
        self.labels.data_from(start)
    }

    /// The labels of a range.
    pub(crate) fn labels_of(&self, range: Range<usize>) -> Labels<'_> {
        self.labels.of(range)
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
    /// The scores of a range, if each pixel's lie side by side.
    #[inline(always)]
    pub(crate) fn rows_of(&self, range: Range<usize>) -> Option<&[[f32; C]]> {
        self.scores.rows_slice(range)
    }

    /// The scores' view.
    #[inline(always)]
    pub(crate) const fn scores(&self) -> &S {
        self.scores
    }

    /// The `L` pixels from `start` on, up to `end`: their scores, which are 0 where ignored and are kept in `tile` where they
    /// do not lie side by side, `None` if all are ignored; and their channels, [`IGNORED`] where ignored.
    #[inline(always)]
    pub(crate) fn read<'t, const L: usize>(
        &'t self,
        start: usize,
        end: usize,
        tile: &'t mut [[f32; L]; C],
    ) -> (Option<&'t [[f32; L]; C]>, [u32; L]) {
        let labels = self.labels.channels::<C, L>(start, end);
        if any_ignored(&labels) && labels == [IGNORED; L] {
            return (None, labels);
        }
        if L == 1 && S::PIXEL_MAJOR {
            return (self.scores.pixel(start), labels);
        }
        self.scores.read(start, tile);
        clear_ignored(tile, &labels);
        (Some(tile), labels)
    }

    /// As [`read`](Self::read), of scores that are left where they are: `tile` stands for them.
    #[inline(always)]
    pub(crate) fn unread<'t, const L: usize>(
        &self,
        start: usize,
        end: usize,
        tile: &'t [[f32; L]; C],
    ) -> (Option<&'t [[f32; L]; C]>, [u32; L]) {
        let labels = self.channels(start, end);
        ((!any_ignored(&labels) || labels != [IGNORED; L]).then_some(tile), labels)
    }
}

/// The pixels of each class and of all, if no label and no score is at fault.
///
/// As [`Zeros`] does. Looking at the bits of each score took 7 instructions on a Cortex-M4F.
fn count<S: Scores<C> + ?Sized, const C: usize>(scores: &S, labels: Labels<'_>) -> Option<([u32; C], u32)> {
    let (mut counts, mut valid) = ([0_u32; C], 0_u32);
    if LANES == 1 && S::FINITE {
        for label in labels.from(0) {
            let Some(label) = label else { continue };
            tally(label, &mut counts, &mut valid)?;
        }
        return Some((counts, valid));
    }
    if LANES == 1 {
        let mut zero = 0.0;
        for (row, label) in scores.rows(0..labels.len()).zip(labels.from(0)) {
            let Some(label) = label else { continue };
            tally(label, &mut counts, &mut valid)?;
            zero = row.iter().fold(zero, |sum, score| sum + score * 0.0);
        }
        return (zero == 0.0).then_some((counts, valid));
    }
    let (mut zeros, mut start) = (Zeros::new(), 0);
    while start < labels.len() {
        let ignored = labels.count::<C, LANES>(start, &mut counts, &mut valid)?;
        scores.add_to::<LANES>(&mut zeros, start, if ignored { Some(labels) } else { None });
        start = start.wrapping_add(LANES);
    }
    zeros.are().then_some((counts, valid))
}

/// The fault that [`count`] has found, at the first pixel that has one.
#[cold]
fn first_fault<S: Scores<C> + ?Sized, const C: usize>(scores: &S, labels: Labels<'_>) -> Error {
    for (pixel, (row, label)) in scores.rows(0..labels.len()).zip(labels.from(0)).enumerate() {
        match label {
            Some(label) if !is_class::<C>(label) => return Error::Label { pixel, label },
            Some(_) if !row.iter().all(|score| score.is_finite()) => return Error::NonFinite { pixel },
            _ => {}
        }
    }
    Error::TooManyPixels
}
