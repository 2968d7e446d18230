//! `SemanticEncoding` against its f64 reference, and its contract.

use rand_core::Rng as _;
use rand_pcg::Pcg32;
use scarce::{Buffer, Error, Labels, Micro, Parameter, SemanticEncoding};
use scarce_kit::reference;
use scarce_kit::tolerance::{Family, tolerance};

const IGNORED: u8 = 255;

/// Four images of five pixels, of which the second holds nothing but ignored ones.
struct Data<const C: usize> {
    logits: [[f32; C]; 4],
    labels: [u8; 20],
}

impl<const C: usize> Data<C> {
    fn new(seed: u64) -> Self {
        let mut random = Pcg32::new(seed, 1);
        let mut logit = || ((random.next_u32() >> 20) as f32 - 2048.0) / 256.0;
        let logits = std::array::from_fn(|_| std::array::from_fn(|_| logit()));
        let classes = if C == 1 { 2 } else { C as u32 };
        let mut label =
            || if random.next_u32().is_multiple_of(4) { IGNORED } else { (random.next_u32() % classes) as u8 };
        let mut labels = std::array::from_fn(|_| label());
        labels[5..10].fill(IGNORED);
        labels[0] = 0;
        Self { logits, labels }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }
}

fn weights<const C: usize>() -> [f32; C] {
    std::array::from_fn(|class| if class == C - 1 && C > 1 { 0.0 } else { 0.25 + class as f32 })
}

/// Losses of all options beside their definitions.
fn losses<const C: usize>() -> [(SemanticEncoding<C>, reference::SemanticEncoding); 4] {
    let plain = SemanticEncoding::new();
    let of = |weighted: bool, counting_empty_images: bool| reference::SemanticEncoding {
        weights: weighted.then(|| weights::<C>().map(f64::from).to_vec()),
        counting_empty_images,
    };
    [
        (plain, of(false, false)),
        (plain.with_weights(weights()), of(true, false)),
        (plain.counting_empty_images(), of(false, true)),
        (plain.with_weights(weights()).counting_empty_images(), of(true, true)),
    ]
}

fn agrees_with_its_definition<const C: usize>() {
    let bounds = tolerance(Family::BinaryCrossEntropy);
    for seed in 0..8 {
        let data = Data::<C>::new(seed);
        let exact: Vec<f64> = data.logits.as_flattened().iter().map(|&logit| f64::from(logit)).collect();
        for (loss, definition) in losses::<C>() {
            let value_of = |logits: &[f64]| definition.value(logits, 4, &data.labels, Some(IGNORED));
            let mut grad = [[f32::NAN; C]; 4];
            let value = loss.value_and_grad(&data.logits, data.labels(), &mut grad).expect("valid");
            let truth = value_of(&exact);
            let error = (f64::from(value) - truth).abs();
            assert!(error <= bounds.relative * truth + bounds.absolute, "{loss:?}: {value}, truth {truth}");
            let slopes: Vec<f64> =
                (0..exact.len()).map(|element| reference::slope(&value_of, &exact, element, 1e-3)).collect();
            let largest = slopes.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
            for (&found, truth) in grad.as_flattened().iter().zip(slopes) {
                assert!(
                    (f64::from(found) - truth).abs() <= bounds.element * largest,
                    "{loss:?}: {found}, truth {truth}"
                );
            }
        }
    }
}

#[test]
fn agrees_with_its_definition_over_any_number_of_channels() {
    agrees_with_its_definition::<1>();
    agrees_with_its_definition::<2>();
    agrees_with_its_definition::<5>();
    agrees_with_its_definition::<21>();
}

#[test]
fn all_methods_have_the_same_bits() {
    let data = Data::<5>::new(1);
    for (loss, _) in losses::<5>() {
        let mut grad = [[f32::NAN; 5]; 4];
        let value = loss.value_and_grad(&data.logits, data.labels(), &mut grad).expect("valid");
        assert_eq!(loss.value(&data.logits, data.labels()).map(f32::to_bits), Ok(value.to_bits()));
        let mut sum = [[0.0; 5]; 4];
        assert_eq!(loss.add_grad(&data.logits, data.labels(), 1.0, &mut sum), Ok(value));
        assert_eq!(sum, grad);
        assert_eq!(loss.add_grad(&data.logits, data.labels(), -3.0, &mut sum), Ok(value));
        for (sum, grad) in sum.as_flattened().iter().zip(grad.as_flattened()) {
            assert!((sum + 2.0 * grad).abs() <= 1e-6 * grad.abs(), "{sum} is not −2 · {grad}");
        }
    }
}

