//! The Lovász extension of the Jaccard loss without a sort: errors counted in bins, in memory of a fixed size.

use crate::activation::{Activation, Probabilities, Sigmoid, Softmax};
use crate::error::{check_parameter, weight};
use crate::kernel::histogram::{Histogram, count, increment, merge, sweep};
use crate::kernel::tile::{IGNORED, LANES, Lanes, as_added, clear_ignored, put};
use crate::loss::lovasz::Classes;
use crate::math::{Fast, Math};
use crate::scores::clear;
use crate::tiled::{Counted, run_range};
use crate::{Batch, Error, Loss, Parameter, Scores, ScoresMut, Scratch, Tiled};
use core::marker::PhantomData;
use core::ops::Range;

/// [`Lovasz`](crate::Lovasz) in memory that does not grow with the image: errors are rounded to one of `BINS` values and
/// counted, not sorted.
///
/// ```text
/// ẽ = round(e (BINS − 1)) / (BINS − 1)              each error e rounded to its bin; then, class by class,
/// L = Σ ẽ g                                         the Lovász extension of ẽ, exactly
/// ```
///
/// With h = 1/(BINS − 1), the width of a bin, and L* the exact loss of the same scores, for each class, and for their mean
/// where no weight exceeds 1:
///
/// * **|L − L\*| ≤ h/2.** The extension is monotone in each error, and grows by t if all errors do, since the increments
///   are ≥ 0 and add up to 1. Every ẽ lies within h/2 of e, so L lies between the exact losses of all e − h/2 and all e +
///   h/2.
/// * **0 ≤ L\* − Σ e g ≤ h**: the plane that the gradient belongs to touches the exact loss from below, nearly. The g are a
///   mean of orders that sort ẽ, hence a point of the polytope over whose points Σ e g is at most L\*; and Σ e g ≥ Σ ẽ g −
///   h/2 ≥ L\* − h.
/// * Errors that are multiples of h lose nothing: with 256 bins, multiples of 1/255.
///
/// # Gradient
///
/// ```text
/// ∂L/∂p_ic = −g where y_i = c, else g               g: the mean increment of the pixels of the bin of e
/// ```
///
/// and through the activation as [`Lovasz`](crate::Lovasz#gradient)'s. Pixels whose errors share a bin get the same
/// increment, the mean of coming first and coming last; so neither loss nor gradient depends on the order of pixels or
/// tiles, in any bit.
///
/// # Shapes
///
/// Scores and gradient `[f32; C]` a pixel; softmax C ≥ 2, sigmoid and probabilities any C ≥ 1. Scratch, or the size of
/// [`Tiles`](crate::Tiles): 2 · `BINS` words a class, 2 KiB with 256 bins, and nothing a pixel. Each error is computed
/// twice. [`of_class`](Self::of_class) gives the part of one class, in the memory of one class: the parts add up to the
/// loss, as do their gradients.
///
/// # When to use it
///
/// In place of [`Lovasz`](crate::Lovasz), wherever its scratch is too much or the image is never in memory as a whole.
/// Trained with cross entropy on two sets of real images with three seeds, 256, 64 and 16 bins come to the rare class's IoU
/// of the exact loss, within 0.002 in the mean over seeds. On the same logits their gradients are at most 0.5, 1.8 and 7.5
/// % from the exact one in the L1 norm when training begins, 0.3, 1.0 and 4.0 % when it ends (`cargo run --release -- bins`
/// in the repository, which keeps its table as `tests/expected/bins.md`).
///
/// # Pitfalls
///
/// Those of [`Lovasz`](crate::Lovasz#pitfalls): classes, weights and reduction are the same, but that all pixels of the
/// largest bin share the gradient of an absent class. As [`Tiled`] it takes all tiles as one image, over the whole of which
/// the classes are present or absent.
///
/// # Other libraries
///
/// None of those in [`migration`](crate::migration) has it. In place of their exact loss it keeps the bounds above.
///
/// # Source
///
/// The loss of Berman, Rannen Triki, Blaschko 2018, equations 8 and 11, at rounded errors; the bounds follow from its being
/// the support function of a base polytope (Bach 2013, Learning with submodular functions, §3 and §4).
///
/// # Example
///
/// ```
/// use scarce::{Batch, Labels, Loss, Lovasz, LovaszHistogram, scratch_len};
///
/// let logits = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]];
/// let batch = Batch::new(&logits, Labels::new(&[0, 0, 1]))?;
/// let mut scratch = [0; scratch_len::<2, LovaszHistogram<2>>(3)];
/// let loss = LovaszHistogram::<2>::new().value(&batch, &mut scratch)?;
///
/// let exact = Lovasz::new().value(&batch, &mut scratch)?;
/// assert!((loss - exact).abs() <= 0.5 / 255.0);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "lovasz_softmax")]
#[doc(alias = "LovaszLoss")]
#[doc(alias = "binned")]
#[doc(alias = "jaccard")]
#[doc(alias = "iou")]
#[doc(alias = "mIoU")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LovaszHistogram<const C: usize, const BINS: usize = 256, const PARTS: usize = C, A = Softmax, M = Fast> {
    classes: Classes<C>,
    weights: [f32; C],
    per_image: bool,
    /// The first of the `PARTS` classes that this is the part of.
    first: u8,
    kind: PhantomData<(A, M)>,
}

