//! Prints how far the elementary functions and the losses are from f64 at worst: every f32 that losses ask for, and inputs
//! that are hard.

use scarce::{
    Batch, BinaryCrossEntropy, CrossEntropy, Fast, Fixed, Focal, Labels, Libm, Loss, Lovasz, LovaszHinge, Math, Micro,
    Overlap, SigmoidFocal,
};
use scarce_kit::patterns::Random;
use scarce_kit::reference::{self, Activation, Index, Surrogate, central_difference};
use std::thread;

fn main() {
    println!(
        "Made by `cargo run --release -p scarce-tests --features accuracy --bin accuracy > tests/expected/accuracy.md`, in minutes.\n"
    );
    functions();
    println!();
    losses();
}

/// The largest error over all arguments.
#[derive(Clone, Copy)]
struct Worst {
    ulps: f64,
    relative: f64,
    at: f32,
}

/// Over all floats with these bits, times a sign.
fn sweep(function: fn(f32) -> f32, truth: fn(f64) -> f64, (from, to): (f32, f32), sign: f32) -> Worst {
    let part = |first: u32, last: u32| {
        let mut worst = Worst { ulps: 0.0, relative: 0.0, at: from };
        for bits in first..=last {
            let x = f32::from_bits(bits) * sign;
            let exact = truth(f64::from(x));
            let error = (f64::from(function(x)) - exact).abs();
            let size = exact.abs() as f32;
            let ulps = error / (f64::from(size.next_up()) - f64::from(size));
            assert!(!ulps.is_nan(), "{x:e}: {}", function(x));
            if ulps > worst.ulps {
                (worst.ulps, worst.at) = (ulps, x);
            }
            if exact != 0.0 {
                worst.relative = worst.relative.max(error / exact.abs());
            }
        }
        worst
    };
    let (first, last) = (from.to_bits(), to.to_bits());
    let parts = thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    let size = (last - first) / parts + 1;
    thread::scope(|scope| {
        let handles: Vec<_> = (0..parts)
            .map(|number| {
                let from = first + number * size;
                scope.spawn(move || part(from, last.min(from + (size - 1))))
            })
            .collect();
        let found = handles.into_iter().map(|handle| handle.join().expect("no error is a NaN"));
        found.fold(Worst { ulps: 0.0, relative: 0.0, at: from }, |all, one| {
            let relative = all.relative.max(one.relative);
            if one.ulps > all.ulps { Worst { relative, ..one } } else { Worst { relative, ..all } }
        })
    })
}

fn functions() {
    const LEAST: f32 = f32::MIN_POSITIVE;
    let exp = |function| sweep(function, f64::exp, (0.0, 87.33), -1.0);
    let ln = |function| sweep(function, f64::ln, (LEAST, f32::MAX), 1.0);
    let ln_1p = |function| sweep(function, f64::ln_1p, (0.0, f32::MAX), 1.0);
    let sqrt = |function| sweep(function, f64::sqrt, (LEAST, f32::MAX), 1.0);
    println!(
        "Elementary functions, at every `f32`, at worst: `exp` from −87.33 to 0 (`Micro` has 0 below −87), `ln` and `sqrt` from the\n\
         least normal number up, `ln_1p` from 0 up. `Micro::ln` errs by 7e-5, whatever the logarithm.\n"
    );
    println!("| function | ulp | relative | at |\n|---|--:|--:|--:|");
    let row = |name: &str, worst: Worst| {
        println!("| {name} | {:.2} | {:.1e} | {:e} |", worst.ulps, worst.relative, worst.at);
    };
    row("`Fast::exp`", exp(Fast::exp));
    row("`Fast::ln_1p`, `Fixed::ln_1p`", ln_1p(Fast::ln_1p));
    row("`Fixed::exp`", exp(Fixed::exp));
    row("`Libm::exp`", exp(Libm::exp));
    row("`ln` of `Libm`, `Fast` and `Fixed`", ln(Libm::ln));
    row("`Libm::ln_1p`", ln_1p(Libm::ln_1p));
    row("`sqrt` of `Libm`, `Fast` and `Fixed`", sqrt(Libm::sqrt));
    row("`Micro::exp`", exp(Micro::exp));
    row("`Micro::ln`", ln(Micro::ln));
    row("`Micro::ln_1p`", ln_1p(Micro::ln_1p));
    row("`Micro::sqrt`", sqrt(Micro::sqrt));
}

const IGNORED: u8 = 255;

/// Scores of `C` channels and labels.
struct Data<const C: usize> {
    rows: Vec<[f32; C]>,
    labels: Vec<u8>,
}

/// The inputs, and what they are called.
const INPUTS: [&str; 5] =
    ["logits within ±6", "logits within ±10⁴", "1 048 576 pixels", "a class of 0.01 %", "all ignored but one"];

