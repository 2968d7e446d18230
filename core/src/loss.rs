//! The contract of a loss.

use crate::error::{check_parameter, signed};
use crate::scores::check_grad;
use crate::{Batch, Buffer, Error, Parameter, Scores, ScoresMut};

pub(crate) mod cross_entropy;
pub(crate) mod focal;
pub(crate) mod lovasz;
pub(crate) mod lovasz_histogram;
pub(crate) mod ohem;
pub(crate) mod overlap;
pub(crate) mod pixel;
pub(crate) mod pixel_contrast;
pub(crate) mod semantic_encoding;
pub(crate) mod sum;

/// A loss over a batch, and its gradient with respect to the batch's scores.
///
/// # Contract
///
/// * Nothing is allocated.
/// * Nothing panics, whatever the slices hold.
/// * On `Err` nothing was written: neither gradient nor scratch.
/// * Ignored pixels are never read, and their gradient is exactly 0: [`value_and_grad`](Self::value_and_grad) sets it so,
///   [`add_grad`](Self::add_grad) leaves them untouched.
/// * Without a valid pixel the loss is `Ok(0.0)` and the gradient 0.
/// * What scratch holds on entry is irrelevant; words past [`scratch_len`](Self::scratch_len) are not touched, by
///   [`value_and_grad`](Self::value_and_grad) none past [`scratch_len_to_write`](Self::scratch_len_to_write).
/// * A label that is neither a class nor ignored, and a NaN or infinite score of a valid pixel, are errors, for every loss
///   alike; [`Batch::new`] finds them.
/// * Equal inputs give equal bits on every target and in both layouts, for a given [`Math`](crate::Math).
/// * [`value`](Self::value) has the bits that the gradient's methods return.
/// * `scratch_len` and `scratch_len_to_write` may change in a minor release.
///
/// A loss of one's own implements [`PixelLoss`](crate::PixelLoss), not this trait, whose required methods are hidden and may
/// change in any release.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, Lovasz, Sum, scratch_len};
///
/// type Objective = Sum<CrossEntropy<3>, Lovasz<3>>;
/// const PIXELS: usize = 4;
/// const LOSS: Objective = Sum((1.0, CrossEntropy::new().with_weights([0.2, 1.0, 5.0])), (0.5, Lovasz::new()));
///
/// let logits = [[2.0, 0.1, -1.0], [0.3, 0.2, 0.1], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]];
/// let mut grad = [[0.0; 3]; PIXELS];
/// let mut scratch = [0_u32; scratch_len::<3, Objective>(PIXELS)]; // sized at compile time
///
/// let batch = Batch::new(&logits, Labels::new(&[0, 2, 1, 255]).ignoring(255))?;
/// let loss = LOSS.value_and_grad(&batch, &mut grad, &mut scratch)?;
/// assert!(loss > 0.0);
/// assert_eq!(grad[3], [0.0; 3]);
/// # Ok::<(), scarce::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no loss over {C} channels")]
pub trait Loss<const C: usize> {
    /// How much scratch the loss needs, whatever its method.
    const SCRATCH: Scratch = Scratch::NONE;

    /// How much scratch [`value_and_grad`](Self::value_and_grad) needs.
    const SCRATCH_TO_WRITE: Scratch = Self::SCRATCH;

    /// Whether writing the gradient is faster, or takes less scratch, than adding to it.
    #[doc(hidden)]
    const WRITES_FASTER: bool = false;

    /// Whether each element of a gradient to be written is written and left: neither read again nor added to.
    #[doc(hidden)]
    const WRITES_ONCE: bool = false;

    /// Refuses bad parameters, and batches that the loss is not defined on.
    ///
    /// # Errors
    /// [`Error::Parameter`], [`Error::Probability`].
    #[doc(hidden)]
    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error>;

    /// The loss; the caller has called [`check`](Self::check), and scratch is long enough.
    #[doc(hidden)]
    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> f32;

    /// The loss; adds `scale` times its gradient, or writes it if it is to `SET`. As [`evaluate`](Self::evaluate), and the
    /// gradient has the batch's length.
    #[doc(hidden)]
    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32;

    /// Words of scratch that a batch of this many pixels needs; at compile time: [`scratch_len`](crate::scratch_len).
    fn scratch_len(&self, pixels: usize) -> usize {
        Self::SCRATCH.words(pixels)
    }

    /// As [`scratch_len`](Self::scratch_len), for [`value_and_grad`](Self::value_and_grad) alone, which may need less; at
    /// compile time: [`scratch_len_to_write`](crate::scratch_len_to_write).
    fn scratch_len_to_write(&self, pixels: usize) -> usize {
        Self::SCRATCH_TO_WRITE.words(pixels)
    }

    /// The loss.
    ///
    /// # Errors
    /// [`Error::Length`] if scratch is too short; [`Error::Parameter`]; [`Error::Probability`].
    fn value<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> Result<f32, Error> {
        self.check(batch)?;
        let scratch = lend(Self::SCRATCH, batch.pixels(), scratch)?;
        Ok(self.evaluate(batch, scratch))
    }

