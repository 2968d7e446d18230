//! The size of an image.

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
}
