//! Losses, batches and gradients behind one type, so that the checks are compiled once and not for each loss and layout.

use scarce::{Batch, Error, Loss, Planes, PlanesMut, scratch_len, scratch_len_to_write};

/// A batch in either layout.
pub(super) enum AnyBatch<'a, const C: usize> {
    Rows(Batch<'a, [[f32; C]], C>),
    Planes(Batch<'a, Planes<'a, C>, C>),
}

/// A gradient in either layout.
pub(super) enum AnyGrad<'a, const C: usize> {
    Rows(&'a mut [[f32; C]]),
    Planes(PlanesMut<'a, C>),
}

const NOT_COMPILED: &str = "planar scores with a pixel-major gradient are not compiled, to save time";

/// A loss as an object.
pub(super) trait AnyLoss<const C: usize> {
    /// Words of scratch: as the method says, and as the constant function does.
    fn needed(&self, pixels: usize) -> [usize; 2];

    /// The same for `value_and_grad`.
    fn needed_to_write(&self, pixels: usize) -> [usize; 2];

    fn value(&self, batch: &AnyBatch<'_, C>, scratch: &mut [u32]) -> Result<f32, Error>;

    fn add_grad(
        &self,
        batch: &AnyBatch<'_, C>,
        scale: f32,
        grad: &mut AnyGrad<'_, C>,
        scratch: &mut [u32],
    ) -> Result<f32, Error>;

    fn value_and_grad(
        &self,
        batch: &AnyBatch<'_, C>,
        grad: &mut AnyGrad<'_, C>,
        scratch: &mut [u32],
    ) -> Result<f32, Error>;
}

impl<const C: usize, L: Loss<C>> AnyLoss<C> for L {
    fn needed(&self, pixels: usize) -> [usize; 2] {
        [self.scratch_len(pixels), scratch_len::<C, L>(pixels)]
    }

    fn needed_to_write(&self, pixels: usize) -> [usize; 2] {
        [self.scratch_len_to_write(pixels), scratch_len_to_write::<C, L>(pixels)]
    }

    fn value(&self, batch: &AnyBatch<'_, C>, scratch: &mut [u32]) -> Result<f32, Error> {
        match batch {
            AnyBatch::Rows(batch) => Loss::value(self, batch, scratch),
            AnyBatch::Planes(batch) => Loss::value(self, batch, scratch),
        }
    }

    fn add_grad(
        &self,
        batch: &AnyBatch<'_, C>,
        scale: f32,
        grad: &mut AnyGrad<'_, C>,
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        match (batch, grad) {
            (AnyBatch::Rows(batch), AnyGrad::Rows(grad)) => Loss::add_grad(self, batch, scale, *grad, scratch),
            (AnyBatch::Rows(batch), AnyGrad::Planes(grad)) => Loss::add_grad(self, batch, scale, grad, scratch),
            (AnyBatch::Planes(_), AnyGrad::Rows(_)) => unreachable!("{NOT_COMPILED}"),
            (AnyBatch::Planes(batch), AnyGrad::Planes(grad)) => Loss::add_grad(self, batch, scale, grad, scratch),
        }
    }

    fn value_and_grad(
        &self,
        batch: &AnyBatch<'_, C>,
        grad: &mut AnyGrad<'_, C>,
        scratch: &mut [u32],
    ) -> Result<f32, Error> {
        match (batch, grad) {
            (AnyBatch::Rows(batch), AnyGrad::Rows(grad)) => Loss::value_and_grad(self, batch, *grad, scratch),
            (AnyBatch::Rows(batch), AnyGrad::Planes(grad)) => Loss::value_and_grad(self, batch, grad, scratch),
            (AnyBatch::Planes(_), AnyGrad::Rows(_)) => unreachable!("{NOT_COMPILED}"),
            (AnyBatch::Planes(batch), AnyGrad::Planes(grad)) => Loss::value_and_grad(self, batch, grad, scratch),
        }
    }
}
