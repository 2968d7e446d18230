//! Class weights against their formulas in f64.

use proptest::prelude::*;
use scarce::weights::{
    clamp, effective_number, enet, inverse_frequency, logit_adjustment, median_frequency, normalize_mean,
    sqrt_inverse_frequency,
};
use scarce::{Batch, CrossEntropy, Labels, Loss};

#[track_caller]
fn near<const C: usize>(found: [f32; C], truth: [f64; C]) {
    for (class, (&found, truth)) in found.iter().zip(truth).enumerate() {
        let error = (f64::from(found) - truth).abs();
        assert!(error <= 5e-7 * truth.abs(), "class {class}: {found}, expected {truth}");
    }
}

/// Counts from none to the most there can be.
const COUNTS: [[u32; 4]; 8] = [
    [1, 1, 1, 1],
    [10, 20, 30, 40],
    [99_900, 99, 1, 0],
    [0, 0, 5, 0],
    [u32::MAX, u32::MAX, u32::MAX, u32::MAX],
    [u32::MAX, 1, 0, 3],
    [0, 7, 7, 7],
    [4_000_000_000, 50, 50, 1_000_000],
];

fn shares(counts: [u32; 4]) -> [f64; 4] {
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    counts.map(|count| f64::from(count) / total)
}

/// The formula where the class has pixels, else 0.
fn weights(counts: [u32; 4], formula: impl Fn(f64) -> f64) -> [f64; 4] {
    shares(counts).map(|share| if share > 0.0 { formula(share) } else { 0.0 })
}

#[test]
fn frequencies() {
    for counts in COUNTS {
        near(inverse_frequency(counts), weights(counts, |share| 1.0 / (4.0 * share)));
        near(sqrt_inverse_frequency(counts), weights(counts, |share| (1.0 / (4.0 * share)).sqrt()));
        near(enet(counts), weights(counts, |share| 1.0 / (1.02 + share).ln()));
        assert!(enet(counts).iter().all(|&weight| weight < 50.5));
        let mut present: Vec<f64> = shares(counts).into_iter().filter(|&share| share > 0.0).collect();
        present.sort_by(f64::total_cmp);
        let median = (present[present.len() / 2] + present[(present.len() - 1) / 2]) / 2.0;
        near(median_frequency(counts), weights(counts, |share| median / share));
    }
}

#[test]
fn without_any_pixel_all_weights_are_0() {
    let (none, zero) = ([0; 3], [0.0; 3]);
    assert_eq!(inverse_frequency(none), zero);
    assert_eq!(sqrt_inverse_frequency(none), zero);
    assert_eq!(median_frequency(none), zero);
    assert_eq!(enet(none), zero);
    assert_eq!(effective_number(none, 0.9), zero);
    assert_eq!(normalize_mean(zero), zero);
    assert_eq!(logit_adjustment(none, 1.0), zero);
}

#[test]
fn effective_numbers() {
    for counts in COUNTS {
        for beta in [0.5_f32, 0.9, 0.999, 0.999_999] {
            let wide = f64::from(beta);
            // 1 − βⁿ in f64 loses what counts where n (1 − β) is small; expm1 does not.
            let formula = |count: u32| (1.0 - wide) / -(f64::from(count) * wide.ln()).exp_m1();
            near(effective_number(counts, beta), counts.map(|count| if count == 0 { 0.0 } else { formula(count) }));
        }
        let present = counts.map(|count| if count == 0 { 0.0 } else { 1.0 });
        for none in [0.0, -0.0, -1.0, f32::NAN, f32::NEG_INFINITY] {
            assert_eq!(effective_number(counts, none), present, "beta {none}");
        }
        // At 1 the weights would be 0/0; the nearest beta below gives what they tend to, 1/n where n is small.
        for most in [1.0, 2.0, f32::INFINITY] {
            let found = effective_number(counts, most);
            assert_eq!(found, effective_number(counts, 1.0 - f32::EPSILON / 2.0));
            for (weight, count) in found.into_iter().zip(counts).filter(|&(_, count)| 0 < count && count < 1000) {
                let truth = 1.0 / f64::from(count);
                assert!((f64::from(weight) - truth).abs() < 1e-4 * truth);
            }
        }
    }
}

#[test]
fn limits_and_means() {
    assert_eq!(clamp([0.0, 0.1, 3.0, 100.0], 0.5, 10.0), [0.0, 0.5, 3.0, 10.0]);
    near(normalize_mean([0.0, 1.0, 2.0, 6.0]), [0.0, 1.0 / 3.0, 2.0 / 3.0, 2.0]);
    near(normalize_mean([5.0]), [1.0]);
}

#[test]
fn logit_adjustments() {
    for counts in COUNTS {
        let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
        for tau in [1.0_f32, 0.5] {
            let truth = counts.map(|count| f64::from(tau) * (f64::from(count.max(1)) / total).ln());
            // An addend of logits: what counts is the absolute error.
            for (addend, truth) in logit_adjustment(counts, tau).into_iter().zip(truth) {
                assert!((f64::from(addend) - truth).abs() <= 1e-6, "{addend}, expected {truth}");
            }
        }
    }
    // Where the scores tell nothing, the adjusted loss is the surprise at the class's share.
    let adjustment = logit_adjustment([1, 3], 1.0);
    let batch = Batch::new(&[[0.0, 0.0]], Labels::new(&[0])).expect("valid");
    let loss = CrossEntropy::new().with_logit_adjustment(adjustment).value(&batch, &mut []).expect("valid");
    assert!((f64::from(loss) - 4.0_f64.ln()).abs() < 1e-6);
}

/// A β of 1 counts as the largest float below it, 1 − 2⁻²⁴.
#[test]
fn effective_number_of_all_that_is_one() {
    let count = 1_u32 << 24;
    let beta = 1.0 - (-24.0_f64).exp2();
    let expected = (1.0 - beta) / (1.0 - beta.powi(1 << 24));
    for beyond in [1.0, 2.0, f32::INFINITY] {
        let [weight] = effective_number([count], beyond);
        assert!((f64::from(weight) / expected - 1.0).abs() < 1e-6, "{weight}, {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_weights_are_finite_and_accepted(counts in prop::array::uniform5(any::<u32>()), beta in any::<f32>()) {
        for weights in [
            inverse_frequency(counts),
            sqrt_inverse_frequency(counts),
            median_frequency(counts),
            enet(counts),
            effective_number(counts, beta),
            normalize_mean(inverse_frequency(counts)),
            clamp(median_frequency(counts), 0.1, 10.0),
        ] {
            let batch = Batch::new(&[[0.5; 5]; 5], Labels::new(&[0, 1, 2, 3, 4])).expect("valid");
            let loss = CrossEntropy::new().with_weights(weights).value(&batch, &mut []).expect("weights are accepted");
            prop_assert!(loss.is_finite());
        }
    }
}
