//! Every loss, with every family of options, against the contract and against its f64 reference.

use scarce::{
    Batch, Buffer, CrossEntropy, Error, Fast, Labels, Libm, Loss, Lovasz, Math, Micro, Overlap, Parameter, Planes,
};
use scarce::{Reduction, Scores as _, Sum, scratch_len, scratch_len_to_write};
use scarce_kit::conformance::catalogue::{self, BadVisitor, Entry, Visitor};
use scarce_kit::conformance::contract::{Bits, check, check_refusal, evaluate, to_planes};
use scarce_kit::conformance::fake::BigScratch;
use scarce_kit::conformance::oracle::{Comparison, compare_grad, compare_value};
use scarce_kit::conformance::samples::{Sample, samples};
use scarce_kit::fuzz::{self, replay};
use scarce_kit::patterns::{Random, Scores, labels_of, random_labels};
use std::any::type_name;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

/// Runs the kit, and collects what differs from the reference.
struct Kit<const C: usize> {
    logits: Vec<Sample<C>>,
    probabilities: Vec<Sample<C>>,
    /// Whether the functions are accurate, so that the reference applies.
    is_accurate: bool,
    wrong: Vec<Comparison>,
}

impl<const C: usize> Kit<C> {
    fn new(is_accurate: bool) -> Self {
        let (logits, probabilities) = (samples(&Scores::LOGITS), samples(&Scores::PROBABILITIES));
        Self { logits, probabilities, is_accurate, wrong: Vec::new() }
    }

    fn samples(&self, entry: &Entry) -> &[Sample<C>] {
        if entry.takes_probabilities { &self.probabilities } else { &self.logits }
    }

    fn check<L: Loss<C>>(&self, entry: &Entry, loss: &L) -> Vec<Bits> {
        self.samples(entry).iter().map(|sample| check(&entry.name, loss, sample)).collect()
    }

    fn compare(&mut self, entry: &Entry, found: &[Bits]) {
        if self.is_accurate {
            let compare = |(sample, bits)| [compare_value(entry, sample, bits), compare_grad(entry, sample, bits)];
            let comparisons = self.samples(entry).iter().zip(found).flat_map(compare).flatten();
            let wrong: Vec<_> = comparisons.filter(|comparison| comparison.ratio() > 1.0).collect();
            self.wrong.extend(wrong);
        }
    }

    fn report(self) {
        let lines: Vec<String> = self.wrong.iter().map(Comparison::to_string).collect();
        assert!(lines.is_empty(), "{} differ from the reference:\n{}", lines.len(), lines.join("\n"));
    }
}

impl<const C: usize> Visitor<C> for Kit<C> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        let bits = self.check(entry, &loss);
        self.compare(entry, &bits);
    }

    fn visit_sorts<A: Loss<C> + Copy, B: Loss<C> + Copy>(&mut self, entry: Entry, radix: A, heap: B) {
        let (by_radix, by_heap) = (self.check(&entry, &radix), self.check(&entry, &heap));
        assert!(by_radix == by_heap, "{}: the sorts' bits differ", entry.name);
        self.compare(&entry, &by_radix);
    }
}

fn one_channel<M: Math>(math: M, is_accurate: bool) {
    let mut kit = Kit::new(is_accurate);
    catalogue::one_channel(math, &mut kit);
    kit.report();
}

fn many_channels<const C: usize, M: Math>(math: M, is_accurate: bool) {
    let mut kit = Kit::<C>::new(is_accurate);
    catalogue::many_channels(math, &mut kit);
    kit.report();
}

#[test]
fn contract_over_1_channel() {
    one_channel(Fast, true);
}

#[test]
fn contract_over_2_channels() {
    many_channels::<2, _>(Fast, true);
}

#[test]
fn contract_over_3_channels() {
    many_channels::<3, _>(Libm, true);
}

#[test]
fn contract_over_21_channels() {
    many_channels::<21, _>(Fast, true);
}

/// Of one channel alone, which calls the same functions: each number of channels takes a fifth of a minute to compile.
#[test]
fn contract_with_micro() {
    one_channel(Micro, false);
}

#[test]
fn contract_on_the_inputs_of_the_fuzzer() {
    replay("contract", |data| fuzz::contract(Fast, data));
}

