//! Prints how much stack and scratch each loss takes, value and gradient: one line a loss, for `tests/footprint`.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod firmware {
    use scarce::sample::All;
    use scarce::{
        Batch, BinaryCrossEntropy, CrossEntropy, Embeddings, Error, Focal, Heap, Labels, Loss, Lovasz, LovaszHinge,
        LovaszHingeHistogram, LovaszHistogram, Ohem, Overlap, PixelContrast, SemanticEncoding, SigmoidFocal, Sum,
        Within, scratch_len_to_write,
    };
    use scarce_mcu::board::{self, stack};

    const PIXELS: usize = 1024;
    const CLASSES: usize = 4;
    const DIMENSIONS: usize = 8;
    const ANCHORS: usize = 64;
    const SCRATCH: usize = scratch_len_to_write::<CLASSES, Lovasz<CLASSES>>(PIXELS);

    struct Memory {
        scores: [f32; CLASSES * PIXELS],
        gradient: [f32; CLASSES * PIXELS],
        labels: [u8; PIXELS],
        scratch: [u32; SCRATCH],
    }

    #[cortex_m_rt::entry]
    fn main() -> ! {
        let memory = cortex_m::singleton!(: Memory = Memory {
            scores: [0.0; _], gradient: [0.0; _], labels: [0; _], scratch: [0; _],
        });
        let code = match memory.map(run) {
            Some(Ok(())) => 0,
            error => {
                defmt::error!("{}", defmt::Debug2Format(&error));
                1
            }
        };
        board::exit(code)
    }

    fn run(memory: &mut Memory) -> Result<(), Error> {
        let mut state = 1_u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        memory.scores.iter_mut().for_each(|score| *score = (number() as f32 - 8_388_608.0) * (6.0 / 8_388_608.0));
        memory.labels.iter_mut().for_each(|label| *label = (number() % 2) as u8);

        let entropy = CrossEntropy::new();
        of_pixels::<CLASSES, _>("cross-entropy", entropy, memory)?;
        of_pixels::<1, _>("binary-cross-entropy", BinaryCrossEntropy::new(), memory)?;
        of_pixels::<CLASSES, _>("focal", Focal::new(2.0), memory)?;
        of_pixels::<1, _>("sigmoid-focal", SigmoidFocal::new(2.0), memory)?;
        of_pixels::<CLASSES, _>("dice", Overlap::dice(), memory)?;
        of_pixels::<CLASSES, _>("focal-tversky", Overlap::focal_tversky(0.3, 0.7, 1.33), memory)?;
        of_pixels::<CLASSES, _>("generalized-dice", Overlap::generalized_dice(), memory)?;
        of_pixels::<CLASSES, _>("lovasz", Lovasz::new(), memory)?;
        of_pixels::<CLASSES, _>("lovasz-heap", Lovasz::new().with_sort(Heap), memory)?;
        of_pixels::<1, _>("lovasz-hinge", LovaszHinge::new(), memory)?;
        of_pixels::<CLASSES, _>("lovasz-histogram", LovaszHistogram::<CLASSES, 64>::new(), memory)?;
        of_pixels::<1, _>("lovasz-hinge-histogram", LovaszHingeHistogram::<256>::new(), memory)?;
        of_pixels::<CLASSES, _>("ohem", Ohem::new(entropy), memory)?;
        of_pixels::<CLASSES, _>("cross-entropy+lovasz", Sum((1.0, entropy), (1.0, Lovasz::new())), memory)?;
        of_pixels::<CLASSES, _>("cross-entropy+dice", Sum((1.0, entropy), (1.0, Overlap::dice())), memory)?;

        let (presence, mut slopes) = ([[0.5, -1.0, 2.0, 0.0]; 2], [[0.0; CLASSES]; 2]);
        let labels = Labels::new(&memory.labels);
        let in_use = stack::paint();
        evaluate(|| SemanticEncoding::new().value_and_grad(&presence, labels, &mut slopes))?;
        report("semantic-encoding", in_use, 0);

        let rows = memory.scores.as_chunks::<DIMENSIONS>().0.get(..ANCHORS).unwrap_or_default();
        let gradient = memory.gradient.as_chunks_mut::<DIMENSIONS>().0.get_mut(..ANCHORS).unwrap_or_default();
        let embeddings = Embeddings::new(rows, Labels::new(memory.labels.get(..ANCHORS).unwrap_or_default()))?;
        let loss = PixelContrast::new().normalizing();
        let in_use = stack::paint();
        evaluate(|| loss.value_and_grad(&embeddings, Within, &mut All, gradient, &mut memory.scratch))?;
        report("pixel-contrast", in_use, PixelContrast::scratch_len(ANCHORS));
        Ok(())
    }

    /// Keeps the frame of a loss out of the caller's, which is in use before.
    #[inline(never)]
    fn evaluate(loss: impl FnOnce() -> Result<f32, Error>) -> Result<f32, Error> {
        loss()
    }

    fn of_pixels<const C: usize, L: Loss<C>>(name: &str, loss: L, memory: &mut Memory) -> Result<(), Error> {
        let scores = memory.scores.as_chunks::<C>().0.get(..PIXELS).unwrap_or_default();
        let gradient = memory.gradient.as_chunks_mut::<C>().0.get_mut(..PIXELS).unwrap_or_default();
        let batch = Batch::new(scores, Labels::new(&memory.labels))?;
        let in_use = stack::paint();
        evaluate(|| loss.value_and_grad(&batch, gradient, &mut memory.scratch))?;
        report(name, in_use, scratch_len_to_write::<C, L>(PIXELS));
        Ok(())
    }

    /// Stack and scratch, in bytes.
    fn report(name: &str, in_use: usize, scratch: usize) {
        defmt::println!("{=str} {=usize} {=usize}", name, stack::deepest() - in_use, 4 * scratch);
    }
}
