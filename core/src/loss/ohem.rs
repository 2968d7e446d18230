//! Online hard example mining: a loss per pixel, of the hardest pixels only.

mod tiled;

use super::pixel::of_range;
use super::take;
use crate::error::{check_parameter, exponent, unit};
use crate::kernel::order::key;
use crate::kernel::select::{COUNTERS, nth};
use crate::kernel::tile::{IGNORED, LANES};
use crate::labels::channel;
use crate::scores::clear;
use crate::{Batch, Error, Loss, Parameter, PixelLoss, Scores, ScoresMut, Scratch};
use core::ops::Range;

/// How many pixels are kept at least (or, for a share of the hardest, exactly).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MinKept {
    /// So many pixels.
    Pixels(u32),
    /// This share of all pixels, ignored ones included, in `0..=1`: the product in f32, rounded down.
    Fraction(f32),
}

impl MinKept {
    fn of(self, pixels: usize) -> u32 {
        match self {
            Self::Pixels(number) => number,
            Self::Fraction(share) => (share * pixels as f32) as u32,
        }
    }

    fn check(self) -> Result<(), Error> {
        match self {
            Self::Pixels(_) => Ok(()),
            Self::Fraction(share) => check_parameter(Parameter::MinKept, &[share], unit),
        }
    }
}

/// Which pixels are kept, and what their sum is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Rule {
    Strict,
    Paddle,
    HrNet,
    TopK,
    LossThreshold,
}

