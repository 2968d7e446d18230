//! The Lovász extension of the Jaccard loss: softmax, sigmoid or probabilities, and hinge.

use super::{float, take};
use crate::activation::{Activation, Probabilities, Sigmoid, Softmax};
use crate::error::{check_parameter, weight};
use crate::kernel::jaccard::JaccardIncrements;
use crate::kernel::softmax::{Target, argmax, argmax_of_each, sum};
use crate::kernel::sort::{Errors, Foreground, Fraction, Increments, Key, Radix, Sort, Whole};
use crate::kernel::sum::{BLOCK, BlockSum, SUMS, Total};
use crate::kernel::tile::{IGNORED, LANES, Lanes, as_added, larger, put, smaller};
use crate::labels::channel;
use crate::math::{Fast, Math};
use crate::scores::clear;
use crate::{Batch, Buffer, Error, Loss, Parameter, Scores, ScoresMut, Scratch};
use core::marker::PhantomData;
use core::ops::Range;

/// The classes that a Lovász loss is averaged over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Classes<const C: usize> {
    /// Those with a true pixel, in the batch or in the image.
    Present,
    /// All. The loss of an absent class is its largest error, and only that one pixel gets a gradient.
    All,
    /// Those marked, absent or not.
    Listed([bool; C]),
}

impl<const C: usize> Classes<C> {
    /// Which they are, and how many, given the pixels of each.
    pub(crate) fn among(self, counts: [u32; C]) -> ([bool; C], usize) {
        let classes = match self {
            Self::Present => counts.map(|count| count > 0),
            Self::All => [true; C],
            Self::Listed(classes) => classes,
        };
        (classes, classes.iter().filter(|&&counts| counts).count())
    }
}

/// Lovász-softmax: the convex extension of the Jaccard loss (1 − IoU) of each class, averaged over classes.
///
/// ```text
/// e_i = 1 − p_ic where y_i = c, else p_ic           errors, sorted in decreasing order, ties by pixel
/// L_c = Σ_k e_(k) g_k                               g_k = J_k − J_(k−1)
/// J_k = 1 − (n − h_k) / (n + k − h_k)               n pixels of c, h_k of them among the k largest errors; J_0 = 0
/// L   = mean over the classes of w_c L_c
/// ```
///
/// The increments g are exact to rounding ([`JaccardIncrements`]). Errors are ordered in steps of 2⁻²⁴, which is the
/// rounding of a softmax, and the order is total, so that the gradient is reproducible where errors tie and the loss has
/// many subgradients. Pixels of the background that err less than every pixel of the foreground have the increment 0 and
/// are not sorted.
///
/// # Gradient
///
/// ```text
/// ∂L_c/∂p_ic = −g where y_i = c, else g             and through the softmax: ∂/∂z_c = p_c (∂_c − Σ_k p_k ∂_k)
/// ```
///
/// # Shapes
///
/// Scores and gradient `[f32; C]` a pixel; softmax C ≥ 2, sigmoid and probabilities any C ≥ 1 (with one channel the one
/// class is label 1; use [`Classes::All`] to count it where it is absent, too). Scratch, by the sort; both give the same
/// bits:
///
/// | | to write the gradient | to add it; the value |
/// |---|---|---|
/// | [`Radix`] | 256 words and 2 a pixel | 256 words and 5 a pixel, without softmax 3 |
/// | [`Heap`](crate::Heap) | 1 word a pixel, 2 beyond 65 536 pixels | 3 words a pixel, without softmax 2 |
///
/// On hosts, [`Radix`] takes 12 032 words more to write from 12 032 pixels on.
///
/// # When to use it
///
/// Where the IoU of a rare class is what counts. Its authors fine-tune with it; it trains from scratch too: in 200 steps it
/// was above cross entropy on each of five sets of images, by an IoU of 0.17 in the mean (`cargo run --release -- compare
/// --all --steps 200`). In 600 steps, beside cross entropy in a [`Sum`](crate::Sum), it found cracks of 2.3 % of the pixels
/// with each of three seeds (IoU 0.37 to 0.38; cross entropy 0.00, 0.33, 0.34), and on precipitates of 1.7 % came to 0.63 to
/// 0.69, cross entropy to 0.55 to 0.60 (`cargo run --release -- --seeds 3 --data examples-host/data/crack`, or
/// `…/alloy`, in the repository). A firmware that fine-tunes on 24 frames came to 0.47 with it and to 0.27 without (`cargo
/// mcu`). Where memory is scarcer than that: [`LovaszHistogram`](crate::LovaszHistogram).
///
/// # Pitfalls
///
/// * **Absent classes**: with [`Classes::All`] or a list the loss of a class without a true pixel is its largest error, and
///   one pixel gets all of its gradient. [`Classes::Present`], the default, leaves it out.
/// * **By image or by batch**: over the whole batch by default; with [`per_image`](Self::per_image) the mean of the images'
///   losses, to which an image without a valid pixel contributes 0.
/// * Weights multiply; the mean is over the number of classes, not over the weights.
/// * The gradient with respect to p goes by an error's rank, not by its size, and the softmax takes from it where p is near
///   0 or 1: a pixel that is wholly wrong is hardly moved. That is what cross entropy beside it is for.
///
/// # Other libraries
///
/// Berman's code, and PaddleSeg's and segmentation_models.pytorch's after it, is this one; it takes `classes='present'` by
/// identity, and another string of the same letters as `'all'`. Where everything is ignored they return an empty tensor,
/// here it is 0. mmsegmentation's class weights multiply as here. Kornia 0.9.0's is `per_image` with [`Classes::All`]; at
/// commit b4f5a78 of its sources it sorts class numbers in place of the foreground, and computes another loss altogether.
/// Most subtract neighbouring Jaccard indices in f32, which flushes small increments to 0. Row by row:
/// [`migration`](crate::migration).
///
/// # Source
///
/// Berman, Rannen Triki, Blaschko 2018, equations 8, 11 and algorithm 1.
///
/// # Example
///
/// ```
/// use scarce::{Batch, Heap, Labels, Loss, Lovasz, scratch_len_to_write};
///
/// let logits = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]];
/// let batch = Batch::new(&logits, Labels::new(&[0, 0, 1]))?;
/// let mut grad = [[0.0; 2]; 3];
/// let mut scratch = [0; scratch_len_to_write::<2, Lovasz<2>>(3)];
/// let loss = Lovasz::new().value_and_grad(&batch, &mut grad, &mut scratch)?;
///
/// let mut other = [[0.0; 2]; 3];
/// assert_eq!(loss, Lovasz::new().with_sort(Heap).value_and_grad(&batch, &mut other, &mut scratch)?);
/// assert_eq!(grad, other);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "lovasz_softmax")]
#[doc(alias = "LovaszLoss")]
#[doc(alias = "LovaszSoftmaxLoss")]
#[doc(alias = "jaccard")]
#[doc(alias = "iou")]
#[doc(alias = "mIoU")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lovasz<const C: usize, A = Softmax, R = Radix, M = Fast> {
    classes: Classes<C>,
    weights: [f32; C],
    per_image: bool,
    kind: PhantomData<(A, R, M)>,
}

