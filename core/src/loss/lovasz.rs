//! The Lovász extension of the Jaccard loss: softmax, sigmoid or probabilities, and hinge.

use super::{float, take};
use crate::activation::{Activation, Probabilities, Sigmoid, Softmax};
use crate::error::{check_parameter, weight};
use crate::kernel::jaccard::JaccardIncrements;
use crate::kernel::order::{key, value};
use crate::kernel::softmax::{argmax, argmax_of_each, sum};
use crate::kernel::sort::{Fraction, Key, Radix, Sort, Whole};
use crate::kernel::sum::Sums;
use crate::kernel::tile::{IGNORED, LANES, Lanes, as_added, put, smaller};
use crate::labels::channel;
use crate::math::{Fast, Math};
use crate::{Batch, Buffer, Error, Labels, Loss, Parameter, Scores, ScoresMut, Scratch};
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

/// Lovász-softmax: the convex extension of the Jaccard loss (1 − IoU) of each class, averaged over classes.
///
/// ```text
/// e_i = 1 − p_ic where y_i = c, else p_ic           errors, sorted in decreasing order, ties by pixel
/// L_c = Σ_k e_(k) g_k                               g_k: by how much the Jaccard loss grows with the k-th pixel
/// L   = mean over the classes of w_c L_c
/// ∂L_c/∂p_ic = −g where y_i = c, else g             and through the softmax: ∂/∂z_c = p_c (∂_c − Σ_k p_k ∂_k)
/// ```
///
/// The increments g are exact to rounding ([`JaccardIncrements`]). Errors are ordered in steps of 2⁻²⁴, which is the
/// rounding of a softmax, and the order is total, so that the gradient is reproducible where errors tie and the loss has
/// many subgradients. Pixels of the background that err less
/// than every pixel of the foreground have the increment 0 and are not sorted.
///
/// Weights multiply; the mean is over the number of classes (mmsegmentation, Kornia). Over the whole batch by default; with
/// [`per_image`](Self::per_image) the mean of the images' losses, to which an image without a valid pixel contributes 0.
/// Alone and from scratch it is slow to start; add cross entropy with [`Sum`](crate::Sum), as its authors advise.
///
/// Shapes: scores and gradient `[f32; C]` a pixel; softmax C ≥ 2, sigmoid and probabilities any C ≥ 1 (with one channel the
/// one class is label 1; use [`Classes::All`] to count it where it is absent, too). Scratch: 256 words and 5 words a pixel
/// with [`Radix`], 3 words a pixel with [`Heap`](crate::Heap), which gives the same bits.
///
/// Berman's code takes `classes='present'` by identity and treats other strings as `'all'`; Kornia's sorts class numbers in
/// place of the foreground and computes another loss altogether.
///
/// Source: Berman, Rannen Triki, Blaschko 2018, equations 8, 11 and algorithm 1.
///
/// ```
/// use scarce::{Batch, Heap, Labels, Loss, Lovasz, scratch_len};
///
/// let logits = [[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]];
/// let batch = Batch::new(&logits, Labels::new(&[0, 0, 1]))?;
/// let mut grad = [[0.0; 2]; 3];
/// let mut scratch = [0; scratch_len::<2, Lovasz<2>>(3)];
/// let loss = Lovasz::new().value_and_grad(&batch, &mut grad, &mut scratch)?;
///
/// let mut other = [[0.0; 2]; 3];
/// assert_eq!(loss, Lovasz::new().with_sort(Heap).value_and_grad(&batch, &mut other, &mut scratch)?);
/// assert_eq!(grad, other);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "jaccard")]
#[doc(alias = "iou")]
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

/// The error of a pixel that takes no part.
const NO_PART: f32 = f32::from_bits(Fraction::NO_PART);

/// Scratch, carved.
struct Buffers<'a> {
    /// The bits of each pixel's error, or its key; after the scan, the bits of its increment.
    keys: &'a mut [u32],
    /// The pixels, sorted.
    order: &'a mut [u32],
    /// Σ_k p_k ∂L/∂p_k over the classes but the most probable, of each pixel, where the gradient is accumulated and the
    /// activation coupled.
    shared: &'a mut [u32],
    /// 1 / Σ exp of each pixel, where it is kept.
    inverse: &'a mut [u32],
    sort: &'a mut [u32],
}

