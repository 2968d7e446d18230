//! Random numbers that the generator does not make by itself.

use rand::RngExt;
use rand_pcg::Pcg64;

/// Nearly normal, with the standard deviation 1: the sum of four uniform numbers.
pub(crate) fn normal(random: &mut Pcg64) -> f32 {
    let sum: f32 = (0..4).map(|_| random.random::<f32>()).sum();
    (sum - 2.0) * 3.0_f32.sqrt()
}