impl<const C: usize> Lovasz<C> {
    /// The classes that are present, all weights 1, over the whole batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { classes: Classes::Present, weights: [1.0; C], per_image: false, kind: PhantomData }
    }
}

impl<const C: usize> Default for Lovasz<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, A, R, M> Lovasz<C, A, R, M> {
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

    /// Computes each image by itself and averages.
    #[must_use]
    pub const fn per_image(self) -> Self {
        Self { per_image: true, ..self }
    }

    /// Probabilities by a sigmoid in each channel: binary with one channel, else one class against all others.
    #[must_use]
    pub const fn on_sigmoid(self) -> Lovasz<C, Sigmoid, R, M> {
        self.with()
    }

    /// The scores are probabilities, and the gradient is with respect to them.
    #[must_use]
    pub const fn on_probabilities(self) -> Lovasz<C, Probabilities, R, M> {
        self.with()
    }

    /// Another sort: same bits, other scratch and speed.
    #[must_use]
    pub const fn with_sort<Q: Sort>(self, _: Q) -> Lovasz<C, A, Q, M> {
        self.with()
    }

    /// Other elementary functions.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> Lovasz<C, A, R, N> {
        self.with()
    }

    const fn with<B, Q, N>(self) -> Lovasz<C, B, Q, N> {
        Lovasz { classes: self.classes, weights: self.weights, per_image: self.per_image, kind: PhantomData }
    }
}

/// Scratch, carved.
struct Buffers<'a> {
    sorting: Sorting<'a>,
    /// Σ_k p_k ∂L/∂p_k over the classes but the most probable, of each pixel, where the gradient is added to and the
    /// activation coupled.
    shared: &'a mut [u32],
    /// 1 / Σ exp of each pixel, where it is kept.
    inverse: &'a mut [u32],
}

struct Sorting<'a> {
    /// The bits of each pixel's error; after the sort, of its increment.
    errors: &'a mut [u32],
    /// The sort's; after it, what `errors` held.
    order: &'a mut [u32],
    scratch: &'a mut [u32],
}

impl<'a> Buffers<'a> {
    const fn scratch<R: Sort>(coupled: bool) -> Scratch {
        let kept = if coupled && R::KEEPS {
            2
        } else if coupled {
            1
        } else {
            0
        };
        R::SCRATCH.and(Scratch::new(0, 2 + kept))
    }

    /// What is not `shared` and not the inverses is the sort's, which uses what it gets.
    fn carve(mut scratch: &'a mut [u32], pixels: usize, shared: bool, inverse: bool) -> Self {
        let errors = take(&mut scratch, pixels);
        let order = take(&mut scratch, pixels);
        let shared = take(&mut scratch, if shared { pixels } else { 0 });
        let inverse = take(&mut scratch, if inverse { pixels } else { 0 });
        Self { sorting: Sorting { errors, order, scratch }, shared, inverse }
    }
}

