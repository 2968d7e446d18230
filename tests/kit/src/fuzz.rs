//! What a fuzzer drives: bytes become labels, scores and a loss, and the contract must hold.
//!
//! `tests/fuzz` holds the fuzzer and the inputs that it begins with; the tests replay those.

use crate::conformance::catalogue::{self, Entry, Visitor};
use crate::conformance::contract::{check, check_refusal, written};
use crate::conformance::oracle::compare_value;
use crate::conformance::samples::Sample;
use crate::conformance::tiling::{Sink, Tiling, evaluate};
use crate::patterns::{Random, Scores, labels_of};
use scarce::{Absent, Batch, BinaryCrossEntropy, Classes, Error, Form, Loss, Lovasz, Math, Overlap};
use scarce::{Reduction, SigmoidFocal, Tiled};
use std::fs;
use std::path::Path;

/// Bytes, and zeros when they have run out.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(u16::from_le_bytes([self.next(), self.next()])) % n
    }

    fn raw(&mut self) -> f32 {
        f32::from_le_bytes([self.next(), self.next(), self.next(), self.next()])
    }
}

/// Whether a batch of these scores is to be taken, and the kind that its bounds are those of.
#[derive(Clone, Copy, PartialEq)]
enum Range {
    /// Within ±8, in steps: many ties.
    Steps,
    /// Finite, of any size.
    Finite,
    /// Any bits.
    Raw,
    /// In `0..=1`.
    Probabilities,
}

/// Any number of pixels that planes of one, two and three images can hold.
fn sample<const C: usize>(bytes: &mut Bytes<'_>, ranges: &[Range]) -> (Sample<C>, Range) {
    let pixels = 6 * bytes.below(23);
    let images = 1 + bytes.below(3);
    let range = ranges[bytes.below(ranges.len())];
    let ignore = [None, Some(255), Some(1)][bytes.below(3)];
    let is_sound = range != Range::Raw;
    let labels = (0..pixels).map(|_| {
        let byte = bytes.next();
        let class = byte % labels_of(C);
        match ignore {
            Some(ignore) if byte >= 0xe0 => ignore,
            _ if is_sound || byte < 0xc0 => class,
            _ => byte,
        }
    });
    let labels: Vec<u8> = labels.collect();
    let score = |bytes: &mut Bytes<'_>| match range {
        Range::Steps => f32::from(bytes.next().cast_signed()) / 16.0,
        Range::Probabilities => f32::from(bytes.next()) / 255.0,
        Range::Finite => Some(bytes.raw()).filter(|score| score.is_finite()).unwrap_or(f32::MAX),
        Range::Raw => bytes.raw(),
    };
    let rows = (0..pixels).map(|_| std::array::from_fn(|_| score(bytes))).collect();
    // Steps tie and probabilities may be alike: the bounds are those of ties.
    let kind = if matches!(range, Range::Steps | Range::Probabilities) { Scores::Tied } else { Scores::Largest };
    (Sample { name: "fuzzed".into(), kind, rows, labels, ignore, images }, range)
}

/// What the batch must say: the first pixel that is wrong, by its label before its scores.
fn expected<const C: usize>(sample: &Sample<C>) -> Result<(), Error> {
    for (pixel, (row, &label)) in sample.rows.iter().zip(&sample.labels).enumerate() {
        if sample.ignore == Some(label) {
            continue;
        }
        if label >= labels_of(C) {
            return Err(Error::Label { pixel, label });
        }
        if !row.iter().all(|score| score.is_finite()) {
            return Err(Error::NonFinite { pixel });
        }
    }
    Ok(())
}

/// Shows another visitor the n-th loss of the catalogue, of those that fit the scores.
struct Nth<V> {
    left: usize,
    probabilities: bool,
    visitor: V,
}

impl<V> Nth<V> {
    fn is_it(&mut self, entry: &Entry) -> bool {
        if entry.takes_probabilities && !self.probabilities {
            return false;
        }
        self.left = self.left.wrapping_sub(1);
        self.left == usize::MAX
    }
}

impl<const C: usize, V: Visitor<C>> Visitor<C> for Nth<V> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        if self.is_it(entry) {
            self.visitor.visit(entry, loss);
        }
    }

    fn visit_tiled<L: Tiled<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        if self.is_it(entry) {
            self.visitor.visit_tiled(entry, loss);
        }
    }
}

