//! What is special about `Ohem` beside other losses: which pixels it keeps.

use rand_core::Rng as _;
use rand_pcg::Pcg32;
use scarce::{
    Batch, BinaryCrossEntropy, Buffer, CrossEntropy, Error, Labels, Loss, MinKept, Ohem, PixelLoss, scratch_len,
};
use scarce_kit::reference::{self, Mining, Reduction, Rule};
use scarce_kit::tolerance::{Family, tolerance};

const IGNORED: u8 = 255;
const WEIGHTS: [f32; 3] = [0.25, 1.0, 3.5];

/// Logits, labels, and their number of images.
struct Data<const C: usize> {
    name: &'static str,
    rows: Vec<[f32; C]>,
    labels: Vec<u8>,
    images: usize,
}

impl<const C: usize> Data<C> {
    fn batch(&self) -> Batch<'_, [[f32; C]], C> {
        let batch = Batch::new(self.rows.as_slice(), Labels::new(&self.labels).ignoring(IGNORED)).expect("valid");
        batch.with_images(self.images).expect("it divides")
    }
}

/// Pixels at random; many, few, one and none, and such that have few different probabilities.
fn samples() -> Vec<Data<3>> {
    let mut random = Pcg32::new(7, 1);
    let mut logit = move || ((random.next_u32() >> 8) as f32 / f32::from(1_u16 << 12) - 2048.0) / 512.0;
    let mut random = Pcg32::new(8, 1);
    let mut below = move |bound: u32| random.next_u32() % bound;
    let palette: [([f32; 3], u8); 4] =
        [([4.0, 0.0, -1.0], 0), ([0.5, 0.0, 0.25], 1), ([3.0, 0.5, 0.0], 2), ([0.0, 2.0, 0.5], 1)];
    let mut sample = |name, pixels: usize, images, tied: bool, ignored: u32| {
        let pixel = |_| {
            let (row, label) = palette[below(4) as usize];
            let (row, label) = if tied { (row, label) } else { ([logit(), logit(), logit()], below(3) as u8) };
            (row, if below(100) < ignored { IGNORED } else { label })
        };
        let (rows, labels) = (0..pixels).map(pixel).unzip();
        Data { name, rows, labels, images }
    };
    vec![
        sample("many", 1500, 3, false, 15),
        sample("one image", 60, 1, false, 0),
        sample("tied", 64, 2, true, 20),
        sample("tied and few", 9, 3, true, 0),
        sample("two", 2, 2, false, 0),
        sample("one", 1, 1, false, 0),
        sample("ignored", 12, 3, false, 100),
        sample("nothing", 0, 1, false, 0),
        Data { name: "equal", rows: vec![[3.0, 0.0, 0.0]; 20], labels: vec![0; 20], images: 2 },
        Data {
            name: "an ignored image",
            rows: vec![[0.5, 0.25, 0.0]; 4],
            labels: vec![IGNORED, IGNORED, 0, 1],
            images: 2,
        },
    ]
}

fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for min_kept in [0, 1, 2, 5, 8, 9, 30, 1000, 10_000] {
        for thresh in [0.0, 0.25, 0.5, 0.75, 1.0] {
            rules.push(Rule::Strict { thresh, min_kept });
            rules.push(Rule::Paddle { thresh, min_kept });
            rules.push(Rule::HrNet { thresh, min_kept });
        }
        for threshold in [0.0, 0.5, 4.0, 1e6] {
            rules.push(Rule::LossThreshold { threshold, min_kept });
        }
    }
    rules.extend([0.0, 0.125, 0.5, 0.875, 1.0].map(|fraction| Rule::TopK { fraction }));
    rules
}

fn ohem<L>(loss: L, rule: Rule, per_image: bool) -> Ohem<L> {
    let number = |pixels: usize| u32::try_from(pixels).expect("few");
    let ohem = match rule {
        Rule::Strict { thresh, min_kept } => {
            Ohem::new(loss).with_thresh(thresh as f32).with_min_kept(MinKept::Pixels(number(min_kept)))
        }
        Rule::Paddle { thresh, min_kept } => Ohem::paddle(loss, thresh as f32, number(min_kept)),
        Rule::HrNet { thresh, min_kept } => Ohem::hrnet(loss, thresh as f32, number(min_kept)),
        Rule::TopK { fraction } => Ohem::top_k(loss, fraction as f32),
        Rule::LossThreshold { threshold, min_kept } => {
            Ohem::loss_threshold(loss, threshold as f32, MinKept::Pixels(number(min_kept)))
        }
    };
    if per_image { ohem.per_image() } else { ohem }
}

