//! Losses that are a sum over pixels: what they share.

use super::bounded;
use crate::error::{check_parameter, positive};
use crate::kernel::sum::{BLOCK, BlockProduct, BlockSum, Total};
use crate::kernel::tile::{IGNORED, LANES, Lanes, any_ignored, as_added, clear_ignored};
use crate::labels::{BACKGROUND, channel, label};
use crate::tiled::Counted;
use crate::{Batch, Buffer, Error, Loss, Parameter, Scores, ScoresMut, Tiled};
use core::ops::Range;

/// What the sum over pixels is divided by.
///
/// If the divisor is 0 (no valid pixel, or none with a weight) the loss and its gradient are 0, where PyTorch gives NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reduction {
    /// The weights of the valid pixels: Σ w ℓ / Σ w, as PyTorch's `mean`.
    #[default]
    Mean,
    /// The number of valid pixels (mmsegmentation's `avg_non_ignore`).
    MeanValid,
    /// The number of all pixels, ignored ones included (mmsegmentation's default).
    MeanAll,
    /// The number of all scores, `C` a pixel, ignored pixels included (MONAI's and Kornia's focal loss).
    MeanAllElements,
    /// The number of pixels whose label is not 0, at least 1: the positives, as RetinaNet.
    Positives,
    /// A number of the caller's, such as the number of positives of several devices.
    Divisor(f32),
    /// Nothing: the plain sum.
    Sum,
}

/// The losses of `L` pixels: of each `plain`, and where the loss has a common part, that times ln(1 + `odds`).
#[doc(hidden)]
#[derive(Debug)]
pub struct TileLoss<const L: usize> {
    pub(crate) plain: Lanes<L>,
    pub(crate) odds: Lanes<L>,
}

/// A loss that is a sum over pixels, each with its own label: cross entropy, focal loss.
///
/// Implement it to get a [`Loss`] of your own with all reductions, layouts and checks:
///
/// ```
/// use scarce::{Batch, Error, Labels, Loss, PixelLoss, Reduction};
///
/// /// ½ Σ_c z_c² of the pixels of class 1.
/// struct Decay;
///
/// impl PixelLoss<2> for Decay {
///     fn check_parameters(&self) -> Result<(), Error> {
///         Ok(())
///     }
///     fn reduction(&self) -> Reduction {
///         Reduction::Sum
///     }
///     fn weight(&self, label: u8) -> f32 {
///         f32::from(label)
///     }
///     fn confidence(&self, _: [f32; 2], _: u8) -> (f32, f32) {
///         (0.5, 0.5)
///     }
///     fn pixel(&self, [a, b]: [f32; 2], label: u8) -> f32 {
///         0.5 * (a * a + b * b) * f32::from(label)
///     }
///     fn pixel_grad(&self, row: [f32; 2], label: u8, scale: f32) -> (f32, [f32; 2]) {
///         (self.pixel(row, label), row.map(|score| score * scale * f32::from(label)))
///     }
/// }
///
/// let batch = Batch::new(&[[3.0, 4.0], [1.0, 1.0]], Labels::new(&[1, 0]))?;
/// let mut grad = [[0.0; 2]; 2];
/// assert_eq!(Decay.value_and_grad(&batch, &mut grad, &mut [])?, 12.5);
/// assert_eq!(grad, [[3.0, 4.0], [0.0, 0.0]]);
/// # Ok::<(), Error>(())
/// ```
pub trait PixelLoss<const C: usize> {
    /// Refuses bad parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    fn check_parameters(&self) -> Result<(), Error>;

    /// What the sum is divided by.
    fn reduction(&self) -> Reduction;

    /// What a valid pixel of this label adds to the divisor of [`Reduction::Mean`].
    fn weight(&self, label: u8) -> f32;

    /// The probability p that the scores give the label, and 1 − p to full relative accuracy: what hard example mining goes
    /// by.
    fn confidence(&self, row: [f32; C], label: u8) -> (f32, f32);

    /// The weighted loss of one pixel. The label is a class, the scores are finite.
    fn pixel(&self, row: [f32; C], label: u8) -> f32;

    /// The weighted loss of one pixel, and `scale` times its gradient.
    fn pixel_grad(&self, row: [f32; C], label: u8, scale: f32) -> (f32, [f32; C]);

    /// Whether [`tile`](Self::tile) leaves a part of the loss as odds.
    #[doc(hidden)]
    const COMMON: bool = false;

    /// [`confidence`](Self::confidence) of `L` pixels; of those that are ignored it does not matter.
    #[doc(hidden)]
    #[inline(always)]
    fn confidences<const L: usize>(&self, scores: &[Lanes<L>; C], labels: &[u32; L]) -> (Lanes<L>, Lanes<L>) {
        let (mut hit, mut miss) = ([0.0; L], [0.0; L]);
        for (((hit, miss), channel), lane) in hit.iter_mut().zip(&mut miss).zip(labels).zip(0..L) {
            (*hit, *miss) = self.confidence(scores.map(|scores| scores[lane]), label::<C>(*channel));
        }
        (hit, miss)
    }