/// Names of the losses met, without running anything.
#[derive(Default)]
struct Names(BTreeSet<&'static str>);

impl<const C: usize> Visitor<C> for Names {
    fn visit<L: Loss<C> + Copy>(&mut self, _: &Entry, _: L) {
        self.0.insert(type_name::<L>());
    }
}

/// A loss that is exported and that the catalogue does not hold would go unchecked.
#[test]
fn every_exported_loss_is_in_the_catalogue() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src");
    let read = |path: &Path| fs::read_to_string(path).expect("the library's source is beside the tests");
    let losses: String = fs::read_dir(source.join("loss"))
        .expect("losses are in core/src/loss")
        .map(|entry| entry.expect("a directory can be read").path())
        .filter(|path| path.is_file())
        .map(|path| read(&path))
        .collect();
    let root = read(&source.join("lib.rs"));
    let exports = root.lines().filter(|line| line.starts_with("pub use loss::"));
    let names = exports.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    // `impl<…> Loss<C> for Name<…>`, `impl<…> PixelLoss<C> for Name<…>`, `impl<…> Loss<1> for Name<…>`
    let implements = |name: &&str| {
        let suffixes = ["Loss<C> for ", "Loss<1> for "].map(|prefix| format!("{prefix}{name}"));
        losses.lines().any(|line| {
            line.starts_with("impl<")
                && suffixes.iter().any(|suffix| {
                    line.split_once(suffix.as_str()).is_some_and(|(_, rest)| rest.starts_with(['<', ' ']))
                })
        })
    };
    let exported: BTreeSet<&str> = names.filter(implements).collect();
    assert!(exported.len() >= 9, "only {exported:?} found: did the sources move?");

    let mut met = Names::default();
    catalogue::one_channel(Libm, &mut met);
    catalogue::many_channels::<2, _>(Libm, &mut met);
    let is_met = |name: &&str| {
        met.0.iter().any(|path| path.split(['<', ',', ' ']).any(|part| part.ends_with(&format!("::{name}"))))
    };
    let missing: Vec<_> = exported.iter().filter(|name| !is_met(name)).collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:?}");
}

/// Every bad parameter is refused, by name, and nothing is written.
struct Refusals<const C: usize>(Sample<C>);

impl<const C: usize> BadVisitor<C> for Refusals<C> {
    fn visit<L: Loss<C> + Debug>(&mut self, loss: L, parameter: Parameter) {
        check_refusal(&format!("{loss:?}"), &loss, &self.0, Error::Parameter(parameter));
    }
}

fn ordinary<const C: usize>(images: usize) -> Sample<C> {
    let mut random = Random::new(7);
    let map = random_labels(C, 36, &mut random);
    Sample::new(Scores::Ordinary, map, images, &mut random)
}

#[test]
fn bad_parameters_are_refused() {
    catalogue::bad_parameters(&mut Refusals::<2>(ordinary(1)));
    catalogue::bad_parameters(&mut Refusals::<3>(ordinary(3)));
}

#[test]
fn what_is_no_probability_is_refused() {
    let mut random = Random::new(8);
    let map = random_labels(3, 36, &mut random);
    let good: Sample<3> = Sample::new(Scores::Probabilities, map, 1, &mut random);
    for pixel in 0..good.pixels() {
        for bad in [-1e-9, 1.000_001, 3e38] {
            let mut sample = good.clone();
            sample.rows[pixel][pixel % 3] = bad;
            let (dice, lovasz) = (Overlap::dice().on_probabilities(), Lovasz::new().on_probabilities());
            if sample.is_ignored(pixel) {
                check("dice", &dice, &sample);
                continue;
            }
            let error = Error::Probability { pixel };
            check_refusal("dice", &dice, &sample, error);
            check_refusal("lovasz", &lovasz, &sample, error);
            // The first is named, and a sum passes it on.
            sample.rows[35] = [2.0; 3];
            check_refusal("sum", &Sum((1.0, CrossEntropy::new()), (1.0, lovasz)), &sample, error);
        }
    }
}

/// Both layouts refuse the same batches with the same error.
fn refuses<const C: usize>(sample: &Sample<C>, expected: impl Fn(Error) -> bool) {
    let labels = || {
        let labels = Labels::new(&sample.labels);
        sample.ignore.map_or(labels, |ignore| labels.ignoring(ignore))
    };
    let error = Batch::new(sample.rows.as_slice(), labels()).expect_err("a bad batch");
    assert!(expected(error), "{error}");
    for images in [1, 2, 3] {
        let data = to_planes(&sample.rows, images);
        let planes = Planes::<C>::new(&data, images).expect("the images divide the pixels");
        let planar = Batch::new(&planes, labels()).expect_err("a bad batch");
        assert_eq!(planar, error);
    }
}