impl<const C: usize> Data<C> {
    fn new(input: usize) -> Self {
        let (pixels, range) = [(4096, 6.0), (4096, 1e4), (1 << 20, 6.0), (200_000, 6.0), (4096, 6.0)][input];
        let mut random = Random::new(input as u64);
        let classes = C.max(2);
        let rows = (0..pixels).map(|_| std::array::from_fn(|_| random.between(-range, range))).collect();
        let label = |pixel: usize| match input {
            3 => u8::from(pixel % 10_000 == 77),
            4 => {
                if pixel == 1234 {
                    1
                } else {
                    IGNORED
                }
            }
            _ => (random.below(10 * classes) / 7).min(classes - 1) as u8,
        };
        Self { rows, labels: (0..pixels).map(label).collect() }
    }
}

/// A value and its gradient, pixel-major.
struct Truth {
    value: f64,
    gradient: Vec<f64>,
}

/// A loss in f64 with its gradient from the formula; the value is the reference's, and the gradient is held against it.
struct Formula {
    reference: Box<dyn reference::Loss>,
    gradient: fn(&reference::Batch<'_>) -> Vec<f64>,
}

impl Formula {
    fn new(reference: impl reference::Loss + 'static, gradient: fn(&reference::Batch<'_>) -> Vec<f64>) -> Self {
        Self { reference: Box::new(reference), gradient }
    }

    fn truth<const C: usize>(&self, data: &Data<C>) -> Truth {
        let scores: Vec<f64> = data.rows.as_flattened().iter().map(|&score| f64::from(score)).collect();
        let batch =
            reference::Batch { scores: &scores, classes: C, labels: &data.labels, ignore: Some(IGNORED), images: 1 };
        Truth { value: self.reference.value(&batch), gradient: (self.gradient)(&batch) }
    }

    /// The formula of the gradient is that of the reference: where differences can tell.
    fn check<const C: usize>(&self, name: &str) {
        let mut random = Random::new(9);
        let scores: Vec<f64> = (0..60 * C).map(|_| f64::from(random.between(-3.0, 3.0))).collect();
        let labels: Vec<u8> =
            (0..60).map(|pixel| if pixel % 7 == 0 { IGNORED } else { random.below(C.max(2)) as u8 }).collect();
        let batch = reference::Batch { scores: &scores, classes: C, labels: &labels, ignore: Some(IGNORED), images: 1 };
        for (element, slope) in (self.gradient)(&batch).into_iter().enumerate() {
            let expected = central_difference(self.reference.as_ref(), &batch, element, 1e-6);
            assert!((slope - expected).abs() < 1e-8, "{name}, element {element}: {slope}, by differences {expected}");
        }
    }
}

/// The pixels that are not ignored.
fn valid(batch: &reference::Batch<'_>) -> Vec<usize> {
    batch.valid(0..batch.pixels())
}

/// Probabilities of the channels, and 1 − those, without cancellation.
fn softmax(row: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let rest =
        |of: usize| powers.iter().enumerate().filter(|(class, _)| *class != of).map(|(_, power)| power).sum::<f64>();
    let misses = (0..row.len()).map(|class| rest(class) / sum).collect();
    (powers.iter().map(|power| power / sum).collect(), misses)
}

fn sigmoid(score: f64) -> f64 {
    if score >= 0.0 { 1.0 / (1.0 + (-score).exp()) } else { score.exp() / (1.0 + score.exp()) }
}

/// ∂/∂z of a function of the probability of the target, of which `slope` is dL/dp · p as a function of p, 1 − p and −ln p.
fn of_target(batch: &reference::Batch<'_>, slope: fn(f64, f64, f64) -> f64) -> Vec<f64> {
    let mut gradient = vec![0.0; batch.scores.len()];
    let pixels = valid(batch);
    let number = pixels.len() as f64;
    for pixel in pixels {
        let (hits, misses) = softmax(batch.row(pixel));
        let target = usize::from(batch.labels[pixel]);
        let largest = batch.row(pixel).iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = batch.row(pixel).iter().map(|score| (score - largest).exp()).sum();
        let slope = slope(hits[target], misses[target], largest - batch.row(pixel)[target] + sum.ln()) / number;
        for class in 0..batch.classes {
            gradient[pixel * batch.classes + class] =
                if class == target { slope * misses[target] } else { -slope * hits[class] };
        }
    }
    gradient
}

fn cross_entropy(batch: &reference::Batch<'_>) -> Vec<f64> {
    of_target(batch, |_, _, _| -1.0)
}