#[test]
fn errors_write_nothing() {
    let data = Data::<5>::new(2);
    let loss = SemanticEncoding::<5>::new();
    let refuses = |loss: SemanticEncoding<5>, logits: &[[f32; 5]], labels: Labels<'_>, error: Error| {
        let mut grad = vec![[3.0; 5]; logits.len()];
        assert_eq!(loss.value(logits, labels), Err(error));
        assert_eq!(loss.add_grad(logits, labels, 1.0, &mut grad), Err(error));
        assert_eq!(loss.value_and_grad(logits, labels, &mut grad), Err(error));
        assert!(grad.as_flattened().iter().all(|&element| element == 3.0), "{error}");
    };
    for bad in [-1.0, 1e-13, 1.1e12, f32::NAN, f32::INFINITY] {
        let loss = loss.with_weights([1.0, 1.0, bad, 1.0, 1.0]);
        refuses(loss, &data.logits, data.labels(), Error::Parameter(Parameter::Weight));
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut logits = data.logits;
        logits[2][4] = bad;
        refuses(loss, &logits, data.labels(), Error::NonFinite { pixel: 2 });
    }
    let mut labels = data.labels;
    labels[17] = 5;
    refuses(loss, &data.logits, Labels::new(&labels).ignoring(IGNORED), Error::Label { pixel: 17, label: 5 });
    refuses(loss, &data.logits, Labels::new(&labels[..5]), Error::Images { images: 4, pixels: 5 });
    refuses(loss, &[], data.labels(), Error::Images { images: 0, pixels: 20 });
    for got in [3, 5, 0] {
        let error = Err(Error::Length { buffer: Buffer::Grad, needed: 4, got });
        let mut grad = vec![[3.0; 5]; got];
        assert_eq!(loss.add_grad(&data.logits, data.labels(), 1.0, &mut grad), error);
        assert_eq!(loss.value_and_grad(&data.logits, data.labels(), &mut grad), error);
        assert!(grad.as_flattened().iter().all(|&element| element == 3.0));
    }
    for scale in [f32::NAN, f32::INFINITY, 1.1e12] {
        let mut grad = [[3.0; 5]; 4];
        let found = loss.add_grad(&data.logits, data.labels(), scale, &mut grad);
        assert_eq!(found, Err(Error::Parameter(Parameter::Scale)));
        assert_eq!(grad, [[3.0; 5]; 4]);
    }
}

#[test]
fn an_image_without_a_valid_pixel_is_skipped_and_not_read() {
    let mut data = Data::<5>::new(3);
    data.logits[1] = [f32::NAN; 5];
    let loss = SemanticEncoding::new();
    let mut grad = [[7.0; 5]; 4];
    let value = loss.add_grad(&data.logits, data.labels(), 1.0, &mut grad).expect("it is not read");
    assert_eq!(grad[1], [7.0; 5], "it is not written");
    let set = loss.value_and_grad(&data.logits, data.labels(), &mut grad).expect("valid");
    assert_eq!(set, value);
    assert_eq!(grad[1].map(f32::to_bits), [0; 5]);
    // As if it were not there.
    let logits = [data.logits[0], data.logits[2], data.logits[3]];
    let labels: Vec<u8> = data.labels[..5].iter().chain(&data.labels[10..]).copied().collect();
    assert_eq!(loss.value(&logits, Labels::new(&labels).ignoring(IGNORED)), Ok(value));
    // Where it counts it is read.
    let error = loss.counting_empty_images().value(&data.logits, data.labels());
    assert_eq!(error, Err(Error::NonFinite { pixel: 1 }));
}

