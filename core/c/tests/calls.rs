//! The functions for C against the library, and what becomes of every fault.

#![allow(unsafe_code, reason = "calls what C calls")]

use core::fmt::Debug;
use core::ptr;
use scarce::sample::All;
use scarce::{
    BinaryCrossEntropy, CrossEntropy, Focal, Heap, Labels, Loss, Lovasz, LovaszHinge, Ohem, Overlap, PixelContrast,
    Planes, PlanesMut, SemanticEncoding, SigmoidFocal, Sum, Within, scratch_len, scratch_len_to_write,
};
use scarce_c::*;

const PIXELS: usize = 12;
const IMAGES: usize = 2;
const IGNORED: u8 = 255;
const SCRATCH: usize = 256 + 5 * PIXELS;

/// Numbers between −4 and 4.
fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 8) as f32 / 2_097_152.0 - 4.0).collect()
}

fn labels(classes: u8) -> [u8; PIXELS] {
    let mut labels = [0; PIXELS];
    for (label, k) in labels.iter_mut().zip(0_u8..) {
        *label = if k % 5 == 3 { IGNORED } else { k % 7 % classes };
    }
    labels
}

/// The same numbers, class by class.
fn planes(rows: &[f32], classes: usize) -> Vec<f32> {
    let image = PIXELS / IMAGES;
    let mut planes = vec![0.0; rows.len()];
    for (place, number) in rows.iter().enumerate() {
        let (pixel, class) = (place / classes, place % classes);
        planes[(pixel / image * classes + class) * image + pixel % image] = *number;
    }
    planes
}

/// The layouts that are built in.
fn layouts() -> impl Iterator<Item = Layout> {
    let built_in = |layout: &Layout| match layout {
        Layout::Rows => cfg!(feature = "rows"),
        Layout::Planes => cfg!(feature = "planes"),
    };
    [Layout::Rows, Layout::Planes].into_iter().filter(built_in)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Value,
    Add(f32),
    Write,
}

/// The arguments of a function of a loss.
struct Call {
    verb: Verb,
    batch: *const Batch,
    grad: *mut f32,
    scratch: *mut u32,
    scratch_len: usize,
    loss: *mut f32,
    error: *mut ErrorReport,
}