/// γ = 2: d/dp (−(1 − p)² ln p) · p.
fn focal(batch: &reference::Batch<'_>) -> Vec<f64> {
    of_target(batch, |hit, miss, surprise| -2.0 * miss * surprise * hit - miss * miss)
}

/// Of one channel: ∂/∂z of a function of the probability of the true label.
fn of_sign(batch: &reference::Batch<'_>, slope: fn(f64, f64, f64) -> f64) -> Vec<f64> {
    let mut gradient = vec![0.0; batch.scores.len()];
    let pixels = valid(batch);
    let number = pixels.len() as f64;
    for pixel in pixels {
        let sign = if batch.labels[pixel] == 1 { 1.0 } else { -1.0 };
        let score = sign * batch.scores[pixel];
        let surprise = (-score.abs()).exp().ln_1p() + (-score).max(0.0);
        gradient[pixel] = sign * slope(sigmoid(score), sigmoid(-score), surprise) / number;
    }
    gradient
}

fn binary_cross_entropy(batch: &reference::Batch<'_>) -> Vec<f64> {
    of_sign(batch, |_, miss, _| -miss)
}

/// γ = 2.
fn sigmoid_focal(batch: &reference::Batch<'_>) -> Vec<f64> {
    of_sign(batch, |hit, miss, surprise| -2.0 * miss * miss * surprise * hit - miss * miss * miss)
}

/// ∂/∂z of a function of probabilities, from ∂/∂p.
fn through_softmax(batch: &reference::Batch<'_>, of_probability: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut gradient = vec![0.0; batch.scores.len()];
    let classes = batch.classes;
    for pixel in valid(batch) {
        let (hits, _) = softmax(batch.row(pixel));
        let slopes: Vec<f64> = (0..classes).map(|class| of_probability(pixel, class)).collect();
        for class in 0..classes {
            let mean: f64 = (0..classes).map(|other| hits[other] * (slopes[class] - slopes[other])).sum();
            gradient[pixel * classes + class] = hits[class] * mean;
        }
    }
    gradient
}

/// Smoothing 1, mean over classes, one image.
fn dice(batch: &reference::Batch<'_>) -> Vec<f64> {
    let classes = batch.classes;
    let mut sums = vec![(0.0, 0.0); classes];
    for pixel in valid(batch) {
        for (class, hit) in softmax(batch.row(pixel)).0.into_iter().enumerate() {
            let truth = if batch.is_target(pixel, class) { 1.0 } else { 0.0 };
            sums[class].0 += hit * truth;
            sums[class].1 += hit + truth;
        }
    }
    through_softmax(batch, |pixel, class| {
        let (numerator, denominator) = (2.0 * sums[class].0 + 1.0, sums[class].1 + 1.0);
        let truth = if batch.is_target(pixel, class) { 1.0 } else { 0.0 };
        (numerator / (denominator * denominator) - 2.0 * truth / denominator) / classes as f64
    })
}

/// By how much each error counts: the differences of Jaccard indices in descending order of the errors, in order of pixels
/// where they are equal.
fn jaccard_slopes(errors: &[(f64, bool)]) -> Vec<f64> {
    let foreground = errors.iter().filter(|(_, truth)| *truth).count() as f64;
    let mut order: Vec<usize> = (0..errors.len()).collect();
    order.sort_by(|&a, &b| errors[b].0.total_cmp(&errors[a].0));
    let (mut slopes, mut missed, mut added, mut last) = (vec![0.0; errors.len()], 0.0, 0.0, 0.0);
    for place in order {
        if errors[place].1 {
            missed += 1.0
        } else {
            added += 1.0
        }
        let jaccard = 1.0 - (foreground - missed) / (foreground + added);
        slopes[place] = jaccard - last;
        last = jaccard;
    }
    slopes
}

/// Classes that are present, the whole batch at once.
fn lovasz(batch: &reference::Batch<'_>) -> Vec<f64> {
    let (classes, pixels) = (batch.classes, valid(batch));
    let probabilities: Vec<_> = pixels.iter().map(|&pixel| softmax(batch.row(pixel))).collect();
    let mut slopes = vec![0.0; batch.scores.len()];
    let present: Vec<usize> =
        (0..classes).filter(|&class| pixels.iter().any(|&pixel| batch.is_target(pixel, class))).collect();
    for &class in &present {
        let error = |(&pixel, (hits, misses)): (&usize, &(Vec<f64>, Vec<f64>))| {
            let truth = batch.is_target(pixel, class);
            (if truth { misses[class] } else { hits[class] }, truth)
        };
        let errors: Vec<_> = pixels.iter().zip(&probabilities).map(error).collect();
        for ((slope, (_, truth)), pixel) in jaccard_slopes(&errors).iter().zip(&errors).zip(&pixels) {
            slopes[pixel * classes + class] = if *truth { -slope } else { *slope } / present.len() as f64;
        }
    }
    through_softmax(batch, |pixel, class| slopes[pixel * classes + class])
}

