//! Learning rates that fall from a base rate at step 0 to zero after the last of `steps` steps.

use core::f32::consts::PI;

/// Half a cosine wave: slow at both ends.
///
/// ```
/// use scarce_mcu::schedule::cosine;
///
/// assert_eq!(cosine(0, 600, 0.01), 0.01);
/// assert!((cosine(300, 600, 0.01) - 0.005).abs() < 1e-8);
/// assert_eq!(cosine(600, 600, 0.01), 0.0);
/// ```
#[must_use]
pub fn cosine(step: u32, steps: u32, base: f32) -> f32 {
    base * (0.5 + 0.5 * libm::cosf(PI * progress(step, steps)))
}

/// A straight line.
///
/// ```
/// use scarce_mcu::schedule::linear;
///
/// assert_eq!(linear(0, 100, 0.01), 0.01);
/// assert_eq!(linear(50, 100, 0.01), 0.005);
/// assert_eq!(linear(100, 100, 0.01), 0.0);
/// ```
#[must_use]
pub fn linear(step: u32, steps: u32, base: f32) -> f32 {
    base * (1.0 - progress(step, steps))
}

/// Part of the steps that is done, from 0 to 1.
fn progress(step: u32, steps: u32) -> f32 {
    if step < steps { step as f32 / steps as f32 } else { 1.0 }
}
