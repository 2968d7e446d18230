//! The optimisers and learning rates against their formulas in f64.

use scarce_mcu::{Adam, Head, Momentum, Parameters, schedule};

type Pair = Head<1, 1>;

fn pair([weight, bias]: [f32; 2]) -> Pair {
    Head { weights: [[weight]], bias: [bias] }
}

/// Gradients of a first parameter that meets large, small and no slopes, and of a second that meets only tiny ones.
const SLOPES: [[f32; 2]; 8] =
    [[1.0, 1e-6], [-3.0, 1e-6], [0.0, -1e-6], [1e-3, 2e-6], [250.0, 0.0], [0.5, 1e-6], [-2.0, 3e-6], [0.25, -1e-6]];

/// Rate of a step, not the same at each.
fn rate(step: usize) -> f32 {
    0.01 / (step + 1) as f32
}

#[test]
fn adam_follows_the_paper() {
    let mut adam = Adam::new();
    let mut parameters = pair([0.5, -0.25]);
    let (mut expected, mut mean, mut square) = ([0.5, -0.25], [0.0; 2], [0.0; 2]);
    for (step, slopes) in SLOPES.into_iter().enumerate() {
        adam.step(&mut parameters, &pair(slopes), rate(step));
        for (parameter, slope) in slopes.map(f64::from).into_iter().enumerate() {
            mean[parameter] = 0.9 * mean[parameter] + 0.1 * slope;
            square[parameter] = 0.999 * square[parameter] + 0.001 * slope * slope;
            let unbiased_mean = mean[parameter] / (1.0 - 0.9_f64.powi(step as i32 + 1));
            let unbiased_square: f64 = square[parameter] / (1.0 - 0.999_f64.powi(step as i32 + 1));
            expected[parameter] -= f64::from(rate(step)) * unbiased_mean / (unbiased_square.sqrt() + 1e-8);
        }
        assert_close(&parameters, expected);
    }
}

#[test]
fn first_step_of_adam_is_the_rate_but_for_epsilon() {
    for slope in [1e-3, 1.0, 1e6] {
        let mut parameters = pair([0.0; 2]);
        Adam::new().step(&mut parameters, &pair([slope, -slope]), 0.01);
        let moved = 0.01 * f64::from(slope) / (f64::from(slope) + 1e-8);
        assert_close(&parameters, [-moved, moved]);
    }
}

#[test]
fn bias_correction_of_adam_holds_after_many_steps() {
    // A constant slope: however many steps, the averages are that slope and its square, and every step is the rate.
    let (mut adam, mut parameters) = (Adam::new(), pair([0.0; 2]));
    for _ in 0..20_000 {
        adam.step(&mut parameters, &pair([0.1, -10.0]), 0.5);
    }
    let before = parameters.clone();
    adam.step(&mut parameters, &pair([0.1, -10.0]), 0.5);
    assert!((before.weights[0][0] - parameters.weights[0][0] - 0.5).abs() < 1e-3);
    assert!((before.bias[0] - parameters.bias[0] + 0.5).abs() < 1e-3);
}

#[test]
fn momentum_follows_its_recurrence() {
    let mut momentum = Momentum::new();
    let mut parameters = pair([0.5, -0.25]);
    let (mut expected, mut velocity) = ([0.5, -0.25], [0.0; 2]);
    for (step, slopes) in SLOPES.into_iter().enumerate() {
        momentum.step(&mut parameters, &pair(slopes), rate(step));
        for (parameter, slope) in slopes.map(f64::from).into_iter().enumerate() {
            velocity[parameter] = 0.9 * velocity[parameter] + slope;
            expected[parameter] -= f64::from(rate(step)) * velocity[parameter];
        }
        assert_close(&parameters, expected);
    }
}

#[test]
fn clipping_scales_long_gradients_only() {
    let after = |slopes| {
        let mut parameters = pair([0.0; 2]);
        Momentum::new().with_clipping(1.0).step(&mut parameters, &pair(slopes), 1.0);
        parameters
    };
    assert_close(&after([3.0, -4.0]), [-0.6, 0.8]);
    assert_close(&after([0.6, 0.8]), [-0.6, -0.8]);
    assert_close(&after([0.03, -0.04]), [-0.03, 0.04]);
    assert_eq!(after([0.0, 0.0]), pair([0.0, 0.0]));
}

#[test]
fn clipped_slopes_enter_the_velocity() {
    let (mut momentum, mut parameters) = (Momentum::new().with_clipping(0.5), pair([0.0; 2]));
    momentum.step(&mut parameters, &pair([30.0, 40.0]), 1.0);
    assert_close(&parameters, [-0.3, -0.4]);
    momentum.step(&mut parameters, &pair([0.0, 0.0]), 1.0);
    assert_close(&parameters, [-0.3 * 1.9, -0.4 * 1.9]);
}

#[test]
fn rates_fall_from_the_base_to_zero() {
    for rate in [schedule::cosine, schedule::linear] {
        assert_eq!(rate(0, 7, 0.01), 0.01);
        assert_eq!(rate(7, 7, 0.01), 0.0);
        assert_eq!(rate(8, 7, 0.01), 0.0);
        assert_eq!(rate(0, 0, 0.01), 0.0);
        let rates: Vec<f32> = (0..=7).map(|step| rate(step, 7, 0.01)).collect();
        assert!(rates.windows(2).all(|pair| pair[0] > pair[1]), "{rates:?}");
    }
    for step in 0..=7 {
        let done = f64::from(step) / 7.0;
        let cosine = 0.005 * (1.0 + (std::f64::consts::PI * done).cos());
        assert!((f64::from(schedule::cosine(step, 7, 0.01)) - cosine).abs() < 2e-9);
        assert!((f64::from(schedule::linear(step, 7, 0.01)) - 0.01 * (1.0 - done)).abs() < 2e-9);
    }
}

fn assert_close(parameters: &Pair, expected: [f64; 2]) {
    for (&parameter, expected) in parameters.parameters().zip(expected) {
        let error = (f64::from(parameter) - expected).abs();
        assert!(error <= 1e-6 * (expected.abs() + 1e-3), "{parameter} instead of {expected}");
    }
}
