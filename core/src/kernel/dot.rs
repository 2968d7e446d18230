//! Inner products, in a fixed order that vectorises.

/// Partial sums that run side by side: wide enough for the vectors of hosts, few enough for the registers of a Cortex-M4F.
const LANES: usize = 8;

/// Σ a_d b_d: eight partial sums over every eighth component, added in order; then the components left over.
#[inline]
pub(crate) fn dot<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let sum = lanes.into_iter().fold(0.0, |sum, lane| sum + lane);
    a_rest.iter().zip(b_rest).fold(sum, |sum, (a, b)| sum + a * b)
}

/// target += factor · row.
#[inline]
pub(crate) fn add_scaled<const D: usize>(target: &mut [f32; D], factor: f32, row: &[f32; D]) {
    for (element, component) in target.iter_mut().zip(row) {
        *element += factor * component;
    }
}
