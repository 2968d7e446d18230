//! Fine-tuning and measuring with the loss of a whole frame, tile by tile.

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};
use scarce::metrics::Confusion;
use scarce::{
    Batch, CrossEntropy, Labels, Loss, LovaszHistogram, MinKept, Ohem, Overlap, Sum, Tiled, Tiles, scratch_len,
};
use scarce_mcu::camera::Things;
use scarce_mcu::{
    AdaptationError, Frame, IGNORED, Layout, LengthError, Moments, Momentum, Network, Parameters, Recipe, Rows, Scope,
    Shape, Slice, TileWorkspace, TiledFineTuning, TrainingError, measure_tiled, normalize_with,
};
use std::ops::Range;

/// A row is a multiple of 64 pixels, so that sums are added in the same order whatever the tiles.
const SHAPE: Shape = Shape::new(9, 64);
const RECIPE: Recipe = Recipe { scope: Scope::AllLayers, steps: 3, rate: 0.1, largest_norm: 1.0 };
/// Rows of a tile: some leave a smaller last one.
const TILINGS: [usize; 4] = [1, 2, 4, 9];

type Model<const D: usize> = Network<2, 5, 3, D>;

/// Buffers of just the lengths that a layout tells, full of what must not be read.
struct Memory<const D: usize> {
    layout: Layout,
    image: Vec<[u8; 2]>,
    labels: Vec<u8>,
    inputs: Vec<[f32; 2]>,
    activations: Vec<[f32; 5]>,
    logits: Vec<[f32; 3]>,
}

impl<const D: usize> Memory<D> {
    fn new(rows: usize) -> Self {
        let layout = Layout::of_tiles(SHAPE.width, rows);
        let window = layout.band_len::<2, 5, 3, D>();
        Self {
            layout,
            image: vec![[77; 2]; window],
            labels: vec![1; layout.strip_len()],
            inputs: vec![[f32::NAN; 2]; window],
            activations: vec![[f32::NAN; 5]; layout.activations_len::<2, 5, 3, D>()],
            logits: vec![[f32::NAN; 3]; window],
        }
    }

    fn workspace(&mut self) -> TileWorkspace<'_, 2, 5, 3> {
        TileWorkspace {
            layout: self.layout,
            image: &mut self.image,
            labels: &mut self.labels,
            inputs: &mut self.inputs,
            activations: &mut self.activations,
            logits: &mut self.logits,
        }
    }
}

#[derive(Clone)]
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
        let mut labels: Vec<u8> = image.iter().map(label).collect();
        labels[3 * SHAPE.width..4 * SHAPE.width].fill(IGNORED);
        Self { image, labels }
    }

    fn frame(&mut self) -> Frame<'_, 2> {
        Frame::new(SHAPE, &mut self.image, &mut self.labels).expect("one element a pixel")
    }
}

fn network<const D: usize>() -> Model<D> {
    Network::new(&mut Pcg32::seed_from_u64(5))
}

/// What a frame as a whole takes.
struct Whole<const D: usize> {
    inputs: Vec<[f32; 2]>,
    activations: Vec<[f32; 5]>,
    logits: Vec<[f32; 3]>,
}

impl<const D: usize> Whole<D> {
    fn new(network: &Model<D>, frame: &Frame<'_, 2>) -> Self {
        let mut whole = Self {
            inputs: vec![[0.0; 2]; SHAPE.pixels()],
            activations: vec![[0.0; 5]; Model::<D>::activations_len(SHAPE)],
            logits: vec![[0.0; 3]; SHAPE.pixels()],
        };
        normalize_with(frame.moments(), frame.image(), &mut whole.inputs).expect("one element a pixel");
        let Self { inputs, activations, logits } = &mut whole;
        network.forward(inputs, SHAPE, activations, logits).expect("buffers fit");
        whole
    }
}

