//! Faults of published implementations that this one must not have: each test states what the other gives, and what is right
//! by a calculation of its own.

use scarce::{Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Error, Focal, Form, Labels, Loss, Lovasz};
use scarce::{LovaszHinge, MinKept, Ohem, Overlap, PixelLoss, Reduction, SigmoidFocal, VolumeWeights};
use scarce::{lovasz_grad, scratch_len};

/// The loss and its gradient; 255 is ignored.
fn run<const C: usize, L: Loss<C>>(loss: &L, rows: &[[f32; C]], labels: &[u8]) -> (f32, Vec<[f32; C]>) {
    let batch = Batch::new(rows, Labels::new(labels).ignoring(255)).expect("valid");
    let mut grad = vec![[f32::NAN; C]; rows.len()];
    let mut scratch = vec![u32::MAX; scratch_len::<C, L>(rows.len())];
    let value = loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid");
    (value, grad)
}

fn value<const C: usize, L: Loss<C>>(loss: &L, rows: &[[f32; C]], labels: &[u8]) -> f32 {
    run(loss, rows, labels).0
}

#[track_caller]
fn near(found: f32, truth: f64) {
    assert!((f64::from(found) - truth).abs() <= 2e-6 * truth.abs(), "{found}, expected {truth}");
}

#[track_caller]
fn far(found: f32, wrong: f64) {
    assert!((f64::from(found) - wrong).abs() > 0.05 * wrong.abs(), "{found} is as wrong as {wrong}");
}

