//! Scores of 8 bits and gradients of 8 and 16: the bits of the same numbers as floats, and what rounding does to them.

use scarce::{
    Activation, Batch, BinaryCrossEntropy, Buffer, CrossEntropy, Error, ExpTable, Fast, Focal, Labels, Libm, Loss,
    Math, Ohem, Overlap, Parameter, PixelLoss, Quantized, QuantizedElement, QuantizedMut, Reduction, Rounding, Scores,
    ScoresMut, SigmoidFocal, Sum,
};
use scarce_kit::conformance::catalogue::{self, Entry, Visitor};
use scarce_kit::patterns::{IGNORED, Random, random_labels};

/// Scores of 8 bits with labels.
struct Data<const C: usize> {
    rows: Vec<[i8; C]>,
    labels: Vec<u8>,
}

impl<const C: usize> Data<C> {
    fn new(pixels: usize, random: &mut Random) -> Self {
        let rows = (0..pixels).map(|_| std::array::from_fn(|_| random.below(256) as u8 as i8)).collect();
        Self { rows, labels: random_labels(C, pixels, random).labels }
    }

    fn labels(&self) -> Labels<'_> {
        Labels::new(&self.labels).ignoring(IGNORED)
    }

    /// The scores as floats, by what the documentation says.
    fn floats(&self, scales: [f32; C], zero_points: [i8; C]) -> Vec<[f32; C]> {
        let float = |row: &[i8; C], class: usize| {
            (i32::from(row[class]) - i32::from(zero_points[class])) as f32 * scales[class]
        };
        self.rows.iter().map(|row| std::array::from_fn(|class| float(row, class))).collect()
    }
}

/// Bits of value and gradient: written; and added, with a scale, to what was there.
fn bits<const C: usize, L: Loss<C>, S: Scores<C> + ?Sized>(
    loss: &L,
    scores: &S,
    labels: Labels<'_>,
    images: usize,
) -> Vec<u32> {
    let batch = Batch::new(scores, labels).expect("good data").with_images(images).expect("the images divide");
    let mut scratch = vec![u32::MAX; loss.scratch_len(batch.pixels())];
    let mut grad = vec![[f32::NAN; C]; batch.pixels()];
    let written = loss.value_and_grad(&batch, &mut grad[..], &mut scratch).expect("good parameters");
    let mut bits: Vec<u32> = grad.as_flattened().iter().map(|slope| slope.to_bits()).collect();
    grad.fill([0.25; C]);
    let added = loss.add_grad(&batch, 0.5, &mut grad[..], &mut scratch).expect("good parameters");
    bits.extend(grad.as_flattened().iter().map(|slope| slope.to_bits()));
    let value = loss.value(&batch, &mut scratch).expect("good parameters");
    bits.extend([written, added, value].map(f32::to_bits));
    bits
}

/// Compares each loss on quantised scores with itself on floats.
struct Same<const C: usize> {
    data: Data<C>,
    /// Scales and zero points: one for all, and one a class.
    steps: [([f32; C], [i8; C]); 2],
    losses: usize,
}

impl<const C: usize> Same<C> {
    fn new() -> Self {
        let mut random = Random::new(C as u64);
        let scales = std::array::from_fn(|_| random.between(0.02, 0.2));
        let zero_points = std::array::from_fn(|_| random.below(256) as u8 as i8);
        Self { data: Data::new(150, &mut random), steps: [([0.061; C], [-7; C]), (scales, zero_points)], losses: 0 }
    }
}

impl<const C: usize> Visitor<C> for Same<C> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        let probabilities = [([1.0 / 256.0; C], [-128; C]), ([1.0 / 512.0; C], [-128; C])];
        for (scales, zero_points) in if entry.takes_probabilities { probabilities } else { self.steps } {
            let labels = self.data.labels();
            let quantized = Quantized::per_class(&self.data.rows, scales, zero_points).expect("good scales");
            let floats = self.data.floats(scales, zero_points);
            let found = bits(&loss, &quantized, labels, 3);
            assert_eq!(found, bits(&loss, &floats[..], labels, 3), "{}, {C} channels", entry.name);
        }
        self.losses += 1;
    }
}

