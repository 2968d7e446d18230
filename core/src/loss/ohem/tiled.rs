//! Hard example mining tile by tile: the threshold by counting, a digit a pass.

use super::{Ohem, Rule, loss_key, probability_key};
use crate::kernel::sum::Total;
use crate::kernel::tile::{IGNORED, LANES, Lanes, as_added};
use crate::labels::label;
use crate::loss::bounded;
use crate::loss::pixel::add_range;
use crate::tiled::Counted;
use crate::{Batch, PixelLoss, Scores, Tiled};

const DIGITS: usize = 256;

/// What mining keeps of the tiles.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Mined<const C: usize> {
    counters: [u32; DIGITS],
    search: Search,
    phase: Phase,
    shares: Shares,
    /// Of the pixels kept as a whole, and of those that share what is left.
    kept: [Kept<C>; 2],
    divisor: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Counts the keys by their digit, and at first sums up what is beyond the threshold.
    Counting,
    /// Sums up what is kept.
    Summing,
}

/// The key of a given rank, as far as it is known.
#[derive(Clone, Copy, Debug)]
struct Search {
    /// The digits found; 0 for the others.
    prefix: u32,
    /// How many bits that are.
    found: u32,
    /// The rank among the keys that begin so.
    rank: u32,
}

/// How much of each pixel is kept.
#[derive(Clone, Copy, Debug)]
struct Shares {
    /// Whether the key alone decides; else those beyond the threshold are kept as a whole, too.
    by_key: bool,
    /// By key: the first that is not kept as a whole, the last that is kept in part, and which part of it.
    first_partial: u32,
    last: u32,
    part: f32,
}

impl Shares {
    const BEYOND: Self = Self { by_key: false, first_partial: 0, last: 0, part: 0.0 };
    const ALL: Self = Self { by_key: false, first_partial: 0, last: u32::MAX, part: 1.0 };

    #[inline(always)]
    fn of(self, beyond: bool, key: u32) -> f32 {
        if key < self.first_partial || (beyond && !self.by_key) {
            1.0
        } else if key <= self.last {
            self.part
        } else {
            0.0
        }
    }
}

/// A sum over pixels that are kept, and how many they are.
#[derive(Clone, Copy, Debug)]
struct Kept<const C: usize> {
    total: Total,
    counts: [u32; C],
    /// Of the background of a single channel.
    background: u32,
}

impl<const C: usize> Kept<C> {
    const NONE: Self = Self { total: Total::ZERO, counts: [0; C], background: 0 };

    fn pixels(&self) -> u32 {
        self.counts.iter().fold(self.background, |sum, count| sum.wrapping_add(*count))
    }

    fn merge(&mut self, other: &Self) {
        self.total.merge(other.total);
        self.background = self.background.wrapping_add(other.background);
        for (count, other) in self.counts.iter_mut().zip(other.counts) {
            *count = count.wrapping_add(other);
        }
    }
}

/// How hard each pixel is: whether it is beyond the threshold, and its key. The smaller, the harder.
struct Hardness {
    beyond: [bool; LANES],
    keys: [u32; LANES],
}

/// A probability's key has 31 bits: shifted so far, its highest digit says most.
const SHIFT: u32 = 1;

impl<L> Ohem<L> {
    #[inline(always)]
    fn hardness<const C: usize>(&self, scores: &[Lanes<LANES>; C], labels: &[u32; LANES]) -> Hardness
    where
        L: PixelLoss<C>,
    {
        let (mut beyond, mut keys) = ([false; LANES], [0; LANES]);
        let thresh = self.thresh + 0.0;
        if self.goes_by_loss() {
            for lane in 0..LANES {
                if labels[lane] != IGNORED {
                    let loss = self.loss.pixel(scores.map(|scores| scores[lane]), label::<C>(labels[lane]));
                    keys[lane] = loss_key(loss);
                    beyond[lane] = self.rule == Rule::LossThreshold && keys[lane] < loss_key(thresh);
                }
            }
        } else {
            let cut = probability_key(thresh, 1.0 - thresh) << SHIFT;
            let (p, q) = self.loss.confidences(scores, labels);
            for lane in 0..LANES {
                keys[lane] = probability_key(p[lane], q[lane]) << SHIFT;
                beyond[lane] = keys[lane] < cut;
            }
        }
        Hardness { beyond, keys }
    }