/// PaddleSeg gives an image without a valid pixel the target 0 in every class (0/0 > 0 is false), and so trains every class
/// away.
#[test]
fn paddleseg_trains_every_class_away_in_an_ignored_image() {
    let logits = [[1.5, -0.5, 0.0]];
    let labels = Labels::new(&[IGNORED; 6]).ignoring(IGNORED);
    let mut grad = [[0.0; 3]];
    let loss = SemanticEncoding::new();
    assert_eq!(loss.value_and_grad(&logits, labels, &mut grad), Ok(0.0));
    assert_eq!(grad, [[0.0; 3]]);
    let value = loss.counting_empty_images().value_and_grad(&logits, labels, &mut grad).expect("valid");
    let truth: f64 = [1.5_f64, -0.5, 0.0].iter().map(|logit| logit.exp().ln_1p()).sum::<f64>() / 3.0;
    assert!((f64::from(value) - truth).abs() < 1e-6, "{value}, truth {truth}");
    assert!(grad[0].iter().all(|&element| element > 0.0));
}

#[test]
fn nothing_has_the_loss_0() {
    let loss = SemanticEncoding::<3>::new();
    assert_eq!(loss.value_and_grad(&[], Labels::new(&[]), &mut []), Ok(0.0));
    let logits = [[1.0, 2.0, 3.0]; 2];
    let mut grad = [[1.0; 3]; 2];
    assert_eq!(loss.value_and_grad(&logits, Labels::new(&[]), &mut grad), Ok(0.0), "images of no pixel");
    assert_eq!(grad, [[0.0; 3]; 2]);
}

/// The ignored label marks no class even where it is one.
#[test]
fn the_ignored_label_marks_no_class() {
    let logits = [[0.5, 0.5, 0.5]];
    let mut grad = [[0.0; 3]];
    let labels = Labels::new(&[0, 1, 1, 0]).ignoring(1);
    SemanticEncoding::new().value_and_grad(&logits, labels, &mut grad).expect("valid");
    assert!(grad[0][0] < 0.0 && grad[0][1] > 0.0 && grad[0][2] > 0.0, "{grad:?}");
}

/// With one channel the class is label 1; a histogram from 0 to 0, as the references take it, counts what it finds.
#[test]
fn one_channel_means_label_1() {
    for (labels, present) in [([0, 0], false), ([0, 1], true), ([IGNORED, 1], true), ([IGNORED, 0], false)] {
        let mut grad = [[0.0]];
        let labels = Labels::new(&labels).ignoring(IGNORED);
        SemanticEncoding::new().value_and_grad(&[[0.25]], labels, &mut grad).expect("valid");
        assert_eq!(grad[0][0] < 0.0, present);
    }
    let error = SemanticEncoding::new().value(&[[0.25]], Labels::new(&[0, 2]));
    assert_eq!(error, Err(Error::Label { pixel: 1, label: 2 }));
}

/// PyTorch-Encoding takes `BCELoss` of a sigmoid: at a logit of 20 and target 0 in f32 the loss is 100 and the gradient 0;
/// at −80 and target 1 the gradient is −2 · 10⁻²³. Here they are 20 and 80, and the gradients 1 and −1.
#[test]
fn pytorch_encoding_saturates() {
    let logits = [[-80.0, 20.0]];
    let mut grad = [[0.0; 2]];
    let value = SemanticEncoding::new().value_and_grad(&logits, Labels::new(&[0]), &mut grad).expect("valid");
    assert!((value - 50.0).abs() <= 1e-5, "{value}");
    assert!((grad[0][0] + 0.5).abs() <= 1e-6 && (grad[0][1] - 0.5).abs() <= 1e-6, "{grad:?}");
    assert_eq!(1.0 / (1.0 + (-20.0_f32).exp()), 1.0, "so that its 1 − p is 0");
}

#[test]
fn the_largest_logits_are_finite() {
    for logit in [3e38, -3e38, f32::MAX, f32::MIN] {
        for labels in [[0, 0], [1, 1]] {
            let mut grad = [[0.0; 2]];
            let loss = SemanticEncoding::new().with_weights([0.5, 0.0]);
            let value = loss.value_and_grad(&[[logit, logit]], Labels::new(&labels), &mut grad).expect("finite");
            assert!(value.is_finite() && value >= 0.0, "{value}");
            assert!(grad.as_flattened().iter().all(|element| element.is_finite()), "{grad:?}");
        }
    }
}

#[test]
fn other_functions_are_near() {
    let data = Data::<5>::new(4);
    let exact = SemanticEncoding::<5>::new().value(&data.logits, data.labels()).expect("valid");
    let found = SemanticEncoding::<5>::new().with_math(Micro).value(&data.logits, data.labels()).expect("valid");
    assert!((found - exact).abs() <= 2e-3 * exact, "{found}, exact {exact}");
}
