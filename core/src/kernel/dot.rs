//! Inner products and sums of multiples, one at a time and in tiles, in a fixed order that vectorises.

/// Partial sums that run side by side: wide enough for the vectors of hosts, few enough for the registers of a Cortex-M4F.
const LANES: usize = 8;

/// Rows of a tile.
pub(crate) const TILE: usize = 8;

/// The vectors that a tile is made of.
pub(crate) type Rows<'a, const D: usize> = [&'a [f32; D]; TILE];

/// A number for each pair of rows.
pub(crate) type Tile = [[f32; TILE]; TILE];

/// Whether there are vector instructions, and so registers for more than one inner product. No bit depends on it.
const VECTORS: bool = !cfg!(any(target_arch = "arm", target_arch = "riscv32"));

/// Whether a register holds eight floats. No bit depends on it.
const WIDE: bool = cfg!(target_feature = "avx");

/// Σ a_d b_d: eight partial sums over every eighth component, added by halves; then the components left over.
#[inline]
pub(crate) fn dot<const D: usize>(a: &[f32; D], b: &[f32; D]) -> f32 {
    let [[sum]] = products::<D, 1, 1, LANES>([a], [b]);
    sum
}

/// `A` · `B` inner products at once, each as [`dot`]; `W` of the eight partial sums at a time.
#[inline(always)]
fn products<const D: usize, const A: usize, const B: usize, const W: usize>(
    a: [&[f32; D]; A],
    b: [&[f32; D]; B],
) -> [[f32; B]; A] {
    let mut halves = [[[0.0; LANES / 2]; B]; A];
    for first in (0..LANES).step_by(W) {
        let mut lanes = [[[0.0; W]; B]; A];
        partial_sums(a, b, first, &mut lanes);
        for (halves, lanes) in halves.as_flattened_mut().iter_mut().zip(lanes.as_flattened()) {
            for lanes in lanes.chunks_exact(LANES / 2) {
                for (half, lane) in halves.iter_mut().zip(lanes) {
                    *half += lane;
                }
            }
        }
    }
    let mut sums = [[0.0; B]; A];
    for ((sums, halves), a) in sums.iter_mut().zip(halves).zip(a) {
        for ((sum, [c0, c1, c2, c3]), b) in sums.iter_mut().zip(halves).zip(b) {
            *sum = (c0 + c2) + (c1 + c3);
            let rest = a.as_chunks::<LANES>().1.iter().zip(b.as_chunks::<LANES>().1);
            *sum = rest.fold(*sum, |sum, (a, b)| sum + a * b);
        }
    }
    sums
}

/// The `W` partial sums from `first` on. A function of its own: what adds them up would upset the loop's registers.
#[cfg_attr(any(target_arch = "arm", target_arch = "riscv32"), inline(always))]
#[cfg_attr(not(any(target_arch = "arm", target_arch = "riscv32")), inline(never))]
fn partial_sums<const D: usize, const A: usize, const B: usize, const W: usize>(
    a: [&[f32; D]; A],
    b: [&[f32; D]; B],
    first: usize,
    out: &mut [[[f32; W]; B]; A],
) {
    let part = |row: &[f32; D], step: usize| {
        let chunk = row.as_chunks::<LANES>().0.get(step).and_then(|chunk| chunk.get(first..));
        chunk.and_then(<[f32]>::first_chunk::<W>).copied().unwrap_or([0.0; W])
    };
    let mut lanes = [[[0.0; W]; B]; A];
    for step in 0..D / LANES {
        let (a, b) = (a.map(|row| part(row, step)), b.map(|row| part(row, step)));
        for (lanes, a) in lanes.iter_mut().zip(&a) {
            for (lanes, b) in lanes.iter_mut().zip(&b) {
                for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                    *lane += a * b;
                }
            }
        }
    }
    *out = lanes;
}

/// The inner products of each of `a` with each of `b`, each as [`dot`].
#[inline(never)]
pub(crate) fn dots<const D: usize>(a: &Rows<'_, D>, b: &Rows<'_, D>, out: &mut Tile) {
    match (VECTORS, WIDE) {
        (false, _) => dots_by::<D, 1, 1, LANES>(a, b, out),
        (true, false) => dots_by::<D, 2, 4, 4>(a, b, out),
        (true, true) => dots_by::<D, 2, 4, LANES>(a, b, out),
    }
}