/// The pixels that are kept, by sorting.
fn kept(mining: &Mining, batch: &reference::Batch<'_>) -> Vec<usize> {
    let images = if mining.per_image { batch.images } else { 1 };
    let ranges = reference::Batch { images, ..*batch }.image_ranges();
    let mut kept: Vec<usize> = ranges.flat_map(|range| mining.kept(batch, range).0).collect();
    kept.sort_unstable();
    kept
}

/// The pixels that are trained, their number, and the loss, against a selection by sorting.
fn check<const C: usize, L: PixelLoss<C>>(data: &Data<C>, loss: &Ohem<L>, mining: &Mining) {
    let batch = data.batch();
    let scores: Vec<f64> = data.rows.iter().flatten().map(|&score| f64::from(score)).collect();
    let exact = reference::Batch {
        scores: &scores,
        classes: C,
        labels: &data.labels,
        ignore: Some(IGNORED),
        images: data.images,
    };
    let name = format!("{} {:?} per image: {}", data.name, mining.rule, mining.per_image);
    let expected = kept(mining, &exact);
    let mut scratch = vec![0xdead_beef; scratch_len::<C, Ohem<L>>(batch.pixels())];
    assert_eq!(loss.kept(&batch, &mut scratch).map(|kept| kept as usize), Ok(expected.len()), "{name}");
    let mut grad = vec![[f32::NAN; C]; batch.pixels()];
    let value = loss.value_and_grad(&batch, grad.as_mut_slice(), &mut scratch).expect("valid");
    let moved = |&pixel: &usize| grad[pixel].iter().any(|&element| element != 0.0);
    let trained: Vec<usize> = (0..batch.pixels()).filter(moved).collect();
    assert_eq!(trained, expected, "{name}");
    let truth = reference::Loss::value(mining, &exact);
    let bounds = tolerance(Family::CrossEntropy);
    let error = (f64::from(value) - truth).abs();
    assert!(error <= bounds.relative * truth + bounds.absolute, "{name}: {value}, truth {truth}");
}

#[test]
fn every_rule_keeps_what_sorting_keeps() {
    let cross_entropy = |weights: Option<Vec<f64>>| reference::CrossEntropy {
        weights,
        reduction: Reduction::Sum,
        ..reference::CrossEntropy::default()
    };
    for data in samples() {
        for rule in rules() {
            for per_image in [false, true] {
                let weights = WEIGHTS.map(f64::from).to_vec();
                let mut mining = Mining {
                    rule,
                    loss: Box::new(cross_entropy(Some(weights.clone()))),
                    surprise: Box::new(cross_entropy(None)),
                    weights,
                    per_image,
                };
                let weighted = CrossEntropy::new().with_weights(WEIGHTS);
                check(&data, &ohem(weighted, rule, per_image), &mining);
                mining.loss = Box::new(cross_entropy(None));
                mining.weights = vec![1.0; 3];
                check(&data, &ohem(CrossEntropy::new(), rule, per_image), &mining);
            }
        }
    }
}

#[test]
fn one_logit_is_mined_by_the_probability_of_its_label() {
    let mut random = Pcg32::new(9, 1);
    let rows = (0..200).map(|_| [(random.next_u32() >> 20) as f32 / 512.0 - 4.0]).collect();
    let labels = (0..200).map(|pixel| [0, 1, 0, IGNORED][pixel % 4]).collect();
    let data = Data { name: "binary", rows, labels, images: 4 };
    let cross_entropy = reference::BinaryCrossEntropy { reduction: Reduction::Sum, ..Default::default() };
    for rule in rules() {
        for per_image in [false, true] {
            let mining = Mining {
                rule,
                loss: Box::new(cross_entropy.clone()),
                surprise: Box::new(cross_entropy.clone()),
                weights: vec![1.0; 2],
                per_image,
            };
            check(&data, &ohem(BinaryCrossEntropy::<1>::new(), rule, per_image), &mining);
        }
    }
}

/// A probability that is the threshold is not below it.
#[test]
fn the_threshold_is_strict() {
    let rows = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]];
    let batch = Batch::new(&rows, Labels::new(&[0; 3])).expect("valid");
    let kept = |thresh| {
        let none = MinKept::Pixels(0);
        let ohem = Ohem::new(CrossEntropy::new()).with_thresh(thresh).with_min_kept(none);
        ohem.kept(&batch, &mut [0; 300])
    };
    assert_eq!(kept(0.5), Ok(1));
    assert_eq!(kept(0.5 + f32::EPSILON), Ok(2));
    assert_eq!(kept(1.0), Ok(3));
    assert_eq!(kept(0.0), Ok(0));
}

