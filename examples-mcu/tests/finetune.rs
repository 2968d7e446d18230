//! Fine-tuning and measuring by strips and bands.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use scarce::metrics::{Confusion, argmax};
use scarce::{Batch, CrossEntropy, Heap, Labels, Loss, Lovasz, Sum, scratch_len_to_write};
use scarce_mcu::camera::{Camera, Purpose, Round};
use scarce_mcu::{
    Adaptation, AdaptationError, FineTuning, Frame, IGNORED, Layout, Moments, Momentum, Network, Parameters, Recipe,
    Scope, Shape, Slice, TrainingError, Verdict, Workspace, measure, normalize_with, validate,
};
use std::ops::Range;

const SHAPE: Shape = Shape::new(13, 10);
const RECIPE: Recipe = Recipe { scope: Scope::AllLayers, steps: 4, rate: 0.1, largest_norm: 1.0 };
const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new().with_sort(Heap)));
type Objective = Sum<CrossEntropy<3>, Lovasz<3, scarce::Softmax, Heap>>;

/// Buffers of just the lengths that a layout tells.
struct Memory<const D: usize> {
    layout: Layout,
    inputs: Vec<[f32; 2]>,
    activations: Vec<[f32; 5]>,
    band_gradient: Vec<[f32; 3]>,
    strips: [Vec<[f32; 3]>; 2],
    scratch: Vec<u32>,
}

impl<const D: usize> Memory<D> {
    fn new(strip_rows: usize, band_rows: usize) -> Self {
        let layout = Layout { width: SHAPE.width, strip_rows, band_rows };
        Self {
            layout,
            inputs: vec![[f32::NAN; 2]; layout.band_len::<2, 5, 3, D>()],
            activations: vec![[f32::NAN; 5]; layout.activations_len::<2, 5, 3, D>()],
            band_gradient: vec![[f32::NAN; 3]; layout.band_len::<2, 5, 3, D>()],
            strips: [(); 2].map(|()| vec![[f32::NAN; 3]; layout.strip_len()]),
            scratch: vec![u32::MAX; scratch_len_to_write::<3, Objective>(layout.strip_len())],
        }
    }

    fn workspace(&mut self) -> Workspace<'_, 2, 5, 3> {
        let [logits, logit_gradient] = &mut self.strips;
        Workspace {
            layout: self.layout,
            inputs: &mut self.inputs,
            activations: &mut self.activations,
            band_gradient: &mut self.band_gradient,
            logits,
            logit_gradient,
            scratch: &mut self.scratch,
        }
    }
}

struct Picture {
    image: Vec<[u8; 2]>,
    labels: Vec<u8>,
}

impl Picture {
    fn new(seed: u64) -> Self {
        let mut random = Pcg32::seed_from_u64(seed);
        let mut byte = || (random.next_u32() >> 24) as u8;
        let image: Vec<_> = (0..SHAPE.pixels()).map(|_| [byte(), byte()]).collect();
        let label = |&[first, second]: &[u8; 2]| [u8::from(first > second), 2, IGNORED][usize::from(second % 16 == 3)];
        Self { labels: image.iter().map(label).collect(), image }
    }

    fn frame(&mut self) -> Frame<'_, 2> {
        Frame::new(SHAPE, &mut self.image, &mut self.labels).expect("one element a pixel")
    }
}

fn logits_of_whole_frame<const D: usize>(network: &Network<2, 5, 3, D>, frame: &Frame<'_, 2>) -> Vec<[f32; 3]> {
    let mut inputs = vec![[0.0; 2]; SHAPE.pixels()];
    normalize_with(frame.moments(), frame.image(), &mut inputs).expect("one element a pixel");
    let mut activations = vec![[0.0; 5]; Network::<2, 5, 3, D>::activations_len(SHAPE)];
    let mut logits = vec![[0.0; 3]; SHAPE.pixels()];
    network.forward(&inputs, SHAPE, &mut activations, &mut logits).expect("buffers fit");
    logits
}

fn network<const D: usize>() -> Network<2, 5, 3, D> {
    Network::new(&mut Pcg32::seed_from_u64(5))
}

