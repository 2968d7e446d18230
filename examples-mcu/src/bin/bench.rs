//! Counts the instructions of each loss, and of the textbook's: `cargo mcu-bench`, or `tests/speed-mcu` for the C baseline
//! and the flash as well.
//!
//! QEMU's counted time is the clock: an instruction takes a fixed time there, and the board's counter reads it. What is
//! counted is what a user calls: the check of the batch, the loss and its gradient. Each work runs twice and must count the
//! same; what computes the same must find the same loss and gradient.
//!
//! Other elementary functions: one word in `lines`.
//!
//! `SCARCE_BENCH_NAME`, `SCARCE_BENCH_MATH` and `SCARCE_BENCH_C` at build time link the work of one line alone, without data
//! and clock, which is how its flash is measured.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(all(target_arch = "arm", target_os = "none")))]
fn main() {}

#[cfg(all(target_arch = "arm", target_os = "none"))]
#[path = "../../baseline/textbook.rs"]
mod textbook;

#[cfg(all(target_arch = "arm", target_os = "none"))]
mod firmware {
    #![allow(unsafe_code, reason = "the counter's register, a loop of known length, and memory beyond the firmware's")]

    use crate::textbook::{self, PixelError};
    use core::arch::asm;
    use core::hint::black_box;
    use core::mem::MaybeUninit;
    use core::ptr::{read_volatile, with_exposed_provenance};
    use scarce::sample::All;
    use scarce::{
        Batch, BinaryCrossEntropy, CrossEntropy, Embeddings, Error, ExpTable, Fast, Fixed, Focal, Heap, Labels, Libm,
        Loss, Lovasz, LovaszHinge, LovaszHistogram, Math, Ohem, Overlap, PixelContrast, Quantized, SemanticEncoding,
        SigmoidFocal, Tiled, Tiles, Within, scratch_len_to_write,
    };
    use scarce_mcu::board::{self, stack};

    /// Evaluates the body if the line is wanted; else it is not even compiled.
    macro_rules! line {
        ($name:literal, $functions:expr, $classes:expr, |$names:ident| $body:expr) => {
            if const { wanted($name, $functions, $classes) } {
                let $names = Names { name: $name, math: $functions };
                $body
            }
        };
    }

    /// The same with each set of elementary functions; the first is what the others must agree with.
    macro_rules! lines {
        ($name:literal, $classes:expr, |$names:ident, $math:ident| $body:expr) => {
            lines!(@ $name, $classes, $names $math $body; Libm Fast Fixed)
        };
        (@ $name:literal, $classes:expr, $names:ident $math:ident $body:expr; $($each:ident)*) => {$(
            line!($name, stringify!($each), $classes, |$names| {
                let $math = $each;
                $body
            });
        )*};
    }

    /// In place of elementary functions, where there are none or not ours.
    const NONE: &str = "-";

    const PIXELS: usize = 1024;
    /// Pixels of a tile.
    const TILE: usize = 256;
    const CLASSES: usize = 4;
    const MANY_CLASSES: usize = 21;
    /// Of exponentials, and of what is sorted.
    const NUMBERS: usize = 4096;
    const ANCHORS: usize = 64;
    const DIMENSIONS: usize = 16;
    /// More than any of the losses needs.
    const SCRATCH: usize = 8 * NUMBERS;

    /// Of the scores in 8 bits.
    const SCALE: f32 = 0.0625;
    const ZERO_POINT: i8 = 5;

    struct Memory {
        scores: [f32; MANY_CLASSES * PIXELS],
        gradient: [f32; MANY_CLASSES * PIXELS],
        /// The gradient that others of the same work must find, too.
        expected: [f32; MANY_CLASSES * PIXELS],
        probabilities: [f32; MANY_CLASSES * PIXELS],
        /// The scores in 8 bits.
        quantized: [i8; MANY_CLASSES * PIXELS],
        labels: [u8; NUMBERS],
        errors: [PixelError; NUMBERS],
        scratch: [u32; SCRATCH],
    }