impl<const C: usize, const BINS: usize> LovaszHistogram<C, BINS> {
    /// The classes that are present, all weights 1, over the whole batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { classes: Classes::Present, weights: [1.0; C], per_image: false, first: 0, kind: PhantomData }
    }
}

impl<const C: usize, const BINS: usize> Default for LovaszHistogram<C, BINS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, const BINS: usize, const PARTS: usize, A, M> LovaszHistogram<C, BINS, PARTS, A, M> {
    /// The classes to average over.
    #[must_use]
    pub const fn with_classes(self, classes: Classes<C>) -> Self {
        Self { classes, ..self }
    }

    /// A weight ≥ 0 for each class's loss; the mean is still over the number of classes.
    #[must_use]
    pub const fn with_weights(self, weights: [f32; C]) -> Self {
        Self { weights, ..self }
    }

    /// Computes each image of a batch by itself and averages; tiles are of one image in any case.
    #[must_use]
    pub const fn per_image(self) -> Self {
        Self { per_image: true, ..self }
    }

    /// The part of one class in the loss, for which one histogram is enough; 0 if there is no such class.
    #[must_use]
    pub const fn of_class(self, class: u8) -> LovaszHistogram<C, BINS, 1, A, M> {
        self.with(class)
    }

    /// Probabilities by a sigmoid in each channel: binary with one channel, else one class against all others.
    #[must_use]
    pub const fn on_sigmoid(self) -> LovaszHistogram<C, BINS, PARTS, Sigmoid, M> {
        let first = self.first;
        self.with(first)
    }

