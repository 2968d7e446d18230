//! A loss tile by tile: in what tiles, from how many threads, into which kind of gradient.

use super::contract::{Bits, from_planes, to_planes};
use super::samples::Sample;
use crate::patterns::Random;
use scarce::{Batch, Error, Labels, Planes, PlanesMut, Tiled, Tiles};
use std::ops::Range;

/// The tiles that each thread observes, in order; their sums are merged in the order of the threads.
#[derive(Clone, Debug)]
pub struct Tiling(pub Vec<Vec<Range<usize>>>);

impl Tiling {
    /// All pixels at once.
    #[must_use]
    pub fn whole(pixels: usize) -> Self {
        Self(vec![vec![0..pixels]])
    }

    /// Tiles of one size but the last, in order.
    #[must_use]
    pub fn even(pixels: usize, size: usize) -> Self {
        Self(vec![(0..pixels).step_by(size).map(|start| start..pixels.min(start + size)).collect()])
    }

    /// Tiles of random sizes, some of them empty, in random order, from up to three threads.
    #[must_use]
    pub fn random(pixels: usize, random: &mut Random) -> Self {
        let mut tiles = Vec::new();
        let mut start = 0;
        while start < pixels {
            let end = pixels.min(start + random.below(pixels / 2 + 1));
            tiles.push(start..end);
            start = end;
        }
        for place in (1..tiles.len()).rev() {
            tiles.swap(place, random.below(place + 1));
        }
        let mut threads = vec![Vec::new(); 1 + random.below(3)];
        for tile in tiles {
            let thread = random.below(threads.len());
            threads[thread].push(tile);
        }
        Self(threads)
    }

    fn tiles(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter().flatten()
    }
}

/// Where the gradient goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Written, pixel-major.
    Rows,
    /// In place of pixel-major scores.
    RowsInPlace,
    /// Added to pixel-major zeros.
    AddedRows,
    /// Written, class-major.
    Planes,
    /// In place of class-major scores.
    PlanesInPlace,
}

impl Sink {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Rows, Self::RowsInPlace, Self::AddedRows, Self::Planes, Self::PlanesInPlace];
}

/// The loss of a sample, taken for one image, and `scale` times its gradient; and how many passes it took.
///
/// # Errors
/// What the library says.
pub fn evaluate<const C: usize, L: Tiled<C>>(
    loss: &L,
    sample: &Sample<C>,
    tiling: &Tiling,
    sink: Sink,
    scale: f32,
) -> Result<(Bits, u32), Error> {
    let mut tiles = Tiles::<C, L>::new();
    let mut passes = 0;
    let value = loop {
        let begun = tiles;
        for (thread, of_thread) in tiling.0.iter().enumerate() {
            let mut own = begun;
            for tile in of_thread {
                let (rows, labels) = (&sample.rows[tile.clone()], labels(sample, tile));
                if matches!(sink, Sink::Planes | Sink::PlanesInPlace) {
                    let planes = to_planes(rows, 1);
                    loss.observe(&mut own, &Batch::new(&Planes::new(&planes, 1)?, labels)?)?;
                } else {
                    loss.observe(&mut own, &Batch::new(rows, labels)?)?;
                }
            }
            if thread == 0 {
                tiles = own;
            } else {
                tiles.merge(&own)?;
            }
        }
        passes += 1;
        if let Some(value) = loss.settle(&mut tiles)? {
            break value;
        }
    };
    let mut grad = vec![[f32::NAN; C]; sample.pixels()];
    for tile in tiling.tiles() {
        let (rows, labels) = (&sample.rows[tile.clone()], labels(sample, tile));
        let grad = &mut grad[tile.clone()];
        let mut planes = to_planes(rows, 1);
        match sink {
            Sink::Rows => loss.tile_grad(&tiles, &Batch::new(rows, labels)?, scale, grad)?,
            Sink::AddedRows => {
                grad.fill([0.0; C]);
                loss.add_tile_grad(&tiles, &Batch::new(rows, labels)?, scale, grad)?;
            }
            Sink::RowsInPlace => {
                grad.copy_from_slice(rows);
                loss.tile_grad_in_place(&tiles, scale, grad, labels)?;
            }
            Sink::Planes => {
                let mut written = vec![f32::NAN; planes.len()];
                let batch = Planes::new(&planes, 1)?;
                let mut grad_planes = PlanesMut::<C>::new(&mut written, 1)?;
                loss.tile_grad(&tiles, &Batch::new(&batch, labels)?, scale, &mut grad_planes)?;
                grad.copy_from_slice(&from_planes(&written, 1));
            }
            Sink::PlanesInPlace => {
                loss.tile_grad_in_place(&tiles, scale, &mut PlanesMut::<C>::new(&mut planes, 1)?, labels)?;
                grad.copy_from_slice(&from_planes(&planes, 1));
            }
        }
    }
    Ok((Bits::new(value, &grad), passes))
}

/// The loss of a sample, taken for one image, and its gradient in place of the scores.
///
/// # Errors
/// What the library says.
///
/// # Panics
/// If what is left of one image matters to the next.
pub fn in_place<const C: usize, L: Tiled<C>>(loss: &L, sample: &Sample<C>) -> Result<Bits, Error> {
    let (mut scores, mut tiles) = (sample.rows.clone(), Tiles::new());
    let value = loss.value_and_grad_in_place(&mut tiles, scores.as_mut_slice(), sample.library_labels())?;
    let mut again = sample.rows.clone();
    let same = loss.value_and_grad_in_place(&mut tiles, again.as_mut_slice(), sample.library_labels())?;
    let bits = Bits::new(value, &scores);
    assert_eq!(bits, Bits::new(same, &again));
    Ok(bits)
}

fn labels<'a, const C: usize>(sample: &'a Sample<C>, tile: &Range<usize>) -> Labels<'a> {
    let labels = Labels::new(&sample.labels[tile.clone()]);
    sample.ignore.map_or(labels, |ignore| labels.ignoring(ignore))
}
