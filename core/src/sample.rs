//! Samplers of the pixel contrast: which pixels are anchors, and which pairs of them count.

use crate::error::{check_parameter, unit};
use crate::kernel::order::key;
use crate::kernel::select::nth;
use crate::{Buffer, Error, Labels, Parameter};

/// Where a choice among candidates comes from: chance, or a rule.
pub trait Draw {
    /// Moves `number` of the candidates to the front, in the order of the draw; all of them if there are not more.
    fn draw(&mut self, candidates: &mut [u32], number: usize);
}

/// Every ⌊n/k⌋-th candidate, roughly: the j-th of k draws takes candidate ⌊j n / k⌋ of n. No chance, and spread evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stride;

impl Draw for Stride {
    fn draw(&mut self, candidates: &mut [u32], number: usize) {
        let all = candidates.len() as u64;
        let number = number.min(candidates.len());
        for place in 0..number {
            // ⌊j n / k⌋ ≥ j, so that what is read has not been overwritten.
            let from = (place as u64).wrapping_mul(all).checked_div(number as u64).unwrap_or_default() as usize;
            let taken = candidates.get(from).copied();
            if let (Some(slot), Some(taken)) = (candidates.get_mut(place), taken) {
                *slot = taken;
            }
        }
    }
}

/// Uniform draws without replacement, from the caller's random numbers.
///
/// A partial Fisher–Yates shuffle with unbiased bounded integers: the same generator gives the same draws on every target.
#[cfg(feature = "rand_core")]
#[derive(Clone, Copy, Debug)]
pub struct Random<R>(pub R);

#[cfg(feature = "rand_core")]
impl<R: rand_core::Rng> Random<R> {
    /// Uniform in `0..bound`, by multiplication and rejection (Lemire 2019).
    fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.0.next_u32()).wrapping_mul(u64::from(bound));
        let threshold = bound.wrapping_neg().checked_rem(bound).unwrap_or_default();
        while (product as u32) < threshold {
            product = u64::from(self.0.next_u32()).wrapping_mul(u64::from(bound));
        }
        (product >> 32) as u32
    }
}

#[cfg(feature = "rand_core")]
impl<R: rand_core::Rng> Draw for Random<R> {
    fn draw(&mut self, candidates: &mut [u32], number: usize) {
        for place in 0..number.min(candidates.len()) {
            let left = candidates.get_mut(place..).unwrap_or_default();
            let chosen = self.below(left.len() as u32) as usize;
            let Some(taken) = left.get(chosen).copied() else { continue };
            if let Some((front, _)) = left.split_first_mut() {
                let moved = core::mem::replace(front, taken);
                if let Some(slot) = left.get_mut(chosen) {
                    *slot = moved;
                }
            }
        }
    }
}

