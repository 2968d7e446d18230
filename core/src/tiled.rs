//! Losses of images that do not fit in memory, a tile at a time.

use crate::error::{check_parameter, signed};
use crate::kernel::tile::{IGNORED, LANES, Lanes, any_ignored, clear_ignored};
use crate::scores::check_grad;
use crate::{Batch, Buffer, Error, Labels, Loss, Parameter, Scores, ScoresMut};
use core::fmt;

/// A loss over an image that is never in memory as a whole, and its gradient: tile by tile, in memory of a fixed size.
///
/// [`observe`](Self::observe) takes the tiles of the image, one after the other; [`settle`](Self::settle) gives the loss of
/// them all, or asks for another pass. Then the caller comes with the tiles once more, computed again, and gets the gradient of
/// each: added to a buffer, written into one, or [in place](Self::tile_grad_in_place) of the scores, which takes no memory
/// at all.
///
/// A tile is any set of pixels, each of which is in one tile; the tiles together are what the loss takes as one image, also
/// where it would else go by image. The gradients of several images add up; for the mean of `n` images, `scale` is 1/n.
///
/// An image that is in memory needs no tiles to do without a second buffer:
/// [`value_and_grad_in_place`](Self::value_and_grad_in_place).
///
/// What is kept of the tiles is [`Tiles`], which is `Copy` and can be [merged](Tiles::merge): tiles may come from several
/// threads or machines.
///
/// Tiles of a multiple of 64 pixels, in order, give the bits of [`Loss::value`] and [`Loss::value_and_grad`], as does one
/// tile; only a sum whose second term is a sum adds its gradient in another order.
/// In another order, of other sizes, or merged, sums of floats are added otherwise: in the tests the loss differed by no more
/// than 5·10⁻⁷ of its size (or of 1), the gradient by 10⁻⁶ of its largest element (`cargo test -p scarce-tests --test tiled`). Losses without such sums, the histogram forms of Lovász, give the same bits in any order. Where pixels tie for the
/// last place, [`Ohem`](crate::Ohem) shares it among them, and does not choose by their order.
///
/// The [contract](Loss#contract) of a loss holds. Implemented for every [`PixelLoss`](crate::PixelLoss),
/// [`Overlap`](crate::Overlap), [`LovaszHistogram`](crate::LovaszHistogram),
/// [`LovaszHingeHistogram`](crate::LovaszHingeHistogram), [`Ohem`](crate::Ohem) and sums of them. Its required items are hidden
/// and may change in any release.
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, LovaszHistogram, Sum, Tiled, Tiles};
///
/// type Objective = Sum<CrossEntropy<2>, LovaszHistogram<2>>;
/// const LOSS: Objective = Sum((1.0, CrossEntropy::new()), (1.0, LovaszHistogram::new()));
///
/// // What the network says of a tile of two pixels. It is computed anew each time it is asked for.
/// let network = |tile: usize| [[[1.0, 0.0], [0.5, 0.2]], [[0.0, 2.0], [0.3, 0.4]]][tile];
/// let labels = [Labels::new(&[0, 1]), Labels::new(&[1, 1])];
///
/// let mut tiles = Tiles::<2, Objective>::new();
/// let loss = loop {
///     for tile in 0..2 {
///         LOSS.observe(&mut tiles, &Batch::new(&network(tile), labels[tile])?)?;
///     }
///     if let Some(loss) = LOSS.settle(&mut tiles)? {
///         break loss;
///     }
/// };
/// for tile in 0..2 {
///     let mut scores = network(tile);
///     LOSS.tile_grad_in_place(&tiles, 1.0, &mut scores, labels[tile])?; // now it holds ∂loss/∂scores
///     assert!(scores[1][1] < 0.0);
/// }
/// assert!(loss > 0.0);
/// # Ok::<(), scarce::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be computed tile by tile over {C} channels")]
pub trait Tiled<const C: usize>: Loss<C> {
    /// What is kept of the scores.
    #[doc(hidden)]
    type Sums: Copy + fmt::Debug;

