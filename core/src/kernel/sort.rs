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

    /// Sorts `order`, ascending indices of `keys`, by decreasing key; ties keep their order.
    #[doc(hidden)]
    fn sort(keys: &[u32], order: &mut [u32], scratch: &mut [u32]);
}

/// Radix sort: four passes whatever the data; the fastest. 256 words and a word a pixel of scratch.
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

    fn sort(keys: &[u32], order: &mut [u32], scratch: &mut [u32]) {
        let Some((places, swap)) = scratch.split_first_chunk_mut::<DIGITS>() else { return };
        let Some(swap) = swap.get_mut(..order.len()) else { return };
        // An even number of passes ends where it began.
        pass(keys, order, swap, places, 0);
        pass(keys, swap, order, places, 8);
        pass(keys, order, swap, places, 16);
        pass(keys, swap, order, places, 24);
    }
}

/// One stable counting pass over eight bits of the complemented keys.
fn pass(keys: &[u32], from: &[u32], to: &mut [u32], places: &mut [u32; DIGITS], shift: u32) {
    let digit = |pixel: u32| {
        let key = keys.get(pixel as usize).copied().unwrap_or_default();
        ((!key >> shift) & 255) as usize
    };
    places.fill(0);
    for &pixel in from {
        let count = &mut places[digit(pixel)];
        *count = count.wrapping_add(1);
    }
    let mut start = 0_u32;
    for place in places.iter_mut() {
        let count = core::mem::replace(place, start);
        start = start.wrapping_add(count);
    }
    for &pixel in from {
        let place = &mut places[digit(pixel)];
        if let Some(slot) = to.get_mut(*place as usize) {
            *slot = pixel;
        }
        *place = place.wrapping_add(1);
    }
}

impl Sort for Heap {
    const KEEP_INVERSE: bool = false;
    const SCRATCH: Scratch = Scratch::NONE;

    fn sort(keys: &[u32], order: &mut [u32], _: &mut [u32]) {
        for root in (0..order.len() / 2).rev() {
            sift(keys, order, root, order.len());
        }
        for end in (1..order.len()).rev() {
            exchange(order, 0, end);
            sift(keys, order, 0, end);
        }
    }
}

/// Restores the heap below `root`, whose last element in the wanted order is at the top.
fn sift(keys: &[u32], order: &mut [u32], mut root: usize, end: usize) {
    let later = |order: &[u32], a: usize, b: usize| {
        // Complemented key first, then pixel: one comparison of 64 bits, the larger being the later.
        let rank = |place: usize| {
            let pixel = order.get(place).copied().unwrap_or_default();
            let key = keys.get(pixel as usize).copied().unwrap_or_default();
            u64::from(!key) << 32 | u64::from(pixel)
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
