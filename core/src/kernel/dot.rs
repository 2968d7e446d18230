//! Inner products and sums of multiples, one at a time and in tiles, in a fixed order that vectorises.

use crate::kernel::tile::VECTORS;

/// Partial sums that run side by side: wide enough for the vectors of hosts, few enough for the registers of a Cortex-M4F.
const LANES: usize = 8;

/// Half of them.
const HALF: usize = LANES / 2;

/// Vectors on each side of a tile.
pub(crate) const TILE: usize = 8;

/// The vectors on one side of a tile.
pub(crate) type Rows<'a, const D: usize> = [&'a [f32; D]; TILE];

/// A number for each pair of vectors.
pub(crate) type Tile = [[f32; TILE]; TILE];

/// How many vectors of each side have their inner products at once: as many partial sums as registers hold. No bit depends
/// on it.
const AT_ONCE: [usize; 2] = if !VECTORS {
    [1, 1]
} else if cfg!(target_feature = "avx") {
    [2, 4]
} else {
    [1, 4]
};

/// Σ a_d b_d: eight partial sums over every eighth component, added in order; then the components left over.
#[inline]
pub(crate) fn dot<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f32 {
    let sum = lanes(a, b).into_iter().fold(0.0, |sum, lane| sum + lane);
    add_rest(sum, a, b)
}

/// The partial sums.
#[inline(always)]
fn lanes<const D: usize>(a: &[f32; D], b: &[f32; D]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes
}

/// Adds the products of the components left over.
#[inline(always)]
fn add_rest<const D: usize>(sum: f32, a: &[f32; D], b: &[f32; D]) -> f32 {
    let rest = a.as_chunks::<LANES>().1.iter().zip(b.as_chunks::<LANES>().1);
    rest.fold(sum, |sum, (a, b)| sum + a * b)
}

/// The inner products of each of `a` with each of `b`, as far as there are so many.
///
/// As [`dot`], but for the order in which partial sums are added: by halves, which vectorises where there are many. A single
/// product is slower so.
#[inline(never)]
pub(crate) fn dots<const D: usize>(a: &Rows<'_, D>, b: &Rows<'_, D>, numbers: [usize; 2], out: &mut Tile) {
    const A: usize = AT_ONCE[0];
    const B: usize = AT_ONCE[1];
    let [of_a, of_b] = numbers;
    if A * B == 1 {
        for (a, out) in a.iter().zip(out).take(of_a) {
            for (b, out) in b.iter().zip(out).take(of_b) {
                *out = add_rest(added(halved(&lanes(a, b))), a, b);
            }
        }
        return;
    }
    for (a, out) in a.as_chunks::<A>().0.iter().zip(out.as_chunks_mut::<A>().0).take(of_a.div_ceil(A)) {
        let mut sums = [[[[0.0; HALF]; B]; A]; TILE / B];
        for (b, sums) in b.as_chunks::<B>().0.iter().zip(&mut sums).take(of_b.div_ceil(B)) {
            partial_sums(*a, *b, sums);
        }
        for (row, (a, out)) in a.iter().zip(out).enumerate() {
            let halves = sums.iter().filter_map(|sums| sums.get(row)).flatten();
            for ((out, b), halves) in out.iter_mut().zip(b).zip(halves) {
                *out = add_rest(added(*halves), a, b);
            }
        }
    }
}

/// The partial sums of each pair. On hosts a function of its own: what adds them up would upset the loop's registers.
#[cfg_attr(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa"), inline(always))]
#[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "xtensa")), inline(never))]
fn partial_sums<const D: usize, const A: usize, const B: usize>(
    a: [&[f32; D]; A],
    b: [&[f32; D]; B],
    out: &mut [[[f32; HALF]; B]; A],
) {
    let mut lanes = [[[0.0; LANES]; B]; A];
    for step in 0..D / LANES {
        let chunk = |row: &[f32; D]| row.as_chunks::<LANES>().0.get(step).copied().unwrap_or([0.0; LANES]);
        let (a, b) = (a.map(chunk), b.map(chunk));
        for (lanes, a) in lanes.iter_mut().zip(&a) {
            for (lanes, b) in lanes.iter_mut().zip(&b) {
                for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                    *lane += a * b;
                }
            }
        }
    }
    for (out, lanes) in out.iter_mut().zip(&lanes) {
        for (out, lanes) in out.iter_mut().zip(lanes) {
            *out = halved(lanes);
        }
    }
}

/// Each partial sum and the fourth after it.
#[inline(always)]
fn halved(lanes: &[f32; LANES]) -> [f32; HALF] {
    let mut sums = [0.0; HALF];
    for place in 0..HALF {
        sums[place] = lanes[place] + lanes[place + HALF];
    }
    sums
}

/// The sum of both halves' sums.
#[inline(always)]
fn added([s0, s1, s2, s3]: [f32; HALF]) -> f32 {
    (s0 + s2) + (s1 + s3)
}

/// target += factor · row.
#[inline]
pub(crate) fn add_scaled<const D: usize>(target: &mut [f32; D], factor: f32, row: &[f32; D]) {
    for (element, component) in target.iter_mut().zip(row) {
        *element += factor * component;
    }
}

/// target += factor · row for each of several rows, one after the other.
///
/// Several targets at once would load each row once for all of them, but compilers then keep their factors on the stack:
/// slower on every host tried.
#[inline(never)]
pub(crate) fn add_multiples<const D: usize>(target: &mut [f32; D], factors: &[f32], rows: &[&[f32; D]]) {
    match (factors.first_chunk::<TILE>(), rows.first_chunk::<TILE>()) {
        // Where the number is known no loop asks for it: a fifth faster on hosts (SSE2).
        (Some(factors), Some(rows)) if WIDE > LANES => add_all(target, factors, rows),
        _ => add_all(target, factors, rows),
    }
}

#[inline(always)]
fn add_all<const D: usize>(target: &mut [f32; D], factors: &[f32], rows: &[&[f32; D]]) {
    let mut start = add_parts::<D, WIDE>(target, factors, rows, 0);
    if WIDE > LANES {
        start = add_parts::<D, LANES>(target, factors, rows, start);
    }
    add_parts::<D, 1>(target, factors, rows, start);
}

/// How many components of a target are in registers while rows are added: eight registers of them. No bit depends on it.
const WIDE: usize = if !VECTORS {
    LANES
} else if cfg!(target_feature = "avx") {
    64
} else {
    32
};

/// [`add_multiples`] for the components from `start` on, as far as `N` at a time go; returns how far.
#[inline(always)]
fn add_parts<const D: usize, const N: usize>(
    target: &mut [f32; D],
    factors: &[f32],
    rows: &[&[f32; D]],
    mut start: usize,
) -> usize {
    while let Some(part) = target.get_mut(start..).and_then(<[f32]>::first_chunk_mut::<N>) {
        let mut sums = *part;
        // A loop over a number that is not known keeps the sums in registers, and in step.
        for (factor, row) in factors.iter().zip(rows) {
            let row = row.get(start..).and_then(<[f32]>::first_chunk::<N>).unwrap_or(&[0.0; N]);
            for (sum, component) in sums.iter_mut().zip(row) {
                *sum += factor * component;
            }
        }
        *part = sums;
        start = start.wrapping_add(N);
    }
    start
}