/// The three functions of a loss, as a function of a [`Call`].
macro_rules! of {
    ($options:expr, $value:ident, $add_grad:ident, $value_and_grad:ident) => {
        // SAFETY: the tests give pointers to what lives, or such as must be refused.
        |call: &Call| unsafe {
            match call.verb {
                Verb::Value => $value(call.batch, $options, call.loss, call.error),
                Verb::Add(scale) => $add_grad(call.batch, $options, scale, call.grad, call.loss, call.error),
                Verb::Write => $value_and_grad(call.batch, $options, call.grad, call.loss, call.error),
            }
        }
    };
    (scratch; $options:expr, $value:ident, $add_grad:ident, $value_and_grad:ident) => {
        // SAFETY: as above.
        |call: &Call| unsafe {
            let Call { batch, grad, scratch, scratch_len, loss, error, .. } = *call;
            match call.verb {
                Verb::Value => $value(batch, $options, scratch, scratch_len, loss, error),
                Verb::Add(scale) => $add_grad(batch, $options, scale, grad, scratch, scratch_len, loss, error),
                Verb::Write => $value_and_grad(batch, $options, grad, scratch, scratch_len, loss, error),
            }
        }
    };
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// That a function computes what a loss does: three verbs, two layouts.
fn same<const C: usize>(function: impl Fn(&Call) -> i32, expected: &impl Loss<C>) {
    let rows = numbers(PIXELS * C);
    let planes = planes(&rows, C);
    let classes = labels(if C == 1 { 2 } else { C as u8 });
    let view = Labels::new(&classes).ignoring(IGNORED);
    for layout in layouts() {
        let logits = if layout == Layout::Rows { &rows } else { &planes };
        let batch = Batch {
            logits: logits.as_ptr(),
            labels: classes.as_ptr(),
            pixels: PIXELS,
            classes: C,
            images: IMAGES,
            layout: layout as u32,
            has_ignore: 1,
            ignore: IGNORED,
        };
        for verb in [Verb::Value, Verb::Add(-0.5), Verb::Write] {
            let (mut grad, mut scratch) = (vec![0.25; PIXELS * C], vec![7; SCRATCH]);
            let (mut loss, mut error) = (f32::NAN, ErrorReport::default());
            let status = function(&Call {
                verb,
                batch: &batch,
                grad: grad.as_mut_ptr(),
                scratch: scratch.as_mut_ptr(),
                scratch_len: scratch.len(),
                loss: &mut loss,
                error: &mut error,
            });
            assert_eq!((status, error), (0, ErrorReport::default()), "{layout:?}, {verb:?}");

            let (mut in_rust, mut words) = (vec![0.25; PIXELS * C], vec![7; SCRATCH]);
            let value = if layout == Layout::Rows {
                let (grad, _) = in_rust.as_chunks_mut::<C>();
                let batch = scarce::Batch::new(logits.as_chunks::<C>().0, view).and_then(|b| b.with_images(IMAGES));
                let batch = batch.expect("good data");
                match verb {
                    Verb::Value => expected.value(&batch, &mut words),
                    Verb::Add(scale) => expected.add_grad(&batch, scale, grad, &mut words),
                    Verb::Write => expected.value_and_grad(&batch, grad, &mut words),
                }
            } else {
                let planes = Planes::<C>::new(logits, IMAGES).expect("whole images");
                let mut grad = PlanesMut::<C>::new(&mut in_rust, IMAGES).expect("whole images");
                let batch = scarce::Batch::new(&planes, view).expect("good data");
                match verb {
                    Verb::Value => expected.value(&batch, &mut words),
                    Verb::Add(scale) => expected.add_grad(&batch, scale, &mut grad, &mut words),
                    Verb::Write => expected.value_and_grad(&batch, &mut grad, &mut words),
                }
            };
            assert_eq!(loss.to_bits(), value.expect("a good loss").to_bits(), "{layout:?}, {verb:?}");
            assert!(loss > 0.0, "a loss that says nothing");
            assert_eq!(bits(&grad), bits(&in_rust), "{layout:?}, {verb:?}");
        }
    }
}

#[test]
fn null_and_default_options_are_the_library_s_defaults() {
    // With a null pointer, and with the defaults asked for.
    macro_rules! default {
        ([$($scratch:tt)*] $default:ident, $value:ident, $add_grad:ident, $value_and_grad:ident => $loss:expr) => {
            same(of!($($scratch)* ptr::null(), $value, $add_grad, $value_and_grad), &$loss);
            let options = $default();
            same(of!($($scratch)* &options, $value, $add_grad, $value_and_grad), &$loss);
        };
    }
    default!([] scarce_cross_entropy_default, scarce_cross_entropy_value, scarce_cross_entropy_add_grad,
        scarce_cross_entropy_value_and_grad => CrossEntropy::<2>::new());
    default!([] scarce_binary_cross_entropy_default, scarce_binary_cross_entropy_value, scarce_binary_cross_entropy_add_grad,
        scarce_binary_cross_entropy_value_and_grad => BinaryCrossEntropy::<1>::new());
    default!([] scarce_focal_default, scarce_focal_value, scarce_focal_add_grad, scarce_focal_value_and_grad
        => Focal::<2>::new(2.0));
    default!([] scarce_sigmoid_focal_default, scarce_sigmoid_focal_value, scarce_sigmoid_focal_add_grad,
        scarce_sigmoid_focal_value_and_grad => SigmoidFocal::<1>::new(2.0));
    default!([] scarce_overlap_default, scarce_overlap_value, scarce_overlap_add_grad, scarce_overlap_value_and_grad
        => Overlap::<2>::dice());
    default!([] scarce_overlap_default, scarce_overlap_sigmoid_value, scarce_overlap_sigmoid_add_grad,
        scarce_overlap_sigmoid_value_and_grad => Overlap::<1>::dice().on_sigmoid());
    default!([scratch;] scarce_lovasz_default, scarce_lovasz_value, scarce_lovasz_add_grad, scarce_lovasz_value_and_grad
        => Lovasz::<2>::new());
    default!([scratch;] scarce_lovasz_default, scarce_lovasz_heap_value, scarce_lovasz_heap_add_grad,
        scarce_lovasz_heap_value_and_grad => Lovasz::<2>::new().with_sort(Heap));
    default!([scratch;] scarce_lovasz_hinge_default, scarce_lovasz_hinge_value, scarce_lovasz_hinge_add_grad,
        scarce_lovasz_hinge_value_and_grad => LovaszHinge::new());
    default!([scratch;] scarce_lovasz_hinge_default, scarce_lovasz_hinge_heap_value, scarce_lovasz_hinge_heap_add_grad,
        scarce_lovasz_hinge_heap_value_and_grad => LovaszHinge::new().with_sort(Heap));
    default!([scratch;] scarce_ohem_default, scarce_ohem_value, scarce_ohem_add_grad, scarce_ohem_value_and_grad
        => Ohem::new(CrossEntropy::<2>::new()));
    default!([scratch;] scarce_cross_entropy_lovasz_default, scarce_cross_entropy_lovasz_value,
        scarce_cross_entropy_lovasz_add_grad, scarce_cross_entropy_lovasz_value_and_grad
        => Sum((1.0, CrossEntropy::<2>::new()), (1.0, Lovasz::new())));
    default!([] scarce_cross_entropy_overlap_default, scarce_cross_entropy_overlap_value,
        scarce_cross_entropy_overlap_add_grad, scarce_cross_entropy_overlap_value_and_grad
        => Sum((1.0, CrossEntropy::<2>::new()), (1.0, Overlap::dice())));
}

static WEIGHTS: [f32; 2] = [0.5, 3.0];
static OTHERS: [f32; 2] = [0.25, 0.75];
static ONE: [f32; 1] = [0.25];

#[test]
fn every_reduction_is_the_library_s() {
    use scarce::Reduction as R;
    let of_library = [R::Mean, R::MeanValid, R::MeanAll, R::MeanAllElements, R::Positives, R::Divisor(3.0), R::Sum];
    let of_c = [
        Reduction::Mean,
        Reduction::MeanValid,
        Reduction::MeanAll,
        Reduction::MeanAllElements,
        Reduction::Positives,
        Reduction::Divisor,
        Reduction::Sum,
    ];
    for (of_c, of_library) in of_c.into_iter().zip(of_library) {
        let mut options = scarce_cross_entropy_default();
        options.weights = WEIGHTS.as_ptr();
        options.reduction = of_c as u32;
        options.divisor = 3.0;
        let loss = CrossEntropy::<2>::new().with_weights(WEIGHTS).with_reduction(of_library);
        same(
            of!(
                &options,
                scarce_cross_entropy_value,
                scarce_cross_entropy_add_grad,
                scarce_cross_entropy_value_and_grad
            ),
            &loss,
        );
    }
}

#[test]
fn options_are_the_library_s() {
    let options = CrossEntropyOptions {
        weights: WEIGHTS.as_ptr(),
        logit_adjustment: OTHERS.as_ptr(),
        label_smoothing: 0.125,
        ..scarce_cross_entropy_default()
    };
    let entropy =
        CrossEntropy::<2>::new().with_weights(WEIGHTS).with_logit_adjustment(OTHERS).with_label_smoothing(0.125);
    same(
        of!(&options, scarce_cross_entropy_value, scarce_cross_entropy_add_grad, scarce_cross_entropy_value_and_grad),
        &entropy,
    );

    let binary = BinaryCrossEntropyOptions {
        pos_weights: WEIGHTS.as_ptr(),
        label_weights: OTHERS,
        label_smoothing: 0.125,
        reduction: Reduction::Sum as u32,
        ..scarce_binary_cross_entropy_default()
    };
    let loss = BinaryCrossEntropy::<2>::new().with_pos_weights(WEIGHTS).with_class_weights(OTHERS);
    same(
        of!(
            &binary,
            scarce_binary_cross_entropy_value,
            scarce_binary_cross_entropy_add_grad,
            scarce_binary_cross_entropy_value_and_grad
        ),
        &loss.with_label_smoothing(0.125).with_reduction(scarce::Reduction::Sum),
    );

    let focal = FocalOptions {
        alpha: WEIGHTS.as_ptr(),
        gamma: 0.5,
        reduction: Reduction::Mean as u32,
        ..scarce_focal_default()
    };
    same(
        of!(&focal, scarce_focal_value, scarce_focal_add_grad, scarce_focal_value_and_grad),
        &Focal::<2>::new(0.5).with_alpha(WEIGHTS).with_reduction(scarce::Reduction::Mean),
    );
    let focal = SigmoidFocalOptions {
        alpha: OTHERS.as_ptr(),
        weights: WEIGHTS.as_ptr(),
        gamma: 0.5,
        reduction: Reduction::MeanAll as u32,
        ..scarce_sigmoid_focal_default()
    };
    let loss = SigmoidFocal::<2>::new(0.5).with_channel_alpha(OTHERS).with_channel_weights(WEIGHTS);
    same(
        of!(&focal, scarce_sigmoid_focal_value, scarce_sigmoid_focal_add_grad, scarce_sigmoid_focal_value_and_grad),
        &loss.with_reduction(scarce::Reduction::MeanAll),
    );

    let lovasz = LovaszOptions { weights: WEIGHTS.as_ptr(), classes: Classes::All as u32, per_image: 1 };
    let of_lovasz = Lovasz::<2>::new().with_weights(WEIGHTS).with_classes(scarce::Classes::All).per_image();
    same(of!(scratch; &lovasz, scarce_lovasz_value, scarce_lovasz_add_grad, scarce_lovasz_value_and_grad), &of_lovasz);
    same(
        of!(scratch; &lovasz, scarce_lovasz_heap_value, scarce_lovasz_heap_add_grad, scarce_lovasz_heap_value_and_grad),
        &of_lovasz.with_sort(Heap),
    );
    let hinge = LovaszHingeOptions { per_image: 1, elu: 1 };
    same(
        of!(scratch; &hinge, scarce_lovasz_hinge_value, scarce_lovasz_hinge_add_grad, scarce_lovasz_hinge_value_and_grad),
        &LovaszHinge::new().per_image().elu(),
    );

    let both =
        CrossEntropyLovaszOptions { cross_entropy_weight: 0.25, lovasz_weight: 2.0, cross_entropy: options, lovasz };
    same(
        of!(scratch; &both, scarce_cross_entropy_lovasz_value, scarce_cross_entropy_lovasz_add_grad,
            scarce_cross_entropy_lovasz_value_and_grad),
        &Sum((0.25, entropy), (2.0, of_lovasz)),
    );
    let overlap = OverlapOptions { squared: 1, ..scarce_overlap_default() };
    let both =
        CrossEntropyOverlapOptions { cross_entropy_weight: 0.25, overlap_weight: 2.0, cross_entropy: options, overlap };
    same(
        of!(
            &both,
            scarce_cross_entropy_overlap_value,
            scarce_cross_entropy_overlap_add_grad,
            scarce_cross_entropy_overlap_value_and_grad
        ),
        &Sum((0.25, entropy), (2.0, Overlap::dice().squared())),
    );
}

#[test]
fn overlap_options_are_the_library_s() {
    let usual = scarce_overlap_default();
    let dice = Overlap::<2>::dice();
    let tversky = Overlap::tversky(0.3, 0.7);
    let index = |index: Index| OverlapOptions { index: index as u32, alpha: 0.3, beta: 0.7, ..usual };
    let volume =
        |weights: VolumeWeights| OverlapOptions { volume_weights: weights as u32, smoothing: [0.0, 0.0], ..usual };
    let cases = [
        (index(Index::Jaccard), Overlap::jaccard()),
        (index(Index::Tversky), tversky),
        (OverlapOptions { form: Form::Log as u32, ..usual }, dice.with_form(scarce::Form::Log)),
        (
            OverlapOptions { form: Form::Focal as u32, gamma: 0.75, ..index(Index::Tversky) },
            Overlap::focal_tversky(0.3, 0.7, 0.75),
        ),
        (OverlapOptions { absent: Absent::Skip as u32, ..usual }, dice.with_absent(scarce::Absent::Skip)),
        (OverlapOptions { absent: Absent::Zero as u32, ..usual }, dice.with_absent(scarce::Absent::Zero)),
        (
            volume(VolumeWeights::Simple),
            dice.with_smoothing(0.0, 0.0).with_volume_weights(scarce::VolumeWeights::Simple),
        ),
        (volume(VolumeWeights::Square), Overlap::generalized_dice()),
        (OverlapOptions { smoothing: [0.5, 2.0], ..usual }, dice.with_smoothing(0.5, 2.0)),
        (OverlapOptions { weights: WEIGHTS.as_ptr(), ..usual }, dice.with_weights(WEIGHTS)),
        (
            OverlapOptions { weights: WEIGHTS.as_ptr(), unnormalized: 1, ..usual },
            dice.with_weights(WEIGHTS).unnormalized(),
        ),
        (OverlapOptions { squared: 1, ..usual }, dice.squared()),
        (OverlapOptions { per_batch: 1, ..usual }, dice.per_batch()),
        (OverlapOptions { micro: 1, ..usual }, dice.micro()),
    ];
    for (options, loss) in cases {
        same(of!(&options, scarce_overlap_value, scarce_overlap_add_grad, scarce_overlap_value_and_grad), &loss);
    }
}

#[test]
fn rules_of_mining_are_the_library_s() {
    let entropy = CrossEntropy::<2>::new();
    let pixels = MinKept::Pixels as u32;
    let usual = OhemOptions { thresh: 0.3, min_kept_fraction: 0.5, min_kept_pixels: 3, ..scarce_ohem_default() };
    let rule = |rule: OhemRule| OhemOptions { rule: rule as u32, ..usual };
    let half = scarce::MinKept::Fraction(0.5);
    let cases = [
        (rule(OhemRule::Strict), Ohem::new(entropy).with_thresh(0.3).with_min_kept(half)),
        (OhemOptions { min_kept: pixels, ..rule(OhemRule::Paddle) }, Ohem::paddle(entropy, 0.3, 3)),
        (OhemOptions { min_kept: pixels, ..rule(OhemRule::Hrnet) }, Ohem::hrnet(entropy, 0.3, 3)),
        (rule(OhemRule::TopK), Ohem::top_k(entropy, 0.5)),
        (rule(OhemRule::LossThreshold), Ohem::loss_threshold(entropy, 0.3, half)),
        (
            OhemOptions {
                cross_entropy: CrossEntropyOptions { weights: WEIGHTS.as_ptr(), ..scarce_cross_entropy_default() },
                per_image: 1,
                ..usual
            },
            Ohem::new(entropy.with_weights(WEIGHTS)).with_thresh(0.3).with_min_kept(half).per_image(),
        ),
    ];
    for (options, loss) in cases {
        same(of!(scratch; &options, scarce_ohem_value, scarce_ohem_add_grad, scarce_ohem_value_and_grad), &loss);
    }
}

#[test]
fn sigmoid_losses_take_one_class_and_more() {
    let options = SigmoidFocalOptions { alpha: ONE.as_ptr(), ..scarce_sigmoid_focal_default() };
    same(
        of!(&options, scarce_sigmoid_focal_value, scarce_sigmoid_focal_add_grad, scarce_sigmoid_focal_value_and_grad),
        &SigmoidFocal::<1>::new(2.0).with_alpha(0.25),
    );
    same(
        of!(
            ptr::null(),
            scarce_overlap_sigmoid_value,
            scarce_overlap_sigmoid_add_grad,
            scarce_overlap_sigmoid_value_and_grad
        ),
        &Overlap::<2>::dice().on_sigmoid(),
    );
}

/// What a call leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    status: i32,
    report: ErrorReport,
    loss: u32,
    grad: Vec<u32>,
    scratch: Vec<u32>,
}

