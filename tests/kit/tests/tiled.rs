//! Losses tile by tile, beside the same losses of the whole image.

use scarce::{Batch, CrossEntropy, Error, Fast, Labels, Loss, LovaszHistogram, MinKept, Ohem, Overlap, Parameter};
use scarce::{Buffer, QuantizedMut, Sum, Tiled, Tiles};
use scarce_kit::conformance::catalogue::{self, Entry, Visitor};
use scarce_kit::conformance::contract::{Bits, written};
use scarce_kit::conformance::samples::Sample;
use scarce_kit::conformance::tiling::{self, Sink, Tiling};
use scarce_kit::fuzz::{self, replay};
use scarce_kit::patterns::{LabelMap, Random, Scores, random_labels};

/// How far another order of sums may carry a value, relative to it or to 1, and an element of the gradient, relative to the
/// largest: a few roundings. 2.3e-7 and 4.9e-7 were seen.
const VALUE: f32 = 5e-7;
const ELEMENT: f32 = 1e-6;

struct Tilings<const C: usize> {
    logits: Vec<Sample<C>>,
    probabilities: Vec<Sample<C>>,
    random: Random,
    met: usize,
}

impl<const C: usize> Tilings<C> {
    fn new() -> Self {
        let mut random = Random::new(64);
        let mut sample = |kind, pixels| {
            let map = random_labels(C, pixels, &mut random);
            Sample::new(kind, map, 1, &mut random)
        };
        Self {
            logits: vec![sample(Scores::Ordinary, 500), sample(Scores::Saturated, 130), sample(Scores::Enormous, 70)],
            probabilities: vec![sample(Scores::Probabilities, 500), sample(Scores::Extreme, 70)],
            random: Random::new(1),
            met: 0,
        }
    }

    /// Sums of floats in another order.
    fn is_near(what: &str, found: &Bits, whole: &Bits) {
        let (value, truth) = (found.value(), whole.value());
        let near = (value - truth).abs() <= VALUE * truth.abs().max(1.0);
        assert!(near, "{what}: {value} by tiles, {truth} as a whole");
        let (grad, truth) = (found.grad(), whole.grad());
        let largest = truth.iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
        for (element, truth) in grad.iter().zip(&truth) {
            assert!((element - truth).abs() <= ELEMENT * largest, "{what}: {element} by tiles, {truth} as a whole");
        }
    }
}

impl<const C: usize> Visitor<C> for Tilings<C> {
    fn visit<L: Loss<C> + Copy>(&mut self, _: &Entry, _: L) {}

    fn visit_tiled<L: Tiled<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        self.met += 1;
        let random = &mut self.random;
        let samples = if entry.takes_probabilities { &self.probabilities } else { &self.logits };
        // Where pixels tie, mining chooses by their order, and tile by tile shares among them.
        for sample in samples.iter().filter(|sample| !entry.selects || sample.kind == Scores::Ordinary) {
            let what = format!("{} on {}", entry.name, sample.name);
            let whole = written(&loss, sample, 0);
            let pixels = sample.pixels();
            for tiling in [Tiling::whole(pixels), Tiling::even(pixels, 64), Tiling::even(pixels, 192)] {
                for sink in Sink::ALL {
                    let (found, _) = tiling::evaluate(&loss, sample, &tiling, sink, 1.0).expect("valid");
                    assert!(found == whole, "{what}, {tiling:?}, {sink:?}: other bits than as a whole");
                }
            }
            let found = tiling::in_place(&loss, sample).expect("valid");
            assert!(found == whole, "{what}: other bits in place");
            // Of scores this large nothing is left but rounding.
            if sample.kind == Scores::Enormous {
                continue;
            }
            for _ in 0..4 {
                let tiling = Tiling::random(pixels, random);
                let sink = Sink::ALL[random.below(Sink::ALL.len())];
                let (found, _) = tiling::evaluate(&loss, sample, &tiling, sink, 1.0).expect("valid");
                Self::is_near(&format!("{what}, {tiling:?}, {sink:?}"), &found, &whole);
                if entry.name.contains("Histogram") {
                    assert!(found == whole, "{what}, {tiling:?}, {sink:?}: a histogram knows no order");
                }
            }
        }
    }
}

