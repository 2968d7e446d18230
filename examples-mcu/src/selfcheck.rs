//! The bits of every loss on fixed data: whoever runs this on a new chip, compiler or profile knows whether it computes what
//! all others do.

use crate::IGNORED;
use rand_core::SeedableRng;
use rand_pcg::Pcg32;
use scarce::metrics::Confusion;
use scarce::sample::{All, Hardest, Random, SemiHard, Stride, segmentation_aware};
use scarce::{
    Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Embeddings, Error, ExpTable, Fast, Fixed, Focal, Form,
    Heap, Labels, Libm, Loss, Lovasz, LovaszHinge, LovaszHingeHistogram, LovaszHistogram, Math, Memory, Micro, MinKept,
    Ohem, Overlap, PixelContrast, Planes, PlanesMut, Quantized, QuantizedMut, Reduction, Rounding, SemanticEncoding,
    SigmoidFocal, Sum, VolumeWeights, Within, weights,
};

/// What one loss makes of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The loss and its options.
    pub name: &'static str,
    /// The elementary functions: `Fast`, `Fixed`, `Libm`, `Micro`, or `none`.
    pub functions: &'static str,
    /// The bits of its value.
    pub value: u32,
    /// FNV-1a over the bytes, little-endian, of the value and of all entries of the gradient.
    pub hash: u64,
}

/// Pixels of the data: two images of 6×4.
const PIXELS: usize = 48;
const IMAGES: usize = 2;
const CLASSES: usize = 4;
/// What the most demanding of the losses takes: 5 words a pixel and a histogram.
const SCRATCH: usize = 5 * PIXELS + 512;

/// Computes every loss on the fixed data, in both layouts and with two sets of elementary functions, and all four sets over
/// arguments of all sizes, and tells of each to `report`.
///
/// # Errors
/// If a loss refuses the data, or computes other bits where the memory is laid out in another way: both are faults.
pub fn run(mut report: impl FnMut(Line)) -> Result<(), Fault> {
    if chosen(b'1') {
        losses(Fast, "Fast", &mut report)?;
    }
    if chosen(b'2') {
        losses(Libm, "Libm", &mut report)?;
    }
    if chosen(b'3') {
        of_functions::<Fast>("Fast", &mut report);
        of_functions::<Fixed>("Fixed", &mut report);
        of_functions::<Libm>("Libm", &mut report);
        of_functions::<Micro>("Micro", &mut report);
        of_quantized(&mut report)?;
        of_features(&mut report)?;
        of_counts(&mut report)?;
    }
    Ok(())
}

/// Not every flash holds all: `SCARCE_PART=1`, `2` or `3` at build time is that part alone. One after the other they report
/// what the whole does.
const fn chosen(part: u8) -> bool {
    match option_env!("SCARCE_PART") {
        Some(parts) => matches!(parts.as_bytes(), [chosen] if *chosen == part),
        None => true,
    }
}

/// What must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This loss refuses the data.
    Refused(&'static str, Error),
    /// This loss computes other bits from planes than from rows.
    Layout(&'static str),
}

/// Logits between −6 and 6: a linear congruence, scaled; the product is rounded once.
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    fn logit(&mut self) -> f32 {
        (self.next() as f32 - 8_388_608.0) * (6.0 / 8_388_608.0)
    }
}

/// Few pixels of the last class, some ignored.
fn labels(classes: u8) -> [u8; PIXELS] {
    let mut numbers = Numbers(7);
    let mut labels = [0; PIXELS];
    for label in &mut labels {
        *label = match numbers.next() % 16 {
            0 => IGNORED,
            1 => classes.saturating_sub(1),
            number => (number % 3).min(u32::from(classes.saturating_sub(1))) as u8,
        };
    }
    labels
}

fn logits<const C: usize>() -> [[f32; C]; PIXELS] {
    let mut numbers = Numbers(2024);
    [[(); C]; PIXELS].map(|pixel| pixel.map(|()| numbers.logit()))
}