#[test]
fn every_loss_has_the_bits_that_it_has_on_floats() {
    let mut one = Same::<1>::new();
    catalogue::one_channel(Fast, &mut one);
    let mut three = Same::<3>::new();
    catalogue::many_channels(Fast, &mut three);
    assert!(one.losses > 20 && three.losses > 100);
}

#[test]
fn one_scale_is_that_of_each_class() {
    let data = Data::<3>::new(20, &mut Random::new(5));
    let one = Quantized::new(&data.rows, 0.3, 9).expect("a good scale");
    let each = Quantized::per_class(&data.rows, [0.3; 3], [9; 3]).expect("good scales");
    assert_eq!(bits(&CrossEntropy::new(), &one, data.labels(), 1), bits(&CrossEntropy::new(), &each, data.labels(), 1));
}

#[test]
fn a_table_has_the_bits_of_exponentials_that_are_computed() {
    fn check<const C: usize, M: Math>(math: M) {
        let mut random = Random::new(31 + C as u64);
        let entropy = CrossEntropy::new().with_math(math);
        let focal = Focal::new(2.0).with_math(math);
        let weights = std::array::from_fn(|class| [0.5, 0.0, 3.0][class % 3]);
        for (pixels, scale, zero_point) in [
            (0, 0.1, 0),
            (1, 0.061, 5),
            (7, 1e-12, 127),
            (63, 3.1, -128),
            (64, 0.0938, 12),
            (65, 0.02, 0),
            (202, 0.07, -3),
        ] {
            let data = Data::<C>::new(pixels, &mut random);
            let table = ExpTable::new(scale).expect("a good scale").with_math(math);
            let tabled = Quantized::tabled(&data.rows, &table, zero_point);
            let floats = data.floats([table.scale(); C], [zero_point; C]);
            let same = |found: Vec<u32>, expected: Vec<u32>, name: &str| {
                assert_eq!(found, expected, "{name}, {C} channels, {pixels} pixels, scale {scale}");
            };
            macro_rules! same {
                ($($loss:expr),* $(,)?) => {
                    $(same(bits(&$loss, &tabled, data.labels(), 1), bits(&$loss, &floats[..], data.labels(), 1), stringify!($loss));)*
                };
            }
            same!(
                entropy,
                entropy.with_weights(weights),
                entropy.with_weights([0.0; C]),
                entropy.with_label_smoothing(0.1),
                entropy.with_logit_adjustment([-0.3; C]),
                focal,
                Focal::new(0.0).with_math(math).with_alpha(weights),
                Focal::new(0.7).with_math(math).with_reduction(Reduction::Sum),
                Ohem::new(entropy).with_thresh(0.3),
                Sum((1.0, entropy), (-0.5, focal)),
                Sum((-1.0, focal), (0.5, entropy)),
            );
            // Functions that are not the table's are computed.
            same!(CrossEntropy::new().with_math(Other));
        }
    }
    check::<2, _>(Fast);
    check::<3, _>(Libm);
    check::<21, _>(Fast);
}

/// Functions of somebody else's.
#[derive(Clone, Copy)]
struct Other;

impl Math for Other {
    fn exp(x: f32) -> f32 {
        x.exp2()
    }
    fn ln(x: f32) -> f32 {
        x.log2()
    }
    fn ln_1p(x: f32) -> f32 {
        (1.0 + x).log2()
    }
    fn sqrt(x: f32) -> f32 {
        x.sqrt()
    }
}

#[test]
fn a_tables_scale_makes_scores_and_their_differences_exact() {
    let mut random = Random::new(77);
    for _ in 0..2000 {
        let scale = f32::exp2(random.between(-39.0, 39.0));
        let table = ExpTable::new(scale).expect("a good scale");
        let rounded = f64::from(table.scale());
        assert!((rounded / f64::from(scale) - 1.0).abs() <= f64::exp2(-16.0), "{scale}");
        for steps in -255..=255_i32 {
            assert_eq!(f64::from(steps as f32 * table.scale()), f64::from(steps) * rounded, "{steps} of {scale}");
        }
        // A rounded scale stays as it is.
        assert_eq!(ExpTable::new(table.scale()).expect("a good scale"), table);
    }
}