/// Every split, some of which leave a smaller last strip and band, gives what the frame as a whole does.
fn measuring_by_strips_is_measuring_the_whole<const D: usize>() {
    let (network, mut picture) = (network::<D>(), Picture::new(1));
    let frame = picture.frame();
    let logits = logits_of_whole_frame(&network, &frame);
    let predictions: Vec<u8> = logits.iter().map(|row| argmax(row) as u8).collect();
    let mut expected = Confusion::new();
    expected.observe(Labels::new(frame.labels()).ignoring(IGNORED), &predictions).expect("labels are classes");
    for (strip_rows, band_rows) in [(13, 13), (13, 1), (4, 4), (5, 2), (1, 1), (6, 4), (20, 20)] {
        let mut memory = Memory::<D>::new(strip_rows, band_rows);
        let (mut confusion, mut strips) = (Confusion::new(), 0);
        let counts = measure(&network, &frame, &mut memory.workspace(), &mut confusion, || strips += 1);
        let counts = counts.expect("buffers fit");
        assert_eq!(confusion, expected, "strips of {strip_rows}, bands of {band_rows}");
        let predicted = |class: u8| predictions.iter().filter(|&&prediction| prediction == class).count() as u32;
        assert_eq!(counts, [predicted(0), predicted(1), predicted(2)]);
        assert_eq!(strips, SHAPE.height.div_ceil(strip_rows));
        if strip_rows >= SHAPE.height {
            assert_eq!(memory.strips[0][..SHAPE.pixels()], logits, "bands of {band_rows}: the same bits");
        }
    }
}

#[test]
fn measuring_by_strips_is_measuring_the_whole_frame() {
    measuring_by_strips_is_measuring_the_whole::<0>();
    measuring_by_strips_is_measuring_the_whole::<1>();
    measuring_by_strips_is_measuring_the_whole::<2>();
}

/// One step by bands against one with the activations of the whole frame at hand.
fn a_step_by_bands_is_a_step_of_the_whole<const D: usize>(scope: Scope) {
    let (network, mut picture) = (network::<D>(), Picture::new(2));
    let frame = picture.frame();
    let mut inputs = vec![[0.0; 2]; SHAPE.pixels()];
    normalize_with(frame.moments(), frame.image(), &mut inputs).expect("one element a pixel");
    let mut activations = vec![[0.0; 5]; Network::<2, 5, 3, D>::activations_len(SHAPE)];
    let mut logits = vec![[0.0; 3]; SHAPE.pixels()];
    network.forward(&inputs, SHAPE, &mut activations, &mut logits).expect("buffers fit");
    let batch = Batch::new(&logits[..], Labels::new(frame.labels()).ignoring(IGNORED)).expect("finite");
    let mut slopes = vec![[0.0; 3]; SHAPE.pixels()];
    let mut scratch = vec![0; scratch_len_to_write::<3, Objective>(SHAPE.pixels())];
    let value = LOSS.value_and_grad(&batch, &mut slopes[..], &mut scratch).expect("valid");
    let mut gradient = Network::zeros();
    network.backward(&inputs, SHAPE, &mut activations, &slopes, &mut gradient).expect("buffers fit");
    let mut expected = network.clone();
    if scope == Scope::Head {
        Momentum::new().with_clipping(1.0).step(&mut expected.head, &gradient.head, RECIPE.rate);
    } else {
        Momentum::new().with_clipping(1.0).step(&mut expected, &gradient, RECIPE.rate);
    }
    for band_rows in [13, 4, 1] {
        let mut memory = Memory::<D>::new(SHAPE.height, band_rows);
        let mut training = FineTuning::new(network.clone(), LOSS, Recipe { scope, ..RECIPE });
        let slice = training.train(&frame, &mut memory.workspace());
        assert_eq!(slice, Ok(Slice::Step(value)));
        let trained = training.into_network();
        for (index, (&ours, &theirs)) in trained.parameters().zip(expected.parameters()).enumerate() {
            assert!((ours - theirs).abs() <= 1e-6, "bands of {band_rows}, parameter {index}: {ours}, not {theirs}");
        }
        let moved = trained.parameters().zip(network.parameters()).filter(|(after, before)| after != before).count();
        assert!(moved > 6, "{moved} parameters moved");
        if scope == Scope::Head {
            assert_eq!((&trained.first, &trained.deep), (&network.first, &network.deep));
        }
    }
}

#[test]
fn a_step_by_bands_is_a_step_of_the_whole_frame() {
    for scope in [Scope::Head, Scope::AllLayers] {
        a_step_by_bands_is_a_step_of_the_whole::<0>(scope);
        a_step_by_bands_is_a_step_of_the_whole::<1>(scope);
        a_step_by_bands_is_a_step_of_the_whole::<2>(scope);
    }
}

#[test]
fn strips_without_labels_do_not_dilute_a_step() {
    let (network, mut picture) = (network::<0>(), Picture::new(3));
    picture.labels[4 * SHAPE.width..].fill(IGNORED);
    let frame = picture.frame();
    let trained = |strip_rows| {
        let mut memory = Memory::<0>::new(strip_rows, 2);
        let mut training = FineTuning::new(network.clone(), LOSS, RECIPE);
        let mut slices = 1;
        while training.train(&frame, &mut memory.workspace()).expect("buffers fit") == Slice::InFrame {
            slices += 1;
        }
        assert_eq!(slices, SHAPE.height.div_ceil(strip_rows));
        training.into_network()
    };
    assert_eq!(trained(4), trained(13));
}

