//! The table of `scarce::migration`: each row gives what the other library's function gave, and each such function has a row.

use scarce::sample::All;
use scarce::{
    Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Embeddings, Focal, Form, Labels, Loss, Lovasz,
    LovaszHinge, Ohem, Overlap, PixelContrast, Reduction, SemanticEncoding, SigmoidFocal, Within, scratch_len,
};
use scarce_tests::vectors::json::{self, Case, File, LossValue, Number, Outcome};
use scarce_tests::vectors::{Input, files};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../core/src/migration.rs");

/// Channels of the rows whose expression names them.
const CLASSES: usize = 4;

/// The names that the peers have for the ignored label, which here belongs to the labels.
const IGNORED: [&str; 4] = ["ignore_index", "ignore", "ignore_label", "ce_ignore_index"];

/// What a row's expression makes of a case; `None` if the case is of another kind or number of channels.
type Run = Box<dyn Fn(&Case, &Outcome) -> Option<f32>>;

/// A row of the table.
struct Row {
    peer: &'static str,
    here: &'static str,
    /// Names of the parameters that the peer was given, and their values where the row has but one.
    parameters: Vec<(&'static str, Option<Value>)>,
    run: Run,
}

impl Row {
    fn is_of(&self, outcome: &Outcome) -> bool {
        let named = |name: &str| self.parameters.iter().any(|(key, _)| *key == name);
        let given: BTreeSet<&str> = outcome
            .params
            .iter()
            .filter(|(name, value)| !value.is_null() && (named(name) || !IGNORED.contains(&name.as_str())))
            .map(|(name, _)| name.as_str())
            .collect();
        let wanted: BTreeSet<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        let has =
            |(name, value): &(&str, Option<Value>)| value.is_none() || outcome.params.get(*name) == value.as_ref();
        outcome.peer == self.peer && given == wanted && self.parameters.iter().all(has)
    }
}

/// A parameter as an expression takes it.
trait Parameter: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl Parameter for f32 {
    fn read(value: &Value) -> Option<Self> {
        value.as_f64().map(|number| number as Self)
    }
}

impl Parameter for u32 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl<const C: usize> Parameter for [f32; C] {
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(f32::read).collect::<Option<Vec<_>>>()?.try_into().ok()
    }
}

/// A list may be of another number of classes than the row.
fn read<P: Parameter>(params: &Map<String, Value>, name: &str) -> Option<P> {
    P::read(params.get(name).expect("the row is of a result that has it"))
}

/// `row!(run, "peer", ["fixed" = value, "bound": name], expression)`: `run` is given the expression, in which the names are
/// what the peer was given.
macro_rules! row {
    (
        $run:expr, $peer:literal,
        [$($key:literal $(: $name:ident $(: $kind:ty)?)? $(= $value:literal)?),*],
        $here:expr
    ) => {
        Row {
            peer: $peer,
            here: stringify!($here),
            parameters: vec![$(($key, None $(.or_else(|| Some(json!($value))))?)),*],
            run: Box::new(|case, outcome| {
                $($(let $name $(: $kind)? = read(&outcome.params, $key)?;)?)*
                $run(case, outcome, $here)
            }),
        }
    };
}

