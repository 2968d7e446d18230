//! The size of an image.

use core::ops::Range;

/// Height and width of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of rows.
    pub height: usize,
    /// Number of pixels in a row.
    pub width: usize,
}

impl Shape {
    /// An image of `height` rows of `width` pixels.
    #[must_use]
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Number of pixels; `usize::MAX`, which no buffer has, if it does not fit.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.height.saturating_mul(self.width)
    }

    /// The pixels of some rows.
    pub(crate) const fn pixels_of(self, rows: &Range<usize>) -> Range<usize> {
        rows.start.saturating_mul(self.width)..rows.end.saturating_mul(self.width)
    }
}