fn batches<const C: usize>() {
    let good = ordinary::<C>(1);
    let valid: Vec<usize> = (0..good.pixels()).filter(|&pixel| !good.is_ignored(pixel)).collect();
    for &pixel in &valid {
        for label in [labels_of(C), 100, 254] {
            let mut sample = good.clone();
            sample.labels[pixel] = label;
            refuses(&sample, |error| error == Error::Label { pixel, label });
            // Of two the first is named.
            if let Some(&later) = valid.iter().find(|&&later| later > pixel) {
                sample.labels[later] = 253;
                sample.rows[later][0] = f32::NAN;
                refuses(&sample, |error| error == Error::Label { pixel, label });
            }
        }
        for channel in 0..C {
            for score in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::INFINITY, f32::NEG_INFINITY] {
                let mut sample = good.clone();
                sample.rows[pixel][channel] = score;
                refuses(&sample, |error| error == Error::NonFinite { pixel });
                if let Some(&later) = valid.iter().find(|&&later| later > pixel) {
                    sample.labels[later] = 253;
                    refuses(&sample, |error| error == Error::NonFinite { pixel });
                }
            }
        }
    }
    // Without an ignored label, 255 is one like any other.
    let sample = Sample { ignore: None, ..good.clone() };
    let first = (0..good.pixels()).find(|&pixel| good.is_ignored(pixel)).expect("some are ignored");
    refuses(&sample, |error| error == Error::Label { pixel: first, label: 255 });
    for got in [0, 35, 37] {
        let sample = Sample { labels: vec![0; got], ignore: None, ..good.clone() };
        refuses(&sample, |error| error == Error::Length { buffer: Buffer::Labels, needed: 36, got });
    }
}

#[test]
fn bad_batches_are_refused() {
    batches::<1>();
    batches::<2>();
    batches::<21>();
}

#[test]
fn images_must_divide() {
    let sample = ordinary::<2>(1);
    for images in [0, 5, 37, usize::MAX] {
        let error = sample.batch().with_images(images).expect_err("36 pixels");
        assert_eq!(error, Error::Images { images, pixels: 36 });
    }
    let data = [0.0; 12];
    for images in [0, 4, 5, 13, usize::MAX] {
        assert_eq!(Planes::<2>::new(&data, images).expect_err("no fit"), Error::Images { images, pixels: 12 });
    }
    assert_eq!(Planes::<2>::new(&data, 3).expect("3 images of 2 pixels").pixels(), 6);
}

/// Planes tell the batch their number of images; it can be changed.
#[test]
fn planes_know_their_images() {
    let sample = ordinary::<3>(3);
    let data = to_planes(&sample.rows, 3);
    let planes = Planes::<3>::new(&data, 3).expect("3 images of 12 pixels");
    let batch = Batch::new(&planes, sample.library_labels()).expect("valid");
    assert_eq!(batch.images(), 3);
    let value = Overlap::dice().value(&batch, &mut []).expect("valid");
    assert_eq!(value, evaluate(&Overlap::dice(), &sample, 0, 0).value());
    let whole = Overlap::dice().value(&batch.with_images(1).expect("any divides"), &mut []).expect("valid");
    assert_eq!(whole, evaluate(&Overlap::dice().per_batch(), &sample, 0, 0).value());
}

/// What a batch counts, with ignored pixels and with one channel.
#[test]
fn batches_count() {
    let labels = [0, 1, 1, 255, 0, 1];
    let binary = Batch::new(&[[0.5_f32]; 6], Labels::new(&labels).ignoring(255)).expect("valid");
    assert_eq!((binary.counts(), binary.valid(), binary.pixels(), binary.images()), ([3], 5, 6, 1));
    let classes = Batch::new(&[[0.5_f32; 3]; 6], Labels::new(&labels).ignoring(255)).expect("valid");
    assert_eq!((classes.counts(), classes.valid()), ([2, 3, 0], 5));
}