#[test]
fn tiles_give_what_the_whole_image_gives() {
    let mut tilings = Tilings::<1>::new();
    catalogue::one_channel(Fast, &mut tilings);
    let mut more = Tilings::<3>::new();
    catalogue::many_channels(Fast, &mut more);
    assert!(tilings.met > 60 && more.met > 130, "{} and {} losses", tilings.met, more.met);
}

#[test]
fn tiles_of_the_fuzzer_are_near_the_whole_image() {
    replay("tiles", |data| fuzz::tiles(Fast, data));
}

fn sample<const C: usize>(kind: Scores, pixels: usize, seed: u64) -> Sample<C> {
    let mut random = Random::new(seed);
    let map = random_labels(C, pixels, &mut random);
    Sample::new(kind, map, 1, &mut random)
}

fn run<const C: usize, L: Tiled<C>>(loss: &L, sample: &Sample<C>, tiling: &Tiling) -> (Bits, u32) {
    tiling::evaluate(loss, sample, tiling, Sink::Rows, 1.0).expect("valid")
}

#[test]
fn mining_makes_no_more_passes_than_it_needs() {
    let sample = sample::<3>(Scores::Ordinary, 1000, 7);
    let tiling = Tiling::even(1000, 128);
    let passes = |loss: Ohem<CrossEntropy<3>>| run(&loss, &sample, &tiling).1;
    let ohem = Ohem::new(CrossEntropy::new());
    assert_eq!(passes(ohem), 1, "the threshold is enough");
    assert_eq!(passes(ohem.with_thresh(0.0).with_min_kept(MinKept::Pixels(0))), 1, "nothing is kept");
    assert_eq!(passes(Ohem::paddle(CrossEntropy::new(), 0.5, 0)), 2, "everything is kept");
    let few = ohem.with_thresh(0.001).with_min_kept(MinKept::Pixels(300));
    assert!((3..=5).contains(&passes(few)), "digits until the pixels are told apart, and the sum");
    assert_eq!(passes(few.with_counting_passes(1)), 2);
    assert_eq!(passes(few.with_counting_passes(0)), 2, "one at least");
    assert_eq!(passes(few.with_counting_passes(255)), passes(few), "four at most");
}

/// One counting pass: pixels that share the last bin share its places, and as many are kept as are asked for.
#[test]
fn mining_in_one_pass_keeps_the_number_asked_for() {
    let sample = sample::<3>(Scores::Ordinary, 2000, 8);
    for min_kept in [1, 10, 500, 1500] {
        let loss = Ohem::new(CrossEntropy::new()).with_thresh(0.0).with_min_kept(MinKept::Pixels(min_kept));
        let (exact, _) = run(&loss, &sample, &Tiling::even(2000, 200));
        let (found, passes) = run(&loss.with_counting_passes(1), &sample, &Tiling::even(2000, 200));
        assert_eq!(passes, 2);
        // A pixel's gradient at its own class is its part, times 1 − p, over the number kept: the parts add up to the number.
        let mut parts = 0.0;
        for ((row, label), grad) in sample.rows.iter().zip(&sample.labels).zip(found.grad().chunks(3)) {
            if *label != 255 {
                let label = usize::from(*label);
                let most = row.iter().copied().fold(f32::MIN, f32::max);
                let exponentials = row.map(|score| f64::from(score - most).exp());
                let miss = 1.0 - exponentials[label] / exponentials.iter().sum::<f64>();
                parts -= f64::from(grad[label]) / miss * f64::from(min_kept);
            }
        }
        assert!((parts / f64::from(min_kept) - 1.0).abs() < 1e-5, "{parts} kept, {min_kept} asked for");
        // A bin spans a factor of 2 in p, or less, and so ln 2 in the loss.
        let (found, exact) = (found.value(), exact.value());
        assert!((found - exact).abs() <= std::f32::consts::LN_2, "{found} in one pass, {exact} in all");
    }
}

