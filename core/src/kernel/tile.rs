//! Pixels side by side: what a kernel works on.

/// How many pixels a kernel takes at once: many where loops over them become vector instructions, one where there are none.
/// No bit depends on it.
///
/// On hosts, loops over 64 are vectorised as loops; over 8 or 16 they are unrolled first, and the instructions that result
/// are put together again only in part: cross entropy of 4 classes took 2.3 ns for each score where it takes 1.5 (SSE2).
/// On a Cortex-M4F a row in registers beats eight pixels in memory.
pub(crate) const LANES: usize = if VECTORS { 64 } else { 1 };

/// Whether the target has vector registers, as far as that can be told. Without them are microcontrollers, and hosts with
/// `--cfg scarce_one_lane`, by which what microcontrollers run is tested. Attributes cannot ask: those that inline name the same
/// targets.
pub(crate) const VECTORS: bool =
    !cfg!(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa", scarce_one_lane));

/// The label of a pixel that takes no part: ignored, or past the end. The background of a single channel has another.
pub(crate) const IGNORED: u32 = u32::MAX;

/// Whether any pixel is ignored: all are looked at, many at once.
#[inline(always)]
pub(crate) fn any_ignored<const L: usize>(labels: &[u32; L]) -> bool {
    labels.iter().fold(false, |any, label| any | (*label == IGNORED))
}

/// One number for each pixel.
pub(crate) type Lanes<const L: usize> = [f32; L];

/// Sets to 0 what belongs to ignored pixels.
#[inline(always)]
pub(crate) fn clear_ignored<const C: usize, const L: usize>(tile: &mut [Lanes<L>; C], labels: &[u32; L]) {
    if any_ignored(labels) {
        for tile in tile {
            for (value, label) in tile.iter_mut().zip(labels) {
                *value = if *label == IGNORED { 0.0 } else { *value };
            }
        }
    }
}

/// A row as a tile of one pixel; there is always one.
#[inline(always)]
pub(crate) fn as_tile<const C: usize>(row: &[f32; C]) -> Option<&[Lanes<1>; C]> {
    row.as_chunks().0.first_chunk()
}

/// As [`as_tile`].
#[inline(always)]
pub(crate) fn as_tile_mut<const C: usize>(row: &mut [f32; C]) -> Option<&mut [Lanes<1>; C]> {
    row.as_chunks_mut().0.first_chunk_mut()
}

/// The larger of two numbers. `f32::max` looks for NaN, and on a Cortex-M4F is a call.
#[inline(always)]
pub(crate) const fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller of two numbers.
#[inline(always)]
pub(crate) const fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// +0 for −0, as of a gradient that is added to 0: one that is written has the same bits.
#[inline(always)]
pub(crate) const fn as_added(value: f32) -> f32 {
    value + 0.0
}

/// Whether the class of a pixel among `classes` is looked up: of one pixel; and of many where more classes would be compared
/// with it, many pixels at once, than that takes.
pub(crate) const fn looked_up(classes: usize, lanes: usize) -> bool {
    lanes == 1 || classes > 8
}

/// Puts a number of each pixel's own class among those of the others; there was a zero.
#[inline(always)]
pub(crate) fn put<const C: usize, const L: usize>(tile: &mut [Lanes<L>; C], labels: &[u32; L], own: &Lanes<L>) {
    if looked_up(C, L) {
        for ((label, own), lane) in labels.iter().zip(own).zip(0..) {
            if let Some(slot) = tile.get_mut(*label as usize).and_then(|of| of.get_mut(lane)) {
                *slot = *own;
            }
        }
        return;
    }
    for (tile, class) in tile.iter_mut().zip(0_u32..) {
        for lane in 0..L {
            // A selection between the two would be compiled to one between addresses, with a branch for each.
            tile[lane] += if labels[lane] == class { own[lane] } else { 0.0 };
        }
    }
}

/// A number of each pixel's class; 0 where it has none.
#[inline(always)]
pub(crate) fn of_labels<const C: usize, const L: usize>(values: &[f32; C], labels: &[u32; L]) -> Lanes<L> {
    let mut of_pixels = [0.0; L];
    if looked_up(C, L) {
        for (of_pixel, label) in of_pixels.iter_mut().zip(labels) {
            *of_pixel = values.get(*label as usize).copied().unwrap_or(0.0);
        }
        return of_pixels;
    }
    for (value, class) in values.iter().zip(0_u32..) {
        for (of_pixel, label) in of_pixels.iter_mut().zip(labels) {
            *of_pixel += if *label == class { *value } else { 0.0 };
        }
    }
    of_pixels
}
