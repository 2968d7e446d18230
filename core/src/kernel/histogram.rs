//! Counts of errors in bins, and what they say of the Jaccard loss: the Lovász extension without a sort.

use crate::kernel::sum::Total;

/// How many pixels of the background, and of the foreground, have an error in each bin; once swept, the bits of the increment
/// of each of them.
pub(crate) type Histogram<const BINS: usize> = [[u32; BINS]; 2];

/// Adds a pixel to a bin.
#[inline(always)]
pub(crate) fn count<const BINS: usize>(histogram: &mut Histogram<BINS>, foreground: bool, bin: usize) {
    let [of_background, of_foreground] = histogram;
    if let Some(count) = if foreground { of_foreground } else { of_background }.get_mut(bin) {
        *count = count.wrapping_add(1);
    }
}

/// Adds the counts of others.
pub(crate) fn merge<const BINS: usize>(histograms: &mut [Histogram<BINS>], others: &[Histogram<BINS>]) {
    let counts = histograms.as_flattened_mut().as_flattened_mut().iter_mut();
    for (count, other) in counts.zip(others.as_flattened().as_flattened()) {
        *count = count.wrapping_add(*other);
    }
}

/// The increment of a pixel, negative for the foreground, times the factor that the histogram was swept with.
#[inline(always)]
pub(crate) fn increment<const BINS: usize>(histogram: &Histogram<BINS>, foreground: bool, bin: usize) -> f32 {
    let [of_background, of_foreground] = histogram;
    let of_class = if foreground { of_foreground } else { of_background };
    of_class.get(bin).map_or(0.0, |bits| f32::from_bits(*bits))
}

/// The Lovász extension of the Jaccard loss where each error is that of its bin; leaves `factor` times the increments of the
/// pixels of each bin in place of their counts.
///
/// Before a bin with f pixels of the foreground and b of the background let U be the union G + N and I the intersection G − P.
/// The bin lowers the Jaccard index by (f U + b I) / (U (U + b)), and its pixels share that as if the foreground came first in
/// half of the cases and last in the other half:
///
/// ```text
/// each of the foreground  (1/U + 1/(U + b)) / 2         each of the background  (I − f/2) / (U (U + b))
/// ```
///
/// which is a mean of orders that the extension allows for equal errors, and needs no difference of nearly equal numbers.
pub(crate) fn sweep<const BINS: usize>(
    histogram: &mut Histogram<BINS>,
    foreground: u32,
    factor: f32,
    error: impl Fn(usize) -> f32,
) -> f32 {
    let (mut intersection, mut union) = (foreground, foreground);
    let mut loss = Total::ZERO;
    let [of_background, of_foreground] = histogram;
    let bins = of_background.iter_mut().zip(of_foreground).enumerate().rev();
    for (bin, (of_background, of_foreground)) in bins {
        let (hits, others) = (*of_foreground, *of_background);
        let (before, after) = (union as f32, union.wrapping_add(others) as f32);
        let (mut of_each_hit, mut of_each_other, mut grown) = (0.0, 0.0, 0.0);
        if union == 0 {
            // Without foreground the first pixel makes the whole loss, and those of its bin share that.
            if others > 0 {
                of_each_other = 1.0 / after;
                grown = 1.0;
            }
        } else if hits > 0 || others > 0 {
            let (hits, left) = (hits as f32, intersection as f32);
            let product = before * after;
            of_each_hit = 0.5 / before + 0.5 / after;
            of_each_other = (left - 0.5 * hits) / product;
            grown = hits / after + others as f32 * left / product;
        }
        loss.add(error(bin) * grown);
        *of_foreground = (-factor * of_each_hit).to_bits();
        *of_background = (factor * of_each_other).to_bits();
        intersection = intersection.wrapping_sub(hits);
        union = union.wrapping_add(others);
    }
    loss.get()
}