/// What cross entropy and Lovász makes of a batch that is good but for what `spoil` does to it.
fn refused(options: &CrossEntropyLovaszOptions, verb: Verb, spoil: impl Fn(&mut Batch, &mut Call)) -> Left {
    let (logits, classes) = (numbers(PIXELS * 2), labels(2));
    let mut batch = good(&logits, &classes);
    let (mut grad, mut scratch) = (vec![0.5; PIXELS * 2], vec![7; SCRATCH]);
    let (mut loss, mut report) = (0.5, ErrorReport::default());
    let mut call = Call {
        verb,
        batch: ptr::null(),
        grad: grad.as_mut_ptr(),
        scratch: scratch.as_mut_ptr(),
        scratch_len: scratch.len(),
        loss: &mut loss,
        error: &mut report,
    };
    let data = &raw mut batch;
    call.batch = data;
    // SAFETY: nobody else uses the batch meanwhile.
    spoil(unsafe { &mut *data }, &mut call);
    let function = of!(scratch; options, scarce_cross_entropy_lovasz_value, scarce_cross_entropy_lovasz_add_grad,
        scarce_cross_entropy_lovasz_value_and_grad);
    let status = function(&call);
    Left { status, report, loss: f32::to_bits(loss), grad: bits(&grad), scratch }
}