    /// The loss; and `grad += scale · ∂loss/∂scores`.
    ///
    /// Accumulation is the primitive, so that a sum of losses, or of batches, needs one gradient buffer.
    ///
    /// # Errors
    /// [`Error::Length`] if scratch is too short or the gradient has not the length of the batch, [`Error::Parameter`] if
    /// `scale` is NaN or beyond 10¹² or a parameter of the loss is bad; [`Error::Probability`].
    fn add_grad<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        const { assert!(G::KEEPS, "a quantised gradient is written by `value_and_grad`, and not added to") };
        self.check(batch)?;
        check_parameter(Parameter::Scale, &[scale], signed)?;
        check_grad(grad, batch.pixels())?;
        let scratch = lend(Self::SCRATCH, batch.pixels(), scratch)?;
        Ok(self.accumulate::<false, _, _>(batch, scale, grad, scratch))
    }

    /// The loss; and `grad = ∂loss/∂scores`.
    ///
    /// # Errors
    /// As [`add_grad`](Self::add_grad).
    fn value_and_grad<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        const {
            assert!(
                G::KEEPS || Self::WRITES_ONCE,
                "this loss adds to the gradient, or keeps numbers in it, which a quantised one cannot hold"
            );
        }
        self.check(batch)?;
        check_grad(grad, batch.pixels())?;
        let scratch = lend(Self::SCRATCH_TO_WRITE, batch.pixels(), scratch)?;
        Ok(self.accumulate::<true, _, _>(batch, 1.0, grad, scratch))
    }
}

/// How many words of 32 bits a loss needs as scratch: a fixed number and a number a pixel, and maybe more of both beyond some
/// number of pixels.
///
/// Words, since indices fit them natively and floats by their bits, and since two losses of different kinds can share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scratch {
    /// Fixed words, and words a pixel.
    few: [usize; 2],
    /// The same for more than `most` pixels; neither is less.
    many: [usize; 2],
    most: usize,
}

impl Scratch {
    /// No scratch at all.
    pub const NONE: Self = Self::new(0, 0);

    /// `fixed` words, and `per_pixel` words for each pixel.
    #[must_use]
    pub const fn new(fixed: usize, per_pixel: usize) -> Self {
        Self { few: [fixed, per_pixel], many: [fixed, per_pixel], most: usize::MAX }
    }

    /// `more` for a batch of more than so many pixels.
    #[must_use]
    pub const fn and_beyond(self, pixels: usize, more: Self) -> Self {
        Self { few: self.few, ..self.and(Self { few: [0; 2], most: pixels, ..more }) }
    }

    /// Words for this many pixels; `usize::MAX`, which no buffer has, instead of an overflow.
    #[must_use]
    pub const fn words(self, pixels: usize) -> usize {
        let [fixed, per_pixel] = if pixels <= self.most { self.few } else { self.many };
        per_pixel.saturating_mul(pixels).saturating_add(fixed)
    }

    /// Enough for either of two: what they need if they run one after the other.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let most = if self.most < other.most { self.most } else { other.most };
        Self { few: max(self.few, other.few), many: max(self.many, other.many), most }
    }

    /// Enough for both of two at the same time.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let most = if self.most < other.most { self.most } else { other.most };
        Self { few: sum(self.few, other.few), many: sum(self.many, other.many), most }
    }
}

const fn max([a, b]: [usize; 2], [c, d]: [usize; 2]) -> [usize; 2] {
    [if a > c { a } else { c }, if b > d { b } else { d }]
}

const fn sum([a, b]: [usize; 2], [c, d]: [usize; 2]) -> [usize; 2] {
    [a.saturating_add(c), b.saturating_add(d)]
}

/// Words of scratch that loss `L` over `C` channels needs for a batch of this many pixels, at compile time.
///
/// ```
/// use scarce::{CrossEntropy, Lovasz, scratch_len};
///
/// const WORDS: usize = scratch_len::<4, Lovasz<4>>(64 * 64);
/// let mut scratch = [0_u32; WORDS]; // or in a `static` that hands it out once, as `cortex_m::singleton!` makes
/// # const _: () = assert!(scratch_len::<4, CrossEntropy<4>>(64 * 64) == 0);
/// ```
#[must_use]
pub const fn scratch_len<const C: usize, L: Loss<C>>(pixels: usize) -> usize {
    L::SCRATCH.words(pixels)
}

/// As [`scratch_len`], for [`Loss::value_and_grad`] alone: [`Loss::value`] may take more.
///
/// ```
/// use scarce::{Heap, Lovasz, Softmax, scratch_len, scratch_len_to_write};
///
/// type Gentle = Lovasz<4, Softmax, Heap>;
/// const _: () = assert!(scratch_len_to_write::<4, Gentle>(64 * 64) == 64 * 64);
/// const _: () = assert!(scratch_len::<4, Gentle>(64 * 64) == 3 * 64 * 64);
/// ```
#[must_use]
pub const fn scratch_len_to_write<const C: usize, L: Loss<C>>(pixels: usize) -> usize {
    L::SCRATCH_TO_WRITE.words(pixels)
}

/// The words of scratch that are asked for, and none past them.
fn lend(scratch: Scratch, pixels: usize, words: &mut [u32]) -> Result<&mut [u32], Error> {
    let (needed, got) = (scratch.words(pixels), words.len());
    words.get_mut(..needed).ok_or(Error::Length { buffer: Buffer::Scratch, needed, got })
}

/// Takes the first `len` words off `scratch`; none if there are fewer, which the checks have excluded.
pub(crate) fn take<'a>(scratch: &mut &'a mut [u32], len: usize) -> &'a mut [u32] {
    let (head, tail) = core::mem::take(scratch).split_at_mut_checked(len).unwrap_or_default();
    *scratch = tail;
    head
}

/// The float in a word of scratch.
#[inline]
pub(crate) fn float(words: &[u32], place: usize) -> Option<f32> {
    words.get(place).map(|&bits| f32::from_bits(bits))
}

/// A factor of a gradient, kept small enough that no weight makes it infinite: ∞ · 0 would be NaN.
pub(crate) fn bounded(scale: f32) -> f32 {
    const LARGEST: f32 = 1e24;
    scale.clamp(-LARGEST, LARGEST)
}