#[test]
fn training_ends_after_its_steps_and_lowers_the_loss() {
    let mut picture = Picture::new(4);
    let frame = picture.frame();
    let mut memory = Memory::<1>::new(5, 3);
    let mut training = FineTuning::new(network::<1>(), LOSS, Recipe { steps: 60, ..RECIPE });
    let mut losses = Vec::new();
    loop {
        match training.train(&frame, &mut memory.workspace()).expect("buffers fit") {
            Slice::InFrame => assert!(!training.is_done()),
            Slice::Step(loss) => losses.push(loss),
            Slice::Done => break,
        }
    }
    assert!(training.is_done());
    assert_eq!(losses.len(), 60);
    assert!(losses[59] < 0.8 * losses[0], "{losses:?}");
}

#[test]
fn a_window_is_normalised_by_its_field_of_view() {
    let (network, mut picture) = (network::<0>(), Picture::new(6));
    let mut frame = picture.frame();
    let own = logits_of_whole_frame(&network, &frame);
    frame.set_field(Some([Moments { mean: 100.0, deviation: 9.0 }; 2]));
    assert_ne!(logits_of_whole_frame(&network, &frame), own);
    let mut memory = Memory::<0>::new(13, 4);
    measure(&network, &frame, &mut memory.workspace(), &mut Confusion::new(), || ()).expect("buffers fit");
    assert_eq!(memory.strips[0], logits_of_whole_frame(&network, &frame));
}

#[test]
fn buffers_that_do_not_fit_are_named_and_nothing_is_trained() {
    let mut picture = Picture::new(7);
    let frame = picture.frame();
    let fails = |spoil: fn(&mut Memory<1>), message: &str| {
        let mut memory = Memory::<1>::new(5, 3);
        spoil(&mut memory);
        let mut training = FineTuning::new(network::<1>(), LOSS, RECIPE);
        let error = training.train(&frame, &mut memory.workspace()).expect_err("a buffer does not fit");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(training.into_network(), network::<1>());
        if message != "scratch" {
            let mut confusion = Confusion::new();
            let error = measure(&network::<1>(), &frame, &mut memory.workspace(), &mut confusion, || ());
            assert!(error.expect_err("a buffer does not fit").to_string().contains(message));
        }
    };
    fails(|memory| assert!(memory.inputs.pop().is_some()), "input");
    fails(|memory| memory.activations.push([0.0; 5]), "activations");
    fails(|memory| assert!(memory.band_gradient.pop().is_some()), "gradient of a band");
    fails(|memory| assert!(memory.strips[0].pop().is_some()), "logits");
    fails(|memory| assert!(memory.strips[1].pop().is_some()), "gradient of the logits");
    fails(|memory| memory.layout.width = 9, "row: 9 pixels needed, got 10");
    fails(|memory| assert!(memory.scratch.pop().is_some()), "scratch");
}

#[test]
fn training_that_diverges_says_so() {
    let mut network = network::<0>();
    network.head.bias[1] = f32::INFINITY;
    let mut picture = Picture::new(8);
    let mut training = FineTuning::new(network, LOSS, RECIPE);
    let error = training.train(&picture.frame(), &mut Memory::<0>::new(5, 3).workspace());
    assert_eq!(error, Err(TrainingError::Loss(scarce::Error::NonFinite { pixel: 0 })));
}

/// Shows one picture to learn from, two to validate with, and fails at some captures.
struct Slides {
    pictures: [Picture; 3],
    next: usize,
    captures: usize,
    failures: Range<usize>,
}

impl Slides {
    fn new() -> Self {
        Self { pictures: [9, 10, 11].map(Picture::new), next: 1, captures: 0, failures: 0..0 }
    }

    fn failing_at(failures: Range<usize>) -> Self {
        Self { failures, ..Self::new() }
    }
}

impl Camera<2> for Slides {
    type Error = &'static str;

    fn begin_round(&mut self, _: Purpose) -> Result<(), Self::Error> {
        self.next = 1;
        Ok(())
    }

    fn capture(&mut self, purpose: Purpose, frame: &mut Frame<'_, 2>) -> Result<Round, Self::Error> {
        let capture = self.captures;
        self.captures += 1;
        if self.failures.contains(&capture) {
            return Err("unplugged");
        }
        let (picture, round) = match purpose {
            Purpose::Adapt => (&self.pictures[0], Round::Ends),
            Purpose::Validate | Purpose::Test => {
                let shown = self.next;
                self.next = 3 - shown;
                (&self.pictures[shown], if shown == 1 { Round::Continues } else { Round::Ends })
            }
        };
        frame.image_mut().copy_from_slice(&picture.image);
        frame.labels_mut().copy_from_slice(&picture.labels);
        Ok(round)
    }
}