    /// The scores are probabilities, and the gradient is with respect to them.
    #[must_use]
    pub const fn on_probabilities(self) -> LovaszHistogram<C, BINS, PARTS, Probabilities, M> {
        let first = self.first;
        self.with(first)
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> LovaszHistogram<C, BINS, PARTS, A, N> {
        let first = self.first;
        self.with(first)
    }

    const fn with<const K: usize, B, N>(self, first: u8) -> LovaszHistogram<C, BINS, K, B, N> {
        LovaszHistogram {
            classes: self.classes,
            weights: self.weights,
            per_image: self.per_image,
            first,
            kind: PhantomData,
        }
    }
}

/// The steps from an error of 0 to one of 1.
const fn steps<const BINS: usize>() -> f32 {
    const { assert!(BINS >= 2 && BINS <= 1 << 16, "two bins at least, 65 536 at most") };
    (BINS - 1) as f32
}

/// The bin of an error in `0..=1`: the nearest, of two the larger.
#[inline(always)]
fn bin<const BINS: usize>(error: f32) -> usize {
    (error * steps::<BINS>() + 0.5) as i32 as usize
}

impl<const C: usize, const BINS: usize, const PARTS: usize, A: Activation, M: Math>
    LovaszHistogram<C, BINS, PARTS, A, M>
{
    /// The classes that this is the part of, each with its histogram.
    fn parts(&self) -> Range<usize> {
        let first = usize::from(self.first);
        first..first.wrapping_add(PARTS)
    }

    /// Counts the errors of a range.
    #[inline(always)]
    fn observe<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        histograms: &mut [Histogram<BINS>],
    ) {
        let (mut scores, mut others) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
        let mut start = range.start;
        while start < range.end {
            let (scores, labels) = batch.read(start, range.end, &mut scores);
            if let Some(scores) = scores {
                let (_, miss) = A::outcomes::<M, C, LANES>(scores, &labels, &mut others);
                // In place of the 0 at the pixels' own classes.
                put(&mut others, &labels, &miss);
                let errors = others.get(self.parts()).unwrap_or_default();
                for ((errors, histogram), class) in errors.iter().zip(&mut *histograms).zip(u32::from(self.first)..) {
                    for (error, label) in errors.iter().zip(&labels) {
                        if *label != IGNORED {
                            count(histogram, *label == class, bin::<BINS>(*error));
                        }
                    }
                }
            }
            start = start.wrapping_add(LANES);
        }
    }

    /// The loss, from the counts of errors; leaves the increments, times all factors but the caller's.
    fn sweep(&self, histograms: &mut [Histogram<BINS>], counts: [u32; C], valid: u32) -> f32 {
        let (classes, number) = self.classes.among(counts);
        let number = number.max(1) as f32;
        let mut loss = 0.0;
        for (class, histogram) in self.parts().zip(histograms) {
            let wanted = classes.get(class).is_some_and(|wanted| *wanted && valid > 0);
            let factor = self.weights.get(class).map_or(0.0, |weight| weight / number);
            if wanted {
                let foreground = counts.get(class).copied().unwrap_or_default();
                loss += factor * sweep(histogram, foreground, factor, |bin| bin as f32 / steps::<BINS>());
            } else {
                histogram.as_flattened_mut().fill(0);
            }
        }
        loss
    }