/// The rows, in the page's order.
#[rustfmt::skip]
fn rows() -> Vec<Row> {
    vec![
        row!(pixels::<4, _>, "torch.cross_entropy", [], CrossEntropy::new()),
        row!(pixels::<4, _>, "torch.cross_entropy", ["weight": w], CrossEntropy::new().with_weights(w)),
        row!(pixels::<4, _>, "torch.cross_entropy", ["label_smoothing": eps],
            CrossEntropy::new().with_label_smoothing(eps)),
        row!(pixels::<4, _>, "torch.cross_entropy", ["reduction" = "sum"],
            CrossEntropy::new().with_reduction(Reduction::Sum)),
        row!(pixels::<1, _>, "torch.bce_with_logits", [], BinaryCrossEntropy::new()),
        row!(pixels::<1, _>, "torch.bce_with_logits", ["pos_weight": a], BinaryCrossEntropy::new().with_pos_weights(a)),
        row!(pixels::<1, _>, "torchvision.sigmoid_focal_loss", ["alpha" = -1, "gamma": gamma],
            SigmoidFocal::new(gamma)),
        row!(pixels::<1, _>, "torchvision.sigmoid_focal_loss", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "paddle.cross_entropy", [], CrossEntropy::new()),
        row!(pixels::<4, _>, "paddle.cross_entropy", ["weight": w], CrossEntropy::new().with_weights(w)),
        row!(pixels::<1, _>, "paddle.sigmoid_focal_loss", ["alpha": alpha, "gamma": gamma, "reduction" = "sum"],
            SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::Sum)),
        row!(pixels::<1, _>, "paddle.sigmoid_focal_loss", ["alpha": alpha, "gamma": gamma, "normalizer": n],
            SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::Divisor(n))),
        row!(pixels::<4, _>, "paddleseg.CrossEntropyLoss", [], CrossEntropy::new()),
        row!(pixels::<4, _>, "paddleseg.CrossEntropyLoss", ["weight": w], CrossEntropy::new().with_weights(w)),
        row!(pixels::<4, _>, "paddleseg.CrossEntropyLoss", ["avg_non_ignore" = false],
            CrossEntropy::new().with_reduction(Reduction::MeanAll)),
        row!(pixels::<4, _>, "paddleseg.CrossEntropyLoss", ["top_k_percent_pixels": share],
            Ohem::top_k(CrossEntropy::new(), share)),
        row!(pixels::<1, _>, "paddleseg.BCELoss", [], BinaryCrossEntropy::new()),
        row!(pixels::<2, _>, "paddleseg.FocalLoss", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "paddleseg.MultiClassFocalLoss", ["alpha": alpha, "gamma": gamma],
            Focal::new(gamma).with_alpha([alpha; CLASSES])),
        row!(pixels::<4, _>, "paddleseg.DiceLoss", [], Overlap::dice()),
        row!(pixels::<4, _>, "paddleseg.DiceLoss", ["weight": w], Overlap::dice().with_weights(w).unnormalized()),
        row!(pixels::<4, _>, "paddleseg.DiceLoss", ["smooth": s], Overlap::dice().with_smoothing(s, s)),
        row!(pixels::<4, _>, "paddleseg.LovaszSoftmaxLoss", ["classes" = "present"], Lovasz::new()),
        row!(pixels::<4, _>, "paddleseg.LovaszSoftmaxLoss", ["classes" = "all"],
            Lovasz::new().with_classes(Classes::All)),
        row!(pixels::<4, _>, "paddleseg.lovasz_softmax_flat", ["classes" = "all"],
            Lovasz::new().with_classes(Classes::All).on_probabilities()),
        row!(pixels::<1, _>, "paddleseg.LovaszHingeLoss", [], LovaszHinge::new()),
        row!(pixels::<4, _>, "paddleseg.OhemCrossEntropyLoss", ["thresh": thresh, "min_kept": n],
            Ohem::paddle(CrossEntropy::new(), thresh, n)),
        row!(pixels::<4, _>, "paddleseg.OhemCrossEntropyLoss", ["thresh": thresh, "min_kept": n, "weight": w],
            Ohem::paddle(CrossEntropy::new().with_weights(w), thresh, n)),
        row!(pixels::<4, _>, "medicalseg.DiceLoss(softmax)", [],
            Overlap::dice().with_smoothing(0.0, 0.0).squared().per_batch()),
        row!(presence, "paddleseg.SECrossEntropyLoss", [], SemanticEncoding::new().counting_empty_images()),
        row!(embeddings, "paddleseg.PixelContrastCrossEntropyLoss._contrastive", ["temperature": t, "base_temperature": b],
            PixelContrast::new().with_temperature(t).with_base_temperature(b)),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", [], Overlap::dice().with_smoothing(1e-5, 1e-5)),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", ["weight": w],
            Overlap::dice().with_smoothing(1e-5, 1e-5).with_weights(w).unnormalized()),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", ["include_background" = false],
            Overlap::dice().with_smoothing(1e-5, 1e-5).without_background()),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", ["squared_pred" = true],
            Overlap::dice().with_smoothing(1e-5, 1e-5).squared()),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", ["jaccard" = true],
            Overlap::jaccard().with_smoothing(5e-6, 5e-6)),
        row!(pixels::<4, _>, "monai.DiceLoss(softmax)", ["batch" = true, "smooth_nr": a, "smooth_dr": b],
            Overlap::dice().with_smoothing(a, b).per_batch()),
        row!(pixels::<1, _>, "monai.DiceLoss(sigmoid)", [], Overlap::dice().with_smoothing(1e-5, 1e-5).on_sigmoid()),
        row!(pixels::<3, _>, "monai.DiceLoss(probs)", [],
            Overlap::dice().with_smoothing(1e-5, 1e-5).on_probabilities()),
        row!(pixels::<4, _>, "monai.GeneralizedDiceLoss(softmax)", ["w_type" = "square"],
            Overlap::generalized_dice().with_smoothing(1e-5, 1e-5)),
        row!(pixels::<4, _>, "monai.FocalLoss(softmax)", ["gamma": gamma],
            Focal::new(gamma).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<3, _>, "monai.FocalLoss(softmax)", ["gamma": gamma, "ignore_index" = 255], Focal::new(gamma)),
        row!(pixels::<4, _>, "monai.FocalLoss(softmax)", ["gamma": gamma, "alpha": alpha],
            Focal::new(gamma).with_alpha([1.0 - alpha, alpha, alpha, alpha])
                .with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "monai.FocalLoss(softmax)", ["gamma": gamma, "weight": w],
            Focal::new(gamma).with_alpha(w).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<1, _>, "monai.FocalLoss(sigmoid)", ["gamma": gamma, "alpha": alpha],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "monai.FocalLoss(sigmoid one-vs-rest)", ["gamma": gamma, "alpha": alpha],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "smp.SoftCrossEntropyLoss", ["smooth_factor": eps],
            CrossEntropy::new().with_label_smoothing(eps).with_reduction(Reduction::MeanAll)),
        row!(pixels::<1, _>, "smp.FocalLoss(binary)", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "smp.FocalLoss(multiclass)", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha)),
        row!(pixels::<4, _>, "smp.FocalLoss(multiclass)", ["gamma": gamma, "class_weights": w],
            SigmoidFocal::new(gamma).with_channel_weights(w)),
        row!(pixels::<4, _>, "smp.softmax_focal_loss_with_logits", ["gamma": gamma],
            Focal::new(gamma).with_reduction(Reduction::MeanAll)),
        row!(pixels::<4, _>, "smp.DiceLoss(multiclass)", [],
            Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero)),
        row!(pixels::<4, _>, "smp.DiceLoss(multiclass)", ["smooth": s: f32],
            Overlap::dice().with_smoothing(2.0 * s, 2.0 * s).per_batch().with_absent(Absent::Zero)),
        row!(pixels::<4, _>, "smp.DiceLoss(multiclass)", ["log_loss" = true],
            Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).with_form(Form::Log)),
        row!(pixels::<4, _>, "smp.DiceLoss(multiclass)", ["class_weights": w],
            Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).with_weights(w)),
        row!(pixels::<1, _>, "smp.DiceLoss(binary)", [],
            Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).on_sigmoid()),
        row!(pixels::<3, _>, "smp.DiceLoss(probs)", [],
            Overlap::dice().with_smoothing(0.0, 0.0).per_batch().with_absent(Absent::Zero).on_probabilities()),
        row!(pixels::<4, _>, "smp.LovaszLoss(multiclass)", ["per_image" = false], Lovasz::new()),
        row!(pixels::<4, _>, "smp.LovaszLoss(multiclass)", ["per_image" = true], Lovasz::new().per_image()),
        row!(pixels::<1, _>, "smp.LovaszLoss(binary)", ["per_image" = false], LovaszHinge::new()),
        row!(pixels::<4, _>, "smp._lovasz_softmax", ["classes" = "all", "per_image" = true],
            Lovasz::new().with_classes(Classes::All).per_image()),
        row!(pixels::<4, _>, "kornia.focal_loss", ["gamma": gamma],
            Focal::new(gamma).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "kornia.focal_loss", ["alpha": alpha, "gamma": gamma],
            Focal::new(gamma).with_alpha([1.0 - alpha, alpha, alpha, alpha])
                .with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "kornia.focal_loss", ["gamma": gamma, "weight": w],
            Focal::new(gamma).with_alpha(w).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<1, _>, "kornia.binary_focal_loss_with_logits", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "kornia.dice_loss", ["average" = "micro"],
            Overlap::dice().with_smoothing(0.0, 1e-8).micro()),
        row!(pixels::<4, _>, "kornia.dice_loss", ["average" = "macro"],
            Overlap::dice().with_smoothing(0.0, 1e-8).with_absent(Absent::Skip)),
        row!(pixels::<4, _>, "kornia.dice_loss", ["average" = "macro", "weight": w],
            Overlap::dice().with_smoothing(0.0, 1e-8).with_absent(Absent::Skip).with_weights(w)),
        row!(pixels::<4, _>, "kornia.lovasz_softmax_loss", [], Lovasz::new().with_classes(Classes::All).per_image()),
        row!(pixels::<3, _>, "kornia.lovasz_softmax_loss", ["weight": w],
            Lovasz::new().with_classes(Classes::All).per_image().with_weights(w)),
        row!(pixels::<1, _>, "kornia.lovasz_hinge_loss", [], LovaszHinge::new().per_image()),
        row!(pixels::<4, _>, "mmseg.cross_entropy", ["avg_non_ignore" = false],
            CrossEntropy::new().with_reduction(Reduction::MeanAll)),
        row!(pixels::<4, _>, "mmseg.cross_entropy", ["avg_non_ignore" = true], CrossEntropy::new()),
        row!(pixels::<4, _>, "mmseg.cross_entropy", ["class_weight": w, "avg_non_ignore" = true],
            CrossEntropy::new().with_weights(w)),
        row!(pixels::<1, _>, "mmseg.binary_cross_entropy", ["avg_non_ignore" = false],
            BinaryCrossEntropy::new().with_reduction(Reduction::MeanAll)),
        row!(pixels::<1, _>, "mmseg.binary_cross_entropy", ["avg_non_ignore" = true], BinaryCrossEntropy::new()),
        row!(pixels::<4, _>, "mmseg.FocalLoss", ["alpha": alpha, "gamma": gamma],
            SigmoidFocal::new(gamma).with_alpha(alpha).with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "mmseg.FocalLoss", ["alpha": alpha, "gamma": gamma, "class_weight": w],
            SigmoidFocal::new(gamma).with_channel_alpha(alpha).with_channel_weights(w)
                .with_reduction(Reduction::MeanAllElements)),
        row!(pixels::<4, _>, "mmseg.DiceLoss(softmax)", ["naive_dice" = false],
            Overlap::dice().with_smoothing(0.0, 2e-3).squared().micro()),
        row!(pixels::<4, _>, "mmseg.DiceLoss(softmax)", ["naive_dice" = true],
            Overlap::dice().with_smoothing(1e-3, 1e-3).micro()),
        row!(pixels::<1, _>, "mmseg.DiceLoss(sigmoid)", ["naive_dice" = false],
            Overlap::dice().with_smoothing(0.0, 2e-3).squared().micro().on_sigmoid()),
        row!(pixels::<4, _>, "mmseg.LovaszLoss(multi_class)", ["classes" = "present", "per_image" = false],
            Lovasz::new()),
        row!(pixels::<3, _>, "mmseg.LovaszLoss(multi_class)", ["classes" = "present", "class_weight": w],
            Lovasz::new().with_weights(w)),
        row!(pixels::<1, _>, "mmseg.LovaszLoss(binary)", ["per_image" = true], LovaszHinge::new().per_image()),
        row!(pixels::<4, _>, "mmseg.OhemCrossEntropy", ["thres": thresh, "min_kept": n],
            Ohem::hrnet(CrossEntropy::new(), thresh, n)),
        row!(pixels::<4, _>, "mmseg.OhemCrossEntropy", ["thres": thresh, "min_kept": n, "class_weight": w],
            Ohem::hrnet(CrossEntropy::new().with_weights(w), thresh, n)),
        row!(pixels::<4, _>, "berman.lovasz_softmax", ["classes" = "present", "per_image" = false], Lovasz::new()),
        row!(pixels::<4, _>, "berman.lovasz_softmax", ["classes" = "all", "per_image" = true],
            Lovasz::new().with_classes(Classes::All).per_image()),
        row!(pixels::<1, _>, "berman.lovasz_hinge", ["per_image" = true], LovaszHinge::new().per_image()),
        row!(pixels::<1, _>, "berman.lovasz_hinge", ["per_image" = false], LovaszHinge::new()),
        row!(pixels::<1, _>, "berman.binary_xloss", [], BinaryCrossEntropy::new()),
        row!(pixels::<4, _>, "contrastiveseg.FSCELoss", ["weight": w], CrossEntropy::new().with_weights(w)),
        row!(pixels::<4, _>, "contrastiveseg.FSOhemCELoss", ["ohem_thresh": thresh, "ohem_minkeep": n],
            Ohem::hrnet(CrossEntropy::new(), thresh, n)),
        row!(embeddings, "contrastiveseg.PixelContrastLoss._contrastive", ["temperature": t, "base_temperature": b],
            PixelContrast::new().with_temperature(t).with_base_temperature(b)),
        row!(embeddings, "contrast_seg_paddle.PixelContrastCrossEntropyLoss._contrastive", ["temperature": t, "base_temperature": b],
            PixelContrast::new().with_temperature(t).with_base_temperature(b)),
        row!(pixels::<4, _>, "pytorch_encoding.SegmentationLosses(ce)", ["weight": w],
            CrossEntropy::new().with_weights(w)),
        row!(presence, "pytorch_encoding.SegmentationLosses(se term)", [],
            SemanticEncoding::new().counting_empty_images()),
        row!(presence, "encnet_paddle.SeCrossEntropyLoss", [], SemanticEncoding::new().counting_empty_images()),
    ]
}