impl<'a> Buffers<'a> {
    const fn scratch<R: Sort>(coupled: bool) -> Scratch {
        let kept = if coupled && R::KEEP_INVERSE {
            2
        } else if coupled {
            1
        } else {
            0
        };
        R::SCRATCH.and(Scratch::new(0, 2 + kept))
    }

    /// What is not `shared` and not the inverses is the sort's, which uses what it gets.
    fn carve<R: Sort>(mut scratch: &'a mut [u32], pixels: usize, coupled: bool) -> Self {
        let keys = take(&mut scratch, pixels);
        let order = take(&mut scratch, pixels);
        let shared = take(&mut scratch, if coupled { pixels } else { 0 });
        let inverse = take(&mut scratch, if coupled && R::KEEP_INVERSE { pixels } else { 0 });
        Self { keys, order, shared, inverse, sort: scratch }
    }
}

/// Σ e_(k) g_k, given each pixel's error or its key; leaves in its place the bits of its increment, negative for the
/// foreground, which is how the loss changes with a probability or a logit.
///
/// `least` is the smallest key of the foreground, and no smaller one can matter; `loss` is the loss of an element by
/// itself: the error, or a bent version.
fn extension<R: Sort, K: Key>(
    buffers: &mut Buffers<'_>,
    foreground: u32,
    is_foreground: impl Fn(usize) -> bool,
    least: u32,
    loss: impl Fn(u32) -> f32,
) -> f32 {
    let Buffers { keys, order, sort, .. } = buffers;
    // Past the last foreground pixel every increment is 0, so what errs less than all of the foreground need not be
    // sorted. Without foreground only the very first pixel has an increment.
    let floor = if foreground == 0 { keys.iter().fold(least, |most, &key| most.max(K::of(key))) } else { least };
    let sorted = R::sort::<K>(keys, floor, order, sort);
    let order = order.get(..sorted).unwrap_or_default();
    let mut increments = JaccardIncrements::new(foreground);
    let mut total = Sums::ZERO;
    for &pixel in order {
        let Some(slot) = keys.get_mut(pixel as usize) else { continue };
        let is_foreground = is_foreground(pixel as usize);
        let increment = increments.next(is_foreground);
        total.add([loss(*slot) * increment]);
        *slot = (if is_foreground { -increment } else { increment }).to_bits();
    }
    let [total] = total.total();
    total
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
        if A::COUPLED && R::KEEP_INVERSE {
            for (slot, sample) in buffers.inverse.iter_mut().zip(batch.samples(range.clone())) {
                *slot = sample.map_or(0.0, |(row, label)| A::inverse::<M, C>(row, label)).to_bits();
            }
        }
        buffers.shared.fill(0);
        let scale = scale / number;
        let mut total = 0.0;
        let wanted = self.weights.iter().zip(counts).zip(classes).enumerate();
        for (class, ((&weight, count), _)) in wanted.filter(|(_, (_, wanted))| *wanted) {
            let keys = buffers.keys.iter_mut().zip(batch.samples(range.clone()));
            for ((slot, sample), place) in keys.zip(0..) {
                *slot = sample.map_or(Fraction::NO_PART, |(row, label)| {
                    let error = if channel::<C>(label) == class {
                        A::row::<M, C>(row, label).1
                    } else {
                        A::probability::<M, C>(row, class, Self::inverse(buffers.inverse, place, row, label))
                    };
                    error.to_bits()
                });
            }
            let labels = batch.labels_of(range.clone());
            let is_class = labels.are::<C>(class);
            let least =
                buffers.keys.iter().zip(0..).filter(|(_, place)| is_class(*place)).map(|(key, _)| Fraction::of(*key));
            let least = least.fold(u32::MAX, u32::min);
            let loss = Self::extension(labels, class, count, least, buffers);
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
        let classes = match self.classes {
            Classes::Present => counts.map(|count| count > 0),
            Classes::All => [true; C],
            Classes::Listed(classes) => classes,
        };
        let number = classes.iter().filter(|&&counts| counts).count();
        (valid > 0 && number > 0).then_some((classes, number as f32, counts))
    }

    /// The loss of one class, given each pixel's error and the least of the foreground; leaves the increments.
    fn extension(labels: Labels<'_>, class: usize, foreground: u32, least: u32, buffers: &mut Buffers<'_>) -> f32 {
        let least = if foreground == 0 { 1 } else { least };
        extension::<R, Fraction>(buffers, foreground, labels.are::<C>(class), least, f32::from_bits)
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
        buffers: &mut Buffers<'_>,
    ) -> f32 {
        let wanted = self.wanted(batch, range.clone());
        let (mut scores, mut tile) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
        // The smallest error of each class's own pixels.
        let mut least = [f32::INFINITY; C];
        let mut start = range.start;
        while start < range.end {
            match batch.read(start, range.end, &mut scores) {
                (Some(scores), labels) if wanted.is_some() => {
                    let (_, miss) = A::outcomes::<M, C, LANES>(scores, &labels, &mut tile);
                    for (label, miss) in labels.iter().zip(&miss) {
                        if let Some(least) = least.get_mut(*label as usize) {
                            *least = smaller(*least, *miss);
                        }
                    }
                    put(&mut tile, &labels, &miss);
                    for tile in &mut tile {
                        for (error, label) in tile.iter_mut().zip(&labels) {
                            *error = if LANES > 1 && *label == IGNORED { NO_PART } else { *error };
                        }
                    }
                }
                _ => tile = [[NO_PART; LANES]; C],
            }
            // What lies past the end is another group's, and written in its turn.
            grad.write(start, &tile);
            start = start.wrapping_add(LANES);
        }
        let mut total = 0.0;
        let (classes, number, counts) = wanted.unwrap_or(([false; C], 1.0, [0; C]));
        let of_classes = self.weights.iter().zip(counts).zip(classes).zip(least).enumerate();
        for (class, (((&weight, foreground), wanted), least)) in of_classes {
            if !wanted {
                grad.fill_channel(range.clone(), class, |_, _| 0.0);
                continue;
            }
            grad.read_channel(range.clone(), class, buffers.keys);
            let least = Fraction::of(least.to_bits());
            total += weight * Self::extension(batch.labels_of(range.clone()), class, foreground, least, buffers);
            let factor = scale / number * weight;
            let mut keys = buffers.keys.iter();
            grad.fill_channel(range.clone(), class, |_, _| {
                keys.next().map_or(0.0, |increment| factor * f32::from_bits(*increment))
            });
        }
        let mut start = range.start;
        while start < range.end {
            grad.read(start, &mut tile);
            let steep = tile.as_flattened().iter().fold(0, |any, slope| any | slope.to_bits());
            if steep != 0
                && let (Some(scores), labels) = batch.read(start, range.end, &mut scores)
            {
                let mut probabilities = [[0.0; LANES]; C];
                let (hit, _) = A::outcomes::<M, C, LANES>(scores, &labels, &mut probabilities);
                put(&mut probabilities, &labels, &hit);
                if A::COUPLED {
                    through_softmax(scores, &probabilities, &mut tile);
                } else {
                    for (slopes, scores) in tile.as_flattened_mut().iter_mut().zip(scores.as_flattened()) {
                        *slopes = as_added(*slopes * A::slope::<M, 1>([*scores], 0, 1.0));
                    }
                }
                grad.write(start, &tile);
            }
            start = start.wrapping_add(LANES);
        }
        total / number
    }

    /// 1 / Σ exp of a pixel: kept, or computed again with the same bits.
    #[inline]
    fn inverse(kept: &[u32], place: usize, row: [f32; C], label: u8) -> f32 {
        if A::COUPLED && R::KEEP_INVERSE { float(kept, place).unwrap_or(0.0) } else { A::inverse::<M, C>(row, label) }
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
        for ((&bits, sample), place) in buffers.keys.iter().zip(batch.samples(range)).zip(0..) {
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
            let mut buffers = Buffers::carve::<R>(scratch, range.len(), A::COUPLED);
            self.group(batch, range, scale / groups, grad.as_deref_mut(), &mut buffers)
        })
    }
}