#[inline(always)]
fn dots_by<const D: usize, const A: usize, const B: usize, const W: usize>(
    a: &Rows<'_, D>,
    b: &Rows<'_, D>,
    out: &mut Tile,
) {
    for (a, out) in a.as_chunks::<A>().0.iter().zip(out.as_chunks_mut::<A>().0) {
        for (place, b) in b.as_chunks::<B>().0.iter().enumerate() {
            for (out, sums) in out.iter_mut().zip(products::<D, A, B, W>(*a, *b)) {
                if let Some(out) = out.as_chunks_mut::<B>().0.get_mut(place) {
                    *out = sums;
                }
            }
        }
    }
}

/// target += factor · row.
#[inline]
pub(crate) fn add_scaled<const D: usize>(target: &mut [f32; D], factor: f32, row: &[f32; D]) {
    for (element, component) in target.iter_mut().zip(row) {
        *element += factor * component;
    }
}

/// What is added to a gradient, to the row `index`: Σ_k `factors`_k · `rows`_k, of which there are up to eight; where it normalises
/// `inverse` · (Σ_k `factors`_k · `rows`_k + `along` · `own`).
pub(crate) struct Multiples<'a, const D: usize> {
    pub(crate) index: [usize; TILE],
    pub(crate) inverse: [f32; TILE],
    pub(crate) own: Rows<'a, D>,
    pub(crate) rows: &'a [&'a [f32; D]],
    pub(crate) factors: Tile,
    pub(crate) along: [f32; TILE],
    pub(crate) normalizing: bool,
}

impl<const D: usize> Multiples<'_, D> {
    /// Adds them; each sum in order.
    #[inline(never)]
    pub(crate) fn add_to(&self, grad: &mut [[f32; D]]) {
        match (VECTORS, WIDE) {
            (true, true) if D.is_multiple_of(16) => self.add_by::<4, 16>(grad),
            (true, true) => self.add_by::<4, 8>(grad),
            (true, false) => self.add_by::<4, 8>(grad),
            (false, _) => self.add_by::<1, 4>(grad),
        }
    }

    #[inline(always)]
    fn add_by<const R: usize, const C: usize>(&self, grad: &mut [[f32; D]]) {
        for step in 0..D / C {
            self.add_part::<R, C>(grad, step.wrapping_mul(C));
        }
        for place in D / C * C..D {
            self.add_part::<R, 1>(grad, place);
        }
    }

    /// The `C` components from `start` on, of `R` rows at a time.
    #[inline(always)]
    fn add_part<const R: usize, const C: usize>(&self, grad: &mut [[f32; D]], start: usize) {
        let part = |row: &[f32; D]| row.get(start..).and_then(<[f32]>::first_chunk::<C>).copied().unwrap_or([0.0; C]);
        for group in 0..TILE / R {
            let first = group.wrapping_mul(R);
            let mut sums = [[0.0; C]; R];
            // A loop over a number that is not known keeps the sums in registers, and in step.
            for (row, factors) in self.rows.iter().zip(&self.factors) {
                let row = part(row);
                let factors = factors.as_chunks::<R>().0.get(group).copied().unwrap_or([0.0; R]);
                for (sums, factor) in sums.iter_mut().zip(factors) {
                    for (sum, component) in sums.iter_mut().zip(&row) {
                        *sum += factor * component;
                    }
                }
            }
            for (place, sums) in (first..TILE).zip(&mut sums) {
                if let Some(own) = self.own.get(place).filter(|_| self.normalizing) {
                    let along = self.along.get(place).copied().unwrap_or_default();
                    let inverse = self.inverse.get(place).copied().unwrap_or_default();
                    for (sum, component) in sums.iter_mut().zip(part(own)) {
                        *sum = inverse * (*sum + along * component);
                    }
                }
                let target = self.index.get(place).and_then(|&index| grad.get_mut(index));
                let target = target.and_then(|row| row.get_mut(start..)).and_then(<[f32]>::first_chunk_mut::<C>);
                for (element, sum) in target.into_iter().flatten().zip(sums) {
                    *element += *sum;
                }
            }
        }
    }
}
