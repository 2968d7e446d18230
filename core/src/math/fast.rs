//! Polynomials in f32, without a branch: what vectorises.

use super::{Libm, Math};

/// Polynomials of our own: the default. `exp` and `ln_1p` err by less than 2.6 ulp; `ln` and `sqrt` are those of [`Libm`].
///
/// Safe, branch-free code, which compilers turn into vector instructions on hosts. For arguments ≤ 0 in `exp` and ≥ 0 in
/// `ln_1p`, all that losses ask for; others give numbers without meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fast;

impl Math for Fast {
    #[inline(always)]
    fn exp(x: f32) -> f32 {
        /// Added to a small number, and taken off again, it leaves the nearest integer, whose low bits are those of the sum.
        const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
        /// ln 2 in two parts: the first has 15 bits, so that its product with an exponent is exact.
        const LN_2: [f32; 2] = [0.693_145_75, 1.428_606_8e-6];
        /// Sums of [`ROUND`] and an exponent below −126, the smallest normal number's, are below this; so
        /// are, as integers, those that are negative. What is computed of such x has no meaning.
        const LEAST: i32 = ROUND.to_bits().cast_signed() - 126;

        let shifted = x * core::f32::consts::LOG2_E + ROUND;
        let exponent = shifted - ROUND;
        let [high, low] = LN_2;
        let r = (x - exponent * high) - exponent * low;
        // Minimax on |r| ≤ ½ ln 2, exactly 1 at 0: relative error 9.2e-8.
        let mut power = 8.290_306e-3;
        for coefficient in [0.041_897_975, 0.166_676_37, 0.499_991_5, 0.999_999_7, 1.0] {
            power = power * r + coefficient;
        }
        let bits = power.to_bits().wrapping_add(shifted.to_bits() << 23);
        // Compared as an integer: x as a float takes two instructions more on a Cortex-M4F, and one on hosts.
        f32::from_bits(if shifted.to_bits().cast_signed() < LEAST { 0 } else { bits })
    }

    #[inline]
    fn ln(x: f32) -> f32 {
        Libm::ln(x)
    }

    // On a microcontroller a call: its eight constants would take the registers of those of `exp`.
    #[cfg_attr(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa"), inline(never))]
    #[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa")), inline(always))]
    fn ln_1p(x: f32) -> f32 {
        /// √½: where mantissas are split, so that their logarithms lie around 0.
        const SPLIT: u32 = core::f32::consts::FRAC_1_SQRT_2.to_bits();
        const ONE: u32 = 1.0_f32.to_bits();
        const MANTISSA: u32 = (1 << 23) - 1;

        // Below √2 − 1 the argument is the polynomial's own, to its last digit.
        let near = x < core::f32::consts::SQRT_2 - 1.0;
        let bits = (1.0 + x).to_bits().wrapping_add(ONE - SPLIT);
        let exponent = (bits >> 23).wrapping_sub(127).cast_signed();
        let fraction = f32::from_bits((bits & MANTISSA).wrapping_add(SPLIT)) - 1.0;
        let exponent = if near { 0.0 } else { exponent as f32 };
        let f = if near { x } else { fraction };
        // Minimax on √½ − 1 ≤ f ≤ √2 − 1: relative error 3.1e-8.
        let mut sum = 0.087_004_38;
        for coefficient in [-0.142_674_88, 0.149_147_67, -0.165_775_85, 0.199_630_63, -0.250_013_38, 0.333_339_1, -0.5]
        {
            sum = sum * f + coefficient;
        }
        exponent * core::f32::consts::LN_2 + (f + f * f * sum)
    }

    #[inline]
    fn sqrt(x: f32) -> f32 {
        Libm::sqrt(x)
    }
}