/// Steps on one frame with buffers for all of it: the losses and the network.
fn trained_on_whole<const D: usize, L: Loss<3>>(loss: &L, scope: Scope, frame: &Frame<'_, 2>) -> (Vec<f32>, Model<D>) {
    let mut network = network::<D>();
    let (mut all, mut head) = (Momentum::new().with_clipping(1.0), Momentum::new().with_clipping(1.0));
    let mut scratch = vec![0; scratch_len::<3, L>(SHAPE.pixels())];
    let losses = (0..RECIPE.steps).map(|step| {
        let Whole { inputs, mut activations, logits } = Whole::new(&network, frame);
        let batch = Batch::new(&logits[..], Labels::new(frame.labels()).ignoring(IGNORED)).expect("finite");
        let mut slopes = vec![[0.0; 3]; SHAPE.pixels()];
        let value = loss.value_and_grad(&batch, &mut slopes[..], &mut scratch).expect("valid");
        let mut gradient = Network::zeros();
        network.backward(&inputs, SHAPE, &mut activations, &slopes, &mut gradient).expect("buffers fit");
        let rate = scarce_mcu::schedule::linear(step, RECIPE.steps, RECIPE.rate);
        match scope {
            Scope::AllLayers => all.step(&mut network, &gradient, rate),
            Scope::Head => head.step(&mut network.head, &gradient.head, rate),
        }
        value
    });
    (losses.collect(), network)
}

/// The same steps tile by tile; how many calls the first took.
fn trained_by_tiles<const D: usize, L: Tiled<3> + Copy>(
    loss: &L,
    scope: Scope,
    frame: &mut Frame<'_, 2>,
    rows: usize,
) -> (usize, Vec<f32>, Model<D>) {
    let mut tiles = Tiles::new();
    let mut memory = Memory::<D>::new(rows);
    let mut training = TiledFineTuning::new(network::<D>(), *loss, Recipe { scope, ..RECIPE }, &mut tiles);
    let (mut calls, mut losses) = (0, Vec::new());
    loop {
        calls += usize::from(losses.is_empty());
        match training.train(frame, &mut memory.workspace()).expect("buffers fit") {
            Slice::InFrame => assert!(!training.is_done()),
            Slice::Step(loss) => losses.push(loss),
            Slice::Done => return (calls - usize::from(losses.is_empty()), losses, training.into_network()),
        }
    }
}

fn tiles_train_as_the_whole_frame<const D: usize, L: Tiled<3> + Copy>(loss: L, scope: Scope, passes: Range<usize>) {
    let mut picture = Picture::new(2);
    let mut frame = picture.frame();
    let (losses, expected) = trained_on_whole::<D, L>(&loss, scope, &frame);
    assert!(losses.iter().all(|loss| *loss > 0.0) && expected != network::<D>());
    for rows in TILINGS {
        let (calls, of_tiles, trained) = trained_by_tiles::<D, L>(&loss, scope, &mut frame, rows);
        // A convolution passes gradients on to the rows around it, of each tile by itself.
        let same_order = D == 0 || scope == Scope::Head;
        assert_eq!(of_tiles[0], losses[0], "tiles of {rows} rows");
        for (ours, theirs) in of_tiles.iter().zip(&losses).chain(trained.parameters().zip(expected.parameters())) {
            let equal = if same_order { ours == theirs } else { (ours - theirs).abs() <= 1e-6 };
            assert!(equal, "tiles of {rows} rows: {ours}, not {theirs}");
        }
        let tiles = SHAPE.height.div_ceil(rows);
        assert!(calls % tiles == 0 && passes.contains(&(calls / tiles)), "{calls} calls for {tiles} tiles");
    }
}

const ENTROPY: CrossEntropy<3> = CrossEntropy::new();
/// One pass for the loss, one for the gradient.
const TWO_PASSES: Range<usize> = 2..3;

#[test]
fn tiles_train_as_the_whole_frame_with_the_bits_of_cross_entropy_and_lovasz_in_bins() {
    const LOSS: Sum<CrossEntropy<3>, LovaszHistogram<3, 64>> = Sum((1.0, ENTROPY), (1.0, LovaszHistogram::new()));
    for scope in [Scope::Head, Scope::AllLayers] {
        tiles_train_as_the_whole_frame::<0, _>(LOSS, scope, TWO_PASSES);
        tiles_train_as_the_whole_frame::<1, _>(LOSS, scope, TWO_PASSES);
    }
}