/// Segmentation-aware hard anchors: of each class in each image, half pixels that the segmentation gets wrong, half that it
/// gets right.
///
/// A class takes part in an image if it has more than `max_views` valid pixels there; A is the number of such (image, class)
/// pairs, and each gets v = min(⌊`max_samples` / A⌋, `max_views`) anchors. Of h hard pixels (prediction ≠ label) and e easy
/// ones: if both are at least v/2, ⌊v/2⌋ hard ones and the rest easy; if only the hard are, all easy ones and the rest hard;
/// else all hard ones and the rest easy. Order: images, classes ascending, hard before easy; `draw` is asked first for the
/// hard pixels of a pair, then for the easy ones, only where not all are taken.
///
/// Up to 2 KiB of the stack count classes. `labels`, `predictions` and embeddings have one resolution; `images` divides the
/// pixels. Writes indices of pixels to `anchors` and returns how many: at most `max_samples`, and 0 if A > `max_samples` or no
/// class takes part. `scratch`: a word a pixel of one image.
///
/// Source: Wang et al. 2021, §3.3; counts as ContrastiveSeg's and PaddleSeg's code.
///
/// ```
/// use scarce::{Labels, sample::{Stride, segmentation_aware}};
///
/// let labels = Labels::new(&[0, 0, 0, 0, 1, 1, 1, 255]).ignoring(255);
/// let predictions = [0, 1, 1, 0, 1, 1, 0, 0];
/// let (mut anchors, mut scratch) = ([0; 4], [0; 8]);
/// let number = segmentation_aware(labels, &predictions, 1, 4, 2, &mut Stride, &mut anchors, &mut scratch)?;
/// assert_eq!(anchors[..number], [1, 0, 6, 4]); // a hard and an easy one of each class
/// # Ok::<(), scarce::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] if there is not one prediction a pixel, or `anchors` or `scratch` is too short; [`Error::Images`];
/// [`Error::TooManyPixels`]. Nothing is written then.
#[allow(clippy::too_many_arguments, reason = "each is a thing of its own, and none has a sensible default")]
pub fn segmentation_aware(
    labels: Labels<'_>,
    predictions: &[u8],
    images: usize,
    max_samples: u32,
    max_views: u32,
    draw: &mut impl Draw,
    anchors: &mut [u32],
    scratch: &mut [u32],
) -> Result<usize, Error> {
    let pixels = labels.len();
    if predictions.len() != pixels {
        return Err(Error::Length { buffer: Buffer::Predictions, needed: pixels, got: predictions.len() });
    }
    if u32::try_from(pixels).is_err() {
        return Err(Error::TooManyPixels);
    }
    if pixels.checked_rem(images) != Some(0) {
        return Err(Error::Images { images, pixels });
    }
    let size = pixels.checked_div(images).unwrap_or_default();
    if scratch.len() < size {
        return Err(Error::Length { buffer: Buffer::Scratch, needed: size, got: scratch.len() });
    }
    if pixels == 0 {
        return Ok(0);
    }
    let image_labels = |image: usize| {
        let start = image.wrapping_mul(size);
        labels.from(start).take(size).zip(start..)
    };
    let qualifying = |image: usize| {
        let mut counts = [0_u32; 256];
        for label in image_labels(image).filter_map(|(label, _)| label) {
            let count = &mut counts[usize::from(label)];
            *count = count.wrapping_add(1);
        }
        (0..=u8::MAX).zip(counts).filter(move |&(_, count)| count > max_views).map(|(class, _)| class)
    };
    let number = (0..images).fold(0_u32, |number, image| number.wrapping_add(qualifying(image).count() as u32));
    let views = max_samples.checked_div(number).unwrap_or_default().min(max_views) as usize;
    let needed = views.wrapping_mul(number as usize);
    if anchors.len() < needed {
        return Err(Error::Length { buffer: Buffer::Anchors, needed, got: anchors.len() });
    }
    if views == 0 {
        return Ok(0);
    }
    let mut slots = anchors.iter_mut();
    for (image, class) in (0..images).flat_map(|image| qualifying(image).map(move |class| (image, class))) {
        let is_hard = |&pixel: &usize| predictions.get(pixel).is_some_and(|&prediction| prediction != class);
        let mut filled = 0_usize;
        let mut hard = 0_usize;
        for wanted in [true, false] {
            let of_class = image_labels(image).filter(|&(label, _)| label == Some(class)).map(|(_, pixel)| pixel);
            for pixel in of_class.filter(|pixel| is_hard(pixel) == wanted) {
                if let Some(slot) = scratch.get_mut(filled) {
                    *slot = pixel as u32;
                    filled = filled.wrapping_add(1);
                }
            }
            if wanted {
                hard = filled;
            }
        }
        let candidates = scratch.get_mut(..filled).unwrap_or_default();
        let (hard, easy) = candidates.split_at_mut_checked(hard).unwrap_or_default();
        let half = views / 2;
        let enough = |candidates: &[u32]| candidates.len().saturating_mul(2) >= views;
        let keep_hard = if enough(hard) && enough(easy) {
            half
        } else if enough(hard) {
            views.wrapping_sub(easy.len())
        } else {
            hard.len()
        };
        for (candidates, keep) in [(hard, keep_hard), (easy, views.wrapping_sub(keep_hard))] {
            if keep < candidates.len() {
                draw.draw(candidates, keep);
            }
            for (&mut pixel, slot) in candidates.iter_mut().take(keep).zip(&mut slots) {
                *slot = pixel;
            }
        }
    }
    Ok(needed)
}

mod sealed {
    pub trait Sealed {}
}

/// Which positives and negatives of an anchor count; sealed.
pub trait Pairs: sealed::Sealed {
    /// Whether every pair counts.
    #[doc(hidden)]
    const EVERY: bool = false;

    /// Refuses bad parameters.
    #[doc(hidden)]
    fn check(&self) -> Result<(), Error>;

    /// Moves the pairs that count to the front of `candidates` and returns how many. `keys` has a key for each, smaller for
    /// harder.
    #[doc(hidden)]
    fn select(&mut self, kind: Kind, candidates: &mut [u32], keys: Keys<'_>) -> usize;
}

/// Positives (same class) or negatives.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the anchor's class; the less similar, the harder.
    Positive,
    /// Of another class; the more similar, the harder.
    Negative,
}

/// What a sampler sorts by.
#[doc(hidden)]
#[derive(Debug)]
pub struct Keys<'a> {
    /// Bits of each column's similarity to the anchor.
    pub(crate) similarities: &'a [u32],
    /// Room for a key a candidate.
    pub(crate) keys: &'a mut [u32],
    /// Room to count in.
    pub(crate) counters: &'a mut [u32],
}