/// Online hard example mining over a loss per pixel: only the pixels count that the network gets wrong.
///
/// ```text
/// p_i  the probability of the label of pixel i;  n the number of valid pixels
/// K  = {i : p_i < thresh},  if that are fewer than min_kept: the min(min_kept, n) smallest p_i, ties to the lower pixel
/// L  = Σ_{i ∈ K} w_i ℓ_i / Σ_{i ∈ K} w_i
/// ```
///
/// Nothing kept: loss 0. The inner loss's own reduction is not used. Five rules:
///
/// | constructor | kept | divisor |
/// |---|---|---|
/// | [`new`](Self::new) | as above | Σ_K w |
/// | [`paddle`](Self::paddle) | p < max(thresh, the min_kept-th smallest p), strictly; all if min_kept is 0 or ≥ n | \|K\| + 10⁻⁵ · pixels |
/// | [`hrnet`](Self::hrnet) | p < max(thresh, the (max(min_kept, 1) + 1)-th smallest p or the largest), strictly | \|K\| |
/// | [`top_k`](Self::top_k) | the share of all pixels with the largest loss | that number |
/// | [`loss_threshold`](Self::loss_threshold) | ℓ > threshold; if that are not more than min_kept: the min_kept largest ℓ | \|K\| |
///
/// # Gradient
///
/// ```text
/// ∂L/∂z_i = [i ∈ K] ∂(w_i ℓ_i)/∂z_i / Σ_K w
/// ```
///
/// The selection is not differentiated.
///
/// # Shapes
///
/// Those of the inner loss, which is any [`PixelLoss`]. Scratch: 256 words and 1 word a pixel; [tile by tile](crate::Tiled)
/// none a pixel.
///
/// # When to use it
///
/// Where cross entropy finds the rare class anyway: on precipitates of 1.7 % of the pixels it came to an IoU of 0.62 to
/// 0.66 with three seeds, cross entropy to 0.60 to 0.63. What cross entropy did not find, it found with some seeds only: of
/// cracks of 2.3 % 0.33, 0.00 and 0.13, cross entropy 0.34, 0.00 and 0.33 (`cargo run --release -- --seed 2 --seeds 3
/// --losses ce,ohem --data examples-host/data/alloy`, or `…/crack`, in the repository).
///
/// # Pitfalls
///
/// * **`min_kept` counts pixels of the batch**, also in [`paddle`](Self::paddle) and [`hrnet`](Self::hrnet): a number that
///   was right for large crops keeps everything of small ones. [`MinKept::Fraction`] does not depend on the size; the
///   default is a sixteenth. [`per_image`](Self::per_image) counts in each image by itself.
/// * **The threshold is one of probabilities**, for [`loss_threshold`](Self::loss_threshold) of weighted losses: −ln 0.7 =
///   0.36 says the same there.
/// * The mean is over the pixels kept: the loss rises when the easy ones leave. Compare no values between rules.
/// * Labels that are wrong are the hardest examples of all.
/// * Tile by tile, pixels that tie for the last place share it: [`with_counting_passes`](Self::with_counting_passes).
///
/// # Other libraries
///
/// PaddleSeg's comparison is strict at a probability that is itself the threshold: it keeps one pixel less than asked, and
/// none of a uniform image; its 10⁻⁵ lowers the loss where few are kept (by a third for 10 of 512 × 1024 pixels);
/// `min_kept=0` turns the mining off. [`paddle`](Self::paddle) is that to the letter. HRNet's, mmsegmentation's and
/// ContrastiveSeg's is [`hrnet`](Self::hrnet), but NaN where nothing is left; here that is 0. nnU-Net's `TopKLoss` and
/// PaddleSeg's `top_k_percent_pixels` are [`top_k`](Self::top_k), bootstrapped cross entropy is
/// [`loss_threshold`](Self::loss_threshold). Row by row: [`migration`](crate::migration).
///
/// # Source
///
/// Shrivastava et al. 2016, §4; PaddleSeg `OhemCrossEntropyLoss`, HRNet `OhemCrossEntropy`, nnU-Net `TopKLoss`, PaddleSeg
/// `BootstrappedCrossEntropyLoss`.
///
/// # Example
///
/// ```
/// use scarce::{Batch, CrossEntropy, Labels, Loss, MinKept, Ohem, scratch_len};
///
/// let logits = [[3.0, 0.0], [0.2, 0.0], [0.0, 1.0], [5.0, 0.0]];
/// let batch = Batch::new(&logits, Labels::new(&[0, 0, 0, 0]))?;
/// let mut scratch = [0; scratch_len::<2, Ohem<CrossEntropy<2>>>(4)];
///
/// let ohem = Ohem::new(CrossEntropy::new()).with_min_kept(MinKept::Pixels(1));
/// assert_eq!(ohem.kept(&batch, &mut scratch)?, 2); // p = 0.55 and 0.27 are below 0.7
/// let ohem = ohem.with_min_kept(MinKept::Fraction(0.75));
/// assert_eq!(ohem.kept(&batch, &mut scratch)?, 3); // topped up by p = 0.95
///
/// let mut grad = [[0.0; 2]; 4];
/// ohem.value_and_grad(&batch, &mut grad, &mut scratch)?;
/// assert_eq!(grad[3], [0.0; 2]);
/// # Ok::<(), scarce::Error>(())
/// ```
#[doc(alias = "hard negative mining")]
#[doc(alias = "OhemCrossEntropyLoss")]
#[doc(alias = "OhemCELoss")]
#[doc(alias = "bootstrapped cross entropy")]
#[doc(alias = "BootstrappedCrossEntropyLoss")]
#[doc(alias = "TopKLoss")]
#[doc(alias = "top-k")]
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ohem<L> {
    loss: L,
    rule: Rule,
    thresh: f32,
    min_kept: MinKept,
    per_image: bool,
    counting_passes: u8,
}

impl<L> Ohem<L> {
    /// Threshold 0.7; at least a sixteenth of all pixels.
    #[must_use]
    pub const fn new(loss: L) -> Self {
        Self::with_rule(loss, Rule::Strict, 0.7, MinKept::Fraction(1.0 / 16.0))
    }

    /// PaddleSeg's `OhemCrossEntropyLoss`, to the letter.
    #[must_use]
    pub const fn paddle(loss: L, thresh: f32, min_kept: u32) -> Self {
        Self::with_rule(loss, Rule::Paddle, thresh, MinKept::Pixels(min_kept))
    }

    /// HRNet's, mmsegmentation's and ContrastiveSeg's `OhemCrossEntropy`, but for its NaN.
    #[must_use]
    pub const fn hrnet(loss: L, thresh: f32, min_kept: u32) -> Self {
        Self::with_rule(loss, Rule::HrNet, thresh, MinKept::Pixels(min_kept))
    }

