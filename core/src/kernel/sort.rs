//! Orders pixels by error, the largest first; ties by pixel, the lower first.
//!
//! The order is total, so every algorithm gives the same permutation and the same bits. `slice::sort*` is not used: on a
//! Cortex-M it costs 6–20 KB of flash and up to 4.5 KB of stack, and brings a path to a panic.

use crate::Scratch;
use crate::kernel::jaccard::signed_increment;
use crate::kernel::order::key;
use crate::kernel::sum::BLOCK;
use crate::kernel::tile::LANES;

mod sealed {
    pub trait Sealed {}
}

/// The algorithm that orders pixels by error: a choice of speed against scratch that changes no bit; sealed.
pub trait Sort: sealed::Sealed + Copy + 'static {
    /// Whether there is room to keep what else would be computed twice: the errors beside their increments, and where the
    /// gradient is added to, the normaliser of each pixel's softmax.
    #[doc(hidden)]
    const KEEPS: bool;

    /// Words that sorting needs beside the errors and their order.
    #[doc(hidden)]
    const SCRATCH: Scratch;

    /// All words that [`increments_of`](Self::increments_of) needs.
    #[doc(hidden)]
    const SCRATCH_TO_WRITE: Scratch;

    /// By how much the Jaccard loss grows with each pixel, if pixels are added by decreasing key, ties by index: the bits,
    /// negative for the foreground, of which there must be some. That of a key below `floor`, which must be 0, need not be
    /// computed.
    ///
    /// Takes the place of `order`, and `errors` stays as it is, if the sort [`KEEPS`](Self::KEEPS), else the place of
    /// `errors`. Scratch may be longer than asked for, which may be faster.
    #[doc(hidden)]
    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &mut [u32],
        order: &mut [u32],
        scratch: &mut [u32],
    );

    /// As [`increments`](Self::increments), of errors that lie elsewhere and stay there.
    #[doc(hidden)]
    fn increments_of<'a, K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &impl Errors,
        scratch: &'a mut [u32],
    ) -> Increments<'a>;
}

/// The errors of pixels.
#[doc(hidden)]
pub trait Errors {
    /// How many there are.
    fn pixels(&self) -> usize;

    /// The word that is made of each, in order of pixels.
    fn read(&self, words: &mut [u32], word: impl Fn(f32) -> u32);

    /// That of one pixel.
    fn of(&self, pixel: usize) -> f32;
}

impl Errors for &[u32] {
    fn pixels(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn read(&self, words: &mut [u32], word: impl Fn(f32) -> u32) {
        for (slot, error) in words.iter_mut().zip(*self) {
            *slot = word(f32::from_bits(*error));
        }
    }

    #[inline(always)]
    fn of(&self, pixel: usize) -> f32 {
        self.get(pixel).map_or(0.0, |error| f32::from_bits(*error))
    }
}

/// Increments as a sort leaves them.
#[doc(hidden)]
#[derive(Debug)]
pub enum Increments<'a> {
    /// The bits of each pixel's; and as many words that are free.
    ByPixel(&'a [u32], &'a mut [u32]),
    /// To be computed.
    ByRank(Ranks<'a>),
}

/// Up to [`FEW`] pixels in order, and their increments, in a word each.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a> {
    /// Above the rank of the pixel, below how many pixels of the foreground come before the one of this rank.
    words: &'a [u32],
    /// How many pixels have a rank; the increment of the others is 0.
    ranked: u32,
}

impl Ranks<'_> {
    /// The increment of a pixel.
    #[inline(always)]
    pub(crate) fn increment(self, foreground: Foreground<impl Fn(usize) -> bool>, pixel: usize) -> f32 {
        let word = |place: usize| self.words.get(place).copied().unwrap_or_default();
        let rank = word(pixel) >> 16;
        if rank >= self.ranked {
            return 0.0;
        }
        let hits = word(rank as usize) & LOW;
        let intersection = foreground.count.wrapping_sub(hits);
        let union = foreground.count.wrapping_add(rank.wrapping_sub(hits));
        signed_increment(intersection as f32, union as f32, (foreground.contains)(pixel))
    }
}

