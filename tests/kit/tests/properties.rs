//! What must hold for all inputs, tried on random ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use scarce::metrics::Confusion;
use scarce::{
    Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Focal, JaccardIncrements, Labels, Loss, Lovasz,
};
use scarce::{LovaszHinge, MinKept, Ohem, Overlap, PixelLoss, Reduction, SigmoidFocal, Sum, lovasz_grad, scratch_len};

const IGNORED: u8 = 255;

/// Scores and labels of some pixels; 255 is ignored.
#[derive(Clone, Debug)]
struct Data<const C: usize> {
    rows: Vec<[f32; C]>,
    labels: Vec<u8>,
}

impl<const C: usize> Data<C> {
    fn run<L: Loss<C>>(&self, loss: &L, images: usize) -> (f32, Vec<[f32; C]>) {
        let batch = Batch::new(self.rows.as_slice(), Labels::new(&self.labels).ignoring(IGNORED)).expect("valid");
        let batch = batch.with_images(images).expect("the images divide the pixels");
        let mut grad = vec![[0.0; C]; self.rows.len()];
        let mut scratch = vec![u32::MAX; scratch_len::<C, L>(self.rows.len())];
        let value = loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid");
        (value, grad)
    }

    fn value<L: Loss<C>>(&self, loss: &L) -> f32 {
        self.run(loss, 1).0
    }

    fn valid(&self) -> impl Iterator<Item = (&[f32; C], usize)> {
        let pairs = self.rows.iter().zip(&self.labels);
        pairs.filter(|&(_, &label)| label != IGNORED).map(|(row, &label)| (row, usize::from(label)))
    }

    fn image(&self, image: usize, images: usize) -> Self {
        let size = self.rows.len() / images;
        let range = image * size..(image + 1) * size;
        Self { rows: self.rows[range.clone()].to_vec(), labels: self.labels[range].to_vec() }
    }

    /// With labels that take one channel for the foreground of `class`.
    fn channel(&self, class: u8) -> Data<1> {
        let label = |label| if label == IGNORED { label } else { u8::from(label == class) };
        Data {
            rows: self.rows.iter().map(|row| [row[usize::from(class)]]).collect(),
            labels: self.labels.iter().map(|&old| label(old)).collect(),
        }
    }
}

/// 1 to `most` pixels with scores of a kind.
fn data<const C: usize>(score: impl Strategy<Value = f32> + Clone, most: usize) -> impl Strategy<Value = Data<C>> {
    let labels = C.max(2) as u8;
    let label = prop_oneof![8 => 0..labels, 1 => Just(IGNORED)];
    let row = vec(score, C).prop_map(|row| <[f32; C]>::try_from(row).expect("of length C"));
    vec((row, label), 1..=most).prop_map(|pixels| {
        let (rows, labels) = pixels.into_iter().unzip();
        Data { rows, labels }
    })
}

fn logits<const C: usize>() -> impl Strategy<Value = Data<C>> {
    data(-8.0_f32..8.0, 200)
}

/// A number of images of one size.
fn images<const C: usize>() -> impl Strategy<Value = (Data<C>, usize)> {
    (logits::<C>(), 1_usize..5).prop_map(|(mut data, images)| {
        let size = data.rows.len().div_ceil(images);
        data.rows = data.rows.iter().copied().cycle().take(size * images).collect();
        data.labels = data.labels.iter().copied().cycle().take(size * images).collect();
        (data, images)
    })
}

fn near(found: f32, truth: f64, relative: f64, absolute: f64) -> TestCaseResult {
    let (found, bound) = (f64::from(found), relative * truth.abs() + absolute);
    prop_assert!((found - truth).abs() <= bound, "{found}, expected {truth}");
    Ok(())
}

fn near_all<const C: usize>(found: &[[f32; C]], truth: &[[f64; C]], relative: f64) -> TestCaseResult {
    let (found, truth) = (found.as_flattened(), truth.as_flattened());
    let largest = truth.iter().fold(0.0, |largest: f64, element| largest.max(element.abs()));
    for (index, (&found, &truth)) in found.iter().zip(truth).enumerate() {
        let error = (f64::from(found) - truth).abs();
        prop_assert!(error <= relative * largest + 1e-30, "element {index}: {found}, expected {truth}");
    }
    Ok(())
}