/// Σ e_(k) g_k, given each pixel's error; leaves in its place the bits of its increment, negative for the foreground, which is
/// how the loss changes with a probability or a logit.
///
/// `least` is the smallest key of the foreground, and no smaller one can matter: past the last foreground pixel every
/// increment is 0. `fill` writes the errors once more; `loss` is the loss of an element by itself: the error, or a bent
/// version.
#[inline(always)]
fn extension<R: Sort, K: Key>(
    sorting: &mut Sorting<'_>,
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    least: u32,
    fill: impl FnOnce(&mut [u32]),
    loss: impl Fn(f32) -> f32,
) -> f32 {
    let Sorting { errors, order, scratch } = sorting;
    if foreground.count == 0 {
        let mut first = First::new(least);
        for (error, pixel) in errors.iter().zip(0..) {
            first.see::<K>(pixel, f32::from_bits(*error));
        }
        order.fill(0);
        if let Some(slot) = first.pixel.and_then(|first| order.get_mut(first)) {
            *slot = 1.0_f32.to_bits();
        }
        core::mem::swap(errors, order);
    } else {
        R::increments::<K>(foreground, least, errors, order, scratch);
        if R::KEEPS {
            core::mem::swap(errors, order);
        } else {
            fill(order);
        }
    }
    weigh(order, errors, loss)
}

/// As [`extension`], of errors that a channel of the gradient holds; leaves there the slope of each, given the error and the
/// increment.
#[inline(always)]
fn write_extension<const C: usize, R: Sort, K: Key>(
    channel: &mut Channel<'_, C, impl ScoresMut<C> + ?Sized>,
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    least: u32,
    scratch: &mut [u32],
    loss: impl Fn(f32) -> f32,
    slope: impl Fn(f32, f32) -> f32,
) -> f32 {
    if foreground.count == 0 {
        let (mut first, mut total) = (First::new(least), 0.0);
        channel.change(|pixel, error| {
            first.see::<K>(pixel, error);
            error
        });
        channel.change(|pixel, error| {
            if first.pixel != Some(pixel) {
                return 0.0;
            }
            total = loss(error);
            slope(error, 1.0)
        });
        return total;
    }
    match R::increments_of::<K>(foreground, least, &*channel, scratch) {
        Increments::ByPixel(increments, errors) => {
            let mut in_order = increments.iter().map(|bits| f32::from_bits(*bits));
            let mut next = || in_order.next().unwrap_or(0.0);
            if LANES == 1 {
                return weigh_each(channel, |_| next(), loss, slope);
            }
            channel.read(errors, f32::to_bits);
            let total = weigh(errors, increments, loss);
            channel.change(|_, error| slope(error, next()));
            total
        }
        Increments::ByRank(ranks) => weigh_each(channel, |pixel| ranks.increment(foreground, pixel), loss, slope),
    }
}

/// As [`weigh`], of errors in a channel of the gradient, in place of which slopes are left.
#[inline(always)]
fn weigh_each<const C: usize>(
    channel: &mut Channel<'_, C, impl ScoresMut<C> + ?Sized>,
    mut increment: impl FnMut(usize) -> f32,
    loss: impl Fn(f32) -> f32,
    slope: impl Fn(f32, f32) -> f32,
) -> f32 {
    let (mut total, mut block) = (Total::ZERO, BlockSum::ZERO);
    channel.change(|pixel, error| {
        let place = pixel % BLOCK;
        if place == 0 {
            total.add(core::mem::replace(&mut block, BlockSum::ZERO).get());
        }
        let increment = increment(pixel);
        block.add(place, &[loss(error) * increment.abs()]);
        slope(error, increment)
    });
    total.add(block.get());
    total.get()
}

/// The pixel of the largest key, of several the first, whose increment without foreground is 1 and the others' 0; none if all
/// keys are below a floor.
struct First {
    pixel: Option<usize>,
    key: u32,
}

impl First {
    const fn new(floor: u32) -> Self {
        Self { pixel: None, key: floor }
    }

    #[inline(always)]
    fn see<K: Key>(&mut self, pixel: usize, error: f32) {
        let key = K::of(error);
        if key > self.key || (key == self.key && self.pixel.is_none()) {
            *self = Self { pixel: Some(pixel), key };
        }
    }
}

/// A channel of the gradient of a group of pixels.
struct Channel<'a, const C: usize, G: ?Sized> {
    grad: &'a mut G,
    range: Range<usize>,
    class: usize,
}

impl<const C: usize, G: ScoresMut<C> + ?Sized> Channel<'_, C, G> {
    #[inline(always)]
    fn change(&mut self, value: impl FnMut(usize, f32) -> f32) {
        self.grad.fill_channel(self.range.clone(), self.class, value);
    }
}