#[test]
fn bad_scales_are_refused() {
    let (rows, mut grad) = ([[0_i8; 2]; 3], [[1_i8; 2]; 3]);
    let error = Error::Parameter(Parameter::QuantizationScale);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.1, 1e-13, 1.1e12] {
        assert_eq!(Quantized::new(&rows, bad, 0).err(), Some(error), "{bad}");
        assert_eq!(Quantized::per_class(&rows, [1.0, bad], [0; 2]).err(), Some(error), "{bad}");
        assert_eq!(ExpTable::new(bad).err(), Some(error), "{bad}");
        assert_eq!(QuantizedMut::new(&mut grad, bad).err(), Some(error), "{bad}");
        assert_eq!(QuantizedMut::in_place(&mut grad, bad, 0, 1.0).err(), Some(error), "{bad}");
        assert_eq!(QuantizedMut::in_place(&mut grad, 1.0, 0, bad).err(), Some(error), "{bad}");
    }
    for good in [1e-12, 1e12] {
        assert!(Quantized::new(&rows, good, 0).is_ok() && QuantizedMut::new(&mut grad, good).is_ok());
    }
    assert_eq!(error.to_string(), "scale of a quantisation: NaN or outside its domain");
}

#[test]
fn bad_labels_are_found_beside_quantised_scores() {
    let rows = [[0_i8; 3]; 130];
    let quantized = Quantized::new(&rows, 0.1, 0).expect("a good scale");
    let mut labels = [1; 130];
    labels[100] = 3;
    let error = Batch::new(&quantized, Labels::new(&labels)).err();
    assert_eq!(error, Some(Error::Label { pixel: 100, label: 3 }));
    let error = Batch::new(&quantized, Labels::new(&labels[1..])).err();
    assert_eq!(error, Some(Error::Length { buffer: Buffer::Labels, needed: 130, got: 129 }));
}

/// Elements of 8 and of 16 bits alike, with their smallest and largest number.
trait Element: QuantizedElement + PartialEq + std::fmt::Debug {
    const RANGE: [f64; 2];
}

impl Element for i8 {
    const RANGE: [f64; 2] = [-128.0, 127.0];
}

impl Element for i16 {
    const RANGE: [f64; 2] = [-32_768.0, 32_767.0];
}

/// The gradient as floats, and as elements.
fn gradients<const C: usize, E: Element, L: Loss<C>>(
    loss: &L,
    data: &Data<C>,
    scale: f32,
    rounding: Rounding,
) -> (Vec<[f32; C]>, Vec<[E; C]>) {
    let quantized = Quantized::new(&data.rows, 0.061, -7).expect("a good scale");
    let batch = Batch::new(&quantized, data.labels()).expect("good data").with_images(2).expect("an even number");
    let mut scratch = vec![0; loss.scratch_len(batch.pixels())];
    let mut floats = vec![[f32::NAN; C]; batch.pixels()];
    let value = loss.value_and_grad(&batch, &mut floats[..], &mut scratch).expect("good parameters");
    let mut elements = vec![[E::saturated(77.0); C]; batch.pixels()];
    let mut view = QuantizedMut::new(&mut elements, scale).expect("a good scale").with_rounding(rounding);
    let same = loss.value_and_grad(&batch, &mut view, &mut scratch).expect("good parameters");
    assert_eq!(value.to_bits(), same.to_bits());
    (floats, elements)
}

fn assert_nearest<const C: usize, E: Element, L: Loss<C>>(loss: &L, data: &Data<C>, scale: f32) {
    let (floats, elements) = gradients::<C, E, _>(loss, data, scale, Rounding::Nearest);
    let [smallest, largest] = E::RANGE;
    let mut different = std::collections::BTreeSet::new();
    for ((float, element), place) in floats.as_flattened().iter().zip(elements.as_flattened()).zip(0..) {
        let steps = f64::from(float * (1.0 / scale)).round_ties_even().clamp(smallest, largest);
        let element: i32 = (*element).into();
        assert_eq!(f64::from(element), steps, "{float} at {place}");
        if data.labels[place / C] == IGNORED {
            assert_eq!(element, 0, "ignored");
        }
        different.insert(element);
    }
    assert!(different.len() > 20, "{different:?} try nothing");
}

