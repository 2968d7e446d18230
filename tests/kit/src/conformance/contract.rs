//! The checks. Each panics with the loss, the sample and what was violated.

use super::erased::{AnyBatch, AnyGrad, AnyLoss};
use super::samples::Sample;
use scarce::{Batch, Buffer, Error, Loss, Parameter, Planes, PlanesMut};
use std::fmt;

/// The bits of a value and of its gradient, pixel-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Of the value.
    pub value: u32,
    /// Of the gradient.
    pub grad: Vec<u32>,
}

impl Bits {
    pub(super) fn new<const C: usize>(value: f32, grad: &[[f32; C]]) -> Self {
        Self { value: value.to_bits(), grad: bits(grad) }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> f32 {
        f32::from_bits(self.value)
    }

    /// The gradient.
    #[must_use]
    pub fn grad(&self) -> Vec<f32> {
        self.grad.iter().map(|&bits| f32::from_bits(bits)).collect()
    }
}

/// What must not be written to: whatever is added to a negative zero, or overwrites it, changes its bits.
const CANARY: f32 = -0.0;
/// What must be overwritten: whatever is added to a NaN leaves one.
const STALE: f32 = f32::NAN;
/// What scratch holds on entry.
const DIRT: [u32; 3] = [0, u32::MAX, 0x7fc0_dead];
/// Words of scratch more than needed.
const SPARE: usize = 5;

/// Scales that are refused.
const BAD_SCALES: [f32; 5] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e12, -1.1e12];

/// Runs every check of a loss on a sample; returns the bits that all of them agree on.
pub fn check<const C: usize, L: Loss<C>>(name: &str, loss: &L, sample: &Sample<C>) -> Bits {
    Subject { name, loss, sample }.check()
}

/// Checks that a loss refuses a batch, in all methods, and writes nothing.
pub fn check_refusal<const C: usize, L: Loss<C>>(name: &str, loss: &L, sample: &Sample<C>, error: Error) {
    let subject = Subject { name, loss, sample };
    subject.value_refused(error, subject.needed());
    subject.add_refused(error, subject.needed(), sample.pixels());
    subject.write_refused(error, subject.needed_to_write(), sample.pixels());
}

/// Value and gradient of a loss whose scores and gradient lie in any layout: 0 pixel-major, else planes of as many images.
///
/// # Panics
/// If the loss refuses the sample.
#[must_use]
pub fn evaluate<const C: usize, L: Loss<C>>(loss: &L, sample: &Sample<C>, scores: usize, grad: usize) -> Bits {
    Subject { name: "a loss", loss, sample }.evaluate(sample, scores, grad)
}

/// As [`evaluate`], of a loss that is compiled for one layout at a time: a third of the time that it takes for all of them.
///
/// # Panics
/// If the loss refuses the sample.
#[must_use]
pub fn written<const C: usize, L: Loss<C>>(loss: &L, sample: &Sample<C>, images: usize) -> Bits {
    let mut scratch = vec![DIRT[1]; loss.scratch_len_to_write(sample.pixels())];
    let mut rows = vec![[STALE; C]; sample.pixels()];
    if images == 0 {
        let result = loss.value_and_grad(&sample.batch(), rows.as_mut_slice(), &mut scratch);
        return Bits::new(result.expect("the sample is valid"), &rows);
    }
    let (scores, mut data) = (to_planes(&sample.rows, images), to_planes(&rows, images));
    let planes = Planes::<C>::new(&scores, images).expect("the images divide the pixels");
    let batch = Batch::new(&planes, sample.library_labels()).expect("patterns are valid");
    let batch = batch.with_images(sample.images).expect("the images divide the pixels");
    let mut grad = PlanesMut::<C>::new(&mut data, images).expect("the images divide the pixels");
    let result = loss.value_and_grad(&batch, &mut grad, &mut scratch);
    Bits::new(result.expect("the sample is valid"), &from_planes::<C>(&data, images))
}

/// `[pixels][C]` to `[images, C, pixels of an image]`.
#[must_use]
pub fn to_planes<const C: usize>(rows: &[[f32; C]], images: usize) -> Vec<f32> {
    let size = rows.len() / images;
    let element = |index: usize| rows[index / (C * size) * size + index % size][index / size % C];
    (0..rows.len() * C).map(element).collect()
}

