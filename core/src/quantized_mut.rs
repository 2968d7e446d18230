//! Gradients of 8 or 16 bits.

use crate::error::{check_parameter, positive};
use crate::kernel::tile::smaller;
use crate::quantized::{dequantized, read_rows};
use crate::scores::{Zeros, sealed};
use crate::{Error, Labels, Parameter, Scores, ScoresMut};
use core::ops::Range;

/// How the element of a quantised gradient is stored: `i8` or `i16`; sealed.
pub trait QuantizedElement: sealed::Sealed + Copy + Into<i32> + 'static {
    #[doc(hidden)]
    const ZERO: Self;
    /// Of a whole number; the nearest there is beyond the smallest and the largest.
    #[doc(hidden)]
    fn saturated(steps: f32) -> Self;
}

impl sealed::Sealed for i8 {}
impl sealed::Sealed for i16 {}

impl QuantizedElement for i8 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn saturated(steps: f32) -> Self {
        steps as Self
    }
}

impl QuantizedElement for i16 {
    const ZERO: Self = 0;

    #[inline(always)]
    fn saturated(steps: f32) -> Self {
        steps as Self
    }
}

/// How a gradient becomes a whole number of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rounding {
    /// To the nearest, ties to even: off by at most half a step; a gradient below that vanishes.
    #[default]
    Nearest,
    /// Up or down by chance, so that the mean over seeds is the gradient (to 2⁻²⁴ steps, where it does not saturate): off by less than a step.
    ///
    /// An element e = pixel · C + channel is rounded away from 0 if the upper 24 bits of h(h(seed) + e), as a fraction of
    /// 2²⁴, are below what its size has beyond a whole number. h is Wellons' `lowbias32`: no state, so no bit depends on the
    /// order in which elements are written. Give each step of a training, and each tile of an image, another seed.
    Stochastic {
        /// Any number.
        seed: u32,
    },
}

/// A pixel-major gradient of 8 or 16 bits to write: element = gradient / `scale`, rounded, and saturated.
///
/// What [`Loss::value_and_grad`](crate::Loss::value_and_grad) writes as `f32` is multiplied by 1 / `scale` in `f32`,
/// then rounded as [`Rounding`] says, to the nearest unless told otherwise. The gradient of an ignored pixel is 0.
///
/// An element of 8 bits holds no probability or error meanwhile, and what is added to it is rounded each time. So it is
/// written, once, by the losses that need no more: [`CrossEntropy`](crate::CrossEntropy),
/// [`BinaryCrossEntropy`](crate::BinaryCrossEntropy), [`Focal`](crate::Focal), [`SigmoidFocal`](crate::SigmoidFocal) and any
/// other [`PixelLoss`](crate::PixelLoss), [`Ohem`](crate::Ohem), [`Overlap`](crate::Overlap),
/// [`LovaszHistogram`](crate::LovaszHistogram). With [`Lovasz`](crate::Lovasz), [`Sum`](crate::Sum) or
/// [`add_grad`](crate::Loss::add_grad) it does not compile; sums are written by [`Tiled`](crate::Tiled), also
/// [in place](Self::in_place) of the logits.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, Quantized, QuantizedMut, Reduction};
///
/// let logits = [[8_i8, 8], [127, -128]];
/// let quantized = Quantized::new(&logits, 0.125, 0)?;
/// let batch = Batch::new(&quantized, Labels::new(&[1, 0]))?;
/// let mut grad = [[0_i8; 2]; 2];
/// let loss = CrossEntropy::new().with_reduction(Reduction::Sum);
/// loss.value_and_grad(&batch, &mut QuantizedMut::new(&mut grad, 1.0 / 128.0)?, &mut [])?;
/// assert_eq!(grad, [[64, -64], [0, 0]]); // ±½
/// # Ok::<(), scarce::Error>(())
/// ```
///
/// ```compile_fail
/// # use scarce::{Batch, Labels, Loss, Lovasz, QuantizedMut};
/// # fn main() -> Result<(), scarce::Error> {
/// let batch = Batch::new(&[[0.0, 1.0]], Labels::new(&[1]))?;
/// let mut grad = [[0_i8; 2]];
/// let mut grad = QuantizedMut::new(&mut grad, 0.01)?;
/// Lovasz::new().value_and_grad(&batch, &mut grad, &mut [0; 512])?; // keeps its errors in the gradient
/// # Ok(()) }
/// ```
///
/// ```compile_fail
/// # use scarce::{Batch, CrossEntropy, Labels, Loss, QuantizedMut};
/// # fn main() -> Result<(), scarce::Error> {
/// let batch = Batch::new(&[[0.0, 1.0]], Labels::new(&[1]))?;
/// let mut grad = [[0_i8; 2]];
/// let mut grad = QuantizedMut::new(&mut grad, 0.01)?;
/// CrossEntropy::new().add_grad(&batch, 1.0, &mut grad, &mut [])?; // adds to what is rounded
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct QuantizedMut<'a, const C: usize, E = i8> {
    rows: &'a mut [[E; C]],
    /// 1 / the scale of the gradient.
    inverse: f32,
    rounding: Rounding,
    /// Hash of the rounding's seed.
    seed: u32,
    /// Of the elements as they are read.
    scale: f32,
    zero_point: i8,
}