    /// nnU-Net's `TopKLoss`: the mean over the share of all pixels, ignored ones counted as 0, with the largest loss.
    #[must_use]
    pub const fn top_k(loss: L, fraction: f32) -> Self {
        Self::with_rule(loss, Rule::TopK, 0.0, MinKept::Fraction(fraction))
    }

    /// Bootstrapped: the pixels whose weighted loss exceeds a threshold, at least so many.
    #[must_use]
    pub const fn loss_threshold(loss: L, threshold: f32, min_kept: MinKept) -> Self {
        Self::with_rule(loss, Rule::LossThreshold, threshold, min_kept)
    }

    const fn with_rule(loss: L, rule: Rule, thresh: f32, min_kept: MinKept) -> Self {
        Self { loss, rule, thresh, min_kept, per_image: false, counting_passes: 4 }
    }

    /// The threshold: of the probability in `0..=1`, or of the loss. [`top_k`](Self::top_k) goes by none.
    #[must_use]
    pub const fn with_thresh(mut self, thresh: f32) -> Self {
        self.thresh = thresh;
        self
    }

    /// How many pixels are kept at least; with [`top_k`](Self::top_k), exactly.
    #[must_use]
    pub const fn with_min_kept(mut self, min_kept: MinKept) -> Self {
        self.min_kept = min_kept;
        self
    }

    /// Selects in each image by itself and averages the images' losses.
    #[must_use]
    pub const fn per_image(mut self) -> Self {
        self.per_image = true;
        self
    }

    /// How many passes over the tiles of an image may count, from 1 to 4: 4 unless said otherwise.
    ///
    /// Only for [`Tiled`](crate::Tiled), where the k-th smallest probability is found a digit of 8 bits a pass, to the last bit
    /// after four; fewer passes are made where fewer digits are enough, and one if the threshold is. The pixels that still
    /// share their digits with the k-th share its place: together they count as many as are wanted of them, each the same
    /// part. After one pass they are those within a factor of 2 of its probability p, of
    /// 1 − p where p is above ½, or a factor of 4 of its loss. The rules of
    /// [`paddle`](Self::paddle) and [`hrnet`](Self::hrnet), which leave out what ties with the k-th, leave them out.
    #[must_use]
    pub const fn with_counting_passes(mut self, passes: u8) -> Self {
        self.counting_passes = passes;
        self
    }
}

/// The key of a pixel that is not to be kept: larger than all others.
const OUT: u32 = u32::MAX;

/// Order-preserving key of a probability p, given q = 1 − p to full relative accuracy: near 1 the q tell apart what the p
/// cannot.
fn probability_key(p: f32, q: f32) -> u32 {
    const HALF: u32 = 0.5_f32.to_bits();
    if p < 0.5 { p.to_bits() } else { (2 * HALF).wrapping_sub(q.to_bits()) }
}

/// Key of a loss: the larger, the smaller.
fn loss_key(loss: f32) -> u32 {
    !key(loss)
}

/// The pixels kept: those whose key is below `cut`, and the first `ties` of those at it.
#[derive(Clone, Copy)]
struct Selection {
    cut: u32,
    ties: u32,
    kept: u32,
}

impl Selection {
    fn below(keys: &[u32], cut: u32) -> Self {
        let kept = keys.iter().filter(|&&key| key < cut).count() as u32;
        Self { cut, ties: 0, kept }
    }

    /// The `number` smallest keys, ties to the lower pixel.
    fn smallest(keys: &[u32], number: u32, counters: &mut [u32]) -> Self {
        let Some(last) = number.checked_sub(1) else { return Self { cut: 0, ties: 0, kept: 0 } };
        let below = Self::below(keys, nth(keys, last, counters));
        Self { ties: number.wrapping_sub(below.kept), kept: number, ..below }
    }

    /// Whether the next pixel, in order, is kept.
    fn keeps(&mut self, key: u32) -> bool {
        if key == self.cut && self.ties > 0 {
            self.ties = self.ties.wrapping_sub(1);
            return true;
        }
        key < self.cut
    }
}

