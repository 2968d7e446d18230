//! The scan of the Lovász extension: by how much the Jaccard loss grows with each pixel, worst error first.

/// The increments of the Jaccard loss as pixels are added in order of decreasing error.
///
/// With G foreground pixels in all, after P of them and N of the background: J = 1 − (G − P)/(G + N). The increment of the
/// next pixel in closed form: 1/(G + N) for the foreground, (G − P)/((G + N)(G + N + 1)) for the background, and 1 for the
/// very first pixel if there is no foreground at all. All are ≥ 0 and they sum to 1.
///
/// Differences of J instead would cancel: at 262 144 pixels in f32 their median relative error is 3 %, and a tenth of them
/// is 0 that should not be.
///
/// ```
/// use scarce::JaccardIncrements;
///
/// // Three pixels in order of decreasing error, one of them foreground.
/// let mut increments = JaccardIncrements::new(1);
/// assert_eq!([false, true, false].map(|foreground| increments.next(foreground)), [0.5, 0.5, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JaccardIncrements {
    /// G − P: foreground pixels to come.
    intersection: u32,
    /// G + N: foreground pixels in all, and background pixels so far.
    union: u32,
}

impl JaccardIncrements {
    /// Begins a scan over pixels of which `foreground` in all are foreground.
    #[must_use]
    pub const fn new(foreground: u32) -> Self {
        Self { intersection: foreground, union: foreground }
    }

    /// The increment of the next pixel.
    ///
    /// More foreground pixels than announced are taken for the last one announced; the increments stay finite.
    #[inline]
    pub const fn next(&mut self, foreground: bool) -> f32 {
        if self.union == 0 {
            self.union = !foreground as u32;
            return self.union as f32;
        }
        if foreground {
            self.intersection = self.intersection.saturating_sub(1);
        }
        let increment = signed_increment(self.intersection as f32, self.union as f32, foreground).abs();
        if !foreground {
            self.union = self.union.saturating_add(1);
        }
        increment
    }
}

/// The increment of a pixel, negative for the foreground, if there is any: how the loss changes with a probability or a
/// logit. `intersection` is G − P and `union` G + N before it.
#[inline(always)]
pub(crate) const fn signed_increment(intersection: f32, union: f32, foreground: bool) -> f32 {
    let numerator = if foreground { -1.0 } else { intersection };
    let denominator = if foreground { union } else { union * (union + 1.0) };
    numerator / denominator
}
