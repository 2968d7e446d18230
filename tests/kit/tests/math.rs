//! The elementary functions against f64, over their whole range.

use scarce::{Fast, Fixed, Libm, Math, Micro};

/// Arguments from one number to another, about evenly spaced in their bits: all exponents alike.
fn arguments(from: f32, to: f32) -> impl Iterator<Item = f32> {
    const NUMBER: usize = 300_000;
    // Bits as integers that ascend with the number.
    let key = |x: f32| if x.is_sign_negative() { -i64::from((-x).to_bits()) } else { i64::from(x.to_bits()) };
    let number = |key: i64| f32::from_bits(key.unsigned_abs() as u32).copysign(if key < 0 { -1.0 } else { 1.0 });
    let (first, last) = (key(from), key(to));
    (first..=last).step_by(((last - first) as usize / NUMBER).max(1)).chain([last]).map(number)
}

/// The distance of two neighbouring floats at the size of x.
fn ulp(x: f64) -> f64 {
    let x = x.abs() as f32;
    f64::from(x.next_up()) - f64::from(x)
}

/// The largest of the errors, each in a unit of its own.
fn worst(
    (from, to): (f32, f32),
    function: fn(f32) -> f32,
    truth: fn(f64) -> f64,
    unit: impl Fn(f64) -> f64,
) -> (f64, f32) {
    arguments(from, to).fold((0.0, from), |worst, x| {
        let truth = truth(f64::from(x));
        let error = (f64::from(function(x)) - truth).abs() / unit(truth);
        if error <= worst.0 { worst } else { (error, x) } // a NaN is worst
    })
}

#[track_caller]
fn within(range: (f32, f32), function: fn(f32) -> f32, truth: fn(f64) -> f64, unit: impl Fn(f64) -> f64, bound: f64) {
    let (error, at) = worst(range, function, truth, unit);
    assert!(error <= bound, "error {error:e} at {at:e}, bound {bound:e}");
    assert!(error >= 0.5 * bound, "the largest error is {error:e}, its bound of {bound:e} says nothing");
}

const TINY: f32 = f32::from_bits(1);
const LARGEST_SUBNORMAL: f32 = f32::from_bits(0x007f_ffff);

#[test]
fn libm_is_good_to_an_ulp() {
    within((-103.9, 88.7), Libm::exp, f64::exp, ulp, 0.86);
    within((TINY, f32::MAX), Libm::ln, f64::ln, ulp, 0.82);
    within((0.5, 2.0), Libm::ln, f64::ln, ulp, 0.82);
    within((TINY, f32::MAX), Libm::ln_1p, f64::ln_1p, ulp, 0.82);
    within((1e-3, 40.0), Libm::ln_1p, f64::ln_1p, ulp, 0.82);
    within((TINY, f32::MAX), Libm::sqrt, f64::sqrt, ulp, 0.51);
}

#[test]
fn fast_is_as_good_as_it_says() {
    within((-87.3, -0.0), Fast::exp, f64::exp, ulp, 2.2);
    within((TINY, f32::MAX), Fast::ln_1p, f64::ln_1p, ulp, 2.5);
    within((1e-3, 40.0), Fast::ln_1p, f64::ln_1p, ulp, 2.5);
}

#[test]
fn fixed_is_as_good_as_it_says() {
    let relative = |from, to, bound| within((from, to), Fixed::exp, f64::exp, |truth: f64| truth, bound);
    relative(-1.0, -0.0, 2e-7 + 6e-8);
    relative(-10.0, -0.0, 2e-7 + 6e-7);
    relative(-87.3, -0.0, 2e-7 + 6e-8 * 87.3);
}

/// Below the smallest normal number both are 0 in the end, and never negative, above 1 or not a number on the way.
#[test]
fn exponentials_of_losses_end_in_zero() {
    for exp in [Fast::exp, Fixed::exp] {
        assert_eq!([exp(0.0), exp(-0.0), exp(-TINY)].map(f32::to_bits), [1.0_f32.to_bits(); 3]);
        assert_eq!([-110.0, -1e3, -1e10, -f32::MAX, f32::NEG_INFINITY].map(exp).map(f32::to_bits), [0; 5]);
        assert!(arguments(-200.0, -0.0).all(|x| (0.0..=1.0).contains(&exp(x))));
        assert!(arguments(-104.0, -87.3).all(|x| exp(x) <= f32::MIN_POSITIVE * 1.1));
    }
    assert_eq!(Fast::ln_1p(0.0).to_bits(), 0);
}

