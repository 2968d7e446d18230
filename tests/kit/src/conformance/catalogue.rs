//! Every loss of the library, with every family of its options, beside its f64 reference.

use crate::reference::{self, Activation, Mining, Rule};
use crate::tolerance::Family;
use scarce::{Absent, BinaryCrossEntropy, Classes, CrossEntropy, Focal, Form, Heap, Loss, Lovasz, LovaszHinge, Math};
use scarce::{LovaszHingeHistogram, LovaszHistogram, MinKept, Ohem, Overlap, Parameter, Reduction, SigmoidFocal, Sum};
use scarce::{Tiled, VolumeWeights};

/// What is known of a loss.
pub struct Entry {
    /// Its name and options.
    pub name: String,
    /// Whose tolerance applies.
    pub family: Family,
    /// Whether the scores must be probabilities.
    pub takes_probabilities: bool,
    /// Whether the loss has kinks where the order of errors changes.
    pub is_sorted: bool,
    /// Whether the loss jumps where the order of pixels changes.
    pub selects: bool,
    /// How far the value may be from the reference's by design; its gradient is then another as well.
    pub rounds: f64,
    /// The oracle.
    pub reference: Box<dyn reference::Loss>,
}

impl Entry {
    fn new(name: String, family: Family, reference: impl reference::Loss + 'static) -> Self {
        let is_sorted = matches!(family, Family::Lovasz | Family::LovaszHinge);
        Self {
            name,
            family,
            takes_probabilities: false,
            is_sorted,
            selects: false,
            rounds: 0.0,
            reference: Box::new(reference),
        }
    }
}

/// What is done with each loss.
pub trait Visitor<const C: usize> {
    /// Takes one loss.
    fn visit<L: Loss<C> + Copy>(&mut self, entry: &Entry, loss: L);

    /// Takes one loss that can be computed tile by tile.
    fn visit_tiled<L: Tiled<C> + Copy>(&mut self, entry: &Entry, loss: L) {
        self.visit(entry, loss);
    }

    /// Takes one loss with two sorts.
    fn visit_sorts<A: Loss<C> + Copy, B: Loss<C> + Copy>(&mut self, mut entry: Entry, radix: A, heap: B) {
        self.visit(&entry, radix);
        entry.name.push_str(" by heap");
        self.visit(&entry, heap);
    }
}

/// Shows every loss over one channel.
pub fn one_channel<M: Math>(math: M, visitor: &mut impl Visitor<1>) {
    any_channels(math, visitor);
    for per_image in [false, true] {
        for elu in [false, true] {
            let mut loss = LovaszHinge::new().with_math(math);
            let mut name = String::from("LovaszHinge");
            if per_image {
                loss = loss.per_image();
                name.push_str(" per image");
            }
            if elu {
                loss = loss.elu();
                name.push_str(" elu");
            }
            let surrogate = if elu { reference::Surrogate::Elu } else { reference::Surrogate::Relu };
            let reference = reference::LovaszHinge { surrogate, per_image };
            visitor.visit_sorts(Entry::new(name, Family::LovaszHinge, reference), loss, loss.with_sort(Heap));
        }
    }
    for (name, loss) in
        [("", LovaszHingeHistogram::<256>::new()), (" per image", LovaszHingeHistogram::new().per_image())]
    {
        let reference = reference::LovaszHinge { surrogate: reference::Surrogate::Relu, per_image: !name.is_empty() };
        let mut entry = Entry::new(format!("LovaszHingeHistogram{name}"), Family::LovaszHinge, reference);
        // Half the width of the bin of errors up to 1, and of larger ones in proportion.
        entry.rounds = 1.0 / 64.0;
        visitor.visit_tiled(&entry, loss);
    }
    let sum = Sum((1.0, BinaryCrossEntropy::new().with_math(math)), (0.5, LovaszHinge::new().with_math(math)));
    let hinge = reference::LovaszHinge { surrogate: reference::Surrogate::Relu, per_image: false };
    let terms = WeightedSum(vec![(1.0, Box::new(reference::BinaryCrossEntropy::default())), (0.5, Box::new(hinge))]);
    visitor.visit(&Entry::new("Sum of BinaryCrossEntropy and LovaszHinge".into(), Family::LovaszHinge, terms), sum);
}

