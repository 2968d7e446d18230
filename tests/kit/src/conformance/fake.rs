//! Losses that exist to try what lies around them.

use scarce::{Batch, Error, Loss, Scores, ScoresMut, Scratch};

/// A loss of nothing that needs much scratch, half of it to write its gradient, fills all of it, and finds out whether it was
/// long enough.
///
/// Its value is 1 if it was, else 2.
#[derive(Clone, Copy, Debug)]
pub struct BigScratch;

impl BigScratch {
    fn fill(needed: Scratch, pixels: usize, scratch: &mut [u32]) -> f32 {
        match scratch.get_mut(..needed.words(pixels)) {
            Some(words) => {
                words.fill(0xdead_beef);
                1.0
            }
            None => 2.0,
        }
    }

    const NEEDED: Scratch = Scratch::new(1000, 7);
    const NEEDED_TO_WRITE: Scratch = Scratch::new(500, 6);
}

impl<const C: usize> Loss<C> for BigScratch {
    const SCRATCH: Scratch = Self::NEEDED;
    const SCRATCH_TO_WRITE: Scratch = Self::NEEDED_TO_WRITE;

    fn check<S: Scores<C> + ?Sized>(&self, _: &Batch<'_, S, C>) -> Result<(), Error> {
        Ok(())
    }

    fn evaluate<S: Scores<C> + ?Sized>(&self, batch: &Batch<'_, S, C>, scratch: &mut [u32]) -> f32 {
        Self::fill(Self::NEEDED, batch.pixels(), scratch)
    }

    fn accumulate<const SET: bool, S: Scores<C> + ?Sized, G: ScoresMut<C> + ?Sized>(
        &self,
        batch: &Batch<'_, S, C>,
        _: f32,
        grad: &mut G,
        scratch: &mut [u32],
    ) -> f32 {
        if SET {
            grad.clear();
        }
        Self::fill(if SET { Self::NEEDED_TO_WRITE } else { Self::NEEDED }, batch.pixels(), scratch)
    }
}