type Small = Network<2, 5, 3, 0>;
type Outcome = Result<Verdict<Small>, AdaptationError<&'static str>>;

const CLASS: usize = 1;
const HELPFUL: Recipe = Recipe { steps: 80, ..RECIPE };
const IDLE: Recipe = Recipe { steps: 1, rate: 0.0, ..RECIPE };
const DIVERGING: Recipe = Recipe { rate: f32::MAX, largest_norm: f32::MAX, ..RECIPE };

fn validated(camera: &mut Slides, network: &Small) -> Result<Option<f32>, AdaptationError<&'static str>> {
    let mut memory = Memory::<0>::new(5, 3);
    validate(camera, &mut Picture::new(0).frame(), network, CLASS, &mut memory.workspace(), || ())
}

fn attempted(adaptation: &mut Adaptation<'_, 2, 5, 3, 0>, camera: &mut Slides, recipe: Recipe) -> Outcome {
    let mut memory = Memory::<0>::new(5, 3);
    adaptation.attempt(camera, &mut Picture::new(0).frame(), (LOSS, recipe), &mut memory.workspace(), || ())
}

/// The IoU of the network that the tests start from.
fn before() -> f32 {
    validated(&mut Slides::new(), &network()).expect("the camera works").expect("there are labels")
}

#[test]
fn frames_without_labels_tell_nothing() {
    let mut camera = Slides::new();
    camera.pictures.iter_mut().for_each(|picture| picture.labels.fill(IGNORED));
    assert_eq!(validated(&mut camera, &network()), Ok(None));
    assert_eq!(camera.captures, 2);
    let network = network();
    let mut adaptation = Adaptation::new(&network, CLASS, 0.0);
    assert_eq!(attempted(&mut adaptation, &mut camera, HELPFUL), Ok(Verdict::Unknown));
    assert_eq!(adaptation.into_best(), None);
}

#[test]
fn what_was_learnt_is_kept_only_if_it_is_better() {
    let (network, before, mut camera) = (network(), before(), Slides::new());
    let mut adaptation = Adaptation::new(&network, CLASS, before);
    assert_eq!(attempted(&mut adaptation, &mut camera, IDLE), Ok(Verdict::NoBetter(before)));
    let Ok(Verdict::Better(after, learnt)) = attempted(&mut adaptation, &mut camera, HELPFUL) else {
        panic!("80 steps do not help");
    };
    assert!(before < after, "{before} {after}");
    assert_eq!(validated(&mut camera, &learnt), Ok(Some(after)));
    let fewer = attempted(&mut adaptation, &mut camera, Recipe { steps: 60, ..HELPFUL });
    assert!(matches!(fewer, Ok(Verdict::Better(less, _)) if less < after), "{fewer:?}, not less than {after}");
    assert_eq!(adaptation.into_best(), Some((after, learnt)));
}

#[test]
fn an_attempt_that_goes_wrong_is_reported_and_undoes_nothing() {
    let (network, before) = (network(), before());
    let mut adaptation = Adaptation::new(&network, CLASS, before);
    let diverges = |adaptation: &mut _| {
        let outcome = attempted(adaptation, &mut Slides::new(), DIVERGING);
        assert!(matches!(outcome, Err(AdaptationError::Training(TrainingError::Loss(_)))), "{outcome:?}");
    };
    diverges(&mut adaptation);
    let Ok(Verdict::Better(after, learnt)) = attempted(&mut adaptation, &mut Slides::new(), HELPFUL) else {
        panic!("80 steps do not help after others diverged");
    };
    diverges(&mut adaptation);
    // Four frames to learn from, two to validate with.
    for failure in 0..6 {
        let mut camera = Slides::failing_at(failure..failure + 1);
        let outcome = attempted(&mut adaptation, &mut camera, RECIPE);
        assert_eq!(outcome, Err(AdaptationError::Camera("unplugged")), "at capture {failure}");
        // The round for validation that broke off is not gone on with: as many frames are compared as before.
        let idle = attempted(&mut adaptation, &mut camera, IDLE);
        assert_eq!(idle, Ok(Verdict::NoBetter(before)), "after a failure at capture {failure}");
    }
    assert_eq!(adaptation.into_best(), Some((after, learnt)));
}

#[test]
fn a_round_of_which_a_frame_is_missing_measures_nothing() {
    for failure in 0..2 {
        let error = validated(&mut Slides::failing_at(failure..failure + 1), &network());
        assert_eq!(error, Err(AdaptationError::Camera("unplugged")), "at capture {failure}");
    }
}