/// Shows every loss over two channels or more.
pub fn many_channels<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    any_channels(math, visitor);
    cross_entropies(math, visitor);
    focals(math, visitor);
    for (name, loss, reference) in overlaps::<C>(Activation::Softmax) {
        let entry = Entry::new(format!("Overlap softmax {name}"), Family::Overlap, reference);
        visitor.visit_tiled(&entry, loss.with_math(math));
    }
    for (name, loss, reference) in lovaszes::<C>(Activation::Softmax) {
        let loss = loss.with_math(math);
        let entry = Entry::new(format!("Lovasz softmax {name}"), Family::Lovasz, reference);
        visitor.visit_sorts(entry, loss, loss.with_sort(Heap));
    }
    for (entry, loss) in histograms::<C>(Activation::Softmax) {
        visitor.visit_tiled(&entry, loss.with_math(math));
    }
    minings(math, visitor);
    sums(math, visitor);
}

/// Shows losses with one bad parameter each, and the parameter.
pub fn bad_parameters<const C: usize>(visitor: &mut impl BadVisitor<C>) {
    const NEVER: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let with = |more: &[f32]| NEVER.iter().chain(more).copied().collect::<Vec<_>>();
    let one = |bad: f32| {
        let mut values = [1.0; C];
        values[C - 1] = bad;
        values
    };
    for bad in with(&[-1.0, 1e-13, 1.1e12]) {
        let weights = one(bad);
        visitor.visit(CrossEntropy::new().with_weights(weights), Parameter::Weight);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_pos_weight(bad), Parameter::PosWeight);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_pos_weights(weights), Parameter::PosWeight);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_class_weights([1.0, bad]), Parameter::Weight);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_class_weights([bad, 1.0]), Parameter::Weight);
        visitor.visit(Focal::new(2.0).with_alpha(weights), Parameter::Alpha);
        visitor.visit(SigmoidFocal::new(2.0).with_channel_weights(weights), Parameter::Weight);
        visitor.visit(Overlap::dice().with_weights(weights), Parameter::Weight);
        visitor.visit(Overlap::tversky(bad, 0.5), Parameter::FalseWeight);
        visitor.visit(Overlap::tversky(0.5, bad), Parameter::FalseWeight);
        visitor.visit(Overlap::dice().with_smoothing(bad, 1.0), Parameter::Smoothing);
        visitor.visit(Overlap::dice().with_smoothing(1.0, bad), Parameter::Smoothing);
        visitor.visit(Lovasz::new().with_weights(weights), Parameter::Weight);
        visitor.visit(Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new().with_weights(weights))), Parameter::Weight);
        visitor.visit(Sum((1.0, Lovasz::new().with_weights(weights)), (1.0, CrossEntropy::new())), Parameter::Weight);
    }
    for bad in with(&[-1e-9, 1.000_001]) {
        visitor.visit(CrossEntropy::new().with_label_smoothing(bad), Parameter::LabelSmoothing);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_label_smoothing(bad), Parameter::LabelSmoothing);
        visitor.visit(SigmoidFocal::new(2.0).with_alpha(bad), Parameter::Alpha);
        visitor.visit(SigmoidFocal::new(2.0).with_channel_alpha(one(bad)), Parameter::Alpha);
    }
    for bad in with(&[-1.1e12, 1.1e12]) {
        visitor.visit(CrossEntropy::new().with_logit_adjustment(one(bad)), Parameter::LogitAdjustment);
        visitor.visit(Sum((bad, CrossEntropy::new()), (1.0, Overlap::dice())), Parameter::TermWeight);
        visitor.visit(Sum((1.0, CrossEntropy::new()), (bad, Overlap::dice())), Parameter::TermWeight);
    }
    for bad in with(&[-1.0, 1.1e12]) {
        visitor.visit(Focal::new(bad), Parameter::Gamma);
        visitor.visit(SigmoidFocal::new(bad), Parameter::Gamma);
        visitor.visit(Overlap::jaccard().with_form(Form::Focal(bad)), Parameter::Gamma);
        visitor.visit(Overlap::focal_tversky(0.3, 0.7, bad), Parameter::Gamma);
    }
    for bad in with(&[-1e-9, 1.000_001]) {
        let loss = CrossEntropy::new();
        visitor.visit(Ohem::new(loss).with_thresh(bad), Parameter::Thresh);
        visitor.visit(Ohem::paddle(loss, bad, 1), Parameter::Thresh);
        visitor.visit(Ohem::hrnet(loss, bad, 1), Parameter::Thresh);
        visitor.visit(Ohem::top_k(loss, bad), Parameter::MinKept);
        visitor.visit(Ohem::new(loss).with_min_kept(MinKept::Fraction(bad)), Parameter::MinKept);
        visitor.visit(Ohem::loss_threshold(loss, 1.0, MinKept::Fraction(bad)), Parameter::MinKept);
    }
    for bad in with(&[-1.0, 1.1e12]) {
        visitor.visit(Ohem::loss_threshold(CrossEntropy::new(), bad, MinKept::Pixels(1)), Parameter::Thresh);
        visitor.visit(Ohem::new(CrossEntropy::new().with_weights(one(bad))), Parameter::Weight);
    }
    for bad in with(&[0.0, -1.0, 1e-13, 1.1e12]) {
        let reduction = Reduction::Divisor(bad);
        visitor.visit(CrossEntropy::new().with_reduction(reduction), Parameter::Divisor);
        visitor.visit(BinaryCrossEntropy::<C>::new().with_reduction(reduction), Parameter::Divisor);
        visitor.visit(Focal::new(2.0).with_reduction(reduction), Parameter::Divisor);
        visitor.visit(SigmoidFocal::new(2.0).with_reduction(reduction), Parameter::Divisor);
    }
}

