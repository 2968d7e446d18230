//! A firmware that learns from frames whose logits do not fit in its RAM: the loss is that of the whole frame, the Lovász term
//! included, though no more than a tile of it is ever in memory.
//!
//! 160×120 pixels of five classes in 64 KiB, where the logits alone would take 384 KB; on the micro:bit 64×64 pixels of two
//! classes in 16 KiB, where they would take 32 KiB. The frame itself does not fit beside the rest, either: its rows are read as
//! they are needed, from a camera that draws them here, and that on a device has memory of its own. `cargo mcu-large` runs it.
//!
//! The features start from the factory weights, the head from chance. Frames for the test are others than those that it learns
//! from. The Lovász term counts errors in 64 bins: that bounds the loss within 0.008 of the exact one, and leaves the tiles
//! four rows where 256 bins would leave them two, with as many around them to be computed in vain.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod firmware {
    use core::convert::Infallible;
    use defmt::{Display2Format, info};
    use embedded_hal::digital::OutputPin;
    use rand_pcg::{Pcg32, rand_core::SeedableRng};
    use scarce::metrics::Confusion;
    use scarce::{CrossEntropy, LovaszHistogram, Sum, Tiles};
    use scarce_mcu::board::{self, Board, stack};
    use scarce_mcu::camera::Things;
    use scarce_mcu::{
        AdaptationError, Head, Layout, Network, Recipe, Scope, Shape, Slice, TileWorkspace, TiledFineTuning,
        measure_tiled,
    };

    const MICROBIT: bool = cfg!(feature = "microbit");
    const SHAPE: Shape = if MICROBIT { Shape::new(64, 64) } else { Shape::new(120, 160) };
    const LAYOUT: Layout = Layout::of_tiles(SHAPE.width, if MICROBIT { 1 } else { 4 });
    const CLASSES: usize = if MICROBIT { 2 } else { 5 };
    const HIDDEN: usize = 8;
    type Model = Network<1, HIDDEN, CLASSES, 0>;
    type Objective = Sum<CrossEntropy<CLASSES>, LovaszHistogram<CLASSES, 64>>;
    const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));

    const RECIPE: Recipe = Recipe { scope: Scope::AllLayers, steps: STEPS, rate: 0.3, largest_norm: 1.0 };
    const STEPS: u32 = if MICROBIT { 10 } else { 30 };
    const TEST_FRAMES: u32 = if MICROBIT { 2 } else { 4 };
    const SEED_OF_TEST: u32 = 1000;

    const WINDOW: usize = LAYOUT.band_len::<1, HIDDEN, CLASSES, 0>();

    /// All that is not on the stack.
    struct Memory {
        image: [[u8; 1]; WINDOW],
        labels: [u8; LAYOUT.strip_len()],
        inputs: [[f32; 1]; WINDOW],
        activations: [[f32; HIDDEN]; LAYOUT.activations_len::<1, HIDDEN, CLASSES, 0>()],
        logits: [[f32; CLASSES]; WINDOW],
        tiles: Tiles<CLASSES, Objective>,
    }

    impl Memory {
        const fn new() -> Self {
            Self {
                image: [[0]; _],
                labels: [0; _],
                inputs: [[0.0]; _],
                activations: [[0.0; _]; _],
                logits: [[0.0; _]; _],
                tiles: Tiles::new(),
            }
        }
    }

    #[cortex_m_rt::entry]
    fn main() -> ! {
        let code = match run() {
            Ok(()) => {
                stack::report(size_of::<Memory>());
                0
            }
            Err(error) => {
                defmt::error!("{}", Display2Format(&error));
                1
            }
        };
        board::exit(code)
    }

    fn run() -> Result<(), AdaptationError<Infallible>> {
        let (Some(board), Some(memory)) = (Board::take(), cortex_m::singleton!(: Memory = Memory::new())) else {
            return Ok(()); // taken once, here
        };
        info!(
            "{=str}: frames of {=usize}×{=usize}, {=usize} classes: {=usize} bytes of logits, tiles of {=usize} pixels",
            board::NAME,
            SHAPE.width,
            SHAPE.height,
            CLASSES,
            size_of::<[f32; CLASSES]>() * SHAPE.pixels(),
            LAYOUT.strip_len()
        );
        let mut workspace = TileWorkspace {
            layout: LAYOUT,
            image: &mut memory.image,
            labels: &mut memory.labels,
            inputs: &mut memory.inputs,
            activations: &mut memory.activations,
            logits: &mut memory.logits,
        };
        let (mut led, mut lit) = (board.led, false);
        let mut between = || {
            // Between two tiles: where a watchdog is fed and other tasks are served.
            lit = !lit;
            let Ok(()) = if lit { led.set_high() } else { led.set_low() };
        };

        let mut training = TiledFineTuning::new(start(), LOSS, RECIPE, &mut memory.tiles);
        info!("mean IoU on the test frames: {=f32}", test(training.network(), &mut workspace, &mut between)?);
        let mut number = 0;
        while !training.is_done() {
            let mut frame = scene(number);
            number += 1;
            loop {
                match training.train(&mut frame, &mut workspace)? {
                    Slice::InFrame => between(),
                    Slice::Step(loss) => {
                        if number % 10 == 0 {
                            info!("frame {=u32}: loss {=f32}", number, loss);
                        }
                        break;
                    }
                    Slice::Done => break,
                }
            }
        }
        info!("mean IoU on the test frames: {=f32}", test(training.network(), &mut workspace, &mut between)?);
        Ok(())
    }

    /// The features of the factory weights, with a new head.
    #[inline(never)]
    fn start() -> Model {
        let Ok((factory, _)) = Network::<1, HIDDEN, 2, 0>::decode(include_bytes!("../../weights/nuclei.bin")) else {
            defmt::panic!("the factory weights are of another network")
        };
        Model { first: factory.first, deep: factory.deep, head: Head::new(&mut Pcg32::seed_from_u64(0)) }
    }

    fn scene(seed: u32) -> Things {
        Things::new(SHAPE, CLASSES as u8, seed)
    }

    fn test(
        network: &Model,
        workspace: &mut TileWorkspace<'_, 1, HIDDEN, CLASSES>,
        mut between: impl FnMut(),
    ) -> Result<f32, AdaptationError<Infallible>> {
        let mut confusion = Confusion::new();
        for number in 0..TEST_FRAMES {
            measure_tiled(network, &mut scene(SEED_OF_TEST + number), workspace, &mut confusion, &mut between)?;
        }
        Ok(confusion.mean_iou().unwrap_or(0.0))
    }
}
