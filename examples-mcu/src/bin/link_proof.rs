//! A firmware that uses every loss, has no allocator, and cannot link if a panic is reachable.
//!
//! The panic handler refers to a symbol that nobody defines: a path to a panic that survives optimisation is an undefined
//! symbol. An allocation is an error of the compiler's, since there is no `#[global_allocator]`. It is linked, never run;
//! `tests/run` links it for several targets, looks at its symbols, and shows each time that what is planted is noticed.
//!
//! `SCARCE_LOSS=name` at build time links one loss alone, which is how its flash is measured. Names that begin with
//! `planted-`, and `--cfg planted_allocation`, plant what must be noticed.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    println!("link_proof is for bare-metal targets");
}

#[cfg(target_os = "none")]
#[allow(unsafe_code, reason = "the entry point's name, and the symbol that must not be needed")]
mod proof {
    use core::convert::Infallible;
    use core::hint::black_box;
    use rand_core::TryRng;
    use scarce::metrics::{Confusion, argmax};
    use scarce::sample::{All, Draw, Hardest, Random, SemiHard, Stride, segmentation_aware};
    use scarce::{
        Absent, Batch, BinaryCrossEntropy, Classes, CrossEntropy, Embeddings, Error, ExpTable, Fixed, Focal, Form,
        Heap, JaccardIncrements, Labels, Libm, Loss, Lovasz, LovaszHinge, LovaszHingeHistogram, LovaszHistogram,
        Memory, Micro, MinKept, Ohem, Overlap, PixelContrast, PixelLoss, Planes, PlanesMut, Quantized, QuantizedMut,
        Reduction, Rounding, Scores, ScoresMut, Scratch, SemanticEncoding, Sigmoid, SigmoidFocal, Sum, Tiled, Tiles,
        VolumeWeights, Within, lovasz_grad, scratch_len, weights,
    };

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        unsafe extern "C" {
            fn a_panic_is_reachable() -> !;
        }
        // SAFETY: the symbol does not exist, so a program that could call it does not link.
        unsafe { a_panic_is_reachable() }
    }

    /// Whether this loss is to be linked: the one named at build time, or all.
    const fn wanted(name: &str) -> bool {
        let Some(chosen) = option_env!("SCARCE_LOSS") else {
            return !matches!(name.as_bytes().first_chunk(), Some(b"planted-"));
        };
        let (chosen, name) = (chosen.as_bytes(), name.as_bytes());
        if chosen.len() != name.len() {
            return false;
        }
        let mut place = 0;
        while place < name.len() {
            if chosen[place] != name[place] {
                return false;
            }
            place += 1;
        }
        true
    }

    const PIXELS: usize = 64;
    const CLASSES: usize = 4;

    /// Lengths that the compiler cannot know: every check must hold at run time.
    fn opaque(len: usize) -> usize {
        black_box(len)
    }

    /// Value and gradient of one loss over pixel-major logits.
    #[inline(never)]
    fn train<const C: usize, L: Loss<C>>(loss: L) -> Result<f32, Error> {
        let mut logits = black_box([[0.5; C]; PIXELS]);
        let labels = black_box([1_u8; PIXELS]);
        let mut scratch = black_box([0_u32; 1024]);
        let mut grad = black_box([[0.0; C]; PIXELS]);
        let (Some(logits), Some(labels)) = (logits.get_mut(..opaque(PIXELS)), labels.get(..opaque(PIXELS))) else {
            return Ok(0.0);
        };
        let (Some(grad), Some(scratch)) = (grad.get_mut(..opaque(PIXELS)), scratch.get_mut(..opaque(1024))) else {
            return Ok(0.0);
        };
        let batch = Batch::<[[f32; C]], C>::new(logits, Labels::new(labels).ignoring(black_box(255)))?;
        let batch = batch.with_images(opaque(2))?;
        let loss = black_box(loss);
        let first = loss.value_and_grad(&batch, grad, scratch)?;
        let second = loss.add_grad(&batch, black_box(0.5), grad, scratch)?;
        let third = loss.value(&batch, scratch)?;
        black_box(&grad);
        Ok(first + second + third)
    }

    /// The same over class-major logits.
    #[inline(never)]
    fn train_planes<const C: usize, L: Loss<C>>(loss: L) -> Result<f32, Error> {
        let logits = black_box([0.5; PIXELS * CLASSES]);
        let labels = black_box([1_u8; PIXELS]);
        let labels = labels.get(..opaque(PIXELS)).unwrap_or_default();
        let mut grad = black_box([0.0; PIXELS * CLASSES]);
        let mut scratch = black_box([0_u32; 1024]);
        let scratch = scratch.get_mut(..opaque(1024)).unwrap_or_default();
        let planes = Planes::<C>::new(logits.get(..opaque(PIXELS * C)).unwrap_or_default(), opaque(2))?;
        let mut grad = PlanesMut::<C>::new(grad.get_mut(..opaque(PIXELS * C)).unwrap_or_default(), opaque(2))?;
        let batch = Batch::new(&planes, Labels::new(labels))?.with_images(opaque(2))?;
        let value = black_box(loss).value_and_grad(&batch, &mut grad, scratch)?;
        black_box(&grad);
        Ok(value)
    }

    /// Value and gradient over logits of 8 bits: of floats, of 8 and of 16 bits.
    #[inline(never)]
    fn train_quantized<const C: usize, L: Loss<C>>(loss: L, rounding: Rounding) -> Result<f32, Error> {
        let logits = black_box([[5_i8; C]; PIXELS]);
        let logits = logits.get(..opaque(PIXELS)).unwrap_or_default();
        let labels = black_box([1_u8; PIXELS]);
        let labels = Labels::new(labels.get(..opaque(PIXELS)).unwrap_or_default()).ignoring(black_box(255));
        let mut scratch = black_box([0_u32; 1024]);
        let scratch = scratch.get_mut(..opaque(1024)).unwrap_or_default();
        let mut grad = black_box([[0.0; C]; PIXELS]);
        let mut words = black_box([[0_i16; C]; PIXELS]);
        let mut bytes = black_box([[0_i8; C]; PIXELS]);
        let loss = black_box(loss);
        let computed = Quantized::per_class(logits, black_box([0.1; C]), black_box([3; C]))?;
        let batch = Batch::new(&computed, labels)?;
        let mut view = QuantizedMut::new(words.get_mut(..opaque(PIXELS)).unwrap_or_default(), black_box(0.1))?;
        let first = loss.value_and_grad(&batch, &mut view, scratch)?;
        let table = ExpTable::new(black_box(0.1))?;
        let tabled = Quantized::tabled(logits, &table, black_box(3));
        let batch = Batch::new(&tabled, labels)?;
        let grad = grad.get_mut(..opaque(PIXELS)).unwrap_or_default();
        let second = loss.value_and_grad(&batch, grad, scratch)?;
        let third = loss.add_grad(&batch, black_box(0.5), grad, scratch)?;
        let bytes = bytes.get_mut(..opaque(PIXELS)).unwrap_or_default();
        let view = QuantizedMut::in_place(bytes, black_box(0.1), black_box(3), black_box(0.1))?;
        let mut view = view.with_rounding(black_box(rounding));
        let fourth = loss.value_and_grad(&batch, &mut view, scratch)?;
        let mut tile = [[0.0; 1]; C];
        view.read(opaque(9), &mut tile);
        view.write(opaque(9), &tile);
        black_box((&grad, &words, &bytes));
        Ok(first + second + third + fourth)
    }

    /// The same tile by tile, from two observers.
    #[inline(never)]
    fn train_tiles<const C: usize, L: Tiled<C>>(loss: L) -> Result<f32, Error> {
        let mut logits = black_box([[0.5; C]; PIXELS]);
        let labels = black_box([1_u8; PIXELS]);
        let mut grad = black_box([[0.0; C]; PIXELS]);
        let logits = logits.get_mut(..opaque(PIXELS)).unwrap_or_default();
        let grad = grad.get_mut(..opaque(PIXELS)).unwrap_or_default();
        let labels = Labels::new(labels.get(..opaque(PIXELS)).unwrap_or_default()).ignoring(black_box(255));
        let loss = black_box(loss);
        let mut tiles = Tiles::<C, L>::default();
        let value = loop {
            let batch = Batch::<[[f32; C]], C>::new(logits, labels)?;
            let mut others = black_box(tiles);
            loss.observe(&mut others, &batch)?;
            loss.observe(&mut tiles, &batch)?;
            tiles.merge(&others)?;
            if let Some(value) = loss.settle(&mut tiles)? {
                break value;
            }
        };
        let batch = Batch::<[[f32; C]], C>::new(logits, labels)?;
        loss.add_tile_grad(&tiles, &batch, black_box(0.5), grad)?;
        loss.tile_grad(&tiles, &batch, black_box(0.5), grad)?;
        loss.tile_grad_in_place(&tiles, black_box(0.5), logits, labels)?;
        let value = value + loss.value_and_grad_in_place(&mut tiles, logits, labels)?;
        black_box((&logits, &grad));
        Ok(value + tiles.pixels() as f32)
    }

    fn per_pixel() -> Result<f32, Error> {
        let logits = black_box([[0.5; CLASSES]; PIXELS]);
        let labels = black_box([1_u8; PIXELS]);
        let mut output = black_box([0.0; PIXELS]);
        let batch = Batch::new(&logits, Labels::new(&labels))?;
        CrossEntropy::new().per_pixel(&batch, output.get_mut(..opaque(PIXELS)).unwrap_or_default())?;
        Ok(black_box(output).iter().sum())
    }

    fn weigh_and_measure() -> Result<f32, Error> {
        let counts = black_box([9_u32, 1, 0, 4]);
        let made = [
            weights::inverse_frequency(counts),
            weights::sqrt_inverse_frequency(counts),
            weights::median_frequency(counts),
            weights::enet(counts),
            weights::effective_number(counts, black_box(0.9)),
            weights::logit_adjustment(counts, black_box(1.0)),
            weights::normalize_mean(weights::clamp(weights::enet(counts), 0.1, black_box(10.0))),
        ];
        let mut confusion = Confusion::<CLASSES>::new();
        confusion.observe(Labels::new(black_box(&[0, 1, 2])), black_box(&[0, 1, 1]))?;
        let logits = black_box([[0.5; CLASSES]; 3]);
        confusion.observe_scores(&Batch::new(&logits, Labels::new(black_box(&[0, 1, 2])))?);
        confusion.merge(&black_box(confusion));
        let logits = black_box([[0.5]; 3]);
        let mut binary = Confusion::<2>::new();
        binary.observe_logits(&Batch::new(&logits, Labels::new(black_box(&[0, 1, 1])))?);
        black_box(binary.iou(opaque(1)));
        let scores =
            [confusion.mean_iou(), confusion.dice(opaque(1)), confusion.pixel_accuracy(), confusion.iou(opaque(9))];
        let mut increments = black_box([0.0; 3]);
        lovasz_grad(black_box(&[true, false, true]), increments.get_mut(..opaque(3)).unwrap_or_default())?;
        Ok(made.iter().flatten().sum::<f32>() + scores.iter().flatten().sum::<f32>() + increments.iter().sum::<f32>())
    }

    fn semantic_encoding() -> Result<f32, Error> {
        let presence = black_box([[0.5; CLASSES]; 2]);
        let mut grad = black_box([[0.0; CLASSES]; 2]);
        let labels = black_box([1_u8; PIXELS]);
        let labels = Labels::new(labels.get(..opaque(PIXELS)).unwrap_or_default()).ignoring(black_box(255));
        let presence = presence.get(..opaque(2)).unwrap_or_default();
        let grad = grad.get_mut(..opaque(2)).unwrap_or_default();
        let loss = black_box(SemanticEncoding::new());
        Ok(loss.value(presence, labels)?
            + loss.value_and_grad(presence, labels, grad)?
            + loss.add_grad(presence, labels, black_box(0.2), grad)?)
    }

    fn pixel_contrast() -> Result<f32, Error> {
        let rows = black_box([[0.5; 8]; PIXELS]);
        let rows = rows.get(..opaque(PIXELS)).unwrap_or_default();
        let mut grad = black_box([[0.0; 8]; PIXELS]);
        let grad = grad.get_mut(..opaque(PIXELS)).unwrap_or_default();
        let labels = black_box([1_u8; PIXELS]);
        let labels = Labels::new(labels.get(..opaque(PIXELS)).unwrap_or_default()).ignoring(black_box(255));
        let mut scratch = black_box([0_u32; 1024]);
        let scratch = scratch.get_mut(..opaque(1024)).unwrap_or_default();
        let mut anchors = black_box([0_u32; 32]);
        let predictions = black_box([0_u8; PIXELS]);
        let predictions = predictions.get(..opaque(PIXELS)).unwrap_or_default();
        let number = segmentation_aware(
            labels,
            predictions,
            opaque(2),
            black_box(32),
            black_box(4),
            &mut Stride,
            anchors.get_mut(..opaque(32)).unwrap_or_default(),
            scratch,
        )?;
        let all = Embeddings::new(rows, labels)?;
        let embeddings = all.with_anchors(anchors.get(..number).unwrap_or_default())?;
        let mut memory = Memory::<CLASSES, 4, 8, i8>::new();
        memory.push_anchors(&embeddings);
        memory.push_means(&all);
        memory.push(black_box(3), black_box(&[1.0; 8]))?;
        let memory = black_box(memory);
        let mut floats = Memory::<CLASSES, 4, 8>::new();
        floats.push(black_box(1), black_box(&[1.0; 8]))?;
        let floats = black_box(floats);
        let loss = black_box(PixelContrast::new().with_base_temperature(0.07).normalizing());
        let mut hardest = black_box(Hardest { positives: 3, negatives: 5 });
        let mut semi_hard = black_box(SemiHard::new(3, 5, Stride));
        let total = loss.value_and_grad(&embeddings, Within, &mut All, grad, scratch)?
            + loss.add_grad(&embeddings, Within, &mut hardest, black_box(0.5), grad, scratch)?
            + loss.add_grad(&embeddings, &memory, &mut semi_hard, black_box(0.5), grad, scratch)?
            + loss.value(&all, Within, &mut All, scratch)?
            + black_box(PixelContrast::new()).value_and_grad(&embeddings, &floats, &mut All, grad, scratch)?;
        black_box(&grad);
        let mut chance = Random(Weyl(black_box(1)));
        chance.draw(anchors.get_mut(..opaque(32)).unwrap_or_default(), opaque(5));
        let logits = black_box([[0.5; CLASSES]; PIXELS]);
        let kept = Ohem::new(CrossEntropy::new()).kept(&Batch::new(&logits, labels)?, scratch)?;
        Ok(total + kept as f32 + black_box(anchors)[0] as f32)
    }

    /// A generator without arithmetic that could panic.
    struct Weyl(u32);

    impl TryRng for Weyl {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            self.0 = self.0.wrapping_add(0x9e37_79b9);
            Ok(self.0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            let high = u64::from(self.try_next_u32()?);
            Ok(high << 32 | u64::from(self.try_next_u32()?))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            for byte in bytes {
                *byte = self.try_next_u32()?.to_le_bytes()[0];
            }
            Ok(())
        }
    }

    /// The options that the others leave alone, and the other elementary functions.
    fn options() -> Result<f32, Error> {
        let values = black_box([1.0, 2.0, 3.0, 4.0]);
        let (reduction, one) = (black_box(Reduction::Positives), black_box(1.0));
        let entropy = CrossEntropy::new().with_logit_adjustment(values).with_reduction(reduction).with_math(Libm);
        let binary = BinaryCrossEntropy::new().with_pos_weights(values).with_class_weights([one, 2.0]);
        let focal = SigmoidFocal::new(one).with_channel_alpha([0.25; CLASSES]).with_channel_weights(values);
        let dice = Overlap::dice().squared().micro().per_batch().unnormalized().without_background();
        let dice = dice.with_smoothing(one, one).with_form(black_box(Form::Log)).with_absent(black_box(Absent::Skip));
        let dice = dice.with_volume_weights(black_box(VolumeWeights::Simple));
        let mined = Ohem::new(entropy).with_thresh(one).with_min_kept(black_box(MinKept::Fraction(0.5)));
        let mut total = train::<CLASSES, _>(entropy)?
            + train::<CLASSES, _>(binary.with_reduction(reduction).with_math(Fixed))?
            + train::<CLASSES, _>(Focal::new(one).with_alpha(values).with_reduction(reduction).with_math(Micro))?
            + train::<CLASSES, _>(focal.with_reduction(reduction).with_math(Libm))?
            + train::<CLASSES, _>(dice.with_math(Micro))?
            + train::<CLASSES, _>(Overlap::tversky(one, 0.5))?
            + train::<CLASSES, _>(Lovasz::new().with_weights(values).with_math(Fixed))?
            + train_tiles::<CLASSES, _>(mined.with_counting_passes(black_box(2)))?
            + mined.scratch_len_to_write(opaque(9)) as f32;

        let presence = SemanticEncoding::new().with_math(Libm).counting_empty_images().with_weights(values);
        let labels = black_box([1_u8; PIXELS]);
        let labels = Labels::new(labels.get(..opaque(PIXELS)).unwrap_or_default());
        total += presence.value(black_box(&[[0.5; CLASSES]; 2]), labels)?;
        let logits = black_box([[0.5; CLASSES]; PIXELS]);
        let batch = Batch::new(&logits, labels)?;
        total += (batch.images() + batch.valid() as usize + batch.pixels() + usize::from(labels.is_empty())) as f32;
        total += batch.counts().iter().sum::<u32>() as f32;
        total += argmax(&black_box([0.5; CLASSES])) as f32;
        let mut increments = JaccardIncrements::new(black_box(2));
        total += increments.next(black_box(true)) + increments.next(black_box(false));
        total += SCRATCH.words(opaque(4)) as f32;

        let rows = black_box([[0.5; 8]; PIXELS]);
        let mut memory = Memory::<CLASSES, 4, 8>::new();
        memory.push(black_box(1), black_box(&[1.0; 8]))?;
        let mut memory = black_box(memory);
        total += memory.filled(black_box(1)) as f32;
        let loss = PixelContrast::new().with_temperature(one).with_math(Micro);
        let mut scratch = black_box([0_u32; 1024]);
        let mut pairs = black_box(SemiHard::new(3, 5, Stride).with_share(0.5));
        let needed = PixelContrast::memory_scratch_len(opaque(9), opaque(4));
        let scratch = scratch.get_mut(..opaque(needed)).unwrap_or_default();
        total += loss.value(&Embeddings::at(&rows, labels, black_box(&[0, 3]))?, &memory, &mut pairs, scratch)?;
        memory.clear();
        let embeddings = Embeddings::new(&rows, labels)?;
        total += (embeddings.anchors() + embeddings.rows()) as f32;
        Ok(total + black_box(&memory).filled(black_box(1)) as f32 + ExpTable::new(one)?.with_math(Libm).scale())
    }

    const SCRATCH: Scratch =
        Scratch::new(1, 2).and(Scratch::new(0, 3)).or(Scratch::new(9, 0)).and_beyond(3, Scratch::new(2, 1));

    fn planted_panic() -> f32 {
        black_box([1.0, 2.0])[opaque(1)]
    }

    fn planted_double() -> f32 {
        (black_box(1.0_f64) * black_box(0.1)) as f32
    }

    fn planted_format() -> f32 {
        struct Length(usize);
        impl core::fmt::Write for Length {
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                self.0 = self.0.wrapping_add(text.len());
                Ok(())
            }
        }
        let mut length = Length(0);
        let written = core::fmt::Write::write_fmt(&mut length, format_args!("{}", black_box(true)));
        if written.is_ok() { length.0 as f32 } else { 0.0 }
    }

    /// Without an allocator this is an error of the compiler's.
    #[cfg(planted_allocation)]
    fn planted_allocation() -> f32 {
        extern crate alloc;
        alloc::vec![black_box(1.0_f32)].iter().sum()
    }

    /// Adds up every loss that is wanted.
    macro_rules! link {
        ($total:ident, $($name:literal => $run:expr),* $(,)?) => {
            $(if const { wanted($name) } {
                $total += $run.unwrap_or(-1.0);
            })*
        };
    }

    type Softmax4 = Lovasz<CLASSES>;
    const _: () = assert!(scratch_len::<CLASSES, Softmax4>(PIXELS) <= 1024);

    #[unsafe(no_mangle)]
    extern "C" fn entry() -> ! {
        let mut total = 0.0;
        link!(total,
            "empty" => Ok::<f32, Error>(0.0),
            "cross-entropy" => train::<CLASSES, _>(CrossEntropy::new().with_weights([1.0, 2.0, 3.0, 4.0])),
            "cross-entropy-smoothed" => train::<CLASSES, _>(CrossEntropy::new().with_label_smoothing(0.1)),
            "binary-cross-entropy" => train::<1, _>(BinaryCrossEntropy::new().with_pos_weight(3.0)),
            "focal" => train::<CLASSES, _>(Focal::new(2.0)),
            "sigmoid-focal" => train::<1, _>(SigmoidFocal::new(2.0).with_alpha(0.25)),
            "dice" => train::<CLASSES, _>(Overlap::dice()),
            "focal-tversky" => train::<CLASSES, _>(Overlap::focal_tversky(0.3, 0.7, 1.33)),
            "generalized-dice" => train::<CLASSES, _>(Overlap::generalized_dice()),
            "lovasz" => train::<CLASSES, _>(Lovasz::new()),
            "lovasz-heap" => train::<CLASSES, _>(Lovasz::new().with_sort(Heap)),
            "lovasz-per-image-all" => train::<CLASSES, _>(Lovasz::new().per_image().with_classes(Classes::All)),
            "lovasz-sigmoid" => train::<1, Lovasz<1, Sigmoid>>(Lovasz::new().on_sigmoid()),
            "lovasz-hinge" => train::<1, _>(LovaszHinge::new()),
            "lovasz-hinge-elu" => train::<1, _>(LovaszHinge::new().elu().per_image().with_sort(Heap)),
            "lovasz-histogram" => train::<CLASSES, _>(LovaszHistogram::<CLASSES, 64>::new()),
            "lovasz-histogram-of-class" => {
                train::<CLASSES, _>(LovaszHistogram::<CLASSES, 64>::new().of_class(2).per_image())
            },
            "lovasz-hinge-histogram" => train::<1, _>(LovaszHingeHistogram::<256>::new().per_image()),
            "tiles" => train_tiles::<CLASSES, _>(Sum(
                (1.0, CrossEntropy::new()),
                (1.0, Sum((1.0, Overlap::dice()), (1.0, LovaszHistogram::<CLASSES, 64>::new()))),
            )),
            "tiles-lovasz-hinge-histogram" => train_tiles::<1, _>(LovaszHingeHistogram::<256>::new()),
            "tiles-ohem" => train_tiles::<CLASSES, _>(Ohem::new(CrossEntropy::new())),
            "cross-entropy+lovasz" => train::<CLASSES, _>(Sum((1.0, CrossEntropy::new()), (1.0, Lovasz::new()))),
            "cross-entropy+dice" => train::<CLASSES, _>(Sum((1.0, CrossEntropy::new()), (1.0, Overlap::dice()))),
            "planes" => train_planes::<CLASSES, _>(Sum((1.0, Focal::new(1.7)), (1.0, Lovasz::new()))),
            "probabilities" => train::<CLASSES, _>(Sum(
                (1.0, Overlap::jaccard().on_probabilities()),
                (1.0, Lovasz::new().on_probabilities()),
            )),
            "int8-cross-entropy" => {
                train_quantized::<CLASSES, _>(CrossEntropy::new(), Rounding::Stochastic { seed: 1 })
            },
            "int8-focal" => train_quantized::<CLASSES, _>(Focal::new(2.0), Rounding::Nearest),
            "int8-dice" => train_quantized::<CLASSES, _>(Overlap::dice(), Rounding::Nearest),
            "int8-ohem" => train_quantized::<1, _>(Ohem::new(BinaryCrossEntropy::new()), Rounding::Nearest),
            "per-pixel" => per_pixel(),
            "weights-and-metrics" => weigh_and_measure(),
            "ohem" => train::<CLASSES, _>(Ohem::new(CrossEntropy::new())),
            "ohem-paddle" => train::<CLASSES, _>(Ohem::paddle(Focal::new(1.7), 0.5, 9).per_image()),
            "ohem-hrnet" => train::<1, _>(Ohem::hrnet(BinaryCrossEntropy::new(), 0.5, 9)),
            "ohem-top-k" => train::<CLASSES, _>(Ohem::top_k(CrossEntropy::new(), 0.1)),
            "ohem-loss-threshold" => {
                train::<1, _>(Ohem::loss_threshold(SigmoidFocal::new(2.0), 0.3, MinKept::Fraction(0.1)))
            },
            "semantic-encoding" => semantic_encoding(),
            "pixel-contrast" => pixel_contrast(),
            "options" => options(),
            "planted-panic" => Ok::<f32, Error>(planted_panic()),
            "planted-double" => Ok::<f32, Error>(planted_double()),
            "planted-format" => Ok::<f32, Error>(planted_format()),
        );
        #[cfg(planted_allocation)]
        {
            total += planted_allocation();
        }
        black_box(total);
        loop {
            core::hint::spin_loop();
        }
    }
}
