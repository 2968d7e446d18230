//! The exponential in integers: what is fastest on a Cortex-M with DSP instructions.

use super::{Fast, Libm, Math};

/// A fixed-point `exp`: fewest instructions on a Cortex-M4 and M7, and no float arithmetic but one product; relative error
/// 2·10⁻⁷ + 6·10⁻⁸ |x|. `ln_1p` is that of [`Fast`], `ln` and `sqrt` are those of [`Libm`].
///
/// For arguments ≤ 0 in `exp` and ≥ 0 in `ln_1p`, all that losses ask for. Hosts lack the multiplication that it is made of,
/// and are two to four times slower with it than with [`Fast`]; the bits are the same everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fixed;

/// The upper half of a product.
///
/// With an accumulator this is one instruction, SMMLA, if the compiler cannot prove that a factor is not negative: hence
/// the polynomial below is that of the negated result. Proven, it takes three.
#[inline(always)]
const fn product(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64) >> 32) as i32
}

impl Math for Fixed {
    #[inline(always)]
    fn exp(x: f32) -> f32 {
        /// log₂ e · 2²³: the product has the exponent of the result from bit 23 up, and below it a fraction f.
        const SCALE: f32 = 12_102_203.0;
        /// Bits of 1, less ½ in the fraction, which makes it v = f − ½.
        const ONE: i32 = (127 << 23) - (1 << 22);

        // The cast saturates: −177 and what is below it becomes 0 at the end.
        let y = ((x * SCALE) as i32).wrapping_add(ONE);
        let v = y << 9;
        // −2³¹ (½ + 2^f − 1 − f), minimax with exact ends, so that eˣ ascends and is 1 at 0: relative error 1.1e-7, with
        // rounding 1.6e-7. The first product is of 16 bits of v only: a constant factor would be proven to have a sign.
        let mut sum = (v >> 16).wrapping_mul(-62).wrapping_add(-29_404_169);
        sum = product(v, sum).wrapping_add(-168_566_767);
        sum = product(v, sum).wrapping_add(-729_547_580);
        sum = product(v, sum).wrapping_add(42_395_644);
        sum = product(v, sum).wrapping_add(-889_517_040);
        let bits = y.wrapping_sub(sum >> 8);
        f32::from_bits((bits & !(bits >> 31)).cast_unsigned())
    }

    #[inline]
    fn ln(x: f32) -> f32 {
        Libm::ln(x)
    }

    #[inline(always)]
    fn ln_1p(x: f32) -> f32 {
        Fast::ln_1p(x)
    }

    #[inline]
    fn sqrt(x: f32) -> f32 {
        Libm::sqrt(x)
    }
}