    /// The gradient, from the increments.
    #[inline(always)]
    fn differentiate(
        &self,
        histograms: &[Histogram<BINS>],
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]) {
        let mut probabilities = [[0.0; LANES]; C];
        move |scores, labels, tile| {
            let (hit, miss) = A::outcomes::<M, C, LANES>(scores, labels, &mut probabilities);
            *tile = [[0.0; LANES]; C];
            // ∂L/∂p; of the pixels' own classes here, of all in `tile`.
            let mut own = [0.0; LANES];
            let tiles = tile.get_mut(self.parts()).unwrap_or_default().iter_mut();
            let errors = probabilities.get(self.parts()).unwrap_or_default();
            for (((slopes, errors), histogram), class) in tiles.zip(errors).zip(histograms).zip(u32::from(self.first)..)
            {
                for lane in 0..LANES {
                    let is_own = labels[lane] == class;
                    let error = if is_own { miss[lane] } else { errors[lane] };
                    slopes[lane] = scale * increment(histogram, is_own, bin::<BINS>(error));
                    own[lane] += if is_own { slopes[lane] } else { 0.0 };
                }
            }
            put(&mut probabilities, labels, &hit);
            let (mut base, mut shared) = ([0.0; LANES], [0.0; LANES]);
            if A::COUPLED {
                // All ∂L/∂p may be shifted together; see `Overlap`, which does so for the same reason.
                let mut mean = [0.0; LANES];
                for (slopes, probabilities) in tile.iter().zip(&probabilities) {
                    for lane in 0..LANES {
                        mean[lane] += slopes[lane] * probabilities[lane];
                    }
                }
                for lane in 0..LANES {
                    base[lane] = if hit[lane] < 0.5 { mean[lane] } else { own[lane] };
                }
                for (slopes, probabilities) in tile.iter().zip(&probabilities) {
                    for lane in 0..LANES {
                        shared[lane] += (slopes[lane] - base[lane]) * probabilities[lane];
                    }
                }
            }
            for (((slopes, probabilities), scores), class) in
                tile.iter_mut().zip(&probabilities).zip(scores).zip(0_u32..)
            {
                for lane in 0..LANES {
                    let probability = probabilities[lane];
                    let local = if A::COUPLED {
                        probability
                    } else if labels[lane] == class {
                        A::local(hit[lane], miss[lane])
                    } else {
                        A::slope::<M, 1>([scores[lane]], 0, 1.0)
                    };
                    slopes[lane] = as_added(local * ((slopes[lane] - base[lane]) - shared[lane]));
                }
            }
            clear_ignored(tile, labels);
        }
    }

    /// The mean of the groups' losses; the gradient is added to `grad`, or written if it is to `SET`.
    fn run<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32 {
        let histograms = scratch.as_chunks_mut().0.as_chunks_mut().0;
        batch.mean_over_groups(self.per_image, |range, groups| {
            histograms.as_flattened_mut().as_flattened_mut().fill(0);
            self.observe(batch, range.clone(), histograms);
            let (counts, valid) = batch.counts_of(range.clone());
            let loss = self.sweep(histograms, counts, valid);
            match &mut grad {
                Some(grad) if valid > 0 => {
                    let gradient = self.differentiate(histograms, scale / groups);
                    run_range::<SET, C, S, G>(batch, range, &mut **grad, gradient);
                }
                Some(grad) if SET => clear(&mut **grad, &range),
                _ => {}
            }
            loss
        })
    }
}

impl<const C: usize, const BINS: usize, const PARTS: usize, A: Activation, M: Math> Loss<C>
    for LovaszHistogram<C, BINS, PARTS, A, M>
{
    const SCRATCH: Scratch = Scratch::new(2 * BINS * PARTS, 0);
    const WRITES_ONCE: bool = true;

    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        check_parameter(Parameter::Weight, &self.weights, weight)?;
        A::check(batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> f32 {
        self.run::<false, _, [[f32; C]]>(batch, 0.0, None, scratch)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        self.run::<SET, _, _>(batch, scale, Some(grad), scratch)
    }
}

impl<const C: usize, const BINS: usize, const PARTS: usize, A: Activation, M: Math> Tiled<C>
    for LovaszHistogram<C, BINS, PARTS, A, M>
{
    type Sums = [Histogram<BINS>; PARTS];
    const NOTHING: Self::Sums = [[[0; BINS]; 2]; PARTS];

    fn add_tile<S: Scores<C> + ?Sized>(&self, sums: &mut Self::Sums, _: u8, tile: &Batch<'_, S, C>) {
        self.observe(tile, 0..tile.pixels(), sums);
    }

    fn merge_sums(sums: &mut Self::Sums, other: &Self::Sums) {
        merge(sums, other);
    }

    fn finish(&self, sums: &mut Self::Sums, _: u8, counted: &Counted<C>) -> Option<f32> {
        Some(self.sweep(sums, counted.counts, counted.valid).clamp(f32::MIN, f32::MAX))
    }

    fn gradient(
        &self,
        sums: &Self::Sums,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]) {
        self.differentiate(sums, scale)
    }
}