#[test]
fn a_gradient_is_rounded_to_the_nearest_and_saturated() {
    let data = Data::<3>::new(202, &mut Random::new(8));
    let sum = |steps: f32| (CrossEntropy::new().with_reduction(Reduction::Sum), 1.0 / steps);
    // The largest element is ±1: 100 steps, within the range; 300, outside; and for 16 bits.
    for (loss, scale) in [sum(100.0), sum(300.0)] {
        assert_nearest::<3, i8, _>(&loss, &data, scale);
    }
    for (loss, scale) in [sum(30_000.0), sum(90_000.0)] {
        assert_nearest::<3, i16, _>(&loss, &data, scale);
    }
    let scale = 5e-5;
    assert_nearest::<3, i8, _>(&CrossEntropy::new().with_label_smoothing(0.1), &data, scale);
    assert_nearest::<3, i8, _>(&BinaryCrossEntropy::new(), &data, scale);
    assert_nearest::<3, i8, _>(&Focal::new(2.0), &data, scale);
    assert_nearest::<3, i8, _>(&SigmoidFocal::new(2.0), &data, scale);
    assert_nearest::<3, i8, _>(&Ohem::new(CrossEntropy::new()).per_image(), &data, scale);
    assert_nearest::<3, i8, _>(&Overlap::dice(), &data, scale);
    assert_nearest::<3, i8, _>(&Overlap::dice().on_sigmoid().per_batch(), &data, scale);
}

#[test]
fn without_a_valid_pixel_a_quantised_gradient_is_zero() {
    fn check<L: Loss<2>>(loss: &L) {
        let labels = [IGNORED; 4];
        let batch = Batch::new(&[[0.0; 2]; 4], Labels::new(&labels).ignoring(IGNORED)).expect("good labels");
        let mut grad = [[5_i16; 2]; 4];
        let mut view = QuantizedMut::new(&mut grad, 0.1).expect("a good scale");
        assert_eq!(loss.value_and_grad(&batch, &mut view, &mut vec![0; loss.scratch_len(4)]), Ok(0.0));
        assert_eq!(grad, [[0; 2]; 4]);
    }
    check(&CrossEntropy::new());
    check(&Ohem::new(Focal::new(2.0)));
    check(&Overlap::dice());
}

#[test]
fn nothing_is_written_where_a_call_is_refused() {
    let batch = Batch::new(&[[0.0, 1.0]; 4], Labels::new(&[0; 4])).expect("good data");
    let mut grad = [[5_i8; 2]; 4];
    let mut short = QuantizedMut::new(&mut grad[..3], 0.1).expect("a good scale");
    let error = Error::Length { buffer: Buffer::Grad, needed: 4, got: 3 };
    assert_eq!(CrossEntropy::new().value_and_grad(&batch, &mut short, &mut []), Err(error));
    let mut view = QuantizedMut::new(&mut grad, 0.1).expect("a good scale");
    let error = Error::Parameter(Parameter::LabelSmoothing);
    let bad = CrossEntropy::new().with_label_smoothing(2.0);
    assert_eq!(bad.value_and_grad(&batch, &mut view, &mut []), Err(error));
    assert_eq!(grad, [[5; 2]; 4]);
}