/// Shows the loss of this number, counted round and round, of what `catalogue` shows.
fn visit_nth<V>(number: usize, probabilities: bool, visitor: V, catalogue: impl Fn(&mut Nth<V>)) {
    let mut nth = Nth { left: usize::MAX, probabilities, visitor };
    catalogue(&mut nth);
    let losses = usize::MAX - nth.left;
    nth.left = number % losses;
    catalogue(&mut nth);
}

/// The whole contract, and the reference's value.
struct Contract<const C: usize>(Sample<C>);

impl<const C: usize> Visitor<C> for Contract<C> {
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        let bits = check(&entry.name, &loss, &self.0);
        let comparison = compare_value(entry, &self.0, &bits);
        if let Some(comparison) = comparison.filter(|comparison| comparison.ratio() > 1.0) {
            panic!("{comparison}");
        }
    }
}

/// Numbers of a loss, of which the first are of [`arbitrary`] parameters.
const NUMBERS: usize = 1000;
const ARBITRARY: usize = 32;

/// A loss of the catalogue or of arbitrary parameters over one channel or two, on arbitrary labels and scores.
///
/// # Panics
/// If the contract is broken.
pub fn contract<M: Math>(math: M, data: &[u8]) {
    let mut bytes = Bytes(data);
    if bytes.next() % 2 == 0 {
        contract_of(bytes, math, catalogue::one_channel);
    } else {
        contract_of(bytes, math, catalogue::many_channels::<2, M>);
    }
}

fn contract_of<const C: usize, M: Math>(mut bytes: Bytes<'_>, math: M, catalogue: impl Fn(M, &mut Nth<Contract<C>>)) {
    let number = bytes.below(NUMBERS);
    let parameters: [f32; 4] = std::array::from_fn(|_| parameter(&mut bytes));
    let ranges = [Range::Steps, Range::Finite, Range::Raw, Range::Probabilities];
    let (sample, range) = sample::<C>(&mut bytes, &ranges);
    let found = Batch::new(sample.rows.as_slice(), sample.library_labels()).map(|_| ());
    let expected = expected(&sample);
    assert_eq!(found, expected, "of a batch of {sample:?}");
    if expected.is_err() {
        return;
    }
    if number < ARBITRARY {
        arbitrary(math, number, parameters, &sample);
    } else {
        visit_nth(number, range == Range::Probabilities, Contract(sample), |nth| catalogue(math, nth));
    }
}

/// Mostly a number that somebody might pass, sometimes one that nobody should.
fn parameter(bytes: &mut Bytes<'_>) -> f32 {
    const NUMBERS: [f32; 16] =
        [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 0.1, 0.9, 1e-12, 1e12, -1.0, f32::NAN, f32::INFINITY, 1.1e12];
    match bytes.next() {
        byte @ 0..0xe0 => NUMBERS[usize::from(byte % 16)],
        _ => bytes.raw(),
    }
}

/// One of the losses with parameters that may be out of their domains: it refuses them and writes nothing, or gives numbers.
fn arbitrary<const C: usize, M: Math>(math: M, number: usize, values: [f32; 4], sample: &Sample<C>) {
    let [a, b, c, d] = values;
    let weights: [f32; C] = std::array::from_fn(|class| if class == 0 { a } else { b });
    let reduction = [Reduction::Mean, Reduction::Sum, Reduction::Divisor(d), Reduction::Positives][number % 4];
    let binary = BinaryCrossEntropy::<C>::new().with_math(math).with_reduction(reduction);
    let focal = SigmoidFocal::<C>::new(c).with_math(math).with_reduction(reduction);
    let dice = Overlap::<C>::dice().on_sigmoid().with_math(math);
    match number / 4 {
        0 => judge(&binary.with_pos_weight(c).with_class_weights([a, b]), &values, sample),
        1 => judge(&binary.with_pos_weights(weights).with_label_smoothing(c), &values, sample),
        2 => judge(&focal.with_alpha(a), &values, sample),
        3 => judge(&focal.with_channel_weights(weights), &values, sample),
        4 => judge(&dice.with_weights(weights).with_smoothing(c, d), &values, sample),
        5 => judge(&dice.with_form(Form::Focal(c)).squared().with_absent(Absent::Skip), &values, sample),
        6 => judge(&dice.with_smoothing(a, b).micro().per_batch().with_form(Form::Log), &values, sample),
        _ => {
            let classes = if number.is_multiple_of(2) { Classes::All } else { Classes::Present };
            let loss = Lovasz::<C>::new().on_sigmoid().with_math(math).with_weights(weights);
            judge(&loss.with_classes(classes).per_image(), &values, sample);
        }
    }
}

