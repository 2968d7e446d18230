//! Orders pixels by error, the largest first; ties by pixel, the lower first.
//!
//! The order is total, so every algorithm gives the same permutation and the same bits. `slice::sort*` is not used: on a
//! Cortex-M it costs 6–20 KB of flash and up to 4.5 KB of stack, and brings a path to a panic.

use crate::Scratch;

mod sealed {
    pub trait Sealed {}
}

/// The algorithm that orders pixels by error: a choice of speed against scratch that changes no bit; sealed.
pub trait Sort: sealed::Sealed + Copy + 'static {
    /// Whether the normaliser of each pixel's softmax is kept: a word a pixel against `C` exponentials a pixel and class.
    #[doc(hidden)]
    const KEEP_INVERSE: bool;

    /// Words that sorting needs.
    #[doc(hidden)]
    const SCRATCH: Scratch;

    /// Fills `order` with the indices of the `keys` that are at least `floor`, by decreasing key, ties by index; returns how
    /// many they are. The others become 0. Scratch may be longer than asked for, which may be faster.
    #[doc(hidden)]
    fn sort<K: Key>(keys: &mut [u32], floor: u32, order: &mut [u32], scratch: &mut [u32]) -> usize;
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

/// Radix sort: two to four passes whatever the data; the fastest. 256 words and a word a pixel of scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Radix;

/// Heap sort: in place; the smallest in flash and scratch, and some twice as slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Heap;

impl sealed::Sealed for Radix {}
impl sealed::Sealed for Heap {}

const DIGITS: usize = 256;

impl Sort for Radix {
    const KEEP_INVERSE: bool = true;
    const SCRATCH: Scratch = Scratch::new(DIGITS, 1);

    fn sort<K: Key>(keys: &mut [u32], floor: u32, order: &mut [u32], scratch: &mut [u32]) -> usize {
        /// Digits of 12 bits, whose counters take 16 KiB, pay from so many pixels on.
        const MANY: usize = 8192;
        let pixels = keys.len();
        let Some((swap, counters)) = scratch.split_at_mut_checked(pixels) else { return 0 };
        let Some(order) = order.get_mut(..pixels) else { return 0 };
        if K::BITS <= 24 && pixels > MANY && pixels <= 1 << 20 && counters.len() >= 1 << 12 {
            return packed::<K, 12>(keys, floor, order, swap, counters);
        }
        if K::BITS <= 24 && pixels <= 1 << 16 {
            return packed::<K, 8>(keys, floor, order, swap, counters);
        }
        let sorted = select::<K>(keys, floor, order);
        let (Some(order), Some(swap), Some(counters)) =
            (order.get_mut(..sorted), swap.get_mut(..sorted), counters.first_chunk_mut::<DIGITS>())
        else {
            return 0;
        };
        // An even number of passes ends where it began.
        for shift in [0, 16] {
            pass::<K>(keys, order, swap, counters, shift);
            pass::<K>(keys, swap, order, counters, shift.wrapping_add(8));
        }
        sorted
    }
}

/// The indices of the keys that are at least `floor`, in order; the others become 0.
fn select<K: Key>(keys: &mut [u32], floor: u32, order: &mut [u32]) -> usize {
    let mut selected = 0_usize;
    for (key, pixel) in keys.iter_mut().zip(0_u32..) {
        if K::of(*key) < floor {
            *key = 0;
        } else if let Some(slot) = order.get_mut(selected) {
            *slot = pixel;
            selected = selected.wrapping_add(1);
        }
    }
    selected
}

/// Starts of the digits' places, the largest digit first, in place of their counts.
fn places(counters: &mut [u32]) {
    let mut start = 0_u32;
    for counter in counters.iter_mut().rev() {
        let count = core::mem::replace(counter, start);
        start = start.wrapping_add(count);
    }
}

/// Two or three stable counting passes over records of 32 bits: what is left of the key above, the pixel below. A record
/// is read and written in one piece, where pixels alone would need their key looked up in each pass.
#[inline(never)]
fn packed<K: Key, const DIGIT: u32>(
    keys: &mut [u32],
    floor: u32,
    order: &mut [u32],
    swap: &mut [u32],
    counters: &mut [u32],
) -> usize {
    let digits = const { 1 << DIGIT };
    // What is left of 24 bits of key after the first digit, and the pixel, fill a word.
    let index = const { 8 + DIGIT };
    let Some(counters) = counters.get_mut(..digits) else { return 0 };
    let digit = |word: u32, shift: u32| ((word >> shift) as usize) & (const { (1 << DIGIT) - 1 });
    let bump = |counters: &mut [u32], digit: usize| {
        counters.get_mut(digit).map_or(0, |counter| core::mem::replace(counter, counter.wrapping_add(1)))
    };
    counters.fill(0);
    let mut sorted = 0_usize;
    for key in keys.iter() {
        let key = K::of(*key);
        if key >= floor {
            bump(counters, digit(key, 0));
            sorted = sorted.wrapping_add(1);
        }
    }
    places(counters);
    for (element, pixel) in keys.iter_mut().zip(0_u32..) {
        let key = K::of(*element);
        if key < floor {
            *element = 0;
            continue;
        }
        let place = bump(counters, digit(key, 0));
        if let Some(slot) = swap.get_mut(place as usize) {
            *slot = (key >> DIGIT) << index | pixel;
        }
    }
    let (Some(order), Some(swap)) = (order.get_mut(..sorted), swap.get_mut(..sorted)) else { return 0 };
    let pass = |counters: &mut [u32], from: &[u32], to: &mut [u32], shift: u32, mask: u32| {
        counters.fill(0);
        for &record in from {
            bump(counters, digit(record, shift));
        }
        places(counters);
        for &record in from {
            let place = bump(counters, digit(record, shift));
            if let Some(slot) = to.get_mut(place as usize) {
                *slot = record & mask;
            }
        }
    };
    let pixel = const { (1 << (8 + DIGIT)) - 1 };
    if DIGIT == 12 {
        pass(counters, swap, order, index, pixel);
    } else {
        pass(counters, swap, order, index, u32::MAX);
        pass(counters, order, swap, index.wrapping_add(DIGIT), pixel);
        order.copy_from_slice(swap);
    }
    sorted
}

/// One stable counting pass over eight bits of the pixels' keys.
fn pass<K: Key>(keys: &[u32], from: &[u32], to: &mut [u32], counters: &mut [u32; DIGITS], shift: u32) {
    let digit = |pixel: u32| {
        let key = keys.get(pixel as usize).copied().unwrap_or_default();
        ((K::of(key) >> shift) & 255) as usize
    };
    counters.fill(0);
    for &pixel in from {
        let count = &mut counters[digit(pixel)];
        *count = count.wrapping_add(1);
    }
    places(counters);
    for &pixel in from {
        let place = &mut counters[digit(pixel)];
        if let Some(slot) = to.get_mut(*place as usize) {
            *slot = pixel;
        }
        *place = place.wrapping_add(1);
    }
}

impl Sort for Heap {
    const KEEP_INVERSE: bool = false;
    const SCRATCH: Scratch = Scratch::NONE;

    fn sort<K: Key>(keys: &mut [u32], floor: u32, order: &mut [u32], _: &mut [u32]) -> usize {
        let sorted = select::<K>(keys, floor, order);
        let order = order.get_mut(..sorted).unwrap_or_default();
        for root in (0..order.len() / 2).rev() {
            sift::<K>(keys, order, root, order.len());
        }
        for end in (1..order.len()).rev() {
            exchange(order, 0, end);
            sift::<K>(keys, order, 0, end);
        }
        sorted
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
