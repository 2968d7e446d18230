//! The contract of the losses, on the device itself: each test in a freshly reset machine.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
#[embedded_test::tests]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::{Rng, SeedableRng};
    use scarce::sample::All;
    use scarce::{
        Batch, CrossEntropy, Embeddings, Error, Focal, Heap, Labels, Loss, Lovasz, Ohem, Overlap, PixelContrast,
        Planes, PlanesMut, Softmax, Sum, Within, scratch_len_to_write,
    };
    use scarce_mcu::board::{self, stack};
    use scarce_mcu::{FineTuning, Frame, Layout, Network, Recipe, Scope, Shape, Slice, Workspace};

    const PIXELS: usize = 12;
    const CLASSES: usize = 3;
    const FEATURES: usize = 4;
    /// One such array is on the stack at a time: what is static leaves it some 9 KB.
    const SCRATCH: usize = 1024;
    const UNTOUCHED: u32 = 0xA5A5_A5A5;

    const IGNORED: u8 = 255;
    const UNLABELLED: usize = 7;
    const LABELS: [u8; PIXELS] = [0, 0, 1, 0, 2, 0, 0, IGNORED, 1, 0, 2, 0];

    const STEP: f32 = 1e-2;
    /// The slope of values near 1, each with an error of some 10⁻⁷, over two steps.
    const TOLERANCE: f32 = 2e-4;

    /// Rows between −2 and 2; that of the pixel without a label is NaN.
    fn rows<const C: usize>() -> [[f32; C]; PIXELS] {
        let mut state = 12345_u32;
        let mut rows = [[0.0; C]; PIXELS];
        for entry in rows.as_flattened_mut() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *entry = (state >> 8) as f32 / (1 << 22) as f32 - 2.0;
        }
        rows[UNLABELLED] = [f32::NAN; C];
        rows
    }

    fn labels(classes: &[u8; PIXELS]) -> Labels<'_> {
        Labels::new(classes).ignoring(IGNORED)
    }

    /// Panics unless each entry of the gradient is the slope of the value along it.
    fn assert_slopes<const C: usize>(
        rows: &[[f32; C]; PIXELS],
        gradient: &[[f32; C]; PIXELS],
        mut value: impl FnMut(&[[f32; C]; PIXELS]) -> f32,
    ) {
        for pixel in (0..PIXELS).filter(|&pixel| pixel != UNLABELLED) {
            for channel in 0..C {
                let mut at = |shift| {
                    let mut moved = *rows;
                    moved[pixel][channel] += shift;
                    value(&moved)
                };
                let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let got = gradient[pixel][channel];
                assert!((got - slope).abs() < TOLERANCE, "{pixel}, {channel}: gradient {got}, slope {slope}");
            }
        }
    }

    /// Panics where a gradient is so small that any would pass as its slope.
    fn assert_not_flat<const C: usize>(gradient: &[[f32; C]; PIXELS]) {
        assert!(gradient.as_flattened().iter().any(|entry| entry.abs() > 50.0 * TOLERANCE));
    }

    fn bits<const C: usize>(gradient: &[[f32; C]; PIXELS]) -> [[u32; C]; PIXELS] {
        gradient.map(|row| row.map(f32::to_bits))
    }

    fn keeps_the_contract<L: Loss<CLASSES>>(loss: L) {
        let logits = rows::<CLASSES>();
        let batch = Batch::new(&logits, labels(&LABELS)).expect("good data");
        let mut gradient = [[9.0; CLASSES]; PIXELS];
        let scratch = &mut [0; SCRATCH];
        let value = loss.value_and_grad(&batch, &mut gradient, scratch).expect("good data");

        assert_not_flat(&gradient);
        assert_slopes(&logits, &gradient, |logits| {
            let batch = Batch::new(logits, labels(&LABELS)).expect("finite still");
            loss.value(&batch, scratch).expect("good data")
        });
        assert_eq!(gradient[UNLABELLED].map(f32::to_bits), [0; CLASSES], "an ignored pixel");

        let mut again = [[0.0; CLASSES]; PIXELS];
        scratch.fill(u32::MAX);
        let dirty = loss.value_and_grad(&batch, &mut again, scratch).expect("good data");
        assert_eq!((dirty.to_bits(), bits(&again)), (value.to_bits(), bits(&gradient)), "what scratch holds matters");

        equal_bits_from_planes(&loss, &logits, value, &gradient, scratch);
        nothing_to_learn_without_labels(&loss, &logits, scratch);
        an_error_writes_nothing(&loss, &logits, scratch);
    }

    fn equal_bits_from_planes<L: Loss<CLASSES>>(
        loss: &L,
        logits: &[[f32; CLASSES]; PIXELS],
        value: f32,
        gradient: &[[f32; CLASSES]; PIXELS],
        scratch: &mut [u32; SCRATCH],
    ) {
        let mut planes = [0.0; CLASSES * PIXELS];
        for (pixel, row) in logits.iter().enumerate() {
            for (channel, &entry) in row.iter().enumerate() {
                planes[channel * PIXELS + pixel] = entry;
            }
        }
        let planes = Planes::<CLASSES>::new(&planes, 1).expect("the length fits");
        let mut plane_gradient = [0.0; CLASSES * PIXELS];
        let mut view = PlanesMut::<CLASSES>::new(&mut plane_gradient, 1).expect("the length fits");
        let batch = Batch::new(&planes, labels(&LABELS)).expect("good data");
        let same = loss.value_and_grad(&batch, &mut view, scratch).expect("good data");
        assert_eq!(same.to_bits(), value.to_bits(), "value from planes");
        for (place, entry) in plane_gradient.iter().enumerate() {
            let (channel, pixel) = (place / PIXELS, place % PIXELS);
            assert_eq!(entry.to_bits(), gradient[pixel][channel].to_bits(), "gradient from planes: {pixel}, {channel}");
        }
    }

    fn nothing_to_learn_without_labels<L: Loss<CLASSES>>(
        loss: &L,
        logits: &[[f32; CLASSES]; PIXELS],
        scratch: &mut [u32; SCRATCH],
    ) {
        let batch = Batch::new(logits, labels(&[IGNORED; PIXELS])).expect("no pixel is looked at");
        let mut gradient = [[f32::NAN; CLASSES]; PIXELS];
        assert_eq!(loss.value_and_grad(&batch, &mut gradient, scratch), Ok(0.0));
        assert_eq!(bits(&gradient), [[0; CLASSES]; PIXELS]);

        gradient = [[f32::NAN; CLASSES]; PIXELS];
        let mut view = PlanesMut::<CLASSES>::new(gradient.as_flattened_mut(), 1).expect("the length fits");
        assert_eq!(loss.value_and_grad(&batch, &mut view, scratch), Ok(0.0));
        assert_eq!(bits(&gradient), [[0; CLASSES]; PIXELS], "in planes");
    }

    fn an_error_writes_nothing<L: Loss<CLASSES>>(
        loss: &L,
        logits: &[[f32; CLASSES]; PIXELS],
        scratch: &mut [u32; SCRATCH],
    ) {
        let mut classes = LABELS;
        classes[5] = CLASSES as u8;
        let refused = Batch::new(logits, labels(&classes)).err();
        assert_eq!(refused, Some(Error::Label { pixel: 5, label: CLASSES as u8 }));

        let mut broken = *logits;
        broken[3][1] = f32::NAN;
        assert_eq!(Batch::new(&broken, labels(&LABELS)).err(), Some(Error::NonFinite { pixel: 3 }));

        let batch = Batch::new(logits, labels(&LABELS)).expect("good data");
        let mut short = [[9.0; CLASSES]; PIXELS - 1];
        scratch.fill(UNTOUCHED);
        assert!(loss.value_and_grad(&batch, &mut short, scratch).is_err());
        assert_eq!(short, [[9.0; CLASSES]; PIXELS - 1], "a short gradient");

        if let Some(too_few) = loss.scratch_len_to_write(PIXELS).checked_sub(1) {
            let mut gradient = [[9.0; CLASSES]; PIXELS];
            assert!(loss.value_and_grad(&batch, &mut gradient, &mut scratch[..too_few]).is_err());
            assert_eq!(gradient, [[9.0; CLASSES]; PIXELS], "short scratch");
        }
        assert!(scratch.iter().all(|&word| word == UNTOUCHED), "scratch");
    }

    #[test]
    fn cross_entropy() {
        keeps_the_contract(CrossEntropy::new().with_weights([0.5, 1.0, 3.0]));
    }

    #[test]
    fn focal() {
        keeps_the_contract(Focal::new(2.0));
    }

    #[test]
    fn dice() {
        keeps_the_contract(Overlap::dice());
    }

    #[test]
    fn lovasz() {
        keeps_the_contract(Lovasz::new());
    }

    #[test]
    fn ohem() {
        keeps_the_contract(Ohem::top_k(CrossEntropy::new(), 0.5));
    }

    #[test]
    fn pixel_contrast() {
        let loss = PixelContrast::new().with_temperature(0.5).normalizing();
        let rows = rows::<FEATURES>();
        let embeddings = Embeddings::new(&rows, labels(&LABELS)).expect("good data");
        let mut gradient = [[9.0; FEATURES]; PIXELS];
        let scratch = &mut [0; SCRATCH];
        let run = |gradient: &mut _, scratch: &mut [u32]| {
            loss.value_and_grad(&embeddings, Within, &mut All, gradient, scratch)
        };
        let value = run(&mut gradient, scratch).expect("good data");

        assert_not_flat(&gradient);
        assert_slopes(&rows, &gradient, |rows| {
            let embeddings = Embeddings::new(rows, labels(&LABELS)).expect("finite still");
            loss.value(&embeddings, Within, &mut All, scratch).expect("good data")
        });
        assert_eq!(gradient[UNLABELLED].map(f32::to_bits), [0; FEATURES], "an ignored pixel");

        let mut again = [[0.0; FEATURES]; PIXELS];
        scratch.fill(u32::MAX);
        let dirty = run(&mut again, scratch).expect("good data");
        assert_eq!((dirty.to_bits(), bits(&again)), (value.to_bits(), bits(&gradient)), "what scratch holds matters");

        let mut untouched = [[9.0; FEATURES]; PIXELS];
        let too_few = <PixelContrast>::scratch_len(PIXELS - 1) - 1;
        assert!(run(&mut untouched, &mut scratch[..too_few]).is_err());
        let mut broken = rows;
        broken[3][1] = f32::NAN;
        let refused = Embeddings::new(&broken, labels(&LABELS))
            .and_then(|embeddings| loss.value_and_grad(&embeddings, Within, &mut All, &mut untouched, scratch));
        assert_eq!(refused, Err(Error::Embedding { pixel: 3 }));
        assert_eq!(untouched, [[9.0; FEATURES]; PIXELS], "an error");

        let none = Embeddings::new(&rows, labels(&[IGNORED; PIXELS])).expect("no row is looked at");
        assert_eq!(loss.value_and_grad(&none, Within, &mut All, &mut gradient, scratch), Ok(0.0));
        assert_eq!(gradient, [[0.0; FEATURES]; PIXELS]);
    }

    #[test]
    #[should_panic]
    fn a_wrong_gradient_is_seen() {
        let logits = rows::<CLASSES>();
        let batch = Batch::new(&logits, labels(&LABELS)).expect("good data");
        let mut gradient = [[0.0; CLASSES]; PIXELS];
        // Half as much again as is right.
        let loss = CrossEntropy::new();
        loss.add_grad(&batch, 1.5, &mut gradient, &mut []).expect("good data");
        assert_slopes(&logits, &gradient, |logits| {
            let batch = Batch::new(logits, labels(&LABELS)).expect("finite still");
            loss.value(&batch, &mut []).expect("good data")
        });
    }

    /// What fine-tuning a network of five classes takes of frames of 64×64.
    mod five {
        use super::*;

        pub(super) const CLASSES: usize = 5;
        pub(super) const HIDDEN: usize = 8;
        pub(super) const SHAPE: Shape = Shape::new(64, 64);
        pub(super) const LAYOUT: Layout = Layout { width: SHAPE.width, strip_rows: 8, band_rows: 4 };
        const STRIP: usize = LAYOUT.strip_len();
        const BAND: usize = LAYOUT.band_len::<1, HIDDEN, CLASSES, 0>();

        pub(super) struct Memory {
            pub(super) image: [[u8; 1]; SHAPE.pixels()],
            pub(super) labels: [u8; SHAPE.pixels()],
            pub(super) inputs: [[f32; 1]; BAND],
            pub(super) activations: [[f32; HIDDEN]; LAYOUT.activations_len::<1, HIDDEN, CLASSES, 0>()],
            pub(super) band_gradient: [[f32; CLASSES]; BAND],
            pub(super) logits: [[f32; CLASSES]; STRIP],
            pub(super) logit_gradient: [[f32; CLASSES]; STRIP],
            pub(super) scratch: [u32; scratch_len_to_write::<CLASSES, Lovasz<CLASSES, Softmax, Heap>>(STRIP)],
        }

        impl Memory {
            pub(super) const fn new() -> Self {
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

        /// Stripes of the classes' grey levels, the last class being one pixel in 32, and noise.
        pub(super) fn draw(frame: &mut Frame<'_, 1>, random: &mut Pcg32) {
            let shift = random.next_u32() as usize;
            for pixel in 0..SHAPE.pixels() {
                let place = (pixel % SHAPE.width).wrapping_add(pixel / SHAPE.width).wrapping_add(shift) % 32;
                let class = match place {
                    0..14 => 0,
                    14..22 => 1,
                    22..28 => 2,
                    28..31 => 3,
                    _ => 4,
                };
                frame.labels_mut()[pixel] = class;
                frame.image_mut()[pixel] = [40 + 45 * class + (random.next_u32() % 16) as u8];
            }
        }
    }

    #[test]
    fn five_classes_are_learnt_in_64_kib() {
        use five::{CLASSES, HIDDEN, LAYOUT, Memory, SHAPE};
        const STEPS: u32 = 60;
        let memory = cortex_m::singleton!(: Memory = Memory::new()).expect("taken once");
        let mut frame = Frame::new(SHAPE, &mut memory.image, &mut memory.labels).expect("one element a pixel");
        let mut workspace = Workspace {
            layout: LAYOUT,
            inputs: &mut memory.inputs,
            activations: &mut memory.activations,
            band_gradient: &mut memory.band_gradient,
            logits: &mut memory.logits,
            logit_gradient: &mut memory.logit_gradient,
            scratch: &mut memory.scratch,
        };
        let mut random = Pcg32::seed_from_u64(1);
        let network = Network::<1, HIDDEN, CLASSES, 0>::new(&mut random);
        let loss = Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new().with_sort(Heap)));
        let recipe = Recipe { scope: Scope::AllLayers, steps: STEPS, rate: 0.1, largest_norm: 1.0 };
        let mut training = FineTuning::new(network, loss, recipe);
        let [mut early, mut late] = [0.0; 2];
        for step in 0..STEPS {
            five::draw(&mut frame, &mut random);
            let loss = loop {
                match training.train(&frame, &mut workspace).expect("the workspace fits") {
                    Slice::InFrame => {}
                    Slice::Step(loss) => break loss,
                    Slice::Done => panic!("a step is left"),
                }
            };
            early += if step < 5 { loss } else { 0.0 };
            late += if step + 5 >= STEPS { loss } else { 0.0 };
        }
        let bytes = stack::static_bytes() + stack::deepest();
        assert!(late < 0.5 * early, "the losses of five steps, first and last: {early} and {late}");
        // All of it taken would be a stack that may have grown into what lies below.
        assert!(bytes < 64 << 10, "{bytes} bytes");
    }

    #[test]
    fn the_board_is_handed_out_once() {
        assert!(board::Board::take().is_some());
        assert!(board::Board::take().is_none());
    }
}