/// What is done with each bad loss.
pub trait BadVisitor<const C: usize> {
    /// Takes a loss and the parameter that is out of its domain.
    fn visit<L: Loss<C> + std::fmt::Debug>(&mut self, loss: L, parameter: Parameter);
}

/// A weighted sum of references.
pub struct WeightedSum(pub Vec<(f64, Box<dyn reference::Loss>)>);

impl reference::Loss for WeightedSum {
    fn value(&self, batch: &reference::Batch<'_>) -> f64 {
        self.0.iter().map(|(weight, term)| weight * term.value(batch)).sum()
    }
}

/// What needs no softmax.
fn any_channels<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    binary_cross_entropies(math, visitor);
    sigmoid_focals(math, visitor);
    for (name, loss, reference) in overlaps::<C>(Activation::Sigmoid) {
        let entry = Entry::new(format!("Overlap sigmoid {name}"), Family::Overlap, reference);
        visitor.visit_tiled(&entry, loss.on_sigmoid().with_math(math));
    }
    for (name, loss, reference) in overlaps::<C>(Activation::Probabilities) {
        let entry = Entry::new(format!("Overlap probabilities {name}"), Family::Overlap, reference);
        let entry = Entry { takes_probabilities: true, ..entry };
        visitor.visit_tiled(&entry, loss.on_probabilities().with_math(math));
    }
    for (name, loss, reference) in lovaszes::<C>(Activation::Sigmoid) {
        let loss = loss.on_sigmoid().with_math(math);
        let entry = Entry::new(format!("Lovasz sigmoid {name}"), Family::Lovasz, reference);
        visitor.visit_sorts(entry, loss, loss.with_sort(Heap));
    }
    for (name, loss, reference) in lovaszes::<C>(Activation::Probabilities) {
        let loss = loss.on_probabilities().with_math(math);
        let entry = Entry::new(format!("Lovasz probabilities {name}"), Family::Lovasz, reference);
        visitor.visit_sorts(Entry { takes_probabilities: true, ..entry }, loss, loss.with_sort(Heap));
    }
    for (entry, loss) in histograms::<C>(Activation::Sigmoid) {
        visitor.visit_tiled(&entry, loss.on_sigmoid().with_math(math));
    }
    for (entry, loss) in histograms::<C>(Activation::Probabilities) {
        let entry = Entry { takes_probabilities: true, ..entry };
        visitor.visit_tiled(&entry, loss.on_probabilities().with_math(math));
    }
}