    /// [`Sums`](Self::Sums) of no pixel.
    #[doc(hidden)]
    const NOTHING: Self::Sums;

    /// Adds what the pass with this number needs of a tile.
    #[doc(hidden)]
    fn add_tile<S: Scores<C> + ?Sized>(&self, sums: &mut Self::Sums, pass: u8, tile: &Batch<'_, S, C>);

    /// Adds what another has seen in the same pass.
    #[doc(hidden)]
    fn merge_sums(sums: &mut Self::Sums, other: &Self::Sums);

    /// The loss, at the end of a pass; `None` to see the tiles once more. From the loss on the sums are never changed.
    #[doc(hidden)]
    fn finish(&self, sums: &mut Self::Sums, pass: u8, counted: &Counted<C>) -> Option<f32>;

    /// Writes `scale` times the gradient of some pixels, given their scores, which are 0 where ignored, and their channels. It
    /// is to be +0 where ignored.
    #[doc(hidden)]
    fn gradient(
        &self,
        sums: &Self::Sums,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]);

    /// Takes a tile of the image, in each pass.
    ///
    /// # Errors
    /// [`Error::Settled`], [`Error::Parameter`], [`Error::Probability`]; [`Error::TooManyPixels`] if that makes more than
    /// 2³² − 1.
    fn observe<S: Scores<C> + ?Sized>(&self, tiles: &mut Tiles<C, Self>, tile: &Batch<'_, S, C>) -> Result<(), Error> {
        if tiles.settled {
            return Err(Error::Settled);
        }
        self.check(tile)?;
        let seen = tile.counted();
        tiles.seen = tiles.seen.plus(&seen).ok_or(Error::TooManyPixels)?;
        self.add_tile(&mut tiles.sums, tiles.pass, tile);
        Ok(())
    }

    /// Ends a pass: the loss of all tiles; or `None` if they are all to be observed once more, in any order.
    ///
    /// # Errors
    /// [`Error::Settled`]; [`Error::Length`] if this pass had another number of pixels than the first: what is missing can then
    /// be observed, but what came twice cannot be taken back.
    fn settle(&self, tiles: &mut Tiles<C, Self>) -> Result<Option<f32>, Error> {
        if tiles.settled {
            return Err(Error::Settled);
        }
        let (needed, got) = (tiles.first.pixels, tiles.seen.pixels);
        if tiles.pass == 0 {
            tiles.first = tiles.seen;
        } else if needed != got {
            return Err(Error::Length { buffer: Buffer::Tiles, needed: needed as usize, got: got as usize });
        }
        let loss = self.finish(&mut tiles.sums, tiles.pass, &tiles.first);
        tiles.settled = loss.is_some();
        tiles.pass = tiles.pass.saturating_add(1);
        tiles.seen = Counted::NOTHING;
        Ok(loss)
    }