impl<const C: usize, G: ScoresMut<C> + ?Sized> Errors for Channel<'_, C, G> {
    fn pixels(&self) -> usize {
        self.range.len()
    }

    #[inline(always)]
    fn read(&self, words: &mut [u32], word: impl Fn(f32) -> u32) {
        self.grad.read_channel(self.range.clone(), self.class, words, word);
    }

    #[inline(always)]
    fn of(&self, pixel: usize) -> f32 {
        self.grad.element(self.range.start.wrapping_add(pixel), self.class)
    }
}

/// Σ e_i g_i, in order of pixels, which is the same whatever they are sorted by.
#[inline(always)]
fn weigh(errors: &[u32], increments: &[u32], loss: impl Fn(f32) -> f32) -> f32 {
    let product = |error: u32, increment: u32| loss(f32::from_bits(error)) * f32::from_bits(increment).abs();
    let mut total = Total::ZERO;
    for (errors, increments) in errors.chunks(BLOCK).zip(increments.chunks(BLOCK)) {
        let mut block = BlockSum::ZERO;
        let ((errors, errors_left), (increments, increments_left)) =
            (errors.as_chunks::<SUMS>(), increments.as_chunks::<SUMS>());
        for (errors, increments) in errors.iter().zip(increments) {
            let mut products = [0.0; SUMS];
            for ((slot, error), increment) in products.iter_mut().zip(errors).zip(increments) {
                *slot = product(*error, *increment);
            }
            block.add(0, &products);
        }
        for ((error, increment), place) in errors_left.iter().zip(increments_left).zip(0..) {
            block.add(place, &[product(*error, *increment)]);
        }
        total.add(block.get());
    }
    total.get()
}