fn softmax<const C: usize>(row: [f32; C]) -> [f64; C] {
    let exponentials = row.map(|score| f64::from(score).exp());
    let sum: f64 = exponentials.iter().sum();
    exponentials.map(|exponential| exponential / sum)
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Σ e_(k) (J_k − J_(k−1)) of (error, foreground) pairs, with J = 1 − (G − Σ t)/(G + Σ (1 − t)) of any numbers t.
fn lovasz(pairs: &[(f64, f64)]) -> f64 {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total: f64 = sorted.iter().map(|pair| pair.1).sum();
    let (mut hits, mut others, mut before, mut loss) = (0.0, 0.0, 0.0, 0.0);
    for (error, truth) in sorted {
        hits += truth;
        others += 1.0 - truth;
        let after = 1.0 - (total - hits) / (total + others);
        loss += error * (after - before);
        before = after;
    }
    loss
}

fn pairs<const C: usize>(rows: &[[f32; C]], labels: &[u8], class: usize) -> Vec<(f64, f64)> {
    let pair = |(&row, &label): (&[f32; C], &u8)| {
        let p = softmax(row)[class];
        if usize::from(label) == class { (1.0 - p, 1.0) } else { (p, 0.0) }
    };
    rows.iter().zip(labels).map(pair).collect()
}

const ROWS: [[f32; 3]; 6] =
    [[1.0, 0.5, -1.0], [0.2, 2.0, 0.1], [-1.0, 0.3, 1.5], [0.9, 0.8, 0.7], [2.0, -2.0, 0.0], [0.0, 1.0, 0.5]];

// Cross entropy

/// PyTorch's mean of nothing is 0/0.
#[test]
fn torch_mean_of_nothing_is_nan() {
    for reduction in [Reduction::Mean, Reduction::MeanValid, Reduction::Positives, Reduction::Sum] {
        let ce = CrossEntropy::new().with_reduction(reduction);
        assert_eq!(run(&ce, &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
    }
    let weighted = CrossEntropy::new().with_weights([0.0, 1.0, 1.0]);
    assert_eq!(run(&weighted, &ROWS, &[0; 6]), (0.0, vec![[0.0; 3]; 6]));
}

/// PyTorch and PaddleSeg raise or abort on labels beyond the classes; Berman's, PaddleSeg's and SMP's Lovász take them for
/// background, and SMP's focal loss for a pixel without a class.
#[test]
fn a_label_beyond_the_classes_is_an_error_of_every_loss() {
    let error = Batch::new(&ROWS, Labels::new(&[0, 1, 7, 0, 9, 1])).expect_err("3 classes");
    assert_eq!(error, Error::Label { pixel: 2, label: 7 });
}

/// burn counts padding in the denominator, SMP's SoftCrossEntropy ignored pixels: here half the loss.
#[test]
fn burn_and_smp_means_count_ignored_pixels() {
    let losses: Vec<f64> = ROWS.iter().map(|&row| -softmax(row)[1].ln()).collect();
    let kept = losses[0] + losses[1] + losses[2];
    let labels = [1, 1, 1, 255, 255, 255];
    near(value(&CrossEntropy::new(), &ROWS, &labels), kept / 3.0);
    near(value(&CrossEntropy::new().with_reduction(Reduction::MeanAll), &ROWS, &labels), kept / 6.0);
}

/// mmsegmentation's weights do not enter the divisor: a weight of 10 makes the loss 10 times as large.
#[test]
fn mmsegmentation_weights_do_not_normalise() {
    let labels = [1; 6];
    let mean = ROWS.iter().map(|&row| -softmax(row)[1].ln()).sum::<f64>() / 6.0;
    let weighted = CrossEntropy::new().with_weights([1.0, 10.0, 1.0]);
    near(value(&weighted, &ROWS, &labels), mean);
    near(value(&weighted.with_reduction(Reduction::MeanAll), &ROWS, &labels), 10.0 * mean);
}

/// The logarithm of a softmax is −∞ in f32 from a margin of 104 on, its gradient NaN.
#[test]
fn log_of_softmax_is_infinite() {
    let (loss, grad) = run(&CrossEntropy::new(), &[[0.0, 110.0]], &[0]);
    assert_eq!((loss, grad), (110.0, vec![[-1.0, 1.0]]));
}

/// 1 − p is 0 in f32 from a margin of 17 on, and every gradient with it.
#[test]
fn one_minus_p_vanishes() {
    let q = sigmoid(-17.0);
    let rows = [[17.0, 0.0]];
    let (loss, grad) = run(&CrossEntropy::new(), &rows, &[0]);
    near(loss, q.ln_1p()); // −ln p = ln(1 + e^−17), and q is e^−17 to 8 digits
    near(grad[0][0], -q);
    near(grad[0][1], q);
    near(value(&Lovasz::new(), &rows, &[0]), q);
    near(value(&Focal::new(1.0), &rows, &[0]), q * q.ln_1p());
}

// Binary cross entropy

/// Candle takes the logarithm of a sigmoid: +∞ at z = 17, t = 0, and NaN at z = 20, t = 1.
#[test]
fn candle_bce_infinite() {
    let (loss, grad) = run(&BinaryCrossEntropy::new(), &[[17.0]], &[0]);
    near(loss, 17.0 + (-17.0_f64).exp().ln_1p());
    near(grad[0][0], sigmoid(17.0));
    let (loss, grad) = run(&BinaryCrossEntropy::new(), &[[20.0]], &[1]);
    near(loss, (-20.0_f64).exp().ln_1p());
    near(grad[0][0], -sigmoid(-20.0));
    let (loss, grad) = run(&BinaryCrossEntropy::new(), &[[-1e30], [1e30]], &[1, 0]);
    assert_eq!((loss, grad), (1e30, vec![[-0.5], [0.5]]));
}

// Focal

/// torchvision, PaddleSeg, SMP, MONAI (softmax) and Kornia (softmax) give NaN gradients for 0 < γ < 1 where p is 1.
#[test]
fn focal_gamma_below_one_is_finite_when_saturated() {
    for gamma in [0.1, 0.5, 0.9] {
        for margin in [17.0, 40.0, 60.0, 104.0, 200.0, 1e30] {
            let (q, wide) = (sigmoid(-f64::from(margin)), f64::from(gamma));
            // −Q^γ (Q − γ P ln P), and −ln P = ln(1 + Q) to within Q².
            let slope = -q.powf(wide) * (q + wide * (1.0 - q) * q.ln_1p());
            let right = [run(&Focal::new(gamma), &[[margin, 0.0]], &[0]).1[0][0]];
            let one = run(&SigmoidFocal::new(gamma), &[[margin]], &[1]).1[0];
            for element in [right[0], one[0]] {
                assert!((f64::from(element) - slope).abs() <= 1e-5 * slope.abs() + 1e-38, "{element}, {slope}");
            }
            // Wholly wrong: the loss is the margin, the slope 1.
            let (loss, grad) = run(&Focal::new(gamma), &[[margin, 0.0]], &[1]);
            near(loss, f64::from(margin));
            near(grad[0][1], -1.0);
        }
    }
}

/// optax: 0⁰ in the derivative at γ = 0.
#[test]
fn optax_focal_gamma_0_is_nan() {
    for rows in [[[200.0, 0.0]], [[0.0, 200.0]], [[0.0, 0.0]]] {
        assert_eq!(run(&Focal::new(0.0), &rows, &[0]), run(&CrossEntropy::new(), &rows, &[0]));
    }
    let (loss, grad) = run(&SigmoidFocal::new(0.0), &[[-200.0], [200.0]], &[0, 1]);
    assert_eq!((loss, grad), (0.0, vec![[0.0]; 2]));
}

/// SMP's multiclass focal loss is one sigmoid per class; and all ignored it is NaN.
#[test]
fn smp_multiclass_focal_is_a_sigmoid() {
    let labels = [0, 1, 2, 0, 1, 2];
    let of = |p: f64| (1.0 - p).powi(2) * -p.ln();
    let pixels = || ROWS.iter().zip(labels);
    let softmax_focal = pixels().map(|(&row, label)| of(softmax(row)[usize::from(label)])).sum::<f64>() / 6.0;
    let element = |z: f32, is_class: bool| of(sigmoid(if is_class { f64::from(z) } else { -f64::from(z) }));
    let row = |row: &[f32; 3], label| (0..3).map(|class| element(row[class], class == label)).sum::<f64>();
    let sigmoid_focal = pixels().map(|(r, label)| row(r, usize::from(label))).sum::<f64>() / 18.0;
    near(value(&Focal::new(2.0), &ROWS, &labels), softmax_focal);
    far(value(&Focal::new(2.0), &ROWS, &labels), sigmoid_focal);
    near(value(&SigmoidFocal::new(2.0), &ROWS, &labels), sigmoid_focal);
    assert_eq!(run(&SigmoidFocal::new(2.0), &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
    assert_eq!(run(&Focal::new(2.0), &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
}

/// MONAI's softmax focal loss is divided by the number of classes as well, and its "sum" by the number of pixels.
#[test]
fn monai_focal_divides_by_the_classes() {
    let labels = [0, 1, 2, 0, 1, 2];
    let loss = |(&row, label): (&[f32; 3], u8)| {
        let p = softmax(row)[usize::from(label)];
        (1.0 - p).powi(2) * -p.ln()
    };
    let sum: f64 = ROWS.iter().zip(labels).map(loss).sum();
    let focal = |reduction| value(&Focal::new(2.0).with_reduction(reduction), &ROWS, &labels);
    near(focal(Reduction::MeanValid), sum / 6.0);
    near(focal(Reduction::Sum), sum);
    near(focal(Reduction::MeanAllElements), sum / 18.0);
}

/// PaddleSeg's α weighs the two channels of a pixel, so that either class gets both weights, and nothing is balanced.
#[test]
fn paddleseg_focal_alpha_separates_no_classes() {
    let mirrored = |label: u8, loss: &Focal<2>| {
        let row = if label == 0 { [0.3, -0.4] } else { [-0.4, 0.3] };
        value(loss, &[row], &[label])
    };
    let balanced = Focal::new(2.0).with_alpha([0.75, 0.25]);
    assert_eq!(mirrored(0, &balanced), 3.0 * mirrored(1, &balanced));
    let one =
        |label| value(&SigmoidFocal::new(2.0).with_alpha(0.25), &[[if label == 1 { 0.3 } else { -0.3 }]], &[label]);
    near(one(0), 3.0 * f64::from(one(1)));
}

// Overlap

/// MONAI's masked Dice multiplies the scores by the mask before the softmax: masked pixels become 1/C and stay in.
#[test]
fn monai_masked_dice_counts_masked_pixels() {
    let labels = [0, 1, 255, 255, 1, 255];
    let dice = |masked: bool| {
        let class = |class: usize| {
            let (mut both, mut sum) = (0.0, 0.0);
            for (&row, label) in ROWS.iter().zip(labels) {
                match (label, masked) {
                    (255, true) => sum += 1.0 / 3.0,
                    (255, false) => {}
                    (label, _) => {
                        let (p, t) = (softmax(row)[class], f64::from(u8::from(usize::from(label) == class)));
                        both += p * t;
                        sum += p + t;
                    }
                }
            }
            1.0 - (2.0 * both + 1e-5) / (sum + 1e-5)
        };
        (class(0) + class(1) + class(2)) / 3.0
    };
    let ours = Overlap::dice().with_smoothing(1e-5, 1e-5);
    near(value(&ours, &ROWS, &labels), dice(false));
    far(value(&ours, &ROWS, &labels), dice(true));
}

/// mmsegmentation's Dice leaves ignored pixels in the denominator: they get a gradient, and a wholly ignored image a loss.
#[test]
fn mmsegmentation_dice_trains_ignored_pixels() {
    for loss in [Overlap::dice().squared(), Overlap::jaccard(), Overlap::generalized_dice()] {
        let (_, grad) = run(&loss, &ROWS, &[0, 1, 2, 255, 255, 1]);
        assert_eq!(grad[3..5], [[0.0; 3]; 2]);
        assert_eq!(run(&loss, &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
    }
}

/// SMP's and PaddleSeg's Dice mask by multiplication: a NaN at an ignored pixel becomes a NaN everywhere.
#[test]
fn smp_dice_reads_ignored_pixels() {
    let mut rows = ROWS;
    rows[3] = [f32::NAN, f32::INFINITY, f32::NAN];
    let labels = [0, 1, 2, 255, 0, 1];
    assert_eq!(run(&Overlap::dice(), &rows, &labels), run(&Overlap::dice(), &ROWS, &labels));
    assert_eq!(run(&Lovasz::new(), &rows, &labels), run(&Lovasz::new(), &ROWS, &labels));
}

/// SMP's Dice of an image without foreground is 0 and has no gradient: false positives cost nothing.
#[test]
fn smp_all_background_dice_has_gradient() {
    let rows = [[2.0], [-1.0], [0.5], [1.0]];
    let p: Vec<f64> = rows.iter().map(|&[z]| sigmoid(f64::from(z))).collect();
    let denominator = p.iter().sum::<f64>() + 1.0;
    let (loss, grad) = run(&Overlap::dice().on_sigmoid(), &rows, &[0; 4]);
    near(loss, 1.0 - 1.0 / denominator);
    for (&[element], p) in grad.iter().zip(&p) {
        near(element, p * (1.0 - p) / (denominator * denominator));
    }
    // What SMP does, by name.
    let zero = Overlap::dice().on_sigmoid().with_absent(Absent::Zero);
    assert_eq!(run(&zero, &rows, &[0; 4]), (0.0, vec![[0.0]; 4]));
}

/// Kornia's Tversky sums over classes, where each false positive is a false negative: only α + β matters.
#[test]
fn kornia_tversky_alpha_beta_have_no_effect() {
    let labels = [0, 0, 0, 1, 0, 2];
    let class = |class: usize, alpha: f64, beta: f64| {
        let (mut hit, mut predicted, mut truth) = (0.0, 0.0, 0.0);
        for (&row, label) in ROWS.iter().zip(labels) {
            let (p, t) = (softmax(row)[class], f64::from(u8::from(label == class as u8)));
            hit += p * t;
            predicted += p;
            truth += t;
        }
        1.0 - hit / (hit + alpha * (predicted - hit) + beta * (truth - hit))
    };
    let tversky = |alpha, beta| Overlap::tversky(alpha, beta).with_smoothing(0.0, 0.0);
    for (alpha, beta) in [(0.25, 0.75), (0.75, 0.25), (0.875, 0.125)] {
        let truth = (0..3).map(|index| class(index, f64::from(alpha), f64::from(beta))).sum::<f64>() / 3.0;
        near(value(&tversky(alpha, beta), &ROWS, &labels), truth);
        // Summed over classes it is as Kornia's, and has to be.
        near(
            value(&tversky(alpha, beta).micro(), &ROWS, &labels),
            f64::from(value(&tversky(0.5, 0.5).micro(), &ROWS, &labels)),
        );
    }
    // To a class that is predicted too often α is what matters.
    let rare = |alpha, beta| value(&tversky(alpha, beta).with_weights([0.0, 0.0, 1.0]), &ROWS, &labels);
    near(rare(0.75, 0.25), class(2, 0.75, 0.25));
    far(rare(0.75, 0.25), class(2, 0.25, 0.75));
}

/// Generalised Dice weighs by 1/V²: infinite for an absent class.
#[test]
fn generalised_dice_of_an_absent_class_is_infinite() {
    let labels = [0, 0, 0, 0, 1, 1];
    let (mut both, mut sum) = (0.0, 0.0);
    for (&row, label) in ROWS.iter().zip(labels) {
        let p = softmax(row);
        for (class, weight) in [1.0 / 16.0, 0.25, 0.25].into_iter().enumerate() {
            let t = f64::from(u8::from(class == usize::from(label)));
            both += 2.0 * weight * p[class] * t;
            sum += weight * (p[class] + t);
        }
    }
    let (loss, grad) = run(&Overlap::generalized_dice(), &ROWS, &labels);
    near(loss, 1.0 - both / sum);
    assert!(grad.as_flattened().iter().all(|element| element.is_finite() && *element != 0.0));
}

/// Focal Tversky's slope is infinite at a perfect overlap for γ < 1, and autograd's NaN.
#[test]
fn focal_tversky_gamma_below_one_is_nan_when_perfect() {
    let loss = Overlap::focal_tversky(0.3, 0.7, 0.75).on_probabilities();
    let (perfect, grad) = run(&loss, &[[1.0, 0.0], [0.0, 1.0]], &[0, 1]);
    assert_eq!(perfect, 0.0);
    assert!(grad.as_flattened().iter().all(|element| element.is_finite()));
    let (value, grad) = run(&Overlap::dice().with_form(Form::Log).with_smoothing(0.0, 0.0), &[[200.0, 0.0]], &[1]);
    assert!(value.is_finite() && grad.as_flattened().iter().all(|element| element.is_finite()));
}

/// SMP's smoothing stands in an index of halves and counts double.
#[test]
fn smp_smoothing_counts_double() {
    let (p, smooth) = (sigmoid(0.5), 1.0);
    let ours = |numerator, denominator| {
        value(&Overlap::dice().on_sigmoid().with_smoothing(numerator, denominator), &[[0.5]], &[1])
    };
    near(ours(1.0, 1.0), 1.0 - (2.0 * p + smooth) / (p + 1.0 + smooth));
    near(ours(2.0, 2.0), 1.0 - (p + smooth) / (p + 0.5 * (1.0 - p) + smooth));
}

/// Class weights inside the index made segmentation_models' loss negative.
#[test]
fn weights_make_the_index_exceed_1() {
    let labels = [0, 1, 2, 0, 1, 2];
    for weights in [[10.0, 20.0, 30.0], [0.0, 0.001, 5.0]] {
        for loss in
            [Overlap::dice(), Overlap::dice().micro(), Overlap::generalized_dice(), Overlap::jaccard().per_batch()]
        {
            let loss = value(&loss.with_weights(weights), &ROWS, &labels);
            assert!((0.0..=1.0).contains(&loss), "{loss}");
        }
    }
    let simple = Overlap::dice().with_volume_weights(VolumeWeights::Simple).with_weights([9.0; 3]);
    assert!((0.0..=1.0).contains(&value(&simple, &ROWS, &labels)));
}

// Lovász

/// Berman's code squeezes the one valid pixel out of its tensor and raises IndexError; mmsegmentation's copy, too.
#[test]
fn berman_one_valid_pixel_with_ignore() {
    let (loss, grad) = run(&Lovasz::new(), &ROWS, &[255, 255, 2, 255, 255, 255]);
    let p = softmax(ROWS[2]);
    near(loss, 1.0 - p[2]);
    for class in 0..3 {
        // −∂p_2/∂z
        let slope = if class == 2 { -p[2] * (1.0 - p[2]) } else { p[2] * p[class] };
        near(grad[2][class], slope);
    }
    assert!(grad.iter().enumerate().all(|(pixel, row)| pixel == 2 || *row == [0.0; 3]));
}

/// Berman's loss of nothing is a tensor of shape [0, C], PaddleSeg's is empty.
#[test]
fn berman_all_void_is_no_scalar() {
    assert_eq!(run(&Lovasz::new(), &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
    assert_eq!(run(&Lovasz::new().with_classes(Classes::All), &ROWS, &[255; 6]), (0.0, vec![[0.0; 3]; 6]));
    assert_eq!(run(&LovaszHinge::new(), &[[1.0]; 2], &[255; 2]), (0.0, vec![[0.0]; 2]));
    assert_eq!(run(&LovaszHinge::new().elu(), &[[1.0]; 2], &[255; 2]), (0.0, vec![[0.0]; 2]));
}

/// Berman's code compares `classes` by identity: a string "present" that was made at run time means all classes.
#[test]
fn berman_present_by_identity() {
    let labels = [0, 1, 0, 0, 1, 1];
    let loss = |class| lovasz(&pairs(&ROWS, &labels, class));
    // Without foreground the definition is its limit: the largest error.
    let absent = ROWS.iter().map(|&row| softmax(row)[2]).fold(0.0, f64::max);
    near(value(&Lovasz::new(), &ROWS, &labels), (loss(0) + loss(1)) / 2.0);
    near(value(&Lovasz::new().with_classes(Classes::All), &ROWS, &labels), (loss(0) + loss(1) + absent) / 3.0);
}

/// Berman's and SMP's code raise ValueError for one channel with the classes present.
#[test]
fn berman_one_channel_is_an_error() {
    let rows = [[1.0], [-0.5], [0.25], [2.0]];
    let labels = [1, 1, 0, 0];
    let pair = |(&[z], &label): (&[f32; 1], &u8)| {
        let p = sigmoid(f64::from(z));
        if label == 1 { (1.0 - p, 1.0) } else { (p, 0.0) }
    };
    let truth = lovasz(&rows.iter().zip(&labels).map(pair).collect::<Vec<_>>());
    near(value(&Lovasz::new().on_sigmoid(), &rows, &labels), truth);
}

/// An absent class that is listed trains one pixel, the worst; so does the hinge without foreground.
#[test]
fn an_absent_class_trains_one_pixel() {
    let listed = Lovasz::new().with_classes(Classes::Listed([false, true])).on_probabilities();
    let rows = [[0.9, 0.1], [0.25, 0.75], [0.5, 0.5], [0.25, 0.75]];
    assert_eq!(run(&listed, &rows, &[0; 4]), (0.75, vec![[0.0; 2], [0.0, 1.0], [0.0; 2], [0.0; 2]]));
    let (loss, grad) = run(&LovaszHinge::new(), &[[0.5], [2.0], [2.0]], &[0; 3]);
    assert_eq!((loss, grad), (3.0, vec![[0.0], [1.0], [0.0]]));
    // Of the classes present there is none; the loss is 0.
    let present = Lovasz::new().on_sigmoid();
    assert_eq!(run(&present, &[[0.5], [2.0]], &[0; 2]), (0.0, vec![[0.0]; 2]));
}

/// Kornia sorts the numbers of the classes, in place of what is foreground.
#[test]
fn kornia_lovasz_softmax_sorts_class_ids() {
    let labels = [0, 1, 2, 2, 0, 1];
    let (mut right, mut wrong) = (0.0, 0.0);
    for class in 0..3 {
        let truth = pairs(&ROWS, &labels, class);
        let ids: Vec<_> = truth.iter().zip(labels).map(|(pair, label)| (pair.0, f64::from(label))).collect();
        right += lovasz(&truth) / 3.0;
        wrong += lovasz(&ids) / 3.0;
    }
    near(value(&Lovasz::new(), &ROWS, &labels), right);
    far(value(&Lovasz::new(), &ROWS, &labels), wrong);
}

/// PaddleSeg turns two channels into one logit by ln(p + ε/(1 − p + ε)): a misplaced bracket, and ln p comes out.
#[test]
fn paddleseg_binary_channel_to_unary() {
    let rows = [[0.5, -0.25], [1.0, 2.0], [0.0, -1.5]];
    let labels = [1, 0, 0];
    let hinge = |logit: &dyn Fn([f32; 2]) -> f64| {
        let pair = |(&row, &label): (&[f32; 2], &u8)| {
            let sign = 2.0 * f64::from(label) - 1.0;
            ((1.0 - sign * logit(row)).max(0.0), f64::from(label))
        };
        lovasz(&rows.iter().zip(&labels).map(pair).collect::<Vec<_>>())
    };
    let one = rows.map(|[background, foreground]| [foreground - background]);
    let ours = value(&LovaszHinge::new(), &one, &labels);
    near(ours, hinge(&|row| f64::from(row[1]) - f64::from(row[0])));
    far(ours, hinge(&|row| softmax(row)[1].ln()));
}

/// Of equal errors torch's sort takes any first: other gradients on other machines.
#[test]
fn torch_sort_of_ties_is_unstable() {
    let (_, grad) = run(
        &Lovasz::new().with_classes(Classes::Listed([false, true])).on_probabilities(),
        &[[0.5; 2]; 4],
        &[1, 0, 1, 0],
    );
    let expected = [-1.0 / 2.0, 1.0 / 6.0, -1.0 / 3.0, 0.0_f64];
    for (row, truth) in grad.iter().zip(expected) {
        near(row[1], truth);
    }
}

/// Berman's differences of Jaccard losses cancel in f32: a tenth of 262 144 increments vanish.
#[test]
fn berman_increments_cancel() {
    const PIXELS: usize = 262_144;
    let mut random = scarce_kit::patterns::Random::new(4);
    let foreground: Vec<bool> = (0..PIXELS).map(|_| random.below(20) == 0).collect();
    let total = foreground.iter().filter(|&&foreground| foreground).count() as f64;
    let mut increments = vec![0.0; PIXELS];
    lovasz_grad(&foreground, &mut increments).expect("of one length");
    let (mut hits, mut others, mut before, mut vanished) = (0.0, 0.0, 0.0_f32, 0);
    for (&increment, &foreground) in increments.iter().zip(&foreground) {
        let truth = if foreground {
            1.0 / (total + others)
        } else {
            (total - hits) / ((total + others) * (total + others + 1.0))
        };
        assert!((f64::from(increment) - truth).abs() <= 2e-7 * truth, "{increment}, expected {truth}");
        if foreground {
            hits += 1.0
        } else {
            others += 1.0
        }
        let after = 1.0 - (total - hits) as f32 / (total + others) as f32;
        vanished += usize::from(truth > 0.0 && after == before);
        before = after;
    }
    assert!(vanished > PIXELS / 50, "only {vanished} differences cancelled: this data shows nothing");
}

// Hard example mining

const EASY: [[f32; 2]; 8] = [[3.0, 0.0]; 8];

/// PaddleSeg compares p < θ where θ is itself one of the p: of equal ones it keeps none.
#[test]
fn paddleseg_ohem_keeps_none_of_equal_pixels() {
    let loss = (-3.0_f64).exp().ln_1p();
    near(value(&Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(4)), &EASY, &[0; 8]), loss);
    assert_eq!(value(&Ohem::paddle(CrossEntropy::new(), 0.7, 4), &EASY, &[0; 8]), 0.0);
}

/// HRNet's, mmsegmentation's and ContrastiveSeg's mean of nothing is NaN.
#[test]
fn hrnet_ohem_of_equal_pixels_is_nan() {
    assert_eq!(run(&Ohem::hrnet(CrossEntropy::new(), 0.7, 4), &EASY, &[0; 8]), (0.0, vec![[0.0; 2]; 8]));
    assert_eq!(run(&Ohem::hrnet(CrossEntropy::new(), 0.7, 4), &EASY, &[255; 8]), (0.0, vec![[0.0; 2]; 8]));
}

/// With all of them easy PaddleSeg keeps one pixel less than asked.
#[test]
fn paddleseg_ohem_keeps_one_less() {
    let rows: [[f32; 2]; 8] = std::array::from_fn(|pixel| [3.0 + pixel as f32, 0.0]);
    let batch = Batch::new(&rows, Labels::new(&[0; 8])).expect("valid");
    let kept = |ohem: Ohem<CrossEntropy<2>>| ohem.kept(&batch, &mut [0; 300]).expect("valid");
    assert_eq!(kept(Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(5))), 5);
    assert_eq!(kept(Ohem::paddle(CrossEntropy::new(), 0.7, 5)), 4);
    // And no minimum disables its mining.
    assert_eq!(kept(Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(0))), 0);
    assert_eq!(kept(Ohem::paddle(CrossEntropy::new(), 0.7, 0)), 8);
}

/// PaddleSeg adds 10⁻⁵ of all pixels to the number of those kept: 10 hard ones of 512 × 1024 lose a third of their loss.
#[test]
fn paddleseg_ohem_dilutes_few_hard_pixels() {
    let mut rows = vec![[16.0, 0.0]; 512 * 1024];
    rows[1000..1010].fill([0.0, 8.0]);
    let labels = vec![0; rows.len()];
    let loss = 8.0 + (-8.0_f64).exp().ln_1p();
    near(value(&Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(10)), &rows, &labels), loss);
    // θ is the 5th smallest of p, all ten of which are equal and below 0.7.
    let diluted = loss * 10.0 / (10.0 + 1e-5 * rows.len() as f64);
    near(value(&Ohem::paddle(CrossEntropy::new(), 0.7, 5), &rows, &labels), diluted);
}

/// nnU-Net's top k counts ignored pixels in the share; here they are never among those kept.
#[test]
fn nnunet_top_k_keeps_ignored_pixels() {
    let labels = [0, 1, 255, 255, 255, 255];
    let mut losses = [0.0; 6];
    let batch = Batch::new(&ROWS, Labels::new(&labels).ignoring(255)).expect("valid");
    CrossEntropy::new().per_pixel(&batch, &mut losses).expect("valid");
    let (value, grad) = run(&Ohem::top_k(CrossEntropy::new(), 0.5), &ROWS, &labels);
    near(value, f64::from(losses[0] + losses[1]) / 3.0);
    assert_eq!(grad[2..], [[0.0; 3]; 4]);
}