/// [`LovaszHinge`](crate::LovaszHinge) in memory that does not grow with the image: errors are counted in bins, not sorted.
///
/// ```text
/// e_i = 1 − s_i z_i,  s = 2 y − 1                   rounded to ẽ where e > 0; |ẽ − e| ≤ (1 + e) / 2m
/// L   = Σ ẽ g                                       the Lovász extension of the positive ẽ, exactly
/// ```
///
/// Errors have no largest value, so a bin is the wider, the larger its error: with m = `BINS`/8, 1 + e is rounded to m
/// steps from each power of two to the next, up to 2⁸. With L* the exact loss of the same logits, **|L − L\*| ≤ (1 + L\*) /
/// 2m** as long as no error exceeds 255: the extension is monotone and subadditive, and that of (1 + e)/2m is (1 + L\*)/2m.
///
/// # Gradient
///
/// ```text
/// ∂L/∂z_i = −s_i g where e > 0, else 0              g: the mean increment of the pixels of the bin of e
/// ```
///
/// Neither loss nor gradient depends on the order of pixels or tiles, in any bit.
///
/// # Shapes
///
/// One logit a pixel, `[f32; 1]`; labels 0 and 1. Scratch, or the size of [`Tiles`](crate::Tiles): 2 · `BINS` words, 2 KiB
/// with 256 bins. `BINS` is a power of two, at least 16.
///
/// # When to use it
///
/// In place of [`LovaszHinge`](crate::LovaszHinge), wherever its scratch is too much or the image is never in memory as a
/// whole. The repository trains [`LovaszHistogram`], and not this one.
///
/// # Pitfalls
///
/// Those of [`LovaszHinge`](crate::LovaszHinge#pitfalls), but that without foreground all pixels of the largest bin share
/// the gradient. Errors above 255 count as the largest bin: logits are better kept small.
///
/// # Other libraries
///
/// None of those in [`migration`](crate::migration) has it. In place of their exact loss it keeps the bound above.
///
/// # Source
///
/// As [`LovaszHistogram`] and [`LovaszHinge`](crate::LovaszHinge).
///
/// # Example
///
/// ```
/// use scarce::{Batch, Labels, Loss, LovaszHingeHistogram, scratch_len};
///
/// let batch = Batch::new(&[[0.5], [-2.0], [0.0]], Labels::new(&[1, 0, 0]))?;
/// let mut grad = [[0.0; 1]; 3];
/// let mut scratch = [0; scratch_len::<1, LovaszHingeHistogram>(3)];
/// let loss = LovaszHingeHistogram::<256>::new().value_and_grad(&batch, &mut grad, &mut scratch)?;
/// assert_eq!(loss, 0.75); // errors 1, ½, −1 with increments ½, ½, 0
/// assert_eq!(grad, [[-0.5], [0.0], [0.5]]);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "lovasz_hinge")]
#[doc(alias = "binned")]
#[doc(alias = "jaccard")]
#[doc(alias = "iou")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LovaszHingeHistogram<const BINS: usize = 256> {
    per_image: bool,
}

/// The octaves of 1 + e that have bins.
const OCTAVES: u32 = 8;

impl<const BINS: usize> LovaszHingeHistogram<BINS> {
    /// How many low bits of 1 + e a bin spans.
    const SHIFT: u32 = {
        assert!(BINS.is_power_of_two() && BINS >= 16 && BINS <= 1 << 16, "a power of two from 16 to 65 536");
        f32::MANTISSA_DIGITS - 1 - (BINS.ilog2() - OCTAVES.ilog2())
    };