/// The loss of a case of pixels.
fn pixels<const C: usize, L: Loss<C>>(case: &Case, outcome: &Outcome, loss: L) -> Option<f32> {
    const VOID: u8 = u8::MAX;
    let input = Input::of(case).ok().filter(|input| input.classes == C)?;
    let ignored = IGNORED.iter().find_map(|name| outcome.params.get(*name)?.as_i64());
    let classes = i64::try_from(C.max(2)).expect("few classes");
    let label = |label: &i64| match *label {
        label if Some(label) == ignored => Some(VOID),
        // What is neither a class nor ignored is an error here.
        label if label < classes => u8::try_from(label).ok(),
        _ => None,
    };
    let labels: Vec<u8> = input.labels.iter().map(label).collect::<Option<_>>()?;
    // Peers differ in what an image of nothing is; here it is 0.
    if labels.chunks(input.image_pixels()).any(|image| image.iter().all(|label| *label == VOID)) {
        return None;
    }
    let scores: Vec<f32> = input.scores.iter().map(|score| *score as f32).collect();
    let (rows, _) = scores.as_chunks::<C>();
    let batch = Batch::new(rows, Labels::new(&labels).ignoring(VOID)).ok()?.with_images(input.images).ok()?;
    Some(loss.value(&batch, &mut vec![0; scratch_len::<C, L>(batch.pixels())]).expect("good parameters"))
}

