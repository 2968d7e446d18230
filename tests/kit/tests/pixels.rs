//! A pixel by itself, as what it is in a batch, and how sure a loss is of its label.

use scarce::{Batch, BinaryCrossEntropy, CrossEntropy, Focal, Labels, Loss, PixelLoss, Reduction, SigmoidFocal};

const SCALE: f32 = 0.375;

/// Rows from near ties to certainty, right and wrong.
fn rows<const C: usize>() -> Vec<[f32; C]> {
    let spreads = [0.0, 0.01, 1.0, 4.0, 20.0, 80.0];
    let row =
        |spread: f32, turn: usize| core::array::from_fn(|class| spread * (((class + turn) * 7 % 5) as f32 / 4.0 - 0.4));
    spreads.into_iter().flat_map(|spread| (0..C + 1).map(move |turn| row(spread, turn))).collect()
}

/// `loss` has [`Reduction::Sum`].
fn is_a_batch_of_one<const C: usize>(loss: &impl PixelLoss<C>) {
    let labels = if C == 1 { 2 } else { C as u8 };
    for row in rows::<C>() {
        for label in 0..labels {
            let (scores, of_label) = ([row], [label]);
            let batch = Batch::new(&scores, Labels::new(&of_label)).expect("valid");
            let mut grad = [[0.0; C]];
            let value = loss.add_grad(&batch, SCALE, &mut grad, &mut []).expect("valid");
            let (of_pixel, of_row) = loss.pixel_grad(row, label, SCALE);
            let near = |a: f32, b: f32| (a - b).abs() <= 2e-6 * b.abs();
            assert!(near(of_pixel, value), "{row:?}, {label}: {of_pixel}, {value}");
            assert!(near(loss.pixel(row, label), value), "{row:?}, {label}: {}, {value}", loss.pixel(row, label));
            for (of_row, grad) in of_row.iter().zip(grad[0]) {
                assert!(near(*of_row, grad), "{row:?}, {label}: {of_row}, {grad}");
            }
        }
    }
}

#[test]
fn a_pixel_is_a_batch_of_one() {
    let sum = Reduction::Sum;
    is_a_batch_of_one(&CrossEntropy::<3>::new().with_reduction(sum));
    is_a_batch_of_one(&CrossEntropy::<3>::new().with_weights([0.5, 2.0, 3.0]).with_reduction(sum));
    is_a_batch_of_one(&CrossEntropy::<3>::new().with_weights([2.0; 3]).with_label_smoothing(0.1).with_reduction(sum));
    is_a_batch_of_one(&CrossEntropy::<2>::new().with_logit_adjustment([0.5, -1.0]).with_reduction(sum));
    is_a_batch_of_one(&Focal::<3>::new(2.0).with_reduction(sum));
    is_a_batch_of_one(&Focal::<3>::new(0.0).with_alpha([0.5; 3]).with_reduction(sum));
    is_a_batch_of_one(&Focal::<3>::new(0.0).with_alpha([0.5, 2.0, 3.0]).with_reduction(sum));
    is_a_batch_of_one(&Focal::<2>::new(1.5).with_alpha([0.25, 0.75]).with_reduction(sum));
    is_a_batch_of_one(&BinaryCrossEntropy::<1>::new().with_reduction(sum));
    let binary = BinaryCrossEntropy::<3>::new().with_pos_weights([1.0, 2.0, 3.0]).with_class_weights([0.5, 2.0]);
    is_a_batch_of_one(&binary.with_label_smoothing(0.2).with_reduction(sum));
    is_a_batch_of_one(&SigmoidFocal::<1>::new(2.0).with_alpha(0.25).with_reduction(sum));
    is_a_batch_of_one(&SigmoidFocal::<3>::new(0.5).with_channel_alpha([0.25, 0.5, 0.75]).with_reduction(sum));
}

/// Of the label; `p` gets the row in f64.
fn is_sure<const C: usize>(loss: &impl PixelLoss<C>, p: impl Fn([f64; C], u8) -> [f64; 2]) {
    let labels = if C == 1 { 2 } else { C as u8 };
    for row in rows::<C>() {
        for label in 0..labels {
            let (hit, miss) = loss.confidence(row, label);
            for (found, expected) in [hit, miss].into_iter().zip(p(row.map(f64::from), label)) {
                // Where the exponential ends, nothing is left.
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 1e-6 * expected + 1.2e-38, "{row:?}, {label}: {found}, {expected}");
            }
        }
    }
}

#[test]
fn the_label_is_as_probable_as_softmax_says() {
    let softmax = |adjustment: [f64; 3]| {
        move |row: [f64; 3], label: u8| {
            let score = |class: usize| row[class] + adjustment[class];
            // Relative to the label's.
            let odds = |class: usize| (score(class) - score(label.into())).exp();
            let others: f64 = (0..3).filter(|&class| class != usize::from(label)).map(odds).sum();
            [1.0 / (1.0 + others), others / (1.0 + others)]
        }
    };
    is_sure(&CrossEntropy::<3>::new(), softmax([0.0; 3]));
    is_sure(&CrossEntropy::<3>::new().with_weights([0.5, 2.0, 3.0]).with_label_smoothing(0.1), softmax([0.0; 3]));
    is_sure(&CrossEntropy::<3>::new().with_logit_adjustment([0.5, -1.0, 0.0]), softmax([0.5, -1.0, 0.0]));
    is_sure(&Focal::<3>::new(2.0), softmax([0.0; 3]));
    let two = |[a, b]: [f64; 2], label: u8| {
        let ahead = if label == 0 { b - a } else { a - b };
        [1.0 / (1.0 + ahead.exp()), 1.0 / (1.0 + (-ahead).exp())]
    };
    is_sure(&CrossEntropy::<2>::new(), two);
    is_sure(&Focal::<2>::new(1.5), two);
}

#[test]
fn the_label_is_as_probable_as_its_sigmoid_says() {
    let sigmoid = |score: f64| 1.0 / (1.0 + (-score).exp());
    let one = |[score]: [f64; 1], label: u8| {
        let score = if label == 1 { score } else { -score };
        [sigmoid(score), sigmoid(-score)]
    };
    is_sure(&BinaryCrossEntropy::<1>::new(), one);
    is_sure(&SigmoidFocal::<1>::new(2.0), one);
    let several = |row: [f64; 3], label: u8| [sigmoid(row[usize::from(label)]), sigmoid(-row[usize::from(label)])];
    is_sure(&BinaryCrossEntropy::<3>::new().with_pos_weights([1.0, 2.0, 3.0]), several);
    is_sure(&SigmoidFocal::<3>::new(0.5), several);
}