fn lovasz_hinge(batch: &reference::Batch<'_>) -> Vec<f64> {
    let pixels = valid(batch);
    let sign = |pixel: usize| if batch.labels[pixel] == 1 { 1.0 } else { -1.0 };
    let errors: Vec<_> =
        pixels.iter().map(|&pixel| (1.0 - sign(pixel) * batch.scores[pixel], batch.labels[pixel] == 1)).collect();
    let mut gradient = vec![0.0; batch.scores.len()];
    for ((slope, (error, _)), pixel) in jaccard_slopes(&errors).iter().zip(&errors).zip(&pixels) {
        gradient[*pixel] = if *error > 0.0 { -sign(*pixel) * slope } else { 0.0 };
    }
    gradient
}

/// A row of the table: each input, the largest error of the value and of the gradient.
fn row<const C: usize, L: Loss<C>>(name: &str, functions: &str, loss: &L, formula: &Formula) {
    formula.check::<C>(name);
    let cells = (0..INPUTS.len()).map(|input| {
        let data = Data::<C>::new(input);
        let truth = formula.truth(&data);
        let batch = Batch::new(data.rows.as_slice(), Labels::new(&data.labels).ignoring(IGNORED)).expect("sound");
        let mut gradient = vec![[0.0; C]; data.rows.len()];
        let mut scratch = vec![0; loss.scratch_len_to_write(data.rows.len())];
        let value = loss.value_and_grad(&batch, gradient.as_mut_slice(), &mut scratch).expect("sound");
        let largest = truth.gradient.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
        let (mut element, mut distance, mut whole) = (0.0_f64, 0.0, 0.0);
        for (found, truth) in gradient.as_flattened().iter().zip(&truth.gradient) {
            let error = (f64::from(*found) - truth).abs();
            assert!(error.is_finite(), "{name}, {functions}, {}: {found}, truth {truth}", INPUTS[input]);
            element = element.max(error / largest);
            distance += error;
            whole += truth.abs();
        }
        assert!(largest > 0.0 && truth.value > 0.0, "{name}, {}: there is nothing to be relative to", INPUTS[input]);
        let value = (f64::from(value) - truth.value).abs() / truth.value;
        format!("{value:.0e}, {element:.0e}, {:.0e}", distance / whole)
    });
    let cells: Vec<String> = cells.collect();
    println!("| {name}, {functions} | {} |", cells.join(" | "));
}

fn of_functions<M: Math>(functions: &str, math: M) {
    const CLASSES: usize = 3;
    let entropy = Formula::new(reference::CrossEntropy::default(), cross_entropy);
    row("cross entropy", functions, &CrossEntropy::<CLASSES>::new().with_math(math), &entropy);
    let formula = Formula::new(reference::Focal::new(2.0), focal);
    row("focal", functions, &Focal::<CLASSES>::new(2.0).with_math(math), &formula);
    let formula = Formula::new(reference::Overlap::new(Index::Dice, Activation::Softmax), dice);
    row("Dice", functions, &Overlap::<CLASSES>::dice().with_math(math), &formula);
    let formula = Formula::new(reference::Lovasz::new(Activation::Softmax), lovasz);
    row("Lovász", functions, &Lovasz::<CLASSES>::new().with_math(math), &formula);
    let formula = Formula::new(reference::BinaryCrossEntropy::default(), binary_cross_entropy);
    row("binary cross entropy", functions, &BinaryCrossEntropy::<1>::new().with_math(math), &formula);
    let formula = Formula::new(reference::SigmoidFocal::new(2.0), sigmoid_focal);
    row("sigmoid focal", functions, &SigmoidFocal::<1>::new(2.0).with_math(math), &formula);
}

fn losses() {
    println!(
        "Losses against f64 over three classes or one channel: relative error of the value, largest error of an element of\n\
         the gradient relative to the largest element, and Σ |error| / Σ |gradient|. A Lovász gradient jumps where two errors\n\
         change places, and errors that f64 tells apart may tie in f32: single elements are off then, the loss is not.\n"
    );
    println!("| loss, functions | {} |\n|---|{}", INPUTS.join(" | "), "---|".repeat(INPUTS.len()));
    of_functions("`Fast`", Fast);
    of_functions("`Fixed`", Fixed);
    of_functions("`Libm`", Libm);
    let hinge = reference::LovaszHinge { surrogate: Surrogate::Relu, per_image: false };
    row("Lovász hinge", "none", &LovaszHinge::new(), &Formula::new(hinge, lovasz_hinge));
}