/// The loss of a case of presence logits.
fn presence(case: &Case, outcome: &Outcome, loss: SemanticEncoding<CLASSES>) -> Option<f32> {
    if !outcome.params.is_empty() || case.classes != Some(CLASSES) {
        return None;
    }
    let logits = numbers(case.se_logits.as_ref()?);
    // What is no class is dropped by the peers.
    let labels: Vec<u8> = case.labels.as_ref()?.iter().map(|label| u8::try_from(*label).unwrap_or(u8::MAX)).collect();
    let (rows, _) = logits.as_chunks();
    Some(loss.value(rows, Labels::new(&labels).ignoring(u8::MAX)).expect("a good case"))
}

/// The loss of a case of embeddings, each of which is an anchor.
fn embeddings(case: &Case, _: &Outcome, loss: PixelContrast) -> Option<f32> {
    const DIMENSION: usize = 8;
    if case.dim != Some(DIMENSION) {
        return None;
    }
    let components = numbers(case.feats.as_ref()?);
    let (rows, _) = components.as_chunks::<DIMENSION>();
    let repeated = |label: &i64| std::iter::repeat_n(u8::try_from(*label).expect("a label"), case.views.unwrap_or(0));
    let labels: Vec<u8> = case.anchor_labels.as_ref()?.iter().flat_map(repeated).collect();
    let embeddings = Embeddings::new(rows, Labels::new(&labels)).expect("a good case");
    let scratch = &mut vec![0; PixelContrast::scratch_len(embeddings.anchors())];
    Some(loss.value(&embeddings, Within, &mut All, scratch).expect("good parameters"))
}