    /// Over the whole batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_image: false }
    }

    /// Computes each image of a batch by itself and averages; tiles are of one image in any case.
    #[must_use]
    pub const fn per_image(self) -> Self {
        Self { per_image: true }
    }

    /// The bin of an error, if it is positive: the nearest, of two the larger.
    #[inline(always)]
    fn bin(error: f32) -> Option<usize> {
        let steps = (1.0 + error).to_bits().wrapping_sub(1.0_f32.to_bits()).wrapping_add(1 << Self::SHIFT >> 1);
        (error > 0.0).then_some(((steps >> Self::SHIFT) as usize).min(BINS - 1))
    }

    /// The error of a bin.
    fn error_of(bin: usize) -> f32 {
        f32::from_bits(1.0_f32.to_bits().wrapping_add((bin as u32) << Self::SHIFT)) - 1.0
    }

    fn observe<S: Scores<1> + ?Sized>(batch: &Batch<'_, S, 1>, range: Range<usize>, histogram: &mut Histogram<BINS>) {
        for ([logit], label) in batch.samples(range).flatten() {
            let foreground = label == 1;
            if let Some(bin) = Self::bin(error(logit, foreground)) {
                count(histogram, foreground, bin);
            }
        }
    }

    fn sweep(histogram: &mut Histogram<BINS>, foreground: u32) -> f32 {
        sweep(histogram, foreground, 1.0, Self::error_of)
    }

    #[inline(always)]
    fn differentiate(
        histogram: &Histogram<BINS>,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; 1], &[u32; LANES], &mut [Lanes<LANES>; 1]) {
        move |[scores], labels, [tile]| {
            for ((slot, score), label) in tile.iter_mut().zip(scores).zip(labels) {
                let foreground = *label == 0;
                let bin = Self::bin(error(*score, foreground)).filter(|_| *label != IGNORED);
                *slot = bin.map_or(0.0, |bin| as_added(scale * increment(histogram, foreground, bin)));
            }
        }
    }

    fn run<const SET: bool, S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32 {
        let Some(histogram) = scratch.as_chunks_mut().0.first_chunk_mut() else { return 0.0 };
        batch.mean_over_groups(self.per_image, |range, groups| {
            histogram.as_flattened_mut().fill(0);
            Self::observe(batch, range.clone(), histogram);
            let ([foreground], _) = batch.counts_of(range.clone());
            let loss = Self::sweep(histogram, foreground);
            if let Some(grad) = &mut grad {
                let gradient = Self::differentiate(histogram, scale / groups);
                run_range::<SET, 1, S, G>(batch, range, &mut **grad, gradient);
            }
            loss
        })
    }
}

/// e of a pixel.
#[inline(always)]
fn error(logit: f32, foreground: bool) -> f32 {
    if foreground { 1.0 - logit } else { 1.0 + logit }
}

impl<const BINS: usize> Loss<1> for LovaszHingeHistogram<BINS> {
    const SCRATCH: Scratch = Scratch::new(2 * BINS, 0);
    const WRITES_ONCE: bool = true;

    fn check<S: Scores<1> + ?Sized>(&self, _: &Batch<'_, S, 1>) -> Result<(), Error> {
        Ok(())
    }

    fn evaluate<S: Scores<1> + ?Sized>(&self, batch: &Batch<'_, S, 1>, scratch: &mut [u32]) -> f32 {
        self.run::<false, _, [[f32; 1]]>(batch, 0.0, None, scratch)
    }

    fn accumulate<const SET: bool, S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        self.run::<SET, _, _>(batch, scale, Some(grad), scratch)
    }
}

impl<const BINS: usize> Tiled<1> for LovaszHingeHistogram<BINS> {
    type Sums = Histogram<BINS>;
    const NOTHING: Self::Sums = [[0; BINS]; 2];

    fn add_tile<S: Scores<1> + ?Sized>(&self, sums: &mut Self::Sums, _: u8, tile: &Batch<'_, S, 1>) {
        Self::observe(tile, 0..tile.pixels(), sums);
    }

    fn merge_sums(sums: &mut Self::Sums, other: &Self::Sums) {
        merge(core::slice::from_mut(sums), core::slice::from_ref(other));
    }

    fn finish(&self, sums: &mut Self::Sums, _: u8, counted: &Counted<1>) -> Option<f32> {
        let [foreground] = counted.counts;
        Some(Self::sweep(sums, foreground))
    }

    fn gradient(
        &self,
        sums: &Self::Sums,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; 1], &[u32; LANES], &mut [Lanes<LANES>; 1]) {
        Self::differentiate(sums, scale)
    }
}