    /// `grad += scale · ∂loss/∂scores` of a tile.
    ///
    /// # Errors
    /// [`Error::Unsettled`]; [`Error::Length`] if the gradient has not the length of the tile; [`Error::Parameter`] if `scale`
    /// is NaN or beyond 10¹²; [`Error::Probability`].
    fn add_tile_grad<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        tiles: &Tiles<C, Self>,
        tile: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
    ) -> Result<(), Error> {
        const { assert!(G::KEEPS, "a quantised gradient is written by `tile_grad`, and not added to") };
        check_grad(grad, tile.pixels())?;
        self.check(tile)?;
        run_range::<false, C, S, G>(tile, 0..tile.pixels(), grad, self.gradient(tiles.sums_for(scale)?, scale));
        Ok(())
    }

    /// `grad = scale · ∂loss/∂scores` of a tile.
    ///
    /// # Errors
    /// As [`add_tile_grad`](Self::add_tile_grad).
    fn tile_grad<S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        tiles: &Tiles<C, Self>,
        tile: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
    ) -> Result<(), Error> {
        check_grad(grad, tile.pixels())?;
        self.check(tile)?;
        run_range::<true, C, S, G>(tile, 0..tile.pixels(), grad, self.gradient(tiles.sums_for(scale)?, scale));
        Ok(())
    }

    /// Replaces the scores of a tile by `scale · ∂loss/∂scores`, with the bits of [`tile_grad`](Self::tile_grad).
    ///
    /// # Errors
    /// As [`add_tile_grad`](Self::add_tile_grad), and those of [`Batch::new`].
    fn tile_grad_in_place<G: ScoresMut<C> + ?Sized>(
        &self,
        tiles: &Tiles<C, Self>,
        scale: f32,
        scores: &mut G,
        labels: Labels<'_>,
    ) -> Result<(), Error> {
        self.check(&Batch::new(&*scores, labels)?)?;
        let gradient = self.gradient(tiles.sums_for(scale)?, scale);
        run_in_place(scores, labels, gradient);
        Ok(())
    }

    /// The loss of an image that is in memory, and its gradient in place of the scores: one buffer where
    /// [`Loss::value_and_grad`] takes two. What `tiles` holds on entry does not matter.
    ///
    /// ```
    /// use scarce::{CrossEntropy, Labels, Tiled, Tiles};
    ///
    /// let mut scores = [[2.0, 0.0], [0.0, 1.0]];
    /// let loss = CrossEntropy::new().value_and_grad_in_place(&mut Tiles::new(), &mut scores, Labels::new(&[0, 0]))?;
    /// assert!(loss > 0.7 && scores[1][0] < 0.0 && scores[1][1] > 0.0);
    /// # Ok::<(), scarce::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parameter`], [`Error::Probability`], and those of [`Batch::new`].
    fn value_and_grad_in_place<G: ScoresMut<C> + ?Sized>(
        &self,
        tiles: &mut Tiles<C, Self>,
        scores: &mut G,
        labels: Labels<'_>,
    ) -> Result<f32, Error> {
        let batch = Batch::new(&*scores, labels)?;
        self.check(&batch)?;
        *tiles = Tiles::new();
        let loss = loop {
            self.observe(tiles, &batch)?;
            if let Some(loss) = self.settle(tiles)? {
                break loss;
            }
        };
        run_in_place(scores, labels, self.gradient(&tiles.sums, 1.0));
        Ok(loss)
    }
}

/// How many pixels there are, of each channel and valid.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<const C: usize> {
    pub(crate) counts: [u32; C],
    pub(crate) valid: u32,
    pub(crate) pixels: u32,
}

impl<const C: usize> Counted<C> {
    pub(crate) const NOTHING: Self = Self { counts: [0; C], valid: 0, pixels: 0 };

    /// Both; `None` past 2³² − 1 pixels.
    fn plus(&self, other: &Self) -> Option<Self> {
        let mut sum = *self;
        sum.pixels = self.pixels.checked_add(other.pixels)?;
        // Neither counts more than its pixels.
        sum.valid = self.valid.wrapping_add(other.valid);
        for (count, other) in sum.counts.iter_mut().zip(other.counts) {
            *count = count.wrapping_add(other);
        }
        Some(sum)
    }
}

/// What loss `L` over `C` channels keeps of the tiles of an image: [`Tiled`].
///
/// Its size is fixed: `size_of::<Tiles<C, L>>()`. All zeros when new: as a `static` it takes no flash.
pub struct Tiles<const C: usize, L: Tiled<C> + ?Sized> {
    /// Of the image, from the first pass.
    first: Counted<C>,
    /// In this pass.
    seen: Counted<C>,
    pass: u8,
    settled: bool,
    sums: L::Sums,
}

