//! The class of each pixel.

use crate::kernel::tile::IGNORED;
use core::ops::Range;

/// The class of each pixel, and the label that means "ignore this pixel".
///
/// With `C ≥ 2` channels a label is a class in `0..C`. With one channel it is 0 (background) or 1 (foreground, what the
/// channel scores). The ignored label may be any `u8`; it wins over a class of the same number.
///
/// ```
/// use scarce::Labels;
///
/// let labels = Labels::new(&[0, 1, 255, 1]).ignoring(255);
/// assert_eq!(labels.len(), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    data: &'a [u8],
    ignore: Option<u8>,
}

impl<'a> Labels<'a> {
    /// Labels of which none is ignored.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { data, ignore: None }
    }

    /// The same labels; pixels labelled `ignore` take no part in anything and their scores are never read.
    #[doc(alias = "ignore_index")]
    #[must_use]
    pub const fn ignoring(self, ignore: u8) -> Self {
        Self { ignore: Some(ignore), ..self }
    }

    /// Number of pixels.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no pixel.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The labels of a range.
    #[inline]
    pub(crate) fn of(self, range: Range<usize>) -> Self {
        Self { data: self.data.get(range).unwrap_or_default(), ..self }
    }

    /// The labels from a pixel on, and the one that is ignored; [`NONE`] if none is.
    #[inline(always)]
    pub(crate) fn data_from(&self, start: usize) -> (&'a [u8], u32) {
        (self.data.get(start..).unwrap_or_default(), self.ignore.map_or(NONE, u32::from))
    }

    /// Whether a pixel that is not ignored is of the class of a channel.
    #[inline(always)]
    pub(crate) fn are<const C: usize>(self, channel: usize) -> impl Fn(usize) -> bool + Copy + use<'a, C> {
        let class = u8::try_from(channel.wrapping_add(usize::from(C == 1))).ok();
        let class = class.filter(|_| class != self.ignore).map_or(NONE, u32::from);
        let labels = self.data;
        move |pixel| labels.get(pixel).is_some_and(|label| u32::from(*label) == class)
    }

    /// Whether a pixel is ignored.
    #[inline]
    pub(crate) fn is_ignored(&self, pixel: usize) -> bool {
        self.ignore.is_some() && self.data.get(pixel).copied() == self.ignore
    }

    /// The label of a pixel; `None` if it is ignored or past the end.
    #[inline]
    pub(crate) fn get(&self, pixel: usize) -> Option<u8> {
        self.data.get(pixel).copied().filter(|&label| Some(label) != self.ignore)
    }

    /// The channels of the `L` pixels from `start` on, up to `end`; [`IGNORED`] where ignored and past the end, and
    /// [`BACKGROUND`] for label 0 of a single channel.
    #[inline(always)]
    pub(crate) fn channels<const C: usize, const L: usize>(&self, start: usize, end: usize) -> [u32; L] {
        let ignore = self.ignore.map_or(NONE, u32::from);
        let channel = |label: u8| match u32::from(label) {
            label if label == ignore => IGNORED,
            0 if C == 1 => BACKGROUND,
            1 if C == 1 => 0,
            label => label,
        };
        let labels = self.data.get(start..end).unwrap_or_default();
        if let Some(labels) = labels.first_chunk::<L>() {
            return labels.map(channel);
        }
        let mut channels = [IGNORED; L];
        for (slot, label) in channels.iter_mut().zip(labels) {
            *slot = channel(*label);
        }
        channels
    }

    /// Counts the labels of the up to `L` pixels from `start` on; whether any is ignored. `None` if any is no class.
    #[inline(always)]
    pub(crate) fn count<const C: usize, const L: usize>(
        &self,
        start: usize,
        counts: &mut [u32; C],
        valid: &mut u32,
    ) -> Option<bool> {
        let labels: &[u8] = self.data.get(start..).unwrap_or_default();
        if let Some(labels) = labels.first_chunk::<L>()
            && L > 1
        {
            // One class after the other, many pixels at once; they are not more than a byte counts.
            let of = |wanted: u8| labels.iter().fold(0_u8, |sum, &label| sum.wrapping_add(u8::from(label == wanted)));
            let ignored = self.ignore.map_or(0, of);
            let mut classes = 0_u32;
            for (label, count) in (u8::from(C == 1)..=u8::MAX).zip(counts) {
                if Some(label) != self.ignore {
                    let found = u32::from(of(label));
                    *count = count.wrapping_add(found);
                    classes = classes.wrapping_add(found);
                }
            }
            if C == 1 && self.ignore != Some(0) {
                classes = classes.wrapping_add(u32::from(of(0)));
            }
            *valid = valid.wrapping_add(classes);
            return (classes.wrapping_add(u32::from(ignored)) as usize == L).then_some(ignored > 0);
        }
        let mut ignored = false;
        for &label in labels.iter().take(L) {
            if Some(label) == self.ignore {
                ignored = true;
                continue;
            }
            tally(label, counts, valid)?;
        }
        Some(ignored)
    }

    /// The labels from `start` on, `None` where ignored.
    #[inline]
    pub(crate) fn from(&self, start: usize) -> impl Iterator<Item = Option<u8>> + use<'a> {
        let ignore = self.ignore;
        let data: &'a [u8] = self.data.get(start..).unwrap_or_default();
        data.iter().map(move |&label| (Some(label) != ignore).then_some(label))
    }
}

/// No label: what no `u8` is.
const NONE: u32 = 256;

/// The channel of label 0 of a single channel: none, yet not [`IGNORED`].
pub(crate) const BACKGROUND: u32 = u32::MAX - 1;

/// The channel that a label turns on: the label itself, or with one channel its only one for label 1.
///
/// `usize::MAX`, which is no channel, stands for the background of a single channel.
#[inline]
pub(crate) const fn channel<const C: usize>(label: u8) -> usize {
    if C == 1 { (label as usize).wrapping_sub(1) } else { label as usize }
}

/// Whether a label is a class; with one channel 0 and 1 are.
#[inline]
pub(crate) const fn is_class<const C: usize>(label: u8) -> bool {
    channel::<C>(label) < C || (C == 1 && label == 0)
}

/// Counts one label; `None` if it is no class.
#[inline(always)]
pub(crate) fn tally<const C: usize>(label: u8, counts: &mut [u32; C], valid: &mut u32) -> Option<()> {
    match counts.get_mut(channel::<C>(label)) {
        Some(count) => *count = count.wrapping_add(1),
        None if C == 1 && label == 0 => {}
        None => return None,
    }
    *valid = valid.wrapping_add(1);
    Some(())
}

/// The label of a [channel](Labels::channels).
#[inline]
pub(crate) const fn label<const C: usize>(channel: u32) -> u8 {
    if C == 1 { (channel == 0) as u8 } else { channel as u8 }
}