fn good(logits: &[f32], classes: &[u8]) -> Batch {
    Batch {
        logits: logits.as_ptr(),
        labels: classes.as_ptr(),
        pixels: classes.len(),
        classes: 2,
        images: IMAGES,
        layout: Layout::Rows as u32,
        has_ignore: 1,
        ignore: IGNORED,
    }
}

/// Not a class.
static NINES: [u8; PIXELS] = [9; PIXELS];
static NEGATIVE: [f32; 2] = [-1.0, 1.0];
static NOT_A_NUMBER: [f32; PIXELS * 2] = {
    let mut scores = [1.0; PIXELS * 2];
    scores[9] = f32::NAN; // of pixel 4
    scores
};

const VERBS: [Verb; 3] = [Verb::Value, Verb::Add(1.0), Verb::Write];

/// That a fault is found, told, and that nothing else is written.
#[track_caller]
fn finds(expected: ErrorReport, verbs: &[Verb], spoil: impl Fn(&mut Batch, &mut Call)) {
    for &verb in verbs {
        finds_with(&scarce_cross_entropy_lovasz_default(), expected, verb, &spoil);
    }
}

#[track_caller]
fn finds_with(
    options: &CrossEntropyLovaszOptions,
    expected: ErrorReport,
    verb: Verb,
    spoil: impl Fn(&mut Batch, &mut Call),
) {
    let unwritten = Left {
        status: expected.status,
        report: expected,
        loss: 0.5_f32.to_bits(),
        grad: bits(&[0.5; PIXELS * 2]),
        scratch: vec![7; SCRATCH],
    };
    assert_eq!(refused(options, verb, spoil), unwritten, "{verb:?}");
}

fn told(status: Status) -> ErrorReport {
    ErrorReport { status: status as i32, ..ErrorReport::default() }
}

fn told_of(status: Status, buffer: Buffer) -> ErrorReport {
    ErrorReport { buffer: buffer as u32, ..told(status) }
}

#[test]
fn a_good_batch_is_not_refused() {
    let left = refused(&scarce_cross_entropy_lovasz_default(), Verb::Write, |_, _| {});
    assert_eq!((left.status, left.report), (Status::Ok as i32, ErrorReport::default()));
    assert_ne!(left.grad, bits(&[0.5; PIXELS * 2]));
}

#[test]
fn null_pointers_are_found() {
    let null = |buffer| told_of(Status::Null, buffer);
    finds(null(Buffer::Data), &VERBS, |_, call| call.batch = ptr::null());
    finds(null(Buffer::Logits), &VERBS, |batch, _| batch.logits = ptr::null());
    finds(null(Buffer::Labels), &VERBS, |batch, _| batch.labels = ptr::null());
    finds(null(Buffer::Grad), &VERBS[1..], |_, call| call.grad = ptr::null_mut());
    finds(null(Buffer::Scratch), &VERBS, |_, call| call.scratch = ptr::null_mut());
    finds(null(Buffer::Loss), &VERBS, |_, call| call.loss = ptr::null_mut());
}