impl<const C: usize, L: Tiled<C> + ?Sized> Tiles<C, L> {
    /// Nothing observed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: Counted::NOTHING, seen: Counted::NOTHING, pass: 0, settled: false, sums: L::NOTHING }
    }

    /// Number of pixels observed: in this pass, or once it has settled, of the image. Ignored ones included.
    #[must_use]
    pub const fn pixels(&self) -> u32 {
        if self.settled { self.first.pixels } else { self.seen.pixels }
    }

    /// Takes what another has observed in the same pass of the same loss, as if its tiles came after these.
    ///
    /// Each begins the first pass [new](Self::new), and a later one as a copy of what had been settled. Counts are integers,
    /// and merge exactly; sums of floats are added.
    ///
    /// # Errors
    /// [`Error::Settled`] if either is; [`Error::Unsettled`] if they are not in the same pass of the same image;
    /// [`Error::TooManyPixels`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.settled || other.settled {
            return Err(Error::Settled);
        }
        if self.pass != other.pass || self.first != other.first {
            return Err(Error::Unsettled);
        }
        self.seen = self.seen.plus(&other.seen).ok_or(Error::TooManyPixels)?;
        L::merge_sums(&mut self.sums, &other.sums);
        Ok(())
    }

    /// The sums, if a gradient can be had.
    fn sums_for(&self, scale: f32) -> Result<&L::Sums, Error> {
        check_parameter(Parameter::Scale, &[scale], signed)?;
        if self.settled { Ok(&self.sums) } else { Err(Error::Unsettled) }
    }
}

impl<const C: usize, L: Tiled<C> + ?Sized> Clone for Tiles<C, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<const C: usize, L: Tiled<C> + ?Sized> Copy for Tiles<C, L> {}

impl<const C: usize, L: Tiled<C> + ?Sized> Default for Tiles<C, L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, L: Tiled<C> + ?Sized> fmt::Debug for Tiles<C, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, seen, pass, settled, sums } = self;
        let mut tiles = f.debug_struct("Tiles");
        tiles.field("first", first).field("seen", seen).field("pass", pass);
        tiles.field("settled", settled).field("sums", sums).finish()
    }
}

/// Adds what `gradient` says of each pixel of a range of a batch, or writes it if it is to `SET`.
#[inline(always)]
pub(crate) fn run_range<const SET: bool, const C: usize, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
    batch: &Batch<'_, S, C>,
    range: core::ops::Range<usize>,
    grad: &mut G,
    mut gradient: impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]),
) {
    let (mut scores, mut tile) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
    let mut start = range.start;
    while start < range.end {
        let (scores, labels) = batch.read(start, range.end, &mut scores);
        match scores {
            Some(scores) => gradient(scores, &labels, &mut tile),
            None => tile = [[0.0; LANES]; C],
        }
        if SET {
            // What lies past the end is another image's, and written in its turn.
            grad.write(start, &tile);
        } else {
            grad.add(start, &tile, &labels);
        }
        start = start.wrapping_add(LANES);
    }
}

/// [`run_range`] of all pixels, the gradient in place of the scores.
#[inline(always)]
fn run_in_place<const C: usize, G: ScoresMut<C> + ?Sized>(
    scores: &mut G,
    labels: Labels<'_>,
    mut gradient: impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]),
) {
    let (mut of_tile, mut tile) = ([[0.0; LANES]; C], [[0.0; LANES]; C]);
    let mut start = 0;
    while start < labels.len() {
        let channels = labels.channels::<C, LANES>(start, labels.len());
        if any_ignored(&channels) && channels == [IGNORED; LANES] {
            tile = [[0.0; LANES]; C];
        } else {
            scores.read(start, &mut of_tile);
            clear_ignored(&mut of_tile, &channels);
            gradient(&of_tile, &channels, &mut tile);
        }
        scores.write(start, &tile);
        start = start.wrapping_add(LANES);
    }
}