const REDUCTIONS: [(&str, Reduction, reference::Reduction); 7] = [
    ("mean", Reduction::Mean, reference::Reduction::Mean),
    ("mean valid", Reduction::MeanValid, reference::Reduction::MeanValid),
    ("mean all", Reduction::MeanAll, reference::Reduction::MeanAll),
    ("mean all elements", Reduction::MeanAllElements, reference::Reduction::MeanAllElements),
    ("positives", Reduction::Positives, reference::Reduction::Positives),
    ("divisor", Reduction::Divisor(7.0), reference::Reduction::Divisor(7.0)),
    ("sum", Reduction::Sum, reference::Reduction::Sum),
];

/// Weights that are all different, and those without the first class.
fn weights<const C: usize>() -> [f32; C] {
    std::array::from_fn(|class| 0.25 + 0.5 * class as f32)
}

fn without_first<const C: usize>() -> [f32; C] {
    std::array::from_fn(|class| class as f32)
}

fn alphas<const C: usize>() -> [f32; C] {
    std::array::from_fn(|class| (class + 1) as f32 / 32.0)
}

fn wide(values: &[f32]) -> Option<Vec<f64>> {
    Some(values.iter().map(|&value| f64::from(value)).collect())
}

fn cross_entropies<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let mut visit = |name: &str, loss: CrossEntropy<C>, reference: reference::CrossEntropy| {
        let entry = Entry::new(format!("CrossEntropy {name}"), Family::CrossEntropy, reference);
        visitor.visit_tiled(&entry, loss.with_math(math));
    };
    let (plain, weighted) = (CrossEntropy::new(), CrossEntropy::new().with_weights(weights()));
    let truth = reference::CrossEntropy::default();
    let weighted_truth = reference::CrossEntropy { weights: wide(&weights::<C>()), ..truth.clone() };
    for (name, reduction, same) in REDUCTIONS {
        visit(name, plain.with_reduction(reduction), reference::CrossEntropy { reduction: same, ..truth.clone() });
        let same = reference::CrossEntropy { reduction: same, ..weighted_truth.clone() };
        visit(&format!("weights, {name}"), weighted.with_reduction(reduction), same);
    }
    let (rare, same) = (without_first(), wide(&without_first::<C>()));
    visit("a weight 0", plain.with_weights(rare), reference::CrossEntropy { weights: same, ..truth.clone() });
    for label_smoothing in [0.125, 1.0] {
        let name = format!("smoothing {label_smoothing}");
        let same = f64::from(label_smoothing);
        let smooth_truth = reference::CrossEntropy { label_smoothing: same, ..truth.clone() };
        visit(&name, plain.with_label_smoothing(label_smoothing), smooth_truth);
        let smooth_truth = reference::CrossEntropy { label_smoothing: same, ..weighted_truth.clone() };
        visit(&format!("weights, {name}"), weighted.with_label_smoothing(label_smoothing), smooth_truth);
    }
    let adjustment: [f32; C] = std::array::from_fn(|class| -0.5 * class as f32);
    let same = reference::CrossEntropy { logit_adjustment: wide(&adjustment), ..weighted_truth };
    visit("weights, adjustment", weighted.with_logit_adjustment(adjustment), same);
}