/// A term that needs more scratch than the other gets it, whichever comes first and however deep.
#[test]
fn sums_lend_the_larger_scratch() {
    type First = Sum<BigScratch, Lovasz<3>>;
    type Second = Sum<Lovasz<3>, BigScratch>;
    let sample = ordinary::<3>(1);
    let pixels = sample.pixels();
    assert_eq!(scratch_len::<3, BigScratch>(pixels), 1000 + 7 * pixels);
    assert_eq!(scratch_len::<3, First>(pixels), scratch_len::<3, BigScratch>(pixels));
    assert_eq!(scratch_len::<3, Second>(pixels), scratch_len::<3, BigScratch>(pixels));
    // Lovász writes its gradient first, wherever it stands; of two alike it is the first, and the other adds.
    assert_eq!(scratch_len_to_write::<3, BigScratch>(pixels), 500 + 6 * pixels);
    assert_eq!(scratch_len_to_write::<3, First>(pixels), scratch_len::<3, BigScratch>(pixels));
    assert_eq!(scratch_len_to_write::<3, Second>(pixels), scratch_len::<3, BigScratch>(pixels));
    type Alike = Sum<BigScratch, CrossEntropy<3>>;
    assert_eq!(scratch_len_to_write::<3, Alike>(pixels), scratch_len_to_write::<3, BigScratch>(pixels));
    type Entropy = Sum<CrossEntropy<3>, Lovasz<3>>;
    assert_eq!(scratch_len_to_write::<3, Entropy>(pixels), scratch_len_to_write::<3, Lovasz<3>>(pixels));
    let lovasz = Lovasz::new();
    let alone = check("Lovasz", &lovasz, &sample);
    for bits in [
        check("BigScratch first", &Sum((10.0, BigScratch), (1.0, lovasz)), &sample),
        check("BigScratch second", &Sum((1.0, lovasz), (10.0, BigScratch)), &sample),
        check("nested", &Sum((1.0, lovasz), (1.0, Sum((4.0, BigScratch), (6.0, BigScratch)))), &sample),
    ] {
        assert_eq!(bits.value(), 10.0 + alone.value(), "BigScratch is 1 where its scratch was long enough");
        assert_eq!(bits.grad, alone.grad, "BigScratch has no gradient, and spoils none");
    }
    let entropy = CrossEntropy::new();
    let written = check("BigScratch writes", &Sum((10.0, BigScratch), (1.0, entropy)), &sample);
    assert_eq!(written.value(), 10.0 + check("cross entropy", &entropy, &sample).value());
}

/// Parameters at the ends of their domains, one at a time: what passes the check gives no NaN.
#[test]
fn ends_of_domains_give_no_nan() {
    let sample = ordinary::<3>(1);
    let sound = |name: &str, bits: Bits| {
        assert!(!bits.value().is_nan(), "{name}: value");
        assert!(bits.grad().iter().all(|element| !element.is_nan()), "{name}: gradient {:?}", bits.grad());
    };
    for extreme in [0.0, 1e-12, 1e12] {
        let weights = [1.0, extreme, 0.0];
        sound("weights", evaluate(&CrossEntropy::new().with_weights(weights), &sample, 0, 0));
        sound("all weights", evaluate(&CrossEntropy::new().with_weights([extreme; 3]), &sample, 0, 0));
        sound("dice", evaluate(&Overlap::dice().with_weights(weights), &sample, 0, 0));
        sound("micro", evaluate(&Overlap::generalized_dice().with_weights(weights), &sample, 0, 0));
        sound("numerator", evaluate(&Overlap::dice().with_smoothing(extreme, 0.0), &sample, 0, 0));
        sound("denominator", evaluate(&Overlap::dice().with_smoothing(0.0, extreme), &sample, 0, 0));
        sound("alpha", evaluate(&Overlap::tversky(extreme, 0.0), &sample, 0, 0));
        sound("beta", evaluate(&Overlap::tversky(0.0, extreme), &sample, 0, 0));
        sound("gamma", evaluate(&Overlap::focal_tversky(0.3, 0.7, extreme), &sample, 0, 0));
        sound("focal", evaluate(&scarce::Focal::new(extreme), &sample, 0, 0));
        sound("sigmoid focal", evaluate(&scarce::SigmoidFocal::new(extreme), &sample, 0, 0));
        sound("lovasz", evaluate(&Lovasz::new().with_weights(weights), &sample, 0, 0));
    }
    for divisor in [1e-12, 1e12] {
        let reduction = Reduction::Divisor(divisor);
        sound("divisor", evaluate(&CrossEntropy::new().with_reduction(reduction), &sample, 0, 0));
    }
    for adjustment in [-1e12, 1e12] {
        let loss = CrossEntropy::new().with_logit_adjustment([adjustment, 0.0, 0.0]);
        sound("adjustment", evaluate(&loss, &sample, 0, 0));
        sound("smooth adjustment", evaluate(&loss.with_label_smoothing(0.1), &sample, 0, 0));
        sound("term", evaluate(&Sum((adjustment, loss), (1.0, Overlap::dice())), &sample, 0, 0));
    }
}