#[test]
fn tiles_train_as_the_whole_frame_with_the_bits_of_dice_and_cross_entropy() {
    tiles_train_as_the_whole_frame::<0, _>(Sum((1.0, Overlap::dice()), (0.5, ENTROPY)), Scope::AllLayers, TWO_PASSES);
}

#[test]
fn tiles_train_as_the_whole_frame_with_the_bits_of_hard_example_mining() {
    let loss = Ohem::loss_threshold(ENTROPY, 9.0, MinKept::Fraction(0.2));
    tiles_train_as_the_whole_frame::<0, _>(loss, Scope::AllLayers, 3..9);
}

#[test]
fn measuring_by_tiles_is_measuring_the_whole_frame() {
    let (network, mut picture) = (network::<2>(), Picture::new(1));
    let mut frame = picture.frame();
    frame.set_field(Some([Moments { mean: 100.0, deviation: 50.0 }; 2]));
    let logits = Whole::new(&network, &frame).logits;
    let mut expected = Confusion::new();
    let labels = Labels::new(frame.labels()).ignoring(IGNORED);
    expected.observe_scores(&Batch::new(&logits[..], labels).expect("finite"));
    for rows in TILINGS.into_iter().chain([20]) {
        let (mut confusion, mut tiles) = (Confusion::new(), 0);
        measure_tiled(&network, &mut frame, &mut Memory::<2>::new(rows).workspace(), &mut confusion, || tiles += 1)
            .expect("buffers fit");
        assert_eq!(confusion, expected, "tiles of {rows} rows");
        assert_eq!(tiles, SHAPE.height.div_ceil(rows));
    }
}

#[test]
fn of_a_frame_without_labels_nothing_is_learnt() {
    let mut tiles = Tiles::new();
    let (mut memory, mut picture) = (Memory::<0>::new(4), Picture::new(3));
    let mut training = TiledFineTuning::new(network::<0>(), ENTROPY, RECIPE, &mut tiles);
    let mut step = |picture: &mut Picture| loop {
        match training.train(&mut picture.frame(), &mut memory.workspace()).expect("buffers fit") {
            Slice::InFrame => {}
            Slice::Step(loss) => break (loss, training.network().clone()),
            Slice::Done => panic!("there are steps left"),
        }
    };
    let (loss, learnt) = step(&mut picture);
    assert!(loss > 0.0 && learnt != network::<0>());
    picture.labels.fill(IGNORED);
    // Not even by the momentum of the step before.
    assert_eq!(step(&mut picture), (0.0, learnt));
}

/// A picture that cannot be read at one of the attempts.
struct Unsteady<'a> {
    frame: Frame<'a, 2>,
    reads_left: usize,
}

impl Unsteady<'_> {
    fn read(&mut self) -> Result<(), &'static str> {
        self.reads_left = self.reads_left.checked_sub(1).unwrap_or(usize::MAX);
        if self.reads_left == usize::MAX { Err("unplugged") } else { Ok(()) }
    }
}

impl Rows<2> for Unsteady<'_> {
    type Error = &'static str;

    fn shape(&self) -> Shape {
        self.frame.shape()
    }

    fn moments(&self) -> [Moments; 2] {
        self.frame.moments()
    }

    fn read_image(&mut self, rows: Range<usize>, image: &mut [[u8; 2]]) -> Result<(), Self::Error> {
        self.read()?;
        Rows::read_image(&mut self.frame, rows, image).map_err(|_| "of another length")
    }

    fn read_labels(&mut self, rows: Range<usize>, labels: &mut [u8]) -> Result<(), Self::Error> {
        self.read()?;
        Rows::read_labels(&mut self.frame, rows, labels).map_err(|_| "of another length")
    }
}

