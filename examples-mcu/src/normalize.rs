//! Images of bytes to inputs of a network.

use crate::error::check_length;
use crate::{Buffer, LengthError};

/// Shifts and scales each channel of an image to mean 0 and standard deviation 1.
///
/// An image is measured by itself, so a network meets the same range of inputs in any light. Standard deviations below
/// one grey level count as one: the noise of a flat channel is not blown up, and a constant channel gives exactly zeros.
/// The moments come from integer sums and do not depend on the order of the pixels.
///
/// ```
/// let mut inputs = [[0.0; 2]; 4];
/// scarce_mcu::normalize(&[[10, 7], [30, 7], [30, 7], [10, 7]], &mut inputs)?;
/// assert_eq!(inputs, [[-1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]);
/// # Ok::<(), scarce_mcu::LengthError>(())
/// ```
///
/// # Errors
/// If there is not one element of `inputs` for each pixel of the image.
pub fn normalize<const CHANNELS: usize>(
    image: &[[u8; CHANNELS]],
    inputs: &mut [[f32; CHANNELS]],
) -> Result<(), LengthError> {
    check_length(Buffer::Normalized, image.len(), inputs.len())?;
    let mut sums = [Sums::default(); CHANNELS];
    for pixel in image {
        for (sums, &byte) in sums.iter_mut().zip(pixel) {
            sums.add(byte);
        }
    }
    let moments = sums.map(|sums| sums.moments(image.len() as u64));
    for (input, pixel) in inputs.iter_mut().zip(image) {
        for ((input, &byte), (mean, scale)) in input.iter_mut().zip(pixel).zip(moments) {
            *input = (f32::from(byte) - mean) * scale;
        }
    }
    Ok(())
}

/// Sums of the bytes and of their squares.
#[derive(Clone, Copy, Default)]
struct Sums {
    bytes: u64,
    squares: u64,
}

impl Sums {
    fn add(&mut self, byte: u8) {
        let byte = u64::from(byte);
        self.bytes = self.bytes.wrapping_add(byte);
        self.squares = self.squares.wrapping_add(byte.wrapping_mul(byte));
    }

    /// Mean and reciprocal standard deviation. The mean's whole part is kept apart: so the mean of equal bytes is exactly
    /// that byte, and the squares around it, an exact integer, differ from n·variance by less than n.
    fn moments(self, pixels: u64) -> (f32, f32) {
        let (Some(whole), Some(rest)) = (self.bytes.checked_div(pixels), self.bytes.checked_rem(pixels)) else {
            return (0.0, 1.0);
        };
        let twice_product = self.bytes.wrapping_add(rest).wrapping_mul(whole); // 2·whole·Σb − n·whole²
        let squares = self.squares.wrapping_sub(twice_product);
        let fraction = rest as f32 / pixels as f32;
        let variance = squares as f32 / pixels as f32 - fraction * fraction;
        (whole as f32 + fraction, 1.0 / libm::sqrtf(variance.max(1.0)))
    }
}