impl<const C: usize, A: Activation, R: Sort, M: Math> Loss<C> for Lovasz<C, A, R, M> {
    const SCRATCH: Scratch = Buffers::scratch::<R>(A::COUPLED);

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
            let mut buffers = Buffers::carve::<R>(scratch, range.len(), false);
            self.write_group(batch, range, scale / groups, grad, &mut buffers)
        })
    }
}

/// The gradient through a softmax, in place of ∂L/∂p: what [`Lovasz::scatter`] adds class by class, with the same bits.
#[inline(always)]
fn through_softmax<const C: usize, const L: usize>(
    scores: &[Lanes<L>; C],
    probabilities: &[Lanes<L>; C],
    tile: &mut [Lanes<L>; C],
) {
    let most = argmax_of_each(scores);
    let (mut largest, mut shared, mut rest) = ([0.0; L], [0.0; L], [0.0; L]);
    for ((tile, probabilities), class) in tile.iter_mut().zip(probabilities).zip(0_u32..) {
        for lane in 0..L {
            let is_most = most[lane] == class;
            let addend = tile[lane] * probabilities[lane];
            tile[lane] = addend;
            largest[lane] = if is_most { addend } else { largest[lane] };
            shared[lane] += if is_most { 0.0 } else { addend };
            rest[lane] += if is_most { 0.0 } else { probabilities[lane] };
        }
    }
    for ((tile, probabilities), class) in tile.iter_mut().zip(probabilities).zip(0_u32..) {
        for lane in 0..L {
            let probability = probabilities[lane];
            let with_largest = if most[lane] == class {
                largest[lane] * rest[lane]
            } else {
                tile[lane] + largest[lane] * -probability
            };
            tile[lane] = as_added(with_largest - probability * shared[lane]);
        }
    }
}