/// So many pixels have an index of 16 bits.
const FEW: usize = 1 << 16;
const LOW: u32 = 0xffff;

/// The pixels of the foreground.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Foreground<F> {
    /// How many they are.
    pub(crate) count: u32,
    /// Whether a pixel is one.
    pub(crate) contains: F,
}

/// What an error is sorted by.
#[doc(hidden)]
pub trait Key {
    /// How many low bits [`of`](Self::of) uses.
    const BITS: u32;

    /// The error of a pixel that takes no part: its key is smaller than that of any other.
    const NO_PART: f32;

    /// The larger, the earlier.
    fn of(error: f32) -> u32;
}

/// The error itself, a finite number.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub(crate) struct Whole;

impl Key for Whole {
    const BITS: u32 = 32;
    const NO_PART: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn of(error: f32) -> u32 {
        key(error)
    }
}

/// An error in `0..=1`, in steps of 2⁻²⁴, about the rounding of a softmax.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub(crate) struct Fraction;

impl Key for Fraction {
    const BITS: u32 = 24;
    /// Its key is 0.
    const NO_PART: f32 = -1.0;

    #[inline(always)]
    fn of(error: f32) -> u32 {
        const STEPS: f32 = 16_777_214.0;
        const LARGEST: i32 = (1 << 24) - 1;
        let steps = (error * STEPS + 1.0) as i32;
        steps.clamp(0, LARGEST).cast_unsigned()
    }
}

/// Radix sort: one to four passes whatever the data; the fastest. 256 words of scratch and two words a pixel to write a
/// gradient; on hosts 12 288 words from 12 032 pixels on.
///
/// Its last digit is never sorted by: as the elements come in the order of the others, a pair of counters for each value of
/// the last digit, which begin with what has a larger one, tell how many of foreground and background come before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Radix;

/// Heap sort: in place; the smallest in scratch, a word a pixel to write a gradient of up to 65 536 pixels. A Lovász loss takes up
/// to twice the instructions on a Cortex-M4F (`tests/speed-mcu`), more on hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Heap;

impl sealed::Sealed for Radix {}
impl sealed::Sealed for Heap {}

const DIGITS: usize = 256;

impl Sort for Radix {
    const KEEPS: bool = true;
    const SCRATCH: Scratch = Scratch::new(DIGITS, 1);
    const SCRATCH_TO_WRITE: Scratch = {
        let scratch = Scratch::new(DIGITS, 2);
        let wide = Scratch::new(WIDE_COUNTERS - DIGITS, 0);
        if LANES > 1 { scratch.and_beyond(FEW_FOR_WIDE, wide) } else { scratch }
    };

    #[inline(always)]
    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &mut [u32],
        order: &mut [u32],
        scratch: &mut [u32],
    ) {
        if let Some((swap, counters)) = scratch.split_at_mut_checked(errors.len()) {
            increments_by_digits::<K>(foreground, floor, &&*errors, order, swap, counters);
        }
    }

    #[inline(always)]
    fn increments_of<'a, K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &impl Errors,
        scratch: &'a mut [u32],
    ) -> Increments<'a> {
        let (order, rest) = scratch.split_at_mut_checked(errors.pixels()).unwrap_or_default();
        let (swap, counters) = rest.split_at_mut_checked(errors.pixels()).unwrap_or_default();
        increments_by_digits::<K>(foreground, floor, errors, order, swap, counters);
        Increments::ByPixel(order, swap)
    }
}

