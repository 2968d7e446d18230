//! A picture and the classes of its pixels.

use crate::error::check_length;
use crate::{Buffer, LengthError, Moments, Shape};

/// The label of pixels of which nobody told the class: they take no part in training or measuring.
pub const IGNORED: u8 = 255;

/// An image in buffers that the caller lends, and the class of each of its pixels or [`IGNORED`].
#[derive(Debug)]
pub struct Frame<'a, const CHANNELS: usize> {
    shape: Shape,
    image: &'a mut [[u8; CHANNELS]],
    labels: &'a mut [u8],
    field: Option<[Moments; CHANNELS]>,
}

impl<'a, const CHANNELS: usize> Frame<'a, CHANNELS> {
    /// A frame of what the buffers hold, row after row.
    ///
    /// # Errors
    /// If `image` and `labels` have not one element a pixel.
    pub fn new(shape: Shape, image: &'a mut [[u8; CHANNELS]], labels: &'a mut [u8]) -> Result<Self, LengthError> {
        check_length(Buffer::Image, shape.pixels(), image.len())?;
        check_length(Buffer::Labels, shape.pixels(), labels.len())?;
        Ok(Self { shape, image, labels, field: None })
    }

    /// Height and width.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The channels of each pixel.
    #[must_use]
    pub const fn image(&self) -> &[[u8; CHANNELS]] {
        self.image
    }

    /// The channels of each pixel, to be written.
    pub const fn image_mut(&mut self) -> &mut [[u8; CHANNELS]] {
        self.image
    }

    /// The class of each pixel, or [`IGNORED`].
    #[must_use]
    pub const fn labels(&self) -> &[u8] {
        self.labels
    }

    /// The class of each pixel, to be written.
    pub const fn labels_mut(&mut self) -> &mut [u8] {
        self.labels
    }

    /// Tells the moments of the field of view of which the frame is a window; with `None` the frame is the whole field.
    pub const fn set_field(&mut self, moments: Option<[Moments; CHANNELS]>) {
        self.field = moments;
    }

    /// What the image is normalised by: the moments of the field of view, or of the frame if it is the whole field.
    #[must_use]
    pub fn moments(&self) -> [Moments; CHANNELS] {
        self.field.unwrap_or_else(|| Moments::of(self.image))
    }
}
