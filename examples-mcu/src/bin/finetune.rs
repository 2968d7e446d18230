//! The firmware: it notices that the world has changed, learns on the spot, and keeps what it learnt.
//!
//! A network that was trained on bright nuclei on black sees dark ones on white. The firmware measures it, fine-tunes copies
//! of it in several ways, keeps the one that does best on frames it did not learn from, and stores that one: the next boot
//! starts from it, and finds that there is nothing to learn.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod firmware {
    use defmt::{Display2Format, info, warn};
    use embedded_hal::digital::OutputPin;
    use scarce::{CrossEntropy, Heap, Lovasz, Softmax, Sum, scratch_len_to_write};
    use scarce_mcu::board::{self, Board, stack};
    use scarce_mcu::camera::{Camera, Purpose, Round, Scenes, UartCamera, UartError};
    use scarce_mcu::{
        Adaptation, AdaptationError, Frame, Layout, Network, Recipe, Scope, Shape, Store, TrainingError, Verdict,
        Workspace, measure_round, validate,
    };

    const CLASSES: usize = 2;
    const HIDDEN: usize = 8;
    type Model = Network<1, HIDDEN, CLASSES, 0>;
    type CrossEntropyLovasz = Sum<CrossEntropy<CLASSES>, Lovasz<CLASSES, Softmax, Heap>>;

    /// Made by `cargo run --release -- export --data examples-host/data/nuclei --out examples-mcu/weights/nuclei.bin`.
    const FACTORY: &[u8] = include_bytes!("../../weights/nuclei.bin");

    /// Smaller where there are 16 KiB of RAM.
    const LAYOUT: Layout = if cfg!(feature = "microbit") {
        Layout { width: 16, strip_rows: 8, band_rows: 2 }
    } else {
        Layout { width: 64, strip_rows: 16, band_rows: 4 }
    };
    const SIDE: usize = LAYOUT.width;
    const SHAPE: Shape = Shape::new(SIDE, SIDE);
    const STRIP: usize = LAYOUT.strip_len();
    const BAND: usize = LAYOUT.band_len::<1, HIDDEN, CLASSES, 0>();
    const ACTIVATIONS: usize = LAYOUT.activations_len::<1, HIDDEN, CLASSES, 0>();

    /// All that is not on the stack.
    struct Memory {
        image: [[u8; 1]; SHAPE.pixels()],
        labels: [u8; SHAPE.pixels()],
        inputs: [[f32; 1]; BAND],
        activations: [[f32; HIDDEN]; ACTIVATIONS],
        band_gradient: [[f32; CLASSES]; BAND],
        logits: [[f32; CLASSES]; STRIP],
        logit_gradient: [[f32; CLASSES]; STRIP],
        scratch: [u32; scratch_len_to_write::<CLASSES, CrossEntropyLovasz>(STRIP)],
    }

    impl Memory {
        const fn new() -> Self {
            Self {
                image: [[0]; _],
                labels: [0; _],
                inputs: [[0.0]; _],
                activations: [[0.0; _]; _],
                band_gradient: [[0.0; _]; _],
                logits: [[0.0; _]; _],
                logit_gradient: [[0.0; _]; _],
                scratch: [0; _],
            }
        }
    }

    const RARE: usize = 1;
    /// The IoU of the rare class at which nothing needs to be learnt.
    const ENOUGH: f32 = 0.4;
    const RECIPE: Recipe = Recipe { scope: Scope::Head, steps: 150, rate: 0.03, largest_norm: 1.0 };

    /// The host's frames or, without a host, built-in ones.
    enum Source {
        Host(UartCamera<board::Uart, board::Delay>),
        BuiltIn(Scenes),
    }

    type CameraError = UartError<<board::Uart as embedded_io::ErrorType>::Error>;

    impl Camera<1> for Source {
        type Error = CameraError;

        fn begin_round(&mut self, purpose: Purpose) -> Result<(), CameraError> {
            match self {
                Self::Host(camera) => Camera::<1>::begin_round(camera, purpose),
                Self::BuiltIn(scenes) => Camera::<1>::begin_round(scenes, purpose).map_err(|never| match never {}),
            }
        }

        fn capture(&mut self, purpose: Purpose, frame: &mut Frame<'_, 1>) -> Result<Round, CameraError> {
            match self {
                Self::Host(camera) => camera.capture(purpose, frame),
                Self::BuiltIn(scenes) => scenes.capture(purpose, frame).map_err(|never| match never {}),
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

    fn run() -> Result<(), AdaptationError<CameraError>> {
        let (Some(board), Some(memory)) = (Board::take(), cortex_m::singleton!(: Memory = Memory::new())) else {
            return Ok(()); // taken once, here
        };
        let Board { uart, mut led, delay, flash } = board;
        info!("{=str}: frames of {=usize}×{=usize}, strips of {=usize} pixels", board::NAME, SIDE, SIDE, STRIP);
        let mut frame = Frame::new(SHAPE, &mut memory.image, &mut memory.labels).map_err(TrainingError::from)?;
        let mut workspace = Workspace {
            layout: LAYOUT,
            inputs: &mut memory.inputs,
            activations: &mut memory.activations,
            band_gradient: &mut memory.band_gradient,
            logits: &mut memory.logits,
            logit_gradient: &mut memory.logit_gradient,
            scratch: &mut memory.scratch,
        };

        let mut store = Store::new(flash);
        let mut buffer = [0; Store::<board::Flash>::buffer_len::<Model>()];
        let network = match store.load(&mut buffer) {
            Ok(Some((network, generation))) => {
                info!("weights of generation {=u32} from the store", generation);
                network
            }
            Ok(None) => {
                info!("the store is empty: factory weights");
                factory()
            }
            Err(error) => {
                warn!("the store is of no use ({}): factory weights", Display2Format(&error));
                factory()
            }
        };

        let mut camera = Source::Host(UartCamera::new(uart, delay, CLASSES as u8));
        match camera.capture(Purpose::Validate, &mut frame) {
            Ok(_) => info!("frames from the host"),
            Err(error) => {
                info!("no frames from a host ({}): built-in scenes", Display2Format(&error));
                camera = Source::BuiltIn(Scenes::dark_on_white(1));
            }
        }
        let mut lit = false;
        let mut between = || {
            // Between two strips: where a watchdog is fed and other tasks are served.
            lit = !lit;
            let Ok(()) = if lit { led.set_high() } else { led.set_low() };
        };
        // Nothing is decided by it: where it fails, the IoU is not a number.
        let test =
            |camera: &mut Source, frame: &mut Frame<'_, 1>, network: &Model, workspace: &mut _| match measure_round(
                camera,
                Purpose::Test,
                frame,
                network,
                workspace,
                || (),
            ) {
                Ok(confusion) => confusion.iou(RARE).unwrap_or(1.0),
                Err(error) => {
                    warn!("no test: {}", Display2Format(&error));
                    f32::NAN
                }
            };
        let tested = test(&mut camera, &mut frame, &network, &mut workspace);
        info!("IoU of the rare class on the test frames: {=f32}", tested);
        let Some(before) = validate(&mut camera, &mut frame, &network, RARE, &mut workspace, &mut between)? else {
            warn!("no frame for validation has labels: nothing is learnt");
            return Ok(());
        };
        if before >= ENOUGH {
            info!("validation {=f32}: nothing to learn", before);
            return Ok(());
        }

        let mut adaptation = Adaptation::new(&network, RARE, before);
        for (scope, of) in [(Scope::Head, "head only"), (Scope::AllLayers, "all layers")] {
            for with_lovasz in [false, true] {
                let recipe = Recipe { scope, ..RECIPE };
                let entropy = CrossEntropy::new();
                let verdict = if with_lovasz {
                    let loss = Sum((1.0, entropy), (1.0, Lovasz::new().with_sort(Heap)));
                    adaptation.attempt(&mut camera, &mut frame, (loss, recipe), &mut workspace, &mut between)
                } else {
                    adaptation.attempt(&mut camera, &mut frame, (entropy, recipe), &mut workspace, &mut between)
                };
                let loss = if with_lovasz { "CE + Lovász" } else { "CE" };
                match verdict {
                    Err(error) => warn!("{=str}, {=str}: {}: rolled back", of, loss, Display2Format(&error)),
                    Ok(Verdict::Unknown) => {
                        warn!("{=str}, {=str}: no frame for validation has labels: rolled back", of, loss);
                    }
                    Ok(Verdict::NoBetter(after)) => {
                        info!("{=str}, {=str}: validation {=f32} → {=f32}: rolled back", of, loss, before, after);
                    }
                    Ok(Verdict::Better(after, learnt)) => {
                        let iou = test(&mut camera, &mut frame, &learnt, &mut workspace);
                        info!(
                            "{=str}, {=str}: validation {=f32} → {=f32}, test {=f32} → {=f32}",
                            of, loss, before, after, tested, iou
                        );
                    }
                }
            }
        }
        let Ok(()) = led.set_low();
        let Some((validation, learnt)) = adaptation.into_best() else {
            warn!("nothing that was learnt is better: the weights stay as they are");
            return Ok(());
        };
        match store.save(&learnt, &mut buffer) {
            Ok(generation) => info!("stored generation {=u32}: validation {=f32}", generation, validation),
            Err(error) => warn!("the weights could not be stored: {}", Display2Format(&error)),
        }
        Ok(())
    }

    fn factory() -> Model {
        let Ok((network, _)) = Model::decode(FACTORY) else {
            defmt::panic!("the factory weights are of another network")
        };
        network
    }
}