/// The increments, in `order`.
#[inline(always)]
fn increments_by_digits<K: Key>(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    floor: u32,
    errors: &impl Errors,
    order: &mut [u32],
    swap: &mut [u32],
    counters: &mut [u32],
) {
    let pixels = errors.pixels();
    if LANES > 1
        && K::BITS == 2 * WIDE
        && pixels <= 1 << PIXEL
        && let Some((low, high)) = counters.split_first_chunk_mut()
        && let Some(high) = high.as_chunks_mut().0.first_chunk_mut()
    {
        errors.read(order, K::of);
        return by_two_digits(foreground, order, swap, low, high);
    }
    let Some(counters) = counters.first_chunk_mut() else { return };
    let key_of = |pixel: usize| K::of(errors.of(pixel));
    if pixels > FEW {
        by_bytes::<K, false>(foreground, floor, &key_of, order, swap, counters);
    } else {
        errors.read(if K::BITS == 24 { &mut *swap } else { &mut *order }, K::of);
        by_bytes::<K, true>(foreground, floor, &key_of, order, swap, counters);
    }
}

/// How many digits of eight bits [`by_bytes`] sorts by: up to [`FEW`] pixels not by the last.
#[inline(always)]
const fn passes<K: Key>(pixels: usize) -> u32 {
    if pixels <= FEW { K::BITS / 8 - 1 } else { K::BITS / 8 }
}

/// Starts of the digits' places, the largest digit first, in place of their counts.
fn places(counters: &mut [u32]) {
    let mut start = 0_u32;
    for counter in counters.iter_mut().rev() {
        let count = core::mem::replace(counter, start);
        start = start.wrapping_add(count);
    }
}

/// Adds to a counter; returns what it was.
#[inline(always)]
fn bump(counter: &mut u32, addend: u32) -> u32 {
    core::mem::replace(counter, counter.wrapping_add(addend))
}

/// Stable counting passes over digits of eight bits, the lowest first. Ends with the increments in `order`.
///
/// `PACKED`, for up to [`FEW`] pixels, begins with the keys: those of 24 bits in `swap`, those of 32 in `order`. A record is
/// the first 16 bits of the key above the pixel, read and written in one piece. Of pixels alone the key would be looked up in
/// each pass; of a record it is only in one pass of 32-bit keys.
///
/// Compiled once, whatever holds the errors: a key is looked up by a call.
#[inline(never)]
fn by_bytes<K: Key, const PACKED: bool>(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    floor: u32,
    key_of: &dyn Fn(usize) -> u32,
    order: &mut [u32],
    swap: &mut [u32],
    counters: &mut [u32; DIGITS],
) {
    // Not what `PACKED` says, but what the length does: loops that are known to be short would be unrolled.
    let passes = passes::<K>(order.len());
    let (mut to, mut from) = if passes.is_multiple_of(2) { (swap, order) } else { (order, swap) };
    let pixel_of = |record: u32| if PACKED { record & LOW } else { record };
    let digit_of = |record: u32, shift: u32| {
        let is_packed = PACKED && (K::BITS == 24 || shift.wrapping_add(16) >= K::BITS);
        let key = if is_packed { record >> (32 - K::BITS) } else { key_of(pixel_of(record) as usize) };
        ((key >> shift) & 255) as usize
    };

    let mut sorted = 0_usize;
    let mut shift = 0;
    if PACKED {
        core::mem::swap(&mut from, &mut to);
        counters.fill(0);
        for &key in from.iter() {
            if key >= floor {
                bump(&mut counters[(key & 255) as usize], 1);
                sorted = sorted.wrapping_add(1);
            }
        }
        places(counters);
        let to = to.get_mut(..sorted).unwrap_or_default();
        for (&key, pixel) in from.iter().zip(0_u32..) {
            if key >= floor {
                let place = bump(&mut counters[(key & 255) as usize], 1);
                if let Some(slot) = to.get_mut(place as usize) {
                    *slot = key >> (K::BITS - 16) << 16 | pixel;
                }
            }
        }
        shift = 8;
    } else {
        sorted = select(to, floor, |pixel, _| key_of(pixel), |_, pixel| pixel);
    }
    while shift < 8 * passes {
        core::mem::swap(&mut from, &mut to);
        let from = from.get(..sorted).unwrap_or_default();
        counters.fill(0);
        for &record in from {
            bump(&mut counters[digit_of(record, shift)], 1);
        }
        places(counters);
        for &record in from {
            let place = bump(&mut counters[digit_of(record, shift)], 1);
            if let Some(slot) = to.get_mut(place as usize) {
                *slot = record;
            }
        }
        shift = shift.wrapping_add(8);
    }
    let (from, increments) = (to.get(..sorted).unwrap_or_default(), from);
    increments.fill(0);
    if PACKED {
        rank_by_last_digit(foreground, from, |record| digit_of(record, shift), pixel_of, counters, increments);
    } else {
        scan(foreground, from, increments);
    }
}

