//! The dilated 3×3 convolution: the loops in which training spends its time.

use crate::{Parameters, Shape};
use core::ops::Range;
use rand_core::Rng;

/// A 3×3 convolution from `INPUTS` to `OUTPUTS` channels, padded with zeros.
///
/// Order of the parameters: `weights` (by tap, then input, then output), then `bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution<const INPUTS: usize, const OUTPUTS: usize> {
    /// `weights[tap][input][output]`, the taps row by row from the upper left.
    pub weights: [[[f32; OUTPUTS]; INPUTS]; 9],
    /// One addend an output.
    pub bias: [f32; OUTPUTS],
}

/// Offsets of the taps in rows and columns, in units of the dilation.
const TAPS: [(isize, isize); 9] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)];

/// Pixels of a row whose sums are kept at hand while the taps are gone through.
const TILE: usize = 32;

impl<const INPUTS: usize, const OUTPUTS: usize> Convolution<INPUTS, OUTPUTS> {
    /// Weights drawn uniformly from ±√(6 / fan-in) (He et al., 2015), which keeps the variance of what passes the ReLU
    /// that follows; biases zero.
    #[must_use]
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut convolution = Self::zeros();
        let bound = libm::sqrtf(6.0 / (9 * INPUTS) as f32);
        let weights = convolution.weights.as_flattened_mut().as_flattened_mut();
        weights.iter_mut().for_each(|weight| *weight = uniform(rng, bound));
        convolution
    }

    /// `output` = ReLU of the convolution of `input`: the bias, then the taps in order, those outside of the image left
    /// out, then the inputs in order.
    pub(crate) fn forward(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        dilation: usize,
        output: &mut [[f32; OUTPUTS]],
    ) {
        for (y, row) in output.chunks_exact_mut(shape.width.max(1)).enumerate() {
            for (tile, start) in row.chunks_mut(TILE).zip((0_usize..).step_by(TILE)) {
                tile.fill(self.bias);
                let columns = start..start.wrapping_add(tile.len());
                for (weights, tap) in self.weights.iter().zip(TAPS) {
                    let (skipped, pixels) = neighbours(input, shape, y, columns.clone(), scaled(tap, dilation));
                    add_products(pixels, weights, tile.get_mut(skipped..).unwrap_or_default());
                }
                tile.as_flattened_mut().iter_mut().for_each(|value| *value = value.max(0.0));
            }
        }
    }

    /// Adds the gradient with respect to weights and bias to `gradient`, given the gradient with respect to the sums that
    /// the ReLU took: the pixels of each row are summed in order, then the rows.
    pub(crate) fn backward(
        input: &[[f32; INPUTS]],
        shape: Shape,
        dilation: usize,
        slopes: &[[f32; OUTPUTS]],
        gradient: &mut Self,
    ) {
        for (y, row) in slopes.chunks_exact(shape.width.max(1)).enumerate() {
            for (weights, tap) in gradient.weights.iter_mut().zip(TAPS) {
                let (skipped, pixels) = neighbours(input, shape, y, 0..shape.width, scaled(tap, dilation));
                add_outer_products(pixels, row.get(skipped..).unwrap_or_default(), weights);
            }
            add_sum(row, &mut gradient.bias);
        }
    }

    /// Given the gradient with respect to the sums that this layer's ReLU took, replaces the layer's input, outputs of a
    /// ReLU, by the gradient with respect to what that ReLU took: the taps in order, then the outputs in order.
    pub(crate) fn backpropagate(
        &self,
        slopes: &[[f32; OUTPUTS]],
        shape: Shape,
        dilation: usize,
        input: &mut [[f32; INPUTS]],
    ) {
        let transposed = self.weights.map(transpose);
        for (y, row) in input.chunks_exact_mut(shape.width.max(1)).enumerate() {
            for (tile, start) in row.chunks_mut(TILE).zip((0_usize..).step_by(TILE)) {
                let mut sums = [[0.0; INPUTS]; TILE];
                let sums = sums.get_mut(..tile.len()).unwrap_or_default();
                let columns = start..start.wrapping_add(tile.len());
                for (weights, (rows, columns_)) in transposed.iter().zip(TAPS) {
                    let offset = scaled((-rows, -columns_), dilation);
                    let (skipped, pixels) = neighbours(slopes, shape, y, columns.clone(), offset);
                    add_products(pixels, weights, sums.get_mut(skipped..).unwrap_or_default());
                }
                for (value, &mut slope) in tile.as_flattened_mut().iter_mut().zip(sums.as_flattened_mut()) {
                    *value = if *value > 0.0 { slope } else { 0.0 };
                }
            }
        }
    }
}