#[test]
fn null_pointers_to_nothing_are_fine() {
    for layout in layouts() {
        for verb in VERBS {
            let left = refused(&scarce_cross_entropy_lovasz_default(), verb, |batch, call| {
                (batch.logits, batch.labels, batch.pixels, batch.layout) = (ptr::null(), ptr::null(), 0, layout as u32);
                call.grad = ptr::null_mut();
            });
            assert_eq!((left.status, left.loss), (0, 0.0_f32.to_bits()));
        }
    }
    // No gradient, and an error that is not asked for.
    let left = refused(&scarce_cross_entropy_lovasz_default(), Verb::Value, |_, call| call.grad = ptr::null_mut());
    assert_eq!(left.status, 0);
    let left = refused(&scarce_cross_entropy_lovasz_default(), Verb::Write, |batch, call| {
        batch.images = 5;
        call.error = ptr::null_mut();
    });
    assert_eq!((left.status, left.report), (Status::Images as i32, ErrorReport::default()));
    // No scratch for a loss that needs none.
    let (logits, classes) = (numbers(PIXELS * 2), labels(2));
    let (batch, mut loss) = (good(&logits, &classes), 0.0);
    // SAFETY: all that the pointers point to lives.
    let status = unsafe { scarce_cross_entropy_value(&batch, ptr::null(), &mut loss, ptr::null_mut()) };
    assert!(status == 0 && loss > 0.0);
}

#[test]
fn misaligned_pointers_are_found() {
    let misaligned = |buffer| told_of(Status::Misaligned, buffer);
    finds(misaligned(Buffer::Data), &VERBS, |_, call| call.batch = call.batch.wrapping_byte_add(1));
    finds(misaligned(Buffer::Logits), &VERBS, |batch, _| batch.logits = batch.logits.wrapping_byte_add(2));
    finds(misaligned(Buffer::Grad), &VERBS[1..], |_, call| call.grad = call.grad.wrapping_byte_add(1));
    finds(misaligned(Buffer::Scratch), &VERBS, |_, call| call.scratch = call.scratch.wrapping_byte_add(3));
    finds(misaligned(Buffer::Loss), &VERBS, |_, call| call.loss = call.loss.wrapping_byte_add(1));
    // An error that cannot be written is not; the status tells.
    let left = refused(&scarce_cross_entropy_lovasz_default(), Verb::Write, |batch, call| {
        batch.images = 0;
        call.error = call.error.wrapping_byte_add(1);
    });
    assert_eq!((left.status, left.report), (Status::Images as i32, ErrorReport::default()));
}

#[test]
fn buffers_that_overlap_are_found() {
    let overlap = |buffer| told_of(Status::Overlap, buffer);
    // In place, and by the last element alone.
    finds(overlap(Buffer::Grad), &VERBS[1..], |batch, call| batch.logits = call.grad);
    finds(overlap(Buffer::Grad), &VERBS[1..], |batch, call| batch.logits = call.grad.wrapping_add(PIXELS * 2 - 1));
    finds(overlap(Buffer::Grad), &VERBS[1..], |batch, call| batch.labels = call.grad.cast());
    finds(overlap(Buffer::Grad), &VERBS[1..], |_, call| call.scratch = call.grad.cast());
    finds(overlap(Buffer::Scratch), &VERBS, |batch, call| batch.logits = call.scratch.cast());
    finds(overlap(Buffer::Scratch), &VERBS, |batch, call| {
        batch.labels = call.scratch.cast::<u8>().wrapping_add(4 * SCRATCH - 1);
    });
}

#[test]
fn buffers_side_by_side_are_fine() {
    let classes = labels(2);
    let mut memory = numbers(PIXELS * 4);
    let (logits, grad) = memory.split_at_mut(PIXELS * 2);
    let (batch, mut loss) = (good(logits, &classes), 0.0);
    // SAFETY: all that the pointers point to lives.
    let status = unsafe {
        scarce_cross_entropy_value_and_grad(&batch, ptr::null(), grad.as_mut_ptr(), &mut loss, ptr::null_mut())
    };
    assert_eq!(status, 0);
}

#[test]
fn lengths_that_overflow_are_found() {
    let long = |buffer| told_of(Status::TooLong, buffer);
    finds(long(Buffer::Logits), &VERBS, |batch, _| (batch.pixels, batch.images) = (usize::MAX, 1));
    finds(long(Buffer::Logits), &VERBS, |batch, _| (batch.pixels, batch.images) = (usize::MAX / 8 + 1, 1));
    finds(long(Buffer::Labels), &VERBS, |batch, _| (batch.pixels, batch.images, batch.classes) = (usize::MAX, 1, 0));
    finds(long(Buffer::Scratch), &VERBS, |_, call| call.scratch_len = usize::MAX / 4);
}

#[test]
fn bad_data_are_found() {
    finds(ErrorReport { index: 0, label: 9, ..told(Status::Label) }, &VERBS, |batch, _| {
        batch.labels = NINES.as_ptr();
    });
    finds(ErrorReport { index: 3, label: 255, ..told(Status::Label) }, &VERBS, |batch, _| batch.has_ignore = 0);
    finds(ErrorReport { index: 4, ..told(Status::NonFinite) }, &VERBS, |batch, _| batch.logits = NOT_A_NUMBER.as_ptr());
    finds(ErrorReport { needed: 5, got: PIXELS, ..told(Status::Images) }, &VERBS, |batch, _| batch.images = 5);
    finds(ErrorReport { needed: 0, got: PIXELS, ..told(Status::Images) }, &VERBS, |batch, _| batch.images = 0);
    finds(ErrorReport { needed: 5, got: PIXELS, ..told(Status::Images) }, &VERBS, |batch, _| {
        (batch.images, batch.layout) = (5, Layout::Planes as u32);
    });
}

