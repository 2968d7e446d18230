//! Sums over pixels that do not drift.

/// Pixels that are added up plainly before the block is carried to the compensated total.
///
/// Compensating every addition costs four operations instead of one; 64 plain additions in between err by some 2⁻²¹ of
/// the block at worst, whatever the size of the image.
const BLOCK: u32 = 64;

/// `N` sums that run side by side over the same pixels.
///
/// The order is fixed: pixels in the order given, in blocks of 64 counted from the first one added; each block's sum is
/// carried to a total kept in two floats. Equal inputs give equal bits on every target.
#[derive(Clone, Copy)]
pub(crate) struct Sums<const N: usize> {
    high: [f32; N],
    low: [f32; N],
    block: [f32; N],
    filled: u32,
}

impl<const N: usize> Sums<N> {
    pub(crate) const ZERO: Self = Self { high: [0.0; N], low: [0.0; N], block: [0.0; N], filled: 0 };

    #[inline]
    pub(crate) fn add(&mut self, values: [f32; N]) {
        for (sum, value) in self.block.iter_mut().zip(values) {
            *sum += value;
        }
        self.filled = self.filled.wrapping_add(1);
        if self.filled >= BLOCK {
            self.carry();
        }
    }

    fn carry(&mut self) {
        for ((high, low), block) in self.high.iter_mut().zip(&mut self.low).zip(&mut self.block) {
            let sum = *high + *block;
            // Knuth's two-sum: the rounding error of `sum`, exactly.
            let part = sum - *high;
            let error = (*high - (sum - part)) + (*block - part);
            *high = sum;
            // Past the largest float the error would be NaN, and the sum is infinite in any case.
            *low = if sum.is_finite() { *low + error } else { 0.0 };
            *block = 0.0;
        }
        self.filled = 0;
    }

    pub(crate) fn total(mut self) -> [f32; N] {
        self.carry();
        let mut total = self.high;
        for (sum, low) in total.iter_mut().zip(self.low) {
            // Past the largest float the sum saturates: 0 · ∞ would be NaN later.
            *sum = (*sum + low).clamp(f32::MIN, f32::MAX);
        }
        total
    }
}