fn wide<const C: usize>(rows: &[[f32; C]]) -> Vec<[f64; C]> {
    rows.iter().map(|row| row.map(f64::from)).collect()
}

/// 1 − |A ∩ B| / |A ∪ B|.
fn jaccard_loss(pairs: impl Iterator<Item = (bool, bool)>) -> f64 {
    let (mut both, mut either) = (0.0, 0.0);
    for (truth, predicted) in pairs {
        both += f64::from(u8::from(truth && predicted));
        either += f64::from(u8::from(truth || predicted));
    }
    if either == 0.0 { 0.0 } else { 1.0 - both / either }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn jaccard_increments_are_differences_of_jaccard_losses(foreground in vec(any::<bool>(), 0..400)) {
        let mut increments = vec![f32::NAN; foreground.len()];
        lovasz_grad(&foreground, &mut increments).expect("of one length");
        let total = foreground.iter().filter(|&&foreground| foreground).count();
        let mut scan = JaccardIncrements::new(total as u32);
        let (mut sum, mut before, mut hits, mut false_positives) = (0.0, 0.0, 0.0, 0.0);
        for (&increment, &foreground) in increments.iter().zip(&foreground) {
            if foreground { hits += 1.0 } else { false_positives += 1.0 }
            let after = 1.0 - (total as f64 - hits) / (total as f64 + false_positives);
            prop_assert!(increment >= 0.0);
            near(increment, after - before, 1.5e-7, 1e-15)?;
            prop_assert_eq!(increment.to_bits(), scan.next(foreground).to_bits());
            sum += f64::from(increment);
            before = after;
        }
        if !foreground.is_empty() {
            near(sum as f32, 1.0, 1e-6, 0.0)?;
        }
    }

    #[test]
    fn rows_of_softmax_gradients_sum_to_0((data, images) in images::<4>(), gamma in 0.0_f32..4.0) {
        let ce = CrossEntropy::new().with_weights([0.1, 1.0, 2.0, 7.0]);
        for (_, grad) in [
            data.run(&ce, images),
            data.run(&ce.with_label_smoothing(0.2), images),
            data.run(&Focal::new(gamma), images),
            data.run(&Overlap::dice(), images),
            data.run(&Overlap::generalized_dice().squared(), images),
            data.run(&Lovasz::new().per_image(), images),
            data.run(&Ohem::new(ce), images),
        ] {
            // What cancels within a row may be as large as the largest element of all.
            let largest = grad.as_flattened().iter().fold(0.0, |largest: f64, element| largest.max(f64::from(*element).abs()));
            for row in wide(&grad) {
                near(row.iter().sum::<f64>() as f32, 0.0, 0.0, 2e-6 * largest)?;
            }
        }
    }

    #[test]
    fn the_order_of_pixels_does_not_matter(data in logits::<3>(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..data.rows.len()).collect();
        let mut random = scarce_kit::patterns::Random::new(seed);
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let permuted = Data {
            rows: order.iter().map(|&pixel| data.rows[pixel]).collect(),
            labels: order.iter().map(|&pixel| data.labels[pixel]).collect(),
        };
        let agree = |(value, grad): (f32, Vec<[f32; 3]>), (other, permuted): (f32, Vec<[f32; 3]>)| {
            near(other, f64::from(value), 2e-6, 1e-7)?;
            let expected: Vec<_> = order.iter().map(|&pixel| grad[pixel]).collect();
            near_all(&permuted, &wide(&expected), 4e-6)
        };
        let both = |loss: &CrossEntropy<3>| (data.run(loss, 1), permuted.run(loss, 1));
        let (first, second) = both(&CrossEntropy::new().with_label_smoothing(0.1));
        agree(first, second)?;
        agree(data.run(&SigmoidFocal::new(1.5), 1), permuted.run(&SigmoidFocal::new(1.5), 1))?;
        agree(data.run(&Overlap::jaccard(), 1), permuted.run(&Overlap::jaccard(), 1))?;
        // Of equal errors the order decides which pixel gets which increment; the value is the same in any case.
        near(permuted.value(&Lovasz::new()), f64::from(data.value(&Lovasz::new())), 2e-6, 1e-7)?;
        if errors_differ(&data) {
            agree(data.run(&Lovasz::new(), 1), permuted.run(&Lovasz::new(), 1))?;
        }
    }

    #[test]
    fn the_scale_of_weights_does_not_matter_to_the_mean(
        data in logits::<3>(), weights in [0.1_f32..9.0, 0.1_f32..9.0, 0.1_f32..9.0], scale in 1e-3_f32..1e3,
    ) {
        let ce = |weights| CrossEntropy::new().with_weights(weights).with_label_smoothing(0.1);
        let (value, grad) = data.run(&ce(weights), 1);
        // A power of two changes no bit.
        prop_assert_eq!(&(value, grad.clone()), &data.run(&ce(weights.map(|weight| weight * 8.0)), 1));
        let (scaled, scaled_grad) = data.run(&ce(weights.map(|weight| weight * scale)), 1);
        near(scaled, f64::from(value), 2e-6, 0.0)?;
        near_all(&scaled_grad, &wide(&grad), 2e-6)?;
        let dice = |weights| Overlap::dice().with_weights(weights);
        let scaled = data.value(&dice(weights.map(|weight| weight * scale)));
        near(scaled, f64::from(data.value(&dice(weights))), 2e-6, 1e-7)?;
    }

    #[test]
    fn focal_with_gamma_0_is_cross_entropy_bit_for_bit(
        data in logits::<3>(), weights in [0.1_f32..9.0, 0.1_f32..9.0, 0.1_f32..9.0],
    ) {
        for reduction in [Reduction::Mean, Reduction::MeanValid, Reduction::MeanAll, Reduction::Sum] {
            let focal = Focal::new(0.0).with_alpha(weights).with_reduction(reduction);
            let ce = CrossEntropy::new().with_weights(weights).with_reduction(reduction);
            prop_assert_eq!(data.run(&focal, 1), data.run(&ce, 1));
        }
        let bce = BinaryCrossEntropy::new();
        let (value, grad) = data.run(&SigmoidFocal::new(0.0), 1);
        let (truth, true_grad) = data.run(&bce, 1);
        near(value, f64::from(truth), 1e-6, 0.0)?;
        near_all(&grad, &wide(&true_grad), 1e-6)?;
    }

    #[test]
    fn losses_of_pixels_add_up_to_the_sum(data in logits::<3>()) {
        fn adds_up<L: PixelLoss<3>>(loss: &L, data: &Data<3>) -> TestCaseResult {
            let labels = Labels::new(&data.labels).ignoring(IGNORED);
            let batch = Batch::new(data.rows.as_slice(), labels).expect("valid");
            let mut losses = vec![f32::NAN; data.rows.len()];
            loss.per_pixel(&batch, &mut losses).expect("valid");
            for (loss, &label) in losses.iter().zip(&data.labels) {
                prop_assert!(*loss >= 0.0 && (label != IGNORED || loss.to_bits() == 0));
            }
            near(data.value(loss), losses.iter().map(|&loss| f64::from(loss)).sum(), 1e-6, 0.0)
        }
        let reduction = Reduction::Sum;
        adds_up(&CrossEntropy::new().with_weights([0.0, 2.0, 3.0]).with_reduction(reduction), &data)?;
        adds_up(&CrossEntropy::new().with_label_smoothing(0.1).with_reduction(reduction), &data)?;
        adds_up(&BinaryCrossEntropy::new().with_pos_weight(3.0).with_reduction(reduction), &data)?;
        adds_up(&Focal::new(1.5).with_reduction(reduction), &data)?;
        adds_up(&SigmoidFocal::new(2.0).with_alpha(0.25).with_reduction(reduction), &data)?;
    }

    #[test]
    fn the_loss_per_image_is_the_mean_of_the_images((data, images) in images::<3>()) {
        fn is_mean<L: Loss<3>>(loss: &L, data: &Data<3>, images: usize) -> TestCaseResult {
            let (value, grad) = data.run(loss, images);
            let (mut mean, mut expected) = (0.0, Vec::new());
            for image in 0..images {
                let (value, grad) = data.image(image, images).run(loss, 1);
                mean += f64::from(value) / images as f64;
                expected.extend(wide(&grad).iter().map(|row| row.map(|element| element / images as f64)));
            }
            near(value, mean, 1e-6, 1e-7)?;
            near_all(&grad, &expected, 2e-6)
        }
        is_mean(&Overlap::dice(), &data, images)?;
        is_mean(&Overlap::generalized_dice(), &data, images)?;
        is_mean(&Overlap::focal_tversky(0.3, 0.7, 0.75).with_absent(Absent::Skip), &data, images)?;
        is_mean(&Lovasz::new().per_image(), &data, images)?;
        is_mean(&Lovasz::new().per_image().on_sigmoid().with_classes(Classes::All), &data, images)?;
        is_mean(&Ohem::new(CrossEntropy::new()).per_image(), &data, images)?;
        // Over the whole batch the images do not matter.
        prop_assert_eq!(data.run(&Overlap::dice().per_batch(), images), data.run(&Overlap::dice(), 1));
        prop_assert_eq!(data.run(&Lovasz::new(), images), data.run(&Lovasz::new(), 1));
        let binary = data.channel(1);
        let (mean, hinge) = (binary.run(&LovaszHinge::new().per_image(), images).0, LovaszHinge::new().elu());
        let of_images = (0..images).map(|image| f64::from(binary.image(image, images).value(&LovaszHinge::new())));
        near(mean, of_images.sum::<f64>() / images as f64, 1e-6, 1e-7)?;
        prop_assert_eq!(binary.run(&hinge, images), binary.run(&hinge, 1));
    }

    #[test]
    fn dice_is_tversky_of_halves(data in logits::<3>(), smooth in 0.0_f32..4.0) {
        let dice = Overlap::dice().with_smoothing(smooth, smooth);
        let tversky = Overlap::tversky(0.5, 0.5).with_smoothing(smooth / 2.0, smooth / 2.0);
        let ((value, grad), (truth, true_grad)) = (data.run(&dice, 1), data.run(&tversky, 1));
        near(value, f64::from(truth), 1e-6, 1e-7)?;
        near_all(&grad, &wide(&true_grad), 1e-6)?;
        let jaccard = data.value(&Overlap::jaccard());
        near(jaccard, f64::from(data.value(&Overlap::tversky(1.0, 1.0))), 0.0, 0.0)?;
    }

    #[test]
    fn jaccard_and_dice_are_functions_of_each_other(data in logits::<1>()) {
        let (dice, jaccard) = (Overlap::dice().with_smoothing(0.0, 0.0), Overlap::jaccard().with_smoothing(0.0, 0.0));
        let (dice, jaccard) = (data.value(&dice.on_sigmoid()), data.value(&jaccard.on_sigmoid()));
        prop_assert!(dice <= jaccard);
        // 1 − J = D / (2 − D) of the indices, so J = 2 D / (1 + D) of the losses.
        let dice = f64::from(dice);
        near(jaccard, 2.0 * dice / (1.0 + dice), 1e-6, 1e-7)?;
    }

    #[test]
    fn lovasz_of_a_hard_prediction_is_one_minus_iou(
        pixels in vec((0_usize..4, prop_oneof![8 => 0_u8..4, 1 => Just(IGNORED)]), 1..300),
    ) {
        let hard = |class: usize| std::array::from_fn(|channel| f32::from(u8::from(channel == class)));
        let data: Data<4> = Data {
            rows: pixels.iter().map(|&(predicted, _)| hard(predicted)).collect(),
            labels: pixels.iter().map(|&(_, label)| label).collect(),
        };
        let valid = || pixels.iter().filter(|&&(_, label)| label != IGNORED);
        let loss = |class: usize| jaccard_loss(valid().map(|&(p, l)| (usize::from(l) == class, p == class)));
        let present: Vec<usize> = (0..4).filter(|&class| valid().any(|&(_, label)| usize::from(label) == class)).collect();
        let truth = present.iter().map(|&class| loss(class)).sum::<f64>() / present.len().max(1) as f64;
        near(data.value(&Lovasz::new().on_probabilities()), truth, 5e-7, 1e-7)?;
        // Of logits the probabilities are as good as 0 and 1, and the hinge's errors are 0 and 2.
        let sure = Data { rows: data.rows.iter().map(|row| row.map(|hit| 120.0 * hit)).collect(), ..data.clone() };
        near(sure.value(&Lovasz::new()), truth, 5e-7, 1e-7)?;
        let sides = Data { rows: data.rows.iter().map(|row| row.map(|hit| 2.0 * hit - 1.0)).collect(), ..data.clone() };
        near(sides.channel(2).value(&LovaszHinge::new()), 2.0 * loss(2), 5e-7, 1e-7)?;
        // And both are what the confusion matrix says.
        let mut confusion = Confusion::<4>::new();
        let predictions: Vec<u8> = pixels.iter().map(|&(predicted, _)| predicted as u8).collect();
        confusion.observe(Labels::new(&data.labels).ignoring(IGNORED), &predictions).expect("classes");
        for &class in &present {
            near(confusion.iou(class).expect("present"), 1.0 - loss(class), 1e-6, 1e-7)?;
        }
        let mut of_scores = Confusion::<4>::new();
        let labels = Labels::new(&data.labels).ignoring(IGNORED);
        of_scores.observe_scores(&Batch::new(data.rows.as_slice(), labels).expect("valid"));
        prop_assert_eq!(of_scores, confusion);
    }

    /// The order is: error descending, then pixel ascending.
    #[test]
    fn lovasz_gradient_is_its_definition_where_errors_tie(
        data in data::<3>((0_u8..5).prop_map(|quarters| f32::from(quarters) / 4.0), 60),
    ) {
        let valid: Vec<usize> = (0..data.rows.len()).filter(|&pixel| data.labels[pixel] != IGNORED).collect();
        let is_class = |pixel: usize, class: usize| usize::from(data.labels[pixel]) == class;
        let mut truth = vec![[0.0; 3]; data.rows.len()];
        for class in [0, 1, 2] {
            let error = |pixel: usize| {
                let p = f64::from(data.rows[pixel][class]);
                if is_class(pixel, class) { 1.0 - p } else { p }
            };
            let mut order = valid.clone();
            order.sort_by(|&a, &b| error(b).total_cmp(&error(a))); // stable
            let total = valid.iter().filter(|&&pixel| is_class(pixel, class)).count() as f64;
            let (mut hits, mut false_positives, mut before) = (0.0, 0.0, 0.0);
            for pixel in order {
                if is_class(pixel, class) { hits += 1.0 } else { false_positives += 1.0 }
                let after = 1.0 - (total - hits) / (total + false_positives);
                let sign = if is_class(pixel, class) { -1.0 } else { 1.0 };
                truth[pixel][class] = sign * (after - before) / 3.0;
                before = after;
            }
        }
        let (_, grad) = data.run(&Lovasz::new().with_classes(Classes::All).on_probabilities(), 1);
        near_all(&grad, &truth, 1e-6)?;
    }

    /// The extension is convex, and its gradient a subgradient, ties or not.
    #[test]
    fn lovasz_lies_above_its_tangents(
        from in data::<2>((0_u8..9).prop_map(|eighths| f32::from(eighths) / 8.0), 40), seed in any::<u64>(),
    ) {
        let mut random = scarce_kit::patterns::Random::new(seed);
        let to = Data { rows: from.rows.iter().map(|_| [random.unit(), random.unit()]).collect(), ..from.clone() };
        let lovasz = Lovasz::new().on_probabilities();
        let ((value, grad), other) = (from.run(&lovasz, 1), to.value(&lovasz));
        let pairs = grad.as_flattened().iter().zip(from.rows.as_flattened().iter().zip(to.rows.as_flattened()));
        let rise: f64 = pairs.map(|(&slope, (&a, &b))| f64::from(slope) * (f64::from(b) - f64::from(a))).sum();
        prop_assert!(f64::from(other) >= f64::from(value) + rise - 1e-6);
    }

    #[test]
    fn generalised_dice_weighs_by_volume(data in logits::<3>()) {
        let (mut intersection, mut predicted, mut truth) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        for (row, label) in data.valid() {
            let exponentials = row.map(|score| f64::from(score).exp());
            let sum: f64 = exponentials.iter().sum();
            for class in 0..3 {
                predicted[class] += exponentials[class] / sum;
            }
            intersection[label] += exponentials[label] / sum;
            truth[label] += 1.0;
        }
        let largest = truth.iter().filter(|&&volume| volume > 0.0).fold(0.0_f64, |max, v| max.max(1.0 / (v * v)));
        let weight = |class: usize| if truth[class] > 0.0 { 1.0 / (truth[class] * truth[class]) } else { largest };
        let sum = |of: &dyn Fn(usize) -> f64| (0..3).map(|class| weight(class) * of(class)).sum::<f64>();
        let numerator = 2.0 * sum(&|class| intersection[class]);
        let denominator = sum(&|class| predicted[class] + truth[class]);
        let expected = if data.valid().next().is_none() { 0.0 } else { 1.0 - numerator / denominator };
        near(data.value(&Overlap::generalized_dice()), expected, 1e-6, 2e-7)?;
    }

    #[test]
    fn generalised_dice_of_one_class_is_dice(data in logits::<1>()) {
        let (value, grad) = data.run(&Overlap::generalized_dice().on_sigmoid(), 1);
        if data.valid().any(|(_, label)| label == 1) {
            let (truth, true_grad) = data.run(&Overlap::dice().with_smoothing(0.0, 0.0).on_sigmoid(), 1);
            near(value, f64::from(truth), 1e-6, 1e-7)?;
            near_all(&grad, &wide(&true_grad), 1e-6)?;
        } else {
            // There is no class that could lend its weight.
            prop_assert_eq!((value, grad), (0.0, vec![[0.0]; data.rows.len()]));
        }
    }

    #[test]
    fn binary_forms_agree(data in logits::<3>()) {
        // One logit z is a softmax over (0, z).
        let one = data.channel(1);
        let two = Data { rows: one.rows.iter().map(|&[z]| [0.0, z]).collect::<Vec<_>>(), labels: one.labels.clone() };
        let both = [one.run(&BinaryCrossEntropy::new(), 1), one.run(&SigmoidFocal::new(2.0), 1)];
        let soft = [two.run(&CrossEntropy::new(), 1), two.run(&Focal::new(2.0), 1)];
        for ((value, grad), (truth, true_grad)) in both.iter().zip(&soft) {
            near(*value, f64::from(*truth), 1e-6, 1e-9)?;
            let foreground: Vec<_> = true_grad.iter().map(|&[_, element]| [f64::from(element)]).collect();
            near_all(grad, &foreground, 1e-6)?;
        }
        // One class against all others is the mean of the classes' binary losses.
        let mean = |of: &dyn Fn(&Data<1>) -> f32| (0..3).map(|class| f64::from(of(&data.channel(class)))).sum::<f64>() / 3.0;
        near(data.value(&BinaryCrossEntropy::new()), mean(&|one| one.value(&BinaryCrossEntropy::new())), 1e-6, 0.0)?;
        let weighted = data.value(&BinaryCrossEntropy::new().with_pos_weights([0.5, 1.0, 8.0]));
        let of = |class: u8, weight| data.channel(class).value(&BinaryCrossEntropy::new().with_pos_weight(weight));
        let parts = [of(0, 0.5), of(1, 1.0), of(2, 8.0)];
        near(weighted, parts.iter().map(|&part| f64::from(part)).sum::<f64>() / 3.0, 1e-6, 0.0)?;
        let focal = |one: &Data<1>| one.value(&SigmoidFocal::new(1.5).with_alpha(0.25));
        near(data.value(&SigmoidFocal::new(1.5).with_alpha(0.25)), mean(&focal), 1e-6, 0.0)?;
        near(data.value(&Overlap::dice().on_sigmoid()), mean(&|one| one.value(&Overlap::dice().on_sigmoid())), 1e-6, 0.0)?;
    }

    #[test]
    fn an_adjustment_is_an_addend(data in logits::<3>()) {
        let adjustment = [0.5, -2.0, 0.25];
        let mut shifted = data.clone();
        for row in &mut shifted.rows {
            for (score, addend) in row.iter_mut().zip(adjustment) {
                *score += addend;
            }
        }
        let ce = CrossEntropy::new().with_label_smoothing(0.1);
        prop_assert_eq!(data.run(&ce.with_logit_adjustment(adjustment), 1), shifted.run(&ce, 1));
    }

    #[test]
    fn batches_accumulate((data, images) in images::<3>()) {
        // A gradient summed over parts with the divisor of the whole is the gradient of the whole.
        let total = data.valid().count().max(1) as f32;
        let loss = CrossEntropy::new().with_reduction(Reduction::Divisor(total));
        let (mut value, mut grad) = (0.0, Vec::new());
        for image in 0..images {
            let (part, part_grad) = data.image(image, images).run(&loss, 1);
            value += f64::from(part);
            grad.extend(wide(&part_grad));
        }
        let (whole, whole_grad) = data.run(&CrossEntropy::new().with_reduction(Reduction::MeanValid), 1);
        near(whole, value, 1e-6, 0.0)?;
        near_all(&whole_grad, &grad, 1e-6)?;
    }

    #[test]
    fn mining_keeps_what_it_says(data in logits::<3>(), thresh in 0.0_f32..1.0, number in 0_u32..250) {
        let ce = CrossEntropy::new().with_weights([0.5, 1.0, 4.0]);
        let labels = Labels::new(&data.labels).ignoring(IGNORED);
        let batch = Batch::new(data.rows.as_slice(), labels).expect("valid");
        let mut scratch = vec![0; scratch_len::<3, Ohem<CrossEntropy<3>>>(data.rows.len())];
        let ohem = Ohem::new(ce).with_thresh(thresh).with_min_kept(MinKept::Pixels(number));
        let kept = ohem.kept(&batch, &mut scratch).expect("valid");
        prop_assert!(kept >= number.min(batch.valid()) && kept <= batch.valid());
        let (_, grad) = data.run(&ohem, 1);
        let touched = grad.iter().filter(|row| row.iter().any(|&element| element != 0.0)).count();
        prop_assert!(touched <= kept as usize);
        // All kept: the inner loss.
        let (value, grad) = data.run(&Ohem::new(ce).with_thresh(1.0).with_min_kept(MinKept::Fraction(1.0)), 1);
        let (truth, true_grad) = data.run(&ce, 1);
        near(value, f64::from(truth), 1e-6, 0.0)?;
        near_all(&grad, &wide(&true_grad), 1e-6)?;
        let (value, _) = data.run(&Ohem::top_k(ce, 1.0), 1);
        near(value, f64::from(data.value(&ce.with_reduction(Reduction::MeanAll))), 1e-6, 0.0)?;
    }

    #[test]
    fn a_sum_is_the_sum(data in logits::<3>(), a in -3.0_f32..3.0, b in -3.0_f32..3.0) {
        let (ce, lovasz) = (CrossEntropy::new(), Lovasz::new());
        let (sum, grad) = data.run(&Sum((a, ce), (b, lovasz)), 1);
        let ((first, first_grad), (second, second_grad)) = (data.run(&ce, 1), data.run(&lovasz, 1));
        prop_assert_eq!(sum, a * first + b * second);
        let expected: Vec<[f64; 3]> = first_grad.iter().zip(&second_grad).map(|(first, second)| {
            std::array::from_fn(|class| f64::from(a) * f64::from(first[class]) + f64::from(b) * f64::from(second[class]))
        }).collect();
        for (row, truth) in grad.iter().zip(&expected) {
            for (&found, &truth) in row.iter().zip(truth) {
                near(found, truth, 0.0, 3e-6 * f64::from(a.abs() + b.abs()))?;
            }
        }
    }
}

/// Whether no two pixels of a class's Lovász loss are so near that rounding could make them change places.
fn errors_differ(data: &Data<3>) -> bool {
    (0..3).all(|class| {
        let error = |(row, label): (&[f32; 3], usize)| {
            let others: f64 = row.iter().map(|&score| (f64::from(score) - f64::from(row[class])).exp()).sum();
            if label == class { 1.0 - 1.0 / others } else { 1.0 / others }
        };
        let mut errors: Vec<f64> = data.valid().map(error).collect();
        errors.sort_by(f64::total_cmp);
        errors.windows(2).all(|pair| pair[1] - pair[0] > 1e-6 * pair[1])
    })
}