#[test]
fn scratch_that_is_too_short_is_found() {
    let needed = scarce_cross_entropy_lovasz_scratch_len(PIXELS);
    let short = |needed, got| ErrorReport { needed, got, buffer: Buffer::Scratch as u32, ..told(Status::Length) };
    finds(short(needed, needed - 1), &VERBS[..2], |_, call| call.scratch_len = needed - 1);
    let needed = scarce_cross_entropy_lovasz_scratch_len_to_write(PIXELS);
    finds(short(needed, needed - 1), &VERBS[2..], |_, call| call.scratch_len = needed - 1);
    finds(short(needed, 0), &VERBS[2..], |_, call| (call.scratch, call.scratch_len) = (ptr::null_mut(), 0));
    let left = refused(&scarce_cross_entropy_lovasz_default(), Verb::Write, |_, call| call.scratch_len = needed);
    assert_eq!(left.status, 0);
}

#[test]
fn numbers_of_classes_that_are_not_built_in_are_found() {
    for classes in [0, 200, usize::MAX / PIXELS / 4] {
        let got = classes;
        finds(ErrorReport { got, ..told(Status::NotBuilt) }, &VERBS[..1], |batch, _| {
            (batch.classes, batch.pixels, batch.images) = (classes, 0, 1);
        });
    }
    // A softmax over one class, and a hinge of two.
    finds(ErrorReport { got: 1, ..told(Status::NotBuilt) }, &VERBS, |batch, _| batch.classes = 1);
    let (logits, classes) = (numbers(PIXELS * 2), labels(2));
    let (batch, mut loss, mut words) = (good(&logits, &classes), 0.0, [0; SCRATCH]);
    // SAFETY: all that the pointers point to lives.
    let status = unsafe {
        scarce_lovasz_hinge_value(&batch, ptr::null(), words.as_mut_ptr(), SCRATCH, &mut loss, ptr::null_mut())
    };
    assert_eq!(status, Status::NotBuilt as i32);
}

/// `cargo test -p scarce-c --no-default-features --features rows`
#[cfg(not(feature = "planes"))]
#[test]
fn planes_that_are_not_built_in_are_found() {
    let got = Layout::Planes as usize;
    finds(ErrorReport { got, ..told(Status::LayoutNotBuilt) }, &VERBS, |batch, _| batch.layout = got as u32);
}

#[test]
fn what_is_no_enumerator_is_found() {
    let got = |got| ErrorReport { got, ..told(Status::Enumerator) };
    finds(got(2), &VERBS, |batch, _| batch.layout = 2);
    let usual = scarce_cross_entropy_lovasz_default();
    let mut options = usual;
    options.cross_entropy.reduction = 7;
    finds_with(&options, got(7), Verb::Write, |_, _| {});
    options = usual;
    options.lovasz.classes = u32::MAX;
    finds_with(&options, got(u32::MAX as usize), Verb::Write, |_, _| {});

    let (logits, classes) = (numbers(PIXELS * 2), labels(2));
    let batch = good(&logits, &classes);
    let overlap = |options: OverlapOptions| {
        let mut loss = 0.5;
        // SAFETY: all that the pointers point to lives.
        let status = unsafe { scarce_overlap_value(&batch, &options, &mut loss, ptr::null_mut()) };
        assert_eq!((status, loss), (Status::Enumerator as i32, 0.5));
    };
    let usual = scarce_overlap_default();
    overlap(OverlapOptions { index: 3, ..usual });
    overlap(OverlapOptions { form: 3, ..usual });
    overlap(OverlapOptions { absent: 3, ..usual });
    overlap(OverlapOptions { volume_weights: 3, ..usual });
    let ohem = |options: OhemOptions| {
        let (mut loss, mut words) = (0.5, [0; SCRATCH]);
        // SAFETY: all that the pointers point to lives.
        let status =
            unsafe { scarce_ohem_value(&batch, &options, words.as_mut_ptr(), SCRATCH, &mut loss, ptr::null_mut()) };
        assert_eq!((status, loss), (Status::Enumerator as i32, 0.5));
    };
    ohem(OhemOptions { rule: 5, ..scarce_ohem_default() });
    ohem(OhemOptions { min_kept: 2, ..scarce_ohem_default() });
}

#[test]
fn bad_parameters_are_found() {
    let parameter = |parameter: Parameter| ErrorReport { parameter: parameter as u32, ..told(Status::Parameter) };
    let usual = scarce_cross_entropy_lovasz_default();
    let mut options = usual;
    options.cross_entropy.label_smoothing = 1.5;
    finds_with(&options, parameter(Parameter::LabelSmoothing), Verb::Write, |_, _| {});
    options = usual;
    options.cross_entropy.weights = NEGATIVE.as_ptr();
    finds_with(&options, parameter(Parameter::Weight), Verb::Write, |_, _| {});
    options = usual;
    options.lovasz_weight = f32::NAN;
    finds_with(&options, parameter(Parameter::TermWeight), Verb::Write, |_, _| {});
    finds_with(&usual, parameter(Parameter::Scale), Verb::Add(f32::INFINITY), |_, _| {});
    options = usual;
    options.cross_entropy.weights = WEIGHTS.as_ptr().wrapping_byte_add(1);
    finds_with(&options, told_of(Status::Misaligned, Buffer::ClassOptions), Verb::Write, |_, _| {});
    let misaligned = (&raw const usual).wrapping_byte_add(1);
    let (logits, classes) = (numbers(PIXELS * 2), labels(2));
    let (batch, mut loss, mut words, mut report) = (good(&logits, &classes), 0.5, [0; SCRATCH], ErrorReport::default());
    // SAFETY: all that the pointers point to lives; what is misaligned is refused.
    let status = unsafe {
        scarce_cross_entropy_lovasz_value(&batch, misaligned, words.as_mut_ptr(), SCRATCH, &mut loss, &mut report)
    };
    assert_eq!((status, report), (Status::Misaligned as i32, told_of(Status::Misaligned, Buffer::Options)));
}

