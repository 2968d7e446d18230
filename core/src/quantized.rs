//! Scores of 8 bits, as a quantised network has them.

use crate::error::{check_parameter, positive};
use crate::kernel::softmax::Steps;
use crate::math::{Fast, Math};
use crate::scores::{Zeros, sealed};
use crate::{Error, Labels, Parameter, Scores};
use core::any::TypeId;
use core::marker::PhantomData;
use core::ops::Range;

/// Pixel-major scores of 8 bits to read: score = (q − `zero_point`) · `scale`, as CMSIS-NN and LiteRT have it.
///
/// Each score is what `f32::from(q − zero_point) * scale` gives, so every loss has the bits that it has on the scores as
/// `f32`; they are never all there at once. A batch of them needs no search for scores that are not finite.
///
/// [`tabled`](Self::tabled) takes the exponentials of [`CrossEntropy`](crate::CrossEntropy) and
/// [`Focal`](crate::Focal) from a table: the same bits again, without computing one.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, Quantized};
///
/// let logits = [[12_i8, -4, -20], [0, 4, 8]]; // 2, 0, −2 and ½, 1, 1½
/// let quantized = Quantized::new(&logits, 0.125, -4)?;
/// let batch = Batch::new(&quantized, Labels::new(&[0, 1]))?;
/// let mut grad = [[0.0; 3]; 2];
/// let loss = CrossEntropy::new().value_and_grad(&batch, &mut grad, &mut [])?;
///
/// let floats = [[2.0, 0.0, -2.0], [0.5, 1.0, 1.5]];
/// let same = CrossEntropy::new().value(&Batch::new(&floats, Labels::new(&[0, 1]))?, &mut [])?;
/// assert_eq!(loss, same);
/// # Ok::<(), scarce::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantized<'a, const C: usize, T = ()> {
    rows: &'a [[i8; C]],
    scales: [f32; C],
    zero_points: [i8; C],
    table: T,
}

impl<'a, const C: usize> Quantized<'a, C> {
    /// One scale and one zero point for all scores.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is not in `1e-12..=1e12`.
    pub fn new(rows: &'a [[i8; C]], scale: f32, zero_point: i8) -> Result<Self, Error> {
        Self::per_class(rows, [scale; C], [zero_point; C])
    }

    /// A scale and a zero point for each class: quantisation per channel.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a scale is not in `1e-12..=1e12`.
    pub fn per_class(rows: &'a [[i8; C]], scales: [f32; C], zero_points: [i8; C]) -> Result<Self, Error> {
        check_parameter(Parameter::QuantizationScale, &scales, positive)?;
        Ok(Self { rows, scales, zero_points, table: () })
    }
}

impl<'a, const C: usize, M> Quantized<'a, C, &'a ExpTable<M>> {
    /// One scale for all scores, the table's, and one zero point.
    ///
    /// What a loss with other elementary functions than the table's, label smoothing or logit adjustment needs, it computes.
    #[must_use]
    pub const fn tabled(rows: &'a [[i8; C]], table: &'a ExpTable<M>, zero_point: i8) -> Self {
        Self { rows, scales: [table.scale; C], zero_points: [zero_point; C], table }
    }
}

/// The exponentials of all distances between scores of 8 bits: exp(−k · scale) for k in `0..=255`, 1 KB.
///
/// The scale is rounded to 16 significant bits, which moves a score by less than 1/256 of a step: then all scores and all
/// their differences are exact in `f32`, so an exponential from the table has the very bits of the one that would be
/// computed. Made once; it may serve several heads of one scale.
///
/// ```
/// use scarce::{Batch, CrossEntropy, ExpTable, Labels, Loss, Quantized};
///
/// let table = ExpTable::new(0.0938)?;
/// assert!((table.scale() / 0.0938 - 1.0).abs() < 1.0 / 65_536.0);
///
/// let logits = [[12_i8, -4, -20], [0, 4, 8]];
/// let quantized = Quantized::tabled(&logits, &table, -4);
/// let loss = CrossEntropy::new().value(&Batch::new(&quantized, Labels::new(&[0, 1]))?, &mut [])?;
///
/// let computed = Quantized::new(&logits, table.scale(), -4)?;
/// assert_eq!(loss, CrossEntropy::new().value(&Batch::new(&computed, Labels::new(&[0, 1]))?, &mut [])?);
/// # Ok::<(), scarce::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ExpTable<M = Fast> {
    /// Their bits.
    exponentials: [u32; STEPS],
    scale: f32,
    math: PhantomData<M>,
}

/// Distances between two numbers of 8 bits.
const STEPS: usize = 256;

