//! Lovász by histogram: the proven bounds, what is exact, and the gradient by its definition.

use scarce::{Batch, Classes, Labels, Loss, LovaszHingeHistogram, LovaszHistogram, scratch_len};
use scarce_kit::patterns::Random;
use scarce_kit::reference::{self, Activation};

/// What rounding in f32 may add to a bound that is proven in exact arithmetic.
const ROUNDING: f64 = 2e-6;

/// Errors in `0..=1` of one class against the rest, or of any size for the hinge, and which pixels are of the class.
struct Errors {
    errors: Vec<f32>,
    foreground: Vec<bool>,
}

impl Errors {
    fn new(pixels: usize, random: &mut Random, mut error: impl FnMut(&mut Random) -> f32) -> Self {
        let share = [0.5, 0.1, 0.01, 0.9][random.below(4)];
        let errors = (0..pixels).map(|_| error(random)).collect();
        let mut foreground: Vec<bool> = (0..pixels).map(|_| random.unit() < share).collect();
        foreground[0] = true;
        Self { errors, foreground }
    }

    fn labels(&self) -> Vec<u8> {
        self.foreground.iter().map(|foreground| u8::from(*foreground)).collect()
    }

    /// Probabilities of one channel with these errors.
    fn probabilities(&self) -> Vec<[f32; 1]> {
        let pixels = self.errors.iter().zip(&self.foreground);
        pixels.map(|(error, foreground)| [if *foreground { 1.0 - error } else { *error }]).collect()
    }

    /// Logits with these hinge errors.
    fn logits(&self) -> Vec<[f32; 1]> {
        let pixels = self.errors.iter().zip(&self.foreground);
        pixels.map(|(error, foreground)| [if *foreground { 1.0 - error } else { error - 1.0 }]).collect()
    }

    /// The exact loss, and Σ e g for given increments.
    fn exact(&self, loss: &impl reference::Loss, rows: &[[f32; 1]]) -> f64 {
        let scores: Vec<f64> = rows.as_flattened().iter().map(|score| f64::from(*score)).collect();
        loss.value(&reference::Batch { scores: &scores, classes: 1, labels: &self.labels(), ignore: None, images: 1 })
    }
}

fn run<L: Loss<1>>(loss: &L, rows: &[[f32; 1]], labels: &[u8]) -> (f64, Vec<f64>) {
    let mut grad = vec![[0.0]; rows.len()];
    let mut scratch = vec![u32::MAX; scratch_len::<1, L>(rows.len())];
    let batch = Batch::new(rows, Labels::new(labels)).expect("valid");
    let value = loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid");
    (f64::from(value), grad.as_flattened().iter().map(|element| f64::from(*element)).collect())
}

/// The increments by their definition: the errors rounded to bins are sorted with the foreground first among equals, and with
/// it last; each pixel gets the mean of its bin's and class's increments, and of the two orders.
fn increments(bins: &[usize], foreground: &[bool]) -> Vec<f64> {
    let total = foreground.iter().filter(|foreground| **foreground).count() as f64;
    let mut sums = vec![0.0; bins.len()];
    for first in [true, false] {
        let mut order: Vec<usize> = (0..bins.len()).collect();
        order.sort_by_key(|&pixel| (usize::MAX - bins[pixel], foreground[pixel] != first));
        let (mut intersection, mut union, mut before) = (total, total, 0.0);
        let mut own = vec![0.0; bins.len()];
        for &pixel in &order {
            if foreground[pixel] {
                intersection -= 1.0;
            } else {
                union += 1.0;
            }
            let jaccard = 1.0 - intersection / union;
            own[pixel] = jaccard - before;
            before = jaccard;
        }
        for pixel in 0..bins.len() {
            let alike = |&other: &usize| bins[other] == bins[pixel] && foreground[other] == foreground[pixel];
            let group: Vec<usize> = (0..bins.len()).filter(alike).collect();
            sums[pixel] += 0.5 * group.iter().map(|&other| own[other]).sum::<f64>() / group.len() as f64;
        }
    }
    sums
}