fn binary_cross_entropies<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let mut visit = |name: &str, loss: BinaryCrossEntropy<C>, reference: reference::BinaryCrossEntropy| {
        let entry = Entry::new(format!("BinaryCrossEntropy {name}"), Family::BinaryCrossEntropy, reference);
        visitor.visit_tiled(&entry, loss.with_math(math));
    };
    let (plain, truth) = (BinaryCrossEntropy::new(), reference::BinaryCrossEntropy::default());
    let weighted = plain.with_class_weights([0.5, 4.0]);
    let weighted_truth = reference::BinaryCrossEntropy { class_weights: [0.5, 4.0], ..truth.clone() };
    for (name, reduction, same) in REDUCTIONS {
        visit(
            name,
            plain.with_reduction(reduction),
            reference::BinaryCrossEntropy { reduction: same, ..truth.clone() },
        );
        let same = reference::BinaryCrossEntropy { reduction: same, ..weighted_truth.clone() };
        visit(&format!("weights, {name}"), weighted.with_reduction(reduction), same);
    }
    let same = reference::BinaryCrossEntropy { class_weights: [0.0, 1.0], ..truth.clone() };
    visit("a weight 0", plain.with_class_weights([0.0, 1.0]), same);
    let same = reference::BinaryCrossEntropy { pos_weight: 3.0, ..truth.clone() };
    visit("pos_weight", plain.with_pos_weight(3.0), same);
    for label_smoothing in [0.125, 1.0] {
        let same = f64::from(label_smoothing);
        let same = reference::BinaryCrossEntropy { label_smoothing: same, pos_weight: 3.0, ..weighted_truth.clone() };
        let loss = weighted.with_pos_weight(3.0).with_label_smoothing(label_smoothing);
        visit(&format!("weights, pos_weight, smoothing {label_smoothing}"), loss, same);
    }
}

/// Exponents that are multiplied out, and those that are not.
const GAMMAS: [f32; 7] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0];

fn focals<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let mut visit = |name: &str, loss: Focal<C>, reference: reference::Focal| {
        visitor.visit_tiled(&Entry::new(format!("Focal {name}"), Family::Focal, reference), loss.with_math(math));
    };
    for gamma in GAMMAS {
        visit(&format!("gamma {gamma}"), Focal::new(gamma), reference::Focal::new(f64::from(gamma)));
    }
    for (name, reduction, same) in REDUCTIONS {
        let loss = Focal::new(2.0).with_alpha(weights()).with_reduction(reduction);
        let reference = reference::Focal { gamma: 2.0, alpha: wide(&weights::<C>()), reduction: same };
        visit(&format!("alpha, {name}"), loss, reference);
    }
}

fn sigmoid_focals<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let mut visit = |name: &str, loss: SigmoidFocal<C>, reference: reference::SigmoidFocal| {
        let entry = Entry::new(format!("SigmoidFocal {name}"), Family::SigmoidFocal, reference);
        visitor.visit_tiled(&entry, loss.with_math(math));
    };
    let truth = reference::SigmoidFocal::new;
    for gamma in GAMMAS {
        visit(&format!("gamma {gamma}"), SigmoidFocal::new(gamma), truth(f64::from(gamma)));
    }
    let alpha = Some(vec![0.25; C]);
    visit("alpha", SigmoidFocal::new(2.0).with_alpha(0.25), reference::SigmoidFocal { alpha, ..truth(2.0) });
    for (name, reduction, same) in REDUCTIONS {
        let loss = SigmoidFocal::new(1.5).with_channel_alpha(alphas()).with_channel_weights(weights());
        let reference = reference::SigmoidFocal {
            gamma: 1.5,
            alpha: wide(&alphas::<C>()),
            channel_weights: wide(&weights::<C>()),
            reduction: same,
        };
        visit(&format!("channel alpha, weights, {name}"), loss.with_reduction(reduction), reference);
    }
}