#[test]
fn lengths_of_scratch_are_the_library_s() {
    type Both = Sum<CrossEntropy<2>, Lovasz<2>>;
    type ByHeap = Lovasz<2, scarce::Softmax, Heap>;
    for pixels in [0, 1, 12_031, 12_032, 65_536, 65_537, usize::MAX] {
        assert_eq!(scarce_lovasz_scratch_len(pixels), scratch_len::<2, Lovasz<2>>(pixels));
        assert_eq!(scarce_lovasz_scratch_len_to_write(pixels), scratch_len_to_write::<2, Lovasz<2>>(pixels));
        assert_eq!(scarce_lovasz_heap_scratch_len(pixels), scratch_len::<4, Lovasz<4, scarce::Softmax, Heap>>(pixels));
        assert_eq!(scarce_lovasz_heap_scratch_len_to_write(pixels), scratch_len_to_write::<2, ByHeap>(pixels));
        assert_eq!(scarce_lovasz_hinge_scratch_len(pixels), scratch_len::<1, LovaszHinge>(pixels));
        assert_eq!(scarce_lovasz_hinge_scratch_len_to_write(pixels), scratch_len_to_write::<1, LovaszHinge>(pixels));
        assert_eq!(scarce_lovasz_hinge_heap_scratch_len(pixels), scratch_len::<1, LovaszHinge<Heap>>(pixels));
        assert_eq!(
            scarce_lovasz_hinge_heap_scratch_len_to_write(pixels),
            scratch_len_to_write::<1, LovaszHinge<Heap>>(pixels)
        );
        assert_eq!(scarce_ohem_scratch_len(pixels), scratch_len::<3, Ohem<CrossEntropy<3>>>(pixels));
        assert_eq!(scarce_cross_entropy_lovasz_scratch_len(pixels), scratch_len::<2, Both>(pixels));
        assert_eq!(scarce_cross_entropy_lovasz_scratch_len_to_write(pixels), scratch_len_to_write::<2, Both>(pixels));
        assert_eq!(scarce_pixel_contrast_scratch_len(pixels), PixelContrast::scratch_len(pixels));
    }
}

/// That three functions of a loss that takes no batch do what three methods do.
fn same_of<T: PartialEq + Debug>(c: [T; 3], rust: [T; 3]) {
    for ((c, rust), verb) in c.into_iter().zip(rust).zip(VERBS) {
        assert_eq!(c, rust, "{verb:?}");
    }
}

/// A value and a gradient of eight dimensions or two classes that a call writes; the bits of both.
fn written(len: usize, call: impl FnOnce(*mut f32, *mut f32, *mut ErrorReport) -> i32) -> Vec<u32> {
    let (mut grad, mut loss, mut report) = (vec![0.25; len], f32::NAN, ErrorReport::default());
    let status = call(grad.as_mut_ptr(), &mut loss, &mut report);
    assert_eq!((status, report), (0, ErrorReport::default()));
    grad.push(loss);
    bits(&grad)
}

#[test]
fn semantic_encoding_is_the_library_s() {
    let (logits, classes) = (numbers(IMAGES * 2), labels(2));
    let presence = Presence {
        logits: logits.as_ptr(),
        labels: classes.as_ptr(),
        images: IMAGES,
        classes: 2,
        pixels: PIXELS,
        has_ignore: 1,
        ignore: IGNORED,
    };
    let weighted = SemanticEncodingOptions { weights: WEIGHTS.as_ptr(), counting_empty_images: 1 };
    let asked = scarce_semantic_encoding_default();
    let usual = SemanticEncoding::<2>::new();
    let cases: [(*const SemanticEncodingOptions, _); 3] =
        [(ptr::null(), usual), (&asked, usual), (&weighted, usual.with_weights(WEIGHTS).counting_empty_images())];
    for (options, loss) in cases {
        let rows = logits.as_chunks::<2>().0;
        let view = Labels::new(&classes).ignoring(IGNORED);
        let rust = |verb| {
            let mut grad = [[0.25; 2]; IMAGES];
            let value = match verb {
                Verb::Value => loss.value(rows, view),
                Verb::Add(_) => loss.add_grad(rows, view, 0.5, &mut grad),
                Verb::Write => loss.value_and_grad(rows, view, &mut grad),
            };
            let mut all = grad.as_flattened().to_vec();
            all.push(value.expect("good data"));
            bits(&all)
        };
        // SAFETY: all that the pointers point to lives.
        let c = unsafe {
            [
                written(4, |_, loss, error| scarce_semantic_encoding_value(&presence, options, loss, error)),
                written(4, |grad, loss, error| {
                    scarce_semantic_encoding_add_grad(&presence, options, 0.5, grad, loss, error)
                }),
                written(4, |grad, loss, error| {
                    scarce_semantic_encoding_value_and_grad(&presence, options, grad, loss, error)
                }),
            ]
        };
        same_of(c, VERBS.map(rust));
    }

    let spoilt = |expected: ErrorReport, presence: *const Presence, grad: *mut f32| {
        let (mut loss, mut report) = (0.5, ErrorReport::default());
        // SAFETY: all that the pointers point to lives, or is refused.
        let status =
            unsafe { scarce_semantic_encoding_value_and_grad(presence, ptr::null(), grad, &mut loss, &mut report) };
        assert_eq!((status, report, loss), (expected.status, expected, 0.5));
    };
    let mut grad = [0.0; 4];
    let grad = grad.as_mut_ptr();
    spoilt(told_of(Status::Null, Buffer::Data), ptr::null(), grad);
    spoilt(told_of(Status::Null, Buffer::Grad), &presence, ptr::null_mut());
    spoilt(told_of(Status::Null, Buffer::Logits), &Presence { logits: ptr::null(), ..presence }, grad);
    spoilt(told_of(Status::Null, Buffer::Labels), &Presence { labels: ptr::null(), ..presence }, grad);
    spoilt(told_of(Status::Overlap, Buffer::Grad), &Presence { logits: grad, ..presence }, grad);
    spoilt(told_of(Status::TooLong, Buffer::Logits), &Presence { images: usize::MAX, ..presence }, grad);
    spoilt(ErrorReport { got: 200, ..told(Status::NotBuilt) }, &Presence { classes: 200, images: 0, ..presence }, grad);
    let images = ErrorReport { needed: 1, got: PIXELS - 1, ..told(Status::Images) };
    let of_one = Presence { images: 5, ..presence };
    let five = numbers(10);
    let mut grad_of_five = [0.0; 10];
    spoilt(
        ErrorReport { needed: 5, got: PIXELS, ..images },
        &Presence { logits: five.as_ptr(), ..of_one },
        grad_of_five.as_mut_ptr(),
    );
}

