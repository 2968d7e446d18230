//! Elementary functions, as a type parameter.
//!
//! A feature that replaced one implementation by another would let any crate of a build change everybody's bits, since
//! features unify; types do not. Every implementation here gives the same bits on every target.

mod fast;
mod fixed;
#[cfg(feature = "micromath")]
mod micro;

pub use fast::Fast;
pub use fixed::Fixed;
#[cfg(feature = "micromath")]
pub use micro::Micro;

/// The elementary functions that the losses need.
///
/// Implement it for a type of your own to plug in a vendor's functions; its accuracy becomes the accuracy of the loss.
/// Losses call `exp` with arguments ≤ 0, `ln_1p` and `sqrt` with arguments ≥ 0, and `ln` with arguments > 0 only.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Fixed, Labels, Libm, Loss};
///
/// let batch = Batch::new(&[[2.0, 0.5], [0.0, 1.0]], Labels::new(&[0, 0]))?;
/// let [fast, fixed, libm] = [
///     CrossEntropy::new().value(&batch, &mut [])?,
///     CrossEntropy::new().with_math(Fixed).value(&batch, &mut [])?,
///     CrossEntropy::new().with_math(Libm).value(&batch, &mut [])?,
/// ];
/// assert!((fast - libm).abs() < 1e-6 && (fixed - libm).abs() < 1e-6);
/// # Ok::<(), scarce::Error>(())
/// ```
pub trait Math: Copy + 'static {
    /// eˣ for x ≤ 0: at most 1, and 1 at 0.
    fn exp(x: f32) -> f32;
    /// The natural logarithm.
    fn ln(x: f32) -> f32;
    /// ln(1 + x).
    fn ln_1p(x: f32) -> f32;
    /// √x.
    fn sqrt(x: f32) -> f32;
}

/// The functions of the crate `libm`: errors below 1 ulp, over the whole range of floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Libm;

impl Math for Libm {
    #[inline]
    fn exp(x: f32) -> f32 {
        libm::expf(x)
    }

    #[inline]
    fn ln(x: f32) -> f32 {
        libm::logf(x)
    }

    #[inline]
    fn ln_1p(x: f32) -> f32 {
        libm::log1pf(x)
    }

    #[inline]
    fn sqrt(x: f32) -> f32 {
        libm::sqrtf(x)
    }
}