    /// [`pixel_grad`](Self::pixel_grad) of `L` pixels, +0 for −0. Of those that are ignored the scores are 0 and the gradient
    /// is to be 0.
    #[doc(hidden)]
    #[inline(always)]
    fn tile<const L: usize>(
        &self,
        scores: &[Lanes<L>; C],
        labels: &[u32; L],
        scale: f32,
        grad: &mut [Lanes<L>; C],
    ) -> TileLoss<L> {
        rows(self, scores, labels, scale, grad)
    }

    /// [`tile`](Self::tile) of the pixels from `start` on, with its bits, if the loss is one of a softmax that the view of the
    /// scores knows.
    #[doc(hidden)]
    #[inline(always)]
    fn tile_of_softmax<S: Scores<C> + ?Sized, const L: usize>(
        &self,
        _: &S,
        _: usize,
        _: &[u32; L],
        _: f32,
        _: &mut [Lanes<L>; C],
    ) -> Option<TileLoss<L>> {
        None
    }

    /// The loss of the [`BLOCK`] pixels from `start` on, and its gradient, written with the bits of [`tile`](Self::tile); if
    /// that is faster for what the view of the scores knows.
    #[doc(hidden)]
    #[inline(always)]
    fn write_block<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        _: &Batch<'_, S, C>,
        _: usize,
        _: f32,
        _: &mut G,
    ) -> Option<f32> {
        None
    }

    /// The loss of a block of pixels.
    #[doc(hidden)]
    #[inline(always)]
    fn block(&self, sum: &BlockSum, _: &BlockProduct) -> f32 {
        sum.get()
    }

    /// The weighted loss of each pixel, undivided; 0 where ignored. What others call reduction `none`.
    ///
    /// # Errors
    /// [`Error::Length`] if `output` has not the length of the batch, [`Error::Parameter`].
    fn per_pixel<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, output: &mut [f32]) -> Result<(), Error> {
        check(self, batch)?;
        let (needed, got) = (batch.pixels(), output.len());
        if needed != got {
            return Err(Error::Length { buffer: Buffer::Output, needed, got });
        }
        for (value, sample) in output.iter_mut().zip(batch.samples(0..needed)) {
            *value = sample.map_or(0.0, |(row, label)| self.pixel(row, label));
        }
        Ok(())
    }
}

impl<const C: usize, P: PixelLoss<C>> Loss<C> for P {
    const WRITES_ONCE: bool = true;

    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        check(self, batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, _: &mut [u32]) -> f32 {
        of_batch::<false, _, _, _, [[f32; C]]>(self, batch, 0.0, None)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        _: &mut [u32],
    ) -> f32 {
        of_batch::<SET, _, _, _, _>(self, batch, scale, Some(grad))
    }
}

/// [`PixelLoss::tile`], one pixel after the other.
#[inline(never)]
pub(crate) fn rows<P: PixelLoss<C> + ?Sized, const C: usize, const L: usize>(
    loss: &P,
    scores: &[Lanes<L>; C],
    labels: &[u32; L],
    scale: f32,
    grad: &mut [Lanes<L>; C],
) -> TileLoss<L> {
    let mut losses = TileLoss { plain: [0.0; L], odds: [0.0; L] };
    for ((value, channel), lane) in losses.plain.iter_mut().zip(labels).zip(0..L) {
        let mut row = [0.0; C];
        if *channel != IGNORED {
            (*value, row) = loss.pixel_grad(scores.map(|scores| scores[lane]), label::<C>(*channel), scale);
        }
        for (grad, element) in grad.iter_mut().zip(row) {
            grad[lane] = as_added(element);
        }
    }
    losses
}

/// [`PixelLoss::pixel_grad`] of a loss that has its own [`PixelLoss::tile`], with nothing in common.
#[inline]
pub(crate) fn grad_by_tile<const C: usize>(
    loss: &impl PixelLoss<C>,
    row: [f32; C],
    label: u8,
    scale: f32,
) -> (f32, [f32; C]) {
    let mut grad = [[0.0]; C];
    let labels = [u32::try_from(channel::<C>(label)).unwrap_or(BACKGROUND)];
    let TileLoss { plain: [value], .. } = loss.tile(&row.map(|score| [score]), &labels, scale, &mut grad);
    (value, grad.map(|[element]| element))
}