/// Near 1 a probability in f32 has few values; what is told apart is 1 − p.
#[test]
fn nearly_certain_pixels_are_told_apart() {
    let rows = [[20.0, 0.0], [19.0, 0.0], [21.0, 0.0], [18.5, 0.0], [30.0, 0.0]];
    let batch = Batch::new(&rows, Labels::new(&[0; 5])).expect("valid");
    let p = |row: [f32; 2]| 1.0 / (1.0 + (-row[0]).exp());
    assert!(rows.iter().all(|&row| p(row) == 1.0), "they are one number in f32");
    let ohem = Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(2));
    let mut grad = [[0.0; 2]; 5];
    ohem.value_and_grad(&batch, &mut grad, &mut [0; 300]).expect("valid");
    assert_eq!(grad.map(|row| row != [0.0; 2]), [false, true, false, true, false]);
}

#[test]
fn a_share_counts_all_pixels_and_is_rounded_down() {
    let rows = [[2.0, 0.0]; 10];
    let labels = [0, 0, IGNORED, 0, 0, 0, IGNORED, 0, 0, 0];
    let batch = Batch::new(&rows, Labels::new(&labels).ignoring(IGNORED)).expect("valid");
    for (share, expected) in [(0.0, 0), (0.05, 0), (0.25, 2), (0.5, 5), (0.75, 7), (0.875, 8), (1.0, 8)] {
        let share = MinKept::Fraction(share);
        let ohem = Ohem::new(CrossEntropy::new()).with_min_kept(share);
        assert_eq!(ohem.kept(&batch, &mut [0; 300]), Ok(expected), "{share:?}");
        let ohem = Ohem::loss_threshold(CrossEntropy::new(), 10.0, share);
        assert_eq!(ohem.kept(&batch, &mut [0; 300]), Ok(expected), "{share:?}");
    }
}

/// Of equal pixels the first are kept.
#[test]
fn ties_go_to_the_lower_pixel() {
    let rows = [[1.0, 0.0]; 6];
    let labels = [0, IGNORED, 0, 0, 0, 0];
    let batch = Batch::new(&rows, Labels::new(&labels).ignoring(IGNORED)).expect("valid");
    let three = MinKept::Pixels(3);
    for ohem in [
        Ohem::new(CrossEntropy::new()).with_thresh(0.1).with_min_kept(three),
        Ohem::loss_threshold(CrossEntropy::new(), 10.0, three),
        Ohem::top_k(CrossEntropy::new(), 0.5),
    ] {
        let mut grad = [[0.0; 2]; 6];
        ohem.value_and_grad(&batch, &mut grad, &mut [0; 300]).expect("valid");
        assert_eq!(grad.map(|row| row != [0.0; 2]), [true, false, true, true, false, false], "{ohem:?}");
    }
}

/// The images' losses are averaged, each of its own selection; an image without a valid pixel counts as 0.
#[test]
fn images_select_by_themselves() {
    let rows = [[4.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 2.0], [1.0, 0.0], [1.0, 0.0]];
    let labels = [0, 0, 0, 0, IGNORED, IGNORED];
    let batch =
        Batch::new(&rows, Labels::new(&labels).ignoring(IGNORED)).expect("valid").with_images(3).expect("valid");
    let ohem = Ohem::new(CrossEntropy::new()).with_thresh(0.0).with_min_kept(MinKept::Pixels(1));
    assert_eq!(ohem.kept(&batch, &mut [0; 300]), Ok(1));
    assert_eq!(ohem.per_image().kept(&batch, &mut [0; 300]), Ok(2));
    let surprise = |z: f64| z.exp().ln_1p();
    let value = f64::from(ohem.value(&batch, &mut [0; 300]).expect("valid"));
    assert!((value - surprise(2.0)).abs() <= 1e-6, "{value}");
    let value = f64::from(ohem.per_image().value(&batch, &mut [0; 300]).expect("valid"));
    assert!((value - (surprise(-3.0) + surprise(2.0)) / 3.0).abs() <= 1e-6, "{value}");
}

#[test]
fn counting_keeps_the_contract_too() {
    let data = &samples()[2];
    let batch = data.batch();
    let ohem = Ohem::new(CrossEntropy::<3>::new());
    let needed = scratch_len::<3, Ohem<CrossEntropy<3>>>(batch.pixels());
    let expected = ohem.kept(&batch, &mut vec![0; needed]).expect("valid");
    for dirt in [u32::MAX, 1, 0x7fc0_0000] {
        let mut scratch = vec![dirt; needed + 3];
        assert_eq!(ohem.kept(&batch, &mut scratch), Ok(expected));
        assert!(scratch[needed..].iter().all(|&word| word == dirt));
    }
    let mut scratch = vec![5; needed - 1];
    let error = Error::Length { buffer: Buffer::Scratch, needed, got: needed - 1 };
    assert_eq!(ohem.kept(&batch, &mut scratch), Err(error));
    let bad = ohem.with_thresh(f32::NAN).kept(&batch, &mut scratch);
    assert!(matches!(bad, Err(Error::Parameter(_))), "{bad:?}");
    assert!(scratch.iter().all(|&word| word == 5));
}
