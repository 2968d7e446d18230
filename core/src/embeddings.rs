//! Embeddings, their classes, and which of them are anchors, proven once to fit.

use crate::kernel::dot::dot;
use crate::kernel::tile::larger;
use crate::math::Math;
use crate::{Buffer, Error, Labels};

/// The largest magnitude of a component: an inner product of two embeddings then fits a float, whatever the temperature.
const LARGEST: f32 = 1e12;

/// Embeddings of pixels, their labels, and the anchors among them: what the pixel contrast takes.
///
/// A label may be any number; equal labels are one class. Without a list of anchors every embedding that is not ignored is
/// one. A list may come from a sampler such as [`segmentation_aware`](crate::sample::segmentation_aware); an index that
/// stands in it twice is two anchors.
///
/// ```
/// use scarce::{Embeddings, Error, Labels};
///
/// let rows = [[1.0, 0.0], [0.0, 1.0], [f32::NAN, 0.0]];
/// let all = Embeddings::new(&rows, Labels::new(&[7, 7, 255]).ignoring(255))?;
/// assert_eq!(all.anchors(), 3); // places, of which the ignored one is empty
/// assert_eq!(all.with_anchors(&[0, 2]).unwrap_err(), Error::Anchor { anchor: 1 });
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a, const D: usize> {
    rows: &'a [[f32; D]],
    labels: Labels<'a>,
    anchors: Option<&'a [u32]>,
}

impl<'a, const D: usize> Embeddings<'a, D> {
    /// Embeddings of which each that is not ignored is an anchor.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooManyPixels`], [`Error::Embedding`].
    pub fn new(rows: &'a [[f32; D]], labels: Labels<'a>) -> Result<Self, Error> {
        let embeddings = Self::unchecked(rows, labels)?;
        embeddings.check_rows()?;
        Ok(embeddings)
    }

    /// Embeddings of which those at these indices are anchors. The others are never read.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::TooManyPixels`], [`Error::Anchor`], [`Error::Embedding`].
    pub fn at(rows: &'a [[f32; D]], labels: Labels<'a>, anchors: &'a [u32]) -> Result<Self, Error> {
        Self::unchecked(rows, labels)?.with_anchors(anchors)
    }

    /// The same embeddings, of which those at these indices are anchors.
    ///
    /// # Errors
    /// [`Error::TooManyPixels`], [`Error::Anchor`], [`Error::Embedding`].
    pub fn with_anchors(self, anchors: &'a [u32]) -> Result<Self, Error> {
        if u32::try_from(anchors.len()).is_err() {
            return Err(Error::TooManyPixels);
        }
        let wrong = |&index: &u32| self.labels.get(index as usize).is_none();
        if let Some(anchor) = anchors.iter().position(wrong) {
            return Err(Error::Anchor { anchor });
        }
        let embeddings = Self { anchors: Some(anchors), ..self };
        embeddings.check_rows()?;
        Ok(embeddings)
    }

    fn unchecked(rows: &'a [[f32; D]], labels: Labels<'a>) -> Result<Self, Error> {
        let (needed, got) = (rows.len(), labels.len());
        if needed != got {
            return Err(Error::Length { buffer: Buffer::Labels, needed, got });
        }
        if u32::try_from(needed).is_err() {
            return Err(Error::TooManyPixels);
        }
        Ok(Self { rows, labels, anchors: None })
    }

    fn check_rows(&self) -> Result<(), Error> {
        for (pixel, row, _) in self.iter() {
            if !row.iter().all(|component| component.abs() <= LARGEST) {
                return Err(Error::Embedding { pixel });
            }
        }
        Ok(())
    }

    /// Number of places for anchors: the length of the list, or of the embeddings.
    #[must_use]
    pub fn anchors(&self) -> usize {
        self.anchors.map_or(self.rows.len(), <[u32]>::len)
    }

    /// Number of embeddings, anchors or not: the length of the gradient.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Index, embedding and class of an anchor; `None` at an empty place.
    #[inline]
    pub(crate) fn anchor(&self, anchor: usize) -> Option<(usize, &'a [f32; D], u8)> {
        let index = match self.anchors {
            Some(anchors) => *anchors.get(anchor)? as usize,
            None => anchor,
        };
        Some((index, self.rows.get(index)?, self.labels.get(index)?))
    }

    /// The anchors in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &'a [f32; D], u8)> + '_ {
        (0..self.anchors()).filter_map(|anchor| self.anchor(anchor))
    }
}

/// The largest 1 / ‖x‖: a vector shorter than 10⁻¹² counts as one of length 0.
const LARGEST_INVERSE: f32 = 1e12;

/// 1 / ‖x‖; `None` for a vector of length 0.
pub(crate) fn inverse_norm<M: Math, const D: usize>(row: &[f32; D]) -> Option<f32> {
    // Scaled by the largest component, whose square might be neither 0 nor finite.
    let largest = row.iter().fold(0.0, |largest, component| larger(largest, component.abs()));
    if largest <= 0.0 {
        return None;
    }
    let scaled = row.map(|component| component / largest);
    let inverse = 1.0 / M::sqrt(dot(&scaled, &scaled)) / largest;
    (inverse <= LARGEST_INVERSE).then_some(inverse)
}