/// Pixels that are all alike share the places: the value is that of any of them, and all have the same gradient.
#[test]
fn equal_pixels_share_the_places() {
    let map = LabelMap { name: "one class", labels: vec![0; 200], ignore: None };
    let sample = Sample::<3>::new(Scores::Equal, map, 1, &mut Random::new(3));
    let loss = Ohem::new(CrossEntropy::new()).with_thresh(0.0).with_min_kept(MinKept::Pixels(10));
    let whole = written(&loss, &sample, 0);
    let (found, passes) = run(&loss, &sample, &Tiling::even(200, 30));
    assert_eq!(passes, 5);
    assert!((found.value() - whole.value()).abs() < 1e-6);
    let grad = found.grad();
    assert!(grad.chunks(3).all(|row| row == &grad[..3]) && grad[0] < 0.0);
    let sum: f32 = grad.iter().step_by(3).sum();
    assert!((sum - whole.grad().iter().step_by(3).sum::<f32>()).abs() < 1e-6, "as much gradient in all");
}

#[test]
fn scale_is_a_factor() {
    let sample = sample::<3>(Scores::Ordinary, 200, 9);
    let loss = Sum((1.0, CrossEntropy::new()), (0.5, LovaszHistogram::<3>::new()));
    let tiling = Tiling::even(200, 64);
    let once = tiling::evaluate(&loss, &sample, &tiling, Sink::Rows, 1.0).expect("valid").0.grad();
    for sink in Sink::ALL {
        let half = tiling::evaluate(&loss, &sample, &tiling, sink, 0.5).expect("valid").0.grad();
        assert!(half.iter().zip(&once).all(|(half, once)| *half == 0.5 * once), "{sink:?}");
    }
}

#[test]
fn one_class_after_the_other_adds_up_to_all() {
    let sample = sample::<3>(Scores::Ordinary, 300, 10);
    let all = LovaszHistogram::<3, 64>::new().with_weights([1.0, 2.0, 0.5]);
    let tiling = Tiling::even(300, 100);
    let (whole, _) = run(&all, &sample, &tiling);
    let (mut value, mut grad) = (0.0, vec![0.0; 900]);
    for class in 0..3 {
        let (part, _) = run(&all.of_class(class), &sample, &tiling);
        value += part.value();
        grad.iter_mut().zip(part.grad()).for_each(|(sum, element)| *sum += element);
    }
    assert!((value - whole.value()).abs() < 1e-6, "{value}, {}", whole.value());
    let largest = whole.grad().iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));
    let apart = grad.iter().zip(whole.grad()).map(|(sum, element)| (sum - element).abs());
    assert!(apart.fold(0.0, f32::max) <= 1e-6 * largest);
    assert_eq!(run(&all.of_class(3), &sample, &tiling).0.value(), 0.0, "there is no such class");
    let (one, three) = (size_of::<Tiles<3, LovaszHistogram<3, 256, 1>>>(), size_of::<Tiles<3, LovaszHistogram<3>>>());
    assert_eq!(three - one, 2 * 2048, "2 KiB a class with 256 bins");
}

/// Logits of 8 bits, and a gradient of 8 bits in their place: that of the same logits as floats, rounded.
#[test]
fn a_gradient_of_8_bits_takes_the_place_of_logits_of_8_bits() {
    let mut random = Random::new(11);
    let mut logits: Vec<[i8; 3]> = (0..300).map(|_| std::array::from_fn(|_| random.bits() as i8)).collect();
    let labels: Vec<u8> = (0..300).map(|_| [0, 1, 2, 255][random.below(4)]).collect();
    let labels = Labels::new(&labels).ignoring(255);
    let loss = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::<3>::new()));
    let mut floats: Vec<[f32; 3]> = logits.iter().map(|row| row.map(|q| f32::from(i16::from(q) - 5) * 0.05)).collect();
    let value = loss.value_and_grad_in_place(&mut Tiles::new(), floats.as_mut_slice(), labels).expect("valid");
    let scale = floats.as_flattened().iter().fold(0.0, |largest: f32, element| largest.max(element.abs())) / 127.0;

    let mut bytes = QuantizedMut::in_place(&mut logits, 0.05, 5, scale).expect("valid");
    let found = loss.value_and_grad_in_place(&mut Tiles::new(), &mut bytes, labels).expect("valid");
    assert_eq!(found.to_bits(), value.to_bits());
    for (found, element) in logits.as_flattened().iter().zip(floats.as_flattened()) {
        assert!((f32::from(*found) - element / scale).abs() <= 0.5001, "{found}, {}", element / scale);
    }
    assert!(logits.as_flattened().iter().any(|element| element.abs() == 127));
}