#[test]
fn pixel_contrast_is_the_library_s() {
    const D: usize = 8;
    let (rows, classes, anchors) = (numbers(PIXELS * D), labels(3), [0_u32, 2, 5, 7, 9, 10]);
    let all = Embeddings {
        rows: rows.as_ptr(),
        labels: classes.as_ptr(),
        number: PIXELS,
        dimensions: D,
        anchors: ptr::null(),
        anchors_len: 99, // of no list
        has_ignore: 1,
        ignore: IGNORED,
    };
    let some = Embeddings { anchors: anchors.as_ptr(), anchors_len: anchors.len(), ..all };
    let view = Labels::new(&classes).ignoring(IGNORED);
    let chunks = rows.as_chunks::<D>().0;
    let all_in_rust = scarce::Embeddings::new(chunks, view).expect("good embeddings");
    let some_in_rust = scarce::Embeddings::at(chunks, view, &anchors).expect("good embeddings");
    let asked = scarce_pixel_contrast_default();
    let other = PixelContrastOptions { temperature: 9.0, base_temperature: 0.5, normalizing: 1 };
    let usual = PixelContrast::new();
    let cases: [(*const PixelContrastOptions, _); 3] = [
        (ptr::null(), usual),
        (&asked, usual),
        (&other, usual.with_temperature(9.0).with_base_temperature(0.5).normalizing()),
    ];
    for (options, loss) in cases {
        for (embeddings, in_rust) in [(all, all_in_rust), (some, some_in_rust)] {
            let (mut words, mut others) = ([7; 256 + 4 * PIXELS], [7; 256 + 4 * PIXELS]);
            let (scratch, len) = (words.as_mut_ptr(), words.len());
            let mut rust = |verb| {
                let mut grad = [[0.25; D]; PIXELS];
                let value = match verb {
                    Verb::Value => loss.value(&in_rust, Within, &mut All, &mut others),
                    Verb::Add(_) => loss.add_grad(&in_rust, Within, &mut All, 0.5, &mut grad, &mut others),
                    Verb::Write => loss.value_and_grad(&in_rust, Within, &mut All, &mut grad, &mut others),
                };
                let mut all = grad.as_flattened().to_vec();
                all.push(value.expect("good embeddings"));
                bits(&all)
            };
            // SAFETY: all that the pointers point to lives.
            let c = unsafe {
                [
                    written(PIXELS * D, |_, loss, error| {
                        scarce_pixel_contrast_value(&embeddings, options, scratch, len, loss, error)
                    }),
                    written(PIXELS * D, |grad, loss, error| {
                        scarce_pixel_contrast_add_grad(&embeddings, options, 0.5, grad, scratch, len, loss, error)
                    }),
                    written(PIXELS * D, |grad, loss, error| {
                        scarce_pixel_contrast_value_and_grad(&embeddings, options, grad, scratch, len, loss, error)
                    }),
                ]
            };
            same_of(c, VERBS.map(&mut rust));
        }
    }

    let spoilt = |expected: ErrorReport, embeddings: *const Embeddings, grad: *mut f32, scratch_len: usize| {
        let (mut loss, mut report, mut words) = (0.5, ErrorReport::default(), [7; 256 + 4 * PIXELS]);
        let normalizing = PixelContrastOptions { normalizing: 1, ..asked };
        // SAFETY: all that the pointers point to lives, or is refused.
        let status = unsafe {
            let scratch = words.as_mut_ptr();
            scarce_pixel_contrast_value_and_grad(
                embeddings,
                &normalizing,
                grad,
                scratch,
                scratch_len,
                &mut loss,
                &mut report,
            )
        };
        assert_eq!((status, report, loss), (expected.status, expected, 0.5));
        assert_eq!(words, [7; 256 + 4 * PIXELS]);
    };
    let (mut grad, enough) = ([0.0; PIXELS * D], 256 + 4 * PIXELS);
    let grad = grad.as_mut_ptr();
    let bad_anchors = [0, PIXELS as u32];
    let zeros = [0.0; PIXELS * D];
    spoilt(told_of(Status::Null, Buffer::Data), ptr::null(), grad, enough);
    spoilt(told_of(Status::Null, Buffer::Embeddings), &Embeddings { rows: ptr::null(), ..all }, grad, enough);
    spoilt(told_of(Status::Null, Buffer::Grad), &all, ptr::null_mut(), enough);
    spoilt(told_of(Status::Overlap, Buffer::Grad), &Embeddings { rows: grad, ..all }, grad, enough);
    spoilt(told_of(Status::Overlap, Buffer::Grad), &Embeddings { anchors: grad.cast(), ..some }, grad, enough);
    spoilt(told_of(Status::TooLong, Buffer::Embeddings), &Embeddings { number: usize::MAX, ..all }, grad, enough);
    spoilt(told_of(Status::TooLong, Buffer::Anchors), &Embeddings { anchors_len: usize::MAX, ..some }, grad, enough);
    spoilt(ErrorReport { got: 7, ..told(Status::NotBuilt) }, &Embeddings { dimensions: 7, ..all }, grad, enough);
    spoilt(
        ErrorReport { index: 1, ..told(Status::Anchor) },
        &Embeddings { anchors: bad_anchors.as_ptr(), anchors_len: 2, ..all },
        grad,
        enough,
    );
    spoilt(told(Status::Embedding), &Embeddings { rows: zeros.as_ptr(), ..all }, grad, enough);
    let short = ErrorReport { needed: enough, got: enough - 1, ..told_of(Status::Length, Buffer::Scratch) };
    spoilt(short, &all, grad, enough - 1);
}