    /// Adds the losses of the pixels that are kept as a whole, or in part. `see` gets the pixels of each tile.
    #[inline(always)]
    fn sum<S: Scores<C> + ?Sized, const C: usize>(
        &self,
        tile: &Batch<'_, S, C>,
        shares: Shares,
        whole: bool,
        kept: &mut Kept<C>,
        mut see: impl FnMut(&Hardness, &[u32; LANES]),
    ) where
        L: PixelLoss<C>,
    {
        let Kept { total, counts, background } = kept;
        let mut mark = |_, scores: &[Lanes<LANES>; C], labels: &mut [u32; LANES]| {
            let hardness = self.hardness(scores, labels);
            see(&hardness, labels);
            for ((label, beyond), key) in labels.iter_mut().zip(hardness.beyond).zip(hardness.keys) {
                let share = shares.of(beyond, key);
                if share <= 0.0 || (share >= 1.0) != whole {
                    *label = IGNORED;
                } else if *label != IGNORED {
                    let count = counts.get_mut(*label as usize).unwrap_or(background);
                    *count = count.wrapping_add(1);
                }
            }
        };
        let range = 0..tile.pixels();
        add_range::<false, false, C, L, S, [[f32; C]]>(&self.loss, tile, range, total, 0.0, None, &mut mark);
    }

    /// The rank of the key that is to be found, if it takes more than the threshold; from what was counted in the first pass.
    fn wanted<const C: usize>(&self, counted: &Counted<C>, beyond: u32) -> Wanted {
        let wanted = self.min_kept.of(counted.pixels as usize);
        let least = wanted.min(counted.valid);
        let smallest = || least.checked_sub(1).map_or(Wanted::Nothing, Wanted::Rank);
        match self.rule {
            _ if counted.valid == 0 => Wanted::Nothing,
            Rule::Strict if beyond >= least => Wanted::Nothing,
            Rule::LossThreshold if beyond > least => Wanted::Nothing,
            Rule::Strict | Rule::LossThreshold | Rule::TopK => smallest(),
            Rule::Paddle if wanted == 0 || wanted >= counted.valid => Wanted::All,
            Rule::Paddle if beyond >= wanted => Wanted::Nothing,
            Rule::Paddle => Wanted::Rank(wanted.wrapping_sub(1)),
            Rule::HrNet => match wanted.max(1).min(counted.valid.saturating_sub(1)) {
                rank if beyond > rank => Wanted::Nothing,
                rank => Wanted::Rank(rank),
            },
        }
    }

    /// Whether the key of the rank is itself left out.
    fn excludes_ties(&self) -> bool {
        matches!(self.rule, Rule::Paddle | Rule::HrNet)
    }
}

/// What is kept beside the pixels beyond the threshold.
enum Wanted {
    Nothing,
    All,
    /// The pixels up to the one of this rank.
    Rank(u32),
}

impl<const C: usize, L: PixelLoss<C>> Tiled<C> for Ohem<L> {
    type Sums = Mined<C>;
    const NOTHING: Mined<C> = Mined {
        counters: [0; DIGITS],
        search: Search { prefix: 0, found: 0, rank: 0 },
        phase: Phase::Counting,
        shares: Shares::BEYOND,
        kept: [Kept::NONE; 2],
        divisor: 0.0,
    };

    fn add_tile<S: Scores<C> + ?Sized>(&self, sums: &mut Mined<C>, pass: u8, tile: &Batch<'_, S, C>) {
        let Mined { counters, search, shares, kept: [whole, part], .. } = sums;
        if sums.phase == Phase::Summing {
            self.sum(tile, *shares, true, whole, |_, _| {});
            if shares.part > 0.0 && shares.part < 1.0 {
                self.sum(tile, *shares, false, part, |_, _| {});
            }
            return;
        }
        let (prefix, open) = (search.prefix, search.open());
        let mut count = |hardness: &Hardness, labels: &[u32; LANES]| {
            for (key, label) in hardness.keys.iter().zip(labels) {
                let begins_so = (key ^ prefix).checked_shr(open).unwrap_or(0) == 0;
                if *label != IGNORED && begins_so {
                    let digit = key >> open.wrapping_sub(8) & 255;
                    let count = &mut counters[digit as usize];
                    *count = count.wrapping_add(1);
                }
            }
        };
        if pass == 0 {
            return self.sum(tile, Shares::BEYOND, true, whole, count);
        }
        let mut scores = [[0.0; LANES]; C];
        let mut start = 0;
        while start < tile.pixels() {
            if let (Some(scores), labels) = tile.read(start, tile.pixels(), &mut scores) {
                count(&self.hardness(scores, &labels), &labels);
            }
            start = start.wrapping_add(LANES);
        }
    }