impl<const C: usize, A: Activation, R: Sort, M: Math> Lovasz<C, A, R, M> {
    /// The loss of one group of pixels; `groups` is the number of them.
    fn group<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        scale: f32,
        mut grad: Option<&mut G>,
        buffers: &mut Buffers<'_>,
    ) -> f32 {
        let Some((classes, number, counts)) = self.wanted(batch, range.clone()) else { return 0.0 };
        if A::COUPLED && R::KEEPS {
            for (slot, sample) in buffers.inverse.iter_mut().zip(batch.samples(range.clone())) {
                *slot = sample.map_or(0.0, |(row, label)| A::inverse::<M, C>(row, label)).to_bits();
            }
        }
        buffers.shared.fill(0);
        let scale = scale / number;
        let mut total = 0.0;
        let wanted = self.weights.iter().zip(counts).zip(classes).enumerate();
        for (class, ((&weight, count), _)) in wanted.filter(|(_, (_, wanted))| *wanted) {
            let Buffers { sorting, inverse, .. } = &mut *buffers;
            let inverse = &**inverse;
            let fill = |errors: &mut [u32]| {
                for ((slot, sample), place) in errors.iter_mut().zip(batch.samples(range.clone())).zip(0..) {
                    let error = sample.map_or(Fraction::NO_PART, |(row, label)| {
                        if channel::<C>(label) == class {
                            A::row::<M, C>(row, label).1
                        } else {
                            A::probability::<M, C>(row, class, Self::inverse(inverse, place, row, label))
                        }
                    });
                    *slot = error.to_bits();
                }
            };
            fill(sorting.errors);
            let contains = batch.labels_of(range.clone()).are::<C>(class);
            let least = sorting.errors.iter().zip(0..).filter(|(_, place)| contains(*place));
            let least = least.map(|(error, _)| Fraction::of(f32::from_bits(*error))).fold(u32::MAX, u32::min);
            let least = if count == 0 { 1 } else { least };
            let loss = extension::<R, Fraction>(sorting, Foreground { count, contains }, least, fill, |error| error);
            total += weight * loss;
            if let Some(grad) = &mut grad {
                self.scatter(batch, range.clone(), class, scale * weight, &mut **grad, buffers);
            }
        }
        if let (true, Some(grad)) = (A::COUPLED, grad) {
            let rows = batch.samples(range.clone()).zip(buffers.shared.iter()).map(|(sample, shared)| {
                let shared = f32::from_bits(*shared);
                let (row, label) = sample.filter(|_| shared != 0.0)?;
                Some(A::row::<M, C>(row, label).0.map(|probability| -(probability * shared)))
            });
            grad.add_rows(range.start, rows);
        }
        total / number
    }

    /// The classes that are averaged over, how many they are, and the pixels of each; `None` if there is nothing to do.
    fn wanted<S: Scores<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
    ) -> Option<([bool; C], f32, [u32; C])> {
        let (counts, valid) = batch.counts_of(range);
        let (classes, number) = self.classes.among(counts);
        (valid > 0 && number > 0).then_some((classes, number as f32, counts))
    }

    /// As [`group`](Self::group), the gradient written instead of added to: it holds the errors of all classes meanwhile,
    /// and the probabilities are computed twice for each pixel, not twice for each class.
    #[inline(always)]
    fn write_group<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        let Some((classes, number, counts)) = self.wanted(batch, range.clone()) else {
            clear(grad, &range);
            return 0.0;
        };
        let (mut scores, mut tile) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
        // The smallest error of each class's own pixels. Where many pixels go at once no search for it pays: the bound 0 does.
        let mut least = [if LANES == 1 { f32::INFINITY } else { 0.0 }; C];
        let mut place = 0;
        while place < range.len() {
            let start = range.start.wrapping_add(place);
            match batch.read(start, range.end, &mut scores) {
                (Some(scores), labels) => {
                    let (_, miss) = A::outcomes::<M, C, LANES>(scores, &labels, &mut tile);
                    if LANES == 1 {
                        for (label, miss) in labels.iter().zip(&miss) {
                            if let Some(least) = least.get_mut(*label as usize) {
                                *least = smaller(*least, *miss);
                            }
                        }
                        put(&mut tile, &labels, &miss);
                    } else {
                        // Added to the 0 that is there: of two numbers in memory one would be chosen by a branch.
                        for (errors, class) in tile.iter_mut().zip(0_u32..) {
                            for lane in 0..LANES {
                                let error = errors[lane] + if labels[lane] == class { miss[lane] } else { 0.0 };
                                errors[lane] = if labels[lane] == IGNORED { Fraction::NO_PART } else { error };
                            }
                        }
                    }
                }
                _ => tile = [[Fraction::NO_PART; LANES]; C],
            }
            // What lies past the end is another group's, and written in its turn.
            grad.write(start, &tile);
            place = place.wrapping_add(LANES);
        }
        let mut total = 0.0;
        let of_classes = self.weights.iter().zip(counts).zip(classes).zip(least).enumerate();
        for (class, (((&weight, count), wanted), least)) in of_classes {
            if !wanted {
                grad.fill_channel(range.clone(), class, |_, _| 0.0);
                continue;
            }
            let contains = batch.labels_of(range.clone()).are::<C>(class);
            let least = if count == 0 { 1 } else { Fraction::of(least) };
            let factor = scale / number * weight;
            total += weight
                * write_extension::<C, R, Fraction>(
                    &mut Channel { grad: &mut *grad, range: range.clone(), class },
                    Foreground { count, contains },
                    least,
                    scratch,
                    |error| error,
                    |_, increment| as_added(factor * increment),
                );
        }
        let mut place = 0;
        while place < range.len() {
            let start = range.start.wrapping_add(place);
            grad.read(start, &mut tile);
            let steep = tile.as_flattened().iter().fold(0, |any, slope| any | slope.to_bits());
            if steep != 0
                && let (Some(scores), labels) = batch.read::<LANES>(start, range.end, &mut scores)
            {
                if A::COUPLED {
                    through_softmax::<M, C, LANES>(scores, &labels, &mut tile);
                } else {
                    for (slopes, scores) in tile.as_flattened_mut().iter_mut().zip(scores.as_flattened()) {
                        *slopes = as_added(*slopes * A::slope::<M, 1>([*scores], 0, 1.0));
                    }
                }
                grad.write(start, &tile);
            }
            place = place.wrapping_add(LANES);
        }
        total / number
    }

    /// 1 / Σ exp of a pixel: kept, or computed again with the same bits.
    #[inline]
    fn inverse(kept: &[u32], place: usize, row: [f32; C], label: u8) -> f32 {
        if A::COUPLED && R::KEEPS { float(kept, place).unwrap_or(0.0) } else { A::inverse::<M, C>(row, label) }
    }

    /// Adds one class's part of the gradient.
    fn scatter<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        class: usize,
        scale: f32,
        grad: &mut G,
        buffers: &mut Buffers<'_>,
    ) {
        let start = range.start;
        for ((&bits, sample), place) in buffers.sorting.errors.iter().zip(batch.samples(range)).zip(0..) {
            let increment = f32::from_bits(bits);
            let Some((row, label)) = sample.filter(|_| increment != 0.0) else { continue };
            let inverse = Self::inverse(buffers.inverse, place, row, label);
            let slope = A::slope::<M, C>(row, class, inverse);
            let addend = scale * increment * slope;
            let pixel = start.wrapping_add(place);
            if A::COUPLED && class == argmax(row) {
                // The most probable class shares its part at once, times 1 − p: added to the sum below and taken off
                // again times p it would cancel, and where p is near 1 leave four digits of seven.
                let (probabilities, _) = A::row::<M, C>(row, label);
                let mut others = probabilities;
                if let Some(own) = others.get_mut(class) {
                    *own = 0.0;
                }
                let rest = sum(others);
                for (channel, probability) in probabilities.into_iter().enumerate() {
                    if let Some(element) = grad.element_mut(pixel, channel) {
                        *element += addend * if channel == class { rest } else { -probability };
                    }
                }
                continue;
            }
            if let Some(element) = grad.element_mut(pixel, class) {
                *element += addend;
            }
            if let Some(shared) = buffers.shared.get_mut(place) {
                *shared = (f32::from_bits(*shared) + addend).to_bits();
            }
        }
    }

    fn run<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32 {
        batch.mean_over_groups(self.per_image, |range, groups| {
            let mut buffers = Buffers::carve(scratch, range.len(), A::COUPLED, A::COUPLED && R::KEEPS);
            self.group(batch, range, scale / groups, grad.as_deref_mut(), &mut buffers)
        })
    }
}