/// The inverse of [`to_planes`].
#[must_use]
pub fn from_planes<const C: usize>(data: &[f32], images: usize) -> Vec<[f32; C]> {
    let size = data.len() / C / images;
    let row = |pixel: usize| std::array::from_fn(|class| data[(pixel / size * C + class) * size + pixel % size]);
    (0..size * images).map(row).collect()
}

fn bits<const C: usize>(rows: &[[f32; C]]) -> Vec<u32> {
    rows.as_flattened().iter().map(|value| value.to_bits()).collect()
}

/// A loss on a sample.
struct Subject<'a, const C: usize> {
    name: &'a str,
    loss: &'a dyn AnyLoss<C>,
    sample: &'a Sample<C>,
}

impl<const C: usize> fmt::Display for Subject<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.sample.name)
    }
}

impl<const C: usize> Subject<'_, C> {
    fn check(&self) -> Bits {
        let expected = self.plain();
        self.finite(&expected);
        self.ignored_are_zero(&expected);
        self.nothing_without_valid_pixel(&expected);
        self.methods_agree(&expected);
        self.scratch_is_irrelevant(&expected);
        self.short_scratch_is_refused();
        self.wrong_gradient_is_refused();
        self.bad_scale_is_refused();
        self.accumulates(&expected);
        self.ignored_are_not_read(&expected);
        self.layouts_agree(&expected);
        expected
    }

    fn batch(&self) -> AnyBatch<'_, C> {
        AnyBatch::Rows(self.sample.batch())
    }

    fn evaluate(&self, sample: &Sample<C>, scores: usize, grad: usize) -> Bits {
        if scores == 0 {
            return self.evaluate_into(&AnyBatch::Rows(sample.batch()), grad);
        }
        let data = to_planes(&sample.rows, scores);
        let planes = Planes::<C>::new(&data, scores).expect("the images divide the pixels");
        let batch = Batch::new(&planes, sample.library_labels()).expect("patterns are valid");
        let batch = batch.with_images(sample.images).expect("the images divide the pixels");
        self.evaluate_into(&AnyBatch::Planes(batch), grad)
    }

    fn evaluate_into(&self, batch: &AnyBatch<'_, C>, images: usize) -> Bits {
        let mut scratch = vec![DIRT[1]; self.needed_to_write()];
        let mut rows = vec![[STALE; C]; self.sample.pixels()];
        if images == 0 {
            let result = self.loss.value_and_grad(batch, &mut AnyGrad::Rows(&mut rows), &mut scratch);
            return Bits::new(result.expect("the sample is valid"), &rows);
        }
        let mut data = to_planes(&rows, images);
        let planes = PlanesMut::<C>::new(&mut data, images).expect("the images divide the pixels");
        let result = self.loss.value_and_grad(batch, &mut AnyGrad::Planes(planes), &mut scratch);
        Bits::new(result.expect("the sample is valid"), &from_planes::<C>(&data, images))
    }

    fn needed(&self) -> usize {
        let [needed, at_compile_time] = self.loss.needed(self.sample.pixels());
        assert_eq!(needed, at_compile_time, "{self}: scratch at run time and at compile time");
        needed
    }

    fn needed_to_write(&self) -> usize {
        let [needed, at_compile_time] = self.loss.needed_to_write(self.sample.pixels());
        assert_eq!(needed, at_compile_time, "{self}: scratch to write, at run time and at compile time");
        assert!(needed <= self.needed(), "{self}: one method needs more than all");
        needed
    }

    /// Exactly `scratch_len_to_write` words suffice.
    fn plain(&self) -> Bits {
        let mut grad = vec![[0.0; C]; self.sample.pixels()];
        let mut scratch = vec![0; self.needed_to_write()];
        match self.loss.value_and_grad(&self.batch(), &mut AnyGrad::Rows(&mut grad), &mut scratch) {
            Ok(value) => Bits::new(value, &grad),
            Err(error) => panic!("{self}: refused: {error}"),
        }
    }

    /// `add_grad` into a gradient that holds `start`.
    fn add(&self, start: f32, scale: f32) -> Bits {
        let mut grad = vec![[start; C]; self.sample.pixels()];
        let mut scratch = vec![DIRT[1]; self.needed()];
        match self.loss.add_grad(&self.batch(), scale, &mut AnyGrad::Rows(&mut grad), &mut scratch) {
            Ok(value) => Bits::new(value, &grad),
            Err(error) => panic!("{self}: refused: {error}"),
        }
    }

    fn finite(&self, expected: &Bits) {
        let holds: fn(&f32) -> bool =
            if self.sample.kind.is_sane() { |value| value.is_finite() } else { |value| !value.is_nan() };
        assert!(holds(&expected.value()), "{self}: value {}", expected.value());
        assert!(expected.grad().iter().all(holds), "{self}: gradient {:?}", expected.grad());
    }

    fn ignored_are_zero(&self, expected: &Bits) {
        for (pixel, row) in expected.grad.chunks_exact(C).enumerate() {
            if self.sample.is_ignored(pixel) {
                assert!(row.iter().all(|&bits| bits == 0), "{self}: gradient of ignored pixel {pixel}");
            }
        }
    }

    fn nothing_without_valid_pixel(&self, expected: &Bits) {
        if (0..self.sample.pixels()).all(|pixel| self.sample.is_ignored(pixel)) {
            assert_eq!(expected.value(), 0.0, "{self}: value without a valid pixel");
            assert!(expected.grad.iter().all(|&bits| bits == 0), "{self}: gradient without a valid pixel");
        }
    }

    /// `value`, `add_grad` and `value_and_grad` return the same bits; the gradient is set, or added to zero.
    fn methods_agree(&self, expected: &Bits) {
        let mut scratch = vec![DIRT[1]; self.needed()];
        let value = self.loss.value(&self.batch(), &mut scratch).map(f32::to_bits);
        assert_eq!(value, Ok(expected.value), "{self}: value");
        assert_eq!(self.add(0.0, 1.0), *expected, "{self}: add_grad of scale 1 to zero");
        assert_eq!(self.evaluate(self.sample, 0, 0), *expected, "{self}: value_and_grad over a dirty gradient");
    }

    fn scratch_is_irrelevant(&self, expected: &Bits) {
        let (needed, to_write) = (self.needed(), self.needed_to_write());
        for dirt in DIRT {
            let mut scratch = vec![dirt; needed + SPARE];
            let mut grad = vec![[0.0; C]; self.sample.pixels()];
            let batch = self.batch();
            let value =
                self.loss.value_and_grad(&batch, &mut AnyGrad::Rows(&mut grad), &mut scratch).expect("as before");
            assert_eq!(Bits::new(value, &grad), *expected, "{self}: scratch of {dirt:#x}");
            let untouched = |words: &[u32]| words.iter().all(|&word| word == dirt);
            assert!(untouched(&scratch[to_write..]), "{self}: value_and_grad wrote past its scratch");
            scratch[..to_write].fill(dirt);
            let value = self.loss.value(&batch, &mut scratch).map(f32::to_bits);
            assert_eq!(value, Ok(expected.value), "{self}: value with scratch of {dirt:#x}");
            assert!(untouched(&scratch[needed..]), "{self}: value wrote past its scratch");
            scratch[..needed].fill(dirt);
            let mut grad = vec![[0.0; C]; self.sample.pixels()];
            let value =
                self.loss.add_grad(&batch, 1.0, &mut AnyGrad::Rows(&mut grad), &mut scratch).expect("as before");
            assert_eq!(Bits::new(value, &grad), *expected, "{self}: add_grad with scratch of {dirt:#x}");
            assert!(untouched(&scratch[needed..]), "{self}: add_grad wrote past its scratch");
        }
    }

    fn short_scratch_is_refused(&self) {
        let error = |needed, got| Error::Length { buffer: Buffer::Scratch, needed, got };
        let (needed, to_write, pixels) = (self.needed(), self.needed_to_write(), self.sample.pixels());
        if let Some(got) = needed.checked_sub(1) {
            self.value_refused(error(needed, got), got);
            self.add_refused(error(needed, got), got, pixels);
        }
        if let Some(got) = to_write.checked_sub(1) {
            self.write_refused(error(to_write, got), got, pixels);
        }
    }

    fn wrong_gradient_is_refused(&self) {
        let needed = self.sample.pixels();
        for got in [needed.wrapping_sub(1), needed + 1].into_iter().filter(|&got| got <= needed + 1) {
            let error = Error::Length { buffer: Buffer::Grad, needed, got };
            self.add_refused(error, self.needed(), got);
            self.write_refused(error, self.needed_to_write(), got);
        }
    }

    fn bad_scale_is_refused(&self) {
        for scale in BAD_SCALES {
            let (mut grad, mut scratch) = self.canaries(self.needed(), self.sample.pixels());
            let result = self.loss.add_grad(&self.batch(), scale, &mut AnyGrad::Rows(&mut grad), &mut scratch);
            assert_eq!(result, Err(Error::Parameter(Parameter::Scale)), "{self}: scale {scale}");
            self.untouched(&grad, &scratch);
        }
    }

    fn value_refused(&self, error: Error, words: usize) {
        let (grad, mut scratch) = self.canaries(words, self.sample.pixels());
        assert_eq!(self.loss.value(&self.batch(), &mut scratch), Err(error), "{self}: value");
        self.untouched(&grad, &scratch);
    }

    fn add_refused(&self, error: Error, words: usize, pixels: usize) {
        let (mut grad, mut scratch) = self.canaries(words, pixels);
        let result = self.loss.add_grad(&self.batch(), 1.0, &mut AnyGrad::Rows(&mut grad), &mut scratch);
        assert_eq!(result, Err(error), "{self}: add_grad");
        self.untouched(&grad, &scratch);
    }

    fn write_refused(&self, error: Error, words: usize, pixels: usize) {
        let (mut grad, mut scratch) = self.canaries(words, pixels);
        let result = self.loss.value_and_grad(&self.batch(), &mut AnyGrad::Rows(&mut grad), &mut scratch);
        assert_eq!(result, Err(error), "{self}: value_and_grad");
        self.untouched(&grad, &scratch);
    }

    fn canaries(&self, words: usize, pixels: usize) -> (Vec<[f32; C]>, Vec<u32>) {
        (vec![[CANARY; C]; pixels], vec![CANARY.to_bits(); words])
    }

    fn untouched(&self, grad: &[[f32; C]], scratch: &[u32]) {
        assert!(bits(grad).iter().all(|&bits| bits == CANARY.to_bits()), "{self}: wrote to the gradient on error");
        assert!(scratch.iter().all(|&bits| bits == CANARY.to_bits()), "{self}: wrote to scratch on error");
    }

    /// `add_grad` is linear in its scale, adds, and leaves ignored pixels untouched.
    fn accumulates(&self, expected: &Bits) {
        let grad = expected.grad();
        let largest = grad.iter().fold(0.0, |largest: f64, element| largest.max(f64::from(*element).abs()));
        for (start, scale) in [(0.0, -2.0), (0.0, 0.3), (0.7, 0.3), (0.7, 0.0)] {
            let sum = self.add(start, scale);
            assert_eq!(sum.value, expected.value, "{self}: value at scale {scale}");
            // Powers of two scale every rounding alike. Else some addends a class round, and may have cancelled.
            let exact = start == 0.0 && scale == -2.0;
            let rounding = if exact { 0.0 } else { f64::from(f32::EPSILON) * (1.0 + largest) * (C + 4) as f64 };
            for (&element, &grad) in sum.grad().iter().zip(&grad) {
                let truth = f64::from(start) + f64::from(scale) * f64::from(grad);
                // What underflows at one scale need not at another.
                let near = (f64::from(element) - truth).abs() <= rounding + 1e-40;
                assert!(near || !self.sample.kind.is_sane(), "{self}: {start} + {scale} · {grad} gave {element}");
            }
        }
        for (pixel, row) in self.add(CANARY, 1.0).grad.chunks_exact(C).enumerate() {
            let untouched = row.iter().all(|&bits| bits == CANARY.to_bits());
            assert!(untouched || !self.sample.is_ignored(pixel), "{self}: add_grad wrote to ignored pixel {pixel}");
        }
    }

    fn ignored_are_not_read(&self, expected: &Bits) {
        if (0..self.sample.pixels()).all(|pixel| !self.sample.is_ignored(pixel)) {
            return;
        }
        for score in [f32::NAN, f32::INFINITY, 3e38, 0.125] {
            let mut sample = self.sample.clone();
            for (pixel, row) in sample.rows.iter_mut().enumerate() {
                if self.sample.is_ignored(pixel) {
                    *row = [score; C];
                }
            }
            assert_eq!(self.evaluate(&sample, 0, 0), *expected, "{self}: {score} at ignored pixels");
        }
    }

    fn layouts_agree(&self, expected: &Bits) {
        // The layout's number of images is not the batch's: a batch may be cut in images that its planes are not.
        for (scores, grad) in [(0, 1), (0, 2), (1, 1), (2, 3), (3, 2)] {
            let found = self.evaluate(self.sample, scores, grad);
            assert_eq!(found, *expected, "{self}: scores in {scores} and gradient in {grad} planar images");
        }
    }
}