/// The bounds of the documentation, on random errors and on those that lie as badly as they can.
fn check_bounds<const BINS: usize>(random: &mut Random) -> [f64; 2] {
    let width = 1.0 / (BINS as f64 - 1.0);
    let loss = LovaszHistogram::<1, BINS>::new().with_classes(Classes::All).on_probabilities();
    let exact =
        reference::Lovasz { classes: reference::Classes::All, ..reference::Lovasz::new(Activation::Probabilities) };
    let mut worst = [0.0_f64; 2];
    for turn in 0..60 {
        let pixels = 1 + random.below([3, 40, 1000][turn % 3]);
        let steps = (BINS - 1) as f32;
        let errors = Errors::new(pixels, random, |random| match turn % 6 {
            0 => random.unit(),
            // Many near 0, as of a trained network.
            1 => random.unit() * random.unit() * random.unit(),
            // Just below, at, and just above the edge between two bins.
            2 => ((random.below(BINS - 1) as f32 + 0.5 + random.sign() * 1e-4) / steps).min(1.0),
            3 => (random.below(BINS - 1) as f32 + 0.499) / steps,
            4 => (random.below(BINS - 1) as f32 + 0.501) / steps,
            _ => [0.0, 1.0, 0.5][random.below(3)],
        });
        let rows = errors.probabilities();
        let (value, grad) = run(&loss, &rows, &errors.labels());
        let truth = errors.exact(&exact, &rows);
        let apart = (value - truth).abs() / width;
        assert!(apart <= 0.5 + ROUNDING / width, "{BINS} bins, {pixels} pixels: {value}, exactly {truth}");
        let plane: f64 = errors.errors.iter().zip(&grad).map(|(error, g)| f64::from(*error) * g.abs()).sum();
        let below = (truth - plane) / width;
        assert!(below >= -ROUNDING / width, "{BINS} bins: the plane lies above the loss by {below} bins");
        assert!(below <= 1.0 + ROUNDING / width, "{BINS} bins: the plane lies below the loss by {below} bins");
        let sum: f64 = grad.iter().map(|g| g.abs()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "the increments add up to {sum}");
        worst = [worst[0].max(apart), worst[1].max(below)];
    }
    worst
}

#[test]
fn loss_and_gradient_stay_within_the_proven_bounds() {
    let mut random = Random::new(1);
    let mut worst = [0.0_f64; 2];
    for found in [
        check_bounds::<2>(&mut random),
        check_bounds::<5>(&mut random),
        check_bounds::<16>(&mut random),
        check_bounds::<256>(&mut random),
    ] {
        worst = [worst[0].max(found[0]), worst[1].max(found[1])];
    }
    // The first bound is attained: no better one can be promised.
    assert!(worst[0] > 0.49, "{worst:?}");
    assert!(worst[1] > 0.1, "{worst:?}");
}

#[test]
fn errors_that_are_bytes_are_exact_and_the_gradient_is_what_it_is_defined_as() {
    let mut random = Random::new(2);
    let loss = LovaszHistogram::<1>::new().with_classes(Classes::All).on_probabilities();
    let exact =
        reference::Lovasz { classes: reference::Classes::All, ..reference::Lovasz::new(Activation::Probabilities) };
    for levels in [2, 10, 256] {
        for pixels in [1, 2, 50, 300] {
            let mut errors = Errors::new(pixels, &mut random, |_| 0.0);
            errors.foreground[0] = levels != 10;
            let bytes: Vec<usize> = (0..pixels).map(|_| random.below(levels) * 255 / (levels - 1)).collect();
            errors.errors = bytes.iter().map(|byte| *byte as f32 / 255.0).collect();
            let rows = errors.probabilities();
            let (value, grad) = run(&loss, &rows, &errors.labels());
            let truth = errors.exact(&exact, &rows);
            assert!((value - truth).abs() < 3e-7, "{levels} levels, {pixels} pixels: {value}, exactly {truth}");
            for ((g, truth), foreground) in
                grad.iter().zip(increments(&bytes, &errors.foreground)).zip(&errors.foreground)
            {
                let truth = if *foreground { -truth } else { truth };
                assert!((g - truth).abs() < 3e-7, "{levels} levels, {pixels} pixels: {g}, by its definition {truth}");
            }
        }
    }
}

/// Through the softmax: the gradient of Σ e g with g held fast, by differences of the probabilities in f64.
#[test]
fn the_gradient_goes_through_the_softmax() {
    const C: usize = 3;
    let mut random = Random::new(4);
    let rows: Vec<[f32; C]> = (0..200).map(|_| std::array::from_fn(|_| random.between(-3.0, 3.0))).collect();
    let labels: Vec<u8> = (0..200).map(|_| random.below(C) as u8).collect();
    let (weights, mut grad) = ([1.0, 3.0, 0.5], vec![[0.0; C]; 200]);
    let loss = LovaszHistogram::<C, 32>::new().with_weights(weights);
    let mut scratch = vec![0; scratch_len::<C, LovaszHistogram<C, 32>>(200)];
    let batch = Batch::new(rows.as_slice(), Labels::new(&labels)).expect("valid");
    loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid");

    let softmax = |row: [f64; C]| {
        let exponentials = row.map(f64::exp);
        exponentials.map(|exponential| exponential / exponentials.iter().sum::<f64>())
    };
    let error = |row: [f64; C], label: u8, class: usize| {
        let probability = softmax(row)[class];
        if usize::from(label) == class { 1.0 - probability } else { probability }
    };
    let wide: Vec<[f64; C]> = rows.iter().map(|row| row.map(f64::from)).collect();
    let of_classes: Vec<Vec<f64>> = (0..C)
        .map(|class| {
            let bin = |(row, label): (&[f64; C], &u8)| (error(*row, *label, class) * 31.0 + 0.5) as usize;
            let bins: Vec<usize> = wide.iter().zip(&labels).map(bin).collect();
            let foreground: Vec<bool> = labels.iter().map(|label| usize::from(*label) == class).collect();
            increments(&bins, &foreground)
        })
        .collect();
    let largest = grad.as_flattened().iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
    for (pixel, grad) in grad.iter().enumerate() {
        for (channel, found) in grad.iter().enumerate() {
            let mut truth = 0.0;
            for (class, increments) in of_classes.iter().enumerate() {
                let [above, below] = [1e-5, -1e-5].map(|step| {
                    let mut row = wide[pixel];
                    row[channel] += step;
                    error(row, labels[pixel], class)
                });
                truth += f64::from(weights[class]) / 3.0 * increments[pixel] * (above - below) / 2e-5;
            }
            let apart = (f64::from(*found) - truth).abs();
            assert!(apart < 1e-6 * f64::from(largest), "pixel {pixel}, channel {channel}: {found}, {truth}");
        }
    }
}

