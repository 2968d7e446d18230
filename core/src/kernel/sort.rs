//! Orders pixels by error, the largest first; ties by pixel, the lower first.
//!
//! The order is total, so every algorithm gives the same permutation and the same bits. `slice::sort*` is not used: on a
//! Cortex-M it costs 6–20 KB of flash and up to 4.5 KB of stack, and brings a path to a panic.

use crate::Scratch;
use crate::kernel::jaccard::signed_increment;
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

    /// Words that sorting needs.
    #[doc(hidden)]
    const SCRATCH: Scratch;

    /// By how much the Jaccard loss grows with each pixel, if pixels are added by decreasing key, ties by index: the bits,
    /// negative for the foreground, of which there must be some. That of a key below `floor`, which must be 0, need not be
    /// computed.
    ///
    /// Takes the place of `order`, and `keys` stays as it is, if the sort [`KEEPS`](Self::KEEPS), else the place of `keys`.
    /// Scratch may be longer than asked for, which may be faster.
    #[doc(hidden)]
    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        keys: &mut [u32],
        order: &mut [u32],
        scratch: &mut [u32],
    );
}

/// The pixels of the foreground.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Foreground<F> {
    /// How many they are.
    pub(crate) count: u32,
    /// Whether a pixel is one.
    pub(crate) contains: F,
}

/// What an element of `keys` is sorted by.
#[doc(hidden)]
pub trait Key {
    /// How many low bits [`of`](Self::of) uses.
    const BITS: u32;

    /// The element of a pixel that takes no part: its key is 0, and that of no other.
    const NO_PART: u32;

    /// The larger, the earlier.
    fn of(element: u32) -> u32;
}

/// The element itself.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub(crate) struct Whole;

impl Key for Whole {
    const BITS: u32 = 32;
    const NO_PART: u32 = 0;

    #[inline(always)]
    fn of(element: u32) -> u32 {
        element
    }
}

/// The element is the bits of a float in `0..=1`, and counts in steps of 2⁻²⁴, about the rounding of a softmax.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub(crate) struct Fraction;

impl Key for Fraction {
    const BITS: u32 = 24;
    const NO_PART: u32 = (-1.0_f32).to_bits();

    #[inline(always)]
    fn of(element: u32) -> u32 {
        const STEPS: f32 = 16_777_214.0;
        const LARGEST: i32 = (1 << 24) - 1;
        let steps = (f32::from_bits(element) * STEPS + 1.0) as i32;
        steps.clamp(0, LARGEST).cast_unsigned()
    }
}

/// Radix sort: one to four passes whatever the data; the fastest. 256 words and a word a pixel of scratch.
///
/// Its last digit is never sorted by: as the elements come in the order of the others, a pair of counters for each value of
/// the last digit, which begin with what has a larger one, tell how many of foreground and background come before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Radix;

/// Heap sort: in place; the smallest in flash and scratch, some four times as slow on a Cortex-M4F, more on hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Heap;

impl sealed::Sealed for Radix {}
impl sealed::Sealed for Heap {}

const DIGITS: usize = 256;

impl Sort for Radix {
    const KEEPS: bool = true;
    const SCRATCH: Scratch = Scratch::new(DIGITS, 1);

    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        keys: &mut [u32],
        order: &mut [u32],
        scratch: &mut [u32],
    ) {
        let pixels = keys.len();
        let Some((swap, counters)) = scratch.split_at_mut_checked(pixels) else { return };
        let Some(order) = order.get_mut(..pixels) else { return };
        if LANES > 1
            && K::BITS == 2 * WIDE
            && pixels <= 1 << PIXEL
            && let Some((low, high)) = counters.split_first_chunk_mut()
            && let Some(high) = high.as_chunks_mut().0.first_chunk_mut()
        {
            return by_two_digits::<K>(foreground, keys, order, swap, low, high);
        }
        let Some(counters) = counters.first_chunk_mut() else { return };
        if K::BITS == 24 && pixels <= 1 << 16 {
            by_bytes::<K, true>(foreground, floor, keys, order, swap, counters);
        } else {
            by_bytes::<K, false>(foreground, floor, keys, order, swap, counters);
        }
    }
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