    /// Beyond the RAM that firmware gets: the measured works want 21 classes.
    #[unsafe(link_section = ".bulk")]
    static mut MEMORY: MaybeUninit<Memory> = MaybeUninit::uninit();

    #[cortex_m_rt::entry]
    fn main() -> ! {
        // SAFETY: the program starts once, and nothing else names the memory; all its numbers may be zero.
        let memory = unsafe {
            let memory: *mut Memory = (&raw mut MEMORY).cast();
            memory.write_bytes(0, 1);
            &mut *memory
        };
        if ALONE.is_some() {
            memory.gradient.copy_from_slice(black_box(&memory.scores)); // every firmware copies, so the empty one does
            let _ = Bench { clock: Clock { rate: 1, overhead: 0 }, expected: None }.run(memory);
            board::exit(0)
        }
        let result = Clock::calibrate().and_then(|clock| Bench { clock, expected: None }.run(memory));
        let code = match result {
            Ok(()) => 0,
            Err(Fault::Clock(message)) => {
                defmt::error!("{=str}: instructions are counted with --icount 7 only", message);
                1
            }
            Err(fault) => {
                defmt::error!("{}", defmt::Debug2Format(&fault));
                1
            }
        };
        board::exit(code)
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug")]
    enum Fault {
        /// Time does not go by instructions.
        Clock(&'static str),
        /// A loss refused the data.
        Loss(Error),
        /// A work took another number of instructions, or computed another loss, the second time.
        Varies { name: &'static str, insns: [u32; 2], losses: [f32; 2] },
        /// What was to be sorted is not.
        Unsorted,
        /// A work does not find what another found.
        Differs { name: &'static str, math: &'static str, losses: [f32; 2], gradients: f32 },
    }

    impl From<Error> for Fault {
        fn from(error: Error) -> Self {
            Self::Loss(error)
        }
    }

    /// The work that is linked alone, if one is: name, elementary functions, classes.
    const ALONE: Option<(&str, &str, &str)> =
        match (option_env!("SCARCE_BENCH_NAME"), option_env!("SCARCE_BENCH_MATH"), option_env!("SCARCE_BENCH_C")) {
            (Some(name), Some(math), Some(classes)) => Some((name, math, classes)),
            _ => None,
        };

    const fn wanted(name: &str, math: &str, classes: usize) -> bool {
        match ALONE {
            Some((its_name, its_math, its_classes)) => {
                is(name, its_name) && is(math, its_math) && classes == number(its_classes)
            }
            None => true,
        }
    }

    const fn is(a: &str, b: &str) -> bool {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let mut place = 0;
        while place < a.len() && place < b.len() && a[place] == b[place] {
            place += 1;
        }
        place == a.len() && place == b.len()
    }

    const fn number(digits: &str) -> usize {
        let (mut number, mut place) = (0, 0);
        while place < digits.len() {
            number = 10 * number + (digits.as_bytes()[place] - b'0') as usize;
            place += 1;
        }
        number
    }

    /// Instructions, by the counter of 25 MHz.
    #[derive(Clone, Copy)]
    struct Clock {
        /// Ticks in [`SPAN`](Self::SPAN) instructions.
        rate: u32,
        /// Instructions that counting takes by itself.
        overhead: u32,
    }

    impl Clock {
        const SPAN: u32 = 20_000_000;
        /// What counts may differ by: the phase of the counter.
        const JITTER: u32 = 2;

        fn calibrate() -> Result<Self, Fault> {
            /// Any, that is no multiple of others.
            const TRIAL: u32 = 777_777;
            let [short, long, again] = [1000, 1000 + Self::SPAN, 1000 + Self::SPAN].map(Self::ticks_of_loop);
            if long < short || long - short < 2 * Self::SPAN {
                return Err(Fault::Clock("the counter ticks less than twice an instruction"));
            }
            if long.abs_diff(again) > Self::JITTER {
                return Err(Fault::Clock("the same loop takes another time the second time"));
            }
            let mut clock = Self { rate: long - short, overhead: 0 };
            clock.overhead = clock.count(&mut (), &|()| Ok(0.0)).1;
            let constant = clock.insns(short).wrapping_sub(1000);
            let counted = clock.insns(Self::ticks_of_loop(2 * TRIAL)) - constant;
            defmt::println!("calibration: a loop of {=u32} instructions counts {=u32}", 2 * TRIAL, counted);
            if counted.abs_diff(2 * TRIAL) > Self::JITTER || clock.overhead > 100 {
                return Err(Fault::Clock("a loop of known length is counted wrong"));
            }
            Ok(clock)
        }

        fn insns(self, ticks: u32) -> u32 {
            let rate = u64::from(self.rate);
            ((u64::from(ticks) * u64::from(Self::SPAN) + rate / 2) / rate) as u32
        }

        fn now() -> u32 {
            const COUNTER: usize = 0x4002_8018;
            // SAFETY: the counter of the FPGA's I/O block, which reading leaves alone.
            unsafe { read_volatile(with_exposed_provenance(COUNTER)) }
        }

        /// The time of a loop of so many instructions, an even number.
        #[inline(never)]
        fn ticks_of_loop(insns: u32) -> u32 {
            let start = Self::now();
            // SAFETY: counts a register down.
            unsafe { asm!("2:", "subs {0}, {0}, #1", "bne 2b", inout(reg) insns / 2 => _, options(nomem, nostack)) };
            Self::now().wrapping_sub(start)
        }

        /// What the work returns, and how many instructions it takes. The data are opaque to the compiler.
        #[inline(never)]
        fn count<S>(self, state: &mut S, work: &impl Fn(&mut S) -> Result<f32, Error>) -> (Result<f32, Error>, u32) {
            let state = black_box(state);
            let start = Self::now();
            let result = black_box(work(black_box(state)));
            let ticks = Self::now().wrapping_sub(start);
            (result, self.insns(ticks).saturating_sub(self.overhead))
        }
    }

    /// Of a work and of its elementary functions.
    #[derive(Clone, Copy)]
    struct Names {
        name: &'static str,
        math: &'static str,
    }

    /// What a line says besides what is measured.
    #[derive(Clone, Copy)]
    struct Line {
        names: Names,
        /// Channels, and rows of so many.
        classes: usize,
        pixels: usize,
        /// Bytes of working memory beside scores and gradient.
        scratch: usize,
    }

    impl Line {
        const fn new<const C: usize>(names: Names, pixels: usize, scratch: usize) -> Self {
            Self { names, classes: C, pixels, scratch }
        }
    }

    struct Bench {
        clock: Clock,
        /// The loss that others of the same work must find, too.
        expected: Option<f32>,
    }

    impl Bench {
        fn run(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            self.of_many::<CLASSES>(memory)?;
            self.of_many::<MANY_CLASSES>(memory)?;
            self.of_one(memory)?;
            self.semantic_encoding(memory)?;
            self.pixel_contrast(memory)?;
            self.exponentials(memory)?;
            self.sorts(memory, PIXELS)?;
            self.sorts(memory, NUMBERS)
        }

        fn of_many<const C: usize>(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            fill::<C>(memory, PIXELS);
            line!("check", NONE, C, |names| self.of_check::<C>(names, memory)?);

            lines!("cross-entropy", C, |names, math| {
                self.of_loss::<C, _>(names, CrossEntropy::new().with_math(math), memory, PIXELS)?;
            });
            line!("cross-entropy-tiles", "Fast", C, |names| {
                self.of_tiles::<C, _>(names, CrossEntropy::new(), memory)?;
            });
            line!("textbook-rust-cross-entropy", NONE, C, |names| {
                self.of_textbook::<C>(names, 0, memory, |data| {
                    textbook::cross_entropy::<C>(data.scores, data.labels, data.gradient)
                })?;
            });
            self.expected = None;

            lines!("cross-entropy-int8", C, |names, math| {
                self.of_quantized::<C, false, _, _>(names, math, CrossEntropy::new().with_math(math), memory)?;
            });
            lines!("cross-entropy-int8-table", C, |names, math| {
                self.of_quantized::<C, true, _, _>(names, math, CrossEntropy::new().with_math(math), memory)?;
            });
            self.expected = None;

            lines!("focal", C, |names, math| {
                self.of_loss::<C, _>(names, Focal::new(2.0).with_math(math), memory, PIXELS)?;
            });
            line!("textbook-rust-focal", NONE, C, |names| {
                self.of_textbook::<C>(names, 0, memory, |data| {
                    textbook::focal::<C>(data.scores, data.labels, data.gradient)
                })?;
            });
            self.expected = None;

            let of_probabilities = 4 * C * PIXELS;
            lines!("focal-int8-table", C, |names, math| {
                self.of_quantized::<C, true, _, _>(names, math, Focal::new(2.0).with_math(math), memory)?;
            });
            self.expected = None;

            lines!("dice", C, |names, math| {
                self.of_loss::<C, _>(names, Overlap::dice().with_math(math), memory, PIXELS)?;
            });
            line!("textbook-rust-dice", NONE, C, |names| {
                self.of_textbook::<C>(names, of_probabilities, memory, |data| {
                    textbook::dice::<C>(data.scores, data.labels, data.gradient, data.probabilities)
                })?;
            });
            self.expected = None;

            lines!("lovasz", C, |names, math| {
                self.of_loss::<C, _>(names, Lovasz::new().with_math(math), memory, PIXELS)?;
            });
            line!("lovasz-heap", "Fast", C, |names| {
                self.of_loss::<C, _>(names, Lovasz::new().with_sort(Heap), memory, PIXELS)?;
            });
            line!("textbook-rust-lovasz", NONE, C, |names| {
                let of_errors = size_of::<PixelError>() * PIXELS;
                self.of_textbook::<C>(names, of_probabilities + of_errors, memory, |data| {
                    textbook::lovasz::<C>(data.scores, data.labels, data.gradient, data.probabilities, data.errors)
                })?;
            });
            self.expected = None;

            lines!("lovasz-histogram", C, |names, math| {
                self.of_loss::<C, _>(names, LovaszHistogram::<C>::new().with_math(math), memory, PIXELS)?;
            });
            self.expected = None;

            lines!("ohem", C, |names, math| {
                self.of_loss::<C, _>(names, Ohem::new(CrossEntropy::new().with_math(math)), memory, PIXELS)?;
            });
            self.expected = None;
            Ok(())
        }

        fn of_one(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            fill::<1>(memory, PIXELS);
            lines!("binary-cross-entropy", 1, |names, math| {
                self.of_loss::<1, _>(names, BinaryCrossEntropy::new().with_math(math), memory, PIXELS)?;
            });
            self.expected = None;
            lines!("sigmoid-focal", 1, |names, math| {
                self.of_loss::<1, _>(names, SigmoidFocal::new(2.0).with_math(math), memory, PIXELS)?;
            });
            self.expected = None;
            for pixels in [PIXELS, NUMBERS] {
                fill::<1>(memory, pixels);
                line!("lovasz-hinge", NONE, 1, |names| {
                    self.of_loss::<1, _>(names, LovaszHinge::new(), memory, pixels)?;
                });
                self.expected = None;
            }
            Ok(())
        }

        fn of_check<const C: usize>(&self, names: Names, memory: &Memory) -> Result<(), Fault> {
            let state = &mut (rows::<C>(&memory.scores, PIXELS), first(&memory.labels, PIXELS));
            let check = |&mut (scores, labels): &mut (&[[f32; C]], &[u8])| {
                black_box(Batch::new(scores, Labels::new(labels))?);
                Ok(0.0)
            };
            self.measure(Line::new::<C>(names, PIXELS, 0), state, |_| (), check)?;
            Ok(())
        }

        /// Value and gradient of ours.
        fn of_loss<const C: usize, L: Loss<C>>(
            &mut self,
            names: Names,
            loss: L,
            memory: &mut Memory,
            pixels: usize,
        ) -> Result<(), Fault> {
            let line = Line::new::<C>(names, pixels, 4 * scratch_len_to_write::<C, L>(pixels));
            let Memory { scores, gradient, labels, scratch, .. } = memory;
            let scratch = first_mut(scratch, scratch_len_to_write::<C, L>(pixels));
            let state =
                &mut (rows::<C>(scores, pixels), first(labels, pixels), rows_mut::<C>(gradient, pixels), scratch);
            let value = self.measure(
                line,
                state,
                |_| (),
                |(scores, labels, gradient, scratch)| {
                    let batch = Batch::new(*scores, Labels::new(labels))?;
                    loss.value_and_grad(&batch, *gradient, scratch)
                },
            )?;
            self.agree(line, value, memory)
        }

        /// As [`of_loss`](Self::of_loss), the scores in 8 bits; their exponentials from a `TABLE`, which is not counted.
        fn of_quantized<const C: usize, const TABLE: bool, M: Math, L: Loss<C>>(
            &mut self,
            names: Names,
            math: M,
            loss: L,
            memory: &mut Memory,
        ) -> Result<(), Fault> {
            let line = Line::new::<C>(names, PIXELS, if TABLE { size_of::<ExpTable<M>>() } else { 0 });
            let table = &ExpTable::new(SCALE)?.with_math(math);
            let Memory { quantized, gradient, labels, .. } = memory;
            let rows: &[[i8; C]] = first(quantized.as_chunks().0, PIXELS);
            let state = &mut (rows, first(labels, PIXELS), rows_mut::<C>(gradient, PIXELS));
            let value = self.measure(
                line,
                state,
                |_| (),
                |(rows, labels, gradient)| {
                    let labels = Labels::new(labels);
                    if TABLE {
                        let view = Quantized::tabled(rows, table, ZERO_POINT);
                        return loss.value_and_grad(&Batch::new(&view, labels)?, *gradient, &mut []);
                    }
                    let view = Quantized::new(rows, SCALE, ZERO_POINT)?;
                    loss.value_and_grad(&Batch::new(&view, labels)?, *gradient, &mut [])
                },
            )?;
            self.agree(line, value, memory)
        }

        /// Value, and gradient in place of the scores, of ours by tiles.
        fn of_tiles<const C: usize, L: Tiled<C>>(
            &mut self,
            names: Names,
            loss: L,
            memory: &mut Memory,
        ) -> Result<(), Fault> {
            let line = Line::new::<C>(names, PIXELS, size_of::<Tiles<C, L>>());
            let Memory { scores, gradient, labels, .. } = memory;
            let (scores, labels) = (rows::<C>(scores, PIXELS), first(labels, PIXELS));
            let state = &mut (labels, rows_mut::<C>(gradient, PIXELS));
            let value = self.measure(
                line,
                state,
                |(_, gradient)| gradient.copy_from_slice(scores),
                |(labels, gradient)| {
                    let mut tiles = Tiles::<C, L>::new();
                    let value = loop {
                        for (scores, labels) in gradient.chunks(TILE).zip(labels.chunks(TILE)) {
                            loss.observe(&mut tiles, &Batch::new(scores, Labels::new(labels))?)?;
                        }
                        if let Some(value) = loss.settle(&mut tiles)? {
                            break value;
                        }
                    };
                    for (scores, labels) in gradient.chunks_mut(TILE).zip(labels.chunks(TILE)) {
                        loss.tile_grad_in_place(&tiles, 1.0, scores, Labels::new(labels))?;
                    }
                    Ok(value)
                },
            )?;
            self.agree(line, value, memory)
        }

        /// Value and gradient of the textbook's.
        fn of_textbook<const C: usize>(
            &mut self,
            names: Names,
            scratch: usize,
            memory: &mut Memory,
            loss: impl Fn(&mut Data<'_, C>) -> f32,
        ) -> Result<(), Fault> {
            let line = Line::new::<C>(names, PIXELS, scratch);
            let mut state = Data::<C> {
                scores: rows(&memory.scores, PIXELS),
                labels: first(&memory.labels, PIXELS),
                gradient: rows_mut(&mut memory.gradient, PIXELS),
                probabilities: rows_mut(&mut memory.probabilities, PIXELS),
                errors: first_mut(&mut memory.errors, PIXELS),
            };
            let value = self.measure(line, &mut state, |_| (), |data| Ok(loss(data)))?;
            self.agree(line, value, memory)
        }

        fn semantic_encoding(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            const IMAGES: usize = 2;
            fill::<CLASSES>(memory, PIXELS);
            lines!("semantic-encoding", CLASSES, |names, math| {
                let line = Line::new::<CLASSES>(names, PIXELS, 0);
                let state = &mut (
                    rows::<CLASSES>(&memory.scores, IMAGES),
                    first(&memory.labels, PIXELS),
                    rows_mut::<CLASSES>(&mut memory.gradient, IMAGES),
                );
                let loss = SemanticEncoding::new().with_math(math);
                let value = self.measure(
                    line,
                    state,
                    |_| (),
                    |(presence, labels, gradient)| loss.value_and_grad(presence, Labels::new(labels), gradient),
                )?;
                self.agree(Line { pixels: IMAGES, ..line }, value, memory)?;
            });
            self.expected = None;
            Ok(())
        }

        fn pixel_contrast(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            fill::<DIMENSIONS>(memory, ANCHORS);
            // As many classes as anchors allow to tell apart.
            memory.labels.iter_mut().for_each(|label| *label %= CLASSES as u8);
            lines!("pixel-contrast", DIMENSIONS, |names, math| {
                let words = PixelContrast::scratch_len(ANCHORS);
                let line = Line::new::<DIMENSIONS>(names, ANCHORS, 4 * words);
                let state = &mut (
                    rows::<DIMENSIONS>(&memory.scores, ANCHORS),
                    first(&memory.labels, ANCHORS),
                    rows_mut::<DIMENSIONS>(&mut memory.gradient, ANCHORS),
                    first_mut(&mut memory.scratch, words),
                );
                let loss = PixelContrast::new().normalizing().with_math(math);
                let value = self.measure(
                    line,
                    state,
                    |_| (),
                    |(rows, labels, gradient, scratch)| {
                        let embeddings = Embeddings::new(rows, Labels::new(labels))?;
                        loss.value_and_grad(&embeddings, Within, &mut All, gradient, scratch)
                    },
                )?;
                self.agree(line, value, memory)?;
            });
            self.expected = None;
            Ok(())
        }

        /// Arguments in −16..=0.
        fn exponentials(&mut self, memory: &mut Memory) -> Result<(), Fault> {
            let mut random = Random::new();
            memory.scores.iter_mut().take(NUMBERS).for_each(|argument| *argument = -16.0 * random.unit());
            lines!("exp", 1, |names, math| {
                self.of_exponentials(names, memory, |arguments, values| exponentials_of(math, arguments, values))?;
            });
            line!("textbook-rust-exp", NONE, 1, |names| self.of_exponentials(names, memory, textbook::exp)?);
            self.expected = None;
            Ok(())
        }

        fn of_exponentials(
            &mut self,
            names: Names,
            memory: &mut Memory,
            exponentials: impl Fn(&[f32], &mut [f32]),
        ) -> Result<(), Fault> {
            let line = Line::new::<1>(names, NUMBERS, 0);
            let state = &mut (first(&memory.scores, NUMBERS), first_mut(&mut memory.gradient, NUMBERS));
            let value = self.measure(
                line,
                state,
                |_| (),
                |(arguments, values)| {
                    exponentials(arguments, values);
                    Ok(0.0)
                },
            )?;
            self.agree(line, value, memory)
        }

        /// The largest error first, with the pixel that makes it: nine of ten errors are the cube of a uniform number.
        /// Ours has no public sort; the hinge is little else.
        fn sorts(&mut self, memory: &mut Memory, number: usize) -> Result<(), Fault> {
            let mut random = Random::new();
            for score in memory.scores.iter_mut().take(number) {
                let is_small = random.unit() < 0.9;
                let error = random.unit();
                *score = if is_small { error * error * error } else { error };
            }

            line!("textbook-rust-sort", NONE, 1, |names| self.of_textbook_sort(names, memory, number)?);
            self.expected = None;
            Ok(())
        }

        fn of_textbook_sort(&mut self, names: Names, memory: &mut Memory, number: usize) -> Result<(), Fault> {
            let line = Line::new::<1>(names, number, 0);
            let Memory { scores, errors, .. } = &mut *memory;
            let state = &mut (first(scores, number), first_mut(errors, number));
            let unsorted = |(scores, errors): &mut (&[f32], &mut [PixelError])| {
                for ((slot, &error), pixel) in errors.iter_mut().zip(scores.iter()).zip(0..) {
                    *slot = PixelError { error, pixel };
                }
            };
            self.measure(line, state, unsorted, |(_, errors)| {
                textbook::sort(errors);
                Ok(0.0)
            })?;
            if ALONE.is_none() && !memory.errors.iter().take(number).is_sorted_by(|a, b| a.error >= b.error) {
                return Err(Fault::Unsorted);
            }
            for (sorted, error) in memory.gradient.iter_mut().zip(&memory.errors) {
                *sorted = error.error;
            }
            self.agree(line, 0.0, memory)
        }

        /// Runs the work twice, counts, and prints.
        #[inline(always)]
        fn measure<S>(
            &self,
            line: Line,
            state: &mut S,
            prepare: impl Fn(&mut S),
            work: impl Fn(&mut S) -> Result<f32, Error>,
        ) -> Result<f32, Fault> {
            if ALONE.is_some() {
                let _ = black_box(work(black_box(state)));
                return Ok(0.0);
            }
            prepare(state);
            let in_use = stack::paint();
            let (value, insns) = self.clock.count(state, &work);
            let stack = stack::deepest() - in_use;
            prepare(state);
            let (again, insns_again) = self.clock.count(state, &work);
            let (value, again) = (value?, again?);
            if insns.abs_diff(insns_again) > Clock::JITTER || value != again {
                let (insns, losses) = ([insns, insns_again], [value, again]);
                return Err(Fault::Varies { name: line.names.name, insns, losses });
            }
            print(line, insns, stack);
            Ok(value)
        }

        /// Refuses another loss or another gradient than the first of the same work found; prints them.
        #[inline(always)]
        fn agree(&mut self, line: Line, loss: f32, memory: &mut Memory) -> Result<(), Fault> {
            if ALONE.is_none() { self.compare(line, loss, memory) } else { Ok(()) }
        }

        #[inline(never)]
        fn compare(&mut self, line: Line, loss: f32, memory: &mut Memory) -> Result<(), Fault> {
            const LOSS: f32 = 1e-5;
            const GRADIENT: f32 = 1e-3; // where errors tie, one sort and another choose another subgradient
            let gradient = first(&memory.gradient, line.classes * line.pixels);
            let size: f32 = gradient.iter().map(|slope| slope.abs()).sum();
            defmt::println!(
                "result name={=str} C={} P={} loss={} gradient={}",
                line.names.name,
                line.classes,
                line.pixels,
                loss,
                size
            );
            let Some(expected) = self.expected else {
                self.expected = Some(loss);
                memory.expected.iter_mut().zip(gradient).for_each(|(expected, &slope)| *expected = slope);
                return Ok(());
            };
            let difference: f32 = gradient.iter().zip(&memory.expected).map(|(a, b)| (a - b).abs()).sum();
            // So that NaN does not agree.
            if (loss - expected).abs() <= LOSS && difference <= GRADIENT * size && size > 0.0 {
                return Ok(());
            }
            let Names { name, math } = line.names;
            Err(Fault::Differs { name, math, losses: [expected, loss], gradients: difference / size })
        }
    }

    fn print(line: Line, insns: u32, stack: usize) {
        let Line { names: Names { name, math }, classes, pixels, scratch } = line;
        let number = (classes * pixels) as u32;
        let tenths = (10 * insns + number / 2) / number;
        defmt::println!(
            "bench name={=str} math={=str} C={} P={} insns={=u32} per_elt={=u32}.{=u32} stack={=usize} scratch={=usize}",
            name,
            math,
            classes,
            pixels,
            insns,
            tenths / 10,
            tenths % 10,
            stack,
            scratch
        );
    }

    /// What the textbook's losses take.
    struct Data<'a, const C: usize> {
        scores: &'a [[f32; C]],
        labels: &'a [u8],
        gradient: &'a mut [[f32; C]],
        probabilities: &'a mut [[f32; C]],
        errors: &'a mut [PixelError],
    }

    #[inline(never)]
    fn exponentials_of<M: Math>(_: M, arguments: &[f32], values: &mut [f32]) {
        for (value, &argument) in values.iter_mut().zip(arguments) {
            *value = M::exp(argument);
        }
    }

    fn first<T>(all: &[T], number: usize) -> &[T] {
        all.get(..number).unwrap_or_default()
    }

    fn first_mut<T>(all: &mut [T], number: usize) -> &mut [T] {
        all.get_mut(..number).unwrap_or_default()
    }

    fn rows<const C: usize>(all: &[f32], number: usize) -> &[[f32; C]] {
        first(all.as_chunks().0, number)
    }

    fn rows_mut<const C: usize>(all: &mut [f32], number: usize) -> &mut [[f32; C]] {
        first_mut(all.as_chunks_mut().0, number)
    }

    /// Xorshift of 32 bits.
    struct Random(u32);

    impl Random {
        const fn new() -> Self {
            Self(2_463_534_242)
        }

        fn next(&mut self) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            self.0
        }

        fn unit(&mut self) -> f32 {
            (self.next() >> 8) as f32 / 16_777_216.0
        }

        /// A sum of twelve, which no library's logarithm can make differ.
        fn normal(&mut self) -> f32 {
            let sum: u32 = (0..12).map(|_| self.next() >> 8).sum();
            (sum as i32 - 6 * 16_777_216) as f32 / 16_777_216.0
        }
    }

    /// Labels nine of ten of which are class 0, and logits that are right for most pixels.
    fn fill<const C: usize>(memory: &mut Memory, pixels: usize) {
        if ALONE.is_some() {
            return;
        }
        let mut random = Random::new();
        for (row, label) in rows_mut::<C>(&mut memory.scores, pixels).iter_mut().zip(&mut memory.labels) {
            let is_background = random.unit() < 0.9;
            let other = random.next() >> 8;
            let others = u32::try_from(C).unwrap_or(0).saturating_sub(1).max(1);
            *label = if is_background { 0 } else { (1 + other % others) as u8 };
            let is_right = random.unit() < 0.85;
            row.iter_mut().for_each(|score| *score = 1.5 * random.normal());
            if !is_right {
                continue;
            }
            if let [score] = row.as_mut_slice() {
                *score += if is_background { -3.0 } else { 3.0 };
            } else if let Some(score) = row.get_mut(usize::from(*label)) {
                *score += 3.0;
            }
        }
        for (q, score) in memory.quantized.iter_mut().zip(&memory.scores) {
            *q = (score * (1.0 / SCALE) + f32::from(ZERO_POINT)) as i8;
        }
    }
}
