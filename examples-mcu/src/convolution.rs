//! The dilated 3×3 convolution: the loops in which training spends its time.
//!
//! They are written so that compilers for machines with vector registers, of which none is assumed, vectorise over the
//! output channels: those lie innermost, and the sums of two pixels, or of two inputs, stay in registers meanwhile. No
//! order of summation depends on that.

use crate::{Parameters, Shape};
use core::array;
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

    /// `output` = ReLU of the convolution of `input`. A NaN passes, so that whoever checks the logits meets it.
    pub(crate) fn forward(
        &self,
        input: &[[f32; INPUTS]],
        shape: Shape,
        dilation: usize,
        output: &mut [[f32; OUTPUTS]],
    ) {
        let relu = |_, sum| if sum < 0.0 { 0.0 } else { sum };
        correlate(input, shape, dilation, &self.weights, self.bias, output, relu);
    }

    /// Adds the gradient with respect to weights and bias to `gradient`, given `slopes`, the gradient with respect to the
    /// sums that the ReLU took: the pixels of each row are summed in order, then the rows.
    pub(crate) fn backward(
        input: &[[f32; INPUTS]],
        shape: Shape,
        dilation: usize,
        slopes: &[[f32; OUTPUTS]],
        gradient: &mut Self,
    ) {
        for (y, row) in slopes.chunks_exact(shape.width.max(1)).enumerate() {
            for (weights, (down, right)) in gradient.weights.iter_mut().zip(taps(dilation)) {
                let first = right.min(0).unsigned_abs();
                let end = shape.width.saturating_sub(right.max(0).unsigned_abs());
                let pixels = neighbours(input, shape, y, first..end, (down, right));
                if let (Some(pixels), Some(slopes)) = (pixels, row.get(first..end)) {
                    add_outer_products(pixels, slopes, weights);
                }
            }
            add_sum(row, &mut gradient.bias);
        }
    }

    /// Given `slopes`, the gradient with respect to the sums that this layer's ReLU took, replaces the layer's input,
    /// outputs of a ReLU, by the gradient with respect to the sums which that ReLU took.
    pub(crate) fn backpropagate(
        &self,
        slopes: &[[f32; OUTPUTS]],
        shape: Shape,
        dilation: usize,
        input: &mut [[f32; INPUTS]],
    ) {
        let mut adjoint = self.weights.each_ref().map(transposed);
        adjoint.reverse();
        let masked = |value, slope| if value > 0.0 { slope } else { 0.0 };
        correlate(slopes, shape, dilation, &adjoint, [0.0; INPUTS], input, masked);
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

/// `output = finish(output, sum)` with the sum over the bias, then the taps that lie in the image, in order, of each the
/// inputs in order.
fn correlate<const I: usize, const O: usize>(
    input: &[[f32; I]],
    shape: Shape,
    dilation: usize,
    weights: &[[[f32; O]; I]; 9],
    bias: [f32; O],
    output: &mut [[f32; O]],
    finish: impl Fn(f32, f32) -> f32,
) {
    let finish = |output: &mut [f32; O], sums: [f32; O]| {
        for (output, sum) in output.iter_mut().zip(sums) {
            *output = finish(*output, sum);
        }
    };
    for (y, row) in output.chunks_exact_mut(shape.width.max(1)).enumerate() {
        for columns in runs(shape.width, dilation) {
            let mut taps_inside = [None; 9];
            for ((inside, weights), offset) in taps_inside.iter_mut().zip(weights).zip(taps(dilation)) {
                let pixels = neighbours(input, shape, y, columns.clone(), offset);
                *inside = pixels.map(|pixels| (pixels.as_chunks::<2>(), weights));
            }
            // The loop over taps, which is not unrolled, keeps compilers from vectorising over pixels: that takes twice as
            // long, gathering and scattering one number at a time.
            let (pairs, last) = row.get_mut(columns).unwrap_or_default().as_chunks_mut::<2>();
            for (index, [left, right]) in pairs.iter_mut().enumerate() {
                let mut sums = [bias; 2];
                for ((pairs, _), weights) in taps_inside.iter().flatten() {
                    if let Some(pair) = pairs.get(index) {
                        add_products(pair, weights, &mut sums);
                    }
                }
                let [left_sums, right_sums] = sums;
                finish(left, left_sums);
                finish(right, right_sums);
            }
            for pixel in last {
                let mut sums = [bias];
                for ((_, last), weights) in taps_inside.iter().flatten() {
                    if let Some(last) = last.first_chunk() {
                        add_products(last, weights, &mut sums);
                    }
                }
                let [sums] = sums;
                finish(pixel, sums);
            }
        }
    }
}

/// Offsets of the taps: rows down, columns to the right.
fn taps(dilation: usize) -> [(isize, isize); 9] {
    const TAPS: [(isize, isize); 9] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)];
    let dilation = isize::try_from(dilation).unwrap_or(isize::MAX);
    TAPS.map(|(down, right)| (down.saturating_mul(dilation), right.saturating_mul(dilation)))
}

