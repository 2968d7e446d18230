//! Pictures for where there is no camera: cell nuclei, made up.

use super::{Camera, Purpose, Round};
use crate::{Frame, Shape};
use core::convert::Infallible;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// The class of a nucleus; all else is 0.
const NUCLEUS: u8 = 1;
/// Frames of a round.
const ROUND: u32 = 16;

/// Round nuclei on a plain ground, each frame drawn anew from random numbers of its own: dark ones on white as a microscope
/// shows them in transmitted light, or bright ones on black as in fluorescence.
///
/// A nucleus covers about one pixel in a hundred; there are up to three in a frame, and one frame in four has none. Rounds
/// have 16 frames; those for one purpose are never shown for another.
#[derive(Clone, Debug)]
pub struct Scenes {
    seed: u32,
    bright: bool,
    next: [u32; 3],
}

impl Scenes {
    /// Dark nuclei on white.
    #[must_use]
    pub const fn dark_on_white(seed: u32) -> Self {
        Self { seed, bright: false, next: [0; 3] }
    }

    /// Bright nuclei on black.
    #[must_use]
    pub const fn bright_on_black(seed: u32) -> Self {
        Self { seed, bright: true, next: [0; 3] }
    }

    /// The number of a purpose's next frame in its round.
    const fn next(&mut self, purpose: Purpose) -> &mut u32 {
        match (purpose, &mut self.next) {
            (Purpose::Adapt, [number, _, _])
            | (Purpose::Validate, [_, number, _])
            | (Purpose::Test, [_, _, number]) => number,
        }
    }

    fn draw<const CHANNELS: usize>(&self, random: &mut Pcg32, frame: &mut Frame<'_, CHANNELS>) {
        let (shape, [ground, nucleus]) = (frame.shape(), if self.bright { [12, 90] } else { [214, 160] });
        frame.labels_mut().fill(0);
        let side = shape.height.min(shape.width) as u32;
        for _ in 0..random.next_u32() % 4 {
            let radius = (side / 20 + random.next_u32() % (side / 20).max(1)).max(1);
            let centre = [shape.height, shape.width].map(|length| random.next_u32() % length.max(1) as u32);
            paint_disc(frame.labels_mut(), shape, centre, radius);
        }
        for pixel in 0..shape.pixels() {
            let level = if frame.labels().get(pixel) == Some(&NUCLEUS) { nucleus } else { ground };
            if let Some(channels) = frame.image_mut().get_mut(pixel) {
                *channels = [level + (random.next_u32() % 16) as u8; CHANNELS];
            }
        }
        frame.set_field(None);
    }
}

fn paint_disc(labels: &mut [u8], shape: Shape, [y, x]: [u32; 2], radius: u32) {
    for (row, labels) in labels.chunks_exact_mut(shape.width.max(1)).enumerate() {
        for (column, label) in labels.iter_mut().enumerate() {
            let (down, right) = ((row as u32).abs_diff(y), (column as u32).abs_diff(x));
            let square = down.saturating_mul(down).saturating_add(right.saturating_mul(right));
            if square <= radius.saturating_mul(radius) {
                *label = NUCLEUS;
            }
        }
    }
}

impl<const CHANNELS: usize> Camera<CHANNELS> for Scenes {
    type Error = Infallible;

    fn begin_round(&mut self, purpose: Purpose) -> Result<(), Infallible> {
        *self.next(purpose) = 0;
        Ok(())
    }

    fn capture(&mut self, purpose: Purpose, frame: &mut Frame<'_, CHANNELS>) -> Result<Round, Infallible> {
        let number = self.next(purpose);
        let (shown, round) = (*number, if *number + 1 < ROUND { Round::Continues } else { Round::Ends });
        *number = if round == Round::Continues { shown + 1 } else { 0 };
        let seed = u64::from(self.seed) << 32 | u64::from(u32::from(purpose.code()) * ROUND + shown);
        self.draw(&mut Pcg32::seed_from_u64(seed), frame);
        Ok(round)
    }
}