/// As the documentation has it.
fn lowbias32(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

#[test]
fn chance_is_what_the_documentation_says() {
    let data = Data::<3>::new(202, &mut Random::new(9));
    let loss = CrossEntropy::new().with_reduction(Reduction::Sum);
    for (seed, steps) in [(0, 20.0), (1, 0.5), (u32::MAX, 200.0)] {
        let scale = 1.0 / steps;
        let (floats, elements) = gradients::<3, i8, _>(&loss, &data, scale, Rounding::Stochastic { seed });
        for ((float, element), place) in floats.as_flattened().iter().zip(elements.as_flattened()).zip(0_u32..) {
            let size = f64::from((float * (1.0 / scale)).abs());
            let chance = f64::from(lowbias32(lowbias32(seed).wrapping_add(place)) >> 8) / f64::from(1 << 24);
            let rounded = size.floor() + f64::from(u8::from(chance < size - size.floor()));
            let expected = f64::from(float.signum()) * rounded;
            assert_eq!(f64::from(*element), expected.clamp(-128.0, 127.0), "{float} at {place}");
        }
    }
}

/// The mean of n independent numbers in 0..=1 is off by t or more with a probability of at most 2 exp(−2 n t²) (Hoeffding):
/// below 10⁻⁶ for n = 2¹⁶ and t = 0.0106.
#[test]
fn the_mean_over_seeds_is_the_gradient() {
    const SEEDS: u32 = 1 << 16;
    const BAND: f64 = 0.0106;
    let steps = [0.0, 0.01, -0.3, 0.5, -0.75, 1.25, -7.6, 100.999, -127.4, 127.0];
    let mut sums = [0_i64; 10];
    for seed in 0..SEEDS {
        let mut elements = [[0_i8; 10]];
        let view = QuantizedMut::new(&mut elements, 1.0).expect("a good scale");
        view.with_rounding(Rounding::Stochastic { seed }).write::<1>(0, &steps.map(|steps| [steps]));
        for (sum, element) in sums.iter_mut().zip(elements[0]) {
            *sum += i64::from(element);
        }
    }
    for (sum, steps) in sums.into_iter().zip(steps) {
        let mean = sum as f64 / f64::from(SEEDS);
        assert!((mean - f64::from(steps)).abs() < BAND, "{steps}: {mean}");
    }
    assert_eq!([sums[0], sums[9]], [0, 127 * i64::from(SEEDS)], "whole numbers stay");
}

/// Neighbouring elements of one seed are as good as neighbouring seeds.
#[test]
fn the_mean_over_elements_is_the_gradient() {
    const BAND: f64 = 0.0106;
    let mut elements = vec![[0_i16; 1]; 1 << 16];
    for (seed, steps) in [(0, 0.25), (1, -0.5), (12_345, 1000.9)] {
        let mut view = QuantizedMut::new(&mut elements, 1.0).expect("a good scale");
        view = view.with_rounding(Rounding::Stochastic { seed });
        for pixel in 0..1 << 16 {
            view.write::<1>(pixel, &[[steps]]);
        }
        let mean = elements.as_flattened().iter().map(|&element| f64::from(element)).sum::<f64>() / 65_536.0;
        assert!((mean - f64::from(steps)).abs() < BAND, "{steps}: {mean}");
    }
}

#[test]
fn what_is_written_at_once_is_what_is_written_one_by_one() {
    let mut random = Random::new(3);
    let tile: [[f32; 64]; 3] = std::array::from_fn(|_| std::array::from_fn(|_| random.between(-200.0, 200.0)));
    for rounding in [Rounding::Nearest, Rounding::Stochastic { seed: 7 }] {
        let (mut at_once, mut one_by_one) = ([[0_i8; 3]; 70], [[0_i8; 3]; 70]);
        let mut view = QuantizedMut::new(&mut at_once, 1.0).expect("a good scale").with_rounding(rounding);
        view.write(10, &tile);
        let mut view = QuantizedMut::new(&mut one_by_one, 1.0).expect("a good scale").with_rounding(rounding);
        for lane in 0..64 {
            view.write::<1>(10 + lane, &tile.map(|values| [values[lane]]));
        }
        assert_eq!(at_once, one_by_one);
        assert_eq!(at_once[..10], [[0; 3]; 10]);
    }
}

#[test]
fn a_gradient_takes_the_place_of_its_logits() {
    let data = Data::<3>::new(130, &mut Random::new(4));
    let loss = CrossEntropy::new();
    let logits = Quantized::new(&data.rows, 0.061, -7).expect("a good scale");
    let batch = Batch::new(&logits, data.labels()).expect("good data");
    for rounding in [Rounding::Nearest, Rounding::Stochastic { seed: 7 }] {
        let mut expected = vec![[0_i8; 3]; 130];
        let mut view = QuantizedMut::new(&mut expected, 1e-4).expect("a good scale").with_rounding(rounding);
        loss.value_and_grad(&batch, &mut view, &mut []).expect("good parameters");

        let mut rows = data.rows.clone();
        let view = QuantizedMut::in_place(&mut rows, 0.061, -7, 1e-4).expect("good scales");
        let mut view = view.with_rounding(rounding);
        assert_eq!(view.pixels(), 130);
        let mut tile = [[0.0; 64]; 3];
        for start in (0..130).step_by(64) {
            view.read(start, &mut tile);
            for lane in 0..64.min(130 - start) {
                let label = data.labels[start + lane];
                let row = tile.map(|scores| scores[lane]);
                let scale = 1.0 / batch.valid() as f32;
                let grad = if label == IGNORED { [0.0; 3] } else { loss.pixel_grad(row, label, scale).1 };
                for (values, slope) in tile.iter_mut().zip(grad) {
                    values[lane] = slope;
                }
            }
            view.write(start, &tile);
        }
        assert_eq!(rows, expected);
    }
}

/// A logit is off by half a step at most, so a probability by a quarter of a step: |∂p_i/∂z| adds up to 2 p (1 − p) ≤ ½.
#[test]
fn eight_bits_move_a_gradient_by_a_quarter_of_a_step_at_most() {
    const SCALE: f32 = 0.1;
    let mut random = Random::new(12);
    let floats: Vec<[f32; 4]> =
        (0..20_000).map(|_| std::array::from_fn(|_| random.between(-12.0, 12.0) * random.unit())).collect();
    let rows: Vec<[i8; 4]> = floats.iter().map(|row| row.map(|score| (score / SCALE).round() as i8)).collect();
    let labels: Vec<u8> = floats.iter().map(|_| random.below(4) as u8).collect();
    let loss = CrossEntropy::new().with_reduction(Reduction::Sum);
    let (mut exact, mut found) = (vec![[0.0; 4]; 20_000], vec![[0.0; 4]; 20_000]);
    let batch = Batch::new(&floats[..], Labels::new(&labels)).expect("good data");
    loss.value_and_grad(&batch, &mut exact[..], &mut []).expect("good parameters");
    let table = ExpTable::new(SCALE).expect("a good scale");
    let quantized = Quantized::tabled(&rows, &table, 0);
    let batch = Batch::new(&quantized, Labels::new(&labels)).expect("good data");
    loss.value_and_grad(&batch, &mut found[..], &mut []).expect("good parameters");
    let errors = || exact.as_flattened().iter().zip(found.as_flattened()).map(|(exact, found)| (exact - found).abs());
    let largest = errors().fold(0.0, f32::max);
    let mean = errors().sum::<f32>() / 80_000.0;
    assert!(largest <= 0.25 * SCALE + 1e-5, "{largest}");
    assert!(largest > 0.2 * SCALE && mean < 0.05 * SCALE, "largest {largest}, mean {mean}");
}

/// Where it is not known which activation a loss has, no gradient is quantised in a way of its own.
#[test]
fn overlap_of_every_activation_takes_a_quantised_gradient() {
    fn check<A: Activation>(loss: Overlap<3, A>) {
        let rows = [[0.25_f32, 0.25, 0.5]; 10];
        let batch = Batch::new(&rows, Labels::new(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0])).expect("good data");
        let (mut floats, mut elements) = ([[0.0; 3]; 10], [[0_i16; 3]; 10]);
        loss.value_and_grad(&batch, &mut floats, &mut []).expect("good parameters");
        let mut view = QuantizedMut::new(&mut elements, 1e-5).expect("a good scale");
        loss.value_and_grad(&batch, &mut view, &mut []).expect("good parameters");
        let rounded = floats.map(|row| row.map(|slope| (slope * (1.0 / 1e-5)).round_ties_even() as i16));
        assert_eq!(elements, rounded);
        assert!(elements != [[0; 3]; 10]);
    }
    check(Overlap::dice());
    check(Overlap::dice().squared().on_sigmoid());
    check(Overlap::jaccard().on_probabilities());
}
