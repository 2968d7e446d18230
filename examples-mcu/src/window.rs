//! Rows of a frame with those around them.

use crate::Shape;
use core::ops::Range;

/// Rows of a frame, and around them those on which their features depend.
pub(crate) struct Window {
    /// All of these rows.
    pub(crate) rows: Range<usize>,
    /// Their size.
    pub(crate) shape: Shape,
    /// The pixels of the inner rows among these.
    pub(crate) inner: Range<usize>,
}

impl Window {
    /// The window around some rows of a frame, of which features reach so many rows far.
    pub(crate) fn around(rows: &Range<usize>, reach: usize, frame: Shape) -> Self {
        let around = rows.start.saturating_sub(reach)..rows.end.saturating_add(reach).min(frame.height);
        let inner = rows.start.saturating_sub(around.start)..rows.end.saturating_sub(around.start);
        let shape = Shape::new(around.len(), frame.width);
        Self { inner: shape.pixels_of(&inner), shape, rows: around }
    }

    /// The features of the inner rows among the activations of all layers, of which `deep` come before.
    pub(crate) const fn features(&self, deep: usize) -> Range<usize> {
        let before = self.shape.pixels().saturating_mul(deep);
        before.saturating_add(self.inner.start)..before.saturating_add(self.inner.end)
    }
}