impl<const C: usize, A: Activation, R: Sort, M: Math> Loss<C> for Lovasz<C, A, R, M> {
    const SCRATCH: Scratch = Buffers::scratch::<R>(A::COUPLED);
    const SCRATCH_TO_WRITE: Scratch = R::SCRATCH_TO_WRITE;
    const WRITES_FASTER: bool = true;

    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        check_parameter(Parameter::Weight, &self.weights, weight)?;
        A::check(batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> f32 {
        self.run(batch, 0.0, None::<&mut [[f32; C]]>, scratch)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        if !SET {
            return self.run(batch, scale, Some(grad), scratch);
        }
        batch.mean_over_groups(self.per_image, |range, groups| {
            self.write_group(batch, range, scale / groups, grad, scratch)
        })
    }
}

/// The gradient through a softmax, in place of ∂L/∂p: what [`Lovasz::scatter`] adds class by class, with the same bits.
///
/// Of each pixel's numbers one is chosen while it is computed, or replaced by 0: to choose between two in memory is a branch,
/// and the loop is then not vectorised.
#[inline(always)]
fn through_softmax<M: Math, const C: usize, const L: usize>(
    scores: &[Lanes<L>; C],
    labels: &[u32; L],
    tile: &mut [Lanes<L>; C],
) {
    let most = argmax_of_each(scores);
    let mut probabilities = [[0.0; L]; C];
    let target = Target::new::<M, C>(scores, labels, &mut probabilities);
    put(&mut probabilities, labels, &target.own);
    let (mut largest, mut shared, mut rest) = ([0.0; L], [0.0; L], [0.0; L]);
    for class in 0..C {
        for lane in 0..L {
            let probability = probabilities[class][lane] * target.inverse[lane];
            let addend = tile[class][lane] * probability;
            probabilities[class][lane] = probability;
            tile[class][lane] = addend;
            if L > 1 {
                let is_most = most[lane] == class as u32;
                largest[lane] += if is_most { addend } else { 0.0 };
                shared[lane] += if is_most { 0.0 } else { addend };
                rest[lane] += if is_most { 0.0 } else { probability };
            }
        }
    }
    if let ([most], 1) = (most.as_slice(), L) {
        return through_softmax_of_one(*most as usize, &mut probabilities, tile);
    }
    for ((tile, probabilities), class) in tile.iter_mut().zip(&probabilities).zip(0_u32..) {
        for lane in 0..L {
            let probability = probabilities[lane];
            let part = tile[lane] + largest[lane] * -probability;
            let part = if most[lane] == class { largest[lane] * rest[lane] } else { part };
            tile[lane] = as_added(part - probability * shared[lane]);
        }
    }
}

/// The end of [`through_softmax`] for one pixel, whose most probable class is looked up.
#[inline(always)]
fn through_softmax_of_one<const C: usize, const L: usize>(
    most: usize,
    others: &mut [Lanes<L>; C],
    tile: &mut [Lanes<L>; C],
) {
    let take = |tile: &mut [Lanes<L>; C]| tile.get_mut(most).map_or([0.0; L], |of| core::mem::replace(of, [0.0; L]));
    let (largest, probability) = (take(tile), take(others));
    let total = |tile: &[Lanes<L>; C]| tile.as_flattened().iter().fold(0.0, |sum, value| sum + value);
    let (shared, rest) = (total(tile), total(others));
    let (addends, others) = (tile.as_flattened_mut(), others.as_flattened());
    let ([largest, ..], [probability, ..]) = (largest.as_slice(), probability.as_slice()) else { return };
    for (addend, other) in addends.iter_mut().zip(others) {
        *addend = as_added((*addend + largest * -other) - other * shared);
    }
    if let Some(own) = addends.get_mut(most) {
        *own = as_added(largest * rest - probability * shared);
    }
}

/// Lovász hinge: the convex extension of the Jaccard loss of a binary segmentation, on hinge errors of its logits.
///
/// ```text
/// e_i = 1 − s_i z_i,  s = 2 y − 1                   errors, sorted in decreasing order, ties by pixel
/// L   = Σ_k max(e_(k), 0) g_k                       g_k: by how much the Jaccard loss grows with the k-th pixel
/// ```
///
/// [`elu`](Self::elu) replaces max(e, 0) by elu(e) + 1, which is e + 1 for e > 0 and eᵉ below: never flat.
///
/// # Gradient
///
/// ```text
/// ∂L/∂z_i = −s_i g where e > 0, else 0              with elu(e) + 1 also −s_i g eᵉ where e < 0
/// ```
///
/// # Shapes
///
/// One logit a pixel, `[f32; 1]`; labels 0 and 1. Scratch, as each sort takes it, which give the same bits:
///
/// | | to write the gradient | to add it; the value |
/// |---|---|---|
/// | [`Radix`] | 256 words and 2 a pixel | 256 words and 3 a pixel |
/// | [`Heap`](crate::Heap) | 1 word a pixel, 2 beyond 65 536 pixels | 2 words a pixel |
///
/// # When to use it
///
/// With one foreground class and one logit a pixel, to fine-tune for its IoU (Berman et al. 2018, §3.1). It needs no
/// exponential. The repository trains its softmax form, [`Lovasz`], and not this one.
///
/// # Pitfalls
///
/// * Without foreground the loss is the largest error, and one pixel gets the whole gradient: beware of images that lack
///   the class, with [`per_image`](Self::per_image) above all.
/// * Logits grow until all errors are below 0, where the loss is flat; they are no logits of a probability then.
/// * The loss is not bounded by 1: an error grows with its logit.
///
/// # Other libraries
///
/// Over the whole batch by default, as PaddleSeg's and mmsegmentation's; Berman's and Kornia's default is
/// [`per_image`](Self::per_image). PaddleSeg turns two channels into one logit first, and takes the logarithm of a
/// probability for it. Variants with `elu(errors) + 1` are [`elu`](Self::elu). Row by row: [`migration`](crate::migration).
///
/// # Source
///
/// Berman, Rannen Triki, Blaschko 2018, §3.1; Yu and Blaschko 2015.
///
/// # Example
///
/// ```
/// use scarce::{Batch, Labels, Loss, LovaszHinge, scratch_len};
///
/// let batch = Batch::new(&[[0.5], [-2.0], [0.0]], Labels::new(&[1, 0, 0]))?;
/// let mut grad = [[0.0; 1]; 3];
/// let mut scratch = [0; scratch_len::<1, LovaszHinge>(3)];
/// let loss = LovaszHinge::new().value_and_grad(&batch, &mut grad, &mut scratch)?;
/// assert_eq!(loss, 0.75); // errors 1, ½, −1 with increments ½, ½, 0
/// assert_eq!(grad, [[-0.5], [0.0], [0.5]]);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "lovasz_hinge")]
#[doc(alias = "LovaszHingeLoss")]
#[doc(alias = "jaccard")]
#[doc(alias = "iou")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LovaszHinge<R = Radix, M = Fast> {
    per_image: bool,
    elu: bool,
    kind: PhantomData<(R, M)>,
}