#[test]
fn micro_is_as_good_as_it_says() {
    let (relative, absolute) = (|truth: f64| truth.abs(), |_: f64| 1.0);
    within((-87.0, 88.0), Micro::exp, f64::exp, relative, 0.003);
    within((-1.0, -TINY), Micro::exp, f64::exp, relative, 0.003);
    within((TINY, f32::MAX), Micro::ln, f64::ln, absolute, 7e-5);
    within((0.5, 2.0), Micro::ln, f64::ln, absolute, 7e-5);
    within((TINY, f32::MAX), Micro::ln_1p, f64::ln_1p, absolute, 7e-5);
    within((TINY, 40.0), Micro::ln_1p, f64::ln_1p, relative, 0.001);
    within((f32::MIN_POSITIVE, f32::MAX), Micro::sqrt, f64::sqrt, ulp, 0.76);
    within((TINY, LARGEST_SUBNORMAL), Micro::sqrt, f64::sqrt, ulp, 0.76);
}

/// What `Micro` says of micromath itself, without which there would be nothing to mend.
#[test]
fn micromath_has_the_faults_that_are_mended() {
    let own_ln = |x| micromath::F32(x).ln().0;
    let own_sqrt = |x| micromath::F32(x).sqrt().0;
    within((1e-3, 0.999), own_ln, f64::ln, |_| 1.0, 0.118);
    within((1e-30, 1e30), own_sqrt, f64::sqrt, |truth| truth, 0.061);
    assert!(!micromath::F32(f32::NAN).exp().0.is_nan());
}

#[test]
fn special_arguments() {
    fn check<M: Math>() {
        let same = |found: f32, expected: f32| {
            let both_nan = found.is_nan() && expected.is_nan();
            assert!(both_nan || found.to_bits() == expected.to_bits(), "{found}, expected {expected}");
        };
        let (infinity, nan) = (f32::INFINITY, f32::NAN);
        for (x, exp, ln, ln_1p, sqrt) in [
            (0.0, 1.0, -infinity, 0.0, 0.0),
            (-0.0, 1.0, -infinity, -0.0, -0.0),
            (infinity, infinity, infinity, infinity, infinity),
            (-infinity, 0.0, nan, nan, nan),
            (nan, nan, nan, nan, nan),
            (-2.0, M::exp(-2.0), nan, nan, nan),
            (-1.0, M::exp(-1.0), nan, -infinity, nan),
            (1e10, infinity, M::ln(1e10), M::ln_1p(1e10), 1e5),
            (-1e10, 0.0, nan, nan, nan),
            (f32::MAX, infinity, M::ln(f32::MAX), M::ln_1p(f32::MAX), M::sqrt(f32::MAX)),
            (1.0, M::exp(1.0), 0.0, M::ln_1p(1.0), 1.0),
            (TINY, 1.0, M::ln(TINY), TINY, M::sqrt(TINY)),
        ] {
            same(M::exp(x), exp);
            same(M::ln(x), ln);
            same(M::ln_1p(x), ln_1p);
            same(M::sqrt(x), sqrt);
        }
        for x in [TINY, LARGEST_SUBNORMAL, 1e10, f32::MAX] {
            assert!(M::ln(x).is_finite() && M::ln_1p(x).is_finite() && M::sqrt(x).is_finite(), "{x:e}");
        }
        // Losses rely on it: no exponential of what is ≤ 0 exceeds 1, and none is negative.
        assert!(arguments(-1000.0, 0.0).all(|x| (0.0..=1.0).contains(&M::exp(x))));
        assert!(arguments(0.0, f32::MAX).all(|x| M::ln_1p(x) >= 0.0));
    }
    check::<Libm>();
    check::<Micro>();
}

#[test]
fn functions_ascend() {
    fn ascends(function: fn(f32) -> f32, from: f32, to: f32) {
        let mut before = f32::NEG_INFINITY;
        for x in arguments(from, to) {
            let value = function(x);
            assert!(value >= before, "at {x:e}: {value:e} after {before:e}");
            before = value;
        }
    }
    ascends(Libm::exp, -110.0, 90.0);
    ascends(Libm::exp, -1.0, -TINY);
    ascends(Fast::exp, -87.0, -0.0);
    ascends(Fast::exp, -1.0, -TINY);
    ascends(Fixed::exp, -87.0, -0.0);
    ascends(Fixed::exp, -1.0, -TINY);
    ascends(Fast::ln_1p, 0.0, f32::MAX);
    ascends(Libm::ln, TINY, f32::MAX);
    ascends(Libm::ln_1p, 0.0, f32::MAX);
    ascends(Libm::sqrt, 0.0, f32::MAX);
    ascends(Micro::exp, -110.0, 90.0);
    ascends(Micro::exp, -1.0, -TINY);
    ascends(Micro::sqrt, 0.0, f32::MAX);
}