/// The records of the pixels whose keys are at least `floor`; returns how many they are. A pixel's key may be looked up in the
/// word that is there.
#[inline(always)]
fn select(
    records: &mut [u32],
    floor: u32,
    key_of: impl Fn(usize, u32) -> u32,
    record: impl Fn(u32, u32) -> u32,
) -> usize {
    let mut selected = 0_usize;
    for pixel in 0..records.len() {
        let key = key_of(pixel, records.get(pixel).copied().unwrap_or_default());
        if key >= floor
            && let Some(slot) = records.get_mut(selected)
        {
            *slot = record(key, pixel as u32);
            selected = selected.wrapping_add(1);
        }
    }
    selected
}

/// The increments of records that are sorted by all digits but the last.
///
/// The counters of foreground and background share a word, for up to 2¹⁶ pixels. Neither overflows into what is read: there
/// is foreground, so the background is less, and all of the foreground is counted only when nothing comes after.
#[inline(never)]
fn rank_by_last_digit(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    records: &[u32],
    digit_of: impl Fn(u32) -> usize,
    pixel_of: impl Fn(u32) -> u32,
    counters: &mut [u32; DIGITS],
    increments: &mut [u32],
) {
    counters.fill(0);
    for &record in records {
        let is_foreground = (foreground.contains)(pixel_of(record) as usize);
        bump(&mut counters[digit_of(record) & (DIGITS - 1)], if is_foreground { 1 << 16 } else { 1 });
    }
    places(counters);
    for &record in records {
        let pixel = pixel_of(record) as usize;
        let Some(slot) = increments.get_mut(pixel) else { continue };
        let counter = &mut counters[digit_of(record) & (DIGITS - 1)];
        let before = *counter;
        let union = foreground.count.wrapping_add(before & 0xffff) as f32;
        *slot = if (foreground.contains)(pixel) {
            *counter = before.wrapping_add(1 << 16);
            signed_increment(0.0, union, true)
        } else {
            *counter = before.wrapping_add(1);
            signed_increment(foreground.count.wrapping_sub(before >> 16) as f32, union, false)
        }
        .to_bits();
    }
}

/// The increments of pixels in their order.
fn scan(foreground: Foreground<impl Fn(usize) -> bool + Copy>, order: &[u32], increments: &mut [u32]) {
    let (mut intersection, mut union) = (foreground.count, foreground.count);
    for &pixel in order {
        let Some(slot) = increments.get_mut(pixel as usize) else { continue };
        let is_foreground = (foreground.contains)(pixel as usize);
        *slot = signed_increment(intersection as f32, union as f32, is_foreground).to_bits();
        let step = u32::from(is_foreground);
        intersection = intersection.wrapping_sub(step);
        union = union.wrapping_add(1 ^ step);
    }
}

/// Bits of a digit that is sorted by, and of the other, of the two that 24 bits have.
const WIDE: u32 = 12;
const WIDE_DIGITS: usize = 1 << WIDE;
const WIDE_COUNTERS: usize = 3 * WIDE_DIGITS;
/// So many pixels and less do not make up for the work of clearing and adding up that many counters.
const FEW_FOR_WIDE: usize = 12_031;
/// Bits that are left for the pixel beside the second digit.
const PIXEL: u32 = 32 - WIDE;