impl LovaszHinge {
    /// max(e, 0), over the whole batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { per_image: false, elu: false, kind: PhantomData }
    }
}

impl Default for LovaszHinge {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, M> LovaszHinge<R, M> {
    /// Computes each image by itself and averages; an image without a valid pixel contributes 0.
    #[must_use]
    pub const fn per_image(self) -> Self {
        Self { per_image: true, ..self }
    }

    /// elu(e) + 1 in place of max(e, 0).
    #[must_use]
    pub const fn elu(self) -> Self {
        Self { elu: true, ..self }
    }

    /// Another sort: same bits, other scratch and speed.
    #[must_use]
    pub const fn with_sort<Q: Sort>(self, _: Q) -> LovaszHinge<Q, M> {
        LovaszHinge { per_image: self.per_image, elu: self.elu, kind: PhantomData }
    }

    /// Other elementary functions; only [`elu`](Self::elu) uses one.
    #[must_use]
    pub const fn with_math<N: Math>(self, _: N) -> LovaszHinge<R, N> {
        LovaszHinge { per_image: self.per_image, elu: self.elu, kind: PhantomData }
    }
}

impl<R: Sort, M: Math> LovaszHinge<R, M> {
    /// e of a pixel.
    #[inline]
    fn error([logit]: [f32; 1], label: u8) -> f32 {
        if label == 1 { 1.0 - logit } else { 1.0 + logit }
    }

    fn group<S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        range: Range<usize>,
        scale: f32,
        grad: Option<&mut G>,
        buffers: &mut Buffers<'_>,
    ) -> f32 {
        let fill = |errors: &mut [u32]| {
            for (slot, sample) in errors.iter_mut().zip(batch.samples(range.clone())) {
                *slot = Self::error_of(sample).to_bits();
            }
        };
        fill(buffers.sorting.errors);
        let ([count], _) = batch.counts_of(range.clone());
        let contains = batch.labels_of(range.clone()).are::<1>(0);
        let least = buffers.sorting.errors.iter().zip(0..).filter(|(_, place)| contains(*place));
        let least =
            self.least(least.map(|(error, _)| Whole::of(f32::from_bits(*error))).fold(u32::MAX, u32::min), count);
        let foreground = Foreground { count, contains };
        let loss = extension::<R, Whole>(&mut buffers.sorting, foreground, least, fill, |error| self.bent(error));
        if let Some(grad) = grad {
            let rows = batch.samples(range.clone()).zip(buffers.sorting.errors.iter()).map(|(sample, &increment)| {
                sample.map(|(row, label)| {
                    let slope = self.slope(Self::error(row, label));
                    [f32::from_bits(increment) * slope * scale]
                })
            });
            grad.add_rows(range.start, rows);
        }
        loss
    }