    fn merge_sums(sums: &mut Mined<C>, other: &Mined<C>) {
        for (count, other) in sums.counters.iter_mut().zip(other.counters) {
            *count = count.wrapping_add(other);
        }
        for (kept, other) in sums.kept.iter_mut().zip(&other.kept) {
            kept.merge(other);
        }
    }

    fn finish(&self, sums: &mut Mined<C>, pass: u8, counted: &Counted<C>) -> Option<f32> {
        let [whole, _] = &mut sums.kept;
        if sums.phase == Phase::Counting {
            if pass == 0 {
                match self.wanted(counted, whole.pixels()) {
                    Wanted::Nothing => return Some(self.divide(sums, counted)),
                    Wanted::Rank(rank) => sums.search.rank = rank,
                    Wanted::All => {
                        (sums.shares, sums.phase) = (Shares::ALL, Phase::Summing);
                        *whole = Kept::NONE;
                        return None;
                    }
                }
                *whole = Kept::NONE;
            }
            let in_bin = sums.search.descend(&sums.counters);
            sums.counters = [0; DIGITS];
            let (Search { prefix, rank, .. }, open) = (sums.search, sums.search.open());
            let taken = if self.excludes_ties() { rank } else { rank.wrapping_add(1) };
            // What is taken of a bin as a whole, or not at all, needs no digit more.
            let passes = self.counting_passes.clamp(1, 4);
            if pass.wrapping_add(1) >= passes || taken == 0 || taken == in_bin {
                let part = if self.excludes_ties() || in_bin == 0 { 0.0 } else { taken as f32 / in_bin as f32 };
                let last = prefix | 1_u32.checked_shl(open).unwrap_or(0).wrapping_sub(1);
                sums.shares = Shares { by_key: !self.excludes_ties(), first_partial: prefix, last, part };
                sums.phase = Phase::Summing;
            }
            return None;
        }
        Some(self.divide(sums, counted))
    }

    fn gradient(
        &self,
        sums: &Mined<C>,
        scale: f32,
    ) -> impl FnMut(&[Lanes<LANES>; C], &[u32; LANES], &mut [Lanes<LANES>; C]) {
        let (shares, counts) = (sums.shares, sums.divisor > 0.0);
        let scale = bounded(scale / sums.divisor);
        move |scores, labels, tile| {
            let hardness = self.hardness(scores, labels);
            let (mut kept, mut share) = (*labels, [0.0; LANES]);
            for lane in 0..LANES {
                share[lane] = shares.of(hardness.beyond[lane], hardness.keys[lane]);
                if share[lane] <= 0.0 || !counts {
                    kept[lane] = IGNORED;
                }
            }
            if kept == [IGNORED; LANES] {
                *tile = [[0.0; LANES]; C];
                return;
            }
            self.loss.tile(scores, &kept, scale, tile);
            for tile in tile {
                for (element, share) in tile.iter_mut().zip(&share) {
                    *element = as_added(*element * *share);
                }
            }
        }
    }
}

impl Search {
    /// How many low bits are yet to be found.
    const fn open(self) -> u32 {
        u32::BITS.wrapping_sub(self.found)
    }

    /// Finds the next digit; returns how many keys begin with it.
    fn descend(&mut self, counters: &[u32; DIGITS]) -> u32 {
        self.found = self.found.wrapping_add(8).min(u32::BITS);
        for (digit, &count) in (0_u32..).zip(counters) {
            if self.rank < count {
                self.prefix |= digit.wrapping_shl(self.open());
                return count;
            }
            self.rank = self.rank.wrapping_sub(count);
        }
        0
    }
}

impl<L> Ohem<L> {
    /// The loss of what was kept.
    fn divide<const C: usize>(&self, sums: &mut Mined<C>, counted: &Counted<C>) -> f32
    where
        L: PixelLoss<C>,
    {
        let ([whole, part], share) = (&sums.kept, sums.shares.part);
        let sum = |whole: f32, part: f32| if part == 0.0 { whole } else { whole + share * part };
        let kept = || sum(whole.pixels() as f32, part.pixels() as f32);
        let weight = |kept: &Kept<C>| self.weight_of_counts(&kept.counts, kept.background);
        sums.divisor = match self.rule {
            Rule::Strict => sum(weight(whole), weight(part)),
            Rule::Paddle => kept() + 1e-5 * counted.pixels as f32,
            Rule::HrNet | Rule::LossThreshold => kept(),
            Rule::TopK => self.min_kept.of(counted.pixels as usize) as f32,
        };
        if counted.valid == 0 || sums.divisor <= 0.0 {
            sums.divisor = 0.0;
            return 0.0;
        }
        (sum(whole.total.get(), part.total.get()) / sums.divisor).clamp(f32::MIN, f32::MAX)
    }
}