/// [`PixelLoss::confidence`] of a loss that has its own [`PixelLoss::confidences`].
#[inline]
pub(crate) fn confidence_by_tile<const C: usize>(loss: &impl PixelLoss<C>, row: [f32; C], label: u8) -> (f32, f32) {
    let ([hit], [miss]) = loss.confidences(&row.map(|score| [score]), &[u32::from(label)]);
    (hit, miss)
}

/// The loss of a batch; its gradient is added to `grad`, or written if it is to `SET`.
#[inline(always)]
fn of_batch<const SET: bool, const C: usize, P: PixelLoss<C>, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
    loss: &P,
    batch: &Batch<'_, S, C>,
    scale: f32,
    grad: Option<&mut G>,
) -> f32 {
    let divisor = divisor(loss, &batch.counted());
    if divisor <= 0.0 {
        if let (true, Some(grad)) = (SET, grad) {
            grad.clear();
        }
        return 0.0;
    }
    of_range::<SET, true, C, P, S, G>(loss, batch, 0..batch.pixels(), divisor, scale, grad, |_, _, _| {})
}

/// The loss of the pixels of a range, divided; its gradient is added to `grad`, or written if it is to `SET`. `keep` gets the
/// scores and channels of the pixels from the given one on, and marks those as [`IGNORED`] that are to be left out; it is not
/// asked if `ALL` are kept.
#[inline(always)]
pub(crate) fn of_range<
    const SET: bool,
    const ALL: bool,
    const C: usize,
    P: PixelLoss<C>,
    S: Scores<C> + ?Sized,
    G: ScoresMut<C> + ?Sized,
>(
    loss: &P,
    batch: &Batch<'_, S, C>,
    range: Range<usize>,
    divisor: f32,
    scale: f32,
    grad: Option<&mut G>,
    keep: impl FnMut(usize, &[Lanes<LANES>; C], &mut [u32; LANES]),
) -> f32 {
    let mut total = Total::ZERO;
    add_range::<SET, ALL, C, P, S, G>(loss, batch, range, &mut total, bounded(scale / divisor), grad, keep);
    (total.get() / divisor).clamp(f32::MIN, f32::MAX)
}

/// [`of_range`], undivided, and added to a total.
#[inline(always)]
pub(crate) fn add_range<
    const SET: bool,
    const ALL: bool,
    const C: usize,
    P: PixelLoss<C>,
    S: Scores<C> + ?Sized,
    G: ScoresMut<C> + ?Sized,
>(
    loss: &P,
    batch: &Batch<'_, S, C>,
    range: Range<usize>,
    total: &mut Total,
    scale: f32,
    mut grad: Option<&mut G>,
    mut keep: impl FnMut(usize, &[Lanes<LANES>; C], &mut [u32; LANES]),
) {
    let (mut scores, mut tile) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
    let mut block = range.start;
    while block < range.end {
        // For rows of floats, too, this took 12 % fewer instructions on a Cortex-M4F with 4 classes, 6 % with 21 (`cargo
        // mcu-bench`), for 1 KB of flash and 256 bytes of stack: not worth it.
        if let (true, true, Some(grad)) = (SET && ALL, S::KNOWS_SOFTMAX, &mut grad)
            && range.end.wrapping_sub(block) >= BLOCK
            && let Some(value) = loss.write_block(batch, block, scale, &mut **grad)
        {
            total.add(value);
            block = block.wrapping_add(BLOCK);
            continue;
        }
        let (mut sum, mut product) = (BlockSum::ZERO, BlockProduct::ONE);
        let mut place = 0;
        while place < BLOCK && block.wrapping_add(place) < range.end {
            let start = block.wrapping_add(place);
            let mut of_tile = |scores: &[Lanes<LANES>; C], labels: &[u32; LANES], tile: &mut [Lanes<LANES>; C]| {
                let mut values = if S::KNOWS_SOFTMAX {
                    loss.tile_of_softmax(batch.scores(), start, labels, scale, tile)
                        .unwrap_or_else(|| tile_of_scores(loss, batch.scores(), start, labels, scale, tile))
                } else {
                    loss.tile(scores, labels, scale, tile)
                };
                if LANES > 1 && any_ignored(labels) {
                    for ((value, odds), label) in values.plain.iter_mut().zip(&mut values.odds).zip(labels) {
                        *value = if *label == IGNORED { 0.0 } else { *value };
                        *odds = if *label == IGNORED { 0.0 } else { *odds };
                    }
                }
                sum.add(place, &values.plain);
                if P::COMMON {
                    product.multiply(place, &values.odds);
                }
            };
            let (scores, mut labels) = if S::KNOWS_SOFTMAX && ALL {
                batch.unread(start, range.end, &scores)
            } else {
                batch.read(start, range.end, &mut scores)
            };
            if let (false, Some(scores)) = (ALL, scores) {
                keep(start, scores, &mut labels);
            }
            let scores = scores.filter(|_| LANES > 1 || labels != [IGNORED; LANES]);
            match &mut grad {
                // A row of the gradient is the tile itself.
                Some(grad) if SET && LANES == 1 && G::PIXEL_MAJOR => {
                    if let Some(tile) = grad.view(start) {
                        match scores {
                            Some(scores) => of_tile(scores, &labels, tile),
                            None => *tile = [[0.0; LANES]; C],
                        }
                    }
                }
                grad => {
                    match scores {
                        Some(scores) => of_tile(scores, &labels, &mut tile),
                        None => tile = [[0.0; LANES]; C],
                    }
                    match grad {
                        Some(grad) if SET => grad.write(start, &tile),
                        Some(grad) => grad.add(start, &tile, &labels),
                        None => {}
                    }
                }
            }
            place = place.wrapping_add(LANES);
        }
        total.add(loss.block(&sum, &product));
        block = block.wrapping_add(BLOCK);
    }
}