fn overlaps<const C: usize>(activation: Activation) -> Vec<(&'static str, Overlap<C>, reference::Overlap)> {
    use reference::Index;
    let truth = |index| reference::Overlap::new(index, activation);
    let dice = || truth(Index::Dice);
    let (alpha, beta) = (0.25, 0.75);
    let tversky = || truth(Index::Tversky { alpha, beta });
    let smooth = |numerator: f32, denominator: f32, reference: reference::Overlap| reference::Overlap {
        numerator_smoothing: f64::from(numerator),
        denominator_smoothing: f64::from(denominator),
        ..reference
    };
    let generalized = |volume_weights, per_batch| {
        let dice = smooth(0.0, 0.0, dice());
        reference::Overlap { volume_weights, per_batch, micro: true, ..dice }
    };
    let mut all = vec![
        ("dice", Overlap::dice(), dice()),
        ("jaccard", Overlap::jaccard(), truth(Index::Jaccard)),
        ("tversky", Overlap::tversky(0.25, 0.75), tversky()),
        (
            "focal tversky",
            Overlap::focal_tversky(0.25, 0.75, 0.75),
            reference::Overlap { form: reference::Form::Focal(0.75), ..tversky() },
        ),
        ("generalized dice", Overlap::generalized_dice(), generalized(reference::VolumeWeights::Square, false)),
        (
            "generalized dice per batch",
            Overlap::generalized_dice().per_batch(),
            generalized(reference::VolumeWeights::Square, true),
        ),
        (
            "generalized dice, simple",
            Overlap::generalized_dice().with_volume_weights(VolumeWeights::Simple),
            generalized(reference::VolumeWeights::Simple, false),
        ),
        (
            "generalized dice smoothed",
            Overlap::generalized_dice().with_smoothing(1e-5, 1e-5),
            smooth(1e-5, 1e-5, generalized(reference::VolumeWeights::Square, false)),
        ),
        ("dice unsmoothed", Overlap::dice().with_smoothing(0.0, 0.0), smooth(0.0, 0.0, dice())),
        ("dice smoothed below", Overlap::dice().with_smoothing(0.0, 1e-5), smooth(0.0, 1e-5, dice())),
        ("dice smoothed little", Overlap::dice().with_smoothing(1e-5, 1e-5), smooth(1e-5, 1e-5, dice())),
        ("dice squared", Overlap::dice().squared(), reference::Overlap { squared: true, ..dice() }),
        (
            "jaccard squared per batch",
            Overlap::jaccard().squared().per_batch(),
            reference::Overlap { squared: true, per_batch: true, ..truth(Index::Jaccard) },
        ),
        ("dice log", Overlap::dice().with_form(Form::Log), reference::Overlap { form: reference::Form::Log, ..dice() }),
        (
            "jaccard focal 2",
            Overlap::jaccard().with_form(Form::Focal(2.0)),
            reference::Overlap { form: reference::Form::Focal(2.0), ..truth(Index::Jaccard) },
        ),
        (
            "dice focal 0",
            Overlap::dice().with_form(Form::Focal(0.0)),
            reference::Overlap { form: reference::Form::Focal(0.0), ..dice() },
        ),
        ("dice micro", Overlap::dice().micro(), reference::Overlap { micro: true, ..dice() }),
        (
            "dice micro per batch, weights",
            Overlap::dice().micro().per_batch().with_weights(weights()),
            reference::Overlap { micro: true, per_batch: true, weights: wide(&weights::<C>()), ..dice() },
        ),
        (
            "dice skipping absent",
            Overlap::dice().with_absent(Absent::Skip),
            reference::Overlap { absent: reference::Absent::Skip, ..dice() },
        ),
        (
            "dice with absent 0, weights",
            Overlap::dice().with_absent(Absent::Zero).with_weights(weights()),
            reference::Overlap { absent: reference::Absent::Zero, weights: wide(&weights::<C>()), ..dice() },
        ),
        (
            "dice weights unnormalized",
            Overlap::dice().with_weights(weights()).unnormalized(),
            reference::Overlap { weights: wide(&weights::<C>()), unnormalized: true, ..dice() },
        ),
        (
            "dice without background",
            Overlap::dice().without_background(),
            reference::Overlap { weights: wide(&ones_but_first::<C>()), ..dice() },
        ),
    ];
    if C == 1 {
        // One class has no other to be weighed against: the weight cancels, or is that of nothing.
        all.retain(|(_, _, reference)| {
            reference.volume_weights == reference::VolumeWeights::None || reference.denominator_smoothing > 0.0
        });
    }
    all
}