fn numbers(numbers: &[Number]) -> Vec<f32> {
    numbers.iter().map(|number| number.0 as f32).collect()
}

/// Every result of the vectors, with its case.
fn for_each_result(mut visit: impl FnMut(Option<&Case>, &Outcome)) {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for path in files(&vectors).expect("part of the package") {
        match json::read(&path).expect("as its README says") {
            File::Cases(cases) => {
                for case in &cases {
                    case.results.iter().for_each(|outcome| visit(Some(case), outcome));
                }
            }
            File::Generated(generated) => generated.results.iter().for_each(|outcome| visit(None, outcome)),
        }
    }
}

/// The page's rows: there, here, and the peer.
fn page() -> Vec<[String; 3]> {
    let cells = |line: &str| {
        let line = line.strip_prefix("//! | `")?.strip_suffix("` |")?;
        let cells: Vec<_> = line.split("` | `").map(str::to_owned).collect();
        Some(cells.try_into().expect("three cells"))
    };
    PAGE.lines().filter_map(cells).collect()
}

fn dense(code: &str) -> String {
    code.split_whitespace().collect()
}

#[test]
fn each_row_gives_what_the_peer_gave() {
    let rows = rows();
    let mut compared = vec![0; rows.len()];
    for_each_result(|case, outcome| {
        let (Some(case), Some(LossValue::Scalar(Number(expected)))) = (case, &outcome.value) else { return };
        if !outcome.trusts_value() {
            return;
        }
        let mut of_this = rows.iter().zip(&mut compared).filter(|(row, _)| row.is_of(outcome));
        let run = of_this.find_map(|(row, compared)| Some((row, compared, (row.run)(case, outcome)?)));
        let Some((row, compared, value)) = run else { return };
        let error = (f64::from(value) - expected).abs();
        assert!(
            error <= 2e-6 * expected.abs().max(1.0),
            "{}: {} is {value}, {} of {} {:?} {expected}",
            case.id,
            row.here,
            row.peer,
            case.id,
            outcome.params
        );
        *compared += 1;
    });
    for (row, compared) in rows.iter().zip(compared) {
        assert!(compared > 0, "no result of {} is one of {}", row.peer, row.here);
    }
}

#[test]
fn the_page_has_these_rows() {
    let (rows, page) = (rows(), page());
    assert_eq!(rows.len(), page.len());
    for (row, [there, here, peer]) in rows.iter().zip(&page) {
        assert_eq!((row.peer, dense(row.here)), (peer.as_str(), dense(here)), "{there}");
        for (name, _) in &row.parameters {
            assert!(there.contains(&format!("{name}=")), "{there} does not say {name}");
        }
    }
}

#[test]
fn every_peer_has_a_row() {
    let rows = rows();
    let function = |peer: &str| peer.split('(').next().map(|name| name.trim_end_matches("._contrastive").to_owned());
    let on_the_page: BTreeSet<_> = rows.iter().map(|row| function(row.peer)).collect();
    for_each_result(|_, outcome| {
        assert!(on_the_page.contains(&function(&outcome.peer)), "{} has no row", outcome.peer);
    });
}
