//! The normalisation against the definition of mean and standard deviation, in f64.

use rand_pcg::{
    Pcg32,
    rand_core::{Rng, SeedableRng},
};
use scarce_mcu::{Buffer, LengthError, normalize};

#[test]
fn channels_get_mean_zero_and_deviation_one() {
    let mut rng = Pcg32::seed_from_u64(1);
    for pixels in [1, 2, 7, 4096, 100_000] {
        // Channels of all bytes, of dark ones, and of bright ones with little contrast.
        let image: Vec<[u8; 3]> = (0..pixels)
            .map(|_| {
                let [a, b, c, _] = rng.next_u32().to_le_bytes();
                [a, b % 20, 230 + c % 5]
            })
            .collect();
        let mut inputs = vec![[f32::NAN; 3]; pixels];
        normalize(&image, &mut inputs).expect("lengths fit");
        for channel in 0..3 {
            let bytes = || image.iter().map(|pixel| f64::from(pixel[channel]));
            let mean = bytes().sum::<f64>() / pixels as f64;
            let variance = bytes().map(|byte| (byte - mean).powi(2)).sum::<f64>() / pixels as f64;
            let deviation = variance.sqrt().max(1.0);
            for (input, byte) in inputs.iter().zip(bytes()) {
                let expected = (byte - mean) / deviation;
                assert!((f64::from(input[channel]) - expected).abs() < 2e-5, "{} {expected}", input[channel]);
            }
        }
    }
}

#[test]
fn constant_channels_give_exactly_zero() {
    // So many pixels that neither the sum of bytes nor that of squares is a multiple of what f32 resolves.
    for pixels in [1, 3, 5_000_011] {
        for byte in [0, 1, 127, 255] {
            let mut inputs = vec![[f32::NAN]; pixels];
            normalize(&vec![[byte]; pixels], &mut inputs).expect("lengths fit");
            assert!(inputs.iter().all(|&input| input == [0.0]), "{pixels} of {byte}");
        }
    }
}

#[test]
fn contrast_below_one_grey_level_is_not_stretched() {
    let mut image = [[100_u8]; 64];
    image[0] = [101];
    let mut inputs = [[0.0]; 64];
    normalize(&image, &mut inputs).expect("lengths fit");
    assert_eq!(inputs[0], [63.0 / 64.0]);
    assert_eq!(inputs[1], [-1.0 / 64.0]);
}

#[test]
fn empty_images_are_fine_and_wrong_lengths_are_not() {
    assert_eq!(normalize::<3>(&[], &mut []), Ok(()));
    let mut inputs = [[7.0]; 3];
    let error = LengthError { buffer: Buffer::Normalized, needed: 2, got: 3 };
    assert_eq!(normalize(&[[1], [2]], &mut inputs), Err(error));
    assert_eq!(inputs, [[7.0]; 3]);
}
