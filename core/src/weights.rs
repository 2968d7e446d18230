//! Class weights from the number of pixels of each class.
//!
//! All give 0 to a class that has no pixel, and give finite weights whatever the counts. f_c is the share of class c in all
//! pixels. None is right for all data: inverse frequencies buy recall with precision, and at 99 : 1 often too dearly;
//! [`clamp`] and the square root are the usual cures.

use crate::math::{Libm, Math};

/// Inverse frequency: w_c = 1 / (C f_c), as scikit-learn's "balanced".
///
/// ```
/// assert_eq!(scarce::weights::inverse_frequency([300, 100]), [0.666_666_7, 2.0]);
/// ```
#[doc(alias = "balanced")]
#[must_use]
pub fn inverse_frequency<const C: usize>(counts: [u32; C]) -> [f32; C] {
    from_inverse_shares(counts, |inverse| inverse / C as f32)
}

/// Square root of the inverse frequency: w_c = 1 / √(C f_c).
#[must_use]
pub fn sqrt_inverse_frequency<const C: usize>(counts: [u32; C]) -> [f32; C] {
    from_inverse_shares(counts, |inverse| Libm::sqrt(inverse / C as f32))
}

/// Median frequency (Eigen and Fergus 2015, SegNet): w_c = median of the shares / f_c.
///
/// The shares here are of all pixels; the paper's are of the pixels of those images that hold the class. The median is over
/// the classes that have pixels; of an even number of them, the mean of the middle two.
#[must_use]
pub fn median_frequency<const C: usize>(counts: [u32; C]) -> [f32; C] {
    // The k-th smallest count by rank: C is small, and a sort would bring a path to a panic.
    let present = counts.iter().filter(|&&count| count > 0).count();
    let rank = |count: u32, class: usize| {
        let smaller = |&(other, &size): &(usize, &u32)| size > 0 && (size < count || (size == count && other < class));
        counts.iter().enumerate().filter(smaller).count()
    };
    let nth = |wanted: usize| {
        let found = counts.iter().enumerate().find(|&(class, &count)| count > 0 && rank(count, class) == wanted);
        found.map_or(0.0, |(_, &count)| count as f32)
    };
    let median = 0.5 * (nth(present / 2) + nth(present.saturating_sub(1) / 2));
    counts.map(|count| if count == 0 { 0.0 } else { median / count as f32 })
}

/// ENet (Paszke et al. 2016): w_c = 1 / ln(1.02 + f_c), which stays below 50.5.
#[must_use]
pub fn enet<const C: usize>(counts: [u32; C]) -> [f32; C] {
    from_inverse_shares(counts, |inverse| 1.0 / Libm::ln_1p(0.02 + 1.0 / inverse))
}

/// Effective number of samples (Cui et al. 2019, equation 1): w_c = (1 − β) / (1 − βⁿ), n pixels of class c, β in `0..1`.
///
/// On pixel counts a β of 0.999 gives every class the same weight; pass 1 − 1/n for n of the size of your rare class.
/// A β outside `0..1`, or NaN, counts as the nearest bound, NaN as 0: all weights 1.
#[doc(alias = "class-balanced loss")]
#[must_use]
pub fn effective_number<const C: usize>(counts: [u32; C], beta: f32) -> [f32; C] {
    // The largest float below 1.
    let beta = if beta >= 0.0 { beta.min(1.0 - f32::EPSILON / 2.0) } else { 0.0 };
    counts.map(|count| {
        if count == 0 {
            0.0
        } else if beta == 0.0 {
            1.0
        } else {
            // 1 − βⁿ = −expm1(n ln β), without cancellation for n (1 − β) small.
            (1.0 - beta) / -libm::expm1f(count as f32 * libm::log1pf(beta - 1.0))
        }
    })
}

/// Limits weights above 0 to a range; 0, the weight of an absent class, stays 0, and what is no weight stays what it is.
#[must_use]
pub fn clamp<const C: usize>(weights: [f32; C], smallest: f32, largest: f32) -> [f32; C] {
    weights.map(|weight| if weight > 0.0 { weight.max(smallest).min(largest) } else { weight })
}

/// Scales weights so that the mean of those above 0 is 1.
#[must_use]
pub fn normalize_mean<const C: usize>(weights: [f32; C]) -> [f32; C] {
    // Relative to the largest, whose sum with others might not be finite.
    let largest = weights.iter().fold(0.0, |largest: f32, &weight| largest.max(weight));
    if largest <= 0.0 {
        return weights;
    }
    let (mut sum, mut number) = (0.0, 0.0);
    for weight in weights.into_iter().filter(|&weight| weight > 0.0) {
        sum += weight / largest;
        number += 1.0;
    }
    weights.map(|weight| weight / largest * number / sum)
}

/// Addends τ ln f_c of the logits, for [`CrossEntropy::with_logit_adjustment`](crate::CrossEntropy::with_logit_adjustment):
/// the logit-adjusted loss of Menon et al. 2021. τ = 1 is usual. A class without a pixel counts as having one.
#[doc(alias = "balanced softmax")]
#[must_use]
pub fn logit_adjustment<const C: usize>(counts: [u32; C], tau: f32) -> [f32; C] {
    let total = total(counts).max(1.0);
    counts.map(|count| tau * Libm::ln(count.max(1) as f32 / total))
}

fn total<const C: usize>(counts: [u32; C]) -> f32 {
    counts.iter().fold(0_u64, |sum, &count| sum.wrapping_add(u64::from(count))) as f32
}

/// 0 for a class without a pixel, else the weight made from 1/f.
fn from_inverse_shares<const C: usize>(counts: [u32; C], weight: impl Fn(f32) -> f32) -> [f32; C] {
    let total = total(counts);
    counts.map(|count| if count == 0 { 0.0 } else { weight(total / count as f32) })
}