fn ones_but_first<const C: usize>() -> [f32; C] {
    let mut weights = [1.0; C];
    weights[0] = 0.0;
    weights
}

fn lovaszes<const C: usize>(activation: Activation) -> Vec<(&'static str, Lovasz<C>, reference::Lovasz)> {
    let truth = || reference::Lovasz::new(activation);
    let listed = std::array::from_fn(|class| class % 2 == 0);
    let same = reference::Classes::Listed((0..C).step_by(2).collect());
    vec![
        ("present", Lovasz::new(), truth()),
        ("present per image", Lovasz::new().per_image(), reference::Lovasz { per_image: true, ..truth() }),
        (
            "all",
            Lovasz::new().with_classes(Classes::All),
            reference::Lovasz { classes: reference::Classes::All, ..truth() },
        ),
        (
            "listed, weights",
            Lovasz::new().with_classes(Classes::Listed(listed)).with_weights(weights()),
            reference::Lovasz { classes: same, weights: wide(&weights::<C>()), ..truth() },
        ),
        (
            "all per image, weights",
            Lovasz::new().with_classes(Classes::All).per_image().with_weights(without_first()),
            reference::Lovasz {
                classes: reference::Classes::All,
                per_image: true,
                weights: wide(&without_first::<C>()),
                ..truth()
            },
        ),
    ]
}

/// Beside the exact loss, from which rounding keeps them within half a bin.
fn histograms<const C: usize>(activation: Activation) -> Vec<(Entry, LovaszHistogram<C>)> {
    let entry = |name: &str, reference: reference::Lovasz, weight: f32| {
        let name = format!("LovaszHistogram {activation:?} {name}");
        let mut entry = Entry::new(name, Family::Lovasz, reference);
        entry.rounds = 0.5 / 255.0 * f64::from(weight);
        entry
    };
    let truth = || reference::Lovasz::new(activation);
    let all = reference::Lovasz {
        classes: reference::Classes::All,
        per_image: true,
        weights: wide(&weights::<C>()),
        ..truth()
    };
    let loss = LovaszHistogram::new();
    vec![
        (entry("present", truth(), 1.0), loss),
        (
            entry("all per image, weights", all, weights::<C>()[C - 1]),
            loss.with_classes(Classes::All).per_image().with_weights(weights()),
        ),
    ]
}

