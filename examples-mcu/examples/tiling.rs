//! What the firmware `large_frames` does, on a host, beside what takes more memory or a loss of less: fine-tuning with the loss
//! of whole frames whose logits are in memory, exact; of strips, each a batch of its own; and of whole frames of which tiles
//! are in memory, in bins.
//!
//! `cargo run --release --package scarce-mcu --example tiling > tests/expected/tiling.txt`
//!
//! Fails if tiles do worse than whole frames by more than the latter's seeds differ among themselves.

use rand_pcg::{Pcg32, rand_core::SeedableRng};
use scarce::metrics::Confusion;
use scarce::{CrossEntropy, Lovasz, LovaszHistogram, Sum, Tiles, scratch_len};
use scarce_mcu::camera::Things;
use scarce_mcu::{
    FineTuning, Frame, Head, Layout, Network, Recipe, Rows, Scope, Shape, Slice, TileWorkspace, TiledFineTuning,
    Workspace, measure_tiled,
};
use std::process::ExitCode;

const SHAPE: Shape = Shape::new(120, 160);
const CLASSES: usize = 5;
const HIDDEN: usize = 8;
/// Of a strip, and of a tile.
const ROWS: usize = 4;
const RECIPE: Recipe = Recipe { scope: Scope::AllLayers, steps: 300, rate: 0.1, largest_norm: 1.0 };
const TEST_FRAMES: u32 = 16;
const SEEDS: [u32; 3] = [0, 1, 2];

type Exact = Sum<CrossEntropy<CLASSES>, Lovasz<CLASSES>>;
type InBins<const BINS: usize> = Sum<CrossEntropy<CLASSES>, LovaszHistogram<CLASSES, BINS>>;
const EXACT: Exact = Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new()));

type Model = Network<1, HIDDEN, CLASSES, 0>;

fn main() -> ExitCode {
    println!(
        "mean IoU on {TEST_FRAMES} frames of {}×{}, {CLASSES} classes, after {} steps of cross entropy + Lovász; seeds {SEEDS:?}",
        SHAPE.width, SHAPE.height, RECIPE.steps
    );
    report("before", |seed| iou(&start(seed), seed));
    let whole = report("whole frames, exact", |seed| of_strips(seed, SHAPE.height));
    report("strips of 4 rows, each a batch, exact", |seed| of_strips(seed, ROWS));
    report("whole frames by tiles of 4 rows, 256 bins", of_tiles::<256>);
    let tiles = report("whole frames by tiles of 4 rows, 64 bins", of_tiles::<64>);
    let (least, most) = whole.iter().fold((f64::MAX, f64::MIN), |(least, most), &iou| (least.min(iou), most.max(iou)));
    if mean(&tiles) < mean(&whole) - (most - least) {
        eprintln!("tiles do worse than whole frames");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn report(name: &str, train: impl Fn(u32) -> f64) -> [f64; 3] {
    let scores = SEEDS.map(train);
    let [first, second, third] = scores;
    println!("{:.3} ({first:.3} {second:.3} {third:.3})  {name}", mean(&scores));
    scores
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

/// The features of the firmware's factory weights, with a new head.
fn start(seed: u32) -> Model {
    let (factory, _) = Network::<1, HIDDEN, 2, 0>::decode(include_bytes!("../weights/nuclei.bin")).expect("weights");
    Model { first: factory.first, deep: factory.deep, head: Head::new(&mut Pcg32::seed_from_u64(seed.into())) }
}

fn scene(seed: u32, number: u32) -> Things {
    Things::new(SHAPE, CLASSES as u8, seed * 1000 + number)
}

fn of_strips(seed: u32, rows: usize) -> f64 {
    let layout = Layout { width: SHAPE.width, strip_rows: rows, band_rows: rows };
    let (band, strip) = (layout.band_len::<1, HIDDEN, CLASSES, 0>(), layout.strip_len());
    let (mut image, mut labels) = (vec![[0]; SHAPE.pixels()], vec![0; SHAPE.pixels()]);
    let mut workspace = Workspace {
        layout,
        inputs: &mut vec![[0.0]; band],
        activations: &mut vec![[0.0; HIDDEN]; layout.activations_len::<1, HIDDEN, CLASSES, 0>()],
        band_gradient: &mut vec![[0.0; CLASSES]; band],
        logits: &mut vec![[0.0; CLASSES]; strip],
        logit_gradient: &mut vec![[0.0; CLASSES]; strip],
        scratch: &mut vec![0; scratch_len::<CLASSES, Exact>(strip)],
    };
    let mut training = FineTuning::new(start(seed), EXACT, RECIPE);
    for number in 0..RECIPE.steps {
        let mut things = scene(seed, number);
        let Ok(()) = things.read_image(0..SHAPE.height, &mut image);
        let Ok(()) = things.read_labels(0..SHAPE.height, &mut labels);
        let mut frame = Frame::new(SHAPE, &mut image, &mut labels).expect("fits");
        frame.set_field(Some(things.moments()));
        while training.train(&frame, &mut workspace).expect("fits") == Slice::InFrame {}
    }
    iou(&training.into_network(), seed)
}

fn of_tiles<const BINS: usize>(seed: u32) -> f64 {
    let loss: InBins<BINS> = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));
    let mut tiles = Tiles::new();
    let mut training = TiledFineTuning::new(start(seed), loss, RECIPE, &mut tiles);
    with_tile(|workspace| {
        for number in 0..RECIPE.steps {
            while training.train(&mut scene(seed, number), workspace).expect("fits") == Slice::InFrame {}
        }
    });
    iou(&training.into_network(), seed)
}

fn with_tile<T>(work: impl FnOnce(&mut TileWorkspace<'_, 1, 8, CLASSES>) -> T) -> T {
    let layout = Layout::of_tiles(SHAPE.width, ROWS);
    let window = layout.band_len::<1, HIDDEN, CLASSES, 0>();
    work(&mut TileWorkspace {
        layout,
        image: &mut vec![[0]; window],
        labels: &mut vec![0; layout.strip_len()],
        inputs: &mut vec![[0.0]; window],
        activations: &mut vec![[0.0; HIDDEN]; window],
        logits: &mut vec![[0.0; CLASSES]; window],
    })
}

fn iou(network: &Model, seed: u32) -> f64 {
    let mut confusion = Confusion::new();
    with_tile(|workspace| {
        for number in 0..TEST_FRAMES {
            measure_tiled(network, &mut scene(seed, 500 + number), workspace, &mut confusion, || ()).expect("fits");
        }
    });
    confusion.mean_iou().unwrap_or(0.0).into()
}
