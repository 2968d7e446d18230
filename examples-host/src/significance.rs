//! Whether a paired difference could be chance.

/// Differences are counted in steps of this, which makes the test exact for any number of them.
const STEP: f64 = 1e-4;

/// The two-sided p of the exact paired sign-flip test (Fisher's randomisation test for matched pairs): if it were chance
/// which of the two of each pair is the better one, the probability that the differences sum up to at least as much, in
/// either direction, as they do. Differences are rounded to 10⁻⁴. `None` without any.
///
/// Its smallest value for n pairs is 2¹⁻ⁿ: 0.0625 for five, whatever the differences.
#[must_use]
pub fn sign_flip(differences: &[f64]) -> Option<f64> {
    if differences.is_empty() {
        return None;
    }
    let steps: Vec<i64> = differences.iter().map(|difference| (difference / STEP).round() as i64).collect();
    let sizes: Vec<usize> = steps.iter().map(|step| step.unsigned_abs() as usize).collect();
    let total: usize = sizes.iter().sum();
    // The probability of each sum of the differences whose sign comes up positive; the whole sum is twice that less `total`.
    let mut probability = vec![0.0; total + 1];
    probability[0] = 1.0;
    let mut reached = 0;
    for size in sizes {
        reached += size;
        for sum in (0..=reached).rev() {
            let before = sum.checked_sub(size).map_or(0.0, |before| probability[before]);
            probability[sum] = (probability[sum] + before) / 2.0;
        }
    }
    let observed = steps.iter().sum::<i64>().unsigned_abs() as usize;
    let as_far = |&(positive, _): &(usize, &f64)| (2 * positive).abs_diff(total) >= observed;
    Some(probability.iter().enumerate().filter(as_far).map(|(_, probability)| probability).sum())
}

/// Holm's correction: what becomes of the p of several tests of which none may be wrong, in their order.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut corrected, mut largest) = (vec![0.0; p.len()], 0.0_f64);
    for (rank, test) in order.into_iter().enumerate() {
        largest = largest.max(((p.len() - rank) as f64 * p[test]).min(1.0));
        corrected[test] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by all combinations of signs.
    fn by_enumeration(differences: &[f64]) -> f64 {
        let observed = differences.iter().sum::<f64>().abs();
        let combinations = 1_u32 << differences.len();
        let sum = |signs: u32| -> f64 {
            let signed = differences.iter().enumerate();
            signed.map(|(pair, difference)| if signs >> pair & 1 == 0 { *difference } else { -difference }).sum()
        };
        let as_far = (0..combinations).filter(|&signs| sum(signs).abs() >= observed - 1e-9).count();
        as_far as f64 / f64::from(combinations)
    }

    #[test]
    fn all_combinations_of_signs_are_counted() {
        let cases: [&[f64]; 6] = [
            &[0.1],
            &[0.3, -0.1],
            &[0.02, 0.011, 0.007, -0.004, 0.03],
            &[0.01, 0.01, -0.01, 0.01, 0.01, -0.01, 0.0],
            &[-0.31, -0.0123, -0.2, 0.0456, -0.11, 0.07, -0.25, 0.0099, -0.18],
            &[0.5, 0.25, 0.125, -0.0625, 0.4, 0.4, -0.3, 0.2, 0.1, 0.05],
        ];
        for differences in cases {
            let (p, expected) = (sign_flip(differences).expect("some"), by_enumeration(differences));
            assert!((p - expected).abs() < 1e-12, "{p} instead of {expected} of {differences:?}");
        }
    }

    #[test]
    fn five_pairs_reach_a_sixteenth_at_best() {
        assert_eq!(sign_flip(&[0.1, 0.2, 0.3, 0.4, 0.9]), Some(2.0 / 32.0));
        assert_eq!(sign_flip(&[-0.1; 5]), Some(2.0 / 32.0));
    }

    #[test]
    fn no_difference_is_chance_and_none_at_all_is_no_test() {
        assert_eq!(sign_flip(&[0.0; 4]), Some(1.0));
        assert_eq!(sign_flip(&[]), None);
    }

    #[test]
    fn a_hundred_pairs_are_as_exact() {
        let p = sign_flip(&[0.37; 100]).expect("some");
        assert_eq!(p, 2.0_f64.powi(-99));
    }

    #[test]
    fn holm_multiplies_the_smallest_most_and_keeps_the_order() {
        let expected = [0.03, 0.06, 0.06, 1.0];
        for (p, expected) in holm(&[0.0075, 0.02, 0.025, 1.0]).into_iter().zip(expected) {
            assert!((p - expected).abs() < 1e-12, "{p} instead of {expected}");
        }
    }
}
