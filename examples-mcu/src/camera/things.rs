//! Pictures of any size for where there is no camera, drawn a row at a time.

use crate::{Moments, Rows, Shape};
use core::convert::Infallible;
use core::ops::Range;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// Round things of several kinds on a plain ground, in noise that hides what a pixel alone is.
///
/// Class 0 is the ground; the things of class 1 are the darkest, largest and most frequent. A frame is never in memory: each of
/// its rows is drawn, the same each time, when it is asked for.
#[derive(Clone, Debug)]
pub struct Things {
    shape: Shape,
    seed: u64,
    things: [Thing; NUMBER],
}

/// Things of a frame.
const NUMBER: usize = 12;
/// Grey levels from one class to the next.
const STEP: u8 = 40;
/// The most that noise takes away from a pixel, or adds to it.
const NOISE: u8 = 32;

#[derive(Clone, Copy, Debug)]
struct Thing {
    class: u8,
    row: usize,
    column: usize,
    radius: usize,
}

impl Things {
    /// A frame with things of so many classes, the ground among them: up to five. Another seed, another frame.
    #[must_use]
    pub fn new(shape: Shape, classes: u8, seed: u32) -> Self {
        let seed = u64::from(seed) << 32;
        let mut random = Pcg32::seed_from_u64(seed);
        let side = shape.height.min(shape.width);
        let mut below = |number: usize| (random.next_u32() >> 8) as usize % number.max(1);
        let things = [(); NUMBER].map(|()| {
            // Each class comes half as often as the one before.
            let class = 1 + below(1 << 16).trailing_zeros().min(u32::from(classes.clamp(2, 5) - 2));
            let radius = (side / (8 + 4 * class as usize)).max(2);
            Thing { class: class as u8, row: below(shape.height), column: below(shape.width), radius }
        });
        Self { shape, seed, things }
    }

    /// Where in a row there are things, and of which class; later ones cover earlier ones.
    fn runs(&self, row: usize) -> impl Iterator<Item = (u8, Range<usize>)> {
        self.things.iter().filter_map(move |thing| {
            let away = thing.row.abs_diff(row);
            let half = (thing.radius.pow(2)).checked_sub(away.pow(2))?.isqrt();
            let end = thing.column.saturating_add(half + 1).min(self.shape.width);
            Some((thing.class, thing.column.saturating_sub(half)..end))
        })
    }
}

impl Rows<1> for Things {
    type Error = Infallible;

    fn shape(&self) -> Shape {
        self.shape
    }

    /// The same in each frame, as of a camera of fixed exposure.
    fn moments(&self) -> [Moments; 1] {
        [Moments { mean: 60.0, deviation: 40.0 }]
    }

    fn read_image(&mut self, rows: Range<usize>, image: &mut [[u8; 1]]) -> Result<(), Infallible> {
        for (row, pixels) in rows.zip(image.chunks_exact_mut(self.shape.width.max(1))) {
            pixels.fill([STEP]);
            for (class, run) in self.runs(row) {
                pixels.get_mut(run).unwrap_or_default().fill([STEP + STEP * class]);
            }
            let mut random = Pcg32::seed_from_u64(self.seed | (row as u64 + 1));
            for [level] in pixels {
                let [a, b, ..] = random.next_u32().to_le_bytes().map(|byte| byte % (NOISE + 1));
                *level = *level + a - b;
            }
        }
        Ok(())
    }

    fn read_labels(&mut self, rows: Range<usize>, labels: &mut [u8]) -> Result<(), Infallible> {
        for (row, labels) in rows.zip(labels.chunks_exact_mut(self.shape.width.max(1))) {
            labels.fill(0);
            for (class, run) in self.runs(row) {
                labels.get_mut(run).unwrap_or_default().fill(class);
            }
        }
        Ok(())
    }
}
