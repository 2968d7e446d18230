//! Threads that share one loss: each observes its part of an image in a state of its own, the states are merged, and each
//! replaces the scores of its tiles by their gradient.
//!
//! `cargo run --release -p scarce-host --example threads` compares that with a single call on a single thread;
//! `-- SIDE` after it is for another image than one of 1024×1024 pixels.

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};
use scarce::{Batch, CrossEntropy, Labels, LovaszHistogram, Overlap, Sum, Tiled, Tiles};
use std::env;
use std::time::Instant;

const CLASSES: usize = 5;
const IGNORED: u8 = 255;
/// Pixels of a tile.
const TILE: usize = 4096;
/// How far sums of floats in another order may carry the loss, relative to it or to 1, and an element of the gradient, relative
/// to the largest.
const NEAR: f32 = 5e-7;

fn main() -> Result<()> {
    run(env::args().nth(1).map_or(Ok(1024), |side| side.parse()).context("SIDE is a number of pixels")?)
}

/// Compares, and prints what it takes.
fn run(side: usize) -> Result<()> {
    ensure!(side > 0, "an image without pixels");
    let image = Image::new(side);
    println!("{side}×{side} pixels of {CLASSES} classes, {} threads", rayon::current_num_threads());
    compare("Lovász, 256 bins", &LovaszHistogram::<CLASSES>::new(), &image, 0.0)?;
    compare("CE + Dice", &Sum((1.0, CrossEntropy::new()), (1.0, Overlap::dice())), &image, NEAR)
}

/// The loss; the scores become its gradient.
fn replace_by_gradient<L: Tiled<CLASSES> + Sync>(
    loss: &L,
    scores: &mut [[f32; CLASSES]],
    labels: &[u8],
    parts: usize,
) -> Result<f32>
where
    Tiles<CLASSES, L>: Send + Sync,
{
    let part = labels.len().div_ceil(parts);
    let mut state = Tiles::new();
    let value = loop {
        let observe = |(scores, labels): (&[[f32; CLASSES]], &[u8])| -> Result<_> {
            let mut state = state;
            for (scores, labels) in scores.chunks(TILE).zip(labels.chunks(TILE)) {
                loss.observe(&mut state, &Batch::new(scores, Labels::new(labels).ignoring(IGNORED))?)?;
            }
            Ok(state)
        };
        let parts = scores.par_chunks(part).zip(labels.par_chunks(part));
        let observed: Vec<_> = parts.map(observe).collect::<Result<_>>()?;
        // In their order, whichever was ready first: else the last bits of sums of floats could change from run to run.
        let (first, others) = observed.split_first().context("an image without pixels")?;
        state = *first;
        for other in others {
            state.merge(other)?;
        }
        if let Some(value) = loss.settle(&mut state)? {
            break value;
        }
    };
    let tiles = scores.par_chunks_mut(TILE).zip(labels.par_chunks(TILE));
    tiles.try_for_each(|(scores, labels)| {
        loss.tile_grad_in_place(&state, 1.0, scores, Labels::new(labels).ignoring(IGNORED))
    })?;
    Ok(value)
}

/// A loss of the image on many threads, in several numbers of parts, and on one, which may be this far away.
fn compare<L: Tiled<CLASSES> + Sync>(name: &str, loss: &L, image: &Image, near: f32) -> Result<()>
where
    Tiles<CLASSES, L>: Send + Sync,
{
    let labels = Labels::new(&image.labels).ignoring(IGNORED);
    let mut whole = image.scores.clone();
    let mut scratch = vec![0; loss.scratch_len(labels.len())];
    let (value, alone) = fastest(&image.scores, |scores| {
        let batch = Batch::new(&*scores, labels)?;
        Ok(loss.value_and_grad(&batch, whole.as_mut_slice(), &mut scratch)?)
    })?;
    let largest = whole.as_flattened().iter().fold(0.0, |largest: f32, element| largest.max(element.abs()));

    let (mut scores, mut away) = (image.scores.clone(), (0.0_f32, 0.0_f32));
    for parts in [1, 2, 3, 7, 64] {
        scores.copy_from_slice(&image.scores);
        let found = replace_by_gradient(loss, &mut scores, &image.labels, parts)?;
        let elements = scores.as_flattened().iter().zip(whole.as_flattened());
        if near == 0.0 {
            let same = found.to_bits() == value.to_bits() && elements.clone().all(|(a, b)| a.to_bits() == b.to_bits());
            ensure!(same, "{name}: other bits in {parts} parts");
        }
        let of_value = (found - value).abs() / value.abs().max(1.0);
        let of_grad = elements.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / largest;
        ensure!(
            of_value <= near && of_grad <= near,
            "{name}: loss {of_value:e}, gradient {of_grad:e} away in {parts} parts"
        );
        away = (away.0.max(of_value), away.1.max(of_grad));
    }

    let threads = rayon::current_num_threads();
    let together = |scores: &mut [_]| replace_by_gradient(loss, scores, &image.labels, threads);
    let (_, together) = fastest(&image.scores, together)?;
    let [alone, together] = [alone, together].map(|seconds| 1e9 * seconds / labels.len() as f64);
    let bytes = size_of::<Tiles<CLASSES, L>>();
    println!("{name}: {alone:.1} ns a pixel alone, {together:.1} together; {bytes} bytes of state a thread;");
    println!("  the loss is at most {:.1e}, the gradient {:.1e} away, in up to 64 parts", away.0, away.1);
    Ok(())
}

/// What a call returns that may change a copy of the scores, and the seconds of the fastest of five.
fn fastest(
    scores: &[[f32; CLASSES]],
    mut call: impl FnMut(&mut [[f32; CLASSES]]) -> Result<f32>,
) -> Result<(f32, f64)> {
    let (mut value, mut fastest, mut copy) = (0.0, f64::INFINITY, scores.to_vec());
    for _ in 0..5 {
        copy.copy_from_slice(scores);
        let start = Instant::now();
        value = call(&mut copy)?;
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok((value, fastest))
}

/// What a network could say of an image, and the truth.
struct Image {
    scores: Vec<[f32; CLASSES]>,
    labels: Vec<u8>,
}

impl Image {
    /// Stripes of classes, the higher the rarer, now and then an ignored pixel; scores that are mostly right.
    fn new(side: usize) -> Self {
        let mut random = Pcg64::seed_from_u64(0);
        let (mut scores, mut labels) = (Vec::new(), Vec::new());
        for pixel in 0..side * side {
            let class = (pixel / 16 % 31 + 1).trailing_zeros() as usize;
            let mut row: [f32; CLASSES] = std::array::from_fn(|_| random.random_range(-2.0..2.0));
            row[class] += 1.5;
            scores.push(row);
            labels.push(if random.random_range(0..50) == 0 { IGNORED } else { class as u8 });
        }
        Self { scores, labels }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn threads_agree_on_a_small_image() {
        super::run(61).expect("threads and a single call agree");
    }
}
