//! Scores and labels, as C hands them over.

#![deny(unsafe_op_in_unsafe_fn)]

use crate::memory::{Region, one};
use crate::status::{Buffer, Failure, one_of};
use scarce::{Error, Labels};

/// Where the scores of a pixel lie. The gradient lies in the same way.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Side by side: `[pixels][classes]`.
    Rows = 0,
    /// In planes: `[images][classes][pixels / images]`, as PyTorch's NCHW.
    Planes = 1,
}

/// Scores and labels.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// `pixels * classes` of them.
    pub logits: *const f32,
    /// `pixels` of them: classes, from 0 on; with one class 0 for background and 1 for foreground.
    pub labels: *const u8,
    /// Pixels of all images.
    pub pixels: usize,
    /// Classes; the library is built for some numbers of them.
    pub classes: usize,
    /// Images of one size, one after the other; at least 1.
    pub images: usize,
    /// One of `enum scarce_layout`.
    pub layout: u32,
    /// Whether there is a label that is ignored: 0 or 1.
    pub has_ignore: u8,
    /// That label. Pixels that have it take no part, and their scores are not read.
    pub ignore: u8,
}

/// A batch whose pointers have been checked.
pub(crate) struct Checked {
    pub(crate) logits: Region<f32>,
    pub(crate) labels: Region<u8>,
    pub(crate) classes: usize,
    pub(crate) images: usize,
    pub(crate) layout: Layout,
    pub(crate) ignore: Option<u8>,
}

impl Checked {
    /// # Safety
    /// If it is not null, `batch` can be read.
    pub(crate) unsafe fn new(batch: *const Batch) -> Result<Self, Failure> {
        // SAFETY: by the caller.
        let batch = unsafe { one(batch, Buffer::Data) }?;
        if batch.pixels.checked_rem(batch.images) != Some(0) {
            return Err(Error::Images { images: batch.images, pixels: batch.pixels }.into());
        }
        Ok(Self {
            logits: Region::of_rows(batch.logits, batch.pixels, batch.classes, Buffer::Logits)?,
            labels: Region::new(batch.labels, batch.pixels, Buffer::Labels)?,
            classes: batch.classes,
            images: batch.images,
            layout: one_of([Layout::Rows, Layout::Planes], batch.layout)?,
            ignore: ignored(batch.has_ignore, batch.ignore),
        })
    }
}

pub(crate) fn ignored(has_ignore: u8, ignore: u8) -> Option<u8> {
    (has_ignore != 0).then_some(ignore)
}

/// Labels, and the one that is ignored.
pub(crate) const fn labels(data: &[u8], ignore: Option<u8>) -> Labels<'_> {
    match ignore {
        Some(ignore) => Labels::new(data).ignoring(ignore),
        None => Labels::new(data),
    }
}