/// Lovász hinge: the convex extension of the Jaccard loss of a binary segmentation, on hinge errors of its logits.
///
/// ```text
/// e_i = 1 − s_i z_i,  s = 2 y − 1                   errors, sorted in decreasing order, ties by pixel
/// L   = Σ_k max(e_(k), 0) g_k                       g_k: by how much the Jaccard loss grows with the k-th pixel
/// ∂L/∂z_i = −s_i g where e > 0, else 0
/// ```
///
/// [`elu`](Self::elu) replaces max(e, 0) by elu(e) + 1, which is e + 1 for e > 0 and eᵉ below: never flat; the gradient is
/// then multiplied by eᵉ for e < 0.
///
/// Over the whole batch by default, as PaddleSeg and mmsegmentation; Berman's default is [`per_image`](Self::per_image).
/// Without foreground the loss is the largest error, and one pixel gets the whole gradient.
///
/// Shapes: one logit a pixel, `[f32; 1]`; labels 0 and 1. Scratch: 256 words and 3 words a pixel with [`Radix`], 2 words a
/// pixel with [`Heap`](crate::Heap), which gives the same bits.
///
/// Source: Berman, Rannen Triki, Blaschko 2018, §3.1; Yu and Blaschko 2015.
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
        let mut foreground = 0_u32;
        for (slot, sample) in buffers.keys.iter_mut().zip(batch.samples(range.clone())) {
            *slot = sample.map_or(Whole::NO_PART, |(row, label)| {
                foreground = foreground.wrapping_add(u32::from(label));
                key(Self::error(row, label))
            });
        }
        let is_foreground = batch.labels_of(range.clone()).are::<1>(0);
        let bend = |error: f32| match (self.elu, error > 0.0) {
            (false, _) => error.max(0.0),
            (true, true) => error + 1.0,
            (true, false) => M::exp(error),
        };
        // Without elu an error ≤ 0 has neither loss nor slope.
        let floor = if self.elu { 1 } else { key(0.0) };
        let least = buffers.keys.iter().zip(0..).filter(|(_, place)| is_foreground(*place)).map(|(key, _)| *key);
        let least = if foreground == 0 { floor } else { least.fold(u32::MAX, u32::min).max(floor) };
        let loss = extension::<R, Whole>(buffers, foreground, is_foreground, least, |key| bend(value(key)));
        if let Some(grad) = grad {
            let rows = batch.samples(range.clone()).zip(buffers.keys.iter()).map(|(sample, &increment)| {
                sample.map(|(row, label)| {
                    let error = Self::error(row, label);
                    let slope = match (self.elu, error > 0.0) {
                        (_, true) => 1.0,
                        (false, false) => 0.0,
                        (true, false) => M::exp(error),
                    };
                    [f32::from_bits(increment) * slope * scale]
                })
            });
            grad.add_rows(range.start, rows);
        }
        loss
    }

    fn run<S: Scores<1> + ?Sized, G: ScoresMut<1> + ?Sized>(
        &self,
        batch: &Batch<'_, S, 1>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32 {
        batch.mean_over_groups(self.per_image, |range, groups| {
            let mut buffers = Buffers::carve::<R>(scratch, range.len(), false);
            self.group(batch, range, scale / groups, grad.as_deref_mut(), &mut buffers)
        })
    }
}

impl<R: Sort, M: Math> Loss<1> for LovaszHinge<R, M> {
    const SCRATCH: Scratch = Buffers::scratch::<R>(false);

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
        if SET {
            grad.clear();
        }
        self.run(batch, scale, Some(grad), scratch)
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
