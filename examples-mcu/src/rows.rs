//! Frames that are not in memory.

use crate::error::check_length;
use crate::{Buffer, Frame, LengthError, Moments, Shape};
use core::ops::Range;

/// A frame of which some rows are had at a time: it lies in the camera, on a flash chip, or wherever there is room for it.
///
/// Rows are asked for more than once, and are the same each time. A [`Frame`] is in memory as a whole, and hands out copies.
pub trait Rows<const CHANNELS: usize> {
    /// What can go wrong.
    type Error: core::fmt::Debug;

    /// Height and width.
    fn shape(&self) -> Shape;

    /// What the image is normalised by.
    fn moments(&self) -> [Moments; CHANNELS];

    /// Fills `image` with the channels of the pixels of some rows.
    ///
    /// # Errors
    /// If they are not to be had.
    fn read_image(&mut self, rows: Range<usize>, image: &mut [[u8; CHANNELS]]) -> Result<(), Self::Error>;

    /// Fills `labels` with the classes of the pixels of some rows, or [`IGNORED`](crate::IGNORED).
    ///
    /// # Errors
    /// If they are not to be had.
    fn read_labels(&mut self, rows: Range<usize>, labels: &mut [u8]) -> Result<(), Self::Error>;
}

impl<const CHANNELS: usize> Rows<CHANNELS> for Frame<'_, CHANNELS> {
    type Error = LengthError;

    fn shape(&self) -> Shape {
        self.shape()
    }

    fn moments(&self) -> [Moments; CHANNELS] {
        self.moments()
    }

    fn read_image(&mut self, rows: Range<usize>, image: &mut [[u8; CHANNELS]]) -> Result<(), LengthError> {
        copy(Buffer::Image, self.image(), self.shape().pixels_of(&rows), image)
    }

    fn read_labels(&mut self, rows: Range<usize>, labels: &mut [u8]) -> Result<(), LengthError> {
        copy(Buffer::Labels, self.labels(), self.shape().pixels_of(&rows), labels)
    }
}

fn copy<T: Copy>(buffer: Buffer, from: &[T], pixels: Range<usize>, to: &mut [T]) -> Result<(), LengthError> {
    let from = from.get(pixels).unwrap_or_default();
    check_length(buffer, from.len(), to.len())?;
    to.copy_from_slice(from);
    Ok(())
}