/// The columns of a row, cut where a tap enters or leaves the image.
fn runs(width: usize, dilation: usize) -> [Range<usize>; 3] {
    let (enters, leaves) = (dilation.min(width), width.saturating_sub(dilation));
    let (first, second) = (enters.min(leaves), enters.max(leaves));
    [0..first, first..second, second..width]
}

/// The pixels at an offset from the given columns of row `y`, unless one of them lies outside of the image.
fn neighbours<const C: usize>(
    image: &[[f32; C]],
    shape: Shape,
    y: usize,
    columns: Range<usize>,
    (down, right): (isize, isize),
) -> Option<&[[f32; C]]> {
    let y = y.checked_add_signed(down).filter(|&y| y < shape.height)?;
    let first = y.checked_mul(shape.width)?;
    let row = image.get(first..first.checked_add(shape.width)?)?;
    row.get(columns.start.checked_add_signed(right)?..columns.end.checked_add_signed(right)?)
}

/// `sums += pixel · weights` for each of the pixels, the inputs in order.
#[inline]
fn add_products<const N: usize, const I: usize, const O: usize>(
    pixels: &[[f32; I]; N],
    weights: &[[f32; O]; I],
    sums: &mut [[f32; O]; N],
) {
    for (input, weights) in weights.iter().enumerate() {
        for (sums, pixel) in sums.iter_mut().zip(pixels) {
            let Some(&value) = pixel.get(input) else { continue };
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }
}

/// `weights += Σ pixelᵀ · slopes`, the sum over the pixels taken first.
fn add_outer_products<const I: usize, const O: usize>(
    pixels: &[[f32; I]],
    slopes: &[[f32; O]],
    weights: &mut [[f32; O]; I],
) {
    let (pairs, last) = weights.as_chunks_mut::<2>();
    for (index, pair) in pairs.iter_mut().enumerate() {
        add_outer_products_of(pixels.iter().filter_map(|pixel| pixel.as_chunks().0.get(index)), slopes, pair);
    }
    for weights in last {
        let inputs = pixels.iter().filter_map(|pixel| pixel.last_chunk());
        add_outer_products_of(inputs, slopes, array::from_mut(weights));
    }
}

/// [`add_outer_products`] of a few of the inputs.
fn add_outer_products_of<'a, const N: usize, const O: usize>(
    inputs: impl Iterator<Item = &'a [f32; N]>,
    slopes: &[[f32; O]],
    weights: &mut [[f32; O]; N],
) {
    let mut sums = [[0.0; O]; N];
    for (values, slopes) in inputs.zip(slopes) {
        for (&value, sums) in values.iter().zip(&mut sums) {
            for (sum, &slope) in sums.iter_mut().zip(slopes) {
                *sum += value * slope;
            }
        }
    }
    for (weight, sum) in weights.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        *weight += sum;
    }
}

/// `total += Σ rows`, the sum over the rows taken first.
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

fn transposed<const I: usize, const O: usize>(matrix: &[[f32; O]; I]) -> [[f32; I]; O] {
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
