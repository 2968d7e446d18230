//! Sums over pixels that do not drift.

/// Pixels that are added up plainly before the block is carried to the compensated total.
///
/// Compensating every addition costs four operations instead of one; the plain additions in between err by some 2⁻²¹ of
/// the block at worst, whatever the size of the image.
pub(crate) const BLOCK: usize = 64;

/// Plain sums that run side by side within a block.
pub(crate) const SUMS: usize = 8;

/// A sum kept in two floats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    high: f32,
    low: f32,
}

impl Total {
    pub(crate) const ZERO: Self = Self { high: 0.0, low: 0.0 };

    #[inline]
    pub(crate) fn add(&mut self, addend: f32) {
        let sum = self.high + addend;
        // Knuth's two-sum: the rounding error of `sum`, exactly.
        let part = sum - self.high;
        let error = (self.high - (sum - part)) + (addend - part);
        self.high = sum;
        // Past the largest float the error would be NaN, and the sum is infinite in any case.
        self.low = if sum.is_finite() { self.low + error } else { 0.0 };
    }

    /// Adds another sum.
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.add(other.high);
        self.add(other.low);
    }

    /// Past the largest float the sum saturates: 0 · ∞ would be NaN later.
    #[inline]
    pub(crate) fn get(self) -> f32 {
        (self.high + self.low).clamp(f32::MIN, f32::MAX)
    }
}

/// `N` sums that run side by side over the same pixels, one pixel after the other.
///
/// The order is fixed: pixels in the order given, in blocks of 64 counted from the first one added. Equal inputs give equal
/// bits on every target.
#[derive(Clone, Copy)]
pub(crate) struct Sums<const N: usize> {
    totals: [Total; N],
    block: [f32; N],
    filled: usize,
}

impl<const N: usize> Sums<N> {
    pub(crate) const ZERO: Self = Self { totals: [Total::ZERO; N], block: [0.0; N], filled: 0 };

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
        for (total, block) in self.totals.iter_mut().zip(&mut self.block) {
            total.add(core::mem::take(block));
        }
        self.filled = 0;
    }

    pub(crate) fn total(mut self) -> [f32; N] {
        self.carry();
        self.totals.map(Total::get)
    }
}

/// The sum of a block of pixels, in eight sums over every eighth of them.
///
/// As [`Sums`], the order is fixed: the pixel at place k of its block belongs to sum k mod 8, and at the end these are added
/// in order. `L` pixels are added at a time, whatever `L`, with the same bits.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct BlockSum([f32; SUMS]);

impl BlockSum {
    pub(crate) const ZERO: Self = Self([0.0; SUMS]);

    /// Adds the values of the `L` pixels from `place` on. `L` is 1 or a multiple of 8, and `place` a multiple of `L`.
    #[inline(always)]
    pub(crate) fn add<const L: usize>(&mut self, place: usize, values: &[f32; L]) {
        if L == 1 {
            self.0[place % SUMS] += values.iter().sum::<f32>();
        } else {
            self.add_chunks(values.as_chunks().0);
        }
    }

    // Inlined, the eight sums are numbers like any others, and the compiler adds them up one after the other.
    #[inline(never)]
    fn add_chunks(&mut self, chunks: &[[f32; SUMS]]) {
        for values in chunks {
            for (sum, value) in self.0.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// Takes one of the sums from another, where it is the first.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: usize, Self([sum, ..]): Self) {
        self.0[place % SUMS] = sum;
    }

    /// The sum of the values of a block of pixels.
    #[inline(always)]
    pub(crate) fn of<const L: usize>(values: &[f32; L]) -> f32 {
        let mut sum = Self::ZERO;
        sum.add(0, values);
        sum.get()
    }

    #[inline]
    pub(crate) fn get(&self) -> f32 {
        self.0.iter().fold(0.0, |sum, value| sum + value)
    }
}

/// A [`BlockSum`] for each of `C` classes, to which pixels are added one after the other.
///
/// The classes lie side by side: a pixel adds to all of them from one address on.
#[derive(Clone, Copy)]
pub(crate) struct ClassSums<const C: usize>([[f32; C]; SUMS]);

impl<const C: usize> ClassSums<C> {
    pub(crate) const ZERO: Self = Self([[0.0; C]; SUMS]);

    /// Adds the values of one pixel.
    #[inline(always)]
    pub(crate) fn add_row(&mut self, place: usize, values: impl Iterator<Item = f32>) {
        for (sum, value) in self.0[place % SUMS].iter_mut().zip(values) {
            *sum += value;
        }
    }

    /// Adds one pixel's value to one class; to none if it is no class.
    #[inline(always)]
    pub(crate) fn add_one(&mut self, place: usize, class: usize, value: f32) {
        if let Some(sum) = self.0[place % SUMS].get_mut(class) {
            *sum += value;
        }
    }

    /// The sum of one class.
    #[inline]
    pub(crate) fn get(&self, class: usize) -> f32 {
        self.0.iter().fold(0.0, |total, sums| total + sums.get(class).copied().unwrap_or(0.0))
    }
}

/// Σ ln(1 + x) of a block of pixels, as eight logarithms of products: 1 + X = Π (1 + x) over every eighth pixel.
///
/// X is kept, not 1 + X, so that nothing is lost however small the x. A logarithm costs as much as an exponential, and of
/// 64 there remain 8. As long as the x do not exceed 255 the products stay below 2⁶⁴.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct BlockProduct([f32; SUMS]);

impl BlockProduct {
    pub(crate) const ONE: Self = Self([0.0; SUMS]);

    /// As [`BlockSum::add`].
    #[inline(always)]
    pub(crate) fn multiply<const L: usize>(&mut self, place: usize, values: &[f32; L]) {
        let times = |product: f32, value: f32| (product + value) + product * value;
        if let (1, [value]) = (L, values.as_slice()) {
            let product = &mut self.0[place % SUMS];
            *product = times(*product, *value);
        }
        for values in values.as_chunks::<SUMS>().0 {
            for (product, value) in self.0.iter_mut().zip(values) {
                *product = times(*product, *value);
            }
        }
    }

    /// As [`BlockSum::put`].
    #[inline(always)]
    pub(crate) fn put(&mut self, place: usize, Self([product, ..]): Self) {
        self.0[place % SUMS] = product;
    }

    #[inline]
    pub(crate) fn logarithm<M: crate::Math>(&self) -> f32 {
        self.0.iter().fold(0.0, |sum, &odds| sum + M::ln_1p(odds))
    }
}