    /// As [`group`](Self::group), the gradient written instead of added to: it holds the errors meanwhile.
    fn write_group<S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        range: Range<usize>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        let ([count], _) = batch.counts_of(range.clone());
        let contains = batch.labels_of(range.clone()).are::<1>(0);
        let mut channel = Channel { grad, range: range.clone(), class: 0 };
        let (mut samples, mut least) = (batch.samples(range), u32::MAX);
        channel.change(|pixel, _| {
            let error = Self::error_of(samples.next().flatten());
            if contains(pixel) {
                least = least.min(Whole::of(error));
            }
            error
        });
        write_extension::<1, R, Whole>(
            &mut channel,
            Foreground { count, contains },
            self.least(least, count),
            scratch,
            |error| self.bent(error),
            |error, increment| as_added(increment * self.slope(error) * scale),
        )
    }

    /// e of a pixel, or that of one that takes no part.
    #[inline(always)]
    fn error_of(sample: Option<([f32; 1], u8)>) -> f32 {
        sample.map_or(Whole::NO_PART, |(row, label)| Self::error(row, label))
    }

    /// The smallest key that can matter, given the smallest of the foreground.
    fn least(&self, least: u32, count: u32) -> u32 {
        // Without elu an error ≤ 0 has neither loss nor slope.
        let floor = Whole::of(if self.elu { f32::MIN } else { 0.0 });
        if count == 0 { floor } else { least.max(floor) }
    }

    /// max(e, 0) or elu(e) + 1.
    #[inline(always)]
    fn bent(&self, error: f32) -> f32 {
        match (self.elu, error > 0.0) {
            (false, _) => larger(error, 0.0),
            (true, true) => error + 1.0,
            (true, false) => Self::exp(error),
        }
    }

    /// The derivative of [`bent`](Self::bent).
    #[inline(always)]
    fn slope(&self, error: f32) -> f32 {
        match (self.elu, error > 0.0) {
            (_, true) => 1.0,
            (false, false) => 0.0,
            (true, false) => Self::exp(error),
        }
    }

    /// exp(e); 0 for a pixel that takes no part.
    // On a microcontroller a call: only elu makes it, and it would be there in every loop.
    #[cfg_attr(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa"), inline(never))]
    #[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa")), inline(always))]
    fn exp(error: f32) -> f32 {
        if error == Whole::NO_PART { 0.0 } else { M::exp(error) }
    }

    fn run<S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32 {
        batch.mean_over_groups(self.per_image, |range, groups| {
            let mut buffers = Buffers::carve(scratch, range.len(), false, false);
            self.group(batch, range, scale / groups, grad.as_deref_mut(), &mut buffers)
        })
    }
}

impl<R: Sort, M: Math> Loss<1> for LovaszHinge<R, M> {
    const SCRATCH: Scratch = Buffers::scratch::<R>(false);
    const SCRATCH_TO_WRITE: Scratch = R::SCRATCH_TO_WRITE;
    const WRITES_FASTER: bool = true;

    fn check<S: Scores<1> + ?Sized>(&self, _: &Batch<'_, S, 1>) -> Result<(), Error> {
        Ok(())
    }

    fn evaluate<S: Scores<1> + ?Sized>(&self, batch: &Batch<'_, S, 1>, scratch: &mut [u32]) -> f32 {
        self.run(batch, 0.0, None::<&mut [[f32; 1]]>, scratch)
    }

    fn accumulate<const SET: bool, S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        if !SET {
            return self.run(batch, scale, Some(grad), scratch);
        }
        batch.mean_over_groups(self.per_image, |range, groups| {
            self.write_group(batch, range, scale / groups, grad, scratch)
        })
    }
}

/// The Jaccard increments of pixels sorted by decreasing error: Berman's `lovasz_grad`.
///
/// ```
/// let mut increments = [0.0; 4];
/// scarce::lovasz_grad(&[true, false, true, false], &mut increments)?;
/// assert_eq!(increments, [0.5, 1.0 / 6.0, 1.0 / 3.0, 0.0]);
/// # Ok::<(), scarce::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] if the two slices differ in length; [`Error::TooManyPixels`].
pub fn lovasz_grad(foreground: &[bool], increments: &mut [f32]) -> Result<(), Error> {
    let (needed, got) = (foreground.len(), increments.len());
    if needed != got {
        return Err(Error::Length { buffer: Buffer::Output, needed, got });
    }
    if u32::try_from(needed).is_err() {
        return Err(Error::TooManyPixels);
    }
    let mut scan = JaccardIncrements::new(foreground.iter().filter(|&&foreground| foreground).count() as u32);
    for (increment, &foreground) in increments.iter_mut().zip(foreground) {
        *increment = scan.next(foreground);
    }
    Ok(())
}