fn minings<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let (plain, weighted) = (CrossEntropy::new(), CrossEntropy::new().with_weights(weights()));
    let (truth, rare) = (reference::CrossEntropy::default(), wide(&weights::<C>()));
    let mut visit = |name: &str, loss: Ohem<CrossEntropy<C, M>>, rule: Rule, weights: Option<Vec<f64>>, per_image| {
        let reference = Mining {
            rule,
            loss: Box::new(reference::CrossEntropy { weights: weights.clone(), ..truth.clone() }),
            surprise: Box::new(truth.clone()),
            weights: weights.unwrap_or(vec![1.0; C]),
            per_image,
        };
        let mut entry = Entry::new(format!("Ohem {name}"), Family::CrossEntropy, reference);
        entry.selects = true;
        visitor.visit_tiled(&entry, loss);
    };
    let (plain, weighted) = (plain.with_math(math), weighted.with_math(math));
    let (pixels, fraction) = (MinKept::Pixels(5), MinKept::Fraction(0.0));
    let strict = |thresh, min_kept| Rule::Strict { thresh, min_kept };
    visit("strict", Ohem::new(plain).with_min_kept(pixels), strict(f64::from(0.7_f32), 5), None, false);
    let loss = Ohem::new(weighted).with_thresh(0.125).with_min_kept(pixels);
    visit("strict, weights", loss, strict(0.125, 5), rare.clone(), false);
    visit("strict, weights, per image", loss.per_image(), strict(0.125, 5), rare.clone(), true);
    let loss = Ohem::new(plain).with_thresh(0.0).with_min_kept(fraction);
    visit("strict, nothing kept", loss, strict(0.0, 0), None, false);
    for min_kept in [0, 5, 1000] {
        let (thresh, kept) = (0.25, min_kept as usize);
        let rule = Rule::Paddle { thresh, min_kept: kept };
        visit(&format!("paddle {min_kept}"), Ohem::paddle(weighted, 0.25, min_kept), rule, rare.clone(), false);
        let rule = Rule::HrNet { thresh, min_kept: kept };
        visit(&format!("hrnet {min_kept}"), Ohem::hrnet(weighted, 0.25, min_kept), rule, rare.clone(), false);
        let rule = Rule::LossThreshold { threshold: 1.5, min_kept: kept };
        let loss = Ohem::loss_threshold(weighted, 1.5, MinKept::Pixels(min_kept));
        visit(&format!("loss threshold {min_kept}"), loss, rule, rare.clone(), false);
    }
    let rule = Rule::TopK { fraction: 0.25 };
    visit("top k", Ohem::top_k(weighted, 0.25), rule, rare.clone(), false);
    visit("top k per image", Ohem::top_k(weighted, 0.25).per_image(), rule, rare, true);
}

fn sums<const C: usize, M: Math>(math: M, visitor: &mut impl Visitor<C>) {
    let (entropy, lovasz) = (CrossEntropy::new().with_math(math), Lovasz::new().with_math(math));
    let entropy_truth = || Box::new(reference::CrossEntropy::default());
    let lovasz_truth = || Box::new(reference::Lovasz::new(Activation::Softmax));
    let truth = WeightedSum(vec![(1.0, entropy_truth()), (0.5, lovasz_truth())]);
    let entry = Entry::new("Sum of CrossEntropy and Lovasz".into(), Family::Lovasz, truth);
    visitor.visit(&entry, Sum((1.0, entropy), (0.5, lovasz)));

    let dice = Overlap::dice().with_math(math);
    let dice_truth = Box::new(reference::Overlap::new(reference::Index::Dice, Activation::Softmax));
    let truth = WeightedSum(vec![(0.5, lovasz_truth()), (0.5, entropy_truth()), (0.0, dice_truth)]);
    let entry = Entry::new("Sum of a sum, with weights below and at 0".into(), Family::Lovasz, truth);
    visitor.visit(&entry, Sum((-0.5, Sum((-1.0, lovasz), (-1.0, entropy))), (0.0, dice)));

    let mining = Ohem::new(entropy).with_min_kept(MinKept::Pixels(5));
    let same = Mining {
        rule: Rule::Strict { thresh: f64::from(0.7_f32), min_kept: 5 },
        loss: entropy_truth(),
        surprise: entropy_truth(),
        weights: vec![1.0; C],
        per_image: false,
    };
    let dice_truth =
        reference::Overlap { per_batch: true, ..reference::Overlap::new(reference::Index::Dice, Activation::Softmax) };
    let truth = WeightedSum(vec![(1.0, Box::new(same)), (0.5, Box::new(dice_truth))]);
    let mut entry = Entry::new("Sum of Ohem and Dice".into(), Family::Overlap, truth);
    entry.selects = true;
    visitor.visit_tiled(&entry, Sum((1.0, mining), (0.5, dice.per_batch())));
}