impl<L> Ohem<L> {
    /// Whether pixels are hard by their loss, not by their probability.
    fn goes_by_loss(&self) -> bool {
        matches!(self.rule, Rule::TopK | Rule::LossThreshold)
    }

    fn check_rule(&self) -> Result<(), Error> {
        let domain = if self.rule == Rule::LossThreshold { exponent } else { unit };
        check_parameter(Parameter::Thresh, &[self.thresh], domain)?;
        self.min_kept.check()
    }

    /// The pixels to keep of `valid` valid ones, and the divisor, `None` for the sum of the kept ones' weights.
    fn select(&self, keys: &[u32], valid: u32, counters: &mut [u32]) -> (Selection, Option<f32>) {
        let pixels = keys.len();
        // A threshold of −0 is one of +0.
        let thresh = self.thresh + 0.0;
        let cut = probability_key(thresh, 1.0 - thresh);
        let wanted = self.min_kept.of(pixels);
        let least = wanted.min(valid);
        match self.rule {
            Rule::Strict => {
                let below = Selection::below(keys, cut);
                let kept = if below.kept < least { Selection::smallest(keys, least, counters) } else { below };
                (kept, None)
            }
            Rule::Paddle => {
                let kept = if 0 < wanted && wanted < valid {
                    Selection::below(keys, cut.max(nth(keys, wanted.wrapping_sub(1), counters)))
                } else {
                    Selection::below(keys, OUT)
                };
                (kept, Some(kept.kept as f32 + 1e-5 * pixels as f32))
            }
            Rule::HrNet => {
                let last = nth(keys, wanted.max(1).min(valid.saturating_sub(1)), counters);
                let kept = Selection::below(keys, cut.max(last));
                (kept, Some(kept.kept as f32))
            }
            Rule::TopK => (Selection::smallest(keys, least, counters), Some(wanted as f32)),
            Rule::LossThreshold => {
                let above = Selection::below(keys, loss_key(thresh));
                let kept = if above.kept > least { above } else { Selection::smallest(keys, least, counters) };
                (kept, Some(kept.kept as f32))
            }
        }
    }