/// As [`by_bytes`], by two digits of twelve bits, whose 48 KiB of counters scratch has room for from 12 032 pixels on. Begins
/// with the keys in `order`.
///
/// Pixels go in blocks: what can be vectorised by itself, and counters bumped in one loop, pixels written in another. One
/// loop that does both was up to four times as slow on some machines. Keys are computed once and kept where the increments
/// will be: the conversion of a float took a tenth of the sort each time. All are sorted, also those that cannot matter: to
/// skip them is a branch that is mispredicted.
#[inline(never)]
fn by_two_digits(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    order: &mut [u32],
    swap: &mut [u32],
    low: &mut [u32; WIDE_DIGITS],
    high: &mut [[u32; 2]; WIDE_DIGITS],
) {
    /// A digit; the mask tells the compiler that there is a counter for it.
    const fn digit(bits: u32) -> usize {
        (bits & (WIDE_DIGITS as u32 - 1)) as usize
    }

    low.fill(0);
    high.fill([0; 2]);
    let mut pixel = 0_usize;
    for key in order.iter() {
        bump(&mut low[digit(*key)], 1);
        bump(&mut high[digit(*key >> WIDE)][usize::from((foreground.contains)(pixel))], 1);
        pixel = pixel.wrapping_add(1);
    }
    places(low);
    let mut before = [0_u32; 2];
    for counters in high.iter_mut().rev() {
        let counts = core::mem::replace(counters, before);
        before = [before[0].wrapping_add(counts[0]), before[1].wrapping_add(counts[1])];
    }

    let mut pixel = 0_u32;
    for keys in order.chunks(BLOCK) {
        let mut places = [0; BLOCK];
        for (place, key) in places.iter_mut().zip(keys) {
            *place = bump(&mut low[digit(*key)], 1);
        }
        for (place, key) in places.iter().zip(keys) {
            if let Some(slot) = swap.get_mut(*place as usize) {
                *slot = *key >> WIDE << PIXEL | pixel;
            }
            pixel = pixel.wrapping_add(1);
        }
    }

    let pixel_of = |record: u32| (record & ((1 << PIXEL) - 1)) as usize;
    for records in swap.chunks(BLOCK) {
        let (mut hits, mut others, mut is_foreground) = ([0; BLOCK], [0; BLOCK], [0_u32; BLOCK]);
        for (((record, hits), others), is_foreground) in
            records.iter().zip(&mut hits).zip(&mut others).zip(&mut is_foreground)
        {
            let is = (foreground.contains)(pixel_of(*record));
            let counters = &mut high[digit(*record >> PIXEL)];
            [*others, *hits] = *counters;
            bump(&mut counters[usize::from(is)], 1);
            *is_foreground = u32::from(is);
        }
        let mut increments = [0; BLOCK];
        for lane in 0..BLOCK {
            let union = foreground.count.wrapping_add(others[lane]).cast_signed() as f32;
            let intersection = foreground.count.wrapping_sub(hits[lane]).cast_signed() as f32;
            increments[lane] = signed_increment(intersection, union, is_foreground[lane] == 1).to_bits();
        }
        for (record, increment) in records.iter().zip(increments) {
            if let Some(slot) = order.get_mut(pixel_of(*record)) {
                *slot = increment;
            }
        }
    }
}

impl Sort for Heap {
    const KEEPS: bool = false;
    const SCRATCH: Scratch = Scratch::NONE;
    const SCRATCH_TO_WRITE: Scratch = Scratch::new(0, 1).and_beyond(FEW, Scratch::new(0, 1));

    #[inline(always)]
    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &mut [u32],
        order: &mut [u32],
        _: &mut [u32],
    ) {
        let sorted = in_place::<K>(&&*errors, floor, order);
        errors.fill(0);
        scan(foreground, order.get(..sorted).unwrap_or_default(), errors);
    }

    #[inline(always)]
    fn increments_of<'a, K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        errors: &impl Errors,
        scratch: &'a mut [u32],
    ) -> Increments<'a> {
        let (order, increments) = scratch.split_at_mut_checked(errors.pixels()).unwrap_or_default();
        if order.len() <= FEW {
            let sorted = in_place::<K>(errors, floor, order);
            return Increments::ByRank(rank(foreground, order, sorted));
        }
        let increments = increments.get_mut(..order.len()).unwrap_or_default();
        errors.read(increments, f32::to_bits);
        Self::increments::<K>(foreground, floor, increments, order, &mut []);
        Increments::ByPixel(increments, order)
    }
}