#[test]
fn a_tile_that_could_not_be_read_is_read_again() {
    let loss = Sum((1.0, ENTROPY), (1.0, LovaszHistogram::<3, 64>::new()));
    let mut picture = Picture::new(6);
    let (.., expected) = trained_by_tiles::<0, _>(&loss, Scope::AllLayers, &mut picture.frame(), 4);
    // Three tiles in two passes in three steps, two reads each.
    for reads_left in 0..36 {
        let (mut tiles, mut memory) = (Tiles::new(), Memory::<0>::new(4));
        let mut training = TiledFineTuning::new(network::<0>(), loss, RECIPE, &mut tiles);
        let mut frame = Unsteady { frame: picture.frame(), reads_left };
        let mut failures = 0;
        while !training.is_done() {
            if let Err(error) = training.train(&mut frame, &mut memory.workspace()) {
                assert_eq!(error, AdaptationError::Camera("unplugged"));
                failures += 1;
            }
        }
        assert_eq!(failures, 1);
        assert_eq!(training.into_network(), expected, "after a failure at read {reads_left}");
    }
}

#[test]
fn buffers_that_do_not_fit_are_named_and_nothing_is_trained() {
    let fails = |spoil: fn(&mut Memory<1>), message: &str| {
        let (mut tiles, mut picture, mut memory) = (Tiles::new(), Picture::new(7), Memory::<1>::new(4));
        spoil(&mut memory);
        let mut training = TiledFineTuning::new(network::<1>(), ENTROPY, RECIPE, &mut tiles);
        let error = training.train(&mut picture.frame(), &mut memory.workspace()).expect_err("a buffer does not fit");
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(training.into_network(), network::<1>());
        let mut confusion = Confusion::new();
        let error =
            measure_tiled(&network::<1>(), &mut picture.frame(), &mut memory.workspace(), &mut confusion, || ());
        assert!(error.expect_err("a buffer does not fit").to_string().contains(message));
    };
    fails(|memory| assert!(memory.image.pop().is_some()), "image");
    fails(|memory| memory.labels.push(0), "labels");
    fails(|memory| assert!(memory.inputs.pop().is_some()), "input");
    fails(|memory| memory.activations.push([0.0; 5]), "activations");
    fails(|memory| assert!(memory.logits.pop().is_some()), "logits");
    fails(|memory| memory.layout.width = 9, "row: 9 pixels needed, got 64");
}

#[test]
fn training_that_diverges_says_so() {
    let (mut network, mut tiles, mut picture) = (network::<0>(), Tiles::new(), Picture::new(8));
    network.head.bias[1] = f32::INFINITY;
    let mut training = TiledFineTuning::new(network, ENTROPY, RECIPE, &mut tiles);
    let error = training.train(&mut picture.frame(), &mut Memory::<0>::new(4).workspace());
    let expected: AdaptationError<LengthError> = TrainingError::Loss(scarce::Error::NonFinite { pixel: 0 }).into();
    assert_eq!(error, Err(expected));
}

#[test]
fn things_are_drawn_alike_in_any_rows_and_come_in_every_class() {
    const SHAPE: Shape = Shape::new(120, 160);
    let mut seen = [0_u32; 5];
    for seed in 0..8 {
        let mut things = Things::new(SHAPE, 5, seed);
        let (mut image, mut labels) = (vec![[0]; SHAPE.pixels()], vec![9; SHAPE.pixels()]);
        let Ok(()) = things.read_image(0..SHAPE.height, &mut image);
        let Ok(()) = things.read_labels(0..SHAPE.height, &mut labels);
        labels.iter().for_each(|&label| seen[usize::from(label)] += 1);
        for (row, (pixels, classes)) in image.chunks(SHAPE.width).zip(labels.chunks(SHAPE.width)).enumerate() {
            let (mut again, mut classes_again) = (vec![[0]; SHAPE.width], vec![9; SHAPE.width]);
            let Ok(()) = things.read_image(row..row + 1, &mut again);
            let Ok(()) = things.read_labels(row..row + 1, &mut classes_again);
            assert_eq!((pixels, classes), (&again[..], &classes_again[..]));
            for ([level], class) in pixels.iter().zip(classes) {
                assert!(level.abs_diff(40 + 40 * class) <= 32, "a pixel of class {class} is {level}");
            }
        }
    }
    assert!(seen.is_sorted_by(|a, b| a > b) && seen[4] > 0, "each class is rarer than the one before: {seen:?}");
}