/// Stable counting passes over digits of eight bits, the lowest first.
///
/// `PACKED`, the records are what is left of 24 bits of key above, and the pixel below: a record is read and written in one
/// piece, where pixels alone need their key looked up in each pass.
#[inline(never)]
fn by_bytes<K: Key, const PACKED: bool>(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    floor: u32,
    keys: &[u32],
    order: &mut [u32],
    swap: &mut [u32],
    counters: &mut [u32; DIGITS],
) {
    let rank = keys.len() <= 1 << 16;
    let passes = if rank { K::BITS / 8 - 1 } else { K::BITS / 8 };
    // The last pass ends in `swap`. The first of packed ones comes from the keys, the others from what is selected.
    let starts_in_swap = passes % 2 == if PACKED { 1 } else { 0 };
    let (mut from, mut to) = if starts_in_swap { (order, swap) } else { (swap, order) };
    let pixel_of = |record: u32| if PACKED { record & 0xffff } else { record };
    let digit_of = |record: u32, shift: u32| {
        let key = if PACKED { record >> 8 } else { K::of(keys.get(record as usize).copied().unwrap_or_default()) };
        ((key >> shift) & 255) as usize
    };

    let mut sorted = 0_usize;
    let mut shift = 0;
    if PACKED {
        counters.fill(0);
        for (element, kept) in keys.iter().zip(from.iter_mut()) {
            let key = K::of(*element);
            *kept = key;
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
                    *slot = (key & !255) << 8 | pixel;
                }
            }
        }
        shift = 8;
    } else {
        sorted = select::<K>(keys, floor, to);
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
    if rank {
        rank_by_last_digit(foreground, from, |record| digit_of(record, shift), pixel_of, counters, increments);
    } else {
        scan(foreground, from, increments);
    }
}

/// The pixels whose keys are at least `floor`; returns how many they are.
fn select<K: Key>(keys: &[u32], floor: u32, order: &mut [u32]) -> usize {
    let mut selected = 0_usize;
    for (key, pixel) in keys.iter().zip(0_u32..) {
        if K::of(*key) >= floor
            && let Some(slot) = order.get_mut(selected)
        {
            *slot = pixel;
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
/// Bits that are left for the pixel beside the second digit.
const PIXEL: u32 = 32 - WIDE;

/// As [`by_bytes`], by two digits of twelve bits, whose 48 KiB of counters scratch has room for from 12 032 pixels on.
///
/// Pixels go in blocks: what can be vectorised by itself, and counters bumped in one loop, pixels written in another. One
/// loop that does both was up to four times as slow on some machines. Keys are computed once and kept where the increments
/// will be: the conversion of a float took a tenth of the sort each time. All are sorted, also those that cannot matter: to
/// skip them is a branch that is mispredicted.
#[inline(never)]
fn by_two_digits<K: Key>(
    foreground: Foreground<impl Fn(usize) -> bool + Copy>,
    keys: &[u32],
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
    for (elements, kept) in keys.chunks(BLOCK).zip(order.chunks_mut(BLOCK)) {
        for (key, element) in kept.iter_mut().zip(elements) {
            *key = K::of(*element);
        }
        for key in kept {
            bump(&mut low[digit(*key)], 1);
            bump(&mut high[digit(*key >> WIDE)][usize::from((foreground.contains)(pixel))], 1);
            pixel = pixel.wrapping_add(1);
        }
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

    fn increments<K: Key>(
        foreground: Foreground<impl Fn(usize) -> bool + Copy>,
        floor: u32,
        keys: &mut [u32],
        order: &mut [u32],
        _: &mut [u32],
    ) {
        let selected = select::<K>(keys, floor, order);
        let order = order.get_mut(..selected).unwrap_or_default();
        for root in (0..order.len() / 2).rev() {
            sift::<K>(keys, order, root, order.len());
        }
        for end in (1..order.len()).rev() {
            exchange(order, 0, end);
            sift::<K>(keys, order, 0, end);
        }
        keys.fill(0);
        scan(foreground, order, keys);
    }
}

/// Restores the heap below `root`, whose last element in the wanted order is at the top.
fn sift<K: Key>(keys: &[u32], order: &mut [u32], mut root: usize, end: usize) {
    let later = |order: &[u32], a: usize, b: usize| {
        // Complemented key first, then pixel: one comparison of 64 bits, the larger being the later.
        let rank = |place: usize| {
            let pixel = order.get(place).copied().unwrap_or_default();
            let key = keys.get(pixel as usize).copied().unwrap_or_default();
            u64::from(!K::of(key)) << 32 | u64::from(pixel)
        };
        rank(a) > rank(b)
    };
    loop {
        let mut child = root.wrapping_mul(2).wrapping_add(1);
        if child >= end {
            return;
        }
        let sibling = child.wrapping_add(1);
        if sibling < end && later(order, sibling, child) {
            child = sibling;
        }
        if !later(order, child, root) {
            return;
        }
        exchange(order, root, child);
        root = child;
    }
}

/// `slice::swap` without its path to a panic.
fn exchange(order: &mut [u32], a: usize, b: usize) {
    if let (Some(&first), Some(&second)) = (order.get(a), order.get(b)) {
        if let Some(slot) = order.get_mut(a) {
            *slot = second;
        }
        if let Some(slot) = order.get_mut(b) {
            *slot = first;
        }
    }
}