/// Rows of multiples of 1/64 that sum to one.
fn probabilities() -> [[f32; CLASSES]; PIXELS] {
    let mut numbers = Numbers(3);
    [[(); CLASSES]; PIXELS].map(|_| {
        let mut left = 64;
        let mut share = |last: bool| {
            let part = if last { left } else { (numbers.next() % 32).min(left) };
            left -= part;
            part as f32 / 64.0
        };
        [share(false), share(false), share(false), share(true)]
    })
}

/// FNV-1a, of the little-endian bytes.
fn hash(words: impl Iterator<Item = u32>) -> u64 {
    words
        .flat_map(u32::to_le_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn line(name: &'static str, functions: &'static str, value: f32, gradient: &[f32]) -> Line {
    let words = core::iter::once(value.to_bits()).chain(gradient.iter().map(|slope| slope.to_bits()));
    Line { name, functions, value: value.to_bits(), hash: hash(words) }
}

/// Of rows and of planes, which must agree.
#[inline(never)]
fn of_both_layouts<const C: usize>(
    name: &'static str,
    functions: &'static str,
    scores: &[[f32; C]; PIXELS],
    labels: &[u8; PIXELS],
    loss: &impl Loss<C>,
    report: &mut impl FnMut(Line),
) -> Result<(), Fault> {
    let refused = |error| Fault::Refused(name, error);
    let labels = Labels::new(labels).ignoring(IGNORED);
    let mut scratch = [u32::MAX; SCRATCH];
    let mut gradient = [[0.0; C]; PIXELS];
    let batch = Batch::new(scores, labels).and_then(|batch| batch.with_images(IMAGES)).map_err(refused)?;
    let value = loss.value_and_grad(&batch, &mut gradient, &mut scratch).map_err(refused)?;

    let mut buffers = [[[0.0; C]; PIXELS]; 2];
    let [planes, plane_gradient] = &mut buffers;
    let planes = planes.as_flattened_mut();
    for (place, score) in places::<C>().zip(scores.as_flattened()) {
        if let Some(entry) = planes.get_mut(place) {
            *entry = *score;
        }
    }
    let planes = Planes::<C>::new(planes, IMAGES).map_err(refused)?;
    let mut of_planes = PlanesMut::<C>::new(plane_gradient.as_flattened_mut(), IMAGES).map_err(refused)?;
    let batch = Batch::new(&planes, labels).map_err(refused)?;
    let plane_value = loss.value_and_grad(&batch, &mut of_planes, &mut scratch).map_err(refused)?;
    let plane_gradient = plane_gradient.as_flattened();
    let equal = |(place, slope): (usize, &f32)| {
        plane_gradient.get(place).is_some_and(|of_planes| of_planes.to_bits() == slope.to_bits())
    };
    if value.to_bits() != plane_value.to_bits() || !places::<C>().zip(gradient.as_flattened()).all(equal) {
        return Err(Fault::Layout(name));
    }
    report(line(name, functions, value, gradient.as_flattened()));
    Ok(())
}

/// Where among the planes the entries of the rows are, in order.
fn places<const C: usize>() -> impl Iterator<Item = usize> {
    let image = PIXELS / IMAGES;
    (0..IMAGES).flat_map(move |of| {
        (0..image).flat_map(move |pixel| (0..C).map(move |channel| (of * C + channel) * image + pixel))
    })
}

#[inline(never)]
fn losses<M: Math>(math: M, functions: &'static str, report: &mut impl FnMut(Line)) -> Result<(), Fault> {
    let (scores, probable, one) = (logits::<CLASSES>(), probabilities(), logits::<1>());
    let (many, binary) = (labels(CLASSES as u8), labels(2));
    let weights = [0.5, 1.0, 0.0, 3.0];
    macro_rules! of {
        ($scores:expr, $labels:expr; $($name:literal => $loss:expr),* $(,)?) => {
            $(of_both_layouts($name, functions, $scores, $labels, &$loss, report)?;)*
        };
    }
    let entropy = CrossEntropy::new().with_math(math);
    let focal = Focal::new(2.0).with_math(math);
    of!(&scores, &many;
        "cross entropy" => entropy,
        "cross entropy, weights" => entropy.with_weights(weights),
        "cross entropy, label smoothing" => entropy.with_label_smoothing(0.1),
        "cross entropy, logit adjustment, sum" => {
            entropy.with_logit_adjustment([0.0, -1.0, -2.0, -4.0]).with_reduction(Reduction::Sum)
        },
        "focal" => focal,
        "focal, gamma 0.7, alpha" => Focal::new(0.7).with_math(math).with_alpha(weights),
        "binary cross entropy, one against the rest" => BinaryCrossEntropy::new().with_math(math).with_pos_weight(3.0),
        "sigmoid focal, one against the rest" => SigmoidFocal::new(2.0).with_math(math).with_alpha(0.25),
    );
    let dice = Overlap::dice().with_math(math);
    of!(&scores, &many;
        "Dice" => dice,
        "Dice, squared, per batch" => dice.squared().per_batch(),
        "Dice, micro, logarithmic" => dice.micro().with_form(Form::Log),
        "Dice, sigmoid, absent skipped" => dice.on_sigmoid().with_absent(Absent::Skip),
        "Dice, volume weights" => dice.with_volume_weights(VolumeWeights::Simple),
        "Jaccard" => Overlap::jaccard().with_math(math),
        "Tversky" => Overlap::tversky(0.3, 0.7).with_math(math),
        "focal Tversky" => Overlap::focal_tversky(0.3, 0.7, 0.75).with_math(math),
        "generalised Dice" => Overlap::generalized_dice().with_math(math),
    );
    let lovasz = Lovasz::new().with_math(math);
    of!(&scores, &many;
        "Lovász" => lovasz,
        "Lovász by heap" => lovasz.with_sort(Heap),
        "Lovász, per image, all classes" => lovasz.per_image().with_classes(Classes::All),
        "Lovász, sigmoid, weights" => lovasz.on_sigmoid().with_weights([0.5, 1.0, 2.0, 3.0]),
        "OHEM" => Ohem::new(entropy).with_thresh(0.3),
        "OHEM, PaddleSeg" => Ohem::paddle(entropy, 0.01, 20),
        "OHEM, HRNet, focal" => Ohem::hrnet(focal, 0.3, 9).per_image(),
        "OHEM, top k" => Ohem::top_k(entropy, 0.2),
        "OHEM, loss threshold" => Ohem::loss_threshold(entropy, 2.0, MinKept::Fraction(0.1)),
        "cross entropy + Lovász" => Sum((1.0, entropy), (0.5, lovasz)),
    );
    let histogram = LovaszHistogram::<CLASSES, 64>::new().with_math(math);
    of!(&scores, &many;
        "Lovász by histogram" => histogram,
        "Lovász by histogram, per image, sigmoid" => histogram.per_image().on_sigmoid(),
        "Lovász by histogram, one class" => histogram.of_class(3),
    );
    of!(&probable, &many;
        "Dice of probabilities" => dice.on_probabilities(),
        "Lovász of probabilities" => lovasz.on_probabilities(),
    );
    let hinge = LovaszHinge::new().with_math(math);
    of!(&one, &binary;
        "binary cross entropy" => BinaryCrossEntropy::new().with_math(math).with_class_weights([0.5, 2.0]),
        "sigmoid focal" => SigmoidFocal::new(1.5).with_math(math).with_alpha(0.25),
        "Lovász hinge" => hinge,
        "Lovász hinge by histogram" => LovaszHingeHistogram::<256>::new(),
        "Lovász hinge, ELU, per image, by heap" => hinge.elu().per_image().with_sort(Heap),
    );

    let name = "semantic encoding";
    let presence = [[0.3, -1.5, 2.0, -0.25], [-4.0, 0.125, 0.5, 1.0]];
    let (mut gradient, labels) = ([[0.0; CLASSES]; IMAGES], Labels::new(&many).ignoring(IGNORED));
    let encoding = SemanticEncoding::new().with_math(math).with_weights([0.5, 1.0, 2.0, 3.0]);
    let value = encoding.value_and_grad(&presence, labels, &mut gradient);
    report(line(name, functions, value.map_err(|error| Fault::Refused(name, error))?, gradient.as_flattened()));
    Ok(())
}

/// Elementary functions where losses call them, `exp` of x ≤ 0 and the others of x ≥ 0, over all exponents.
#[inline(never)]
fn of_functions<M: Math>(functions: &'static str, report: &mut impl FnMut(Line)) {
    /// Odd, so that the mantissas differ: 7 000 arguments up to the largest, 2³¹ / this.
    const STEP: usize = 304_391;
    let arguments = || (1..f32::INFINITY.to_bits()).step_by(STEP).map(f32::from_bits);
    let mut report_of = |name, function: fn(f32) -> f32, sign: f32| {
        let bits = arguments().map(|x| function(sign * x).to_bits());
        report(Line { name, functions, value: function(sign).to_bits(), hash: hash(bits) });
    };
    report_of("exp", M::exp, -1.0);
    report_of("ln", M::ln, 1.0);
    report_of("ln_1p", M::ln_1p, 1.0);
    report_of("sqrt", M::sqrt, 1.0);
}

/// Scores of 8 bits: computed, by a table, and to gradients of 8 and 16 bits.
#[inline(never)]
fn of_quantized(report: &mut impl FnMut(Line)) -> Result<(), Fault> {
    let refused = |error| Fault::Refused("quantised scores", error);
    let (scale, zero_point) = (0.0938, -3);
    // Enough for a block of 64.
    let mut numbers = Numbers(11);
    let rows = [[(); CLASSES]; 2 * PIXELS].map(|pixel| pixel.map(|()| numbers.next() as i8));
    let [first, second] = [labels(CLASSES as u8), labels(3)];
    let mut many = [0; 2 * PIXELS];
    for (slot, label) in many.iter_mut().zip(first.iter().chain(&second)) {
        *slot = *label;
    }
    let labels = Labels::new(&many).ignoring(IGNORED);
    let mut gradient = [[0.0; CLASSES]; 2 * PIXELS];
    let computed =
        Quantized::per_class(&rows, [scale, 0.1, 0.03, 0.061], [zero_point, 0, -128, 127]).map_err(refused)?;
    let batch = Batch::new(&computed, labels).map_err(refused)?;
    let value = CrossEntropy::new().value_and_grad(&batch, &mut gradient, &mut []).map_err(refused)?;
    report(line("cross entropy of 8 bits", "Fast", value, gradient.as_flattened()));

    let table = ExpTable::new(scale).map_err(refused)?;
    let tabled = Quantized::tabled(&rows, &table, zero_point);
    let batch = Batch::new(&tabled, labels).map_err(refused)?;
    let value = CrossEntropy::new().value_and_grad(&batch, &mut gradient, &mut []).map_err(refused)?;
    report(line("cross entropy of 8 bits by table", "Fast", value, gradient.as_flattened()));
    let value = Focal::new(2.0).value_and_grad(&batch, &mut gradient, &mut []).map_err(refused)?;
    report(line("focal of 8 bits by table", "Fast", value, gradient.as_flattened()));

    let (mut bytes, mut words) = ([[0_i8; CLASSES]; 2 * PIXELS], [[0_i16; CLASSES]; 2 * PIXELS]);
    let rounding = Rounding::Stochastic { seed: 2024 };
    let mut view = QuantizedMut::new(&mut bytes, 1e-4).map_err(refused)?.with_rounding(rounding);
    let value = CrossEntropy::new().value_and_grad(&batch, &mut view, &mut []).map_err(refused)?.to_bits();
    let words_of = |value: u32, gradient: &mut dyn Iterator<Item = i32>| {
        hash(core::iter::once(value).chain(gradient.map(i32::cast_unsigned)))
    };
    let number = words_of(value, &mut bytes.as_flattened().iter().map(|element| i32::from(*element)));
    report(Line { name: "cross entropy, gradient of 8 bits, stochastic", functions: "Fast", value, hash: number });
    let mut view = QuantizedMut::new(&mut words, 1e-7).map_err(refused)?;
    let value = Overlap::dice().value_and_grad(&batch, &mut view, &mut []).map_err(refused)?.to_bits();
    let number = words_of(value, &mut words.as_flattened().iter().map(|element| i32::from(*element)));
    report(Line { name: "Dice, gradient of 16 bits", functions: "Fast", value, hash: number });
    Ok(())
}

/// Dimensions of the embeddings.
const DIMENSIONS: usize = 5;

#[inline(never)]
fn of_features(report: &mut impl FnMut(Line)) -> Result<(), Fault> {
    let (rows, many) = (logits::<DIMENSIONS>(), labels(CLASSES as u8));
    let labels = Labels::new(&many).ignoring(IGNORED);
    let mut scratch = [u32::MAX; SCRATCH];

    let name = "segmentation-aware sampling";
    let predictions = [1; PIXELS];
    let (mut anchors, mut random) = ([0; 20], Random(Pcg32::seed_from_u64(5)));
    let number = segmentation_aware(labels, &predictions, IMAGES, 20, 4, &mut random, &mut anchors, &mut scratch);
    let number = number.map_err(|error| Fault::Refused(name, error))?;
    let anchors = anchors.get(..number).unwrap_or_default();
    report(Line { name, functions: "none", value: number as u32, hash: hash(anchors.iter().copied()) });

    let mut contrast = |name, loss: PixelContrast, which: u8| {
        let refused = |error| Fault::Refused(name, error);
        let embeddings = Embeddings::at(&rows, labels, anchors).map_err(refused)?;
        let mut gradient = [[0.0; DIMENSIONS]; PIXELS];
        let mut memory = Memory::<CLASSES, 3, DIMENSIONS, i8>::new();
        memory.push_anchors(&embeddings);
        let value = match which {
            0 => loss.value_and_grad(&embeddings, Within, &mut All, &mut gradient, &mut scratch),
            1 => {
                let mut pairs = Hardest { positives: 2, negatives: 3 };
                loss.value_and_grad(&embeddings, Within, &mut pairs, &mut gradient, &mut scratch)
            }
            _ => {
                let mut pairs = SemiHard::new(2, 3, Stride);
                loss.value_and_grad(&embeddings, &memory, &mut pairs, &mut gradient, &mut scratch)
            }
        };
        report(line(name, "Fast", value.map_err(refused)?, gradient.as_flattened()));
        Ok(())
    };
    let loss = PixelContrast::new().normalizing();
    contrast("pixel contrast", PixelContrast::new().with_temperature(9.0), 0)?;
    contrast("pixel contrast, normalizing, hardest", loss, 1)?;
    contrast("pixel contrast, normalizing, memory, semi-hard", loss.with_base_temperature(0.07), 2)
}

#[inline(never)]
fn of_counts(report: &mut impl FnMut(Line)) -> Result<(), Fault> {
    let counts = [900, 80, 3, 0];
    let made = [
        weights::inverse_frequency(counts),
        weights::sqrt_inverse_frequency(counts),
        weights::median_frequency(counts),
        weights::enet(counts),
        weights::effective_number(counts, 0.99),
        weights::logit_adjustment(counts, 1.0),
    ];
    report(line("class weights", "Libm", 0.0, made.as_flattened()));
    let name = "confusion matrix";
    let many = labels(CLASSES as u8);
    let scores = logits::<CLASSES>();
    let batch = Batch::new(&scores, Labels::new(&many).ignoring(IGNORED)).map_err(|e| Fault::Refused(name, e))?;
    let mut confusion = Confusion::<CLASSES>::new();
    confusion.observe_scores(&batch);
    let scores = [confusion.mean_iou(), confusion.pixel_accuracy(), confusion.dice(0)].map(|s| s.unwrap_or(-1.0));
    report(line(name, "none", 0.0, &scores));
    Ok(())
}