fn judge<const C: usize, L: Loss<C>>(loss: &L, parameters: &[f32], sample: &Sample<C>) {
    let mut scratch = vec![0; loss.scratch_len(sample.pixels())];
    match loss.value(&sample.batch(), &mut scratch) {
        Err(error) => {
            assert!(matches!(error, Error::Parameter(_)), "{error}");
            check_refusal("arbitrary parameters", loss, sample, error);
        }
        Ok(value) => {
            let bits = written(loss, sample, 0);
            assert_eq!(bits.value, value.to_bits(), "two methods, two values");
            // Several parameters at their bounds, or logits beyond 10²⁰, may leave the range of floats.
            let extreme = parameters.iter().filter(|value| !(0.0..=100.0).contains(*value) || **value == 1e-12).count();
            let large = sample.rows.as_flattened().iter().any(|score| score.abs() > 1e20);
            let sound = extreme > 1 || large || bits.grad().iter().chain([&value]).all(|number| !number.is_nan());
            assert!(sound, "{parameters:?}: {value}, {:?} on {sample:?}", bits.grad());
        }
    }
}

/// A loss of the catalogue over one channel or three, tile by tile, in arbitrary tiles: near what it is as a whole.
///
/// # Panics
/// If it is not.
pub fn tiles<M: Math>(math: M, data: &[u8]) {
    let mut bytes = Bytes(data);
    if bytes.next() % 2 == 0 {
        tiles_of(bytes, math, catalogue::one_channel);
    } else {
        tiles_of(bytes, math, catalogue::many_channels::<3, M>);
    }
}

fn tiles_of<const C: usize, M: Math>(mut bytes: Bytes<'_>, math: M, catalogue: impl Fn(M, &mut Nth<Tilings<C>>)) {
    let (number, seed, sink) = (bytes.below(NUMBERS), bytes.next(), bytes.below(Sink::ALL.len()));
    let (mut sample, range) = sample::<C>(&mut bytes, &[Range::Steps, Range::Probabilities]);
    sample.images = 1;
    let tiling = Tiling::random(sample.pixels(), &mut Random::new(u64::from(seed)));
    let tilings = Tilings { sample, tiling, sink: Sink::ALL[sink] };
    visit_nth(number, range == Range::Probabilities, tilings, |nth| catalogue(math, nth));
}

struct Tilings<const C: usize> {
    sample: Sample<C>,
    tiling: Tiling,
    sink: Sink,
}

impl<const C: usize> Visitor<C> for Tilings<C> {
    /// A loss that sorts is as a whole only: nothing is said of it here.
    fn visit<L: Loss<C> + Copy>(&mut self, _: &Entry, _: L) {}

    fn visit_tiled<L: Tiled<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        let Self { sample, tiling, sink } = self;
        let whole = written(&loss, sample, 0);
        let (found, _) = evaluate(&loss, sample, tiling, *sink, 1.0).expect("the sample is sound");
        // Mining chooses among pixels that tie by their order, and tile by tile shares among them.
        if entry.selects {
            assert!(found.value().is_finite(), "{}", entry.name);
            return;
        }
        let near = |found: f32, whole: f32, size: f32| (found - whole).abs() <= 2e-6 * size;
        let largest = whole.grad().iter().fold(0.0, |largest: f32, slope| largest.max(slope.abs()));
        let context = || format!("{}, {tiling:?}, {sink:?} on {sample:?}", entry.name);
        let value = (found.value(), whole.value());
        assert!(near(value.0, value.1, value.1.abs().max(1.0)), "{value:?}: {}", context());
        for (found, whole) in found.grad().iter().zip(&whole.grad()) {
            assert!(near(*found, *whole, largest.max(1e-6)), "{found}, {whole}: {}", context());
        }
    }
}

/// Drives `target` with every input that was kept in `tests/fuzz/corpus/NAME`.
///
/// # Panics
/// If there is none, or a file cannot be read.
pub fn replay(name: &str, target: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the corpus is committed")
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    files.sort();
    for file in &files {
        let data = fs::read(file).expect("a file can be read");
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| target(&data))).is_err() {
            panic!("the input is {}", file.display());
        }
    }
    assert!(!files.is_empty(), "no inputs in {}", folder.display());
}