#[test]
fn misuse_is_an_error() {
    let (rows, labels) = ([[1.0, 0.0], [0.0, f32::NAN]], Labels::new(&[0, 255]).ignoring(255));
    let batch = Batch::new(&rows, labels).expect("the NaN is ignored");
    let loss = Ohem::new(CrossEntropy::new()).with_thresh(0.0).with_min_kept(MinKept::Pixels(1));
    let mut tiles = Tiles::new();
    let mut grad = [[7.0; 2]; 2];
    assert_eq!(loss.tile_grad(&tiles, &batch, 1.0, &mut grad), Err(Error::Unsettled));
    assert_eq!(loss.add_tile_grad(&tiles, &batch, 1.0, &mut grad), Err(Error::Unsettled));
    assert_eq!(loss.tile_grad_in_place(&tiles, 1.0, &mut grad, labels), Err(Error::Unsettled));

    loss.observe(&mut tiles, &batch).expect("valid");
    let first_pass = tiles;
    assert_eq!(loss.settle(&mut tiles), Ok(None), "another pass");
    assert_eq!(tiles.merge(&first_pass), Err(Error::Unsettled));
    let short = Error::Length { buffer: Buffer::Tiles, needed: 2, got: 0 };
    assert_eq!(loss.settle(&mut tiles), Err(short), "not all tiles were seen again");
    loss.observe(&mut tiles, &batch).expect("valid");
    assert!(loss.settle(&mut tiles).expect("all seen").is_some());

    assert_eq!(loss.settle(&mut tiles), Err(Error::Settled));
    assert_eq!(loss.observe(&mut tiles, &batch), Err(Error::Settled));
    assert_eq!(tiles.merge(&Tiles::new()), Err(Error::Settled));
    let mut others = Tiles::new();
    assert_eq!(others.merge(&tiles), Err(Error::Settled));

    let short = Error::Length { buffer: Buffer::Grad, needed: 2, got: 1 };
    assert_eq!(loss.tile_grad(&tiles, &batch, 1.0, grad[..1].as_mut()), Err(short));
    assert_eq!(loss.add_tile_grad(&tiles, &batch, 1.0, grad[..1].as_mut()), Err(short));
    for scale in [f32::NAN, f32::INFINITY, 1.1e12] {
        let error = Err(Error::Parameter(Parameter::Scale));
        assert_eq!(loss.tile_grad(&tiles, &batch, scale, &mut grad), error);
        assert_eq!(loss.add_tile_grad(&tiles, &batch, scale, &mut grad), error);
        assert_eq!(loss.tile_grad_in_place(&tiles, scale, &mut grad, labels), error);
    }
    let short = Error::Length { buffer: Buffer::Labels, needed: 2, got: 1 };
    assert_eq!(loss.tile_grad_in_place(&tiles, 1.0, &mut grad, Labels::new(&[0])), Err(short));
    let bad = Ohem::new(CrossEntropy::new()).with_thresh(2.0);
    assert_eq!(bad.observe(&mut Tiles::new(), &batch), Err(Error::Parameter(Parameter::Thresh)));
    assert_eq!(grad, [[7.0; 2]; 2], "nothing was written");

    let mut outside = [[0.5, 1.5], [0.0, 0.0]];
    let dice = Overlap::dice().on_probabilities();
    let mut tiles = Tiles::new();
    assert_eq!(dice.settle(&mut tiles), Ok(Some(0.0)), "no pixel at all");
    let error = Err(Error::Probability { pixel: 0 });
    assert_eq!(dice.tile_grad_in_place(&tiles, 1.0, &mut outside, labels), error);
    assert_eq!(outside[0], [0.5, 1.5]);
}

#[test]
fn the_size_is_fixed_and_small() {
    assert!(size_of::<Tiles<4, CrossEntropy<4>>>() <= 72);
    assert!(size_of::<Tiles<4, Overlap<4>>>() <= 204);
    assert!(size_of::<Tiles<4, Ohem<CrossEntropy<4>>>>() <= 1224);
    assert!(size_of::<Tiles<4, LovaszHistogram<4>>>() <= 4 * 2048 + 56);
}