impl<'a, const C: usize, E: QuantizedElement> QuantizedMut<'a, C, E> {
    /// A gradient in steps of `scale`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is not in `1e-12..=1e12`.
    pub fn new(rows: &'a mut [[E; C]], scale: f32) -> Result<Self, Error> {
        Self::of(rows, scale, 0, scale)
    }

    fn of(rows: &'a mut [[E; C]], scale: f32, zero_point: i8, grad_scale: f32) -> Result<Self, Error> {
        check_parameter(Parameter::QuantizationScale, &[scale, grad_scale], positive)?;
        Ok(Self { rows, inverse: 1.0 / grad_scale, rounding: Rounding::Nearest, seed: 0, scale, zero_point })
    }

    /// Another rounding.
    #[must_use]
    pub fn with_rounding(self, rounding: Rounding) -> Self {
        let seed = if let Rounding::Stochastic { seed } = rounding { hash(seed) } else { 0 };
        Self { rounding, seed, ..self }
    }

    #[inline(always)]
    fn quantized(&self, gradient: f32, pixel: usize, channel: usize) -> E {
        let steps = gradient * self.inverse;
        match self.rounding {
            Rounding::Nearest => {
                /// Added to a number and taken off again, it leaves the nearest integer; of a larger one nothing much.
                const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
                E::saturated((steps + ROUND) - ROUND)
            }
            Rounding::Stochastic { .. } => {
                /// Beyond all elements.
                const LARGEST: f32 = 65_536.0;
                let size = smaller(steps.abs(), LARGEST);
                let whole = (size as u32) as f32;
                let element = pixel.wrapping_mul(C).wrapping_add(channel) as u32;
                let chance = (hash(self.seed.wrapping_add(element)) >> 8) as f32 * (1.0 / 16_777_216.0);
                let rounded = if chance < size - whole { whole + 1.0 } else { whole };
                E::saturated(if steps < 0.0 { -rounded } else { rounded })
            }
        }
    }

    #[inline(always)]
    fn scores(&self, row: &[E; C]) -> [f32; C] {
        row.map(|q| dequantized(q.into(), self.scale, self.zero_point))
    }
}

impl<'a, const C: usize> QuantizedMut<'a, C> {
    /// Logits of 8 bits whose place their gradient takes, in steps of `grad_scale`.
    ///
    /// As [`Scores`] it reads as [`Quantized`](crate::Quantized) does, with the logits' scale and zero point; what has been
    /// written is a gradient, and not to be read again.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a scale is not in `1e-12..=1e12`.
    pub fn in_place(rows: &'a mut [[i8; C]], scale: f32, zero_point: i8, grad_scale: f32) -> Result<Self, Error> {
        Self::of(rows, scale, zero_point, grad_scale)
    }
}

/// Wellons' `lowbias32`.
const fn hash(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let number = (number ^ (number >> 15)).wrapping_mul(0x846c_a68b);
    number ^ (number >> 16)
}

impl<const C: usize, E: QuantizedElement> sealed::Sealed for QuantizedMut<'_, C, E> {}

impl<const C: usize, E: QuantizedElement> Scores<C> for QuantizedMut<'_, C, E> {
    const PIXEL_MAJOR: bool = false;
    const FINITE: bool = true;

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
}

impl<const C: usize, E: QuantizedElement> ScoresMut<C> for QuantizedMut<'_, C, E> {
    const KEEPS: bool = false;

    #[inline(always)]
    fn write<const L: usize>(&mut self, start: usize, tile: &[[f32; L]; C]) {
        for (pixel, lane) in (start..self.rows.len()).zip(0..L) {
            for (channel, values) in tile.iter().enumerate() {
                let quantized = self.quantized(values[lane], pixel, channel);
                if let Some(element) = self.rows.get_mut(pixel).and_then(|row| row.get_mut(channel)) {
                    *element = quantized;
                }
            }
        }
    }

    fn clear(&mut self) {
        self.rows.as_flattened_mut().fill(E::ZERO);
    }

    #[inline(always)]
    fn fill_channel(&mut self, range: Range<usize>, channel: usize, mut value: impl FnMut(usize, f32) -> f32) {
        for (pixel, place) in range.zip(0..) {
            let quantized = self.quantized(value(place, 0.0), pixel, channel);
            if let Some(element) = self.rows.get_mut(pixel).and_then(|row| row.get_mut(channel)) {
                *element = quantized;
            }
        }
    }

    // What follows is for who adds or reads again: where `KEEPS` is not, that does not compile.

    fn add_rows(&mut self, _: usize, _: impl Iterator<Item = Option<[f32; C]>>) {}

    fn add<const L: usize>(&mut self, _: usize, _: &[[f32; L]; C], _: &[u32; L]) {}

    fn read_channel(&self, _: Range<usize>, _: usize, _: &mut [u32], _: impl Fn(f32) -> u32) {}

    fn element(&self, _: usize, _: usize) -> f32 {
        0.0
    }

    fn element_mut(&mut self, _: usize, _: usize) -> Option<&mut f32> {
        None
    }
}