impl ExpTable {
    /// The exponentials of [`Fast`].
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is not in `1e-12..=1e12`.
    pub fn new(scale: f32) -> Result<Self, Error> {
        let scale = rounded(scale);
        check_parameter(Parameter::QuantizationScale, &[scale], positive)?;
        Ok(Self::of(scale))
    }
}

impl<M: Math> ExpTable<M> {
    fn of(scale: f32) -> Self {
        let mut exponentials = [0; STEPS];
        for (exponential, steps) in exponentials.iter_mut().zip(0_u16..) {
            *exponential = M::exp(0.0 - f32::from(steps) * scale).to_bits();
        }
        Self { exponentials, scale, math: PhantomData }
    }
}

impl<M> ExpTable<M> {
    /// Other elementary functions: those of the loss.
    #[must_use]
    pub fn with_math<N: Math>(self, _: N) -> ExpTable<N> {
        ExpTable::of(self.scale)
    }

    /// The scale, rounded to 16 significant bits.
    #[must_use]
    pub const fn scale(&self) -> f32 {
        self.scale
    }
}

/// To 16 significant bits, ties to even: times any of `-255..=255` it is exact.
const fn rounded(scale: f32) -> f32 {
    /// Bits of the mantissa that are dropped.
    const DROPPED: u32 = 8;
    let bits = scale.to_bits();
    let even = (bits >> DROPPED) & 1;
    let up = bits.wrapping_add((1 << (DROPPED - 1)) - 1 + even);
    f32::from_bits(up & !((1 << DROPPED) - 1))
}

/// What a view may have besides its scores: nothing, or a table of exponentials; sealed.
pub trait Table: sealed::Sealed {
    /// Whether there is one.
    #[doc(hidden)]
    const IS_TABLE: bool = false;

    /// The table, if it is one of these functions, and its scale.
    #[doc(hidden)]
    fn of<M: Math>(&self) -> Option<(&[u32; STEPS], f32)> {
        None
    }
}

impl sealed::Sealed for () {}
impl Table for () {}

impl<M> sealed::Sealed for &ExpTable<M> {}
impl<N: Math> Table for &ExpTable<N> {
    const IS_TABLE: bool = true;

    #[inline(always)]
    fn of<M: Math>(&self) -> Option<(&[u32; STEPS], f32)> {
        (TypeId::of::<M>() == TypeId::of::<N>()).then_some((&self.exponentials, self.scale))
    }
}

impl<const C: usize, T> Quantized<'_, C, T> {
    #[inline(always)]
    fn scores(&self, row: &[i8; C]) -> [f32; C] {
        let mut scores = [0.0; C];
        for (((score, q), scale), zero_point) in scores.iter_mut().zip(row).zip(&self.scales).zip(&self.zero_points) {
            *score = dequantized(i32::from(*q), *scale, *zero_point);
        }
        scores
    }
}

#[inline(always)]
pub(crate) const fn dequantized(q: i32, scale: f32, zero_point: i8) -> f32 {
    q.wrapping_sub(zero_point as i32) as f32 * scale
}

/// The pixels from `start` on, as many as there are, side by side.
#[inline(always)]
pub(crate) fn read_rows<E, const C: usize, const L: usize>(
    rows: &[[E; C]],
    start: usize,
    tile: &mut [[f32; L]; C],
    scores_of: impl Fn(&[E; C]) -> [f32; C],
) {
    for (row, lane) in rows.get(start..).unwrap_or_default().iter().zip(0..L) {
        for (scores, score) in tile.iter_mut().zip(scores_of(row)) {
            scores[lane] = score;
        }
    }
}

impl<const C: usize, T: Table> sealed::Sealed for Quantized<'_, C, T> {}

impl<const C: usize, T: Table> Scores<C> for Quantized<'_, C, T> {
    const PIXEL_MAJOR: bool = false;
    const FINITE: bool = true;
    const KNOWS_SOFTMAX: bool = T::IS_TABLE;

    fn pixels(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn rows(&self, range: Range<usize>) -> impl Iterator<Item = [f32; C]> + '_ {
        self.rows.get(range).unwrap_or_default().iter().map(|row| self.scores(row))
    }

    #[inline(always)]
    fn add_to<const L: usize>(&self, _: &mut Zeros, _: usize, _: Option<Labels<'_>>) {}

    #[inline(always)]
    fn read<const L: usize>(&self, start: usize, tile: &mut [[f32; L]; C]) {
        read_rows(self.rows, start, tile, |row| self.scores(row));
    }

    #[inline(always)]
    fn steps<M: Math, const L: usize>(&self, start: usize) -> Option<Steps<'_, C>> {
        let (exponentials, scale) = self.table.of::<M>()?;
        let rows = self.rows.get(start..).unwrap_or_default();
        let rows = rows.first_chunk::<L>().map_or(rows, |rows| rows);
        Some(Steps { rows, exponentials, scale })
    }
}