    /// Fills in the keys of a group of pixels and selects; `None` without a valid pixel.
    fn mine<'a, S: Scores<C> + ?Sized, const C: usize>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        mut scratch: &'a mut [u32],
    ) -> Option<(&'a [u32], Selection, Option<f32>)>
    where
        L: PixelLoss<C>,
    {
        let counters = take(&mut scratch, COUNTERS);
        let keys = take(&mut scratch, range.len());
        let (_, valid) = batch.counts_of(range.clone());
        if valid == 0 {
            return None;
        }
        if self.goes_by_loss() {
            for (slot, sample) in keys.iter_mut().zip(batch.samples(range)) {
                *slot = sample.map_or(OUT, |(row, label)| loss_key(self.loss.pixel(row, label)));
            }
        } else {
            let mut scores = [[0.0; LANES]; C];
            for (keys, start) in keys.chunks_mut(LANES).zip((range.start..).step_by(LANES)) {
                let (Some(scores), labels) = batch.read(start, range.end, &mut scores) else {
                    keys.fill(OUT);
                    continue;
                };
                let (p, q) = self.loss.confidences(scores, &labels);
                let mut of_tile = [OUT; LANES];
                for lane in 0..LANES {
                    let key = probability_key(p[lane], q[lane]);
                    of_tile[lane] = if labels[lane] == IGNORED { OUT } else { key };
                }
                match keys.first_chunk_mut::<LANES>() {
                    Some(keys) => *keys = of_tile,
                    None => keys.iter_mut().zip(of_tile).for_each(|(key, of_pixel)| *key = of_pixel),
                }
            }
        }
        let (selection, divisor) = self.select(keys, valid, counters);
        Some((keys, selection, divisor))
    }

    /// The mean of the groups' losses; the gradient is added to `grad`, or written if it is to `SET`.
    #[inline(always)]
    fn run<const SET: bool, const C: usize, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        mut grad: Option<&mut G>,
        scratch: &mut [u32],
    ) -> f32
    where
        L: PixelLoss<C>,
    {
        batch.mean_over_groups(self.per_image, |range, groups| {
            let mined = self.mine(batch, range.clone(), scratch);
            let kept = mined.and_then(|(keys, selection, divisor)| {
                let divisor = divisor.unwrap_or_else(|| self.weight_of(batch, range.clone(), keys, selection));
                (divisor > 0.0).then_some((keys, selection, divisor))
            });
            let Some((keys, mut selection, divisor)) = kept else {
                if let (true, Some(grad)) = (SET, grad.as_deref_mut()) {
                    clear(grad, &range);
                }
                return 0.0;
            };
            let first = range.start;
            let grad = grad.as_deref_mut();
            of_range::<SET, false, C, L, S, G>(
                &self.loss,
                batch,
                range,
                divisor,
                scale / groups,
                grad,
                |start, _, labels| {
                    let keys = keys.get(start.wrapping_sub(first)..).unwrap_or_default();
                    match keys.first_chunk::<LANES>() {
                        Some(keys) if selection.ties == 0 => {
                            for (label, key) in labels.iter_mut().zip(keys) {
                                *label = if *key < selection.cut { *label } else { IGNORED };
                            }
                        }
                        _ => {
                            for (label, &key) in labels.iter_mut().zip(keys) {
                                *label = if selection.keeps(key) { *label } else { IGNORED };
                            }
                        }
                    }
                },
            )
        })
    }

    /// The sum of the weights of the pixels kept.
    fn weight_of<S: Scores<C> + ?Sized, const C: usize>(
        &self,
        batch: &Batch<'_, S, C>,
        range: Range<usize>,
        keys: &[u32],
        mut selection: Selection,
    ) -> f32
    where
        L: PixelLoss<C>,
    {
        let (mut counts, mut others) = ([0_u32; C], 0_u32);
        for (label, &key) in batch.labels_of(range).from(0).zip(keys) {
            if let Some(label) = label.filter(|_| selection.keeps(key)) {
                let count = counts.get_mut(channel::<C>(label)).unwrap_or(&mut others);
                *count = count.wrapping_add(1);
            }
        }
        self.weight_of_counts(&counts, others)
    }

    /// The weight of so many pixels of each channel, and of the background of a single one.
    fn weight_of_counts<const C: usize>(&self, counts: &[u32; C], others: u32) -> f32
    where
        L: PixelLoss<C>,
    {
        let mut weight = others as f32 * self.loss.weight(0);
        for (label, &count) in (u8::from(C == 1)..=u8::MAX).zip(counts) {
            weight += count as f32 * self.loss.weight(label);
        }
        weight
    }

    /// How many pixels are kept.
    ///
    /// # Errors
    /// As [`Loss::value`].
    pub fn kept<S: Scores<C> + ?Sized, const C: usize>(
        &self,
        batch: &Batch<'_, S, C>,
        scratch: &mut [u32],
    ) -> Result<u32, Error>
    where
        L: PixelLoss<C>,
    {
        self.check(batch)?;
        let scratch = super::lend(<Self as Loss<C>>::SCRATCH, batch.pixels(), scratch)?;
        let mut kept = 0_u32;
        batch.mean_over_groups(self.per_image, |range, _| {
            let mined = self.mine(batch, range, scratch);
            kept = kept.wrapping_add(mined.map_or(0, |(_, selection, _)| selection.kept));
            0.0
        });
        Ok(kept)
    }
}

impl<const C: usize, L: PixelLoss<C>> Loss<C> for Ohem<L> {
    const SCRATCH: Scratch = Scratch::new(COUNTERS, 1);
    const WRITES_ONCE: bool = true;

    fn check<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>) -> Result<(), Error> {
        self.check_rule()?;
        self.loss.check(batch)
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> f32 {
        self.run::<false, C, S, [[f32; C]]>(batch, 0.0, None, scratch)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        scale: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        self.run::<SET, C, S, G>(batch, scale, Some(grad), scratch)
    }
}