/// The pixels whose keys are at least `floor`, in order; returns how many they are.
///
/// Of [`FEW`] pixels the first bits of the key lie above the index, and decide most comparisons.
#[inline(always)]
fn in_place<K: Key>(errors: &impl Errors, floor: u32, order: &mut [u32]) -> usize {
    let above = if order.len() <= FEW { !LOW } else { 0 };
    errors.read(order, K::of);
    let sorted = select(order, floor, |_, key| key, |key, pixel| !(key >> (K::BITS - 16)) << 16 & above | pixel);
    by_heap(order.get_mut(..sorted).unwrap_or_default(), above, &|pixel| K::of(errors.of(pixel)));
    sorted
}

/// Sorts records of pixels, what lies `above` counting first, then the key, the largest first; leaves the pixels.
#[inline(never)]
fn by_heap(records: &mut [u32], above: u32, key_of: &dyn Fn(usize) -> u32) {
    let later = |a: u32, b: u32| {
        if (a ^ b) & above != 0 {
            return a > b;
        }
        // Complemented key first, then pixel: one comparison of 64 bits, the larger being the later.
        let rank = |pixel: u32| u64::from(!key_of(pixel as usize)) << 32 | u64::from(pixel);
        rank(a & !above) > rank(b & !above)
    };
    // Two heaps in one loop, so that `sift` is there once: first it is built from the last parent on, then taken apart.
    let mut roots = records.len() / 2;
    let mut end = records.len();
    while end > 1 {
        let mut root = 0;
        let record = if roots > 0 {
            roots = roots.wrapping_sub(1);
            root = roots;
            records.get(root).copied().unwrap_or_default()
        } else {
            end = end.wrapping_sub(1);
            let latest = records.first().copied().unwrap_or_default();
            records.get_mut(end).map_or(0, |last| core::mem::replace(last, latest))
        };
        sift(records.get_mut(..end).unwrap_or_default(), root, record, later);
    }
    for record in records {
        *record &= !above;
    }
}

/// Puts a record in a heap at or below `place`; the last in the wanted order is at the top.
#[inline(always)]
fn sift(records: &mut [u32], mut place: usize, record: u32, later: impl Fn(u32, u32) -> bool) {
    loop {
        let mut below = place.wrapping_mul(2).wrapping_add(1);
        let Some(&first) = records.get(below) else { break };
        let mut child = first;
        if let Some(&second) = records.get(below.wrapping_add(1))
            && later(second, first)
        {
            below = below.wrapping_add(1);
            child = second;
        }
        if !later(child, record) {
            break;
        }
        if let Some(slot) = records.get_mut(place) {
            *slot = child;
        }
        place = below;
    }
    if let Some(slot) = records.get_mut(place) {
        *slot = record;
    }
}

/// Makes ranks of the first `sorted` words, which are pixels in order; there are no more than [`FEW`] words.
#[inline(never)]
fn rank<'a>(foreground: Foreground<impl Fn(usize) -> bool + Copy>, words: &'a mut [u32], sorted: usize) -> Ranks<'a> {
    let ranked = sorted as u32;
    for word in &mut *words {
        // All have a rank if there are so many that this one does not fit.
        *word = ranked << 16 | *word & LOW;
    }
    for rank in 0..sorted {
        let pixel = words.get(rank).map_or(0, |word| word & LOW);
        if let Some(slot) = words.get_mut(pixel as usize) {
            *slot = (rank as u32) << 16 | *slot & LOW;
        }
    }
    let mut hits = 0_u32;
    for word in words.iter_mut().take(sorted) {
        let is_foreground = (foreground.contains)((*word & LOW) as usize);
        *word = *word & !LOW | hits;
        hits = hits.wrapping_add(u32::from(is_foreground));
    }
    Ranks { words, ranked }
}
