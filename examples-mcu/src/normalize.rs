//! Images of bytes to inputs of a network.

use crate::error::check_length;
use crate::{Buffer, LengthError};

/// Mean and standard deviation of a channel, in grey levels.
///
/// Standard deviations below one grey level count as one: the noise of a flat channel is not blown up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f32,
    /// The standard deviation.
    pub deviation: f32,
}

impl Moments {
    /// The moments of each channel of an image; mean 0 and deviation 1 of no pixels.
    ///
    /// They come from integer sums and do not depend on the order of the pixels.
    #[must_use]
    pub fn of<const CHANNELS: usize>(image: &[[u8; CHANNELS]]) -> [Self; CHANNELS] {
        let mut sums = [Sums::default(); CHANNELS];
        for pixel in image {
            for (sums, &byte) in sums.iter_mut().zip(pixel) {
                sums.add(byte);
            }
        }
        sums.map(|sums| sums.moments(image.len() as u64))
    }

    /// What turns a byte into a number of mean 0 and deviation 1.
    fn standardize(self) -> impl Fn(u8) -> f32 {
        let scale = 1.0 / self.deviation.max(1.0);
        move |byte| (f32::from(byte) - self.mean) * scale
    }
}

/// Shifts and scales each channel of an image to mean 0 and standard deviation 1.
///
/// An image is measured by itself, so a network meets the same range of inputs in any light; a constant channel gives
/// exactly zeros.
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
    normalize_with(Moments::of(image), image, inputs)
}

/// As [`normalize`], with the moments of a larger image: what is a part of it looks as it does in the whole.
///
/// # Errors
/// If there is not one element of `inputs` for each pixel of the image.
pub fn normalize_with<const CHANNELS: usize>(
    moments: [Moments; CHANNELS],
    image: &[[u8; CHANNELS]],
    inputs: &mut [[f32; CHANNELS]],
) -> Result<(), LengthError> {
    check_length(Buffer::Normalized, image.len(), inputs.len())?;
    let standardize = moments.map(Moments::standardize);
    for (input, pixel) in inputs.iter_mut().zip(image) {
        for ((input, &byte), standardize) in input.iter_mut().zip(pixel).zip(&standardize) {
            *input = standardize(byte);
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

    /// The mean's whole part is kept apart: so the mean of equal bytes is exactly that byte, and the squares around it, an
    /// exact integer, differ from n·variance by less than n.
    fn moments(self, pixels: u64) -> Moments {
        let (Some(whole), Some(rest)) = (self.bytes.checked_div(pixels), self.bytes.checked_rem(pixels)) else {
            return Moments { mean: 0.0, deviation: 1.0 };
        };
        let twice_product = self.bytes.wrapping_add(rest).wrapping_mul(whole); // 2·whole·Σb − n·whole²
        let squares = self.squares.wrapping_sub(twice_product);
        let fraction = rest as f32 / pixels as f32;
        let variance = squares as f32 / pixels as f32 - fraction * fraction;
        Moments { mean: whole as f32 + fraction, deviation: libm::sqrtf(variance.max(1.0)) }
    }
}