impl<const INPUTS: usize, const OUTPUTS: usize> Parameters for Convolution<INPUTS, OUTPUTS> {
    const COUNT: usize = (9 * INPUTS + 1) * OUTPUTS;

    fn zeros() -> Self {
        Self { weights: [[[0.0; OUTPUTS]; INPUTS]; 9], bias: [0.0; OUTPUTS] }
    }

    fn parameters(&self) -> impl Iterator<Item = &f32> {
        self.weights.as_flattened().as_flattened().iter().chain(&self.bias)
    }

    fn parameters_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.weights.as_flattened_mut().as_flattened_mut().iter_mut().chain(&mut self.bias)
    }
}

/// A number from ±`bound`, of 24 random bits.
pub(crate) fn uniform(rng: &mut impl Rng, bound: f32) -> f32 {
    let unit = (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32;
    bound * (2.0 * unit - 1.0)
}

fn scaled((rows, columns): (isize, isize), dilation: usize) -> (isize, isize) {
    let dilation = isize::try_from(dilation).unwrap_or(isize::MAX);
    (rows.saturating_mul(dilation), columns.saturating_mul(dilation))
}

/// The pixels at an offset from the given columns of row `y` as far as they lie in the image, and how many of the columns
/// come before the first that has one.
fn neighbours<const C: usize>(
    image: &[[f32; C]],
    shape: Shape,
    y: usize,
    columns: Range<usize>,
    (rows_off, columns_off): (isize, isize),
) -> (usize, &[[f32; C]]) {
    let row = y.checked_add_signed(rows_off).filter(|&y| y < shape.height);
    let row = row.and_then(|y| {
        let begin = y.checked_mul(shape.width)?;
        image.get(begin..begin.checked_add(shape.width)?)
    });
    let row = row.unwrap_or_default();
    let begin = columns.start.saturating_add_signed(columns_off);
    let end = columns.end.saturating_add_signed(columns_off).min(row.len());
    let skipped = columns_off.saturating_neg().saturating_sub_unsigned(columns.start).max(0).unsigned_abs();
    (skipped, row.get(begin..end).unwrap_or_default())
}

/// `sums[pixel] += pixel · weights`, the inputs in order.
fn add_products<const I: usize, const O: usize>(pixels: &[[f32; I]], weights: &[[f32; O]; I], sums: &mut [[f32; O]]) {
    for (sums, pixel) in sums.iter_mut().zip(pixels) {
        let mut s = *sums;
        for (&value, weights) in pixel.iter().zip(weights) {
            for (sum, &weight) in s.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
        *sums = s;
    }
}

/// `weights += Σ pixelᵀ · slopes`, the sum over pixels taken first.
fn add_outer_products<const I: usize, const O: usize>(
    pixels: &[[f32; I]],
    slopes: &[[f32; O]],
    weights: &mut [[f32; O]; I],
) {
    let mut sums = [[0.0; O]; I];
    for (pixel, slopes) in pixels.iter().zip(slopes) {
        for (&value, sums) in pixel.iter().zip(&mut sums) {
            for (sum, &slope) in sums.iter_mut().zip(slopes) {
                *sum += value * slope;
            }
        }
    }
    for (weight, sum) in weights.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        *weight += sum;
    }
}

fn add_sum<const C: usize>(rows: &[[f32; C]], total: &mut [f32; C]) {
    let mut sums = [0.0; C];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    for (total, sum) in total.iter_mut().zip(sums) {
        *total += sum;
    }
}

fn transpose<const I: usize, const O: usize>(matrix: [[f32; O]; I]) -> [[f32; I]; O] {
    let mut transposed = [[0.0; I]; O];
    for (i, row) in matrix.iter().enumerate() {
        for (column, &value) in transposed.iter_mut().zip(row) {
            if let Some(entry) = column.get_mut(i) {
                *entry = value;
            }
        }
    }
    transposed
}