#[test]
fn the_hinge_stays_within_its_bound() {
    fn check<const BINS: usize>(random: &mut Random) -> f64 {
        let steps = BINS as f64 / 8.0;
        let (loss, mut worst) = (LovaszHingeHistogram::<BINS>::new(), 0.0_f64);
        let exact = reference::LovaszHinge { surrogate: reference::Surrogate::Relu, per_image: false };
        for turn in 0..60 {
            let pixels = 1 + random.below([3, 40, 1000][turn % 3]);
            let errors = Errors::new(pixels, random, |random| match turn % 4 {
                0 => random.between(-2.0, 2.0),
                1 => random.between(-5.0, 15.0),
                2 => random.between(0.0, 250.0),
                // The edges of bins.
                _ => {
                    2.0_f32.powi(random.below(7) as i32)
                        * (1.0 + (random.below(BINS / 8) as f32 + 0.5) / (BINS as f32 / 8.0))
                        - 1.0
                }
            });
            let rows = errors.logits();
            let (value, grad) = run(&loss, &rows, &errors.labels());
            let truth = errors.exact(&exact, &rows);
            let share = (value - truth).abs() / ((1.0 + truth) / (2.0 * steps));
            assert!(share <= 1.0 + 1e-4, "{BINS} bins, {pixels} pixels: {value}, exactly {truth}");
            let sum: f64 = grad.iter().map(|g| g.abs()).sum();
            assert!(sum < 1.0 + 1e-5);
            for (error, g) in errors.errors.iter().zip(&grad) {
                assert!(*error > 0.0 || *g == 0.0, "an error of {error} has a slope of {g}");
            }
            worst = worst.max(share);
        }
        worst
    }
    let mut random = Random::new(3);
    let worst = check::<16>(&mut random).max(check::<64>(&mut random)).max(check::<256>(&mut random));
    assert!(worst > 0.5, "{worst}");
}

#[test]
fn hinge_errors_past_the_last_bin_count_as_it() {
    let loss = LovaszHingeHistogram::<256>::new();
    let (value, grad) = run(&loss, &[[-1e30], [3e38], [5.0]], &[1, 0, 1]);
    assert!(value > 100.0 && value < 255.0, "{value}");
    assert!(grad[0] < 0.0 && grad[1] > 0.0 && grad[2] == 0.0, "{grad:?}");
}

#[test]
fn neither_bit_depends_on_the_order_of_pixels() {
    let mut random = Random::new(5);
    let rows: Vec<[f32; 3]> = (0..400).map(|_| std::array::from_fn(|_| random.between(-3.0, 3.0))).collect();
    let labels: Vec<u8> = (0..400).map(|_| [0, 1, 2, 255][random.below(4)]).collect();
    let evaluate = |rows: &[[f32; 3]], labels: &[u8]| {
        let mut grad = vec![[0.0; 3]; rows.len()];
        let mut scratch = vec![0; scratch_len::<3, LovaszHistogram<3>>(rows.len())];
        let batch = Batch::new(rows, Labels::new(labels).ignoring(255)).expect("valid");
        let loss = LovaszHistogram::<3>::new();
        (loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid"), grad)
    };
    let (value, grad) = evaluate(&rows, &labels);
    let mut order: Vec<usize> = (0..400).collect();
    for place in (1..400).rev() {
        order.swap(place, random.below(place + 1));
    }
    let shuffled: Vec<[f32; 3]> = order.iter().map(|&pixel| rows[pixel]).collect();
    let shuffled_labels: Vec<u8> = order.iter().map(|&pixel| labels[pixel]).collect();
    let (other, other_grad) = evaluate(&shuffled, &shuffled_labels);
    assert_eq!(value.to_bits(), other.to_bits());
    assert!(order.iter().zip(&other_grad).all(|(&pixel, other)| grad[pixel] == *other));
}