/// The sum of a loss over pixels, and once it is settled, what it is divided by.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct PixelSums {
    total: Total,
    divisor: f32,
}

impl<const C: usize, P: PixelLoss<C>> Tiled<C> for P {
    type Sums = PixelSums;
    const NOTHING: PixelSums = PixelSums { total: Total::ZERO, divisor: 0.0 };

    fn add_tile<S: Scores<C> + ?Sized>(&self, sums: &mut PixelSums, _: u8, tile: &Batch<'_, S, C>) {
        let (range, total) = (0..tile.pixels(), &mut sums.total);
        add_range::<false, true, C, P, S, [[f32; C]]>(self, tile, range, total, 0.0, None, |_, _, _| {});
    }

    fn merge_sums(sums: &mut PixelSums, other: &PixelSums) {
        sums.total.merge(other.total);
    }

    fn finish(&self, sums: &mut PixelSums, _: u8, counted: &Counted<C>) -> Option<f32> {
        sums.divisor = divisor(self, counted);
        let loss = if sums.divisor > 0.0 { sums.total.get() / sums.divisor } else { 0.0 };
        Some(loss.clamp(f32::MIN, f32::MAX))
    }

    fn gradient(
        &self,
        sums: &PixelSums,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]) {
        let counts = sums.divisor > 0.0;
        let scale = bounded(scale / sums.divisor);
        move |scores, labels, tile| {
            if counts {
                self.tile(scores, labels, scale, tile);
            } else {
                *tile = [[0.0; LANES]; C];
            }
        }
    }
}

/// [`PixelLoss::tile`] of the pixels from `start` on, which have not been read.
#[inline(never)]
fn tile_of_scores<P: PixelLoss<C>, S: Scores<C> + ?Sized, const C: usize, const L: usize>(
    loss: &P,
    scores: &S,
    start: usize,
    labels: &[u32; L],
    scale: f32,
    grad: &mut [Lanes<L>; C],
) -> TileLoss<L> {
    let mut tile = [[0.0; L]; C];
    scores.read(start, &mut tile);
    clear_ignored(&mut tile, labels);
    loss.tile(&tile, labels, scale, grad)
}

fn check<const C: usize, S: ?Sized>(loss: &(impl PixelLoss<C> + ?Sized), _: &Batch<'_, S, C>) -> Result<(), Error> {
    loss.check_parameters()?;
    if let Reduction::Divisor(divisor) = loss.reduction() {
        check_parameter(Parameter::Divisor, &[divisor], positive)?;
    }
    Ok(())
}

fn divisor<const C: usize>(loss: &(impl PixelLoss<C> + ?Sized), counted: &Counted<C>) -> f32 {
    let Counted { counts, valid, pixels } = *counted;
    if valid == 0 {
        return 0.0;
    }
    match loss.reduction() {
        Reduction::Mean => {
            // With one channel the counts hold label 1 only, and the rest is label 0.
            let first = if C == 1 { 1 } else { 0 };
            let foreground = counts.iter().fold(0_u32, |sum, &count| sum.wrapping_add(count));
            let mut total = valid.wrapping_sub(foreground) as f32 * loss.weight(0);
            for (label, &count) in (first..=u8::MAX).zip(&counts) {
                total += count as f32 * loss.weight(label);
            }
            total
        }
        Reduction::MeanValid => valid as f32,
        Reduction::MeanAll => pixels as f32,
        Reduction::MeanAllElements => pixels as f32 * C as f32,
        Reduction::Positives => {
            let background = if C == 1 { 0 } else { counts.first().copied().unwrap_or_default() };
            let positives = counts.iter().fold(0_u32, |sum, &count| sum.wrapping_add(count)).wrapping_sub(background);
            positives.max(1) as f32
        }
        Reduction::Divisor(divisor) => divisor,
        Reduction::Sum => 1.0,
    }
}