/// All of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct All;

impl sealed::Sealed for All {}

impl Pairs for All {
    const EVERY: bool = true;

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn select(&mut self, _: Kind, candidates: &mut [u32], _: Keys<'_>) -> usize {
        candidates.len()
    }
}

/// The hardest: the positives least similar to the anchor, and the negatives most similar; ties to the lower index.
///
/// ```
/// use scarce::sample::Hardest;
///
/// let pairs = Hardest { positives: 16, negatives: 64 };
/// # let _ = pairs;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hardest {
    /// How many positives, at least 1.
    pub positives: usize,
    /// How many negatives, at least 1.
    pub negatives: usize,
}

impl sealed::Sealed for Hardest {}

impl Pairs for Hardest {
    fn check(&self) -> Result<(), Error> {
        check_numbers(self.positives, self.negatives)
    }

    fn select(&mut self, kind: Kind, candidates: &mut [u32], keys: Keys<'_>) -> usize {
        let wanted = if kind == Kind::Positive { self.positives } else { self.negatives };
        keep_hardest(kind, candidates, keys, wanted)
    }
}

/// Some of the hardest, drawn from a share of them: the paper's semi-hard sampling.
///
/// ```
/// use scarce::sample::{SemiHard, Stride};
///
/// let pairs = SemiHard::new(16, 64, Stride); // 16 positives, 64 negatives, each out of the hardest tenth
/// # let _ = pairs;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SemiHard<W> {
    positives: usize,
    negatives: usize,
    share: f32,
    draw: W,
}

impl<W: Draw> SemiHard<W> {
    /// So many positives and negatives, at least 1 each, drawn out of the hardest tenth.
    #[must_use]
    pub const fn new(positives: usize, negatives: usize, draw: W) -> Self {
        Self { positives, negatives, share: 0.1, draw }
    }

    /// Out of another share of the hardest, in `0..=1`; it is rounded up, and is at least one pair.
    #[must_use]
    pub fn with_share(mut self, share: f32) -> Self {
        self.share = share;
        self
    }
}

impl<W> sealed::Sealed for SemiHard<W> {}

impl<W: Draw> Pairs for SemiHard<W> {
    fn check(&self) -> Result<(), Error> {
        check_numbers(self.positives, self.negatives)?;
        check_parameter(Parameter::Pairs, &[self.share], unit)
    }

    fn select(&mut self, kind: Kind, candidates: &mut [u32], keys: Keys<'_>) -> usize {
        let wanted = if kind == Kind::Positive { self.positives } else { self.negatives };
        let exact = self.share * candidates.len() as f32;
        let whole = exact as usize;
        let share = whole.wrapping_add(usize::from(whole as f32 != exact)).max(1);
        let kept = keep_hardest(kind, candidates, keys, share);
        let candidates = candidates.get_mut(..kept).unwrap_or_default();
        if wanted < kept {
            self.draw.draw(candidates, wanted);
        }
        wanted.min(kept)
    }
}

fn check_numbers(positives: usize, negatives: usize) -> Result<(), Error> {
    if positives == 0 || negatives == 0 { Err(Error::Parameter(Parameter::Pairs)) } else { Ok(()) }
}

/// Moves the `number` hardest candidates to the front, in their order, and returns how many there are.
fn keep_hardest(kind: Kind, candidates: &mut [u32], keys: Keys<'_>, number: usize) -> usize {
    if number >= candidates.len() {
        return candidates.len();
    }
    let Keys { similarities, keys, counters } = keys;
    let Some(keys) = keys.get_mut(..candidates.len()) else { return 0 };
    for (slot, &candidate) in keys.iter_mut().zip(candidates.iter()) {
        let similarity = key(f32::from_bits(similarities.get(candidate as usize).copied().unwrap_or_default()));
        *slot = if kind == Kind::Positive { similarity } else { !similarity };
    }
    let cut = nth(keys, number.saturating_sub(1) as u32, counters);
    let harder = keys.iter().filter(|&&key| key < cut).count();
    let mut ties = number.saturating_sub(harder);
    let mut kept = 0_usize;
    for (place, &key) in keys.iter().enumerate() {
        let tie = key == cut && ties > 0;
        if tie {
            ties = ties.wrapping_sub(1);
        }
        if !tie && key >= cut {
            continue;
        }
        let Some(candidate) = candidates.get(place).copied() else { continue };
        if let Some(slot) = candidates.get_mut(kept) {
            *slot = candidate;
            kept = kept.wrapping_add(1);
        }
    }
    kept
}
